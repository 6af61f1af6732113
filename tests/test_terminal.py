from __future__ import annotations

import json
import subprocess
import sys
import threading
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.terminal import UNSAFE, json_lines, json_text, progress_bars, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("中国税务报 – 😀", "中国税务报 – 😀"),
        ("می‌خواهم‏", "می‌خواهم‏"),  # joiners and marks are part of the writing
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\x9b31mb", r"a\x9b31mb"),
        ("a\nb\rc\td\x00", r"a\nb\rc\td\x00"),
        ("\x7f\x85\u2028\u2029", r"\x7f\x85\u2028\u2029"),
        ("a\u202egnp.exe", r"a\u202egnp.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("posts/\udcff.md", r"posts/\udcff.md"),
        ("\ufffe\uffff\ufffd", "\\ufffe\\uffff\ufffd"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text(st.characters()))
def test_nothing_visible_is_a_command_and_nothing_else_is_changed(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert visible(shown) == shown
    for char in text:
        if unicodedata.category(char) not in ("Cc", "Cs", "Cf", "Zl", "Zp"):
            assert char in shown


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=3))
def test_lines_of_json_are_an_array_that_commands_nothing(objects: list[dict[str, Any]]) -> None:
    lines = list(json_lines(objects))
    assert json.loads("\n".join(lines)) == objects
    assert len(lines) == len(objects) + 2 if objects else lines == ["[]"]
    assert not any(UNSAFE.search(line) for line in lines)


def test_json_may_be_indented() -> None:
    assert json_text({"a": "b\n\x1b", "c": "中"}, 2) == ('{\n  "a": "b\\n\\u001b",\n  "c": "中"\n}')


def test_bars_run_no_thread() -> None:
    """A process that forks must have only one."""
    before = threading.active_count()
    with progress_bars() as show:
        show("reading posts", 1, 0)
        show("reading posts", 2, 2)
        assert threading.active_count() == before


def test_bars_are_loaded_only_where_they_are_shown() -> None:
    code = "import feeds.terminal, sys; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
