"""Entries without anything unusual, written at once and not element by element.

In: an entry with a title, a link, terms, a source, a summary and a content. Out: the bytes
that feedgen gives for it, in a tenth of its time, or ``None``: ask feedgen. A property test
holds the two equal.
"""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import Final

from feeds.models import Entry, Format
from feeds.render.dates import rfc822, rfc3339

# What XML 1.0 section 2.2 forbids, beside lone surrogates, which no encoding takes.
CONTROLS: Final = bytes({*range(0x20)} - {0x09, 0x0A, 0x0D})
ESCAPED: Final = re.compile(r"[&<>\"\n\t\r]")
ATTRIBUTE: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\n": "&#10;",
        "\t": "&#9;",
        "\r": "&#13;",
    }
)


def plain_entry(entry: Entry, format: Format) -> bytes | None:
    """The fragment of an entry, if it is plain. Raises ``ValueError`` for illegal characters.

    JSON Feed has no need of it.
    """
    if format is Format.JSON or not _is_plain(entry):
        return None
    return atom_entry(entry) if format is Format.ATOM else rss_item(entry)


def atom_entry(entry: Entry) -> bytes:
    """``<entry>…</entry>`` and a line feed."""
    published = rfc3339(entry.published)
    updated = published if entry.updated is entry.published else rfc3339(entry.updated)
    title = _text(entry.title.strip() or entry.url)
    parts = [f"<entry><id>{_text(entry.id)}</id><title>{title}</title><updated>{updated}</updated>"]
    head = ""
    if entry.content is not None:
        head = "".join((*parts, '<content type="html">'))
        parts = ["</content>"]
    parts.append(f'<link href="{_attribute(entry.url)}" rel="alternate" type="text/html"/>')
    if entry.source:
        parts.append(f'<link href="{_attribute(entry.source)}" rel="via"/>')
    if entry.summary:
        parts.append(f'<summary type="text">{_text(entry.summary)}</summary>')
    for category in entry.categories:
        scheme = f' scheme="{_attribute(category.scheme)}"' if category.scheme else ""
        label = f' label="{_attribute(category.label)}"' if category.label else ""
        parts.append(f'<category term="{_attribute(category.term)}"{scheme}{label}/>')
    parts.append(f"<published>{published}</published></entry>\n")
    return _around(head, entry.content, "".join(parts))


def rss_item(entry: Entry) -> bytes:
    """``<item>…</item>`` and a line feed."""
    title = _text(entry.title.strip() or entry.url)
    parts = [f"<item><title>{title}</title><link>{_text(entry.url)}</link>"]
    if entry.summary:
        # A description is HTML to its readers, a summary is text.
        summary = _text(html.escape(entry.summary, quote=False))
        parts.append(f"<description>{summary}</description>")
    permanent = "true" if entry.permanent_id else "false"
    parts.append(f'<guid isPermaLink="{permanent}">{_text(entry.id)}</guid>')
    for category in entry.categories:
        domain = f' domain="{_attribute(category.scheme)}"' if category.scheme else ""
        parts.append(f"<category{domain}>{_text(category.term)}</category>")
    parts.append(f"<pubDate>{rfc822(entry.published)}</pubDate>")
    if entry.updated != entry.published:
        parts.append(f"<atom:updated>{rfc3339(entry.updated)}</atom:updated>")
    if entry.source:
        parts.append(f'<atom:link rel="via" href="{_attribute(entry.source)}"/>')
    if entry.content is None:
        return _around("", None, "".join((*parts, "</item>\n")))
    head = "".join((*parts, "<content:encoded>"))
    return _around(head, entry.content, "</content:encoded></item>\n")


def _is_plain(entry: Entry) -> bool:
    unusual = entry.authors or entry.enclosures or entry.image or entry.language
    named = entry.id and entry.url and all(category.term for category in entry.categories)
    return bool(named) and not unusual and entry.content != ""


def _text(text: str) -> str:
    """Text as lxml escapes it."""
    text = html.escape(text, quote=False)
    return text.replace("\r", "&#13;") if "\r" in text else text


def _around(head: str, content: str | None, tail: str) -> bytes:
    """A fragment, in bytes, with its content in the middle."""
    if content is None:
        return _legal(head + tail)
    return b"".join((_legal(head), _content(content), _legal(tail)))


@lru_cache(maxsize=1)
def _content(text: str) -> bytes:
    """What is long and stands in both formats: escaped, looked through and encoded once."""
    return _legal(_text(text))


def _attribute(text: str) -> str:
    """The value of an attribute as lxml escapes it."""
    return text.translate(ATTRIBUTE) if ESCAPED.search(text) else text


def _legal(text: str) -> bytes:
    written = text.encode()
    if len(written.translate(None, CONTROLS)) != len(written):
        raise ValueError("a control character")
    if "\ufffe" in text or "\uffff" in text:
        raise ValueError("a character that is none")
    return written
