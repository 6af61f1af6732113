"""What is known of a site between two builds, in one SQLite file (``schema.sql``).

In: what the reader made of changed files. Out: which posts stand in which feed, which feeds
that touches, and what was rendered before. Nothing here reads a post or writes a feed.

Only one build at a time has the index: a lock file beside it says who. A new index is
built in a file of its own without a journal, which is fast, and takes the next number when
it is whole. No name is used twice, so a server that still reads the old one never meets the
journal of the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from feeds.errors import IndexLockedError, OutputError, refusal
from feeds.models import Finding, Level
from feeds.rows import (
    LIST,
    BucketRow,
    Card,
    DamagedIndexError,
    Modified,
    PageRow,
    Row,
    Stage,
    State,
    TermKey,
    stem,
    stems_of,
    terms_of,
)
from feeds.state import lock, make_state_folder, release
from feeds.view import View, chunks, connect, current_index, indexes, marks, next_index

LOCK_NAME: Final = "lock"
LATEST: Final = 253_402_300_799  # the end of the year 9999, in seconds since 1970
CREATE_INDEX: Final = re.compile(r"^CREATE INDEX [^;]+;", re.MULTILINE)


# --- the file and its lock --------------------------------------------------------------


@contextlib.contextmanager
def open_index(state: Path, reading: str, wait: float, anew: bool = False) -> Iterator[Index]:
    """The index of a site, held alone: an empty one if there is none that can be used.

    ``reading`` is the fingerprint of what decides how a file is read; ``anew`` starts with
    an empty index whatever there is. Raises :class:`DamagedIndexError`,
    :class:`~feeds.errors.IndexLockedError` after ``wait`` seconds, and
    :class:`~feeds.errors.OutputError` where the state folder cannot be written.
    """
    with _translated(state, wait), _locked(state, wait):
        index = None if anew else _existing(state, reading, wait)
        if index is None:
            before = current_index(state)
            index = Index(next_index(state), True, wait)
            index.set_meta("reading", reading)
            if before is not None:
                index.take_over_modified(before)
        with contextlib.closing(index):
            yield index


def _existing(state: Path, reading: str, wait: float) -> Index | None:
    path = current_index(state)
    if path is None:
        return None
    if path.is_dir():
        raise OutputError(f"{path}: has to be a file; move it away")
    index = Index(path, False, wait)
    if index.meta("reading") == reading:
        return index
    index.close()
    return None


@contextlib.contextmanager
def _translated(state: Path, wait: float) -> Iterator[None]:
    """SQLite's errors as what they mean to the user."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise IndexLockedError(
                f"{state}: the index is locked by another program for {wait:g} s"
            ) from error
        if code in UNWRITABLE:
            raise OutputError(
                f"{state}: the index cannot be written: {error}; "
                "see that there is space and permission"
            ) from error
        raise DamagedIndexError(str(error)) from error


UNWRITABLE: Final = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM,
)


@contextlib.contextmanager
def _locked(state: Path, wait: float) -> Iterator[None]:
    """Hold the state folder of a site alone; it is made if it is missing."""
    path = state / LOCK_NAME
    try:
        make_state_folder(state)
        # Not truncated before it is ours: it holds the process id of whoever has the lock.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            kind = "file" if path.is_dir() else "folder"
            raise OutputError(
                f"{path if path.is_dir() else state}: has to be a {kind}; move it away"
            ) from error
        what = f"{state}: the state folder cannot be written"
        raise OutputError(f"{what}: {refusal(error)}") from error
    try:
        _acquire(file, path, wait)
        with contextlib.suppress(OSError):  # a full disk takes no process id
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        release(file)


def wait_for_build(state: Path, wait: float) -> None:
    """Wait until no build of a site is at work any more.

    Raises :class:`IndexLockedError` after ``wait`` seconds.
    """
    with _locked(state, wait):
        pass


def _acquire(file: int, path: Path, wait: float) -> None:
    if not lock(file, wait):
        holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise IndexLockedError(
            f"{path}: another build (process {holder}) has held it for {wait:g} s; "
            "let it finish, or end it"
        )


