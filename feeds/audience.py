"""Who subscribes to which feed on a day, as the ledger has it."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable

from feeds.config import Config
from feeds.ledger import Ledger, Subscribers
from feeds.values import dataclass


@dataclass(frozen=True, slots=True)
class FeedAudience:
    """The audience of one document: what agents tell, the most first, and plain readers."""

    path: str
    agents: tuple[tuple[str, int], ...]
    readers: int

    @property
    def subscribers(self) -> int:
        return sum(number for _, number in self.agents) + self.readers


@dataclass(frozen=True, slots=True)
class Audience:
    """All documents that somebody subscribes to, the most read first."""

    day: str
    feeds: tuple[FeedAudience, ...]


def audience(config: Config, day: str | None = None) -> Audience:
    """The audience of a site on a day, as in ``2026-01-31``, else the last that is known.

    Raises :class:`~feeds.errors.OutputError` where the ledger cannot be read.
    """
    ledger = Ledger(config.state)
    if not ledger.path.exists():
        return Audience(day or "", ())
    with contextlib.closing(ledger):
        days = ledger.days()
        day = day or (days[0] if days else "")
        known = ledger.subscribers(day)
    return Audience(day, by_feed(known))


def by_feed(known: Iterable[Subscribers]) -> tuple[FeedAudience, ...]:
    """Subscribers, as the ledger has them, by the documents that they read."""
    agents: dict[str, list[tuple[str, int]]] = defaultdict(list)
    readers: dict[str, int] = defaultdict(int)
    for path, agent, number in known:
        if agent:
            agents[path].append((agent, number))
        else:
            readers[path] += number
    feeds = [
        FeedAudience(path, tuple(agents[path]), readers[path])
        for path in agents.keys() | readers.keys()
    ]
    return tuple(sorted(feeds, key=lambda feed: (-feed.subscribers, feed.path)))
