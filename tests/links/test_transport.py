"""Connections: kept and not kept, to the first address that takes one, never left open."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx
import pytest

from feeds.links import transport
from feeds.links.addresses import Gate
from feeds.links.transport import GatedTransport

from .conftest import SECURE, Certificates, gated_client
from .servers import ALLOWED, Loopback, Peer, Reply, answer, page

Use = Callable[[Loopback, httpx.AsyncClient], Awaitable[None]]


def with_server(reply: Reply | dict[str, Reply], use: Use) -> Loopback:
    """Use a client at a server; the server, for what it saw."""

    async def run() -> Loopback:
        routes = reply if isinstance(reply, dict) else {"*": reply}
        async with Loopback({"*": routes}) as server, gated_client(server) as client:
            await use(server, client)
            return server

    return asyncio.run(asyncio.wait_for(run(), 20))


async def get(server: Loopback, client: httpx.AsyncClient, path: str = "/") -> httpx.Response:
    return await client.get(server.url(f"http://a.example:@HTTP@{path}"))


async def get_three(server: Loopback, client: httpx.AsyncClient) -> None:
    for number in range(3):
        response = await get(server, client, f"/{number}")
        assert response.status_code in (200, 204)


def large(size: int) -> bytes:
    return answer(200, b"x" * size)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("reply", "connections"),
    [
        (page(), 1),
        (large(300_000), 1),
        (answer(204), 1),
        (CHUNKED, 1),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + page(), 1),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx", 1),
        (page("x", "A page", "connection: close"), 3),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx", 3),
        (page() + b"more", 3),
        (page() + page(), 3),
        (CHUNKED + b"more", 3),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n" + CHUNKED[17:], 3),
    ],
)
def test_a_connection_is_kept_only_after_an_answer_that_ended(
    reply: bytes, connections: int
) -> None:
    assert with_server(reply, get_three).connections == connections


def test_a_body_that_is_not_read_is_not_taken_for_the_next_answer() -> None:
    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        for number in range(3):
            url = server.url(f"http://a.example:@HTTP@/{number}")
            async with client.stream("GET", url) as response:
                assert response.status_code == 200
        assert (await get(server, client, "/last")).text == "last"

    with_server({"*": large(3_000_000), "/last": answer(200, b"last")}, use)


def test_a_body_that_came_whole_and_was_not_read_leaves_its_connection_usable() -> None:
    # So much that reading was held up, and still all of it is there.
    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        for number in range(4):
            url = server.url(f"http://a.example:@HTTP@/{number}")
            async with client.stream("GET", url) as response:
                await asyncio.sleep(0.05)
                assert response.status_code == 200

    with_server(large(200_000), use)


def test_what_a_server_says_unasked_is_not_an_answer() -> None:
    async def late(peer: Peer) -> None:
        await peer.send(page())
        await asyncio.sleep(0.02)
        await peer.send(answer(404))

    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        await get(server, client, "/late")
        await asyncio.sleep(0.1)
        assert (await get(server, client)).status_code == 200

    assert with_server({"/late": late, "*": page()}, use).connections == 2


def test_a_connection_that_was_closed_meanwhile_is_not_used() -> None:
    async def once(peer: Peer) -> None:
        await peer.send(page())
        peer.writer.close()

    assert with_server(once, get_three).connections == 3


def test_several_answers_at_once_need_several_connections() -> None:
    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(get(server, client, f"/{n}") for n in range(5)))

    server = with_server(page(), use)
    assert server.connections == 5


def test_a_large_answer_that_comes_at_once_has_no_large_head() -> None:
    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        assert len((await get(server, client)).content) == 230_000

    with_server(large(230_000), use)


def test_a_slow_reader_holds_the_server_up() -> None:
    sent = 0

    async def endless(peer: Peer) -> None:
        nonlocal sent
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await peer.send(b"x" * 100_000)
            sent += 100_000

    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", server.url("http://a.example:@HTTP@/")) as response:
            await asyncio.sleep(0.2)
            held = sent
            async for _ in response.aiter_raw():
                if sent > held + 1_000_000:
                    break
            assert held < 30_000_000

    with_server(endless, use)


def test_nothing_stays_open_and_nothing_is_remembered_of_hosts() -> None:
    async def run() -> tuple[int, int, int]:
        async with Loopback({"*": {"*": page()}}) as server:
            gate = Gate([ALLOWED], [server.ports["HTTP"]], server.resolve)
            gated = GatedTransport(gate, ssl.create_default_context())
            async with httpx.AsyncClient(transport=gated) as client:
                for number in range(transport.IDLE_CONNECTIONS + 40):
                    await client.get(server.url(f"http://h{number}.example:@HTTP@/"))
                kept = len(gated._by_origin), len(gated._idle)
            while sum(server.open.values()):
                await asyncio.sleep(0.01)
            return *kept, len(gated._by_origin)

    limit = transport.IDLE_CONNECTIONS
    assert asyncio.run(asyncio.wait_for(run(), 20)) == (limit, limit, 0)


def test_whoever_gives_up_closes_the_connection() -> None:
    async def silence(peer: Peer) -> None:
        await peer.reader.read()

    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await get(server, client)
        while sum(server.open.values()):
            await asyncio.sleep(0.01)

    assert with_server(silence, use).connections == 3


# --- addresses ----------------------------------------------------------------------------


SILENT: Final = "127.1.9.9"


@contextmanager
def silence_at(address: str, port: int) -> Iterator[None]:
    """A listener whose queue is full: the kernel leaves whoever else comes without an answer."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


