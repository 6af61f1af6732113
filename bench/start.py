"""A large site: how soon it answers, what memory it takes, how soon a new post is out.

In: a corpus of :mod:`bench.corpus` whose index is warm, that is built and not changed since.
Out: :class:`Figures` of ``feeds serve``, as a section of a page.

Memory is that of all its processes together, the builder beside the server included. The most
of it is looked for while every feed is asked for and while a post is built, in a run of its own
since looking holds a process up.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bench.corpora import STAMP, prepared
from bench.corpus import LAST, Shape
from bench.measure import FailedError, timed
from bench.service import HOST, POLL_SECONDS, Service, ask, free_port, running
from bench.table import MEGABYTE, markdown, spread
from feeds.models import Format

FEED: Final = "/feed.atom"
AS_A_READER: Final = {"Accept-Encoding": "gzip"}
NEW_POSTS: Final = 5
POST_SECONDS: Final = 30.0
SAMPLING: Final = 0.02

MOST_START: Final = 2.0
MOST_MEMORY: Final = 400 * MEGABYTE
MOST_DELAY: Final = 1.0


@dataclass(slots=True)
class Figures:
    """Seconds and bytes; ``firsts`` are the times of the first request for each feed."""

    feeds: int = 0
    starts: list[float] = field(default_factory=list)
    before: int = 0
    after: int = 0
    most: int = 0
    firsts: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


def part(cache: Path, shape: Shape, starts: int) -> str:
    root = prepared(cache / "serve", shape)
    all_formats(root)
    timed([sys.executable, "-m", "feeds", "build", str(root)])
    return written(measure(root, starts), shape)


def all_formats(root: Path) -> None:
    """Have a corpus written in every format: half as many files again as beside Hugo."""
    path = root / "config.toml"
    formats = ", ".join(f'"{format}"' for format in Format)
    path.write_text(
        re.sub("(?m)^formats = .*", f"formats = [{formats}]", path.read_text("utf-8")), "utf-8"
    )


def measure(root: Path, starts: int, new: int = NEW_POSTS) -> Figures:
    paths = feed_paths(root / "public")
    found = Figures(feeds=len(paths))
    for _ in range(starts):
        with _serving(root) as service:
            found.starts.append(time.monotonic() - service.started)
    with _serving(root) as service, new_posts(root) as write:
        service.rest()
        found.before = service.memory()
        found.firsts = _ask_all(service, paths)
        service.rest()
        found.after = service.memory()
        for number in range(new):
            found.delays.append(_delay(service, write, number))
            service.rest()
    with _serving(root) as service, new_posts(root) as write, _watched(service, found):
        _ask_all(service, paths)
        _delay(service, write, new)
        service.rest()
    return found


def _serving(root: Path) -> contextlib.AbstractContextManager[Service]:
    port = free_port()
    command = [sys.executable, "-m", "feeds", "serve", str(root), "--port", str(port)]
    return running(command, port, FEED)


def feed_paths(output: Path) -> list[str]:
    """The paths of all feeds that were built, as they are asked for."""
    found = sorted(path for path in output.rglob("feed.*") if path.is_file())
    return ["/" + quote(path.relative_to(output).as_posix()) for path in found]


def _ask_all(service: Service, paths: Sequence[str]) -> list[float]:
    """Ask for every feed once; how long each took."""
    times = []
    connection = http.client.HTTPConnection(HOST, service.port)
    with contextlib.closing(connection):
        for path in paths:
            begin = time.perf_counter()
            reply = ask(connection, path, AS_A_READER)
            times.append(time.perf_counter() - begin)
            if reply.status != 200:
                raise FailedError(f"{path}: {reply.status}")
    return times


@contextlib.contextmanager
def new_posts(root: Path) -> Iterator[Callable[[int], str]]:
    """A function that writes a post newer than all and returns its title; undone at the end.

    A corpus from which a post was not removed again has no stamp, so it is made anew.
    """
    posts = root / "posts"
    newest = max(posts.iterdir()).read_text("utf-8")
    stamp = (root / STAMP).read_text("utf-8")
    made: list[Path] = []

    def write(number: int) -> str:
        path = posts / f"{LAST + timedelta(days=1):%Y-%m-%d}-NEW{number:04}.md"
        made.append(path)
        text, title = another(newest, number)
        path.write_text(text, "utf-8")
        return title

    (root / STAMP).unlink()
    try:
        yield write
    finally:
        for path in made:
            path.unlink()
        (root / STAMP).write_text(stamp, "utf-8")


def another(post: str, number: int) -> tuple[str, str]:
    """A post of a corpus with a title and a later date of its own, and that title."""
    title = f"快讯{number}：刚刚发布"
    date = LAST + timedelta(days=1, minutes=number)
    text, titles = re.subn(r'^title: ".*"$', f'title: "{title}"', post, count=1, flags=re.MULTILINE)
    text, dates = re.subn(
        r"^date: .*$", f"date: {date:%Y-%m-%dT%H:%M:%S}+08:00", text, count=1, flags=re.MULTILINE
    )
    if not (titles and dates):
        raise ValueError("not a post of a corpus")
    return text, title


def _delay(service: Service, write: Callable[[int], str], number: int) -> float:
    """The time from the writing of a post to the first answer that has it."""
    connection = http.client.HTTPConnection(HOST, service.port)
    with contextlib.closing(connection):
        begin = time.monotonic()
        title = write(number).encode()
        while title not in ask(connection, FEED, {}).body:
            if time.monotonic() - begin > POST_SECONDS:
                raise FailedError(f"a new post was not out within {POST_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begin


@contextlib.contextmanager
def _watched(service: Service, found: Figures) -> Iterator[None]:
    """Look for the most memory meanwhile."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLING):
            found.most = max(found.most, service.memory())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


HEAD: Final = ("of a start from a warm index", "measured", "goal")


def written(found: Figures, shape: Shape) -> str:
    memory = f"under {MOST_MEMORY / MEGABYTE:.0f}"
    rows = [
        ["first answer, s", spread(found.starts).written(2), f"{MOST_START:g}"],
        ["memory at rest, MB", _megabytes(found.before), memory],
        ["memory when every feed was asked for, MB", _megabytes(found.after), memory],
        ["most memory meanwhile and while a post is built, MB", _megabytes(found.most), memory],
        ["a feed that is asked for the first time, ms", _milliseconds(found.firsts), ""],
        ["a new post is served after, s", spread(found.delays).written(2), f"{MOST_DELAY:g}"],
    ]
    lines = [
        f"### A site of {shape.posts:,} posts and {found.feeds:,} feed files",
        "",
        markdown(HEAD, rows),
        *(f"- {each}" for each in shortfalls(found) or ["No goal is missed."]),
    ]
    return "\n".join(lines) + "\n"


def shortfalls(found: Figures) -> list[str]:
    """One line for each goal that is missed; the slowest of all runs counts."""
    missed = []
    if max(found.starts) > MOST_START:
        missed.append(f"first answer after {max(found.starts):.2f} s, goal {MOST_START:g} s")
    if (most := max(found.before, found.after, found.most)) >= MOST_MEMORY:
        missed.append(f"{_megabytes(most)} MB, goal {MOST_MEMORY / MEGABYTE:.0f} MB")
    if max(found.delays) > MOST_DELAY:
        missed.append(f"a new post after {max(found.delays):.2f} s, goal {MOST_DELAY:g} s")
    return missed


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.0f}"


def _milliseconds(times: Sequence[float]) -> str:
    return spread([each * 1e3 for each in times]).written(1)
