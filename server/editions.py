"""What a site publishes at one moment, as its index has it, and the making of its documents.

In: the index that builds write. Out: an :class:`Edition`, which says what there is, and
answers made from it. All reading happens in one thread, each time in one transaction, so
that what is read is what one build saved and never half of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import orjson

from feeds.catalog import Catalog, Definition, folder_of, is_index
from feeds.config import Config
from feeds.configfile import reload_config
from feeds.documents import (
    WHOLE,
    FilledFeed,
    definitions,
    feed_documents,
    filled,
    key_of,
    opml_document,
    page_maker,
)
from feeds.errors import ConfigError
from feeds.fingerprint import rendering_fingerprint
from feeds.models import Feed, Format
from feeds.pages.policy import HEADER_POLICY, HTML
from feeds.rows import LIST, DamagedIndexError, PageRow
from feeds.view import View, connect, current_index
from server.answers import PAGE, Answer, Facts, freeze

T = TypeVar("T")

OPML: Final = "opml"
# The redirects of the configuration that the builder follows, in the index as JSON.
REDIRECTS: Final = "redirects"


class Place(NamedTuple):
    """A document that exists: what defines it, its format, and the key of its content.

    Definition and format are ``None`` for the list of feeds; a page is no format, and has a
    definition if it is about a feed.
    """

    definition: Definition | None
    format: Format | None
    key: bytes
    page: PageRow | None = None


@dataclass(frozen=True, slots=True)
class Paths(Generic[T]):
    """Something for each of some paths, found by the path and by any way to write it."""

    exact: Mapping[str, T] = field(default_factory=dict)
    spelled: Mapping[str, T] = field(default_factory=dict)

    @classmethod
    def of(cls, exact: Mapping[str, T]) -> Paths[T]:
        return cls(exact, {spelling(path): found for path, found in exact.items()})


@dataclass(frozen=True, slots=True)
class Edition:
    """All documents of a site at one moment, by path below the output.

    ``spellings`` finds the path of one by what all ways to write it have in common.
    ``prefix`` is the path of the site's own address, without percent signs.
    """

    number: str
    config: Config
    catalog: Catalog
    places: Mapping[str, Place]
    spellings: Mapping[str, str]
    redirects: Paths[str]
    prefix: str

    def current(self, answer: Answer) -> bool:
        """Whether an answer says what this edition says."""
        place = self.places.get(answer.path)
        return place is not None and place.key == answer.key


class Made(NamedTuple):
    """An answer and its body as it is before any encoding."""

    answer: Answer
    body: bytes


class UnavailableError(Exception):
    """The index cannot be read, or there is none yet. ``damaged`` says that it never will."""

    def __init__(self, what: str, damaged: bool = False) -> None:
        super().__init__(what)
        self.damaged = damaged


class _File(NamedTuple):
    """An index; another one may take its name when the state folder was deleted."""

    path: Path
    device: int
    inode: int


class EditionReader:
    """Reads the index of a site. Belongs to one thread.

    An index that is deleted goes on being read until there is another. One that another
    configuration or program made is good enough to answer from until the next build.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._rendering: str | None = None
        self._file: _File | None = None
        self._db: sqlite3.Connection | None = None
        self._version = -1
        self._edition: Edition | None = None
        self._redirects: str | None = None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
        self._db = self._file = self._edition = None
        self._version = -1

    def newer(self, than: Edition | None) -> Edition | None:
        """The edition of now if it is another one. Raises :class:`UnavailableError`."""
        with _explained():
            if self._untouched() and self._edition is than:
                return None
            with self._transaction() as (_, edition):
                return None if edition is than else edition

    def make(self, path: str) -> Made | None:
        """The answer for a path; ``None`` where nothing is published there.

        Raises :class:`UnavailableError`.
        """
        with _explained(), self._transaction() as (view, edition):
            place = edition.places.get(path)
            return None if place is None else _made(view, edition, path, place)

    def delta(self, answer: Answer, known: Collection[bytes]) -> bytes | None:
        """The document with only the entries that are not ``known`` by their digests.

        ``None`` where the document is not any more what ``answer`` says.
        """
        with _explained(), self._transaction() as (view, edition):
            place = edition.places.get(answer.path)
            if place is None or place.key != answer.key:
                return None
            definition, format = place.definition, place.format
            if definition is None or format is None:
                return None
            feed = filled(view, edition.config, definition)
            new = tuple(f for f in feed.fragments if entry_digest(f[format]) not in known)
            return next(feed_documents(replace(feed, fragments=new), [format])).body

    def newest_post(self) -> float | None:
        """When the newest post was published, in seconds since 1970."""
        with contextlib.suppress(UnavailableError), _explained(), self._transaction() as (view, _):
            date = view.newest_post()
            return None if date is None else date / 1e6
        return None

    def _untouched(self) -> bool:
        """Whether nothing was written since the last look."""
        if self._db is None or _found(self._config.state) not in (None, self._file):
            return False
        return self._data_version(self._db) == self._version

    @staticmethod
    def _data_version(db: sqlite3.Connection) -> int:
        return int(db.execute("PRAGMA data_version").fetchone()[0])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[tuple[View, Edition]]:
        """A view of what one build saved, and the edition that it is."""
        db = self._connected()
        version = self._data_version(db)
        db.execute("BEGIN")
        try:
            view = View(db)
            edition = self._read(view)
            # Not before: an edition that was not read is one that is still to be found.
            self._version = version
            yield view, edition
        finally:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")

    def _connected(self) -> sqlite3.Connection:
        """The index of now; the last one where there is none."""
        for _ in range(CONNECTION_TRIES):
            found = _found(self._config.state)
            if self._db is not None and found in (None, self._file):
                return self._db
            if found is None:
                break
            try:
                db = connect(found.path)
            except sqlite3.OperationalError:
                continue  # replaced between two looks
            self.close()
            self._db, self._file = db, found
        if self._db is None:
            raise UnavailableError("there is no index yet")
        return self._db

    def _read(self, view: View) -> Edition:
        """The edition of now; the same value as long as it is the same."""
        number, redirects = view.edition(), view.meta(REDIRECTS)
        known = self._edition
        if known is None or (known.number, self._redirects) != (number, redirects):
            self._follow_config(view)
            self._redirects = redirects
            known = self._edition = _edition(view, self._config, number, redirects)
        return known

    def _follow_config(self, view: View) -> None:
        """Read the configuration again when a build used another one than the last.

        A mistake in it is the builder's to tell; it goes on with the old one, too.
        """
        rendering = view.meta("rendering")
        if rendering != self._rendering:
            self._rendering = rendering
            if rendering != rendering_fingerprint(self._config):
                with contextlib.suppress(ConfigError):
                    self._config = reload_config(self._config)


