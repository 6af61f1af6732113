"""A document made ready to be sent: its headers and its bodies, each made once.

In: a :class:`~feeds.models.Document` and what its feed says of itself. Out: an
:class:`Answer` whose header lists are complete for every status and encoding, so that a
request is answered by looking it up.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

import brotli
import zstandard

from feeds.models import Document
from feeds.representation import cache_control, content_type, gzipped
from server.conditional import SUFFIXES, Encoding

Headers: TypeAlias = list[tuple[bytes, bytes]]

# The smallest for their time on feeds of some 60 KB.
BROTLI_QUALITY: Final = 5
ZSTD_LEVEL: Final = 9

# What pages for people count as.
PAGE: Final = "page"

ALLOW_ORIGIN: Final = (b"access-control-allow-origin", b"*")
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
CORS: Final[Headers] = [
    ALLOW_ORIGIN,
    (b"access-control-expose-headers", b"ETag, Last-Modified, Link"),
]
VARY: Final = (b"vary", b"Accept-Encoding")


class Facts(NamedTuple):
    """What an answer says beside its document.

    ``kind`` and ``format`` are what it counts as, ``max_age`` is seconds, ``links`` pairs of
    relation and address for the Link header (RFC 8288), ``policy`` what browsers may do with
    it.
    """

    kind: str
    format: str
    max_age: int
    links: tuple[tuple[str, str], ...] = ()
    surrogate_keys: tuple[str, ...] = ()
    policy: str = ""


class Variant(NamedTuple):
    """One representation: all headers of a 200, and the body."""

    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A document frozen for sending; ``bodies`` holds the encodings that were made so far.

    ``key`` tells what it was made from: another key means that it has to be made anew.
    """

    path: str
    key: bytes
    hash: str
    kind: str
    format: str
    facts: Facts
    media_type: str
    modified: datetime
    last_modified: bytes
    tags: frozenset[bytes]
    not_modified: Mapping[Encoding, Headers]
    entries: tuple[bytes, ...] = ()
    bodies: dict[Encoding, Variant] = field(default_factory=dict)

    def variant(self, encoding: Encoding, body: bytes) -> Variant:
        """A representation from its encoded body."""
        headers = [
            (b"content-type", content_type(self.media_type).encode()),
            (b"content-length", str(len(body)).encode()),
            *self.not_modified[encoding],
            *_full_headers(self.facts),
        ]
        if encoding is not Encoding.IDENTITY:
            headers.append((b"content-encoding", encoding.encode()))
        return Variant(headers, body)

    def delta(self, body: bytes) -> Variant:
        """Only the new entries: an instance manipulation of the whole (RFC 3229).

        Its ETag is that of the whole, which is what its client then has.
        """
        headers = [
            (b"content-type", content_type(self.media_type).encode()),
            (b"content-length", str(len(body)).encode()),
            (b"etag", f'"{self.hash}"'.encode()),
            (b"last-modified", self.last_modified),
            (b"im", b"feed"),
            (b"cache-control", b"no-store, im"),
            (b"vary", b"Accept-Encoding, A-IM, If-None-Match"),
            *CORS,
            *_full_headers(self.facts),
        ]
        return Variant(headers, body)


def freeze(
    document: Document,
    key: bytes,
    facts: Facts,
    entries: Sequence[bytes] = (),
    modified: datetime | None = None,
) -> Answer:
    """An answer without bodies; they are made when they are asked for.

    ``modified`` is the date of the document itself where nothing else is known.
    """
    modified = (modified or document.updated).astimezone(UTC).replace(microsecond=0)
    last_modified = format_datetime(modified, usegmt=True).encode()
    tags = {encoding: f'"{document.hash}{SUFFIXES[encoding]}"'.encode() for encoding in Encoding}
    return Answer(
        document.path,
        key,
        document.hash,
        facts.kind,
        facts.format,
        facts,
        document.media_type,
        modified,
        last_modified,
        frozenset([*tags.values(), *(b"W/" + tag for tag in tags.values())]),
        {
            encoding: [
                (b"etag", tag),
                (b"last-modified", last_modified),
                (b"cache-control", cache_control(facts.max_age).encode()),
                VARY,
                *CORS,
            ]
            for encoding, tag in tags.items()
        },
        tuple(entries),
    )


def _full_headers(facts: Facts) -> Headers:
    """What a 304 need not repeat."""
    headers: Headers = [NOSNIFF, (b"accept-ranges", b"none")]
    if facts.policy:
        headers.append((b"content-security-policy", facts.policy.encode()))
        headers.append((b"referrer-policy", b"strict-origin-when-cross-origin"))
    if facts.links:
        links = ", ".join(f'<{_uri(url)}>; rel="{relation}"' for relation, url in facts.links)
        headers.append((b"link", links.encode()))
    if facts.surrogate_keys:
        keys = " ".join(quote(key) for key in facts.surrogate_keys).encode()
        headers += [(b"surrogate-key", keys), (b"xkey", keys)]
    return headers


def _uri(address: str) -> str:
    """An address in ASCII (RFC 3987 section 3.1)."""
    return quote(address, safe="/%?&=#:;,+@!$'()*~[]")


def encode(body: bytes, encoding: Encoding) -> bytes:
    """A body in an encoding; the same bytes always."""
    if encoding is Encoding.BROTLI:
        return bytes(brotli.compress(body, quality=BROTLI_QUALITY))
    if encoding is Encoding.ZSTD:
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(body)
    if encoding is Encoding.GZIP:
        return gzipped(body)
    return body


def decode(body: bytes, encoding: Encoding) -> bytes:
    """What :func:`encode` encoded."""
    if encoding is Encoding.BROTLI:
        return bytes(brotli.decompress(body))
    if encoding is Encoding.ZSTD:
        return zstandard.ZstdDecompressor().decompress(body)
    if encoding is Encoding.GZIP:
        return zlib.decompress(body, zlib.MAX_WBITS | 16)
    return body
