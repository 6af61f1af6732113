"""What a build depends on beside the posts, as one hash: configuration, includes, the program.

A change of any of it is noticed by its hash and answered by reading or rendering anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

import feeds
from feeds.config import Config
from feeds.errors import OutputError

# Libraries whose version can change what is read or rendered.
LIBRARIES: Final = re.compile(
    r"(feedgen|[Jj]inja2|lxml|[Mm]arkup[Ss]afe|nh3|orjson|pyromark|python_frontmatter|python_liquid|PyYAML|pyyaml|tzdata)"
    r"-.*\.dist-info"
)
# Those that are told from each other between machines, which ask for links, too: no build
# depends on how that is done.
DECIDING: Final = (
    *("feedgen", "lxml", "nh3", "orjson", "pyromark", "python-frontmatter", "python-liquid"),
    *("PyYAML", "tzdata", "zstandard"),
    *("certifi", "httptools", "httpx", "idna"),
)


# What is rendered depends on the files in these folders of the program.
FOLDERS: Final = ("posts", "render", "pages", "pages/templates")
SOURCE_NAME: Final = "program"  # a file of the state folder
ENDINGS: Final = (".py", ".sql", ".html", ".css", ".js")


def digest(*parts: object) -> bytes:
    """16 bytes that tell one set of values from another."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def reading_fingerprint(config: Config) -> str:
    """Of all that decides what a file is read as."""
    return fingerprint(config, config.reading_fingerprint())


def rendering_fingerprint(config: Config) -> str:
    """Of all that decides what a post becomes in a feed."""
    return fingerprint(config, config.fingerprint(), _includes_digest(config))


def fingerprint(config: Config, *parts: str) -> str:
    """A hash of ``parts`` and of the program itself, its libraries included."""
    return digest(_program(config.state), *parts).hex()


@functools.cache
def _program(state: Path) -> tuple[object, ...]:
    """The versions of this program and of its libraries.

    The names of the folders of their metadata say so in a tenth of the time that
    importlib.metadata needs. A checkout changes without its version: its files count too.
    """
    libraries: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            libraries.update(
                name for name in os.listdir(folder or ".") if LIBRARIES.fullmatch(name)
            )
    return feeds.__version__, sys.version_info[:2], _source(state), sorted(libraries)


def _source(state: Path) -> str:
    """A hash of the program's files.

    Where they are as old as the last time that they were read, what they were is taken from the
    state folder: to look at them takes a fifth of the time (2 ms in place of 9). To install the
    same program again makes other times and the same hash.
    """
    files = _own_files()
    seen = digest(*((name, found.st_size, found.st_mtime_ns) for name, _, found in files)).hex()
    memory = state / SOURCE_NAME
    with contextlib.suppress(OSError, ValueError):
        before, source = memory.read_text("ascii").split()
        if before == seen:
            return source
    source = digest(*((name, path.read_bytes()) for name, path, _ in files)).hex()
    _remember(memory, f"{seen} {source}\n")
    return source


def _remember(memory: Path, text: str) -> None:
    from feeds.replacement import replacing

    # The first build has no state folder yet; one that cannot be written is told elsewhere.
    with contextlib.suppress(OutputError), replacing(memory) as file:
        file.write(text.encode("ascii"))


def _own_files() -> list[tuple[str, Path, os.stat_result]]:
    package = Path(feeds.__file__).parent
    return sorted(
        (f"{name}/{path.name}", path, path.stat())
        for name in ("", *FOLDERS)
        for path in (package / name).iterdir()
        if path.suffix in ENDINGS
    )


class Program(NamedTuple):
    """What has to be the same on two machines, so that both make the same of a file: ``source``
    is a hash of this program's files, ``libraries`` are names with versions."""

    version: str
    python: str
    source: str
    libraries: tuple[str, ...]


@functools.cache
def program() -> Program:
    """This program and its libraries, told apart as on any other machine."""
    from importlib.metadata import version

    source = hashlib.blake2b(digest_size=16)
    package = Path(feeds.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.suffix in (".py", ".sql"):
            source.update(f"{path.relative_to(package)}\0".encode())
            source.update(path.read_bytes())
    libraries = sorted(f"{name} {version(name)}" for name in DECIDING)
    python = ".".join(map(str, sys.version_info[:2]))
    return Program(feeds.__version__, python, source.hexdigest(), tuple(libraries))


def _includes_digest(config: Config) -> str:
    """A hash of what Liquid may include."""
    folder = config.root / config.posts.includes_dir
    if not (config.posts.liquid and folder.is_dir()):
        return ""
    texts = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file():
                texts.append((str(path.relative_to(folder)), path.read_bytes()))
    return digest(*texts).hex()
