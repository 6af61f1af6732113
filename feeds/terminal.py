"""What people see: text and JSON that play no tricks with their terminal, and bars while they
wait."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

# C0, DEL and C1 (ECMA-48) command a terminal, line separators and bidirectional overrides
# (Unicode, UAX 9) shuffle what stands beside them, lone surrogates cannot be written, and what
# is no character cannot be in XML.
UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
# The line breaks between values are meant; those within them are escaped already.
UNSAFE_IN_JSON: Final = re.compile(rf"(?!\n){UNSAFE.pattern}")
REDRAW_SECONDS: Final = 0.1


def visible(text: str) -> str:
    r"""A text on one line, with ``\x1b`` and the like for what a terminal would obey."""
    return UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def count(number: int, noun: str, nouns: str = "") -> str:
    """``1 post``, ``1,234 posts``."""
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def json_text(value: Mapping[str, Any] | str, indent: int | None = None) -> str:
    """JSON (RFC 8259) without what a terminal would obey."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def json_lines(objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A JSON array with one object per line: easy to read, to diff and to stream."""
    last = ""
    for value in objects:
        yield f"{last}," if last else "["
        last = json_text(value)
    yield from (last, "]") if last else ("[]",)


# Takes a description, how much is done, and of how much (0 if nobody knows).
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Takes no notice of progress."""


@contextlib.contextmanager
def progress_bars() -> Iterator[Progress]:
    """Show how far a run is, on stderr, and leave nothing of it behind."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Drawn from here, not by a thread: processes are forked while the bars are shown.
    with Bars(*columns, console=console, transient=True, auto_refresh=False) as bars:
        tasks = {}
        drawn = float("-inf")

        def show(what: str, done: int, total: int) -> None:
            nonlocal drawn
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None)
            bars.update(tasks[what], completed=done, total=total or None)
            if bars.get_time() - drawn >= REDRAW_SECONDS:
                bars.refresh()
                drawn = bars.get_time()

        yield show
