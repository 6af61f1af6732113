"""feedgen 1.0.0, repaired: what it gets wrong or cannot say, and how one entry is written.

Everything that depends on the inside of feedgen is in this module. Repairs:

* links of an entry keep ``rel``, ``type`` and ``length`` (``atom_entry`` loses them);
* elements that feedgen has no call for, or writes wrongly, can be added (:class:`Elements`);
* no element defaults to the clock, to feedgen's own name or to its documentation;
* the process-wide locale is not touched: dates in RFC 822 form are added elements, because
  feedgen switches ``LC_ALL`` for each of them, slowly and for all threads.

One generator or item serves one format: what RSS must not get is not set on it.
Every element of a feed's head and every entry ends its line, so that two versions of a
document can be compared by line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

NAME = "feeds"

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
SY = "http://purl.org/rss/1.0/modules/syndication/"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

ATOM_LINK = f"{{{ATOM}}}link"
ATOM_UPDATED = f"{{{ATOM}}}updated"
CONTENT_ENCODED = f"{{{CONTENT}}}encoded"
DC_CREATOR = f"{{{DC}}}creator"
DC_LANGUAGE = f"{{{DC}}}language"
MEDIA_CONTENT = f"{{{MEDIA}}}content"
SY_UPDATE_FREQUENCY = f"{{{SY}}}updateFrequency"
SY_UPDATE_PERIOD = f"{{{SY}}}updatePeriod"


class Generator(FeedGenerator):  # type: ignore[misc]  # feedgen has no types
    """The head of a feed. ``namespaces`` are those of added elements, by prefix."""

    more: Head

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        super().__init__()
        self.generator(NAME)
        self.docs("")
        # There is no public way to leave it out, and it defaults to now.
        self._FeedGenerator__rss_lastBuildDate = None
        self.register_extension("more", Head)
        self.more.namespaces = namespaces


class Item(FeedEntry):  # type: ignore[misc]  # feedgen has no types
    """An entry of either format."""

    more: Elements

    def __init__(self) -> None:
        super().__init__()
        self.register_extension("more", Elements)

    def atom_entry(self, extensions: bool = True) -> etree._Element:
        entry: etree._Element = super().atom_entry(extensions)
        for element, link in zip(entry.iterchildren("link"), self.link() or (), strict=True):
            for name in ("rel", "type", "length"):
                if value := link.get(name):
                    element.set(name, value)
        entry.tail = "\n"
        return entry

    def rss_entry(self, extensions: bool = True) -> etree._Element:
        item: etree._Element = super().rss_entry(extensions)
        item.tail = "\n"
        return item


class Elements(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Elements of other namespaces, or that feedgen gets wrong, in the order added.

    feedgen writes them after its own. ``language`` is the ``xml:lang`` of an Atom entry.
    """

    def __init__(self) -> None:
        self.language = ""
        self.elements: list[tuple[str, str | None, dict[str, str]]] = []

    def add(self, name: str, text: str | None = None, **attributes: str) -> None:
        self.elements.append((name, text, attributes))

    def extend_atom(self, entry: etree._Element) -> None:
        if self.language:
            entry.set(XML_LANG, self.language)
        self.append_to(entry)

    def extend_rss(self, item: etree._Element) -> None:
        self.append_to(item)

    def append_to(self, parent: etree._Element) -> None:
        for name, text, attributes in self.elements:
            etree.SubElement(parent, name, attributes).text = text


class Head(Elements):
    """The same for the head of a feed, and the namespaces of the whole document.

    It has to be the only extension: what it finds is then all that the head will hold.
    """

    namespaces: Mapping[str, str]

    def extend_ns(self) -> Mapping[str, str]:
        return self.namespaces

    def extend_atom(self, feed: etree._Element) -> None:
        self.append_to(feed)
        _end_lines(feed)

    def extend_rss(self, feed: etree._Element) -> None:
        channel = feed[0]
        self.append_to(channel)
        _end_lines(channel)


def _end_lines(parent: etree._Element) -> None:
    parent.text = "\n"
    for child in parent:
        child.tail = "\n"


def fragment(entry: etree._Element, parent: etree._Element) -> bytes:
    """The bytes of an entry as they stand below ``parent``, an empty element.

    The namespaces that ``parent`` declares are not declared again, which is why the entry
    cannot be serialised alone.
    """
    parent.append(entry)
    whole = etree.tostring(parent, encoding="UTF-8", xml_declaration=False)
    return whole[whole.index(b">") + 1 : whole.rindex(b"</")]


def insert(shell: bytes, fragments: Sequence[bytes], end: bytes) -> bytes:
    """A document without entries and the fragments put before its ``end`` tags."""
    return b"".join((shell.removesuffix(end), *fragments, end))
