"""The machines of a Dask cluster as workers: the same tasks, the same results, elsewhere.

In: the address of a scheduler. Out: :class:`Cluster`, which maps as
:class:`~feeds.workers.Workers` do. Tasks over files of the site go to the cluster through the
executor that Dask has for it (:meth:`distributed.Client.get_executor`); all others need what is
on this machine, and stay. :mod:`feeds.crew` has the workers ask for links. Dask is imported when
somebody asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import operator
import pickle
import secrets
import socket
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from feeds.config import Config
from feeds.errors import ClusterError
from feeds.files import FileTask, SiteFiles
from feeds.fingerprint import Program, program
from feeds.shipping import Answer, Why, errand_of, filled, look, parts, stamped
from feeds.state import make_state_folder
from feeds.workers import Workers, spawned_processes

if TYPE_CHECKING:
    from distributed import Client

Token = TypeVar("Token")
Item = TypeVar("Item")
Result = TypeVar("Result")

SCHEMES: Final = ("tcp", "tls")
REACH_SECONDS: Final = 10.0
LONELY_SECONDS: Final = 60.0  # without any worker, before it is given up
LOOK_SECONDS: Final = 5.0  # between two looks at whether there are any
CLOSE_SECONDS: Final = 2.0
LOGGERS: Final = ("distributed", "distributed.client", "tornado", "asyncio")
MISSING: Final = "Can't get attribute"  # what pickle says of a function that is not there
SAME: Final = "install the same one"
# So many parcels come back unseen before files are sent with all.
DOUBTS: Final = 4
# So often a parcel is sent again because it includes what nobody thought of.
ROUNDS: Final = 4


class Address(NamedTuple):
    """Of a scheduler, as it is written, and its parts."""

    text: str
    host: str
    port: int


def address(text: str) -> Address:
    """Raises ``ValueError`` with what is wrong."""
    wrong = ValueError("is no address of a Dask scheduler, like tcp://10.0.0.5:8786")
    try:
        split = urlsplit(text)
        port = split.port
    except ValueError as error:
        raise wrong from error
    more = split.path or split.query or split.fragment or "@" in split.netloc
    if more or not (port and split.hostname and split.scheme in SCHEMES):
        raise wrong
    return Address(text, split.hostname, port)


@contextlib.contextmanager
def connected(
    scheduler: Address,
    config: Config,
    jobs: int,
    reach: float = REACH_SECONDS,
    lonely: float = LONELY_SECONDS,
) -> Iterator[Cluster]:
    """The workers of a cluster, and ``jobs`` processes for what has to be done on this machine.

    ``reach`` is seconds for a scheduler to answer and to have a worker, ``lonely`` those that it
    may be without any later on. Raises :class:`~feeds.errors.ClusterError` where Dask is not
    installed, nobody answers, or a machine has another program than this one.
    """
    with _client(scheduler, reach) as client, Workers(jobs, spawned_processes) as here:
        try:
            seen = _look(client, scheduler, config, reach)
        except OSError as error:
            raise _lost(scheduler) from error
        with Cluster(client, scheduler, config, seen, here, lonely) as cluster:
            yield cluster


# --- the first contact ----------------------------------------------------------------------


@contextlib.contextmanager
def _client(scheduler: Address, reach: float) -> Iterator[Client]:
    _knock(scheduler, reach)
    try:
        import dask

        # What happens on the way is told by this program, in a line.
        dask.config.set({"logging": dict.fromkeys(LOGGERS, "critical")})
        from distributed import Client, Security
        from distributed.comm.core import connect
    except ModuleNotFoundError as error:
        how = "install it here and on every machine of the cluster: pip install 'feeds[cluster]'"
        raise ClusterError(f"--cluster needs Dask, and there is no {error.name}; {how}") from error

    async def greet() -> None:
        """A client waits for whoever says nothing, whatever its time is."""
        secure = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(scheduler.text, **secure), reach)
        comm.abort()

    try:
        asyncio.run(greet())
        with warnings.catch_warnings():
            # Versions are compared below.
            warnings.simplefilter("ignore")
            client = Client(scheduler.text, timeout=reach, set_as_default=False)
    except Exception as error:  # whatever it is that answered
        said = (str(error) and _first_line(error)) or f"no word in {reach:g} s"
        what = f"what answers there is no Dask scheduler: {said}"
        raise ClusterError(f"{scheduler.text}: {what}") from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):  # it may be gone
            client.close(timeout=CLOSE_SECONDS)


def _knock(scheduler: Address, seconds: float) -> None:
    """Dask tries as long as it may; whether anybody is there is known at once."""
    try:
        socket.create_connection((scheduler.host, scheduler.port), seconds).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        how = "is it running, and can it be reached from here?"
        raise ClusterError(f"{scheduler.text}: no Dask scheduler: {reason}; {how}") from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _look(client: Client, scheduler: Address, config: Config, reach: float) -> bool:
    """Whether every worker sees the folder of the site.

    Raises :class:`~feeds.errors.ClusterError` for a machine that would do otherwise than this.
    """
    try:
        client.wait_for_workers(1, timeout=reach)
    except TimeoutError as error:
        how = f"start some: dask worker --nthreads 1 {scheduler.text}"
        raise ClusterError(f"{scheduler.text}: has no workers; {how}") from error
    problems = [f"{name} has {what}" for name, what in _other_dask(client.get_versions())]
    with _token(config) as token:
        found = client.run(look, str(token), on_error="return")
    # A worker that just died is listed for a while.
    found = {worker: answer for worker, answer in found.items() if not isinstance(answer, OSError)}
    if not found:
        problems.append("has no workers that answer")
    for worker, answer in found.items():
        if isinstance(answer, Exception):
            problems.append(f"{worker} {_why_it_cannot_look(client, worker, answer)}")
        elif answer[0] != tuple(program()):
            problems.append(f"{worker} has {difference(answer[0])}")
    if problems:
        raise ClusterError("\n".join(f"{scheduler.text}: {problem}" for problem in problems))
    return all(seen for _, seen in found.values())


def _other_dask(versions: Any) -> Iterator[tuple[str, str]]:
    ours = versions["client"]["packages"]["distributed"]
    for machine, found in [("the scheduler", versions["scheduler"]), *versions["workers"].items()]:
        its = found["packages"]["distributed"]
        if its != ours:
            yield machine, _other(f"distributed {its}", ours)


def _why_it_cannot_look(client: Client, worker: str, error: Exception) -> str:
    from importlib.metadata import version

    # The standard library tells it where our own module is missing, or another one.
    its = client.run(version, "feeds", workers=[worker], on_error="return")[worker]
    if isinstance(its, str) and its != program().version:
        return f"has {_other(f'feeds {its}', program().version)}"
    how = f"install feeds[cluster] {program().version} there, as it is here"
    return f"cannot use feeds ({_first_line(error)}); {how}"


def difference(its: Sequence[Any]) -> str:
    """What makes the program of a worker another one than that here; both are named."""
    ours = program()
    if its[0] != ours.version:
        return _other(f"feeds {its[0]}", ours.version)
    theirs = Program(*its) if len(its) == len(ours) else ours._replace(source="")
    if theirs.python != ours.python:
        return _other(f"Python {theirs.python}", ours.python)
    for its_library, our_library in zip(theirs.libraries, ours.libraries, strict=False):
        if its_library != our_library:
            return _other(its_library, our_library.rpartition(" ")[2])
    files = f"{theirs.source[:8]}, here {ours.source[:8]}"
    return f"feeds {ours.version}, as here, but from other source files ({files}); {SAME}"


def _other(theirs: str, ours: str) -> str:
    return f"{theirs}, and here is {ours}; {SAME}"


@contextlib.contextmanager
def _token(config: Config) -> Iterator[Path]:
    """A file in the folder of the site that nobody can have a copy of."""
    token = config.state / f"cluster-{secrets.token_hex(8)}"
    with contextlib.suppress(OSError):  # where it cannot be written nobody sees it
        make_state_folder(config.state)
        token.touch()
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            token.unlink()


def _lost(scheduler: Address) -> ClusterError:
    what = "the connection is lost; try again, or leave --cluster away"
    return ClusterError(f"{scheduler.text}: {what}")


# --- the work -------------------------------------------------------------------------------


class Cluster(Workers):
    """Workers on other machines. Whatever becomes of one, the results are those of this machine:
    its parcels go to others, and in the end are done here."""

    def __init__(
        self,
        client: Client,
        scheduler: Address,
        config: Config,
        seen: bool,
        here: Workers,
        lonely: float,
    ) -> None:
        self.names: Collection[str] = client.nthreads()
        self.workers = len(self.names)
        # Each has one parcel under way, and a single one finds the next there.
        super().__init__(max(2, self.workers), lambda jobs: client.get_executor(pure=False))
        self.sent = self.done_here = self._asked = 0
        self._client = client
        self._scheduler = scheduler
        self._site = SiteFiles(config)
        self._seen = seen
        self._here = here
        self._lonely = lonely
        self._doubts = 0
        self._includes: dict[str, str | None] = {}
        self._errand: tuple[object, Any] = None, None

    def __exit__(self, *exception: object) -> None:
        """The client ends with its connection, and whatever it wanted with it."""

    def map(
        self,
        task: Callable[[Sequence[Item]], Result],
        chunks: Iterable[tuple[Token, Sequence[Item]]],
    ) -> Iterator[tuple[Token, Result]]:
        can_go = isinstance(task, FileTask)
        return self._map_parts(task, chunks) if can_go else self._here.map(task, chunks)

    def _map_parts(
        self, task: Any, chunks: Iterable[tuple[Token, Sequence[Item]]]
    ) -> Iterator[tuple[Token, Any]]:
        """Whoever is sent files gets them in parcels that are not too large."""
        cut = ((token, [items] if self._seen else parts(task, items)) for token, items in chunks)
        given = (
            ((token, len(each) - number), part)
            for token, each in cut
            for number, part in enumerate(each, 1)
        )
        results: list[Any] = []
        for (token, more), found in super().map(task, given):
            results += found
            if not more:
                yield token, results
                results = []

    def summary(self) -> str:
        """A line on what was done where."""
        name, them = f"{self._scheduler.text}: {self.workers} workers", "them"
        if self.workers == 1:
            name, them = name.removesuffix("s"), "it"
        if not (self.sent or self._asked):
            return f"{name}, too little to do for {them}; it was done here"
        done = []
        if self.sent:
            how = f"read by {them}" if self._seen else f"sent to {them}"
            done.append(f"{self.sent} parcels of work, files {how}")
        if self.done_here:
            done.append(f"{self.done_here} more done here")
        if self._asked:
            done.append(f"{self._asked} addresses asked for by {them}")
        return f"{name}, {'; '.join(done)}"

    # --- one parcel

    def _submit(self, task: Any, items: Sequence[Any]) -> Future[Any]:
        return self._pack(task, items, self._seen)

    def _pack(self, task: FileTask[Any, Any], items: Sequence[Any], seen: bool) -> Future[Any]:
        parcel = stamped(task, items) if seen else filled(task, items)
        if parcel is None:
            done: Future[Any] = Future()
            done.set_result(Answer(Why.DONE, task(items)))
            self.done_here += 1
            return done
        packed = pickle.dumps(parcel._replace(includes=self._includes))
        if self._errand[0] is not task:
            self._errand = task, self.shared(errand_of(task))
        self.sent += 1
        return self.send(self._errand[1], packed)

    def _result(self, future: Future[Any], task: Any, items: Sequence[Any]) -> Any:
        for left in reversed(range(ROUNDS)):
            answer = self._awaited(future)
            if answer is None:
                break
            if answer.why is Why.DONE:
                return answer.results
            if answer.why is Why.UNSEEN:
                self._doubts += 1
                self._seen = self._seen and self._doubts < DOUBTS
            self._includes |= {name: self._site.include(name) for name in answer.includes}
            if not left:
                break
            if answer.why is Why.UNSEEN and len(smaller := parts(task, items)) > 1:
                sent = [(self._pack(task, part, False), part) for part in smaller]
                return [each for future, part in sent for each in self._result(future, task, part)]
            future = self._pack(task, items, self._seen and answer.why is not Why.UNSEEN)
        self.done_here += 1
        return task(items)

    def _awaited(self, future: Future[Any]) -> Answer | None:
        alone_since = None
        while True:
            try:
                return self.answer(future, LOOK_SECONDS)
            except TimeoutError:
                if future.done():
                    raise
                alone_since = self.alone_since(self._present(), alone_since)

    def _present(self) -> Collection[str]:
        with self._connection():
            found: dict[str, int] = self._client.nthreads()
            return found

    # --- for whatever is sent

    def alone_since(self, workers: Collection[str], before: float | None) -> float | None:
        """Since when there has been no worker (:func:`time.monotonic`), as far as that was known
        ``before``. Raises :class:`~feeds.errors.ClusterError` if it is too long."""
        if workers:
            return None
        now = time.monotonic()
        if before is not None and now - before > self._lonely:
            what = f"has had no workers for {self._lonely:g} s; start some, or leave --cluster away"
            raise ClusterError(f"{self._scheduler.text}: {what}")
        return now if before is None else before

    def shared(self, value: Any) -> Any:
        """A value that many parcels need, where the workers have it from one another. It is a
        task of its own, and so made again when the one that held it dies."""
        packed = pickle.dumps(value)
        with self._connection():
            return self._client.submit(pickle.loads, packed, pure=False)

    def send(self, shared: Any, packed: bytes, **where: Any) -> Future[Any]:
        """Have a shared value called with a parcel; ``where`` is Dask's."""
        with self._connection():
            # The standard library's words: no scheduler needs to know ours.
            return self._running().submit(operator.call, shared, packed, **where)

    def answer(self, future: Future[Any], seconds: float = 0.0) -> Answer | None:
        """What came back within a time; ``None`` if every worker died that tried."""
        from distributed import KilledWorker

        try:
            found: Answer = future.result(seconds)
        except KilledWorker:
            return None
        except CancelledError as error:
            raise _lost(self._scheduler) from error
        except (ImportError, AttributeError) as error:
            if isinstance(error, AttributeError) and MISSING not in str(error):
                raise
            what = f"a machine of it cannot use feeds {program().version}"
            told = f"{self._scheduler.text}: {what}: {_first_line(error)}; {SAME}"
            raise ClusterError(told) from error
        if found.why is Why.OTHER_PROGRAM:
            assert found.program
            what = f"a worker that came later has {difference(found.program)}"
            raise ClusterError(f"{self._scheduler.text}: {what}")
        if found.why is Why.UNABLE:
            raise ClusterError(f"{self._scheduler.text}: {found.said}")
        return found

    async def present(self) -> Collection[str]:
        """The workers that there are now, for whoever has an event loop of his own."""
        client: Any = self._client  # what is behind its methods, which would hold that up
        with self._connection():
            asked = asyncio.run_coroutine_threadsafe(
                client.scheduler.ncores(workers=None), client.loop.asyncio_loop
            )
            found: dict[str, int] = await asyncio.wrap_future(asked)
        return found

    def count(self, addresses: int) -> None:
        """Take note of addresses that workers asked for."""
        self._asked += addresses

    def tell(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have all workers do something at once."""
        self._client.run(function, *arguments)

    @contextlib.contextmanager
    def _connection(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Dask has several for it
            raise _lost(self._scheduler) from error
