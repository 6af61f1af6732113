"""Tells hubs of changed feeds in a thread of the builder, as soon as the feeds are served."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from feeds.errors import FeedsError
from feeds.ledger import WORKER_SILENCE, Ledger
from feeds.push import tell_hubs

logger = logging.getLogger("feeds.push")

# How long a worker is waited for that has not said yet that it serves the new edition.
PATIENCE: Final = 10.0
LOOK_SECONDS: Final = 60.0


class Publisher(threading.Thread):
    """Tells what the ledger says is owed, whenever it is woken, and when a new try is due.

    It has to be woken first: what was owed before a restart may be owed to a hub that the
    site names no more, which the first build finds out.
    """

    def __init__(self, state: Path, stopped: threading.Event) -> None:
        super().__init__(name="publisher", daemon=True)
        self._ledger = Ledger(state)
        self._stopped = stopped
        self._woken = threading.Event()
        self._said = ""

    def wake(self) -> None:
        self._woken.set()

    def run(self) -> None:
        wait: float | None = None
        while True:
            self._woken.wait(wait)
            self._woken.clear()
            if self._stopped.is_set():
                break
            wait = self._told()
        self._ledger.close()

    def join(self, timeout: float | None = None) -> None:
        self._woken.set()
        super().join(1.0 if timeout is None else timeout)

    def _told(self) -> float:
        """Tell what is due, and say once if that cannot be known; the seconds until then."""
        try:
            wait = self._tell()
        except FeedsError as error:
            if str(error) != self._said:
                logger.error("%s", error)
            self._said = str(error)
            return LOOK_SECONDS
        except Exception:
            # A fault of ours must not end the thread: there may be others to tell.
            logger.exception("hubs could not be told")
            return LOOK_SECONDS
        self._said = ""
        return wait

    def _tell(self) -> float:
        """Tell what is due; the seconds until there may be more."""
        due = self._ledger.next_due()
        if due is not None and due <= time.time():
            self._wait_until_served()
            if not self._stopped.is_set():
                tell_hubs(self._ledger, time.time)
            due = self._ledger.next_due()
        if due is None:
            return LOOK_SECONDS
        return min(max(due - time.time(), 0.1), LOOK_SECONDS)

    def _wait_until_served(self) -> None:
        """Wait until every worker answers from the edition that hubs are told of."""
        owed = max((number(push.edition) for push in self._ledger.due(time.time())), default=())
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self._stopped.is_set():
            served = self._ledger.editions_served(time.time() - WORKER_SILENCE)
            if served and all(number(edition) >= owed for edition in served):
                return
            self._stopped.wait(0.1)


def number(edition: str) -> tuple[int, ...]:
    """The number of an edition, in the order of time."""
    return tuple(int(part) for part in edition.split(".") if part)
