"""What a site's service owes and has counted, in one SQLite file (``ledger.sql``).

It outlives the index, which is made anew whenever that is simpler: feeds that were withdrawn,
hubs that have to be told, requests and subscribers that were counted. Several processes use
it at once, each through a ledger of its own; every call is one transaction.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from feeds.errors import OutputError
from feeds.sketch import estimate, merged
from feeds.state import make_state_folder

FILE_NAME: Final = "ledger.sqlite"
BUSY_WAIT: Final = 10.0
DAYS_KEPT: Final = 60

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


class Push(NamedTuple):
    """A hub that has to be told of a feed."""

    hub: str
    topic: str
    edition: str
    tries: int


class Ledger:
    """The ledger of a state folder, made if it is missing.

    Raises :class:`~feeds.errors.OutputError` where it cannot be written.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / FILE_NAME
        self._db: sqlite3.Connection | None = None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            db = self._opened()
            with db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise OutputError(
                f"{self.path}: {error}; it may be deleted, it is made anew"
            ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            make_state_folder(self.path.parent)
            db = sqlite3.connect(
                self.path, timeout=BUSY_WAIT, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.create_function("merged", 2, merged, deterministic=True)
            db.executescript(files("feeds").joinpath("ledger.sql").read_text("utf-8"))
            self._db = db
        return self._db

    # --- builds

    def record_build(self, build: BuildRecord) -> None:
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO build VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)", build)

    def last_build(self) -> BuildRecord | None:
        with self._transaction() as db:
            row = db.execute(
                "SELECT at, seconds, error, good_at, posts, feeds, warnings, errors FROM build"
            ).fetchone()
        return BuildRecord(*row) if row else None

    # --- what is published and what was

    def publish(self, documents: Iterable[PublishedDocument], now: float) -> list[str]:
        """Remember what is published now; all else that was is withdrawn.

        Returns the topics whose bytes are others than before, new ones too. A document
        without a hash, now or before, is not compared.
        """
        changed = []
        with self._transaction() as db:
            query = "SELECT path, format, title, topic, hash, withdrawn FROM published"
            before = {row[0]: row for row in db.execute(query)}
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
        return changed

    def withdrawn(self, since: float) -> list[Withdrawn]:
        """What was withdrawn after ``since``; older ones are forgotten."""
        with self._transaction() as db:
            db.execute("DELETE FROM published WHERE withdrawn < ?", (since,))
            query = (
                "SELECT path, format, title, topic, withdrawn FROM published"
                " WHERE withdrawn IS NOT NULL ORDER BY path"
            )
            return [Withdrawn(*row) for row in db.execute(query)]

    # --- hubs

    def owe(self, hubs: Sequence[str], topics: Sequence[str], edition: str, due: float) -> None:
        """Every hub has to be told of every topic, as soon as ``edition`` is served."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO push VALUES (?, ?, ?, ?, 0)",
                [(hub, topic, edition, due) for hub in hubs for topic in topics],
            )

    def due(self, now: float) -> list[Push]:
        """What should be told by now, hub by hub."""
        with self._transaction() as db:
            query = "SELECT hub, topic, edition, tries FROM push WHERE due <= ? ORDER BY hub, topic"
            return [Push(*row) for row in db.execute(query, (now,))]

    def next_due(self) -> float | None:
        """When the next hub has to be told."""
        with self._transaction() as db:
            due: float | None = db.execute("SELECT min(due) FROM push").fetchone()[0]
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

    # --- workers

    def serving(self, worker: str, edition: str, now: float) -> None:
        """A worker answers from an edition."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO worker VALUES (?, ?, ?)", (worker, edition, now))

    def gone(self, worker: str) -> None:
        """A worker answers no more."""
        with self._transaction() as db:
            db.execute("DELETE FROM worker WHERE id = ?", (worker,))

    def editions_served(self, since: float) -> list[str]:
        """What the workers answer from that were heard of since."""
        with self._transaction() as db:
            db.execute("DELETE FROM worker WHERE seen < ?", (since,))
            return [edition for (edition,) in db.execute("SELECT edition FROM worker")]

    # --- counts

    def count(
        self,
        day: str,
        requests: Mapping[RequestKey, int],
        counters: Mapping[str, int],
        subscribers: Mapping[tuple[str, str], int],
        readers: Mapping[str, bytes],
    ) -> None:
        """Add what was counted on a day.

        ``subscribers`` maps path and agent to the most that it told, ``readers`` maps paths
        to sketches of those who read for themselves.
        """
        with self._transaction() as db:
            _close_days(db, day)
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
                "INSERT INTO subscriber VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET number = max(number, excluded.number)",
                [(day, *key, number) for key, number in subscribers.items()],
            )
            db.executemany(
                "INSERT INTO reader VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET sketch = merged(sketch, excluded.sketch)",
                [(day, path, sketch) for path, sketch in readers.items()],
            )

    def requests(self, since_day: str = "") -> dict[RequestKey, int]:
        """All requests, or those since a day."""
        with self._transaction() as db:
            query = (
                "SELECT kind, format, status, sum(number) FROM request WHERE day >= ?"
                " GROUP BY kind, format, status"
            )
            rows = db.execute(query, (since_day,))
            return {(kind, format, status): number for kind, format, status, number in rows}

    def counters(self) -> dict[str, int]:
        with self._transaction() as db:
            return dict(db.execute("SELECT name, value FROM counter"))

    def subscribers(self, day: str) -> list[Subscribers]:
        """Who subscribes to what as far as a day tells, the most first."""
        with self._transaction() as db:
            query = "SELECT path, agent, number FROM subscriber WHERE day = ?"
            found = [Subscribers(*row) for row in db.execute(query, (day,))]
            query = "SELECT path, sketch FROM reader WHERE day = ?"
            found += [Subscribers(p, "", estimate(s)) for p, s in db.execute(query, (day,))]
        return sorted(found, key=lambda each: (each.path, -each.number, each.agent))

    def days(self) -> list[str]:
        """The days that anything is known of, the newest first."""
        with self._transaction() as db:
            query = "SELECT day FROM subscriber UNION SELECT day FROM reader ORDER BY day DESC"
            return [day for (day,) in db.execute(query)]


def _differs(known: tuple[str, ...] | None, hash: str) -> bool:
    """Whether a row of ``published`` had other bytes; one without a hash cannot tell."""
    return known is None or known[5] is not None or known[4] not in ("", hash)


def _close_days(db: sqlite3.Connection, today: str) -> None:
    """Of days that are over only the number of readers is kept, and for some time."""
    rows = db.execute("SELECT day, path, sketch FROM reader WHERE day < ?", (today,)).fetchall()
    if not rows:
        return
    db.executemany(
        "INSERT OR REPLACE INTO subscriber VALUES (?, ?, '', ?)",
        [(day, path, estimate(sketch)) for day, path, sketch in rows],
    )
    db.execute("DELETE FROM reader WHERE day < ?", (today,))
    first = date.fromisoformat(today) - timedelta(days=DAYS_KEPT)
    db.execute("DELETE FROM subscriber WHERE day < ?", (first.isoformat(),))
