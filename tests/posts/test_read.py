"""What becomes of a file: a post with its findings, or none and the reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config import Config, Defaults, Feeds, Posts, Site
from feeds.models import Level, Post, Role
from feeds.posts.read import read_body, read_post
from feeds.posts.reading import Markup, Reading
from feeds.rows import decode_post

from ..conftest import SHARED

pytestmark = pytest.mark.usefixtures("both_parsers")

SITE = Site("https://news.example.org", timezone="Asia/Shanghai")
JEKYLL = Config(Path("/site"), SITE, Posts(jekyll=True, naive_dates="utc"), Feeds(ids="jekyll"))
OTHER = Config(Path("/site"), SITE, Posts(sources=("posts",)))
BOTH = pytest.mark.parametrize("config", [JEKYLL, OTHER], ids=["jekyll", "other"])

DATED = "_posts/2022-01-17-a.md"
UNDATED = "posts/a.md"


def read(text: str | bytes, path: str = DATED, config: Config = OTHER) -> Reading:
    return read_post(path, text if isinstance(text, bytes) else text.encode(), config)


def post(text: str | bytes, path: str = DATED, config: Config = OTHER) -> Post:
    found = read(text, path, config).post
    assert found is not None
    return found


def header(lines: str, body: str = "正文。\n") -> str:
    return f"---\n{lines}\n---\n{body}"


def said(reading: Reading) -> list[str]:
    return [str(finding) for finding in reading.findings]


def with_posts(config: Config, **more: object) -> Config:
    return replace(config, posts=replace(config.posts, **more))  # type: ignore[arg-type]


# --- a post as it should be --------------------------------------------------------------

YAML = """\
---
layout: post
title: "标题：“甲”"
date: 2022-01-17 08:54:02 +0800
categories: emnews
tags: 东财新闻
---
<p>正文。</p>

<http://source.example.com/a>

