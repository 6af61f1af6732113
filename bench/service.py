"""A server as the processes that it is: started on a core, asked, measured, stopped.

In: a command. Out: a :class:`Service` that answers at a free port of the loopback interface;
its processes are all that descend from it (:mod:`bench.processes`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import processes
from bench.load import pinned
from bench.measure import FailedError

CHECKOUT: Final = Path(__file__).parent.parent
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.005

# A server is at rest when it spent less than this in that time.
REST_SECONDS: Final = 1.0
REST_CPU: Final = 0.03
LONGEST_REST: Final = 120.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Service:
    """A server that runs; ``leader`` is its first process, ``started`` on the monotonic clock."""

    leader: int
    port: int
    started: float

    def url(self, path: str) -> str:
        return f"http://{HOST}:{self.port}{path}"

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=START_SECONDS)
        with contextlib.closing(connection):
            return ask(connection, path, headers or {})

    def memory(self) -> int:
        """What all its processes hold together, in bytes."""
        return processes.memory(self.leader)

    def rest(self) -> None:
        """Return when it has nothing to do any more."""
        deadline = time.monotonic() + LONGEST_REST
        while time.monotonic() < deadline:
            before = processes.cpu_seconds(self.leader)
            time.sleep(REST_SECONDS)
            if processes.cpu_seconds(self.leader) - before < REST_CPU:
                return
        raise FailedError(f"the server found no rest within {LONGEST_REST:.0f} s")


def ask(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> Reply:
    """One request with these headers and no others but Host."""
    connection.putrequest("GET", path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return Reply(response.status, found, response.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, path: str, core: int | None = None
) -> Iterator[Service]:
    """A server that answers 200 at ``path``; stopped at the end.

    Raises :class:`~bench.measure.FailedError` with what it said if it does not get so far.
    """
    with tempfile.TemporaryFile() as said:
        started = time.monotonic()
        process = subprocess.Popen(
            [*pinned(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            cwd=CHECKOUT,
            start_new_session=True,
        )
        service = Service(process.pid, port, started)
        try:
            if not _answers(service, path, process):
                said.seek(0)
                words = said.read().decode("utf-8", "replace").strip()
                raise FailedError(f"{command!r} does not answer at {path}:\n{words}")
            yield service
        finally:
            _stop(process)


def _answers(service: Service, path: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = service.started + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if service.ask(path).status == 200:
                return True
        time.sleep(POLL_SECONDS)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server as a person would; what is left of it is killed."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
