"""Dates of a feed's entries in, how often it changes out (RSS syndication module, ttl).

The answer depends on nothing but the dates: asked next year, it is the same, so the
bytes of a feed that did not change do not change either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from feeds.models import Period

UNITS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
}
SHORTEST = timedelta(minutes=5)
LONGEST = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def period(dates: Sequence[datetime]) -> Period:
    """How often a feed with entries of these dates (any order) changes.

    The mean time between two entries, at least five minutes, is expressed as a whole
    number of updates per hour, day, week or month: the shortest of them that is not
    shorter than it, rounded down, so that no reader is told to come more often than there
    is something to read. A reader may wait as long as that mean, but at most an hour.
    One date says nothing about how often: the default stands.
    """
    if len(dates) < 2:
        return Period()
    mean = max((max(dates) - min(dates)) / (len(dates) - 1), SHORTEST)
    unit = next((name for name, length in UNITS.items() if mean <= length), "monthly")
    return Period(unit, max(UNITS[unit] // mean, 1), min(mean, LONGEST) // MINUTE)
