"""Links checked while feeds are served, at the pace that the configuration allows.

In: the index as builds leave it. Out: the link store, a little more of it every minute. It
runs in a thread of the builder's process, and lets go of the store between two rounds, so
that ``feeds check`` gets its turn.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from feeds.config import Config
from feeds.errors import FeedsError, OutputError
from feeds.links.runs import by_verdict, last_run, reading, state_of_links
from feeds.rows import DamagedIndexError
from feeds.view import View, connect, current_index
from feeds.workers import Workers, spawned_processes
from server.watch import request_build

logger = logging.getLogger("feeds.checker")

ROUND_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 5.0
# What rounds find is on the page of links so often at most; each time the files are looked at.
BUILD_SECONDS: Final = 300.0


class Checker:
    """Checks the links of a site round by round until stopped; ``config`` may change."""

    def __init__(self, config: Config, stopped: threading.Event) -> None:
        self.config = config
        self._stopped = stopped
        self._fault = ""
        self._told = ""
        self._told_at = -BUILD_SECONDS
        self._thread = threading.Thread(target=self._run, name="checker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE_SECONDS):
            if self.config.links.background:
                fault = self._attempt()
                if fault and fault != self._fault:
                    logger.error("links are not checked: %s", fault)
                self._fault = fault

    def _attempt(self) -> str:
        """One round; returns why there was none, empty if there was."""
        try:
            check_round(self.config, self._stopped)
            self._tell_builder()
        except (FeedsError, DamagedIndexError, sqlite3.Error, OSError) as error:
            return str(error)
        except Exception as error:
            # A fault of ours must not end the service, and may be gone in the next round.
            logger.exception("a round of the link checker failed")
            return f"{type(error).__name__}: {error}"
        return ""

    def _tell_builder(self) -> None:
        """Have the page of links made anew if there is news, but not each time: it is a build."""
        if not self.config.pages.links or time.monotonic() - self._told_at < BUILD_SECONDS:
            return
        news = state_of_links(self.config, datetime.now(self.config.site.zone).date())
        if news != self._told:
            request_build(self.config.state)
            self._told, self._told_at = news, time.monotonic()


def check_round(config: Config, stopped: threading.Event) -> None:
    """Look through what changed, and ask for what is due, for some seconds.

    Raises :class:`~feeds.errors.FeedsError`, and what reading an index raises.
    """
    from feeds.asking import CheckOptions
    from feeds.check import check_posts, published_posts
    from feeds.links.store import LinkStore

    index = current_index(config.state)
    if index is None:
        return
    with contextlib.closing(connect(index)) as db:
        digests = published_posts(View(db))
    options = CheckOptions(
        max_time=ROUND_SECONDS,
        every=60 / config.links.background,
        brief=True,
        cancelled=stopped.is_set,
    )
    with (
        contextlib.closing(LinkStore(config.state)) as store,
        Workers(1, spawned_processes) as workers,
    ):
        check_posts(config, store, digests, datetime.now(UTC), workers, options)


class LinkTotals(NamedTuple):
    """Links by verdict after the last run, when that ended (seconds since 1970), and how many
    addresses it asked for."""

    verdicts: Mapping[str, int]
    ended: int
    asked: int


def link_totals(state: Path) -> LinkTotals | None:
    """What the last run of the link checker said; ``None`` if there was none."""
    try:
        with reading(state) as db:
            run = last_run(db) if db else None
    except OutputError:
        return None  # whoever writes it says what is wrong
    return LinkTotals(by_verdict(run.totals), run.ended, run.asked) if run else None
