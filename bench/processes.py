"""What the kernel tells of a server's processes: which there are, what they spent and hold.

In: the first process. Out: it and all that it or its children started, however they named
their sessions; their processor time, in and out of the kernel; their memory, in which what
several share is counted once (:mod:`bench.measure`).

Processor time is counted in hundredths of a second, some thousandths of a run of a few seconds.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Final, NamedTuple

from bench.measure import PROC, proportional_size

TICKS: Final = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """Of ``/proc/PID/stat``: the parent's process, ``utime`` and ``stime`` together."""

    parent: int
    ticks: int


def family(leader: int) -> list[int]:
    """A process, if it lives, and its descendants."""
    children = defaultdict(list)
    stats = {int(name): _stat(int(name)) for name in os.listdir(PROC) if name.isdecimal()}
    for pid, stat in stats.items():
        if stat is not None:
            children[stat.parent].append(pid)
    found = [leader] if stats.get(leader) else []
    for pid in found:
        found += children[pid]
    return found


def cpu_seconds(leader: int) -> float:
    """The processor time of a family so far; nothing of those that have ended."""
    stats = (_stat(pid) for pid in family(leader))
    return sum(stat.ticks for stat in stats if stat is not None) / TICKS


def memory(leader: int) -> int:
    """What a family holds together, in bytes."""
    return sum(proportional_size(pid) for pid in family(leader))


def _stat(pid: int) -> Stat | None:
    try:
        line = (PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return read_stat(line)


def read_stat(line: str) -> Stat:
    """proc(5): the name of the program stands in parentheses, and may hold some itself."""
    fields = line.rpartition(")")[2].split()
    return Stat(parent=int(fields[1]), ticks=int(fields[11]) + int(fields[12]))
