"""The page of the link check: what it shows is kept in the index, so that whoever renders it
needs nothing else.

In: the link store, as far as it said anything new since the page was made, and the index. Out:
the row of the page in table ``page``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from feeds.config import STATE_FOLDER, Config
from feeds.documents import WHOLE
from feeds.errors import OutputError
from feeds.fingerprint import digest
from feeds.index import Index
from feeds.links.runs import FILE_NAME, state_of_links
from feeds.models import Finding, Kind, Level
from feeds.rows import PageRow, Part

LINKS: Final = "links"  # in the index: which state of the links its page shows


def settle_links(
    index: Index, config: Config, before: PageRow | None, now: datetime
) -> tuple[PageRow | None, list[Finding]]:
    """The row of the page, ``before`` if that is right still, and what there is to say.

    A page whose links say nothing new is looked into only if feeds may have changed: it has
    the names of categories.
    """
    if not config.pages.links:
        return None, []
    today = now.astimezone(config.site.zone).date()
    known = before is not None and before.path == config.pages.links
    try:
        state = digest(state_of_links(config, today)).hex()
        fresh = known and index.meta(LINKS) == state
        if fresh and not index.reselected:
            return before, []
        data = before.data if fresh and before else _overview(config, now)
    except OutputError as error:
        # Whatever the page shows then, it is not the state that is noted.
        index.set_meta(LINKS, "")
        return _kept(config, before if known else None, now, error)
    index.set_meta(LINKS, state)
    names = {feed: card[:2] for feed, card in index.cards().items() if feed[0] is Kind.CATEGORY}
    return _row(config, data, digest(data, sorted(names.items())), now), []


def _overview(config: Config, now: datetime) -> bytes:
    from feeds.links.overview import overview, pack

    return pack(overview(config, now.astimezone(config.site.zone).date()))


def _kept(
    config: Config, before: PageRow | None, now: datetime, error: OutputError
) -> tuple[PageRow, list[Finding]]:
    name = f"{STATE_FOLDER}/{FILE_NAME}"
    done = "the page of links stays as it was" if before else "the page of links says nothing"
    found = Finding(name, 0, Level.WARNING, str(error), done)
    return before or _row(config, b"", b"", now), [found]


def _row(config: Config, data: bytes, key: bytes, now: datetime) -> PageRow:
    at = int(now.timestamp())
    return PageRow(config.pages.links, Part.LINKS, WHOLE, 0, key, data, at)
