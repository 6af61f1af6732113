"""Feeds in, a subscription list out: OPML 2.0 (http://opml.org/spec2.opml)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml import etree

from feeds.models import EPOCH, Document, Feed, Format, Kind
from feeds.render.dates import rfc822

MEDIA_TYPE = "text/x-opml"
GROUPS = {Kind.CATEGORY: "Categories", Kind.TAG: "Tags"}


def render_opml(path: str, title: str, feeds: Sequence[Feed]) -> Document:
    """The site's feed first, then a group of categories and one of tags, in the order given.

    Each feed is listed once, in the first of its formats: Atom, RSS, JSON Feed.
    """
    updated = max((feed.updated for feed in feeds), default=EPOCH)
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = title
    if updated != EPOCH:
        etree.SubElement(head, "dateModified").text = rfc822(updated)
    body = etree.SubElement(root, "body")
    _add_feeds(body, (feed for feed in feeds if feed.kind is Kind.SITE))
    for kind, text in GROUPS.items():
        members = [feed for feed in feeds if feed.kind is kind]
        if members:
            _add_feeds(etree.SubElement(body, "outline", text=text, title=text), members)
    xml = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return Document(path, MEDIA_TYPE, xml, updated)


def _add_feeds(parent: etree._Element, feeds: Iterable[Feed]) -> None:
    for feed in feeds:
        etree.SubElement(parent, "outline", _outline(feed))


def _outline(feed: Feed) -> dict[str, str]:
    """``type`` is ``rss`` for every format, the only type of feed that OPML knows."""
    title = feed.title.strip() or feed.page
    url = next(feed.urls[format] for format in Format if format in feed.urls)
    known = {"description": feed.description, "htmlUrl": feed.page, "language": feed.language}
    outline = {
        "text": feed.label or feed.name or title,
        "title": title,
        "type": "rss",
        "xmlUrl": url,
    }
    return outline | {name: value for name, value in known.items() if value}
