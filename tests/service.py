"""``feeds serve`` as the process that it is, on a free port of loopback."""

from __future__ import annotations

import contextlib
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx

SECONDS: Final = 20.0
# What is started with it does not outlive the tests, even if they are killed.
SETPRIV: Final = shutil.which("setpriv")
TIED: Final = (SETPRIV, "--pdeathsig", "TERM") if SETPRIV else ()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(what: Callable[[], bool], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        pause.wait(0.02)


class Service:
    """A running service: ``log`` are its lines so far."""

    def __init__(self, site: Path, port: int, *options: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        command = [sys.executable, "-m", "feeds", "serve", str(site), "--port", str(port)]
        self._process = subprocess.Popen(
            [*TIED, *command, *options], stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            self._lines.put(line)

    def said(self, text: str) -> str:
        """The next line of the log with a text in it."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise AssertionError(f"{text!r} is not in {''.join(self.log)}") from None
            if text in line:
                return line

    def get(self, path: str, **options: object) -> httpx.Response:
        # A connection of its own; certificates would only take their time to be loaded.
        url = f"{self.url}/{path}"
        return httpx.get(url, timeout=SECONDS, verify=False, **options)  # type: ignore[arg-type]

    def holds(self, path: str, text: str) -> bool:
        return text in self.get(path).text

    def stop(self) -> float:
        """Stop it; the seconds that it took."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(SECONDS)
        took = time.monotonic() - started
        self._reader.join(SECONDS)
        assert self._process.stderr is not None
        self._process.stderr.close()
        assert code in (0, -signal.SIGTERM), "".join(self.log)
        assert "Traceback" not in "".join(self.log), "".join(self.log)
        return took

    def stop_at_once(self) -> None:
        try:
            if self._process.poll() is None:
                self._process.terminate()
                self._process.wait(SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
        self._reader.join(SECONDS)
        if self._process.stderr is not None:
            self._process.stderr.close()


@contextlib.contextmanager
def serving(site: Path, port: int, *options: str) -> Iterator[Service]:
    """A service that has built the site and answers."""
    service = Service(site, port, *options)
    try:
        service.said("built in")
        wait_until(lambda: answers(service))
        yield service
    finally:
        service.stop_at_once()


def answers(service: Service) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return service.get("readyz").status_code == 200
    return False
