"""``python -m bench.cluster``: ``feeds build`` alone and with a Dask cluster on loopback, in turn.

In: a corpus of posts (:mod:`bench.corpus`), made for the run. Out: medians and spreads, printed
and put into ``docs/scaling.md``, and what follows from them for more workers.

Whole processes build everything anew: with one process, with a pool of two, and with a scheduler
and one or two workers that run already and read the posts themselves, or see no folder and get
them sent. A run counts only if it wrote the same bytes as the first.

Processor time is told apart: *here* is the program that was called with all that it started,
*there* are the workers. On two cores, which all of them share, wall time says little of what
more machines would do; processor time says it.

How many posts the one writer of the index stores in a second is measured within this process.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.build import ChangedError, clean, machine, settle, unchanged
from bench.corpora import SHAPES
from bench.corpus import write_corpus
from bench.measure import FailedError, timed
from bench.processes import cpu_seconds
from bench.service import CHECKOUT
from bench.table import markdown, ratios, replace_between, spread
from bench.tools import ours
from feeds.configfile import load_config
from feeds.fingerprint import reading_fingerprint
from feeds.index import open_index
from feeds.posts.scan import Scan
from feeds.rows import microseconds
from feeds.tasks import read_files

PAGE: Final = CHECKOUT / "docs" / "scaling.md"
MEASURED: Final = (10_000, 100_000)
HOST: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
MODELLED: Final = (1, 2, 4, 8, 16, 32)

START: Final = "from distributed.cli.dask_{what} import main; main()"
# A machine without the folder: nothing that Python opens there is found.
BLIND: Final = """\
import sys
def not_there(event, arguments):
    if event == "open" and str(arguments[0]).startswith({folder!r}):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])
sys.addaudithook(not_there)
"""


class Cost(NamedTuple):
    """Of one build, in seconds: on the clock, of processors here and of those of the workers."""

    wall: float
    here: float
    there: float


@dataclass(frozen=True, slots=True)
class Way:
    """A way to build: options, workers, and whether they see the posts."""

    name: str
    options: tuple[str, ...] = ()
    workers: int = 0
    seeing: bool = True


WAYS: Final = (
    Way("one process", ("--jobs", "1")),
    Way("a pool of two", ("--jobs", "2")),
    Way("cluster, 1 worker", ("--jobs", "1"), 1),
    Way("cluster, 2 workers", ("--jobs", "1"), 2),
    Way("cluster, 2 workers, posts sent", ("--jobs", "1"), 2, False),
)
ALONE: Final = WAYS[0]
READ_THERE: Final = WAYS[3]
SENT: Final = WAYS[4]


@dataclass(slots=True)
class Figures:
    """What was measured: runs by way, posts stored in a second."""

    posts: int
    runs: dict[Way, list[Cost]] = field(default_factory=lambda: {way: [] for way in WAYS})
    stored: list[float] = field(default_factory=list)


class WrongError(Exception):
    """A build wrote other bytes, so its figures say nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    if importlib.util.find_spec("distributed") is None:
        how = "pip install -c constraints.txt -e '.[cluster]'"
        raise SystemExit(f"bench.cluster: needs Dask; get it with: {how}")
    try:
        with unchanged(CHECKOUT / "feeds"):
            for posts in given.posts or MEASURED:
                _report(measured(posts, given.rounds), given)
    except (ChangedError, FailedError, WrongError) as error:
        raise SystemExit(f"bench.cluster: {error}") from error


