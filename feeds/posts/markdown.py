"""Markdown as HTML.

In: the text of a body. Out: HTML as it comes, raw HTML in it untouched. CommonMark with
tables, footnotes, definition lists, strikethrough and heading attributes; of kramdown's own
syntax, which CommonMark would print, what is meant for the page is left out: attribute
lists, the table of contents, comments and options. Emphasis that begins or ends with a mark
of punctuation needs a space on its other side in CommonMark; Chinese and Japanese have none,
so there it is found as kramdown finds it.
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

# Where a footnote lies is told as kramdown and Goldmark do: the post's page has it there.
NOTE: Final = '<sup class="footnote-reference"><a href="#'


def markdown(text: str) -> str:
    """HTML of Markdown without characters that XML forbids."""
    if "{:" in text or "markdown=" in text:
        text = _without_kramdown(text)
    emphasised = ("*" in text or "~" in text) and not text.isascii()
    written = _emphasised(text) if emphasised else pyromark.html(text, options=EXTENSIONS)
    if "[^" in text:
        written = written.replace(NOTE, f"{NOTE}fn:")
    return _legal(written, text)


def _legal(written: str, text: str) -> str:
    return ILLEGAL.sub("", written) if "&#" in text else written


# Stands between a mark of emphasis and punctuation, so that to CommonMark there is none; no
# text has it, and it is in no result.
LETTER: Final = "\ufdd1"
ENCODED_LETTER: Final = "%EF%B7%91"  # in an address
MARKS: Final = re.compile(r"\*+|~~+")
CJK: Final = re.compile(
    "[\u1100-\u11ff\u2e80-\ud7ff\uf900-\ufaff\uff10-\uffdc\U00020000-\U0003ffff]"
)
CJK_PUNCTUATION: Final = re.compile(
    "[\u2013-\u201f\u2026\u3001-\u3004\u3008-\u301f\u30fb\ufe10-\ufe1f\ufe30-\ufe6f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)
# A backslash takes the mark behind it along; a line upright parts the cells of a table.
PUNCTUATION: Final = re.compile(r"[^\w\s\\|*~]|_")


def _emphasised(text: str) -> str:
    written = pyromark.html(MARKS.sub(_apart, text), options=EXTENSIONS)
    return written.replace(LETTER, "").replace(ENCODED_LETTER, "")


def _apart(match: re.Match[str]) -> str:
    """Marks of emphasis, with a letter between them and the punctuation on one side."""
    text, marks = match.string, match[0]
    before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
    if _stand_apart(before, after):
        return f"{marks}{LETTER}"
    return f"{LETTER}{marks}" if _stand_apart(after, before) else marks


def _stand_apart(letter: str, mark: str) -> bool:
    """Whether a letter and a mark of punctuation meet where CommonMark wants a space."""
    if not PUNCTUATION.match(mark) or not letter.isalnum():
        return False
    return CJK.match(letter) is not None or CJK_PUNCTUATION.match(mark) is not None


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
