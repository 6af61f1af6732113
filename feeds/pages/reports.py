"""What the pages of the link check and of the server show, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from feeds.links.overview import Overview
from feeds.pages.views import TermLink


@dataclass(frozen=True, slots=True)
class LinksPage:
    """The state of all links; ``overview`` is ``None`` where they were never checked.
    ``categories`` are what the categories in it are called, and where that leads."""

    path: str
    overview: Overview | None
    categories: Mapping[str, TermLink]
