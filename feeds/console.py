"""What commands print and say: the only module that prints.

Results go to stdout, messages and bars to stderr. Nothing of a file's name, a post's title or an
argument may reach a terminal unescaped: whoever prints one calls
:func:`~feeds.terminal.visible`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from feeds.errors import OutputError
from feeds.models import Finding
from feeds.terminal import Progress, json_lines, json_text, progress_bars, silent, visible

# Exit codes beside those of errors: found what it was asked to fail on; interrupted, as shells
# have it.
FOUND: Final = 1
INTERRUPTED: Final = 130


def print_json(value: Mapping[str, Any]) -> None:
    """A result for programs, indented for those who look at it all the same."""
    print_line(json_text(value, indent=2).encode())


def print_json_lines(objects: Iterable[Mapping[str, Any]]) -> None:
    """A JSON array, each object on a line of its own."""
    for line in json_lines(objects):
        print_line(line.encode())  # UTF-8 (RFC 8259), whatever the terminal speaks


def print_line(text: str | bytes) -> None:
    """A line of the result. Whoever closed the pipe has seen enough, which is no failure."""
    try:
        click.echo(text, color=colour())
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"standard output: cannot be written: {reason}") from error


def _silence() -> None:
    """What is still to be flushed at exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(line: str) -> None:
    """A message; where nobody can read it the exit code is all there is."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True, color=colour())


def report(findings: Iterable[Finding], verbose: bool = True) -> None:
    """Findings, a line each, and how many there are of each level.

    On a terminal, unless ``verbose``, only a few of those that are alike.
    """
    from feeds.summary import report_lines

    for line in report_lines(list(findings), verbose or not sys.stderr.isatty()):
        say(line)


@contextlib.contextmanager
def bar() -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield silent
        return
    with progress_bars() as show:
        yield show


def colour() -> bool | None:
    """Never any if NO_COLOR is set (no-color.org), else where there is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def relative(path: Path) -> str:
    """A path as seen from here, if it is below."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def site_argument(site: Path) -> str:
    """SITE as it is to be written behind a command."""
    import shlex

    return "" if site == Path() else visible(f" {shlex.quote(str(site))}")
