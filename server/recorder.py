"""Brings what a worker counted into the ledger, and what others wrote there to the worker.

All of it happens in a thread of its own, every few seconds; a ledger that cannot be used is
said once and costs nothing but its counts.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from feeds.errors import FeedsError
from feeds.ledger import BuildRecord, Ledger, RequestKey, Subscribers, Withdrawn
from server.subscribers import audience
from server.tally import Counts, Tally

logger = logging.getLogger("feeds.ledger")

T = TypeVar("T")

SECONDS: Final = 5.0
DAY: Final = 86_400.0
# Counters by name, as they stand in the ledger.
BYTES: Final = "bytes"
MADE: Final = "made"


@dataclass(frozen=True, slots=True)
class Totals:
    """What all workers counted, of this run and of earlier ones."""

    build: BuildRecord | None = None
    requests: dict[RequestKey, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    subscribers: list[Subscribers] = field(default_factory=list)


class Recorder:
    """One worker's way to the ledger of a site.

    ``withdrawn`` maps paths below the output to documents that are no more.
    """

    def __init__(self, state: Path, tally: Tally, withdrawn_days: int) -> None:
        self.withdrawn: dict[str, Withdrawn] = {}
        self._ledger = Ledger(state)
        self._tally = tally
        self._withdrawn_seconds = withdrawn_days * DAY
        self._worker = f"{os.getpid()}-{time.time_ns()}"
        self._thread = ThreadPoolExecutor(1, "recorder")
        self._failing = False

    async def record(self, edition: str) -> None:
        """Bring over what was counted; tell what is served; learn what was withdrawn."""
        record = functools.partial(self._record, self._tally.take(), edition)
        found = await self._in_thread(record, None)
        if found is not None:
            self.withdrawn = found

    async def totals(self, edition: str) -> Totals:
        """Everything that was counted, up to now."""
        await self.record(edition)
        return await self._in_thread(self._totals, Totals())

    async def last_build(self) -> BuildRecord | None:
        """How the last build went."""
        return await self._in_thread(self._ledger.last_build, None)

    async def close(self) -> None:
        """Bring over the last counts."""
        await self._in_thread(functools.partial(self._close, self._tally.take()), None)
        self._thread.shutdown()

    async def _in_thread(self, function: Callable[[], T], otherwise: T) -> T:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, function)
        except FeedsError as error:
            if not self._failing:
                logger.error("%s", error)
            self._failing = True
            return otherwise
        self._failing = False
        return found

    # --- in the thread

    def _record(self, counts: Counts, edition: str) -> dict[str, Withdrawn] | None:
        now = time.time()
        self._count(counts, now)
        self._ledger.serving(self._worker, edition, now)
        found = self._ledger.withdrawn(now - self._withdrawn_seconds)
        return {each.path: each for each in found}

    def _count(self, counts: Counts, now: float) -> None:
        if not counts.requests:
            return
        found = audience(counts.visits)
        self._ledger.count(
            _day(now),
            counts.requests,
            {BYTES: counts.bytes, MADE: counts.made},
            found.subscribers,
            found.readers,
        )

    def _totals(self) -> Totals:
        return Totals(
            self._ledger.last_build(),
            self._ledger.requests(),
            self._ledger.counters(),
            self._ledger.subscribers(_day(time.time())),
        )

    def _close(self, counts: Counts) -> None:
        self._count(counts, time.time())
        self._ledger.gone(self._worker)
        self._ledger.close()


def _day(now: float) -> str:
    """The day that counts belong to."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()
