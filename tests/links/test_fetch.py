"""Asking for a link: every behaviour of the table, and what is sent and said besides."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping, Sequence

import pytest

from feeds.links import addresses
from feeds.links.addresses import Gate
from feeds.links.fetch import Outcome, check
from feeds.links.transport import GatedTransport
from feeds.models import Verdict

from .conftest import AGENT, Certificates, gated, manners
from .faults import FAULTS, Fault, in_seconds, silence
from .servers import ALLOWED, Loopback, Peer, Request, Routes, answer, leads, page

SLOW = 0.25  # seconds for those that never end


def outcome_of(fault: Fault, certificates: Certificates) -> tuple[Outcome, str]:
    """What is found at a fault, and what was asked for."""

    async def run() -> tuple[Outcome, str]:
        async with (
            Loopback(fault.routes, certificates.contexts) as server,
            gated(server, certificates.client) as transport,
        ):
            how = manners(SLOW if fault.slow else 5.0, accept={"*": frozenset(fault.accept)})
            url = server.url(fault.address)
            return await check(transport, url, how), server.url(fault.final)

    return asyncio.run(run())


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_behaviour_has_its_verdict(fault: Fault, certificates: Certificates) -> None:
    outcome, final = outcome_of(fault, certificates)
    assert outcome.verdict == fault.verdict, outcome
    assert outcome.final_url.endswith(final.removeprefix("@"))


# --- what is sent and said besides --------------------------------------------------------


def ask_at(
    routes: Mapping[str, Routes],
    url: str,
    accept: Mapping[str, frozenset[int]] = {},
    remap: Mapping[str, str] = {},
) -> tuple[Outcome, list[Request], str]:
    """Check a URL; what is found, what servers were asked, and the port they listen at."""

    async def run() -> tuple[Outcome, list[Request], str]:
        async with Loopback(routes) as server, gated(server) as transport:
            accepted = {server.url(host): codes for host, codes in accept.items()}
            remapped = {server.url(old): server.url(new) for old, new in remap.items()}
            how = manners(accept=accepted, remap=remapped)
            outcome = await check(transport, server.url(url), how)
            return outcome, server.requests, str(server.ports["HTTP"])

    return asyncio.run(run())


def test_requests_say_who_asks_and_what_for() -> None:
    _, (request,), port = ask_at({"*": {"*": page()}}, "http://a.example:@HTTP@/x?y")
    assert request.headers == {
        "host": f"a.example:{port}",
        "user-agent": AGENT,
        "accept": "text/html,*/*;q=0.8",
        "accept-encoding": "gzip",
    }
    assert request.target == "/x?y"


@pytest.mark.parametrize(
    ("replies", "verdict", "requests"),
    [
        ([answer(500)], Verdict.SERVER_ERROR, 3),
        ([answer(429)], Verdict.RATE_LIMITED, 3),
        ([b"nonsense\r\n\r\n"], Verdict.PROTOCOL, 3),
        ([answer(500), answer(500), page()], Verdict.OK, 3),
        ([answer(404)], Verdict.GONE, 1),
        ([answer(403)], Verdict.DENIED, 1),
        ([page()], Verdict.OK, 1),
        ([answer(429, b"", "retry-after: 61")], Verdict.RATE_LIMITED, 1),
        ([answer(503, b"", "retry-after: 61")], Verdict.SERVER_ERROR, 1),
    ],
)
def test_whatever_may_pass_is_asked_again(
    replies: list[bytes], verdict: Verdict, requests: int
) -> None:
    outcome, asked, _ = ask_at({"*": {"*": replies}}, "http://a.example:@HTTP@/")
    assert outcome.verdict is verdict
    assert len(asked) == requests


@pytest.mark.parametrize("zone", ["", "GMT", "-0000"])
def test_the_time_that_a_host_wants_is_told(zone: str) -> None:
    value = in_seconds(3_600)[:-3] + zone if zone else "3600"
    routes = {"*": {"*": answer(429, b"", f"retry-after: {value}")}}
    outcome, _, _ = ask_at(routes, "http://a.example:@HTTP@/")
    assert 3_500 < outcome.retry_at - time.time() < 3_700


@pytest.mark.parametrize(
    "value",
    ["999999999", "9" * 40, "2592001", "Fri, 31 Dec 9999 23:59:59 GMT"],
)
def test_no_host_is_left_alone_for_years(value: str) -> None:
    routes = {"*": {"*": answer(429, b"", f"retry-after: {value}")}}
    outcome, _, _ = ask_at(routes, "http://a.example:@HTTP@/")
    assert 29 * 86_400 < outcome.retry_at - time.time() <= 30 * 86_400


def test_a_failure_says_how_far_the_way_led() -> None:
    routes = {"*": {"/a": leads("/b#x", 301), "*": answer(404)}}
    outcome, _, port = ask_at(routes, "http://a.example:@HTTP@/a")
    assert outcome == Outcome(Verdict.GONE, "", 404, f"http://a.example:{port}/b#x")
    routes = {"*": {"*": leads("http://no-such-host.example:@HTTP@/", 301)}}
    outcome, _, port = ask_at(routes, "http://a.example:@HTTP@/a")
    assert outcome.verdict is Verdict.DNS
    assert outcome.final_url == f"http://no-such-host.example:{port}/"


def test_statuses_are_accepted_by_pattern_of_host() -> None:
    routes = {"*": {"*": answer(403)}}
    accept = {"*.example:@HTTP@": frozenset((403,)), "b.*": frozenset((404,))}
    outcome, _, _ = ask_at(routes, "http://a.example:@HTTP@/", accept=accept)
    assert outcome.verdict is Verdict.OK
    outcome, _, _ = ask_at(routes, "http://a.test:@HTTP@/", accept=accept)
    assert outcome.verdict is Verdict.DENIED


def test_a_page_that_is_accepted_may_say_what_its_status_says() -> None:
    nothing = b"<title>404 Not Found</title><h1>Not Found</h1>"
    accept = {"a.example:@HTTP@": frozenset((404,))}
    for status, verdict in ((404, Verdict.OK), (200, Verdict.SOFT_404)):
        routes = {"*": {"*": answer(status, nothing)}}
        outcome, _, _ = ask_at(routes, "http://a.example:@HTTP@/x#part", accept=accept)
        assert outcome.verdict is verdict


def test_the_longest_beginning_decides_who_is_asked_in_place_of_another() -> None:
    remap = {
        "http://a.example/": "http://short.example:@HTTP@/",
        "http://a.example/x/": "http://long.example:@HTTP@/y/",
    }
    routes: Mapping[str, Routes] = {
        "long.example": {"/y/1": leads("2", 301), "/y/2": leads("http://a.example/3", 301)},
        "short.example": {"*": page()},
    }
    outcome, asked, _ = ask_at(routes, "http://a.example/x/1", remap=remap)
    assert [(request.host, request.target) for request in asked] == [
        ("long.example", "/y/1"),
        ("long.example", "/y/2"),
        ("short.example", "/3"),
    ]
    # What is said is said of the addresses that posts and servers name.
    assert outcome == Outcome(Verdict.MOVED, "", 200, "http://a.example/3")


def test_the_time_for_a_check_is_that_of_all_its_redirects() -> None:
    async def slowly(peer: Peer) -> None:
        await asyncio.sleep(0.05)
        await peer.send(leads(f"{peer.target}x"))

    async def run() -> tuple[Outcome, float]:
        async with Loopback({"*": {"*": slowly}}) as server, gated(server) as transport:
            began = time.monotonic()
            url = server.url("http://a.example:@HTTP@/")
            outcome = await check(transport, url, manners(0.2))
            return outcome, time.monotonic() - began

    outcome, seconds = asyncio.run(run())
    assert outcome.verdict is Verdict.TIMEOUT
    assert seconds < 1


def test_a_body_is_read_as_far_as_it_can_tell_anything() -> None:
    sent = 0

    async def endless(peer: Peer) -> None:
        nonlocal sent
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n")
        while True:
            await peer.send(b"x" * 10_000)
            sent += 10_000

    outcome, _, _ = ask_at({"*": {"*": endless}}, "http://a.example:@HTTP@/")
    assert outcome.verdict is Verdict.OK
    assert sent < 20_000_000  # what is under way in the machine included


def test_a_check_leaves_nothing_open() -> None:
    async def run() -> int:
        async with Loopback({"*": {"*": silence}}) as server, gated(server) as transport:
            await check(transport, server.url("http://a.example:@HTTP@/"), manners(0.05))
            while sum(server.open.values()):
                await asyncio.sleep(0.01)
            return len(asyncio.all_tasks() - {asyncio.current_task()})

    assert asyncio.run(run()) == 0


# --- names --------------------------------------------------------------------------------


def test_names_that_nobody_answers_for_are_at_fault_and_not_those_behind_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "LOOKUPS_AT_ONCE", 2)

    async def run() -> list[Outcome]:
        async with Loopback({"*": {"*": page()}}) as server:
            dead_end = asyncio.Event()

            async def resolve(host: str, port: int) -> Sequence[str]:
                if host.startswith("dead"):
                    await dead_end.wait()
                    raise socket.gaierror(socket.EAI_AGAIN, "later")
                return await server.resolve(host, port)

            gate = Gate((ALLOWED,), [server.ports["HTTP"]], resolve)
            async with GatedTransport(gate, ssl.create_default_context()) as transport:
                how = manners(1.0, look_up=gate.look_up)
                names = [*(f"dead{n}" for n in range(4)), *(f"good{n}" for n in range(3))]
                asking = [
                    asyncio.create_task(
                        check(transport, server.url(f"http://{name}.example:@HTTP@/"), how)
                    )
                    for name in names
                ]
                # The first two hold all places until their time is over, and longer.
                await asyncio.gather(*asking[:2])
                assert not any(each.done() for each in asking[2:])
                dead_end.set()
                return await asyncio.gather(*asking)

    found = asyncio.run(run())
    assert [outcome.verdict for outcome in found] == [Verdict.DNS] * 4 + [Verdict.OK] * 3
    details = [outcome.detail for outcome in found[:4]]
    assert details == ["the look-up of the name took too long"] * 2 + ["later"] * 2


def test_a_look_up_takes_of_the_time_of_its_link() -> None:
    async def slowly(host: str, port: int, seconds: float) -> float:
        return seconds - 0.05

    routes: Mapping[str, Routes] = {"*": {"*": silence}}

    async def run() -> Outcome:
        async with Loopback(routes) as server, gated(server) as transport:
            url = server.url("http://a.example:@HTTP@/")
            return await check(transport, url, manners(60.0, look_up=slowly))

    began = time.monotonic()
    assert asyncio.run(run()).verdict is Verdict.TIMEOUT
    assert time.monotonic() - began < 30
