"""The page of a server, from what it is given to what people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feeds.audience import FeedAudience
from feeds.config import Config
from feeds.configfile import load_config
from feeds.ledger import BuildRecord, Hour, Memory
from feeds.models import Finding, Level
from feeds.pages.render import render_status
from feeds.pages.reports import StatusPage

from ..conftest import CONFIG
from .html import Page

AT = datetime(2026, 2, 2, 2, 40, tzinfo=UTC)
HOUR = int(AT.timestamp()) // 3_600
BUILD = BuildRecord(AT.timestamp() - 60, 1.234, "", AT.timestamp() - 59, 420, 41, 2, 1)
QUIET = tuple(Hour(HOUR - 23 + each, 0, 0, 0) for each in range(24))
HOSTILE = "<script>alert(1)</script>\x1b\u202e"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    return load_config(tmp_path)


def page(config: Config, **more: Any) -> str:
    known: dict[str, Any] = {
        "path": "status", "at": AT.astimezone(config.site.zone), "fault": "", "build": BUILD,
        "findings": (), "memory": Memory(1 << 20, 256 << 20, 2), "day": "2026-02-02",
        "audience": (), "feeds": 0, "hours": QUIET,
    }  # fmt: skip
    return render_status(config, StatusPage(**{**known, **more})).body.decode()


def text(config: Config, **more: Any) -> str:
    return Page(page(config, **more)).text


def test_before_the_first_build_and_the_first_request_it_says_so(config: Config) -> None:
    said = text(config, build=None, day="", memory=Memory(0, 0, 0))
    assert "There was none yet." in said
    assert "Nobody was counted yet." in said
    assert "Share of 304 –" in said


def test_the_last_build_is_told(config: Config) -> None:
    said = text(config)
    assert "Posts 420 Feeds 41 Findings 3" in said
    assert "good 2026-02-02 10:39 1.23 s" in said
    assert "1.0 MB of 256.0 MB; workers: 2." in said


@pytest.mark.parametrize("what", ["build", "fault"])
def test_what_failed_is_an_alarm(config: Config, what: str) -> None:
    reason = "no space; " * 40
    more = {"build": BUILD._replace(error=reason)} if what == "build" else {"fault": reason}
    read = Page(page(config, **more))
    assert {"class": "alarm bad", "role": "alert"} in read.all("p")
    assert reason.strip() in read.text


def test_findings_are_told_with_file_and_line_and_how_many_more(config: Config) -> None:
    findings = (
        Finding("posts/a.md", 3, Level.ERROR, "is no post", "left out"),
        Finding("tag/股市", 0, Level.WARNING, "is two", "made one"),
    )
    said = text(config, findings=findings, build=BUILD._replace(warnings=7))
    assert "error posts/a.md:3 is no post left out" in said
    assert "warning tag/股市 is two made one" in said
    assert "and 6 more All of them are in the report of feeds build" in said
    assert " more" not in text(config, findings=findings, build=BUILD._replace(warnings=1))
    assert "Nothing is wrong with any post." in text(config)


def test_requests_are_bars_and_a_table_that_says_the_same(config: Config) -> None:
    hours = (*QUIET[:-2], Hour(HOUR - 1, 100, 80, 60), Hour(HOUR, 10, 0, 0))
    read = Page(page(config, hours=hours))
    assert "2026-02-02 10:00 10 0 – 2026-02-02 09:00 100 60 75% 2026-02-02 08:00 0 0 –" in read.text
    assert "Requests 110 Share of 304 75%" in read.text
    everything, unchanged = (each["d"] for each in read.all("path")[1:])
    assert (everything.count("M"), unchanged.count("M")) == (2, 1)
    assert "style=" not in page(config, hours=hours)


def test_subscribers_are_told_by_feed_and_agent(config: Config) -> None:
    audience = (
        FeedAudience("feed.atom", (("Feedly", 1_220), ("Feedbin", 30)), 12),
        FeedAudience("tag/股市/feed.rss", (), 1),
    )
    said = text(config, audience=audience, feeds=9)
    assert "feed.atom 1,262 Feedly 1,220, Feedbin 30, for themselves 12" in said
    assert "tag/股市/feed.rss 1 for themselves 1" in said
    assert "and 7 more All of them are in the report of feeds subscribers" in said


def test_a_chinese_site_has_a_chinese_page(config: Config) -> None:
    chinese = replace(config, site=replace(config.site, language="zh-CN"))
    said = text(chinese, findings=(Finding("a.md", 1, Level.ERROR, "x", "y"),))
    for word in ("服务器状态", "最近一次构建", "成功", "错误 a.md:1"):
        assert word in said


def test_nothing_that_strangers_say_is_markup(config: Config) -> None:
    shown = page(
        config,
        fault=HOSTILE,
        build=BUILD._replace(error=HOSTILE),
        findings=(Finding(HOSTILE, 1, Level.ERROR, HOSTILE, HOSTILE),),
        audience=(FeedAudience(HOSTILE, ((HOSTILE, 1),), 0),),
        feeds=1,
    )
    read = Page(shown)
    assert read.all("script") == []
    assert read.text.count("<script>alert(1)</script>") == 7
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_search_engines_leave_it_alone_and_no_other_file_is_needed(config: Config) -> None:
    read = Page(page(config))
    assert {"name": "robots", "content": "noindex"} in read.all("meta")
    assert {each["rel"] for each in read.all("link")} == {"icon", "alternate"}
    assert {"./", "links/"} <= set(read.links())
