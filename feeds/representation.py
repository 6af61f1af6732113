"""What is said of a document wherever readers get it from: a server of ours, or a storage.

In: media types, seconds and bodies. Out: the values of HTTP headers (RFC 9110, RFC 9111), and
bodies in gzip (RFC 1952).
"""

from __future__ import annotations

import zlib
from typing import Final

# Old content may be shown this long while a cache fetches the new (RFC 5861) …
STALE_WHILE_REVALIDATE: Final = 60
# … and this long where the server cannot be reached.
STALE_IF_ERROR: Final = 7 * 86_400

# The smallest for its time on feeds of some 60 KB.
GZIP_LEVEL: Final = 6


def content_type(media_type: str) -> str:
    """The media type with the encoding of the text, which is UTF-8 always."""
    return f"{media_type}; charset=utf-8"


def cache_control(max_age: int) -> str:
    """How long caches may keep what they have: ``max_age`` seconds without asking."""
    return (
        f"public, max-age={max_age}, stale-while-revalidate={STALE_WHILE_REVALIDATE}, "
        f"stale-if-error={STALE_IF_ERROR}"
    )


def gzipped(body: bytes) -> bytes:
    """A body in gzip: no time and no name in its header, so the same bytes always."""
    compressor = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return compressor.compress(body) + compressor.flush()
