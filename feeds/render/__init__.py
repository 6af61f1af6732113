"""Feeds and entries in, documents out: Atom 1.0, RSS 2.0 and JSON Feed 1.1.

An entry stands in several feeds, so it is rendered once (:func:`render_entry`) and its
bytes are put into every document that it belongs to (:func:`splice`). The result is,
byte for byte, what feedgen or orjson write for the whole document.

Nothing heavy is imported until something has to be rendered, and only what its format
needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

from feeds.models import Document, Entry, Feed, Format
from feeds.render.legal import legal
from feeds.render.plain import plain_entry

__all__ = ["render_entry", "render_opml", "splice"]


class Renderer(Protocol):
    """What the module of a format offers."""

    def render_entry(self, entry: Entry) -> bytes: ...

    def render_feed(self, feed: Feed, fragments: Sequence[bytes]) -> bytes: ...


def render_entry(entry: Entry, format: Format) -> bytes:
    """The fragment of one entry, exactly as it stands in every document of the format."""
    try:
        return plain_entry(entry, format) or _renderer(format).render_entry(entry)
    except (ValueError, TypeError):
        # lxml and orjson refuse illegal characters. They should not be here, but one that
        # slipped in must not stop a build; looking for them first would cost every entry.
        return _renderer(format).render_entry(legal(entry))


def splice(feed: Feed, fragments: Sequence[bytes], format: Format) -> Document:
    """The document of a feed in one format, its entries already rendered, newest first.

    ``feed.urls`` and ``feed.paths`` must have the format.
    """
    renderer = _renderer(format)
    try:
        body = renderer.render_feed(feed, fragments)
    except (ValueError, TypeError):
        body = renderer.render_feed(legal(feed), fragments)
    return Document(feed.paths[format], format.media_type, body, feed.updated)


def render_opml(path: str, title: str, feeds: Sequence[Feed]) -> Document:
    """A subscription list of feeds (OPML 2.0), at ``path`` below the output folder."""
    from feeds.render import opml

    return opml.render_opml(path, legal(title), [legal(feed) for feed in feeds])


@cache
def _renderer(format: Format) -> Renderer:
    if format is Format.ATOM:
        from feeds.render import atom

        return atom
    if format is Format.RSS:
        from feeds.render import rss

        return rss
    from feeds.render import jsonfeed

    return jsonfeed
