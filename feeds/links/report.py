"""What is said of every link: its verdict, and what that means on this site.

In: the link store and the configuration. Out: one :class:`Item` per link of a post, in the
order of posts and lines, and a :class:`Summary` of them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from feeds.config import Config, Ignored
from feeds.links.runs import accepted, by_verdict
from feeds.links.store import LinkStore, Occurrence
from feeds.links.urls import host_of
from feeds.links.verdict import is_ignored, severity
from feeds.models import Standing, Verdict
from feeds.values import dataclass

# What is the matter with a host rather than with one of its pages.
OF_THE_HOST: Final = frozenset(
    (Verdict.DNS, Verdict.REFUSED, Verdict.RESET, Verdict.TIMEOUT, Verdict.TLS, Verdict.PROTOCOL)
)
NOT_ASKED: Final = "not asked yet"
SHOWN: Final = 10  # links of a group that are named in a summary


class Item(NamedTuple):
    """A link of a post and what is said of it.

    ``status`` is 0 without an answer, ``final_url`` empty if it is the link's own; ``since``
    is when a bad link was found to be bad, ``fails`` how often in a row. ``target`` is what was
    asked for and ``answer`` what that said, whatever else is the matter with the link.
    """

    post: str
    line: int
    role: str
    label: str
    url: str
    verdict: Verdict
    standing: Standing
    status: int
    final_url: str
    since: datetime | None
    fails: int
    confirmed: bool
    detail: str
    target: str
    answer: Verdict | None = None

    def as_object(self) -> dict[str, Any]:
        """The link as JSON has it."""
        return {
            "post": self.post,
            "line": self.line,
            "role": self.role,
            "label": self.label,
            "url": self.url,
            "verdict": str(self.verdict),
            "class": str(self.standing),
            "status": self.status or None,
            "final_url": self.final_url or None,
            "since": self.since.isoformat() if self.since else None,
            "fails": self.fails,
            "confirmed": self.confirmed,
            "detail": self.detail,
        }


def items(
    store: LinkStore,
    config: Config,
    today: date,
    roles: Sequence[str] = (),
    since_run: int = 0,
) -> Iterator[Item]:
    """Every link, those in some roles, or those of posts that changed since a run."""
    ignored = accepted(config, today)
    for occurrence in store.occurrences(roles, since_run):
        yield _item(occurrence, config.links.severity, ignored)


def _item(found: Occurrence, severities: Mapping[str, str], ignored: Sequence[Ignored]) -> Item:
    verdict, detail = found.verdict or Verdict.SKIPPED, found.detail
    if found.verdict is None:
        detail = NOT_ASKED
    standing = severity(verdict, found.role, severities)
    if standing is not Standing.GOOD:
        for each in ignored:
            if is_ignored(each, verdict, found.post, (found.url, found.target)):
                standing = Standing.GOOD
                why = f"ignored until {each.until}: {each.reason}"
                detail = f"{detail}; {why}" if detail else why
                break
    since = datetime.fromtimestamp(found.since, UTC) if found.since else None
    return Item(
        found.post,
        found.line,
        found.role,
        found.label,
        found.url,
        verdict,
        standing,
        found.status,
        found.final_url,
        since,
        found.fails,
        found.confirmed,
        detail,
        found.target,
        found.answer,
    )


@dataclass(slots=True)
class Group:
    """Links of one host, or without one of one role, with the same verdict."""

    standing: Standing
    number: int = 0
    since: datetime | None = None
    confirmed: int = 0
    first: list[Item] = field(default_factory=list)

    def add(self, item: Item) -> None:
        self.number += 1
        self.confirmed += item.confirmed
        if item.since and (self.since is None or item.since < self.since):
            self.since = item.since
        if len(self.first) < SHOWN:
            self.first.append(item)


@dataclass(slots=True)
class Summary:
    """All links of a report. ``totals`` are by ``role.verdict``; ``groups`` are those that are
    not good by host (or role, for what is wrong without asking) and verdict, ``moved`` the good
    ones that moved for good; ``answering`` are hosts that answered."""

    totals: Counter[str] = field(default_factory=Counter)
    standings: Counter[Standing] = field(default_factory=Counter)
    groups: dict[tuple[str, Verdict], Group] = field(default_factory=dict)
    answering: set[str] = field(default_factory=set)
    moved: Group = field(default_factory=lambda: Group(Standing.GOOD))

    def add(self, item: Item) -> None:
        self.totals[f"{item.role}.{item.verdict}"] += 1
        self.standings[item.standing] += 1
        host = host_of(item.target) if item.target else ""
        if host and item.verdict not in OF_THE_HOST and item.status:
            self.answering.add(host)
        if item.standing is not Standing.GOOD:
            key = host or f"({item.role})", item.verdict
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = Group(item.standing)
            group.add(item)
        elif item.verdict is Verdict.MOVED:
            self.moved.add(item)

    @property
    def verdicts(self) -> Counter[str]:
        """How many links have which verdict."""
        return Counter(by_verdict(self.totals))

    @property
    def bad(self) -> int:
        return self.standings[Standing.BAD]

    @property
    def total(self) -> int:
        return sum(self.standings.values())

    def down(self, host: str, verdict: Verdict) -> bool:
        """Whether a host as a whole is the matter, so that its links are one finding."""
        return verdict in OF_THE_HOST and not host.startswith("(") and host not in self.answering


def summary(found: Iterator[Item]) -> Summary:
    """All of them together."""
    whole = Summary()
    for item in found:
        whole.add(item)
    return whole
