"""What is asked of publishing, and what it did."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from feeds.build import LOCK_WAIT
from feeds.errors import ForeignFileError
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


def refuse_to_empty(where: str, there: Collection[str], wanted: Collection[str]) -> None:
    """Raise :class:`~feeds.errors.ForeignFileError` where nothing that is there would stay.

    So it is where one part of a site is published in the place of another part.
    """
    if there and not set(wanted).intersection(there):
        number = f"{len(there):,} file{'s' * (len(there) > 1)} of this site"
        raise ForeignFileError(
            f"{where}: has {number}, none of which is in what was built; are they another part "
            f"of it?\nnothing was sent; choose another place, {FORCE}"
        )


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
