"""Character references in the values of HTML's attributes.

In: a value as it is written. Out: what browsers take it for (HTML 13.2.5.73): ``&amp;`` is
``&``, but ``&copy=`` and ``&copy2`` stay what they are, since old addresses hold parameters of
such names. In text, where :func:`html.unescape` is right, they are references.
"""

from __future__ import annotations

import html
import re
from html.entities import html5
from typing import Final

ENTITY: Final = re.compile(r"&(?:#[0-9]++;?|#[xX][0-9a-fA-F]++;?|[A-Za-z][A-Za-z0-9]*+(?:;|(?!=)))")


def attribute_value(written: str) -> str:
    """What an attribute means."""
    return ENTITY.sub(_character, written) if "&" in written else written


def _character(match: re.Match[str]) -> str:
    entity = match[0]
    if entity[1] == "#" or entity[1:] in html5:
        return html.unescape(entity)
    return entity
