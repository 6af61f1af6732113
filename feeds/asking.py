"""What the web says of a site's links: all that is due, asked for once.

In: the link store and how to check. Out: what was found, written down every second. The hosts
are asked from here; with a cluster its workers ask, too, each host from one place.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from feeds.config import Config
from feeds.links.fetch import Outcome
from feeds.links.schedule import Asked, Schedule
from feeds.links.store import LinkStore
from feeds.values import dataclass
from feeds.workers import Workers

if TYPE_CHECKING:
    from feeds.check import CheckOptions
    from feeds.crew import Crew
    from feeds.links.handing import Handing
    from feeds.links.lots import Means

KEEP_SECONDS: Final = 1.0  # between two times that results are written down
GRACE_SECONDS: Final = 3.0  # for what is in flight when a run is stopped
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class Part(Protocol):
    """A run over some of what is due."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Asking:
    """Everything that is due, asked for at the pace of the configuration.

    ``total`` is how many addresses are due, ``asked`` how many were asked for; ``signal`` is the
    number of the one that interrupted it, 0 for none.
    """

    config: Config
    store: LinkStore
    now: int
    workers: Workers
    options: CheckOptions
    since_run: int
    asked: int = 0
    total: int = 0
    signal: int = 0
    results: list[tuple[Asked, Outcome]] = field(default_factory=list)

    def run(self) -> None:
        """Raises :class:`~feeds.errors.FeedsError`; what was found until then is kept."""
        self.total = self.store.count_due(self.now, self.since_run, self.options.roles)
        if not self.total:
            return
        try:
            with asyncio.Runner() as runner:
                runner.run(self._main())
        finally:
            self._keep()

    async def _main(self) -> None:
        from feeds.links.client import gate_of, manners_of, pace_of, transport_of
        from feeds.links.fetch import check as fetch
        from feeds.links.lots import Means, is_kept, kept_here

        gate = gate_of(self.config)
        pace = pace_of(self.config)
        places = asyncio.Semaphore(pace.concurrency)
        turn = _Turns(self.options.every)
        async with transport_of(self.config, gate) as transport:
            means = Means(transport, manners_of(self.config, gate=gate), pace, places)

            async def ask(url: str) -> Outcome:
                await turn.wait()
                async with places:
                    return await fetch(transport, url, means.manners)

            crew = self._crew()
            kept = kept_here(self.config)
            mine = _Due(self, lambda host: crew is None or is_kept(host, kept))
            parts: list[Part] = [Schedule(mine, pace, ask, self._done, self.store.rest)]
            if crew:
                others = _Due(self, lambda host: not is_kept(host, kept))
                parts.append(self._handing(others, means, crew))
            running = asyncio.create_task(_together(parts))
            with self._stops(parts, running):
                keeping = asyncio.create_task(self._keep_up(running))
                try:
                    with contextlib.suppress(asyncio.CancelledError):
                        await running
                finally:
                    keeping.cancel()

    # --- on a cluster

    def _crew(self) -> Crew | None:
        """Those who ask elsewhere, if that is wished and worth the way."""
        from feeds.cluster import Cluster
        from feeds.links.lots import WORTH_THE_WAY

        worth = self.total >= WORTH_THE_WAY and not self.options.every
        if not (worth and isinstance(self.workers, Cluster)):
            return None
        from feeds.crew import Crew

        return Crew(self.workers, self.config)

    def _handing(self, due: _Due, means: Means, crew: Crew) -> Handing:
        from feeds.links.handing import Handing
        from feeds.links.lots import ask_all, lot_size

        here = functools.partial(ask_all, means=means)
        size = lot_size(self.total, crew.workers)
        return Handing(due, means.pace, crew, here, self._done, self.store.rest, size)

    # --- its end

    @contextlib.contextmanager
    def _stops(self, parts: Sequence[Part], running: asyncio.Task[None]) -> Iterator[None]:
        """Stop when the time is over or at a signal, and give what is in flight a moment."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for part in parts:
                part.stop()
            loop.call_later(GRACE_SECONDS, running.cancel)

        def interrupt(number: int) -> None:
            if self.signal:
                running.cancel()
            self.signal = number
            stop()

        timer = loop.call_later(self.options.max_time, stop) if self.options.max_time else None
        main = threading.current_thread() is threading.main_thread()
        for number in STOPPING if main else ():
            loop.add_signal_handler(number, interrupt, number)
        try:
            yield
        finally:
            if timer:
                timer.cancel()
            for number in STOPPING if main else ():
                loop.remove_signal_handler(number)

    # --- results

    def _done(self, asked: Asked, outcome: Outcome) -> None:
        self.results.append((asked, outcome))
        self.asked += 1
        self.options.progress("asking", self.asked, self.total)

    async def _keep_up(self, running: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            self._keep()
            if self.options.cancelled():
                running.cancel()

    def _keep(self) -> None:
        results, self.results = self.results, []
        if results:
            self.store.record(results, int(time.time()))
        self.store.save()


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due, of some hosts."""

    asking: Asking
    chosen: Callable[[str], bool]

    def due_hosts(self) -> Iterator[str]:
        return filter(self.chosen, self.asking.store.due_hosts(self.asking.now))

    def due(self, host: str, after: int, limit: int) -> list[Asked]:
        asking = self.asking
        since, roles = asking.since_run, asking.options.roles
        return asking.store.due(host, after, limit, asking.now, since, roles)


async def _together(parts: Sequence[Part]) -> None:
    """Run parts side by side; what one raises ends all."""
    running = [asyncio.create_task(part.run()) for part in parts]
    try:
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@dataclass(slots=True)
class _Turns:
    """Lets one through every so many seconds."""

    every: float
    next: float = 0.0

    async def wait(self) -> None:
        if not self.every:
            return
        now = asyncio.get_running_loop().time()
        mine = max(self.next, now)
        self.next = mine + self.every
        await asyncio.sleep(mine - now)
