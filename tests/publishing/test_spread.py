"""Work in threads: bounded, and with an end when something goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from feeds.publishing.spread import spread


def nothing() -> None:
    pass


def test_everything_is_done_once() -> None:
    with ThreadPoolExecutor(3) as threads:
        found = list(spread(threads, str, range(50), 4, nothing, 1.0))
    assert sorted(found) == [(number, str(number)) for number in range(50)]


def test_no_more_is_begun_than_the_window_has_room_for() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as threads:
        for done, _ in enumerate(spread(threads, str, items(), 5, nothing, 1.0)):
            assert len(taken) <= done + 5
    assert len(taken) == 20


def test_the_first_error_ends_it_after_what_was_begun() -> None:
    seen = threading.Event()

    def work(number: int) -> int:
        if number == 1:
            raise ValueError("one")
        assert seen.wait(10)
        return number

    done: list[tuple[int, int]] = []
    with ThreadPoolExecutor(3) as threads, pytest.raises(ValueError, match="one"):
        done.extend(spread(threads, work, range(100), 3, seen.set, 1.0))
    assert sorted(done) == [(0, 0), (2, 2)]


def test_the_pause_comes_although_nothing_is_ready() -> None:
    go_on = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        found = spread(threads, lambda _: go_on.wait(10), [1], 1, go_on.set, 0.01)
        assert list(found) == [(1, True)]
