"""The limits of a connection, with times that a test can wait for: a real server on a socket,
with an application that only shows what reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from server.protocol import LARGEST_BODY, LARGEST_HEAD, MOST_HEADERS, BoundedProtocol

from .conftest import SECONDS, received, until

LARGE: Final = b"x" * (8 << 20)
STATUS: Final = re.compile(rb"HTTP/1\.1 (\d{3}) ")
HOST: Final = b"Host: x\r\n"
GET: Final = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
LAST: Final = b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


class Impatient(BoundedProtocol):
    """The same with shorter times."""

    head_seconds = 0.25
    body_seconds = 0.25
    read_seconds = 0.5
    linger_seconds = 0.25


class Patient(BoundedProtocol):
    """The same with times that no test waits for."""

    head_seconds = body_seconds = read_seconds = 60.0


class Application:
    """Answers with the number of bytes that it was sent; remembers what reached it."""

    def __init__(self) -> None:
        self.begun = 0
        self.under_way = 0
        self.most_under_way = 0
        self.left: list[str] = []
        self.opened = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._answer(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = await self._size(receive) if scope["method"] == "POST" else 0
        if scope["path"] == "/wait":
            while not self.opened.is_set():
                await asyncio.sleep(0.005)
        body = LARGE if scope["path"] == "/large" else str(size).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _size(self, receive: Receive) -> int:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.append("in the body")
                return size
            size += len(message["body"])
            if not message["more_body"]:
                return size


class Listener:
    """A server in a thread of its own."""

    def __init__(self, protocol: type[BoundedProtocol]) -> None:
        self.app = Application()
        config = uvicorn.Config(
            self.app,
            port=0,
            http=protocol,
            ws="none",
            loop="uvloop",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=1,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        until(lambda: self.server.started)
        self.port: int = self.server.servers[0].sockets[0].getsockname()[1]

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def raw(self, data: bytes) -> bytes:
        """What comes back until the connection is closed."""
        with self.connect() as client:
            client.sendall(data)
            return received(client)

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def stop(self) -> None:
        self.app.opened.set()
        self.server.should_exit = True
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def patient() -> Iterator[Listener]:
    listener = Listener(Patient)
    yield listener
    listener.stop()


@pytest.fixture(scope="module")
def impatient() -> Iterator[Listener]:
    listener = Listener(Impatient)
    yield listener
    listener.stop()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Whoever asks for nonsense does not fill the log."""
    yield caplog
    assert caplog.records == []


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answer)]


# --- sizes and shapes

