"""A title for a post that has none.

In: the slug of a file name, or the text of a body in Markdown or HTML. Out: words.
"""

from __future__ import annotations

import html
import re
from typing import Final

TITLE_LENGTH: Final = 60

# More than this of a body is never looked at: 60 characters come from its beginning.
_WINDOW: Final = 4_000

_NOT_TEXT: Final = re.compile(
    r"<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)>|\{%[^%]*%\}|\{\{[^}]*\}\}",
    re.DOTALL | re.IGNORECASE,
)
_TAG: Final = re.compile(r"<[^<>]*>?")
_IMAGE: Final = re.compile(r"!\[[^\]\[]*\](?:\([^()]*\)|\[[^\]\[]*\])")
_LINK: Final = re.compile(r"\[([^\]\[]*)\](?:\([^()]*\)|\[[^\]\[]*\]|\{[^{}]*\})?")
_LEAD: Final = re.compile(
    r"^[ \t]*(?:[>#*+|-]+|[0-9]+[.)]|[=-]{2,}|`{3,}.*|~{3,}.*)(?=[ \t]|$)", re.M
)
_QUOTE_LEAD: Final = re.compile(r"^[ \t]*(?:>[ \t]*)+", re.M)
# An underline within a word is a part of it.
_EMPHASIS: Final = re.compile(
    r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)|`|~~|\{:[^{}]*\}"
)


def titleized(slug: str) -> str:
    """Jekyll's title of a file: its slug's words, each with a capital."""
    words = slug.split("-")
    while words and not words[-1]:
        words.pop()
    return " ".join(word.capitalize() for word in words)


def first_words(body: str) -> str:
    """The first words of a text, at most 60 characters, without its markup."""
    text = _NOT_TEXT.sub(" ", body[:_WINDOW])
    text = _TAG.sub(" ", text)
    text = _LINK.sub(r"\1", _IMAGE.sub(" ", text))
    text = _LEAD.sub("", _QUOTE_LEAD.sub("", text))
    text = " ".join(html.unescape(_EMPHASIS.sub("", text)).split())
    return _shortened(text)


def _shortened(text: str) -> str:
    if len(text) <= TITLE_LENGTH:
        return text
    cut = text[: TITLE_LENGTH - 1]
    # Chinese has no spaces to cut at; a space near the end is better than half a word.
    space = cut.rfind(" ")
    if space > TITLE_LENGTH // 2 and text[TITLE_LENGTH - 1] != " ":
        cut = cut[:space]
    return f"{cut.rstrip()}…"
