"""Entries and feeds in, RSS 2.0 out, by feedgen, with content, dc, atom, sy and media.

What RSS has no element for is said in Atom's and Dublin Core's words: an author without
an address is no RSS author but a ``dc:creator``, the article that a post was taken from
is an ``atom:link`` with ``rel="via"``, a later change ``atom:updated``.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from lxml import etree

from feeds.models import Entry, Feed, Format
from feeds.render.dates import rfc822, rfc3339
from feeds.render.generator import (
    ATOM,
    ATOM_LINK,
    ATOM_UPDATED,
    CONTENT,
    CONTENT_ENCODED,
    DC,
    DC_CREATOR,
    DC_LANGUAGE,
    MEDIA,
    MEDIA_CONTENT,
    SY,
    SY_UPDATE_FREQUENCY,
    SY_UPDATE_PERIOD,
    Generator,
    Item,
    fragment,
    insert,
)

NAMESPACES = {"dc": DC, "sy": SY, "media": MEDIA}
ALL_NAMESPACES = {**NAMESPACES, "atom": ATOM, "content": CONTENT}
END = b"</channel></rss>"
UNKNOWN_TYPE = "application/octet-stream"


def render_entry(entry: Entry) -> bytes:
    """``<item>…</item>`` and a line feed."""
    return fragment(item(entry).rss_entry(), etree.Element("channel", nsmap=ALL_NAMESPACES))


def render_feed(feed: Feed, fragments: Sequence[bytes]) -> bytes:
    return insert(generator(feed).rss_str(), fragments, END)


def generator(feed: Feed) -> Generator:
    """The channel for feedgen, without items."""
    title = feed.title.strip() or feed.page
    generator = Generator(NAMESPACES)
    generator.title(title)
    generator.description(feed.description or title)
    # feedgen takes the last link, whatever its rel, for the channel's own.
    generator.link(
        [
            {"rel": "self", "href": feed.urls[Format.RSS], "type": Format.RSS.media_type},
            {"rel": "alternate", "href": feed.page},
        ]
    )
    if feed.language:
        generator.language(feed.language)
    if feed.logo:
        generator.logo(feed.logo)
    generator.ttl(feed.period.minutes)
    more = generator.more
    more.add("lastBuildDate", rfc822(feed.updated))
    if feed.author:
        more.add(DC_CREATOR, feed.author.name)
    for hub in feed.hubs:
        more.add(ATOM_LINK, rel="hub", href=hub)
    more.add(SY_UPDATE_PERIOD, feed.period.unit)
    more.add(SY_UPDATE_FREQUENCY, str(feed.period.frequency))
    return generator


def item(entry: Entry) -> Item:
    """The item for feedgen."""
    item = Item()
    item.title(entry.title.strip() or entry.url)
    item.guid(entry.id, permalink=entry.permanent_id)
    item.link(href=entry.url)
    if entry.summary:
        # A description is HTML to its readers, a summary is text.
        item.description(html.escape(entry.summary, quote=False))
    if entry.categories:
        item.category([{"term": c.term, "scheme": c.scheme} for c in entry.categories])
    _add_elements(item, entry)
    _add_files(item, entry)
    return item


def _add_elements(item: Item, entry: Entry) -> None:
    more = item.more
    more.add("pubDate", rfc822(entry.published))
    if entry.updated != entry.published:
        more.add(ATOM_UPDATED, rfc3339(entry.updated))
    for author in entry.authors:
        more.add(DC_CREATOR, author.name)
    if entry.language:
        more.add(DC_LANGUAGE, entry.language)
    if entry.source:
        more.add(ATOM_LINK, rel="via", href=entry.source)
    # feedgen makes it the description of an item without one.
    if entry.content is not None:
        more.add(CONTENT_ENCODED, entry.content)


def _add_files(item: Item, entry: Entry) -> None:
    """The first enclosure as such, RSS has room for one; the others and the image as media."""
    for number, enclosure in enumerate(entry.enclosures):
        type, length = enclosure.type or UNKNOWN_TYPE, str(enclosure.length)
        if number == 0:
            item.enclosure(enclosure.url, length, type)
        elif enclosure.length:
            item.more.add(MEDIA_CONTENT, url=enclosure.url, type=type, fileSize=length)
        else:
            item.more.add(MEDIA_CONTENT, url=enclosure.url, type=type)
    if entry.image:
        item.more.add(MEDIA_CONTENT, url=entry.image, medium="image")
