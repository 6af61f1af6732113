"""How fast a host is asked, and slower once it says that this is too much.

:class:`Turns` counts requests and not links: hosts that many redirects lead to are asked by
turns like all others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import field
from typing import Final, NamedTuple

from feeds.values import dataclass

TOO_MUCH: Final = frozenset((429, 503))
SLOWEST: Final = 30.0  # seconds between two requests to a host that has too much to do
LEAST_INTERVAL: Final = 0.1  # what is doubled where there was none
LONGEST_DEFERMENT: Final = 30 * 86_400.0  # seconds, whatever a host wants
RECOVERY: Final = 0.95  # of the interval is left after an answer that complains of nothing
REMEMBERED: Final = 4_096  # hosts


class Stand(NamedTuple):
    """Where asking a host stands, for whoever goes on with it: how many requests may be under
    way, the seconds between two that begin, and those until the next one may."""

    per_host: int
    interval: float
    wait: float = 0.0


@dataclass(slots=True)
class Tempo:
    """How many requests to a host are under way, and the seconds between two that begin."""

    per_host: int
    interval: float
    least: float = field(init=False)

    def __post_init__(self) -> None:
        self.least = self.interval

    def adapt(self, status: int) -> None:
        """Half as fast after an answer that says it is too much, slowly faster after others."""
        if status in TOO_MUCH:
            self.interval = min(max(self.interval, LEAST_INTERVAL) * 2, SLOWEST)
            self.per_host = max(self.per_host // 2, 1)
        elif status:
            self.interval = max(self.interval * RECOVERY, self.least)

    def resume(self, stand: Stand) -> None:
        """Go on as fast as somebody else was, but no faster than is known to be too fast."""
        self.per_host = min(self.per_host, stand.per_host)
        self.interval = max(self.interval, stand.interval)


@dataclass(slots=True)
class _Line:
    """Those who wait for a host; the first of them holds ``first``."""

    tempo: Tempo
    next_start: float = 0.0
    in_flight: int = 0
    users: int = 0
    first: asyncio.Lock = field(default_factory=asyncio.Lock)
    freed: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.first:
            while self.in_flight >= self.tempo.per_host:
                self.freed.clear()
                await self.freed.wait()
            # Meanwhile the host may have said that it wants a longer pause.
            while (left := self.next_start - loop.time()) > 0:
                await asyncio.sleep(left)
            self.next_start = loop.time() + self.tempo.interval
            self.in_flight += 1

    def end(self) -> None:
        self.in_flight -= 1
        self.freed.set()


class Turns:
    """Lets requests to a host begin one after the other, and only so many be under way."""

    def __init__(self, per_host: int = 1_000, interval: float = 0.0) -> None:
        self._per_host = per_host
        self._interval = interval
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait until a request to the host may begin; it is over when the context is left."""
        line = self._line(host)
        line.users += 1
        try:
            await line.start()
            try:
                yield
            finally:
                line.end()
        finally:
            line.users -= 1

    def answered(self, host: str, status: int, wait: float = 0.0) -> None:
        """Take notice of an answer, and of the seconds that the host wants to be left alone."""
        line = self._line(host)
        line.tempo.adapt(status)
        if status in TOO_MUCH:
            pause = max(line.tempo.interval, wait)
            line.next_start = max(line.next_start, asyncio.get_running_loop().time() + pause)

    def stand(self, host: str) -> Stand:
        """Where asking a host stands."""
        line = self._line(host)
        wait = max(line.next_start - asyncio.get_running_loop().time(), 0.0)
        return Stand(line.tempo.per_host, line.tempo.interval, wait)

    def resume(self, host: str, stand: Stand) -> None:
        """Go on with a host where asking it stands."""
        line = self._line(host)
        line.tempo.resume(stand)
        line.next_start = max(line.next_start, asyncio.get_running_loop().time() + stand.wait)

    def _line(self, host: str) -> _Line:
        line = self._lines.get(host)
        if line is None:
            line = self._lines[host] = _Line(Tempo(self._per_host, self._interval))
            while len(self._lines) > REMEMBERED:
                oldest, its_line = next(iter(self._lines.items()))
                if its_line.users:
                    break
                del self._lines[oldest]
        self._lines.move_to_end(host)
        return line
