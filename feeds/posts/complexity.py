"""How much work HTML is for a parser that follows the standard.

In: HTML as somebody wrote it. Out: what is too much in it, if anything is. WHATWG HTML asks
for some things whose cost grows with the square of the input: an element looks through all
that are open around it, inline elements that were not closed are opened again in every
block, a text is looked through to its end at every character that is to be escaped. No
article needs much of that; what does is taken for damaged, before it fills time and memory.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

# Nothing short, and nothing with few tags, can be much work.
FEW_TAGS: Final = 500
SHORT: Final = 50_000

# The bounds of a body: together they stand for one or two seconds and some 200 MB.
MOST_STEPS: Final = 100_000_000
REOPENED: Final = 400  # steps to open an inline element again
ESCAPED: Final = 100  # characters looked through in one step
MOST_ATTRIBUTES: Final = 2_000
FEW_SPECIALS: Final = 5_000

VOID: Final = frozenset(
    {
        *("area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img"),
        *("input", "keygen", "link", "meta", "param", "source", "track", "wbr"),
    }
)
# Elements that end where the next of their kind begins, so they nest within others only.
UNNESTED: Final = frozenset(
    {
        *("a", "dd", "dt", "li", "nobr", "optgroup", "option", "p", "rp", "rt"),
        *("tbody", "td", "tfoot", "th", "thead", "tr"),
    }
)
# The list of active formatting elements: they are opened again in the next block.
FORMATTING: Final = frozenset(
    {
        *("b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"),
    }
)
SAME_REOPENED: Final = 3
# Elements that may stand in a table only; elsewhere the text on both sides stays one.
OF_TABLES: Final = frozenset(
    ("caption", "col", "colgroup", "tbody", "td", "tfoot", "th", "thead", "tr")
)

_S: Final = r"[\t\n\f\r ]"
_ATTRIBUTES: Final = (
    rf"(?P<attributes>(?:[\t\n\f\r /]++|(?:=|[^\t\n\f\r />=])[^\t\n\f\r />=]*+"
    rf"(?:{_S}*+=(?:{_S}*+)(?:\"[^\"]*+\"|'[^']*+'|[^\t\n\f\r >\"'][^\t\n\f\r >]*+|(?=>))"
    rf"|(?!{_S}*+=)))*+)"
)
# The tokens of markup: comments, elements whose content is no markup, tags. What begins like
# one and has no end takes all that follows.
TOKEN: Final = re.compile(
    r"<!--(?:-?>|(?:(?!--!?>).)*+(?:--!?>|\Z))"
    r"|<(?P<raw>script|style|textarea|title|xmp|iframe|noembed|noframes|noscript)"
    rf"(?=[\t\n\f\r />])(?:(?!</(?P=raw)[\t\n\f\r />]).)*+(?:</[^>]*+>)?+"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\t\n\f\r />]*+){_ATTRIBUTES}>"
    r"|<[!?/][^a-z>][^>]*+(?:>|\Z)"
    r"|<[a-z/].*+",
    re.IGNORECASE | re.DOTALL,
)
ATTRIBUTE: Final = re.compile(r"[^\s/=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"']\S*+)?)?+")
# These end the quick search for what has to be escaped: "&", and what looks like "\xa0".
SPECIAL: Final = re.compile("[&\x80-\xbf]")


def excess(raw: str) -> str:
    """What is too much in HTML, in words; empty for whatever an article may hold."""
    if len(raw) < SHORT and raw.count("<") < FEW_TAGS:
        return ""
    open_tags = _OpenTags()
    nesting = escaping = text = 0
    special = len(SPECIAL.findall(raw)) > FEW_SPECIALS
    for token in TOKEN.finditer(raw):
        name = (token["name"] or "").lower()
        if not name:
            continue
        if len(token["attributes"]) > MOST_ATTRIBUTES and _count(token) > MOST_ATTRIBUTES:
            return f"a tag with more than {MOST_ATTRIBUTES} attributes"
        if special and not token["end"] and name not in OF_TABLES:
            escaping += _escaping(raw, text, token.start())
            text = token.start()
        nesting += open_tags.cost_after(name, token)
        if nesting > MOST_STEPS:
            return "elements nested too deeply or never closed"
    if special and escaping + _escaping(raw, text, len(raw)) > MOST_STEPS:
        return "a text too long for one paragraph"
    return ""


def _count(token: re.Match[str]) -> int:
    return len(ATTRIBUTE.findall(token["attributes"]))


def _escaping(raw: str, start: int, end: int) -> int:
    """The steps of escaping one text: each special character looks through the rest of it."""
    return len(SPECIAL.findall(raw, start, end)) * (end - start) // ESCAPED


class _OpenTags:
    """The elements that are open at a place, or more: never fewer than a parser has open."""

    def __init__(self) -> None:
        self.names: list[tuple[str, str]] = []
        self.formatting: Counter[str] = Counter()
        self.reopened = 0

    def cost_after(self, name: str, token: re.Match[str]) -> int:
        """The steps of what follows, up to the next tag."""
        if name not in VOID and name not in UNNESTED:
            if token["end"]:
                self._close(name)
            else:
                self._open(name, token[0])
        return len(self.names) + REOPENED * self.reopened

    def _open(self, name: str, tag: str) -> None:
        written = tag if name in FORMATTING else ""
        self.names.append((name, written))
        if written:
            self.formatting[written] += 1
            self.reopened += self.formatting[written] <= SAME_REOPENED

    def _close(self, name: str) -> None:
        # An end tag that does not fit may be ignored by a parser too.
        if not self.names or self.names[-1][0] != name:
            return
        written = self.names.pop()[1]
        if written:
            self.reopened -= self.formatting[written] <= SAME_REOPENED
            self.formatting[written] -= 1
