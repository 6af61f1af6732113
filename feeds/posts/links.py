"""The navigation of a post: the line with its source, and the lines with the way back.

In: the body of a post. Out: typed links with their lines, and where in the body they stand,
so that they can be left out of the content. Sites write them at the end of the body, after
the text, in forms that changed over the years:

* the source: ``<http://…>``, ``<>`` (empty), or a link or address after a word like ``来源：``;
* the way back: ``[返回滚动新闻](../news/)`` and ``[返回首页](//host/)``, on two lines or on one
  with a bar between, or the same as ``<a>``.

Only a run of such lines at the very end counts; the same in the text of the article is text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from feeds.models import Link, Role
from feeds.posts.entities import attribute_value
from feeds.posts.reading import Span

# More lines than this are no navigation, and no reason to look through a whole body.
MOST_LINES: Final = 12
LONGEST_LINE: Final = 4_000

BLANK: Final = " \t\n\u00a0\u3000"
WINDOW: Final = 1_024

BACK: Final = r"(?:[«‹←]\s*)?(?:返回|回到|[Bb]ack\s+to\s)"
HOME: Final = re.compile(
    rf"{BACK}\s*(?:网站|本站|the\s+)?(?:首页|主页|[Hh]ome(?:\s?page)?|[Ff]ront page)\s*"
)
# A word for the way back and nothing else; "back to" begins many a title.
CERTAIN: Final = re.compile(r"(?:[«‹←]\s*)?返回")

# A name of a page may hold brackets and spaces, which Markdown would not take.
_TARGET: Final = r"(?:[^\s()<>]++|\([^\s()<>]*\)|[ ](?=[^\s()<>\"]))*+"
_MARKDOWN_URL: Final = rf"\(\s*<?(?P<url>{_TARGET})>?(?:\s+\"[^\"]*\")?\s*\)"
_ANCHOR: Final = (
    r"<a\s(?:[^<>]*?\s)?href\s*=\s*(?P<quote>[\"']?)(?P<href>[^\"'<>\s]*)(?P=quote)[^<>]*>"
)
BACK_LINK: Final = re.compile(
    rf"\[(?P<label>\s*{BACK}[^\[\]]*)\]{_MARKDOWN_URL}"
    rf"|{_ANCHOR}(?P<text>\s*{BACK}[^<>]*)</a\s*>"
)
# What may stand around a link, and what between two of one line.
_WRAPPER: Final = r"</?(?:p|div|center|nav)\b[^<>]*>|<br\s*/?>"
WRAPPERS: Final = re.compile(rf"(?:\s|{_WRAPPER})+")
BETWEEN: Final = re.compile(rf"(?:[\s|｜/·•，,–—-]|&nbsp;|{_WRAPPER})+")
SOURCE_WORD: Final = r"(?:(?:原文|文章)?(?:来源|链接|出处|地址)|[Ss]ource|[Vv]ia)\s*[:：]\s*"
SOURCE: Final = re.compile(
    rf"(?:{SOURCE_WORD})?<(?P<auto>(?:(?i:https?):)?//[^\s<>]*)?>"
    rf"|{SOURCE_WORD}(?:(?P<bare>(?i:https?)://[^\s<>]+)"
    rf"|\[(?P<label>[^\[\]]*)\]{_MARKDOWN_URL}"
    rf"|{_ANCHOR}(?P<text>[^<>]*)</a\s*>)"
)
INDENTED_CODE: Final = re.compile(r"(?: {4}| {0,3}\t)\s*[\[<](?!/?[A-Za-z]+[\s/>])")


class Navigation(NamedTuple):
    """The links of a post's navigation, in their order, and where they stand in its body."""

    links: tuple[Link, ...] = ()
    spans: tuple[Span, ...] = ()


NONE: Final = Navigation()


def navigation(body: str, first_line: int) -> Navigation:
    """The navigation at the end of a body whose first line is ``first_line`` of the file."""
    lines, above = _ways_back(body)
    source = _source(body, above, certain=bool(lines)) if above else None
    if source:
        lines.append(source)
    if not lines:
        return NONE
    start = lines[-1].begin
    # The lines of a long body are counted once.
    line_of_start = first_line + body.count("\n", 0, start)
    typed = [
        Link(*found, line_of_start + body.count("\n", start, line.begin))
        for line in reversed(lines)
        for found in line.found
    ]
    return Navigation(tuple(typed), ((start, len(body)),))


