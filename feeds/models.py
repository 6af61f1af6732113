"""The values that everything speaks of: a post, its links, a feed, a document.

All frozen, all plain data; nothing else of the project is imported here. Text is
Unicode without characters that XML 1.0 forbids, datetimes are aware, and every URL
is absolute from :class:`Post` on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from enum import StrEnum

from feeds.values import dataclass

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(StrEnum):
    """How bad a finding is: a repaired post is a warning, a post left out an error.

    A note tells of a decision that nobody has to undo; ``--strict`` does not mind it.
    """

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something wrong in the input and what was done about it.

    ``path`` is relative to the site with ``/`` between folders; ``line`` counts from 1, and
    is 0 where the finding is about no line (then ``path`` may name a term: ``tag/股市``).
    """

    path: str
    line: int
    level: Level
    what: str
    done: str

    @property
    def where(self) -> str:
        """The place as editors take it."""
        return f"{self.path}:{self.line}" if self.line else self.path

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.what} — {self.done}"


class Role(StrEnum):
    """What a link of a post is for."""

    SOURCE = "source"
    BACK_CATEGORY = "back-category"
    BACK_HOME = "back-home"
    BODY = "body"
    IMAGE = "image"
    ENCLOSURE = "enclosure"


class Verdict(StrEnum):
    """One word for what is the matter with a link."""

    # Answers
    OK = "ok"
    MOVED = "moved"  # for good: the link should say the new address
    REDIRECTED = "redirected"  # for now
    GONE = "gone"
    SOFT_404 = "soft-404"  # says 200 and means 404
    FRAGMENT = "fragment"  # the page is there, the place in it is not
    SERVER_ERROR = "server-error"
    RATE_LIMITED = "rate-limited"
    DENIED = "denied"
    LOOP = "loop"
    # No answers
    TIMEOUT = "timeout"
    DNS = "dns"
    REFUSED = "refused"
    RESET = "reset"
    TLS = "tls"
    PROTOCOL = "protocol"
    TRUNCATED = "truncated"
    # Not asked
    BLOCKED = "blocked"  # an address that may not be asked
    INVALID = "invalid"
    EMPTY = "empty"
    SKIPPED = "skipped"
    # Navigation
    RELATIVE = "relative"
    WRONG_HOST = "wrong-host"
    WRONG_TARGET = "wrong-target"
    WRONG_LABEL = "wrong-label"
    MISSING = "missing"
    DUPLICATE = "duplicate"


class Standing(StrEnum):
    """What a verdict means for the run: only bad ones make it fail."""

    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Link:
    """A link as the post writes it: ``url`` is not resolved, so that it can be judged.

    ``label`` is the text of the link (``返回首页``), ``line`` the line of the file.
    """

    role: Role
    label: str
    url: str
    line: int


@dataclass(frozen=True, slots=True)
class Person:
    """An author (RFC 4287 section 3.2): a name, perhaps an address and a page."""

    name: str
    email: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that belongs to a post (RFC 4287 4.2.7.2): ``length`` in bytes, 0 if unknown."""

    url: str
    type: str
    length: int = 0


@dataclass(frozen=True, slots=True)
class Post:
    """What is known of a post without its body.

    ``path`` is the file, relative to the site. ``published`` is false for drafts and for
    posts that say so; whether a future post is due is decided by who knows the time.
    ``summary`` and ``image`` are what the front matter says, empty if it does not.
    ``links`` holds the typed navigation of the post: its source and its way back.
    ``references`` are the posts and files that its Liquid tags name (``post_url``,
    ``link``) and that have to be resolved before the body can be rendered.
    """

    path: str
    url: str
    id: str
    title: str
    date: datetime
    updated: datetime
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    published: bool = True
    language: str = ""
    authors: tuple[Person, ...] = ()
    summary: str = ""
    image: str = ""
    enclosures: tuple[Enclosure, ...] = ()
    links: tuple[Link, ...] = ()
    aliases: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The URL of the article that the post was taken from, or an empty string."""
        return next((link.url for link in self.links if link.role is Role.SOURCE), "")


@dataclass(frozen=True, slots=True)
class Category:
    """A term of an entry (RFC 4287 4.2.2): ``scheme`` is the page that lists the terms."""

    term: str
    scheme: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A post made ready for a feed: all URLs absolute, ``content`` safe, balanced HTML.

    ``content`` is ``None`` when the feed carries summaries only; ``summary`` is plain text.
    ``source`` is the article that the post was taken from (``link rel=via``).
    ``permanent_id`` says whether the id is the link itself (RSS ``isPermaLink``).
    """

    id: str
    url: str
    title: str
    published: datetime
    updated: datetime
    authors: tuple[Person, ...] = ()
    summary: str = ""
    content: str | None = None
    categories: tuple[Category, ...] = ()
    source: str = ""
    enclosures: tuple[Enclosure, ...] = ()
    image: str = ""
    language: str = ""

    @property
    def permanent_id(self) -> bool:
        return self.id == self.url


class Kind(StrEnum):
    """What a feed collects."""

    SITE = "site"
    CATEGORY = "category"
    TAG = "tag"


class Format(StrEnum):
    """The three formats of a feed, named as their file endings are."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self]


MEDIA_TYPES: Mapping[Format, str] = {
    Format.ATOM: "application/atom+xml",
    Format.RSS: "application/rss+xml",
    Format.JSON: "application/feed+json",
}


@dataclass(frozen=True, slots=True)
class Period:
    """How often a feed changes, for ``sy:updatePeriod`` and ``<ttl>``.

    ``unit`` is ``hourly``, ``daily``, ``weekly`` or ``monthly``; ``frequency`` is how often
    within one unit; ``minutes`` is how long a reader may wait between two polls.
    """

    unit: str = "daily"
    frequency: int = 1
    minutes: int = 60


@dataclass(frozen=True, slots=True)
class Feed:
    """The head of a feed: everything but its entries.

    ``name`` is the term (empty for the site), ``label`` what it is called, ``page`` the HTML
    page that the feed belongs to, ``urls`` the address of the feed in each format that is
    written, ``paths`` where it lies below the output folder. ``twin`` is where its own page
    for people lies, empty if it has none. ``updated`` is the newest ``updated`` of its entries.
    """

    kind: Kind
    name: str
    title: str
    page: str
    paths: Mapping[Format, str]
    urls: Mapping[Format, str]
    updated: datetime = EPOCH
    description: str = ""
    language: str = ""
    author: Person | None = None
    hubs: tuple[str, ...] = ()
    icon: str = ""
    logo: str = ""
    label: str = ""
    twin: str = ""
    period: Period = field(default_factory=Period)


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the output, on disk and on the server: the one currency of both.

    ``hash`` is the SHA-256 of the body, hexadecimal: the manifest and the ETag rest on it.
    """

    path: str
    media_type: str
    body: bytes
    updated: datetime
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", hashlib.sha256(self.body).hexdigest())
