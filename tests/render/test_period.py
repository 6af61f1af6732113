from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import Period
from feeds.render.period import period

from . import samples

START = datetime(2022, 1, 1, tzinfo=UTC)
LENGTHS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
}
MINUTE = timedelta(minutes=1)


def every(step: timedelta, times: int = 20) -> list[datetime]:
    return [START + step * number for number in range(times)]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (timedelta(0), Period("hourly", 12, 5)),
        (timedelta(seconds=90), Period("hourly", 12, 5)),
        (timedelta(minutes=5), Period("hourly", 12, 5)),
        (timedelta(minutes=7, seconds=30), Period("hourly", 8, 8)),
        (timedelta(minutes=25), Period("hourly", 2, 25)),
        (timedelta(minutes=40), Period("hourly", 1, 40)),
        (timedelta(hours=1), Period("hourly", 1, 60)),
        (timedelta(hours=1, seconds=1), Period("daily", 23, 60)),
        (timedelta(hours=7), Period("daily", 3, 60)),
        (timedelta(days=1), Period("daily", 1, 60)),
        (timedelta(days=2), Period("weekly", 3, 60)),
        (timedelta(weeks=1), Period("weekly", 1, 60)),
        (timedelta(days=10), Period("monthly", 3, 60)),
        (timedelta(days=30), Period("monthly", 1, 60)),
        (timedelta(days=400), Period("monthly", 1, 60)),
    ],
)
def test_a_period_is_the_mean_time_between_two_entries(step: timedelta, expected: Period) -> None:
    assert period(every(step)) == expected


@pytest.mark.parametrize("dates", [[], [START]])
def test_one_date_says_nothing_about_how_often(dates: list[datetime]) -> None:
    assert period(dates) == Period("daily", 1, 60)


def test_one_burst_among_many_quiet_days_does_not_call_readers_every_minute() -> None:
    dates = [*every(timedelta(days=1), 10), *(START + MINUTE * n for n in range(10))]
    assert period(dates) == Period("daily", 2, 60)


def test_clocks_put_back_do_not_change_a_period() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2022, 10, 30, 2, 50, tzinfo=berlin)
    after = datetime(2022, 10, 30, 2, 10, tzinfo=berlin, fold=1)
    assert period([after, before]) == Period("hourly", 3, 20)


@pytest.mark.parametrize(
    ("step", "bounds", "expected"),
    [
        (timedelta(minutes=1), (1, 60), Period("hourly", 60, 1)),
        (timedelta(minutes=1), (15, 60), Period("hourly", 4, 15)),
        (timedelta(days=3), (5, 240), Period("weekly", 2, 240)),
        (timedelta(hours=1), (180, 1440), Period("daily", 8, 180)),
    ],
)
def test_the_bounds_can_be_chosen(
    step: timedelta, bounds: tuple[int, int], expected: Period
) -> None:
    assert period(every(step), bounds) == expected


def test_bounds_hold_where_nothing_is_known() -> None:
    assert period([START], (5, 10_000)) == Period("daily", 1, 1440)
    assert period([START], (2880, 10_000)) == Period("weekly", 3, 2880)


dates = st.lists(samples.dates, max_size=30)
bounds = st.tuples(st.integers(1, 40_000), st.integers(1, 40_000)).map(
    lambda pair: (min(pair), max(pair))
)


@settings(deadline=None)
@given(dates, bounds)
def test_no_reader_is_told_to_come_more_often_than_there_is_something_to_read(
    dates: list[datetime], bounds: tuple[int, int]
) -> None:
    told = period(dates, bounds)
    interval = LENGTHS[told.unit] / told.frequency
    if len(dates) > 1:
        instants = sorted(date.astimezone(UTC) for date in dates)
        mean = (instants[-1] - instants[0]) / (len(instants) - 1)
        # Once a month is the least that is said, and the upper bound is the longest wait.
        assert interval >= min(mean, LENGTHS["monthly"])
        assert told.minutes * MINUTE >= min(mean, bounds[1] * MINUTE)
    assert interval >= min(bounds[0] * MINUTE, LENGTHS["monthly"])
    assert bounds[0] <= told.minutes <= bounds[1]


@settings(deadline=None)
@given(dates)
def test_a_period_depends_on_the_instants_alone(dates: list[datetime]) -> None:
    elsewhere = [date.astimezone(UTC) for date in reversed(dates)]
    assert period(elsewhere) == period(dates)
