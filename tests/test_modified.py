"""What readers are told as Last-Modified: it moves with the content of a feed, and only forward."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.models import Kind
from feeds.modified import last_modified
from feeds.rows import LIST, Modified
from feeds.view import View, connect, current_index

from .conftest import CONFIG, NOW, run_build, write_post

SITE = (Kind.SITE, "")
NEWEST = int(datetime(2022, 1, 17, 0, 54, 2, tzinfo=UTC).timestamp())
LATER = NOW + timedelta(hours=1)

Change = Callable[[Path], object]


def told(root: Path, feed: tuple[str, str] = SITE) -> int:
    path = current_index(root / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        found = View(db).modified(feed)
    assert found is not None
    return found.at


@pytest.fixture
def posts(site: Path) -> Path:
    """Two posts of different days, built."""
    write_post(site, "old.md", "2022-01-10 08:00:00 +0800", tags="[x]")
    write_post(site, "new.md", "2022-01-17 08:54:02 +0800", tags="[x]")
    run_build(site)
    return site


def test_it_is_the_newest_date_of_a_feed_at_first(posts: Path) -> None:
    assert told(posts) == told(posts, (Kind.TAG, "x")) == NEWEST


def test_a_newer_post_brings_its_own_date(posts: Path) -> None:
    write_post(posts, "newer.md", "2022-02-01 00:00:00 +0000", tags="[x]")
    run_build(posts, LATER)
    assert told(posts) == datetime(2022, 2, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write_post(root, "old.md", "2022-01-10 08:00:00 +0800", body="other"),
        lambda root: write_post(root, "new.md", "2022-01-17 08:54:02 +0800", title="other"),
        lambda root: (root / "posts" / "new.md").unlink(),
        lambda root: write_post(root, "between.md", "2022-01-12 08:00:00 +0800"),
        lambda root: (root / "config.toml").write_text(CONFIG.replace("新闻", "其他"), "utf-8"),
    ],
    ids=["edit of the older", "edit of the newer", "deletion", "dated back", "other title"],
)
def test_what_changes_without_a_newer_date_changes_when_it_is_published(
    posts: Path, change: Change
) -> None:
    change(posts)
    run_build(posts, LATER)
    assert told(posts) == LATER.timestamp()
    change_again = write_post(posts, "old.md", "2022-01-10 08:00:00 +0800", body="once more")
    assert change_again.exists()
    run_build(posts, LATER)  # in the same second, which readers must be able to tell apart
    assert told(posts) == LATER.timestamp() + 1


def test_what_readers_do_not_see_is_no_change(site: Path) -> None:
    write_post(site, "a.md", "2022-01-17 08:54:02 +0800", comment="one")
    run_build(site)
    write_post(site, "a.md", "2022-01-17 08:54:02 +0800", comment="two, and longer")
    assert run_build(site, LATER).published
    assert told(site) == NEWEST


def test_a_change_elsewhere_is_none_of_a_feed(posts: Path) -> None:
    write_post(posts, "elsewhere.md", "2022-01-01 08:00:00 +0800", tags="[y]")
    run_build(posts, LATER)
    assert told(posts, (Kind.TAG, "x")) == NEWEST
    assert told(posts) == LATER.timestamp()


@pytest.mark.parametrize("full", [True, False])
def test_building_the_same_again_invents_no_time(posts: Path, full: bool) -> None:
    write_post(posts, "old.md", "2022-01-10 08:00:00 +0800", body="other", tags="[x]")
    run_build(posts, LATER)
    lists = told(posts, LIST)
    run_build(posts, LATER + timedelta(days=1), full=full)
    assert told(posts) == told(posts, (Kind.TAG, "x")) == LATER.timestamp()
    assert told(posts, LIST) == lists


def test_a_new_index_takes_it_over_when_another_configuration_reads_anew(posts: Path) -> None:
    (posts / "posts" / "new.md").unlink()
    run_build(posts, LATER)
    config = CONFIG.replace("Asia/Shanghai", "Europe/Berlin")  # every file is read again
    (posts / "config.toml").write_text(config, "utf-8")
    run_build(posts, LATER)
    assert told(posts) == LATER.timestamp() + 1


def test_a_damaged_index_says_what_it_still_can(posts: Path) -> None:
    path = current_index(posts / ".feeds")
    assert path is not None
    path.write_bytes(b"not an index" * 1_000)
    run_build(posts, LATER)
    assert told(posts) == NEWEST


def test_two_machines_say_the_same_of_the_same_posts(posts: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(posts, copy, ignore=shutil.ignore_patterns(".feeds", "public"))
    run_build(copy, LATER)
    assert told(copy) == told(posts)
    assert told(copy, LIST) == told(posts, LIST)


def test_a_feed_that_comes_back_is_not_older_than_it_was(posts: Path) -> None:
    for name in ("old.md", "new.md"):
        (posts / "posts" / name).rename(posts / name)
    run_build(posts, LATER)
    (posts / "old.md").rename(posts / "posts" / "old.md")
    run_build(posts, LATER + timedelta(days=1))
    assert told(posts, (Kind.TAG, "x")) == (LATER + timedelta(days=1)).timestamp()


def test_the_list_of_feeds_changes_with_what_stands_in_it(posts: Path) -> None:
    before = told(posts, LIST)
    write_post(posts, "more.md", "2022-01-20 08:00:00 +0800", tags="[x]")
    run_build(posts, LATER)
    assert told(posts, LIST) == before
    write_post(posts, "other.md", "2021-01-20 08:00:00 +0800", tags="[another]")
    run_build(posts, LATER)
    assert told(posts, LIST) == LATER.timestamp()


SECONDS = st.integers(0, 20)


@given(st.lists(st.tuples(st.binary(max_size=1), SECONDS, SECONDS), min_size=1))
def test_it_never_goes_back_and_tells_every_content_from_the_one_before(
    states: list[tuple[bytes, int, int]],
) -> None:
    """Whatever dates posts have, and wherever the clock is set."""
    known = None
    for content, newest, now in states:
        at = last_modified(known, content, newest, now)
        if known is None:
            assert at == min(newest, now)
        elif content == known.content:
            assert at == known.at
        else:
            assert at > known.at
            assert at <= max(now, known.at + 1)
        known = Modified(content, at)
