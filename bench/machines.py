"""A Dask cluster on loopback addresses: a scheduler and workers, each a process of its own.

In: a folder for what they say. Out: the scheduler's address, and what its workers spend: what a
run costs here and there.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.measure import FailedError, timed
from bench.processes import cpu_seconds

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
MODELLED: Final = (1, 2, 4, 8, 16, 32)  # workers of which a model tells
START: Final = "from distributed.cli.dask_{what} import main; main()"


class Shares(NamedTuple):
    """Of one run, in seconds: on the clock, of processors here and of those of the workers."""

    wall: float
    here: float
    there: float


def timed_beside(command: Sequence[str], spent: Callable[[], float] | None = None) -> Shares:
    """Run a command to its end while workers, if there are any, do some of its work."""
    before = spent() if spent else 0.0
    cost = timed(command)
    return Shares(cost.wall, cost.cpu, spent() - before if spent else 0.0)


@contextlib.contextmanager
def cluster(
    folder: Path, workers: int, prelude: str = ""
) -> Iterator[tuple[str, Callable[[], float]]]:
    """A scheduler's address, and what its workers spent so far, in seconds of processor time.

    ``prelude`` is Python that each worker runs before it begins. Raises
    :class:`~bench.measure.FailedError` if one of them does not start.
    """
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://{HOST}:{port}"
    with contextlib.ExitStack() as stack:
        begin = partial(_begun, stack, folder)
        arguments = ["--host", HOST, "--port", str(port), "--no-dashboard", "--no-show"]
        begin("scheduler", arguments, "Scheduler at")
        arguments = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        arguments += ["--local-directory", str(folder)]
        pids = [begin("worker", arguments, "Registered to", prelude) for _ in range(workers)]
        yield address, lambda: sum(map(cpu_seconds, pids))


def _begun(
    stack: contextlib.ExitStack,
    folder: Path,
    what: str,
    arguments: Sequence[str],
    ready: str,
    prelude: str = "",
) -> int:
    code = prelude + START.format(what=what)
    log = folder / f"{what}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=output, stderr=output
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    deadline = time.monotonic() + START_SECONDS
    while ready not in (said := log.read_text("utf-8", "replace")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise FailedError(f"the {what} did not start:\n{said}")
        time.sleep(0.05)
    return process.pid
