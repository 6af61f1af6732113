"""What a file was read as: the value that hands a post from its header to its body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from feeds.models import Finding, Post
from feeds.values import dataclass


class Markup(StrEnum):
    """What a body is written in."""

    MARKDOWN = "markdown"
    HTML = "html"


Span = tuple[int, int]


class Layout(NamedTuple):
    """What is remembered of a file beside its post, so that its header need not be read again:
    where the body begins, and the fields of a :class:`Reading` of the same names."""

    start: int
    body_line: int
    markup: Markup
    navigation: tuple[Span, ...]
    excerpt_separator: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as a post, or ``None`` with a finding that says why it is none.

    ``body`` is the text after the front matter with ``\\n`` line ends, ``body_line`` the line
    of the file that it begins at. ``navigation`` are the parts of ``body`` (start, end) that
    are the site's navigation and not text of the article. ``variables`` is what Liquid sees
    as ``page``. ``excerpt_separator`` is the post's own mark, empty where it has none.
    ``start`` is where the body begins in the text of the file.
    """

    post: Post | None
    findings: tuple[Finding, ...] = ()
    body: str = ""
    body_line: int = 1
    markup: Markup = Markup.MARKDOWN
    navigation: tuple[Span, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    excerpt_separator: str = ""
    start: int = 0

    @property
    def layout(self) -> Layout | None:
        """Where the body is, if that and the post are all that it takes to render it."""
        if self.variables:
            return None
        return Layout(
            self.start, self.body_line, self.markup, self.navigation, self.excerpt_separator
        )
