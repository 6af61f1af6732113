"""Load by wrk on one server, and what it costs that server.

In: an address, request headers, the server's first process. Out: :class:`Load`, from what wrk
prints and what the kernel says of all the server's processes before and after, so a builder
beside it counts too.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bench.measure import FailedError
from bench.processes import cpu_seconds

PROGRAM: Final = "wrk"
CONNECTIONS: Final = 32

SECONDS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
BYTES: Final = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


@dataclass(frozen=True, slots=True)
class Told:
    """What wrk tells of a run; times in seconds."""

    requests: int
    bytes: float
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Load:
    """A run of wrk, and the processor time that it cost the server, in seconds."""

    told: Told
    cpu: float

    @property
    def cpu_per_request(self) -> float:
        return self.cpu / self.told.requests

    @property
    def bytes_per_request(self) -> float:
        return self.told.bytes / self.told.requests


def load(
    url: str, headers: Mapping[str, str], seconds: int, leader: int, core: int | None = None
) -> Load:
    """Ask a server for one thing over and over; ``leader`` is the first of its processes.

    Raises :class:`~bench.measure.FailedError` if a request failed.
    """
    before = cpu_seconds(leader)
    done = subprocess.run(
        [*pinned(core), *command(url, headers, seconds)],
        capture_output=True,
        text=True,
        check=False,
    )
    spent = cpu_seconds(leader) - before
    if done.returncode:
        raise FailedError(f"wrk exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Load(read_told(done.stdout), spent)


def command(url: str, headers: Mapping[str, str], seconds: int) -> list[str]:
    """wrk with one thread and connections that are kept."""
    given = [f"--header={name}: {value}" for name, value in headers.items()]
    return [PROGRAM, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", *given, url]


def pinned(core: int | None) -> Sequence[str]:
    """What to put before a command so that it runs on one core."""
    return () if core is None else ("taskset", "-c", str(core))


def read_told(text: str) -> Told:
    """What wrk printed.

    Raises :class:`~bench.measure.FailedError` if it tells of a request that failed.
    """
    failed = re.search(r"^\s*(Socket errors: .*|Non-2xx or 3xx responses: .*)$", text, re.MULTILINE)
    total = re.search(r"^\s*(\d+) requests in \S+, (\S+) read$", text, re.MULTILINE)
    rate = re.search(r"^Requests/sec:\s*([\d.]+)$", text, re.MULTILINE)
    shares = dict(re.findall(r"^\s*(\d+)%\s+([\d.]+[a-z]+)$", text, re.MULTILINE))
    if failed:
        raise FailedError(f"wrk: {failed[1]}")
    if not (total and rate and {"50", "99"} <= shares.keys() and int(total[1])):
        raise FailedError(f"wrk told nothing:\n{text}")
    return Told(
        requests=int(total[1]),
        bytes=_measure(total[2], BYTES),
        rate=float(rate[1]),
        p50=_measure(shares["50"], SECONDS),
        p99=_measure(shares["99"], SECONDS),
    )


def _measure(written: str, units: Mapping[str, float]) -> float:
    """A figure with its unit, as in ``1.25ms``."""
    found = re.fullmatch(r"([\d.]+)([A-Za-z]+)", written)
    if not found or found[2] not in units:
        raise FailedError(f"wrk told {written!r}, which has no unit that is known")
    return float(found[1]) * units[found[2]]
