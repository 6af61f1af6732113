"""The workers of a Dask cluster as those who ask for links.

Here: :class:`Crew` sends lots (:mod:`feeds.links.lots`) and takes back what came of them. There:
all lots of a run share a room, with one gate, one transport and so many connections as a machine
may have. A lot mostly waits, so it leaves its place among the tasks of a worker to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import pickle
import secrets
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final, Self

from feeds.cluster import LOOK_SECONDS, Cluster
from feeds.config import Config
from feeds.errors import FeedsError
from feeds.fingerprint import Program, program
from feeds.links.client import gate_of, manners_of, pace_of, transport_of
from feeds.links.lots import Lot, Means, Returned, ask, is_kept, kept_here, weight
from feeds.shipping import Answer, Why, without_secrets
from feeds.values import dataclass

IDLE_SECONDS: Final = 60.0  # without any lot, after which a room is given up
REMEMBERED: Final = 100  # runs that are over


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What all lots of a run have in common. Called with a lot, pickled, it gives an
    :class:`~feeds.shipping.Answer`.

    ``kept`` are the hosts that are not asked from other machines, ``authorities`` the content of
    ``ca_file``, if there is one.
    """

    run: str
    config: Config
    kept: tuple[str, ...]
    authorities: bytes
    program: Program

    def __call__(self, packed: bytes) -> Answer:
        if self.program != program():
            return Answer(Why.OTHER_PROGRAM, program=program())
        from distributed import get_worker, secede

        try:
            _open_room(self)
        except (OSError, RuntimeError, FeedsError) as error:
            what = f"{get_worker().address} cannot ask for links: {error}"
            return Answer(Why.UNABLE, said=f"{what}; mend it, or take it out of the cluster")
        secede()
        return Answer(Why.DONE, [_ask_in_room(self.run, pickle.loads(packed))])


# --- here -----------------------------------------------------------------------------------


class Crew:
    """Lots of one run, asked for by the workers of a cluster, who may change. Use it as a
    context. Its methods raise :class:`~feeds.errors.ClusterError` where the cluster is lost, or
    a machine of it cannot ask."""

    def __init__(self, cluster: Cluster, config: Config) -> None:
        self._cluster = cluster
        self._run = secrets.token_hex(8)
        self._value = _inquiry(self._run, config)
        self._inquiry: Any = None  # the value, where the workers have it
        self._names = list(cluster.names)
        self._busy: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self._over = False

    async def __aenter__(self) -> Self:
        self._inquiry = self._cluster.shared(self._value)
        self._names = list(await self._cluster.present())
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.hurry()
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    @property
    def workers(self) -> int:
        """How many there are, as far as is known."""
        return len(self._names)

    def asks(self, host: str) -> bool:
        """Whether workers may ask a host."""
        return not is_kept(host, self._value.kept)

    async def ask(self, lot: Lot) -> Returned | None:
        """What came of a lot; ``None`` if every worker died that tried."""
        worker = min(self._names, key=self._busy.__getitem__, default="")
        self._busy[worker] += weight(lot)
        where = {"workers": [worker], "allow_other_workers": True} if worker else {}
        sent = self._cluster.send(self._inquiry, pickle.dumps(lot), **where)
        try:
            answer = await self._answer(sent)
        finally:
            sent.cancel()
            self._busy[worker] -= weight(lot)
        if answer is None:
            return None
        returned: Returned = answer.results[0]
        self._cluster.count(len(returned.found))
        return returned

    async def _answer(self, sent: Future[Answer]) -> Answer | None:
        assert self._looking
        arriving = asyncio.wrap_future(sent)
        either: tuple[asyncio.Future[Any], ...] = (arriving, self._looking)
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not arriving.done():
            self._looking.result()  # why it ended
        return self._cluster.answer(sent)

    async def _look(self) -> None:
        """See who comes and goes."""
        alone_since: float | None = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._names = list(await self._cluster.present())
            alone_since = self._cluster.alone_since(self._names, alone_since)

    def hurry(self) -> None:
        """Have all workers come back with what there is; they ask for nothing more."""
        if not self._over:
            self._over = True
            # Nobody waits for workers that do not answer.
            threading.Thread(target=self._end, daemon=True).start()

    def _end(self) -> None:
        with contextlib.suppress(Exception):  # whatever it is, lots end by themselves
            self._cluster.tell(end, self._run)


