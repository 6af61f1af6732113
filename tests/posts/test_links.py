from __future__ import annotations

import html
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import Config, Posts, Site
from feeds.models import Link, Role
from feeds.posts.links import navigation
from feeds.posts.read import read_post

SOURCE, CATEGORY, HOME = Role.SOURCE, Role.BACK_CATEGORY, Role.BACK_HOME

ARTICLE = "<p>第一段。</p>\n <p>（文章来源：某报）</p>"
URL = "http://source.example.org/a.html?infoCode=NW1&b=2"


def kept(body: str) -> str:
    """The body without its navigation."""
    for start, end in reversed(navigation(body, 1).spans):
        body = body[:start] + body[end:]
    return body


def found(body: str, first_line: int = 1) -> list[tuple[Role, str, str, int]]:
    links = navigation(body, first_line).links
    return [(link.role, link.label, link.url, link.line) for link in links]


# --- every form that sites have used -------------------------------------------------------

ERAS = {
    "source alone": (
        f"<{URL}>",
        [(SOURCE, "", URL, 4)],
    ),
    "no source": (
        "<>\n\n[返回快讯](../news/)\n[返回首页](../)\n",
        [(SOURCE, "", "", 4), (CATEGORY, "返回快讯", "../news/", 6), (HOME, "返回首页", "../", 7)],
    ),
    "relative, on two lines": (
        f"<{URL}>\n\n[返回滚动新闻](../news/)\n[返回首页](../)",
        [
            (SOURCE, "", URL, 4),
            (CATEGORY, "返回滚动新闻", "../news/", 6),
            (HOME, "返回首页", "../", 7),
        ],
    ),
    "by host, on two lines with breaks": (
        f"<{URL}>\n\n[返回快讯](//news.example.org/news/)  \n[返回首页](//news.example.org/)  \n\n",
        [
            (SOURCE, "", URL, 4),
            (CATEGORY, "返回快讯", "//news.example.org/news/", 6),
            (HOME, "返回首页", "//news.example.org/", 7),
        ],
    ),
    "one line, a full-width bar": (
        f"<{URL}>\n\n[返回快讯](//news.example.org/news/)｜[返回首页](//news.example.org/)",
        [
            (SOURCE, "", URL, 4),
            (CATEGORY, "返回快讯", "//news.example.org/news/", 6),
            (HOME, "返回首页", "//news.example.org/", 6),
        ],
    ),
    "page of the category": (
        f"<{URL}>\n\n[返回 A（B）](//example.org/category/a(b).html)｜[返回首页](//example.org/)",
        [
            (SOURCE, "", URL, 4),
            (CATEGORY, "返回 A（B）", "//example.org/category/a(b).html", 6),
            (HOME, "返回首页", "//example.org/", 6),
        ],
    ),
    "anchors": (
        f'来源：<a href="{URL.replace("&", "&amp;")}">某报 &amp; 网</a>\n'
        '<p class="nav"><a href="../news/">返回快讯</a> | '
        "<a target=_blank href='../'>返回首页</a></p>",
        [
            (SOURCE, "某报 & 网", URL, 4),
            (CATEGORY, "返回快讯", "../news/", 5),
            (HOME, "返回首页", "../", 5),
        ],
    ),
    "anchors with parameters that are called like characters": (
        '来源：<a href="http://a.example/?copy=1&copy=2&amp;reg=3">某报</a>\n'
        '<a href="/news/?a&para=1">返回快讯</a> | <a href="/">返回首页</a>',
        [
            (SOURCE, "某报", "http://a.example/?copy=1&copy=2&reg=3", 4),
            (CATEGORY, "返回快讯", "/news/?a&para=1", 5),
            (HOME, "返回首页", "/", 5),
        ],
    ),
    "anchors in an element of several lines": (
        '<div class="nav">\n  <a href="/news/">返回快讯</a><br>\n  <a href="/">返回首页</a>\n'
        "</div>\n",
        [(CATEGORY, "返回快讯", "/news/", 5), (HOME, "返回首页", "/", 6)],
    ),
    "no source line": (
        "[返回首页](/)",
        [(HOME, "返回首页", "/", 4)],
    ),
    "no way home": (
        f"<{URL}>\n\n[返回快讯](../news/)",
        [(SOURCE, "", URL, 4), (CATEGORY, "返回快讯", "../news/", 6)],
    ),
    "source with a word": (
        f"原文链接: [某报]({URL})\n\n[返回首页](/)",
        [(SOURCE, "某报", URL, 4), (HOME, "返回首页", "/", 6)],
    ),
    "bare address with a word": (
        f"Source: {URL}",
        [(SOURCE, "", URL, 4)],
    ),
    "address without a scheme": (
        "<//source.example.org/a>",
        [(SOURCE, "", "//source.example.org/a", 4)],
    ),
    "English": (
        f'<{URL}>\n\n[Back to Daily News](/news/) · [« Back to the home page](/ "Home")',
        [
            (SOURCE, "", URL, 4),
            (CATEGORY, "Back to Daily News", "/news/", 6),
            (HOME, "« Back to the home page", "/", 6),
        ],
    ),
}


