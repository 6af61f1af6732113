"""The documents of a site, made from what its index keeps: entries that are rendered already.

In: a view of the index and the configuration. Out: :class:`~feeds.models.Document` values.
The command line and the server get theirs here, so that they cannot differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from feeds.config import Config
from feeds.models import EPOCH, Document, Feed, Format
from feeds.rows import PageRow, Part, TermKey
from feeds.values import dataclass
from feeds.view import View, connect

if TYPE_CHECKING:
    from feeds.catalog import Catalog, Definition
    from feeds.ledger import PublishedDocument
    from feeds.pageviews import Shown


# What pages belong to that are about no feed.
WHOLE: Final = ("", "")


def definitions(view: View, config: Config) -> Catalog:
    """The feeds of the site, as far as the index knows its posts.

    They are worked out once as long as the terms are the same.
    """
    from feeds.catalog import TermPosts, catalog

    terms = view.terms()
    known = view.memo.get("definitions")
    if known is None or known[0] is not config or known[1] != terms:
        found = catalog(config, (TermPosts(*term) for term in terms))
        view.memo["definitions"] = known = config, terms, found
    return cast("Catalog", known[2])


def key_of(definition: Definition) -> TermKey:
    """What a feed is kept under in the index."""
    return definition.head.kind, definition.head.name


def documents(view: View, config: Config, paths: Iterable[str]) -> Iterator[Document]:
    """Make the documents with these paths; the entries of their feeds must be rendered."""
    wanted = frozenset(paths)
    if not wanted:
        return
    found = definitions(view, config)
    pages = wanted_pages(view, wanted)
    pages_of = page_maker(view, config)
    for definition in found.definitions:
        of_feed = pages.pop(key_of(definition), ())
        yield from _of_feed(view, config, definition, wanted, of_feed, pages_of)
    yield from whole_documents(view, config, wanted, pages.pop(WHOLE, ()))


def wanted_pages(view: View, paths: frozenset[str]) -> dict[tuple[str, str], list[PageRow]]:
    """The pages with these paths by the feed that they belong to."""
    pages: dict[tuple[str, str], list[PageRow]] = {}
    for page in view.pages():
        if page.path in paths:
            pages.setdefault(page.feed, []).append(page)
    return pages


def whole_documents(
    view: View, config: Config, paths: frozenset[str], pages: Iterable[PageRow]
) -> Iterator[Document]:
    """Those of these documents that belong to no feed."""
    if config.feeds.opml in paths:
        yield opml_document(config, definitions(view, config))
    pages_of = page_maker(view, config)
    for page in pages:
        yield pages_of().document(page, None)


def _of_feed(
    view: View,
    config: Config,
    definition: Definition,
    paths: frozenset[str],
    pages: Sequence[PageRow],
    pages_of: Callable[[], Shown],
) -> Iterator[Document]:
    formats = [f for f, path in definition.head.paths.items() if path in paths]
    if formats or any(page.part is Part.TWIN for page in pages):
        feed = filled(view, config, definition)
    else:
        feed = FilledFeed(definition.head, ())
    yield from feed_documents(feed, formats)
    for page in pages:
        yield pages_of().document(page, feed)


def page_maker(view: View, config: Config) -> Callable[[], Shown]:
    """What makes the pages of one state of the index, made itself when the first is asked for."""

    @cache
    def made() -> Shown:
        from feeds.pageviews import Shown

        return Shown(view, config, definitions(view, config), view.cards())

    return made


def write_documents(
    config: Config,
    index: Path,
    folder: Path,
    paths: frozenset[str],
    definitions: Sequence[Definition],
) -> list[tuple[str, str, Path]]:
    """Make those documents of some feeds that are in ``paths``, into a folder.

    For a worker on this machine: it reads the index, as it was saved, by itself. Returns
    path, hash and file of each. Raises ``OSError`` and what reading the index raises.
    """
    view = _worker_view(index)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pages_of = page_maker(view, config)
    for definition in definitions:
        pages = [page for page in view.pages(key_of(definition)) if page.path in paths]
        for document in _of_feed(view, config, definition, paths, pages, pages_of):
            file = folder / hashlib.blake2b(document.path.encode(), digest_size=16).hexdigest()
            file.write_bytes(document.body)
            written.append((document.path, document.hash, file))
    return written


@lru_cache(maxsize=1)
def _worker_view(index: Path) -> View:
    return View(connect(index))


@dataclass(frozen=True, slots=True)
class FilledFeed:
    """A feed with the dates of its entries in its head, and their fragments, newest first.

    A fragment is what an entry is in a format, or (``PAGE``) on a page.
    """

    head: Feed
    fragments: tuple[Mapping[str, bytes], ...]


def filled(view: View, config: Config, definition: Definition) -> FilledFeed:
    """A feed and what stands in it."""
    from feeds.fragments import unpack_fragments
    from feeds.render.period import period

    rows = view.entries(key_of(definition))
    dates = [aware(date, config) for date, _, _ in rows]
    newest = max((updated for _, updated, _ in rows), default=0)
    change = period(dates, config.feeds.poll_minutes)
    head = replace(definition.head, updated=aware(newest, config), period=change)
    names = view.fragments()
    return FilledFeed(head, tuple(unpack_fragments(body, names) for _, _, body in rows))


def cache_seconds(view: View, config: Config, definition: Definition) -> int:
    """How long caches may keep a feed: as long as its head tells readers to wait."""
    from feeds.render.period import period

    dates = [aware(date, config) for date, _, _ in view.entry_hashes(key_of(definition))]
    return period(dates, config.feeds.poll_minutes).minutes * 60


def feed_documents(feed: FilledFeed, formats: Iterable[Format]) -> Iterator[Document]:
    """A feed in some of the formats that are written."""
    from feeds.render import splice

    for format in formats:
        yield splice(feed.head, [fragment[format] for fragment in feed.fragments], format)


def aware(microseconds: int, config: Config) -> datetime:
    """A time of the index in the zone of the site."""
    return (EPOCH + timedelta(microseconds=microseconds)).astimezone(config.site.zone)


def published_feeds(view: View, config: Config) -> tuple[PublishedDocument, ...]:
    """The documents of all feeds, with the hashes of those that were rendered."""
    from feeds.ledger import PublishedDocument

    hashes = view.documents()
    return tuple(
        PublishedDocument(
            path, format, each.head.title, each.head.urls[format], hashes.get(path) or ""
        )
        for each in definitions(view, config).definitions
        for format, path in each.head.paths.items()
    )


def opml_document(config: Config, found: Catalog) -> Document:
    """The list of all feeds; it is as new as the youngest of its terms."""
    from feeds.render import render_opml

    heads = [replace(each.head, updated=aware(each.since, config)) for each in found.definitions]
    return render_opml(config.feeds.opml, config.site.title or config.site.url, heads)
