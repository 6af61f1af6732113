"""Who asks too often without a condition, by a clock of the test's own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import limit as limits
from server.limit import Limit


class Clock:
    """Seconds, as the test says."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_so_many_may_come_at_once_and_then_one_by_one(clock: Clock) -> None:
    limit = Limit(6, clock)
    assert [limit.wait("a", b"x") for _ in range(8)] == [0] * 6 + [10, 10]
    clock.now += 9.5
    assert limit.wait("a", b"x") == 1
    clock.now += 0.5
    assert limit.wait("a", b"x") == 0
    assert limit.wait("a", b"x") == 10


def test_who_waits_as_told_may_go_on(clock: Clock) -> None:
    limit = Limit(7, clock)
    for _ in range(50):
        while wait := limit.wait("a", b"x"):
            assert wait > 0
            clock.now += wait
        clock.now += 0.001


def test_a_pause_does_not_save_up_more_than_a_minute(clock: Clock) -> None:
    limit = Limit(3, clock)
    assert limit.wait("a", b"x") == 0
    clock.now += 86_400
    assert [bool(limit.wait("a", b"x")) for _ in range(4)] == [False, False, False, True]


def test_clients_are_told_apart_by_address_and_agent(clock: Clock) -> None:
    limit = Limit(1, clock)
    for client in [("a", b"x"), ("a", b"y"), ("b", b"x")]:
        assert limit.wait(*client) == 0
        assert limit.wait(*client) == 60


@given(
    st.integers(1, 100),
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_never_more_than_the_rate_and_a_burst(per_minute: int, pauses: Sequence[float]) -> None:
    clock = Clock()
    limit = Limit(per_minute, clock)
    passed = 0
    for pause in pauses:
        clock.now += pause
        passed += limit.wait("a", b"x") == 0
    assert passed <= per_minute + sum(pauses) * per_minute / 60 + 1e-6
    # And whoever keeps to the rate is never stopped.
    calm = Limit(per_minute, clock)
    for _ in range(20):
        clock.now += 60 / per_minute + 1e-6
        assert calm.wait("b", b"x") == 0


def test_memory_is_bounded_however_many_come(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CLIENTS", 100)
    limit = Limit(1, clock)
    for number in range(1_000):
        limit.wait(f"10.0.{number >> 8}.{number & 255}", b"x")
    assert len(limit._clients) == 100
    # Those who came last are still known.
    assert limit.wait("10.0.3.231", b"x") == 60
    limit.wait("a" * 100_000, b"y" * 100_000)
    assert max(len(address) + len(agent) for address, agent in limit._clients) < 1_000
