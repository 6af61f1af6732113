"""The process that builds while others serve: one for each site, whatever serves it.

In: orders on standard input, then changes of files, posts that fall due, requests to rebuild.
Out: the index brought up to date, and in the ledger how it went, what was withdrawn and which
hubs have to be told. It ends when its standard input does, so that it never outlives the
server that started it.
"""

from __future__ import annotations

import json
import logging
import math
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feeds.build import Options, update, with_index
from feeds.config import Config
from feeds.configfile import expect_sources, reload_config
from feeds.documents import documents, published_feeds
from feeds.errors import ConfigError, FeedsError
from feeds.index import Index
from feeds.ledger import BuildRecord, Ledger, PublishedDocument
from feeds.models import Finding, Level
from feeds.rows import State
from feeds.workers import Workers, cpu_count, spawned_processes
from server.checker import Checker
from server.editions import REDIRECTS
from server.logs import set_up_logging
from server.publisher import Publisher
from server.watch import Watch

logger = logging.getLogger("feeds.builder")

# Even where nothing was seen to change the files are looked at so often: watches can miss.
LOOK_SECONDS: Final = 300.0
RETRY_SECONDS: Final = 10.0
LOCK_WAIT: Final = 600.0
# An index that seems to be damaged is made anew once in so long.
ANEW_SECONDS: Final = 60.0
FINDINGS_LOGGED: Final = 20
# Answers come before builds.
NICENESS: Final = 5