@pytest.mark.parametrize("era", ERAS)
def test_navigation_of_every_era_is_found_and_only_that_is_taken_away(era: str) -> None:
    end, expected = ERAS[era]
    body = f"{ARTICLE}\n\n{end}"
    assert found(body) == expected
    assert kept(body) == f"{ARTICLE}\n\n"


@pytest.mark.parametrize("era", ERAS)
def test_lines_are_counted_from_the_first_line_of_the_body(era: str) -> None:
    end, expected = ERAS[era]
    body = f"{ARTICLE}\n\n{end}"
    assert found(body, first_line=8) == [(*link[:3], link[3] + 7) for link in expected]


def test_right_above_the_way_back_an_address_is_the_source_without_a_blank_line() -> None:
    body = f"最后一行。\n<{URL}>\n[返回首页](/)"
    assert found(body) == [(SOURCE, "", URL, 2), (HOME, "返回首页", "/", 3)]
    assert kept(body) == "最后一行。\n"


def test_a_body_of_nothing_but_navigation_is_empty_without_it() -> None:
    assert kept(f"<{URL}>\n\n[返回首页](/)\n") == ""


# --- what only looks like it ---------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n\n",
        "正文。",
        "正文提到<http://example.org/a>。",
        "点击[返回首页](/)查看。",
        "[返回首页](/)\n\n正文在后面。",
        f"<{URL}>\n\n正文在后面。",
        "另见：\n<http://example.org/a>",
        "- <http://example.org/a>\n- <http://example.org/b>",
        "> <http://example.org/a>",
        "1. [返回首页](/) 是一个链接",
        "    <http://example.org/code>",
        "正文。\n\n    [返回首页](../)",
        "正文。\n\n\t<http://example.org/code>",
        "```\n[返回首页](../)\n```",
        "`[返回首页](../)`",
        "![返回首页](back.png)",
        "[返回首页](/",
        "[返回首页]",
        '<a name="x">返回首页</a>',
        "[首页](/)",
        "正文。\n\n[Back to the Future](/films/back-to-the-future/)",
        "正文。\n\n[回到未来](/films/)",
        "标题\n---\n",
        "文章来源：某报",
        "<p>（文章来源：某报）</p>",
        "来源：某报 http://example.org/ 的报道",
        "<br>",
        "<p>\n</p>\n",
    ],
)
def test_what_stands_in_the_text_is_text(body: str) -> None:
    assert navigation(body, 1).links == ()
    assert kept(body) == body


def test_the_heading_above_the_way_back_stays_a_heading() -> None:
    assert kept("标题\n---\n[返回首页](/)") == "标题\n---\n"


def test_the_end_of_an_element_of_the_text_stays() -> None:
    assert kept("<div>\n正文\n</div>\n<div>\n<a href='/'>返回首页</a>\n</div>") == (
        "<div>\n正文\n</div>\n"
    )


def test_of_two_addresses_the_last_is_the_source() -> None:
    body = "参考：\n\n<http://example.org/a>\n\n<http://example.org/b>\n\n[返回首页](/)"
    assert [link[2] for link in found(body)] == ["http://example.org/b", "/"]
    assert kept(body) == "参考：\n\n<http://example.org/a>\n\n"


def test_a_long_run_of_ways_back_is_no_navigation_of_a_post() -> None:
    lines = [f"[返回栏目{n}](/{n}/)" for n in range(1000)]
    body = "\n".join(lines)
    assert len(found(body)) < 20
    assert len(kept(body).split("\n")) > 980


# --- in a file -----------------------------------------------------------------------------

