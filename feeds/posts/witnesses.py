"""Other processes look at a share of what is to be looked at, and say what is as it was.

In: numbers in shares, and a question that each can be asked without changing anything. Out: the
answers, a byte through a pipe for each. Only a plain yes counts: whatever else there is to say,
and whatever goes wrong there, is left to the process that wants to know.

A fork has all that is needed at once; through an executor the names of a million files would
be sent, which takes longer than to look at them.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Final

YES: Final = b"y"
NO: Final = b"n"


@contextlib.contextmanager
def witnesses(
    shares: Sequence[Sequence[int]], same: Callable[[int], bool]
) -> Iterator[Callable[[int], bool]]:
    """A process for each share; what is returned tells whether one said yes to a number.

    Numbers have to be asked for in the order of their share, each once. Those that are in no
    share, and those of a process that ended early, have no yes.
    """
    with contextlib.ExitStack() as stack:
        answers = {}
        for share in shares:
            answer = stack.enter_context(_witness(share, same))
            answers.update(dict.fromkeys(share, answer))
        yield lambda number: number in answers and answers[number]() == YES


@contextlib.contextmanager
def _witness(share: Sequence[int], same: Callable[[int], bool]) -> Iterator[Callable[[], bytes]]:
    reading, writing = os.pipe()
    # Ctrl-C is for the process that asks; it stays put off in the other one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        witness = os.fork()
        if not witness:
            _testify(share, same, writing)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writing)
    try:
        yield lambda: os.read(reading, 1)
    finally:
        os.close(reading)  # which ends one that nobody listens to
        os.waitpid(witness, 0)


def _testify(share: Sequence[int], same: Callable[[int], bool], writing: int) -> None:
    """Answer and end, whatever happens: the rest of the program is another process's."""
    try:
        for number in share:
            os.write(writing, YES if same(number) else NO)
    finally:
        os._exit(0)
