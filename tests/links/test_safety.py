"""What a link from a stranger must not reach, and what must not reach a stranger.

Canaries listen where nobody may go: not even a connection may be made to them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import httpx
import pytest

from feeds.links.addresses import Gate, system_resolver
from feeds.links.fetch import Outcome, check
from feeds.links.transport import GatedTransport
from feeds.models import Verdict

from .conftest import AGENT, SECURE, Certificates, gated, manners
from .servers import ALLOWED, FORBIDDEN, Canary, Loopback, Request, leads, page

Resolve = Callable[[str], Sequence[str]]


def visit(url: str, resolve: Resolve | None = None, canary: str = FORBIDDEN) -> tuple[Outcome, int]:
    """Check a URL on the port of a canary; what was found, and how often it was visited.

    Redirects of ``stranger.example`` lead to ``url``.
    """

    async def run() -> tuple[Outcome, int]:
        async with (
            Canary(canary) as watched,
            Loopback(
                {"stranger.example": {"*": leads(url.replace("@PORT@", str(watched.port)))}}
            ) as server,
        ):

            async def by_name(host: str, port: int) -> Sequence[str]:
                if host == "stranger.example" or resolve is None:
                    return await server.resolve(host, port)
                return resolve(host)

            async with gated(server, ports=[watched.port], resolve=by_name) as transport:
                direct = url.replace("@PORT@", str(watched.port))
                found = [
                    await check(transport, address, manners())
                    for address in (direct, server.url("http://stranger.example:@HTTP@/"))
                ]
            assert found[0].verdict == found[1].verdict
            return found[0], watched.visits

    return asyncio.run(run())


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "0x7f.1",
        "0X7F.0.0.1",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "127。0。0。1",
        "１２７．０．０．１",
        "①②⑦.0.0.1",
        "%31%32%37.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::FFFF:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "user:password@127.0.0.1",
        "public.example@127.0.0.1",
        "0.0.0.0",
        "0",
        "[::]",
        "[::1]",
    ],
)
def test_a_local_address_is_not_contacted_however_it_is_spelled(host: str) -> None:
    outcome, visits = visit(f"http://{host}:@PORT@/")
    assert outcome.verdict is Verdict.BLOCKED, outcome
    assert visits == 0


@pytest.mark.parametrize("host", ["localhost", "localhost.", "LOCALHOST", "ⓛocalhost"])
def test_the_machines_own_names_are_not_contacted(host: str) -> None:
    async def run() -> tuple[Outcome, int]:
        async with (
            Canary() as canary,
            Loopback({}) as server,
            gated(server, ports=[canary.port], resolve=system_resolver) as transport,
        ):
            outcome = await check(transport, f"http://{host}:{canary.port}/", manners())
            return outcome, canary.visits

    outcome, visits = asyncio.run(run())
    assert outcome.verdict is Verdict.BLOCKED, outcome
    assert visits == 0


@pytest.mark.parametrize(
    "addresses",
    [
        [FORBIDDEN],
        ["127.1.0.1", FORBIDDEN],
        [FORBIDDEN, "127.1.0.1"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["::ffff:7f00:1"],
        ["0.0.0.0"],
        ["::"],
        ["fe80::1%lo"],
        ["127.0.0.1%lo"],
        ["no address at all"],
    ],
)
def test_a_name_is_not_contacted_if_any_of_its_addresses_may_not_be(
    addresses: Sequence[str],
) -> None:
    outcome, visits = visit("http://inside.example:@PORT@/", lambda host: addresses)
    assert outcome.verdict is Verdict.BLOCKED, outcome
    assert visits == 0


def test_a_name_that_changes_its_address_is_contacted_where_it_was_judged() -> None:
    asked: list[str] = []

    async def changing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.1.0.1"] if len(asked) % 2 else [FORBIDDEN]

    async def run() -> tuple[list[Verdict], int, list[Request]]:
        async with Canary() as canary, Loopback({"*": {"*": page()}}) as server:
            found = []
            for _ in range(4):
                gate = Gate((ALLOWED,), [canary.port, server.ports["HTTP"]], changing)
                context = httpx.create_ssl_context(trust_env=False)
                async with GatedTransport(gate, context) as transport:
                    url = server.url("http://rebinding.example:@HTTP@/")
                    found.append((await check(transport, url, manners())).verdict)
            return found, canary.visits, server.requests

    found, visits, requests = asyncio.run(run())
    # Each look-up is judged, and none is made between that and the connection.
    assert found == [Verdict.OK, Verdict.BLOCKED, Verdict.OK, Verdict.BLOCKED]
    assert len(asked) == 4
    assert len(requests) == 2
    assert visits == 0


def test_ports_that_are_not_listed_are_not_contacted() -> None:
    async def run() -> tuple[list[Outcome], int]:
        async with Canary("127.1.0.1") as canary:
            routes = {"stranger.example": {"*": leads(f"http://x.example:{canary.port}/")}}
            async with Loopback(routes) as server, gated(server) as transport:
                urls = [
                    f"http://x.example:{canary.port}/",
                    f"http://127.1.0.1:{canary.port}/",
                    server.url("http://stranger.example:@HTTP@/"),
                    "http://x.example/",
                ]
                return [await check(transport, url, manners()) for url in urls], canary.visits

    outcomes, visits = asyncio.run(run())
    assert {outcome.verdict for outcome in outcomes} == {Verdict.BLOCKED}
    assert visits == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_port_0_is_not_the_usual_one(scheme: str) -> None:
    async def run() -> Outcome:
        async with Loopback({}) as server, gated(server, ports=[80, 443]) as transport:
            return await check(transport, f"{scheme}://x.example:0/", manners())

    outcome = asyncio.run(run())
    assert (outcome.verdict, outcome.detail) == (Verdict.BLOCKED, "port 0 is not in [links] ports")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "ftp://127.0.0.1:@PORT@/",
        "gopher://127.0.0.1:@PORT@/_GET",
        "dict://127.0.0.1:@PORT@/d",
        "ws://127.0.0.1:@PORT@/",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "javascript:fetch('http://127.0.0.1:@PORT@/')",
        "data:text/html,hello",
        "jar:http://127.0.0.1:@PORT@!/",
        "view-source:http://127.0.0.1:@PORT@/",
    ],
)
def test_nothing_but_the_web_is_asked(url: str) -> None:
    async def run() -> tuple[Outcome, Outcome, int]:
        async with Canary() as canary:
            url_here = url.replace("@PORT@", str(canary.port))
            routes = {"*": {"*": leads(url_here)}}
            async with Loopback(routes) as server, gated(server) as transport:
                direct = await check(transport, url_here, manners())
                through = server.url("http://stranger.example:@HTTP@/")
                return direct, await check(transport, through, manners()), canary.visits

    direct, redirected, visits = asyncio.run(run())
    assert direct.verdict is Verdict.INVALID
    assert redirected.verdict is Verdict.BLOCKED
    assert visits == 0


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> tuple[Outcome, int]:
        async with Canary() as canary, Loopback({"*": {"*": page()}}) as server:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
            monkeypatch.setenv("no_proxy", "")
            async with gated(server) as transport:
                url = server.url("http://public.example:@HTTP@/")
                return await check(transport, url, manners()), canary.visits

    outcome, visits = asyncio.run(run())
    assert outcome.verdict is Verdict.OK
    assert visits == 0


def test_an_allowed_network_is_allowed_as_mapped_address_too() -> None:
    assert Gate([ALLOWED], []).allows("::ffff:127.1.2.3")
    assert not Gate([ALLOWED], []).allows("::ffff:127.0.0.1")
    assert Gate(["10.0.0.0/8", "fd00::/8"], []).allows("fd00::1")


# --- what must not leave ------------------------------------------------------------------


def requests_to(
    routes: Mapping[str, Mapping[str, bytes]],
    url: str,
    headers: Mapping[str, Mapping[str, str]] = {},
) -> list[Request]:
    async def run() -> list[Request]:
        async with Loopback(routes) as server, gated(server) as transport:
            by_host = {server.url(host): lines for host, lines in headers.items()}
            outcome = await check(transport, server.url(url), manners(headers=by_host))
            assert outcome.verdict in (Verdict.OK, Verdict.REDIRECTED), outcome
            return server.requests

    return asyncio.run(run())


def test_the_user_in_a_link_is_dropped() -> None:
    (request,) = requests_to({"*": {"*": page()}}, "http://me:secret@a.example:@HTTP@/x")
    assert request.host == "a.example"
    assert "authorization" not in request.headers
    assert "secret" not in repr(request)


def test_the_user_in_a_redirect_is_dropped() -> None:
    routes = {
        "a.example": {"*": leads("http://me:secret@b.example:@HTTP@/x")},
        "b.example": {"*": page()},
    }
    last = requests_to(routes, "http://a.example:@HTTP@/")[-1]
    assert last.host == "b.example"
    assert "authorization" not in last.headers


def test_cookies_never_cross_hosts() -> None:
    cookie = "set-cookie: id=secret; Domain=example; Path=/"
    routes = {
        "a.example": {
            "/": leads("/again", 302, cookie),
            "*": leads("http://b.example:@HTTP@/", 302, cookie),
        },
        "b.example": {"*": page()},
    }
    first, again, other = requests_to(routes, "http://a.example:@HTTP@/")
    assert "cookie" not in first.headers
    assert again.headers["cookie"] == "id=secret"
    assert "cookie" not in other.headers


def test_cookies_are_kept_within_one_check_only() -> None:
    async def run() -> list[Request]:
        routes = {"*": {"*": page("x", "A page", "set-cookie: id=1")}}
        async with Loopback(routes) as server, gated(server) as transport:
            for _ in range(2):
                await check(transport, server.url("http://a.example:@HTTP@/"), manners())
            return server.requests

    assert ["cookie" in request.headers for request in asyncio.run(run())] == [False, False]


def test_cookies_for_https_are_not_sent_in_the_open() -> None:
    # One host with both of the usual ports, which no test may listen at.
    sent: list[tuple[str, str]] = []

    async def nothing() -> AsyncIterator[bytes]:
        yield b""

    def reply(request: httpx.Request) -> httpx.Response:
        path = request.extensions["target"].decode()
        sent.append((str(request.url.join(path)), request.headers.get("cookie", "")))
        leads_to = {"/": "/again", "/again": "http://a.example/last"}.get(path)
        if leads_to is None:
            return httpx.Response(200, content=nothing())
        lines = [("location", leads_to), ("set-cookie", "a=1; Secure"), ("set-cookie", "b=2")]
        return httpx.Response(302, headers=lines, content=nothing())

    async def run() -> None:
        await check(httpx.MockTransport(reply), "https://a.example/", manners())

    asyncio.run(run())
    assert sent == [
        ("https://a.example/", ""),
        ("https://a.example/again", "a=1; b=2"),
        ("http://a.example/last", "b=2"),
    ]


@pytest.mark.parametrize("pattern", ["http://a.example:@HTTP@", "http://a.*:@HTTP@"])
def test_configured_headers_never_cross_hosts(pattern: str) -> None:
    routes = {
        "a.example": {"*": leads("http://b.example:@HTTP@/")},
        "b.example": {"*": page()},
    }
    headers = {pattern: {"Authorization": "Bearer secret", "user-agent": "Special"}}
    first, other = requests_to(routes, "http://a.example:@HTTP@/", headers=headers)
    assert first.headers["authorization"] == "Bearer secret"
    assert first.headers["user-agent"] == "Special"
    assert "authorization" not in other.headers
    assert other.headers["user-agent"] == AGENT


def test_headers_of_a_host_are_not_for_its_other_ports() -> None:
    headers = {"http://a.example": {"Authorization": "Bearer secret"}}
    (request,) = requests_to({"*": {"*": page()}}, "http://a.example:@HTTP@/", headers=headers)
    assert "authorization" not in request.headers


def test_a_secret_is_not_sent_in_the_open() -> None:
    headers = {"a.example:@HTTP@": {"X-Token": "secret", "Accept-Language": "zh"}}
    (request,) = requests_to({"*": {"*": page()}}, "http://a.example:@HTTP@/", headers=headers)
    assert "x-token" not in request.headers
    assert request.headers["accept-language"] == "zh"


def test_a_redirect_into_the_open_gets_no_secret(certificates: Certificates) -> None:
    async def run() -> list[Request]:
        routes = {"*": {"/": leads(f"http://{SECURE}:@HTTP@/x"), "*": page()}}
        contexts = {"TLS": certificates.contexts["TLS"]}
        async with (
            Loopback(routes, contexts) as server,
            gated(server, certificates.client) as transport,
        ):
            how = manners(headers={f"{SECURE}:*": {"Authorization": "Bearer secret"}})
            outcome = await check(transport, server.url(f"https://{SECURE}:@TLS@/"), how)
            assert outcome.verdict is Verdict.REDIRECTED, outcome
            return server.requests

    first, last = asyncio.run(run())
    assert first.headers["authorization"] == "Bearer secret"
    assert "authorization" not in last.headers


# --- TLS ----------------------------------------------------------------------------------


def test_tls_verifies_the_name_although_the_address_was_resolved_before(
    certificates: Certificates,
) -> None:
    async def anywhere(host: str, port: int) -> Sequence[str]:
        return ["127.1.0.1"]

    async def run(url: str) -> tuple[Verdict, list[Request]]:
        contexts = {"TLS": certificates.contexts["TLS"]}
        async with Loopback({"*": {"*": page()}}, contexts) as server:
            async with gated(server, certificates.client, resolve=anywhere) as transport:
                outcome = await check(transport, server.url(url), manners())
            return outcome.verdict, server.requests

    verdict, requests = asyncio.run(run(f"https://{SECURE}:@TLS@/"))
    assert verdict is Verdict.OK
    assert len(requests) == 1
    for host in ("attacker.example", "127.1.0.1", f"x.{SECURE}"):
        verdict, requests = asyncio.run(run(f"https://{host}:@TLS@/"))
        assert verdict is Verdict.TLS
        assert requests == []


def test_nothing_is_asked_of_whom_nobody_vouches_for(certificates: Certificates) -> None:
    async def run() -> list[Request]:
        async with (
            Loopback({"*": {"*": page()}}, certificates.contexts) as server,
            gated(server, certificates.client) as transport,
        ):
            for name in ("EXPIRED", "OTHER", "SELF"):
                await check(transport, server.url(f"https://{SECURE}:@{name}@/"), manners())
            return server.requests

    assert asyncio.run(run()) == []


def test_a_canary_would_sing() -> None:
    async def run() -> int:
        async with Canary() as canary:
            with socket.create_connection((FORBIDDEN, canary.port)):
                while not canary.visits:
                    await asyncio.sleep(0)
            return canary.visits

    assert asyncio.run(run()) == 1
