"""Aware datetimes in, the two spellings of a date that feeds use out: RFC 3339, RFC 822.

``strftime`` is avoided: its names of days and months follow the process-wide locale.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MINUTE = timedelta(minutes=1)


def rfc3339(date: datetime) -> str:
    """``2022-01-17T08:54:02+08:00``"""
    return whole_minutes(date).isoformat()


def rfc822(date: datetime) -> str:
    """``Mon, 17 Jan 2022 08:54:02 +0800``, the year with four digits as RSS 2.0 prefers."""
    day = f"{DAYS[date.weekday()]}, {date.day:02} {MONTHS[date.month - 1]} {date.year:04}"
    time = whole_minutes(date).isoformat(timespec="seconds")
    return f"{day} {time[11:19]} {time[19:22]}{time[23:]}"


def whole_minutes(date: datetime) -> datetime:
    """The same clock time with an offset of whole minutes, the finest both formats know.

    Only the local mean time of the years before time zones has seconds in its offset.
    """
    offset = date.utcoffset()
    if offset is None or not offset % MINUTE:
        return date
    return date.replace(tzinfo=timezone(offset - offset % MINUTE))
