"""Hugo, set to write the feeds that this program writes, and nothing else.

In: a corpus of :mod:`bench.corpus`. Out: the files of ``peers/hugo/`` beside its posts, and
the command that builds them. Hugo comes as the Python package ``hugo``; its binary is run
itself, without the Python script around it.

It is made as fast as its settings allow: no page is rendered, only Atom and RSS of the front
page and of every term; the layouts are plain text templates, which escape what they are told
to; no lock is taken. Go's garbage collector is left at its default. Layouts that keep each
entry with ``partialCached`` were no faster.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

OUTPUT: Final = "public-hugo"
PACKAGE: Final = "hugo"
SITE: Final = Path(__file__).parent / "peers" / "hugo"


def binary() -> Path | None:
    """Hugo's own program, ``None`` where the package is not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(os.fspath(file.locate())) for file in files if "binaries" in file.parts)
    return next((path for path in found if path.stem == PACKAGE), None)


def version(program: Path) -> str:
    """As in ``0.168.0``."""
    told = subprocess.run([program, "version"], capture_output=True, check=True, text=True)
    return told.stdout.split()[1].lstrip("v").partition("-")[0]


def write_site(root: Path) -> None:
    """Put Hugo's configuration and layouts beside the posts of a corpus."""
    shutil.copytree(SITE, root, dirs_exist_ok=True)


def command(program: Path, root: Path) -> list[str]:
    """Build the corpus into its folder ``OUTPUT``."""
    cache = root.parent / "hugo-cache"
    options = ("--quiet", "--noBuildLock", f"--destination={OUTPUT}", f"--cacheDir={cache}")
    return [os.fspath(program), *options, f"--source={root}"]
