"""Values in, the same values without characters that XML 1.0 section 2.2 forbids out."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

# What is left out, not what is let through: that would take 3 ms of every start to compile.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def legal(value: T) -> T:
    """A text, a tuple or a dataclass, with illegal characters removed at any depth."""
    return _legal(value)  # type: ignore[no-any-return]  # each branch keeps the type


def _legal(value: Any) -> Any:
    if type(value) is str:
        return ILLEGAL.sub("", value)
    if isinstance(value, tuple):
        return tuple(map(_legal, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _legal(getattr(value, f.name)) for f in fields(value)})
    return value