class Index(View):
    """An open index. Nothing is kept until :meth:`save`.

    ``empty`` says that nothing was in it when it was opened and nothing was settled since,
    so that there is nothing to replace.
    """

    def __init__(self, path: Path, fresh: bool, wait: float = 60) -> None:
        self.path = path
        self.empty = fresh
        self._fresh = fresh
        self.touched: set[TermKey] = set()
        self.posts_changed = False
        self.renewed: set[tuple[str, str]] = set()  # what may have other bytes than before
        self.reselected: set[TermKey] = set()  # feeds that may have lost or won any post
        self._feeds_changed = False
        self._wait = wait
        self._claims: set[int] = set()
        self._stems: set[str] = set()
        self._left: set[int] = set()  # posts that stood in a feed which is made anew
        self._term_ids: dict[TermKey, int] = {}
        self._next_id: int | None = None
        self._unmade: list[str] = []  # statements that make the indexes of a new file's tables
        self._new_path = self.path.with_suffix(".new")
        super().__init__(self._create() if fresh else self._open(self.path))

    def _create(self) -> sqlite3.Connection:
        from importlib.resources import files

        self._new_path.unlink(missing_ok=True)
        db = self._connect(self._new_path)
        try:
            db.execute("PRAGMA journal_mode = OFF")
            db.execute("PRAGMA synchronous = OFF")
            schema = files("feeds").joinpath("schema.sql").read_text("utf-8")
            # To sort an index at the end takes half the time of keeping it sorted all along.
            self._unmade = CREATE_INDEX.findall(schema)
            db.executescript(CREATE_INDEX.sub("", schema))
            db.execute("BEGIN")
        except sqlite3.Error:
            db.close()
            self._new_path.unlink(missing_ok=True)
            raise
        return db

    def _open(self, path: Path) -> sqlite3.Connection:
        db = self._connect(path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        return db

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=self._wait, isolation_level=None)
        db.execute("PRAGMA cache_size = -32768")
        db.execute("PRAGMA temp_store = MEMORY")
        return db

    def save(self) -> None:
        """Make everything so far last, whatever happens next."""
        self._make_indexes()
        if self._feeds_changed:
            self.set_meta("edition", str(int(self.meta("edition") or 0) + 1))
            self._feeds_changed = False
        self._db.execute("COMMIT")
        if self._fresh:
            self._put_into_place()
        self._db.execute("BEGIN IMMEDIATE")

    def _put_into_place(self) -> None:
        self._db.close()
        with self._new_path.open("rb") as file:
            os.fsync(file.fileno())
        self._new_path.replace(self.path)
        for old in set(indexes(self.path.parent)) - {self.path}:
            remove(old)
        self._fresh = False
        self._db = self._connect(self.path)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")

    def _make_indexes(self) -> None:
        for statement in self._unmade:
            self._db.execute(statement)
        self._unmade.clear()

    def close(self) -> None:
        """Forget what was not saved."""
        self._db.close()
        if self._fresh:
            self._new_path.unlink(missing_ok=True)

    # --- fingerprints

    def set_meta(self, key: str, value: str) -> None:
        if self.meta(key) != value:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def forget_rendered(self) -> None:
        """What was rendered is no longer what would be rendered now."""
        self._feeds_changed = True
        for table in ("entry", "feed", "feed_entry", "document", "card", "page"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("DELETE FROM meta WHERE key = 'opml'")
        self._db.execute("DELETE FROM finding WHERE stage = ?", (Stage.RENDER,))

    # --- files

    def buckets(self) -> dict[tuple[str, int], tuple[int, bytes]]:
        """The remembered buckets: (folder, number) to (total, digest)."""
        rows = self._db.execute("SELECT folder, number, total, digest FROM bucket")
        return {(folder, number): (total, digest) for folder, number, total, digest in rows}

    def bucket_entries(self, key: tuple[str, int]) -> bytes:
        query = "SELECT digest, entries FROM bucket WHERE folder = ? AND number = ?"
        digest, entries = self._db.execute(query, key).fetchone()
        if hashlib.blake2b(entries, digest_size=16).digest() != digest:
            raise DamagedIndexError(f"the files of {key[0]} are not what was stored")
        packed: bytes = entries
        return packed

    def digests(self, paths: Sequence[str]) -> dict[str, bytes]:
        """The digests of those paths that are posts."""
        if self.empty:
            return {}
        return dict(self.in_values("SELECT path, digest FROM post WHERE path IN", paths))

    def store_bucket(self, folder: str, bucket: BucketRow | None) -> None:
        """Remember the files of a bucket, or forget those of a whole folder."""
        if bucket is None:
            self._db.execute("DELETE FROM bucket WHERE folder = ?", (folder,))
            return
        if not self.empty:
            self._db.execute(
                "DELETE FROM bucket WHERE folder = ? AND total <> ?",
                (folder, bucket.total),
            )
        self._db.execute("INSERT OR REPLACE INTO bucket VALUES (?, ?, ?, ?, ?)", bucket)

    def store(self, rows: Iterable[Row], now: int, future: bool) -> None:
        """Put files in, in place of what was known of them.

        ``now`` is microseconds since 1970; ``future`` lets posts stand before their time.
        """
        rows = list(rows)
        if not self.empty:
            self.drop([row.path for row in rows])
        self._insert([row for row in rows if row.post], now, future)
        findings = [(row.path, Stage.READ, finding) for row in rows for finding in row.findings]
        self._store_findings(findings)

    def drop(self, paths: Sequence[str]) -> None:
        """Forget files, and mark the feeds that they stood in."""
        for chunk in chunks(paths):
            query = f"DELETE FROM finding WHERE stage <> {Stage.DEFINE:d} AND path IN"
            self._db.execute(f"{query} {marks(chunk)}", chunk)
        query = "SELECT id, stem, link, identity, date, state, data FROM post WHERE path IN"
        for id, name, link, identity, date, state, data in list(self.in_values(query, paths)):
            if state == State.VISIBLE:
                self._leave(id, date, terms_of(data))
            self._db.execute("DELETE FROM post WHERE id = ?", (id,))
            self._db.execute("DELETE FROM entry WHERE post = ?", (id,))
            self._db.execute("DELETE FROM reference WHERE post = ?", (id,))
            self._claims.update((link, identity))
            self._stems.add(name)

    def _insert(self, rows: Sequence[Row], now: int, future: bool) -> None:
        first = self._free_id()
        self._next_id = first + len(rows)
        posts, memberships = [], []
        for id, row in enumerate(rows, first):
            state = State.HIDDEN
            if row.published:
                state = State.VISIBLE if future or row.date <= now else State.FUTURE
            name = stem(row.path)
            posts.append(
                (
                    *(id, row.path, name, row.digest, row.link, row.identity),
                    *(row.date, row.updated, int(state), row.post, row.layout),
                )
            )
            if state is State.VISIBLE:
                self.posts_changed = True
                self.touched.update(row.terms)
                memberships += [(self._term_id(term), row.date, id) for term in row.terms]
            if row.references:
                self._refer(id, row.references)
            if not self.empty:
                self._claims.update((row.link, row.identity))
                self._stems.add(name)
        # One statement for many rows: a call for each takes as long as SQLite itself.
        self._db.executemany("INSERT INTO post VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", posts)
        self._db.executemany("INSERT INTO membership VALUES (?, ?, ?)", memberships)

    def _free_id(self) -> int:
        """A number that no post has."""
        if self._next_id is None:
            query = "SELECT coalesce(max(id), 0) FROM post"
            self._next_id = self._db.execute(query).fetchone()[0] + 1
        return self._next_id

    def _refer(self, post: int, references: Sequence[str]) -> None:
        stems = {(each, post) for reference in references for each in stems_of(reference)}
        self._db.executemany("INSERT INTO reference VALUES (?, ?)", sorted(stems))

    def _enter(self, post: int, date: int, terms: Sequence[TermKey]) -> None:
        self.posts_changed = True
        self._db.executemany(
            "INSERT INTO membership VALUES (?, ?, ?)",
            [(self._term_id(term), date, post) for term in terms],
        )
        self.touched.update(terms)

    def _leave(self, post: int, date: int, terms: Sequence[TermKey]) -> None:
        self.posts_changed = True
        self._db.executemany(
            "DELETE FROM membership WHERE term = ? AND date = ? AND post = ?",
            [(self._term_id(term), date, post) for term in terms],
        )
        self.touched.update(terms)

    def _term_id(self, term: TermKey) -> int:
        known = self._term_ids.get(term)
        if known is None:
            insert = "INSERT OR IGNORE INTO term (kind, name) VALUES (?, ?)"
            self._db.execute(insert, (str(term[0]), term[1]))
            select = "SELECT id FROM term WHERE kind = ? AND name = ?"
            known = self._db.execute(select, (str(term[0]), term[1])).fetchone()[0]
            self._term_ids[term] = known
        return known

    # --- who is visible

    def settle(self, now: int, future: bool) -> None:
        """Decide which posts are visible, and bring the terms up to date.

        Posts whose time has come appear (and go again if the clock was set back); of
        visible posts with one link or one id the first path wins.
        """
        self._make_indexes()
        self._follow_the_clock(now, future)
        self._settle_rivals()
        self._touch_referring()
        self._count_terms()
        self.empty = False

    def _follow_the_clock(self, now: int, future: bool) -> None:
        columns = "SELECT id, stem, link, identity, date, data FROM post WHERE state = ?"
        due = self._db.execute(f"{columns} AND (date <= ? OR ?)", (State.FUTURE, now, future))
        for id, name, link, identity, date, data in due.fetchall():
            self._claims.update((link, identity))
            self._stems.add(name)
            self._set_state(id, State.VISIBLE)
            self._enter(id, date, terms_of(data))
        if future:
            return
        for state in (State.VISIBLE, State.RIVAL):
            early = self._db.execute(f"{columns} AND date > ?", (state, now))
            for id, name, link, identity, date, data in early.fetchall():
                self._claims.update((link, identity))
                self._stems.add(name)
                self._set_state(id, State.FUTURE)
                if state == State.VISIBLE:
                    self._leave(id, date, terms_of(data))

    def _settle_rivals(self) -> None:
        """Let the first path have what several posts claim, among all that are concerned."""
        done: set[int] = set()
        for claim in self._rival_claims():
            if claim not in done:
                self._settle_claimants(self._claimants(claim, done))

    def _rival_claims(self) -> list[int]:
        """The hashes of links and ids that more than one post may claim."""
        if not self.empty:
            return sorted(self._claims)
        rows = self._db.execute(
            "SELECT link FROM post GROUP BY link HAVING count(*) > 1"
            " UNION SELECT identity FROM post GROUP BY identity HAVING count(*) > 1"
        )
        return [claim for (claim,) in rows]

    def _claimants(self, claim: int, done: set[int]) -> list[tuple[Any, ...]]:
        """All posts that share a claim, directly or through others, by path."""
        found: dict[int, tuple[Any, ...]] = {}
        waiting = [claim]
        while waiting:
            claim = waiting.pop()
            if claim in done:
                continue
            done.add(claim)
            rows = self._db.execute(
                "SELECT path, id, link, identity, date, state, data FROM post"
                # The plus keeps SQLite from its index of states, which holds nearly all posts.
                " WHERE (link = ? OR identity = ?) AND +state IN (?, ?)",
                (claim, claim, State.VISIBLE, State.RIVAL),
            )
            for row in rows:
                found[row[1]] = row
                waiting += row[2:4]
        return sorted(found.values())

    def _settle_claimants(self, posts: Sequence[tuple[Any, ...]]) -> None:
        taken: set[int] = set()
        for _, id, link, identity, date, state, data in posts:
            free = taken.isdisjoint((link, identity))
            wanted = State.VISIBLE if free else State.RIVAL
            if free:
                taken.update((link, identity))
            if state != wanted:
                self._set_state(id, wanted)
                change = self._enter if free else self._leave
                change(id, date, terms_of(data))

    def _set_state(self, post: int, state: State) -> None:
        self._db.execute("UPDATE post SET state = ? WHERE id = ?", (state, post))

    def _touch_referring(self) -> None:
        """A post that names a changed one may now link elsewhere, or nowhere."""
        query = (
            "SELECT DISTINCT data FROM post JOIN reference ON reference.post = post.id"
            f" WHERE state = {State.VISIBLE:d} AND reference.stem IN"
        )
        for (data,) in list(self.in_values(query, sorted(self._stems))):
            self.posts_changed = True
            self.touched.update(terms_of(data))

    def replace_sources(self, instead: Mapping[str, tuple[str, str]]) -> None:
        """Have entries name other sources: by path of the post its source, and the one to
        name in its place (empty for none)."""
        before = self.replaced_sources()
        if before == instead:
            return
        self.set_meta("sources", orjson.dumps(instead, option=orjson.OPT_SORT_KEYS).decode())
        paths = sorted(before.keys() | instead.keys())
        changed = [path for path in paths if before.get(path) != instead.get(path)]
        query = f"SELECT data FROM post WHERE state = {State.VISIBLE:d} AND path IN"
        for (data,) in list(self.in_values(query, changed)):
            self.posts_changed = True
            self.touched.update(terms_of(data))

    def _count_terms(self) -> None:
        ids = [(self._term_id(term),) for term in sorted(self.touched)]
        self._db.executemany(
            "UPDATE term SET (posts, oldest) = "
            "(SELECT count(*), coalesce(min(date), 0) FROM membership WHERE term = id)"
            " WHERE id = ?",
            ids,
        )
        self._db.executemany("DELETE FROM term WHERE id = ? AND posts = 0", ids)
        self._term_ids.clear()

    def forget_touched(self) -> None:
        """The feeds of all that changed so far are up to date."""
        self.touched.clear()
        self._claims.clear()
        self._stems.clear()
        self.posts_changed = False

    # --- findings

    def _store_findings(self, findings: Iterable[tuple[str, Stage, Finding]]) -> None:
        rows = [
            (path, int(stage), found.line, str(found.level), found.what, found.done)
            for path, stage, found in findings
        ]
        if rows:
            self._db.executemany("INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?)", rows)

    def store_notes(self, notes: Iterable[Finding]) -> None:
        """What there is to say of the feeds that exist, in place of what was said before."""
        self._db.execute("DELETE FROM finding WHERE stage = ?", (Stage.DEFINE,))
        self._store_findings((note.path, Stage.DEFINE, note) for note in notes)

    def leave_out(self, paths: Sequence[str], what: str, done: str) -> None:
        """Forget posts, and say so, until their files are seen to change again."""
        self.drop(paths)
        self._store_findings(
            (path, Stage.READ, Finding(path, 1, Level.ERROR, what, done)) for path in paths
        )

    # --- feeds, entries, documents

    def store_feed(
        self,
        feed: TermKey,
        head: bytes,
        key: bytes,
        posts: Sequence[int],
        paths: Iterable[str],
    ) -> None:
        """What a feed holds now; its documents have to be rendered."""
        self.drop_feed(feed)
        self._feeds_changed = True
        self.renewed.add(feed)
        cursor = self._db.execute(
            "INSERT INTO feed (kind, name, head, key) VALUES (?, ?, ?, ?)",
            (str(feed[0]), feed[1], head, key),
        )
        id = cursor.lastrowid
        self._db.executemany(
            "INSERT INTO feed_entry VALUES (?, ?, ?)",
            [(id, position, post) for position, post in enumerate(posts)],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO document VALUES (?, ?, NULL)",
            [(path, id) for path in paths],
        )

    def drop_feed(self, feed: TermKey) -> None:
        row = self._db.execute(
            "SELECT id FROM feed WHERE kind = ? AND name = ?", (str(feed[0]), feed[1])
        ).fetchone()
        if row:
            self._feeds_changed = True
            posts = self._db.execute("SELECT post FROM feed_entry WHERE feed = ?", row)
            self._left.update(post for (post,) in posts)
            self._db.execute("DELETE FROM feed WHERE id = ?", row)
            self._db.execute("DELETE FROM feed_entry WHERE feed = ?", row)
            self._db.execute("DELETE FROM document WHERE feed = ?", row)

    def forget_pages(self, feed: tuple[str, str]) -> None:
        """A feed is gone, and its pages with it."""
        for table in ("card", "page"):
            self._db.execute(f"DELETE FROM {table} WHERE kind = ? AND name = ?", feed)
        self._feeds_changed = True

    def store_card(self, feed: tuple[str, str], card: Card) -> None:
        """What is said of a feed where it is one of many."""
        row = (*feed, *card)
        self._db.execute(f"INSERT OR REPLACE INTO card VALUES {marks(row)}", row)

    def store_pages(self, feed: tuple[str, str], pages: Sequence[PageRow]) -> None:
        """The pages of a feed, or those that belong to none; one with another key than before
        has to be rendered, one that is not among them is gone."""
        before = {page.path: page.key for page in self.pages(feed)}
        changed = [page for page in pages if before.pop(page.path, None) != page.key]
        rows = [(page.path, str(page.part), *page.feed, *page[3:], None) for page in changed]
        self._db.executemany(
            "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )
        self._db.executemany("DELETE FROM page WHERE path = ?", [(path,) for path in before])
        self._feeds_changed |= bool(changed or before)

    def store_entry(
        self, post: int, path: str, key: bytes, body: bytes, findings: Sequence[Finding]
    ) -> None:
        row = (post, key, hashlib.blake2b(body, digest_size=16).digest(), body)
        self._db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)", row)
        if not self.empty:
            query = "DELETE FROM finding WHERE path = ? AND stage = ?"
            self._db.execute(query, (path, Stage.RENDER))
        self._store_findings((path, Stage.RENDER, finding) for finding in findings)

    def prune_entries(self) -> None:
        """Forget what was rendered of posts that stand in no feed any more."""
        query = (
            "SELECT id, path FROM post WHERE NOT EXISTS"
            " (SELECT 1 FROM feed_entry WHERE feed_entry.post = post.id) AND id IN"
        )
        gone = list(self.in_values(query, sorted(self._left)))
        self._left.clear()
        for post, path in gone:
            self._db.execute("DELETE FROM entry WHERE post = ?", (post,))
            query = "DELETE FROM finding WHERE path = ? AND stage = ?"
            self._db.execute(query, (path, Stage.RENDER))

    def store_document(self, path: str, hash: str | None) -> None:
        """The hash of a page, of a document of a feed, or of the list of feeds (then made)."""
        if self._db.execute("UPDATE page SET hash = ? WHERE path = ?", (hash, path)).rowcount:
            return
        self._db.execute(
            "INSERT INTO document VALUES (?, 0, ?) ON CONFLICT (path) DO UPDATE SET hash = ?",
            (path, hash, hash),
        )

    def drop_opml(self) -> None:
        self._feeds_changed = True
        self.renewed.add(LIST)
        self._db.execute("DELETE FROM document WHERE feed = 0")

    def store_modified(self, feed: tuple[str, str], modified: Modified) -> None:
        row = (str(feed[0]), feed[1], *modified)
        self._db.execute("INSERT OR REPLACE INTO modified VALUES (?, ?, ?, ?)", row)

    def take_over_modified(self, other: Path) -> None:
        """What an index said that this one replaces, as far as it can be read."""
        rows: list[tuple[str, str, bytes, int]] = []
        with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(other)) as db:
            query = "SELECT kind, name, content, at FROM modified WHERE at BETWEEN 0 AND ?"
            rows = db.execute(query, (LATEST,)).fetchall()
        self._db.executemany("INSERT OR REPLACE INTO modified VALUES (?, ?, ?, ?)", rows)

    # --- the output folder

    def written(self, output: str) -> dict[str, tuple[str, int, int]]:
        """Hash, size and time of the files of an output folder that were right."""
        rows = self._db.execute(
            "SELECT path, hash, size, mtime FROM written WHERE output = ?", (output,)
        )
        return {path: (hash, size, mtime) for path, hash, size, mtime in rows}

    def store_written(
        self,
        output: str,
        before: Mapping[str, tuple[str, int, int]],
        files: Mapping[str, tuple[str, int, int]],
    ) -> None:
        """What is known of an output folder now, and was before (:meth:`written`)."""
        gone = [(output, path) for path in before.keys() - files.keys()]
        self._db.executemany("DELETE FROM written WHERE output = ? AND path = ?", gone)
        new = [(output, p, *known) for p, known in files.items() if before.get(p) != known]
        self._db.executemany("INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?)", new)


def remove(path: Path) -> None:
    """Delete an index and all that belongs to it."""
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