@dataclass(frozen=True, slots=True)
class Orders:
    """What a builder is started with."""

    config: Config
    watch: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to say of a build that went well; ``due`` is when the next post is.

    ``changed`` says that there was something to build.
    """

    posts: int
    feeds: int
    published: tuple[PublishedDocument, ...]
    findings: tuple[Finding, ...]
    edition: str
    due: datetime | None
    folders: tuple[str, ...]
    changed: bool = True


class Builder:
    """Builds a site whenever there is something to build."""

    def __init__(self, orders: Orders, stopped: threading.Event) -> None:
        config = orders.config
        self._config = config
        self._stopped = stopped
        self._ledger = Ledger(config.state)
        self._looks = orders.watch != "off"
        quiet = None if "" in config.posts.sources else config.root
        self._watch = Watch(orders.watch, config.state, stopped, quiet)
        self._publisher = Publisher(config.state, stopped)
        self._checker = Checker(config, stopped)
        self._folders: tuple[str, ...] = ()
        self._findings: tuple[Finding, ...] = ()
        self._edition = ""
        self._error = ""
        self._ledger_fault = ""
        self._made_anew = -ANEW_SECONDS

    def run(self) -> None:
        """Build, wait for the next reason to, until stopped."""
        self._publisher.start()
        self._checker.start()
        anew = False
        while not self._stopped.is_set():
            started = time.monotonic()
            outcome = self._build(anew)
            took = time.monotonic() - started
            anew = False
            if outcome:
                self._folders = outcome.folders
            if self._watch.follow(watched_folders(self._config, self._folders)):
                continue  # what changed until now was not seen by the new watch
            anew = self._watch.wait(self._pause(outcome), took)
            if anew:
                anew = time.monotonic() - self._made_anew >= ANEW_SECONDS
        self._watch.close()
        self._publisher.join()
        self._checker.join()

    def _pause(self, outcome: Outcome | None) -> float:
        """Seconds until the next build, if nothing changes before."""
        seconds = _seconds_to_wait(outcome, self._looks)
        # What could not be written down is tried again soon.
        return min(seconds, RETRY_SECONDS) if self._ledger_fault else seconds

    def _build(self, anew: bool) -> Outcome | None:
        """One build; ``None`` if it failed, which is said and changes nothing else."""
        at = time.time()
        error = self._reload()
        outcome = None
        if anew:
            logger.error("the index is damaged; it is made again from the posts")
            self._made_anew = time.monotonic()
        try:
            outcome = build_once(self._config, anew)
        except FeedsError as failure:
            error = str(failure)
        except Exception as failure:
            # A fault of ours must not end the service: what is served goes on being served.
            logger.exception("a build failed")
            error = f"{type(failure).__name__}: {failure}"
        self._log_error(error)
        try:
            self._record(at, error, outcome)
        except FeedsError as failure:
            if str(failure) != self._ledger_fault:
                logger.error("%s", failure)
            self._ledger_fault = str(failure)
        else:
            self._ledger_fault = ""
            self._publisher.wake()
        return outcome

    def _log_error(self, error: str) -> None:
        """Say once what is wrong, and that it is no more."""
        if error and error != self._error:
            logger.error("%s; what was served before goes on being served", error)
        elif self._error and not error:
            logger.info("builds are good again")
        self._error = error

    def _reload(self) -> str:
        """Read the configuration again; with a mistake in it, the old one goes on."""
        try:
            self._checker.config = self._config = reload_config(self._config)
        except ConfigError as error:
            return str(error)
        return ""

    def _record(self, at: float, error: str, outcome: Outcome | None) -> None:
        now = time.time()
        if outcome is not None:
            self._log_findings(outcome.findings)
        last = self._ledger.last_build()
        if outcome is None:
            known = last or BuildRecord(at, 0, "", 0, 0, 0, 0, 0)
            self._ledger.record_build(known._replace(at=at, seconds=now - at, error=error))
            return
        levels = [finding.level for finding in outcome.findings]
        record = BuildRecord(
            at,
            now - at,
            error,
            now,
            outcome.posts,
            outcome.feeds,
            levels.count(Level.WARNING),
            levels.count(Level.ERROR),
        )
        if last and not (outcome.changed or last.error or error):
            # Only looked: the last build is the one before.
            record = record._replace(at=last.at, seconds=last.seconds)
        faults = [found for found in outcome.findings if found.level is not Level.NOTE]
        self._ledger.record_build(record, sorted(faults, key=_worst_first))
        self._ledger.publish(outcome.published, now, self._config.feeds.hubs, outcome.edition)
        if outcome.edition != self._edition:
            self._edition = outcome.edition
            counts = f"{outcome.posts} posts in {outcome.feeds} feeds"
            logger.info("built in %.2f s: %s", now - at, counts)

    def _log_findings(self, findings: tuple[Finding, ...]) -> None:
        """Findings that were not there before; the worst are on the status page."""
        known = set(self._findings)
        new = [found for found in findings if found not in known]
        self._findings = findings
        for found in new[:FINDINGS_LOGGED]:
            level = {Level.NOTE: logging.INFO, Level.WARNING: logging.WARNING}
            logger.log(level.get(found.level, logging.ERROR), "%s", found)
        if len(new) > FINDINGS_LOGGED:
            logger.warning("and %d more", len(new) - FINDINGS_LOGGED)


def _worst_first(found: Finding) -> tuple[bool, Finding]:
    return found.level is not Level.ERROR, found


def build_once(config: Config, anew: bool = False) -> Outcome:
    """Bring the index of a site up to date. Raises :class:`~feeds.errors.FeedsError`."""

    def run(index: Index) -> Outcome:
        before = index.edition()
        scanned = update(index, config, datetime.now(UTC), workers, options)
        index.set_meta(REDIRECTS, json.dumps(dict(config.server.redirects)))
        index.save()
        outcome = _outcome(index, config, scanned)
        index.save()
        return replace(outcome, changed=outcome.edition != before)

    expect_sources(config)
    options = Options(full=anew, wait=LOCK_WAIT)
    with Workers(cpu_count(), spawned_processes) as workers:
        outcome, notes = with_index(config, options, run)
    return replace(outcome, findings=(*notes, *outcome.findings))


def _outcome(index: Index, config: Config, scanned: Iterable[Finding]) -> Outcome:
    if config.feeds.hubs:
        # Only hubs need to know which bytes changed; everybody else is told by ETags.
        missing = [path for path, hash in index.documents().items() if not hash]
        for document in documents(index, config, missing):
            index.store_document(document.path, document.hash)
    posts = index.count()
    due = index.next_due()
    return Outcome(
        posts.get(State.VISIBLE, 0),
        len(index.feed_keys()),
        published_feeds(index, config),
        tuple(sorted([*config.notes, *scanned, *index.findings()])),
        index.edition(),
        datetime.fromtimestamp(due / 1e6, UTC) if due is not None else None,
        tuple(index.folders()),
    )


def _seconds_to_wait(outcome: Outcome | None, looks: bool) -> float:
    """Until the next build; ``looks`` says whether to look at the files without a reason."""
    if outcome is None:
        return RETRY_SECONDS
    longest = LOOK_SECONDS if looks else math.inf
    if outcome.due is None:
        return longest
    until = (outcome.due - datetime.now(UTC)).total_seconds()
    return min(max(until, 0.0), longest)


def watched_folders(config: Config, folders: Iterable[str]) -> list[Path]:
    """The folders of posts, all above them in the site, and what Liquid may include."""
    includes = config.root / config.posts.includes_dir
    found = {config.root}
    for folder in folders:
        path = config.root / folder
        while path not in found and path != path.parent:
            found.add(path)
            path = path.parent
    if includes.is_dir():
        found.update(path for path in (includes, *includes.rglob("*")) if path.is_dir())
    return sorted(found)


def main() -> None:
    """Take the orders, and build until standard input ends or a signal says so."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    # Ctrl-C reaches the whole group; the server decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = pickle.load(sys.stdin.buffer)
    assert isinstance(orders, Orders)
    set_up_logging(orders.config.server.log)
    os.nice(NICENESS)

    def stop_at_end_of_input() -> None:
        # Not through the buffer: a thread that waits in it holds its lock at the exit.
        while os.read(sys.stdin.fileno(), 1):
            pass
        stopped.set()

    threading.Thread(target=stop_at_end_of_input, daemon=True).start()
    Builder(orders, stopped).run()
