"""A WebSub hub and a subscriber on loopback, for tests: real servers, real requests.

The hub takes what publishers tell it (PubSubHubbub 0.4 section 7), verifies subscriptions by
a challenge (WebSub section 5.3), fetches what was published and delivers it with a signature
(section 7.1), which the subscriber verifies. Faults are its own: ``replies`` says how the next
messages of publishers are answered, ``held`` keeps them without an answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import queue
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

SECONDS: Final = 20.0
LINK: Final = re.compile(r'<([^>]*)>;\s*rel="?([^",;]*)')


class Reply(NamedTuple):
    """How the hub answers a message of a publisher."""

    status: int
    headers: Mapping[str, str] = {}


class Message(NamedTuple):
    """A message of a publisher: every field, and what the hub could fetch right then."""

    fields: Mapping[str, list[str]]
    fetched: Mapping[str, httpx.Response]

    @property
    def topics(self) -> list[str]:
        return self.fields.get("hub.url", [])


class Delivery(NamedTuple):
    """What a subscriber was given; ``signed`` if the signature is that of the body."""

    topic: str
    body: bytes
    media_type: str
    signed: bool


class Loopback:
    """A server in threads of its own."""

    def __init__(self, path: str = "/") -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer_get(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.answer_post(self, body)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                pass  # whoever goes away before the answer is a part of the tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def release(self) -> None:
        """Let everything go that is kept waiting."""

    def answer_get(self, request: BaseHTTPRequestHandler) -> None:
        send(request, 405)

    def answer_post(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        send(request, 405)


def fetch(topic: str) -> httpx.Response:
    """Over plain HTTP; certificates would only take their time to be loaded."""
    return httpx.get(topic, verify=False)


def send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    if status >= 200 and status != 204:
        request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class Hub(Loopback):
    """A hub. ``refuses`` says which messages are answered 400, ``fetches`` whether it looks."""

    def __init__(self, fetches: bool = True, refuses: Callable[[Message], bool] | None = None):
        super().__init__("/hub")
        self.messages: queue.Queue[Message] = queue.Queue()
        self.verified: queue.Queue[bool] = queue.Queue()
        self.replies: list[Reply] = []
        self.held: threading.Event | None = None
        self._fetches = fetches
        self._refuses = refuses or (lambda message: False)
        self._subscribers: dict[str, dict[str, str]] = {}

    def next_message(self) -> Message:
        return self.messages.get(timeout=SECONDS)

    def all_messages(self) -> list[Message]:
        """Those that came and were not looked at."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self.messages.get_nowait())
        return found

    def release(self) -> None:
        if self.held:
            self.held.set()

    def answer_post(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True)
        mode = fields.get("hub.mode", [""])[0]
        if mode == "publish":
            self._published(request, fields)
        elif mode == "subscribe":
            send(request, 202)
            self._verify({name: value[0] for name, value in fields.items()})
        else:
            send(request, 400)

    def _published(self, request: BaseHTTPRequestHandler, fields: dict[str, list[str]]) -> None:
        topics = fields.get("hub.url", [])
        fetched = {topic: fetch(topic) for topic in topics} if self._fetches else {}
        message = Message(fields, fetched)
        self.messages.put(message)
        if self.held:
            self.held.wait(SECONDS)
        reply = self.replies.pop(0) if self.replies else Reply(204)
        if self._refuses(message):
            reply = Reply(400)
        send(request, reply.status, headers=reply.headers)
        if reply.status < 300:
            for topic, answer in fetched.items():
                self._deliver(topic, answer)

    def _verify(self, asked: Mapping[str, str]) -> None:
        challenge = secrets.token_hex(16)
        question = {
            "hub.mode": "subscribe",
            "hub.topic": asked["hub.topic"],
            "hub.challenge": challenge,
            "hub.lease_seconds": "864000",
        }
        answer = httpx.get(f"{asked['hub.callback']}?{urlencode(question)}")
        good = answer.is_success and answer.text == challenge
        if good:
            secret = asked.get("hub.secret", "")
            self._subscribers.setdefault(asked["hub.topic"], {})[asked["hub.callback"]] = secret
        self.verified.put(good)

    def _deliver(self, topic: str, answer: httpx.Response) -> None:
        for callback, secret in self._subscribers.get(topic, {}).items():
            signature = hmac.new(secret.encode(), answer.content, hashlib.sha256).hexdigest()
            headers = {
                "content-type": answer.headers["content-type"],
                "link": answer.headers["link"],
                "x-hub-signature": f"sha256={signature}",
            }
            httpx.post(callback, content=answer.content, headers=headers)


class Subscriber(Loopback):
    """A subscriber, which finds the hub of a topic in the topic's own headers."""

    def __init__(self) -> None:
        super().__init__("/callback")
        self.deliveries: queue.Queue[Delivery] = queue.Queue()
        self._secrets: dict[str, str] = {}

    def subscribe(self, topic: str) -> None:
        """Ask the hub that the topic names (WebSub sections 4 and 5.1)."""
        links = {rel: url for url, rel in LINK.findall(httpx.get(topic).headers["link"])}
        assert links["self"] == topic
        self._secrets[topic] = secrets.token_hex(16)
        fields = {
            "hub.mode": "subscribe",
            "hub.topic": topic,
            "hub.callback": self.url,
            "hub.secret": self._secrets[topic],
            "hub.lease_seconds": "864000",
        }
        assert httpx.post(links["hub"], data=fields).status_code == 202

    def next_delivery(self) -> Delivery:
        return self.deliveries.get(timeout=SECONDS)

    def answer_get(self, request: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(request.path).query)
        if asked.get("hub.topic", [""])[0] in self._secrets:
            send(request, 200, asked["hub.challenge"][0].encode())
        else:
            send(request, 404)

    def answer_post(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = request.headers
        links = {rel: url for url, rel in LINK.findall(headers.get("link", ""))}
        topic = links.get("self", "")
        method, _, given = headers.get("x-hub-signature", "").partition("=")
        key = self._secrets.get(topic, "").encode()
        wanted = hmac.new(key, body, method).hexdigest() if method else ""
        signed = bool(key) and hmac.compare_digest(given, wanted)
        send(request, 204)
        self.deliveries.put(Delivery(topic, body, headers.get("content-type", ""), signed))


@contextlib.contextmanager
def silent_server(answer: Callable[[Any], None]) -> Iterator[str]:
    """A server that does what it likes with its connections; its address."""
    import socket

    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    answer(connection)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hub"
    finally:
        # Closing does not wake who waits for a connection.
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
