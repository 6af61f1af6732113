"""Tells hubs of changed feeds in a thread of the builder, as soon as the feeds are served."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Final

from feeds.errors import FeedsError
from feeds.ledger import Ledger
from feeds.push import client, tell_hubs

logger = logging.getLogger("feeds.push")

# How long a worker is waited for that has not said yet that it serves the new edition.
PATIENCE: Final = 10.0
# A worker that was not heard of for so long does not serve any more.
WORKER_SILENCE: Final = 30.0
LOOK_SECONDS: Final = 60.0


class Publisher(threading.Thread):
    """Tells what the ledger says is owed, whenever it is woken, and when a new try is due."""

    def __init__(self, state: Path, stopped: threading.Event) -> None:
        super().__init__(name="publisher", daemon=True)
        self._ledger = Ledger(state)
        self._stopped = stopped
        self._woken = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                wait = self._tell()
            except FeedsError as error:
                logger.error("%s", error)
                wait = LOOK_SECONDS
            self._woken.wait(wait)
            self._woken.clear()

    def join(self, timeout: float | None = None) -> None:
        self._woken.set()
        super().join(1.0 if timeout is None else timeout)

    def _tell(self) -> float:
        """Tell what is due; the seconds until there may be more."""
        due = self._ledger.next_due()
        if due is not None and due <= time.time():
            self._wait_until_served()
            with client() as hubs:
                tell_hubs(self._ledger, hubs, time.time)
            due = self._ledger.next_due()
        if due is None:
            return LOOK_SECONDS
        return min(max(due - time.time(), 0.1), LOOK_SECONDS)

    def _wait_until_served(self) -> None:
        """Wait until every worker answers from the edition that hubs are told of."""
        owed = max((number(push.edition) for push in self._ledger.due(time.time())), default=(0, 0))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not self._stopped.is_set():
            served = self._ledger.editions_served(time.time() - WORKER_SILENCE)
            if all(number(edition) >= owed for edition in served):
                return
            self._stopped.wait(0.1)


def number(edition: str) -> tuple[int, ...]:
    """The number of an edition, in the order of time."""
    return tuple(int(part) for part in edition.split(".") if part)
