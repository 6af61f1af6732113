"""Lots handed out to whoever asks elsewhere, and taken back.

In: the addresses that are due, host by host, and a :class:`Crew`. Out: each asked once, no host
by two at a time, and the next lot of a host only when it may be asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import field
from typing import Final, Protocol

from feeds.links.lots import Lot, Returned, Share, again, all_kept, lots, most_of, weight
from feeds.links.pace import Stand
from feeds.links.schedule import HOSTS_PER_CONNECTION, Asked, Done, Pace, Rest, Source
from feeds.values import dataclass

LOTS_AT_ONCE: Final = 32  # of each worker, since each takes a thread there
LOOKED_AT_ONCE: Final = 256  # hosts, before others have their turn in the loop


class Crew(Protocol):
    """Whoever asks elsewhere, within a context; when that is left, nobody does any more."""

    @property
    def workers(self) -> int:
        """How many they are."""

    def asks(self, host: str) -> bool:
        """Whether they may ask a host."""

    async def __aenter__(self) -> object: ...

    async def __aexit__(self, *exception: object) -> None: ...

    async def ask(self, lot: Lot) -> Returned | None:
        """What came of a lot; ``None`` if whoever tried did not survive it."""

    def hurry(self) -> None:
        """Have everybody come back with what there is, and ask for nothing more."""


# Asks for a lot on this machine; after the event, for what is nearly there.
AskHere = Callable[[Lot, asyncio.Event], Awaitable[Returned]]


@dataclass(slots=True, eq=False)
class _Host:
    """A host at work: where asking it stands, when it may go on (the loop's time), addresses that
    came back, the number of the last one, and whether there may be more."""

    name: str
    stand: Stand
    ready_at: float = 0.0
    waiting: list[Asked] = field(default_factory=list)
    last: int = 0
    more: bool = True

    def __lt__(self, other: _Host) -> bool:
        return (self.ready_at, self.name) < (other.ready_at, other.name)


class Handing:
    """One run over all that is due. ``size`` is how many addresses a lot may have; what nobody
    elsewhere may or can do, ``here`` does. What that, the crew or ``done`` raises ends it."""

    def __init__(
        self,
        source: Source,
        pace: Pace,
        crew: Crew,
        here: AskHere,
        done: Done,
        rest: Rest,
        size: int,
    ) -> None:
        self._source = source
        self._pace = pace
        self._crew = crew
        self._here = here
        self._done = done
        self._rest = rest
        self._size = size
        self._new = (
            _Host(name, Stand(pace.per_host, pace.interval)) for name in source.due_hosts()
        )
        self._ready: list[_Host] = []  # a heap of hosts that may have more
        self._mine: deque[_Host] = deque()  # those that are asked from here
        self._out: dict[str, _Host] = {}  # those in a lot
        self._running: set[asyncio.Task[None]] = set()
        self._given: dict[asyncio.Task[None], int] = {}  # those of the crew, with their weights
        self._lots: Iterator[Lot] = iter(())
        self._failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Hand out nothing any more, and take back what there is."""
        self._stopping.set()
        self._wake.set()
        self._crew.hurry()

    async def run(self) -> None:
        """Returns when there is nothing left, or after :meth:`stop`."""
        async with self._crew:
            try:
                while not self._stopping.is_set():
                    await self._hand_out()
                    if not (self._running or self._ready):
                        break
                    await self._wait(self._pause())
                while self._running and not self._failure:
                    await self._wait(None)
            finally:
                for task in self._running:
                    task.cancel()
                await asyncio.gather(*self._running, return_exceptions=True)
        if self._failure:
            raise self._failure

    async def _wait(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    def _pause(self) -> float | None:
        """The seconds until a host may go on, if it could then."""
        if not self._ready or not self._has_room():
            return None
        return max(self._ready[0].ready_at - _now(), 0.0)

    # --- out

    async def _hand_out(self) -> None:
        """Hand out what may be."""
        self._ask_mine()
        while self._has_room() and not self._stopping.is_set():
            if lot := next(self._lots, None):
                self._given[self._begin(self._ask(lot))] = weight(lot)
            elif self._look_on():
                await asyncio.sleep(0)
            else:
                break

    def _has_room(self) -> bool:
        """Whether another lot may be under way: as much for each worker as it could do alone."""
        workers = max(self._crew.workers, 1)
        most = HOSTS_PER_CONNECTION * self._pace.concurrency
        full = len(self._given) >= LOTS_AT_ONCE * workers
        return not full and sum(self._given.values()) < most * workers

    def _look_on(self) -> bool:
        """Find what may be asked now, of hosts that go on and then of new ones; whether there
        are any."""
        theirs: list[_Host] = []
        hosts = list(itertools.islice(iter(self._next, None), LOOKED_AT_ONCE))
        for host in hosts:
            (theirs if self._crew.asks(host.name) else self._mine).append(host)
        self._lots = lots(self._shares(theirs), self._size)
        self._ask_mine()
        return bool(hosts)

    def _ask_mine(self) -> None:
        """Ask from here what nobody else may, as many hosts at once as without a crew."""
        most = HOSTS_PER_CONNECTION * self._pace.concurrency
        while self._mine and len(self._running) - len(self._given) < most:
            for share in self._shares([self._mine.popleft()]):
                self._begin(self._settle((share,), all_kept((share,))))

    def _begin(self, asking: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(asking)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _shares(self, hosts: Iterable[_Host]) -> Iterator[Share]:
        for host in hosts:
            asked = self._asked_of(host, min(most_of(host.stand), self._size))
            if asked:
                self._out[host.name] = host
                yield Share(host.name, host.stand, asked)

    def _asked_of(self, host: _Host, limit: int) -> list[Asked]:
        """Some addresses of a host, those first that came back."""
        wanted = limit - len(host.waiting)
        if host.more and wanted > 0:
            found = self._source.due(host.name, host.last, wanted)
            host.waiting += found
            host.last = found[-1].id if found else host.last
            host.more = len(found) == wanted
        asked, host.waiting = host.waiting[:limit], host.waiting[limit:]
        return asked

    def _next(self) -> _Host | None:
        if self._ready and self._ready[0].ready_at <= _now():
            return heapq.heappop(self._ready)
        return next(self._new, None)

    # --- and back

    async def _ask(self, lot: Lot) -> None:
        await self._settle(lot, await self._crew.ask(lot) or all_kept(lot))

    async def _settle(self, lot: Lot, returned: Returned) -> None:
        """Take what came of a lot, and ask from here for what nobody else may."""
        self._take(returned)
        shares = {share.host: share for share in returned.shares}
        rests = dict(returned.rests)
        if returned.kept and not self._stopping.is_set():
            mine = await self._here(again(lot, returned.kept, shares), self._stopping)
            self._take(mine)
            rests |= dict(mine.rests)
            for share in mine.shares:
                shares[share.host] = shares[share.host]._replace(stand=share.stand)
        for share in shares.values():
            host = self._out.pop(share.host)
            host.waiting = [*share.asked, *host.waiting]
            if host.name not in rests and (host.waiting or host.more):
                host.ready_at = _now() + share.stand.wait
                host.stand = share.stand._replace(wait=0.0)
                heapq.heappush(self._ready, host)

    def _take(self, returned: Returned) -> None:
        for host, until in returned.rests:
            self._rest(host, until)
        for asked, outcome in returned.found:
            self._done(asked, outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._given.pop(task, None)
        if not task.cancelled() and task.exception():
            self._failure = self._failure or task.exception()
            self._stopping.set()
        self._wake.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
