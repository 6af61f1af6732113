from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.posts.strftime import strftime

MORNING = datetime(2022, 1, 7, 8, 4, 2, 500_000, tzinfo=timezone(timedelta(hours=8)))
EVENING = datetime(2021, 12, 31, 23, 59, 59, tzinfo=UTC)
LEAP = datetime(2024, 2, 29, tzinfo=timezone(-timedelta(hours=3, minutes=30)))


# Ruby 3.1 says the same.
@pytest.mark.parametrize(
    ("date", "pattern", "text"),
    [
        (MORNING, "%Y-%m-%d %H:%M:%S %z", "2022-01-07 08:04:02 +0800"),
        (MORNING, "%b %-d, %Y", "Jan 7, 2022"),
        (MORNING, "%A %a %B %h", "Friday Fri January Jan"),
        (MORNING, "%e|%k|%l|%_m|%-m|%-y|%5d|%_5d", " 7| 8| 8| 1|1|22|00007|    7"),
        (MORNING, "%I:%M %p %P", "08:04 AM am"),
        (MORNING, "%^b %^B %#b %#p %^a %10A|%010A", "JAN JANUARY JAN am FRI     Friday|0000Friday"),
        (MORNING, "%j %-j %u %w %C %y", "007 7 5 5 20 22"),
        (MORNING, "%L %N %3N %6N", "500 500000000 500 500000"),
        (MORNING, "%:z %::z", "+08:00 +08:00:00"),
        (MORNING, "%s", "1641513842"),
        (
            MORNING,
            "%c|%D|%F|%T|%R|%r",
            "Fri Jan  7 08:04:02 2022|01/07/22|2022-01-07|08:04:02|08:04|08:04:02 AM",
        ),
        (MORNING, "%x|%X|%v|%Ey|%Od", "01/07/22|08:04:02| 7-JAN-2022|22|07"),
        (MORNING, "100%% %n%t%Q %", "100% \n\t%Q %"),
        (EVENING, "%G %g %V %U %W %j", "2021 21 52 52 52 365"),
        (EVENING, "%I %l %p", "11 11 PM"),
        (LEAP, "%G-W%V %U %W %j %z %I", "2024-W09 08 09 060 -0330 12"),
        (LEAP, "%10Y", "0000002024"),
    ],
)
def test_dates_are_written_as_ruby_writes_them(date: datetime, pattern: str, text: str) -> None:
    assert strftime(date, pattern) == text


def test_the_name_of_a_zone_is_written_where_it_has_one() -> None:
    assert strftime(MORNING, "%Z") == ""
    assert strftime(MORNING.astimezone(ZoneInfo("Asia/Shanghai")), "%Z") == "CST"


def test_neither_the_zone_nor_the_language_of_the_process_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = strftime(MORNING, "%s %c %Z")
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert strftime(MORNING, "%s %c %Z") == here
    finally:
        monkeypatch.delenv("TZ")
        os.environ.pop("TZ", None)
        time.tzset()


@given(
    st.datetimes(timezones=st.sampled_from([UTC, ZoneInfo("Asia/Shanghai")])),
    st.text("%-0^#_:3EOYmdBaAbjkzZ+sN ", max_size=12),
)
def test_any_pattern_will_do(date: datetime, pattern: str) -> None:
    assert strftime(date, pattern) == strftime(date, pattern)


def test_a_pattern_cannot_ask_for_more_than_a_line() -> None:
    assert len(strftime(MORNING, "%9999d")) == 64