[返回东财新闻](//news.example.org/category/emnews.html)｜[返回首页](//news.example.org/)
"""
TOML = """\
+++
title = "标题：“甲”"
date = 2022-01-17T08:54:02+08:00
[taxonomies]
categories = ["emnews"]
tags = ["东财新闻"]
+++
<p>正文。</p>
"""
JSON = """\
{
  "title": "标题：“甲”",
  "date": "2022-01-17T00:54:02Z",
  "categories": ["emnews"],
  "tags": ["东财新闻"]
}

<p>正文。</p>
"""
DATE = datetime.fromisoformat("2022-01-17 08:54:02+08:00")


@pytest.mark.parametrize("text", [YAML, TOML, JSON], ids=["yaml", "toml", "json"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["", "bom"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_a_post_is_read_from_every_kind_of_header(text: str, bom: bytes, ends: str) -> None:
    reading = read(bom + text.replace("\n", ends).encode(), UNDATED)
    found = reading.post
    assert found is not None
    assert reading.findings == ()
    assert (found.title, found.date, found.updated) == ("标题：“甲”", DATE, DATE)
    assert (found.categories, found.tags) == (("emnews",), ("东财新闻",))
    assert reading.body.startswith("<p>正文。</p>\n")
    assert text.split("\n")[reading.body_line - 1] == "<p>正文。</p>"


def test_the_navigation_of_a_post_is_known_by_line_and_place() -> None:
    reading = read(YAML)
    assert reading.post is not None
    assert [(link.role, link.line) for link in reading.post.links] == [
        (Role.SOURCE, 10),
        (Role.BACK_CATEGORY, 12),
        (Role.BACK_HOME, 12),
    ]
    ((start, end),) = reading.navigation
    assert reading.body[:start] == "<p>正文。</p>\n\n"
    assert end == len(reading.body)


@BOTH
def test_a_file_without_a_header_is_a_post_named_after_its_file(config: Config) -> None:
    reading = read("Just text.\n", "_posts/2022-01-17-hello-world.md", config)
    assert reading.post is not None
    assert reading.post.title == "Hello World"
    assert reading.post.date.isoformat() == "2022-01-17T00:00:00+08:00"
    assert (reading.body, reading.body_line) == ("Just text.\n", 1)
    assert reading.findings == ()


def test_an_empty_file_with_a_good_name_is_a_post_to_jekyll_only() -> None:
    assert post(b"", config=JEKYLL).title == "A"
    for text in (b"", b"\n \n"):
        reading = read(text, config=OTHER)
        assert reading.post is None
        assert said(reading) == [f"{DATED}:1: warning: an empty file, so not a post — left out"]


@pytest.mark.parametrize("path", ["posts/README.md", "posts/about.html", "posts/robots.txt"])
def test_a_file_without_header_and_date_is_worth_a_note_only(path: str) -> None:
    reading = read("# Read me\n", path, OTHER)
    assert reading.post is None
    assert said(reading) == [f"{path}:1: note: no front matter, so not a post — left out"]


@pytest.mark.parametrize(
    ("name", "config", "markup", "ending"),
    [
        ("a.MD", JEKYLL, Markup.MARKDOWN, ".html"),
        ("a.Markdown", OTHER, Markup.MARKDOWN, ".html"),
        ("a.HTML", JEKYLL, Markup.HTML, ".HTML"),
        ("a.HTML", OTHER, Markup.HTML, ".html"),
        ("a.TXT", OTHER, Markup.MARKDOWN, ".html"),
    ],
)
def test_the_case_of_an_ending_means_nothing(
    name: str, config: Config, markup: Markup, ending: str
) -> None:
    config = replace(config, posts=replace(config.posts, permalink="/:title:output_ext"))
    reading = read(header("title: x"), f"_posts/2022-01-17-{name}", config)
    assert reading.post is not None
    assert (reading.markup, reading.post.url) == (markup, f"{SITE.url}/a{ending}")


@BOTH
def test_a_header_whose_lines_end_in_carriage_returns_is_read(config: Config) -> None:
    raw = b"---\rtitle: x\rpermalink: /y\r---\rone\rtwo\r"
    reading = read(raw, config=config)
    assert reading.post is not None
    assert (reading.post.title, reading.body, reading.body_line) == ("x", "one\ntwo\n", 5)
    # Jekyll sees no header, so to it the page is where the name of the file puts it.
    page = "/2022/01/17/a.html" if config.posts.jekyll else "/y"
    assert reading.post.url == f"{SITE.url}{page}"
    assert said(reading) == [
        f"{DATED}:1: warning: lines of the front matter end in CR — read all the same"
    ]
    again_without_its_header(raw, reading)


def test_crlf_and_lone_carriage_returns_in_a_body_are_line_ends() -> None:
    assert read(b"---\ntitle: x\n---\none\r\ntwo\rthree\n").body == "one\ntwo\nthree\n"


# --- a broken post never breaks the build ------------------------------------------------


@pytest.mark.parametrize(
    ("written", "title", "reason"),
    [
        ('"A"B""', 'A"B"', "did not find expected key"),
        ('"东北\\区"', "东北\\区", "found unknown escape character"),
        ("wind: x", "wind: x", "mapping values are not allowed in this context"),
        ("@x", "@x", "found character that cannot start any token"),
        ("*ST", "*ST", "nothing is named &ST above"),
    ],
)
@BOTH
def test_what_yaml_refuses_is_read_line_by_line(
    written: str, title: str, reason: str, config: Config
) -> None:
    reading = read(header(f"title: {written}\ntags: t"), config=config)
    assert reading.post is not None
    assert (reading.post.title, reading.post.tags) == (title, ("t",))
    assert said(reading) == [
        f"{DATED}:2: warning: title: not YAML: {reason} — the rest of the line taken as text"
    ]


@BOTH
def test_a_header_below_blank_lines_is_read_but_the_link_is_jekylls(config: Config) -> None:
    text = "\n\n" + header("title: x\ndate: 2021-12-08 22:06:26 +0800\ncategories: news\nslug: s")
    reading = read(text, "_posts/2021-12-09-name.md", config)
    found = reading.post
    assert found is not None
    assert (found.title, found.categories) == ("x", ("news",))
    assert found.date.isoformat() == "2021-12-08T22:06:26+08:00"
    jekyll, other = "/2021/12/09/name.html", "/news/2021/12/08/s.html"
    assert found.url == f"{SITE.url}{jekyll if config is JEKYLL else other}"
    assert said(reading) == [
        "_posts/2021-12-09-name.md:3: warning: front matter begins below blank lines"
        " — read all the same"
    ]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("date:", "date is empty"),
        ("date: ''", "date is empty"),
        ("date: {a: b}", "date is empty"),
        ("date:  +0800", "date is no date: '+0800'"),
        ("date: 2022-02-30 10:00:00", "date is no date: '2022-02-30 10:00:00'"),
        ("date: now", "date is no date: 'now'"),
        ("date: [2022-01-01, 2022-01-02]", "date is no date: '2022-01-01 2022-01-02'"),
    ],
)
@BOTH
def test_where_the_date_is_none_the_file_names_date_is_taken(
    line: str, what: str, config: Config
) -> None:
    reading = read(header(f"title: x\n{line}"), config=config)
    assert reading.post is not None
    assert reading.post.date.isoformat() == "2022-01-17T00:00:00+08:00"
    assert said(reading) == [f"{DATED}:3: warning: {what} — the file name's date taken"]


@pytest.mark.parametrize(
    ("line", "path", "config", "finding"),
    [
        ("layout: x", UNDATED, OTHER, "1: error: no date; a post needs a date"),
        ("date: nope", UNDATED, OTHER, "3: error: date is no date: 'nope'; a post needs a date"),
        ("date:", UNDATED, OTHER, "3: error: date is empty; a post needs a date"),
        (
            "date:",
            "_posts/2022-02-30-a.md",
            JEKYLL,
            "3: error: date is empty, and the file name's 2022-02-30 is no day;"
            " a post needs a date",
        ),
        (
            "layout: x",
            "_posts/2022-13-01-a.md",
            JEKYLL,
            "1: error: no date, and the file name's 2022-13-01 is no day; a post needs a date",
        ),
    ],
)
def test_a_post_without_any_date_is_left_out(
    line: str, path: str, config: Config, finding: str
) -> None:
    reading = read(header(f"title: x\n{line}"), path, config)
    assert reading.post is None
    assert said(reading) == [f"{path}:{finding} — left out"]


@pytest.mark.parametrize(
    ("body", "title", "done"),
    [
        ("<p>快讯 一二三。</p>\n", "快讯 一二三。", "the first words of the text taken"),
        ("字" * 100, "字" * 59 + "…", "the first words of the text taken"),
        ("<https://example.org/a>\n\n[返回首页](../)\n", "A", "the file name's words taken"),
        ("", "A", "the file name's words taken"),
    ],
)
@BOTH
def test_an_empty_title_becomes_the_first_words(
    body: str, title: str, done: str, config: Config
) -> None:
    reading = read(header('layout: post\ntitle: ""', body), config=config)
    assert reading.post is not None
    assert reading.post.title == title
    assert said(reading) == [f"{DATED}:3: warning: title is empty — {done}"]


@pytest.mark.parametrize("lines", ["layout: post", "title:", "title: ~"])
@BOTH
def test_no_title_at_all_is_the_words_of_the_file_name(lines: str, config: Config) -> None:
    reading = read(header(lines), "_posts/2022-01-17-hello-WORLD.md", config)
    assert reading.post is not None
    assert reading.post.title == "Hello World"
    assert reading.findings == ()


def test_a_title_that_is_no_text_is_said_to_be_none() -> None:
    reading = read(header("title: {{ page.title }}", "words"))
    assert reading.post is not None
    assert reading.post.title == "words"
    assert said(reading) == [
        f"{DATED}:2: warning: title is not a text — the first words of the text taken"
    ]


@pytest.mark.parametrize(
    ("written", "title"),
    [("2022", "2022"), ("no", "no"), ("007", "007"), ("'  a '", "a"), ("[快讯]", "快讯")],
)
def test_a_title_is_the_text_that_is_written(written: str, title: str) -> None:
    assert post(header(f"title: {written}")).title == title


@BOTH
def test_a_file_in_gb18030_is_read_with_a_warning(config: Config) -> None:
    reading = read(YAML.encode("gb18030"), config=config)
    assert reading.post is not None
    assert (reading.post.title, reading.post.tags) == ("标题：“甲”", ("东财新闻",))
    assert said(reading) == [f"{DATED}:3: warning: not UTF-8 — read as GB18030"]


@pytest.mark.parametrize(
    "raw",
    [
        b"---\ntitle: x\xff\n---\n",
        b"---\ntitle: \x81\n---\n",
        YAML.encode("utf-16"),
        YAML.encode("utf-16-be").join([b"\xfe\xff", b""]),
        bytes(range(256)),
    ],
    ids=["0xff", "half", "utf-16", "utf-16-be", "all bytes"],
)
@BOTH
def test_a_file_in_no_encoding_is_left_out(raw: bytes, config: Config) -> None:
    reading = read(raw, config=config)
    assert reading.post is None
    (finding,) = reading.findings
    assert (finding.level, finding.what, finding.done) == (
        Level.ERROR,
        "neither UTF-8 nor GB18030",
        "left out",
    )


@pytest.mark.parametrize(
    ("junk", "what"),
    [
        ("\0", "1 character that XML forbids"),
        ("\x01\x0b\x0c\x1f", "4 characters that XML forbids"),
        ("\ufffe\uffff", "2 characters that XML forbids"),
    ],
)
@BOTH
def test_what_xml_forbids_is_removed_and_counted(junk: str, what: str, config: Config) -> None:
    half = len(junk) // 2
    text = header(f"title: 甲{junk[:half]}乙", f"正{junk[half:]}文\t\x7f\x80\n")
    reading = read(text, config=config)
    assert reading.post is not None
    assert reading.post.title == "甲乙"
    assert reading.body == "正文\t\x7f\x80\n"
    line = 2 if half else 4
    assert said(reading) == [f"{DATED}:{line}: warning: {what} — removed"]


@pytest.mark.parametrize("escape", ["\\x01", "\\uFFFE", "\\ud800", "\\u0000"])
@BOTH
def test_an_escape_brings_nothing_back_that_xml_forbids(escape: str, config: Config) -> None:
    reading = read(header(f'title: "甲{escape}乙"'), config=config)
    assert reading.post is not None
    assert reading.post.title == "甲乙"
    assert (
        said(reading)[-1] == f"{DATED}:2: warning: 1 escaped character that XML forbids — removed"
    )


@pytest.mark.parametrize(
    ("written", "terms"),
    [
        ("163", ("163",)),
        ("007", ("007",)),
        ("NO", ("NO",)),
        ("2022-01-17", ("2022-01-17",)),
        ("null", ()),
        ("~", ()),
        ("", ()),
        ("''", ()),
        ("[]", ()),
        ("[null, '', NO, 'null']", ("NO", "null")),
        ("[a, [b, [c d]], a]", ("a", "b", "c d")),
        ("a b  c", ("a", "b", "c")),
        ("a, b", ("a,", "b")),
        ("'股市　基金'", ("股市　基金",)),
        ("{a: b}", ()),
    ],
)
@pytest.mark.parametrize("key", ["categories", "tags"])
@BOTH
def test_terms_are_the_text_that_is_written(
    key: str, written: str, terms: tuple[str, ...], config: Config
) -> None:
    reading = read(header(f"title: x\n{key}: {written}"), config=config)
    assert reading.post is not None
    assert getattr(reading.post, key) == terms
    assert reading.findings == ()


@pytest.mark.parametrize(
    ("text", "config", "line", "mark"),
    [
        ("---\ntitle: x\n", JEKYLL, 1, "---"),
        ("---\ntitle: x\n", OTHER, 1, "---"),
        ("\n\n---\ntitle: x\nbody", JEKYLL, 3, "---"),
        ("+++\ntitle = 'x'\n", OTHER, 1, "+++"),
    ],
)
def test_a_header_that_is_never_closed_is_an_error(
    text: str, config: Config, line: int, mark: str
) -> None:
    reading = read(text, config=config)
    assert reading.post is None
    assert said(reading) == [
        f"{DATED}:{line}: error: front matter is never closed by {mark} — left out"
    ]


def test_json_that_is_broken_is_an_error_with_its_line() -> None:
    reading = read('{\n"title": "x",\n}\nbody')
    assert reading.post is None
    (finding,) = reading.findings
    assert (finding.line, finding.level) == (3, Level.ERROR)


def test_a_name_without_a_date_is_a_post_where_jekyll_does_not_rule() -> None:
    text = header("title: x\ndate: 2022-01-17")
    assert post(text, UNDATED).url == f"{SITE.url}/2022/01/17/a.html"
    reading = read(text, UNDATED, JEKYLL)
    assert reading.post is None
    assert said(reading) == [
        f"{UNDATED}:1: error: file name is not YYYY-MM-DD-title.ext, as Jekyll wants it — left out"
    ]


def test_a_text_file_without_a_header_is_a_note_to_somebody() -> None:
    reading = read("Remember the milk.", "posts/2022-01-17.txt")
    assert reading.post is None
    assert said(reading) == [
        "posts/2022-01-17.txt:1: warning: no front matter, so not a post — left out"
    ]
    assert post(header("title: x"), "posts/2022-01-17.txt").title == "x"


# --- dates -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "jekyll", "other"),
    [
        ("2022-01-17 08:54:02", "2022-01-17T16:54:02+08:00", "2022-01-17T08:54:02+08:00"),
        ("2022-01-17 16:00:00", "2022-01-18T00:00:00+08:00", "2022-01-17T16:00:00+08:00"),
        ("'2022-01-17 16:00:00'", "2022-01-17T16:00:00+08:00", "2022-01-17T16:00:00+08:00"),
        ("2022-01-17 16:00", "2022-01-17T16:00:00+08:00", "2022-01-17T16:00:00+08:00"),
        ("2022-01-17", "2022-01-17T00:00:00+08:00", "2022-01-17T00:00:00+08:00"),
        ("2022-01-16T20:00:00Z", "2022-01-17T04:00:00+08:00", "2022-01-17T04:00:00+08:00"),
    ],
)
def test_the_day_of_the_link_is_that_of_the_date_in_the_sites_zone(
    written: str, jekyll: str, other: str
) -> None:
    for config, date in ((JEKYLL, jekyll), (OTHER, other)):
        found = post(header(f"date: {written}"), "_posts/2000-01-01-a.md", config)
        assert found.date.isoformat() == date
        assert found.url == f"{SITE.url}/{date[:10].replace('-', '/')}/a.html"


def test_naive_dates_can_be_the_sites_on_a_jekyll_site_too() -> None:
    config = with_posts(JEKYLL, naive_dates="site")
    date = post(header("date: 2022-01-17 16:00:00"), config=config).date
    assert date.isoformat() == "2022-01-17T16:00:00+08:00"


@pytest.mark.parametrize("key", ["publishDate", "publish_date", "pubdate"])
def test_other_generators_have_other_names_for_the_date(key: str) -> None:
    for lines in (f"{key}: 2022-03-04", f"date:\n{key}: 2022-03-04"):
        assert post(header(lines), UNDATED).date.isoformat() == "2022-03-04T00:00:00+08:00"
    assert post(header(f"date: 2022-01-17\n{key}: 2022-03-04"), UNDATED).date.month == 1
    assert post(header(f"{key}: 2022-03-04"), config=JEKYLL).date.month == 1


@pytest.mark.parametrize("key", ["last_modified_at", "lastmod", "updated", "modified"])
@BOTH
def test_when_a_post_was_updated(key: str, config: Config) -> None:
    found = post(header(f"date: 2022-01-17\n{key}: 2022-02-01T00:00:00Z"), config=config)
    assert found.date.isoformat() == "2022-01-17T00:00:00+08:00"
    assert found.updated.isoformat() == "2022-02-01T08:00:00+08:00"


def test_an_update_that_is_no_date_is_said_and_the_posts_date_taken() -> None:
    reading = read(header("title: x\nlastmod: soon"))
    assert reading.post is not None
    assert reading.post.updated == reading.post.date
    assert said(reading) == [
        f"{DATED}:3: warning: lastmod is no date: 'soon' — the post's date taken"
    ]


@pytest.mark.parametrize("written", ["", "~", "true", "''"])
def test_an_update_that_says_nothing_is_the_posts_date(written: str) -> None:
    found = post(header(f"lastmod: {written}\nupdated: 2022-02-01"))
    assert found.updated.isoformat() == "2022-02-01T00:00:00+08:00"


def test_a_post_of_the_future_is_read_like_any_other() -> None:
    found = post(header("date: 9000-01-01"))
    assert (found.date.year, found.published) == (9000, True)


def test_only_a_draft_may_be_dated_by_its_file() -> None:
    modified = datetime(2022, 1, 17, 20, 0, 0, 5, tzinfo=UTC)
    text = header("title: x").encode()
    draft = read_post("_drafts/a.md", text, JEKYLL, modified).post
    assert draft is not None
    assert draft.date.isoformat() == "2022-01-18T04:00:00+08:00"
    assert not draft.published
    assert read_post("_drafts/a.md", text, JEKYLL).post is None
    assert read_post("posts/a.md", text, OTHER, modified).post is None


# --- who is shown ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "jekyll", "other"),
    [
        ("layout: post", True, True),
        ("published: false", False, False),
        ("published: No", False, False),
        ("published: 'false'", True, True),
        ('published: "no"', True, True),
        ("published: true", True, True),
        ("published: 0", True, True),
        ("published:", False, True),
        ("draft: true", False, False),
        ("draft: 'true'", True, True),
        ("draft: false", True, True),
        ("draft:", True, True),
    ],
)
def test_a_post_is_hidden_by_what_yaml_calls_false(line: str, jekyll: bool, other: bool) -> None:
    assert post(header(line), config=JEKYLL).published is jekyll
    assert post(header(line), config=OTHER).published is other


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("+++\ndraft = true\n+++\n", False),
        ('+++\ndraft = "true"\n+++\n', True),
        ("+++\npublished = false\n+++\n", False),
        ('{"draft": true}', False),
        ('{"published": "false"}', True),
    ],
)
def test_toml_and_json_hide_alike(text: str, published: bool) -> None:
    assert post(text).published is published


def test_drafts_and_unpublished_posts_are_shown_when_asked_for() -> None:
    drafts, unpublished = with_posts(OTHER, drafts=True), with_posts(OTHER, unpublished=True)
    assert post(header("draft: true"), config=drafts).published
    assert not post(header("published: false"), config=drafts).published
    assert post(header("published: false"), config=unpublished).published
    assert not post(header("draft: true"), config=unpublished).published
    for config, shown in ((JEKYLL, False), (with_posts(JEKYLL, drafts=True), True)):
        assert post(header("date: 2022-01-17"), "x/_drafts/a.md", config).published is shown


# --- names and folders -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("_posts/2022-01-17-Hello-World.md", "/2022/01/17/Hello-World.html"),
        ("_posts/22-1-7-a.md", "/2022/01/07/a.html"),
        ("_posts/2022-01-17-a.b.md", "/2022/01/17/a.b.html"),
        ("_posts/2022-01-17-a...md", "/2022/01/17/a.html"),
        ("_posts/2022-01-17-a.txt", "/2022/01/17/a.txt"),
        ("_posts/2022-01-17-a.html", "/2022/01/17/a.html"),
        ("_posts/deep/2022-01-17-a.md", "/2022/01/17/a.html"),
        ("News/Asia/_posts/2022-01-17-a.md", "/news/asia/2022/01/17/a.html"),
        ("_posts/2022-01-17-巩固.md", "/2022/01/17/%E5%B7%A9%E5%9B%BA.html"),
    ],
)
def test_on_a_jekyll_site_the_link_comes_from_the_file(path: str, url: str) -> None:
    assert post(header("title: x"), path, JEKYLL).url == SITE.url + url


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("posts/2022-01-17-a.md", "/2022/01/17/a.html"),
        ("posts/2022-01-17_a.md", "/2022/01/17/a.html"),
        ("posts/2022-01-17.md", "/2022/01/17/2022-01-17.html"),
        ("posts/2022-01-17-bundle/index.md", "/2022/01/17/bundle.html"),
        ("posts/2022-01-17-a.htm", "/2022/01/17/a.html"),
    ],
)
def test_on_other_sites_a_name_may_begin_with_its_date(path: str, url: str) -> None:
    assert post(header("title: x"), path).url == SITE.url + url


def test_a_bundle_has_the_name_of_its_folder() -> None:
    found = post(header("date: 2022-01-17"), "posts/hello-world/index.md")
    assert (found.title, found.url) == ("Hello World", f"{SITE.url}/2022/01/17/hello-world.html")


def test_categories_are_the_folders_then_the_plural_then_the_singular() -> None:
    text = header("categories: b c\ncategory: d e")
    assert post(text, "A/b/_posts/2022-01-17-a.md", JEKYLL).categories == ("A", "b", "c", "d e")
    assert post(text, "posts/deep/a/2022-01-17-a.md").categories == ("b", "c", "d e")


def test_a_collections_folder_is_no_category() -> None:
    config = with_posts(JEKYLL, collections_dir="all")
    assert post(header("title: x"), "all/_posts/2022-01-17-a.md", config).categories == ()


@pytest.mark.parametrize(
    ("lines", "tags"),
    [
        ("tags: a b", ("a", "b")),
        ("tag: a b", ("a b",)),
        ("tag: a\ntags: b", ("a",)),
        ("tag:\ntags: b", ("b",)),
        ("tags: [a, b, a]", ("a", "b")),
    ],
)
def test_the_tag_goes_before_the_tags_and_each_is_there_once(
    lines: str, tags: tuple[str, ...]
) -> None:
    assert post(header(lines), config=JEKYLL).tags == tags


def test_hugos_and_zolas_terms_are_read_where_jekyll_does_not_rule() -> None:
    text = "tags: [a]\ntopics: [b, a]\ntaxonomies: {tags: [c], categories: [d], authors: [Ann]}"
    found = post(header(text))
    assert (found.tags, found.categories) == (("a", "b", "c"), ("d",))
    assert [author.name for author in found.authors] == ["Ann"]
    assert post(header(text), config=JEKYLL).tags == ("a",)


def test_what_zola_keeps_in_extra_is_read_below_the_fields_of_its_own() -> None:
    text = (
        '+++\ntitle = "x"\ndescription = "d"\naliases = ["/old/"]\n'
        '[extra]\ntitle = "y"\nlang = "en"\nimage = "a.png"\n+++\n'
    )
    found = post(text)
    assert (found.title, found.language, found.summary) == ("x", "en", "d")
    assert found.image == f"{SITE.url}/2022/01/17/a.png"
    assert found.aliases == ("/old/",)


def test_the_defaults_of_the_configuration_lie_below_the_header() -> None:
    defaults = (
        Defaults("", "posts", {"category": "news", "published": False, "lang": "zh"}),
        Defaults("_posts/en", "posts", {"lang": "en", "date": "2000-01-01"}),
    )
    config = with_posts(JEKYLL, defaults=defaults)
    found = post(header("title: x\npublished: true"), "_posts/en/2022-01-17-a.md", config)
    assert (found.categories, found.language, found.published) == (("news",), "en", True)
    assert found.date.year == 2000
    assert not post(header("title: x"), config=config).published


# --- links and ids -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "url"),
    [
        ("permalink: /x.html", "/x.html"),
        ("permalink: /:year/:title/", "/2022/a/"),
        ("permalink: /:slug:output_ext\nslug: S", "/s.html"),
        ("slug: 巩固", "/2022/01/17/%E5%B7%A9%E5%9B%BA.html"),
        ("permalink: ''", "/2022/01/17/a.html"),
        ("permalink: false", "/2022/01/17/a.html"),
    ],
)
@BOTH
def test_a_post_may_say_its_link(lines: str, url: str, config: Config) -> None:
    reading = read(header(lines), config=config)
    assert reading.post is not None
    assert reading.post.url == SITE.url + url
    assert reading.findings == ()


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("/:nope/:title", "permalink names :nope, which stands for nothing"),
        ("'/{{ page.title }}'", "permalink is a template"),
    ],
)
@BOTH
def test_a_link_that_means_nothing_is_the_sites(written: str, what: str, config: Config) -> None:
    reading = read(header(f"title: x\npermalink: {written}"), config=config)
    assert reading.post is not None
    assert reading.post.url == f"{SITE.url}/2022/01/17/a.html"
    assert said(reading) == [f"{DATED}:3: warning: {what} — the site's permalink taken"]


def test_a_whole_address_is_a_link_where_jekyll_does_not_rule() -> None:
    for key in ("permalink", "url"):
        text = header(f"{key}: https://example.com:8080/甲 乙")
        assert post(text).url == "https://example.com:8080/%E7%94%B2%20%E4%B9%99"
    assert post(header("url: https://example.com/"), config=JEKYLL).url.startswith(SITE.url)


@pytest.mark.parametrize(
    "address",
    [
        *("http://", "http:///x", "http://[", "https://a:b/", "https://a b/", "http://a%20b/"),
        *("http://1.2.3.256/", "http://a.1/", "http://xn--a/"),
    ],
)
def test_an_address_without_a_host_is_no_link(address: str) -> None:
    reading = read(header(f"title: x\nurl: '{address}'"))
    assert reading.post is not None
    assert reading.post.url == f"{SITE.url}/2022/01/17/a.html"
    (finding,) = reading.findings
    assert (finding.line, finding.done) == (3, "the site's permalink taken")


@pytest.mark.parametrize(
    ("lines", "id"),
    [
        ("id: urn:x:1", "urn:x:1"),
        ("guid: https://example.com/1", "https://example.com/1"),
        (
            "uuid: 6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
            "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ),
        ("id: 甲 1", "tag:news.example.org,2022-01-17:%E7%94%B2%201"),
        ("id: 42\nguid: x", "tag:news.example.org,2022-01-17:42"),
    ],
)
@BOTH
def test_a_post_may_say_its_id(lines: str, id: str, config: Config) -> None:
    assert post(header(lines), config=config).id == id


@pytest.mark.parametrize(
    ("ids", "id"),
    [
        ("jekyll", f"{SITE.url}/2022/01/17/a"),
        ("permalink", f"{SITE.url}/2022/01/17/a.html"),
        ("tag", "tag:news.example.org,2022-01-17:/2022/01/17/a.html"),
    ],
)
def test_else_the_configuration_says_what_an_id_is(ids: str, id: str) -> None:
    assert post(header("title: x"), config=replace(OTHER, feeds=Feeds(ids=ids))).id == id


# --- what the body is handed -------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "config", "markup"),
    [
        ("_posts/2022-01-17-a.markdown", JEKYLL, Markup.MARKDOWN),
        ("_posts/2022-01-17-a.html", JEKYLL, Markup.HTML),
        ("_posts/2022-01-17-a.txt", JEKYLL, Markup.HTML),
        ("posts/2022-01-17-a.txt", OTHER, Markup.MARKDOWN),
        ("posts/2022-01-17-a.html", OTHER, Markup.HTML),
    ],
)
def test_the_ending_of_a_file_says_what_its_body_is_written_in(
    path: str, config: Config, markup: Markup
) -> None:
    assert read(header("title: x"), path, config).markup is markup


def test_the_posts_and_files_that_a_body_names_are_known_before_it_is_rendered() -> None:
    body = (
        "{% post_url 2022-01-01-a %} {%- link  _posts/b.md -%}\n{% link\nc.md %} {%link %}\n"
        "{% post_url 2022-01-01-a %} {% raw %} {% link d.md"
    )
    assert post(header("title: x", body)).references == ("2022-01-01-a", "_posts/b.md", "c.md")
    assert post(header("title: x", "post_url and link { }")).references == ()


def test_a_template_sees_the_header_with_types_and_the_post_as_it_is() -> None:
    lines = "title: ''\nn: 007\nhidden: false\ncount: 3\ndeep: {a: [1]}\ndate: nope\ncategory: c"
    page = read(header(lines, "words {{ page.n }}"), config=JEKYLL).variables
    assert (page["n"], page["hidden"], page["count"], page["deep"]) == ("007", False, 3, {"a": [1]})
    assert (page["title"], page["categories"]) == ("words", ["c"])
    assert page["date"] == datetime.fromisoformat("2022-01-17 00:00:00+08:00")
    assert (page["url"], page["id"]) == ("/c/2022/01/17/a.html", "/c/2022/01/17/a")
    assert read(header(lines, "no template")).variables == {}


# --- whatever stands in a file -----------------------------------------------------------

HUGO = """\
---
title: 'It''s "quoted": a title'
date: 2022-01-17T08:54:02+08:00
lastmod: 2022-02-01
url: https://example.com/x
authors: [{name: Ann, url: "https://example.com"}, Bob]
tags:
  - a
  - "b c"
enclosure: {url: a.mp3, length: 5, type: audio/mpeg}
summary: >
  Some
  words
---
{% link a.md %} {{ page.title }} &#1; **bold**
"""
MORE = """\
+++
title = "标题"
slug = "x"
draft = false
[extra]
image = "a.png"
lang = "zh"
+++
正文
"""
SAMPLES = [text.encode() for text in (YAML, TOML, JSON, HUGO, MORE)]
if SHARED.is_dir():
    REAL = [*SHARED.glob("seeds/*"), *sorted(SHARED.glob("corpora/finews/_posts/**/*.md"))]
    # The header and the first words: the rest of a body meets no decision of this module.
    SAMPLES += [path.read_bytes()[:700] for path in REAL]

ESCAPES = [b"\\x00", b"\\u0001", b"\\ud800", b"\\uFFFE", b"\\\n"]
PIECES = [
    *ESCAPES,
    *(b"---\n", b"...\n", b"+++\n", b"\n", b"\r\n", b"\r", b"\t", b" ", b"\0", b"\x0b", b"\xff"),
    *(b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\xe2\x80\xa8", b"\xc2\x85", b"\xf0\x9f\x98\x80"),
    *(b'"', b"'", b":", b": ", b" #", b"- ", b"? ", b"[", b"]", b"{", b"}", b",", b"=", b"|", b">"),
    *(b"*a ", b"&a ", b"<<: ", b"!!x ", b"%", b"@", b"`", b"~", b"null", b"\\", b"/", b"//", b".."),
    *(b"title:", b"date:", b"tags:", b"permalink: ", b"id: ", b"slug: ", b"url: ", b"draft: "),
    *(b"http://[", b"://", b":title", b":nope", b"{{", b"{%", b"%}", b"<", b"&#xd800;", b"&#1;"),
    *(b"9999-12-31 23:59:59", b"0001-01-01 00:00:00 +1400", b"[" * 60, b"- " * 60, b"{a: " * 60),
]
PATHS = [
    *("_posts/2022-01-17-a.md", "x/_posts/22-1-7-b.html", "_posts/2022-13-01-c.md", "_drafts/d.md"),
    *("posts/e.md", "posts/f/index.md", "posts/2022-01-17.txt", "posts/中文 标题.md", "posts/..md"),
    *("_posts/2022-01-17-.md", "_posts/2022-01-17-\x01.md", "g"),
]

edits = st.lists(
    st.tuples(
        st.integers(0, 350),
        st.sampled_from([0, 0, 0, 1, 3, 30]),
        st.one_of(st.sampled_from(PIECES), st.sampled_from(PIECES), st.binary(max_size=3)),
    ),
    min_size=1,
    max_size=6,
)


def edited(sample: bytes, steps: list[tuple[int, int, bytes]]) -> bytes:
    for place, removed, piece in steps:
        at = place % (len(sample) + 1)
        sample = sample[:at] + piece + sample[at + removed :]
    return sample


# XML 1.0, section 2.2, Char.
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def texts(value: object) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(key)
            yield from texts(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from texts(item)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name != "path":
                yield from texts(getattr(value, field.name))


def numbers(path: str, raw: bytes) -> set[int]:
    """The numbers that stand in a file and its name, months by name and 20220117 too."""
    clean = raw.translate(None, bytes(range(32))).replace(b"\xef\xbf\xbe", b"")
    for escape in ESCAPES:
        clean = clean.replace(escape, b"")
    text = f"{path} {raw.decode('latin-1')} {clean.decode('latin-1')}".lower()
    months = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    found = {number for number, month in enumerate(months, 1) if month in text}
    for digits in re.findall("[0-9]+", text):
        found.add(int(digits[-6:]))
        if len(digits) == 8:
            found |= {int(digits[:4]), int(digits[4:6]), int(digits[6:])}
    return found


def is_written(date: datetime, written: set[int]) -> bool:
    """Whether a file says a day; its zone and midnight's other name move it a little."""
    return any(
        written >= {day.month, day.day} and {day.year, day.year % 100} & written
        for day in days_around(date)
    )


def days_around(date: datetime) -> Iterator[datetime]:
    for days in range(-2, 3):
        with suppress(OverflowError):
            yield date + timedelta(days=days)


def check(path: str, raw: bytes, config: Config) -> None:
    reading = read_post(path, raw, config)
    for text in texts(reading):
        assert NOT_XML.search(text) is None, repr(text)
    for finding in reading.findings:
        assert finding.path == path
        assert 1 <= finding.line <= raw.count(b"\n") + raw.count(b"\r") + 1
        assert finding.what
        assert finding.done
    found = reading.post
    if found is None:
        assert [finding for finding in reading.findings if finding.done == "left out"]
        return
    assert found.title.strip()
    assert found.url.startswith(("http://", "https://"))
    assert found.id
    written = numbers(path, raw)
    for date in (found.date, found.updated):
        assert date.tzinfo is SITE.zone
        assert is_written(date, written), date
    again_without_its_header(raw, reading)


def again_without_its_header(raw: bytes, reading: Reading) -> None:
    """What is remembered of a post is enough to find its body again."""
    if reading.post is None or (layout := reading.layout) is None:
        return
    again = read_body(raw, decode_post(orjson.dumps(reading.post)), layout)
    assert (again.body, again.body_line, again.layout) == (
        reading.body,
        reading.body_line,
        reading.layout,
    )
    if reading.post.date.year > 1901:  # before, offsets had seconds, which RFC 3339 cannot say
        assert again.post == reading.post


@settings(max_examples=700, deadline=None)
@given(st.sampled_from(SAMPLES), edits, st.sampled_from(PATHS), st.sampled_from([JEKYLL, OTHER]))
def test_whatever_happens_to_a_post_it_never_breaks_the_reader_and_never_lies(
    sample: bytes, steps: list[tuple[int, int, bytes]], path: str, config: Config
) -> None:
    check(path, edited(sample, steps), config)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"", b"", b"---\n", b"+++\n", b"{", b"\n---\n", b"\xef\xbb\xbf---\n"]),
    st.binary(max_size=200),
    st.sampled_from([b"", b"\n---\n", b"\n+++\n", b"}"]),
    st.sampled_from(PATHS),
    st.sampled_from([JEKYLL, OTHER]),
)
def test_random_bytes_are_a_post_or_a_finding(
    opening: bytes, raw: bytes, closing: bytes, path: str, config: Config
) -> None:
    check(path, opening + raw + closing, config)


