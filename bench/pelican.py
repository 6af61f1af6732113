"""Pelican, set to write the feeds that this program writes, and nothing else.

In: a corpus of :mod:`bench.corpus`. Out: the command that builds it with the settings in
``peers/pelican/``. It is made as fast as its settings allow: no page, no theme, no plugin; what
it read is kept from one run to the next.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

OUTPUT: Final = "public-pelican"
CACHE: Final = "cache-pelican"
PACKAGE: Final = "pelican"
SETTINGS: Final = Path(__file__).parent / "peers" / "pelican" / "pelicanconf.py"


def version() -> str | None:
    """As in ``4.12.0``, ``None`` where the package is not installed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None


def command(root: Path) -> list[str]:
    """Build the corpus into its folder ``OUTPUT``."""
    cache = f"CACHE_PATH={json.dumps(os.fspath(root / CACHE))}"
    options = ("--settings", SETTINGS, "--output", root / OUTPUT, "--fatal", "errors", "--quiet")
    program = (sys.executable, "-m", PACKAGE, root / "posts", *options, "--extra-settings", cache)
    return [os.fspath(each) for each in program]
