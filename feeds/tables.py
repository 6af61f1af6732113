"""Feeds as a table for a terminal, and as lines for programs and files.

In: feeds. Out: text. Chinese letters take two columns, and rich counts them so.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote

from feeds.build import KnownFeed
from feeds.terminal import visible

ENCODED: Final = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")
PADDING: Final = re.compile(r"(?m) +((?:\x1b\[[\d;]*m)?)$")
LEAST_NAME: Final = 12  # columns
OTHER_COLUMNS: Final = 8 + 7 + 7 + 10 + 5  # kind, entries, posts, newest, and what is between


def feed_table(feeds: Iterable[KnownFeed], width: int, colour: bool) -> str:
    """A table that fits into ``width`` columns; what is longer goes on in the next line.

    Addresses are shown with the letters of their script, as browsers do. Where they are too
    long for the width, what they begin and end with stands below the table instead.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    feeds = list(feeds)
    addresses = [visible(readable(next(iter(feed.head.urls.values())))) for feed in feeds]
    names = [visible(feed.head.name or feed.head.title) for feed in feeds]
    longest = max(map(cell_len, names), default=0) + max(map(cell_len, addresses), default=0)
    base = end = ""
    if longest + OTHER_COLUMNS > width:
        base, end = _beginning(addresses), _end(addresses)
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    table.add_column("kind", no_wrap=True)
    table.add_column("name", overflow="fold", min_width=LEAST_NAME)
    table.add_column("entries", justify="right", no_wrap=True)
    table.add_column("posts", justify="right", no_wrap=True)
    table.add_column("newest", no_wrap=True)
    table.add_column("path" if base else "address", overflow="fold", style="cyan")
    for feed, name, address in zip(feeds, names, addresses, strict=True):
        cells = (
            str(feed.head.kind),
            name,
            f"{feed.entries:,}",
            f"{feed.posts:,}",
            f"{feed.newest:%Y-%m-%d}" if feed.posts else "",
            address.removeprefix(base).removesuffix(end) or "./",
        )
        table.add_row(*(Text(cell) for cell in cells))
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        legacy_windows=False,
    )
    console.print(table)
    if base:
        behind = f", with {end} behind" if end else ""
        console.print(Text(f"paths are below {base}{behind}"))
    return PADDING.sub(r"\1", out.getvalue()).rstrip("\n")


def _beginning(addresses: Sequence[str]) -> str:
    """The folder that all addresses are below."""
    # What is between the first and the last of them in order begins as both do.
    first, last = min(addresses).split("/"), max(addresses).split("/")
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last, strict=False))
    return "".join(f"{part}/" for part, _ in same)


def _end(addresses: Sequence[str]) -> str:
    """The name that the files of several addresses have, if it is the same."""
    names = {address.rpartition("/")[2] for address in addresses}
    return names.pop() if len(names) == 1 < len(addresses) else ""


def feed_lines(feeds: Iterable[KnownFeed]) -> Iterator[str]:
    """A feed a line, its cells set apart by tabs: kind, name, entries, posts, newest, address."""
    for feed in feeds:
        newest = f"{feed.newest:%Y-%m-%d}" if feed.posts else ""
        url = next(iter(feed.head.urls.values()))
        cells = (visible(feed.head.name), str(feed.entries), str(feed.posts), newest, url)
        yield "\t".join((str(feed.head.kind), *cells))


def readable(url: str) -> str:
    """An address with letters in place of their bytes (RFC 3987); others stay encoded."""
    return ENCODED.sub(lambda match: _decoded(match[0]), url)


def _decoded(encoded: str) -> str:
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return encoded
