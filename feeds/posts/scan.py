"""Which files are posts, and which of them changed since the last build.

In: the site folder and what the index remembers of it. Out: one :class:`Change` for every
group of files that differs, in an order that does not depend on the file system.

A folder's files are dealt into buckets by the hash of their names, a few hundred each, and a
bucket is remembered as one packed listing with its digest. So a scan of a million unchanged
files compares some thousand digests, and one new file touches one bucket.

Which files count on a Jekyll site follows Jekyll::Reader, EntryFilter and PostReader.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final
from zlib import crc32

from feeds.config import STATE_FOLDER, Config
from feeds.models import Finding, Level

POST_NAME: Final = re.compile(r"\d{2,4}-\d{1,2}-\d{1,2}-[^/]*\.[^./]+\Z")
HTML_EXTENSIONS: Final = ("html", "htm")
TEXT_EXTENSIONS: Final = ("txt",)
SPECIAL_LEADS: Final = (".", "_", "#", "~")

FILES_PER_BUCKET: Final = 512

# A file written in the same tick of the clock as the scan could be written again without its
# times changing. Such a file is remembered with impossible times, so it is read once more.
# Kernels stamp files some milliseconds apart, FAT and some network disks two seconds.
FINE_TICK: Final = 50_000_000
COARSE_TICK: Final = 2_100_000_000

UNSURE: Final = (-1, -1, -1)

Key = tuple[str, int]
Stat = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some files of one folder: ``entries`` packs names, sizes and times, sorted by name.

    ``number`` of ``total`` says which names belong here; ``digest`` is that of ``entries``.
    """

    folder: str
    number: int
    total: int
    digest: bytes
    entries: bytes

    @property
    def key(self) -> Key:
        return self.folder, self.number


@dataclass(frozen=True, slots=True)
class Change:
    """A bucket that differs from the remembered one: paths to read, paths that are gone.

    ``bucket`` is ``None`` where nothing of the folder is left to remember. A bucket whose
    ``total`` differs from the remembered one replaces all buckets of its folder that have
    another total.
    """

    folder: str
    bucket: Bucket | None
    read: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(slots=True)
class Scan:
    """One pass over a site folder. Iterate :meth:`changes`, then look at ``findings``.

    ``known`` maps the remembered buckets to (total, digest); ``entries_of`` loads the packed
    entries of one of them; ``now`` is nanoseconds since 1970.
    """

    config: Config
    known: Mapping[Key, tuple[int, bytes]]
    entries_of: Callable[[Key], bytes]
    now: int
    findings: list[Finding] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)

    def changes(self) -> Iterator[Change]:
        """The differences, folder by folder; folders that are gone come last."""
        for folder, names in _source_folders(self.config, self.findings):
            if folder not in self._seen:
                self._seen.add(folder)
                yield from self._folder_changes(folder, names)
        for folder in sorted({folder for folder, _ in self.known} - self._seen):
            gone = sorted(self._remembered(folder))
            yield Change(folder, None, (), tuple(_join(folder, name) for name in gone))

    def _remembered(self, folder: str) -> dict[str, Stat]:
        """All that is known of the files of a folder."""
        keys = sorted(key for key in self.known if key[0] == folder)
        return {name: times for key in keys for name, times in unpack(self.entries_of(key)).items()}

    def _folder_changes(self, folder: str, names: list[str]) -> Iterator[Change]:
        total = _bucket_count(len(names))
        dealt: list[list[str]] = [[] for _ in range(total)]
        for name in names:
            dealt[crc32(name.encode()) & (total - 1)].append(name)
        buckets = (self._bucket(folder, n, total, dealt[n]) for n in range(total))
        if self._rebucketed(folder, total):
            yield from self._compare_whole(folder, buckets)
        else:
            for bucket in buckets:
                yield from self._compare(folder, bucket)

    def _rebucketed(self, folder: str, total: int) -> bool:
        known = self.known.get((folder, 0))
        return known is not None and known[0] != total

    def _compare(self, folder: str, bucket: Bucket) -> Iterator[Change]:
        known = self.known.get(bucket.key)
        if known is not None and known[1] == bucket.digest and not _unsure(bucket):
            return
        old = unpack(self.entries_of(bucket.key)) if known else {}
        yield _change(folder, bucket, old)

    def _compare_whole(self, folder: str, buckets: Iterator[Bucket]) -> Iterator[Change]:
        """All of a folder that grew or shrank so much that its files were dealt anew."""
        old = self._remembered(folder)
        for bucket in buckets:
            mine = unpack(bucket.entries).keys() & old.keys()
            yield _change(folder, bucket, {name: old.pop(name) for name in mine})
        if old:
            gone = tuple(_join(folder, name) for name in sorted(old))
            yield Change(folder, bucket, (), gone)

    def _bucket(self, folder: str, number: int, total: int, names: list[str]) -> Bucket:
        names.sort()
        kept: list[str] = []
        numbers = array("q")
        prefix = f"{self.config.root}/{folder}/" if folder else f"{self.config.root}/"
        for name in names:
            try:
                found = os.stat(prefix + name)
            except OSError as error:
                self._unreadable(folder, name, error)
                continue
            if not stat.S_ISREG(found.st_mode):
                self._irregular(folder, name, found.st_mode)
                continue
            kept.append(name)
            numbers.extend(self._times(found))
        entries = pack(kept, numbers)
        return Bucket(folder, number, total, digest(entries), entries)

    def _times(self, found: os.stat_result) -> Stat:
        changed = max(found.st_mtime_ns, found.st_ctime_ns)
        tick = COARSE_TICK if found.st_ctime_ns % 1_000_000_000 == 0 else FINE_TICK
        if changed >= self.now - tick:
            return UNSURE
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _unreadable(self, folder: str, name: str, error: OSError) -> None:
        path = _join(folder, name)
        if isinstance(error, FileNotFoundError) and not os.path.islink(self.config.root / path):
            return  # deleted since the folder was listed
        reason = (error.strerror or str(error)).lower()
        self.findings.append(Finding(path, 1, Level.ERROR, f"cannot be read: {reason}", "left out"))

    def _irregular(self, folder: str, name: str, mode: int) -> None:
        kind = "a named pipe" if stat.S_ISFIFO(mode) else "not a regular file"
        self.findings.append(Finding(_join(folder, name), 1, Level.ERROR, f"is {kind}", "left out"))