POST: Final = b"POST / HTTP/1.1\r\n" + HOST


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (LAST, 200),
        (b"\r\n\r\n" + LAST, 200),
        (b"GET / HTTP/1.0\r\n\r\n", 200),
        (b"GET http://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEADERS - 2) + LAST[16:], 200),
        (b"GET /" + b"a" * 10_000 + LAST[5:], 200),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (LARGEST_HEAD - 100) + b"\r\n" + LAST[16:], 200),
        # No request at all.
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
        (b"\x00" * 1_000, 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        ("GET /tag/中 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 400),
        # RFC 9112 section 3.2.
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        # More than anybody needs.
        (b"GET /" + b"a" * 200_000 + LAST[5:], 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000 + b"\r\n" + LAST[16:], 431),
        (b"GET / HTTP/1.1\r\n" + b"a" * 200_000 + b": y\r\n" + LAST[16:], 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MOST_HEADERS + 1) + LAST[16:], 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + LAST[16:], 431),
        # Two ways to say where a body ends are one too many.
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 411),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 411),
        (POST + b"transfer-encoding: identity\r\n\r\n", 411),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 411),
        (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
        (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        (POST + b"Content-Length: 5, 5\r\n\r\nhello", 400),
        (POST + b"Content-Length: -1\r\n\r\n", 400),
        (POST + b"Content-Length: +5\r\n\r\nhello", 400),
        (POST + b"Content-Length: 0x5\r\n\r\nhello", 400),
        (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    ],
)
def test_a_request_is_answered_or_refused_and_the_connection_closed(
    patient: Listener, logged: pytest.LogCaptureFixture, request_: bytes, status: int
) -> None:
    answer = patient.raw(request_)
    assert statuses(answer) == [status]
    if status != 200:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert b"content-length: %d\r\n" % len(body) in head
        assert body.endswith(b".\n")


def test_nothing_is_smuggled_in_behind_a_refused_request(patient: Listener) -> None:
    begun = patient.app.begun
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    for head in (
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    ):
        assert len(statuses(patient.raw(POST + head + smuggled))) == 1
    assert patient.app.begun == begun


def test_a_refusal_reaches_who_is_still_sending(patient: Listener) -> None:
    """Rather than a reset that takes it away."""
    answers: list[bytes] = []
    with patient.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        reader = threading.Thread(target=lambda: answers.append(received(client)))
        reader.start()
        sent = 0
        while sent < 16 << 20:
            try:
                sent += client.send(b"a" * 65_536)
            except ConnectionError:
                break  # it was cut off, in the end
        reader.join()
    assert statuses(answers[0]) == [431]


def test_who_was_refused_may_go_on_for_a_moment(patient: Listener) -> None:
    """To what is closed a reset is the answer, and not every system lets one read on then."""
    with patient.connect() as client:
        client.sendall(b"garbage\r\n\r\n")
        assert statuses(received(client)) == [400]
        for _ in range(20):
            client.sendall(b"more garbage" * 1_000)
            time.sleep(0.005)


def test_a_body_that_is_too_large_is_cut_off(patient: Listener) -> None:
    head = POST + b"Content-Length: %d\r\n\r\n" % (LARGEST_BODY * 1_000)
    sent = 0
    answers: list[bytes] = []
    with patient.connect() as client:
        client.sendall(head)
        reader = threading.Thread(target=lambda: answers.append(received(client)))
        reader.start()
        with contextlib.suppress(ConnectionError):
            while reader.is_alive():
                sent += client.send(b"a" * (1 << 20))
        reader.join()
    assert sent > LARGEST_BODY
    assert statuses(answers[0]) == [413]


def test_a_body_that_nobody_wants_is_not_waited_for(patient: Listener) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"
    assert statuses(patient.raw(request)) == [200]


def test_a_client_that_asks_first_may_send_its_body(patient: Listener) -> None:
    with patient.connect() as client:
        client.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello" + LAST)
        answers = received(client)
    assert statuses(answers) == [200, 200]
    assert answers.split(b"\r\n\r\n")[1].startswith(b"5")


@pytest.mark.parametrize("leave", [socket.SHUT_WR, socket.SHUT_RDWR])
def test_who_leaves_within_a_body_is_gone(patient: Listener, leave: int) -> None:
    known = len(patient.app.left)
    with patient.connect() as client:
        client.sendall(POST + b"Content-Length: 50\r\n\r\nhello")
        client.shutdown(leave)
        until(lambda: len(patient.app.left) > known)
    until(lambda: patient.connections == 0)


# --- one after the other


def test_of_requests_in_a_row_one_is_under_way(patient: Listener) -> None:
    app = patient.app
    app.opened.clear()
    begun, app.most_under_way = app.begun, 0
    waiting = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
    with patient.connect() as client:
        client.sendall(waiting + GET * 5_000 + LAST)
        until(lambda: app.under_way == 1)
        # Another client is not held up by them.
        assert statuses(patient.raw(LAST)) == [200]
        assert app.begun == begun + 2
        app.opened.set()
        assert statuses(received(client)) == [200] * 5_002
    assert app.most_under_way == 2


def test_a_fault_in_a_later_request_takes_no_answer_from_an_earlier_one(
    patient: Listener,
) -> None:
    assert statuses(patient.raw(GET * 3 + b"garbage\r\n\r\n" + GET)) == [200] * 3 + [400]


def test_who_says_everything_at_once_gets_all_answers(patient: Listener) -> None:
    with patient.connect() as client:
        client.sendall(GET * 20)
        client.shutdown(socket.SHUT_WR)
        assert statuses(received(client)) == [200] * 20


body = st.binary(max_size=40) | st.just(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n") | st.just(b"\r\n")
posts = body.map(lambda data: POST + b"Content-Length: %d\r\n\r\n" % len(data) + data)
requests = st.lists(posts | st.just(GET) | st.just(b"\r\n" + GET), max_size=6)


@settings(max_examples=60, deadline=None)
@given(requests, st.lists(st.integers(0, 400), max_size=8))
def test_it_does_not_matter_how_requests_are_cut(
    patient: Listener, requests: Sequence[bytes], cuts: Sequence[int]
) -> None:
    data = b"".join([*requests, LAST])
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    with patient.connect() as client:
        for start, end in itertools.pairwise(places):
            client.sendall(data[start:end])
        answers = received(client)
    assert statuses(answers) == [200] * (len(requests) + 1)
    sizes = [int(part) for part in re.findall(rb"\r\n\r\n(\d+)", answers)]
    assert sizes == [len(each.partition(b"\r\n\r\n")[2]) for each in map(plain, [*requests, LAST])]


def plain(request: bytes) -> bytes:
    """A request without what came before it."""
    return request.removeprefix(b"\r\n")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 80), st.integers(0, 80))
