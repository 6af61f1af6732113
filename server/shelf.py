"""The answers of one worker: frozen, found by path, swapped whole when the site changes.

Bodies have a budget of bytes; those that nobody asked for in the longest time go first.
What is missing is made in a thread, once however many ask for it at the same moment.
"""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from feeds.config import Config
from server.answers import Answer, Variant, decode, encode
from server.conditional import Encoding
from server.editions import Edition, EditionReader, spelling

T = TypeVar("T")

# Memory that a kept body costs beside its bytes: headers, keys, places in tables.
OVERHEAD: Final = 2_000
# How many old versions of a feed are remembered for those who have one (RFC 3229).
VERSIONS: Final = 16


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the thread hands over: an answer and its bodies by encoding."""

    answer: Answer
    bodies: Mapping[Encoding, bytes]


def _recoded(body: bytes, source: Encoding, encoding: Encoding) -> bytes:
    """A body in another encoding than the one that is there."""
    return encode(decode(body, source), encoding)


class Served(NamedTuple):
    """An answer, and the representation of it that was asked for."""

    answer: Answer
    variant: Variant


class Shelf:
    """What a worker answers with. Belongs to its event loop.

    ``answers`` maps the paths of requests to answers that are ready; look into it first.
    """

    def __init__(self, config: Config) -> None:
        self.answers: dict[str, Answer] = {}
        self.edition: Edition | None = None
        self.versions: dict[str, OrderedDict[str, frozenset[bytes]]] = {}
        self._prefix = urlsplit(config.site.url).path
        self._reader = EditionReader(config)
        # One thread: reading and rendering never stand in each other's way, nor in a request's.
        self._thread = ThreadPoolExecutor(1, "shelf")
        self._making: dict[tuple[str, Encoding], asyncio.Future[Served | None]] = {}
        self._budget = config.server.cache_mb << 20
        self._sizes: OrderedDict[tuple[str, Encoding], int] = OrderedDict()
        self._bytes = 0

    async def close(self) -> None:
        await self._in_thread(self._reader.close)
        self._thread.shutdown()

    # --- while requests come

    def document_path(self, path: str) -> str:
        """The path of a request as a path below the output.

        A site with a path of its own is found with it and, as behind a proxy that takes it
        off, without it.
        """
        if self._prefix and path.startswith(f"{self._prefix}/"):
            return path[len(self._prefix) + 1 :]
        return path[1:]

    def knows(self, path: str) -> bool:
        """Whether there is a document for the path of a request."""
        return self.edition is not None and self.document_path(path) in self.edition.places

    def canonical(self, path: str) -> str | None:
        """The one path of a document that is asked for in another spelling of it.

        A slash at the end, doubled slashes, another case or Unicode form.
        """
        if self.edition is None or path in self.edition.places:
            return None
        return self.edition.spellings.get(spelling(path))

    @property
    def number(self) -> str:
        """The number of the edition that is served; empty if there is none."""
        return self.edition.number if self.edition else ""

    async def newest_post(self) -> float | None:
        """When the newest post was published, in seconds since 1970."""
        return await self._in_thread(self._reader.newest_post)

    def used(self, answer: Answer, encoding: Encoding) -> None:
        """Keep a body that was just sent longer than others."""
        key = (answer.path, encoding)
        if key in self._sizes:
            self._sizes.move_to_end(key)

    async def serve(self, path: str, encoding: Encoding) -> Served | None:
        """The answer for the path of a request, in an encoding.

        ``None`` where there is no document. Raises
        :class:`~server.editions.UnavailableError` where it cannot be made.
        """
        key = (self.document_path(path), encoding)
        making = self._making.get(key)
        if making is None:
            making = asyncio.ensure_future(self._make(*key))
            self._making[key] = making
            making.add_done_callback(functools.partial(self._made, key))
        # One client that goes away must not take the answer from the others.
        return await asyncio.shield(making)

    def _made(self, key: tuple[str, Encoding], making: asyncio.Future[Served | None]) -> None:
        del self._making[key]
        if not making.cancelled():
            making.exception()  # it was told to those who wait, if there are any left

    async def delta(self, answer: Answer, known: frozenset[bytes]) -> bytes | None:
        return await self._in_thread(self._reader.delta, answer.path, known)

    async def _make(self, path: str, encoding: Encoding) -> Served | None:
        answer = self.answers.get(f"/{path}")
        if answer is not None and answer.bodies:
            source, variant = next(iter(answer.bodies.items()))
            body = await self._in_thread(_recoded, variant.body, source, encoding)
            if self.answers.get(f"/{path}") is answer:
                return Served(answer, self._keep(answer, encoding, body))
        ready = await self._in_thread(self._ready, path, (encoding,))
        if ready is None:
            return None
        answer = self._put_in(ready)
        return Served(answer, answer.bodies[encoding])

    def _ready(self, path: str, encodings: Iterable[Encoding]) -> _Ready | None:
        """In the thread: an answer and its bodies in some encodings."""
        made = self._reader.make(path)
        if made is None:
            return None
        return _Ready(made.answer, {each: encode(made.body, each) for each in encodings})

    def _put_in(self, ready: _Ready) -> Answer:
        answer = ready.answer
        known = self.answers.get(f"/{answer.path}")
        if known is not None and (known.hash, known.key) == (answer.hash, answer.key):
            answer = known
        else:
            self._drop(answer.path)
            self._put(self.answers, answer)
        for encoding, body in ready.bodies.items():
            self._keep(answer, encoding, body)
        return answer

    # --- when the site changes

    async def follow(self) -> Edition | None:
        """Take over what a build changed; the new edition, if there is one.

        Answers that are ready are made anew before any of them is replaced.
        """
        edition = await self._in_thread(self._reader.newer, self.edition)
        if edition is None:
            return None
        stale = {a.path: a for a in self.answers.values() if not edition.current(a)}
        ready: list[_Ready] = []
        for path, answer in stale.items():
            if path in edition.places:
                encodings = tuple(answer.bodies) or (Encoding.GZIP,)
                made = await self._in_thread(self._ready, path, encodings)
                if made is not None:
                    ready.append(made)
        self._swap(edition, stale, ready)
        return edition

    def _swap(self, edition: Edition, stale: Mapping[str, Answer], ready: list[_Ready]) -> None:
        answers = {path: a for path, a in self.answers.items() if a.path not in stale}
        for path in stale:
            self._drop(path)
        for each in ready:
            self._put(answers, each.answer)
        self.answers = answers
        self.edition = edition
        for each in ready:
            for encoding, body in each.bodies.items():
                self._keep(each.answer, encoding, body)

    def _put(self, answers: dict[str, Answer], answer: Answer) -> None:
        for path in {f"/{answer.path}", f"{self._prefix}/{answer.path}"}:
            answers[path] = answer
        self._remember(answer)

    def _remember(self, answer: Answer) -> None:
        if answer.entries:
            versions = self.versions.setdefault(answer.path, OrderedDict())
            versions[answer.hash] = frozenset(answer.entries)
            if len(versions) > VERSIONS:
                versions.popitem(last=False)

    # --- the budget

    def _keep(self, answer: Answer, encoding: Encoding, body: bytes) -> Variant:
        """Put a body in, and others out if they are too many; the newest always stays."""
        key = (answer.path, encoding)
        self._forget(key)
        answer.bodies[encoding] = variant = answer.variant(encoding, body)
        self._sizes[key] = size = len(variant.body) + OVERHEAD
        self._bytes += size
        while self._bytes > self._budget and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            self._forget(oldest)
            path, old = oldest
            if (owner := self.answers.get(f"/{path}")) is not None:
                owner.bodies.pop(old, None)
        return variant

    def _drop(self, path: str) -> None:
        for encoding in Encoding:
            self._forget((path, encoding))

    def _forget(self, key: tuple[str, Encoding]) -> None:
        self._bytes -= self._sizes.pop(key, 0)

    @property
    def bytes(self) -> int:
        """What the kept bodies take."""
        return self._bytes

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, functools.partial(function, *arguments))
