"""What makes a lot, and what comes of one: all of it, in its time, and nothing twice."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.links.fetch import LookUp
from feeds.links.lots import (
    MOST_IN_LOT,
    MOST_OF_HOST,
    Lot,
    Means,
    Returned,
    Share,
    ask,
    ask_all,
    is_kept,
    kept_here,
    lot_size,
    lots,
    most_of,
    weight,
)
from feeds.links.pace import Stand, Turns
from feeds.links.schedule import Asked, Pace
from feeds.models import Verdict

from ..conftest import CONFIG
from .conftest import gated, manners
from .servers import Loopback, Peer, Routes, answer, leads, page

Found = TypeVar("Found")
AT_ONCE = Stand(2, 0.0)
QUICK = Pace(64, 2, 0.0)


def share(host: str, number: int, stand: Stand = AT_ONCE, first: int = 1) -> Share:
    return Share(
        host, stand, [Asked(n, f"http://{host}/{n}") for n in range(first, first + number)]
    )


# --- what makes one -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interval", "most"),
    [(0.0, MOST_OF_HOST), (0.01, MOST_OF_HOST), (0.2, 25), (2.0, 2), (30.0, 1)],
)
def test_a_lot_has_as_many_of_a_host_as_can_be_begun_in_its_time(
    interval: float, most: int
) -> None:
    assert most_of(Stand(2, interval)) == most


def test_what_is_due_is_cut_so_that_every_worker_has_some() -> None:
    assert lot_size(200, 2) == 25
    assert lot_size(1_000_000, 2) == MOST_IN_LOT
    assert lot_size(1, 100) == 1


def test_hosts_that_may_have_more_go_together_and_small_ones_too() -> None:
    many = share("many.example", MOST_OF_HOST)
    slow = share("slow.example", 1, Stand(1, 30.0))
    few = [share(f"h{number}.example", 3) for number in range(5)]
    given = [few[0], many, few[1], slow, *few[2:]]
    assert list(lots(given, 64)) == [(many, slow), tuple(few)]
    assert [len(lot) for lot in lots([many] * 20, MOST_IN_LOT)] == [8, 8, 4]
    # So little is due that others would have none.
    assert list(lots([many] * 3, MOST_IN_LOT // 8)) == [(many,)] * 3
    assert list(lots(few, 7)) == [tuple(few[:2]), tuple(few[2:4]), (few[4],)]
    assert list(lots(few, 2)) == [(each,) for each in few]
    assert list(lots([], 7)) == []
    assert (weight((many, slow)), weight(tuple(few))) == (2, 15)


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("a.example", False),
        ("b.example", True),
        ("b.example:8080", False),
        ("x.c.example:81", True),
        ("c.example", False),
        ("old.example", True),
        ("localhost:8000", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.0.1:80", True),
        ("[::1]:80", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", True),
        ("169.254.169.254", True),
        ("[fe80::1]", True),
        ("10.1.0.1", False),
        ("[2001:db8::1]", False),
    ],
)
def test_some_hosts_are_asked_from_one_machine_only(site: Path, host: str, kept: bool) -> None:
    config = with_links(
        site,
        headers={"https://B.example": {"A": "b"}, "*.c.example:*": {"A": "b"}},
        remap={"https://old.example/x": "https://new.example/"},
    )
    assert is_kept(host, kept_here(config)) is kept


def with_links(site: Path, **links: object) -> Config:
    (site / "config.toml").write_text(CONFIG, "utf-8")
    config = load_config(site)
    return replace(config, links=replace(config.links, **links))  # type: ignore[arg-type]


# --- what comes of one --------------------------------------------------------------------


def at_server(
    routes: Mapping[str, Routes],
    run: Callable[[Loopback, Means], Awaitable[Found]],
    kept: Sequence[str] = (),
    pace: Pace = QUICK,
    look_up: LookUp | None = None,
) -> tuple[Found, list[str]]:
    """What a function says at a server, and what was asked of that."""

    async def main() -> tuple[Found, list[str]]:
        async with Loopback(routes) as server, gated(server) as transport:
            left_alone = functools.partial(is_kept, patterns=kept)
            turns = Turns(pace.per_host, pace.interval)
            how = manners(turns=turns, kept=left_alone, look_up=look_up)
            means = Means(transport, how, pace, asyncio.Semaphore(pace.concurrency))
            found = await asyncio.wait_for(run(server, means), 20)
            return found, [request.host + request.target for request in server.requests]

    return asyncio.run(main())


def lot_of(server: Loopback, *shares: Share) -> Lot:
    """The same lot at the port of a server."""
    port = server.ports["HTTP"]
    return tuple(
        Share(
            f"{each.host}:{port}",
            each.stand,
            [Asked(a.id, a.url.replace(each.host, f"{each.host}:{port}")) for a in each.asked],
        )
        for each in shares
    )


def verdicts(returned: Returned) -> dict[int, Verdict]:
    return {asked.id: outcome.verdict for asked, outcome in returned.found}


def left(returned: Returned) -> list[int]:
    return [asked.id for each in returned.shares for asked in each.asked]


def test_all_of_a_lot_is_asked_for_once() -> None:
    async def run(server: Loopback, means: Means) -> Returned:
        lot = lot_of(server, share("a.example", 20), share("b.example", 2, first=21))
        return await ask(lot, means, asyncio.Event())

    returned, seen = at_server({"*": {"*": page()}}, run)
    assert verdicts(returned) == dict.fromkeys(range(1, 23), Verdict.OK)
    assert (left(returned), list(returned.kept), list(returned.rests)) == ([], [], [])
    assert len(seen) == len(set(seen)) == 22


async def slowly(peer: Peer) -> None:
    await asyncio.sleep(0.1)
    await peer.send(page())


def test_what_was_not_begun_in_time_comes_back_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.links.lots.LOT_SECONDS", 0.25)

    async def run(server: Loopback, means: Means) -> Returned:
        # Other lots have most of the places.
        means = means._replace(places=asyncio.Semaphore(2))
        return await ask(lot_of(server, share("a.example", 20)), means, asyncio.Event())

    for pace in (Pace(64, 2, 0.0), Pace(64, 20, 0.0)):
        returned, seen = at_server({"*": {"*": slowly}}, run, pace=pace)
        assert 0 < len(returned.found) < 20
        assert len(seen) == len(returned.found)
        assert left(returned) == list(range(len(returned.found) + 1, 21))


def test_who_is_in_a_hurry_gets_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.links.lots.HURRY_SECONDS", 0.2)

    async def never(peer: Peer) -> None:
        await asyncio.sleep(10)

    async def run(server: Loopback, means: Means) -> tuple[Returned, Returned]:
        hurry = asyncio.Event()
        lot = lot_of(server, share("a.example", 3), share("b.example", 2, first=4))
        asking = asyncio.create_task(ask(lot, means, hurry))
        while len(server.requests) < 4:
            await asyncio.sleep(0.01)
        hurry.set()
        return await asyncio.wait_for(asking, 5), await ask(lot, means, hurry)

    (first, second), seen = at_server({"a.example": {"*": page()}, "*": {"*": never}}, run)
    assert set(verdicts(first)) | set(left(first)) == {1, 2, 3, 4, 5}
    assert {4, 5} <= set(left(first))
    assert (second.found, left(second)) == ([], [1, 2, 3, 4, 5])
    assert len(seen) <= 5


@pytest.mark.parametrize("kept", ["kept.example:*", "instead.example:*"])
def test_what_leads_to_a_host_that_is_kept_comes_back_unasked(kept: str) -> None:
    routes: Mapping[str, Routes] = {
        "a.example": {"/2": leads("http://kept.example:@HTTP@/x"), "*": page()},
        "*": {"*": page()},
    }
    looked_up: list[str] = []

    async def look_up(host: str, port: int, seconds: float) -> float:
        looked_up.append(host)
        return 0.0

    async def run(server: Loopback, means: Means) -> Returned:
        remap = {
            server.url("http://kept.example:@HTTP@/"): server.url("http://instead.example:@HTTP@/")
        }
        means = means._replace(manners=replace(means.manners, remap=remap))
        lot = lot_of(server, share("a.example", 3), share("kept.example", 1, first=4))
        return await ask(lot, means, asyncio.Event())

    returned, seen = at_server(routes, run, [kept], look_up=look_up)
    assert verdicts(returned) == {1: Verdict.OK, 3: Verdict.OK}
    assert sorted(asked.id for asked in returned.kept) == [2, 4]
    assert sorted(seen) == ["a.example/1", "a.example/2", "a.example/3"]
    assert set(looked_up) == {"a.example"}


def test_who_waits_for_a_slow_host_is_in_nobodys_way() -> None:
    async def run(server: Loopback, means: Means) -> Returned:
        means = means._replace(places=asyncio.Semaphore(1))
        lot = lot_of(server, share("a.example", 3, Stand(1, 0.2)), share("b.example", 9, first=4))
        return await ask(lot, means, asyncio.Event())

    returned, seen = at_server({"*": {"*": page()}}, run)
    assert len(returned.found) == 12
    assert [target[0] for target in seen] == ["a", *"bbbbbbbbb", *"aa"]


def test_a_host_is_asked_no_faster_than_anybody_found_to_be_too_fast() -> None:
    async def run() -> None:
        turns = Turns(4, 0.1)
        turns.answered("a.example", 429)
        turns.resume("a.example", Stand(4, 0.1))
        assert turns.stand("a.example")[:2] == (2, 0.2)
        turns.resume("a.example", Stand(1, 0.4))
        assert turns.stand("a.example")[:2] == (1, 0.4)

    asyncio.run(run())


def test_where_a_host_stands_goes_on_with_the_next_lot() -> None:
    async def run(server: Loopback, means: Means) -> tuple[Stand, float]:
        loop = asyncio.get_running_loop()
        lot = lot_of(server, share("a.example", 1, Stand(4, 0.1)))
        first = await ask(lot, means, asyncio.Event())
        (stand,) = (each.stand for each in first.shares)
        # Somebody else, who has not asked this host before, goes on.
        other = means._replace(manners=replace(means.manners, turns=Turns(4, 0.1)))
        lot = lot_of(server, share("a.example", 2, stand, first=2))
        began = loop.time()
        await ask(lot, other, asyncio.Event())
        return stand, loop.time() - began

    routes: Mapping[str, Routes] = {"a.example": {"/1": [answer(503), page()], "*": page()}}
    (stand, took), _ = at_server(routes, run, pace=Pace(8, 4, 0.1))
    # Half as fast as agreed, and a little faster after the answer that was good.
    assert (stand.per_host, 0.15 < stand.interval <= 0.2) == (2, True)
    assert 0 < stand.wait <= 0.2
    assert took > stand.wait + 0.15


def test_all_rounds_ask_for_what_was_left_but_of_hosts_that_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("feeds.links.lots.LOT_SECONDS", 0.25)
    routes: Mapping[str, Routes] = {
        "rests.example": {"*": answer(429, b"", "retry-after: 3600")},
        "*": {"*": slowly},
    }

    async def run(server: Loopback, means: Means) -> Returned:
        lot = lot_of(server, share("a.example", 12), share("rests.example", 12, first=13))
        return await ask_all(lot, asyncio.Event(), means=means)

    returned, seen = at_server(routes, run)
    assert [number for number, verdict in verdicts(returned).items() if verdict is Verdict.OK] == [
        *range(1, 13)
    ]
    assert [host.partition(":")[0] for host, _ in returned.rests] == ["rests.example"]
    assert sum(target.startswith("rests") for target in seen) <= 2
    assert len(seen) == len(set(seen))
