from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given, settings

from feeds.render.dates import rfc822, rfc3339, whole_minutes

from . import samples
from .samples import CST


@pytest.mark.parametrize(
    ("date", "in_rfc3339", "in_rfc822"),
    [
        (
            datetime(2022, 1, 17, 8, 54, 2, tzinfo=CST),
            "2022-01-17T08:54:02+08:00",
            "Mon, 17 Jan 2022 08:54:02 +0800",
        ),
        (
            datetime(1970, 1, 1, tzinfo=UTC),
            "1970-01-01T00:00:00+00:00",
            "Thu, 01 Jan 1970 00:00:00 +0000",
        ),
        (
            datetime(999, 12, 31, 23, 59, 59, 120000, tzinfo=timezone(timedelta(hours=-3.5))),
            "0999-12-31T23:59:59.120000-03:30",
            "Tue, 31 Dec 0999 23:59:59 -0330",
        ),
        (
            # The local mean time of Shanghai: eight hours, five minutes and 43 seconds.
            datetime(1900, 1, 1, 12, tzinfo=timezone(timedelta(hours=8, minutes=5, seconds=43))),
            "1900-01-01T12:00:00+08:05",
            "Mon, 01 Jan 1900 12:00:00 +0805",
        ),
        (
            datetime(1900, 1, 1, 12, tzinfo=timezone(-timedelta(hours=3, minutes=30, seconds=52))),
            "1900-01-01T12:00:00-03:31",
            "Mon, 01 Jan 1900 12:00:00 -0331",
        ),
    ],
)
def test_a_date_has_two_spellings(date: datetime, in_rfc3339: str, in_rfc822: str) -> None:
    assert rfc3339(date) == in_rfc3339
    assert rfc822(date) == in_rfc822


@settings(deadline=None)
@given(samples.dates)
def test_both_spellings_are_read_back_as_the_date(date: datetime) -> None:
    assert datetime.fromisoformat(rfc3339(date)) == date
    assert parsedate_to_datetime(rfc822(date)) == date.replace(microsecond=0)
    assert rfc822(date) == format_datetime(date.replace(microsecond=0)).replace("-0000", "+0000")


@settings(deadline=None)
@given(samples.dates)
def test_an_offset_of_whole_minutes_is_left_alone(date: datetime) -> None:
    assert whole_minutes(date) is date
