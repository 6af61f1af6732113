"""Work in threads, a bounded part of it at a time, and what became of it as it is done."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def spread(
    executor: Executor,
    work: Callable[[T], R],
    items: Iterable[T],
    window: int,
    pause: Callable[[], None],
    seconds: float,
) -> Iterator[tuple[T, R]]:
    """Items and what ``work`` made of them, in the order in which they are ready.

    At most ``window`` are worked at; ``pause`` is called between, every ``seconds`` at least.
    The first error ends it: nothing more is begun, what was begun is waited for and handed
    out, then the error is raised.
    """
    rest = iter(items)
    pending: dict[Future[R], T] = {}
    error: BaseException | None = None
    try:
        while True:
            if error is None:
                for item in itertools.islice(rest, window - len(pending)):
                    pending[executor.submit(work, item)] = item
            if not pending:
                break
            ready, _ = wait(pending, timeout=seconds, return_when=FIRST_COMPLETED)
            for future in ready:
                item = pending.pop(future)
                if (failed := future.exception()) is None:
                    yield item, future.result()
                else:
                    error = error or failed
            pause()
    finally:
        for future in pending:
            future.cancel()
        # Whoever is stopped goes on only when nothing of this is under way any more.
        wait(pending)
    if error is not None:
        raise error
