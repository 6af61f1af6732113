"""What a run of a whole process costs: wall time, CPU time, memory.

Memory is that of all processes of a run together: the largest sum of their proportional set
sizes (PSS) that was seen. PSS divides a page that several processes share among them, so a
pool of forked workers counts what it shares once; a sum of resident sizes would count it for
each worker, and the peak that ``wait4`` reports is that of one process only. The peak of a
control group is not used: it holds the page cache of every file that was read or written,
which is the system's to take back, and making a group needs rights that most users lack.

The kernel walks the page tables of a process to tell its PSS, which holds the process up, some
milliseconds for each gigabyte. So memory is measured in runs of its own, whose time does not
count. All processes of a run are found by their session, which no tool here leaves.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

T = TypeVar("T")

SAMPLING: Final = 0.01  # seconds between two looks at the memory
PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run, in seconds. ``cpu`` is that of all its processes, in and out of the kernel."""

    wall: float
    cpu: float


class FailedError(Exception):
    """A command that did not exit with 0, and what it said."""


class WrongError(Exception):
    """A program did not do what it should, so its figures say nothing."""


def in_turn(ways: Sequence[T], number: int) -> list[T]:
    """The ways of a round: another one is first in each, and in every other round they go
    backwards, so that none always follows the same one."""
    start, step = number % len(ways), -1 if number % 2 else 1
    return [ways[(start + step * place) % len(ways)] for place in range(len(ways))]


def timed(command: Sequence[str]) -> Cost:
    """Run a command to its end and nothing beside it."""
    with tempfile.TemporaryFile() as said:
        begin = time.perf_counter()
        with _started(command, said) as process:
            _, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
        _expect_success(process, said)
    return Cost(wall, used.ru_utime + used.ru_stime)


def peak_memory(command: Sequence[str]) -> int:
    """Run a command to its end; the most that its processes had at once, in bytes."""
    peak = 0
    with tempfile.TemporaryFile() as said:
        with _started(command, said) as process:
            while process.poll() is None:
                peak = max(peak, sum(proportional_size(pid) for pid in session(process.pid)))
                time.sleep(SAMPLING)
        _expect_success(process, said)
    return peak


def session(leader: int) -> Iterator[int]:
    """The processes of a session."""
    for name in os.listdir(PROC):
        if name.isdecimal() and _session_of(name) == leader:
            yield int(name)


def proportional_size(pid: int) -> int:
    """PSS in bytes, 0 of a process that has ended."""
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text("ascii")
    except OSError:
        return 0
    sizes = (line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
    return sum(int(size) for size in sizes) * 1024


def _session_of(pid: str) -> int:
    """proc(5): the name of the program stands in parentheses and may hold some itself."""
    try:
        line = (PROC / pid / "stat").read_text("utf-8", "replace")
    except OSError:
        return 0
    return int(line.rpartition(")")[2].split()[3])


@contextlib.contextmanager
def _started(command: Sequence[str], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a session of its own, which does not outlive an interrupted benchmark."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        env=_environment(os.environ),
        start_new_session=True,
    )
    try:
        yield process
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Without what would set Go, Hugo or Python otherwise than they are by default."""
    tuned = ("GO", "HUGO", "PYTHON")
    return {name: value for name, value in given.items() if not name.startswith(tuned)}


def _expect_success(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    if process.returncode:
        said.seek(0)
        words = said.read().decode("utf-8", "replace").strip()
        raise FailedError(f"{process.args!r} exited with {process.returncode}:\n{words}")
