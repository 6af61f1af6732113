from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.posts.dates import parse_date
from feeds.posts.frontmatter import Plain

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def read(written: str, zone: ZoneInfo = SHANGHAI, utc: bool = True) -> str | None:
    """A date as a header writes it, quotes and all, in the zone of the site."""
    value = written[1:-1] if written[:1] in "'\"" else Plain(written)
    found = parse_date(value, zone, naive_is_utc=utc)
    return None if found is None else found.isoformat(" ")


# What Jekyll 4.3.1 makes of the same headers, with timezone: Asia/Shanghai.
@pytest.mark.parametrize(
    ("written", "date"),
    [
        # A full timestamp without quotes and offset is UTC, shown in the site's zone.
        ("2022-01-17 08:54:02", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17T08:54:02", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17 8:54:02", "2022-01-17 16:54:02+08:00"),
        ("2022-1-7 8:54:02", "2022-01-07 16:54:02+08:00"),
        ("2022-01-17 08:54:02.999", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17 15:59:59", "2022-01-17 23:59:59+08:00"),
        ("2022-01-17 16:00:00", "2022-01-18 00:00:00+08:00"),
        ("2022-01-17 23:59:59", "2022-01-18 07:59:59+08:00"),
        ("2021-12-31 20:00:00", "2022-01-01 04:00:00+08:00"),
        # In quotes, or without seconds, it is a time of the site's zone.
        ('"2022-01-17 08:54:02"', "2022-01-17 08:54:02+08:00"),
        ("'2022-01-17T16:00:00'", "2022-01-17 16:00:00+08:00"),
        ("2022-01-17 16:00", "2022-01-17 16:00:00+08:00"),
        ("2022-01-17 8:54", "2022-01-17 08:54:00+08:00"),
        # A day is its midnight in the site's zone.
        ("2022-01-17", "2022-01-17 00:00:00+08:00"),
        ("'2022-01-17'", "2022-01-17 00:00:00+08:00"),
        ("2022-1-7", "2022-01-07 00:00:00+08:00"),
        # An offset is taken at its word, with quotes and without.
        ("2022-01-17 08:54:02 +0800", "2022-01-17 08:54:02+08:00"),
        ('"2022-01-17 16:00:00 +0800"', "2022-01-17 16:00:00+08:00"),
        ("2022-01-17 08:54:02 +08:00", "2022-01-17 08:54:02+08:00"),
        ("2022-01-17 08:54:02+08:00", "2022-01-17 08:54:02+08:00"),
        ("2022-01-17 08:54:02 +8", "2022-01-17 08:54:02+08:00"),
        ("2022-01-17 08:54:02 +08", "2022-01-17 08:54:02+08:00"),
        ("2022-01-17 08:54:02 -0330", "2022-01-17 20:24:02+08:00"),
        ("2022-01-17 08:54 +0000", "2022-01-17 16:54:00+08:00"),
        ("2022-01-17T08:54:02Z", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17t08:54:02.123z", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17   08:54:02   +0800", "2022-01-17 08:54:02+08:00"),
        ("2022-01-17 08:54:02 UTC", "2022-01-17 16:54:02+08:00"),
        ("2022-01-17 08:54:02 EST", "2022-01-17 21:54:02+08:00"),
        ("2022-01-17 08:54:02 Asia/Shanghai", "2022-01-17 08:54:02+08:00"),
        # Whatever else people write.
        ("2022/01/17 10:00:00", "2022-01-17 10:00:00+08:00"),
        ("2022.01.17", "2022-01-17 00:00:00+08:00"),
        ("20220117", "2022-01-17 00:00:00+08:00"),
        ("17/01/2022", "2022-01-17 00:00:00+08:00"),
        ("22-01-17", "2022-01-17 00:00:00+08:00"),
        ("17-01-2022", "2022-01-17 00:00:00+08:00"),
        ("7-1-2022", "2022-01-07 00:00:00+08:00"),
        ("01-02-2022 13:26:05", "2022-02-01 13:26:05+08:00"),
        ("17-01-2022 13:26 +0000", "2022-01-17 21:26:00+08:00"),
        ("17.01.2022", "2022-01-17 00:00:00+08:00"),
        ("7. 1. 2022", "2022-01-07 00:00:00+08:00"),
        ("22/1/17", "2022-01-17 00:00:00+08:00"),
        ("22.01.17", "2022-01-17 00:00:00+08:00"),
        ("2022-Jan-17", "2022-01-17 00:00:00+08:00"),
        ("2022, January 17", "2022-01-17 00:00:00+08:00"),
        ("Jan-17-2022", "2022-01-17 00:00:00+08:00"),
        ("17. January 2022", "2022-01-17 00:00:00+08:00"),
        ("17Jan2022", "2022-01-17 00:00:00+08:00"),
        ("Jan 17, 2022", "2022-01-17 00:00:00+08:00"),
        ("January 17 2022", "2022-01-17 00:00:00+08:00"),
        ("17 January 2022", "2022-01-17 00:00:00+08:00"),
        ("17-Jan-2022", "2022-01-17 00:00:00+08:00"),
        ("1st Feb 2022", "2022-02-01 00:00:00+08:00"),
        ("Mon, 17 Jan 2022 08:54:02 +0100", "2022-01-17 15:54:02+08:00"),
        ("2022-01-17 5pm", "2022-01-17 17:00:00+08:00"),
        ("2022-01-17 12:30 AM", "2022-01-17 00:30:00+08:00"),
        ("2022-01-17_08:54:02", "2022-01-17 08:54:02+08:00"),
        # ISO 8601's midnight, and a second that is put in.
        ("2022-01-17 24:00:00", "2022-01-18 08:00:00+08:00"),
        ("2022-01-17 23:59:60", "2022-01-18 08:00:00+08:00"),
    ],
)
def test_on_a_jekyll_site_a_date_is_what_jekyll_takes_it_for(written: str, date: str) -> None:
    assert read(written) == date


@pytest.mark.parametrize(
    "written", ["2022-01-17 16:00:00", "'2022-01-17 16:00:00'", "2022-01-17 16:00:00.5"]
)
def test_on_other_sites_a_date_without_an_offset_is_one_of_the_site(written: str) -> None:
    assert read(written, utc=False) == "2022-01-17 16:00:00+08:00"


# Ruby moves the first of them to the second of March, a day that nobody wrote.
@pytest.mark.parametrize(
    "written",
    [
        *("2022-02-30", "2022-02-30 10:00:00", "2022-02-29", "2022-04-31 10:00:00 +0800"),
        *("2022-13-01", "2022-00-10", "2022-01-00", "2022-01-32", "0000-01-01"),
        *("2022-01-17 25:00:00", "2022-01-17 24:00:01", "2022-01-17 10:60:00"),
        *("2022-01-17 10:00:61", "2022-01-17 13pm", "2022-01-17 08:54:02 +24:00"),
        *("2022-01-17 08:54:02 +0860", "99999-01-01", "2022-01-177"),
        *("", " ", "+0800", "nope", "today", "now", "tomorrow", "10:00", "2022", "2022-01"),
        *("01-17-2022", "32-01-2022", "1/17/2022", "17-01/2022", "H31.06.23"),
        *("1642380842", "Jan", "17 January", "2022年1月17日", "二〇二二年", "٢٠٢٢-٠١-١٧"),
    ],
)
@pytest.mark.parametrize("utc", [True, False])
def test_what_the_calendar_does_not_have_is_no_date(written: str, utc: bool) -> None:
    assert read(written, utc=utc) is None


@pytest.mark.parametrize(
    ("written", "zone", "date"),
    [
        ("0001-01-01 00:00:00 +1400", SHANGHAI, None),
        ("0001-01-01", SHANGHAI, None),
        ("0001-01-02", NEW_YORK, "0001-01-02 00:00:00-04:56:02"),
        ("9999-12-31 23:59:59", SHANGHAI, None),
        ("9999-12-31 23:59:59 +0800", SHANGHAI, "9999-12-31 23:59:59+08:00"),
        ("9999-12-31", SHANGHAI, "9999-12-31 00:00:00+08:00"),
        ("9999-12-31 24:00:00", SHANGHAI, None),
    ],
)
def test_years_end_where_the_calendar_of_python_does(
    written: str, zone: ZoneInfo, date: str | None
) -> None:
    assert read(written, zone) == date


# What Ruby's Time.parse gives: a skipped time moves on, of a repeated one it is the later.
@pytest.mark.parametrize(
    ("written", "zone", "date"),
    [
        ("2022-03-27 01:59", BERLIN, "2022-03-27 01:59:00+01:00"),
        ("2022-03-27 02:30", BERLIN, "2022-03-27 03:30:00+02:00"),
        ("2022-03-27 03:00", BERLIN, "2022-03-27 03:00:00+02:00"),
        ("2022-10-30 01:59", BERLIN, "2022-10-30 01:59:00+02:00"),
        ("2022-10-30 02:30", BERLIN, "2022-10-30 02:30:00+01:00"),
        ("2022-10-30 03:00", BERLIN, "2022-10-30 03:00:00+01:00"),
        ("2022-03-13 02:30", NEW_YORK, "2022-03-13 03:30:00-04:00"),
        ("2022-11-06 01:30", NEW_YORK, "2022-11-06 01:30:00-05:00"),
        ("2022-10-02 02:15", LORD_HOWE, "2022-10-02 02:45:00+11:00"),
        ("2022-04-03 01:45", LORD_HOWE, "2022-04-03 01:45:00+10:30"),
        ("2022-10-30 00:30:00", BERLIN, "2022-10-30 02:30:00+02:00"),
        ("2022-10-30 01:30:00", BERLIN, "2022-10-30 02:30:00+01:00"),
    ],
)
def test_clock_changes_leave_one_reading(written: str, zone: ZoneInfo, date: str) -> None:
    assert read(written, zone) == date


def test_white_space_around_a_date_means_nothing() -> None:
    assert read("'  2022-01-17 \n'") == read("'2022-01-17'") == "2022-01-17 00:00:00+08:00"


def test_a_long_text_is_searched_only_at_its_beginning() -> None:
    assert read(f"'{'x' * 100} 2022-01-17'") == "2022-01-17 00:00:00+08:00"
    assert read(f"'{'x' * 10_000} 2022-01-17'") is None


# --- properties --------------------------------------------------------------------------

clock = datetime.fromisoformat
zones = st.sampled_from([SHANGHAI, BERLIN, NEW_YORK, LORD_HOWE, ZoneInfo("UTC")])
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    clock("0001-01-03"),
    clock("9999-12-29"),
    timezones=st.one_of(offsets, st.just(UTC)),
)
clocks = st.datetimes(clock("1950-01-01"), clock("2100-01-01"))


