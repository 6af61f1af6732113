"""Completion in shells: their scripts, and which terms a site has.

In: the command line and the index of a site as the last build left it; nothing is read or
built for it. Out: a script for bash, zsh or fish, and what may stand at a place.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from feeds.config import STATE_FOLDER
from feeds.models import Kind
from feeds.terminal import visible

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_FEEDS_COMPLETE"
PLAIN: Final = re.compile(r"([^\w@%+:,./-])")

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]


class _Bash(BashComplete):
    """Bash puts in what it is given as it stands: a name with a space or a ``;`` is quoted."""

    def format_completion(self, item: CompletionItem[Any]) -> str:
        # Twice, since the script that reads this takes one away.
        value = PLAIN.sub(r"\\\\\1", item.value) if item.type == "plain" else item.value
        return f"{item.type},{value}"


def register() -> None:
    """Have click know what is special here; once for a process."""
    add_completion_class(_Bash, "bash")


def script(command: click.Command, shell: str) -> str:
    """What a shell has to run to complete ``feeds``."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise ValueError(shell)
    return found(command, {}, "feeds", VARIABLE).source()


def folders(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """The shell knows best which folders there are."""
    return [CompletionItem(incomplete, type="dir")]


def terms(kind: Kind) -> Complete:
    """Completes the names of a site's categories or tags, those with most posts first."""

    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        site = context.params.get("site") or Path()
        names = term_names(Path(os.path.realpath(site)) / STATE_FOLDER, kind)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def term_names(state: Path, kind: Kind) -> list[str]:
    """What the index knows, nothing where there is none or it cannot be read."""
    import sqlite3

    from feeds.view import View, connect, current_index

    with contextlib.suppress(OSError, sqlite3.Error, ValueError):
        if path := current_index(state):
            with contextlib.closing(connect(path)) as db:
                found = [(-posts, name) for of, name, posts, _ in View(db).terms() if of is kind]
            return [name for _, name in sorted(found) if visible(name) == name]
    return []
