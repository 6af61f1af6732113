"""Corpora that are kept from one run to the next, held alone, edited and put back.

In: a folder of the system's temporary one and a :class:`~bench.corpus.Shape`. Out: the folder
of a site, made by :mod:`bench.corpus` unless it is there already.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import corpus
from bench.aside import rested
from bench.corpus import Shape

STAMP: Final = "corpus.txt"

# A file that was written in the same tick of the clock as a scan is read once more by the next.
SETTLING: Final = 0.2

SHAPES: Final = {
    1_000: Shape(1_000, 20, 100),
    10_000: Shape(10_000, 50, 500),
    100_000: Shape(100_000, 100, 2_000),
    1_000_000: Shape(1_000_000, 200, 4_000),
}


CACHE: Final = Path(tempfile.gettempdir()) / f"feeds-bench-{os.getuid()}"


class BusyError(Exception):
    """Another run uses the corpora."""


@contextlib.contextmanager
def alone(cache: Path) -> Iterator[None]:
    """Hold the corpora alone: two runs would spoil each other's times, and their posts.

    What was put aside meanwhile is deleted at the end, and the next one begins a minute later.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"another run uses {cache}; wait for it, or give --cache") from None
        with rested(cache):
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