@given(instants, zones, st.sampled_from("T "), st.booleans())
def test_rfc_3339_names_the_instant_in_every_zone(
    instant: datetime, zone: ZoneInfo, separator: str, utc: bool
) -> None:
    found = parse_date(Plain(instant.isoformat(separator)), zone, utc)
    assert found is not None
    assert found == instant.replace(microsecond=0)
    assert found.tzinfo is zone
    assert found.microsecond == 0


@given(clocks, zones, st.booleans())
@example(clock("2022-03-27 02:30"), BERLIN, True)
def test_a_quoted_time_is_the_time_on_the_clocks_of_the_site(
    time: datetime, zone: ZoneInfo, utc: bool
) -> None:
    found = parse_date(str(time), zone, utc)
    assert found is not None
    shown = found.replace(tzinfo=None)
    there = time.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    assert shown == time.replace(microsecond=0) or there != time  # no clock shows it


@settings(max_examples=500)
@given(st.text(st.sampled_from("0123456789-/.:+ TZtz,janfebmarpm(_"), max_size=30), zones)
@example("1/1/22 " * 20, SHANGHAI)
def test_any_text_is_a_date_that_it_says_or_none(text: str, zone: ZoneInfo) -> None:
    for value in (text, Plain(text)):
        found = parse_date(value, zone, naive_is_utc=True)
        if found is not None:
            assert found.tzinfo is zone
            # A year is never made up, whatever the zone moves.
            years = {found.year, (found - timedelta(days=1)).year, (found + timedelta(days=1)).year}
            digits = "".join(re.findall("[0-9]", text))
            assert any(f"{year % 100:02}" in digits for year in years)


@given(st.text(max_size=60), zones, st.booleans())
def test_no_text_raises(text: str, zone: ZoneInfo, utc: bool) -> None:
    parse_date(text, zone, utc)
    parse_date(Plain(text), zone, utc)
