"""RSS documents, element by element, read with XPath."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from feeds.models import Enclosure, Entry, Feed, Format, Person

from .readers import texts
from .samples import BARE_FEED, FEED, FULL, MINIMAL, body


def found(path: str, feed: Feed, *entries: Entry) -> list[str]:
    """What an XPath of texts or attributes finds below the channel."""
    return texts(body(feed, entries, Format.RSS), f"/rss/channel/{path}")


def item(path: str, entry: Entry) -> list[str]:
    return found(f"item/{path}", FEED, entry)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("../@version", ["2.0"]),
        ("title/text()", ["示例财经 – 股市"]),
        ("link/text()", [FEED.page]),
        ("description/text()", ["股市 & <债市>，每日更新"]),
        ("language/text()", ["zh-CN"]),
        ("lastBuildDate/text()", ["Tue, 18 Jan 2022 09:30:00 +0800"]),
        ("ttl/text()", ["45"]),
        ("generator/text()", ["feeds"]),
        ("docs/text()", []),
        ("image/url/text()", ["https://news.example.org/logo.png"]),
        ("image/title/text()", ["示例财经 – 股市"]),
        ("image/link/text()", [FEED.page]),
        ("dc:creator/text()", ["编辑部"]),
        ("managingEditor/text()", []),
        ("a:link[@rel='self']/@href", [FEED.urls[Format.RSS]]),
        ("a:link[@rel='self']/@type", ["application/rss+xml"]),
        ("a:link[@rel='hub']/@href", list(FEED.hubs)),
        ("a:link[@rel='alternate']/@href", []),
        ("sy:updatePeriod/text()", ["daily"]),
        ("sy:updateFrequency/text()", ["4"]),
    ],
)
def test_a_head_says(path: str, expected: list[str]) -> None:
    assert found(path, FEED) == expected


@pytest.mark.parametrize("path", ["language", "image", "dc:creator", "a:link[@rel='hub']"])
def test_a_head_leaves_out_what_is_not_known(path: str) -> None:
    assert found(path, BARE_FEED) == []


def test_a_head_without_description_is_described_by_its_title() -> None:
    assert found("description/text()", BARE_FEED) == ["News"]


def test_a_head_without_title_is_called_by_its_page() -> None:
    blank = replace(BARE_FEED, title=" ")
    assert found("*[self::title or self::description]/text()", blank) == [BARE_FEED.page] * 2


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("guid/text()", [FULL.id]),
        ("guid/@isPermaLink", ["false"]),
        ("title/text()", [FULL.title]),
        ("link/text()", [FULL.url]),
        ("pubDate/text()", ["Mon, 17 Jan 2022 08:54:02 +0800"]),
        ("a:updated/text()", ["2022-01-18T09:30:00+08:00"]),
        ("dc:creator/text()", ["张三", "Li Si", "Wang Wu"]),
        ("author/text()", []),
        ("description/text()", ["两市成交 1.2 万亿元 &amp; 北向资金净流入。"]),
        ("content:encoded/text()", [FULL.content]),
        ("category/text()", ["shichang", "股市", "A&B"]),
        ("category[1]/@domain", ["https://news.example.org/category/"]),
        ("category[2]/@domain", ["https://news.example.org/tag/"]),
        ("a:link/@rel", ["via"]),
        ("a:link/@href", [FULL.source]),
        ("enclosure/@url", [FULL.enclosures[0].url]),
        ("enclosure/@length", ["12345"]),
        ("enclosure/@type", ["audio/mpeg"]),
        ("media:content/@url", [*(each.url for each in FULL.enclosures[1:]), FULL.image]),
        ("media:content[1]/@type", ["application/pdf"]),
        ("media:content[1]/@fileSize", ["678"]),
        ("media:content[2]/@type", ["application/octet-stream"]),
        ("media:content[2]/@fileSize", []),
        ("media:content[3]/@medium", ["image"]),
        ("dc:language/text()", ["en-GB"]),
    ],
)
def test_an_item_says(path: str, expected: list[str]) -> None:
    assert item(path, FULL) == expected


def test_a_minimal_item_says_what_is_required_and_no_more() -> None:
    root = ET.fromstring(body(FEED, [MINIMAL], Format.RSS))
    [entry] = root.findall("channel/item")
    assert [child.tag for child in entry] == ["title", "link", "guid", "pubDate"]


def test_an_id_that_is_the_link_is_a_permalink() -> None:
    assert item("guid/@isPermaLink", MINIMAL) == ["true"]


def test_a_description_is_html_that_reads_as_the_summary() -> None:
    entry = replace(MINIMAL, summary='1 < 2 & <b>"3"</b>')
    assert item("description/text()", entry) == ['1 &lt; 2 &amp; &lt;b&gt;"3"&lt;/b&gt;']


def test_content_is_never_taken_for_the_description() -> None:
    assert item("description", replace(FULL, summary="")) == []
    assert item("content:encoded/text()", replace(FULL, summary="")) == [FULL.content]


def test_the_description_comes_before_the_content() -> None:
    path = "content:encoded/preceding-sibling::description/text()"
    assert item(path, FULL) == ["两市成交 1.2 万亿元 &amp; 北向资金净流入。"]


def test_a_summary_alone_is_the_description() -> None:
    entry = replace(FULL, content=None)
    assert item("content:encoded", entry) == []
    assert item("description/text()", entry) == ["两市成交 1.2 万亿元 &amp; 北向资金净流入。"]


@pytest.mark.parametrize("title", ["", "  ", "\x00"])
def test_an_item_without_title_is_called_by_its_link(title: str) -> None:
    assert item("title/text()", replace(MINIMAL, title=title)) == [MINIMAL.url]


def test_an_unknown_length_is_said_as_zero() -> None:
    entry = replace(MINIMAL, enclosures=(Enclosure("https://a.example/1", ""),))
    assert item("enclosure/@length", entry) == ["0"]
    assert item("enclosure/@type", entry) == ["application/octet-stream"]


def test_authors_with_an_address_are_creators_too() -> None:
    author = Person("A", "a@example.org")
    assert item("*[.='A' or contains(., '@')]/text()", replace(MINIMAL, authors=(author,))) == ["A"]
    assert found("*[contains(., '@')]/text()", replace(FEED, author=author)) == []


def test_every_item_and_element_of_the_head_is_a_line() -> None:
    lines = body(BARE_FEED, [MINIMAL, FULL], Format.RSS).decode().splitlines()
    assert f"<link>{BARE_FEED.page}</link>" in lines
    assert len([line for line in lines if line.startswith("<item>")]) == 2
    assert lines[-1] == "</channel></rss>"
