"""Waiting until there may be something to build.

In: the folders that matter. Out: a return when a file in them changed, when somebody asked
for a build, or when it is time. Where the kernel does not tell of changes the caller is
woken at a rhythm instead, since looking at all files is what a build does anyway.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Final

from watchfiles import Change, watch

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


def request_build(state: Path) -> None:
    """Ask the builder of a site to look at its files, from any process."""
    folder = state / REQUESTS
    folder.mkdir(exist_ok=True)
    (folder / "build").write_text(f"{time.time_ns()}\n", "ascii")


class Watch:
    """Watches folders, not what is below them. ``mode`` is ``auto``, ``poll`` or ``off``."""

    def __init__(self, mode: str, state: Path, stopped: Event) -> None:
        self._mode = mode
        self._request = state / REQUESTS / "build"
        self._stopped = stopped
        self._requested = self._request_time()
        self._folders: tuple[Path, ...] = ()
        self._changes: Iterator[set[tuple[Change, str]]] | None = None

    def follow(self, folders: Sequence[Path]) -> bool:
        """Watch these folders from now on; whether that is anything new.

        What changed before is not seen, so look at the files once more if it is.
        """
        if self._mode != "auto" or (tuple(folders) == self._folders and self._changes):
            return False
        self.close()
        self._folders = tuple(folders)
        try:
            self._changes = watch(
                *(path for path in folders if path.is_dir()),
                watch_filter=None,
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
        except (OSError, RuntimeError) as error:
            logger.warning("files cannot be watched (%s); looking at them in turn", error)
            self._mode = "poll"
            self._changes = None
            return False
        return True

    def wait(self, seconds: float, looked: float) -> None:
        """Return after so many seconds, or before if there may be something to build.

        ``looked`` is how many seconds it took to look at all files.
        """
        if self._mode == "poll":
            poll = min(max(looked / POLL_SHARE, SHORTEST_POLL), LONGEST_POLL)
            seconds = min(seconds, poll)
        deadline = time.monotonic() + seconds
        while not self._stopped.is_set() and time.monotonic() < deadline:
            if self._was_requested() or self._changed():
                return

    def _changed(self) -> bool:
        """Whether anything changed within a tick."""
        if self._changes is None:
            self._stopped.wait(TICK_MS / 1000)
            return False
        try:
            return bool(next(self._changes, None))
        except (OSError, RuntimeError) as error:
            logger.warning("files cannot be watched any more (%s)", error)
            self._changes = None
            return True

    def _was_requested(self) -> bool:
        now = self._request_time()
        if now == self._requested:
            return False
        self._requested = now
        return True

    def _request_time(self) -> int:
        try:
            return os.stat(self._request).st_mtime_ns
        except OSError:
            return 0

    def close(self) -> None:
        if self._changes is not None:
            self._changes.close()  # type: ignore[attr-defined]  # it is a generator
            self._changes = None
