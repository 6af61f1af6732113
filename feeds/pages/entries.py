"""What pages show of an entry, as it is kept beside its fragments in every format.

In: an entry ready for feeds, and its post. Out: JSON, and from it what a template shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo

import orjson

from feeds.models import Entry, Kind, Post
from feeds.pages.views import EntryView, TermLink
from feeds.rows import DamagedIndexError

# Where a term leads, and what it is called; ``None`` where that need not be said.
Linked = Callable[[Kind, str], TermLink | None]


def page_entry(entry: Entry, post: Post) -> bytes:
    """What pages show of an entry, as JSON."""
    return orjson.dumps(
        {
            "title": entry.title,
            "url": entry.url,
            "date": entry.published,
            "summary": entry.summary,
            "source": entry.source,
            "categories": post.categories,
            "tags": post.tags,
            "language": entry.language,
        }
    )


def entry_view(fragment: bytes, zone: tzinfo, linked: Linked) -> EntryView:
    """What :func:`page_entry` kept. Raises :class:`~feeds.rows.DamagedIndexError`."""
    try:
        raw = orjson.loads(fragment)
        return EntryView(
            title=raw["title"],
            url=raw["url"],
            date=datetime.fromisoformat(raw["date"]).astimezone(zone),
            summary=raw["summary"],
            source=raw["source"],
            terms=terms_view(raw["categories"], raw["tags"], linked),
            language=raw["language"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedIndexError(f"an entry does not decode: {error}") from error


def post_view(post: Post, zone: tzinfo, linked: Linked, source: str) -> EntryView:
    """A post of which nothing was rendered: it is in no feed any more."""
    return EntryView(
        title=post.title,
        url=post.url,
        date=post.date.astimezone(zone),
        source=source,
        terms=terms_view(post.categories, post.tags, linked),
        language=post.language,
    )


def terms_view(
    categories: tuple[str, ...] | list[str], tags: tuple[str, ...] | list[str], linked: Linked
) -> tuple[TermLink, ...]:
    """The terms of a post. A category that is called by its tag need not be named twice."""
    found = [linked(Kind.CATEGORY, name) for name in categories]
    found += [linked(Kind.TAG, name) for name in tags]
    return tuple({term.label: term for term in reversed(found) if term}.values())[::-1]
