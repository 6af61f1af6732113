"""The index as it is read: queries that change nothing (``schema.sql`` says of what).

A build reads the state that it is making, a server the last one that a build saved.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from feeds.models import Finding, Kind, Level, Post
from feeds.rows import (
    Card,
    DamagedIndexError,
    Modified,
    PageRow,
    Part,
    Selected,
    State,
    TermKey,
    decode_post,
)

BUSY_WAIT: Final = 5.0
VARIABLES: Final = 500  # of one statement; SQLite takes at least 999
FILE_NAME: Final = re.compile(r"index-([1-9][0-9]{0,8})\.sqlite")


def indexes(state: Path) -> dict[Path, int]:
    """The indexes in a state folder and their numbers: one, or two while one replaces it."""
    if not state.is_dir():
        return {}
    matches = {path: FILE_NAME.fullmatch(path.name) for path in state.iterdir()}
    return {path: int(match[1]) for path, match in matches.items() if match}


def current_index(state: Path) -> Path | None:
    """The index of a site, ``None`` where there is none yet."""
    found = indexes(state)
    return max(found, key=lambda path: found[path], default=None)


def next_index(state: Path) -> Path:
    """Where a new index goes; its name was never used before."""
    return state / f"index-{max(indexes(state).values(), default=0) + 1}.sqlite"


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an index that cannot change it; any thread may close it."""
    db = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_WAIT,
        isolation_level=None,
        check_same_thread=False,
    )
    db.execute("PRAGMA query_only = ON")
    return db


