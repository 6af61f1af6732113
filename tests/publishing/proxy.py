"""A proxy on loopback before a storage: it counts what is asked and does what a network does."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

SECONDS = 20.0
SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
NO_CONDITIONS = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>NotImplemented</Code>'
    b"<Message>A header you provided implies functionality that is not implemented</Message></Error>"
)


class Fault(Enum):
    """What becomes of a request."""

    CUT_BODY = auto()  # the connection ends in the middle of what is sent
    CUT_ANSWER = auto()  # it is done, and the connection ends in the middle of the answer
    LOST_ANSWER = auto()  # it is done, and nobody hears of it
    SLOW_DOWN = auto()
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


def once(method: str, ending: str, fault: Fault, times: int = 1) -> Callable[[Request], Fault | None]:
    """A fault of the first requests for something."""
    left = iter([fault] * times)

    def decide(request: Request) -> Fault | None:
        if request.method == method and request.path.endswith(ending):
            return next(left, None)
        return None

    return decide


@contextlib.contextmanager
def proxying(storage: str) -> Iterator[Proxy]:
    """A proxy before a storage, until the end of the context."""
    proxy = Proxy()
    target = urlsplit(storage).netloc
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _answer(self) -> None:
            conditional = "if-match" in self.headers or "if-none-match" in self.headers
            request = Request(self.command, unquote(urlsplit(self.path).path), conditional)
            with lock:
                proxy.requests.append(request)
                fault = proxy.fault(request)
            length = int(self.headers.get("content-length", 0))
            if fault is Fault.CUT_BODY:
                self.rfile.read(length // 2)
                self.close_connection = True
                return
            body = self.rfile.read(length)
            if fault is Fault.HELD:
                proxy.held.set()
                proxy.release.wait(SECONDS)
                self.close_connection = True
            elif fault is Fault.SLOW_DOWN:
                self._send(503, [], SLOW_DOWN)
            elif fault is Fault.NO_CONDITIONS:
                self._send(501, [], NO_CONDITIONS)
            else:
                self._forward(body, fault)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = _answer  # noqa: N815  http.server's

        def _forward(self, body: bytes, fault: Fault | None) -> None:
            connection = http.client.HTTPConnection(target, timeout=SECONDS)
            with contextlib.closing(connection):
                headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                if fault is Fault.LOST_ANSWER:
                    answer.read()
                    self.close_connection = True
                    return
                self._send(answer.status, answer.getheaders(), answer.read(), fault)

        def _send(
            self,
            status: int,
            headers: list[tuple[str, str]],
            body: bytes,
            fault: Fault | None = None,
        ) -> None:
            self.send_response_only(status)
            framing = ("content-length", "transfer-encoding", "connection")
            for name, value in headers:
                if name.lower() not in framing:
                    self.send_header(name, value)
            length = next((v for k, v in headers if k.lower() == "content-length"), len(body))
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if fault is Fault.CUT_ANSWER:
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            pass  # whoever is killed closes its connections

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield proxy
        finally:
            proxy.release.set()
            server.shutdown()
            thread.join()
