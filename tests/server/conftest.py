"""A real ``feeds serve`` on a free port, clients for it, and sites to serve."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import pytest

from feeds.manifest import MANIFEST

from ..conftest import CONFIG
from ..service import TIED

T = TypeVar("T")

# What has to happen soon may take longer on a machine that is busy with other things.
SECONDS: Final = 20.0
RUNNING: Final = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")
FEEDS: Final = (sys.executable, "-m", "feeds")
BUILT: Final = re.compile(r"built in [\d.]+ s: ")


@dataclass(frozen=True)
class Reply:
    """An answer, as it came over the socket."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def __getitem__(self, name: str) -> str:
        """The value of a header that has to be there once."""
        values = self.all(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))


class Process(NamedTuple):
    """A process, told by when it started from another that gets its number."""

    pid: int
    parent: int
    started: str
    command: str


@dataclass
class Server:
    """A running ``feeds serve``."""

    root: Path
    process: subprocess.Popen[bytes]
    log_path: Path
    port: int = 0
    seen: set[tuple[int, str]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8")

    @property
    def builds(self) -> int:
        """How many builds changed anything so far."""
        return len(BUILT.findall(self.log))

    # --- asking

    def ask(
        self,
        path: str = "/feed.atom",
        method: str = "GET",
        body: bytes | None = None,
        timeout: float = SECONDS,
        **headers: str,
    ) -> Reply:
        """One request with exactly these headers, a ``_`` standing for ``-``."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(method, path, given, body, timeout)

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float = SECONDS,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_accept_encoding=True, skip_host=True)
            for name, value in {"host": "127.0.0.1", **headers}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = [(name.lower(), value) for name, value in response.getheaders()]
            return Reply(response.status, found, response.read())

    def connect(self, timeout: float = SECONDS) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data: bytes, timeout: float = SECONDS) -> bytes:
        """What comes back on a connection of its own until it is closed."""
        with self.connect(timeout) as client:
            with contextlib.suppress(ConnectionError):
                client.sendall(data)
            return received(client)

    # --- processes

    def descendants(self) -> list[Process]:
        """All processes that it started, and that they started."""
        children: dict[int, list[Process]] = {}
        for process in processes():
            children.setdefault(process.parent, []).append(process)
        found: list[Process] = []
        waiting = [self.process.pid]
        while waiting:
            more = children.get(waiting.pop(), [])
            found += more
            waiting += [process.pid for process in more]
        self.seen.update((process.pid, process.started) for process in found)
        return found

    def builders(self) -> list[int]:
        return [each.pid for each in self.descendants() if "server.builder" in each.command]

    def workers(self) -> list[int]:
        """The processes that answer, where there are several."""
        own = [each for each in self.descendants() if each.parent == self.process.pid]
        return [each.pid for each in own if "spawn_main" in each.command]

    def memory(self) -> int:
        """Bytes of memory that the processes that answer have to themselves."""
        total = 0
        for pid in [self.process.pid, *self.workers()]:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(kb) for kb in re.findall(r"^Private_\w+: +(\d+) kB", text, re.M))
        return total * 1024

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it as an operator does; its exit code."""
        self.descendants()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def clean_up(self) -> None:
        """End it, and whatever is left of it."""
        try:
            self.stop()
        finally:
            for left in processes():
                if (left.pid, left.started) in self.seen:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(left.pid, signal.SIGKILL)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def processes() -> list[Process]:
    """Every process of the machine that runs; who is dead and not yet buried has no command."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text("utf-8", "replace")
            if command:
                found.append(Process(int(folder.name), int(fields[1]), fields[19], command))
    return found


def received(client: socket.socket) -> bytes:
    """Everything until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := client.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def until(found: Callable[[], T], seconds: float = SECONDS) -> T:
    """Wait for something to become true; what it was in the end."""
    deadline = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextlib.contextmanager
def running(
    root: Path, *options: str, ready: bool = True, program: Sequence[str] = FEEDS
) -> Iterator[Server]:
    """``feeds serve`` for a site, ready to answer; ended at the end whatever happens."""
    log_path = root.parent / f"{root.name}-{time.monotonic_ns()}.log"
    command = [*program, "serve", str(root), "--port", "0", *options]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*TIED, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=root.parent,
            start_new_session=True,
        )
    server = Server(root, process, log_path)
    try:
        server.port = until(lambda: _port(server))
        if ready:
            until(lambda: _is_ready(server))
        yield server
    except BaseException:
        sys.stderr.write(server.log)
        raise
    finally:
        server.clean_up()


def _port(server: Server) -> int:
    assert server.process.poll() is None, server.log
    match = RUNNING.search(server.log)
    return int(match[1]) if match else 0


def _is_ready(server: Server) -> bool:
    assert server.process.poll() is None, server.log
    with contextlib.suppress(OSError):
        reply = server.ask("/readyz")
        return reply.status == 200 and b'"good":true' in reply.body
    return False


def make_site(root: Path, config: str = "") -> Path:
    """An empty site; ``config`` is put after what every site has."""
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG + config, "utf-8")
    return root


def hashes(root: Path) -> dict[str, str]:
    """What a build wrote, by path below the output; comments in its manifest aside."""
    lines = (root / "public" / MANIFEST).read_text("utf-8").splitlines()
    entries = [line.partition("  ") for line in lines if not line.startswith("#")]
    return {path: hash for hash, _, path in entries}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the sites of a module."""
    return tmp_path_factory.mktemp("sites")