CONNECTION_TRIES: Final = 3


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except DamagedIndexError as error:
        raise UnavailableError(f"the index is damaged: {error}", damaged=True) from error
    except sqlite3.Error as error:
        # Errors without a code are mistakes in the use of the module.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        damaged = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        raise UnavailableError(f"the index cannot be read: {error}", damaged) from error
    except OSError as error:
        raise UnavailableError(f"the index cannot be read: {error}") from error


def _found(state: Path) -> _File | None:
    path = current_index(state)
    if path is None:
        return None
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return _File(path, found.st_dev, found.st_ino)


def _edition(view: View, config: Config, number: str, redirects: str | None) -> Edition:
    found = definitions(view, config)
    rendering = (view.meta("rendering") or "").encode()
    keys = view.feed_keys()
    formats = view.fragments()
    places = _pages(view, found, rendering)
    for definition in found.definitions:
        known = keys.get(key_of(definition))
        if known is None:
            continue  # the configuration on the disk is ahead of the last build
        key = _digest(rendering, known[1])
        for format, path in definition.head.paths.items():
            if format in formats:
                places[path] = Place(definition, format, key)
    if config.feeds.opml:
        key = _digest(rendering, (view.meta("opml") or "").encode())
        places[config.feeds.opml] = Place(None, None, key)
    return Edition(
        number,
        config,
        found,
        places,
        {spelling(each): path for path in places for each in _also(path)},
        old_paths(
            config.server.redirects if redirects is None else orjson.loads(redirects),
            prefix(config),
        ),
        prefix(config),
    )


