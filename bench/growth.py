"""``python -m bench.growth``: how time and memory grow with the number of posts.

In: corpora of 1,000, 10,000, 100,000 and 1,000,000 posts (:mod:`bench.corpora`), and one of
100,000 posts in one category. Out: tables of ``docs/benchmarks.md``: whole runs, cold, with one
edit and with no change; the steps of a cold one; an edit of a post whose category has no other
post, and of one whose category has all the others; and what it costs to do nothing but look at
every file, or to read it.

What was measured of a corpus is kept in the cache until the program changes, so that a run
that was interrupted goes on where it was. Corpora of more than 100,000 posts are deleted when
they were measured, unless ``--keep`` says otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import feeds
from bench.aside import move_aside
from bench.build import (
    PAGE,
    ChangedError,
    Kind,
    clean,
    expect_memory_of_processes,
    machine,
    settle,
    unchanged,
)
from bench.corpora import CACHE, SETTLING, SHAPES, STAMP, BusyError, alone, edits, prepared
from bench.corpus import Shape, category_name
from bench.measure import FailedError, peak_memory, timed
from bench.table import MEGABYTE, markdown, replace_between, spread
from bench.tools import MissingError, ours
from feeds.fingerprint import program

MARKER: Final = "bench.growth"
LARGEST_KEPT: Final = 100_000
WATCHED: Final = 3  # runs for their memory; one where each takes minutes

# One category has every post but one.
UNEVEN: Final = Shape(100_000, 1, 2_000)

COLD_MILLION: Final = 100  # seconds
MEMORY_MILLION: Final = 400 * MEGABYTE
EDIT_MILLION: Final = 3  # seconds

# What no program that looks at each file, or reads it, can do without; in Python as it is.
LOOKING: Final = """
import os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
for name in os.listdir(sys.argv[1]):
    os.stat(name, dir_fd=folder)
"""
READING: Final = """
import os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
for name in os.listdir(sys.argv[1]):
    file = os.open(name, os.O_RDONLY, dir_fd=folder)
    os.read(file, 1 << 20)
    os.close(file)
