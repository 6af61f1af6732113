from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from feeds.build import KnownFeed
from feeds.lookup import PostFilter, matches, near_terms, wanted_feeds
from feeds.models import EPOCH, Feed, Finding, Format, Kind, Level, Post
from feeds.rows import State

POST = Post(
    path="posts/2026/A股.md",
    url="https://news.example.org/a",
    id="a",
    title="Café 股市",
    date=datetime(2026, 1, 31, 23, 30, tzinfo=UTC),
    updated=EPOCH,
    categories=("emnews",),
    tags=("股市", "Apple"),
)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ({}, True),
        ({"tags": ("股市",)}, True),
        ({"tags": ("apple", "none")}, True),  # one is enough
        ({"tags": ("none",)}, False),
        ({"categories": ("emnews",), "tags": ("none",)}, False),  # but all kinds have to hold
        ({"categories": ("股市",)}, False),
        ({"since": date(2026, 1, 31), "until": date(2026, 1, 31)}, True),
        ({"since": date(2026, 2, 1)}, False),
        ({"until": date(2026, 1, 30)}, False),
        ({"states": ("visible", "future")}, True),
        ({"states": ("hidden",)}, False),
        ({"words": "a股"}, True),
        ({"words": "CAFE\u0301"}, True),  # as another keyboard writes é
        ({"words": "posts/*.md"}, True),
        ({"words": "*.md*x"}, False),
        ({"problems": True}, True),
    ],
)
def test_what_is_asked_for_has_to_hold_together(wanted: dict[str, Any], taken: bool) -> None:
    assert PostFilter(**wanted).takes(POST, State.VISIBLE, {POST.path}) is taken


def test_a_post_without_findings_is_no_problem() -> None:
    assert not PostFilter(problems=True).takes(POST, State.VISIBLE, {"posts/b.md"})


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (PostFilter(), True),
        (PostFilter(problems=True, words="posts/b"), True),
        (PostFilter(words="posts/c"), False),
        (PostFilter(tags=("x",)), False),
        (PostFilter(since=date.min), False),
    ],
)
def test_a_file_that_is_no_post_has_nothing_but_a_path(wanted: PostFilter, taken: bool) -> None:
    assert wanted.takes_file(Finding("posts/b.md", 1, Level.ERROR, "what", "done")) is taken


def test_words_are_a_part_and_a_pattern_is_the_whole() -> None:
    assert matches("b", "abc")
    assert not matches("b?", "abc")
    assert matches("?b?", "ABC")
    assert matches("", "anything")


def test_the_likeliest_term_is_named() -> None:
    wanted = PostFilter(categories=("emnws", "emnews"), tags=("股事", "nothing like it"))
    assert near_terms(wanted, [POST]) == [
        (Kind.CATEGORY, "emnws", "emnews"),
        (Kind.TAG, "股事", "股市"),
        (Kind.TAG, "nothing like it", ""),
    ]


def feed(kind: Kind, name: str, entries: int, posts: int, day: int) -> KnownFeed:
    path = f"{kind}/{name}/feed.atom"
    head = Feed(
        kind=kind,
        name=name,
        title=f"News – {name}",
        page="",
        paths={Format.ATOM: path},
        urls={Format.ATOM: f"https://news.example.org/{path}"},
    )
    return KnownFeed(head, entries, posts, datetime(2026, 1, day, tzinfo=UTC))


FEEDS = (
    feed(Kind.CATEGORY, "b", 20, 30, 3),
    feed(Kind.TAG, "A", 20, 90, 1),
    feed(Kind.TAG, "c", 5, 5, 2),
)


@pytest.mark.parametrize(
    ("kinds", "words", "sort", "names"),
    [
        ((), "", "", "bAc"),
        ((), "", "name", "Abc"),
        ((), "", "posts", "Abc"),
        ((), "", "entries", "bAc"),
        ((), "", "newest", "bcA"),
        (("tag",), "", "newest", "cA"),
        (("tag", "category"), "tag/*", "", "Ac"),
        ((), "NEWS – b", "", "b"),
    ],
)
def test_feeds_are_chosen_and_sorted(
    kinds: tuple[str, ...], words: str, sort: str, names: str
) -> None:
    found = wanted_feeds(FEEDS, kinds, words, sort)
    assert "".join(each.head.name for each in found) == names
