"""Links by role and verdict, counted anew only where something changed.

In: what was counted before, and the addresses whose links or answers are about to change. Out:
what would be counted now. A link is counted for its verdict as reports have it: that of its
address if nothing else is the matter with it, and a source that another post has too is a
duplicate unless it is bad anyway.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from feeds.links.verdict import standing
from feeds.models import Standing, Verdict

# More addresses than this are counted with all others: to remember them takes memory.
MOST_TOUCHED: Final = 50_000

_BAD: Final = ", ".join(f"'{each}'" for each in Verdict if standing(each) is Standing.BAD)
_ANSWER: Final = "CASE WHEN link.verdict <> '' THEN link.verdict ELSE coalesce(url.verdict, '') END"
_COUNT: Final = f"""
    SELECT link.role || '.' || CASE WHEN link.role = 'source' AND {_ANSWER} NOT IN ({_BAD})
    AND EXISTS (
        SELECT 1 FROM link AS other
        WHERE other.role = 'source' AND other.url = link.url AND other.post <> link.post
    ) THEN '{Verdict.DUPLICATE}' ELSE coalesce(nullif({_ANSWER}, ''), '{Verdict.SKIPPED}') END,
    count(*) FROM link LEFT JOIN url ON url.id = link.url
"""
COUNT: Final = f"{_COUNT} GROUP BY 1"
COUNT_OF_URL: Final = f"{_COUNT} WHERE link.url = ? GROUP BY 1"
# What is said of a link without an address depends on nothing but its post.
COUNT_OF_POST: Final = f"{_COUNT} WHERE link.post = ? AND link.url IS NULL GROUP BY 1"

Rows = Callable[[str, Sequence[Any]], Iterator[Any]]


class Tally:
    """Links by ``role.verdict`` of a store whose rows are changing.

    Addresses are touched *before* any of their links or what they answered changes.
    ``touched`` is ``None`` once there are too many; then all links are counted in the end.
    """

    def __init__(self, rows: Rows, known: Mapping[str, int]) -> None:
        self._rows = rows
        self._counted = Counter(known)
        self.touched: set[int] | None = set()

    def touch(self, url: int) -> None:
        if self.touched is None or url in self.touched:
            return
        if len(self.touched) == MOST_TOUCHED:
            self.touched = None
            return
        self.touched.add(url)
        self._counted.subtract(self._count(COUNT_OF_URL, url))

    def forget(self, post: int) -> None:
        """The links of a post are about to go."""
        if self.touched is not None:
            self._counted.subtract(self._count(COUNT_OF_POST, post))
            for (url,) in list(self._rows("SELECT url FROM link WHERE post = ?", (post,))):
                if url is not None:
                    self.touch(url)

    def add(self, post: int) -> None:
        """The links of a post have come; their addresses were touched."""
        if self.touched is not None:
            self._counted.update(self._count(COUNT_OF_POST, post))

    def lose(self) -> None:
        """Count all links in the end: so much changes."""
        self.touched = None

    def totals(self) -> dict[str, int]:
        """How many links have which role and verdict now."""
        if self.touched is None:
            return dict(self._rows(COUNT, ()))
        found = self._counted.copy()
        for url in self.touched:
            found.update(self._count(COUNT_OF_URL, url))
        return {key: number for key, number in found.items() if number}

    def _count(self, query: str, number: int) -> dict[str, int]:
        return dict(self._rows(query, (number,)))
