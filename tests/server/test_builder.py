"""What the process that builds decides: when to look again, what to watch, what to say."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feeds.config import Config
from feeds.configfile import expect_sources, load_config
from feeds.errors import ConfigError
from feeds.ledger import FILE_NAME, BuildRecord, Ledger
from server.builder import (
    FINDINGS_LOGGED,
    LOOK_SECONDS,
    RETRY_SECONDS,
    Builder,
    Orders,
    Outcome,
    _seconds_to_wait,
    build_once,
    watched_folders,
)

from ..conftest import write_post


def outcome(due: datetime | None) -> Outcome:
    return Outcome(1, 1, (), (), "1.1", due, ())


@pytest.mark.parametrize("looks", [True, False])
def test_a_post_that_falls_due_is_waited_for(looks: bool) -> None:
    now = datetime.now(UTC)
    assert 8 < _seconds_to_wait(outcome(now + timedelta(seconds=10)), looks) <= 10
    assert _seconds_to_wait(outcome(now - timedelta(seconds=10)), looks) == 0


def test_files_are_looked_at_now_and_then_unless_that_is_not_wished() -> None:
    far = outcome(datetime.now(UTC) + timedelta(days=400))
    assert _seconds_to_wait(outcome(None), True) == LOOK_SECONDS
    assert _seconds_to_wait(far, True) == LOOK_SECONDS
    assert _seconds_to_wait(outcome(None), False) == math.inf
    assert _seconds_to_wait(far, False) > LOOK_SECONDS
    assert _seconds_to_wait(None, False) == RETRY_SECONDS


def configured(site: Path, posts: str) -> Config:
    path = site / "config.toml"
    text = path.read_text("utf-8").replace('sources = ["posts"]', posts)
    path.write_text(text, "utf-8")
    return load_config(site)


@pytest.mark.parametrize(
    "sources", ['["posts"]', '["posts", "gone"]', '["*"]', '["po*/", "gone"]', '["**"]']
)
def test_some_folder_with_posts_is_enough(site: Path, sources: str) -> None:
    expect_sources(configured(site, f"sources = {sources}"))


@pytest.mark.parametrize("sources", ['["gone"]', '["gone/*", "config.toml"]'])
def test_no_folder_at_all_is_a_mistake(site: Path, sources: str) -> None:
    """Else a disk that is not mounted would withdraw every feed."""
    config = configured(site, f"sources = {sources}")
    with pytest.raises(ConfigError, match='no folder "gone'):
        expect_sources(config)
    with pytest.raises(ConfigError):
        build_once(config)


def test_folders_are_watched_with_all_above_them(site: Path) -> None:
    (site / "_includes" / "deep").mkdir(parents=True)
    found = watched_folders(load_config(site), ["posts", "posts/2022/01"])
    expected = ["", "_includes", "_includes/deep", "posts", "posts/2022", "posts/2022/01"]
    assert found == [site / path for path in expected]


@pytest.fixture
def builder(site: Path) -> Iterator[Builder]:
    found = Builder(Orders(load_config(site), "off"), threading.Event())
    yield found
    found._ledger.close()
    found._publisher._ledger.close()


def last_error(builder: Builder) -> str:
    return last_build(builder).error


def last_build(builder: Builder) -> BuildRecord:
    with contextlib.closing(Ledger(builder._config.state)) as ledger:
        build = ledger.last_build()
    assert build is not None
    return build


def test_a_look_at_unchanged_files_is_no_build(site: Path, builder: Builder) -> None:
    write_post(site, "a.md")
    builder._build(False)
    built = last_build(builder)
    builder._build(False)
    looked = last_build(builder)
    assert (looked.at, looked.seconds) == (built.at, built.seconds)
    assert looked.good_at > built.good_at
    write_post(site, "b.md")
    builder._build(False)
    again = last_build(builder)
    assert again.at > built.at
    assert again.posts == 2


def test_another_builder_knows_the_last_build(site: Path, builder: Builder) -> None:
    write_post(site, "a.md")
    builder._build(False)
    built = last_build(builder)
    another = Builder(Orders(load_config(site), "off"), threading.Event())
    another._build(False)
    another._ledger.close()
    assert last_build(builder).at == built.at


def test_what_the_ledger_could_not_take_is_tried_again_soon(site: Path, builder: Builder) -> None:
    write_post(site, "a.md")
    in_the_way = site / ".feeds" / FILE_NAME
    in_the_way.mkdir(parents=True)
    outcome = builder._build(False)
    assert outcome is not None
    assert builder._pause(outcome) == RETRY_SECONDS
    in_the_way.rmdir()
    outcome = builder._build(False)
    assert last_build(builder).posts == 1
    assert builder._pause(outcome) > RETRY_SECONDS


def test_a_build_that_fails_is_said_once_and_keeps_what_was_known(
    site: Path, builder: Builder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feeds")
    write_post(site, "a.md")
    assert builder._build(False) is not None
    (site / "posts").rename(site / "elsewhere")
    for _ in range(3):
        assert builder._build(False) is None
    assert 'no folder "posts"' in last_error(builder)
    (site / "elsewhere").rename(site / "posts")
    assert builder._build(False) is not None
    assert last_error(builder) == ""
    said = [record.levelname for record in caplog.records]
    assert said == ["INFO", "ERROR", "INFO"]


def test_a_fault_of_ours_is_told_with_all_there_is_to_know(
    builder: Builder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.builder.build_once", lambda *_: 1 / 0)
    assert builder._build(False) is None
    assert "ZeroDivisionError: division by zero" in last_error(builder)
    assert "Traceback" in caplog.text


def test_findings_are_logged_when_they_are_new_and_not_too_many(
    site: Path, builder: Builder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "feeds")
    for number in range(FINDINGS_LOGGED + 5):
        write_post(site, f"{number:02}.md", date="")
    builder._build(False)
    assert len(caplog.records) == FINDINGS_LOGGED + 1
    assert caplog.records[-1].getMessage() == "and 5 more"
    caplog.clear()
    builder._build(False)
    assert not caplog.records
    write_post(site, "another.md", date="")
    builder._build(False)
    assert ["posts/another.md" in record.getMessage() for record in caplog.records] == [True]


def test_an_index_is_made_anew_where_that_is_asked_for(site: Path) -> None:
    write_post(site, "a.md")
    config = load_config(site)
    first = build_once(config).edition
    assert build_once(config).edition == first
    assert build_once(config, anew=True).edition != first
