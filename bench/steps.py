"""``python -m bench.steps SITE``: how long each step of one build takes, as JSON.

In: the folder of a site, in whatever state it is. Out: seconds by step, in the order in which
they are taken, told apart by what a build says of its progress: the first chunk of a step is
done when it is first heard of. The start of the program is not in it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from feeds.build import Options, build
from feeds.configfile import load_config
from feeds.workers import Workers, cpu_count, processes

# What a build calls a step, what comes before that, and what it is itself.
STEPS: Final = (
    ("reading posts", "index, list of files", "reading posts"),
    ("rendering entries", "who is visible, selection", "rendering entries"),
    ("writing feeds", "output folder", "writing feeds"),
)
LAST: Final = "moving into place"


def measure(root: Path) -> dict[str, float]:
    """Build a site once; seconds of its steps."""
    heard: dict[str, tuple[float, float]] = {}
    begin = time.perf_counter()

    def hear(what: str, done: int, total: int) -> None:
        now = time.perf_counter()
        heard[what] = heard.get(what, (now, now))[0], now

    with Workers(cpu_count(), processes) as workers:
        build(load_config(root), datetime.now(UTC), workers, Options(progress=hear))
    return steps(heard, begin, time.perf_counter())


def steps(heard: Mapping[str, tuple[float, float]], begin: float, end: float) -> dict[str, float]:
    """Seconds by step, given when each was first and last heard of; 0 for one that was not."""
    found: dict[str, float] = {}
    at = begin
    for what, before, itself in STEPS:
        first, last = heard.get(what, (at, at))
        found[before], found[itself] = first - at, last - first
        at = last
    found[LAST] = end - at
    return found


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
