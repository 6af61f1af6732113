"""Feeds and entries to render: everything said, nothing said, and all that hurts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from feeds.models import (
    Category,
    Document,
    Enclosure,
    Entry,
    Feed,
    Format,
    Kind,
    Period,
    Person,
)
from feeds.render import render_entry, splice
from feeds.render.legal import legal

MINUTE = timedelta(minutes=1)
CST = timezone(timedelta(hours=8))
PATHS: Mapping[Format, str] = {format: f"tag/股市/feed.{format}" for format in Format}
URLS: Mapping[Format, str] = {
    format: f"https://news.example.org/tag/%E8%82%A1%E5%B8%82/feed.{format}" for format in Format
}

FEED = Feed(
    kind=Kind.TAG,
    name="股市",
    title="示例财经 – 股市",
    page="https://news.example.org/tag/%E8%82%A1%E5%B8%82.html?a=1&b=2",
    paths=PATHS,
    urls=URLS,
    updated=datetime(2022, 1, 18, 9, 30, tzinfo=CST),
    description="股市 & <债市>，每日更新",
    language="zh-CN",
    author=Person("编辑部", "desk@example.org", "https://news.example.org/about"),
    hubs=("https://hub.example.com/", "https://hub.example.net/?topic=1&x=2"),
    icon="https://news.example.org/icon.png",
    logo="https://news.example.org/logo.png",
    period=Period("daily", 4, 45),
)

BARE_FEED = Feed(
    kind=Kind.SITE,
    name="",
    title="News",
    page="https://news.example.org/",
    paths={format: f"feed.{format}" for format in Format},
    urls={format: f"https://news.example.org/feed.{format}" for format in Format},
    updated=datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC),
)

FULL = Entry(
    id="https://news.example.org/2022/01/17/market",
    url="https://news.example.org/2022/01/17/market.html",
    title="沪指收涨 0.58%：“红包”来了",
    published=datetime(2022, 1, 17, 8, 54, 2, tzinfo=CST),
    updated=datetime(2022, 1, 18, 9, 30, tzinfo=CST),
    authors=(
        Person("张三", "zhang@example.org", "https://zhang.example.org/"),
        Person("Li Si"),
        Person("Wang Wu", "wang@example.org"),
    ),
    summary="两市成交 1.2 万亿元 & 北向资金净流入。",
    content="<p>两市成交 <b>1.2</b> 万亿元 &amp; 北向资金净流入。</p>\n<p>a &lt; b</p>",
    categories=(
        Category("shichang", "https://news.example.org/category/", "市场"),
        Category("股市", "https://news.example.org/tag/"),
        Category("A&B", "https://news.example.org/tag/", "A 与 B"),
    ),
    source="https://source.example.com/a?x=1&y=2",
    enclosures=(
        Enclosure("https://news.example.org/audio/1.mp3?a=1&b=2", "audio/mpeg", 12345),
        Enclosure("https://news.example.org/report.pdf", "application/pdf", 678),
        Enclosure("https://news.example.org/data.bin", ""),
    ),
    image="https://news.example.org/img/cover.png",
    language="en-GB",
)

MINIMAL = Entry(
    id="https://news.example.org/minimal.html",
    url="https://news.example.org/minimal.html",
    title="Minimal",
    published=datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC),
    updated=datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC),
)

HOSTILE_TEXT = (
    "\"'“”]]> &lt; &amp;amp; <!-- --> <![CDATA[ </title></entry></item> 😀👩\u200d🚀 "
    "\u202eעברית\u202c مرحبا e\u0301 \u2028 \ufeff \U0010ffff \x7f end"
)
ILLEGAL_TEXT = "\x00\x01\x08\x0b\x0c\x1f\ud800\udfff\ufffe\uffff"

HOSTILE = Entry(
    id="tag:news.example.org,2022:]]>&lt;\"'",
    url="https://news.example.org/2022/%22%3C?a='b'&c=]]%3E",
    title=f"{HOSTILE_TEXT}{ILLEGAL_TEXT}",
    published=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-9.5))),
    updated=datetime(2099, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=14))),
    authors=(
        Person(f'<b>{ILLEGAL_TEXT}</b> & "Co"', "me at example", "https://a.example/?x=1&y='2'"),
        Person("שלום"),
    ),
    summary=f"{HOSTILE_TEXT}{ILLEGAL_TEXT} <script>alert(1)</script>",
    content=f"<p>]]&gt; ]]> &amp;lt; &lt;![CDATA[x]]&gt; {ILLEGAL_TEXT}<b>é</b>\n\t😀 שלום</p>",
    categories=(
        Category("C++ & <Rust>", "https://news.example.org/tag/?a=1&b=2", "\"'"),
        Category("C++ & <Rust>", "https://news.example.org/category/"),
    ),
    source="https://source.example.com/?a=1&b=%22'",
    enclosures=(Enclosure("https://news.example.org/a'b&c.mp3", "audio/mpeg"),),
    image="https://news.example.org/a'b&c.png",
    language="he",
)

# One element each: what one field alone makes of a document.
ALONE: Mapping[str, Entry] = {
    "minimal": MINIMAL,
    "id": replace(MINIMAL, id="tag:news.example.org,2022:1"),
    "updated": replace(MINIMAL, updated=datetime(2002, 1, 1, tzinfo=CST)),
    "author": replace(MINIMAL, authors=(Person("A", "a@example.org", "https://a.example/"),)),
    "authors": replace(MINIMAL, authors=(Person("A"), Person("B"))),
    "summary": replace(MINIMAL, summary="A & B"),
    "content": replace(MINIMAL, content="<p>A &amp; B</p>"),
    "empty content": replace(MINIMAL, content=""),
    "category": replace(MINIMAL, categories=(Category("A"),)),
    "labelled category": replace(MINIMAL, categories=(Category("A", "https://a.example/", "B"),)),
    "source": replace(MINIMAL, source="https://source.example.com/"),
    "enclosure": replace(MINIMAL, enclosures=(Enclosure("https://a.example/1", "audio/ogg", 1),)),
    "enclosures": replace(MINIMAL, enclosures=FULL.enclosures),
    "image": replace(MINIMAL, image="https://a.example/1.png"),
    "language": replace(MINIMAL, language="de"),
    "no title": replace(MINIMAL, title=""),
    "full": FULL,
    "hostile": HOSTILE,
}


def document(feed: Feed, entries: Sequence[Entry], format: Format) -> Document:
    """A feed as it is built: every entry rendered by itself."""
    return splice(feed, [render_entry(entry, format) for entry in entries], format)


def body(feed: Feed, entries: Sequence[Entry], format: Format) -> bytes:
    return document(feed, entries, format).body


# --- any feed -----------------------------------------------------------------------------

_NASTY = st.sampled_from([*"<>&\"'\r\n\t \x00\x1f\x7f\x85\ud800\udc00\ufffe", "]]>", "&lt;", "😀"])
any_text = st.lists(st.one_of(st.characters(exclude_categories=()), _NASTY), max_size=12).map(
    "".join
)
# A name, a term: what says nothing is none.
some_text = st.builds("{}{}".format, st.sampled_from("aZ中é"), any_text)
urls = st.builds(
    "https://{}.example/{}".format, st.sampled_from("abc"), st.text("ab/%20?&=#;'~", max_size=8)
)
ids = urls | any_text.map("tag:news.example.org,2022:{}".format)
languages = st.sampled_from(["", "de", "zh-CN", "en-GB"])
media_types = st.sampled_from(["", "audio/mpeg", "application/pdf"])
NAIVE_YEARS = [
    (datetime(1000, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001  # a zone is added
    (datetime(1950, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  # a zone is added
]
offsets = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(minutes * MINUTE))
zones = st.sampled_from(["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns"]).map(ZoneInfo)
# Four digits make a year, and every offset has whole minutes since standard time is kept.
# An hour that a zone skips or repeats is equal to no date of another zone in Python.
dates = st.datetimes(*NAIVE_YEARS[0], timezones=offsets) | (
    st.datetimes(*NAIVE_YEARS[1], timezones=zones).filter(
        lambda date: date.utcoffset() == date.replace(fold=1 - date.fold).utcoffset()
    )
)
persons = st.builds(
    Person, some_text, st.sampled_from(["", "a@b.example", "a at b"]), st.just("") | urls
)
categories = st.builds(Category, some_text, st.just("") | urls, any_text)
enclosures = st.builds(Enclosure, urls, media_types, st.integers(0, 1 << 40))
entries = st.builds(
    Entry,
    id=ids,
    url=urls,
    title=any_text,
    published=dates,
    updated=dates,
    authors=st.lists(persons, max_size=3).map(tuple),
    summary=st.just("") | some_text,
    content=st.none() | any_text,
    categories=st.lists(categories, max_size=3).map(tuple),
    source=st.just("") | urls,
    enclosures=st.lists(enclosures, max_size=3).map(tuple),
    image=st.just("") | urls,
    language=languages,
)
entry_lists = st.lists(entries, max_size=3, unique_by=lambda entry: legal(entry.id))
periods = st.builds(
    Period,
    st.sampled_from(["hourly", "daily", "weekly", "monthly"]),
    st.integers(1, 30),
    st.integers(5, 60),
)
feeds = st.builds(
    Feed,
    kind=st.sampled_from(Kind),
    name=some_text,
    title=any_text,
    page=urls,
    paths=st.just(PATHS),
    urls=st.just(URLS),
    updated=dates,
    description=st.just("") | some_text,
    language=languages,
    author=st.none() | persons,
    hubs=st.lists(urls, max_size=2).map(tuple),
    icon=st.just("") | urls,
    logo=st.just("") | urls,
    period=periods,
)
