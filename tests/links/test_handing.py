"""Lots handed out and taken back: each address once, no host by two, at one pace all along."""

from __future__ import annotations

import asyncio
import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import field

import pytest

from feeds.links.fetch import Outcome
from feeds.links.handing import LOOKED_AT_ONCE, Handing
from feeds.links.lots import MOST_OF_HOST, Lot, Means, Returned, ask, ask_all
from feeds.links.pace import Turns
from feeds.links.schedule import Asked, Pace
from feeds.links.transport import GatedTransport
from feeds.models import Verdict
from feeds.values import dataclass

from .conftest import gated, manners
from .servers import Loopback, Peer, Routes, answer, page
from .test_schedule import Queue


@dataclass(eq=False)
class Others:
    """Two workers that take turns, each with what it knows of hosts; one may die of a lot."""

    means: list[Means]
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    workers: int = 2
    dies_of: str = "nothing"
    may_not: str = "nothing"
    lots: list[list[str]] = field(default_factory=list)
    asking: Counter[str] = field(default_factory=Counter)
    most: int = 0

    async def __aenter__(self) -> None:
        self.hurried.clear()

    async def __aexit__(self, *exception: object) -> None:
        self.hurry()

    def asks(self, host: str) -> bool:
        return self.may_not not in host

    async def ask(self, lot: Lot) -> Returned | None:
        hosts = [share.host for share in lot]
        self.lots.append(hosts)
        assert len(self.lots) < 1_000
        self.asking.update(hosts)
        self.most = max(self.most, sum(self.asking.values()))
        assert max(self.asking.values()) == 1
        try:
            if any(self.dies_of in host for host in hosts):
                return None
            return await ask(lot, self.means[len(self.lots) % 2], self.hurried)
        finally:
            self.asking.subtract(hosts)

    def hurry(self) -> None:
        self.hurried.set()


@dataclass(slots=True, eq=False)
class Run:
    """A run over hosts at a server, with so many addresses each; what came of it."""

    server: Loopback
    transport: GatedTransport
    pace: Pace
    links: Mapping[str, int]
    size: int
    done: list[tuple[Asked, Outcome]] = field(default_factory=list)
    rested: dict[str, float] = field(default_factory=dict)
    others: Others = field(init=False)
    handing: Handing = field(init=False)

    def __post_init__(self) -> None:
        port = self.server.ports["HTTP"]
        hosts = {f"{name}:{port}": number for name, number in self.links.items()}
        due = Queue(
            {host: [f"http://{host}/{n}" for n in range(number)] for host, number in hosts.items()}
        )
        self.others = Others([self._means(), self._means()])
        here = functools.partial(ask_all, means=self._means())
        self.handing = Handing(
            due, self.pace, self.others, here, self._note, self.rested.__setitem__, self.size
        )

    def _means(self) -> Means:
        how = manners(turns=Turns(self.pace.per_host, self.pace.interval))
        return Means(self.transport, how, self.pace, asyncio.Semaphore(self.pace.concurrency))

    def _note(self, asked: Asked, outcome: Outcome) -> None:
        self.done.append((asked, outcome))

    def verdicts(self) -> Counter[Verdict]:
        return Counter(outcome.verdict for _, outcome in self.done)

    def seen(self) -> Counter[str]:
        return Counter(request.host + request.target for request in self.server.requests)

    def gaps(self, host: str) -> list[float]:
        times = [request.time for request in self.server.requests if request.host == host]
        return [after - before for before, after in itertools.pairwise(times)]


def run_at_server(
    routes: Mapping[str, Routes],
    pace: Pace,
    links: Mapping[str, int],
    meanwhile: Callable[[Run], None] = lambda run: None,
    size: int = 64,
) -> Run:
    """A run to its end; ``meanwhile`` is called as soon as it has begun."""

    async def main() -> Run:
        async with Loopback(routes) as server, gated(server) as transport:
            run = Run(server, transport, pace, links, size)
            asyncio.get_running_loop().call_soon(meanwhile, run)
            await asyncio.wait_for(run.handing.run(), 20)
            return run

    return asyncio.run(main())


FINE: Mapping[str, Routes] = {"*": {"*": page()}}


@pytest.mark.parametrize("size", [1, 7, 64])
def test_all_is_asked_for_once(size: int) -> None:
    links = {"large.example": 2 * MOST_OF_HOST, **{f"h{n}.example": n for n in range(1, 12)}}
    run = run_at_server(FINE, Pace(16, 4, 0.0), links, size=size)
    assert run.verdicts() == {Verdict.OK: sum(links.values())}
    assert set(run.seen().values()) == {1}
    assert len(run.seen()) == sum(links.values())
    assert run.others.hurried.is_set()


def test_small_hosts_go_together_and_not_with_a_large_one() -> None:
    links = {"large.example": MOST_OF_HOST + 1, **{f"h{n}.example": 3 for n in range(12)}}
    lots = run_at_server(FINE, Pace(16, 4, 0.0), links).others.lots
    assert sorted(map(len, lots)) == [1, 1, 12]
    assert sum("large" in host for hosts in lots for host in hosts) == 2


