"""What a site's service owes and has counted, in one SQLite file (``ledger.sql``).

It outlives the index, which is made anew whenever that is simpler: feeds that were withdrawn,
hubs that have to be told, requests and subscribers that were counted. Several processes use
it at once, each through a ledger of its own; every call is one transaction. What only reads
waits for nobody (SQLite's write-ahead log); what writes waits for others a moment.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from feeds.errors import OutputError
from feeds.models import Finding, Level
from feeds.sketch import estimate, merged
from feeds.state import make_state_folder

FILE_NAME: Final = "ledger.sqlite"
BUSY_WAIT: Final = 2.0
BUSY_PAUSE: Final = 0.01
DAYS_KEPT: Final = 60
HOURS_KEPT: Final = 48
# Findings of a build that are remembered; the log has all of them.
MOST_FINDINGS: Final = 100
# More agents than this are not told apart for one document and day: anybody may invent some.
MOST_AGENTS: Final = 100
# A worker that was not heard of for so long answers no more (seconds).
WORKER_SILENCE: Final = 30.0

# Kind and format of a feed, status of the answer.
RequestKey: TypeAlias = tuple[str, str, int]


class BuildRecord(NamedTuple):
    """A build of a server; times are seconds since 1970, ``error`` is empty if it was good."""

    at: float
    seconds: float
    error: str
    good_at: float
    posts: int
    feeds: int
    warnings: int
    errors: int


class PublishedDocument(NamedTuple):
    """A document that is published; ``hash`` is empty where nobody has to know."""

    path: str
    format: str
    title: str
    topic: str
    hash: str


class Withdrawn(NamedTuple):
    """A document that was published once, and since when it is not any more."""

    path: str
    format: str
    title: str
    topic: str
    since: float


class Subscribers(NamedTuple):
    """How many subscribers of a document an agent speaks for; those without one are readers
    that speak for themselves."""

    path: str
    agent: str
    number: int


class Counted(NamedTuple):
    """All requests, and all other counters by name, of one moment."""

    requests: dict[RequestKey, int]
    counters: dict[str, int]


class Hour(NamedTuple):
    """Requests within an hour (since 1970): all, those for documents, and of these those that
    were answered 304."""

    hour: int
    requests: int
    documents: int
    unchanged: int


class Memory(NamedTuple):
    """Bytes that workers keep ready, how many they may, and how many workers these are."""

    bytes: int
    budget: int
    workers: int = 1


NO_MEMORY: Final = Memory(0, 0)


class Push(NamedTuple):
    """A hub that has to be told of a feed."""

    hub: str
    topic: str
    edition: str
    tries: int


class Ledger:
    """The ledger of a state folder, made if it is missing.

    ``wait`` is how many seconds others may take who write (:data:`BUSY_WAIT`). Raises
    :class:`~feeds.errors.OutputError` where it cannot be used.
    """

    def __init__(self, state: Path, wait: float | None = None) -> None:
        self.path = state / FILE_NAME
        self._wait = BUSY_WAIT if wait is None else wait
        self._db: sqlite3.Connection | None = None
        self._file = (0, 0)

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        try:
            db = self._opened()
            with db:
                db.execute(begin)
                yield db
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise OutputError(f"{self.path}: {_explained(error, self._wait)}") from error

    def _reading(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return self._transaction("BEGIN")

    def _opened(self) -> sqlite3.Connection:
        """The connection; a new one if the file is another than that which it was made for."""
        if self._db is not None and _identity(self.path) != self._file:
            self.close()
        if self._db is None:
            make_state_folder(self.path.parent)
            self._db = self._connected()
            self._file = _identity(self.path)
        return self._db

    def _connected(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, timeout=self._wait, isolation_level=None, check_same_thread=False
        )
        try:
            _use_write_ahead_log(db, self._wait)
            db.execute("PRAGMA synchronous = NORMAL")
            # What is dropped must not be left in the file.
            db.execute("PRAGMA secure_delete = ON")
            db.create_function("merged", 2, merged, deterministic=True)
            db.executescript(files("feeds").joinpath("ledger.sql").read_text("utf-8"))
        except BaseException:
            db.close()
            raise
        return db

    # --- builds

    def record_build(self, build: BuildRecord, findings: Sequence[Finding] | None = None) -> None:
        """Remember how a build went, and the first of what it found if it came so far."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO build VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", build)
            if findings is not None:
                db.execute("DELETE FROM finding")
                db.executemany(
                    "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        (place, each.path, each.line, str(each.level), each.what, each.done)
                        for place, each in enumerate(findings[:MOST_FINDINGS])
                    ],
                )

    def last_build(self) -> BuildRecord | None:
        with self._reading() as db:
            row = db.execute(
                "SELECT at, seconds, error, good_at, posts, feeds, warnings, errors FROM build"
            ).fetchone()
        return BuildRecord(*row) if row else None

    def findings(self) -> list[Finding]:
        """What the last build that came so far found wrong, as far as it is remembered."""
        with self._reading() as db:
            query = "SELECT path, line, level, what, done FROM finding ORDER BY position"
            return [
                Finding(path, line, Level(level), *said)
                for path, line, level, *said in db.execute(query)
            ]

    # --- what is published and what was

    def publish(
        self,
        documents: Iterable[PublishedDocument],
        now: float,
        hubs: Sequence[str] = (),
        edition: str = "",
    ) -> list[str]:
        """Remember what is published now; all else that was is withdrawn.

        Returns the topics whose bytes are others than before, new ones too; none the first
        time. A document without a hash, now or before, is not compared.

        As soon as ``edition`` is served ``hubs`` have to be told of these topics: hubs that
        the feeds named before, too, for nobody can have subscribed at the others.
        """
        changed = []
        with self._transaction() as db:
            query = "SELECT path, format, title, topic, hash, withdrawn FROM published"
            before = {row[0]: row for row in db.execute(query)}
            first = not before
            for document in documents:
                known = before.pop(document.path, None)
                if document.hash and _differs(known, document.hash):
                    changed.append(document.topic)
                if known is None or known[1:] != (*document[1:], None):
                    insert = "INSERT OR REPLACE INTO published VALUES (?, ?, ?, ?, ?, NULL)"
                    db.execute(insert, document)
            db.executemany(
                "UPDATE published SET withdrawn = ?, hash = '' WHERE path = ?",
                [(now, path) for path, row in before.items() if row[5] is None],
            )
            known_hubs = _follow_hubs(db, hubs)
            if first:
                return []
            db.executemany(
                "INSERT OR REPLACE INTO push VALUES (?, ?, ?, ?, 0)",
                [(hub, topic, edition, now) for hub in known_hubs for topic in changed],
            )
        return changed

    def withdrawn(self, since: float) -> list[Withdrawn]:
        """What was withdrawn after ``since``, and is not back."""
        with self._reading() as db:
            query = (
                "SELECT path, format, title, topic, withdrawn FROM published"
                " WHERE withdrawn >= ? ORDER BY path"
            )
            return [Withdrawn(*row) for row in db.execute(query, (since,))]

    # --- hubs

    def due(self, now: float) -> list[Push]:
        """What should be told by now, hub by hub."""
        with self._reading() as db:
            query = (
                "SELECT hub, topic, edition, tries FROM push JOIN hub ON hub.url = push.hub"
                " WHERE max(due, quiet) <= ? ORDER BY hub, topic"
            )
            return [Push(*row) for row in db.execute(query, (now,))]

    def next_due(self) -> float | None:
        """When the next hub has to be told."""
        with self._reading() as db:
            query = "SELECT min(max(due, quiet)) FROM push JOIN hub ON hub.url = push.hub"
            due: float | None = db.execute(query).fetchone()[0]
        return due

    def settle(self, pushes: Iterable[Push]) -> None:
        """These were told, or given up. One that is owed anew since then stays."""
        with self._transaction() as db:
            db.executemany(
                "DELETE FROM push WHERE hub = ? AND topic = ? AND edition = ?",
                [push[:3] for push in pushes],
            )

    def postpone(self, pushes: Iterable[Push], due: float) -> None:
        """These could not be told; the next try is at ``due``."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE push SET due = ?, tries = tries + 1"
                " WHERE hub = ? AND topic = ? AND edition = ?",
                [(due, *push[:3]) for push in pushes],
            )

    def leave_alone(self, hub: str, until: float) -> None:
        """A hub wants to hear of nothing before, not even of what changes until then."""
        with self._transaction() as db:
            db.execute("UPDATE hub SET quiet = ? WHERE url = ?", (until, hub))

    # --- workers

    def serving(self, worker: str, edition: str, now: float, memory: Memory = NO_MEMORY) -> None:
        """A worker answers from an edition, and keeps that much of it ready."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?)", (worker, edition, now))
            db.execute("INSERT OR REPLACE INTO memory VALUES (?, ?, ?)", (worker, *memory[:2]))
            # Workers that were killed did not say so.
            db.execute("DELETE FROM worker WHERE seen < ?", (now - WORKER_SILENCE,))
            db.execute("DELETE FROM memory WHERE worker NOT IN (SELECT id FROM worker)")

    def gone(self, worker: str) -> None:
        """A worker answers no more."""
        with self._transaction() as db:
            db.execute("DELETE FROM worker WHERE id = ?", (worker,))

    def editions_served(self, since: float) -> list[str]:
        """What the workers answer from that were heard of since."""
        with self._reading() as db:
            query = "SELECT edition FROM worker WHERE seen >= ?"
            return [edition for (edition,) in db.execute(query, (since,))]

    def memory(self, since: float) -> Memory:
        """What the workers keep ready that were heard of since."""
        with self._reading() as db:
            query = (
                "SELECT coalesce(sum(bytes), 0), coalesce(sum(budget), 0), count(*)"
                " FROM memory JOIN worker ON worker.id = memory.worker WHERE seen >= ?"
            )
            return Memory(*db.execute(query, (since,)).fetchone())

    # --- counts

    def count(
        self,
        day: str,
        requests: Mapping[RequestKey, int],
        counters: Mapping[str, int],
        subscribers: Mapping[tuple[str, str], int],
        readers: Mapping[str, bytes],
        hour: int | None = None,
    ) -> None:
        """Add what was counted on a day, and within an ``hour`` (since 1970) if that is given.

        ``subscribers`` maps path and agent to the most that it told, ``readers`` maps paths
        to sketches of those who read for themselves. Of days before only numbers are kept.
        """
        with self._transaction() as db:
            closed = _close_days(db, day)
            if hour is not None and requests:
                db.execute(
                    "INSERT INTO hour VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                    " requests = requests + excluded.requests,"
                    " documents = documents + excluded.documents,"
                    " unchanged = unchanged + excluded.unchanged",
                    _of_hour(hour, requests),
                )
                db.execute("DELETE FROM hour WHERE hour <= ?", (hour - HOURS_KEPT,))
            db.executemany(
                "INSERT INTO request VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET number = number + excluded.number",
                [(day, *key, number) for key, number in requests.items()],
            )
            db.executemany(
                "INSERT INTO counter VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET value = value + excluded.value",
                list(counters.items()),
            )
            db.executemany(
                INSERT_SUBSCRIBER,
                [(day, *key, number, MOST_AGENTS) for key, number in subscribers.items()],
            )
            db.executemany(
                "INSERT INTO reader VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET sketch = merged(sketch, excluded.sketch)",
                [(day, path, sketch) for path, sketch in readers.items()],
            )
        if closed:
            # Nor must the journal keep what was dropped.
            with contextlib.suppress(sqlite3.OperationalError):
                self._opened().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def counted(self) -> Counted:
        """Everything counted so far."""
        with self._reading() as db:
            query = (
                "SELECT kind, format, status, sum(number) FROM request"
                " GROUP BY kind, format, status"
            )
            rows = db.execute(query)
            requests = {(kind, format, status): number for kind, format, status, number in rows}
            return Counted(requests, dict(db.execute("SELECT name, value FROM counter")))

    def hours(self, first: int) -> list[Hour]:
        """Requests by the hour since one of them, the oldest first; none for quiet hours."""
        with self._reading() as db:
            query = "SELECT * FROM hour WHERE hour >= ? ORDER BY hour"
            return [Hour(*row) for row in db.execute(query, (first,))]

    def subscribers(self, day: str) -> list[Subscribers]:
        """Who subscribes to what as far as a day tells, the most first."""
        with self._reading() as db:
            query = "SELECT path, agent, number FROM subscriber WHERE day = ?"
            found = [Subscribers(*row) for row in db.execute(query, (day,))]
            query = "SELECT path, sketch FROM reader WHERE day = ?"
            found += [Subscribers(p, "", estimate(s)) for p, s in db.execute(query, (day,))]
        return sorted(found, key=lambda each: (each.path, -each.number, each.agent))

    def days(self) -> list[str]:
        """The days that anything is known of, the newest first."""
        with self._reading() as db:
            query = "SELECT day FROM subscriber UNION SELECT day FROM reader ORDER BY day DESC"
            return [day for (day,) in db.execute(query)]