def test_of_the_users_posts_the_one_without_a_date_in_its_name_is_left_out(shared: Path) -> None:
    paths = sorted(shared.glob("corpora/finews/_posts/**/*.md"))
    readings = {
        path.name: read_post(f"_posts/{path.name}", path.read_bytes(), JEKYLL) for path in paths
    }
    assert [name for name, reading in readings.items() if reading.post is None] == [
        "-202205262391921712.md"
    ]


# --- no file takes more time than its size -----------------------------------------------

MANY = 100_000
HOSTILE_HEADERS = {
    "a list": "tags:\n" + "- a\n" * MANY,
    "a list of its own": "- a\n" * MANY,
    "a long list": "tags: [" + "a, " * MANY,
    "a long word": "title: " + "a" * MANY * 5,
    "many words": "title: " + "a " * MANY + "\x7f",
    "many spaces": "title: a" + " " * MANY + "\x7f",
    "many colons": "title: " + "a:" * MANY,
    "many brackets": "tags: " + "[" * MANY,
    "brackets below each other": "tags: " + "[\n" * MANY,
    "mappings": "tags: " + "{a: " * MANY,
    "dashes": "tags:\n" + "- " * MANY,
    "question marks": "? " * MANY,
    "deeper and deeper": "\n".join(" " * depth + "a:" for depth in range(1000)),
    "many keys": "\n".join(f"k{number}: v" for number in range(MANY)),
    "many bad keys": "title: @a\n" * (MANY // 20),
    "many anchors": "\n".join(f"k{n}: &a{n} v" for n in range(MANY // 10)),
    "many aliases": "k: &a [1]\n" + "k: *a\n" * (MANY // 10),
    "many merges": "a: &a {x: 1}\nb:\n" + "  <<: *a\n" * MANY,
    "many directives": "\n".join(f"%TAG !a{n}! x" for n in range(2 * MANY)),
    "quotes": "title: " + '"' * MANY,
    "backslashes": 'title: "' + "\\" * MANY,
    "a long tag": "a: !<" + "x" * MANY,
    "blank lines": "title: a\n" + " \n" * MANY,
    "lines like the end": "---a\n" * MANY,
    "a date far away": "date: 2022-01-01" + " " * MANY + "x",
    "a date of digits": "date: " + "1" * MANY,
    "a long language": "lang: " + "a-" * MANY,
    "many placeholders": "permalink: " + ":title" * (MANY // 4),
    "the way up": "permalink: " + "../" * MANY + "\nimage: " + "../" * MANY,
}
HOSTILE_BODIES = {
    "tags without an end": "{% link x" * (MANY // 4),
    "a tag of spaces": "{% link" + " " * MANY,
    "comments without an end": "<!--" * MANY,
    "brackets": "![](" * MANY,
    "quotes within quotes": "> " * MANY,
    "entities": "&#1" * MANY,
    "a line of spaces": " " * MANY + "x",
}
HOSTILE = {
    **{name: f"---\n{text}\n---\n" for name, text in HOSTILE_HEADERS.items()},
    **{name: f"---\ntitle: ''\n---\n{text}" for name, text in HOSTILE_BODIES.items()},
    "an end that is none": "---\n---" + " " * MANY + "x",
    "blank lines first": " \n" * MANY + "---\n" + "a" * MANY,
    "toml: dots": "+++\n" + "a." * MANY + "a = 1\n+++\n",
    "toml: dots within": "+++\nb = {" + "a." * MANY + "a = 1}\n+++\n",
    "toml: a long word": "+++\n" + "a" * MANY + "\n+++\n",
    "toml: brackets": "+++\na = " + "[" * MANY + "\n+++\n",
    "toml: tables": "+++\n" + "[[a]]\n" * (MANY // 10) + "+++\n",
    "toml: bad lines": "+++\n" + "title = @\n" * (MANY // 20) + "+++\n",
    "toml: a number": "+++\na = " + "1" * MANY + "\n+++\n",
    "json: brackets": '{"a":' + "[" * MANY,
    "json: spaces": '{"a": 1}' + " \n" * MANY + " " * MANY + "x",
    "json: surrogates": '{"title": "' + "\\ud800" * MANY + '"}',
    "control characters": "\0" * MANY * 5,
}
# The kernel ends it after so many seconds of its own, however busy the machine is. It needs
# about two; anything quadratic above would need minutes.
SECONDS = 40
READER = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1])))
from feeds.config import Config, Posts, Site
from feeds.posts.read import read_body, read_post
config = Config(Path("/site"), Site("https://example.org"), Posts(sources=("posts",)))
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(path.name, flush=True)
    read_post("posts/2022-01-17-a.md", path.read_bytes(), config)
"""


def test_no_text_takes_the_reader_more_time_than_its_length_allows(tmp_path: Path) -> None:
    for name, text in HOSTILE.items():
        (tmp_path / name).write_text(text, "utf-8")
    command = [sys.executable, "-c", READER, str(SECONDS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ended at: {done.stdout.splitlines()[-1:]} {done.stderr}"
    assert done.stdout.splitlines() == sorted(HOSTILE)
