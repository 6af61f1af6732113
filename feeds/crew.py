"""The workers of a Dask cluster as those who ask for links.

Here: :class:`Crew` sends lots (:mod:`feeds.links.lots`) and takes back what came of them. There:
all lots of a run share a room, with one gate, one transport and so many connections as a machine
may have. A lot mostly waits, so it leaves its place among the tasks of a worker to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import secrets
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from feeds.config import Config
from feeds.fingerprint import Program, program
from feeds.links.client import gate_of, manners_of, pace_of, transport_of
from feeds.links.lots import Elsewhere, Lot, Means, Returned, ask, kept_here
from feeds.shipping import Answer, Why, without_secrets
from feeds.values import dataclass

if TYPE_CHECKING:
    from feeds.cluster import Cluster

LOTS_AT_ONCE: Final = 32  # of each worker: hosts that are asked slowly, side by side
LOOK_SECONDS: Final = 5.0  # between two looks at which workers there are


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
        from distributed import secede

        secede()
        lot: Lot = pickle.loads(packed)
        return Answer(Why.DONE, [_room_of(self).ask(lot)])


# --- here -----------------------------------------------------------------------------------


class Crew:
    """Lots of one run, asked for by the workers of a cluster. Its methods raise
    :class:`~feeds.errors.ClusterError` where the cluster is lost."""

    def __init__(self, cluster: Cluster, config: Config) -> None:
        self._cluster = cluster
        self._run = secrets.token_hex(8)
        self._inquiry = cluster.shared(_inquiry(self._run, config))
        self._names = list(cluster.present())
        self._busy: Counter[str] = Counter()
        self._looked = 0.0
        self._over = False

    @property
    def workers(self) -> int:
        """How many there are, as far as is known."""
        return len(self._names)

    @property
    def most(self) -> int:
        """How many lots may be under way."""
        return LOTS_AT_ONCE * max(self.workers, 1)

    async def ask(self, lot: Lot) -> Returned | None:
        """What came of a lot; ``None`` if every worker died that tried."""
        worker = min(self._names, key=self._busy.__getitem__, default="")
        self._busy[worker] += 1
        where = {"workers": [worker], "allow_other_workers": True} if worker else {}
        sent = self._cluster.send(self._inquiry, pickle.dumps(lot), **where)
        try:
            answer = await self._answer(sent)
        finally:
            sent.cancel()
            self._busy[worker] -= 1
        if answer is None:
            return None
        returned: Returned = answer.results[0]
        self._cluster.asked += len(returned.found)
        return returned

    async def _answer(self, sent: Future[Answer]) -> Answer | None:
        arriving = asyncio.wrap_future(sent)
        while not (await asyncio.wait([arriving], timeout=LOOK_SECONDS))[0]:
            await self._look()
        return self._cluster.answer(sent)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._names = list(await self._cluster.still_present())

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
_door: Final = threading.Lock()


def end(run: str) -> None:
    """A run is over, or in a hurry: what there is goes back."""
    with _door:
        if run in _rooms:
            _rooms[run].end()


def _room_of(inquiry: Inquiry) -> _Room:
    with _door:
        if inquiry.run not in _rooms:
            for run in [run for run, room in _rooms.items() if not room.lots]:
                # Whoever made it may have been killed.
                _rooms.pop(run).end()
            _rooms[inquiry.run] = _Room(inquiry)
        return _rooms[inquiry.run]


class _Room:
    """Where the lots of a run are asked for in this process: a thread with an event loop."""

    def __init__(self, inquiry: Inquiry) -> None:
        self.lots = 0
        self._over = False
        self._hurry = asyncio.Event()
        self._empty = asyncio.Event()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        with _with_authorities(inquiry) as config:
            gate = gate_of(config)
            transport = Elsewhere(transport_of(config, gate), inquiry.kept)
        pace = pace_of(config)
        places = asyncio.Semaphore(pace.concurrency)
        self._means = Means(transport, manners_of(config, gate=gate), pace, places)
        threading.Thread(target=self._live, name="feeds links", daemon=True).start()

    def ask(self, lot: Lot) -> Returned:
        with _door:
            if self._over:
                return Returned(shares=lot)
            self.lots += 1
            asking = asyncio.run_coroutine_threadsafe(
                ask(lot, self._means, self._hurry), self._loop
            )
        try:
            return asking.result()
        finally:
            with _door:
                self.lots -= 1
                self._leave()

    def end(self) -> None:
        """Nothing is begun any more; the last lot closes the door behind it."""
        if not self._over:
            self._over = True
            self._loop.call_soon_threadsafe(self._hurry.set)
            self._leave()

    def _leave(self) -> None:
        if self._over and not self.lots:
            self._loop.call_soon_threadsafe(self._empty.set)

    def _live(self) -> None:
        with self._runner as runner:
            runner.run(self._stay())

    async def _stay(self) -> None:
        async with self._means.transport:
            await self._empty.wait()


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
