"""Where links are kept between runs: ``links.sqlite`` in the state folder (``links.sql``).

A million addresses are rows and not objects: what a run holds in memory does not grow with
their number. Everything that a run has found so far is kept whenever it is stopped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

from feeds.errors import OutputError
from feeds.links.dead import CONFIRMED_FAILS, CONFIRMED_GONE, CONFIRMED_SECONDS
from feeds.links.fetch import Outcome
from feeds.links.lifetime import lifetime
from feeds.links.rules import Judged
from feeds.links.runs import FILE_NAME, HOUR, NEWS, SCHEMA_VERSION, last_news
from feeds.links.schedule import Asked
from feeds.links.tally import COUNT, Tally
from feeds.links.urls import host_of
from feeds.links.verdict import standing
from feeds.models import Role, Standing, Verdict
from feeds.state import make_state_folder

LOCK_NAME: Final = "links.lock"
# JSON: links by role and verdict, as long as nothing has changed since.
COUNTED: Final = "totals"
BUSY_WAIT: Final = 10.0
PAUSE: Final = 0.1
DAY: Final = 86_400
NO_COPY_SECONDS: Final = 30 * DAY  # so long it is believed that an archive has no copy
MOST_HOST_NAMES: Final = 10_000
MOST_ANSWERS: Final = 1_000  # that are in memory
LOCKED: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
UNWRITABLE: Final = (
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM),
)


# What version 1 does not know: since when rules find a link bad. It is known that they did when
# its post was looked through last.
TO_VERSION_2: Final = """
    BEGIN;
    ALTER TABLE link ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    UPDATE link SET since = coalesce((
        SELECT run.began FROM post JOIN run ON run.id >= post.changed
        WHERE post.id = link.post ORDER BY run.id LIMIT 1
    ), 0) WHERE verdict NOT IN ('', 'ok', 'skipped');
    PRAGMA user_version = 2;
    COMMIT;
"""
# Since when links were bad, while the posts that were all forgotten are put again in a run.
FORGOTTEN: Final = """
    CREATE TEMP TABLE forgotten (
        path TEXT NOT NULL, role TEXT NOT NULL, written TEXT NOT NULL, since INTEGER NOT NULL,
        PRIMARY KEY (path, role, written)
    ) WITHOUT ROWID
"""
FORGET: Final = """
    INSERT OR IGNORE INTO forgotten SELECT post.path, link.role, link.written, min(link.since)
    FROM link JOIN post ON post.id = link.post WHERE link.since > 0 GROUP BY 1, 2, 3
"""
BAD_SINCE: Final = """
    SELECT link.role, link.written, link.since FROM post JOIN link ON link.post = post.id
    WHERE post.path = ? AND link.since > 0
"""
REMEMBER: Final = "SELECT role, written, since FROM forgotten WHERE path = ?"

# What is asked of the file. Where an index has to be the right one it is named: SQLite knows
# little of how many addresses a host has.

# The next host with something due. A host is one row, and its first due address another.
DUE_HOST: Final = """
    SELECT id, name FROM host WHERE id > ? AND rest <= ?
    AND EXISTS (SELECT 1 FROM url INDEXED BY url_by_due WHERE host = host.id AND due <= ?)
    ORDER BY id LIMIT 1
"""
DUE: Final = """
    SELECT url.id, url.url FROM host CROSS JOIN url INDEXED BY url_by_host ON url.host = host.id
    WHERE host.name = ? AND url.due <= ? AND url.id > ? ORDER BY url.id LIMIT ?
"""
COUNT_DUE: Final = """
    SELECT count(*) FROM host CROSS JOIN url INDEXED BY url_by_due
    ON url.host = host.id AND url.due <= ? WHERE host.rest <= ?
"""
# The same in posts that changed since a run, and in some roles.
URLS_SINCE: Final = """
    SELECT link.url FROM post CROSS JOIN link ON link.post = post.id
    WHERE post.changed >= ? AND link.url NOTNULL {roles}
