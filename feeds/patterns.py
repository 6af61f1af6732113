"""Where documents lie: the path patterns of the configuration, checked.

In: tables of ``config.toml``. Out: patterns below the output folder in which only the term
is still to be filled in, and a problem for each that could not name a file of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from feeds.models import Format, Kind
from feeds.section import Problem, Section, listed, show

Patterns: TypeAlias = Mapping[Format, str]

DEFAULT_PATHS: Final = {
    Kind.SITE: "feed.{format}",
    Kind.CATEGORY: "category/{slug}/feed.{format}",
    Kind.TAG: "tag/{slug}/feed.{format}",
}
PLACEHOLDERS: Final = {
    Kind.SITE: frozenset({"format"}),
    Kind.CATEGORY: frozenset({"format", "slug", "name"}),
    Kind.TAG: frozenset({"format", "slug", "name"}),
}
NO_PATH: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def feed_paths(section: Section, formats: tuple[Format, ...]) -> Mapping[Kind, Patterns]:
    """``[feeds.paths]``: a pattern for all formats, or a table with one for each."""
    paths = {kind: _kind_paths(section, kind, formats) for kind in Kind}
    section.finish()
    return paths


def keep_apart(section: Section, opml: str, paths: Mapping[Kind, Patterns]) -> None:
    """No two documents may share a path, nor may one be where another needs a folder."""
    _keep_apart(section, [], _feed_places(opml, paths))


def keep_pages_apart(
    section: Section, pages: Mapping[str, str], opml: str, paths: Mapping[Kind, Patterns]
) -> None:
    """Nor may a page (by its key in ``section``) have the path of a feed, or of another page."""
    taken = [(("feeds", *key), path) for key, path in _feed_places(opml, paths)]
    _keep_apart(section, taken, [((key,), path) for key, path in pages.items()])


# Keys of the configuration, and the path that they name.
_Place: TypeAlias = tuple[tuple[str, ...], str]


def _feed_places(opml: str, paths: Mapping[Kind, Patterns]) -> list[_Place]:
    places: list[_Place] = [(("opml",), opml)] if opml else []
    for kind, patterns in paths.items():
        places += [(("paths", kind, format), path) for format, path in patterns.items()]
    return places


def _keep_apart(section: Section, others: Sequence[_Place], own: Sequence[_Place]) -> None:
    if any(problem.keys[:1] in (("feeds",), section.keys) for problem in section.problems):
        return  # the paths are not what they should be yet
    clashes: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}
    for number, (key, path) in enumerate(own):
        for other, taken in (*others, *own[:number]):
            if clash := _clash(path.casefold(), taken.casefold()):
                # A pattern for all formats clashes in each of them; once is enough.
                text = f"{show(path)} {clash} {'.'.join(other)}"
                clashes.setdefault((key[:2], other[:2]), text)
    for (key, _), text in clashes.items():
        section.problems.append(Problem((*section.keys, *key), text))


def output_path(section: Section, key: str, default: str) -> str:
    """A file below the output folder, perhaps with placeholders; a leading slash is the root."""
    path = section.text(key, default)
    relative = path.removeprefix("/")
    parts = relative.split("/")
    if relative and (not {"", ".", ".."}.isdisjoint(parts) or NO_PATH.search(relative)):
        section.problem(key, f"{show(path)} must be a file below the output folder")
    if parts[0].casefold().startswith(".feeds"):
        section.problem(key, f"{show(path)}: names that begin with .feeds are the program's own")
    return relative


def check_placeholders(
    section: Section, key: str, pattern: str, allowed: frozenset[str]
) -> frozenset[str]:
    """The placeholders of a pattern; those that are not allowed are problems."""
    used = frozenset(re.findall(r"\{(.*?)\}", pattern))
    for name in sorted(used - allowed):
        known = listed(f"{{{each}}}" for each in allowed) or "none"
        section.problem(key, f"unknown {{{name}}} in {show(pattern)}; known: {known}")
    return used


def _kind_paths(section: Section, kind: Kind, formats: tuple[Format, ...]) -> Patterns:
    default = DEFAULT_PATHS[kind]
    if not isinstance(section.get(kind, default), Mapping):
        said = len(section.problems)
        pattern = _pattern(section, kind, default, kind)
        if len(formats) > 1 and "{format}" not in pattern and len(section.problems) == said:
            advice = "needs {format}, or a table with a path for each format"
            section.problem(kind, f"{show(pattern)} {advice}")
        return {format: pattern.replace("{format}", format) for format in formats}
    table = section.section(kind)
    patterns = {format: _pattern(table, format, default, kind) for format in Format}
    table.finish()
    return {format: patterns[format].replace("{format}", format) for format in formats}


def _pattern(section: Section, key: str, default: str, kind: Kind) -> str:
    """Where the feeds of a kind lie; a leading slash means the root of the output."""
    pattern = output_path(section, key, default)
    allowed = PLACEHOLDERS[kind]
    used = check_placeholders(section, key, pattern, allowed)
    if not pattern:
        section.problem(key, f'expected a path like "{default}"')
    elif kind is not Kind.SITE and used <= allowed and not used & {"slug", "name"}:
        section.problem(key, f"{show(pattern)} needs {{slug}}, or all its feeds share one path")
    return pattern


def _clash(path: str, taken: str) -> str:
    if path == taken:
        return "is the path of"
    if path.startswith(f"{taken}/"):
        return "needs a folder in the place of"
    return "stands where a folder is needed by" if taken.startswith(f"{path}/") else ""
