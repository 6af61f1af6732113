"""A proxy on loopback before a storage: it counts what is asked and does what a network does."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

HELD_SECONDS = 20.0
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
REFUSED = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>AccessDenied</Code><Message>Not with the-key, the-secret.</Message></Error>"
)
NO_CONDITIONS = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>NotImplemented</Code><Message>A header is not implemented.</Message></Error>"
)
BAD_DIGEST = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>BadDigest</Code><Message>Not the Content-MD5 you gave.</Message></Error>"
)


class Fault(Enum):
    """What becomes of a request."""

    CUT_BODY = auto()  # the connection ends in the middle of what is sent
    CUT_ANSWER = auto()  # it is done, and the connection ends in the middle of the answer
    LOST_ANSWER = auto()  # it is done, and nobody hears of it
    SLOW_DOWN = auto()
    REFUSED = auto()  # and so it would be if it were asked again
    NO_CONDITIONS = auto()
    HELD = auto()  # until the proxy is told to go on, and then cut


class Request(NamedTuple):
    """What was asked: the path without percent signs, and whether it had a condition."""

    method: str
    path: str
    conditional: bool = False


@dataclass
class Proxy:
    """``fault`` decides what becomes of a request; ``requests`` are all that came."""

    url: str = ""
    fault: Callable[[Request], Fault | None] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def asked(self, method: str) -> list[str]:
        """The paths that were asked for by a method."""
        return [request.path for request in self.requests if request.method == method]


def once(
    method: str, ending: str, fault: Fault, times: int = 1
) -> Callable[[Request], Fault | None]:
    """A fault of the first requests for something."""
    left = iter([fault] * times)

    def decide(request: Request) -> Fault | None:
        if request.method == method and request.path.endswith(ending):
            return next(left, None)
        return None

    return decide


class _Handler(BaseHTTPRequestHandler):
    """One connection of a proxy to the storage at ``target``."""

    protocol_version = "HTTP/1.1"
    proxy: Proxy
    target: str
    lock: threading.Lock

    def _answer(self) -> None:
        conditional = "if-match" in self.headers or "if-none-match" in self.headers
        request = Request(self.command, unquote(urlsplit(self.path).path), conditional)
        with self.lock:
            self.proxy.requests.append(request)
            fault = self.proxy.fault(request)
        length = int(self.headers.get("content-length", 0))
        if fault is Fault.CUT_BODY:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if fault is Fault.HELD:
            self.proxy.held.set()
            self.proxy.release.wait(HELD_SECONDS)
            self.close_connection = True
        elif fault is Fault.SLOW_DOWN:
            self._send(503, {}, SLOW_DOWN)
        elif fault is Fault.REFUSED:
            self._send(403, {}, REFUSED)
        elif fault is Fault.NO_CONDITIONS:
            self._send(501, {}, NO_CONDITIONS)
        elif self.command == "PUT" and self.headers["content-md5"] != digest(body):
            self._send(400, {}, BAD_DIGEST)
        else:
            self._forward(body, fault)

    # The names are http.server's.
    do_GET = do_HEAD = do_PUT = do_DELETE = _answer  # noqa: N815

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        connection = http.client.HTTPConnection(self.target, timeout=HELD_SECONDS)
        with contextlib.closing(connection):
            headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            found = answer.read()
            if fault is Fault.LOST_ANSWER:
                self.close_connection = True
                return
            self._send(answer.status, dict(answer.getheaders()), found, fault)

    def _send(
        self, status: int, headers: Mapping[str, str], body: bytes, fault: Fault | None = None
    ) -> None:
        self.send_response_only(status)
        lengths = [value for name, value in headers.items() if name.lower() == "content-length"]
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", (lengths or [str(len(body))])[0])
        self.end_headers()
        if fault is Fault.CUT_ANSWER:
            self.close_connection = True
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def digest(body: bytes) -> str:
    """Content-MD5 (RFC 1864)."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode("ascii")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        pass  # whoever is killed closes its connections


@contextlib.contextmanager
def proxying(storage: str) -> Iterator[Proxy]:
    """A proxy before a storage, until the end of the context."""
    proxy = Proxy()
    facts = {"proxy": proxy, "target": urlsplit(storage).netloc, "lock": threading.Lock()}
    with _Server(("127.0.0.1", 0), type("Handler", (_Handler,), facts)) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release.set()
            server.shutdown()
            thread.join()