"""
DUE_SINCE: Final = """
    SELECT url.id, url.url FROM host CROSS JOIN url INDEXED BY url_by_host ON url.host = host.id
    WHERE host.name = ? AND url.due <= ? AND url.id > ? AND EXISTS (
        SELECT 1 FROM link JOIN post ON post.id = link.post
        WHERE link.url = url.id AND post.changed >= ? {roles}
    ) ORDER BY url.id LIMIT ?
"""
COUNT_DUE_SINCE: Final = f"""
    SELECT count(*) FROM url JOIN host ON host.id = url.host
    WHERE url.id IN ({URLS_SINCE}) AND url.due <= ? AND host.rest <= ?
"""
# Answers by their numbers: those whose status is no success, and where it is wished for those
# at the end of redirects.
ANSWERS: Final = """
    SELECT id, url, verdict, status, final_url, checked FROM url
    WHERE id > ? AND ((status > 0 AND status NOT BETWEEN 200 AND 299) OR (? AND final_url <> ''))
    ORDER BY id LIMIT ?
"""
WITHOUT_COPY: Final = f"""
    SELECT url.url FROM url LEFT JOIN archive ON archive.url = url.url
    WHERE {CONFIRMED_GONE}
    AND (archive.url IS NULL OR (archive.copy = '' AND archive.checked <= ?))
    AND EXISTS (SELECT 1 FROM link WHERE link.url = url.id AND link.role = 'source')
    ORDER BY url.id
"""
# The last but one column is a post with the same source, if there is one.
OCCURRENCES: Final = """
    SELECT post.path, link.line, link.role, link.label, link.written, link.verdict, link.detail,
    CASE WHEN link.role = 'source' THEN (
        SELECT twin.path FROM link AS other JOIN post AS twin ON twin.id = other.post
        WHERE other.role = 'source' AND other.url = link.url AND other.post <> link.post
        ORDER BY other.post LIMIT 1
    ) END,
    url.verdict, url.detail, coalesce(url.url, ''), coalesce(url.status, 0),
    coalesce(url.final_url, ''), coalesce(url.checked, 0), coalesce(url.since, link.since),
    coalesce(url.fails, 0)
    FROM post CROSS JOIN link ON link.post = post.id LEFT JOIN url ON url.id = link.url
    WHERE post.changed >= ?
