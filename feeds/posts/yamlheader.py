"""A YAML header of any shape, as the text that its author wrote.

In: the lines between the delimiters. Out: a mapping whose scalars are text, the unquoted
ones marked :class:`~feeds.posts.frontmatter.Plain`. The grammar is libyaml's, as Psych's is;
the types of YAML 1.1 are not applied, since ``NO``, ``007`` and ``1:30`` are names too.

Values are built from events and not from PyYAML's nodes: its composer recurses in C, so a
file of brackets would end the whole program, and an alias costs nothing until it is walked.
"""

from __future__ import annotations

import re
from typing import Any, Final

import frontmatter
import yaml
from frontmatter.default_handlers import BaseHandler

from feeds.posts.frontmatter import MAX_DEPTH, MAX_VALUES, Plain, Value, is_null

# The wheels of PyYAML hold libyaml; a build from source may not.
_Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# Many directives cost libyaml quadratic time, and below ``---`` they are none.
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)

_OPENING: Final = "---\n"
_CLOSING: Final = "\n---"


class UnreadableError(ValueError):
    """The header is no YAML mapping; the message says why."""


def values(header: str) -> dict[str, Value]:
    """The values of a header; raises :class:`UnreadableError`."""
    found, _ = frontmatter.parse(f"{_OPENING}{header}{_CLOSING}", handler=_Header())
    return found  # type: ignore[return-value]  # parse() says object of what the handler made


class _Header(BaseHandler):
    """A header whose delimiters are known already."""

    def __init__(self) -> None:
        """Needs no boundary to split at."""

    def split(self, text: str) -> tuple[str, str]:
        return text[len(_OPENING) : -len(_CLOSING)], ""

    def load(self, fm: str) -> dict[str, Any]:
        if _DIRECTIVE.search(fm):
            raise UnreadableError("not YAML: a directive")
        try:
            value = _document(fm)
        except yaml.YAMLError as error:
            raise UnreadableError(f"not YAML: {_reason(error)}") from error
        except UnicodeEncodeError as error:
            raise UnreadableError("not YAML: a lone surrogate") from error
        if isinstance(value, dict):
            return value
        if is_null(value):
            return {}
        raise UnreadableError("not a mapping of keys to values")


def _document(text: str) -> Value:
    loader = _Loader(text)
    try:
        return _Values(loader).document()
    finally:
        loader.dispose()


def _reason(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return str(problem or error).splitlines()[0]


class _Values:
    """Builds one document; counts what it builds, an alias with all that it stands for."""

    def __init__(self, loader: Any) -> None:
        self.next = loader.get_event
        self.left = MAX_VALUES
        self.anchors: dict[str, tuple[Value, int]] = {}

    def document(self) -> Value:
        while True:
            event = self.next()
            if isinstance(event, yaml.StreamEndEvent):
                return Plain("")
            if not isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
                value = self._node(event, 0)
                self._end()
                return value

    def _end(self) -> None:
        self.next()  # of the document
        if not isinstance(self.next(), yaml.StreamEndEvent):
            raise UnreadableError("more than one document of YAML")

    def _node(self, event: yaml.Event, depth: int) -> Value:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, depth)
        if depth > MAX_DEPTH:
            raise UnreadableError("nested too deeply")
        before = self.left
        self._spend(1)
        if isinstance(event, yaml.ScalarEvent):
            value: Value = _text(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(depth)
        else:
            value = self._mapping(depth)
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.anchors[anchor] = value, before - self.left
        return value

    def _sequence(self, depth: int) -> Value:
        items: list[Value] = []
        while not isinstance(event := self.next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> Value:
        found: dict[str, Value] = {}
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            value = self._node(self.next(), depth + 1)
            if isinstance(key, Plain) and key == "<<":
                _merge(found, value)
            elif isinstance(key, str):
                found[str(key)] = value
        return found

    def _alias(self, anchor: str | None, depth: int) -> Value:
        if anchor is None or anchor not in self.anchors:
            raise UnreadableError(f"not YAML: nothing is named &{anchor} above")
        value, cost = self.anchors[anchor]
        self._spend(cost)
        if depth + _height(value) > MAX_DEPTH:
            raise UnreadableError("nested too deeply")
        return value

    def _spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise UnreadableError("more values than a header can hold")


def _text(event: yaml.ScalarEvent) -> str:
    return Plain(event.value) if event.implicit[0] else str(event.value)


def _height(value: Value) -> int:
    """How many levels are below a value; the alias that asks has paid for all of them."""
    if isinstance(value, str):
        return 0
    items = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_height, items), default=0)


def _merge(found: dict[str, Value], value: Value) -> None:
    """YAML's ``<<``: another mapping, or several of which the first wins."""
    if isinstance(value, dict):
        found.update(value)
    elif isinstance(value, list):
        for item in reversed(value):
            if isinstance(item, dict):
                found.update(item)
