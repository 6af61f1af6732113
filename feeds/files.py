"""What a task reads: files of a site, from its folder or as they were sent from there.

In: paths as the index has them. Out: bytes and times. A :class:`FileTask` says which files a
task reads, so that it can run where the folder of the site is not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final, Generic, Protocol, TypeVar

from feeds.config import Config
from feeds.values import dataclass

Item = TypeVar("Item")
Result = TypeVar("Result")

# A post is a text; what is larger than this is not one, and would only fill the memory.
LARGEST_FILE: Final = 64 * 1024 * 1024


class Files(Protocol):
    """Files of a site by their paths in it."""

    def content(self, path: str) -> tuple[bytes, datetime]:
        """The bytes of a file, and when it was written. Raises ``OSError``."""

    def include(self, name: str) -> str | None:
        """The text that Liquid includes by that name, or ``None`` if there is none."""


@dataclass(frozen=True, slots=True)
class SiteFiles:
    """The files of a site whose folder is on this machine."""

    config: Config

    def content(self, path: str) -> tuple[bytes, datetime]:
        return file_content(f"{self.config.root}/{path}")

    def include(self, name: str) -> str | None:
        """A link out of the folder of includes is none: a post must not show what lies
        elsewhere."""
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/"):
            return None
        try:
            folder = os.path.realpath(self.config.root / self.config.posts.includes_dir)
            path = os.path.realpath(os.path.join(folder, *parts))
            if not path.startswith(f"{folder}{os.sep}"):
                return None
            return file_content(path)[0].decode("utf-8-sig", "replace")
        except (OSError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class FileTask(Generic[Item, Result]):
    """A task over items that each come with a file of the site.

    Called with items it reads from the folder of the site. Elsewhere ``function`` is called with
    the configuration, the items, the files of ``path_of`` each, and what ``more`` makes of the
    configuration here. ``includes`` says whether it asks for any.
    """

    function: Callable[..., list[Result]]
    config: Config
    path_of: Callable[[Item], str]
    includes: bool = False
    more: Callable[[Config], tuple[Any, ...]] | None = None

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        return self.function(self.config, items)


def file_content(path: str) -> tuple[bytes, datetime]:
    """The bytes of a regular file, and when they were written. Raises ``OSError``."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "not a regular file")
        if found.st_size > LARGEST_FILE:
            raise OSError(0, f"larger than {LARGEST_FILE >> 20} MiB")
        raw = os.read(file, found.st_size + 1)
        while len(raw) < found.st_size and (more := os.read(file, LARGEST_FILE)):
            raw += more
        return raw, datetime.fromtimestamp(int(found.st_mtime), UTC)
    finally:
        os.close(file)
