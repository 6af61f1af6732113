"""Posts in, feeds out: the five steps from a site folder to an output folder.

:func:`build` is the whole; :func:`update` is its first four steps, after which the index
knows every document that there has to be, and :func:`~feeds.documents.documents` makes those
that are asked for. The command line and the server use the same steps.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from feeds.config import STATE_FOLDER, Config
from feeds.documents import (
    WHOLE,
    aware,
    definitions,
    documents,
    key_of,
    published_feeds,
    wanted_pages,
    whole_documents,
    write_documents,
)
from feeds.errors import OutputError
from feeds.files import FileTask
from feeds.fingerprint import reading_fingerprint, rendering_fingerprint
from feeds.index import Index, open_index
from feeds.models import Document, Feed, Finding, Level, Post
from feeds.posts.scan import Change, Scan
from feeds.publish import Folder, Known, Published, StagedDocument, alone
from feeds.rows import BucketRow, DamagedIndexError, PageRow, State, TermKey, microseconds
from feeds.state import knows_output, remember_output
from feeds.terminal import Progress, silent
from feeds.values import dataclass
from feeds.view import current_index
from feeds.workers import Workers

if TYPE_CHECKING:
    from feeds.catalog import Catalog
    from feeds.selection import Task

RENDER_CHUNK: Final = 64
DOCUMENT_CHUNK: Final = 32
WORTH_SPREADING: Final = 400  # documents
RESCANS: Final = 3
LOCK_WAIT: Final = 60.0

T = TypeVar("T")


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
    written too recently to trust their times. Raises :class:`~feeds.errors.FeedsError`; every
    file of the output is then whole, and all are as they were unless moving them into place
    failed half way.
    """

    def run(index: Index) -> Result:
        scanned = update(index, config, now, workers, options, clock)
        index.save()
        known = index.documents()
        findings = [*config.notes, *scanned, *index.findings()]
        published = None
        if options.strict:
            folder = _folder(config, {})
            pages = {page.path for page in index.pages()}
            findings += folder.edited(known.keys() - set(folder.give_way(pages)))
        if not (options.strict and any(found.level is not Level.NOTE for found in findings)):
            with alone(config.output, options.wait):
                published = _publish(index, config, known, workers, options)
            findings += published.findings
            index.save()
            findings += _owe(index, config, now)
        return Result(
            posts=index.count(),
            feeds=index.feed_count(),
            # Some pages may have given way to files of the site.
            documents=len(published.known if published else known),
            published=published,
            findings=tuple(sorted(findings)),
        )

    result, notes = with_index(config, options, run)
    return replace(result, findings=(*notes, *result.findings))


def with_index(
    config: Config, options: Options, run: Callable[[Index], T]
) -> tuple[T, tuple[Finding, ...]]:
    """Run something with the index of a site; once more with a new one if it is damaged."""
    reading = reading_fingerprint(config)
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


@dataclass(frozen=True, slots=True)
class KnownFeed:
    """A feed, how many entries it has now, how many posts belong to it, and when the newest
    of them was published."""

    head: Feed
    entries: int
    posts: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class KnownFeeds:
    """Every feed, and what is to be said of the files."""

    feeds: tuple[KnownFeed, ...]
    findings: tuple[Finding, ...]


