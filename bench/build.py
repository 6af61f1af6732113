"""``python -m bench.build``: ``feeds build`` beside a peer, in turn, as whole processes.

In: corpora of :mod:`bench.corpus`, made once and kept in a folder of the system's temporary
one. Out: medians, spreads and ratios, printed and put into ``docs/benchmarks.md``.

Both write Atom and RSS of the site, of every category and of every tag, 20 entries each, with
full text. Before any time counts, what they wrote is compared: the same feeds with the same
entries in the same order. Three kinds of run:

- *cold*: neither state nor output is there (the posts are in the page cache);
- *one edit*: title and text of the newest post changed, state and output are there;
- *no change*: state and output are there.

Hugo keeps no state between two runs, so it builds all there is in each of them. Pelican keeps
what it read, and writes all there is.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import feeds
from bench.aside import put_aside
from bench.corpora import CACHE, SETTLING, SHAPES, BusyError, alone, edits, prepared
from bench.corpus import Shape
from bench.measure import Cost, FailedError, peak_memory, timed
from bench.outputs import DifferentError, check
from bench.table import MEGABYTE, has_place, markdown, ratios, replace_between, spread
from bench.tools import PEERS, MissingError, Tool, ours

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"


class Kind(StrEnum):
    """Of a run."""

    COLD = "cold"
    EDIT = "one edit"
    SAME = "no change"


@dataclass(frozen=True, slots=True)
class Goal:
    """The most of Hugo's wall time, of its memory, and of memory in MB."""

    time: float
    memory_ratio: float | None = None
    memory: int | None = None


GOALS: Final = {
    (10_000, Kind.COLD): Goal(0.8, memory_ratio=0.4),
    (10_000, Kind.EDIT): Goal(0.15),
    (100_000, Kind.EDIT): Goal(0.05),
}
NEXT_GOALS: Final = {
    (10_000, Kind.COLD): Goal(0.5),
    (100_000, Kind.COLD): Goal(0.25, memory=300),
    (10_000, Kind.EDIT): Goal(0.05),
    (100_000, Kind.EDIT): Goal(0.012),
    (10_000, Kind.SAME): Goal(0.04),
    (100_000, Kind.SAME): Goal(0.01),
}


# What is measured unless --posts says otherwise: Pelican takes minutes for 100,000.
MEASURED: Final = {"hugo": (10_000, 100_000), "pelican": (1_000, 10_000)}


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one kind: those of this program and of the peer, in pairs."""

    posts: int
    peer: str
    kind: Kind
    costs: tuple[Sequence[Cost], Sequence[Cost]]
    memory: tuple[Sequence[int], Sequence[int]]


class ChangedError(Exception):
    """The program was changed while it was measured: it then builds all there is anew."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        expect_memory_of_processes()
        tools = (ours(), PEERS[given.peer]())
        with alone(given.cache):
            sizes = given.posts or MEASURED[given.peer]
            if given.write:
                expect_places(PAGE, [marker(posts, given.peer) for posts in sizes])
            for posts in sizes:
                _report(tools, posts, given)
    except (BusyError, ChangedError, DifferentError, FailedError, MissingError) as error:
        raise SystemExit(f"bench.build: {error}") from error


def _report(tools: tuple[Tool, Tool], posts: int, given: argparse.Namespace) -> None:
    """Measure with one corpus, and print and perhaps write what came out."""
    shape = SHAPES[posts]
    measured = measure(tools, given.cache, shape, given.runs, given.memory_runs)
    section = written(measured, shape, tools, given.runs, given.memory_runs)
    print(section, flush=True)
    if given.write:
        page = PAGE.read_text("utf-8")
        name = marker(posts, given.peer)
        PAGE.write_text(replace_between(page, name, section), "utf-8")


