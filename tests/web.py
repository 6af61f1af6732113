"""A small web for the link checker to ask: a real server whose pages a test decides."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass
class Web:
    """A server with pages: status by path, 200 if it is not in there; counts what it is asked.

    ``headers`` are what else it says, ``seen`` the headers of the last request, both by path,
    the names of the latter in small letters.
    """

    host: str = "127.0.0.1"
    port: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    headers: dict[str, Mapping[str, str]] = field(default_factory=dict)
    seen: dict[str, Mapping[str, str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hold: Event | None = None
    copies: dict[str, Any] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return f"http://{self.host}:{self.port}{path}"


@contextmanager
def serving(context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Web]:
    """A server on a loopback address until the end of the context, over TLS if so wished."""
    web = Web(host)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet

        def do_GET(self) -> None:
            web.asked[self.path] += 1
            web.seen[self.path] = {name.lower(): value for name, value in self.headers.items()}
            if web.hold is not None:
                web.hold.wait(30)
            body = b"<title>page</title>"
            if self.path.startswith("/available?"):
                body = json.dumps(web.copies).encode()
            status = 301 if self.path in web.moved else web.statuses.get(self.path, 200)
            self.send_response(status)
            if status == 301:
                self.send_header("Location", web.moved[self.path])
            for name, value in web.headers.get(self.path, {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # whoever is killed closes its connections

    with Server((host, 0), Handler) as server:
        web.port = server.server_port
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield web
        finally:
            if web.hold:
                web.hold.set()
            server.shutdown()
            thread.join()
