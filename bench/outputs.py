"""What programs wrote: the entries of every feed, and in which feeds two of them differ."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from bench.tools import Tool

ENTRIES: Final = 20
ENDINGS: Final = (".atom", ".rss")

Links: TypeAlias = Sequence[tuple[str, str]]
"""The entries of a feed in their order: link and title of each."""


class DifferentError(Exception):
    """The programs did not write the same feeds, so their times say nothing."""


def read_feeds(folder: Path) -> dict[str, Links]:
    """The entries of every feed below a folder, by its path."""
    paths = (path for path in folder.rglob("feed.*") if path.suffix in ENDINGS)
    return {path.relative_to(folder).as_posix(): read_feed(path) for path in paths}


def read_feed(path: Path) -> Links:
    """Link and title of each entry of an Atom or RSS feed, in their order."""
    root = ElementTree.parse(path).getroot()
    if path.suffix == ".rss":
        return [(_text(item, "link"), _text(item, "title")) for item in root.iter("item")]
    entries = root.iter(f"{ATOM}entry")
    return [(_alternate(entry), _text(entry, f"{ATOM}title")) for entry in entries]


ATOM: Final = "{http://www.w3.org/2005/Atom}"


def _text(parent: ElementTree.Element, name: str) -> str:
    return parent.findtext(name, "").strip()


def _alternate(entry: ElementTree.Element) -> str:
    links = entry.iter(f"{ATOM}link")
    return next(link.get("href", "") for link in links if link.get("rel") in (None, "alternate"))


def differences(mine: Mapping[str, Links], theirs: Mapping[str, Links]) -> list[str]:
    """In which feeds two outputs differ, and how; none where they say the same."""
    found = [f"{path}: only one wrote it" for path in sorted(mine.keys() ^ theirs.keys())]
    for path in sorted(mine.keys() & theirs.keys()):
        if mine[path] != theirs[path]:
            same = sorted(mine[path]) == sorted(theirs[path])
            found.append(f"{path}: {'the same entries in another order' if same else 'others'}")
        elif not 0 < len(mine[path]) <= ENTRIES:
            found.append(f"{path}: {len(mine[path])} entries")
    return found


def missing_feeds(written: Mapping[str, Links], posts: Path) -> list[str]:
    """The feeds that the posts of a corpus call for and that are not there."""
    folders = {""}
    for path in posts.iterdir():
        head = path.read_text("utf-8").split("\n---\n", 1)[0]
        for key, kind in (("categories", "category"), ("tags", "tag")):
            names = re.search(rf"^{key}: \[(.*)\]$", head, re.MULTILINE)
            folders.update(f"{kind}/{name}/" for name in names[1].split(", ")) if names else None
    wanted = {f"{folder}feed{ending}" for folder in folders for ending in ENDINGS}
    return sorted(wanted - written.keys())


def check(root: Path, tools: Sequence[Tool], title: str = "") -> None:
    """Raise :class:`DifferentError` unless all tools wrote the same feeds, ``title`` in them."""
    mine, theirs = (read_feeds(root / tool.output) for tool in tools)
    found = differences(mine, theirs)
    found += [f"{path}: missing" for path in missing_feeds(mine, root / "posts")]
    front = mine.get("feed.atom", [])
    if len(front) != ENTRIES:
        found.append(f"feed.atom: {len(front)} entries instead of {ENTRIES}")
    if title and front[0][1] != title:
        found.append(f"feed.atom: begins with {front[0][1]!r} instead of {title!r}")
    if found:
        more = f"\nand {len(found) - 10} more" if len(found) > 10 else ""
        raise DifferentError("the outputs differ:\n" + "\n".join(found[:10]) + more)
