"""Taking away what a run wrote, so that the next one pays nothing for it.

To delete it would be dear. Where ext4 has no journal, as on many virtual machines, it gives the
inode of a file that was deleted to no other for a minute, and looks at each of them again whenever
one is asked for: deleting a thousand feeds made the build that wrote them anew spend 1.3 s in the
kernel in place of 0.5. So what a run wrote is moved aside and emptied, which frees the disk and no
inode. It is deleted when all runs are over, and the next benchmark waits until that minute is over.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ASIDE: Final = "aside"
DELETED: Final = "deleted"  # a file that is as old as the last deletion
REST: Final = 60.0  # seconds


def put_aside(root: Path, name: str) -> None:
    """Move a file or folder of a corpus to ``aside/`` beside the corpus, and empty its files.

    Whoever made the folder that both are in deletes them. What is not there is no error.
    """
    if (root / name).exists():
        move_aside(root / name, root.parent)


def move_aside(path: Path, cache: Path) -> None:
    """The same with any file or folder, to ``aside/`` in a folder of the same disk."""
    aside = cache / ASIDE
    aside.mkdir(exist_ok=True)
    there = path.rename(aside / f"{time.time_ns()}-{path.name}")
    for folder, _, files in os.walk(there):
        for each in files:
            emptied = os.path.join(folder, each)
            if not os.path.islink(emptied):  # what it leads to is not ours
                os.truncate(emptied, 0)


@contextlib.contextmanager
def rested(cache: Path) -> Iterator[None]:
    """Begin when the deletions of the last benchmark are a minute old, and delete at the end what
    was put aside in a folder."""
    left = REST - (time.time() - _last_deletion(cache))
    if 0 < left <= REST:
        print(f"{left:.0f} s of rest after the last benchmark", file=sys.stderr, flush=True)
        time.sleep(left)
    try:
        yield
    finally:
        shutil.rmtree(cache / ASIDE, ignore_errors=True)
        os.sync()
        (cache / DELETED).touch()


def _last_deletion(cache: Path) -> float:
    try:
        return (cache / DELETED).stat().st_mtime
    except FileNotFoundError:
        return 0.0