CONFIG = Config(Path(), Site("https://example.org"), Posts(jekyll=True))
HEADER = "---\ntitle: t\n---\n"
POST = f"{HEADER}正文。\n\n<{URL}>\n\n[返回快讯](../news/)\n[返回首页](../)\n"


def links_of(raw: bytes, name: str = "a.md") -> tuple[Link, ...]:
    reading = read_post(f"_posts/2022-01-02-{name}", raw, CONFIG)
    assert reading.post is not None
    return reading.post.links


@pytest.mark.parametrize(
    "before",
    ["", "\ufeff", "\n", "\n\n \n"],
    ids=["plain", "byte order mark", "blank line", "blank lines"],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_is_that_of_the_file(before: str, end: str) -> None:
    text = (before + POST).replace("\n", end)
    lines = text.split("\n")
    links = links_of(text.encode())
    assert [link.role for link in links] == [SOURCE, CATEGORY, HOME]
    for link in links:
        assert link.url in lines[link.line - 1]


def test_line_ends_of_both_kinds_in_one_file_are_counted_alike() -> None:
    text = POST.replace("正文。\n", "正文。\r\n第二行\r\n")
    assert [link.line for link in links_of(text.encode())] == [7, 9, 10]


def test_a_post_without_a_header_has_navigation_too() -> None:
    assert [link.line for link in links_of(POST.removeprefix(HEADER).encode())] == [3, 5, 6]


def test_a_post_in_html_has_navigation_too() -> None:
    post = (
        f"{HEADER}<p>正文。</p>\n<p>来源：<a href='{URL}'>某报</a></p>\n<a href='/'>返回首页</a>\n"
    )
    links = links_of(post.encode(), "a.html")
    assert [(link.role, link.line) for link in links] == [(SOURCE, 5), (HOME, 6)]


# --- no exception, no surprise, no waiting -------------------------------------------------

PIECES = st.sampled_from(
    [
        f"<{URL}>", "<>", "<//h>", "[返回首页](../)", "[返回快讯](//h/a(b).html)", "｜", "|", "\n",
        "\n\n", "\r", " ", "    ", "\t", "\u3000", "&nbsp;", "<br>", "<p>", "</p>", "<a href='x",
        "<a href='/'>返回首页</a>", "来源：", "via: ", "[返回", "](", ")", "(", '"', "正文", "---",
        "- ", "> ", "```", "[Back to x](y)", "\0", "\ud800", "😀",
    ]
)  # fmt: skip
BODIES = st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=25).map("".join)


@given(body=BODIES, first_line=st.integers(1, 1000))
def test_any_body_has_links_on_its_lines_and_keeps_its_text(body: str, first_line: int) -> None:
    read = navigation(body, first_line)
    lines = body.split("\n")
    for link in read.links:
        line = lines[link.line - first_line]
        assert link.url in line or link.url in html.unescape(line)
    roles = [link.role for link in read.links]
    assert SOURCE not in roles[1:]
    assert [link.line for link in read.links] == sorted(link.line for link in read.links)


@given(body=BODIES)
def test_only_whole_lines_at_the_end_are_taken_away(body: str) -> None:
    read = navigation(body, 1)
    rest = kept(body)
    assert all(0 <= start < end <= len(body) for start, end in read.spans)
    assert bool(read.links) == bool(read.spans)
    assert body.startswith(rest)
    assert rest in ("", body) or rest.endswith("\n")


@given(text=st.text(), era=st.sampled_from(list(ERAS)))
def test_navigation_is_found_below_any_text(text: str, era: str) -> None:
    end, expected = ERAS[era]
    assert [link[:3] for link in found(f"{text}\n\n。\n\n{end}")] == [link[:3] for link in expected]


@pytest.mark.parametrize(
    "piece",
    [
        "字", " ", "\n", "\u3000\n", "<", "(", "[返回", "[返回](", "[返回]((", "<a href=x ", "<a ",
        "来源：", "<br>", "<br>\n", "</div>\n", "&nbsp;", "｜", "[返回首页](/)", "[返回首页](/)\n",
        "<//", "<a href=x>返回</a>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["", "\n\n[返回首页](/)\n"])
def test_a_long_body_is_looked_through_in_no_time(piece: str, end: str) -> None:
    body = piece * (3_000_000 // len(piece)) + end
    began = time.perf_counter()
    navigation(body, 1)
    assert time.perf_counter() - began < 2
