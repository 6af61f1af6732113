"""JSON Feed documents, member by member."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from feeds.models import Category, Enclosure, Entry, Feed, Format, Person

from .samples import BARE_FEED, FEED, FULL, MINIMAL, body
from .validity import problems


def document(feed: Feed, *entries: Entry) -> dict[str, Any]:
    text = body(feed, entries, Format.JSON)
    assert problems(text, Format.JSON) == []
    found: dict[str, Any] = json.loads(text)
    return found


def item(entry: Entry) -> dict[str, Any]:
    [found] = document(FEED, entry)["items"]
    assert isinstance(found, dict)
    return found


def test_a_head_says_everything() -> None:
    assert document(FEED) == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "示例财经 – 股市",
        "home_page_url": FEED.page,
        "feed_url": FEED.urls[Format.JSON],
        "description": "股市 & <债市>，每日更新",
        "icon": "https://news.example.org/logo.png",
        "favicon": "https://news.example.org/icon.png",
        "authors": [{"name": "编辑部", "url": "https://news.example.org/about"}],
        "language": "zh-CN",
        "hubs": [
            {"type": "WebSub", "url": "https://hub.example.com/"},
            {"type": "WebSub", "url": "https://hub.example.net/?topic=1&x=2"},
        ],
        "items": [],
    }


def test_a_head_leaves_out_what_is_not_known() -> None:
    assert document(BARE_FEED).keys() == {"version", "title", "home_page_url", "feed_url", "items"}


def test_a_head_without_title_is_called_by_its_page() -> None:
    assert document(replace(BARE_FEED, title=" "))["title"] == BARE_FEED.page


def test_an_item_says_everything() -> None:
    assert item(FULL) == {
        "id": FULL.id,
        "url": FULL.url,
        "external_url": FULL.source,
        "title": FULL.title,
        "content_html": FULL.content,
        "summary": FULL.summary,
        "image": FULL.image,
        "date_published": "2022-01-17T08:54:02+08:00",
        "date_modified": "2022-01-18T09:30:00+08:00",
        "authors": [
            {"name": "张三", "url": "https://zhang.example.org/"},
            {"name": "Li Si"},
            {"name": "Wang Wu", "url": "mailto:wang@example.org"},
        ],
        "tags": ["shichang", "股市", "A&B"],
        "language": "en-GB",
        "attachments": [
            {
                "url": FULL.enclosures[0].url,
                "mime_type": "audio/mpeg",
                "size_in_bytes": 12345,
            },
            {
                "url": FULL.enclosures[1].url,
                "mime_type": "application/pdf",
                "size_in_bytes": 678,
            },
            {"url": FULL.enclosures[2].url, "mime_type": "application/octet-stream"},
        ],
    }


def test_a_minimal_item_says_what_is_required_and_no_more() -> None:
    known = {"id", "url", "title", "date_published", "date_modified", "content_text"}
    assert item(MINIMAL).keys() == known


def test_a_summary_alone_is_the_content_as_text() -> None:
    found = item(replace(FULL, content=None))
    assert "content_html" not in found
    assert found["content_text"] == found["summary"] == FULL.summary


def test_an_entry_without_text_has_content_nevertheless() -> None:
    assert item(replace(MINIMAL, content=""))["content_html"] == ""


def test_a_term_that_is_category_and_tag_is_one_tag() -> None:
    both = (Category("a", "https://a.example/c/"), Category("b"), Category("a"))
    assert item(replace(MINIMAL, categories=both))["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        (Person("A", "a@b.example", "https://a.example/"), {"url": "https://a.example/"}),
        (Person("A", "a@b.example"), {"url": "mailto:a@b.example"}),
        (Person("A", "a+b?c&d@b.example"), {"url": "mailto:a+b%3Fc%26d@b.example"}),
        (Person("A", "a at b.example"), {}),
    ],
)
def test_an_author_has_a_page_or_an_address(author: Person, expected: dict[str, str]) -> None:
    assert item(replace(MINIMAL, authors=(author,)))["authors"] == [{"name": "A", **expected}]


def test_an_unknown_size_is_not_said() -> None:
    file = Enclosure("https://a.example/1", "audio/ogg")
    [found] = item(replace(MINIMAL, enclosures=(file,)))["attachments"]
    assert found == {"url": "https://a.example/1", "mime_type": "audio/ogg"}


@pytest.mark.parametrize("title", ["", "  "])
def test_an_item_without_title_is_called_by_its_link(title: str) -> None:
    assert item(replace(MINIMAL, title=title))["title"] == MINIMAL.url


def test_text_is_utf_8_without_escapes() -> None:
    assert "沪指收涨 0.58%：“红包”来了".encode() in body(FEED, [FULL], Format.JSON)
