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
from feeds.posts.frontmatter import Plain, Problem, Value, quick_values, toml_values

KNOWN: Final = frozenset(
    """
    title date pubdate publishDate publish_date lastmod last_modified_at updated modified
    categories category tags tag topics layout slug permalink url published draft summary
    description excerpt subtitle author authors image cover thumbnail teaser header enclosure
    enclosures audio lang language id guid uuid aliases alias redirect_from weight
    """.split()  # noqa: SIM905 - a list of words is read more easily than a list of strings
)
# What is a list as often as a text; a title in brackets is a title.
LISTS: Final = frozenset(
    {
        *("categories", "category", "tags", "tag", "topics"),
        *("author", "authors", "aliases", "alias", "redirect_from"),
    }
)

# YAML wants a space behind the colon; who forgets it behind a known key means one all the same.
_NAME: Final = r"""["']?[\w.-]+["']?[ \t]*"""
_KEY_LINES: Final = {
    ":": re.compile(rf"{_NAME}:(?:[ \t]|$)|(?:{'|'.join(sorted(KNOWN))}):"),
    "=": re.compile(rf"{_NAME}=|\["),
}


def repaired(
    header: str, first_line: int, mark: str, reason: str
) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    """Values and problems; ``mark`` is what stands between a key and its value."""
    found: dict[str, Value] = {}
    problems: list[Problem] = []
    for offset, chunk in _chunks(header, mark):
        try:
            values = _readable(chunk, mark)
        except ValueError as error:
            values, what, done = _salvaged(chunk, mark, str(error))
            problems.append(Problem(first_line + offset, Level.WARNING, what, done))
        for key, value in values.items():
            # The last of two wins in YAML; in TOML the second is one of a table below.
            if mark == ":" or key not in found:
                found[key] = value
    if not problems:
        done = "read line by line"
        problems.append(Problem(first_line, Level.WARNING, f"front matter is {reason}", done))
    return found, tuple(problems)


def _chunks(header: str, mark: str) -> Iterator[tuple[int, str]]:
    """Each key at the start of a line with the lines that belong to it, and its number."""
    key_line = _KEY_LINES[mark]
    start, lines = 0, list[str]()
    for number, line in enumerate(header.split("\n")):
        if key_line.match(line):
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


def _readable(chunk: str, mark: str) -> dict[str, Value]:
    """What the chunk says where it is good on its own; raises ``ValueError``."""
    if mark == "=":
        return toml_values(chunk)
    values = quick_values(chunk)
    if values is not None:
        return values
    from feeds.posts import yamlheader

    return yamlheader.values(chunk)


def _salvaged(chunk: str, mark: str, reason: str) -> tuple[dict[str, Value], str, str]:
    """What can be had of a chunk that is not good, what is wrong, and what was done."""
    name, separator, written = chunk.partition(mark)
    key = name.strip().strip("\"'")
    if not separator or key not in KNOWN:
        return {}, f"front matter is {reason}", "left out"
    items = _items(written.strip()) if key in LISTS else []
    if items:
        return {key: items}, f"{key}: {reason}", "its items taken as text"
    line, _, below = written.partition("\n")
    done = "the rest of the line taken as text"
    if below.strip():
        done = f"{done}, the lines below it left out"
    return {key: _unquoted(line.strip())}, f"{key}: {reason}", done


_BETWEEN_BRACKETS: Final = re.compile(r"\[([^\[\]]*)\]")
_IN_BRACKETS: Final = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,]+)""")
_DASHES: Final = re.compile(r"(?:^[ \t]*-[ \t][^\n]*\n*)+", re.MULTILINE)
_BEHIND_DASH: Final = re.compile(r"^[ \t]*-[ \t](.*)", re.MULTILINE)


def _items(written: str) -> list[Value]:
    """The items of a list of scalars, in brackets or behind dashes; none if it is no list."""
    brackets = _BETWEEN_BRACKETS.fullmatch(written)
    if brackets:
        items = _IN_BRACKETS.findall(brackets[1])
    elif _DASHES.fullmatch(written):
        items = _BEHIND_DASH.findall(written)
    else:
        items = []
    return [_unquoted(item) for item in map(str.strip, items) if item]


def _unquoted(text: str) -> str:
    """The text without its outer quotes; a quote that is never closed goes too.

    Quotes around the first words belong to the words.
    """
    quote, inner = text[:1], text[1:]
    if quote not in ("'", '"'):
        return Plain(text)
    if inner.endswith(quote):
        return _unescaped(text) or inner[:-1]
    return text if quote in inner else inner


def _unescaped(text: str) -> str:
    r"""A text in quotes as JSON reads it, where YAML wants no half of a pair: ``"\ud83d"``."""
    if "\\u" not in text:
        return ""
    import json

    try:
        return str(json.loads(text))
    except ValueError:
        return ""
