"""What is written, read back by readers that had no part in writing it."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import Any

import feedparser
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import Entry, Feed, Format
from feeds.render import atom, jsonfeed, rss
from feeds.render.legal import legal

from . import samples
from .readers import BINARY, read_entries, sayable
from .samples import BARE_FEED, FEED, FULL, HOSTILE, MINIMAL, body
from .validity import problems

XML = (Format.ATOM, Format.RSS)
POSTS = {"full": FULL, "minimal": MINIMAL, "hostile": HOSTILE}

by_format = pytest.mark.parametrize("format", Format)
by_xml = pytest.mark.parametrize("format", XML)
by_post = pytest.mark.parametrize("entry", POSTS.values(), ids=POSTS)


# --- feedparser ---------------------------------------------------------------------------


def parsed(feed: Feed, entries: list[Entry], format: Format) -> Any:
    found = feedparser.parse(body(feed, entries, format))
    assert not found.bozo, found.bozo_exception
    assert found.version == {Format.ATOM: "atom10", Format.RSS: "rss20"}[format]
    return found


def hrefs(entry: Any, rel: str) -> list[str]:
    return [link["href"] for link in entry.links if link["rel"] == rel]


@by_xml
@by_post
def test_feedparser_reads_back_what_was_written(entry: Entry, format: Format) -> None:
    [found] = parsed(FEED, [entry], format).entries
    given = legal(entry)
    assert found.id == given.id
    assert found.title == given.title
    assert found.link == given.url
    assert hrefs(found, "alternate") == [given.url]
    assert hrefs(found, "via") == [given.source] * bool(given.source)
    assert found.published_parsed == given.published.utctimetuple()
    if given.updated != given.published:
        assert found.updated_parsed == given.updated.utctimetuple()
    assert [author.name for author in found.get("authors", ())] == [a.name for a in given.authors]
    assert [(tag.term, tag.scheme) for tag in found.get("tags", ())] == [
        (category.term, category.scheme) for category in given.categories
    ]
    assert [each.value for each in found.get("content", ())] == [given.content] * bool(
        given.content
    )


@by_post
def test_feedparser_reads_a_summary_as_text(entry: Entry) -> None:
    summary = legal(entry).summary
    [in_atom] = parsed(FEED, [entry], Format.ATOM).entries
    [in_rss] = parsed(FEED, [entry], Format.RSS).entries
    assert in_atom.get("summary", "") == summary
    if summary:
        assert in_atom.summary_detail.type == "text/plain"
    assert html.unescape(in_rss.get("summary", "")) == summary


@by_xml
def test_feedparser_reads_enclosures_with_type_and_length(format: Format) -> None:
    [found] = parsed(FEED, [FULL], format).entries
    files = [(each.href, each.get("type"), each.get("length")) for each in found.enclosures]
    files += [
        (each["url"], each["type"], each.get("filesize"))
        for each in found.media_content
        if "type" in each
    ]
    # Where Atom leaves the type out, feedparser takes a page for granted.
    unknown = "text/html" if format is Format.ATOM else BINARY
    assert files == [
        (each.url, each.type or unknown, str(each.length) if each.length else None)
        for each in FULL.enclosures
    ]
    images = [each["url"] for each in found.media_content if each.get("medium") == "image"]
    assert images == [FULL.image]


@by_xml
def test_feedparser_reads_back_the_head(format: Format) -> None:
    head = parsed(FEED, [FULL], format).feed
    assert head.title == FEED.title
    assert head.link == FEED.page
    assert head.subtitle == FEED.description
    assert head.language == FEED.language
    assert [author.name for author in head.authors] == ["编辑部"]
    assert hrefs(head, "self") == [FEED.urls[format]]
    assert tuple(hrefs(head, "hub")) == FEED.hubs
    assert head.updated_parsed == FEED.updated.utctimetuple()
    assert (head.sy_updateperiod, head.sy_updatefrequency) == ("daily", "4")


@by_xml
def test_entries_keep_their_order(format: Format) -> None:
    entries = [replace(MINIMAL, id=f"https://a.example/{n}") for n in (3, 1, 2)]
    found = parsed(FEED, entries, format).entries
    assert [entry.id for entry in found] == [entry.id for entry in entries]


# --- any entry ----------------------------------------------------------------------------


@by_format
@pytest.mark.parametrize("entry", samples.ALONE.values(), ids=samples.ALONE)
def test_every_element_comes_back(entry: Entry, format: Format) -> None:
    document = body(BARE_FEED, [entry], format)
    assert read_entries(document, format) == [sayable(entry, format)]
    assert problems(document, format) == []


@settings(deadline=None, max_examples=200)
@given(samples.feeds, samples.entry_lists, st.sampled_from(Format))
def test_any_feed_is_valid_and_says_what_it_was_given(
    feed: Feed, entries: list[Entry], format: Format
) -> None:
    document = body(feed, entries, format)
    assert read_entries(document, format) == [sayable(entry, format) for entry in entries]
    assert problems(document, format) == []


@by_format
def test_a_body_of_5_mb_comes_back_whole(format: Format) -> None:
    sentence = "两市成交 1.2 万亿元 &amp; “北向”资金净流入。😀 "
    text = sentence * (5_000_000 // len(sentence.encode()) + 1)
    entry = replace(MINIMAL, content=f"<p>{text}</p>")
    document = body(BARE_FEED, [entry], format)
    assert len(document) > 5_000_000
    if format is Format.JSON:
        assert json.loads(document)["items"][0]["content_html"] == entry.content
    else:
        assert feedparser.parse(document).entries[0].content[0].value == entry.content


# --- spliced and whole --------------------------------------------------------------------


def whole(feed: Feed, entries: list[Entry], format: Format) -> bytes:
    """The document as its library writes it when it is given all entries at once."""
    if format is Format.JSON:
        return orjson.dumps({**jsonfeed.head(feed), "items": [jsonfeed.item(e) for e in entries]})
    module = atom if format is Format.ATOM else rss
    generator = module.generator(feed)
    for entry in entries:
        generator.add_entry(module.item(entry), order="append")
    text: bytes = generator.atom_str() if format is Format.ATOM else generator.rss_str()
    return text


@by_format
@pytest.mark.parametrize("feed", [FEED, BARE_FEED], ids=["full", "bare"])
@pytest.mark.parametrize("entry", samples.ALONE.values(), ids=samples.ALONE)
def test_a_spliced_document_is_the_whole_one(entry: Entry, feed: Feed, format: Format) -> None:
    entry = legal(entry)
    for entries in ([entry], [entry, FULL], [FULL, entry, MINIMAL]):
        assert body(feed, entries, format) == whole(feed, entries, format)


@by_format
def test_a_document_without_entries_is_the_whole_one(format: Format) -> None:
    assert body(FEED, [], format) == whole(FEED, [], format)
    assert problems(body(FEED, [], format), format) == []


@settings(deadline=None, max_examples=150)
@given(samples.feeds.map(legal), samples.entry_lists.map(tuple).map(legal))
def test_any_spliced_document_is_the_whole_one(feed: Feed, entries: tuple[Entry, ...]) -> None:
    for format in Format:
        assert body(feed, entries, format) == whole(feed, [*entries], format)
