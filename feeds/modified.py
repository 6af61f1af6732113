"""When every feed changed last, as readers are told it (Last-Modified, RFC 9110 section 8.8.2).

In: the index, with all entries rendered. Out: its table ``modified``. That is the newest date
in a feed, unless the feed changes without one that is newer than what readers were told: a
post is corrected, deleted or dated back. Who asks by date only would never learn of that, so
that such a change counts from the moment it is published. It is told on and on from the index,
and so is the same in every worker and after every restart.
"""

from __future__ import annotations

from datetime import datetime

import feeds
from feeds.catalog import Catalog, Definition
from feeds.config import Config
from feeds.documents import definitions, key_of
from feeds.fingerprint import digest
from feeds.index import Index
from feeds.rows import LIST, Modified


def settle_modified(index: Index, config: Config, now: datetime) -> None:
    """Bring the table up to date with the feeds that may have changed."""
    if not index.renewed:
        return
    found = definitions(index, config)
    seconds = int(now.timestamp())
    for definition in found.definitions:
        key = key_of(definition)
        if key in index.renewed:
            _settle(index, key, *_of_feed(index, config, definition), seconds)
    if LIST in index.renewed and config.feeds.opml:
        _settle(index, LIST, *_of_list(config, found), seconds)
    index.renewed.clear()


def last_modified(known: Modified | None, content: bytes, newest: int, now: int) -> int:
    """What readers are told; never earlier than before, and later if the content is another.

    A date of the future is no time of a change (section 8.8.2.1), so it counts from now.
    """
    if known is not None and known.content == content:
        return known.at
    dated = min(newest, now)
    if known is None or dated > known.at:
        return dated
    return max(now, known.at + 1)


def _settle(index: Index, key: tuple[str, str], content: bytes, newest: int, now: int) -> None:
    known = index.modified(key)
    index.store_modified(key, Modified(content, last_modified(known, content, newest, now)))


def _of_feed(index: Index, config: Config, definition: Definition) -> tuple[bytes, int]:
    """A hash of all that makes the bytes of a feed, equal on every machine; its newest date."""
    rows = index.entry_hashes(key_of(definition))
    zone, minutes = config.site.timezone, config.feeds.poll_minutes
    content = digest(feeds.__version__, definition.digest, zone, minutes, rows)
    return content, max((updated for _, updated, _ in rows), default=0) // 1_000_000


def _of_list(config: Config, found: Catalog) -> tuple[bytes, int]:
    site = config.site
    youngest = max((each.since for each in found.definitions), default=0)
    digests = [each.digest for each in found.definitions]
    content = digest(feeds.__version__, site.title, site.url, site.timezone, youngest, digests)
    return content, youngest // 1_000_000
