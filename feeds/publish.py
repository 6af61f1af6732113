"""Documents into a folder: unchanged files untouched, changed ones moved into place whole.

In: which documents the folder has to hold, by path and hash, and a way to get their bodies.
Out: the folder, and what was done. A manifest in it, in the format of ``sha256sum``, says
which files are this program's; any other file is neither overwritten nor removed. In comments
it says whose feeds they are, and which were changed by somebody and left when they had to go.

Killed at any moment, every file is the old or the new one whole: bodies are written beside
the folder's files first, then the manifest says what may be ours from now on, then the
bodies are moved into place, then what is no longer wanted is removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections import deque
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    Set,
)
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from feeds.errors import ForeignFileError, OutputError
from feeds.manifest import (
    MANIFEST,
    DamagedManifestError,
    Hashes,
    Manifest,
    manifest_text,
    parse_manifest,
)
from feeds.models import Document, Finding, Level
from feeds.state import lock, release
from feeds.values import dataclass

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

STAGING: Final = ".feeds-staging"
WRITERS: Final = 2
WORTH_THREADS: Final = 16  # files; to load what makes threads takes as long as to write these
WAITING: Final = 16  # files at most that are in memory and not yet on the disk
FILES_NAMED: Final = 10  # in one message

# Hash, size and time of last change (nanoseconds) of a file that is as it should be.
Known: TypeAlias = tuple[str, int, int]
Write: TypeAlias = Callable[[Path, bytes], None]


@dataclass(frozen=True, slots=True)
class Published:
    """What was done: paths written and removed, and what is now known of every file."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    known: Mapping[str, Known]
    findings: tuple[Finding, ...] = ()


class StagedDocument(NamedTuple):
    """A document that lies in the staging folder already: where it goes, the SHA-256 of its
    body, and its file."""

    path: str
    hash: str
    file: Path


def _never() -> bool:
    return False


@contextlib.contextmanager
def alone(folder: Path, wait: float) -> Iterator[None]:
    """Hold an output folder, if it exists, against the builds of other sites.

    Builds of one site hold its index. Raises :class:`~feeds.errors.OutputError` after
    ``wait`` seconds. Where folders cannot be locked, as on some network file systems,
    nothing is held.
    """
    with contextlib.ExitStack() as stack:
        held = True
        with contextlib.suppress(OSError):
            file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(release, file)
            held = lock(file, wait)
        if not held:
            raise OutputError(
                f"{folder}: the build of another site has held it for {wait:g} s; "
                "give each site an output folder of its own"
            )
        yield


