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
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Final, Protocol

from feeds.config import Config
from feeds.errors import OutputError
from feeds.links.fetch import Outcome, check
from feeds.links.lots import WORTH_THE_WAY, Means, ask_all, lot_size
from feeds.links.schedule import Asked, Schedule
from feeds.links.store import LinkStore
from feeds.models import Role
from feeds.terminal import Progress, silent
from feeds.values import dataclass
from feeds.workers import Workers

if TYPE_CHECKING:
    from feeds.crew import Crew

KEEP_SECONDS: Final = 1.0  # between two times that results are written down
GRACE_SECONDS: Final = 3.0  # for what is in flight when a run is stopped
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to check, apart from what the configuration says.

    ``offline`` asks nobody, ``recheck`` asks again whatever is known, ``changed`` looks only
    at posts that changed since the last run that came to its end, or since ``since_run``.
    ``roles`` are those of the links that are of interest, all if there are none. ``max_time`` is
    seconds after which nothing new is asked for, ``every`` between two requests to anybody;
    ``cancelled`` is asked every second whether to stop. ``brief`` makes no summary, so that a
    run costs what has changed.
    """

    offline: bool = False
    recheck: bool = False
    changed: bool = False
    since_run: int = 0
    roles: tuple[Role, ...] = ()
    max_time: float | None = None
    every: float = 0.0
    brief: bool = False
    progress: Progress = silent
    cancelled: Callable[[], bool] = lambda: False


class Round(Protocol):
    """One run over what is due."""

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
        except OutputError:
            self.store.revert()
            raise
        finally:
            self._keep()

    async def _main(self) -> None:
        from feeds.links.client import gate_of, manners_of, pace_of, transport_of

        gate = gate_of(self.config)
        pace = pace_of(self.config)
        async with transport_of(self.config, gate) as transport:
            manners = manners_of(self.config, gate=gate)
            means = Means(transport, manners, pace, asyncio.Semaphore(pace.concurrency))
            crew = self._crew()
            round_ = self._handing(means, crew) if crew else self._schedule(means)
            running = asyncio.create_task(round_.run())
            keeping = asyncio.create_task(self._keep_up(running))
            with self._stops(round_, running):
                await _until_one_ends(running, keeping)

    def _schedule(self, means: Means) -> Round:
        turn = _Turns(self.options.every)

        async def ask(url: str) -> Outcome:
            await turn.wait()
            async with means.places:
                return await check(means.transport, url, means.manners)

        return Schedule(_Due(self), means.pace, ask, self._done, self.store.rest)

    # --- on a cluster

    def _crew(self) -> Crew | None:
        """Those who ask elsewhere, if that is wished and worth the way."""
        if self.total < WORTH_THE_WAY or self.options.every:
            return None
        from feeds.cluster import Cluster

        if not isinstance(self.workers, Cluster):
            return None
        from feeds.crew import Crew

        return Crew(self.workers, self.config)

    def _handing(self, means: Means, crew: Crew) -> Round:
        from feeds.links.handing import Handing

        here = functools.partial(ask_all, means=means)
        size = lot_size(self.total, crew.workers)
        return Handing(_Due(self), means.pace, crew, here, self._done, self.store.rest, size)

    # --- its end

    @contextlib.contextmanager
    def _stops(self, round_: Round, running: asyncio.Task[None]) -> Iterator[None]:
        """Stop when the time is over or at a signal, and give what is in flight a moment."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            round_.stop()
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
        self.store.record(self.results, int(time.time()))
        self.store.save()
        self.results.clear()


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due, host by host."""

    asking: Asking

    def due_hosts(self) -> Iterator[str]:
        return self.asking.store.due_hosts(self.asking.now)

    def due(self, host: str, after: int, limit: int) -> list[Asked]:
        asking = self.asking
        since, roles = asking.since_run, asking.options.roles
        return asking.store.due(host, after, limit, asking.now, since, roles)


async def _until_one_ends(*tasks: asyncio.Task[None]) -> None:
    """End all tasks as soon as one has ended; raises what any of them raised."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each


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
