"""Waiting until there may be something to build.

In: the folders that matter. Out: a return when a file in them changed, when somebody asked
for a build, when the index is gone, or when it is time. Where the kernel does not tell of
changes the caller is woken at a rhythm instead, since looking at all files is what a build
does anyway.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Final, TypeAlias

from watchfiles import Change, watch

from feeds.config import CONFIG_NAME, OWN_NAME
from feeds.sites import JEKYLL_NAMES
from feeds.state import make_state_folder
from feeds.view import current_index

logger = logging.getLogger("feeds.watch")

TICK_MS: Final = 100
# A burst of changes is one when no two of them lie further apart than this …
QUIET_MS: Final = 120
# … and when it does not last longer than this.
BURST_MS: Final = 5_000
SHORTEST_POLL: Final = 1.0
LONGEST_POLL: Final = 60.0
# Looking at all files may take this part of the time.
POLL_SHARE: Final = 0.1

REQUESTS: Final = "requests"
BUILD: Final = "build"
BUILD_ANEW: Final = "build-anew"
CONFIG_NAMES: Final = (CONFIG_NAME, OWN_NAME, *JEKYLL_NAMES)

Changes: TypeAlias = set[tuple[Change, str]]


def request_build(state: Path, anew: bool = False) -> None:
    """Ask the builder of a site to look at its files, from any process.

    ``anew`` is for an index that turned out to be damaged.
    """
    make_state_folder(state)
    folder = state / REQUESTS
    folder.mkdir(exist_ok=True)
    (folder / (BUILD_ANEW if anew else BUILD)).write_text(f"{time.time_ns()}\n", "ascii")


class Watch:
    """Watches folders, not what is below them. ``mode`` is ``auto``, ``poll`` or ``off``.

    Files that change in ``quiet`` are of no interest unless they hold the configuration:
    it is the folder of a site, where somebody may well keep a log.
    """

    def __init__(self, mode: str, state: Path, stopped: Event, quiet: Path | None = None) -> None:
        self._mode = mode
        self._state = state
        self._stopped = stopped
        self._quiet = os.fspath(quiet) if quiet else None
        self._requested = self._requests()
        self._folders: dict[str, tuple[int, int] | None] = {}
        self._changes: Iterator[Changes] | None = None

    def follow(self, folders: Sequence[Path]) -> bool:
        """Watch these folders from now on; whether that is anything new.

        What changed before is not seen, so look at the files once more if it is.
        """
        if self._mode != "auto":
            return False
        now = {os.fspath(path): _identity(path) for path in folders}
        if now == self._folders and self._changes is not None:
            return False
        self.close()
        self._folders = now
        try:
            self._changes = watch(
                *(path for path, identity in now.items() if identity),
                watch_filter=self._matters,
                debounce=BURST_MS,
                step=QUIET_MS,
                rust_timeout=TICK_MS,
                yield_on_timeout=True,
                recursive=False,
                ignore_permission_denied=True,
                raise_interrupt=False,
                stop_event=self._stopped,
            )
            next(self._changes, None)  # it begins to watch when it is first asked
        except FileNotFoundError:
            self._changes = None  # a folder went meanwhile
        except (OSError, RuntimeError) as error:
            logger.warning("files cannot be watched (%s); looking at them in turn", error)
            self._mode = "poll"
            self._changes = None
            return False
        return True

    def wait(self, seconds: float, looked: float) -> bool:
        """Return after so many seconds, or before if there may be something to build.

        ``looked`` is how many seconds it took to look at all files. Returns whether the
        index has to be made anew.
        """
        if self._mode == "poll":
            poll = min(max(looked / POLL_SHARE, SHORTEST_POLL), LONGEST_POLL)
            seconds = min(seconds, poll)
        deadline = time.monotonic() + seconds
        indexed = current_index(self._state) is not None
        while not self._stopped.is_set() and time.monotonic() < deadline:
            before, self._requested = self._requested, self._requests()
            if before != self._requested:
                return before[BUILD_ANEW] != self._requested[BUILD_ANEW]
            if self._changed() or (indexed and current_index(self._state) is None):
                return False
        return False

    def _changed(self) -> bool:
        """Whether anything changed within a tick."""
        if self._changes is None:
            self._stopped.wait(TICK_MS / 1000)
            return False
        try:
            changes = next(self._changes, None) or set()
        except (OSError, RuntimeError) as error:
            logger.warning("files cannot be watched any more (%s)", error)
            self.close()
            return True
        if any(path in self._folders for _, path in changes):
            self.close()  # what is watched may be a folder that is not there any more
        return bool(changes)

    def _matters(self, change: Change, path: str) -> bool:
        if change is not Change.modified or self._quiet is None:
            return True
        folder, name = os.path.split(path)
        return folder != self._quiet or name in CONFIG_NAMES

    def _requests(self) -> dict[str, int]:
        """When a build was asked for last, in nanoseconds since 1970."""
        return {name: _time(self._state / REQUESTS / name) for name in (BUILD, BUILD_ANEW)}

    def close(self) -> None:
        if self._changes is not None:
            self._changes.close()  # type: ignore[attr-defined]  # it is a generator
            self._changes = None


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a folder from another one that takes its name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _time(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
