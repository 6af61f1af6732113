"""Posts in, feeds out: the five steps from a site folder to an output folder.

:func:`build` is the whole; :func:`update` is its first four steps, after which the index
knows every document that there has to be, and :func:`documents` makes those that are asked
for. The command line and the server use the same steps.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar
from urllib.parse import quote

import feeds
from feeds.catalog import Catalog, Definition, TermPosts, catalog
from feeds.config import STATE_FOLDER, Config
from feeds.index import Index, open_index
from feeds.models import EPOCH, Document, Feed, Finding, Level, Post
from feeds.posts.scan import Change, Scan
from feeds.publish import Folder, Published
from feeds.rows import (
    BucketRow,
    DamagedIndexError,
    Selected,
    State,
    TermKey,
    microseconds,
    stems_of,
)
from feeds.tasks import EntryTask, read_files, render_entries, unpack_fragments
from feeds.view import current_index
from feeds.workers import Workers

RENDER_CHUNK: Final = 64
RESCANS: Final = 3
LOCK_WAIT: Final = 60.0

# Libraries whose version can change what is read or rendered.
LIBRARIES: Final = re.compile(
    r"(feedgen|lxml|nh3|orjson|pyromark|python_frontmatter|python_liquid|PyYAML|pyyaml|tzdata)"
    r"-.*\.dist-info"
)

Progress = Callable[[str, int, int], None]
T = TypeVar("T")


def silent(what: str, done: int, total: int) -> None:
    """Takes no notice of progress."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to build, apart from what the configuration says.

    ``full`` forgets all that is known; ``strict`` publishes nothing if there is any finding
    but notes; ``wait`` is how many seconds another build may take.
    """

    full: bool = False
    strict: bool = False
    wait: float = LOCK_WAIT
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class Result:
    """What a build did. ``published`` is ``None`` where ``strict`` kept it from that."""

    posts: Mapping[State, int]
    feeds: int
    documents: int
    published: Published | None
    findings: tuple[Finding, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are more than notes."""
        return tuple(found for found in self.findings if found.level is not Level.NOTE)


