-- What is known of every file, post, term, rendered entry and document of one site.
--
-- Everything here can be made again from the posts: the file may be deleted at any time.
-- Times are microseconds since 1970 in UTC. Digests and keys are BLAKE2b, 16 bytes.

-- By name: "reading" and "rendering" are fingerprints of what the rest depends on (program,
-- configuration), "opml" is that of the list of feeds, "formats" are those that entries are
-- kept in (and "page" for what pages show of one), "edition" counts the changes of feeds.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Some files of one folder, dealt out by the hash of their names: see posts/scan.py.
-- A bucket whose digest is unchanged is not looked into.
CREATE TABLE bucket (
    folder  TEXT NOT NULL,
    number  INTEGER NOT NULL,
    total   INTEGER NOT NULL,     -- how many buckets the folder was dealt into
    digest  BLOB NOT NULL,        -- of entries
    entries BLOB NOT NULL,        -- names, sizes and times, packed
    PRIMARY KEY (folder, number)
) WITHOUT ROWID;

-- Every file that is a post.
CREATE TABLE post (
    id      INTEGER PRIMARY KEY,
    path    TEXT NOT NULL UNIQUE, -- below the site folder
    stem    TEXT NOT NULL,        -- its file name without its ending, see reference
    digest  BLOB NOT NULL,        -- of the bytes of the file
    link     INTEGER NOT NULL,    -- hash of the URL; two posts with one are rivals
    identity INTEGER NOT NULL,    -- hash of the permanent id; likewise
    date    INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    state   INTEGER NOT NULL,     -- rows.State: hidden, future, visible, rival
    data    BLOB NOT NULL,        -- the models.Post as JSON
    layout  BLOB NOT NULL         -- where its body is, see posts/reading.py; may be empty
);
CREATE INDEX post_by_state ON post (state, date);
CREATE INDEX post_by_link ON post (link);
CREATE INDEX post_by_identity ON post (identity);
CREATE INDEX post_by_stem ON post (stem);

-- Which posts name which other posts in their Liquid tags, by the other's file name
-- without its ending, so that a moved post renews those that link to it.
CREATE TABLE reference (
    stem TEXT NOT NULL,
    post INTEGER NOT NULL,
    PRIMARY KEY (stem, post)
) WITHOUT ROWID;
CREATE INDEX reference_by_post ON reference (post);

-- Categories and tags that visible posts have.
CREATE TABLE term (
    id     INTEGER PRIMARY KEY,
    kind   TEXT NOT NULL,         -- models.Kind
    name   TEXT NOT NULL,         -- exactly as the posts write it
    posts  INTEGER NOT NULL DEFAULT 0,
    oldest INTEGER NOT NULL DEFAULT 0,
    UNIQUE (kind, name)
);

-- Visible posts by term and date: the newest of a term are one short range.
CREATE TABLE membership (
    term INTEGER NOT NULL,
    date INTEGER NOT NULL,
    post INTEGER NOT NULL,
    PRIMARY KEY (term, date, post)
) WITHOUT ROWID;

-- What is wrong with the input, or there is to say of it, found while reading a file
-- (stage 0), rendering it (1), or defining the feeds (2; path then names a term).
CREATE TABLE finding (
    path  TEXT NOT NULL,
    stage INTEGER NOT NULL,
    line  INTEGER NOT NULL,
    level TEXT NOT NULL,
    what  TEXT NOT NULL,
    done  TEXT NOT NULL
);
CREATE INDEX finding_by_path ON finding (path);

-- Posts that stand in some feed, rendered once per format.
CREATE TABLE entry (
    post INTEGER PRIMARY KEY,
    key  BLOB NOT NULL,           -- of all that the entry was made from
    hash BLOB NOT NULL,           -- of body
    body BLOB NOT NULL            -- the fragments of all formats, packed and compressed
);

-- Feeds that exist, and the entries that each holds, newest first.
CREATE TABLE feed (
    id    INTEGER PRIMARY KEY,
    kind  TEXT NOT NULL,
    name  TEXT NOT NULL,
    head  BLOB NOT NULL,          -- of its definition
    key   BLOB NOT NULL,          -- of its definition and all its entries
    UNIQUE (kind, name)
);
CREATE TABLE feed_entry (
    feed     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    post     INTEGER NOT NULL,
    PRIMARY KEY (feed, position)
) WITHOUT ROWID;
CREATE INDEX feed_entry_by_post ON feed_entry (post);

-- What readers are told as Last-Modified, in seconds since 1970, see modified.py. Feeds that
-- are gone stay here, and a new index takes all of it over: no feed must ever seem to be
-- older than it was.
CREATE TABLE modified (
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    content BLOB NOT NULL,        -- hash of all that the feed's bytes are made from
    at      INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- The documents that the feeds become. A hash of NULL means: to be rendered.
CREATE TABLE document (
    path TEXT PRIMARY KEY,        -- below the output folder
    feed INTEGER NOT NULL,        -- 0 for the list of all feeds
    hash TEXT                     -- SHA-256 of the body
) WITHOUT ROWID;

-- What the directory of feeds and links to a feed say of it. Only kept where there are pages.
CREATE TABLE card (
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    twin      TEXT NOT NULL,      -- where its page lies
    label     TEXT NOT NULL,      -- what people call it
    posts     INTEGER NOT NULL,
    newest    INTEGER NOT NULL,   -- date of its newest post
    unit      TEXT NOT NULL,      -- how often it changes: models.Period
    frequency INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Pages for people. A hash of NULL means: to be rendered.
CREATE TABLE page (
    path   TEXT PRIMARY KEY,      -- below the output folder
    part   TEXT NOT NULL,         -- what it shows: rows.Part
    kind   TEXT NOT NULL,         -- of which feed; empty for what belongs to none
    name   TEXT NOT NULL,
    number INTEGER NOT NULL,      -- of pages with older posts: from 1, the oldest
    key    BLOB NOT NULL,         -- of all that it is made from
    data   BLOB NOT NULL,         -- the ids of the posts of such a page, packed; what the page
                                  -- of the link check shows, as JSON
    at     INTEGER NOT NULL,      -- when it changed last, in seconds since 1970
    mark   INTEGER NOT NULL,      -- when what its posts link to changed: see paging.py
    hash   TEXT                   -- SHA-256 of the body
) WITHOUT ROWID;
CREATE INDEX page_by_feed ON page (kind, name);

-- Sizes and times of the files in an output folder when they were last known to be right.
CREATE TABLE written (
    output TEXT NOT NULL,
    path   TEXT NOT NULL,
    hash   TEXT NOT NULL,
    size   INTEGER NOT NULL,
    mtime  INTEGER NOT NULL,      -- nanoseconds
    PRIMARY KEY (output, path)
) WITHOUT ROWID;
