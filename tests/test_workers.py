from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor

import pytest

from feeds.workers import WORTH_A_POOL, Workers, processes


def slow_sum(numbers: Sequence[int]) -> tuple[int, int]:
    """The first chunk takes longest, so that results come back out of order."""
    time.sleep(0.05 if numbers[0] == 0 else 0)
    return sum(numbers), os.getpid()


def fail(numbers: Sequence[int]) -> int:
    raise ValueError(str(numbers[0]))


def chunks(size: int, count: int) -> list[tuple[str, list[int]]]:
    return [(f"chunk {n}", list(range(n * size, (n + 1) * size))) for n in range(count)]


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_come_in_the_order_of_the_chunks(jobs: int) -> None:
    given = chunks(WORTH_A_POOL, 12)
    with Workers(jobs, processes) as workers:
        results = list(workers.map(slow_sum, given))
    assert [(token, total) for token, (total, _) in results] == [
        (token, sum(numbers)) for token, numbers in given
    ]
    elsewhere = {pid for _, (_, pid) in results} - {os.getpid()}
    assert bool(elsewhere) == (jobs > 1)


def test_little_work_makes_no_processes() -> None:
    def refuse(jobs: int) -> Executor:
        raise AssertionError

    with Workers(8, refuse) as workers:
        assert [total for _, (total, _) in workers.map(slow_sum, chunks(2, 3))] == [1, 5, 9]


@pytest.mark.parametrize("size", [1, WORTH_A_POOL])
def test_an_exception_of_a_task_comes_through(size: int) -> None:
    with Workers(2, processes) as workers, pytest.raises(ValueError, match="0"):
        list(workers.map(fail, chunks(size, 3)))


def test_a_consumer_may_stop_early() -> None:
    with Workers(2, processes) as workers:
        results = workers.map(slow_sum, chunks(WORTH_A_POOL, 50))
        assert next(results)[0] == "chunk 0"
        results.close()  # type: ignore[attr-defined]  # it is a generator
