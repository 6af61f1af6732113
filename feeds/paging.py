"""Which pages for people there are, and what each is made from.

In: the index, with all feeds selected. Out: its tables ``card`` and ``page``. A page whose key
is the one of before is not rendered again. All posts of a feed stand on pages that are counted
from the oldest, so that a new post changes the last of them only, and a page keeps its posts.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import chain
from typing import Final

from feeds.catalog import Catalog, Definition, slug
from feeds.config import Config
from feeds.documents import WHOLE, aware, definitions, key_of
from feeds.fingerprint import digest
from feeds.index import Index
from feeds.linkpage import settle_links
from feeds.models import Finding, Kind
from feeds.render.period import period
from feeds.rows import Card, PageRow, Part, TermKey, term_names

OLDER_POSTS: Final = 100  # on one page
MARK: Final = "mark"  # in the index: counts how often terms came to lead elsewhere
ASCII: Final = re.compile(r"[\x00-\x7f]*")


def settle_pages(index: Index, config: Config, now: datetime) -> list[Finding]:
    """Bring both tables up to date with the feeds that may have changed, and with the links
    that may have been checked; what there is to say of these."""
    before = index.pages(WHOLE)
    whole = [page for page in before if page.part is not Part.LINKS]
    links = next((page for page in before if page.part is Part.LINKS), None)
    if index.reselected:
        pages = _Pages(index, config, definitions(index, config), int(now.timestamp()))
        pages.settle()
        whole = pages.whole()
    links, findings = settle_links(index, config, links, now)
    if after := [*whole, *([links] if links else [])]:
        index.store_pages(WHOLE, after)
    return findings


class _Pages:
    """One settling: what is known of all feeds while the pages of some are looked into."""

    def __init__(self, index: Index, config: Config, found: Catalog, now: int) -> None:
        self._index = index
        self._config = config
        self._now = now
        self._found = {key_of(each): each for each in found.definitions}
        self._before = index.cards()
        self._cards = dict(self._before)
        sources = index.replaced_sources()
        self._sources = {id: sources[path] for path, id in index.ids(list(sources)).items()}
        self._mark = int(index.meta(MARK) or 0) + 1
        self._gone = self._before.keys() - self._found.keys()

    def settle(self) -> None:
        for feed in self._gone:
            self._index.forget_pages(feed)
            del self._cards[feed]
        due = [self._found[feed] for feed in self._found if feed in self._index.reselected]
        posts = {key_of(each): self._index.feed_posts(key_of(each)) for each in due}
        for each in due:
            feed = key_of(each)
            self._cards[feed] = card = self._card(each, posts[feed])
            if card != self._before.get(feed):
                self._index.store_card(feed, card)
        renamed = self._renamed()
        # Feeds name each other: who has a post of what is called otherwise now links to it.
        affected = self._index.posts_of(renamed) if renamed else {}
        if affected:
            self._index.set_meta(MARK, str(self._mark))
            due = self._with_terms_of(due, affected.values())
        if not self._config.pages.of_feeds:
            return
        links = self._links()
        for each in due:
            feed = key_of(each)
            data = posts.get(feed) or self._index.feed_posts(feed)
            pages = list(self._of_feed(each, data, links, affected.keys()))
            self._index.store_pages(feed, pages)

    def _renamed(self) -> list[TermKey]:
        """The terms that lead elsewhere now, though posts had them before, or are called
        something else."""
        # A feed may come, go or change its name without its posts.
        late = self._config.terms.min_posts > 1 or self._config.terms.merge_case
        found = list(self._gone) if late else []
        for feed, card in self._cards.items():
            known = self._before.get(feed)
            moved = known and (known.twin, known.label) != (card.twin, card.label)
            if moved or (late and self._before and not known):
                found += self._found[feed].terms
        return found

    def _with_terms_of(self, due: Sequence[Definition], posts: Iterable[bytes]) -> list[Definition]:
        """Some feeds, and all that any of these posts is in."""
        of_term = {term: each for each in self._found.values() for term in each.terms}
        terms = {term for data in posts for term in _terms(data)}
        whole = self._found.get((Kind.SITE, ""))
        more = [of_term.get(term) for term in sorted(terms)]
        wanted = {key_of(each): each for each in (*due, whole, *more) if each is not None}
        return list(wanted.values())

    def _links(self) -> dict[TermKey, tuple[str, str]]:
        """Where the terms of entries lead, and what they are called."""
        return {
            term: (self._cards[feed].twin, self._cards[feed].label)
            for feed, definition in self._found.items()
            for term in definition.terms
            if feed in self._cards
        }

    def _card(self, definition: Definition, posts: Sequence[tuple[int, bytes]]) -> Card:
        head = definition.head
        dates = [aware(date, self._config) for date, _ in posts]
        change = period(dates, self._config.feeds.poll_minutes)
        return Card(
            head.twin,
            label(definition, (term_names(data)[1] for _, data in posts)),
            self._index.member_count(definition.terms),
            max((date for date, _ in posts), default=0),
            change.unit,
            change.frequency,
        )

    def _of_feed(
        self,
        definition: Definition,
        data: Sequence[tuple[int, bytes]],
        links: Mapping[TermKey, tuple[str, str]],
        affected: Set[int],
    ) -> Iterator[PageRow]:
        feed = key_of(definition)
        twin = definition.head.twin
        if not twin:
            return
        card = self._cards[feed]
        older = list(self._older(definition, card, affected))
        last = older[-1].path if older else ""
        named = sorted({term for _, each in data for term in _terms(each)})
        key = digest(self._index.feed_key(feed), card, last, [links.get(term) for term in named])
        yield PageRow(twin, Part.TWIN, feed, 0, key, b"", self._now)
        yield from older

    def _older(self, definition: Definition, card: Card, affected: Set[int]) -> Iterator[PageRow]:
        """Pages of ``OLDER_POSTS`` each; the last may have fewer.

        What their posts link to is not looked up each time: the key of a page has the time
        when one of them was ``affected`` by a change of that.
        """
        if card.posts <= self._config.feeds.entries or not self._config.pages.older:
            return
        count = -(-card.posts // OLDER_POSTS)
        first = max(1, count - self._config.pages.older + 1)
        start = (first - 1) * OLDER_POSTS
        members = self._index.members(definition.terms, card.posts - start)
        members.reverse()
        called = card.label, definition.digest
        marks = {page.number: page.mark for page in self._index.pages(key_of(definition))}
        for number in range(first, count + 1):
            place = (number - first) * OLDER_POSTS
            posts = members[place : place + OLDER_POSTS]
            ids = array("q", (id for id, _ in posts))
            mark = marks.get(number, 0) if affected.isdisjoint(ids) else self._mark
            named = [(id, self._sources[id]) for id in ids if id in self._sources]
            key = digest(called, number, number == first, number == count, posts, mark, named)
            path = older_path(definition.head.twin, number)
            feed = key_of(definition)
            yield PageRow(path, Part.OLDER, feed, number, key, ids.tobytes(), self._now, mark)

    def whole(self) -> list[PageRow]:
        """The pages that belong to no feed, and what all pages share."""
        wanted = self._config.pages
        pages = []
        if wanted.directory:
            heads = [(each.digest, self._cards.get(feed)) for feed, each in self._found.items()]
            pages.append((wanted.directory, Part.DIRECTORY, digest(heads)))
        pages += [(wanted.style, Part.STYLE, b""), (wanted.script, Part.SCRIPT, b"")]
        return [PageRow(path, part, WHOLE, 0, key, b"", self._now) for path, part, key in pages]


def _terms(data: bytes) -> Iterator[TermKey]:
    categories, tags = term_names(data)
    return chain(
        ((Kind.CATEGORY, name) for name in categories), ((Kind.TAG, name) for name in tags)
    )


def older_path(twin: str, number: int) -> str:
    """Where a page of older posts lies: beside the page of its feed."""
    own = twin.removesuffix("index.html") if twin.endswith("/index.html") else ""
    return f"{own or twin.removesuffix('.html') + '-'}older-{number}.html"


def ids_of(page: PageRow) -> list[int]:
    """The posts of such a page, the oldest first."""
    ids = array("q")
    ids.frombytes(page.data)
    return ids.tolist()


def label(definition: Definition, tags: Iterable[Sequence[str]]) -> str:
    """What people call a feed; ``tags`` are those of each of its entries.

    A category with the name of a file (``zhongguoshuiwubao``) is called by the one tag that
    all its entries carry, if that is in another script or what the name was made from. A
    title of the configuration is somebody's decision.
    """
    head = definition.head
    if head.kind is not Kind.CATEGORY or head.label != head.name or not SLUG.fullmatch(head.name):
        return head.label or head.title
    counted = Counter(chain.from_iterable(map(frozenset, entries := list(tags))))
    shared = [tag for tag, number in counted.items() if number == len(entries)]
    readable = sorted(
        tag for tag in shared if not ASCII.fullmatch(tag) or slug(tag) == head.name != tag
    )
    return readable[0] if len(readable) == 1 else head.label


SLUG: Final = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
