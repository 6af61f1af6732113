"""Brings what a worker counted into the ledger, and what others wrote there to the worker.

All of it happens in threads, every few seconds: one writes and may have to wait for others,
one reads and never has to. A ledger that cannot be used is said once; counts wait until it
can be used again, and everything else goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from feeds.errors import FeedsError
from feeds.ledger import (
    NO_MEMORY,
    WORKER_SILENCE,
    BuildRecord,
    Hour,
    Ledger,
    Memory,
    RequestKey,
    Subscribers,
    Withdrawn,
)
from feeds.models import Finding
from server.editions import Paths
from server.subscribers import audience
from server.tally import Counts, Tally

logger = logging.getLogger("feeds.ledger")

T = TypeVar("T")

SECONDS: Final = 5.0
READ_SECONDS: Final = 2.0
DAY: Final = 86_400.0
HOUR: Final = 3_600.0
HOURS: Final = 24
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


@dataclass(frozen=True, slots=True)
class Recent:
    """How all workers fare: the last build and what it found, what is kept ready, who
    subscribed on the last day that is known, and requests of the last :data:`HOURS`, the oldest
    first."""

    build: BuildRecord | None
    findings: tuple[Finding, ...]
    memory: Memory
    day: str
    subscribers: tuple[Subscribers, ...]
    hours: tuple[Hour, ...]


class Recorder:
    """One worker's way to the ledger of a site.

    ``withdrawn`` holds documents that are no more, by their paths below the output. ``now`` is the
    time in seconds since 1970.
    """

    def __init__(
        self,
        state: Path,
        tally: Tally,
        withdrawn_days: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.withdrawn: Paths[Withdrawn] = Paths()
        self._tally = tally
        self._withdrawn_seconds = withdrawn_days * DAY
        self._now = now
        self._worker = f"{os.getpid()}-{time.time_ns()}"
        self._day = ""
        self._build: BuildRecord | None = None
        self._complaint = _Complaint()
        self._writing = _Desk(Ledger(state), "recorder", self._complaint)
        self._reading = _Desk(Ledger(state), "ledger", self._complaint)

    @property
    def fault(self) -> str:
        """What is wrong with the ledger, as far as is known; empty if nothing is."""
        return self._complaint.said

    async def record(self, edition: str, memory: Memory = NO_MEMORY) -> None:
        """Bring over what was counted; tell what is served and how much of it is kept ready;
        learn what was withdrawn."""
        if not await self._bring(self._tally.take()):
            return
        now = self._now()

        def serve(ledger: Ledger) -> bool:
            ledger.serving(self._worker, edition, now, memory)
            return True

        if await self._writing.run(serve, False):
            self._complaint.well()
        since = now - self._withdrawn_seconds
        found = await self._reading.run(lambda ledger: ledger.withdrawn(since), None)
        if found is not None:
            self.withdrawn = Paths.of({each.path: each for each in found})

    async def totals(self, edition: str, memory: Memory = NO_MEMORY) -> Totals | None:
        """Everything that was counted, up to now; ``None`` where that cannot be known."""
        await self.record(edition, memory)
        return await self._reading.run(self._totals, None)

    async def recent(self, edition: str, memory: Memory) -> Recent:
        """How all workers fare, up to now; next to nothing where that cannot be known."""
        await self.record(edition, memory)
        last = int(self._now() // HOUR)
        hours = range(last - HOURS + 1, last + 1)
        nothing = Recent(None, (), memory, "", (), tuple(Hour(each, 0, 0, 0) for each in hours))
        return await self._reading.run(lambda ledger: self._recent(ledger, hours), nothing)

    async def last_build(self) -> BuildRecord | None:
        """How the last build went, as far as is known; a disk that hangs is not waited for."""

        def read(ledger: Ledger) -> None:
            self._build = ledger.last_build()

        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._reading.run(read, None)
        except TimeoutError:
            self._complaint.say(f"the ledger cannot be read within {READ_SECONDS:g} s")
        return self._build

    async def close(self) -> None:
        """Bring over the last counts."""
        await self._bring(self._tally.take())
        await self._writing.run(lambda ledger: ledger.gone(self._worker), None)
        await self._writing.close()
        await self._reading.close()

    async def _bring(self, counts: Counts) -> bool:
        """Whether counts are in the ledger now; else they wait for the next time."""
        now = self._now()
        brought = await self._writing.run(lambda ledger: self._count(ledger, counts, now), False)
        if not brought:
            self._tally.give_back(counts)
        return brought

    # --- in the threads

    def _count(self, ledger: Ledger, counts: Counts, now: float) -> bool:
        day = _day(now)
        if not counts.requests and day == self._day:
            return True
        found = audience(counts.visits)
        ledger.count(
            day,
            counts.requests,
            {BYTES: counts.bytes, MADE: counts.made},
            found.subscribers,
            found.readers,
            int(now // HOUR),
        )
        self._day = day
        return True

    def _totals(self, ledger: Ledger) -> Totals:
        requests, counters = ledger.counted()
        return Totals(
            ledger.last_build(), requests, counters, ledger.subscribers(_day(self._now()))
        )

    def _recent(self, ledger: Ledger, hours: Sequence[int]) -> Recent:
        days = ledger.days()
        day = days[0] if days else ""
        known = {each.hour: each for each in ledger.hours(hours[0])}
        return Recent(
            ledger.last_build(),
            tuple(ledger.findings()),
            ledger.memory(self._now() - WORKER_SILENCE),
            day,
            tuple(ledger.subscribers(day)),
            tuple(known.get(each) or Hour(each, 0, 0, 0) for each in hours),
        )


class _Complaint:
    """What is wrong with the ledger, said once until it is well again."""

    def __init__(self) -> None:
        self.said = ""

    def say(self, text: str, fault: Exception | None = None) -> None:
        if text != self.said:
            logger.error("%s", text, exc_info=fault)
        self.said = text

    def well(self) -> None:
        if self.said:
            logger.info("the ledger can be used again")
        self.said = ""


class _Desk:
    """A ledger in a thread of its own."""

    def __init__(self, ledger: Ledger, name: str, complaint: _Complaint) -> None:
        self._ledger = ledger
        self._complaint = complaint
        self._thread = ThreadPoolExecutor(1, name)

    async def run(self, function: Callable[[Ledger], T], otherwise: T) -> T:
        """What a function of the ledger returns, ``otherwise`` if it cannot be used.

        Whoever stops waiting does not stop the function.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(
            loop.run_in_executor(self._thread, self._run, function, otherwise)
        )

    def _run(self, function: Callable[[Ledger], T], otherwise: T) -> T:
        try:
            found = function(self._ledger)
        except FeedsError as error:
            self._complaint.say(str(error))
            return otherwise
        except Exception as error:
            # A fault of ours must not end what goes on beside it.
            self._complaint.say(f"{type(error).__name__}: {error}", error)
            return otherwise
        return found

    async def close(self) -> None:
        await self.run(lambda ledger: ledger.close(), None)
        self._thread.shutdown()


def _day(now: float) -> str:
    """The day that counts belong to."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()
