"""From one page of the output to another file of it, as a relative reference (RFC 3986).

Relative, so that pages work below any path, behind any proxy and from a disk. Letters of all
scripts stay as they are (URL Standard): percent signs would treble the size of a directory.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import quote, urlsplit

from feeds.catalog import folder_of, is_index

# A colon in a first segment would make a scheme of it, and a semicolon has parameters behind it
# for those who read RFC 2396, so that none stays.
SPECIAL: Final = re.compile(r"[^\w/.~!$'()*,@&=+-]")


def reference(page: str, target: str) -> str:
    """The way from a page to another file; to the folder of a page that is its index."""
    wanted = folder_of(target) if is_index(target) else target
    start = folder_of(page).rstrip("/") or "."
    way = posixpath.relpath(wanted.rstrip("/") or ".", start)
    if wanted.endswith("/") or not wanted:
        way = f"{way}/"
    return SPECIAL.sub(lambda match: quote(match[0], safe=""), way)


def web_address(url: str) -> str:
    """An address that a browser may be led to; empty where it is none of the web."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def host_of(url: str) -> str:
    """The host of an address as people read it."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