def connect(addresses: Sequence[str]) -> str:
    """The address that a host with several is asked at: only ``127.1.0.7`` answers."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(writer.get_extra_info("sockname")[0])
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await reader.read()
        writer.close()

    async def run() -> None:
        async with await asyncio.start_server(serve, "127.1.0.7", 0) as server:
            port = server.sockets[0].getsockname()[1]
            gate = Gate([ALLOWED, "::1/128"], [port], resolve)
            connections = GatedTransport(gate, ssl.create_default_context())
            with silence_at(SILENT, port):
                async with httpx.AsyncClient(transport=connections, trust_env=False) as client:
                    await client.get(f"http://a.example:{port}/")
            assert not [task for task in asyncio.all_tasks() if "_connect_to" in repr(task)]

    asyncio.run(asyncio.wait_for(run(), 20))
    (address,) = asked
    return address


def test_the_next_address_is_tried_if_one_refuses() -> None:
    # Nobody listens at the address of IPv6.
    assert connect(["::1", "127.1.0.7"]) == "127.1.0.7"


def test_the_next_address_is_tried_if_one_does_not_answer() -> None:
    assert connect([SILENT, "127.1.0.7"]) == "127.1.0.7"


def test_both_families_are_tried_by_turns() -> None:
    addresses = ["2::1", "2::2", "2::3", "1.0.0.1"]
    assert transport._by_turns(addresses) == ["2::1", "1.0.0.1", "2::2", "2::3"]


def test_the_error_of_the_first_address_is_told() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.1.0.1", "127.1.0.2"]

    async def run() -> None:
        async with Loopback({}) as server, gated_client(server, resolve=resolve) as client:
            with pytest.raises(httpx.ConnectError, match=r"127\.1\.0\.1") as caught:
                await client.get(server.url("http://a.example:@REFUSED@/"))
            assert isinstance(caught.value.__cause__, ConnectionRefusedError)

    asyncio.run(run())


# --- requests -----------------------------------------------------------------------------


def test_the_request_says_what_it_was_given_and_no_more() -> None:
    async def run() -> bytes:
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        ended = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.set_result(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer(204))
            await reader.read()
            writer.transport.abort()
            ended.set()

        server = await asyncio.start_server(serve, "127.1.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        gated = GatedTransport(Gate([ALLOWED], [port]), ssl.create_default_context())
        async with httpx.AsyncClient(transport=gated) as client:
            request = httpx.Request(
                "GET",
                f"http://127.1.0.1:{port}/",
                headers=[(b"Host", b"a.example"), (b"X-A", b"b")],
                extensions={"target": b"/%2f{}|?\xff"},
            )
            await client.send(request)
        server.close()
        await ended.wait()
        return await got

    expected = b"GET /%2f{}|?\xff HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n"
    assert asyncio.run(run()) == expected


def test_a_location_is_handed_on_as_it_came() -> None:
    async def use(server: Loopback, client: httpx.AsyncClient) -> None:
        response = await get(server, client)
        assert response.extensions["location"] == b"javascript:\xd6\xd0"

    with_server(
        b"HTTP/1.1 302 F\r\ncontent-length: 0\r\nLocation: javascript:\xd6\xd0\r\n\r\n", use
    )


def test_tls_connections_are_kept_too(certificates: Certificates) -> None:
    async def run() -> int:
        contexts = {"TLS": certificates.contexts["TLS"]}
        async with Loopback({"*": {"*": page()}}, contexts) as server:
            async with gated_client(server, certificates.client) as client:
                for number in range(3):
                    await client.get(server.url(f"https://{SECURE}:@TLS@/{number}"))
                    await asyncio.sleep(0.02)  # tickets come after the handshake
            return server.connections

    assert asyncio.run(run()) == 1


def test_a_name_without_an_address_is_an_error_of_names() -> None:
    async def run() -> None:
        async with Loopback({}) as server, gated_client(server) as client:
            await client.get(server.url("http://no-such-host.example:@HTTP@/"))

    with pytest.raises(socket.gaierror):
        asyncio.run(run())