def _inquiry(run: str, config: Config) -> Inquiry:
    ca_file = config.links.ca_file
    authorities = (config.root / ca_file).read_bytes() if ca_file else b""
    return Inquiry(run, without_secrets(config), kept_here(config), authorities, program())


# --- there ----------------------------------------------------------------------------------

_rooms: Final[dict[str, _Room]] = {}
_over: Final[deque[str]] = deque(maxlen=REMEMBERED)  # runs, which may have lots on the way
_door: Final = threading.Lock()


def end(run: str) -> None:
    """A run is over, or in a hurry: what there is goes back."""
    with _door:
        _over.append(run)
        if room := _rooms.pop(run, None):
            room.end()


def _open_room(inquiry: Inquiry) -> None:
    with _door:
        if inquiry.run not in _rooms and inquiry.run not in _over:
            _rooms[inquiry.run] = _Room(inquiry)


def _ask_in_room(run: str, lot: Lot) -> Returned:
    with _door:
        room = _rooms.get(run)
        if room is None:
            return Returned(shares=lot)
        asking = room.begin(lot)
    try:
        return asking.result()
    finally:
        with _door:
            room.leave()


class _Room:
    """Where the lots of a run are asked for in this process: a thread with an event loop. Its
    methods are called by whoever holds the door."""

    def __init__(self, inquiry: Inquiry) -> None:
        self._run = inquiry.run
        self._lots = 0
        self._left_at = time.monotonic()
        self._ended = False
        self._hurry = asyncio.Event()
        self._news = asyncio.Event()
        with _with_authorities(inquiry) as config:
            gate = gate_of(config, own=False)
            transport = transport_of(config, gate)
        kept = functools.partial(is_kept, patterns=inquiry.kept)
        manners = replace(manners_of(config, gate=gate), kept=kept)
        pace = pace_of(config)
        self._means = Means(transport, manners, pace, asyncio.Semaphore(pace.concurrency))
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        threading.Thread(target=self._live, name="feeds links", daemon=True).start()

    def begin(self, lot: Lot) -> Future[Returned]:
        self._lots += 1
        return asyncio.run_coroutine_threadsafe(ask(lot, self._means, self._hurry), self._loop)

    def leave(self) -> None:
        """A lot is done; the last one of a run that has ended closes the door behind it."""
        self._lots -= 1
        self._left_at = time.monotonic()
        if self._ended:
            self._loop.call_soon_threadsafe(self._news.set)

    def end(self) -> None:
        """Nothing is begun any more."""
        self._ended = True
        self._loop.call_soon_threadsafe(self._hurry.set)
        self._loop.call_soon_threadsafe(self._news.set)

    def _live(self) -> None:
        with self._runner as runner:
            runner.run(self._stay())

    async def _stay(self) -> None:
        async with self._means.transport:
            while not self._is_left():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self._news.wait()
                self._news.clear()

    def _is_left(self) -> bool:
        """Whether nobody is to come any more: whoever sent the lots may have been killed."""
        with _door:
            idle = time.monotonic() - self._left_at >= IDLE_SECONDS
            left = not self._lots and (self._ended or idle)
            if left and not self._ended:
                del _rooms[self._run]
            return left


@contextlib.contextmanager
def _with_authorities(inquiry: Inquiry) -> Iterator[Config]:
    """The configuration with its ``ca_file``, which this machine may not have."""
    if not inquiry.authorities:
        yield inquiry.config
        return
    with tempfile.NamedTemporaryFile() as file:
        file.write(inquiry.authorities)
        file.flush()
        yield replace(inquiry.config, links=replace(inquiry.config.links, ca_file=file.name))
