"""The header of a file: where it ends and what it says.

In: the text of a file with ``\\n`` line ends. Out: its values as they are written, where its
body begins, and what had to be repaired. YAML between ``---`` is read on every site exactly
where Jekyll sees it (Jekyll::Document::YAML_FRONT_MATTER_REGEXP); TOML between ``+++`` and a
JSON object, as Hugo and Zola use them, on the sites of other generators only.

Scalars stay text. One that stands without quotes is a :class:`Plain`, so that whoever asks
for a date, a number or a truth value can tell ``false`` from ``"false"`` and nobody loses
the zeros of ``007``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple, TypeAlias

from feeds.models import Level
from feeds.values import dataclass


class Plain(str):
    """A scalar that is written without quotes, so it may be more than text."""

    __slots__ = ()


Value: TypeAlias = "str | list[Value] | dict[str, Value]"

NULLS: Final = frozenset(("", "~", "null"))
TRUTHS: Final = frozenset(("true", "yes", "on"))
FALSEHOODS: Final = frozenset(("false", "no", "off"))

MAX_DEPTH: Final = 40
MAX_VALUES: Final = 20_000

# XML 1.0 section 2.2, and what no JSON and no YAML escape may bring back.
ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def is_null(value: Value | None) -> bool:
    """Whether a value is missing or YAML's null, which is not the empty text."""
    return value is None or (isinstance(value, Plain) and value.lower() in NULLS)


def is_true(value: Value | None) -> bool:
    """Whether a value is YAML's true; the text "true" is not."""
    return isinstance(value, Plain) and value.lower() in TRUTHS


def is_false(value: Value | None) -> bool:
    """Whether a value is YAML's false; the text "false" is not."""
    return isinstance(value, Plain) and value.lower() in FALSEHOODS


class Problem(NamedTuple):
    """Something wrong in a header: the line of the file, and what was done about it."""

    line: int
    level: Level
    what: str
    done: str


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """A header: ``values`` as written, ``body`` the offset at which the text begins.

    ``line`` is the line of its first delimiter, 0 where there is no header; ``header`` the
    lines below that one, up to the last delimiter. ``displaced`` says that blank lines stand
    above it, so that Jekyll does not see it. With a problem of level error the file is no post.
    """

    values: dict[str, Value]
    body: int = 0
    line: int = 0
    header: str = ""
    displaced: bool = False
    problems: tuple[Problem, ...] = ()

    def line_of(self, key: str) -> int:
        """The line of the file that a key stands on, else the line of the header."""
        written = rf"""["']?{re.escape(key)}["']?[ \t]*[:=]"""
        found = re.search(f"^{written}", self.header, re.MULTILINE)
        # JSON is indented; in the others an indented key belongs to another one.
        found = found or re.search(rf"^[ \t]+{written}", self.header, re.MULTILINE)
        if found is None:
            return max(self.line, 1)
        return self.line + 1 + self.header.count("\n", 0, found.start())


def split(text: str, jekyll: bool) -> FrontMatter:
    """Read the header of a text; ``jekyll`` leaves TOML and JSON alone, as Jekyll does."""
    if text.startswith("---"):
        found = _yaml(text, 0)
        if found is not None:
            return found
    elif not jekyll and text.startswith(("+++", "{")):
        return _other(text, 0) or FrontMatter({})
    elif text[:1] in ("\n", " ", "\t"):
        return _displaced(text, jekyll) or FrontMatter({})
    return FrontMatter({})


_OPENING: Final = re.compile(r"---[ \t\r]*\n")
_CLOSING: Final = re.compile(r"\n(?:---|\.\.\.)\s*$\n?", re.MULTILINE | re.ASCII)
_TOML_OPENING: Final = re.compile(r"\+\+\+[ \t\r]*\n")
_TOML_CLOSING: Final = re.compile(r"\n\+\+\+\s*$\n?", re.MULTILINE | re.ASCII)
_JSON_OPENING: Final = re.compile(r'\{\s*["}]')
_BLANK: Final = re.compile(r"[ \t\r\n]*\n(?=---|\+\+\+|\{)")
_BLANKS: Final = re.compile(r"\s*(?:\n|\Z)", re.ASCII)
_LOOKS_LIKE_KEY: Final = re.compile(r"\s*[\w-]+[ \t]*[:=]")


def _displaced(text: str, jekyll: bool) -> FrontMatter | None:
    """A header below blank lines; a rule of dashes below blank lines is none."""
    blank = _BLANK.match(text)
    if blank is None:
        return None
    start = blank.end()
    opening = _OPENING.match(text, start)
    if opening:
        if _LOOKS_LIKE_KEY.match(text, opening.end()) is None:
            return None
        return _yaml(text, start)
    return None if jekyll else _other(text, start)