def pack(names: list[str], numbers: array[int]) -> bytes:
    """Names and their (size, mtime, ctime) as bytes; ``/`` stands in no file name."""
    text = "/".join(names).encode()
    return len(text).to_bytes(8, "little") + text + numbers.tobytes()


def unpack(entries: bytes) -> dict[str, Stat]:
    """What :func:`pack` made, as a mapping of names."""
    end = 8 + int.from_bytes(entries[:8], "little")
    names = entries[8:end].decode().split("/") if end > 8 else []
    numbers = array("q")
    numbers.frombytes(entries[end:])
    times = iter(numbers)
    return dict(zip(names, zip(times, times, times, strict=True), strict=True))


def digest(data: bytes) -> bytes:
    """A short fingerprint of a listing or of a file."""
    return hashlib.blake2b(data, digest_size=16).digest()


def _unsure(bucket: Bucket) -> bool:
    names_end = 8 + int.from_bytes(bucket.entries[:8], "little")
    return b"\xff" * 24 in bucket.entries[names_end:]


def _change(folder: str, bucket: Bucket, old: Mapping[str, Stat]) -> Change:
    new = unpack(bucket.entries)
    read = [name for name, times in new.items() if times == UNSURE or old.get(name) != times]
    gone = [name for name in old if name not in new]
    return Change(
        folder,
        bucket,
        tuple(_join(folder, name) for name in read),
        tuple(_join(folder, name) for name in gone),
    )


