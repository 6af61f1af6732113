"""Measurements in, a table in Markdown out, and its place in a page between two markers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, the least and the greatest of them."""

    median: float
    least: float
    most: float

    def written(self, digits: int) -> str:
        """As in ``1.20 (1.10–1.50)``."""
        return f"{self.median:.{digits}f} ({self.least:.{digits}f}–{self.most:.{digits}f})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Pair by pair: two runs that followed each other met the machine in the same mood."""
    return [mine / other for mine, other in zip(ours, theirs, strict=True)]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its first column holds names, the others figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def has_place(page: str, name: str) -> bool:
    """Whether a page has markers of that name, so that something can be written between them."""
    return f"<!-- {name}: begin -->\n" in page


def replace_between(page: str, name: str, text: str) -> str:
    """The page with ``text`` between its markers of that name; ``ValueError`` if it has none."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    changed, count = found.subn(lambda _: f"{begin}{text}{end}", page)
    if count != 1:
        raise ValueError(f"expected {begin.strip()} … {end.strip()} once, found it {count} times")
    return changed
