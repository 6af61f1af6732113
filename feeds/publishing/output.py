"""What there is to publish: the files of the output folder, as the last build left them.

In: the folder's manifest, and the index, which says what each file is. Out: an
:class:`Output`. Where the two do not agree (a build that failed, or was interrupted, or that
``--strict`` kept from writing) there is nothing to publish until a build went well.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from feeds.config import Config
from feeds.documents import cache_seconds, definitions, key_of
from feeds.errors import OutputError, refusal
from feeds.fingerprint import rendering_fingerprint
from feeds.manifest import MANIFEST, DamagedManifestError, Manifest, parse_manifest
from feeds.render.opml import MEDIA_TYPE
from feeds.rows import DamagedIndexError, PageRow, Part
from feeds.view import View, connect, current_index

# What pages need to be shown.
SHARED: Final = (Part.STYLE, Part.SCRIPT)


class OutdatedOutputError(OutputError):
    """The output folder is not what the index says: a build failed, or is at work. ``sent`` are
    the files that were published before that was seen."""

    def __init__(self, what: str, sent: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.sent = tuple(sent)


class File(NamedTuple):
    """A file of the output: the SHA-256 of its content, its media type, and how many seconds
    caches may keep it. One that ``gives_way`` is left out where the site has a file of its own.
    """

    path: str
    hash: str
    media_type: str
    max_age: int
    gives_way: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """An output folder. ``feeds`` are its feeds and what pages need to be shown, ``lists`` what
    links to them: the list of feeds and the pages. Each is found by its path."""

    folder: Path
    feeds: Mapping[str, File]
    lists: Mapping[str, File]

    @property
    def files(self) -> Mapping[str, File]:
        """All of them, in the order in which they have to be there."""
        return {**self.feeds, **self.lists}

    def without(self, paths: Collection[str]) -> Output:
        """The same but for some files."""
        feeds, lists = (
            {path: file for path, file in files.items() if path not in paths}
            for files in (self.feeds, self.lists)
        )
        return Output(self.folder, feeds, lists)

    def read(self, file: File) -> bytes:
        """The content of a file.

        Raises :class:`OutdatedOutputError` where it is not the one that was built.
        """
        path = self.folder / file.path
        try:
            body = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutdatedOutputError(f"{path}: cannot be read: {reason}; {BUILD}") from error
        if hashlib.sha256(body).hexdigest() != file.hash:
            raise OutdatedOutputError(f"{path}: is not what was built any more; {BUILD}")
        return body


BUILD = "run `feeds build`, then publish again"


def output_of(config: Config) -> Output:
    """What the last build of a site wrote into its output folder.

    Raises :class:`OutdatedOutputError` where it is not all there, and another
    :class:`~feeds.errors.OutputError` where there is none, or the index cannot be read.
    """
    built = _built(config.output)
    index = current_index(config.state)
    if index is None or not built.files:
        raise OutputError(f"{config.output}: no feeds of this site are in it; {BUILD}")
    try:
        with contextlib.closing(connect(index)) as db:
            # One transaction: what one build saved, while the next one may be at work.
            db.execute("BEGIN")
            view = View(db)
            same_settings = view.meta("rendering") == rendering_fingerprint(config)
            pages = {page.path: page for page in view.pages()}
            wanted = {
                path: {hash}
                for path, hash in view.documents().items()
                # The others gave way to files of the site.
                if path in built.files or path not in pages
            }
            if not same_settings or wanted != built.files:
                what = f"{config.output}: is not what the posts make now; {BUILD}"
                raise OutdatedOutputError(what)
            hashes = {path: min(each) for path, each in built.files.items()}
            return _labelled(view, config, hashes, pages)
    except (sqlite3.DatabaseError, DamagedIndexError) as error:
        raise OutputError(f"{index}: cannot be read: {error}; {BUILD}") from error


def edition_of(config: Config) -> tuple[str, str]:
    """What tells what one build left in the index from what another one did."""
    index = current_index(config.state)
    if index is None:
        return "", ""
    try:
        with contextlib.closing(connect(index)) as db:
            return index.name, View(db).meta("edition") or ""
    except sqlite3.DatabaseError:
        return index.name, ""


def _built(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        return parse_manifest(path.read_bytes())
    except FileNotFoundError:
        return Manifest({}, {})
    except OSError as error:
        raise OutputError(f"{path}: cannot be read: {refusal(error)}") from error
    except DamagedManifestError as error:
        raise OutputError(f"{path}:{error}: not a line of sha256sum; {BUILD}") from error


def _labelled(
    view: View, config: Config, hashes: Mapping[str, str], pages: Mapping[str, PageRow]
) -> Output:
    feeds: dict[str, File] = {}
    lists: dict[str, File] = {}
    shortest, longest = (minutes * 60 for minutes in config.feeds.poll_minutes)
    seconds: dict[tuple[str, str], int] = {}
    for definition in definitions(view, config).definitions:
        seconds[key_of(definition)] = age = cache_seconds(view, config, definition)
        for format, path in definition.head.paths.items():
            feeds[path] = File(path, hashes[path], format.media_type, age)
    if opml := config.feeds.opml:
        lists[opml] = File(opml, hashes[opml], MEDIA_TYPE, longest)
    for path in pages.keys() & hashes.keys():
        page = pages[path]
        age = seconds.get(page.feed, shortest)
        file = File(path, hashes[path], page.part.media_type, age, gives_way=True)
        (feeds if page.part in SHARED else lists)[path] = file
    return Output(config.output, feeds, dict(sorted(lists.items())))
