"""The list of feeds, by the structure that OPML 2.0 asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import EPOCH, Document, Feed, Format, Kind
from feeds.render import render_opml
from feeds.render.legal import legal

from . import samples
from .samples import BARE_FEED, CST, FEED

CATEGORY = replace(FEED, kind=Kind.CATEGORY, name="emnews", title="新闻 – emnews")
FEEDS = (BARE_FEED, CATEGORY, FEED, replace(FEED, name='<基金> & "B"', description=""))


def root(feeds: Sequence[Feed], title: str = "新闻") -> ET.Element:
    return ET.fromstring(render_opml("feeds.opml", title, feeds).body)


def feed_outlines(root: ET.Element) -> list[ET.Element]:
    return [outline for outline in root.iter("outline") if "xmlUrl" in outline.attrib]


def test_a_list_is_opml_2_with_one_head_and_one_body() -> None:
    found = root(FEEDS)
    assert (found.tag, found.attrib) == ("opml", {"version": "2.0"})
    assert [child.tag for child in found] == ["head", "body"]
    assert found.findtext("head/title") == "新闻"


def test_a_list_is_as_new_as_its_newest_feed() -> None:
    newer = replace(FEED, updated=datetime(2022, 5, 1, tzinfo=CST))
    document = render_opml("feeds.opml", "新闻", [BARE_FEED, newer, FEED])
    date = ET.fromstring(document.body).findtext("head/dateModified")
    assert date == "Sun, 01 May 2022 00:00:00 +0800"
    assert document.updated == newer.updated


def test_a_list_whose_age_is_not_known_says_none() -> None:
    undated = [replace(feed, updated=EPOCH) for feed in FEEDS]
    assert [child.tag for child in root(undated)[0]] == ["title"]


def test_the_site_comes_first_then_categories_then_tags() -> None:
    body = root([FEEDS[2], FEEDS[1], FEEDS[0], FEEDS[3]])[1]
    assert [outline.get("text") for outline in body] == ["News", "Categories", "Tags"]
    groups = [[outline.get("text") for outline in group] for group in body]
    assert groups == [[], ["emnews"], ["股市", '<基金> & "B"']]


def test_a_group_without_feeds_is_left_out() -> None:
    assert [outline.get("text") for outline in root([BARE_FEED])[1]] == ["News"]


def test_a_feed_says_what_it_is_and_where() -> None:
    [outline] = feed_outlines(root([FEED]))
    assert outline.attrib == {
        "text": "股市",
        "title": "示例财经 – 股市",
        "type": "rss",
        "xmlUrl": FEED.urls[Format.ATOM],
        "htmlUrl": FEED.page,
        "description": "股市 & <债市>，每日更新",
        "language": "zh-CN",
    }


def test_a_feed_leaves_out_what_is_not_known() -> None:
    [outline] = feed_outlines(root([BARE_FEED]))
    assert outline.attrib.keys() == {"text", "title", "type", "xmlUrl", "htmlUrl"}


def test_a_feed_is_listed_in_the_first_format_that_is_written() -> None:
    only = {Format.JSON: "https://a.example/feed.json", Format.RSS: "https://a.example/feed.rss"}
    [outline] = feed_outlines(root([replace(BARE_FEED, urls=only)]))
    assert outline.get("xmlUrl") == "https://a.example/feed.rss"


def test_a_feed_without_title_is_called_by_its_page() -> None:
    [outline] = feed_outlines(root([replace(BARE_FEED, title=" ")]))
    assert (outline.get("text"), outline.get("title")) == (BARE_FEED.page, BARE_FEED.page)


def test_a_list_says_where_it_lies() -> None:
    document: Document = render_opml("lists/all.opml", "新闻", FEEDS)
    assert (document.path, document.media_type) == ("lists/all.opml", "text/x-opml")


@settings(deadline=None, max_examples=50)
@given(st.lists(samples.feeds, max_size=4), samples.any_text)
def test_any_list_is_well_formed_and_names_every_feed_once(feeds: list[Feed], title: str) -> None:
    found = root(feeds, title)
    assert (found.findtext("head/title") or "") == legal(title)
    outlines = feed_outlines(found)
    assert sorted(outline.get("text", "") for outline in outlines) == sorted(
        legal(feed.name) for feed in feeds
    )
    assert all(outline.get("text") for outline in found.iter("outline"))
