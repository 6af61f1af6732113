"""What a run found and did, as people read it: findings that are alike become one group.

In: findings, or the result of a build. Out: groups, the gravest last, so that it stands next to
what is read first: the end; and the lines that show them. Nothing is lost by it, each finding is
in exactly one group.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import click

from feeds.build import Result
from feeds.config import Config
from feeds.models import Finding, Level
from feeds.rows import State
from feeds.section import show
from feeds.terminal import count, visible

COLOURS: Final = {Level.NOTE: "cyan", Level.WARNING: "yellow", Level.ERROR: "red"}
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


def report_lines(findings: Sequence[Finding], whole: bool) -> Iterator[str]:
    """What is to be read of findings, in colour, and at the end how many there are of each level.

    ``whole`` is a line for each, in their order; else those that are alike are shown as groups.
    """
    groups = [] if whole else grouped(findings)
    for found in findings if whole else ():
        yield finding_line(found)
    for group in groups:
        yield from map(finding_line, group.findings) if group.short else _group_lines(group)
    numbers = Counter(found.level for found in findings)
    said = [count(numbers[level], level) for level in reversed(Level) if numbers[level]]
    if said:
        short = all(group.short for group in groups)
        yield ", ".join(said) + ("" if short else "; --verbose shows each")


def finding_line(found: Finding) -> str:
    """A finding as editors and linters have it, its level in colour."""
    level = click.style(f" {found.level}: ", fg=COLOURS[found.level])
    return f"{visible(found.where)}:{level}{visible(f'{found.what} — {found.done}')}"


def _group_lines(group: Group) -> Iterator[str]:
    number = click.style(count(len(group.findings), group.level), fg=COLOURS[group.level])
    yield f"{number}: {visible(group.heading)}"
    for example in group.examples():
        yield f"    {visible(example)}"
    yield f"    … and {group.rest:,} more"


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


# --- what a build did ---------------------------------------------------------------------

NOT_IN_FEEDS: Final = {
    State.FUTURE: "of the future",
    State.HIDDEN: "not published",
    State.RIVAL: "left out: another has the same link or id",
}


def build_lines(result: Result, folder: str, seconds: float) -> Iterator[str]:
    """How many posts are in how many feeds, which are not, and what was written."""
    yield f"{count(result.posts.get(State.VISIBLE, 0), 'post')} in {count(result.feeds, 'feed')}"
    for state, what in NOT_IN_FEEDS.items():
        if number := result.posts.get(state):
            yield f"{count(number, 'post')} {what}"
    if result.published is None:
        yield f"nothing was written to {folder}, because of --strict"
        return
    written, removed = len(result.published.written), len(result.published.removed)
    kept = result.documents - written
    parts = [f"{count(written, 'file')} written"]
    parts += [f"{kept} unchanged"] if kept else []
    parts += [f"{removed} removed"] if removed else []
    yield f"{', '.join(parts)} in {folder}/ ({seconds:.1f} s)"


def no_posts(config: Config, findings: Iterable[Finding]) -> str:
    """Why there are none, and what to do: each was left out, or where they were looked for."""
    if any(found.level is Level.ERROR for found in findings):
        return "every post was left out; `feeds posts --problems` says why"
    folders = ", ".join(show(name or ".") for name in config.posts.sources)
    where = f"no post was found in {folders or 'any folder _posts'}"
    what = "a post begins with front matter, between two lines ---"
    return visible(f"{where}; {what}; [posts] sources names the folders")
