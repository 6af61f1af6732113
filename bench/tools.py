"""The programs that are measured: how each builds a corpus, and what there is to be compared.

A peer is set to write the feeds that this program writes and nothing else. What is missing is
named, never installed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import feeds
from bench import hugo, pelican


class MissingError(Exception):
    """A peer is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that builds a corpus: the command, where it writes, what it keeps.

    ``write_site`` puts what it needs beside the posts of a corpus.
    """

    name: str
    version: str
    command: Callable[[Path], list[str]]
    output: str
    state: tuple[str, ...] = ()
    write_site: Callable[[Path], object] = lambda root: None


def ours() -> Tool:
    return Tool(
        name="feeds",
        version=feeds.__version__,
        command=lambda root: [sys.executable, "-m", "feeds", "build", str(root)],
        output="public",
        state=(".feeds",),
    )


def hugo_tool() -> Tool:
    program = hugo.binary()
    if program is None:
        raise MissingError(f"needs the Python package {hugo.PACKAGE}; get it with: {EXTRA}")
    return Tool(
        name="Hugo",
        version=hugo.version(program),
        command=lambda root: hugo.command(program, root),
        output=hugo.OUTPUT,
        write_site=hugo.write_site,
    )


def pelican_tool() -> Tool:
    version = pelican.version()
    if version is None:
        raise MissingError(f"needs the Python package {pelican.PACKAGE}; get it with: {EXTRA}")
    return Tool(
        name="Pelican",
        version=version,
        command=pelican.command,
        output=pelican.OUTPUT,
        state=(pelican.CACHE,),
    )


EXTRA: Final = "pip install -c constraints.txt -e '.[bench]'"
PEERS: Final = {"hugo": hugo_tool, "pelican": pelican_tool}
