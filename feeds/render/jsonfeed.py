"""Entries and feeds in, JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/) out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote

import orjson

from feeds.models import Enclosure, Entry, Feed, Format, Person
from feeds.render.dates import rfc3339
from feeds.render.people import address

VERSION = "https://jsonfeed.org/version/1.1"
UNKNOWN_TYPE = "application/octet-stream"

JsonObject: TypeAlias = dict[str, object]


def render_entry(entry: Entry) -> bytes:
    """One object of ``items``."""
    return orjson.dumps(item(entry))


def render_feed(feed: Feed, fragments: Sequence[bytes]) -> bytes:
    items = [orjson.Fragment(fragment) for fragment in fragments]
    return orjson.dumps({**head(feed), "items": items})


def head(feed: Feed) -> JsonObject:
    """Everything but ``items``, in the order of the specification."""
    return _filled(
        {
            "version": VERSION,
            "title": feed.title.strip() or feed.page,
            "home_page_url": feed.page,
            "feed_url": feed.urls[Format.JSON],
            "description": feed.description,
            "icon": feed.logo,
            "favicon": feed.icon,
            "authors": [_author(feed.author)] if feed.author else [],
            "language": feed.language,
            "hubs": [{"type": "WebSub", "url": hub} for hub in feed.hubs],
        }
    )


def item(entry: Entry) -> JsonObject:
    """An item; one of the two contents is required, so a summary stands in for the other."""
    item = _filled(
        {
            "id": entry.id,
            "url": entry.url,
            "external_url": entry.source,
            "title": entry.title.strip() or entry.url,
            "summary": entry.summary,
            "image": entry.image,
            "date_published": rfc3339(entry.published),
            "date_modified": rfc3339(entry.updated),
            "authors": [_author(author) for author in entry.authors],
            "tags": list(dict.fromkeys(category.term for category in entry.categories)),
            "language": entry.language,
            "attachments": [_attachment(enclosure) for enclosure in entry.enclosures],
        }
    )
    if entry.content is None:
        item["content_text"] = entry.summary
    else:
        item["content_html"] = entry.content
    return item


def _author(person: Person) -> JsonObject:
    email = quote(address(person), safe="@+")
    url = person.url or (f"mailto:{email}" if email else "")
    return _filled({"name": person.name, "url": url})


def _attachment(enclosure: Enclosure) -> JsonObject:
    return _filled(
        {
            "url": enclosure.url,
            "mime_type": enclosure.type or UNKNOWN_TYPE,
            "size_in_bytes": enclosure.length,
        }
    )


def _filled(values: Mapping[str, object]) -> JsonObject:
    """Only what is known: an empty value says no more than a missing one."""
    return {name: value for name, value in values.items() if value}
