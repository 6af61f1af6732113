"""Links corrected in the files of posts, where it is certain what they should say.

In: a post's links as they were judged, and the places where they stand. Out: its file with other
addresses in these places. Everything else stays as it is, byte for byte.
"""

from __future__ import annotations

import difflib
import html
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from feeds.links.places import Place
from feeds.links.rules import Judged
from feeds.models import Link, Role, Verdict
from feeds.replacement import replacing

# Verdicts of rules that come with the address that the link should have.
OF_RULES: Final = frozenset((Verdict.RELATIVE, Verdict.WRONG_HOST, Verdict.WRONG_TARGET))
# What may stand in an address without meaning anything to Markdown, HTML, YAML or TOML.
HARMLESS: Final = "/?:@&=+$,;#%~!-._"
# Up to a host as it is asked for, with its port.
ORIGIN: Final = re.compile(
    r"https?://(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?=[/?#]|\Z)", re.ASCII
)


class Correction(NamedTuple):
    """What should stand in a file from one byte to another, and the links that stand there."""

    start: int
    end: int
    new: str
    links: frozenset[Link]


def right_addresses(
    links: Iterable[Judged], moved: Mapping[tuple[int, str], str]
) -> dict[Link, str]:
    """The addresses that links should have, where that is certain and they have not.

    ``moved`` are the new addresses of those that moved for good, by line and address.
    """
    found = {}
    for judged in links:
        link = judged.link
        if not link.url:
            continue
        new = judged.fix if judged.verdict in OF_RULES else ""
        if not new and judged.verdict is None and link.role is not Role.ENCLOSURE:
            new = moved.get((link.line, link.url), "")
        new = _in_style(_harmless(new), link.url)
        if new and new != link.url:
            found[link] = new
    return found


def _harmless(url: str) -> str:
    """An address in which nothing is markup, empty where that would not be the address."""
    origin = ORIGIN.match(url)
    return f"{origin[0]}{quote(url[origin.end() :], safe=HARMLESS)}" if origin else ""


def _in_style(new: str, old: str) -> str:
    """Without its scheme, if the old address has none either."""
    return new.partition(":")[2] if old.startswith("//") else new


def corrections(right: Mapping[Link, str], places: Iterable[Place]) -> list[Correction]:
    """What to write where, from the beginning of the file to its end.

    A place that several links share is left if they should not all lead to the same address.
    """
    shared: dict[tuple[int, int], list[Place]] = defaultdict(list)
    for place in places:
        shared[place.start, place.end].append(place)
    found = []
    for (start, end), each in sorted(shared.items()):
        new, *others = {_spelled(right.get(place.link, ""), place) for place in each}
        if new and not others:
            found.append(Correction(start, end, new, frozenset(place.link for place in each)))
    return found


def _spelled(new: str, place: Place) -> str:
    """An address as it has to be written in a place, in the style of the old one."""
    spellings = [new, html.escape(new)]
    if "&amp;" in place.written:
        spellings.reverse()
    return next((each for each in spellings if place.meaning(each) == new), "")


def corrected(raw: bytes, wanted: Iterable[Correction]) -> bytes:
    """The file with its addresses corrected."""
    pieces, done = [], 0
    for start, end, new, _ in wanted:
        pieces += [raw[done:start], new.encode("ascii")]
        done = end
    return b"".join([*pieces, raw[done:]])


def as_meant(
    before: Iterable[Link],
    right: Mapping[Link, str],
    wanted: Iterable[Correction],
    after: Iterable[Link],
) -> bool:
    """Whether the links of a corrected file are those that it had but for the corrections."""
    corrected = {link for each in wanted for link in each.links}
    meant = {(link.role, right[link] if link in corrected else link.url) for link in before}
    return meant == {(link.role, link.url) for link in after}


def diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """A unified diff of a file, as ``patch`` and ``git apply`` take it."""
    old, new = (each.decode("utf-8", "replace").split("\n") for each in (before, after))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=1, lineterm=""):
        yield line.removesuffix("\r")


class _ChangedError(Exception):
    """A file is not the one any more that was read."""


def replace_file(path: Path, before: bytes, after: bytes) -> bool:
    """Put a file into place of the one that was read, whole or not at all.

    Returns whether it was; if the file has changed since it was read it is left alone.
    Raises :class:`~feeds.errors.OutputError`.
    """
    try:
        with replacing(path) as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())  # which takes a while, in which somebody may write
            if path.read_bytes() != before:
                raise _ChangedError
    except _ChangedError:
        return False
    return True
