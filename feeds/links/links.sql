-- What is known of a site's links: where they stand, and what was found when they were asked.
--
-- It may be deleted; then everything is asked again. Times are seconds since 1970 in UTC.

CREATE TABLE IF NOT EXISTS meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- Posts whose links are below, as they were when they were looked through.
CREATE TABLE IF NOT EXISTS post (
    id      INTEGER PRIMARY KEY,
    path    TEXT NOT NULL UNIQUE,
    digest  BLOB NOT NULL,
    url     TEXT NOT NULL,
    changed INTEGER NOT NULL        -- the run that looked through it last
);

-- What a post is listed under: its first category, if it has any.
CREATE TABLE IF NOT EXISTS category (
    post INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

-- Every distinct address that is asked for.
CREATE TABLE IF NOT EXISTS url (
    id        INTEGER PRIMARY KEY,
    url       TEXT NOT NULL UNIQUE,
    host      INTEGER NOT NULL,
    due       INTEGER NOT NULL DEFAULT 0, -- when it may be asked again
    verdict   TEXT NOT NULL DEFAULT '',   -- empty until it was asked
    status    INTEGER NOT NULL DEFAULT 0,
    final_url TEXT NOT NULL DEFAULT '',
    detail    TEXT NOT NULL DEFAULT '',
    checked   INTEGER NOT NULL DEFAULT 0,
    since     INTEGER NOT NULL DEFAULT 0, -- of an unbroken row of bad answers the first
    fails     INTEGER NOT NULL DEFAULT 0  -- and how many there are
);
-- Whether a host has anything due; the addresses of a host in their order; what is
-- not good.
CREATE INDEX IF NOT EXISTS url_by_due ON url (host, due);
CREATE INDEX IF NOT EXISTS url_by_host ON url (host);
CREATE INDEX IF NOT EXISTS url_doubtful ON url (verdict)
    WHERE verdict NOT IN ('', 'ok', 'moved', 'redirected');
CREATE INDEX IF NOT EXISTS url_broken ON url (verdict) WHERE fails >= 3;

CREATE TABLE IF NOT EXISTS host (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    rest INTEGER NOT NULL DEFAULT 0       -- it wants to be left alone until then
);

-- Every link of every post. What can be said without asking is said when the post is looked
-- through; a link that has to be asked for has an url.
CREATE TABLE IF NOT EXISTS link (
    post    INTEGER NOT NULL,
    line    INTEGER NOT NULL,
    role    TEXT NOT NULL,
    label   TEXT NOT NULL,
    written TEXT NOT NULL,                -- as it stands in the file
    url     INTEGER,
    verdict TEXT NOT NULL,                -- empty: that of the url
    detail  TEXT NOT NULL,
    since   INTEGER NOT NULL DEFAULT 0    -- of this verdict or others that are bad, the first
);
CREATE INDEX IF NOT EXISTS link_by_post ON link (post, line);
CREATE INDEX IF NOT EXISTS link_by_url ON link (url);
CREATE INDEX IF NOT EXISTS link_source ON link (url, post) WHERE role = 'source';
CREATE INDEX IF NOT EXISTS link_doubtful ON link (verdict)
    WHERE verdict NOT IN ('', 'ok', 'skipped');

-- Archived copies of addresses that are gone; empty where the archive has none.
CREATE TABLE IF NOT EXISTS archive (
    url     TEXT PRIMARY KEY,
    copy    TEXT NOT NULL,
    checked INTEGER NOT NULL              -- when the archive was asked
) WITHOUT ROWID;

-- How every run ended, for the trend.
CREATE TABLE IF NOT EXISTS run (
    id     INTEGER PRIMARY KEY,
    began  INTEGER NOT NULL,
    ended  INTEGER,
    asked  INTEGER NOT NULL DEFAULT 0,
    totals TEXT NOT NULL DEFAULT '{}'     -- JSON: links by role.verdict
);
