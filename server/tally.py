"""What a worker counted since the last time its counts were taken away.

Counting stands in the way of every request, so that it is two additions to tables; what
they mean is worked out when they are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeAlias

from server.answers import PAGE, Answer

# More visits than this between two takings are not remembered, so that memory stays flat.
MOST_VISITS: Final = 50_000
LONGEST_AGENT: Final = 512
# Where the server finds, in the state that ASGI shares with it, what counts by status the
# requests that it refuses before they are any.
REFUSED: Final = "feeds.refused"

# Kind and format of the feed (empty for anything else), status of the answer.
Request: TypeAlias = tuple[str, str, int]
# The path of a document, the User-Agent and the address of who asked for it.
Visit: TypeAlias = tuple[str, bytes, str]


@dataclass(slots=True)
class Counts:
    """Everything counted in some time. ``made`` are answers that were not ready."""

    requests: dict[Request, int] = field(default_factory=dict)
    bytes: int = 0
    made: int = 0
    visits: dict[Visit, None] = field(default_factory=dict)


class Tally:
    """Counts requests; ``visits`` says whether to remember who asked, too."""

    def __init__(self, visits: bool) -> None:
        self.counts = Counts()
        self._visits = visits

    def take(self) -> Counts:
        """All counts so far; counting begins anew."""
        counts, self.counts = self.counts, Counts()
        return counts

    def give_back(self, counts: Counts) -> None:
        """Add counts that were taken and could not be brought anywhere."""
        here = self.counts
        for request, number in counts.requests.items():
            here.requests[request] = here.requests.get(request, 0) + number
        here.bytes += counts.bytes
        here.made += counts.made
        room = MOST_VISITS - len(here.visits)
        here.visits.update(dict.fromkeys(islice(counts.visits, room)))

    def feed(
        self,
        answer: Answer,
        status: int,
        size: int,
        agent: bytes,
        client: tuple[str, int] | None,
        made: bool = False,
    ) -> None:
        """Count an answer about a feed; ``made`` if it was not ready."""
        counts = self.counts
        requests = counts.requests
        request = (answer.kind, answer.format, status)
        requests[request] = requests.get(request, 0) + 1
        counts.bytes += size
        counts.made += made
        if self._visits and client is not None and len(counts.visits) < MOST_VISITS:
            if answer.kind == PAGE:
                return  # who looks at a page subscribes to nothing
            counts.visits[answer.path, agent[:LONGEST_AGENT], client[0]] = None

    def other(self, status: int) -> None:
        """Count an answer about anything else."""
        requests = self.counts.requests
        requests["", "", status] = requests.get(("", "", status), 0) + 1