"""


@dataclass(frozen=True, slots=True)
class Runs:
    """Of one kind of run: wall and CPU seconds of each, and the most memory of another one."""

    walls: Sequence[float]
    cpus: Sequence[float]
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one corpus: runs by name, seconds by step of a cold run."""

    posts: int
    runs: Mapping[str, Runs]
    steps: Mapping[str, float]


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    sizes = sorted(given.posts or SHAPES)
    try:
        expect_memory_of_processes()
        with alone(given.cache):
            by_size = [_figures(given, SHAPES[posts], measure_size) for posts in sizes]
            uneven = None if given.no_terms else _figures(given, UNEVEN, measure_terms)
    except (BusyError, ChangedError, FailedError, MissingError) as error:
        raise SystemExit(f"bench.growth: {error}") from error
    section = written(by_size, uneven, given.runs)
    print(section, flush=True)
    if given.write:
        PAGE.write_text(replace_between(PAGE.read_text("utf-8"), MARKER, section), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.growth",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--posts", type=int, action="append", choices=SHAPES, help="default: all of them"
    )
    parser.add_argument("--no-terms", action="store_true", help="leave the uneven site out")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of each kind (%(default)s)")
    parser.add_argument("--anew", action="store_true", help="measure again what is known")
    parser.add_argument("--keep", action="store_true", help="keep the large corpora")
    parser.add_argument("--cache", type=Path, default=CACHE, help="of corpora (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


# --- runs -----------------------------------------------------------------------------------


def _figures(
    given: argparse.Namespace, shape: Shape, measure: Callable[[Path, int], Figures]
) -> Figures:
    """What is known of a corpus, or is measured now and then known."""
    name = f"growth-{shape.posts}-{shape.categories}.json"
    known = given.cache / name
    key = _key(shape, given.runs)
    if not given.anew and (found := read_figures(known, key)):
        _progress(f"{name}: measured before")
        return found
    root = prepared(given.cache, shape)
    time.sleep(SETTLING)
    with unchanged(Path(feeds.__file__).parent):
        figures = measure(root, given.runs)
    known.write_text(json.dumps({"key": key, **asdict(figures)}), "utf-8")
    if shape.posts > LARGEST_KEPT and not given.keep:
        move_aside(root, given.cache)
    return figures


def _key(shape: Shape, runs: int) -> str:
    """What figures depend on: shape, runs, machine, the program, and how it is measured."""
    modules = sorted(Path(__file__).parent.rglob("*.py"))
    measure = hashlib.sha256(b"".join(path.read_bytes() for path in modules)).hexdigest()
    return f"{shape} {runs} {machine()} {tuple(program())} {measure}"


def read_figures(path: Path, key: str) -> Figures | None:
    """Figures that were kept, if they were measured under the same key."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if found["key"] == key:
            runs = {name: Runs(**each) for name, each in found["runs"].items()}
            return Figures(found["posts"], runs, found["steps"])
    return None


def measure_size(root: Path, runs: int) -> Figures:
    """Cold, one edit, no change; the steps of a cold run; looking and reading alone."""
    tool, posts = ours(), str(root / "posts")
    with edits(root) as edit:
        found: dict[str, Runs] = {
            Kind.COLD: _runs(root, runs, lambda _: clean(root, tool)),
            Kind.EDIT: _runs(root, runs, edit),
            Kind.SAME: _runs(root, runs, _nothing),
            "looking": _alone(LOOKING, posts, runs),
            "reading": _alone(READING, posts, runs),
        }
        clean(root, tool)
        settle()
        command = [sys.executable, "-m", "bench.steps", str(root)]
        steps = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return Figures(count(root), found, steps)


def measure_terms(root: Path, runs: int) -> Figures:
    """Edits of a post whose category has no other post, and of one that has all others."""
    with two_posts(root) as (alone_in_it, among_others):
        posts = count(root)
        timed(ours().command(root))
        found = {
            "1": _runs(root, runs, lambda number: _append(alone_in_it, number)),
            f"{posts - 1}": _runs(root, runs, lambda number: _append(among_others, number)),
        }
    return Figures(posts, found, {})


def count(root: Path) -> int:
    return sum(1 for _ in (root / "posts").iterdir())


@contextlib.contextmanager
def two_posts(root: Path) -> Iterator[tuple[Path, Path]]:
    """Two posts more, alike but for the category: one of its own, and that of all others."""
    stamp = (root / STAMP).read_text("utf-8")
    paths = []
    (root / STAMP).unlink()
    for day, category in ((2, "alone"), (3, category_name(0))):
        path = root / "posts" / f"2022-06-0{day}-{category}.md"
        head = f'---\ntitle: "{category}"\ndate: 2022-06-0{day}\ncategories: [{category}]\n---\n'
        path.write_text(f"{head}<p>{category}</p>\n", "utf-8")
        paths.append(path)
    time.sleep(SETTLING)
    try:
        yield paths[0], paths[1]
    finally:
        for path in paths:
            path.unlink()
        (root / STAMP).write_text(stamp, "utf-8")


def _append(path: Path, number: int) -> None:
    with path.open("a", encoding="utf-8") as post:
        post.write(f"<p>第{number}次更正。</p>\n")


def _nothing(_: int) -> None:
    """Changes nothing."""


def _runs(root: Path, number: int, prepare: Callable[[int], object]) -> Runs:
    """Timed runs, each after something was prepared, and runs that are watched."""
    command = ours().command(root)
    memory = 0
    for run in range(WATCHED if count(root) <= LARGEST_KEPT + 2 else 1):
        prepare(-run)
        settle()
        memory = max(memory, peak_memory(command))
    costs = []
    for run in range(1, number + 1):
        prepare(run)
        settle()
        costs.append(timed(command))
        _progress(f"{root.name}: {run} of {number}, {costs[-1].wall:.2f} s")
    return Runs([cost.wall for cost in costs], [cost.cpu for cost in costs], memory)


def _alone(program: str, folder: str, number: int) -> Runs:
    costs = [timed([sys.executable, "-c", program, folder]) for _ in range(number)]
    return Runs([cost.wall for cost in costs], [cost.cpu for cost in costs])


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- the report -----------------------------------------------------------------------------


def written(by_size: Sequence[Figures], uneven: Figures | None, runs: int) -> str:
    sizes = " ".join(f"--posts {each.posts}" for each in by_size)
    lines = [
        f"`python -m bench.growth {sizes} --runs {runs} --write`: feeds {feeds.__version__}, "
        f"{machine()}.",
        "",
        markdown(SIZE_HEAD, [row for each in by_size for row in size_rows(each)]),
        "Of a cold run, seconds by step:",
        "",
        markdown(*step_table(by_size)),
        "One process that does nothing else:",
        "",
        markdown(FLOOR_HEAD, map(floor_row, by_size)),
    ]
    if uneven:
        lines += [
            f"An edit on a site of {uneven.posts:,} posts, by how many the category has:",
            "",
            markdown(TERM_HEAD, [term_row(*each) for each in uneven.runs.items()]),
        ]
    missed = [each for figures in by_size for each in shortfalls(figures)]
    lines += [f"- {each}" for each in missed or ["No goal is missed."]]
    return "\n".join(lines) + "\n"


SIZE_HEAD: Final = ("run", "posts", "s", "CPU, s", "µs for each post", "most memory, MB")
FLOOR_HEAD: Final = ("posts", "looks at every file, s", "reads every file, s")
TERM_HEAD: Final = ("posts of the category", "s", "CPU, s", "most memory, MB")


def size_rows(figures: Figures) -> Iterator[list[str]]:
    for kind in Kind:
        runs = figures.runs[kind]
        each = spread(runs.walls).median / figures.posts * 1e6
        memory = f"{runs.memory / MEGABYTE:.0f}"
        yield [kind, f"{figures.posts:,}", *_seconds(runs), f"{each:.1f}", memory]


def floor_row(figures: Figures) -> list[str]:
    walls = [figures.runs[name].walls for name in ("looking", "reading")]
    return [f"{figures.posts:,}", *(spread(each).written(2) for each in walls)]


def term_row(posts: str, runs: Runs) -> list[str]:
    return [f"{int(posts):,}", *_seconds(runs), f"{runs.memory / MEGABYTE:.0f}"]


def step_table(by_size: Sequence[Figures]) -> tuple[list[str], list[list[str]]]:
    """A column for each corpus, a row for each step."""
    names = list(by_size[0].steps) if by_size else []
    head = ["step", *(f"{each.posts:,} posts" for each in by_size)]
    return head, [[name, *(f"{each.steps[name]:.2f}" for each in by_size)] for name in names]


def _seconds(runs: Runs) -> list[str]:
    return [spread(runs.walls).written(2), spread(runs.cpus).written(2)]


def shortfalls(figures: Figures) -> Iterator[str]:
    """One line for each goal of a million posts that is missed."""
    if figures.posts != 1_000_000:
        return
    for kind, most in ((Kind.COLD, COLD_MILLION), (Kind.EDIT, EDIT_MILLION)):
        took = spread(figures.runs[kind].walls).median
        if took > most:
            yield f"{kind}, 1,000,000 posts: {took:.1f} s, goal {most} s"
    memory = figures.runs[Kind.COLD].memory
    if memory > MEMORY_MILLION:
        yield f"cold, 1,000,000 posts: {memory / MEGABYTE:.0f} MB, goal 400 MB"


if __name__ == "__main__":
    main()