def _of_hour(hour: int, requests: Mapping[RequestKey, int]) -> Hour:
    documents = {key: number for key, number in requests.items() if key[0]}
    unchanged = sum(number for key, number in documents.items() if key[2] == 304)
    return Hour(hour, sum(requests.values()), sum(documents.values()), unchanged)


INSERT_SUBSCRIBER: Final = (
    "INSERT INTO subscriber SELECT ?1, ?2, ?3, ?4"
    " WHERE (SELECT count(*) FROM subscriber WHERE day = ?1 AND path = ?2) < ?5"
    " OR EXISTS (SELECT 1 FROM subscriber WHERE day = ?1 AND path = ?2 AND agent = ?3)"
    " ON CONFLICT DO UPDATE SET number = max(number, excluded.number)"
)


def _use_write_ahead_log(db: sqlite3.Connection, wait: float) -> None:
    """SQLite itself does not wait for others who do the same to a file that is new."""
    deadline = time.monotonic() + wait
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(BUSY_PAUSE)
        else:
            return


def _explained(error: Exception, wait: float) -> str:
    """What is wrong with the file, and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = code & 0xFF if code is not None else None
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program has locked it for {wait:g} s"
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return f"{error}; delete it, it is made anew"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{reason}; see that there is space and permission"


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from another of the same name."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return 0, 0
    return found.st_dev, found.st_ino


def _differs(known: tuple[str, ...] | None, hash: str) -> bool:
    """Whether a row of ``published`` had other bytes; one without a hash cannot tell."""
    return known is None or known[5] is not None or known[4] not in ("", hash)


def _follow_hubs(db: sqlite3.Connection, hubs: Sequence[str]) -> list[str]:
    """Remember which hubs are named now, forget the others; those named before and now."""
    known = {url for (url,) in db.execute("SELECT url FROM hub")}
    gone = [(url,) for url in known.difference(hubs)]
    db.executemany("DELETE FROM hub WHERE url = ?", gone)
    db.executemany("DELETE FROM push WHERE hub = ?", gone)
    db.executemany("INSERT OR IGNORE INTO hub VALUES (?, 0)", [(url,) for url in hubs])
    return [url for url in dict.fromkeys(hubs) if url in known]


def _close_days(db: sqlite3.Connection, today: str) -> bool:
    """Of days that are over only numbers are kept, and for some time; whether there was one."""
    query = "SELECT day, path, sketch FROM reader WHERE day < ?"
    rows = db.execute(query, (today,)).fetchall()
    db.executemany(
        "INSERT INTO subscriber VALUES (?, ?, '', ?)"
        " ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
        [(day, path, estimate(sketch)) for day, path, sketch in rows],
    )
    db.execute("DELETE FROM reader WHERE day < ?", (today,))
    first = (date.fromisoformat(today) - timedelta(days=DAYS_KEPT)).isoformat()
    db.execute("DELETE FROM subscriber WHERE day < ?", (first,))
    # Requests are only ever added up: those of old days are one.
    db.execute(
        "INSERT INTO request SELECT '', kind, format, status, number FROM request"
        " WHERE day BETWEEN '0' AND ? ON CONFLICT DO UPDATE SET number = number + excluded.number",
        (first,),
    )
    db.execute("DELETE FROM request WHERE day BETWEEN '0' AND ?", (first,))
    return bool(rows)
