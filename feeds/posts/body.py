"""The body of a post as safe, absolute HTML, and its summary.

In: a :class:`~feeds.posts.reading.Reading`. Out: HTML without scripts, styles, forms or hidden
text, balanced, with absolute addresses, and a plain-text summary. Everything is a pure
function of what is handed in.

The way: navigation out, the tags of site generators, Markdown, the sanitiser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from feeds.config import Config
from feeds.models import Finding, Level, Post
from feeds.posts.complexity import excess
from feeds.posts.frontmatter import ILLEGAL
from feeds.posts.markdown import markdown
from feeds.posts.paragraphs import paragraphs
from feeds.posts.reading import Markup, Reading
from feeds.posts.sanitiser import sanitised, text_only
from feeds.posts.summary import plain_text, shortened, summarised
from feeds.values import dataclass

SHORTCODE: Final = re.compile(
    r"\{\{(?P<mark>[<%])\s*+(?:(?P<example>/\*)|/?)\s*+(?P<name>[\w./-]*+)"
    r"(?P<rest>(?:(?![%>]\}\}|\{\{[<%]).)*+)(?P<end>[%>]\}\})",
    re.DOTALL,
)
# A text that is no template at all need not be told of tag by tag.
MOST_FINDINGS: Final = 50
# The definition of a link may stand anywhere, so an excerpt needs those behind it too.
LINK_DEFINITION: Final = re.compile(r"^ {0,3}\[[^\[\]\n]+\]:[ \t]*\S.*$", re.M)


@dataclass(frozen=True, slots=True)
class Content:
    """A body ready for a feed: ``html`` is safe, ``summary`` plain text."""

    html: str
    summary: str
    findings: tuple[Finding, ...] = ()


def render_body(
    reading: Reading,
    config: Config,
    references: Mapping[str, str],
    include: Callable[[str], str | None],
) -> Content:
    """The content and the summary of a post.

    ``references`` maps what its Liquid tags name to addresses, ``include`` gives the text of
    an include or ``None``. ``reading`` must hold a post. Never raises for what is in a body.
    """
    body = _Body(reading, config, references, include)
    article = _without_navigation(reading)
    kept = reading.body if config.feeds.keep_navigation else article
    findings: list[Finding] = []
    text = body.text(kept, findings)
    content = body.html(text, findings)
    summary = plain_text(body.post.summary)
    if not summary:
        same = kept == article
        text = text if same else body.text(article, [])
        summary = body.excerpt(text)
        if not summary:
            shown = content if same else body.html(text, [])
            summary = plain_text(shown) if body.is_excerpt(text) else summarised(shown)
    return Content(content, shortened(summary), tuple(findings))


def _without_navigation(reading: Reading) -> str:
    body = reading.body
    for start, end in sorted(reading.navigation, reverse=True):
        body = body[:start] + body[end:]
    return body


@dataclass(frozen=True, slots=True)
class _Body:
    """What the steps from a body to its content need to know."""

    reading: Reading
    config: Config
    references: Mapping[str, str]
    include: Callable[[str], str | None]

    @property
    def post(self) -> Post:
        assert self.reading.post is not None
        return self.reading.post

    def text(self, text: str, findings: list[Finding]) -> str:
        """The text with the tags of site generators filled in or left out."""
        if "{" not in text:
            return text
        posts = self.config.posts
        if not posts.jekyll:
            text = self._without_shortcodes(text, findings)
        if posts.liquid and ("{{" in text or "{%" in text):
            text = self._liquid(text, findings)
        return text

    def html(self, text: str, findings: list[Finding]) -> str:
        """The text as HTML that is safe, whatever is in it."""
        plain = paragraphs(text, self.reading.markup)
        if plain is not None:
            return plain
        raw = markdown(text) if self.reading.markup is Markup.MARKDOWN else text
        too_much = excess(raw)
        if too_much:
            self._warn(findings, self.reading.body_line, too_much, "taken as plain text")
            return text_only(raw)
        scheme = urlsplit(self.config.site.url).scheme
        return sanitised(raw, self.post.url, scheme)

    @property
    def mark(self) -> str:
        """What ends an excerpt, empty where an empty line does."""
        separator = self.reading.excerpt_separator or self.config.posts.excerpt_separator
        return separator if separator.strip() else ""

    def is_excerpt(self, text: str) -> bool:
        """Whether a text is all excerpt: to Jekyll one is that lacks the mark."""
        return self.config.posts.jekyll and bool(self.mark) and self.mark not in text

    def excerpt(self, text: str) -> str:
        """The plain text up to the author's mark, if there is one.

        An empty line is no mark: it ends the first block anyway.
        """
        head, mark, tail = text.partition(self.mark) if self.mark else ("", "", "")
        if not mark:
            return ""
        if self.reading.markup is Markup.MARKDOWN and "[" in head:
            head = "\n".join((head, "", *LINK_DEFINITION.findall(tail)))
        return plain_text(self.html(head, []))

    def _without_shortcodes(self, text: str, findings: list[Finding]) -> str:
        """The text without Hugo's shortcodes, which belong to a theme that nobody can know.

        One that is written as ``{{</* name */>}}`` is an example and loses its marks only.
        """
        if "{{<" not in text and "{{%" not in text:
            return text
        places: dict[str, int] = {}

        def left(match: re.Match[str]) -> str:
            if match["example"]:
                return self._example(match)
            places.setdefault(match["name"], match.start())
            return "\n" * match[0].count("\n")

        text_left = SHORTCODE.sub(left, text)
        found = [(place, f"shortcode {name}") for name, place in places.items()]
        self._warn_of(found, text, findings)
        return text_left

    def _example(self, match: re.Match[str]) -> str:
        inside = f"{match['name']}{match['rest']}".removesuffix("*/").strip()
        example = f"{{{{{match['mark']} {inside} {match['end']}"
        return f"{{% raw %}}{example}{{% endraw %}}" if self.config.posts.liquid else example

    def _liquid(self, text: str, findings: list[Finding]) -> str:
        # Most bodies have no tags, and the template engine takes a while to load.
        from feeds.posts import liquid

        scope = liquid.Scope(
            self.config, self.post, self.reading.variables, self.references, self.include
        )
        rendered = liquid.render(text, scope)
        found = [(each.position, f"Liquid: {each.what}") for each in rendered.problems]
        self._warn_of(found, text, findings)
        return ILLEGAL.sub("", rendered.text)

    def _warn_of(
        self, found: Sequence[tuple[int, str]], text: str, findings: list[Finding]
    ) -> None:
        """Tell what is left out of a text; ``found`` is in the order of the text."""
        line, position = self.reading.body_line, 0
        for place, what in found[:MOST_FINDINGS]:
            line += text.count("\n", position, place)
            position = place
            self._warn(findings, line, what, "left out")
        more = len(found) - MOST_FINDINGS
        if more > 0:
            self._warn(findings, line, f"{more} more tags like these", "left out")

    def _warn(self, findings: list[Finding], line: int, what: str, done: str) -> None:
        findings.append(Finding(self.post.path, line, Level.WARNING, what, done))
