"""Servers on loopback for tests: raw bytes over real sockets, many hosts, TLS good and bad.

:class:`Loopback` answers for as many hosts as there are names, each with an address of its own
in ``127.1.0.0/16``. A :class:`Canary` listens where nobody may go, and counts who came.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

ALLOWED: Final = "127.1.0.0/16"
FORBIDDEN: Final = "127.0.0.1"
NO_HOST: Final = "no-such-host.example"


@dataclass
class Peer:
    """One request, and whoever sent it. ``number`` counts the requests for its path from 1."""

    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    host: str
    target: str
    headers: Mapping[str, str]
    number: int
    server: Loopback

    async def send(self, data: bytes) -> None:
        self.writer.write(self.server.filled(data))
        await self.writer.drain()

    def reset(self) -> None:
        """Close the connection by a reset instead of an end."""
        sock = self.writer.get_extra_info("socket")
        linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


Behaviour: TypeAlias = Callable[[Peer], Awaitable[None]]
Reply: TypeAlias = bytes | Behaviour | Sequence["bytes | Behaviour"]
Routes: TypeAlias = Mapping[str, Reply]


@dataclass
class Request:
    """What was asked, when (the loop's time), over which connection and at which address."""

    host: str
    target: str
    headers: Mapping[str, str]
    time: float
    connection: int
    address: str


@dataclass
class Loopback:
    """Answers as ``routes`` say: by host, then by path, ``*`` being any. Several replies are
    given one after the other, the last of them from then on. Bytes may hold ``@HTTP@`` and
    other names of ports. ``contexts`` are TLS ports by name."""

    routes: Mapping[str, Routes]
    contexts: Mapping[str, ssl.SSLContext] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    open: Counter[str] = field(default_factory=Counter)
    most_open: Counter[str] = field(default_factory=Counter)
    connections: int = 0

    async def __aenter__(self) -> Loopback:
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._addresses: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers = []
        plain = (("HTTP", None), ("CUT", None), ("PLAIN", None))
        for name, context in (*plain, *self.contexts.items()):
            serve = {"CUT": self._cut, "PLAIN": self._no_tls}.get(name, self._serve)
            server = await asyncio.start_server(serve, "0.0.0.0", 0, ssl=context, limit=1 << 20)
            self.ports[name] = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.ports["REFUSED"] = unused.getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The address of a host: one for every name."""
        if host.endswith(NO_HOST):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        number = len(self._addresses) + 1
        return [self._addresses.setdefault(host, f"127.1.{number // 250}.{number % 250 + 1}")]

    def filled(self, data: bytes) -> bytes:
        """Bytes with the ports that they name."""
        for name, port in self.ports.items():
            data = data.replace(b"@%s@" % name.encode(), b"%d" % port)
        return data

    def url(self, text: str) -> str:
        for name, port in self.ports.items():
            text = text.replace(f"@{name}@", str(port))
        return text

    # --- connections

    async def _cut(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    async def _no_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer(400, b"This is plain HTTP."))
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        address = writer.get_extra_info("sockname")[0]
        self.open[address] += 1
        self.most_open[address] = max(self.most_open[address], self.open[address])
        try:
            gone = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError)
            with contextlib.suppress(*gone, asyncio.CancelledError):
                await self._exchanges(reader, writer, self.connections)
        finally:
            self.open[address] -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchanges(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while not writer.is_closing():
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            host, target = headers["host"].rpartition(":")[0], first.split(" ")[1]
            now = asyncio.get_running_loop().time()
            address = writer.get_extra_info("sockname")[0]
            self.requests.append(Request(host, target, headers, now, connection, address))
            self._counts[host, target] += 1
            number = self._counts[host, target]
            peer = Peer(writer, reader, host, target, headers, number, self)
            routes = self.routes.get(host) or self.routes["*"]
            await self._reply(peer, routes.get(target) or routes["*"])

    async def _reply(self, peer: Peer, reply: Reply) -> None:
        if isinstance(reply, list | tuple):
            reply = reply[min(peer.number, len(reply)) - 1]
        if isinstance(reply, bytes):
            await peer.send(reply)
            if b"connection: close" in reply[:400].lower():
                peer.writer.close()
        elif callable(reply):
            await reply(peer)


@contextlib.contextmanager
def in_a_thread(
    routes: Mapping[str, Routes], contexts: Mapping[str, ssl.SSLContext] = {}
) -> Iterator[Loopback]:
    """Servers for other processes, or for another event loop."""
    ready: Future[tuple[Loopback, Callable[[], object]]] = Future()

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with Loopback(routes, contexts) as server:
            ready.set_result((server, lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    server, end = ready.result(10)
    try:
        yield server
    finally:
        end()
        thread.join()


class Canary:
    """A server that nobody may talk to. ``visits`` are the connections that were made."""

    def __init__(self, address: str = FORBIDDEN) -> None:
        self._address = address
        self.visits = 0
        self.port = 0

    async def __aenter__(self) -> Canary:
        self._server = await asyncio.start_server(self._serve, self._address, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
        writer.close()


# --- answers ------------------------------------------------------------------------------


def answer(
    status: int, body: bytes = b"", *lines: str, kind: str = "text/html; charset=utf-8"
) -> bytes:
    """An answer that says how long it is."""
    head = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(body)}", *lines]
    if body:
        head.append(f"content-type: {kind}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def page(body: str = "<p>Some text.</p>", title: str = "A page", *lines: str) -> bytes:
    """A page as it should be."""
    text = f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"
    return answer(200, text.encode(), *lines)


def leads(to: str, status: int = 302, *lines: str) -> bytes:
    """A redirect."""
    return answer(status, b"", f"location: {to}", *lines)


# --- certificates -------------------------------------------------------------------------

CA_CONFIG = """\
[ca]
default_ca = ca
[ca]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
[v3_ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
"""


class Authority:
    """An authority for tests, made by ``openssl`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "ca.pem"
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("01")
        (folder / "ca.conf").write_text(CA_CONFIG.format(folder=folder))
        self._make_key("ca")
        self._openssl(
            *("req", "-x509", "-new", "-key", "ca.key", "-out", "ca.pem", "-days", "2"),
            *("-subj", "/CN=Tests", "-extensions", "v3_ca", "-config", "ca.conf"),
        )

    def context(
        self, name: str, host: str, begins: str = "200101000000Z", ends: str = ""
    ) -> ssl.SSLContext:
        """A server's context with a certificate for a host, from and until a time."""
        self._make_key(name)
        self._openssl(
            *("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-config", "ca.conf"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
        )
        until = ("-enddate", ends) if ends else ("-days", "36500")
        self._openssl(
            *("ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem"),
            *("-keyfile", "ca.key", "-in", f"{name}.csr", "-out", f"{name}.pem"),
            *("-startdate", begins, *until),
        )
        return self._context(name)

    def self_signed(self, name: str, host: str) -> ssl.SSLContext:
        self._make_key(name)
        self._openssl(
            *("req", "-x509", "-new", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", "2"),
            *("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"),
            *("-config", "ca.conf"),
        )
        return self._context(name)

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        return context

    def _make_key(self, name: str) -> None:
        self._openssl(
            *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-out", f"{name}.key"),
        )

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
