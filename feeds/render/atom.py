"""Entries and feeds in, Atom 1.0 (RFC 4287) out, by feedgen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from lxml import etree

from feeds.models import Entry, Feed, Format, Person
from feeds.render.dates import whole_minutes
from feeds.render.generator import (
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
from feeds.render.people import address

NAMESPACES = {"sy": SY, "media": MEDIA}
END = b"</feed>"

Fields: TypeAlias = dict[str, str]


def render_entry(entry: Entry) -> bytes:
    """``<entry>…</entry>`` and a line feed."""
    return fragment(item(entry).atom_entry(), etree.Element("feed", nsmap=NAMESPACES))


def render_feed(feed: Feed, fragments: Sequence[bytes]) -> bytes:
    return insert(generator(feed).atom_str(), fragments, END)


def generator(feed: Feed) -> Generator:
    """The feed for feedgen, without entries."""
    url = feed.urls[Format.ATOM]
    title = feed.title.strip() or feed.page
    generator = Generator(NAMESPACES)
    generator.id(url)
    generator.title(title)
    generator.updated(whole_minutes(feed.updated))
    # RFC 4287 section 4.1.1: every entry needs an author, its own or the feed's.
    generator.author(_person(feed.author or Person(title)))
    generator.link(
        [
            {"rel": "self", "href": url, "type": Format.ATOM.media_type},
            *({"rel": "hub", "href": hub} for hub in feed.hubs),
            {"rel": "alternate", "href": feed.page, "type": "text/html"},
        ]
    )
    if feed.language:
        generator.language(feed.language)
    if feed.description:
        generator.subtitle(feed.description)
    generator.icon(feed.icon)
    generator.logo(feed.logo)
    generator.more.add(SY_UPDATE_PERIOD, feed.period.unit)
    generator.more.add(SY_UPDATE_FREQUENCY, str(feed.period.frequency))
    return generator


def item(entry: Entry) -> Item:
    """The entry for feedgen."""
    item = Item()
    item.id(entry.id)
    item.title(entry.title.strip() or entry.url)
    item.published(whole_minutes(entry.published))
    item.updated(whole_minutes(entry.updated))
    item.link(list(_links(entry)))
    if entry.authors:
        item.author([_person(author) for author in entry.authors])
    if entry.categories:
        item.category(
            [{"term": c.term, "scheme": c.scheme, "label": c.label} for c in entry.categories]
        )
    if entry.summary:
        item.summary(entry.summary, type="text")
    if entry.content is not None:
        item.content(entry.content, type="html")
    if entry.image:
        item.more.add(MEDIA_CONTENT, url=entry.image, medium="image")
    item.more.language = entry.language
    return item


def _links(entry: Entry) -> Iterator[Fields]:
    yield {"rel": "alternate", "href": entry.url, "type": "text/html"}
    if entry.source:
        yield {"rel": "via", "href": entry.source}
    for enclosure in entry.enclosures:
        length = str(enclosure.length) if enclosure.length else ""
        yield {
            "rel": "enclosure",
            "href": enclosure.url,
            "type": enclosure.type,
            "length": length,
        }


def _person(person: Person) -> Fields:
    return {"name": person.name, "email": address(person), "uri": person.url}
