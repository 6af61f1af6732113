"""What the pages of the link check and of the server show, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from feeds.audience import FeedAudience
from feeds.ledger import BuildRecord, Hour, Memory
from feeds.links.overview import Overview, Trouble
from feeds.models import Finding
from feeds.pages.views import TermLink

FIRST_HOSTS: Final = 20  # that are shown at once


@dataclass(frozen=True, slots=True)
class LinksPage:
    """The state of all links; ``overview`` is ``None`` where they were never checked.
    ``categories`` are what the categories in it are called, and where that leads."""

    path: str
    overview: Overview | None
    categories: Mapping[str, TermLink]

    @property
    def hosts(self) -> tuple[Trouble, ...]:
        """The worst hosts."""
        return self.overview.hosts[:FIRST_HOSTS] if self.overview else ()

    @property
    def other_hosts(self) -> tuple[Trouble, ...]:
        return self.overview.hosts[FIRST_HOSTS:] if self.overview else ()


@dataclass(frozen=True, slots=True)
class StatusPage:
    """How a server fares, as all its workers know it.

    ``fault`` is what is wrong with the ledger, empty if nothing is; then the rest may be of
    before. ``build`` is ``None`` until there was one; ``findings`` are the worst of what it
    found. ``audience`` is of ``day``, as in ``2026-01-31``; ``feeds`` are how many have one.
    ``hours`` are the last day, the oldest first.
    """

    path: str
    at: datetime
    fault: str
    build: BuildRecord | None
    findings: tuple[Finding, ...]
    memory: Memory
    day: str
    audience: tuple[FeedAudience, ...]
    feeds: int
    hours: tuple[Hour, ...]

    @property
    def more_findings(self) -> int:
        """How many findings are not among these."""
        found = self.build.warnings + self.build.errors if self.build else 0
        return max(found - len(self.findings), 0)

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.hours)

    @property
    def unchanged(self) -> float | None:
        """The share of requests for documents that were answered 304, if there were any."""
        documents = sum(each.documents for each in self.hours)
        return sum(each.unchanged for each in self.hours) / documents if documents else None
