"""What a template sees of a header: values with the types that YAML 1.1 gives them.

In: values as they are written. Out: plain Python values, for Liquid's ``page``.
"""

from __future__ import annotations

import re
from typing import Final

from feeds.posts.frontmatter import Plain, Value, is_false, is_null, is_true

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,30})")
_FLOAT: Final = re.compile(r"[-+]?[0-9][0-9_]{0,30}\.[0-9]{0,30}")


def typed(value: Value) -> object:
    """A value with its type: null, true and false, numbers, else the text."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return _typed_scalar(value) if isinstance(value, Plain) else value


def _typed_scalar(value: Plain) -> object:
    if is_null(value):
        return None
    if is_true(value) or is_false(value):
        return is_true(value)
    if _INTEGER.fullmatch(value):
        return int(value.replace("_", ""))
    if _FLOAT.fullmatch(value):
        return float(value.replace("_", ""))
    return str(value)