def test_any_bytes_are_answered_or_closed(
    patient: Listener, noise: bytes, start: int, end: int
) -> None:
    for data in (noise, LAST[:start] + noise + LAST[end:]):
        with patient.connect() as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            answer = received(client)
        assert answer == b"" or STATUS.match(answer)


# --- times


def lasted(listener: Listener, act: Callable[[socket.socket], None]) -> tuple[float, bytes]:
    """How long a connection stayed open, and what came over it."""
    with listener.connect() as client:
        started = time.monotonic()
        act(client)
        answer = received(client)
        return time.monotonic() - started, answer


def test_who_says_nothing_is_let_go_without_a_word(impatient: Listener) -> None:
    seconds, answer = lasted(impatient, lambda client: None)
    assert 0.2 < seconds < 5
    assert answer == b""


@pytest.mark.parametrize(
    "begun", [b"G", b"GET / HTTP/1.1\r\n", GET[:-2], b"\r\n", GET + b"GET / HT"]
)
def test_a_head_has_its_time(impatient: Listener, begun: bytes) -> None:
    seconds, answer = lasted(impatient, lambda client: client.sendall(begun))
    assert 0.2 < seconds < 5
    assert statuses(answer) == [200] * begun.count(GET) + [408]


@pytest.mark.parametrize(("start", "crumb"), [(b"GET /", b"a"), (b"", b"\r\n")])
@pytest.mark.parametrize("before", [b"", GET])
def test_crumbs_do_not_prolong_the_time_of_a_head(
    impatient: Listener, before: bytes, start: bytes, crumb: bytes
) -> None:
    def drip(client: socket.socket) -> None:
        client.sendall(before + start + crumb)
        with contextlib.suppress(ConnectionError):
            while not gone(client):
                client.sendall(crumb)

    seconds, _ = lasted(impatient, drip)
    assert 0.2 < seconds < 5


def gone(client: socket.socket) -> bool:
    """Whether the other side closes within a moment; what it says is dropped."""
    client.settimeout(0.03)
    try:
        while client.recv(4_096):
            pass
    except TimeoutError:
        return False
    return True


def test_a_body_has_its_time(impatient: Listener) -> None:
    known = len(impatient.app.left)
    head = POST + b"Content-Length: 50\r\n\r\nhello"
    seconds, answer = lasted(impatient, lambda client: client.sendall(head))
    assert 0.2 < seconds < 5
    assert statuses(answer) == [408]
    until(lambda: len(impatient.app.left) > known)


def test_after_an_answer_there_is_a_time_for_the_next_request(impatient: Listener) -> None:
    """And a body or a slow request before does not count against it."""
    with impatient.connect() as client:
        client.sendall(POST + b"Content-Length: 5\r\n\r\nhe")
        client.sendall(b"llo")
        assert statuses(client.recv(4_096)) == [200]
        client.settimeout(0.4)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.sendall(GET)
        assert statuses(client.recv(4_096)) == [200]
        client.settimeout(SECONDS)
        assert received(client) == b""


def test_who_does_not_read_is_cut_off(impatient: Listener) -> None:
    large = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    clients, begun = [], impatient.app.begun
    for data in (large, large * 50, large[:-2] + b"Connection: close\r\n\r\n", GET * 100 + large):
        client = impatient.connect()
        client.sendall(data)
        clients.append(client)
    until(lambda: impatient.app.begun > begun + 103)
    until(lambda: impatient.connections == 0)
    for client in clients:
        assert len(received(client)) < len(LARGE)
        client.close()


def test_the_kernel_does_not_hold_much_for_who_does_not_read(patient: Listener) -> None:
    until(lambda: patient.connections == 0)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect(("127.0.0.1", patient.port))
        client.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: patient.connections == 1)
        (connection,) = patient.server.server_state.connections
        until(lambda: connection.transport.get_write_buffer_size() > 0)
        assert connection.transport.get_write_buffer_size() > len(LARGE) - (1 << 20)


def test_who_reads_slowly_but_reads_gets_everything(impatient: Listener) -> None:
    request = b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with impatient.connect() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.sendall(request)
        started = time.monotonic()
        parts = []
        while part := client.recv(256 << 10):
            parts.append(part)
            if len(parts) < 60:
                time.sleep(0.02)
        assert time.monotonic() - started > 2 * Impatient.read_seconds
    assert len(b"".join(parts).partition(b"\r\n\r\n")[2]) == len(LARGE)


def test_a_client_that_was_refused_is_gone_after_a_moment(impatient: Listener) -> None:
    with impatient.connect() as client:
        client.sendall(b"garbage\r\n\r\n")
        assert statuses(received(client)) == [400]
        # It keeps its side open; the server does not.
        until(lambda: impatient.connections == 0)