def _yaml(text: str, start: int) -> FrontMatter | None:
    opening = _OPENING.match(text, start)
    if opening is None:
        return None
    # The line end of the opening may be the one that the closing stands behind.
    closing = _CLOSING.search(text, opening.end() - 1)
    line = text.count("\n", 0, start) + 1
    if closing is None:
        return _unclosed(line, "---")
    header = text[opening.end() : closing.start() + 1]
    quick = quick_values(header)
    if quick is not None and start == 0:
        return FrontMatter(quick, closing.end(), line, header)
    values, problems = _full_values(header, line + 1) if quick is None else (quick, ())
    return _front_matter(values, closing.end(), line, header, start > 0, problems)


def _full_values(header: str, first_line: int) -> tuple[dict[str, Value], tuple[Problem, ...]]:
    from feeds.posts import yamlheader

    try:
        return yamlheader.values(header), ()
    except yamlheader.UnreadableError as error:
        from feeds.posts.repair import repaired

        return repaired(header, first_line, ":", str(error))


def _other(text: str, start: int) -> FrontMatter | None:
    if _JSON_OPENING.match(text, start):
        return _json(text, start)
    opening = _TOML_OPENING.match(text, start)
    return _toml(text, start, opening.end()) if opening else None


def _toml(text: str, start: int, after: int) -> FrontMatter:
    closing = _TOML_CLOSING.search(text, after - 1)
    line = text.count("\n", 0, start) + 1
    if closing is None:
        return _unclosed(line, "+++")
    header = text[after : closing.start() + 1]
    problems: tuple[Problem, ...] = ()
    try:
        values = toml_values(header)
    except ValueError as error:
        from feeds.posts.repair import repaired

        values, problems = repaired(header, line + 1, "=", str(error))
    return _front_matter(values, closing.end(), line, header, start > 0, problems)


def _json(text: str, start: int) -> FrontMatter:
    import json

    decoder = json.JSONDecoder(parse_float=Plain, parse_int=Plain, parse_constant=Plain)
    line = text.count("\n", 0, start) + 1
    try:
        found, end = decoder.raw_decode(text, start)
        values = values_of(found)
    except json.JSONDecodeError as error:
        return _failed(error.lineno, f"front matter is not JSON: {error.msg}")
    except (ValueError, RecursionError):
        return _failed(line, "front matter is nested too deeply")
    blank = _BLANKS.match(text, end)
    body = blank.end() if blank else end
    header = text[start:end].partition("\n")[2]
    return _front_matter(values, body, line, header, start > 0, ())


def _front_matter(
    values: dict[str, Value],
    body: int,
    line: int,
    header: str,
    displaced: bool,
    problems: tuple[Problem, ...],
) -> FrontMatter:
    found, illegal = _legal_mapping(values)
    if illegal:
        line_of_it = _line_of_illegal(values, line, header)
        what = f"{illegal} escaped character{'s' * (illegal > 1)} that XML forbids"
        problems = (*problems, Problem(line_of_it, Level.WARNING, what, "removed"))
    if displaced:
        what = "front matter begins below blank lines"
        problems = (Problem(line, Level.WARNING, what, "read all the same"), *problems)
    return FrontMatter(found, body, line, header, displaced, problems)


# A control character, a half of a pair or a noncharacter, as YAML, TOML and JSON escape one.
_ESCAPED: Final = re.compile(
    r"\\(?:[0abefv]|x[01][0-9a-f]|(?:u|U0000)(?:00[01][0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]))",
    re.IGNORECASE,
)


def _line_of_illegal(values: dict[str, Value], line: int, header: str) -> int:
    """The line of the first character that XML forbids, else that of the header."""
    key = next((key for key, value in values.items() if _legal_mapping({key: value})[1]), "")
    found = _ESCAPED.search(header, max(header.find(key), 0))
    return line + 1 + header.count("\n", 0, found.start()) if found else line


def _unclosed(line: int, mark: str) -> FrontMatter:
    return _failed(line, f"front matter is never closed by {mark}")


def _failed(line: int, what: str) -> FrontMatter:
    return FrontMatter({}, line=line, problems=(Problem(line, Level.ERROR, what, "left out"),))


# --- TOML and JSON as values ------------------------------------------------------------


