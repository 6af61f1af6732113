"""Dates of a feed's entries in, how often it changes out (RSS syndication module, ttl).

The answer depends on nothing but the dates: asked next year, it is the same, so the
bytes of a feed that did not change do not change either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from feeds.models import Period

UNITS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
}
UNKNOWN = timedelta(days=1)
BOUNDS = (5, 60)
MINUTE = timedelta(minutes=1)


def period(dates: Sequence[datetime], bounds: tuple[int, int] = BOUNDS) -> Period:
    """How often a feed with entries of these dates (any order) changes.

    The mean time between two entries, at least the lower of ``bounds`` (minutes), is
    expressed as a whole number of updates per hour, day, week or month: the shortest of
    them that is not shorter than it, rounded so that no reader is told to come more often
    than there is something to read. A reader may wait as long as that mean, but at most as
    long as the upper bound. One date says nothing about how often: daily is assumed.
    """
    shortest, longest = bounds
    # Dates of one zone would be subtracted by their clocks, which are put back in autumn.
    instants = [date.astimezone(UTC) for date in dates]
    steps = len(instants) - 1
    mean = (max(instants) - min(instants)) / steps if steps > 0 else UNKNOWN
    mean = max(mean, shortest * MINUTE)
    unit = next((name for name, length in UNITS.items() if mean <= length), "monthly")
    minutes = -(-mean // MINUTE)
    return Period(unit, max(UNITS[unit] // mean, 1), min(minutes, longest))
