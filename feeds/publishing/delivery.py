"""What is asked of publishing, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feeds.build import LOCK_WAIT
from feeds.models import Finding, Level
from feeds.terminal import Progress, silent

FORCE: Final = "or replace them with --force"


def gave_way(paths: Sequence[str]) -> tuple[Finding, ...]:
    """What there is to say of pages in whose place the site has files of its own."""
    if not paths:
        return ()
    more = f", as others are: {len(paths):,} pages in all" if len(paths) > 1 else ""
    what = f"is not a file of this program there{more}"
    return (Finding(paths[0], 0, Level.NOTE, what, "left as it is; --force replaces it"),)


@dataclass(frozen=True, slots=True)
class Options:
    """How to publish, apart from what the configuration says.

    ``force`` sends everything, also over what this program did not write; ``dry_run`` changes
    nothing; ``wait`` is how many seconds another run of this machine may take.
    """

    force: bool = False
    dry_run: bool = False
    wait: float = LOCK_WAIT
    progress: Progress = silent


@dataclass(frozen=True, slots=True)
class Delivery:
    """Paths that were sent, in their order, and removed, or would be; how many files there were
    unchanged."""

    sent: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: int = 0
    findings: tuple[Finding, ...] = ()
