"""What a page shows, as plain values: all a template knows.

Addresses are ready to be put into an attribute, dates aware and in the zone of the site.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from feeds.models import Feed, Kind, Period


class Alternate(NamedTuple):
    """A feed in one format: its media type, what the format is called, its address as a
    relative reference, and whole."""

    media_type: str
    label: str
    reference: str
    url: str


class TermLink(NamedTuple):
    """A category or tag of an entry; ``reference`` leads to its page, empty if it has none."""

    label: str
    reference: str


@dataclass(frozen=True, slots=True)
class EntryView:
    """A post in a list. ``summary`` and ``source`` may be empty."""

    title: str
    url: str
    date: datetime
    summary: str = ""
    source: str = ""
    terms: tuple[TermLink, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed in the directory. ``newest`` is ``None`` where it has no post."""

    kind: Kind
    label: str
    name: str
    reference: str
    posts: int
    newest: datetime | None
    period: Period
    alternates: tuple[Alternate, ...]


@dataclass(frozen=True, slots=True)
class Twin:
    """The page of a feed. ``page`` is the site's own page of it, ``older`` leads to the last
    page of older posts; both may be empty."""

    path: str
    head: Feed
    label: str
    posts: int
    alternates: tuple[Alternate, ...]
    entries: tuple[EntryView, ...]
    page: str = ""
    older: str = ""


@dataclass(frozen=True, slots=True)
class Older:
    """A page of some of all posts of a feed. ``older`` and ``newer`` lead to the pages
    beside it, ``newer`` of the last to the page of the feed."""

    path: str
    head: Feed
    label: str
    number: int
    alternates: tuple[Alternate, ...]
    entries: tuple[EntryView, ...]
    older: str
    newer: str
    twin: str


@dataclass(frozen=True, slots=True)
class Directory:
    """The page of all feeds: the site's own, then those of each kind, the newest first."""

    path: str
    site: FeedRow
    rows: tuple[tuple[Kind, tuple[FeedRow, ...]], ...]
    opml: str