def test_the_pace_of_a_host_goes_on_whoever_asks_it() -> None:
    run = run_at_server(FINE, Pace(16, 4, 0.1), {"a.example": 9}, size=3)
    assert len(run.others.lots) == 3
    assert min(run.gaps("a.example")) > 0.07


def test_a_host_with_too_much_to_do_is_asked_half_as_fast_by_others_too() -> None:
    routes: Mapping[str, Routes] = {"a.example": {"/2": [answer(503), page()], "*": page()}}
    run = run_at_server(routes, Pace(16, 4, 0.1), {"a.example": 6}, size=3)
    assert run.verdicts() == {Verdict.OK: 6}
    assert min(run.gaps("a.example")[3:]) > 0.15


def test_a_host_that_wants_to_rest_is_left_alone_and_the_others_are_not() -> None:
    routes: Mapping[str, Routes] = {
        "rests.example": {"*": answer(429, b"", "retry-after: 3600")},
        **FINE,
    }
    links = {"rests.example": 2 * MOST_OF_HOST, "a.example": 2 * MOST_OF_HOST}
    run = run_at_server(routes, Pace(16, 1, 0.0), links)
    assert run.verdicts() == {Verdict.OK: 2 * MOST_OF_HOST, Verdict.RATE_LIMITED: 1}
    ((host, until),) = run.rested.items()
    assert host.startswith("rests.example")
    assert 3_500 < until - time.time() <= 3_600


def test_a_lot_that_nobody_survives_is_asked_for_here() -> None:
    def kill(run: Run) -> None:
        run.others.dies_of = "deadly"

    links = {"deadly.example": MOST_OF_HOST + 8, "a.example": 2 * MOST_OF_HOST}
    run = run_at_server(FINE, Pace(16, 4, 0.0), links, kill)
    assert run.verdicts() == {Verdict.OK: sum(links.values())}
    assert set(run.seen().values()) == {1}
    assert sum("deadly" in host for hosts in run.others.lots for host in hosts) == 2


def test_what_nobody_else_may_ask_is_asked_from_here() -> None:
    def keep(run: Run) -> None:
        run.others.may_not = "mine"

    mine = {f"mine{number}.example": 2 for number in range(9)}
    links = {"mine.example": MOST_OF_HOST + 8, "a.example": 2 * MOST_OF_HOST, **mine}
    run = run_at_server(FINE, Pace(1, 1, 0.0), links, keep)
    assert run.verdicts() == {Verdict.OK: sum(links.values())}
    assert set(run.seen().values()) == {1}
    assert {host.partition(".")[0] for hosts in run.others.lots for host in hosts} == {"a"}


@pytest.mark.parametrize(("workers", "most"), [(1, 32), (2, 64)])
def test_workers_get_as_much_at_once_as_each_could_do_alone(workers: int, most: int) -> None:
    def employ(run: Run) -> None:
        run.others.workers = workers

    links = {f"h{number}.example": 1 for number in range(200)}
    run = run_at_server({"*": {"*": slowly}}, Pace(8, 1, 0.0), links, employ, size=8)
    assert run.verdicts() == {Verdict.OK: 200}
    assert run.others.most == most


async def slowly(peer: Peer) -> None:
    await asyncio.sleep(0.05)
    await peer.send(page())


def test_others_have_their_turn_while_there_is_nothing_to_hand_out() -> None:
    async def main() -> int:
        nothing = Queue({f"h{number}.example": [] for number in range(10 * LOOKED_AT_ONCE)})
        others = Others([])
        handing = Handing(nothing, Pace(), others, others.ask, fail, fail, 64)  # type: ignore[arg-type]
        running = asyncio.create_task(handing.run())
        turns = 0
        while not running.done():
            await asyncio.sleep(0)
            turns += 1
        running.result()
        return turns

    def fail(*_: object) -> None:
        raise AssertionError

    assert asyncio.run(main()) > 10


def test_a_stop_hands_out_nothing_and_takes_back_what_there_is() -> None:
    async def at_the_third(peer: Peer) -> None:
        if len(peer.server.requests) == 3:
            stop()
        await peer.send(page())

    def stop() -> None:
        (run,) = runs
        run.handing.stop()

    runs: list[Run] = []
    links = {f"h{number}.example": 40 for number in range(4)}
    run = run_at_server({"*": {"*": at_the_third}}, Pace(16, 1, 0.05), links, runs.append)
    assert 3 <= len(run.done) < 20
    assert len(run.seen()) == len(run.done)


def test_a_fault_of_the_program_ends_the_run() -> None:
    async def broken(lot: Lot) -> Returned | None:
        raise ZeroDivisionError

    def break_it(run: Run) -> None:
        run.others.ask = broken  # type: ignore[method-assign]

    with pytest.raises(ZeroDivisionError):
        run_at_server(FINE, Pace(16, 1, 0.05), {"a.example": 3, "b.example": 3}, break_it)