def build(
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> Result:
    """Bring the output folder of a site up to date with its posts.

    ``now`` decides which posts are due, ``clock`` (nanoseconds since 1970) which files were
    written too recently to trust their times. Raises :class:`~feeds.errors.FeedsError`; the
    output is then as it was.
    """

    def run(index: Index) -> Result:
        scanned = update(index, config, now, workers, options, clock)
        index.save()
        known = index.documents()
        findings = [*config.notes, *scanned, *index.findings()]
        published = None
        if not (options.strict and any(found.level is not Level.NOTE for found in findings)):
            published = _publish(index, config, known, options)
            findings += published.findings
            index.save()
        return Result(
            posts=index.count(),
            feeds=len(index.feed_keys()),
            documents=len(known),
            published=published,
            findings=tuple(sorted(findings)),
        )

    result, notes = with_index(config, options, run)
    return replace(result, findings=(*notes, *result.findings))


def with_index(
    config: Config, options: Options, run: Callable[[Index], T]
) -> tuple[T, tuple[Finding, ...]]:
    """Run something with the index of a site; once more with a new one if it is damaged."""
    reading = fingerprint(config.reading_fingerprint())
    open_it = functools.partial(open_index, config.state, reading, options.wait)
    try:
        with open_it(anew=options.full) as index:
            return run(index), ()
    except DamagedIndexError as error:
        damaged = current_index(config.state)
        name = f"{STATE_FOLDER}/{damaged.name}" if damaged else STATE_FOLDER
        with open_it(anew=True) as index:
            return run(index), (Finding(name, 0, Level.NOTE, *_damage(error)),)


def _damage(error: DamagedIndexError) -> tuple[str, str]:
    return f"damaged ({error})", "made again from the posts"


@dataclass(frozen=True, slots=True)
class KnownPosts:
    """Every post, newest first, and what is to be said of the files."""

    posts: tuple[tuple[Post, State], ...]
    findings: tuple[Finding, ...]


def known_posts(
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> KnownPosts:
    """What a build would read. Nothing of it is kept."""

    def run(index: Index) -> KnownPosts:
        scanned = read(index, config, now, workers, options.progress, clock)
        return KnownPosts(tuple(index.posts()), tuple(sorted([*scanned, *index.findings()])))

    known, notes = with_index(config, options, run)
    return replace(known, findings=(*notes, *known.findings))


def known_feeds(
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> list[tuple[Feed, int]]:
    """The feeds that a build would write, and how many entries each has."""

    def run(index: Index) -> list[tuple[Feed, int]]:
        read(index, config, now, workers, options.progress, clock)
        listed = []
        for definition in definitions(index, config).definitions:
            posts = index.newest(definition.terms, config.feeds.entries)
            newest = max((post.updated for post in posts), default=0)
            head = replace(definition.head, updated=_datetime(newest, config))
            listed.append((head, len(posts)))
        return listed

    return with_index(config, options, run)[0]


# --- steps 1 to 4: what there has to be ---------------------------------------------------


def update(
    index: Index,
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> list[Finding]:
    """Bring the index up to date: posts, feeds, and the entries that stand in them.

    What is returned are the findings of the scan; all others are in the index.
    """
    rendering = fingerprint(config.fingerprint(), _includes_digest(config))
    anew = index.meta("rendering") != rendering
    if anew:
        index.forget_rendered()
        index.set_meta("rendering", rendering)
    for _ in range(RESCANS):
        findings = read(index, config, now, workers, options.progress, clock)
        changed = _select_and_render(index, config, anew, workers, options.progress)
        if not changed:
            return findings
    while changed:
        index.leave_out(changed, "changes while it is built", "left out of this build")
        index.settle(microseconds(now), config.posts.future)
        changed = _select_and_render(index, config, anew, workers, options.progress)
    return findings


def read(
    index: Index,
    config: Config,
    now: datetime,
    workers: Workers,
    progress: Progress = silent,
    clock: Callable[[], int] = time.time_ns,
) -> list[Finding]:
    """Steps 1 and 2: what changed among the files is read and put into the index."""
    at = microseconds(now)
    scan = Scan(config, index.buckets(), index.bucket_entries, clock())
    done = 0
    for change, rows in workers.map(functools.partial(read_files, config), _to_read(index, scan)):
        index.drop(change.gone)
        index.store(rows, at, config.posts.future)
        index.store_bucket(change.folder, _bucket_row(change))
        done += len(change.read)
        progress("reading posts", done, 0)
    index.settle(at, config.posts.future)
    return scan.findings


def _bucket_row(change: Change) -> BucketRow | None:
    bucket = change.bucket
    if bucket is None:
        return None
    return BucketRow(bucket.folder, bucket.number, bucket.total, bucket.digest, bucket.entries)


def _to_read(index: Index, scan: Scan) -> Iterator[tuple[Change, list[tuple[str, bytes]]]]:
    for change in scan.changes():
        known = index.digests(change.read)
        yield change, [(path, known.get(path, b"")) for path in change.read]


def _select_and_render(
    index: Index, config: Config, anew: bool, workers: Workers, progress: Progress
) -> list[str]:
    """Steps 3 and 4; returns the paths of posts that changed since they were read."""
    if not (anew or index.posts_changed):
        return []
    found = definitions(index, config)
    index.store_notes(found.findings)
    tasks = _select(index, config, found)
    changed = _render(index, config, tasks, workers, progress)
    index.prune_entries()
    return changed


def definitions(index: Index, config: Config) -> Catalog:
    """Step 3: the feeds of the site, as far as the index knows its posts."""
    return catalog(config, (TermPosts(*term) for term in index.terms()))


@dataclass(frozen=True, slots=True)
class _Task:
    """An entry to be rendered, and the key that it is kept under."""

    key: bytes
    entry: EntryTask


def _select(index: Index, config: Config, found: Catalog) -> list[_Task]:
    """Choose the entries of feeds that may have changed; what is not kept of them is a task."""
    before = index.feed_keys()
    chosen: list[tuple[Definition, list[Selected]]] = []
    for definition in found.definitions:
        known = before.pop(_key(definition), None)
        if not known or known[0] != definition.digest or _touched(index, definition):
            chosen.append((definition, index.newest(definition.terms, config.feeds.entries)))
    for gone in before:
        index.drop_feed(gone)
    _settle_opml(index, config, found)
    return _store_selection(index, config, chosen)


def _key(definition: Definition) -> TermKey:
    return definition.head.kind, definition.head.name


def _touched(index: Index, definition: Definition) -> bool:
    if not definition.terms:
        return index.posts_changed
    return not index.touched.isdisjoint(definition.terms)


def _store_selection(
    index: Index,
    config: Config,
    chosen: Sequence[tuple[Definition, Sequence[Selected]]],
) -> list[_Task]:
    posts = {post.id: post for _, selected in chosen for post in selected}
    addresses = _addresses(index, config, [post for post in posts.values() if post.references])
    keys = {id: _digest(post.path, post.digest, addresses.get(id)) for id, post in posts.items()}
    known = index.feed_keys()
    for definition, selected in chosen:
        key = _digest(definition.digest, *((post.id, keys[post.id]) for post in selected))
        if known.get(_key(definition)) != (definition.digest, key):
            paths = definition.head.paths.values()
            index.store_feed(
                _key(definition),
                definition.digest,
                key,
                [post.id for post in selected],
                paths,
            )
    kept = index.entry_keys(list(posts))
    index.forget_touched()
    return [
        _Task(keys[id], EntryTask(id, post.path, post.digest, addresses.get(id, {})))
        for id, post in sorted(posts.items(), key=lambda item: item[1].path)
        if kept.get(id) != keys[id]
    ]


def _digest(*parts: object) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def _addresses(
    index: Index, config: Config, posts: Sequence[Selected]
) -> dict[int, dict[str, str]]:
    """For posts whose Liquid tags name posts or files: the addresses of what they name."""
    named = {post.id: index.references_of(post.id) for post in posts}
    stems = frozenset(name for names in named.values() for each in names for name in stems_of(each))
    if not stems:
        return {}
    links = index.links_by_stem(stems)
    return {
        id: {name: url for name in names if (url := _address(config, name, links))}
        for id, names in named.items()
    }


def _address(
    config: Config, name: str, links: Mapping[str, Sequence[tuple[str, str]]]
) -> str | None:
    """Where ``post_url`` or ``link`` lead: a post by its file, any other file by its path."""
    wanted = name.strip("/")
    candidates = [found for each in sorted(stems_of(name)) for found in links.get(each, ())]
    for path, url in candidates:
        if path == wanted or f"/{path}".rpartition(".")[0].endswith(f"/{wanted}"):
            return url
    file = PurePosixPath(wanted)
    if not file.suffix:
        return None
    if file.suffix[1:] in config.posts.markdown_extensions:
        file = file.with_suffix(".html")
    return f"{config.site.url}/{quote(str(file))}"


def _settle_opml(index: Index, config: Config, found: Catalog) -> None:
    """The list of feeds changes with their definitions only."""
    digest = _digest(config.feeds.opml, *(each.digest for each in found.definitions)).hex()
    if index.meta("opml") != digest:
        index.drop_opml()
        if config.feeds.opml:
            index.store_document(config.feeds.opml, None)
        index.set_meta("opml", digest)


def _render(
    index: Index,
    config: Config,
    tasks: Sequence[_Task],
    workers: Workers,
    progress: Progress,
) -> list[str]:
    """Step 4, for entries; returns the paths of files that are not what was read."""
    changed = []
    done = 0
    chunks = (
        (chunk, [task.entry for task in chunk])
        for chunk in (tasks[i : i + RENDER_CHUNK] for i in range(0, len(tasks), RENDER_CHUNK))
    )
    for chunk, rendered in workers.map(functools.partial(render_entries, config), chunks):
        for task, entry in zip(chunk, rendered, strict=True):
            path = task.entry.path
            if entry.body:
                index.store_entry(entry.post, path, task.key, entry.body, entry.findings)
            else:
                changed.append(path)
        done += len(chunk)
        progress("rendering entries", done, len(tasks))
    return changed


# --- documents ----------------------------------------------------------------------------


def documents(index: Index, config: Config, paths: Iterable[str]) -> Iterator[Document]:
    """Make the documents with these paths; their hashes are remembered as they are made."""
    wanted = frozenset(paths)
    if not wanted:
        return
    found = definitions(index, config)
    for definition in found.definitions:
        if not wanted.isdisjoint(definition.head.paths.values()):
            for document in feed_documents(index, config, definition):
                if document.path in wanted:
                    index.store_document(document.path, document.hash)
                    yield document
    if config.feeds.opml in wanted:
        document = _opml(config, found)
        index.store_document(document.path, document.hash)
        yield document


def feed_documents(index: Index, config: Config, definition: Definition) -> Iterator[Document]:
    """A feed in every format that is written."""
    from feeds.render import splice
    from feeds.render.period import period

    rows = index.entries(_key(definition))
    dates = [_datetime(date, config) for date, _, _ in rows]
    newest = max((updated for _, updated, _ in rows), default=0)
    head = replace(definition.head, updated=_datetime(newest, config), period=period(dates))
    fragments = [unpack_fragments(body, config.feeds.formats) for _, _, body in rows]
    for format in head.paths:
        yield splice(head, [fragment[format] for fragment in fragments], format)


def _datetime(microseconds: int, config: Config) -> datetime:
    return (EPOCH + timedelta(microseconds=microseconds)).astimezone(config.site.zone)


def _opml(config: Config, found: Catalog) -> Document:
    from feeds.render import render_opml

    heads = [definition.head for definition in found.definitions]
    return render_opml(config.feeds.opml, config.site.title or config.site.url, heads)


# --- step 5 -------------------------------------------------------------------------------


def _publish(
    index: Index, config: Config, known: Mapping[str, str | None], options: Options
) -> Published:
    """What the folder lacks is rendered; the rest is not even looked into."""
    output = os.fspath(config.output)
    folder = Folder(config.output, index.written(output))
    missing = frozenset(folder.missing(known))
    kept = {path: hash for path, hash in known.items() if hash and path not in missing}
    made = _counted(documents(index, config, missing), len(missing), options.progress)
    published = folder.publish(kept, made)
    index.store_written(output, published.known)
    return published


def _counted(made: Iterable[Document], total: int, progress: Progress) -> Iterator[Document]:
    for number, document in enumerate(made, 1):
        progress("writing feeds", number, total)
        yield document


# --- what everything depends on -----------------------------------------------------------


def fingerprint(*parts: str) -> str:
    """A hash of ``parts`` and of the program itself, its libraries included."""
    return _digest(_program(), *parts).hex()


@functools.cache
def _program() -> tuple[object, ...]:
    """The versions of this program and of its libraries.

    The names of the folders of their metadata say so in a tenth of the time that
    importlib.metadata needs. A checkout changes without its version: its files count too.
    """
    package = Path(feeds.__file__).parent
    own = sorted(
        (path.name, found.st_size, found.st_mtime_ns)
        for folder in (package, package / "posts", package / "render")
        for path in folder.iterdir()
        if path.suffix in (".py", ".sql")
        for found in (path.stat(),)
    )
    libraries: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            libraries.update(
                name for name in os.listdir(folder or ".") if LIBRARIES.fullmatch(name)
            )
    return feeds.__version__, sys.version_info[:2], own, sorted(libraries)


def _includes_digest(config: Config) -> str:
    """A hash of what Liquid may include."""
    folder = config.root / config.posts.includes_dir
    if not (config.posts.liquid and folder.is_dir()):
        return ""
    texts = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file():
                texts.append((str(path.relative_to(folder)), path.read_bytes()))
    return _digest(*texts).hex()