def known_feeds(
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> KnownFeeds:
    """The feeds that a build would write. Nothing is kept."""

    def run(index: Index) -> KnownFeeds:
        scanned = read(index, config, now, workers, options.progress, clock)
        found = definitions(index, config)
        visible = index.count().get(State.VISIBLE, 0)
        listed = []
        for definition in found.definitions:
            posts = index.newest(definition.terms, config.feeds.entries)
            updated = max((post.updated for post in posts), default=0)
            head = replace(definition.head, updated=aware(updated, config))
            number = definition.posts if definition.terms else visible
            newest = max((post.date for post in posts), default=0)
            listed.append(KnownFeed(head, len(posts), number, aware(newest, config)))
        index.store_notes(found.findings)
        findings = sorted([*config.notes, *scanned, *index.findings()])
        return KnownFeeds(tuple(listed), tuple(findings))

    known, notes = with_index(config, options, run)
    return replace(known, findings=(*notes, *known.findings))


@dataclass(frozen=True, slots=True)
class KnownTerms:
    """Every term that posts have, the feeds there are, and what is to be said of the files."""

    terms: tuple[TermKey, ...]
    found: Catalog
    findings: tuple[Finding, ...]


def known_terms(
    config: Config,
    now: datetime,
    workers: Workers,
    options: Options = Options(),
    clock: Callable[[], int] = time.time_ns,
) -> KnownTerms:
    """What the feeds of a site are made for. Nothing is kept."""

    def run(index: Index) -> KnownTerms:
        scanned = read(index, config, now, workers, options.progress, clock)
        terms = tuple((kind, name) for kind, name, *_ in index.terms())
        findings = sorted([*config.notes, *scanned, *index.findings()])
        return KnownTerms(terms, definitions(index, config), tuple(findings))

    known, notes = with_index(config, options, run)
    return replace(known, findings=(*notes, *known.findings))


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
    rendering = rendering_fingerprint(config)
    anew = index.meta("rendering") != rendering
    if anew:
        from feeds.fragments import fragment_names

        index.forget_rendered()
        index.set_meta("rendering", rendering)
        index.set_meta("formats", " ".join(fragment_names(config)))
    notes = _settle_sources(index, config)
    for _ in range(RESCANS):
        findings = notes + read(index, config, now, workers, options.progress, clock)
        changed = _select_and_render(index, config, anew, workers, options.progress)
        if not changed:
            break
    while changed:
        index.leave_out(changed, "changes while it is built", "left out of this build")
        index.settle(microseconds(now), config.posts.future)
        changed = _select_and_render(index, config, anew, workers, options.progress)
    if index.renewed:
        from feeds.modified import settle_modified

        settle_modified(index, config, now)
    if config.pages.wanted:
        from feeds.paging import settle_pages

        findings += settle_pages(index, config, now)
    index.reselected.clear()
    return findings


def _settle_sources(index: Index, config: Config) -> list[Finding]:
    """Have the index know which sources are gone, and what entries name in their place."""
    if config.links.dead_source == "keep":
        index.replace_sources({})
        return []
    from feeds.links.dead import dead_sources
    from feeds.links.runs import FILE_NAME

    try:
        dead = dead_sources(config.state)
    except OutputError as error:
        name = f"{STATE_FOLDER}/{FILE_NAME}"
        return [Finding(name, 0, Level.WARNING, str(error), "sources stay as they were")]
    drop = config.links.dead_source == "drop"
    instead = {each.path: (each.source, "" if drop else each.copy) for each in dead}
    index.replace_sources({path: each for path, each in instead.items() if drop or each[1]})
    return []


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
    changes = scan.changes()
    if first := next(changes, None):
        _read_changed(index, config, itertools.chain((first,), changes), at, workers, progress)
    index.settle(at, config.posts.future)
    return scan.findings


def _read_changed(
    index: Index,
    config: Config,
    changes: Iterable[Change],
    now: int,
    workers: Workers,
    progress: Progress,
) -> None:
    # What reads and renders is not loaded (a quarter of a short run) unless something changed.
    from feeds.tasks import read_files

    done = 0
    reading = FileTask(read_files, config, itemgetter(0))
    for change, rows in workers.map(reading, _to_read(index, changes)):
        index.drop(change.gone)
        index.store(rows, now, config.posts.future)
        index.store_bucket(change.folder, _bucket_row(change))
        done += len(change.read)
        progress("reading posts", done, 0)


def _bucket_row(change: Change) -> BucketRow | None:
    bucket = change.bucket
    if bucket is None:
        return None
    return BucketRow(bucket.folder, bucket.number, bucket.total, bucket.digest, bucket.entries)


def _to_read(
    index: Index, changes: Iterable[Change]
) -> Iterator[tuple[Change, list[tuple[str, bytes]]]]:
    for change in changes:
        known = index.digests(change.read)
        yield change, [(path, known.get(path, b"")) for path in change.read]


def _select_and_render(
    index: Index, config: Config, anew: bool, workers: Workers, progress: Progress
) -> list[str]:
    """Steps 3 and 4; returns the paths of posts that changed since they were read."""
    if not (anew or index.posts_changed):
        return []
    from feeds.selection import select

    found = definitions(index, config)
    index.store_notes(found.findings)
    tasks = select(index, config, found)
    changed = _render(index, config, tasks, workers, progress)
    index.prune_entries()
    return changed


def _render(
    index: Index,
    config: Config,
    tasks: Sequence[Task],
    workers: Workers,
    progress: Progress,
) -> list[str]:
    """Step 4, for entries; returns the paths of files that are not what was read."""
    from feeds.tasks import render_entries

    changed = []
    done = 0
    chunks = (
        (chunk, [task.entry for task in chunk])
        for chunk in (tasks[i : i + RENDER_CHUNK] for i in range(0, len(tasks), RENDER_CHUNK))
    )
    rendering = FileTask(render_entries, config, attrgetter("path"), includes=True)
    for chunk, rendered in workers.map(rendering, chunks):
        for task, entry in zip(chunk, rendered, strict=True):
            path = task.entry.path
            if entry.body:
                index.store_entry(entry.post, path, task.key, entry.body, entry.findings)
            else:
                changed.append(path)
        done += len(chunk)
        progress("rendering entries", done, len(tasks))
    return changed


# --- step 5 -------------------------------------------------------------------------------


def _publish(
    index: Index,
    config: Config,
    known: Mapping[str, str | None],
    workers: Workers,
    options: Options,
) -> Published:
    """What the folder lacks is rendered; the rest is not even looked into."""
    output = os.fspath(config.output)
    before = index.written(output)
    folder = _folder(config, before)
    missing = frozenset(folder.missing(known))
    pages = [page for page in index.pages() if page.path in missing] if missing else []
    theirs = frozenset(folder.give_way(page.path for page in pages))
    missing -= theirs
    known = {path: hash for path, hash in known.items() if path not in theirs}
    kept = {path: hash for path, hash in known.items() if hash and path not in missing}
    made = _counted(
        _made(index, config, missing, folder.staging, workers), len(missing), options.progress
    )
    if folder.new_owner:
        remember_output(config.state, config.output)
    published = folder.publish(kept, made)
    index.store_written(output, before, published.known)
    notes = _given_way([page for page in pages if page.path in theirs])
    return replace(published, findings=(*notes, *published.findings))


def _given_way(pages: Iterable[PageRow]) -> list[Finding]:
    """What there is to say of pages in whose place the site has a file of its own."""
    by_key: dict[str, list[str]] = {}
    for page in pages:
        by_key.setdefault(page.key_name, []).append(page.path)
    return [
        Finding(
            paths[0],
            0,
            Level.NOTE,
            "is not a file of this program"
            + (f", nor are {len(paths) - 1:,} more pages" if len(paths) > 1 else ""),
            f'left as it is; give [pages] {key} another path, or "" for none',
        )
        for key, paths in by_key.items()
    ]


def _folder(config: Config, known: Mapping[str, Known]) -> Folder:
    was_ours = functools.partial(knows_output, config.state, config.output)
    return Folder(config.output, known, config.site.url, was_ours)


def _made(
    index: Index, config: Config, paths: frozenset[str], staging: Path, workers: Workers
) -> Iterator[Document | StagedDocument]:
    """The documents with these paths; if they are many, made and written by the workers."""
    if workers.jobs < 2 or len(paths) < WORTH_SPREADING:
        made: Iterable[Document | StagedDocument] = documents(index, config, paths)
    else:
        made = _spread(index, config, paths, staging, workers)
    for document in made:
        index.store_document(document.path, document.hash)
        yield document


def _spread(
    index: Index, config: Config, paths: frozenset[str], staging: Path, workers: Workers
) -> Iterator[Document | StagedDocument]:
    found = definitions(index, config)
    pages = wanted_pages(index, paths)
    wanted = [
        each
        for each in found.definitions
        if key_of(each) in pages or not paths.isdisjoint(each.head.paths.values())
    ]
    chunks = (
        (None, wanted[start : start + DOCUMENT_CHUNK])
        for start in range(0, len(wanted), DOCUMENT_CHUNK)
    )
    write = functools.partial(write_documents, config, index.path, staging, paths)
    for _, staged in workers.map(write, chunks):
        for path, hash, file in staged:
            yield StagedDocument(path, hash, file)
    yield from whole_documents(index, config, paths, pages.get(WHOLE, ()))


def _counted(
    made: Iterable[Document | StagedDocument], total: int, progress: Progress
) -> Iterator[Document | StagedDocument]:
    for number, document in enumerate(made, 1):
        progress("writing feeds", number, total)
        yield document


def _owe(index: Index, config: Config, now: datetime) -> list[Finding]:
    """Have the ledger know which feeds the hubs have to be told of."""
    if not config.feeds.hubs:
        return []
    from feeds.ledger import FILE_NAME, Ledger

    with contextlib.closing(Ledger(config.state)) as ledger:
        feeds = published_feeds(index, config)
        try:
            ledger.publish(feeds, now.timestamp(), config.feeds.hubs, index.edition())
        except OutputError as error:
            name = f"{STATE_FOLDER}/{FILE_NAME}"
            return [Finding(name, 0, Level.WARNING, str(error), "hubs will not be told")]
    return []


def notify(config: Config, now: Callable[[], float]) -> int:
    """Tell the hubs of the feeds that builds changed since they were told the last time.

    ``now`` is seconds since 1970. Returns of how many feeds a hub was told; what one did not
    take is tried again the next time, when its time has come. Raises
    :class:`~feeds.errors.OutputError` where the ledger cannot be used.
    """
    if not config.feeds.hubs:
        return 0
    from feeds.ledger import Ledger
    from feeds.push import tell_hubs

    with contextlib.closing(Ledger(config.state)) as ledger:
        return tell_hubs(ledger, now)
