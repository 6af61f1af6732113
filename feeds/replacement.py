"""Files that are replaced whole or not at all.

In: a path and what is written. Out: a file of that content at that path, never a part of it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from feeds.errors import OutputError, refusal


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its place at the end of the context, and with an error is gone.

    What a link leads to is replaced, with the mode it had and, if that is allowed, the owner.
    What is no regular file, a pipe or a terminal, is written to.
    Raises :class:`~feeds.errors.OutputError`.
    """
    try:
        with _staged(path) as file:
            yield file
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {refusal(error)}") from error


@contextlib.contextmanager
def _staged(path: Path) -> Iterator[BinaryIO]:
    known = path.stat() if path.exists() else None
    if known and not stat.S_ISREG(known.st_mode):
        with path.open("wb") as file:
            yield file
        return
    target = Path(os.path.realpath(path))
    # A name of its own: that of the target may be as long as names can be.
    staged = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with staged.open("xb") as file:
            yield file
            file.flush()
            if known:
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), known.st_uid, known.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(known.st_mode))
            os.fsync(file.fileno())
        os.replace(staged, target)
    except BaseException:
        with contextlib.suppress(OSError):
            staged.unlink()
        raise
