"""What a run found, as people read it: findings that are alike become one group.

In: findings. Out: groups, the gravest last, so that it stands next to what is read first: the
end. Nothing is lost by it, each finding is in exactly one group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from feeds.models import Finding, Level

FEW: Final = 3  # as many of a kind are shown whole, or as examples
# What differs between findings alike: quoted values and numbers. An apostrophe quotes nothing.
VARYING: Final = re.compile(r"(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\d+")


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one level that say the same of different places, in their order."""

    level: Level
    findings: tuple[Finding, ...]

    @property
    def short(self) -> bool:
        """Whether each of them can be shown whole."""
        return len(self.findings) <= FEW

    @property
    def heading(self) -> str:
        """What all of them say; ``…`` stands for what differs, an outcome only if it does not."""
        what = _common(found.what for found in self.findings)
        done = {found.done for found in self.findings}
        return f"{what} — {done.pop()}" if len(done) == 1 else what

    def examples(self) -> Iterator[str]:
        """The places of the first ones, with what each says if that differs."""
        alike = len({(found.what, found.done) for found in self.findings}) == 1
        for found in self.findings[:FEW]:
            yield found.where if alike else f"{found.where}: {found.what} — {found.done}"

    @property
    def rest(self) -> int:
        return max(len(self.findings) - FEW, 0)


def grouped(findings: Iterable[Finding]) -> list[Group]:
    """Findings by level, notes first, then by what is wrong in the order of their first."""
    groups: dict[tuple[Level, str], list[Finding]] = {}
    for found in findings:
        groups.setdefault((found.level, _pattern(found.what)), []).append(found)
    order = list(Level)
    return [
        Group(level, tuple(alike))
        for (level, _), alike in sorted(groups.items(), key=lambda item: order.index(item[0][0]))
    ]


def _common(texts: Iterable[str]) -> str:
    different = set(texts)
    first = min(different)
    return first if len(different) == 1 else _pattern(first)


def _pattern(text: str) -> str:
    return VARYING.sub("…", text)
