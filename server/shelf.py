"""The answers of one worker: frozen, found by path, swapped whole when the site changes.

Memory has a budget of bytes; bodies that were not sent for the longest time go first, then
answers that nobody asked for; a 304 needs the answer and none of its bodies. What is missing
is made in a thread, once however many ask for it at the same moment.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlsplit

from feeds.catalog import INDEX, folder_of, is_index
from feeds.config import Config
from feeds.ledger import Memory, Withdrawn
from feeds.models import Document
from server.answers import Answer, Variant, decode, encode
from server.conditional import Encoding
from server.editions import (
    Edition,
    EditionReader,
    Paths,
    UnavailableError,
    old_paths,
    prefix,
    spelling,
)
from server.retired import retired_document

T = TypeVar("T")

# Memory that a kept body costs beside its bytes: headers, places in tables.
BODY_OVERHEAD: Final = 1_500
# And an answer without any body, with its headers for four encodings.
ANSWER_SIZE: Final = 5_000
# How long a new edition may wait for what is often asked for to be made anew (seconds).
AHEAD_SECONDS: Final = 0.5
# How many old versions of a feed are remembered for those who have one (RFC 3229) …
VERSIONS: Final = 16
# … and of how many feeds.
VERSIONED: Final = 500
# The last documents of withdrawn feeds that are kept ready.
RETIRED: Final = 200

Key = tuple[str, Encoding]


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the thread hands over: an answer and its bodies by encoding."""

    answer: Answer
    bodies: Mapping[Encoding, bytes]


def _recoded(body: bytes, source: Encoding, encoding: Encoding) -> bytes:
    """A body in another encoding than the one that is there."""
    return encode(decode(body, source), encoding)


class Served(NamedTuple):
    """An answer, and a representation of it."""

    answer: Answer
    encoding: Encoding
    variant: Variant