# tomllib takes quadratic time for a key of many parts.
_DEEP_KEY: Final = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_DEPTH}}}"""
)


def toml_values(header: str) -> dict[str, Value]:
    """The values of a TOML document; raises ``ValueError``, which says why it is none."""
    import tomllib

    if _DEEP_KEY.search(header):
        raise ValueError("nested too deeply")
    try:
        found = tomllib.loads(header, parse_float=Plain)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValueError as error:
        # Its own place in the text follows in parentheses, counted from the header.
        raise ValueError(f"not TOML: {str(error).partition(' (')[0]}") from error
    return values_of(found)


def values_of(found: Mapping[str, Any]) -> dict[str, Value]:
    """What TOML, JSON or a configuration holds, in the shape of a header.

    Raises ``ValueError`` for what is nested deeper than ``MAX_DEPTH``.
    """
    return {key: _value(item, 1) for key, item in found.items()}


def _value(found: Any, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(found, str):
        return found
    if isinstance(found, Mapping):
        return {key: _value(item, depth + 1) for key, item in found.items()}
    if isinstance(found, list):
        return [_value(item, depth + 1) for item in found]
    if isinstance(found, bool):
        return Plain("true" if found else "false")
    if isinstance(found, datetime | date | time):
        return Plain(found.isoformat())
    return Plain("" if found is None else str(found))


def _legal(value: Value) -> tuple[Value, int]:
    """A value without the characters that XML forbids, and how many they were."""
    if isinstance(value, str):
        if ILLEGAL.search(value) is None:
            return value, 0
        text, count = ILLEGAL.subn("", value)
        return (Plain(text) if isinstance(value, Plain) else text), count
    if isinstance(value, list):
        pairs = [_legal(item) for item in value]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    return _legal_mapping(value)


def _legal_mapping(values: dict[str, Value]) -> tuple[dict[str, Value], int]:
    found: dict[str, Value] = {}
    total = 0
    for key, value in values.items():
        key, in_key = ILLEGAL.subn("", key)
        found[key], in_value = _legal(value)
        total += in_key + in_value
    return found, total


# --- the plain shapes of YAML ------------------------------------------------------------

# What libyaml takes for a line end, or does not take at all.
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_CHAR: Final = rf"[^{_CONTROL} :#]"
_FIRST: Final = rf"[^{_CONTROL} :#\-?,\[\]{{}}&*!|>'\"%@`]"
_PLAIN: Final = rf"{_FIRST}{_CHAR}*(?:(?: +|:){_CHAR}+)*"
_DOUBLE: Final = rf'"([^"\\{_CONTROL}]*)"'
_SINGLE: Final = rf"'([^'{_CONTROL}]*)'"

_FLOW_CHAR: Final = rf"[^{_CONTROL} :#,\[\]{{}}]"
_FLOW_PLAIN: Final = rf"{_FIRST}{_FLOW_CHAR}*(?: +{_FLOW_CHAR}+)*"
_FLOW_ITEM: Final = (
    rf"(?:{_FLOW_PLAIN}|\"[^\"\\{_CONTROL}]*\"|'[^'{_CONTROL}]*')"  # as below, without groups
)
_FLOW: Final = rf" *(?:{_FLOW_ITEM} *(?:, *{_FLOW_ITEM} *)*)?"

_END: Final = r" *(?:\n+|\Z)"
_SCALAR: Final = rf"(?:({_PLAIN})|{_DOUBLE}|{_SINGLE})"
_KEY: Final = r"([A-Za-z_][A-Za-z0-9_-]{0,60}):"
_KEY_LINE: Final = re.compile(rf"{_KEY}(?: +(?:{_SCALAR}|\[({_FLOW})\]))?{_END}")
_ITEM_LINE: Final = re.compile(rf"( *)- +{_SCALAR}{_END}")
_FLOW_ITEMS: Final = re.compile(rf"({_FLOW_PLAIN})|{_DOUBLE}|{_SINGLE}")


def quick_values(header: str) -> dict[str, Value] | None:
    """The values of a header of plain shapes, or ``None``: ask a YAML parser.

    Keys at the start of a line, each with one scalar on the line, a list in brackets, or a
    list of scalars below it. What it takes, it takes as libyaml does.
    """
    values: dict[str, Value] = {}
    position, end = 0, len(header)
    match = _KEY_LINE.match
    while position < end:
        line = match(header, position)
        if line is None:
            return None
        position = line.end()
        kind = line.lastindex
        if kind == 2:
            values[line[1]] = Plain(line[2])
        elif kind == 5:
            values[line[1]] = [_scalar(item, 1) for item in _FLOW_ITEMS.finditer(line[5])]
        elif kind == 1:
            values[line[1]], position = _block_list(header, position)
        else:
            values[line[1]] = line[kind or 0]
    return values


def _block_list(header: str, position: int) -> tuple[Value, int]:
    """The list that begins here, or null where none does."""
    items: list[Value] = []
    indent = None
    while line := _ITEM_LINE.match(header, position):
        if indent is not None and line[1] != indent:
            break
        indent = line[1]
        items.append(_scalar(line, 2))
        position = line.end()
    return (items or Plain("")), position


def _scalar(found: re.Match[str], plain: int) -> str:
    kind = found.lastindex or plain
    return Plain(found[kind]) if kind == plain else found[kind]
