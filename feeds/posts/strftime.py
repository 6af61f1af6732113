"""Dates by a pattern, as Ruby's ``Time#strftime`` writes them.

In: a moment and a pattern. Out: text that is the same on every machine: Python's own
``strftime`` asks the C library, which knows other directives on every system, and asks the
locale and the time zone of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Final

from feeds.posts.permalink import MONTHS, WEEKDAYS

LONGEST_WIDTH: Final = 64

DIRECTIVE: Final = re.compile(
    r"%(?P<flags>[-0^#_]*)(?P<width>\d{0,4})(?:[EO]?(?P<letter>[A-Za-z%])|(?P<colons>:{1,2})z)"
)

# Directives that stand for others.
COMPOSED: Final[Mapping[str, str]] = {
    "c": "%a %b %e %H:%M:%S %Y",
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "r": "%I:%M:%S %p",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "v": "%e-%^b-%Y",
    "x": "%m/%d/%y",
    "X": "%H:%M:%S",
}

TEXTS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "A": lambda date: WEEKDAYS[date.weekday()],
    "a": lambda date: WEEKDAYS[date.weekday()][:3],
    "B": lambda date: MONTHS[date.month - 1],
    "b": lambda date: MONTHS[date.month - 1][:3],
    "h": lambda date: MONTHS[date.month - 1][:3],
    "n": lambda date: "\n",
    "P": lambda date: "am" if date.hour < 12 else "pm",
    "p": lambda date: "AM" if date.hour < 12 else "PM",
    "t": lambda date: "\t",
    "Z": lambda date: "" if isinstance(date.tzinfo, timezone) else date.tzname() or "",
    "%": lambda date: "%",
}

# A number, how many digits it has at least, and what fills them up.
NUMBERS: Final[Mapping[str, tuple[Callable[[datetime], int], int, str]]] = {
    "C": (lambda date: date.year // 100, 2, "0"),
    "d": (lambda date: date.day, 2, "0"),
    "e": (lambda date: date.day, 2, " "),
    "G": (lambda date: date.isocalendar().year, 4, "0"),
    "g": (lambda date: date.isocalendar().year % 100, 2, "0"),
    "H": (lambda date: date.hour, 2, "0"),
    "I": (lambda date: date.hour % 12 or 12, 2, "0"),
    "j": (lambda date: date.timetuple().tm_yday, 3, "0"),
    "k": (lambda date: date.hour, 2, " "),
    "l": (lambda date: date.hour % 12 or 12, 2, " "),
    "M": (lambda date: date.minute, 2, "0"),
    "m": (lambda date: date.month, 2, "0"),
    "S": (lambda date: date.second, 2, "0"),
    "s": (lambda date: int(date.timestamp()), 1, "0"),
    "U": (lambda date: (date.timetuple().tm_yday + 6 - date.isoweekday() % 7) // 7, 2, "0"),
    "u": (lambda date: date.isoweekday(), 1, "0"),
    "V": (lambda date: date.isocalendar().week, 2, "0"),
    "W": (lambda date: (date.timetuple().tm_yday + 6 - date.weekday()) // 7, 2, "0"),
    "w": (lambda date: date.isoweekday() % 7, 1, "0"),
    "Y": (lambda date: date.year, 4, "0"),
    "y": (lambda date: date.year % 100, 2, "0"),
}


def strftime(date: datetime, pattern: str) -> str:
    """An aware date by a pattern; a directive that is unknown stays as it is written."""
    return DIRECTIVE.sub(lambda match: _directive(date, match), pattern)


def _directive(date: datetime, match: re.Match[str]) -> str:
    flags, letter = match["flags"], match["letter"]
    width = min(int(match["width"] or 0), LONGEST_WIDTH)
    if letter in NUMBERS:
        number, digits, fill = NUMBERS[letter]
        written = _padded(str(number(date)), flags, width or digits, fill)
    elif letter in ("L", "N"):
        written = f"{date.microsecond:06}000"[: width or (3 if letter == "L" else 9)]
    elif letter in ("z", None):
        written = _offset(date, len(match["colons"] or ""))
    else:
        if letter in COMPOSED:
            written = strftime(date, COMPOSED[letter])
        elif letter in TEXTS:
            written = TEXTS[letter](date)
        else:
            return match[0]
        written = _padded(written, flags, width, " ")
    if "^" in flags or ("#" in flags and letter != "p"):
        return written.upper()
    return written.lower() if "#" in flags else written


def _padded(written: str, flags: str, width: int, fill: str) -> str:
    for flag in flags:
        fill = {"-": "", "0": "0", "_": " "}.get(flag, fill)
    return written.rjust(width, fill) if fill else written


def _offset(date: datetime, colons: int) -> str:
    """The distance from UTC: ``+0800``, with colons ``+08:00`` and ``+08:00:00``."""
    distance = date.utcoffset()
    seconds = int(distance.total_seconds()) if distance else 0
    hours, rest = divmod(abs(seconds), 3600)
    parts = (f"{hours:02}", f"{rest // 60:02}", f"{rest % 60:02}")
    sign = "-" if seconds < 0 else "+"
    return sign + (":" if colons else "").join(parts[: 3 if colons > 1 else 2])
