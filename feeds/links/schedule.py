"""Whom to ask when: every host at its own pace, all of them side by side.

In: the addresses that are due, host by host. Out: each asked once, never more connections or
requests per second to a host than was agreed, and fewer to one that says it is too much.
Only the hosts at work are in memory, each with its next few addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import field
from typing import Final, NamedTuple, Protocol

from feeds.links.fetch import Outcome
from feeds.links.pace import TOO_MUCH, Stand, Tempo
from feeds.links.urls import host_of
from feeds.values import dataclass

# How many hosts are at work for each connection that there may be.
HOSTS_PER_CONNECTION: Final = 4
AT_ONCE: Final = 64  # addresses of a host that are in memory
DEFER_SECONDS: Final = 60.0  # a host that wants to rest longer is left for another run


class Asked(NamedTuple):
    """An address to be asked for, and the number that it is kept under."""

    id: int
    url: str


class Source(Protocol):
    """Where the addresses come from."""

    def due_hosts(self) -> Iterator[str]:
        """Every host that has something due."""
        ...

    def due(self, host: str, after: int, limit: int) -> list[Asked]:
        """Some addresses of a host that are due, by their numbers from ``after`` on."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How many connections there are, at all and to one host, and how many seconds between
    two requests to one host."""

    concurrency: int = 64
    per_host: int = 2
    interval: float = 0.2


Check = Callable[[str], Awaitable[Outcome]]
Done = Callable[[Asked, Outcome], None]
Rest = Callable[[str, float], None]
StandOf = Callable[[str], Stand]


@dataclass(slots=True, eq=False)
class _Host:
    """A host at work."""

    name: str
    tempo: Tempo
    next_start: float
    waiting: deque[Asked] = field(default_factory=deque)
    in_flight: int = 0
    last: int = 0
    queued: bool = False
    resting: bool = False

    @property
    def free(self) -> bool:
        """Whether another request may be under way."""
        return self.in_flight < self.tempo.per_host

    def __lt__(self, other: _Host) -> bool:
        return (self.next_start, self.name) < (other.next_start, other.name)


class Schedule:
    """One run over all that is due. ``rest`` is told of hosts that want to be left alone,
    with the time (seconds since 1970); ``stand_of`` says where asking a host stands if somebody
    has asked it before. What ``check`` or ``done`` raises ends the run."""

    def __init__(
        self,
        source: Source,
        pace: Pace,
        check: Check,
        done: Done,
        rest: Rest,
        stand_of: StandOf | None = None,
    ) -> None:
        self._source = source
        self._pace = pace
        self._check = check
        self._done = done
        self._rest = rest
        self._stand_of = stand_of or (lambda host: Stand(pace.per_host, pace.interval))
        self._new_hosts = source.due_hosts()
        self._ready: list[_Host] = []  # a heap; what it is ordered by does not change in it
        self._hosts = 0
        self._running: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    def stop(self) -> None:
        """Start nothing any more; what is in flight ends."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Ask for everything; returns when there is nothing left or after :meth:`stop`."""
        loop = asyncio.get_running_loop()
        try:
            while not self._stopping:
                self._admit(loop.time())
                wait = self._start(loop.time())
                if not self._hosts and not self._running:
                    break
                await self._wait(wait)
            while self._running and not self._failure:
                await self._wait(None)
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
        if self._failure:
            raise self._failure

    async def _wait(self, seconds: float | None) -> None:
        """Wait until something changed, or for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _admit(self, now: float) -> None:
        """Let new hosts begin while there is room for them."""
        while self._hosts < self._pace.concurrency * HOSTS_PER_CONNECTION:
            name = next(self._new_hosts, None)
            if name is None:
                return
            self._hosts += 1
            stand = self._stand_of(name)
            tempo = Tempo(self._pace.per_host, self._pace.interval)
            tempo.resume(stand)
            self._queue(_Host(name, tempo, now + stand.wait))

    def _queue(self, host: _Host) -> None:
        """Put a host where it is started from, or let it go if it has nothing left."""
        if host.queued or not host.free:
            return
        if not host.waiting and not host.resting:
            found = self._source.due(host.name, host.last, AT_ONCE)
            host.waiting.extend(found)
            host.last = found[-1].id if found else host.last
        if host.waiting:
            host.queued = True
            heapq.heappush(self._ready, host)
        elif not host.in_flight:
            self._hosts -= 1

    def _start(self, now: float) -> float | None:
        """Start what may be started; the seconds until there is more, if that is known."""
        while self._ready and len(self._running) < self._pace.concurrency:
            host = self._ready[0]
            if host.next_start > now:
                return host.next_start - now
            heapq.heappop(self._ready)
            host.queued = False
            if host.waiting and host.free:
                host.in_flight += 1
                host.next_start = now + host.tempo.interval
                task = asyncio.create_task(self._ask(host, host.waiting.popleft()))
                self._running.add(task)
                task.add_done_callback(self._ended)
            self._queue(host)
        return None

    async def _ask(self, host: _Host, asked: Asked) -> None:
        try:
            outcome = await self._check(asked.url)
            self._done(asked, outcome)
            self._adapt(host, asked, outcome)
        finally:
            host.in_flight -= 1
            self._queue(host)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception():
            self._failure = self._failure or task.exception()
            self._stopping = True
        self._wake.set()

    def _adapt(self, host: _Host, asked: Asked, outcome: Outcome) -> None:
        """Half the pace for a host that has too much to do; none if it says until when."""
        answering = host_of(outcome.final_url or asked.url)
        if outcome.retry_at - time.time() > DEFER_SECONDS:
            self._rest(answering, outcome.retry_at)
        if answering != host.name:
            return
        host.tempo.adapt(outcome.status)
        if outcome.status not in TOO_MUCH:
            return
        if outcome.retry_at - time.time() > DEFER_SECONDS:
            host.resting = True
            host.waiting.clear()
        elif not host.queued:
            host.next_start = asyncio.get_running_loop().time() + host.tempo.interval
