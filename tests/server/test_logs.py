"""A line for every event, for people or for programs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from server.logs import MARGIN, escaped, set_up_logging

from ..conftest import write_post
from .conftest import make_site, running


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """The lines that went to stderr; all loggers are afterwards as they were."""
    names = ("", "feeds", "uvicorn", "uvicorn.access")
    loggers = [logging.getLogger(name) for name in names]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    yield lambda: capsys.readouterr().err.splitlines()
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)


def test_an_event_is_a_line_of_text(logged: Callable[[], list[str]]) -> None:
    set_up_logging("text")
    logging.getLogger("feeds.builder").info("built %s", "it")
    logging.getLogger("uvicorn.error").warning("of uvicorn")
    logging.getLogger("some.library").info("of no interest")
    first, second = logged()
    assert first.endswith("INFO    feeds.builder: built it")
    assert second.endswith("WARNING feeds.server: of uvicorn")


def test_an_event_is_an_object_on_a_line(logged: Callable[[], list[str]]) -> None:
    set_up_logging("json")
    logging.getLogger("feeds.builder").error("a title\nof two lines: 税务 \x1b[31m")
    try:
        raise ValueError("inner")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")
    first, second = map(json.loads, logged())
    assert first["message"] == "a title\nof two lines: 税务 \x1b[31m"
    assert (first["level"], first["logger"]) == ("error", "feeds.builder")
    assert datetime.fromisoformat(first["time"]).utcoffset() is not None
    assert second["logger"] == "feeds.server"
    assert "ValueError: inner" in second["traceback"]


def test_no_line_of_json_looks_like_two_or_moves_the_cursor(
    logged: Callable[[], list[str]],
) -> None:
    set_up_logging("json")
    text = "税\u2028\x85\x9b31m\u202e\U000e0041\udc80"
    logging.getLogger("feeds.builder").warning("%s", text)
    (line,) = logged()
    assert line.isprintable()
    assert "税" in line
    assert json.loads(line)["message"] == text


def test_nothing_that_a_file_says_moves_the_cursor(logged: Callable[[], list[str]]) -> None:
    set_up_logging("text")
    logging.getLogger("feeds.builder").warning("posts/\x1b[2J\n2022 ERROR feeds: not so\u202e")
    (line,) = logged()
    assert line.endswith(r"posts/\x1b[2J\n2022 ERROR feeds: not so\u202e")


def test_nothing_in_a_traceback_looks_like_an_event(logged: Callable[[], list[str]]) -> None:
    set_up_logging("text")
    forged = "x\n2026-01-01 00:00:00,000 ERROR   feeds.server: forged\r\x1b[2J\u2028more\x00"
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("feeds.server").exception("failed\nbadly")
    first, *trace = logged()
    assert first.endswith(r"ERROR   feeds.server: failed\nbadly")
    assert trace[0] == f"{MARGIN}Traceback (most recent call last):"
    assert f"{MARGIN}ValueError: x" in trace
    assert all(line.startswith(MARGIN) and line.isprintable() for line in trace)
    assert any("forged" in line for line in trace)


@pytest.mark.parametrize("text", ["plain", "税务 – “x”", "日本語 🎉"])
def test_what_can_be_read_is_left_as_it_is(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.parametrize("access_log", [False, True])
def test_requests_are_logged_only_if_so_wished(tmp_path: Path, access_log: bool) -> None:
    settings = f'[server]\nlog = "json"\naccess_log = {str(access_log).lower()}\n'
    root = make_site(tmp_path / "site", settings)
    write_post(root, "undated.md", date="")
    with running(root) as server:
        assert server.ask().status == 200
        server.stop()
        events = [json.loads(line) for line in server.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= event.keys() for event in events)
    assert any("posts/undated.md" in event["message"] for event in events)
    asked = [event for event in events if event["logger"] == "feeds.access"]
    assert any('"GET /feed.atom HTTP/1.1" 200' in event["message"] for event in asked) is access_log
    assert bool(asked) is access_log