def _bucket_count(files: int) -> int:
    return 1 << (files // FILES_PER_BUCKET).bit_length()


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


# --- which folders and files -------------------------------------------------------------


def _source_folders(config: Config, findings: list[Finding]) -> Iterator[tuple[str, list[str]]]:
    """Every folder that holds posts, with the names of the files that may be posts."""
    walk = _Walk(config, findings)
    if config.posts.sources:
        for source in config.posts.sources:
            yield from walk.source(source)
    else:
        yield from walk.jekyll(config.posts.collections_dir)


@dataclass(slots=True)
class _Walk:
    """Lists folders; a folder that cannot be listed is a finding, not the end."""

    config: Config
    findings: list[Finding]
    extensions: tuple[str, ...] = ()
    own: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        endings = (*self.config.posts.markdown_extensions, *HTML_EXTENSIONS, *TEXT_EXTENSIONS)
        self.extensions = tuple(f".{ending}" for ending in endings)
        output = os.path.relpath(self.config.output, self.config.root).replace(os.sep, "/")
        self.own = (output, STATE_FOLDER)

    def source(self, pattern: str) -> Iterator[tuple[str, list[str]]]:
        """One entry of ``[posts] sources``: a folder, or a glob over folders."""
        if not glob.has_magic(pattern):
            if not (self.config.root / pattern).is_dir():
                self._finding(pattern, "no such folder, though [posts] sources names it")
                return
            found = [pattern]
        else:
            found = sorted(glob.glob(pattern, root_dir=self.config.root, recursive=True))
        for folder in found:
            if (self.config.root / folder).is_dir():
                yield from self._below(folder.strip("/").replace(os.sep, "/"), follow=True)

    def jekyll(self, start: str) -> Iterator[tuple[str, list[str]]]:
        """Every ``_posts`` (and ``_drafts``) in the folders that Jekyll visits."""
        wanted = ("_posts", "_drafts") if self.config.posts.drafts else ("_posts",)
        if start and not (self.config.root / start).is_dir():
            self._finding(start, "no such folder, though collections_dir names it")
            return
        yield from self._visit(start, wanted, frozenset())

    def _visit(
        self, folder: str, wanted: tuple[str, ...], above: frozenset[str]
    ) -> Iterator[tuple[str, list[str]]]:
        real = os.path.realpath(self.config.root / folder)
        if real in above:
            self._finding(folder, "a link that leads back to a folder above it")
            return
        folders, _ = self._list(folder)
        for name in wanted:
            if name in folders:
                yield from self._below(_join(folder, name), follow=False)
        for name in folders:
            path = _join(folder, name)
            if path not in self.own and self._visited(path, name):
                yield from self._visit(path, wanted, above | {real})

    def _visited(self, path: str, name: str) -> bool:
        """EntryFilter#filter for a folder."""
        included = _matches(self.config.posts.include, path, name)
        if _matches(self.config.posts.exclude, path) and not included:
            return False
        return included or not (name.startswith(SPECIAL_LEADS) or name.endswith(("~", ".")))

    def _below(
        self, folder: str, follow: bool, above: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, list[str]]]:
        """A source folder and its subfolders; Jekyll does not follow links below ``_posts``."""
        real = os.path.realpath(self.config.root / folder)
        if real in above:
            self._finding(folder, "a link that leads back to a folder above it")
            return
        folders, files = self._list(folder)
        yield folder, [name for name in files if self._candidate(folder, name)]
        for name in folders:
            path = _join(folder, name)
            if name.startswith(SPECIAL_LEADS) or name.endswith("~") or path in self.own:
                continue
            if not follow and os.path.islink(self.config.root / path):
                continue
            if name.endswith(self.extensions):
                self._finding(path, "a folder with the name of a post", "looked into")
            yield from self._below(path, follow, above | {real})

    def _candidate(self, folder: str, name: str) -> bool:
        if name.startswith(SPECIAL_LEADS) or name.endswith("~"):
            return False
        # A name that looks like a post's is one, whatever its ending; of the others only
        # those that can hold text are worth a word.
        if not (name.endswith(self.extensions) or POST_NAME.match(name)):
            return False
        return not _matches(self.config.posts.exclude, _join(folder, name))

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the folders and of the other things in a folder, sorted."""
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(self.config.root / folder) as entries:
                for entry in entries:
                    (folders if _is_folder(entry) else files).append(entry.name)
        except OSError as error:
            self._finding(folder or ".", f"cannot be listed: {(error.strerror or '').lower()}")
            return [], []
        return sorted(self._encodable(folder, folders)), self._encodable(folder, files)

    def _encodable(self, folder: str, names: list[str]) -> list[str]:
        """Names that are not Unicode cannot be told apart in a URL, a message or the index."""
        good = [name for name in names if name.isascii() or _is_unicode(name)]
        if len(good) != len(names):
            for name in sorted(set(names) - set(good)):
                shown = name.encode("utf-8", "backslashreplace").decode()
                self._finding(_join(folder, shown), "the name is not UTF-8")
        return good

    def _finding(self, path: str, what: str, done: str = "left out") -> None:
        level = Level.ERROR if done == "left out" else Level.WARNING
        self.findings.append(Finding(path, 0, level, what, done))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link in a circle; the stat of it says so


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _matches(patterns: tuple[str, ...], path: str, name: str = "") -> bool:
    """EntryFilter#glob_include?: a shell pattern, the beginning of the path, or its name."""
    return any(
        fnmatchcase(path, pattern.lstrip("/"))
        or path.startswith(pattern.lstrip("/"))
        or f"{path}/" == pattern.lstrip("/")
        or (name and fnmatchcase(name, pattern.lstrip("/")))
        for pattern in patterns
        if pattern
    )
