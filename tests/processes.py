"""Processes of tests: they heed an interrupt whoever runs the tests, and none outlives its test."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from typing import AnyStr


def heed_interrupts() -> None:
    """For ``preexec_fn``: what a shell runs in the background is born deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def killed_at_last(process: subprocess.Popen[AnyStr]) -> Iterator[subprocess.Popen[AnyStr]]:
    """A process that is gone at the end, whatever became of the test."""
    with process:
        try:
            yield process
        finally:
            process.kill()
