"""Waiting for changes, for requests, and for time to pass, in folders that come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server import watch as watches
from server.watch import Watch, request_build

LONG = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst is over sooner than among people."""
    monkeypatch.setattr(watches, "TICK_MS", 25)
    monkeypatch.setattr(watches, "QUIET_MS", 25)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / ".feeds"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(tmp_path: Path, state: Path) -> Iterator[Watch]:
    """A watch of the folder and of ``posts`` in it."""
    (tmp_path / "posts").mkdir()
    found = Watch("auto", state, threading.Event(), quiet=tmp_path)
    assert found.follow([tmp_path, tmp_path / "posts"])
    yield found
    found.close()


def woken(watch: Watch, act: Callable[[], object], seconds: float = LONG) -> float:
    """How long it waits when something happens as soon as it does."""
    timer = threading.Timer(0.03, act)
    timer.start()
    started = time.monotonic()
    watch.wait(seconds, 0)
    timer.join()
    return time.monotonic() - started


@pytest.mark.parametrize(
    "path", ["posts/new.md", "config.toml", "_config.yml", "new.folder", "posts/.hidden"]
)
def test_a_file_that_comes_ends_the_wait(watch: Watch, tmp_path: Path, path: str) -> None:
    assert woken(watch, lambda: (tmp_path / path).write_text("x")) < 5


@pytest.mark.parametrize("path", ["posts/a.md", "config.toml", "_config.yaml"])
def test_a_file_that_changes_or_goes_ends_the_wait(watch: Watch, tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    assert woken(watch, lambda: file.write_text("x")) < 5
    assert woken(watch, lambda: file.write_text("y")) < 5
    assert woken(watch, file.unlink) < 5


def test_a_log_beside_the_configuration_is_of_no_interest(watch: Watch, tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    assert woken(watch, lambda: log.write_text("begun")) < 5
    assert woken(watch, lambda: log.write_text("more"), 0.6) > 0.5


def test_nothing_ends_the_wait_but_the_time(watch: Watch) -> None:
    assert 0.25 < woken(watch, lambda: None, 0.3) < 5


def test_folders_are_followed_once(watch: Watch, tmp_path: Path) -> None:
    folders = [tmp_path, tmp_path / "posts"]
    assert not watch.follow(folders)
    (tmp_path / "posts" / "deep").mkdir()
    assert watch.follow([*folders, tmp_path / "posts" / "deep"])
    assert woken(watch, lambda: (tmp_path / "posts" / "deep" / "a.md").write_text("x")) < 5


@pytest.mark.parametrize("way", ["put into place", "made again"])
def test_a_folder_that_takes_the_place_of_another_is_followed_anew(
    watch: Watch, tmp_path: Path, way: str
) -> None:
    posts, other = tmp_path / "posts", tmp_path / "other"
    other.mkdir()
    watch.wait(0.2, 0)

    def swap() -> None:
        if way == "made again":  # perhaps with the same number
            posts.rmdir()
            posts.mkdir()
        else:
            posts.rename(tmp_path / "last")
            other.rename(posts)

    assert woken(watch, swap) < 5
    assert watch.follow([tmp_path, posts])
    assert woken(watch, lambda: (posts / "a.md").write_text("x")) < 5


def test_a_folder_that_is_gone_is_no_reason_to_give_up(watch: Watch, tmp_path: Path) -> None:
    assert watch.follow([tmp_path, tmp_path / "posts", tmp_path / "nowhere"])
    assert woken(watch, lambda: (tmp_path / "posts" / "a.md").write_text("x")) < 5


@pytest.mark.parametrize("mode", ["auto", "poll", "off"])
def test_a_request_ends_the_wait_in_every_mode(
    tmp_path: Path, state: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "SHORTEST_POLL", LONG)
    watch = Watch(mode, state, threading.Event())
    watch.follow([tmp_path])
    assert woken(watch, lambda: request_build(state)) < 5
    # It is answered by one build.
    assert woken(watch, lambda: None, 0.3) > 0.25
    watch.close()


def test_a_request_may_say_that_the_index_is_damaged(watch: Watch, state: Path) -> None:
    request_build(state)
    assert watch.wait(LONG, 0) is False
    request_build(state)
    request_build(state, anew=True)
    request_build(state)
    assert watch.wait(LONG, 0) is True
    assert watch.wait(0.2, 0) is False


def test_a_request_makes_the_folder_that_it_needs(tmp_path: Path) -> None:
    request_build(tmp_path / ".feeds")
    assert (tmp_path / ".feeds" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("mode", ["auto", "poll", "off"])
def test_an_index_that_is_gone_ends_the_wait(
    tmp_path: Path, state: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "SHORTEST_POLL", LONG)
    index = state / "index-1.sqlite"
    index.write_text("")
    watch = Watch(mode, state, threading.Event())
    assert woken(watch, index.unlink) < 5
    # Where there is none there is none to miss.
    assert woken(watch, lambda: None, 0.3) > 0.25
    watch.close()


def test_looking_at_all_files_takes_a_small_part_of_the_time(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch("poll", state, threading.Event())
    monkeypatch.setattr(watches, "SHORTEST_POLL", 0.1)
    monkeypatch.setattr(watches, "LONGEST_POLL", 0.3)
    assert 0.09 < woken(watch, lambda: None, LONG) < 5
    started = time.monotonic()
    watch.wait(LONG, 0.02)  # a tenth of the time: 0.2
    watch.wait(LONG, 60)
    assert 0.45 < time.monotonic() - started < 10


def test_where_files_cannot_be_watched_it_says_so_and_looks_at_them_in_turn(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*paths: str, **options: object) -> Iterator[object]:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(watches, "watch", refuse)
    monkeypatch.setattr(watches, "SHORTEST_POLL", 0.2)
    watch = Watch("auto", state, threading.Event())
    assert not watch.follow([tmp_path])
    assert not watch.follow([tmp_path])
    assert woken(watch, lambda: None, LONG) < 5
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "inotify watch limit reached" in caplog.text


def test_it_stops_at_once(tmp_path: Path, state: Path) -> None:
    for mode in ("auto", "poll", "off"):
        stopped = threading.Event()
        watch = Watch(mode, state, stopped)
        watch.follow([tmp_path])
        assert woken(watch, stopped.set) < 5
        watch.close()
