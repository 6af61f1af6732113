"""Memory of ``feeds check`` with very many links.

In: nothing; sites of :mod:`bench.links` are made for the run. Out: the largest sum of what all
processes of a run hold (:mod:`bench.measure`), as a section of a page:

- *read*: a million links, nobody is asked;
- *known*: the same once more when all of them were asked for, a tenth of them refused;
- *asked*: a hundred thousand links, each asked for at a web on loopback addresses, beside
  lychee.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import links, lychee, web
from bench.corpora import SETTLING
from bench.measure import peak_memory
from bench.table import markdown

MANY: Final = 1_000_000
ASKED: Final = 100_000
MEBIBYTE: Final = 1 << 20
MOST: Final = 150 * MEBIBYTE
# Nobody answers there, and nobody is asked.
NOBODY: Final = tuple(f"{host}:8080" for host in web.HOSTS)


@dataclass(frozen=True, slots=True)
class Peak:
    """The most memory of a run, and how many seconds it took while it was watched."""

    what: str
    memory: int
    seconds: float
    goal: int | None = MOST


def part(program: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as folder:
        peaks = measure(Path(folder), program)
    return written(peaks)


def measure(folder: Path, program: Path, many: int = MANY, asked: int = ASKED) -> list[Peak]:
    return [*_read_and_known(folder / "many", many), *_asked(folder / "asked", program, asked)]


def _read_and_known(root: Path, number: int) -> list[Peak]:
    links.write_site(root, number, NOBODY)
    time.sleep(SETTLING)
    ours = [sys.executable, "-m", "feeds", "check", str(root)]
    peaks = [watched(f"{number:,} links read, nobody asked", [*ours, "--offline"])]
    know(root)
    return [*peaks, watched(f"{number:,} links known, nothing due", ours)]


def _asked(root: Path, program: Path, number: int) -> list[Peak]:
    with web.serving() as served:
        links.write_site(root, number, served.hosts)
        time.sleep(SETTLING)
        ours = [sys.executable, "-m", "feeds", "check", str(root)]
        theirs = lychee.command(program, root, served.hosts)
        return [
            watched(f"{number:,} links asked for", ours),
            watched("the same by lychee", theirs, None),
        ]


def watched(what: str, command: Sequence[str], goal: int | None = MOST) -> Peak:
    begin = time.perf_counter()
    memory = peak_memory(command)
    peak = Peak(what, memory, time.perf_counter() - begin, goal)
    print(f"{what}: {memory / MEBIBYTE:.0f} MiB", file=sys.stderr, flush=True)
    return peak


def know(root: Path) -> None:
    """Leave a site's links as if all had just been asked for, a tenth of them refused."""
    now = int(time.time())
    with closing(sqlite3.connect(root / ".feeds" / "links.sqlite")) as store:
        store.execute(
            "UPDATE url SET due = ? + 10000000, checked = ?,"
            " verdict = iif(id % 10, 'ok', 'denied'), status = iif(id % 10, 200, 403)",
            (now, now),
        )
        store.commit()


HEAD: Final = ("run", "most memory, MiB", "goal", "s, while watched")


def written(peaks: Sequence[Peak]) -> str:
    rows = [
        [
            peak.what,
            f"{peak.memory / MEBIBYTE:.0f}",
            f"{peak.goal / MEBIBYTE:.0f}" if peak.goal else "",
            f"{peak.seconds:.0f}",
        ]
        for peak in peaks
    ]
    lines = [
        "### Memory of very many links",
        "",
        markdown(HEAD, rows),
        *(f"- {each}" for each in shortfalls(peaks) or ["No goal is missed."]),
    ]
    return "\n".join(lines) + "\n"


def shortfalls(peaks: Sequence[Peak]) -> list[str]:
    """One line for each run that takes more than it should."""
    return [
        f"{peak.what}: {peak.memory / MEBIBYTE:.0f} MiB, goal {peak.goal / MEBIBYTE:.0f} MiB"
        for peak in peaks
        if peak.goal and peak.memory > peak.goal
    ]
