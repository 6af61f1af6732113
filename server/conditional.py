"""What a request asks for, as pure functions: which encoding, and whether anything is new.

In: the values of request headers. Out: decisions. RFC 9110 sections 12.5.3 (Accept-Encoding)
and 13.1 (If-None-Match, If-Modified-Since), with the leniencies that real readers need.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Encoding(StrEnum):
    """A content coding, the best first where a client has no preference."""

    BROTLI = "br"
    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"


# What an ETag ends in, so that every representation has its own (RFC 9110 section 8.8.3.3).
SUFFIXES: Final = {
    Encoding.BROTLI: "-br",
    Encoding.ZSTD: "-zs",
    Encoding.GZIP: "-gz",
    Encoding.IDENTITY: "",
}
LONGEST_DATE: Final = 64

# Suffixes that proxies put on the ETags of what they compress themselves.
FOREIGN_SUFFIXES: Final = ("--gzip", "-gzip", ";gzip", "-zstd", ":br")
OWN_SUFFIXES: Final = tuple(filter(None, SUFFIXES.values()))


def negotiate(accept_encoding: bytes) -> Encoding | None:
    """The encoding to answer with; ``None`` where the client accepts none that there is.

    A coding that is not named is only sent if ``*`` stands for it; identity needs no name.
    A client that says nothing gets no coding, so that nobody meets one unasked.
    """
    # What readers send is short and always the same; a long one is not worth the memory.
    if len(accept_encoding) < 128:
        return _negotiated(accept_encoding)
    return _negotiated.__wrapped__(accept_encoding)


@lru_cache(maxsize=512)
def _negotiated(accept_encoding: bytes) -> Encoding | None:
    weights = _weights(accept_encoding.decode("latin-1"))
    others = weights.get("*", 0.0)
    best, best_weight = None, 0.0
    for encoding in Encoding:
        default = others
        if encoding is Encoding.IDENTITY:
            # It is acceptable unless it is ruled out, but only when nothing else is wanted.
            default = weights.get("*", 1.0) and (best_weight or 0.001)
        weight = weights.get(encoding, default)
        if weight > best_weight:
            best, best_weight = encoding, weight
    return best


def _weights(header: str) -> dict[str, float]:
    """The codings of a header and their weights; a weight that is none counts as 1."""
    weights: dict[str, float] = {}
    for item in header.split(","):
        coding, *parameters = item.split(";")
        name = coding.strip().lower().removeprefix("x-")
        if name:
            weights[name] = next(_qvalues(parameters), 1.0)
    return weights


def _qvalues(parameters: list[str]) -> Iterator[float]:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                continue
            if 0 <= weight <= 1:
                yield weight


def matches(if_none_match: bytes, hash: str) -> bool:
    """Whether an If-None-Match holds an ETag of the representations with this hash.

    The comparison is weak, and all encodings count as one: who has any of them has the
    newest content. ETags without quotes are taken too; some readers send them so.
    """
    return any(tag == "*" or stem(tag) == hash for tag in etags(if_none_match))


def etags(if_none_match: bytes) -> Iterator[str]:
    """The tags of an If-None-Match, without quotes and marks of weakness."""
    for item in if_none_match.decode("latin-1").split(","):
        tag = item.strip()
        if tag[:2] in ("W/", "w/"):
            tag = tag[2:]
        tag = tag.strip('"')
        if tag:
            yield tag


def stem(tag: str) -> str:
    """An ETag without what tells its encoding."""
    for suffixes in (FOREIGN_SUFFIXES, OWN_SUFFIXES):
        tag = next((tag.removesuffix(each) for each in suffixes if tag.endswith(each)), tag)
    return tag


def unmodified_since(if_modified_since: bytes, last_modified: datetime) -> bool:
    """Whether nothing changed since; a date that is none says nothing.

    ``last_modified`` has no more than whole seconds, as in the header.
    """
    if len(if_modified_since) > LONGEST_DATE:
        return False
    try:
        since = parsedate_to_datetime(if_modified_since.decode("latin-1"))
        return last_modified <= (since if since.tzinfo else since.replace(tzinfo=UTC))
    except (ValueError, TypeError, IndexError, OverflowError):
        return False
