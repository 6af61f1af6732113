"""A chunk of work as it is sent to another machine, and what is done with it there.

In: a :class:`~feeds.files.FileTask` and items. Out: a :class:`Parcel`, with the files or with
what tells that a worker sees the same ones, and an :class:`Answer`: the results, or why there
are none. A worker trusts no file of its own that is not stamped as the one here.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

from feeds.config import Config, Server
from feeds.files import FileTask, SiteFiles, file_content
from feeds.fingerprint import Program, program

# Bytes of files in one parcel. Dask complains of more than 10 MB.
FULL: Final = 8 << 20

# What is remembered of texts and compressed is for one thread at a time; two would not be
# faster either, because of the interpreter's lock.
_alone: Final = threading.Lock()


class Stamp(NamedTuple):
    """What tells one version of a file from another: bytes, and nanoseconds since 1970."""

    size: int
    modified: int


class Parcel(NamedTuple):
    """Items, and their files: those that the worker reads itself, by their stamps, and the
    contents, or errors, of the others. ``includes`` were asked for meanwhile."""

    items: Sequence[Any]
    stamps: Mapping[str, Stamp]
    contents: Mapping[str, tuple[bytes, datetime] | OSError]
    includes: Mapping[str, str | None]


class Why(StrEnum):
    """What became of a parcel."""

    DONE = "done"
    UNSEEN = "files are not seen, or are others"
    INCLUDES = "includes are missing"
    OTHER_PROGRAM = "the program is another"
    UNABLE = "the machine cannot"


class Answer(NamedTuple):
    """``results`` of a parcel that is done; ``includes`` are the names of those that are missing;
    ``program`` is another one than here; ``said`` is which machine cannot, and why."""

    why: Why
    results: list[Any] = []  # noqa: RUF012  # nobody changes it
    includes: tuple[str, ...] = ()
    program: Program | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Errand:
    """A task for other machines: what all its parcels have in common. Called with a parcel,
    pickled, it gives an :class:`Answer`.

    ``more`` are further arguments of ``function``.
    """

    function: Callable[..., list[Any]]
    config: Config
    includes: Mapping[str, str]
    more: tuple[Any, ...]
    program: Program

    def __call__(self, packed: bytes) -> Answer:
        if self.program != program():
            return Answer(Why.OTHER_PROGRAM, program=program())
        parcel: Parcel = pickle.loads(packed)
        files = _Sent(self, parcel)
        with _alone:
            try:
                results = self.function(self.config, parcel.items, files, *self.more)
            except _UnseenError:
                return Answer(Why.UNSEEN)
        if files.missing:
            return Answer(Why.INCLUDES, includes=tuple(files.missing))
        return Answer(Why.DONE, results)


# --- here -----------------------------------------------------------------------------------


def errand_of(task: FileTask[Any, Any]) -> Errand:
    """The task for other machines."""
    config = without_secrets(task.config)
    includes = _includes(task.config) if task.includes and config.posts.liquid else {}
    more = task.more(task.config) if task.more else ()
    return Errand(task.function, config, includes, more, program())


def without_secrets(config: Config) -> Config:
    """A configuration without what no other machine needs to know."""
    links = replace(config.links, headers={})
    return replace(config, links=links, server=Server(), over={})


def _includes(config: Config) -> dict[str, str]:
    """The includes by their names. One that lies behind a link to a folder is not found here; a
    worker that is told to include it asks."""
    folder = config.root / config.posts.includes_dir
    files = SiteFiles(config)
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            name = (Path(path) / name).relative_to(folder).as_posix()
            if (text := files.include(name)) is not None:
                found[name] = text
    return found


def stamped(task: FileTask[Any, Any], items: Sequence[Any]) -> Parcel:
    """A parcel for a worker that sees the folder of the site."""
    stamps, errors = {}, {}
    for path in map(task.path_of, items):
        try:
            stamps[path] = _stamp(f"{task.config.root}/{path}")
        except OSError as error:
            errors[path] = error
    return Parcel(items, stamps, errors, {})


def filled(task: FileTask[Any, Any], items: Sequence[Any]) -> Parcel | None:
    """A parcel with everything in it; ``None`` if that is too much."""
    contents: dict[str, tuple[bytes, datetime] | OSError] = {}
    files, size = SiteFiles(task.config), 0
    for path in map(task.path_of, items):
        try:
            contents[path] = found = files.content(path)
            size += len(found[0])
        except OSError as error:
            contents[path] = error
        if size > FULL:
            return None
    return Parcel(items, {}, contents, {})


def parts(task: FileTask[Any, Any], items: Sequence[Any]) -> list[Sequence[Any]]:
    """Items in as many parts as it takes for the files of each to fit into a parcel; one that is
    larger than that is a part of its own."""
    found: list[Sequence[Any]] = []
    start = size = 0
    for number, path in enumerate(map(task.path_of, items)):
        own = _size(f"{task.config.root}/{path}")
        if size + own > FULL and number > start:
            found.append(items[start:number])
            start, size = number, 0
        size += own
    return [*found, items[start:]]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _stamp(path: str) -> Stamp:
    found = os.stat(path)
    return Stamp(found.st_size, found.st_mtime_ns)


# --- there ----------------------------------------------------------------------------------


def look(token: str) -> tuple[tuple[Any, ...], bool]:
    """The :class:`~feeds.fingerprint.Program` of a worker, as values that any other version
    understands, and whether it sees a file that was made for it to see."""
    try:
        file_content(token)
    except OSError:
        return tuple(program()), False
    return tuple(program()), True


class _UnseenError(Exception):
    """A file is not there, or not the one that was stamped."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The files of a parcel; ``missing`` are includes that were asked for in vain."""

    errand: Errand
    parcel: Parcel
    missing: dict[str, None] = field(default_factory=dict)

    def content(self, path: str) -> tuple[bytes, datetime]:
        sent = self.parcel.contents.get(path)
        if isinstance(sent, OSError):
            raise sent
        return sent or self._own(f"{self.errand.config.root}/{path}", self.parcel.stamps[path])

    def _own(self, path: str, stamp: Stamp) -> tuple[bytes, datetime]:
        try:
            raw, modified = file_content(path)
            now = _stamp(path)
        except OSError as error:
            raise _UnseenError from error
        if now != stamp or len(raw) != stamp.size:
            raise _UnseenError
        return raw, modified

    def include(self, name: str) -> str | None:
        if (text := self.errand.includes.get(name)) is not None:
            return text
        if name not in self.parcel.includes:
            self.missing[name] = None
        return self.parcel.includes.get(name)
