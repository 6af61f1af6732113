"""The state folder of a site: everything in it can be made again, so it ignores itself."""

from __future__ import annotations

from pathlib import Path


def make_state_folder(state: Path) -> None:
    """Make the folder if it is missing, with a ``.gitignore`` of its own."""
    state.mkdir(exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", "utf-8")
