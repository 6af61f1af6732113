"""What the index knows as what pages show.

In: a view of the index and the feeds that exist. Out: the documents of pages, from the templates of
:mod:`feeds.pages`. Pages link to each other by the cards of feeds.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from feeds.catalog import Catalog, Definition, page_url
from feeds.config import Config
from feeds.documents import FilledFeed, aware, definitions, key_of
from feeds.fragments import PAGE
from feeds.links.overview import overview, unpack
from feeds.models import Document, Feed, Kind, Period
from feeds.pages.addresses import reference
from feeds.pages.entries import entry_view, post_view
from feeds.pages.render import (
    LABELS,
    render_directory,
    render_links,
    render_older,
    render_twin,
    shared_file,
)
from feeds.pages.reports import LinksPage
from feeds.pages.views import Alternate, Directory, FeedRow, Older, TermLink, Twin
from feeds.paging import ids_of, older_path
from feeds.rows import Card, DamagedIndexError, PageRow, Part, TermKey
from feeds.view import View, connect, current_index


class Shown:
    """What pages of one state of the index show, and link to."""

    def __init__(
        self, view: View, config: Config, found: Catalog, cards: Mapping[TermKey, Card]
    ) -> None:
        self.found = found
        self.cards = cards
        self._view = view
        self._config = config
        self._definitions = {key_of(each): each for each in found.definitions}
        self._of_term = {
            term: cards[feed]
            for feed, definition in self._definitions.items()
            if feed in cards
            for term in definition.terms
        }

    def document(self, page: PageRow, feed: FilledFeed | None) -> Document:
        """A page; ``feed`` is what it is about, if it is about one."""
        pages = self._config.pages
        if page.part is Part.STYLE:
            return shared_file("feeds.css", pages.style, page.part.media_type)
        if page.part is Part.SCRIPT:
            return shared_file("feeds.js", pages.script, page.part.media_type)
        if page.part is Part.DIRECTORY:
            return render_directory(self._config, self._directory(page.path))
        if page.part is Part.LINKS:
            return render_links(self._config, self._links(page))
        if feed is None:
            raise DamagedIndexError(f"the page {page.path} is about no feed")
        if page.part is Part.TWIN:
            return render_twin(self._config, self._twin(page, feed))
        return render_older(self._config, self._older(page, feed.head))

    def _twin(self, page: PageRow, feed: FilledFeed) -> Twin:
        head, card = feed.head, self.cards[feed.head.kind, feed.head.name]
        zone = self._config.site.zone

        def linked(kind: Kind, name: str) -> TermLink | None:
            return self._linked(page.path, kind, name, head.twin)

        older = max(
            (each for each in self._view.pages(page.feed) if each.part is Part.OLDER),
            key=lambda each: each.number,
            default=None,
        )
        return Twin(
            path=page.path,
            head=head,
            label=card.label,
            posts=card.posts,
            alternates=alternates(page.path, head),
            entries=tuple(entry_view(fragment[PAGE], zone, linked) for fragment in feed.fragments),
            page=head.page if self._has_own_page(head) else "",
            older=reference(page.path, older.path) if older else "",
        )

    def _has_own_page(self, head: Feed) -> bool:
        """Whether the site has a page of the feed beside ours."""
        return head.page != page_url(self._config, head.twin)

    def _older(self, page: PageRow, head: Feed) -> Older:
        posts = self._view.posts_by_id(ids := ids_of(page))
        if len(posts) != len(ids):
            raise DamagedIndexError(f"a post of the page {page.path} is missing")
        sources = self._view.replaced_sources()
        zone = self._config.site.zone

        def linked(kind: Kind, name: str) -> TermLink | None:
            return self._linked(page.path, kind, name, head.twin)

        twin = reference(page.path, head.twin)
        numbers = {each.number for each in self._view.pages(page.feed) if each.part is Part.OLDER}

        def beside(number: int) -> str:
            return reference(page.path, older_path(head.twin, number)) if number in numbers else ""

        return Older(
            path=page.path,
            head=head,
            label=self.cards[head.kind, head.name].label,
            number=page.number,
            alternates=alternates(page.path, head),
            entries=tuple(
                post_view(post, zone, linked, sources.get(post.path, ("", post.source))[1])
                for post in map(posts.__getitem__, reversed(ids))
            ),
            older=beside(page.number - 1),
            newer=beside(page.number + 1) or twin,
            twin=twin,
        )

    def _directory(self, path: str) -> Directory:
        rows = [
            self._row(path, self._definitions[feed], card)
            for feed, card in self.cards.items()
            if feed in self._definitions
        ]
        rows.sort(key=lambda row: (-row.newest.timestamp() if row.newest else 0, row.label))
        by_kind = {kind: tuple(row for row in rows if row.kind is kind) for kind in Kind}
        opml = self._config.feeds.opml
        return Directory(
            path=path,
            site=by_kind.pop(Kind.SITE)[0],
            rows=tuple((kind, found) for kind, found in by_kind.items() if found),
            opml=reference(path, opml) if opml else "",
        )

    def _links(self, page: PageRow) -> LinksPage:
        try:
            found = unpack(page.data)
        except (ValueError, TypeError, KeyError) as error:
            raise DamagedIndexError(f"the page {page.path} does not decode: {error}") from error
        names = [each.name for each in found.categories] if found else []
        linked = functools.partial(reference, page.path)
        return LinksPage(page.path, found, self.categories(names, linked))

    def categories(self, names: Iterable[str], linked: Callable[[str], str]) -> dict[str, TermLink]:
        """What categories are called, and where ``linked`` leads to their pages."""
        return {name: self._term(Kind.CATEGORY, name, linked) for name in names}

    def _row(self, path: str, definition: Definition, card: Card) -> FeedRow:
        head = definition.head
        newest: datetime | None = aware(card.newest, self._config) if card.newest else None
        # Where feeds have no pages of their own, the feed itself is what there is to see.
        target = card.twin or next(iter(head.paths.values()))
        return FeedRow(
            kind=head.kind,
            label=card.label,
            name=head.name,
            reference=reference(path, target),
            posts=card.posts,
            newest=newest,
            period=Period(card.unit, card.frequency),
            alternates=alternates(path, head),
        )

    def _linked(self, path: str, kind: Kind, name: str, own: str) -> TermLink | None:
        """The way to a term from a page of the feed whose page is ``own``, if it is another."""
        card = self._of_term.get((kind, name))
        if card is not None and card.twin == own:
            return None
        return self._term(kind, name, functools.partial(reference, path))

    def _term(self, kind: Kind, name: str, linked: Callable[[str], str]) -> TermLink:
        card = self._of_term.get((kind, name))
        if card is None or not card.twin:
            title = self._config.terms.term(kind, name).title
            return TermLink(card.label if card else title or name, "")
        return TermLink(card.label, linked(card.twin))


def alternates(path: str, head: Feed) -> tuple[Alternate, ...]:
    """A feed in every format that it is written in, as seen from a page."""
    return tuple(
        Alternate(format.media_type, LABELS[format], reference(path, target), head.urls[format])
        for format, target in head.paths.items()
    )


def links_alone(config: Config, now: datetime) -> Document:
    """The page of the link check as one file that may lie anywhere.

    Categories are called, and lead, as in the last build. Raises
    :class:`~feeds.errors.OutputError` where the link store cannot be read.
    """
    found = overview(config, now.astimezone(config.site.zone).date())
    path = config.pages.links or "links.html"
    names = {each.name for each in found.categories} if found else set()
    linked = functools.partial(page_url, config)
    page = LinksPage(path, found, _category_links(config, names, linked))
    return render_links(config, page, alone=True)


def _category_links(
    config: Config, names: Iterable[str], linked: Callable[[str], str]
) -> dict[str, TermLink]:
    """What categories are called in the index of the last build, if there is one that can be
    read."""
    index = current_index(config.state)
    with contextlib.suppress(sqlite3.Error, DamagedIndexError), contextlib.ExitStack() as opened:
        view = index and View(opened.enter_context(contextlib.closing(connect(index))))
        if view:
            shown = Shown(view, config, definitions(view, config), view.cards())
            return shown.categories(names, linked)
    return {
        name: TermLink(config.terms.term(Kind.CATEGORY, name).title or name, "") for name in names
    }
