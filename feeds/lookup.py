"""Posts and feeds that somebody asks for: by term, day, state, words.

In: what was asked for, and what there is. Out: whether something is meant. Names are compared
without regard to case and to how a letter is composed (NFC), as people type them.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from feeds.build import KnownFeed
from feeds.models import Finding, Kind, Post
from feeds.rows import State

WILDCARDS: Final = "*?["
LIKELY: Final = 0.5  # two of four letters, as in a name of two Chinese ones
SORTS: Final[Mapping[str, Callable[[KnownFeed], Any]]] = {
    "name": lambda feed: folded(feed.head.name),
    "entries": lambda feed: -feed.entries,
    "posts": lambda feed: -feed.posts,
    "newest": lambda feed: -feed.newest.timestamp(),
}


@dataclass(frozen=True, slots=True)
class PostFilter:
    """Which posts are meant; what is empty or ``None`` asks for nothing.

    Of several categories, tags or states one is enough; everything else has to hold. ``since``
    and ``until`` are days as posts are dated, both included. ``words`` are a part of the path
    or the title, or a shell pattern over one of them. ``problems`` means posts with findings.
    """

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    states: tuple[str, ...] = ()
    words: str = ""
    problems: bool = False

    def takes(self, post: Post, state: State, troubled: Collection[str]) -> bool:
        """Whether a post is meant; ``troubled`` are the paths that there are findings of."""
        day = post.date.date()
        return (
            _any_of(self.categories, post.categories)
            and _any_of(self.tags, post.tags)
            and (self.since is None or day >= self.since)
            and (self.until is None or day <= self.until)
            and (not self.states or state.name.lower() in self.states)
            and matches(self.words, post.path, post.title)
            and (not self.problems or post.path in troubled)
        )

    def takes_file(self, finding: Finding) -> bool:
        """Whether a finding is meant that belongs to no post: it has a path and nothing else."""
        asks = (self.categories, self.tags, self.since, self.until, self.states)
        return not any(asks) and matches(self.words, finding.path)


class FoundPost(NamedTuple):
    """A post, and what is to be said of its file."""

    post: Post
    state: State
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The posts that are meant, and beside them findings that belong to no post."""

    posts: tuple[FoundPost, ...]
    beside: tuple[Finding, ...]

    def findings(self) -> list[Finding]:
        """All that is to be said, by path."""
        return sorted([*self.beside, *(each for found in self.posts for each in found.findings)])


def choose(
    wanted: PostFilter, posts: Sequence[tuple[Post, State]], findings: Iterable[Finding]
) -> Found:
    """The posts that are meant, in their order, each with what is to be said of it."""
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    found = [
        FoundPost(post, state, tuple(by_path.get(post.path, ())))
        for post, state in posts
        if wanted.takes(post, state, by_path)
    ]
    others = by_path.keys() - {post.path for post, _ in posts}
    beside = (each for path in sorted(others) for each in by_path[path] if wanted.takes_file(each))
    return Found(tuple(found), tuple(beside))


def wanted_feeds(
    feeds: Iterable[KnownFeed], kinds: Collection[str], words: str, sort: str
) -> list[KnownFeed]:
    """The feeds of some kinds (all, if none is named) whose name, title or path is meant."""
    found = [
        feed
        for feed in feeds
        if (not kinds or feed.head.kind in kinds)
        and matches(words, feed.head.name, feed.head.title, *feed.head.paths.values())
    ]
    return sorted(found, key=SORTS[sort]) if sort else found


def matches(words: str, *texts: str) -> bool:
    """Whether a text is fit by a shell pattern, or holds words without wildcards."""
    wanted = folded(words)
    if any(char in wanted for char in WILDCARDS):
        return any(fnmatchcase(folded(text), wanted) for text in texts)
    return any(wanted in folded(text) for text in texts)


def near_terms(wanted: PostFilter, posts: Iterable[Post]) -> list[tuple[Kind, str, str]]:
    """Kind and name of each term that no post has, with the likeliest one that was meant."""
    posts = list(posts)
    found = []
    for kind, names, terms in (
        (Kind.CATEGORY, wanted.categories, {term for post in posts for term in post.categories}),
        (Kind.TAG, wanted.tags, {term for post in posts for term in post.tags}),
    ):
        known = {folded(term): term for term in sorted(terms)}
        for name in names:
            if folded(name) not in known:
                near = difflib.get_close_matches(folded(name), known, n=1, cutoff=LIKELY)
                found.append((kind, name, known[near[0]] if near else ""))
    return found


def folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _any_of(names: Iterable[str], terms: Iterable[str]) -> bool:
    wanted = set(map(folded, names))
    return not wanted or not wanted.isdisjoint(map(folded, terms))