def _pages(view: View, found: Catalog, rendering: bytes) -> dict[str, Place]:
    defined: dict[tuple[str, str], Definition] = {key_of(d): d for d in found.definitions}
    return {
        page.path: Place(defined.get(page.feed), None, _digest(rendering, page.key), page)
        for page in view.pages()
        if page.feed == WHOLE or page.feed in defined
    }


def prefix(config: Config) -> str:
    """The path of the site's own address, as paths of requests are: not percent-encoded."""
    return unquote(urlsplit(config.site.url).path)


def old_paths(redirects: Mapping[str, str], prefix: str) -> Paths[str]:
    """Redirects by their old paths, as paths of requests are, without a slash at the end.

    One below ``prefix`` is there without it, too, as behind a proxy that takes it off.
    """
    exact = {unquote(old).rstrip("/"): new for old, new in redirects.items()}
    below = {old[len(prefix) :]: new for old, new in exact.items() if old.startswith(f"{prefix}/")}
    return Paths.of(below | exact)


def _also(path: str) -> tuple[str, ...]:
    """A path, and the folder whose index it is, which is found without its slash, too."""
    return (path, folder_of(path)) if is_index(path) else (path,)


def spelling(path: str) -> str:
    """What the ways to write a path have in common: case, Unicode form, slashes aside."""
    parts = unicodedata.normalize("NFC", path).casefold().split("/")
    return "/".join(part for part in parts if part)


def _made(view: View, edition: Edition, path: str, place: Place) -> Made:
    config = edition.config
    if place.page is not None:
        return _page(view, config, place, place.page)
    if place.definition is None or place.format is None:
        document = opml_document(config, edition.catalog)
        facts = Facts(OPML, OPML, config.feeds.poll_minutes[1] * 60, surrogate_keys=("feeds", OPML))
        answer = freeze(document, place.key, facts, modified=_modified(view, LIST))
        return Made(answer, document.body)
    feed = filled(view, config, place.definition)
    document = next(feed_documents(feed, [place.format]))
    entries = _entry_digests(feed, place.format) if config.server.delta else ()
    facts = _facts(feed.head, place.format)
    modified = _modified(view, key_of(place.definition))
    return Made(freeze(document, place.key, facts, entries, modified), document.body)


def _page(view: View, config: Config, place: Place, page: PageRow) -> Made:
    feed = filled(view, config, place.definition) if place.definition else None
    document = page_maker(view, config)().document(page, feed)
    named = f"{page.feed[0]}/{page.feed[1]}" if page.feed[1] else page.feed[0] or str(page.part)
    minutes = feed.head.period.minutes if feed else config.feeds.poll_minutes[0]
    policy = HEADER_POLICY if document.media_type == HTML else ""
    facts = Facts(PAGE, page.part, minutes * 60, (), ("feeds", named), policy)
    modified = datetime.fromtimestamp(page.at, UTC)
    return Made(freeze(document, place.key, facts, modified=modified), document.body)


def _modified(view: View, feed: tuple[str, str]) -> datetime | None:
    known = view.modified(feed)
    return None if known is None else datetime.fromtimestamp(known.at, UTC)


def _facts(head: Feed, format: Format) -> Facts:
    """The links are the only way for a JSON Feed to name its hub (WebSub section 4)."""
    links = (("self", head.urls[format]), *(("hub", hub) for hub in head.hubs))
    name = f"{head.kind}/{head.name}" if head.name else str(head.kind)
    return Facts(head.kind, format, head.period.minutes * 60, links, ("feeds", name))


def _entry_digests(feed: FilledFeed, format: Format) -> tuple[bytes, ...]:
    return tuple(entry_digest(fragment[format]) for fragment in feed.fragments)


def entry_digest(fragment: bytes) -> bytes:
    """What tells a version of an entry from another."""
    return _digest(fragment)


def _digest(*parts: bytes) -> bytes:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()
