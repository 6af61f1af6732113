"""A Dask cluster as the processes that it is, on loopback."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from .service import TIED, free_port, wait_until

CHECKOUT: Final = Path(__file__).parents[1]
# A machine without feeds, and one that has it but not the folder of the site: whatever Python
# opens there is not found, as the kernel would say of a folder that is not mounted.
WITHOUT_FEEDS: Final = "import sys; sys.modules['feeds'] = None"
BLIND: Final = """\
import sys
def not_there(event, arguments):
    if event == "open" and str(arguments[0]).startswith({folder!r}):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])
sys.addaudithook(not_there)
"""
START: Final = "\nfrom distributed.cli.dask_{what} import main; main()"


class Scheduler(NamedTuple):
    """A scheduler that runs."""

    address: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def scheduler(folder: Path, before: str = "", **settings: str) -> Iterator[Scheduler]:
    """A scheduler; its machine does ``before`` first. ``settings`` are Dask's."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard", "--no-show"]
    log = folder / f"scheduler-{port}.log"
    environment = {f"DASK_DISTRIBUTED__{key}": value for key, value in settings.items()}
    with machine("scheduler", arguments, log, before, environment) as process:
        wait_until(lambda: "Scheduler at" in said(log, process))
        yield Scheduler(address, process)


@contextlib.contextmanager
def workers(
    address: str,
    folder: Path,
    count: int = 1,
    before: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers, each one process."""
    arguments = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    arguments += ["--local-directory", str(folder)]
    with ExitStack() as stack:
        started = []
        for _ in range(count):
            log = folder / f"worker-{free_port()}.log"
            running = machine("worker", arguments, log, before, environment or {})
            started.append((stack.enter_context(running), log))
        for process, log in started:
            wait_until(lambda log=log, process=process: "Registered to" in said(log, process))  # type: ignore[misc]
        yield [process for process, _ in started]


@contextlib.contextmanager
def machine(
    what: str, arguments: Sequence[str], log: Path, before: str, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    code = before + START.format(what=what)
    # Its own process ends by a signal, and coverage would only slow it down.
    own = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*TIED, sys.executable, "-c", code, *arguments],
            stdout=output,
            stderr=output,
            env={**own, "PYTHONPATH": str(CHECKOUT), **environment},
            cwd=log.parent,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def said(log: Path, process: subprocess.Popen[bytes]) -> str:
    text = log.read_text("utf-8", "replace")
    assert process.poll() is None, text
    return text
