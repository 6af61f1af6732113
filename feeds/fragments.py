"""An entry as it is kept: its fragments in all formats, packed into one value of the index.

In: the bytes that :func:`~feeds.render.render_entry` made for each format, and where there are
pages those that :func:`~feeds.pages.entries.page_entry` made. Out: the same,
compressed with a checksum (Zstandard, RFC 8878), and back.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Final

import zstandard

from feeds.config import Config
from feeds.rows import DamagedIndexError

COMPRESSION_LEVEL: Final = 1
# Beside the formats: what pages show of an entry.
PAGE: Final = "page"


def pack_fragments(fragments: Sequence[bytes]) -> bytes:
    """The fragments of one entry, compressed, with a checksum."""
    lengths = b"".join(len(fragment).to_bytes(4, "little") for fragment in fragments)
    return _packers().compressor.compress(b"".join((lengths, *fragments)))


class _Packers(threading.local):
    """What packs and unpacks. To make it takes longer than to use it, and each is for one
    thread at a time."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor()


@functools.cache
def _packers() -> _Packers:
    return _Packers()


def fragment_names(config: Config) -> tuple[str, ...]:
    """What is kept of every entry, in its order."""
    return (*config.feeds.formats, *((PAGE,) if config.pages.of_feeds else ()))


def unpack_fragments(body: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """What :func:`pack_fragments` packed, by what each is (formats and ``PAGE``).

    Raises :class:`~feeds.rows.DamagedIndexError`.
    """
    try:
        whole = memoryview(_packers().decompressor.decompress(body))
    except zstandard.ZstdError as error:
        raise DamagedIndexError(f"an entry does not decompress: {error}") from error
    start = 4 * len(names)
    found = {}
    for place, name in enumerate(names):
        length = int.from_bytes(whole[4 * place : 4 * place + 4], "little")
        found[name] = bytes(whole[start : start + length])
        start += length
    if start != len(whole):
        raise DamagedIndexError(f"an entry holds {len(whole)} bytes where {start} are said")
    return found
