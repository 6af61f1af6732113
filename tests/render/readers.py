"""Documents in, the entries and heads that they say out, by readers that wrote none of them.

Atom and RSS are read with expat and after their specifications alone. What a format cannot
say comes back as :func:`sayable` leaves it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

from lxml import etree

from feeds.models import Category, Enclosure, Entry, Format, Person
from feeds.render.legal import ILLEGAL, legal

A = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
MEDIA = "{http://search.yahoo.com/mrss/}"
SY = "{http://purl.org/rss/1.0/modules/syndication/}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
PREFIXES = {
    name: namespace[1:-1]
    for name, namespace in {"a": A, "content": CONTENT, "dc": DC, "media": MEDIA, "sy": SY}.items()
}
BINARY = "application/octet-stream"


def read_entries(body: bytes, format: Format) -> list[Entry]:
    """The entries of a document, in its order."""
    if format is Format.JSON:
        return [_json_entry(item) for item in json.loads(body)["items"]]
    root = ET.fromstring(body)
    if format is Format.ATOM:
        return [_atom_entry(entry) for entry in root.findall(f"{A}entry")]
    return [_rss_entry(item) for item in root.findall("channel/item")]


def sayable(entry: Entry, format: Format) -> Entry:
    """What of an entry a format has room for, without characters that XML forbids."""
    entry = legal(entry)
    entry = replace(entry, title=entry.title.strip() or entry.url)
    return {Format.ATOM: _in_atom, Format.RSS: _in_rss, Format.JSON: _in_json}[format](entry)


def texts(body: bytes, path: str) -> list[str]:
    """What an XPath that ends in texts or attributes finds in a document."""
    found = etree.fromstring(body).xpath(path, namespaces=PREFIXES)
    assert isinstance(found, list)
    return [str(each) for each in found]


# --- Atom ---------------------------------------------------------------------------------


def _in_atom(entry: Entry) -> Entry:
    authors = tuple(replace(each, email=_address(each)) for each in entry.authors)
    return replace(entry, authors=authors)


def _address(person: Person) -> str:
    return person.email if "@" in person.email else ""


def _atom_entry(entry: ET.Element) -> Entry:
    content = entry.find(f"{A}content")
    summary = entry.find(f"{A}summary")
    assert content is None or content.get("type") == "html"
    assert summary is None or summary.get("type") == "text"
    [alternate] = _hrefs(entry, "alternate")
    image = entry.find(f"{MEDIA}content")
    return Entry(
        id=_text(entry, f"{A}id"),
        url=alternate,
        title=_text(entry, f"{A}title"),
        published=datetime.fromisoformat(_text(entry, f"{A}published")),
        updated=datetime.fromisoformat(_text(entry, f"{A}updated")),
        authors=tuple(_atom_person(author) for author in entry.findall(f"{A}author")),
        summary=_text(entry, f"{A}summary"),
        content=None if content is None else content.text or "",
        categories=tuple(
            Category(each.get("term", ""), each.get("scheme", ""), each.get("label", ""))
            for each in entry.findall(f"{A}category")
        ),
        source="".join(_hrefs(entry, "via")),
        enclosures=tuple(
            Enclosure(each.get("href", ""), each.get("type", ""), int(each.get("length", "0")))
            for each in _links(entry, "enclosure")
        ),
        image="" if image is None else image.get("url", ""),
        language=entry.get(LANG, ""),
    )


def _atom_person(author: ET.Element) -> Person:
    return Person(*(_text(author, f"{A}{name}") for name in ("name", "email", "uri")))


def _links(parent: ET.Element, rel: str) -> Iterator[ET.Element]:
    # RFC 4287 section 4.2.7.2: a link without rel is an alternate.
    return (link for link in parent.findall(f"{A}link") if link.get("rel", "alternate") == rel)


def _hrefs(parent: ET.Element, rel: str) -> list[str]:
    return [link.get("href", "") for link in _links(parent, rel)]


def _text(parent: ET.Element, name: str) -> str:
    return parent.findtext(name) or ""


# --- RSS ----------------------------------------------------------------------------------


def _in_rss(entry: Entry) -> Entry:
    return replace(
        entry,
        published=entry.published.replace(microsecond=0),
        updated=entry.updated if entry.updated != entry.published else _seconds(entry.published),
        authors=tuple(Person(author.name) for author in entry.authors),
        categories=tuple(Category(each.term, each.scheme) for each in entry.categories),
        enclosures=tuple(replace(each, type=each.type or BINARY) for each in entry.enclosures),
    )


def _seconds(date: datetime) -> datetime:
    return date.replace(microsecond=0)


def _rss_entry(item: ET.Element) -> Entry:
    published = parsedate_to_datetime(_text(item, "pubDate"))
    updated = item.findtext(f"{A}updated")
    encoded = item.find(f"{CONTENT}encoded")
    media = item.findall(f"{MEDIA}content")
    images = [each.get("url", "") for each in media if each.get("medium") == "image"]
    guid, link = item.find("guid"), _text(item, "link")
    assert guid is not None
    assert (guid.get("isPermaLink") == "true") == (guid.text == link)
    return Entry(
        id=guid.text or "",
        url=link,
        title=_text(item, "title"),
        published=published,
        updated=datetime.fromisoformat(updated) if updated else published,
        authors=tuple(Person(each.text or "") for each in item.findall(f"{DC}creator")),
        summary=html.unescape(_text(item, "description")),
        content=None if encoded is None else encoded.text or "",
        categories=tuple(
            Category(each.text or "", each.get("domain", "")) for each in item.findall("category")
        ),
        source="".join(_hrefs(item, "via")),
        enclosures=(
            *(_enclosure(each, "length") for each in item.findall("enclosure")),
            *(_enclosure(each, "fileSize") for each in media if "type" in each.attrib),
        ),
        image="".join(images),
        language=_text(item, f"{DC}language"),
    )


def _enclosure(element: ET.Element, length: str) -> Enclosure:
    return Enclosure(element.get("url", ""), element.get("type", ""), int(element.get(length, "0")))


# --- JSON Feed ----------------------------------------------------------------------------


def _in_json(entry: Entry) -> Entry:
    terms = dict.fromkeys(category.term for category in entry.categories)
    return replace(
        entry,
        authors=tuple(
            Person(each.name, "" if each.url else _address(each), each.url)
            for each in entry.authors
        ),
        categories=tuple(Category(term) for term in terms),
        enclosures=tuple(replace(each, type=each.type or BINARY) for each in entry.enclosures),
    )


def _json_entry(item: dict[str, Any]) -> Entry:
    item = _legal_json(item)
    if "content_html" not in item:
        assert item["content_text"] == item.get("summary", "")
    return Entry(
        id=item["id"],
        url=item["url"],
        title=item["title"].strip() or item["url"],
        published=datetime.fromisoformat(item["date_published"]),
        updated=datetime.fromisoformat(item["date_modified"]),
        authors=tuple(map(_json_person, item.get("authors", ()))),
        summary=item.get("summary", ""),
        content=item.get("content_html"),
        # JSON can say characters that tell two tags apart until they are taken out here.
        categories=tuple(Category(tag) for tag in dict.fromkeys(item.get("tags", ()))),
        source=item.get("external_url", ""),
        enclosures=tuple(
            Enclosure(each["url"], each["mime_type"], each.get("size_in_bytes", 0))
            for each in item.get("attachments", ())
        ),
        image=item.get("image", ""),
        language=item.get("language", ""),
    )


def _json_person(author: dict[str, str]) -> Person:
    url = author.get("url", "")
    if url.startswith("mailto:"):
        return Person(author["name"], url.removeprefix("mailto:"))
    return Person(author["name"], "", url)


def _legal_json(value: Any) -> Any:
    """JSON may hold what XML forbids."""
    if isinstance(value, dict):
        return {name: _legal_json(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_legal_json(member) for member in value]
    return ILLEGAL.sub("", value) if isinstance(value, str) else value