class _Found(NamedTuple):
    role: Role
    label: str
    url: str


class _Line(NamedTuple):
    """A line of the body, where it begins, and the links that it consists of."""

    begin: int
    text: str
    found: Sequence[_Found]


# --- the way back ------------------------------------------------------------------------


def _ways_back(body: str) -> tuple[list[_Line], _Line | None]:
    """The lines with ways back at the end of a body, the last one first, and the one above."""
    lines: list[_Line] = []
    above = None
    end = len(body)
    for _ in range(MOST_LINES):
        line = _last_line(body, end)
        if not line.found and not WRAPPERS.fullmatch(line.text):
            above = line
            break
        lines.append(line)
        end = line.begin
    while lines and not lines[-1].found and _closes(lines[-1]):
        lines.pop()
        above = None
    if lines and not any(_lead_back(line.found) for line in lines):
        return [], None
    return lines, above


def _closes(line: _Line) -> bool:
    """Whether the line ends an element of the text, so that it stays there."""
    return line.text.startswith("</")


def _back_links(text: str) -> Sequence[_Found]:
    """The links of a line that holds nothing but ways back, else none."""
    if "返回" not in text and "回到" not in text and "ack" not in text:  # most lines
        return ()
    return _read_back_links(text)


@lru_cache(maxsize=1024)  # the posts of a term all lead back to one page
def _read_back_links(text: str) -> tuple[_Found, ...]:
    found: list[_Found] = []
    position = _end_of(BETWEEN, text, 0)
    while match := BACK_LINK.match(text, position):
        label = html.unescape(match["label"] or match["text"]).strip()
        url = match["url"] if match["label"] else attribute_value(match["href"])
        role = Role.BACK_HOME if HOME.fullmatch(label) else Role.BACK_CATEGORY
        found.append(_Found(role, label, url))
        position = _end_of(BETWEEN, text, match.end())
    return tuple(found) if position == len(text) else ()


def _lead_back(found: Iterable[_Found]) -> bool:
    """Whether links are navigation of the site, and not an article called "Back to …"."""
    return any(link.role is Role.BACK_HOME or CERTAIN.match(link.label) for link in found)


# --- the source --------------------------------------------------------------------------


def _source(body: str, line: _Line, certain: bool) -> _Line | None:
    """The last line before the ways back as the one with the source, if it is.

    It is for certain above ways back or with a word of its own. Otherwise it has to be a
    paragraph: an address at the end of a paragraph belongs to its text.
    """
    text = line.text
    start = _end_of(WRAPPERS, text, 0)
    match = SOURCE.match(text, start)
    if match is None or _end_of(WRAPPERS, text, match.end()) != len(text):
        return None
    if not certain and text.startswith("<", start) and not _stands_alone(body, line.begin):
        return None
    label = html.unescape(match["label"] or match["text"] or "").strip()
    url = match["auto"] or match["bare"] or match["url"] or attribute_value(match["href"] or "")
    return _Line(line.begin, text, (_Found(Role.SOURCE, label, url),))


def _stands_alone(body: str, begin: int) -> bool:
    """Whether the line above is blank, or ends an element of HTML, or there is none."""
    above = body[max(0, begin - WINDOW) : begin].removesuffix("\n").rpartition("\n")[2]
    return not above.strip(BLANK) or above.rstrip(BLANK).endswith(">")


# --- lines -------------------------------------------------------------------------------


def _last_line(body: str, end: int) -> _Line:
    """The last line before ``end`` that is not blank."""
    while end and body[end - 1] in BLANK:
        window = body[max(0, end - WINDOW) : end]
        end -= len(window) - len(window.rstrip(BLANK))
    begin = body.rfind("\n", 0, end) + 1
    text = "" if _is_text(body, begin, end) else body[begin:end].strip()
    return _Line(begin, text, _back_links(text))


def _is_text(body: str, begin: int, end: int) -> bool:
    """Whether a line cannot be navigation: it is too long, or shown as code."""
    if end - begin > LONGEST_LINE:
        return True
    return body.startswith((" ", "\t"), begin) and INDENTED_CODE.match(body, begin, end) is not None


def _end_of(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
