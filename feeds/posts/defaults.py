"""Front matter that a configuration gives to many posts: Jekyll's ``defaults``.

In: the sets of the configuration and the path of a post. Out: one mapping, the values of the
more specific set on top. The rules are those of Jekyll::FrontmatterDefaults, without its look
at the disk: a glob is matched against the path of the post and the folders above it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from feeds.config import Defaults
from feeds.posts.frontmatter import Value, is_null, values_of

# A draft is a document of the collection posts too.
TYPES: Final = ("", "posts")

_RANGE: Final = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_CHARACTERS: Final = re.compile(r"([!^]?)([^\]/]+)\]")
_NOTHING: Final = re.compile(r"(?!)")


def defaults_for(
    path: str, sets: Sequence[Defaults], collections_dir: str = ""
) -> dict[str, Value]:
    """The default values of a post; ``path`` is relative to the site."""
    merged: dict[str, Value] = {}
    above: Defaults | None = None
    for one in sets:
        if one.type not in TYPES or not _applies(one.path, path, collections_dir):
            continue
        values = values_of(one.values)
        if above is None or _precedes(one, above):
            merged = merge(merged, values)
            above = one
        else:
            merged = merge(values, merged)
    return merged


def merge(under: dict[str, Value], over: dict[str, Value]) -> dict[str, Value]:
    """Jekyll's deep merge: mappings key by key, and null does not overwrite."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = merge(below, value)
        elif below is None or not is_null(value):
            merged[key] = value
    return merged


def _applies(scope: str, path: str, collections_dir: str) -> bool:
    if not scope:
        return True
    if "*" in scope:
        pattern = _glob(scope)
        above = path.rpartition("/")[0] if scope.endswith("/") else path
        return any(pattern.fullmatch(part) for part in _parts(above))
    prefix = f"{collections_dir}/" if collections_dir else ""
    return path.removeprefix(prefix).startswith(scope.removeprefix(prefix))


def _precedes(new: Defaults, old: Defaults) -> bool:
    new_length, old_length = len(_relative(new.path)), len(_relative(old.path))
    if new_length != old_length:
        return new_length > old_length
    return bool(new.type) or not old.type


def _relative(scope: str) -> str:
    return scope.strip("/") if scope.startswith("/") else scope


def _parts(path: str) -> Iterator[str]:
    """The path and every folder above it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


@lru_cache(maxsize=256)
def _glob(scope: str) -> re.Pattern[str]:
    """Ruby's Dir.glob as a regular expression over a whole path."""
    pattern, braces, rest = "", 0, scope.rstrip("/")
    while rest:
        if rest.startswith("**/"):
            pattern, rest = pattern + r"(?:[^./][^/]*/)*", rest[3:]
            continue
        char, rest = rest[0], rest[1:]
        if char == "*":
            pattern += r"(?<![^/])(?!\.)[^/]*" if not pattern or pattern.endswith("/") else "[^/]*"
        elif char == "?":
            pattern += "[^/]"
        elif char == "[" and (chars := _CHARACTERS.match(rest)):
            pattern, rest = pattern + _one_of(chars), rest[chars.end() :]
        elif char == "{":
            pattern, braces = pattern + "(?:", braces + 1
        elif char == "}" and braces:
            pattern, braces = pattern + ")", braces - 1
        elif char == "," and braces:
            pattern += "|"
        else:
            pattern += re.escape(char)
    try:
        return re.compile(pattern + ")" * braces)
    except re.error:
        return _NOTHING  # a range that runs backwards


def _range(found: re.Match[str]) -> str:
    return "-".join(re.escape(char) for char in found.groups() if char)


def _one_of(chars: re.Match[str]) -> str:
    # A hyphen between two characters makes a range of them; any other is one of the set.
    listed = _RANGE.sub(_range, chars[2])
    return f"[^{listed}/]" if chars[1] else f"[{listed}]"
