"""How long an answer is believed before it is asked for again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from feeds.links.fetch import Outcome
from feeds.models import Verdict

HOUR: Final = 3_600
DAY: Final = 24 * HOUR

# By the number of failures so far: soon again after the first, seldom after the third.
FAULTS: Final = (HOUR, DAY, 7 * DAY)
LIFETIMES: Final[Mapping[Verdict, Sequence[int]]] = {
    Verdict.OK: (30 * DAY,),
    Verdict.MOVED: (30 * DAY,),
    Verdict.REDIRECTED: (30 * DAY,),
    Verdict.DENIED: (14 * DAY,),
    Verdict.RATE_LIMITED: (DAY,),
    Verdict.TRUNCATED: (DAY,),
    Verdict.TIMEOUT: FAULTS,
    Verdict.DNS: FAULTS,
    Verdict.REFUSED: FAULTS,
    Verdict.RESET: FAULTS,
    Verdict.SERVER_ERROR: FAULTS,
    Verdict.TLS: FAULTS,
    Verdict.PROTOCOL: FAULTS,
}
OTHERS: Final = (7 * DAY,)  # gone and its like
JITTER: Final = 0.1


def lifetime(outcome: Outcome, fails: int, number: int, now: float) -> int:
    """Seconds until an address is due again.

    ``fails`` counts bad answers in a row, this one included. ``number`` is that of the address:
    it spreads what was asked together over a tenth of the time.
    """
    if outcome.retry_at > now:
        return int(outcome.retry_at - now) + 1
    steps = LIFETIMES.get(outcome.verdict, OTHERS)
    seconds = steps[min(max(fails - 1, 0), len(steps) - 1)]
    spread = (number * 2_654_435_761 % 2**32) / 2**31 - 1  # from -1 to 1
    return int(seconds * (1 + JITTER * spread))