def _parser() -> argparse.ArgumentParser:
    words = (__doc__ or "").partition("\n\n")[2]
    parser = argparse.ArgumentParser(
        prog="python -m bench.build",
        description=words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--peer", choices=PEERS, default="hugo", help="(%(default)s)")
    parser.add_argument(
        "--posts",
        type=int,
        action="append",
        choices=SHAPES,
        help="default: 10000, then 100000; with Pelican 1000, then 10000",
    )
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each kind (%(default)s)")
    parser.add_argument(
        "--memory-runs", type=int, default=3, help="runs that are watched (%(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="of corpora (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


def expect_places(page: Path, markers: Sequence[str]) -> None:
    """Raise :class:`~bench.tools.MissingError` where a page has no place for a section."""
    text = page.read_text("utf-8")
    if missing := [marker for marker in markers if not has_place(text, marker)]:
        what = f"docs/{page.name} has no place for {missing[0]}"
        raise MissingError(f"{what}; leave --write away, or measure what stands there")


def expect_memory_of_processes() -> None:
    """Raise :class:`~bench.tools.MissingError` where the kernel does not tell it."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise MissingError("needs /proc/PID/smaps_rollup to measure memory: Linux 4.14 or newer")


# --- runs -----------------------------------------------------------------------------------


def measure(
    tools: tuple[Tool, Tool], cache: Path, shape: Shape, runs: int, memory_runs: int
) -> list[Measured]:
    """Check what the tools write, then measure every kind of run."""
    root = prepared(cache, shape)
    # Files that are as new as the scan are not trusted; a corpus is older, save at its making.
    time.sleep(SETTLING)
    with unchanged(Path(feeds.__file__).parent), edits(root) as edit:
        for tool in tools:
            tool.write_site(root)
            clean(root, tool)
            timed(tool.command(root))
        check(root, tools)
        title = edit(0)
        time.sleep(SETTLING)
        for tool in tools:
            timed(tool.command(root))
        check(root, tools, title)
        return [_measure(tools, root, shape, kind, edit, runs, memory_runs) for kind in Kind]


@contextlib.contextmanager
def unchanged(package: Path) -> Iterator[None]:
    """Raise :class:`ChangedError` at the end if a module of the program is another one then."""
    before = _times(package)
    yield
    if _times(package) != before:
        raise ChangedError("the program was changed while it was measured; measure it once more")


def _times(package: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in package.rglob("*.py")}


def _measure(
    tools: tuple[Tool, Tool],
    root: Path,
    shape: Shape,
    kind: Kind,
    edit: Callable[[int], str],
    runs: int,
    memory_runs: int,
) -> Measured:
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    memory: tuple[list[int], list[int]] = ([], [])
    if kind is Kind.SAME:
        for tool in tools:
            timed(tool.command(root))
    for number in range(1, runs + memory_runs + 1):
        if kind is Kind.EDIT:
            edit(number)
        for tool, its_costs, its_memory in zip(tools, costs, memory, strict=True):
            if kind is Kind.COLD:
                clean(root, tool)
            settle()
            if number <= runs:
                its_costs.append(timed(tool.command(root)))
            else:
                its_memory.append(peak_memory(tool.command(root)))
        _progress(f"{shape.posts} posts, {kind}: {number} of {runs + memory_runs}")
    return Measured(shape.posts, tools[1].name, kind, costs, memory)


def clean(root: Path, tool: Tool) -> None:
    """Take away what a tool wrote and kept."""
    for name in (tool.output, *tool.state):
        put_aside(root, name)


def settle() -> None:
    """Let the disk take what was written before, so that no run pays for another."""
    os.sync()
    time.sleep(SETTLING)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- the report -----------------------------------------------------------------------------


def marker(posts: int, peer: str) -> str:
    return f"bench.build {posts} {peer}"


def written(
    measured: Sequence[Measured],
    shape: Shape,
    tools: tuple[Tool, Tool],
    runs: int,
    memory_runs: int,
) -> str:
    """The measurements of one corpus as a section of a page."""
    peer = tools[1].name
    command = f"python -m bench.build --peer {peer.lower()} --posts {shape.posts} --runs {runs}"
    versions = ", ".join(f"{tool.name} {tool.version}" for tool in tools)
    corpus = f"{shape.posts:,} posts, {shape.categories:,} categories, {shape.tags:,} tags"
    lines = [
        f"### {peer}: {corpus}",
        "",
        f"`{command} --memory-runs {memory_runs} --write`: {versions}, {machine()}.",
        "",
        "Time:",
        "",
        markdown(TIME_HEAD.format(peer=peer).split("|"), map(time_row, measured)),
        "Memory of all processes together:",
        "",
        markdown(MEMORY_HEAD.format(peer=peer).split("|"), map(memory_row, measured)),
        *_what_falls_short(measured),
    ]
    return "\n".join(lines) + "\n"


def _what_falls_short(measured: Sequence[Measured]) -> list[str]:
    missed = shortfalls(measured)
    if not missed:
        return ["No goal is missed."]
    return ["What falls short:", "", *(f"- {each}" for each in missed)]


TIME_HEAD: Final = (
    "run|feeds, s|{peer}, s|ratio|goal|next goal|CPU: feeds, s|CPU: {peer}, s|CPU: ratio"
)
MEMORY_HEAD: Final = "run|feeds, MB|{peer}, MB|ratio|goal|next goal"


def _goals(measured: Measured) -> list[Goal | None]:
    """The goal of a row and the next one, which are ratios to Hugo."""
    row = (measured.posts, measured.kind)
    return [goals.get(row) if measured.peer == "Hugo" else None for goals in (GOALS, NEXT_GOALS)]


def time_row(measured: Measured) -> list[str]:
    """Wall times first: what people wait for."""
    walls = [[cost.wall for cost in costs] for costs in measured.costs]
    cpus = [[cost.cpu for cost in costs] for costs in measured.costs]
    return [
        measured.kind,
        *(spread(values).written(2) for values in walls),
        spread(ratios(*walls)).written(3),
        *(f"{goal.time:g}" if goal else "" for goal in _goals(measured)),
        *(spread(values).written(2) for values in cpus),
        spread(ratios(*cpus)).written(3),
    ]


def memory_row(measured: Measured) -> list[str]:
    megabytes = [[size / MEGABYTE for size in sizes] for sizes in measured.memory]
    return [
        measured.kind,
        *(spread(values).written(0) for values in megabytes),
        spread(ratios(*megabytes)).written(3),
        *map(_memory_goal, _goals(measured)),
    ]


def _memory_goal(goal: Goal | None) -> str:
    if goal and goal.memory_ratio:
        return f"{goal.memory_ratio:g}"
    return f"{goal.memory} MB" if goal and goal.memory else ""


def shortfalls(measured: Sequence[Measured]) -> list[str]:
    """One line for each goal that is missed."""
    return [
        f"{each.kind}: {what}"
        for place, name in enumerate(("goal", "next goal"))
        for each in measured
        if (goal := _goals(each)[place])
        for what in _missed(each, goal, name)
    ]


def _missed(measured: Measured, goal: Goal, name: str) -> Iterator[str]:
    walls = [[cost.wall for cost in costs] for costs in measured.costs]
    time_ratio = spread(ratios(*walls)).median
    if time_ratio > goal.time:
        yield f"{time_ratio:.3f} of Hugo's time, {name} {goal.time:g}"
    memory_ratio = spread(ratios(*measured.memory)).median
    if goal.memory_ratio and memory_ratio > goal.memory_ratio:
        yield f"{memory_ratio:.3f} of Hugo's memory, {name} {goal.memory_ratio:g}"
    size = spread(measured.memory[0]).median / MEGABYTE
    if goal.memory and size > goal.memory:
        yield f"{size:.0f} MB, {name} {goal.memory} MB"


def machine() -> str:
    """Python, system and processors, as in ``Python 3.12.3, Linux 6.8, 2 × AMD EPYC 7B13``."""
    cpus = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    python = platform.python_version()
    return f"Python {python}, {platform.system()} {kernel}, {cpus} × {_processor()}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip().replace("(R)", "").replace("(TM)", "")
    return platform.machine()


if __name__ == "__main__":
    main()