class Folder:
    """An output folder that documents of one site are published into.

    ``known`` is what the last run remembered of its files, ``owner`` the address of the site,
    and ``was_ours`` says whether the site wrote here before, maybe under another address.
    With ``force`` foreign files are overwritten where a document has to go.
    Raises :class:`~feeds.errors.OutputError` where the folder cannot be read, and
    :class:`~feeds.errors.ForeignFileError` where another site's feeds are in it.
    """

    def __init__(
        self,
        path: Path,
        known: Mapping[str, Known],
        owner: str = "",
        was_ours: Callable[[], bool] = _never,
        force: bool = False,
    ) -> None:
        self.path = path
        self._folder = os.fspath(path)
        with explained(path):
            self._manifest, self._left, before, *_ = _read_manifest(path)
        self._owner = owner
        self._force = force
        self.new_owner = owner != before
        if owner and before and self.new_owner and not was_ours():
            raise ForeignFileError(_other_site(path / MANIFEST, before))
        self._known = dict(known)
        self._checked: set[str] = set()
        self._given_up: set[str] = set()

    @property
    def staging(self) -> Path:
        """Where documents are written before they are moved into place.

        It is emptied before ``documents`` are asked for, and gone after publishing.
        """
        return self.path / STAGING

    @property
    def listed(self) -> Collection[str]:
        """The paths of all files that the manifest says are ours."""
        return self._manifest.keys()

    def _file(self, path: str) -> str:
        """Where a file lies, as a text: to make a Path takes longer than to look at the file."""
        return f"{self._folder}/{path}"

    def missing(self, wanted: Mapping[str, str | None]) -> list[str]:
        """The documents to be written: absent, different, or with a hash not known yet."""
        with explained(self.path):
            return [path for path, hash in wanted.items() if not hash or not self._has(path, hash)]

    def intact(self, path: str) -> str:
        """The hash of a file of ours that is as it was written, else an empty text."""
        hashes = self._manifest.get(path, set())
        if len(hashes) != 1:
            return ""  # a run was interrupted, and it may be of before
        (hash,) = hashes
        with explained(self.path):
            return hash if self._has(path, hash) else ""

    def stale(self, wanted: Iterable[str]) -> tuple[str, ...]:
        """The files of ours that publishing would remove, unless somebody changed them."""
        return tuple(sorted(self._manifest.keys() - set(wanted) - self._given_up))

    def refuse_foreign(self, paths: Iterable[str]) -> None:
        """Raise :class:`~feeds.errors.ForeignFileError` where files that are not ours are in
        the way of documents."""
        with explained(self.path):
            foreign = {found for path in paths if (found := self._foreign(path))}
        if foreign:
            raise self._in_the_way(foreign)

    def give_way(self, paths: Iterable[str]) -> list[str]:
        """Those of these paths where somebody else's file is, which then stays as it is.

        That of a page may be the site's own: one that somebody wrote over ours, too.
        """
        with explained(self.path):
            theirs = [path for path in paths if self._is_theirs(path)]
        self._given_up.update(theirs)
        return theirs

    def _is_theirs(self, path: str) -> bool:
        if path not in self._manifest:
            return bool(self._foreign(path)) or path in self._left
        file = self.path / path
        return os.path.lexists(file) and _hash_file(file) not in self._manifest[path]

    def edited(self, wanted: Iterable[str]) -> list[Finding]:
        """What publishing would find of files that somebody changed: those of feeds that are
        gone, and those that were left and are feeds again."""
        paths = set(wanted)
        with explained(self.path):
            gone = [finding for path in self.stale(paths) if (finding := self._edited(path))]
            back = [_overwritten(path, Level.WARNING) for path in sorted(paths & self._left.keys())]
            return gone + back

    def publish(
        self, kept: Mapping[str, str], documents: Iterable[Document | StagedDocument]
    ) -> Published:
        """Write ``documents``, and remove all of ours but them and ``kept`` (path to hash).

        Raises :class:`~feeds.errors.ForeignFileError` where files that are not ours are in
        the way and :class:`~feeds.errors.OutputError` where the folder cannot be written. The
        folder is then as it was; but if moving into place fails half way, some of its files
        are the new ones already, each whole, and the next run does the rest.
        """
        with explained(self.path):
            try:
                with _writing() as write:
                    wanted, staged = self._stage(kept, documents, write)
                overwritten = [found for path in staged if (found := self._changed(path))]
                written, removed, left = self._move(wanted, staged)
                findings = (*overwritten, *left)
            finally:
                _stop(documents)
                _clear(self.staging)
        known = {path: self._known[path] for path in wanted}
        return Published(written, removed, known, findings)

    def _has(self, path: str, hash: str) -> bool:
        """Whether a file has the wanted content; if so, that is remembered."""
        known = self._known.get(path)
        try:
            found = os.lstat(self._file(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        now = (hash, found.st_size, found.st_mtime_ns)
        if known == now:
            return True
        if not stat.S_ISREG(found.st_mode) or _hash_file(self.path / path) != hash:
            return False
        self._known[path] = now
        return True

    # --- before anything is in place

    def _stage(
        self,
        kept: Mapping[str, str],
        documents: Iterable[Document | StagedDocument],
        write: Write,
    ) -> tuple[dict[str, str], dict[str, Path]]:
        """All that the folder has to hold, and the new files of it, written beside it."""
        wanted = dict(kept)
        staged: dict[str, Path] = {}
        foreign: list[str] = []
        _clear(self.staging)
        for document in documents:
            wanted[document.path] = hash = document.hash
            if self._has(document.path, hash):
                continue
            if in_the_way := self._foreign(document.path):
                foreign.append(in_the_way)
            elif isinstance(document, StagedDocument):
                staged[document.path] = document.file
            elif not foreign:
                path = self.staging / str(len(staged))
                if not staged:
                    path.parent.mkdir(parents=True, exist_ok=True)
                staged[document.path] = path
                write(path, document.body)
        if foreign:
            raise self._in_the_way(set(foreign))
        return wanted, staged

    def _in_the_way(self, foreign: Set[str]) -> ForeignFileError:
        advice = (
            "nothing was written; move these away, or choose another output folder or other paths"
        )
        return ForeignFileError(
            foreign_message([str(self.path / path) for path in sorted(foreign)], advice)
        )

    def _foreign(self, path: str) -> str:
        """What is not ours and stands where a file has to go, or in the place of a folder."""
        folder = path.rpartition("/")[0]
        if in_the_way := self._foreign_folder(folder):
            return in_the_way
        try:
            found = os.lstat(self._file(path))
        except (FileNotFoundError, NotADirectoryError):
            return ""
        ours = path in self._manifest or path in self._left or self._force
        if ours and stat.S_ISREG(found.st_mode):
            return ""
        return "" if self._only_ours(path, found) else path

    def _foreign_folder(self, folder: str) -> str:
        """A folder may be linked to another place of the output, but not out of it."""
        if not folder or folder in self._checked:
            return ""
        if in_the_way := self._foreign_folder(folder.rpartition("/")[0]):
            return in_the_way
        path = self.path / folder
        if os.path.lexists(path) and folder not in self._manifest:
            inside = os.path.realpath(path).startswith(f"{os.path.realpath(self.path)}{os.sep}")
            if not path.is_dir() or not inside:
                return folder
        self._checked.add(folder)
        return ""

    def _changed(self, path: str) -> Finding | None:
        """What there is to say of a file of ours that is not as it was written."""
        if path in self._left:
            return _overwritten(path, Level.WARNING)
        if path not in self._manifest:
            return None
        try:
            found = os.lstat(self._file(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        if self._known.get(path, ())[1:] == (found.st_size, found.st_mtime_ns):
            return None
        as_written = _hash_file(self.path / path) in self._manifest[path]
        return None if as_written else _overwritten(path, Level.NOTE)

    def _only_ours(self, path: str, found: os.stat_result) -> bool:
        """Whether a folder holds nothing but files of ours, which give way."""
        if not stat.S_ISDIR(found.st_mode):
            return False
        files = (
            os.path.relpath(os.path.join(folder, name), self.path)
            for folder, _, names in os.walk(self.path / path)
            for name in names
        )
        return all(file in self._manifest for file in files)

    # --- into place

    def _move(
        self, wanted: Mapping[str, str], staged: Mapping[str, Path]
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Finding, ...]]:
        stale = self.stale(wanted)
        final = {path: {hash} for path, hash in wanted.items()}
        if final == self._manifest and not staged and not (final and self.new_owner):
            return (), (), ()
        # From here on the files are ours whether they are in place yet or not.
        self.path.mkdir(parents=True, exist_ok=True)
        union = {
            path: hashes | final.get(path, set())
            for path, hashes in self._manifest.items()
            if path not in self._given_up
        }
        left = {path: hashes for path, hashes in self._left.items() if path not in final}
        self._write_manifest({**final, **union}, left)
        # A file that goes may stand where a folder has to come, and the other way round.
        crossing = _crossing(stale, staged)
        pruned = self._prune(stale) if crossing else None
        for path, source in staged.items():
            self._place(source, path, wanted[path])
        removed, findings = pruned or self._prune(stale)
        left.update((found.path, self._manifest[found.path]) for found in findings)
        self._write_manifest(final, left)
        return tuple(staged), removed, findings

    def _place(self, source: Path, path: str, hash: str) -> None:
        target = self._file(path)
        try:
            os.replace(source, target)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(source, target)
        found = os.stat(target)
        self._known[path] = (hash, found.st_size, found.st_mtime_ns)

    def _prune(self, stale: Iterable[str]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
        removed, findings = [], []
        for path in stale:
            target = self.path / path
            if not os.path.lexists(target):
                continue
            if not self._is_inside(target):
                what = "its folder is a link to another place"
                findings.append(Finding(path, 0, Level.WARNING, what, "left where it is"))
                continue
            if finding := self._edited(path):
                findings.append(finding)
                continue
            target.unlink()
            removed.append(path)
            self._remove_empty_folders(target.parent)
        return tuple(removed), tuple(findings)

    def _is_inside(self, target: Path) -> bool:
        """Whether a file lies in the folder, and not where a linked folder leads."""
        place, folder = os.path.realpath(target.parent), os.path.realpath(self.path)
        return f"{place}{os.sep}".startswith(f"{folder}{os.sep}")

    def _edited(self, path: str) -> Finding | None:
        """What there is to say of a file that is ours no more because somebody changed it."""
        target = self.path / path
        ours = not os.path.lexists(target) or _hash_file(target) in self._manifest[path]
        if ours and not target.is_symlink():
            return None
        what = "no feed any more, but changed since it was written"
        return Finding(path, 0, Level.WARNING, what, "left where it is")

    def _remove_empty_folders(self, folder: Path) -> None:
        while folder != self.path:
            try:
                folder.rmdir()
            except OSError:
                return  # something else is in it
            folder = folder.parent

    def _write_manifest(self, files: Hashes, left: Hashes) -> None:
        there = {path: left[path] for path in left if os.path.lexists(self.path / path)}
        text = manifest_text(Manifest(files, there, self._owner))
        beside = self.path / f"{MANIFEST}.new"
        beside.write_text(text, "utf-8", newline="")
        beside.replace(self.path / MANIFEST)


def _clear(folder: Path) -> None:
    if os.path.lexists(folder):
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _stop(documents: Iterable[Document | StagedDocument]) -> None:
    """End those who make documents, before what they write is cleared away."""
    if isinstance(documents, Generator):
        documents.close()


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes())
    except FileNotFoundError:
        return Manifest({}, {})
    except DamagedManifestError as error:
        raise OutputError(_damaged(path, error)) from error


def _overwritten(path: str, level: Level) -> Finding:
    return Finding(path, 0, level, "changed since it was written", "replaced by the feed")


def _other_site(manifest: Path, owner: str) -> str:
    return (
        f"{manifest}: lists the feeds of another site, {owner}\n"
        "nothing was written; choose another output folder, or delete that file together with "
        "its feeds; if they are of this site under its old address, delete its first line"
    )


def _damaged(path: Path, line: DamagedManifestError) -> str:
    return (
        f"{path}:{line}: not a line of sha256sum, so it does not say which files are ours; "
        "mend it, or delete it together with the feeds in this folder"
    )


def _hash_file(path: Path) -> str:
    """The SHA-256 of a regular file, empty for anything else."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _crossing(stale: Sequence[str], staged: Mapping[str, Path]) -> bool:
    """Whether a path that goes is a folder of one that comes, or the other way round."""
    going, coming = set(stale), set(staged)
    return any(
        folder in other
        for paths, other in ((going, coming), (coming, going))
        for path in paths
        for folder in _folders(path)
    )


def _folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def foreign_message(places: Sequence[str], advice: str) -> str:
    """What to say of files or objects that are not ours and in the way."""
    lines = [f"{place}: was not written by this program" for place in places[:FILES_NAMED]]
    if len(places) > FILES_NAMED:
        lines.append(f"and {len(places) - FILES_NAMED} more")
    return "\n".join([*lines, advice])


@contextlib.contextmanager
def _writing() -> Iterator[Write]:
    """Files written by threads: making one takes the kernel as long as a feed takes us.

    An error comes out of a later call, or at the end.
    """
    waiting: deque[Future[int]] = deque()
    threads: ThreadPoolExecutor | None = None
    written = 0

    def write(path: Path, body: bytes) -> None:
        nonlocal threads, written
        written += 1
        if written <= WORTH_THREADS:
            path.write_bytes(body)
            return
        if threads is None:
            from concurrent.futures import ThreadPoolExecutor

            threads = stack.enter_context(ThreadPoolExecutor(WRITERS))
        waiting.append(threads.submit(path.write_bytes, body))
        if len(waiting) > WAITING:
            waiting.popleft().result()

    with contextlib.ExitStack() as stack:
        yield write
        while waiting:
            waiting.popleft().result()


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """The machine's refusals as errors that say what to do."""
    try:
        yield
    except OSError as error:
        what = error.filename or folder
        reason = (error.strerror or str(error)).lower()
        advice = ADVICE.get(error.errno or 0, "the feeds that were there are whole")
        raise OutputError(f"{what}: cannot be written: {reason}; {advice}") from error


ADVICE: Final = {
    errno.ENOSPC: "make room and build again; the feeds that were there are whole",
    errno.EDQUOT: "make room and build again; the feeds that were there are whole",
    errno.EACCES: "give this user permission to write there, or choose another output folder",
    errno.EPERM: "give this user permission to write there, or choose another output folder",
    errno.EROFS: "choose an output folder that can be written",
    errno.ENOTDIR: "an output folder has to be a folder",
    errno.EEXIST: "an output folder has to be a folder",
    errno.ENAMETOOLONG: "choose shorter paths in [feeds.paths]",
}
