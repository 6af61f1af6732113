from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from feeds.build import KnownFeed
from feeds.models import Feed, Format, Kind
from feeds.tables import feed_lines, feed_table, readable

SITE = "https://news.example.org/"


def feed(name: str, path: str, kind: Kind = Kind.TAG) -> KnownFeed:
    head = Feed(
        kind=kind,
        name=name,
        title="示例财经",
        page="",
        paths={Format.ATOM: path},
        urls={Format.ATOM: f"{SITE}{path}"},
    )
    return KnownFeed(head, 20, 1234, datetime(2026, 1, 31, tzinfo=UTC))


FEEDS = [
    feed("", "feed.atom", Kind.SITE),
    feed("中国税务报新闻", "tag/%E4%B8%AD%E5%9B%BD/feed.atom"),
    feed("x\x1b[2Jy", "tag/x/feed.atom"),
]


def test_columns_stand_below_each_other_in_every_script() -> None:
    head, *rows = feed_table(FEEDS, 140, False).splitlines()
    ends = {cell_len(row[: row.index("20") + 2]) for row in rows}
    assert ends == {cell_len(head[: head.index("entries") + 7])}
    assert [row.split()[-1] for row in rows] == [
        f"{SITE}feed.atom",
        f"{SITE}tag/中国/feed.atom",
        f"{SITE}tag/x/feed.atom",
    ]
    assert rows[0].split() == ["site", "示例财经", "20", "1,234", "2026-01-31", f"{SITE}feed.atom"]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal_and_no_letter_is_lost(width: int) -> None:
    long = feed("中华人民共和国财政部" * 5, "tag/x/feed.atom")
    shown = feed_table([*FEEDS, long], width, False)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert shown.count("中华人民共和国财政部"[3]) >= 5
    assert "…" not in shown


def test_where_there_is_little_room_addresses_are_told_from_where_they_differ() -> None:
    shown = feed_table(FEEDS, 75, False).splitlines()
    assert shown[0].split()[-1] == "path"
    assert [line.split()[-1] for line in shown[1:-1]] == ["./", "tag/中国/", "tag/x/"]
    assert shown[-1] == f"paths are below {SITE}, with feed.atom behind"


def test_files_that_have_names_of_their_own_keep_them() -> None:
    shown = feed_table([*FEEDS, feed("b", "by_tag/b.xml")], 75, False).splitlines()
    assert [line.split()[-1] for line in shown[1:3]] == ["feed.atom", "tag/中国/feed.atom"]
    assert shown[-1] == f"paths are below {SITE}"


def test_a_single_feed_keeps_its_file_name() -> None:
    shown = feed_table(FEEDS[:1], 60, False).splitlines()
    assert shown[1].split()[-1] == "feed.atom"
    assert shown[-1] == f"paths are below {SITE}"


def test_no_line_ends_with_blanks_that_a_mouse_would_copy() -> None:
    for colour in (True, False):
        plain = re.sub(r"\x1b\[[\d;]*m", "", feed_table(FEEDS, 75, colour))
        assert [line for line in plain.splitlines() if line != line.rstrip()] == []


def test_colours_are_there_if_they_are_wanted() -> None:
    assert "\x1b[" in feed_table(FEEDS, 140, True)
    assert "\x1b" not in feed_table(FEEDS, 140, False)


def test_an_empty_table_has_its_head() -> None:
    assert feed_table([], 80, False).split() == [
        "kind", "name", "entries", "posts", "newest", "address",
    ]  # fmt: skip


def test_lines_for_programs_have_six_cells_between_tabs() -> None:
    lines = [line.split("\t") for line in feed_lines([*FEEDS, feed("a\tb", "x")])]
    assert {len(cells) for cells in lines} == {6}
    assert lines[1] == [
        *("tag", "中国税务报新闻", "20", "1234", "2026-01-31"),
        f"{SITE}tag/%E4%B8%AD%E5%9B%BD/feed.atom",
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/%E8%82%A1/a%20b%2Fc", "https://x.example/股/a%20b%2Fc"),
        ("https://x.example/%FF/%1B", "https://x.example/%FF/%1B"),
    ],
)
def test_an_address_is_shown_in_its_script(url: str, expected: str) -> None:
    assert readable(url) == expected
