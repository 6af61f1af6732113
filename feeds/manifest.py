"""The manifest of a folder or a bucket: which files in it are this program's, and their hashes.

In and out: text in the format of ``sha256sum``. What is no file stands in comments: whose
feeds they are, which files somebody changed so that they were left, and what only a bucket
needs: what its objects' headers were made from, and who is sending to it right now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

MANIFEST: Final = ".feeds-manifest"
# Among the hashes of an object: maybe there is none yet, or none any more.
ABSENT: Final = "0" * 64
LINE: Final = re.compile(r"(# left )?([0-9a-f]{64})  (.+)")
FACT: Final = re.compile(r"# (feeds of|headers|sender) (\S+)")

Hashes: TypeAlias = dict[str, set[str]]


class Manifest(NamedTuple):
    """The hashes of what is ours, those of files that somebody changed, and the address of the
    site that it all is of.

    A path with several hashes has the content of one of them. ``headers`` stands for all that
    decides on the headers of a bucket's objects; ``sender`` is who sends, if anybody does.
    """

    files: Hashes
    left: Hashes
    owner: str = ""
    headers: str = ""
    sender: str = ""


class DamagedManifestError(Exception):
    """A line is none of a manifest; the message is its number."""


def parse_manifest(raw: bytes) -> Manifest:
    """What a manifest says. Raises :class:`DamagedManifestError`."""
    try:
        lines = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise DamagedManifestError(raw.count(b"\n", 0, error.start) + 1) from error
    files: Hashes = {}
    left: Hashes = {}
    facts: dict[str, str] = {}
    for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines, 1):
        if match := FACT.fullmatch(line):
            facts[match[1]] = match[2]
        elif (match := LINE.fullmatch(line)) and _is_below(match[3]):
            (left if match[1] else files).setdefault(match[3], set()).add(match[2])
        else:
            raise DamagedManifestError(number)
    return Manifest(
        files, left, facts.get("feeds of", ""), facts.get("headers", ""), facts.get("sender", "")
    )


def _is_below(path: str) -> bool:
    """Whether a path leads to a file of the folder: somebody else may have written the line."""
    return {"", ".", ".."}.isdisjoint(path.split("/"))


def manifest_text(manifest: Manifest) -> str:
    """The text of a manifest; the same for the same files."""
    facts = {
        "feeds of": manifest.owner,
        "headers": manifest.headers,
        "sender": manifest.sender,
    }
    lines = [f"# {name} {value}\n" for name, value in facts.items() if value]
    lines += [f"# left {line}" for line in _lines(manifest.left)]
    return "".join([*lines, *_lines(manifest.files)])


def _lines(files: Mapping[str, set[str]]) -> list[str]:
    return sorted(f"{hash}  {path}\n" for path, hashes in files.items() for hash in hashes)
