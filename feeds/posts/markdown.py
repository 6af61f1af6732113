"""Markdown as HTML.

In: the text of a body. Out: HTML as it comes, raw HTML in it untouched. CommonMark with
tables, footnotes, definition lists, strikethrough and heading attributes; of kramdown's own
syntax, which CommonMark would print, what is meant for the page is left out: attribute
lists, the table of contents, comments and options.
"""

from __future__ import annotations

import re
from typing import Final

import pyromark

from feeds.posts.frontmatter import ILLEGAL

# Task lists stay text: their boxes are elements of a form.
EXTENSIONS: Final = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_DEFINITION_LIST
    | pyromark.Options.ENABLE_HEADING_ATTRIBUTES
)


def markdown(text: str) -> str:
    """HTML of Markdown without characters that XML forbids."""
    if "{:" in text or "markdown=" in text:
        text = _without_kramdown(text)
    written = pyromark.html(text, options=EXTENSIONS)
    return ILLEGAL.sub("", written) if "&#" in text else written


FENCE: Final = re.compile(r"[ \t]*(?P<mark>`{3,}|~{3,})(?P<rest>.*)")
CODE: Final = ("    ", "\t")
ATTRIBUTE_LINE: Final = re.compile(r"[ \t]*\{:[^{}\n]*\}[ \t]*")
CONTENTS_LINE: Final = re.compile(r"[ \t]*\{:.*\btoc\b.*")
LIST_ITEM: Final = re.compile(r"\s*(?:[*+-]|\d+\.)\s.*")
# Right behind what it belongs to, or at the end of the line; in a code span it is code.
ATTRIBUTE_LIST: Final = re.compile(r"(?<=[)\]*_`>])\{:[^{}\n]*\}(?!`)|[ \t]\{:[^{}\n]*\}[ \t]*$")
COMMENT_END: Final = re.compile(r"\{:/(?:comment)?\}")
COMMENT: Final = re.compile(
    r"(?<!`)\{::comment\}(?:(?!\{:/(?:comment)?\}).)*+(?:\{:/(?:comment)?\}|$)"
)
COMMENT_START: Final = re.compile(r"(?<!`)\{::comment\}")
EXTENSION: Final = re.compile(r"(?<!`)(?:\{::[^{}\n]*/?\}|\{:/[a-z]*\})")
PARSED_INSIDE: Final = re.compile(
    r"[ \t]*<[a-z][a-z0-9]*(?=\s)[^<>]*\smarkdown=[\"']?(?:1|block|span)[\"']?[^<>]*>[ \t]*"
)


def _without_kramdown(text: str) -> str:
    """The text without what kramdown does not print."""
    lines: list[str] = []
    fence = ""
    comment = False
    for line in text.split("\n"):
        if comment:
            end = COMMENT_END.search(line)
            if not end:
                continue
            line = line[end.end() :]
            comment = False
        if match := FENCE.match(line):
            fence = _fence_after(fence, match)
        if fence or line.startswith(CODE):
            lines.append(line)
            continue
        comment = _opens_comment(line)
        lines += _plain_lines(line, lines)
    return "\n".join(lines)


def _opens_comment(line: str) -> bool:
    starts = [match.end() for match in COMMENT_START.finditer(line)] if "{::" in line else []
    return bool(starts) and not COMMENT_END.search(line, starts[-1])


def _fence_after(fence: str, match: re.Match[str]) -> str:
    """The mark of the fence that is open below a line with marks, or nothing."""
    mark, rest = match["mark"], match["rest"]
    if fence:
        return "" if mark.startswith(fence) and not rest.strip() else fence
    return "" if "`" in mark and "`" in rest else mark


def _plain_lines(line: str, before: list[str]) -> list[str]:
    """What is left of a line that is no code."""
    if "{:" in line:
        if ATTRIBUTE_LINE.fullmatch(line) and not line.lstrip().startswith(("{::", "{:/")):
            # A table of contents takes the place of the list item above it.
            if CONTENTS_LINE.match(line) and before and LIST_ITEM.fullmatch(before[-1]):
                before.pop()
            return []
        line = ATTRIBUTE_LIST.sub("", EXTENSION.sub("", COMMENT.sub("", line)))
    # CommonMark reads Markdown within an element after an empty line only.
    return [line, ""] if PARSED_INSIDE.fullmatch(line) else [line]
