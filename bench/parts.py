"""``python -m bench.parts``: what the parts of a cold build cost for each post and each entry.

In: a corpus of 10,000 posts (:mod:`bench.corpora`). Out: microseconds by part, printed and put
into ``docs/benchmarks.md``: a profile without a profiler, which would make many small calls look
dearer than they are.

Each part does its work on the same posts, one after the other, in one process; what it works on
was made before. Parts overlap as the table says: reading a post has decoding, header and
navigation in it.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import feeds
from bench.build import ChangedError, machine, settle, unchanged
from bench.corpora import CACHE, SHAPES, BusyError, alone, prepared
from bench.service import CHECKOUT
from bench.table import markdown, replace_between, spread
from feeds import render
from feeds.config import Config
from feeds.configfile import load_config
from feeds.files import SiteFiles
from feeds.fingerprint import reading_fingerprint
from feeds.fragments import pack_fragments
from feeds.index import open_index
from feeds.models import Entry, Format
from feeds.posts.body import render_body
from feeds.posts.frontmatter import split
from feeds.posts.links import navigation
from feeds.posts.read import read_post
from feeds.posts.reading import Reading
from feeds.posts.scan import Scan
from feeds.rows import Row, microseconds, post_row
from feeds.tasks import digest, entry, read_files

PAGE: Final = CHECKOUT / "docs" / "benchmarks.md"
MARKER: Final = "bench.parts"
POSTS: Final = 10_000
USED: Final = 4_096
CHUNK: Final = 512

Part = tuple[str, Callable[[], object]]


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        with alone(given.cache), unchanged(Path(feeds.__file__).parent):
            root = prepared(given.cache, SHAPES[POSTS])
            settle()
            figures = measured(root, given.rounds)
    except (BusyError, ChangedError) as error:
        raise SystemExit(f"bench.parts: {error}") from error
    report = f"`python -m bench.parts --rounds {given.rounds} --write`: {machine()}.\n\n"
    report += written(figures)
    print(report, flush=True)
    if given.write:
        PAGE.write_text(replace_between(PAGE.read_text("utf-8"), MARKER, report), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.parts",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=9, help="of all parts (%(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="of corpora (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


def measured(root: Path, rounds: int, number: int = USED) -> dict[str, list[float]]:
    """Microseconds for each post or entry, by part, in every round."""
    config = load_config(root)
    paths = [f"posts/{path.name}" for path in sorted((root / "posts").iterdir())[:number]]
    parts = [*_reading(config, paths), *_rendering(config, paths)]
    found: dict[str, list[float]] = {name: [] for name, _ in parts}
    for _ in range(rounds):
        for name, work in parts:
            begin = time.perf_counter()
            work()
            found[name].append((time.perf_counter() - begin) / len(paths) * 1e6)
    storing = [_storing(root, config) for _ in range(rounds)]
    return {**found, "storing in the index": storing}


def _reading(config: Config, paths: Sequence[str]) -> list[Part]:
    files = SiteFiles(config)
    raw = [(path, *files.content(path)) for path in paths]
    texts = [content.decode() for _, content, _ in raw]
    bodies = [text[split(text, False).body :] for text in texts]
    read = [read_post(path, content, config, at) for path, content, at in raw]
    posts = [each.post for each in read if each.post]
    rows = read_files(config, [(path, b"") for path in paths])
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return [
        ("opening and reading the file", lambda: [files.content(path) for path in paths]),
        ("its digest", lambda: [digest(*each) for each in raw]),
        (
            "making a post of it",
            lambda: [read_post(path, content, config, at) for path, content, at in raw],
        ),
        ("… of that, UTF-8", lambda: [content.decode() for _, content, _ in raw]),
        ("… the header", lambda: [split(text, False) for text in texts]),
        ("… source and way back", lambda: [navigation(body, 1) for body in bodies]),
        ("its row, in JSON", lambda: [post_row(post, b"", ()) for post in posts]),
        ("from one process to another", lambda: [_sent(chunk) for chunk in chunks]),
    ]


def _sent(rows: Sequence[Row]) -> Any:
    return pickle.loads(pickle.dumps(rows))


def _rendering(config: Config, paths: Sequence[str]) -> list[Part]:
    files = SiteFiles(config)
    read = [read_post(path, files.content(path)[0], config) for path in paths]
    body = partial(render_body, config=config, references={}, include=files.include)
    entries = [_entry(config, each, body) for each in read]
    fragments = [
        [render.render_entry(each, format) for format in config.feeds.formats] for each in entries
    ]
    return [
        ("an entry: its body", lambda: [body(each) for each in read]),
        *(
            (f"… as {format.name.lower()}", partial(_rendered, entries, format))
            for format in config.feeds.formats
        ),
        ("… packed for the index", lambda: [pack_fragments(each) for each in fragments]),
    ]


def _entry(config: Config, reading: Reading, body: Callable[[Reading], Any]) -> Entry:
    assert reading.post is not None
    content = body(reading)
    return entry(config, reading.post, content.html, content.summary)


def _rendered(entries: Sequence[Entry], format: Format) -> object:
    return [render.render_entry(each, format) for each in entries]


def _storing(root: Path, config: Config) -> float:
    """Microseconds for each post that the one writer of the index takes."""
    return 1e6 / stored_in_a_second(root, config)


def stored_in_a_second(root: Path, config: Config) -> float:
    """How many posts a second the index takes in that were read already."""
    now = microseconds(datetime.now(UTC))
    with open_index(config.state, reading_fingerprint(config), 0.0, anew=True) as index:
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
        seconds += time.perf_counter() - begin
    return posts / seconds


def written(figures: dict[str, list[float]]) -> str:
    rows = [[name, spread(values).written(1)] for name, values in figures.items()]
    return markdown(("part, for each post or entry", "µs"), rows)


if __name__ == "__main__":
    main()
