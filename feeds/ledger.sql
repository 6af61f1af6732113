-- What the service owes and has counted: it must outlive an index that is made anew.
--
-- Times are seconds since 1970 in UTC, days are dates as in 2022-06-14 (UTC). No address of
-- a reader is ever stored.

-- The last build that a server made, in one row.
CREATE TABLE IF NOT EXISTS build (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    at       REAL NOT NULL,
    seconds  REAL NOT NULL,
    error    TEXT NOT NULL,       -- empty after a good build
    good_at  REAL NOT NULL,       -- when the last good build ended
    posts    INTEGER NOT NULL,
    feeds    INTEGER NOT NULL,
    warnings INTEGER NOT NULL,
    errors   INTEGER NOT NULL
);

-- What the last build found wrong with posts: the worst of it.
CREATE TABLE IF NOT EXISTS finding (
    position INTEGER PRIMARY KEY,
    path     TEXT NOT NULL,
    line     INTEGER NOT NULL,
    level    TEXT NOT NULL,
    what     TEXT NOT NULL,
    done     TEXT NOT NULL
);

-- Every document that was published, so that one that is gone is known: 410, then 404.
CREATE TABLE IF NOT EXISTS published (
    path      TEXT PRIMARY KEY,
    format    TEXT NOT NULL,
    title     TEXT NOT NULL,
    topic     TEXT NOT NULL,      -- its address
    hash      TEXT NOT NULL,      -- of its bytes, empty if nobody had to know
    withdrawn REAL                -- since when; NULL while it is published
) WITHOUT ROWID;

-- Hubs that the feeds name.
CREATE TABLE IF NOT EXISTS hub (
    url   TEXT PRIMARY KEY,
    quiet REAL NOT NULL           -- it does not want to hear of anything before
) WITHOUT ROWID;

-- Hubs that have to be told of a changed feed (PubSubHubbub 0.4, section 7).
CREATE TABLE IF NOT EXISTS push (
    hub     TEXT NOT NULL,
    topic   TEXT NOT NULL,
    edition TEXT NOT NULL,        -- that has to be served before
    due     REAL NOT NULL,
    tries   INTEGER NOT NULL,
    PRIMARY KEY (hub, topic)
) WITHOUT ROWID;

-- Workers that answer, and the edition of the site that each of them answers from.
CREATE TABLE IF NOT EXISTS worker (
    id      TEXT PRIMARY KEY,
    edition TEXT NOT NULL,
    seen    REAL NOT NULL
) WITHOUT ROWID;

-- What each of these workers keeps ready in its memory, and how much it may, in bytes.
CREATE TABLE IF NOT EXISTS memory (
    worker TEXT PRIMARY KEY,
    bytes  INTEGER NOT NULL,
    budget INTEGER NOT NULL
) WITHOUT ROWID;

-- Requests of the last two days by the hour: all, those for documents, and of these those that
-- were answered 304.
CREATE TABLE IF NOT EXISTS hour (
    hour      INTEGER PRIMARY KEY, -- hours since 1970
    requests  INTEGER NOT NULL,
    documents INTEGER NOT NULL,
    unchanged INTEGER NOT NULL
);

-- Requests by kind and format of the feed, status of the answer and day.
CREATE TABLE IF NOT EXISTS request (
    day    TEXT NOT NULL,         -- empty for all old days together
    kind   TEXT NOT NULL,         -- empty for what is no feed
    format TEXT NOT NULL,
    status INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (day, kind, format, status)
) WITHOUT ROWID;

-- Anything else that only grows, by name.
CREATE TABLE IF NOT EXISTS counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- The most subscribers that an aggregator told for a feed within a day. Aggregators that
-- give a feed an id of their own are told apart by it. Days that are over have their readers
-- here, too, as those of an agent without a name.
CREATE TABLE IF NOT EXISTS subscriber (
    day    TEXT NOT NULL,
    path   TEXT NOT NULL,
    agent  TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (day, path, agent)
) WITHOUT ROWID;

-- Distinct readers of a feed within a day that speak for themselves only: a sketch
-- (HyperLogLog) that gives their number and cannot be turned back into who they were.
CREATE TABLE IF NOT EXISTS reader (
    day    TEXT NOT NULL,
    path   TEXT NOT NULL,
    sketch BLOB NOT NULL,
    PRIMARY KEY (day, path)
) WITHOUT ROWID;
