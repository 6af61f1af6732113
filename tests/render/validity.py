"""A document in, what its specification forbids or a validator would warn about out.

Atom by RFC 4287, RSS by the RSS 2.0 specification with the modules in use, JSON Feed 1.1 by
the schema beside this module. An empty list is a valid document.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from jsonschema import Draft202012Validator

from feeds.models import Format

from .readers import CONTENT, DC, LANG, MEDIA, SY, A

SCHEMA = Path(__file__).with_name("jsonfeed-1.1.schema.json")

IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:.+", re.S)
WEB = re.compile(r"https?://[^\s/]+(/\S*)?")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
RFC822 = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" \d{4} \d\d:\d\d:\d\d [+-]\d{4}"
)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NUMBER = re.compile(r"\d+")
POSITIVE = re.compile(r"[1-9]\d*")
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.A)
LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
PERIOD = re.compile("hourly|daily|weekly|monthly|yearly")
VISIBLE = re.compile(r".*\S.*", re.S)
ANY = re.compile(r".*", re.S)
EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


def problems(body: bytes, format: Format) -> list[str]:
    """What is wrong with a document, in words."""
    if format is Format.JSON:
        return list(_json_problems(body))
    root = ET.fromstring(body)
    found = _atom_problems(root) if format is Format.ATOM else _rss_problems(root)
    return [*_namespace_problems(body), *found]


def _namespace_problems(body: bytes) -> Iterator[str]:
    declared = [name for _, name in ET.iterparse(io.BytesIO(body), ["start-ns"])]
    for what, count in Counter(map(str, declared)).items():
        if count > 1:
            yield f"namespace {what} is declared {count} times"


def _json_problems(body: bytes) -> Iterator[str]:
    feed = json.loads(body)
    for error in _schema().iter_errors(feed):
        yield f"{error.json_path}: {error.message}"
    yield from _repeated("id", (str(item.get("id")) for item in feed.get("items", ())))


@cache
def _schema() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


# --- Atom ---------------------------------------------------------------------------------

# Which children an element may have, how often (least, most), and what their text is.
MANY = 1 << 30
Rules = dict[str, tuple[int, int, re.Pattern[str]]]
ATOM_FEED: Rules = {
    f"{A}id": (1, 1, IRI),
    f"{A}title": (1, 1, VISIBLE),
    f"{A}updated": (1, 1, RFC3339),
    f"{A}author": (0, MANY, ANY),
    f"{A}link": (0, MANY, ANY),
    f"{A}generator": (0, 1, VISIBLE),
    f"{A}icon": (0, 1, WEB),
    f"{A}logo": (0, 1, WEB),
    f"{A}subtitle": (0, 1, ANY),
    f"{A}entry": (0, MANY, ANY),
    f"{SY}updatePeriod": (0, 1, PERIOD),
    f"{SY}updateFrequency": (0, 1, POSITIVE),
}
ATOM_ENTRY: Rules = {
    f"{A}id": (1, 1, IRI),
    f"{A}title": (1, 1, VISIBLE),
    f"{A}updated": (1, 1, RFC3339),
    f"{A}published": (0, 1, RFC3339),
    f"{A}author": (0, MANY, ANY),
    f"{A}content": (0, 1, ANY),
    f"{A}summary": (0, 1, VISIBLE),
    f"{A}link": (0, MANY, ANY),
    f"{A}category": (0, MANY, ANY),
    f"{MEDIA}content": (0, MANY, ANY),
}
ATOM_PERSON: Rules = {
    f"{A}name": (1, 1, VISIBLE),
    f"{A}email": (0, 1, EMAIL),
    f"{A}uri": (0, 1, WEB),
}


def _atom_problems(feed: ET.Element) -> Iterator[str]:
    if feed.tag != f"{A}feed":
        yield f"the root is {feed.tag}"
    yield from _children(feed, ATOM_FEED)
    yield from _atom_common(feed)
    if len([link for link in feed.findall(f"{A}link") if link.get("rel") == "self"]) != 1:
        yield "the feed does not say once where it is"
    entries = feed.findall(f"{A}entry")
    for entry in entries:
        yield from _children(entry, ATOM_ENTRY)
        yield from _atom_common(entry)
        yield from _atom_entry_problems(entry)
    if feed.find(f"{A}author") is None:
        yield from ("no author" for entry in entries if entry.find(f"{A}author") is None)
    yield from _repeated("id", (entry.findtext(f"{A}id", "") for entry in entries))


def _atom_common(parent: ET.Element) -> Iterator[str]:
    for author in parent.findall(f"{A}author"):
        yield from _children(author, ATOM_PERSON)
    links = parent.findall(f"{A}link")
    for link in links:
        yield from _attributes(link, {"href": WEB}, {"rel": VISIBLE, "type": MEDIA_TYPE})
    alternates = [link for link in links if link.get("rel", "alternate") == "alternate"]
    kinds = (f"{link.get('type')} {link.get('hreflang')}" for link in alternates)
    yield from _repeated("alternate of type and language", kinds)
    if not alternates and parent.find(f"{A}content") is None:
        yield "neither content nor an alternate"
    language = parent.get(LANG)
    if language is not None and not LANGUAGE.fullmatch(language):
        yield f"xml:lang is {language!r}"


def _atom_entry_problems(entry: ET.Element) -> Iterator[str]:
    for name in ("content", "summary", "title"):
        text = entry.find(f"{A}{name}")
        if text is not None and text.get("type", "text") not in ("text", "html"):
            yield f"{name} is of type {text.get('type')}"
    for category in entry.findall(f"{A}category"):
        yield from _attributes(category, {"term": VISIBLE}, {"scheme": IRI, "label": ANY})
    yield from _media_problems(entry)


# --- RSS ----------------------------------------------------------------------------------

RSS_CHANNEL: Rules = {
    "title": (1, 1, VISIBLE),
    "link": (1, 1, WEB),
    "description": (1, 1, VISIBLE),
    "language": (0, 1, LANGUAGE),
    "lastBuildDate": (0, 1, RFC822),
    "generator": (0, 1, VISIBLE),
    "ttl": (0, 1, POSITIVE),
    "image": (0, 1, ANY),
    "item": (0, MANY, ANY),
    f"{A}link": (1, MANY, ANY),
    f"{DC}creator": (0, MANY, VISIBLE),
    f"{SY}updatePeriod": (0, 1, PERIOD),
    f"{SY}updateFrequency": (0, 1, POSITIVE),
}
RSS_IMAGE: Rules = {
    "url": (1, 1, WEB),
    "title": (1, 1, VISIBLE),
    "link": (1, 1, WEB),
}
RSS_ITEM: Rules = {
    "title": (1, 1, VISIBLE),
    "link": (1, 1, WEB),
    "description": (0, 1, VISIBLE),
    "guid": (1, 1, VISIBLE),
    "pubDate": (1, 1, RFC822),
    "enclosure": (0, 1, ANY),
    "category": (0, MANY, VISIBLE),
    f"{A}link": (0, MANY, ANY),
    f"{A}updated": (0, 1, RFC3339),
    f"{CONTENT}encoded": (0, 1, ANY),
    f"{DC}creator": (0, MANY, VISIBLE),
    f"{DC}language": (0, 1, LANGUAGE),
    f"{MEDIA}content": (0, MANY, ANY),
}


def _rss_problems(root: ET.Element) -> Iterator[str]:
    if root.tag != "rss" or root.get("version") != "2.0" or len(root) != 1:
        yield "not one channel of RSS 2.0"
    channel = root[0]
    yield from _children(channel, RSS_CHANNEL)
    for image in channel.findall("image"):
        yield from _children(image, RSS_IMAGE)
        for name in ("title", "link"):
            if image.findtext(name) != channel.findtext(name):
                yield f"the {name} of the image is not that of the channel"
    links = channel.findall(f"{A}link")
    if [link.get("rel") for link in links].count("self") != 1:
        yield "the channel does not say once where it is"
    items = channel.findall("item")
    for link in (*links, *(link for item in items for link in item.findall(f"{A}link"))):
        yield from _attributes(link, {"href": WEB, "rel": VISIBLE}, {"type": MEDIA_TYPE})
    for date in (*channel.iter("pubDate"), *channel.iter("lastBuildDate")):
        yield from _weekday_problems(date.text or "")
    for item in items:
        yield from _children(item, RSS_ITEM)
        yield from _item_problems(item)
    yield from _repeated("guid", (item.findtext("guid", "") for item in items))


def _item_problems(item: ET.Element) -> Iterator[str]:
    for guid in item.findall("guid"):
        yield from _attributes(guid, {"isPermaLink": re.compile("true|false")}, {})
        if guid.get("isPermaLink", "true") == "true" and not WEB.fullmatch(guid.text or ""):
            yield f"the guid {guid.text!r} is no link"
    for enclosure in item.findall("enclosure"):
        rules = {"url": WEB, "length": NUMBER, "type": MEDIA_TYPE}
        yield from _attributes(enclosure, rules, {})
    for category in item.findall("category"):
        yield from _attributes(category, {}, {"domain": IRI})
    yield from _media_problems(item)


def _weekday_problems(date: str) -> Iterator[str]:
    if RFC822.fullmatch(date) and DAYS[parsedate_to_datetime(date).weekday()] != date[:3]:
        yield f"{date} is another day of the week"


# --- both ---------------------------------------------------------------------------------


def _media_problems(entry: ET.Element) -> Iterator[str]:
    medium = re.compile("image|audio|video|document|executable")
    for media in entry.findall(f"{MEDIA}content"):
        rules = {"type": MEDIA_TYPE, "fileSize": POSITIVE, "medium": medium}
        yield from _attributes(media, {"url": WEB}, rules)


def _children(parent: ET.Element, rules: Rules) -> Iterator[str]:
    counted = Counter(child.tag for child in parent)
    for name in counted.keys() - rules.keys():
        yield f"{parent.tag} has a {name}"
    for name, (least, most, pattern) in rules.items():
        if not least <= counted[name] <= most:
            yield f"{parent.tag} has {counted[name]} of {name}"
        for child in parent.findall(name):
            if not pattern.fullmatch(child.text or ""):
                yield f"{name} is {child.text!r}"


def _attributes(
    element: ET.Element,
    required: dict[str, re.Pattern[str]],
    optional: dict[str, re.Pattern[str]],
) -> Iterator[str]:
    if element.tag == f"{A}link":
        optional = {**optional, "length": POSITIVE}
    for name in required.keys() - element.attrib.keys():
        yield f"{element.tag} has no {name}"
    for name, value in element.attrib.items():
        pattern = required.get(name) or optional.get(name)
        if pattern is None:
            yield f"{element.tag} has a {name}"
        elif not pattern.fullmatch(value):
            yield f"{name} of {element.tag} is {value!r}"


def _repeated(what: str, values: Iterable[str]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{count} times the {what} {value!r}"
