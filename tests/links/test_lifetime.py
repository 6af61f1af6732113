"""How long answers are believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.links.fetch import Outcome
from feeds.links.lifetime import DAY, HOUR, lifetime
from feeds.links.pace import LONGEST_DEFERMENT
from feeds.models import Verdict


@pytest.mark.parametrize(
    ("verdict", "fails", "expected"),
    [
        (Verdict.OK, 0, 30 * DAY),
        (Verdict.MOVED, 0, 30 * DAY),
        (Verdict.REDIRECTED, 0, 30 * DAY),
        (Verdict.GONE, 1, 7 * DAY),
        (Verdict.GONE, 9, 7 * DAY),
        (Verdict.SOFT_404, 1, 7 * DAY),
        (Verdict.DENIED, 0, 14 * DAY),
        *(
            (verdict, fails, seconds)
            for verdict in (
                *(Verdict.DNS, Verdict.REFUSED, Verdict.RESET, Verdict.TIMEOUT),
                *(Verdict.SERVER_ERROR, Verdict.TLS),
            )
            for fails, seconds in ((1, HOUR), (2, DAY), (3, 7 * DAY), (50, 7 * DAY))
        ),
    ],
)
def test_the_verdict_decides_how_long(verdict: Verdict, fails: int, expected: int) -> None:
    lifetimes = {lifetime(Outcome(verdict), fails, number, 0.0) for number in range(1, 200)}
    assert expected * 0.89 < min(lifetimes) < expected < max(lifetimes) < expected * 1.11


@pytest.mark.parametrize("verdict", [Verdict.RATE_LIMITED, Verdict.SERVER_ERROR])
def test_a_host_is_asked_again_when_it_wants(verdict: Verdict) -> None:
    assert lifetime(Outcome(verdict, retry_at=5_000.0), 1, 7, 1_000.0) == 4_001
    # But not as if it had said nothing when its time is over.
    over = lifetime(Outcome(verdict, retry_at=500.0), 1, 7, 1_000.0)
    assert over == lifetime(Outcome(verdict), 1, 7, 1_000.0)


@given(
    st.sampled_from(Verdict),
    st.integers(0, 10**6),
    st.integers(1, 2**40),
    st.floats(-1e12, LONGEST_DEFERMENT),
    st.floats(0, 4e9),
)
def test_every_answer_has_its_time(
    verdict: Verdict, fails: int, number: int, wait: float, now: float
) -> None:
    assert 0 < lifetime(Outcome(verdict, retry_at=now + wait), fails, number, now) < 40 * DAY