class View:
    """What a connection to an index sees.

    ``memo`` is for what others work out of it and may want again.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.memo: dict[str, Any] = {}

    def meta(self, key: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else None

    def fragments(self) -> tuple[str, ...]:
        """What is kept of every entry, in its order: its formats, and what pages show of it."""
        return tuple((self.meta("formats") or "").split())

    def edition(self) -> str:
        """The number of this state of the feeds: that of the index, then that of the state."""
        path = Path(self._db.execute("PRAGMA database_list").fetchone()[2])
        match = FILE_NAME.fullmatch(path.name)
        return f"{match[1] if match else 0}.{self.meta('edition') or 0}"

    def terms(self) -> list[tuple[Kind, str, int, int]]:
        """Kind, name, number of visible posts and oldest date of every term, by name."""
        rows = self._db.execute("SELECT kind, name, posts, oldest FROM term ORDER BY kind, name")
        return [(Kind(kind), name, posts, oldest) for kind, name, posts, oldest in rows]

    def newest(self, terms: Sequence[TermKey], limit: int) -> list[Selected]:
        """The newest visible posts of some terms, of the whole site if there are none.

        By date, then by path, both descending, as Jekyll orders posts.
        """
        columns = (
            "SELECT p.id, p.path, p.digest, p.date, p.updated, p.id IN (SELECT post FROM reference)"
        )
        if not terms:
            rows = self._db.execute(
                f"{columns} FROM post p WHERE state = ? ORDER BY date DESC, path DESC LIMIT ?",
                (State.VISIBLE, limit),
            ).fetchall()
            return [Selected(*row) for row in rows]
        found: dict[int, Selected] = {}
        for term in terms:
            rows = self._db.execute(
                f"{columns} FROM membership m JOIN post p ON p.id = m.post"
                " WHERE m.term = (SELECT id FROM term WHERE kind = ? AND name = ?)"
                " ORDER BY m.date DESC, p.path DESC LIMIT ?",
                (str(term[0]), term[1], limit),
            ).fetchall()
            found.update((row[0], Selected(*row)) for row in rows)
        if len(terms) == 1:
            return list(found.values())
        ordered = sorted(found.values(), key=lambda post: (post.date, post.path), reverse=True)
        return ordered[:limit]

    def links_by_stem(self, stems: frozenset[str]) -> dict[str, list[tuple[str, str]]]:
        """Path and URL of the visible posts with one of these file names."""
        found: dict[str, list[tuple[str, str]]] = {}
        # The plus keeps SQLite from its index of states, which holds nearly all posts.
        states = f"+state IN ({State.VISIBLE:d}, {State.RIVAL:d})"
        query = f"SELECT path, stem, data FROM post WHERE {states} AND stem IN"
        for path, name, data in sorted(self.in_values(query, sorted(stems))):
            found.setdefault(name, []).append((path, decode_post(data).url))
        return found

    def replaced_sources(self) -> dict[str, tuple[str, str]]:
        """By path the sources of posts that entries do not name, and what they name instead."""
        found: dict[str, list[str]] = orjson.loads(self.meta("sources") or "{}")
        return {path: (source, instead) for path, (source, instead) in found.items()}

    def references_of(self, post: int) -> tuple[str, ...]:
        row = self._db.execute("SELECT data FROM post WHERE id = ?", (post,)).fetchone()
        return decode_post(row[0]).references

    def posts(self) -> Iterator[tuple[Post, State]]:
        """Every post, newest first."""
        rows = self._db.execute("SELECT data, state FROM post ORDER BY date DESC, path DESC")
        for data, state in rows:
            yield decode_post(data), State(state)

    def post_digests(self, states: Sequence[State]) -> Iterator[tuple[str, bytes]]:
        """Path and digest of every post in some states."""
        query = f"SELECT path, digest FROM post WHERE state IN {marks(states)}"
        yield from self._db.execute(query, states)

    def count(self) -> dict[State, int]:
        """How many posts are in each state."""
        rows = self._db.execute("SELECT state, count(*) FROM post GROUP BY state")
        return {State(state): number for state, number in rows}

    def next_due(self) -> int | None:
        """When the next post of the future appears, in microseconds since 1970."""
        query = "SELECT min(date) FROM post WHERE state = ?"
        due: int | None = self._db.execute(query, (State.FUTURE,)).fetchone()[0]
        return due

    def newest_post(self) -> int | None:
        """The date of the newest visible post, in microseconds since 1970."""
        query = "SELECT max(date) FROM post WHERE state = ?"
        date: int | None = self._db.execute(query, (State.VISIBLE,)).fetchone()[0]
        return date

    def folders(self) -> list[str]:
        """The folders that posts lie in, relative to the site."""
        rows = self._db.execute("SELECT DISTINCT folder FROM bucket ORDER BY folder")
        return [folder for (folder,) in rows]

    def findings(self) -> list[Finding]:
        """All that is wrong with the posts, by path and line."""
        rows = self._db.execute("SELECT path, line, level, what, done FROM finding")
        found = [Finding(path, line, Level(level), *text) for path, line, level, *text in rows]
        return sorted(found + self._rivals())

    def _rivals(self) -> list[Finding]:
        rows = self._db.execute(
            "SELECT loser.path, winner.path, winner.link = loser.link, loser.data"
            " FROM post loser JOIN post winner ON winner.state = ?"
            " AND (winner.link = loser.link OR winner.identity = loser.identity)"
            " WHERE loser.state = ? ORDER BY winner.path",
            (State.VISIBLE, State.RIVAL),
        )
        found: dict[str, Finding] = {}
        for path, winner, same_link, data in rows:
            post = decode_post(data)
            claim = f"link as {winner} ({post.url})" if same_link else f"id as {winner} ({post.id})"
            what = f"has the same {claim}"
            found.setdefault(path, Finding(path, 1, Level.ERROR, what, "left out of feeds"))
        return list(found.values())

    def feed_keys(self) -> dict[TermKey, tuple[bytes, bytes]]:
        """Head and key of every feed that was selected before."""
        rows = self._db.execute("SELECT kind, name, head, key FROM feed")
        return {(Kind(kind), name): (head, key) for kind, name, head, key in rows}

    def feed_key(self, feed: TermKey) -> bytes:
        """The key of a feed that was selected; empty if there is none."""
        query = "SELECT key FROM feed WHERE kind = ? AND name = ?"
        row = self._db.execute(query, (str(feed[0]), feed[1])).fetchone()
        return bytes(row[0]) if row else b""

    def feed_count(self) -> int:
        """How many feeds there are."""
        count: int = self._db.execute("SELECT count(*) FROM feed").fetchone()[0]
        return count

    def posts_with_layouts(self, posts: Sequence[int]) -> dict[int, tuple[bytes, bytes]]:
        """The data of posts as it is stored, and where their bodies are."""
        query = "SELECT id, data, layout FROM post WHERE id IN"
        return {id: (data, layout) for id, data, layout in self.in_values(query, posts)}

    def entry_keys(self, posts: Sequence[int]) -> dict[int, bytes]:
        return dict(self.in_values("SELECT post, key FROM entry WHERE post IN", posts))

    def entries(self, feed: TermKey) -> list[tuple[int, int, bytes]]:
        """Date, updated and packed fragments of a feed's entries, in their order."""
        rows = self._db.execute(
            "SELECT p.date, p.updated, entry.body FROM feed"
            " JOIN feed_entry f ON f.feed = feed.id"
            " LEFT JOIN post p ON p.id = f.post LEFT JOIN entry ON entry.post = p.id"
            " WHERE feed.kind = ? AND feed.name = ? ORDER BY f.position",
            (str(feed[0]), feed[1]),
        ).fetchall()
        if any(body is None for _, _, body in rows):
            raise DamagedIndexError(f"an entry of the feed of {feed[0]} {feed[1]} is missing")
        return rows

    def entry_hashes(self, feed: TermKey) -> list[tuple[int, int, bytes]]:
        """Date, updated and hash of a feed's entries, in their order."""
        return self._db.execute(
            "SELECT p.date, p.updated, entry.hash FROM feed"
            " JOIN feed_entry f ON f.feed = feed.id"
            " JOIN post p ON p.id = f.post JOIN entry ON entry.post = p.id"
            " WHERE feed.kind = ? AND feed.name = ? ORDER BY f.position",
            (str(feed[0]), feed[1]),
        ).fetchall()

    def members(self, terms: Sequence[TermKey], limit: int) -> list[tuple[int, bytes]]:
        """Id and digest of the newest visible posts of some terms, of the whole site if there
        are none; the newest first."""
        if not terms:
            return self._db.execute(
                "SELECT id, digest FROM post WHERE state = ? ORDER BY date DESC, path DESC LIMIT ?",
                (State.VISIBLE, limit),
            ).fetchall()
        ids = [self.term_id(term) for term in terms]
        return self._db.execute(
            "SELECT DISTINCT p.id, p.digest FROM membership m JOIN post p ON p.id = m.post"
            f" WHERE m.term IN {marks(ids)} ORDER BY p.date DESC, p.path DESC LIMIT ?",
            (*ids, limit),
        ).fetchall()

    def posts_of(self, terms: Sequence[TermKey]) -> dict[int, bytes]:
        """Id and data of the visible posts that have any of some terms."""
        ids = [self.term_id(term) for term in terms]
        query = "SELECT p.id, p.data FROM membership m JOIN post p ON p.id = m.post WHERE m.term IN"
        return dict(self.in_values(query, ids))

    def member_count(self, terms: Sequence[TermKey]) -> int:
        """How many visible posts some terms have, the whole site if there are none."""
        if not terms:
            return self.count().get(State.VISIBLE, 0)
        ids = [self.term_id(term) for term in terms]
        query = f"SELECT count(DISTINCT post) FROM membership WHERE term IN {marks(ids)}"
        count: int = self._db.execute(query, ids).fetchone()[0]
        return count

    def term_id(self, term: TermKey) -> int:
        """What a term is called in the index; 0 if no visible post has it."""
        query = "SELECT id FROM term WHERE kind = ? AND name = ?"
        row = self._db.execute(query, (str(term[0]), term[1])).fetchone()
        return int(row[0]) if row else 0

    def ids(self, paths: Sequence[str]) -> dict[str, int]:
        """What the index calls posts, by their paths."""
        return dict(self.in_values("SELECT path, id FROM post WHERE path IN", paths))

    def posts_by_id(self, posts: Sequence[int]) -> dict[int, Post]:
        """Posts by what the index calls them."""
        rows = self.in_values("SELECT id, data FROM post WHERE id IN", posts)
        return {id: decode_post(data) for id, data in rows}

    def feed_posts(self, feed: TermKey) -> list[tuple[int, bytes]]:
        """Date and data of the posts in a feed, in their order."""
        return self._db.execute(
            "SELECT p.date, p.data FROM feed JOIN feed_entry f ON f.feed = feed.id"
            " JOIN post p ON p.id = f.post"
            " WHERE feed.kind = ? AND feed.name = ? ORDER BY f.position",
            (str(feed[0]), feed[1]),
        ).fetchall()

    def cards(self) -> dict[TermKey, Card]:
        """What is said of every feed where it is one of many."""
        rows = self._db.execute("SELECT * FROM card ORDER BY kind, name")
        return {(Kind(kind), name): Card(*card) for kind, name, *card in rows}

    def pages(self, feed: tuple[str, str] | None = None) -> list[PageRow]:
        """All pages, or those of a feed."""
        if not self._has("page"):
            return []
        query = "SELECT path, part, kind, name, number, key, data, at, mark FROM page"
        if feed is None:
            rows = self._db.execute(query)
        else:
            rows = self._db.execute(f"{query} WHERE kind = ? AND name = ?", feed)
        return [
            PageRow(path, Part(part), (kind, name), *rest) for path, part, kind, name, *rest in rows
        ]

    def page(self, path: str) -> PageRow | None:
        """The page that lies somewhere."""
        query = (
            "SELECT path, part, kind, name, number, key, data, at, mark FROM page WHERE path = ?"
        )
        row = self._db.execute(query, (path,)).fetchone()
        return PageRow(row[0], Part(row[1]), (row[2], row[3]), *row[4:]) if row else None

    def modified(self, feed: tuple[str, str]) -> Modified | None:
        """When a feed changed last; ``None`` where that is not known."""
        if not self._has("modified"):
            return None
        query = "SELECT content, at FROM modified WHERE kind = ? AND name = ?"
        row = self._db.execute(query, (str(feed[0]), feed[1])).fetchone()
        return Modified(*row) if row else None

    def documents(self) -> dict[str, str | None]:
        """The hash of every document by its path; ``None`` where it has to be rendered."""
        # A feed has the better right to a path.
        query = "SELECT path, hash FROM document"
        if self._has("page"):
            query = f"SELECT path, hash FROM page UNION ALL {query}"
        return dict(self._db.execute(query))

    def _has(self, table: str) -> bool:
        """Whether there is a table: the index may be one that an older program made."""
        query = "SELECT 1 FROM sqlite_master WHERE name = ?"
        return self._db.execute(query, (table,)).fetchone() is not None

    def in_values(self, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """A query that ends in ``IN``, for any number of values."""
        for chunk in chunks(values):
            yield from self._db.execute(f"{query} {marks(chunk)}", chunk)


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), VARIABLES):
        yield values[start : start + VARIABLES]


def marks(values: Sequence[Any]) -> str:
    return f"({', '.join('?' * len(values))})"
