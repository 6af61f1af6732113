"""Who is asked when: what servers see of it, what is lost (nothing), and how it stops."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

import pytest

from feeds.links.fetch import Outcome, check
from feeds.links.pace import SLOWEST, Tempo, Turns
from feeds.links.schedule import AT_ONCE, Asked, Pace, Schedule
from feeds.models import Verdict

from .conftest import gated, manners
from .servers import Loopback, Peer, Routes, answer, leads, page

FINE = Outcome(Verdict.OK, "", 200)


class Queue:
    """Addresses by host, as a store would give them."""

    def __init__(self, urls: Mapping[str, Sequence[str]]) -> None:
        self.hosts = {}
        number = 0
        for host, each in urls.items():
            self.hosts[host] = [Asked(number := number + 1, url) for url in each]

    def due_hosts(self) -> Iterator[str]:
        yield from self.hosts

    def due(self, host: str, after: int, limit: int) -> list[Asked]:
        return [asked for asked in self.hosts[host] if asked.id > after][:limit]


def urls(hosts: int, each: int, port: str = "") -> dict[str, list[str]]:
    names = [f"h{number}.example{port}" for number in range(hosts)]
    return {name: [f"http://{name}/{number}" for number in range(each)] for name in names}


class Run:
    """A run with answers made by a function, and a record of it."""

    def __init__(
        self, pace: Pace, links: Mapping[str, Sequence[str]], reply: Callable[[str], Outcome]
    ) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.rested: list[tuple[str, float]] = []
        self.running = self.most = 0
        self.reply = reply
        self.schedule = Schedule(Queue(links), pace, self._check, self._note, self._rest)

    async def _check(self, url: str) -> Outcome:
        self.begun.append(url)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(0.001)
            return self.reply(url)
        finally:
            self.running -= 1

    def _note(self, asked: Asked, outcome: Outcome) -> None:
        self.done.append(asked.url)

    def _rest(self, host: str, until: float) -> None:
        self.rested.append((host, until))

    def run(self) -> Run:
        asyncio.run(asyncio.wait_for(self.schedule.run(), 20))
        return self


def host(url: str) -> str:
    return url.split("/")[2]


@pytest.mark.parametrize("pace", [Pace(1, 1, 0), Pace(3, 2, 0), Pace(64, 5, 0), Pace(2, 9, 0.001)])
def test_everything_is_asked_once(pace: Pace) -> None:
    links = {**urls(20, 3), "big.example": [f"http://big.example/{n}" for n in range(3 * AT_ONCE)]}
    run = Run(pace, links, lambda url: FINE).run()
    assert sorted(run.done) == sorted(url for each in links.values() for url in each)
    assert run.most <= pace.concurrency


def test_hosts_are_interleaved() -> None:
    begun = Run(Pace(4, 1, 0), urls(4, 25), lambda url: FINE).run().begun
    for start in range(0, 100, 20):
        assert len({host(url) for url in begun[start : start + 8]}) == 4


def test_a_stop_begins_nothing_and_ends_what_began() -> None:
    def reply(url: str) -> Outcome:
        if len(run.done) == 9:
            run.schedule.stop()
        return FINE

    run = Run(Pace(4, 4, 0), urls(4, 50), reply)
    run.run()
    assert 9 < len(run.done) <= 14
    assert sorted(run.done) == sorted(run.begun)


def test_a_cancelled_run_leaves_no_task_behind() -> None:
    async def never(url: str) -> Outcome:
        await asyncio.Event().wait()
        return FINE

    async def run() -> set[asyncio.Task[object]]:
        schedule = Schedule(
            Queue(urls(3, 3)), Pace(4, 2, 0), never, lambda *_: None, lambda *_: None
        )
        task = asyncio.create_task(schedule.run())
        while len(asyncio.all_tasks()) < 6:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(run()) == set()


def test_a_fault_of_the_program_ends_the_run() -> None:
    def reply(url: str) -> Outcome:
        if url.endswith("h1.example/1"):
            raise ZeroDivisionError
        return FINE

    run = Run(Pace(2, 1, 0), urls(3, 50), reply)
    with pytest.raises(ZeroDivisionError):
        run.run()
    assert run.running == 0


def test_a_host_that_says_until_when_is_left_alone_until_then() -> None:
    later = time.time() + 3_600

    def reply(url: str) -> Outcome:
        if host(url) == "h1.example":
            return Outcome(Verdict.RATE_LIMITED, "", 429, "", later)
        return FINE

    run = Run(Pace(8, 2, 0), urls(3, 80), reply).run()
    done = Counter(host(url) for url in run.done)
    assert done["h0.example"] == done["h2.example"] == 80
    assert done["h1.example"] <= 3
    assert set(run.rested) == {("h1.example", later)}


def test_the_host_that_answered_is_left_alone_and_not_the_one_that_leads_to_it() -> None:
    final, later = "http://target.example/x", time.time() + 3_600

    def reply(url: str) -> Outcome:
        return Outcome(Verdict.RATE_LIMITED, "", 429, final, later)

    run = Run(Pace(8, 2, 0), urls(1, 9), reply).run()
    assert len(run.done) == 9
    assert {name for name, _ in run.rested} == {"target.example"}


# --- what a server sees -------------------------------------------------------------------


class Seen:
    """What servers saw of a run: requests by host, the connections at once to each address."""

    def __init__(self, server: Loopback, outcomes: Mapping[str, Outcome]) -> None:
        self.outcomes = outcomes
        self.most_open = max(server.most_open.values())
        self.times: dict[str, list[float]] = {}
        for request in server.requests:
            self.times.setdefault(request.host, []).append(request.time)

    def took(self, name: str) -> float:
        """From the first request to the last. What is sent at the right time may be seen a little
        early after what was seen late, so one gap alone says little."""
        return self.times[name][-1] - self.times[name][0]

    def gaps(self, name: str) -> list[float]:
        times = self.times[name]
        return [after - before for before, after in itertools.pairwise(times)]


def run_at_server(routes: Mapping[str, Routes], links: Mapping[str, int], pace: Pace) -> Seen:
    async def run() -> Seen:
        async with Loopback(routes) as server, gated(server) as transport:
            port = server.ports["HTTP"]
            queue = Queue(
                {
                    f"{name}:{port}": [f"http://{name}:{port}/{n}" for n in range(number)]
                    for name, number in links.items()
                }
            )
            how = manners(turns=Turns(pace.per_host, pace.interval))
            outcomes: dict[str, Outcome] = {}
            schedule = Schedule(
                queue,
                pace,
                lambda url: check(transport, url, how),
                lambda asked, outcome: outcomes.update({asked.url: outcome}),
                lambda name, until: None,
            )
            await asyncio.wait_for(schedule.run(), 20)
            return Seen(server, outcomes)

    return asyncio.run(run())


async def slowly(peer: Peer) -> None:
    await asyncio.sleep(0.02)
    await peer.send(page())


def test_no_host_has_more_connections_than_agreed() -> None:
    seen = run_at_server(
        {"*": {"*": slowly}}, {f"h{n}.example": 12 for n in range(4)}, Pace(64, 3, 0)
    )
    assert len(seen.outcomes) == 48
    assert seen.most_open == 3


def test_no_host_is_asked_sooner_than_agreed() -> None:
    seen = run_at_server({"*": {"*": page()}}, {"a.example": 8, "b.example": 8}, Pace(64, 4, 0.03))
    assert len(seen.outcomes) == 16
    for host in ("a.example", "b.example"):
        assert seen.took(host) > 6 * 0.03
        assert median(seen.gaps(host)) > 0.02
    assert seen.times["a.example"][0] < seen.times["b.example"][2]


def test_where_many_hosts_lead_to_is_asked_no_faster() -> None:
    routes: Mapping[str, Routes] = {
        "target.example": {"*": slowly},
        "*": {"*": leads("http://target.example:@HTTP@/x")},
    }
    links = {f"h{number}.example": 1 for number in range(12)}
    seen = run_at_server(routes, links, Pace(64, 2, 0.02))
    assert {outcome.verdict for outcome in seen.outcomes.values()} == {Verdict.REDIRECTED}
    assert len(seen.times["target.example"]) == 12
    assert seen.took("target.example") > 10 * 0.02
    assert median(seen.gaps("target.example")) > 0.013
    assert seen.most_open <= 2


def test_whoever_waits_for_a_turn_does_not_run_out_of_time() -> None:
    async def run() -> list[Verdict]:
        async with Loopback({"*": {"*": page()}}) as server, gated(server) as transport:
            how = manners(0.15, turns=Turns(1, 0.05))
            url = server.url("http://a.example:@HTTP@/")
            found = await asyncio.gather(*(check(transport, url, how) for _ in range(8)))
            return [outcome.verdict for outcome in found]

    assert asyncio.run(run()) == [Verdict.OK] * 8


def test_retry_after_is_waited_for_by_everybody() -> None:
    too_much = answer(429, b"", "retry-after: 1")
    routes: Mapping[str, Routes] = {"a.example": {"/0": [too_much, page()], "*": page()}}
    seen = run_at_server(routes, {"a.example": 3}, Pace(8, 1, 0))
    assert {outcome.verdict for outcome in seen.outcomes.values()} == {Verdict.OK}
    assert seen.gaps("a.example")[0] > 0.95


def test_a_host_with_too_much_to_do_is_asked_half_as_fast() -> None:
    routes: Mapping[str, Routes] = {"a.example": {"/0": [answer(503), page()], "*": page()}}
    seen = run_at_server(routes, {"a.example": 4}, Pace(8, 4, 0.1))
    assert {outcome.verdict for outcome in seen.outcomes.values()} == {Verdict.OK}
    after_the_answer = seen.gaps("a.example")[1:]
    assert min(after_the_answer) > 0.15


def test_pace_is_halved_and_slowly_found_again() -> None:
    tempo = Tempo(4, 0.2)
    tempo.adapt(429)
    assert (tempo.per_host, tempo.interval) == (2, 0.4)
    for _ in range(20):
        tempo.adapt(503)
    assert (tempo.per_host, tempo.interval) == (1, SLOWEST)
    tempo.adapt(0)  # no answer says nothing
    assert tempo.interval == SLOWEST
    for _ in range(200):
        tempo.adapt(404)
    assert tempo.interval == 0.2


def test_hosts_that_nobody_waits_for_are_forgotten() -> None:
    async def run() -> int:
        turns = Turns(1, 0)
        for number in range(5_000):
            async with turns.turn(str(number)):
                pass
        return len(turns._lines)

    assert asyncio.run(run()) <= 4_096
