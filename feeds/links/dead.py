"""Sources that are gone for good, as the link checker knows them, and their archived copies.

In: the state folder. Out: the posts whose source that is. A build reads this, so nothing of
the checker itself is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from feeds.links.runs import reading

CONFIRMED_FAILS: Final = 3
CONFIRMED_SECONDS: Final = 2 * 86_400

# Found so often and so long that it is no accident, and gone.
CONFIRMED: Final = (
    f"url.fails >= {CONFIRMED_FAILS} AND url.checked - url.since >= {CONFIRMED_SECONDS}"
)
CONFIRMED_GONE: Final = f"url.verdict IN ('gone', 'soft-404') AND {CONFIRMED}"


class DeadSource(NamedTuple):
    """A source that is gone: as the post at ``path`` writes it, and a copy of it, empty if
    none is known."""

    path: str
    source: str
    copy: str


def dead_sources(state: Path) -> list[DeadSource]:
    """All of them, by path; none where links were never checked.

    Raises :class:`~feeds.errors.OutputError` where the file cannot be read.
    """
    query = (
        "SELECT post.path, link.written, coalesce(archive.copy, '') FROM url"
        " JOIN link ON link.url = url.id AND link.role = 'source'"
        " JOIN post ON post.id = link.post LEFT JOIN archive ON archive.url = url.url"
        f" WHERE {CONFIRMED_GONE} ORDER BY post.path, link.line"
    )
    with reading(state) as db:
        return [DeadSource(*row) for row in db.execute(query)] if db else []
