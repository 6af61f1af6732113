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
from typing import Final, NamedTuple

from feeds.models import Link, Role
from feeds.posts.reading import Span

# More lines than this are no navigation, and no reason to look through a whole body.
MOST_LINES: Final = 12
LONGEST_LINE: Final = 4_000

BACK: Final = r"(?:返回|回到|[Bb]ack\s+to\s)"
HOME: Final = re.compile(
    rf"{BACK}\s*(?:网站|本站|the\s+)?(?:首页|主页|[Hh]ome(?:\s?page)?|[Ff]ront page)\s*"
)
BACK_LINK: Final = re.compile(
    rf"\[(?P<label>\s*{BACK}[^\[\]]*)\]\(\s*<?(?P<url>[^\s()<>]*)>?(?:\s+\"[^\"]*\")?\s*\)"
    rf"|<a\s(?:[^<>]*?\s)?href\s*=\s*(?P<quote>[\"']?)(?P<href>[^\"'<>\s]*)(?P=quote)[^<>]*>"
    rf"(?P<text>\s*{BACK}[^<>]*)</a>"
)
# What may stand between two links of one line, or around them.
BETWEEN: Final = re.compile(r"(?:[\s|｜/·•，,]|&nbsp;|<br\s*/?>|</?(?:p|div|center|nav)\b[^<>]*>)*")
SOURCE_WORD: Final = r"(?:(?:原文|文章)?(?:来源|链接|出处|地址)|[Ss]ource|[Vv]ia)\s*[:：]\s*"
SOURCE: Final = re.compile(
    rf"(?:{SOURCE_WORD})?<(?P<auto>(?:https?:)?//[^\s<>]*)?>"
    rf"|{SOURCE_WORD}(?:(?P<bare>https?://[^\s<>]+)"
    rf"|\[(?P<label>[^\[\]]*)\]\(\s*<?(?P<url>[^\s()<>]*)>?(?:\s+\"[^\"]*\")?\s*\)"
    rf"|<a\s(?:[^<>]*?\s)?href\s*=\s*(?P<quote>[\"']?)(?P<href>[^\"'<>\s]*)(?P=quote)[^<>]*>"
    rf"(?P<text>[^<>]*)</a>)"
)


class Navigation(NamedTuple):
    """The links of a post's navigation, in their order, and where they stand in its body."""

    links: tuple[Link, ...] = ()
    spans: tuple[Span, ...] = ()


NONE: Final = Navigation()


def navigation(body: str, first_line: int) -> Navigation:
    """The navigation at the end of a body whose first line is ``first_line`` of the file."""
    end = len(body)
    found: list[tuple[int, list[_Found]]] = []
    for _ in range(MOST_LINES):
        end = _end_of_text(body, end)
        begin = body.rfind("\n", 0, end) + 1
        line = body[begin:end].strip() if end - begin <= LONGEST_LINE else ""
        links = _back_links(line) or _source(line)
        if not links:
            break
        found.append((begin, links))
        end = begin
        if links[0].role is Role.SOURCE:
            break
    if not found:
        return NONE
    start = found[-1][0]
    # The lines of a long body are counted once.
    line_of_start = first_line + body.count("\n", 0, start)
    typed = (
        Link(*link, line=line_of_start + body.count("\n", start, begin))
        for begin, links in reversed(found)
        for link in links
    )
    return Navigation(tuple(typed), ((start, len(body)),))


class _Found(NamedTuple):
    role: Role
    label: str
    url: str


def _end_of_text(body: str, end: int) -> int:
    while end and body[end - 1] in " \t\n\u3000":
        end -= 1
    return end


def _back_links(line: str) -> list[_Found]:
    """The links of a line that holds nothing but ways back, else none."""
    found = []
    position = _after_separators(line, 0)
    while match := BACK_LINK.match(line, position):
        label = html.unescape(match["label"] or match["text"] or "").strip()
        url = match["url"] if match["label"] else html.unescape(match["href"])
        role = Role.BACK_HOME if HOME.fullmatch(label) else Role.BACK_CATEGORY
        found.append(_Found(role, label, url))
        position = _after_separators(line, match.end())
    return found if position == len(line) else []


def _after_separators(line: str, position: int) -> int:
    match = BETWEEN.match(line, position)
    return match.end() if match else position


def _source(line: str) -> list[_Found]:
    """The source, if the line holds nothing else."""
    match = SOURCE.fullmatch(line)
    if not match:
        return []
    label = html.unescape(match["label"] or match["text"] or "").strip()
    url = match["auto"] or match["bare"] or match["url"] or html.unescape(match["href"] or "")
    return [_Found(Role.SOURCE, label, url)]
