"""Links corrected in the files of posts, where it is certain what they should say.

In: the bytes of a file and corrections by line. Out: the same bytes with other addresses.
Everything else stays as it is, byte for byte.
"""

from __future__ import annotations

import contextlib
import difflib
import html
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from feeds.errors import OutputError
from feeds.links.rules import Judged
from feeds.models import Role, Verdict

# Verdicts of rules that come with the address that the link should have.
OF_RULES: Final = frozenset((Verdict.RELATIVE, Verdict.WRONG_HOST, Verdict.WRONG_TARGET))
# What may stand in an address without meaning anything to Markdown, HTML, YAML or TOML.
HARMLESS: Final = "/?:@&=+$,;#%~!-._"
# What an address in a file can be part of: then it is another address.
WITHIN: Final = rb"[\w./:?&=#%+~@!$,;-]"


class Correction(NamedTuple):
    """An address that stands in a line (from 1), and the one that should."""

    line: int
    old: str
    new: str


def corrections(links: Iterable[Judged], moved: Mapping[tuple[int, str], str]) -> list[Correction]:
    """What is certain of a post's links.

    ``moved`` are the new addresses of those that moved for good, by line and address.
    """
    wanted: dict[tuple[int, str], set[str]] = defaultdict(set)
    for judged in links:
        link = judged.link
        if not link.url:
            continue
        new = judged.fix if judged.verdict in OF_RULES else ""
        if not new and judged.verdict is None and link.role is not Role.ENCLOSURE:
            new = moved.get((link.line, link.url), "")
        wanted[link.line, link.url].add(new)
    found = []
    for (line, old), news in wanted.items():
        # Links that look alike and should differ are for a person to decide.
        if len(news) == 1 and (new := next(iter(news))):
            new = _in_style(quote(new, safe=HARMLESS), old)
            if new != old:
                found.append(Correction(line, old, new))
    return found


def _in_style(new: str, old: str) -> str:
    """Without its scheme, if the old address has none either."""
    return new.partition(":")[2] if old.startswith("//") else new


def corrected(raw: bytes, wanted: Iterable[Correction]) -> bytes:
    """The file with its addresses corrected; one that is not found in its line is left.

    Lines end as those of posts do: with LF, CRLF or CR.
    """
    lines = raw.splitlines(keepends=True)
    for line, old, new in wanted:
        if not 0 < line <= len(lines):
            continue
        for before, after in ((old, new), (html.escape(old), html.escape(new))):
            pattern = re.compile(rb"(?<!%b)%b(?!%b)" % (WITHIN, re.escape(before.encode()), WITHIN))
            replaced, number = pattern.subn(_literally(after), lines[line - 1])
            if number:
                lines[line - 1] = replaced
                break
    return b"".join(lines)


def _literally(text: str) -> bytes:
    return text.encode().replace(b"\\", b"\\\\")


def diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """A unified diff of a file, as ``patch`` and ``git apply`` take it."""
    old, new = (each.decode("utf-8", "replace").split("\n") for each in (before, after))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=1, lineterm=""):
        yield line.removesuffix("\r")


def replace_file(path: Path, before: bytes, after: bytes) -> bool:
    """Put a file into place of the one that was read, whole or not at all.

    Returns whether it was; if the file has changed since it was read it is left alone.
    Raises :class:`~feeds.errors.OutputError`.
    """
    target = Path(os.path.realpath(path))
    staged = ""
    try:
        mode = target.stat().st_mode & 0o7777
        handle, staged = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if target.read_bytes() != before:
            return False
        os.replace(staged, target)
        staged = ""
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"{path}: cannot be written: {reason}") from error
    finally:
        if staged:
            with contextlib.suppress(OSError):
                os.unlink(staged)
    return True
