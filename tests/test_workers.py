from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

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


def test_workers_end_with_the_process_that_made_them(tmp_path: Path) -> None:
    script = (
        "import os, signal, time\n"
        "from feeds.workers import Workers, processes\n"
        "from tests.test_workers import chunks, slow_sum, WORTH_A_POOL\n"
        "with Workers(2, processes) as workers:\n"
        "    for _, (_, pid) in workers.map(slow_sum, chunks(WORTH_A_POOL, 4)):\n"
        "        print(pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    output = tmp_path / "pids"
    with output.open("w") as file:
        done = subprocess.run([sys.executable, "-c", script], stdout=file, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    pids = {int(line) for line in output.read_text().split()}
    assert pids
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, pids))


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def touch_slowly(numbers: Sequence[tuple[str, int]]) -> None:
    folder, number = numbers[0]
    time.sleep(0.3)
    Path(folder, f"{number}-{os.getpid()}").touch()


def test_nobody_is_at_work_any_more_once_a_consumer_stopped(tmp_path: Path) -> None:
    given = [(n, [(str(tmp_path), n)] * WORTH_A_POOL) for n in range(8)]
    with Workers(2, processes) as workers:
        results = workers.map(touch_slowly, given)
        next(results)
        results.close()  # type: ignore[attr-defined]  # it is a generator
        done = sorted(tmp_path.iterdir())
    assert len(done) < len(given)
    assert sorted(tmp_path.iterdir()) == done


def test_a_consumer_may_stop_early() -> None:
    with Workers(2, processes) as workers:
        results = workers.map(slow_sum, chunks(WORTH_A_POOL, 50))
        assert next(results)[0] == "chunk 0"
        results.close()  # type: ignore[attr-defined]  # it is a generator
