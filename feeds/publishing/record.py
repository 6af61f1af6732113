"""The manifest of a bucket while its objects change: what is certain, and what is not.

Before anything is sent it is written with all that may be different from now on. A path that
has several hashes, or :data:`~feeds.manifest.ABSENT` among them, is in doubt: the next run
sends it again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from feeds.errors import OutputError
from feeds.manifest import (
    ABSENT,
    MANIFEST,
    DamagedManifestError,
    Manifest,
    manifest_text,
    parse_manifest,
)
from feeds.publishing.output import File
from feeds.publishing.storage import ContestedError, Storage

CHECKPOINTS: Final = 20  # times at most that a run writes the manifest because of what it did …
CHECKPOINT: Final = 100  # … and objects at least between two of them
HEARTBEAT: Final = 60.0  # seconds at most between two
SILENCE: Final = 5 * HEARTBEAT  # after which who sends is thought to be dead
HEADERS: Final = {"ContentType": "text/plain; charset=utf-8", "CacheControl": "no-store"}


class Record:
    """The manifest of a bucket, read when it is made.

    ``sender`` is who would send; ``clock`` counts seconds, also while a machine sleeps. Raises
    :class:`~feeds.errors.OutputError` where the manifest cannot be read.
    """

    def __init__(
        self, storage: Storage, sender: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._sender = sender
        self._clock = clock
        stored = storage.read(MANIFEST)
        self._etag = stored.etag if stored else ""
        self._age = stored.age if stored else 0.0
        self.manifest = _parsed(stored.body if stored else b"", storage)
        self._ours = False
        self._unsaved = 0
        self._between = CHECKPOINT
        self._saved_at = 0.0

    def another(self) -> str:
        """Another machine that is sending right now, by the name that it goes by."""
        sender = self.manifest.sender
        return sender if sender != self._sender and self._age < SILENCE else ""

    def begin(
        self, owner: str, headers: str, sending: Iterable[File], stale: Iterable[str]
    ) -> None:
        """Have the manifest say what may be different from now on."""
        files = dict(self.manifest.files)
        left = dict(self.manifest.left)
        for file in sending:
            files[file.path] = {file.hash, ABSENT} | files.get(file.path, set())
            left.pop(file.path, None)
        for path in stale:
            files[path] = {ABSENT} | files[path]
        doubtful = sum(ABSENT in hashes for hashes in files.values())
        self._between = max(CHECKPOINT, doubtful // CHECKPOINTS)
        self.manifest = Manifest(files, left, owner, headers, self._sender)
        self._save()
        self._ours = True

    def sent(self, file: File) -> None:
        """An object is there, with this content."""
        self.manifest.files[file.path] = {file.hash}
        self._unsaved += 1

    def removed(self, path: str) -> None:
        """An object is there no more."""
        del self.manifest.files[path]
        self._unsaved += 1

    def leave(self, path: str) -> None:
        """An object is somebody else's by now."""
        self.manifest.left[path] = self.manifest.files.pop(path) - {ABSENT}
        self._unsaved += 1

    def keep(self) -> None:
        """Save what is certain by now, if it is time to."""
        due = self._clock() - self._saved_at >= HEARTBEAT
        if due or self._unsaved >= self._between:
            self._save()

    def finish(self) -> None:
        """Nothing is in doubt, and nobody sends any more."""
        self.manifest = self.manifest._replace(sender="")
        self._save()

    def stop(self) -> None:
        """Save what is certain, as far as that can be done: the rest is in doubt already."""
        self.manifest = self.manifest._replace(sender="")
        if self._ours:
            with contextlib.suppress(OutputError):
                self._save()

    def _save(self) -> None:
        body = manifest_text(self.manifest).encode()
        try:
            self._etag = self._storage.replace(MANIFEST, body, self._etag, HEADERS)
        except ContestedError:
            what = "went on in its place" if self._ours else "wrote there meanwhile"
            self._ours = False
            raise OutputError(
                f"{self._storage.destination}: another run of `feeds publish` {what}; "
                "if that is not what you want, let only one machine publish there"
            ) from None
        self._unsaved = 0
        self._saved_at = self._clock()


def _parsed(body: bytes, storage: Storage) -> Manifest:
    try:
        return parse_manifest(body)
    except DamagedManifestError as error:
        raise OutputError(
            f"{storage.destination}{MANIFEST}:{error}: not a line of sha256sum, so it does not "
            "say which objects are ours; mend it, or delete it: objects that this program wrote "
            "are known by their metadata too"
        ) from error
