"""Atom documents, element by element, read with XPath."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from feeds.models import EPOCH, Entry, Feed, Format, Person

from .readers import A, texts
from .samples import ALONE, BARE_FEED, FEED, FULL, MINIMAL, body

PLAIN = replace(FEED, description="", language="", author=None, hubs=(), icon="", logo="")


def found(path: str, feed: Feed, *entries: Entry) -> list[str]:
    """What an XPath of texts or attributes finds in a feed."""
    return texts(body(feed, entries, Format.ATOM), path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a:feed/a:id/text()", [FEED.urls[Format.ATOM]]),
        ("/a:feed/a:title/text()", ["示例财经 – 股市"]),
        ("/a:feed/a:title/@type", []),
        ("/a:feed/a:updated/text()", ["2022-01-18T09:30:00+08:00"]),
        ("/a:feed/@xml:lang", ["zh-CN"]),
        ("/a:feed/a:subtitle/text()", ["股市 & <债市>，每日更新"]),
        ("/a:feed/a:author/a:name/text()", ["编辑部"]),
        ("/a:feed/a:author/a:email/text()", ["desk@example.org"]),
        ("/a:feed/a:author/a:uri/text()", ["https://news.example.org/about"]),
        ("/a:feed/a:link[@rel='alternate']/@href", [FEED.page]),
        ("/a:feed/a:link[@rel='alternate']/@type", ["text/html"]),
        ("/a:feed/a:link[@rel='self']/@href", [FEED.urls[Format.ATOM]]),
        ("/a:feed/a:link[@rel='self']/@type", ["application/atom+xml"]),
        ("/a:feed/a:link[@rel='hub']/@href", list(FEED.hubs)),
        ("/a:feed/a:link[not(@rel)]/@href", []),
        ("/a:feed/a:icon/text()", ["https://news.example.org/icon.png"]),
        ("/a:feed/a:logo/text()", ["https://news.example.org/logo.png"]),
        ("/a:feed/a:generator/text()", ["feeds"]),
        ("/a:feed/sy:updatePeriod/text()", ["daily"]),
        ("/a:feed/sy:updateFrequency/text()", ["4"]),
    ],
)
def test_a_head_says(path: str, expected: list[str]) -> None:
    assert found(path, FEED) == expected


@pytest.mark.parametrize(
    "path", ["/*/@xml:lang", "//a:subtitle", "//a:icon", "//a:logo", "//a:link[@rel='hub']"]
)
def test_a_head_leaves_out_what_is_not_known(path: str) -> None:
    assert found(path, PLAIN) == []


def test_a_head_without_author_is_by_its_own_title() -> None:
    assert found("/a:feed/a:author/*/text()", PLAIN, MINIMAL) == [PLAIN.title]


def test_a_head_without_title_is_called_by_its_page() -> None:
    blank = replace(PLAIN, title=" \n")
    assert found("/a:feed/a:title/text()", blank) == [FEED.page]
    assert found("/a:feed/a:author/a:name/text()", blank) == [FEED.page]


def test_a_feed_without_entries_is_not_dated_now() -> None:
    empty = replace(FEED, updated=EPOCH)
    assert found("//a:updated/text()", empty) == ["1970-01-01T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a:id/text()", [FULL.id]),
        ("a:title/text()", [FULL.title]),
        ("a:title/@type", []),
        ("a:published/text()", ["2022-01-17T08:54:02+08:00"]),
        ("a:updated/text()", ["2022-01-18T09:30:00+08:00"]),
        ("a:author/a:name/text()", ["张三", "Li Si", "Wang Wu"]),
        ("a:author[1]/a:email/text()", ["zhang@example.org"]),
        ("a:author[1]/a:uri/text()", ["https://zhang.example.org/"]),
        ("a:author[2]/*[not(self::a:name)]/text()", []),
        ("a:summary/text()", [FULL.summary]),
        ("a:summary/@type", ["text"]),
        ("a:content/text()", [FULL.content]),
        ("a:content/@type", ["html"]),
        ("a:category/@term", ["shichang", "股市", "A&B"]),
        ("a:category/@label", ["市场", "A 与 B"]),
        ("a:category[1]/@scheme", ["https://news.example.org/category/"]),
        ("a:category[2]/@scheme", ["https://news.example.org/tag/"]),
        ("a:link[@rel='alternate']/@href", [FULL.url]),
        ("a:link[@rel='alternate']/@type", ["text/html"]),
        ("a:link[@rel='via']/@href", [FULL.source]),
        ("a:link[@rel='via']/@type", []),
        ("a:link[@rel='enclosure']/@href", [each.url for each in FULL.enclosures]),
        ("a:link[@rel='enclosure'][1]/@type", ["audio/mpeg"]),
        ("a:link[@rel='enclosure'][1]/@length", ["12345"]),
        ("a:link[@rel='enclosure'][3]/@*[name()!='href' and name()!='rel']", []),
        ("a:link[not(@rel)]/@href", []),
        ("media:content/@url", [FULL.image]),
        ("media:content/@medium", ["image"]),
        ("@xml:lang", ["en-GB"]),
    ],
)
def test_an_entry_says(path: str, expected: list[str]) -> None:
    assert found(f"/a:feed/a:entry/{path}", FEED, FULL) == expected


def test_a_minimal_entry_says_what_is_required_and_no_more() -> None:
    root = ET.fromstring(body(FEED, [MINIMAL], Format.ATOM))
    [entry] = root.findall(f"{A}entry")
    names = ("id", "title", "updated", "link", "published")
    assert [child.tag for child in entry] == [f"{A}{name}" for name in names]
    assert entry.attrib == {}


def test_an_enclosure_is_no_second_alternate() -> None:
    entry = ALONE["enclosure"]
    assert found("//a:entry/a:link/@rel", FEED, entry) == ["alternate", "enclosure"]
    assert found("//a:entry/a:link[1]/@length", FEED, entry) == []


def test_a_summary_alone_leaves_the_alternate_as_the_content() -> None:
    entry = replace(FULL, content=None)
    assert found("//a:entry/a:content/@type", FEED, entry) == []
    assert found("//a:entry/a:summary/text()", FEED, entry) == [FULL.summary]
    assert found("//a:entry/a:link[@rel='alternate']/@href", FEED, entry) == [FULL.url]


def test_an_entry_without_text_has_content_nevertheless() -> None:
    assert found("//a:entry/a:content/@type", FEED, replace(MINIMAL, content="")) == ["html"]


@pytest.mark.parametrize("title", ["", " \t\n", "\x00"])
def test_an_entry_without_title_is_called_by_its_link(title: str) -> None:
    entry = replace(MINIMAL, title=title)
    assert found("//a:entry/a:title/text()", FEED, entry) == [MINIMAL.url]


def test_an_entry_without_author_has_that_of_the_feed_only() -> None:
    assert found("//a:author/a:name/text()", FEED, MINIMAL) == ["编辑部"]


@pytest.mark.parametrize("email", ["me at example.org", "@me", "a@", "a b@example.org"])
def test_what_is_no_address_is_left_out(email: str) -> None:
    author = Person("A", email, "https://a.example/")
    entry = replace(MINIMAL, authors=(author,))
    assert found("//a:entry/a:author/*/text()", FEED, entry) == ["A", "https://a.example/"]
    assert found("/a:feed/a:author/a:email/text()", replace(FEED, author=author)) == []


def test_markup_in_titles_and_summaries_is_text() -> None:
    entry = replace(MINIMAL, title="<b>&amp;</b>", summary="<i>&lt;</i>")
    assert found("//a:entry/a:title/text()", FEED, entry) == ["<b>&amp;</b>"]
    assert found("//a:entry/a:summary/text()", FEED, entry) == ["<i>&lt;</i>"]


def test_fractions_of_a_second_are_kept() -> None:
    entry = replace(MINIMAL, updated=datetime(2022, 1, 1, 0, 0, 0, 120000, tzinfo=UTC))
    assert found("//a:entry/a:updated/text()", FEED, entry) == ["2022-01-01T00:00:00.120000+00:00"]


def test_every_entry_and_element_of_the_head_is_a_line() -> None:
    lines = body(BARE_FEED, [MINIMAL, FULL], Format.ATOM).decode().splitlines()
    assert [line for line in lines if line.startswith("<id>")] == [
        f"<id>{BARE_FEED.urls[Format.ATOM]}</id>"
    ]
    assert len([line for line in lines if line.startswith("<entry")]) == 2
    assert lines[-1] == "</feed>"