class Shelf:
    """What a worker answers with. Belongs to its event loop.

    ``answers`` maps the paths of requests to answers that are ready; look into it first.
    ``withdrawn`` holds what the last new edition has no more; ``damaged`` is set when the
    index turns out to be.
    """

    def __init__(self, config: Config) -> None:
        self.answers: dict[str, Answer] = {}
        self.edition: Edition | None = None
        self.versions: OrderedDict[str, OrderedDict[str, frozenset[bytes]]] = OrderedDict()
        self.withdrawn: Paths[Withdrawn] = Paths()
        self.damaged = False
        self._config = config
        self._prefix = prefix(config)
        self._redirects = old_paths(config.server.redirects, self._prefix)
        self._reader = EditionReader(config)
        # One thread: reading and rendering never stand in each other's way, nor in a request's.
        self._thread = ThreadPoolExecutor(1, "shelf")
        self._following = asyncio.Lock()
        self._flights: dict[Hashable, asyncio.Future[Any]] = {}
        self._retired: OrderedDict[Withdrawn, Document] = OrderedDict()
        self._budget = config.server.cache_mb << 20
        self._bodies: OrderedDict[Key, int] = OrderedDict()
        self._records: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0

    async def close(self) -> None:
        await self._in_thread(self._reader.close)
        self._thread.shutdown()

    # --- while requests come

    @property
    def config(self) -> Config:
        """The configuration that is answered with."""
        return self.edition.config if self.edition else self._config

    @property
    def number(self) -> str:
        """The number of the edition that is served; empty if there is none."""
        return self.edition.number if self.edition else ""

    @property
    def prefix(self) -> str:
        """The path of the site's own address, as it stands in addresses."""
        return quote(self._prefix)

    def redirect(self, path: str) -> str | None:
        """Where the path of a request has moved to, if anywhere."""
        exact, path = self._moves.exact, path.rstrip("/")
        return exact.get(path) or exact.get(f"/{self.document_path(path)}".rstrip("/"))

    def redirect_in_other_spelling(self, path: str) -> str | None:
        """Likewise, if that is not where the request is: paths may move to another spelling."""
        here = self.spellings(path)
        found = filter(None, map(self._moves.spelled.get, here))
        return next((each for each in found if self._place(each) != here[0]), None)

    def _place(self, address: str) -> str:
        """What the ways to write the path of an address of the site have in common."""
        path = address.removeprefix(self.config.site.url)
        return self.spellings(unquote(urlsplit(path).path))[0] if path.startswith("/") else ""

    @property
    def _moves(self) -> Paths[str]:
        return self.edition.redirects if self.edition else self._redirects

    def has_prefix(self, path: str) -> bool:
        """Whether a path begins with that of the site's own address."""
        return path.startswith(f"{self._prefix}/")

    def spellings(self, path: str) -> tuple[str, ...]:
        """What the ways to write the path of a request have in common.

        First as a path below that of the site, however that is written, then as it stands.
        """
        whole, above = spelling(path), spelling(self._prefix)
        if above and whole == above:
            return "", whole
        if above and whole.startswith(f"{above}/"):
            return whole[len(above) + 1 :], whole
        return (whole,)

    def document_path(self, path: str) -> str:
        """The path of a request as a path below the output.

        A site with a path of its own is found with it and, as behind a proxy that takes it
        off, without it. A folder is its index.
        """
        above = len(self._prefix) if self._prefix and self.has_prefix(path) else 0
        below = path[above + 1 :]
        return below + INDEX if not below or below.endswith("/") else below

    def knows(self, path: str) -> bool:
        """Whether there is a document for the path of a request."""
        return self.edition is not None and self.document_path(path) in self.edition.places

    def canonical(self, path: str) -> str | None:
        """The path of what the path of a request means in another spelling of it.

        A slash at the end, doubled slashes, another case or Unicode form. What a folder shows
        is the path of the folder.
        """
        if self.edition is None or self.knows(path):
            return None
        found = map(self.edition.spellings.get, self.spellings(path))
        known = next(filter(None, found), None)
        return folder_of(known) if known and is_index(known) else known

    async def newest_post(self) -> float | None:
        """When the newest post was published, in seconds since 1970."""
        return await self._in_thread(self._reader.newest_post)

    async def retired(self, withdrawn: Withdrawn) -> Document:
        """The last document of a feed that is no more."""
        document = self._retired.get(withdrawn)
        if document is None:
            make = functools.partial(self._in_thread, retired_document, withdrawn, self.config)
            document = await self._once(withdrawn, make)
            self._retired[withdrawn] = document
            if len(self._retired) > RETIRED:
                self._retired.popitem(last=False)
        return document

    def used(self, answer: Answer, encoding: Encoding) -> None:
        """Keep a body that was just sent longer than others."""
        key = (answer.path, encoding)
        if key in self._bodies:
            self._bodies.move_to_end(key)
        self.seen(answer)

    def seen(self, answer: Answer) -> None:
        """Keep an answer longer than others; its bodies are not used by a 304."""
        if answer.path in self._records:
            self._records.move_to_end(answer.path)

    async def serve(self, path: str, encoding: Encoding) -> Served | None:
        """The answer for the path of a request, in an encoding.

        ``None`` where there is no document. Raises
        :class:`~server.editions.UnavailableError` where it cannot be made.
        """
        path = self.document_path(path)
        answer = self._records.get(path)
        if answer is not None and answer.bodies:
            served: Served | None = Served(answer, *next(iter(answer.bodies.items())))
        else:
            served = await self._once(path, lambda: self._make(path, encoding))
        if served is None:
            # Gone since the last edition: then that one is not the newest.
            await self.follow()
            return None
        if served.encoding is encoding:
            return served
        return await self._once(
            (path, served.answer.hash, encoding), lambda: self._recode(served, encoding)
        )

    async def _once(self, what: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``make`` makes, once for all who ask for it at the same time."""
        flight: asyncio.Future[T] | None = self._flights.get(what)
        if flight is None:
            flight = self._flights[what] = asyncio.ensure_future(make())
            flight.add_done_callback(functools.partial(self._landed, what))
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(flight)

    def _landed(self, what: Hashable, flight: asyncio.Future[Any]) -> None:
        del self._flights[what]
        if not flight.cancelled():
            flight.exception()  # it was told to those who wait, if there are any left

    async def delta(self, answer: Answer, known: frozenset[bytes]) -> bytes | None:
        """A document with only the entries that are not known; ``None`` if it changed."""
        try:
            return await self._in_thread(self._reader.delta, answer, known)
        except UnavailableError:
            return None

    async def _make(self, path: str, encoding: Encoding) -> Served | None:
        ready = await self._in_thread(self._ready, path, (encoding,))
        if ready is None:
            return None
        answer = ready.answer
        known = self._records.get(path)
        if known is not None and (known.hash, known.key) == (answer.hash, answer.key):
            answer = known
        else:
            self._put(answer)
        return Served(answer, encoding, self._keep(answer, encoding, ready.bodies[encoding]))

    async def _recode(self, served: Served, encoding: Encoding) -> Served:
        answer, source, variant = served
        body = await self._in_thread(_recoded, variant.body, source, encoding)
        # It may have been replaced meanwhile, and is as good as it was for who asked before.
        current = self._records.get(answer.path) is answer
        made = self._keep(answer, encoding, body) if current else answer.variant(encoding, body)
        return Served(answer, encoding, made)

    def _ready(self, path: str, encodings: Iterable[Encoding]) -> _Ready | None:
        """In the thread: an answer and its bodies in some encodings."""
        made = self._reader.make(path)
        if made is None:
            return None
        return _Ready(made.answer, {each: encode(made.body, each) for each in encodings})

    # --- when the site changes

    async def follow(self) -> bool:
        """Take over what a build changed; whether there was anything.

        What is often asked for is made anew before any of it is replaced. Raises
        :class:`~server.editions.UnavailableError`.
        """
        async with self._following:
            edition = await self._in_thread(self._reader.newer, self.edition)
            if edition is None:
                return False
            # What is put in from here on was made from this edition or a later one.
            stale = [each for each in self._records.values() if not edition.current(each)]
            ready = await self._made_ahead(edition, stale)
            self._swap(edition, stale, ready)
            return True

    async def _made_ahead(self, edition: Edition, stale: Iterable[Answer]) -> list[_Ready]:
        """What replaces the stale answers that have bodies, the last used first.

        All others are made when they are asked for: a change of everything must not keep
        the old answers up for long, nor take twice the memory.
        """
        bodies = {each.path: tuple(each.bodies) for each in stale if each.path in edition.places}
        paths = dict.fromkeys(path for path, _ in reversed(self._bodies) if path in bodies)
        ready = []
        deadline = time.monotonic() + AHEAD_SECONDS
        for path in paths:
            if time.monotonic() > deadline:
                break
            made = await self._in_thread(self._ready, path, bodies[path])
            if made is not None:
                ready.append(made)
        return ready

    def _swap(self, edition: Edition, stale: Iterable[Answer], ready: Iterable[_Ready]) -> None:
        gone = {each.path for each in stale if self._records.get(each.path) is each}
        old, self.edition = self.edition, edition
        self.withdrawn = _withdrawn(old, edition, time.time())
        self._retired.clear()
        for path in gone:
            self._drop(path)
        if self._prefix != edition.prefix:
            self._prefix = edition.prefix
            kept = self._records.values()
            self.answers = {path: each for each in kept for path in self._paths(each)}
        for each in reversed(list(ready)):
            if each.answer.path in gone:
                self._put(each.answer)
                for encoding, body in each.bodies.items():
                    self._keep(each.answer, encoding, body)
        for path in self.versions.keys() - edition.places.keys():
            del self.versions[path]

    # --- what is kept

    def _paths(self, answer: Answer) -> Iterable[str]:
        """The paths of requests that an answer is for."""
        path = f"/{answer.path}"
        paths = (path, f"/{folder_of(answer.path)}") if is_index(answer.path) else (path,)
        if not self._prefix:
            return paths
        both = (*paths, *(self._prefix + each for each in paths))
        return [each for each in both if self.document_path(each) == answer.path]

    def _put(self, answer: Answer) -> None:
        self._drop(answer.path)
        self._records[answer.path] = answer
        self._bytes += ANSWER_SIZE
        for path in self._paths(answer):
            self.answers[path] = answer
        self._remember(answer)

    def _remember(self, answer: Answer) -> None:
        """Which entries a version has, for those who will say that they have it."""
        if not answer.entries:
            return
        versions = self.versions.setdefault(answer.path, OrderedDict())
        self.versions.move_to_end(answer.path)
        versions[answer.hash] = frozenset(answer.entries)
        if len(versions) > VERSIONS:
            versions.popitem(last=False)
        if len(self.versions) > VERSIONED:
            self.versions.popitem(last=False)

    def _keep(self, answer: Answer, encoding: Encoding, body: bytes) -> Variant:
        """Put a body in, and others out if they are too many; the newest always stays."""
        self._forget((answer.path, encoding))
        answer.bodies[encoding] = variant = answer.variant(encoding, body)
        self._bodies[answer.path, encoding] = size = len(body) + BODY_OVERHEAD
        self._bytes += size
        while self._bytes > self._budget and len(self._bodies) > 1:
            self._forget(next(iter(self._bodies)))
        while self._bytes > self._budget and len(self._records) > 1:
            oldest = next(iter(self._records))
            if oldest == answer.path:
                self._records.move_to_end(oldest)
            else:
                self._drop(oldest)
        return variant

    def _drop(self, path: str) -> None:
        """Take an answer out with all its bodies."""
        answer = self._records.pop(path, None)
        if answer is None:
            return
        self._bytes -= ANSWER_SIZE
        for encoding in answer.bodies:
            self._bytes -= self._bodies.pop((path, encoding))
        answer.bodies.clear()
        for each in self._paths(answer):
            del self.answers[each]

    def _forget(self, key: Key) -> None:
        self._bytes -= self._bodies.pop(key, 0)
        if (answer := self._records.get(key[0])) is not None:
            answer.bodies.pop(key[1], None)

    @property
    def memory(self) -> Memory:
        """How much memory what is kept takes, and may take."""
        return Memory(self._bytes, self._budget)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, functools.partial(function, *arguments))
        except UnavailableError as error:
            self.damaged = self.damaged or error.damaged
            raise


def _withdrawn(old: Edition | None, new: Edition, now: float) -> Paths[Withdrawn]:
    """What there was and is not any more, until the ledger says it to all workers."""
    found = {}
    for path, place in old.places.items() if old else ():
        definition, format = place.definition, place.format
        if path not in new.places and definition is not None and format is not None:
            head = definition.head
            found[path] = Withdrawn(path, format, head.title, head.urls[format], now)
    return Paths.of(found)
