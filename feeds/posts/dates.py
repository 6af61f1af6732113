"""What a post means by a date: the text that stands in the file becomes an instant.

In: a scalar as it is written and the zone of the site. Out: an aware datetime in that zone,
whole seconds, or ``None`` for what is no date. The rules are those that a Jekyll site lives
by: YAML 1.1 timestamps as Psych reads them, everything else as Ruby's ``Time.parse`` does,
except that a day which the calendar does not have is no date and that nothing missing is
ever filled in from the clock. RFC 3339, as Hugo and Zola write it, is a part of both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from feeds.posts.frontmatter import Plain

# http://yaml.org/type/timestamp.html in Psych's reading of it: a time needs its seconds.
TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|\s+)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]*)?"
    r"(?:\s*(Z|[-+][0-9]{1,2}:?(?:[0-9]{2})?))?",
    re.ASCII,
)

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED: Final = rf"(?P<m>{'|'.join(MONTHS)})[a-z]*\.?"
_DAY: Final = r"(?P<d>[0-9]{1,2})"
_ORDINAL: Final = rf"{_DAY}(?:st|nd|rd|th)?"
_YEAR: Final = r"(?P<y>[0-9]{4})(?![0-9])"
_ALONE: Final = r"(?<![0-9a-z])"

# The first that is found decides. Groups: year, month, day. Few sites need them, and to compile
# them would take 2 ms of every start: the module re does it once they are asked for.
DAYS: Final = (
    rf"(?<![0-9])(?P<y>[0-9]{{2,4}})-(?P<m>[0-9]{{1,2}})-{_DAY}(?![0-9])",
    rf"{_ALONE}{_ORDINAL}[ .-]*{_NAMED}[ ,.-]*{_YEAR}",
    rf"{_ALONE}{_NAMED}[ .-]+{_ORDINAL}[, -] *{_YEAR}",
    rf"(?<![0-9])(?P<y>[0-9]{{4}})/(?P<m>[0-9]{{1,2}})/{_DAY}(?![0-9])",
    rf"(?<![0-9])(?P<y>[0-9]{{4}})\.(?P<m>[0-9]{{1,2}})\.{_DAY}(?![0-9])",
    rf"(?<![0-9]){_DAY}(?P<dash>[-/.]) *(?P<m>[0-9]{{1,2}})(?P=dash) *{_YEAR}",
    rf"{_ALONE}(?P<y>[0-9]{{2}})(?P<dash>[-/.]) *(?P<m>[0-9]{{1,2}})(?P=dash) *{_DAY}(?![0-9])",
    rf"(?<![0-9])(?P<y>[0-9]{{4}})[ ,.-]+{_NAMED}[ .-]+{_ORDINAL}(?![0-9:])",
    r"(?<![0-9])(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?=(?:[0-9]{4}(?:[0-9]{2})?)?(?![0-9]))",
    r"(?<![0-9])(?P<y>[0-9]{2})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?![0-9])",
    r"(?<![0-9])(?P<y>[0-9]{4})-?(?P<of_year>[0-9]{3})(?![0-9])",
    rf"{_ALONE}{_NAMED}[ ,.-]*{_YEAR}",
    rf"(?<![0-9])(?P<y>[0-9]{{4}})[ ,.-]+{_NAMED}(?![ .-]*[0-9])",
    r"(?<![0-9/])(?P<y>[0-9]{4})/(?P<m>[0-9]{1,2})(?![0-9/])",
    rf"(?<![0-9/.-])(?P<m>[0-9]{{1,2}})/{_YEAR}",
)
CLOCK: Final = re.compile(
    r"""
    (?:t|[ ,_-]+) (?P<h>[0-9]{1,2})
    (?:
        : (?P<min>[0-9]{1,2}) (?: : (?P<s>[0-9]{1,2}) (?:[.,][0-9]*)? )? (?![0-9])
        (?: [ ]* (?P<half>[ap])\.?m\b )?
      | (?P<cmin>[0-9]{2}) (?P<cs>[0-9]{2}) (?![0-9])
      | [ ]* (?P<half2>[ap])\.?m\b
      | (?![0-9:.]|[^\x00-\x7f])
    )
    (?P<rest>.*)
    """,
    re.DOTALL | re.VERBOSE,
)
# Right behind a day without separators, and anywhere else.
DIGITS: Final = re.compile(
    r"(?P<h>[0-9]{2})(?P<min>[0-9]{2})(?P<s>[0-9]{2})?(?P<half>)(?![0-9])(?P<rest>.*)", re.DOTALL
)
ANYWHERE: Final = re.compile(
    r"""
    (?<![0-9:]) (?P<h>[0-9]{1,2}) : (?P<min>[0-9]{2}) (?: : (?P<s>[0-9]{2}) (?:[.,][0-9]*)? )?
    (?![0-9:]) (?: [ ]* (?P<half>[ap])\.?m\b )? (?P<rest>.*)
    """,
    re.DOTALL | re.VERBOSE,
)
OFFSET: Final = re.compile(r"[ (]*(?:utc|gmt)?([-+])([0-9]{1,2}):?([0-9]{2})?(?![0-9])")
ZONE_NAME: Final = re.compile(r"[ (]*([a-z]+)\b")

# The names that RFC 822 defines; Ruby knows these whatever the zone of the machine is.
ZONE_NAMES: Final = {
    "z": 0, "utc": 0, "gmt": 0, "ut": 0,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip


def parse_date(value: str, zone: ZoneInfo, naive_is_utc: bool) -> datetime | None:
    """The instant that a scalar of the front matter names, in the zone of the site.

    ``naive_is_utc`` is Jekyll's rule for a full timestamp that is written without quotes
    and without an offset; every other date without one is a date in the site's zone.
    """
    text = value.strip()
    try:
        stamp = TIMESTAMP.fullmatch(text)
        if stamp is None:
            return _parse_words(text.lower(), zone)
        year, month, day, hour, minute, second, offset = stamp.groups()
        day_and_time = int(year), int(month), int(day), int(hour), int(minute), int(second)
        if offset:
            return _instant(*day_and_time, _offset_zone(offset), zone)
        utc = naive_is_utc and isinstance(value, Plain)
        return _instant(*day_and_time, UTC if utc else zone, zone)
    except (ValueError, OverflowError):
        return None


def _parse_words(text: str, zone: ZoneInfo) -> datetime | None:
    """A date in any of the other ways that people write one; lower case."""
    # No way of writing a date is longer, and a long text is searched many times.
    text = text[:200]
    clock = None
    found = _day(text)
    if found is not None:
        clock = CLOCK.match(text, found.end()) or DIGITS.match(text, found.end())
    if clock is None and (clock := ANYWHERE.search(text)):
        # As in "Sun Jun 23 13:26:05 2019", a time may stand before the day and within it.
        found = found or _day(f"{text[: clock.start()]} {_behind_zone(clock['rest'])}")
    if found is None:
        return None
    day = _year(found["y"]), *_month_and_day(found.groupdict())
    if clock is None:
        return _instant(*day, 0, 0, 0, zone, zone)
    parts = clock.groupdict()
    hour = _hour(int(parts["h"]), parts["half"] or parts.get("half2"))
    minute = int(parts["min"] or parts.get("cmin") or 0)
    second = int(parts["s"] or parts.get("cs") or 0)
    return _instant(*day, hour, minute, second, _named_zone(parts["rest"], zone), zone)


def _day(text: str) -> re.Match[str] | None:
    return next((match for days in DAYS if (match := re.search(days, text))), None)


def _month_and_day(parts: Mapping[str, str]) -> tuple[int, int]:
    """The first of the month where no day is named, as Ruby has it."""
    if "of_year" in parts:
        year, days = _year(parts["y"]), int(parts["of_year"])
        day = date(year, 1, 1) + timedelta(days=days - 1)
        if day.year != year:
            raise ValueError("the year has no such day")
        return day.month, day.day
    return _month(parts["m"]), int(parts.get("d", 1))


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (1900 if year >= 69 else 2000)


def _month(text: str) -> int:
    return int(text) if text.isdigit() else MONTHS.index(text[:3]) + 1


def _hour(hour: int, half: str | None) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("twelve hours have no such hour")
    return hour % 12 + (12 if half == "p" else 0)


def _named_zone(text: str, zone: ZoneInfo) -> ZoneInfo | timezone:
    offset, name = _zone(text)
    if offset:
        return _offset_zone(offset[1] + offset[2].zfill(2) + (offset[3] or "00"))
    return timezone(timedelta(hours=ZONE_NAMES[name[1]])) if name else zone


def _behind_zone(text: str) -> str:
    found = next(filter(None, _zone(text)), None)
    return text[found.end() :] if found else text


def _zone(text: str) -> tuple[re.Match[str] | None, re.Match[str] | None]:
    """The offset that a text begins with, or the name of one."""
    offset = OFFSET.match(text)
    name = None if offset else ZONE_NAME.match(text)
    return offset, name if name and name[1] in ZONE_NAMES else None


@lru_cache(maxsize=256)
def _offset_zone(offset: str) -> timezone:
    """``Z``, ``+8``, ``+08``, ``+800``, ``+0800`` or ``+08:00``; 24 hours or more is an error."""
    if offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "")
    hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    if int(minutes) > 59:
        raise ValueError("an hour has sixty minutes")
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-ahead if offset[0] == "-" else ahead)


def _instant(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: int,
    second: int,
    written_in: ZoneInfo | timezone,
    zone: ZoneInfo,
) -> datetime:
    # ISO 8601 calls midnight 24:00 too, and a leap second is the first one of the next minute.
    midnight = hour == 24 and minute == second == 0
    leap = second == 60
    instant = datetime(
        year, month, day, 0 if midnight else hour, minute, 59 if leap else second, tzinfo=written_in
    )
    if midnight or leap:
        instant += timedelta(days=midnight, seconds=leap)
    if written_in is zone:
        # A time that a clock change skips or repeats can be read in two ways; Ruby takes the
        # later. Through UTC, where a skipped time becomes one that exists.
        instant = max(instant.astimezone(UTC), instant.replace(fold=1).astimezone(UTC))
    return instant.astimezone(zone)
