"""A header that its parser refuses, read line by line instead.

In: the lines between the delimiters, and why they were refused. Out: every key that can be
had, and one problem for each line that could not be read as it stands. A key with its
continuation lines is tried alone first, so one bad title costs no list of tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from feeds.models import Level
from feeds.posts.frontmatter import Plain, Problem, Value, quick_values

KNOWN: Final = frozenset(
    """
    title date categories category tags tag topics layout slug permalink url published draft
    lastmod last_modified_at updated modified summary description excerpt subtitle author authors
    image cover thumbnail teaser header enclosure enclosures audio lang language id guid uuid
    aliases alias redirect_from weight
    """.split()  # noqa: SIM905 - a list of words is read more easily than a list of strings
)


def repaired(
    header: str, first_line: int, mark: str, reason: str
) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Values and problems; ``mark`` is what stands between a key and its value."""
    found: dict[str, Value] = {}
    problems: list[Problem] = []
    for offset, chunk in _chunks(header, mark):
        line = first_line + offset
        key, problem = _take(found, chunk, mark)
        if problem:
            what = f"{key}: {reason}" if key else f"front matter is {reason}"
            problems.append(Problem(line, Level.WARNING, what, problem))
    if not problems:
        done = "read line by line"
        problems.append(Problem(first_line, Level.WARNING, f"front matter is {reason}", done))
    return found, tuple(problems)


def _chunks(header: str, mark: str) -> Iterator[tuple[int, str]]:
    """Each key at the start of a line with the lines that belong to it, and its number."""
    key_line = re.compile(rf"""["']?[\w.-]+["']?[ \t]*{mark}(?:[ \t]|$)""")
    start, lines = 0, list[str]()
    for number, line in enumerate(header.split("\n")):
        if key_line.match(line) or (mark == "=" and line.startswith("[")):
            yield from _chunk(start, lines)
            start, lines = number, []
        elif not lines:
            start = number
        lines.append(line)
    yield from _chunk(start, lines)


def _chunk(start: int, lines: list[str]) -> Iterator[tuple[int, str]]:
    text = "\n".join(lines).rstrip()
    if text:
        yield start, text + "\n"


def _take(found: dict[str, Value], chunk: str, mark: str) -> tuple[str, str]:
    """Add what a chunk says; its key, and what was done if it could not be read as it is."""
    values = _readable(chunk, mark)
    if values is not None:
        found.update(values)
        return "", ""
    name, separator, rest = chunk.partition("\n")[0].partition(mark)
    key = name.strip().strip("\"'")
    if not separator or key not in KNOWN:
        return "", "line left out"
    text = rest.strip()
    found[key] = _unquoted(text)
    return key, "the rest of the line taken as text"


def _readable(chunk: str, mark: str) -> dict[str, Value] | None:
    """What the chunk says where it is good on its own."""
    if mark == "=":
        return _readable_toml(chunk)
    values = quick_values(chunk)
    if values is not None:
        return values
    from feeds.posts import yamlheader

    try:
        return yamlheader.values(chunk)
    except yamlheader.UnreadableError:
        return None


def _readable_toml(chunk: str) -> dict[str, Value] | None:
    from feeds.posts.frontmatter import toml_values

    try:
        return toml_values(chunk)
    except (ValueError, RecursionError):
        return None


def _unquoted(text: str) -> str:
    """The text without its outer quotes; a quote that is never closed goes too."""
    quote = text[:1]
    if quote not in ("'", '"') or not quote:
        return Plain(text)
    inner = text[1:]
    return inner.removesuffix(quote)
