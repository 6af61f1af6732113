"""The index in rows: what a file, a post and a feed are in it, and posts as JSON in a column.

In: values of :mod:`feeds.models`. Out: tuples that are cheap to send between processes and to
store, and the same back.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from feeds.models import EPOCH, Enclosure, Finding, Kind, Link, Person, Post, Role

TermKey: TypeAlias = tuple[Kind, str]


class State(IntEnum):
    """Whether a post stands in feeds."""

    HIDDEN = 0
    FUTURE = 1
    VISIBLE = 2
    RIVAL = 3  # another visible post has the same link or id


class Stage(IntEnum):
    """When a finding was made, which says when it is made anew."""

    READ = 0
    RENDER = 1
    DEFINE = 2  # of feeds


class Row(NamedTuple):
    """A file as the reader hands it over, cheap to send between processes.

    ``post`` is the JSON of a :class:`~feeds.models.Post`, empty if the file is none;
    ``layout`` is how the reader finds the body again, empty if it has to read everything.
    Dates are microseconds since 1970.
    """

    path: str
    digest: bytes
    link: int = 0
    identity: int = 0
    date: int = 0
    updated: int = 0
    published: bool = False
    terms: tuple[TermKey, ...] = ()
    references: tuple[str, ...] = ()
    post: bytes = b""
    layout: bytes = b""
    findings: tuple[Finding, ...] = ()


class BucketRow(NamedTuple):
    """A bucket of files as the scan packed it (see ``schema.sql``)."""

    folder: str
    number: int
    total: int
    digest: bytes
    entries: bytes


class Selected(NamedTuple):
    """A post that stands in a feed. Dates are microseconds since 1970."""

    id: int
    path: str
    digest: bytes
    date: int
    updated: int
    references: bool


# Kind and name of the list of all feeds, where feeds have theirs.
LIST: Final = ("opml", "")


class Modified(NamedTuple):
    """The content of a feed as a hash, and what readers are told as its Last-Modified, in
    seconds since 1970."""

    content: bytes
    at: int


class Part(StrEnum):
    """What a page for people shows, or what belongs to all of them."""

    TWIN = "twin"  # a feed
    OLDER = "older"  # all its posts, by hundreds
    DIRECTORY = "directory"
    LINKS = "links"
    STYLE = "style"
    SCRIPT = "script"

    @property
    def media_type(self) -> str:
        return {"style": "text/css", "script": "text/javascript"}.get(self, "text/html")


class PageRow(NamedTuple):
    """A page of the table ``page`` without its hash. Times are seconds since 1970."""

    path: str
    part: Part
    feed: tuple[str, str]
    number: int = 0
    key: bytes = b""
    data: bytes = b""
    at: int = 0
    mark: int = 0

    @property
    def key_name(self) -> str:
        """The key of ``[pages]`` that says where it lies."""
        if self.part in (Part.TWIN, Part.OLDER):
            return "site" if self.feed[0] == Kind.SITE else "feed"
        return str(self.part)


class Card(NamedTuple):
    """What is said of a feed where it is one of many. ``newest`` is microseconds since 1970."""

    twin: str
    label: str
    posts: int
    newest: int
    unit: str
    frequency: int


class DamagedIndexError(Exception):
    """The index holds nonsense; it has to be made again."""


# --- posts as rows ----------------------------------------------------------------------


def post_row(post: Post, digest: bytes, findings: tuple[Finding, ...], layout: bytes = b"") -> Row:
    """A post as its row."""
    terms = {(Kind.CATEGORY, name): None for name in post.categories}
    terms.update({(Kind.TAG, name): None for name in post.tags})
    date = microseconds(post.date)
    return Row(
        path=post.path,
        digest=digest,
        link=claim_hash(post.url),
        identity=claim_hash(f"id:{post.id}"),
        date=date,
        updated=date if post.updated is post.date else microseconds(post.updated),
        published=post.published,
        terms=tuple(terms),
        references=post.references,
        post=orjson.dumps(post),
        layout=layout,
        findings=findings,
    )


def claim_hash(claim: str) -> int:
    """64 bits of a URL or an id as SQLite's signed integer."""
    return int.from_bytes(hashlib.blake2b(claim.encode(), digest_size=8).digest(), signed=True)


def microseconds(date: datetime) -> int:
    delta = date - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def decode_post(data: bytes) -> Post:
    """The post of a row; dates keep their offset, not the name of their zone."""
    try:
        raw: dict[str, Any] = orjson.loads(data)
        date, updated = raw["date"], raw["updated"]
        raw["date"] = found = datetime.fromisoformat(date)
        raw["updated"] = found if updated == date else datetime.fromisoformat(updated)
        for name in ("categories", "tags", "aliases", "references"):
            raw[name] = tuple(raw[name])
        raw["authors"] = tuple([Person(**person) for person in raw["authors"]])
        raw["enclosures"] = tuple([Enclosure(**item) for item in raw["enclosures"]])
        raw["links"] = tuple(
            [Link(Role(x["role"]), x["label"], x["url"], x["line"]) for x in raw["links"]]
        )
        return Post(**raw)
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedIndexError(f"a post does not decode: {error}") from error


def terms_of(data: bytes) -> list[TermKey]:
    post = decode_post(data)
    return list(post_row(post, b"", ()).terms)


def term_names(data: bytes) -> tuple[list[str], list[str]]:
    """The categories and tags of a post, each once."""
    try:
        raw = orjson.loads(data)
        return list(dict.fromkeys(raw["categories"])), list(dict.fromkeys(raw["tags"]))
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedIndexError(f"a post does not decode: {error}") from error


def stem(path: str) -> str:
    """The file name without its ending, what Liquid's ``post_url`` calls a post."""
    name = path.rpartition("/")[2]
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name  # as pathlib has it, 4 µs quicker


def stems_of(reference: str) -> frozenset[str]:
    """The stems that a Liquid tag may mean: what looks like an ending need not be one."""
    name = PurePosixPath(reference)
    return frozenset({name.name, name.stem})