def _report(figures: Figures, given: argparse.Namespace) -> None:
    section = written(figures, given.rounds)
    print(section, flush=True)
    if given.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(replace_between(page, marker(figures.posts), section), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.cluster",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--posts", type=int, action="append", choices=SHAPES, help="default: 10000, then 100000"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of all ways (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


# --- runs -----------------------------------------------------------------------------------


def measured(posts: int, rounds: int) -> Figures:
    """Build in every way in every round, another one first in each."""
    figures = Figures(posts)
    first: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as folder:
        root = Path(folder) / "site"
        write_corpus(root, SHAPES[posts])
        for number in range(rounds):
            start = number % len(WAYS)
            for way in [*WAYS[start:], *WAYS[:start]]:
                figures.runs[way].append(run(way, root, Path(folder)))
                first.add(digest(root / "public"))
                if len(first) > 1:
                    raise WrongError(f"{way.name}: other bytes than before")
            walls = ", ".join(f"{way.name} {figures.runs[way][-1].wall:.1f}" for way in WAYS)
            print(f"round {number + 1} of {rounds}, s: {walls}", file=sys.stderr, flush=True)
        clean(root, ours())
        figures.stored = stored(root, rounds)
    return figures


def run(way: Way, root: Path, folder: Path) -> Cost:
    clean(root, ours())
    command = [*ours().command(root), *way.options]
    if not way.workers:
        settle()
        cost = timed(command)
        return Cost(cost.wall, cost.cpu, 0)
    before = "" if way.seeing else BLIND.format(folder=str(root))
    with cluster(folder, way.workers, before) as (address, spent):
        settle()
        spent_before = spent()
        cost = timed([*command, "--cluster", address])
        return Cost(cost.wall, cost.cpu, spent() - spent_before)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


@contextlib.contextmanager
def cluster(folder: Path, workers: int, before: str) -> Iterator[tuple[str, Callable[[], float]]]:
    """A scheduler's address, and what its workers spent so far, in seconds."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://{HOST}:{port}"
    with contextlib.ExitStack() as stack:
        begin = partial(_begun, stack, folder)
        arguments = ["--host", HOST, "--port", str(port), "--no-dashboard", "--no-show"]
        begin("scheduler", arguments, "Scheduler at")
        arguments = [address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        arguments += ["--local-directory", str(folder)]
        pids = [begin("worker", arguments, "Registered to", before) for _ in range(workers)]
        yield address, lambda: sum(map(cpu_seconds, pids))


def _begun(
    stack: contextlib.ExitStack,
    folder: Path,
    what: str,
    arguments: Sequence[str],
    ready: str,
    before: str = "",
) -> int:
    code = before + START.format(what=what)
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


def stored(root: Path, rounds: int) -> list[float]:
    """How many posts a second the index takes in that were read already."""
    config, now = load_config(root), microseconds(datetime.now(UTC))
    fingerprint, found = reading_fingerprint(config), []
    for _ in range(rounds):
        with open_index(config.state, fingerprint, 0.0, anew=True) as index:
            scan = Scan(config, index.buckets(), index.bucket_entries, time.time_ns())
            posts, seconds = 0, 0.0
            for change in scan.changes():
                rows = read_files(config, [(path, b"") for path in change.read])
                begin = time.perf_counter()
                index.store(rows, now, config.posts.future)
                seconds += time.perf_counter() - begin
                posts += len(rows)
            begin = time.perf_counter()
            index.settle(now, config.posts.future)
            index.save()
            found.append(posts / (seconds + time.perf_counter() - begin))
    return found


# --- the report -----------------------------------------------------------------------------

HEAD: Final = ("way", "s", "of one process", "CPU here, s", "CPU of workers, s")
MODEL_HEAD: Final = ("workers", "posts read there", "posts sent")


def marker(posts: int) -> str:
    return f"bench.cluster {posts}"


def written(figures: Figures, rounds: int) -> str:
    """The measurements as a section of a page."""
    options = f"--posts {figures.posts} --rounds {rounds}"
    versions = f"feeds {version('feeds')}, distributed {version('distributed')}, {machine()}"
    alone = figures.runs[ALONE]
    rows = [[way.name, *columns(figures.runs[way], alone)] for way in WAYS]
    modelled = [
        [str(number), *(bounds(figures.runs[way], alone, number) for way in (READ_THERE, SENT))]
        for number in MODELLED
    ]
    rate = spread(figures.stored)
    lines = [
        f"### {figures.posts:,} posts, built anew",
        "",
        f"`python -m bench.cluster {options} --write`: {versions}.",
        "",
        markdown(HEAD, rows),
        f"The index takes in {rate.median:,.0f} ({rate.least:,.0f}–{rate.most:,.0f}) posts/s.",
        "",
        "What follows for so many workers with a core each, at best and at worst, as a part of the",
        "time of one process:",
        "",
        markdown(MODEL_HEAD, modelled),
    ]
    return "\n".join(lines)


def columns(costs: Sequence[Cost], alone: Sequence[Cost]) -> list[str]:
    wall, here, there = (spread(values).written(2) for values in zip(*costs, strict=True))
    part = spread(ratios(*([cost.wall for cost in each] for each in (costs, alone)))).written(2)
    return [wall, part, here, there if costs[0].there else ""]


def bounds(costs: Sequence[Cost], alone: Sequence[Cost], workers: int) -> str:
    """As in ``0.40–0.63``: if here and there work at the same time all along, and if never.

    Processor time of each run is set against the wall time of one process in the same round.
    """
    pairs = list(zip(costs, alone, strict=True))
    here = median(cost.here / one.wall for cost, one in pairs)
    there = median(cost.there / one.wall for cost, one in pairs) / workers
    return f"{max(here, there):.2f}–{here + there:.2f}"


if __name__ == "__main__":
    main()
