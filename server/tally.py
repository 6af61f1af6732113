"""What a worker counted since the last time its counts were taken away.

Counting stands in the way of every request, so that it is two additions to tables; what
they mean is worked out when they are taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from server.answers import Answer

# More readers than this between two takings are not told apart, so that memory stays flat.
MOST_READERS: Final = 50_000
LONGEST_AGENT: Final = 512


class Request(NamedTuple):
    """What requests are counted by: kind and format of the feed, status of the answer."""

    kind: str
    format: str
    status: int


class Visit(NamedTuple):
    """Who asked for what: the path of a document, a User-Agent, an address."""

    path: str
    agent: bytes
    address: str


Requests: TypeAlias = dict[Request, int]


@dataclass(slots=True)
class Counts:
    """Everything counted in some time. ``made`` are answers that were not ready."""

    requests: Requests = field(default_factory=dict)
    bytes: int = 0
    made: int = 0
    visits: dict[Visit, None] = field(default_factory=dict)


class Tally:
    """Counts requests. ``visits`` says whether to remember who asked, too."""

    def __init__(self, visits: bool) -> None:
        self.counts = Counts()
        self._visits = visits

    def take(self) -> Counts:
        """All counts so far; counting begins anew."""
        counts, self.counts = self.counts, Counts()
        return counts

    def feed(
        self, answer: Answer, status: int, size: int, agent: bytes, client: tuple[str, int] | None
    ) -> None:
        """Count an answer about a feed."""
        counts = self.counts
        request = Request(answer.facts.label, answer.facts.format, status)
        requests = counts.requests
        requests[request] = requests.get(request, 0) + 1
        counts.bytes += size
        if self._visits and client is not None and len(counts.visits) < MOST_READERS:
            counts.visits[Visit(answer.path, agent[:LONGEST_AGENT], client[0])] = None

    def other(self, status: int) -> None:
        """Count an answer about anything else."""
        request = Request("", "", status)
        self.counts.requests[request] = self.counts.requests.get(request, 0) + 1


def total(requests: Mapping[Request, int], status: int) -> int:
    """How many requests were answered with a status."""
    return sum(number for request, number in requests.items() if request.status == status)