"""


class Occurrence(NamedTuple):
    """A link of a post and what is known of it now. Times are seconds since 1970, 0 for none.

    ``answer`` is what was found when the link was asked for, ``None`` if it never was;
    ``verdict`` is that, unless something else is the matter with the link.
    """

    post: str
    line: int
    role: str
    label: str
    url: str
    verdict: Verdict | None
    detail: str
    target: str
    status: int
    final_url: str
    checked: int
    since: int
    fails: int
    answer: Verdict | None = None

    @property
    def confirmed(self) -> bool:
        """Whether it was bad so often and so long that it will not be an accident."""
        if self.answer is None or not _is_bad(self.answer):
            return False
        lasted = self.checked - self.since >= CONFIRMED_SECONDS
        return bool(self.since) and self.fails >= CONFIRMED_FAILS and lasted


class Answer(NamedTuple):
    """What was found when an address was asked for, and when that was."""

    id: int
    url: str
    verdict: Verdict
    status: int
    final_url: str
    checked: int


class LinkStore:
    """The links of one site. Nothing is kept until :meth:`save`.

    Only one run at a time has them: a lock file beside them says which. ``wait`` is how many
    seconds another run may take (:data:`BUSY_WAIT`), ``waiting`` is called once if one has to be
    waited for. Every method raises :class:`~feeds.errors.OutputError` where the file cannot be
    used.
    """

    def __init__(
        self, state: Path, wait: float | None = None, waiting: Callable[[], None] | None = None
    ) -> None:
        self.path = state / FILE_NAME
        self._wait = BUSY_WAIT if wait is None else wait
        self._hosts: dict[str, int] = {}
        self._tally: Tally | None = None
        self._changed = False
        self._began = 0
        with contextlib.ExitStack() as opened:
            with self._explained():
                make_state_folder(state)
                lock = os.open(state / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                opened.callback(os.close, lock)
            self._hold(lock, waiting)
            # Closing it is not enough: processes that were forked meanwhile have it, too.
            opened.callback(fcntl.flock, lock, fcntl.LOCK_UN)
            with self._explained():
                self._db = sqlite3.connect(self.path, timeout=self._wait, isolation_level=None)
                opened.callback(self._db.close)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = NORMAL")
                self._db.execute("PRAGMA cache_size = -16384")
                self._create()
                self._db.execute("BEGIN IMMEDIATE")
            self._opened = opened.pop_all()

    def _create(self) -> None:
        """Make what is missing, and bring up what an older version of the program made."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            what = f"{self.path}: made by a newer version of feeds"
            raise OutputError(f"{what}; use that one, or delete the file to begin anew")
        if version == 1:
            self._db.executescript(TO_VERSION_2)
        tables = files("feeds.links").joinpath("links.sql").read_text("utf-8")
        self._db.executescript(
            f"BEGIN IMMEDIATE; {tables}; PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
        self._db.execute(FORGOTTEN)

    def _hold(self, lock: int, waiting: Callable[[], None] | None) -> None:
        """Wait until no other run has the links."""
        deadline = time.monotonic() + self._wait
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    what = f"{self.path}: another check has held it for {self._wait:g} s"
                    raise OutputError(f"{what}; let it finish, or end it") from None
                if waiting:
                    waiting()
                    waiting = None
                time.sleep(min(PAUSE, self._wait))

    def save(self) -> None:
        """Keep everything so far, whatever happens next."""
        with self._explained():
            self._db.execute("COMMIT")
            self._db.execute("BEGIN IMMEDIATE")

    def revert(self) -> None:
        """Forget what was not saved, and go on: what failed to be written may be put again."""
        with self._explained():
            if self._db.in_transaction:  # some failures end it
                self._db.execute("ROLLBACK")
            self._db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        """Forget what was not saved."""
        self._opened.close()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            what = f"{self.path}: {error}"
            if code in LOCKED:
                advice = "another program is using it"
            elif code in UNWRITABLE:
                advice = "see that there is space and permission"
            else:
                advice = "it may be deleted, then every link is asked again"
            raise OutputError(f"{what}; {advice}") from error
        except OSError as error:
            raise OutputError(f"{self.path}: {error}") from error

    def _run(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        with self._explained():
            return self._db.execute(query, values)

    def _rows(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        with self._explained():
            yield from self._db.execute(query, values)

    def _row(self, query: str, values: Sequence[Any] = ()) -> Any:
        return next(self._rows(query, values), None)

    # --- posts

    def meta(self, key: str) -> str:
        row = self._row("SELECT value FROM meta WHERE key = ?", (key,))
        return str(row[0]) if row else ""

    def set_meta(self, key: str, value: str) -> None:
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def digests(self) -> dict[str, bytes]:
        """The posts that were looked through, and what tells their versions apart."""
        return dict(self._rows("SELECT path, digest FROM post"))

    def forget_posts(self, paths: Iterable[str] | None = None) -> None:
        """Forget the links of posts, of all if none are named; addresses stay known."""
        if paths is None:
            if self._tally:
                self._tally.lose()
            self._run(FORGET)
            for table in ("link", "post", "category"):
                self._run(f"DELETE FROM {table}")
            return
        for path in paths:
            row = self._row("SELECT id FROM post WHERE path = ?", (path,))
            if row:
                if self._tally:
                    self._tally.forget(row[0])
                self._run("DELETE FROM link WHERE post = ?", row)
                self._run("DELETE FROM post WHERE id = ?", row)
                self._run("DELETE FROM category WHERE post = ?", row)

    def put_post(
        self,
        path: str,
        digest: bytes,
        url: str,
        run: int,
        links: Iterable[Judged],
        category: str = "",
    ) -> None:
        """Remember a post and its links in place of what was known of it.

        ``category`` is what it is listed under, empty for none. A link that rules find bad, and
        found bad before as it is written, is bad since then.
        """
        links = list(links)
        bad = {judged.verdict for judged in links if judged.verdict and _is_bad(judged.verdict)}
        since = self._bad_since(path) if bad else {}
        self.forget_posts([path])
        self._changed = True
        post = self._run(
            "INSERT INTO post (path, digest, url, changed) VALUES (?, ?, ?, ?)",
            (path, digest, url, run),
        ).lastrowid
        assert post is not None
        if category:
            self._run("INSERT OR REPLACE INTO category VALUES (?, ?)", (post, category))
        rows = [
            (
                post,
                judged.link.line,
                str(judged.link.role),
                judged.link.label,
                judged.link.url,
                self._url_id(judged.target) if judged.target else None,
                judged.verdict or "",
                judged.detail,
                since.get((str(judged.link.role), judged.link.url), self._began)
                if judged.verdict in bad
                else 0,
            )
            for judged in links
        ]
        if self._tally:
            for number in filter(None, (row[5] for row in rows)):
                self._tally.touch(number)
        with self._explained():
            self._db.executemany("INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        if self._tally:
            self._tally.add(post)

    def _bad_since(self, path: str) -> dict[tuple[str, str], int]:
        """Since when the links of a post are bad, by role and as they are written."""
        found: dict[tuple[str, str], int] = {}
        for query in (BAD_SINCE, REMEMBER):
            for role, written, since in self._rows(query, (path,)):
                found[role, written] = min(since, found.get((role, written), since))
        return found

    def _url_id(self, target: tuple[str, str]) -> int:
        url = f"{target[0]}#{target[1]}" if target[1] else target[0]
        row = self._row("SELECT id FROM url WHERE url = ?", (url,))
        if row:
            return int(row[0])
        host = self._host_id(host_of(url))
        number = self._run("INSERT INTO url (url, host) VALUES (?, ?)", (url, host)).lastrowid
        assert number is not None
        return number

    def _host_id(self, name: str) -> int:
        known = self._hosts.get(name)
        if known is None:
            self._run("INSERT OR IGNORE INTO host (name) VALUES (?)", (name,))
            known = int(self._row("SELECT id FROM host WHERE name = ?", (name,))[0])
            if len(self._hosts) < MOST_HOST_NAMES:
                self._hosts[name] = known
        return known

    def prune(self) -> None:
        """Forget addresses that no post links to any more."""
        unlinked = "NOT EXISTS (SELECT 1 FROM link WHERE link.url = url.id)"
        if self._tally and self._tally.touched is not None:
            for number in self._tally.touched:
                self._run(f"DELETE FROM url WHERE id = ? AND {unlinked}", (number,))
        else:
            self._run(f"DELETE FROM url WHERE {unlinked}")
        self._run("DELETE FROM host WHERE NOT EXISTS (SELECT 1 FROM url WHERE host = host.id)")
        self._run(
            "DELETE FROM archive WHERE NOT EXISTS (SELECT 1 FROM url WHERE url.url = archive.url)"
        )
        self._hosts.clear()

    # --- asking

    def due_hosts(self, now: int) -> Iterator[str]:
        """Every host with an address that is due, and that does not want to be left alone."""
        after = 0
        while row := self._row(DUE_HOST, (after, now, now)):
            after, name = row
            yield str(name)

    def due(
        self,
        host: str,
        after: int,
        limit: int,
        now: int,
        since_run: int = 0,
        roles: Sequence[str] = (),
    ) -> list[Asked]:
        """Some addresses of a host that are due, by their numbers: of all posts, or of those
        that changed since a run; of all links, or of those in some roles."""
        if since_run or roles:
            query = DUE_SINCE.format(roles=_in_roles(roles))
            rows = self._rows(query, (host, now, after, since_run, limit))
        else:
            rows = self._rows(DUE, (host, now, after, limit))
        return [Asked(*row) for row in rows]

    def count_due(self, now: int, since_run: int = 0, roles: Sequence[str] = ()) -> int:
        """How many addresses are due, of all links or as in :meth:`due`."""
        if since_run or roles:
            query = COUNT_DUE_SINCE.format(roles=_in_roles(roles))
            return int(self._row(query, (since_run, now, now))[0])
        return int(self._row(COUNT_DUE, (now, now))[0])

    def ask_again(self, since_run: int = 0, roles: Sequence[str] = ()) -> None:
        """Forget when addresses are due: those of all links, or as in :meth:`due`, are now."""
        if not since_run and not roles:
            self._run("UPDATE url SET due = 0 WHERE due > 0")
            self._run("UPDATE host SET rest = 0 WHERE rest > 0")
            return
        chosen = f"id IN ({URLS_SINCE.format(roles=_in_roles(roles))})"
        self._run(f"UPDATE url SET due = 0 WHERE due > 0 AND {chosen}", (since_run,))
        hosts = f"id IN (SELECT host FROM url WHERE {chosen})"
        self._run(f"UPDATE host SET rest = 0 WHERE rest > 0 AND {hosts}", (since_run,))

    def doubt(self, verdicts: Iterable[Verdict]) -> None:
        """Addresses with one of these verdicts are due now."""
        words = [str(each) for each in verdicts]
        marks = ", ".join("?" * len(words))
        self._run(f"UPDATE url SET due = 0 WHERE due > 0 AND verdict IN ({marks})", words)

    def doubt_host(self, host: str, scheme: str) -> None:
        """Addresses of a host with this scheme are due now."""
        self._run(
            "UPDATE url SET due = 0 WHERE due > 0 AND url GLOB ?"
            " AND host = (SELECT id FROM host WHERE name = ?)",
            (f"{scheme}:*", host),
        )

    def doubt_address(self, number: int) -> None:
        """An address is due now."""
        self._run("UPDATE url SET due = 0 WHERE id = ?", (number,))

    def hosts(self) -> list[str]:
        """The hosts of all addresses, with their ports where those are not the usual ones."""
        return [str(name) for (name,) in self._rows("SELECT name FROM host ORDER BY id")]

    def answers(self, redirected: bool) -> Iterator[Answer]:
        """Answers whose status is no success; with ``redirected`` those, too, that redirects
        led to."""
        after = 0
        while rows := list(self._rows(ANSWERS, (after, redirected, MOST_ANSWERS))):
            for number, url, verdict, *more in rows:
                yield Answer(number, url, Verdict(verdict), *more)
            after = rows[-1][0]

    def record(self, results: Iterable[tuple[Asked, Outcome]], now: int) -> None:
        """What was found just now.

        A bad answer adds to the row of failures and a good one ends it. An unsure one does
        neither: a page that was gone and now asks who is there is not known to be back.
        """
        for asked, outcome in results:
            if self._tally:
                self._tally.touch(asked.id)
            before = self._row("SELECT fails, since FROM url WHERE id = ?", (asked.id,))
            fails, since = before or (0, 0)
            found = standing(outcome.verdict)
            if found is Standing.BAD:
                fails, since = fails + 1, since or now
            elif found is Standing.GOOD:
                if fails:
                    self._run("DELETE FROM archive WHERE url = ?", (asked.url,))
                fails = since = 0
            self._run(
                "UPDATE url SET due = ?, verdict = ?, status = ?, final_url = ?, detail = ?,"
                " checked = ?, since = ?, fails = ? WHERE id = ?",
                (
                    now + lifetime(outcome, fails, asked.id, now),
                    str(outcome.verdict),
                    outcome.status,
                    outcome.final_url,
                    outcome.detail[:500],
                    now,
                    since,
                    fails,
                    asked.id,
                ),
            )

    def rest(self, host: str, until: float) -> None:
        """A host wants to be left alone."""
        self._run("UPDATE host SET rest = ? WHERE name = ?", (int(until), host))

    # --- archived copies

    def put_archived(self, url: str, copy: str, now: int) -> None:
        """Remember an archived copy of an address, or with none that there is no copy."""
        self._run("INSERT OR REPLACE INTO archive VALUES (?, ?, ?)", (url, copy, now))

    def archived(self) -> dict[str, str]:
        """The copies that are known, by address."""
        return dict(self._rows("SELECT url, copy FROM archive WHERE copy <> '' ORDER BY url"))

    def without_copy(self, now: int) -> list[str]:
        """Sources that are gone for good and of which no copy is known, unless an archive said
        so lately."""
        rows = self._rows(WITHOUT_COPY, (now - NO_COPY_SECONDS,))
        return [str(url) for (url,) in rows]

    # --- runs and reports

    def begin_run(self, now: int, follow: bool = False) -> int:
        """The number of a new run; with ``follow``, :meth:`totals` costs what changes in it."""
        counted = self.meta(COUNTED)
        self._tally = Tally(self._rows, json.loads(counted)) if follow and counted else None
        # Whatever ends this run, what was counted before it is not true any more.
        self._run("DELETE FROM meta WHERE key = ?", (COUNTED,))
        number = self._run("INSERT INTO run (began) VALUES (?)", (now,)).lastrowid
        assert number is not None
        self._changed = False
        self._began = now
        self._run("DELETE FROM forgotten")
        return number

    def totals(self) -> dict[str, int]:
        """How many links have which ``role.verdict``, as reports have it."""
        return self._tally.totals() if self._tally else dict(self._rows(COUNT))

    def end_run(self, run: int, now: int, asked: int, totals: Mapping[str, int]) -> None:
        """The end of a run; ``totals`` are all links by ``role.verdict``.

        It is the news if it asked for anything or something changed, and once an hour: who
        checks all the time with nothing to do says nothing new each time.
        """
        text = json.dumps(totals, sort_keys=True)
        with self._explained():
            news = last_news(self._db)
        if (
            news is None
            or (asked or self._changed or news.totals != dict(totals))
            or news.ended // HOUR != now // HOUR
        ):
            self.set_meta(NEWS, str(run))
        self._run(
            "UPDATE run SET ended = ?, asked = ?, totals = ? WHERE id = ?", (now, asked, text, run)
        )
        self.set_meta(COUNTED, text)
        self._tally = None
        # Of what is older than a day one run an hour tells enough.
        self._run(
            f"DELETE FROM run WHERE began < ? AND id NOT IN"
            f" (SELECT max(id) FROM run GROUP BY began / {HOUR})",
            (now - DAY,),
        )

    def last_run(self) -> int:
        """The number of the newest run."""
        return int(self._row("SELECT coalesce(max(id), 0) FROM run")[0])

    def occurrences(self, roles: Sequence[str] = (), since_run: int = 0) -> Iterator[Occurrence]:
        """Links by post and line: all, those in some roles, or of posts changed since a run.

        A source that another post has too is a duplicate, unless it is bad anyway.
        """
        query = f"{OCCURRENCES} {_in_roles(roles)} ORDER BY post.path, link.line, link.rowid"
        return map(_occurrence, self._rows(query, (since_run,)))


def _in_roles(roles: Sequence[str]) -> str:
    """The condition that a link is in one of these roles, in any of all if there are none."""
    return (
        f"AND link.role IN ({', '.join(repr(str(Role(each))) for each in roles)})" if roles else ""
    )


def _is_bad(verdict: Verdict) -> bool:
    return standing(verdict) is Standing.BAD


def _occurrence(row: Sequence[Any]) -> Occurrence:
    said, detail, twin, answer, answered = row[5:10]
    asked = Verdict(answer) if answer else None
    verdict = Verdict(said) if said else asked
    if not said:
        detail = answered or ""
    if not twin or (verdict is not None and _is_bad(verdict)):
        return Occurrence._make((*row[:5], verdict, detail, *row[10:], asked))
    shared = (Verdict.DUPLICATE, f"also the source of {twin}")
    # Since when two posts share it nobody knows; since when it was bad is another matter.
    return Occurrence._make((*row[:5], *shared, *row[10:], asked))._replace(since=0)
