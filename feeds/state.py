"""The state folder of a site: everything in it can be made again, so it ignores itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Final

OUTPUTS_NAME: Final = "outputs"


def make_state_folder(state: Path) -> None:
    """Make the folder if it is missing, with a ``.gitignore`` of its own."""
    state.mkdir(exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")


def lock(file: int, wait: float) -> bool:
    """Hold an open file or folder alone until :func:`release`; gives up after ``wait`` seconds.

    Raises ``OSError`` where the file system has no locks.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(min(0.1, wait))
        else:
            return True


def release(file: int) -> None:
    """Close a file that may be held. Closing alone lets go of nothing while a process that was
    forked meanwhile has it too."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_UN)
    os.close(file)


def knows_output(state: Path, output: Path | str) -> bool:
    """Whether feeds of the site went into a folder, or to an address, before."""
    return _name(output) in _outputs(state)


def remember_output(state: Path, output: Path | str) -> None:
    """Note that feeds of the site are in a folder or at an address, so that the site's own
    address may change."""
    known = _outputs(state) | {_name(output)}
    with contextlib.suppress(OSError):  # it is asked for only when the address changes
        (state / OUTPUTS_NAME).write_bytes(b"".join(os.fsencode(f"{p}\n") for p in sorted(known)))


def _name(output: Path | str) -> str:
    return output if isinstance(output, str) else os.path.realpath(output)


def _outputs(state: Path) -> set[str]:
    try:
        return {os.fsdecode(line) for line in (state / OUTPUTS_NAME).read_bytes().split(b"\n")}
    except OSError:
        return set()
