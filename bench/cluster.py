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

With ``--links`` it is ``feeds check`` that is measured (:mod:`bench.asking`).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

from bench import asking
from bench.build import ChangedError, clean, expect_places, machine, settle, unchanged
from bench.corpora import CACHE, SHAPES, BusyError, alone
from bench.corpus import write_corpus
from bench.machines import MODELLED, Shares, cluster, timed_beside
from bench.measure import FailedError, WrongError, in_turn
from bench.parts import stored_in_a_second
from bench.service import CHECKOUT
from bench.table import markdown, ratios, replace_between, spread
from bench.tools import MissingError, ours
from feeds.configfile import load_config

PAGE: Final = CHECKOUT / "docs" / "scaling.md"
MEASURED: Final = (10_000, 100_000)

# A machine without the folder: nothing that Python opens there is found.
BLIND: Final = """\
import sys
def not_there(event, arguments):
    if event == "open" and str(arguments[0]).startswith({folder!r}):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])
sys.addaudithook(not_there)
"""


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
    runs: dict[Way, list[Shares]] = field(default_factory=lambda: {way: [] for way in WAYS})
    stored: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    if importlib.util.find_spec("distributed") is None:
        how = "pip install -c constraints.txt -e '.[cluster]'"
        raise SystemExit(f"bench.cluster: needs Dask; get it with: {how}")
    if given.links and shutil.which("nginx") is None:
        raise SystemExit("bench.cluster: needs nginx; get it with: apt-get install nginx-light")
    try:
        what = ["links"] if given.links else [str(posts) for posts in given.posts or MEASURED]
        if given.write:
            expect_places(PAGE, list(map(marker, what)))
        with alone(CACHE), unchanged(CHECKOUT / "feeds"):
            if given.links:
                _report("links", asking.part(given.rounds), given)
            else:
                for posts in given.posts or MEASURED:
                    _report(f"{posts}", written(measured(posts, given.rounds)), given)
    except (BusyError, ChangedError, FailedError, MissingError, WrongError) as error:
        raise SystemExit(f"bench.cluster: {error}") from error


def _report(what: str, text: str, given: argparse.Namespace) -> None:
    """Print a section, and perhaps write it."""
    options = "--links" if given.links else f"--posts {what}"
    command = f"python -m bench.cluster {options} --rounds {given.rounds} --write"
    versions = f"feeds {version('feeds')}, distributed {version('distributed')}, {machine()}"
    section = f"`{command}`: {versions}.\n\n{text}"
    print(section, flush=True)
    if given.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(replace_between(page, marker(what), section), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.cluster",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--posts", type=int, action="append", choices=SHAPES, help="default: 10000, then 100000"
    )
    parser.add_argument("--links", action="store_true", help="measure feeds check, and that alone")
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
            for way in in_turn(WAYS, number):
                figures.runs[way].append(run(way, root, Path(folder)))
                first.add(digest(root / "public"))
                if len(first) > 1:
                    raise WrongError(f"{way.name}: other bytes than before")
            walls = ", ".join(f"{way.name} {figures.runs[way][-1].wall:.1f}" for way in WAYS)
            print(f"round {number + 1} of {rounds}, s: {walls}", file=sys.stderr, flush=True)
        clean(root, ours())
        config = load_config(root)
        figures.stored = [stored_in_a_second(root, config) for _ in range(rounds)]
    return figures


def run(way: Way, root: Path, folder: Path) -> Shares:
    clean(root, ours())
    command = [*ours().command(root), *way.options]
    if not way.workers:
        settle()
        return timed_beside(command)
    prelude = "" if way.seeing else BLIND.format(folder=str(root))
    with cluster(folder, way.workers, prelude) as (address, spent):
        settle()
        return timed_beside([*command, "--cluster", address], spent)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


# --- the report -----------------------------------------------------------------------------

HEAD: Final = ("way", "s", "of one process", "CPU here, s", "CPU of workers, s")
MODEL_HEAD: Final = ("workers", "posts read there", "posts sent")


def marker(what: str) -> str:
    """Of the section with so many posts, or with links."""
    return f"bench.cluster {what}"


def written(figures: Figures) -> str:
    """The measurements as a section of a page."""
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
        markdown(HEAD, rows),
        f"The index takes in {rate.median:,.0f} ({rate.least:,.0f}–{rate.most:,.0f}) posts/s.",
        "",
        "What follows for so many workers with a core each, at best and at worst, as a part of the",
        "time of one process:",
        "",
        markdown(MODEL_HEAD, modelled),
    ]
    return "\n".join(lines)


def columns(costs: Sequence[Shares], alone: Sequence[Shares]) -> list[str]:
    wall, here, there = (spread(values).written(2) for values in zip(*costs, strict=True))
    part = spread(ratios(*([cost.wall for cost in each] for each in (costs, alone)))).written(2)
    return [wall, part, here, there if costs[0].there else ""]


def bounds(costs: Sequence[Shares], alone: Sequence[Shares], workers: int) -> str:
    """As in ``0.40–0.63``: if here and there work at the same time all along, and if never.

    Processor time of each run is set against the wall time of one process in the same round.
    """
    pairs = list(zip(costs, alone, strict=True))
    here = median(cost.here / one.wall for cost, one in pairs)
    there = median(cost.there / one.wall for cost, one in pairs) / workers
    return f"{max(here, there):.2f}–{here + there:.2f}"


if __name__ == "__main__":
    main()
