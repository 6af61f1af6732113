"""Tasks over chunks of work, through an :class:`concurrent.futures.Executor`.

The executor is only made when there is enough to do; small runs stay in this process.
Results come in the order of the chunks, whoever finishes first.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

Token = TypeVar("Token")
Item = TypeVar("Item")
Result = TypeVar("Result")

# Starting two processes costs as much as reading or rendering some hundred posts.
WORTH_A_POOL: Final = 400


class MakeExecutor(Protocol):
    """Makes an executor, given how many tasks it shall run at once."""

    def __call__(self, jobs: int) -> Executor: ...


class Workers:
    """Runs tasks. Use it as a context, so that its processes end with it."""

    def __init__(self, jobs: int, make_executor: MakeExecutor) -> None:
        self.jobs = jobs
        self._make_executor = make_executor
        self._executor: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._executor:
            self._executor.shutdown(cancel_futures=True)

    def map(
        self,
        task: Callable[[Sequence[Item]], Result],
        chunks: Iterable[tuple[Token, Sequence[Item]]],
    ) -> Iterator[tuple[Token, Result]]:
        """Run ``task`` over chunks, each with a token that comes back beside the result."""
        chunks = iter(chunks)
        first, many = _peek(chunks)
        if not many or self.jobs < 2:
            for token, items in itertools.chain(first, chunks):
                yield token, task(items)
            return
        yield from self._spread(task, itertools.chain(first, chunks))

    def _spread(
        self,
        task: Callable[[Sequence[Item]], Result],
        chunks: Iterable[tuple[Token, Sequence[Item]]],
    ) -> Iterator[tuple[Token, Result]]:
        from concurrent.futures import wait

        waiting: deque[tuple[Token, Sequence[Item], Future[Any]]] = deque()
        try:
            for token, items in chunks:
                # Submitting may fork; an interrupt within a fork is lost.
                with _without_interrupts():
                    waiting.append((token, items, self._submit(task, items)))
                # Enough for nobody to wait, few enough for the memory.
                if len(waiting) > 2 * self.jobs:
                    token, items, future = waiting.popleft()
                    yield token, self._result(future, task, items)
            while waiting:
                token, items, future = waiting.popleft()
                yield token, self._result(future, task, items)
        finally:
            # What cannot be cancelled any more is waited for: nobody works on unseen.
            wait([future for _, _, future in waiting if not future.cancel()])

    # --- what a cluster does otherwise

    def _submit(
        self, task: Callable[[Sequence[Item]], Result], items: Sequence[Item]
    ) -> Future[Any]:
        return self._running().submit(task, items)

    def _result(
        self, future: Future[Any], task: Callable[[Sequence[Item]], Result], items: Sequence[Item]
    ) -> Result:
        found: Result = future.result()
        return found

    def _running(self) -> Executor:
        if self._executor is None:
            self._executor = self._make_executor(self.jobs)
        return self._executor


def _peek(
    chunks: Iterator[tuple[Token, Sequence[Item]]],
) -> tuple[list[tuple[Token, Sequence[Item]]], bool]:
    """The first chunks, and whether they hold enough work for a pool of processes."""
    taken, weight = [], 0
    for token, items in chunks:
        taken.append((token, items))
        weight += len(items)
        if weight >= WORTH_A_POOL:
            return taken, True
    return taken, False


def processes(jobs: int) -> Executor:
    """A pool of processes on this machine."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Forked workers start in milliseconds and share what is imported; elsewhere they cannot.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else None)
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_live_and_die_with_parent)


def spawned_processes(jobs: int) -> Executor:
    """The same for a process with threads, which cannot be forked safely."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=_live_and_die_with_parent)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Put Ctrl-C off for a moment."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live_and_die_with_parent() -> None:
    """What a worker does first.

    Ctrl-C reaches the whole group, and the process that asked for the work decides. When that
    one is gone its workers must not stay and hold the lock of the index, which they inherit.
    """
    import multiprocessing

    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)


def cpu_count() -> int:
    """How many CPUs this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
