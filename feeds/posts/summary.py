"""The summary of a post: plain text, short enough for a list.

In: HTML, sanitised or as somebody wrote it into a header. Out: text in one line.
"""

from __future__ import annotations

import html
import re
from typing import Final

SUMMARY_LENGTH: Final = 300  # characters, the ellipsis included

_REST: Final = r"(?:[^<>\"]|\"[^\"]*+\")*+>"
MARKUP: Final = re.compile(rf"<!--(?:(?!-->).)*+(?:-->|\Z)|</?[a-z]{_REST}", re.I | re.S)
# Inline markup stands within words, these between them.
BETWEEN: Final = re.compile(
    r"</?(?:article|aside|blockquote|br|center|dd|details|div|dl|dt|figcaption|figure|footer|h[1-6]"
    r"|header|hr|li|ol|p|pre|section|summary|t[dhr]|table|ul)\b",
    re.I,
)
EDGE: Final = re.compile(
    r"</?(?:article|aside|blockquote|center|dd|details|div|dl|dt|figure|footer|h[1-6]|header|hr"
    rf"|li|ol|p|pre|section|table|ul)\b{_REST}",
    re.I,
)
# The number of a footnote that is somewhere else.
NOTE: Final = re.compile(r"<sup\b[^<>]*+><a\b[^<>]*#fn:[^<>]*+>[^<>]*+</a></sup>")
SENTENCE_END: Final = re.compile(r"[。！？…][”’」』）]*|[.!?][\"'”’)]*(?=\s)")
# What belongs to the character before it: marks, joiners, variants, tones.
ATTACHED: Final = re.compile("[\u0300-\u036f\u200d\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
# A flag is a pair of letters.
FLAG_LETTERS: Final = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")


def summarised(content: str) -> str:
    """The first block of sanitised HTML that has text."""
    position = 0
    for match in EDGE.finditer(content):
        text = plain_text(content[position : match.start()])
        if text:
            return text
        position = match.end()
    return plain_text(content[position:])


def plain_text(content: str) -> str:
    """The text of HTML, white space collapsed, without the numbers of footnotes."""
    if "#fn:" in content:
        content = NOTE.sub("", content)
    text = MARKUP.sub(_space, content) if "<" in content else content
    return " ".join(html.unescape(text).split())


def _space(match: re.Match[str]) -> str:
    return " " if BETWEEN.match(match[0]) else ""


def shortened(text: str) -> str:
    """At most 300 characters, cut after a sentence, else after a word."""
    if len(text) <= SUMMARY_LENGTH:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, SUMMARY_LENGTH + 1)]
    ends = [end for end in ends if SUMMARY_LENGTH // 3 <= end <= SUMMARY_LENGTH]
    if ends:
        return text[: ends[-1]]
    longest = SUMMARY_LENGTH - 1
    space = text.rfind(" ", 0, longest + 1)
    cut = space if space > longest * 2 // 3 else _between_characters(text, longest)
    return f"{text[:cut].rstrip()}…"


def _between_characters(text: str, cut: int) -> int:
    """The last place up to ``cut`` that is not within what is seen as one character."""
    place = cut
    while place > cut // 2 and (ATTACHED.match(text, place) or text[place - 1] == "\u200d"):
        place -= 1
    letters = FLAG_LETTERS.search(text, 0, place)
    if letters and len(letters[0]) % 2:
        place -= 1
    return place if place > cut // 2 else cut
