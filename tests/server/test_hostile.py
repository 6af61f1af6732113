"""Clients that mean harm, many at a time, against a real `feeds serve`: others are served
meanwhile, and memory stays what it was."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ..conftest import write_post
from .conftest import Server, make_site, received, running, until

GET: Final = b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n"
MISSING: Final = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"
MANY: Final = 1_000
# What a thousand connections may take, at 32 KiB and some objects each.
ROOM: Final = 64 << 20


@pytest.fixture(scope="module", autouse=True)
def open_files() -> Iterator[None]:
    """Every client is an open file here, too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY * 4
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open on this machine")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    root = make_site(folder / "site", '[server]\nwebhook_secret = "of the tests"\n')
    for number in range(20):
        write_post(root, f"{number}.md", body="a long post " * 4_000)
    with running(root) as server:
        assert len(server.ask().body) > 900_000
        # What it takes to have answered many at once belongs to it from then on.
        with contextlib.ExitStack() as stack:
            crowd(server, stack, 200, GET)
        yield server


@pytest.fixture(autouse=True)
def unmoved(server: Server) -> Iterator[None]:
    """After every attack memory is what it was, nobody was told of it, and all is well."""
    before, lines = server.memory(), len(server.log.splitlines())
    yield
    reply = server.ask(accept_encoding="gzip", timeout=60)
    assert reply.status == 200
    assert server.memory() < before + ROOM
    assert len(server.log.splitlines()) == lines
    until(lambda: connections(server) < 50)


def connections(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def crowd(
    server: Server, stack: contextlib.ExitStack, number: int, data: bytes
) -> list[socket.socket]:
    """Many clients that send something and then do nothing, not even read."""
    clients = [stack.enter_context(server.connect()) for _ in range(number)]
    for client in clients:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError, ConnectionError):
            client.send(data)
    return clients


def served_meanwhile(server: Server, requests: int = 20) -> float:
    """The longest time that a client waits which only wants to know what is new."""
    longest = 0.0
    for _ in range(requests):
        started = time.monotonic()
        assert server.ask(if_none_match="*", timeout=60).status == 304
        longest = max(longest, time.monotonic() - started)
    return longest


# --- many at once


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 30_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 99,
        b"POST /-/rebuild HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n" + b"a" * 9_000,
    ],
    ids=["nothing", "half a head", "a long header", "many headers", "half a body"],
)
def test_a_thousand_who_are_not_done_hold_nobody_up(server: Server, data: bytes) -> None:
    before = server.memory()
    with contextlib.ExitStack() as stack:
        crowd(server, stack, MANY, data)
        until(lambda: connections(server) > MANY)
        assert served_meanwhile(server) < 2
        assert server.memory() < before + ROOM


@pytest.mark.parametrize(
    "data",
    [GET, GET * 100, MISSING * 100 + GET * 10, GET[:-2] + b"Connection: close\r\n\r\n"],
    ids=["one", "a hundred", "small and large", "the last"],
)
def test_who_does_not_read_what_he_asked_for_costs_next_to_nothing(
    server: Server, data: bytes
) -> None:
    """All of them have the same bytes waiting for them."""
    before = server.memory()
    with contextlib.ExitStack() as stack:
        crowd(server, stack, 300, data)
        until(lambda: connections(server) > 300)
        served_meanwhile(server, 1)  # as soon as all have been seen to once
        assert served_meanwhile(server) < 2
        assert server.memory() < before + ROOM


def test_many_requests_in_a_row_hold_nobody_up(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = crowd(server, stack, 20, MISSING * 2_000)
        assert served_meanwhile(server) < 2
        for client in clients:
            client.close()


# --- large


@pytest.mark.parametrize(
    ("start", "more", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"a", [431]),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", [431]),
        (b"GET /", b"a", [414]),
        (b"\r\n", b"\r\n", [431]),
        (b"", b"a", [400]),
        (b"GET /feed.json HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"a", [200]),
        (b"POST /feed.json HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"a", [405]),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", [411]),
        (b"POST /-/rebuild HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", b"a", [413]),
    ],
    ids=lambda value: value[:40] if isinstance(value, bytes) else None,
)
def test_what_has_no_end_is_ended(
    server: Server, start: bytes, more: bytes, statuses: list[int]
) -> None:
    """A flood of up to 64 MB; the answer comes through or the connection is closed."""
    block = more * (65_536 // len(more))
    answer = b""
    before, most = server.memory(), 0
    with server.connect() as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(start)
            for number in range(1_000):
                client.sendall(block)
                if number % 100 == 0:
                    most = max(most, server.memory())
        answer = received(client)
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]
    assert found in (statuses, [])
    assert most < before + ROOM


def test_twenty_thousand_headers_are_too_many(server: Server) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000
    assert server.raw(head + b"\r\n").startswith(b"HTTP/1.1 431 ")


def test_a_header_of_sixteen_megabytes_is_too_large(server: Server) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (16 << 20)
    assert server.raw(head + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_an_address_of_two_hundred_kilobytes_is_too_large(server: Server) -> None:
    address = b"/tag/" + b"a" * 200_000
    assert server.raw(GET.replace(b"/feed.atom", address)).startswith(b"HTTP/1.1 414 ")


# --- strange


@pytest.mark.parametrize(
    "path",
    [
        "/%00",
        "/%ff%fe",
        "/feed.atom%00",
        "/feed.atom%0d%0aSet-Cookie:%20a=b",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/../../etc/passwd",
        "/.feeds/ledger.sqlite",
        "/config.toml",
        "/posts/0.md",
        "/" + "%E4%B8%AD" * 1_000,
        "/" + "a/" * 4_000,
        "/;/feed.atom",
        "/feed.atom;x=y",
        "/\\feed.atom",
    ],
)
def test_strange_paths_lead_nowhere(server: Server, path: str) -> None:
    answer = server.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nset-cookie" not in answer.lower()


@pytest.mark.parametrize(
    "headers",
    [
        'If-None-Match: "' + "a" * 30_000 + '"',
        "If-None-Match: " + ",".join(['"x"'] * 5_000),
        "If-Modified-Since: " + "9" * 30_000,
        "Accept-Encoding: " + "gzip;q=0.1," * 2_500,
        "Accept-Encoding: gzip;q=" + "9" * 30_000,
        "A-IM: " + "feed," * 5_000,
        "X-Forwarded-For: " + "1.2.3.4," * 3_000,
        "X-Forwarded-For: \xff\xfe",
        "User-Agent: \xff" + "x" * 30_000,
        "User-Agent: " + "9" * 30_000 + " subscribers",
        "Range: bytes=" + "0-1," * 5_000,
        "Cookie: " + "a=b;" * 7_000,
    ],
    ids=lambda value: value[:20],
)
def test_strange_headers_are_answered_as_if_they_were_none(server: Server, headers: str) -> None:
    request = f"GET /feed.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n\r\n"
    started = time.monotonic()
    answer = server.raw(request.encode("latin-1"))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - started < 2
