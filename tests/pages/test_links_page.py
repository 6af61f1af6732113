"""The page of the link check, from what it is given to what people read."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.links.overview import (
    BrokenCategory,
    BrokenLink,
    Moment,
    Overview,
    Trouble,
)
from feeds.models import Verdict
from feeds.pages.render import render_links
from feeds.pages.reports import LinksPage
from feeds.pages.views import TermLink

from ..conftest import CONFIG
from .html import Page

AT = 1_770_000_000  # 2026-02-02 10:40 in Shanghai
HOSTILE = "\"><script>alert(1)</script><b onclick='x'>&amp;\x1b[31m\u202e"
LINK = BrokenLink(
    post="_posts/a.md",
    page="https://news.example.org/a.html",
    line=7,
    role="source",
    label="",
    url="//a.example/1",
    target="http://a.example/1",
    verdict="gone",
    detail="a detail",
    status=404,
    since=AT - 86_400,
    number=1,
    confirmed=True,
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    return load_config(tmp_path)


def found(*categories: BrokenCategory, **more: Any) -> Overview:
    known: dict[str, Any] = {
        "ended": AT, "asked": 5, "total": 1_234, "bad": 12, "unsure": 3, "ignored": 0,
        "verdicts": (("gone", "bad", 12), ("denied", "unsure", 3), ("ok", "good", 1_219)),
        "hosts": (), "more_hosts": 0,
        "categories": categories, "more_categories": 0, "trend": (Moment(AT, 1_234, 12, 3),),
    }  # fmt: skip
    return Overview(**{**known, **more})


def page(
    config: Config,
    overview: Overview | None,
    terms: Mapping[str, TermLink] = {},
    alone: bool = False,
) -> str:
    names = {each.name: TermLink(each.name, "") for each in overview.categories} if overview else {}
    shown = LinksPage("links/index.html", overview, {**names, **terms})
    return render_links(config, shown, alone).body.decode()


def in_language(config: Config, language: str) -> Config:
    return replace(config, site=replace(config.site, language=language))


# --- what is said -------------------------------------------------------------------------


def test_who_never_checked_learns_how_to_begin(config: Config) -> None:
    read = Page(page(config, None))
    assert "have not been checked yet" in read.text
    assert ("code", "feeds check") in read.texts
    assert read.all("svg") == []


def test_numbers_times_and_verdicts_are_told(config: Config) -> None:
    read = Page(page(config, found(ignored=4)))
    text = read.text
    for said in ("broken 12", "unsure 3", "good 1,219 4 accepted as they are", "12 gone"):
        assert said in text
    assert "Checked 2026-02-02 10:40" in text
    assert "5 addresses asked for" in text
    assert "No link is broken." in text
    assert {"class": "unsure"} in read.all("li")


def test_a_broken_link_is_told_with_post_line_and_since_when(config: Config) -> None:
    category = BrokenCategory("zhongguoshuiwubao", 5, (LINK, replace(LINK, number=2)))
    terms = {"zhongguoshuiwubao": TermLink("中国税务报新闻", "../category/zhongguoshuiwubao/")}
    read = Page(page(config, found(category), terms))
    assert {"../category/zhongguoshuiwubao/", LINK.page, LINK.target} <= set(read.links())
    text = read.text
    assert "中国税务报新闻 5" in text
    assert (
        "gone source //a.example/1 _posts/a.md:7 Since 2026-02-01 , confirmed HTTP 404 a detail"
        in text
    )
    assert "in 2 posts" in text
    assert "and 2 more" in text
    assert "feeds check --format json" in text


def test_a_list_that_is_whole_leads_nowhere_else(config: Config) -> None:
    read = Page(page(config, found(BrokenCategory("x", 1, (LINK,)), bad=1)))
    assert "feeds check --format json" not in read.text


def test_hosts_are_told_in_their_own_script(config: Config) -> None:
    hosts = (
        Trouble("xn--vxup8b.example.cn", "dns", "bad", 1_000, AT),
        Trouble("xn--\u00e4.example", "denied", "unsure", 1, 0),
    )
    read = Page(page(config, found(hosts=hosts)))
    assert "数据.example.cn 1,000 no such host, broken 2026-02-02" in read.text
    assert read.all("details") == []


def test_hosts_beyond_the_worst_are_unfolded_and_counted(config: Config) -> None:
    hosts = tuple(
        Trouble(f"{number}.example.cn", "dns", "bad", 99 - number, AT) for number in range(25)
    )
    read = Page(page(config, found(hosts=hosts, more_hosts=7)))
    shown, unfolded = read.text.split("and 12 more")
    assert "19.example.cn" in shown
    assert "20.example.cn" not in shown
    assert "20.example.cn" in unfolded
    assert "24.example.cn 75 no such host, broken 2026-02-02 and 7 more" in unfolded
    assert ("code", "feeds check") in read.texts
    assert "and 7 more" not in Page(page(config, found(hosts=hosts))).text


def test_a_verdict_that_is_meant_well_is_shown_as_good(config: Config) -> None:
    verdicts = (("missing", "bad", 2), ("missing", "good", 900))
    read = Page(page(config, found(verdicts=verdicts)))
    assert "2 missing, broken 900 missing, good" in read.text
    assert [each["class"] for each in read.all("li")] == ["bad", "good"]


def test_posts_without_a_category_have_a_place(config: Config) -> None:
    read = Page(page(config, found(BrokenCategory("", 1, (LINK,)))))
    assert "Without a category 1" in read.text


def test_a_chinese_site_has_a_chinese_page(config: Config) -> None:
    chinese = in_language(config, "zh-CN")
    read = Page(page(chinese, found(BrokenCategory("x", 1, (LINK,)))))
    assert read.all("html") == [{"lang": "zh-CN"}]
    for said in ("链接检查", "失效 12", "已不存在 来源", "始于 2026-02-01"):
        assert said in read.text
    assert "还没有检查过" in Page(page(chinese, None)).text


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_verdict_can_be_said(config: Config, verdict: Verdict, language: str) -> None:
    link = replace(LINK, verdict=str(verdict))
    shown = found(BrokenCategory("x", 1, (link,)), verdicts=((str(verdict), "bad", 1),))
    assert page(in_language(config, language), shown)


# --- over time ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1])
def test_one_run_is_no_trend(config: Config, count: int) -> None:
    moments = tuple(Moment(AT, 10, 5, 1) for _ in range(count))
    assert "<svg" not in page(config, found(trend=moments))


def test_runs_are_a_line_and_a_table_that_says_the_same(config: Config) -> None:
    moments = tuple(Moment(AT + day * 86_400, 1_000, 30 - day, day) for day in range(30))
    text = page(config, found(trend=moments))
    read = Page(text)
    line, dots = (each["d"] for each in read.all("path")[1:])
    assert line.count("L") == 29
    assert dots.count("M") == 30
    assert read.all("svg")[0]["aria-hidden"] == "true"
    assert "30 checks: 30 broken links at first, 1 at last." in read.text
    assert "2026-03-03 10:40 1 29 1,000 2026-03-02 10:40 2 28 1,000" in read.text
    assert "style=" not in text


# --- what cannot be trusted ---------------------------------------------------------------


@pytest.mark.parametrize("alone", [False, True])
def test_nothing_of_a_post_or_a_server_is_markup(config: Config, alone: bool) -> None:
    link = replace(
        LINK, post=HOSTILE, page=HOSTILE, url=HOSTILE, target=HOSTILE, detail=HOSTILE, label=HOSTILE
    )
    hosts = (Trouble(HOSTILE, "gone", "bad", 1, 0),)
    plain = Page(page(config, found(BrokenCategory("x", 1, (LINK,)), hosts=hosts), alone=alone))
    category = BrokenCategory(HOSTILE, 1, (link,))
    text = page(config, found(category, hosts=hosts), {HOSTILE: TermLink(HOSTILE, "")}, alone)
    read = Page(text)
    assert [tag for tag, _ in read.elements if tag == "script"] == [
        tag for tag, _ in plain.elements if tag == "script"
    ]
    assert not any("onclick" in attributes for _, attributes in read.elements)
    assert read.text.count("<script>alert(1)</script>") == 5
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "", "//a.example/"]
)
def test_only_addresses_of_the_web_are_links(config: Config, url: str) -> None:
    link = replace(LINK, target=url, page=url)
    read = Page(page(config, found(BrokenCategory("x", 1, (link,)))))
    assert url not in read.links() or url == ""
    assert len(read.links()) == len(Page(page(config, found())).links())


def test_a_page_stays_small_whatever_it_is_about(config: Config) -> None:
    url = f"http://a.example/{'x' * 1_900}"
    links = tuple(replace(LINK, url=url, post="p" * 300, detail="d" * 300) for _ in range(3))
    categories = [BrokenCategory(f"c{n}", 9_999, links if n < 50 else ()) for n in range(60)]
    text = page(config, found(*categories))
    assert text.count("<li>") == 150
    assert len(text) < 450_000
    assert f"{url[:119]}…" in text


# --- alone --------------------------------------------------------------------------------


def test_alone_it_needs_no_other_file(config: Config) -> None:
    terms = {"x": TermLink("x", "https://news.example.org/category/x/")}
    text = page(config, found(BrokenCategory("x", 1, (LINK,))), terms, alone=True)
    read = Page(text)
    assert read.all("script") == []
    needed = [each for each in read.all("link") if each["rel"] != "alternate"]
    assert all(each["href"].startswith("data:") for each in needed)
    style = re.search(r"<style>(.*)</style>", text, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    (policy,) = (each["content"] for each in read.all("meta") if "http-equiv" in each)
    assert policy.split("; ") == [
        *("default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:"),
        *("base-uri 'none'", "form-action 'none'"),
    ]
    assert "unsafe" not in policy
    assert all(each.startswith(("https://", "http://", "#")) for each in read.links())
    assert {"https://news.example.org/", "https://news.example.org/links/"} <= set(read.links())
