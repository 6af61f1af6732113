"""The errors that a user of the program can meet, one tree of them.

A fault of the world (a broken post) is a value, a :class:`~feeds.models.Finding`;
a fault of the user or of the machine is one of these. The command line prints
``str(error)`` and exits with ``error.exit_code``; anything else is a bug and shows
its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Final


class FeedsError(Exception):
    """The run itself failed; the message says what, where and what to do."""

    exit_code = 3


class ConfigError(FeedsError):
    """The configuration cannot be used. Holds every mistake found, not only the first."""

    exit_code = 2

    def __init__(self, path: str | PathLike[str], problems: Sequence[str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


class IndexLockedError(FeedsError):
    """Another build holds the index for longer than this one was told to wait."""


class ForeignFileError(FeedsError):
    """A file that this program did not write stands where a feed has to go."""


class SourceError(FeedsError):
    """A folder of posts could not be read; what was known of its posts may not be forgotten."""


class OutputError(FeedsError):
    """The output folder could not be written (permission, space, not a folder)."""


class ClusterError(FeedsError):
    """The machines of ``--cluster`` cannot be used, or cannot be used any more."""


class AddressError(FeedsError):
    """The address of the server cannot be listened at."""


def refusal(error: OSError) -> str:
    """Why the machine would not read or write a file, and what to do if that is known."""
    reason = (error.strerror or str(error)).lower()
    advice = ADVICE.get(error.errno or 0)
    return f"{reason}; {advice}" if advice else reason


ADVICE: Final[Mapping[int, str]] = {
    errno.EACCES: "give this user permission",
    errno.EPERM: "give this user permission",
    errno.ENOENT: "make its folder first",
    errno.ENOSPC: "make room and run it again",
    errno.EDQUOT: "make room and run it again",
    errno.EROFS: "choose a place that can be written",
}
