"""Which files are posts, and which of them changed since the last build.

In: the site folder and what the index remembers of it. Out: one :class:`Change` for every
group of files that differs, in an order that does not depend on the file system.

A folder's files are dealt into buckets by the hash of their names, a few hundred each, and a
bucket is remembered as one packed listing with its digest. So a scan of a million unchanged
files compares some thousand digests, and one new file touches one bucket.

Which files count on a Jekyll site follows Jekyll::Reader, EntryFilter and PostReader.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import re
import stat
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from zlib import crc32

from feeds.config import STATE_FOLDER, Config
from feeds.errors import ConfigError, SourceError
from feeds.models import Finding, Level
from feeds.values import dataclass

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

PUT_BACK: Final = "put it back, or run `feeds build --full` if its posts shall go"

Key = tuple[str, int]
Stat = tuple[int, int, int]
WalkFolder = Callable[[str, list[str]], Iterator[tuple[str, list[str]]]]


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
        """The differences, folder by folder; folders that are gone come last.

        Raises :class:`~feeds.errors.FeedsError` where the posts of a source would be taken
        for deleted though it is the source that is missing.
        """
        self._check_sources()
        for folder, names in _source_folders(self.config, self.findings):
            if folder not in self._seen:
                self._seen.add(folder)
                yield from self._folder_changes(folder, names)
        if not (self._seen or self.config.posts.sources) and self._had_posts(""):
            what = "no _posts folder any more, though it had posts; nothing was changed"
            raise ConfigError(self.config.root, [f"{what}; {PUT_BACK}"])
        for folder in sorted({folder for folder, _ in self.known} - self._seen):
            gone = sorted(self._remembered(folder))
            yield Change(folder, None, (), tuple(_join(folder, name) for name in gone))

    def _check_sources(self) -> None:
        root = self.config.root
        for source in self.config.posts.sources:
            if glob.has_magic(source) or os.path.isdir(root / source):
                continue
            if self._had_posts(source):
                what = "the folder is gone, though posts were in it; nothing was changed"
                raise ConfigError(root / source, [f"{what}; {PUT_BACK}"])

    def _had_posts(self, folder: str) -> bool:
        keys = [key for key in self.known if not folder or f"{key[0]}/".startswith(f"{folder}/")]
        return any(unpack(self.entries_of(key)) for key in keys)

    def _remembered(self, folder: str) -> dict[str, Stat]:
        """All that is known of the files of a folder."""
        keys = sorted(key for key in self.known if key[0] == folder)
        return {name: times for key in keys for name, times in unpack(self.entries_of(key)).items()}

    def _folder_changes(self, folder: str, names: list[str]) -> Iterator[Change]:
        total = _bucket_count(len(names))
        dealt: list[list[str]] = [[] for _ in range(total)]
        for name in names:
            dealt[crc32(name.encode()) & (total - 1)].append(name)
        with self._opened(folder, bool(names)) as place:
            buckets = (self._bucket(folder, place, n, total, dealt[n]) for n in range(total))
            if self._rebucketed(folder, total):
                yield from self._compare_whole(folder, buckets)
            else:
                for bucket in buckets:
                    yield from self._compare(folder, bucket)

    @contextlib.contextmanager
    def _opened(self, folder: str, needed: bool) -> Iterator[int]:
        """A folder that the kernel need not look for again at each file in it, if it is there."""
        path = self.config.root / folder
        place = -1
        try:
            if needed:
                place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            pass  # deleted since it was listed, and so are its files
        except OSError as error:
            raise _unreadable(path, (error.strerror or str(error)).lower()) from error
        try:
            yield place
        finally:
            if place >= 0:
                os.close(place)

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

    def _bucket(self, folder: str, place: int, number: int, total: int, names: list[str]) -> Bucket:
        names = sorted(names) if place >= 0 else []
        kept: list[str] = []
        numbers = array("q")
        old = self.now - COARSE_TICK
        # All else takes as long as the kernel itself: 1.2 µs for a file, and here 0.4 more.
        is_regular, add, keep = stat.S_ISREG, numbers.extend, kept.append
        for name in names:
            try:
                found = os.stat(name, dir_fd=place)
            except OSError as error:
                self._unreadable(folder, name, error)
                continue
            if not is_regular(found.st_mode):
                self._irregular(folder, name, found.st_mode)
                continue
            keep(name)
            modified, changed = found.st_mtime_ns, found.st_ctime_ns
            if modified < old and changed < old:
                add((found.st_size, modified, changed))
            else:
                add(self._times(found))
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
        reason = (error.strerror or str(error)).lower()
        if not os.path.islink(self.config.root / path):
            if isinstance(error, FileNotFoundError):
                return  # deleted since the folder was listed
            if error.errno != errno.ENAMETOOLONG:  # it is the folder, or the disk
                raise _unreadable(self.config.root / path, reason) from error
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
        yield from walk.sources(config.posts.sources)
    else:
        yield from walk.jekyll(config.posts.collections_dir)


@dataclass(slots=True)
class _Walk:
    """Lists folders, each once however many links lead to it."""

    config: Config
    findings: list[Finding]
    extensions: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    _walked: dict[tuple[int, int], str] = field(default_factory=dict)
    _places: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        endings = (*self.config.posts.markdown_extensions, *HTML_EXTENSIONS, *TEXT_EXTENSIONS)
        self.extensions = tuple(f".{ending}".lower() for ending in endings)
        output = os.path.relpath(self.config.output, self.config.root).replace(os.sep, "/")
        self.own = (output, STATE_FOLDER)
        self._places = [str(self.config.root)]

    def sources(self, patterns: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """What ``[posts] sources`` names: folders, or globs over folders."""
        found = [folder for pattern in patterns for folder in self._named(pattern)]
        self._places += [os.path.realpath(self.config.root / folder) for folder in found]
        yield from self._linked(found, self._below)

    def _named(self, pattern: str) -> list[str]:
        if not glob.has_magic(pattern):
            if not os.path.isdir(self.config.root / pattern):
                self._finding(pattern, "no such folder, though [posts] sources names it")
                return []
            found = [pattern]
        else:
            found = sorted(glob.glob(pattern, root_dir=self.config.root, recursive=True))
        folders = [folder for folder in found if os.path.isdir(self.config.root / folder)]
        return [folder.strip("/").replace(os.sep, "/") for folder in folders]

    def jekyll(self, start: str) -> Iterator[tuple[str, list[str]]]:
        """Every ``_posts`` (and ``_drafts``) in the folders that Jekyll visits."""
        if start and not os.path.isdir(self.config.root / start):
            self._finding(start, "no such folder, though collections_dir names it")
            return
        yield from self._linked([start], self._visit)

    def _linked(self, folders: Sequence[str], walk: WalkFolder) -> Iterator[tuple[str, list[str]]]:
        """Walk folders, then the links to folders that were met there: what a link leads to
        goes by its own name where it has one."""
        links: list[str] = []
        for folder in folders:
            yield from walk(folder, links)
        for link in links:  # which grows
            real = os.path.realpath(self.config.root / link)
            place = os.path.realpath(self.config.root / link.rpartition("/")[0])
            if _is_within(place, real):
                self._finding(link, "a link that leads back to a folder above it")
                continue
            self._places.append(real)
            yield from walk(link, links)

    def _visit(self, folder: str, links: list[str]) -> Iterator[tuple[str, list[str]]]:
        if not self._first_time(folder):
            return
        folders, _ = self._list(folder)
        wanted = ("_posts", "_drafts") if self.config.posts.drafts else ("_posts",)
        for name in wanted:
            if name in folders:
                yield from self._posts(_join(folder, name))
        for name in folders:
            path = _join(folder, name)
            if path in self.own or not self._visited(path, name):
                continue
            if os.path.islink(self.config.root / path):
                links.append(path)
            else:
                yield from self._visit(path, links)

    def _visited(self, path: str, name: str) -> bool:
        """EntryFilter#filter for a folder."""
        included = _matches(self.config.posts.include, path, name)
        if _matches(self.config.posts.exclude, path) and not included:
            return False
        return included or not (name.startswith(SPECIAL_LEADS) or name.endswith(("~", ".")))

    def _posts(self, folder: str) -> Iterator[tuple[str, list[str]]]:
        """A ``_posts`` folder and its subfolders; Jekyll does not follow links below it."""
        for path, names, folders in self._files(folder):
            yield path, names
            for each in folders:
                if not os.path.islink(self.config.root / each):
                    yield from self._posts(each)

    def _below(self, folder: str, links: list[str]) -> Iterator[tuple[str, list[str]]]:
        """A source folder and its subfolders."""
        if not self._first_time(folder):
            return
        for path, names, folders in self._files(folder):
            yield path, names
            for each in folders:
                if os.path.islink(self.config.root / each):
                    links.append(each)
                else:
                    yield from self._below(each, links)

    def _files(self, folder: str) -> Iterator[tuple[str, list[str], list[str]]]:
        """A folder, the names in it that may be posts, and the folders in it."""
        folders, files = self._list(folder)
        below = []
        for name in folders:
            path = _join(folder, name)
            if name.startswith(SPECIAL_LEADS) or name.endswith("~") or path in self.own:
                continue
            if name.lower().endswith(self.extensions):
                self._finding(path, "a folder with the name of a post", "looked into")
            below.append(path)
        yield folder, self._candidates(folder, files), below

    def _first_time(self, folder: str) -> bool:
        """Links between folders make more ways than anyone could walk; one is enough."""
        try:
            found = os.stat(self.config.root / folder)
        except OSError as error:
            self._unlisted(folder, error)
            return False
        before = self._walked.setdefault((found.st_dev, found.st_ino), folder)
        if before != folder:
            what = f"leads to the same folder as {before or '.'}"
            self.findings.append(Finding(folder, 0, Level.NOTE, what, "read once"))
            return False
        return True

    def _candidates(self, folder: str, names: Sequence[str]) -> list[str]:
        """The names of a folder's files that may be posts."""
        # A name that looks like a post's is one, whatever its ending; of the others only
        # those that can hold text are worth a word.
        endings = self.extensions
        found = [
            name
            for name in names
            if not (name.startswith(SPECIAL_LEADS) or name.endswith("~"))
            and (name.endswith(endings) or name.lower().endswith(endings) or POST_NAME.match(name))
        ]
        excluded = self.config.posts.exclude
        if not excluded:
            return found
        return [name for name in found if not _matches(excluded, _join(folder, name))]

    def _list(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the folders and of the other things in a folder, sorted."""
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(self.config.root / folder) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
                    elif _is_folder(entry):
                        folders.append(entry.name)
                    elif not entry.is_symlink() or self._may_lead(folder, entry.name):
                        files.append(entry.name)
        except OSError as error:
            self._unlisted(folder, error)
            return [], []
        return sorted(self._encodable(folder, folders)), self._encodable(folder, files)

    def _unlisted(self, folder: str, error: OSError) -> None:
        """Raise, lest the posts of a folder be taken for deleted; but one that is gone is gone."""
        gone = isinstance(error, FileNotFoundError)
        if gone or (folder and _matches(self.config.posts.exclude, folder)):
            return
        reason = (error.strerror or str(error)).lower()
        if error.errno != errno.ENAMETOOLONG:
            raise _unreadable(self.config.root / folder, reason) from error
        self._finding(folder, f"cannot be listed: {reason}")

    def _may_lead(self, folder: str, name: str) -> bool:
        """Whether a link to a file stays in the site, or in a folder that was linked into it."""
        if not self._candidates(folder, (name,)):
            return False
        path = _join(folder, name)
        real = os.path.realpath(self.config.root / path)
        if not os.path.isfile(real) or any(_is_within(real, place) for place in self._places):
            return True  # of what is no file there is more to say later
        what = "a link to a file outside the site"
        self.findings.append(Finding(path, 0, Level.WARNING, what, "left out"))
        return False

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


def _unreadable(path: Path, reason: str) -> SourceError:
    advice = "let this user read its folder, or exclude that in [posts]"
    return SourceError(f"{path}: cannot be read: {reason}; nothing was changed; {advice}")


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


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
