"""What is asked of publishing, and what it did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from feeds.build import LOCK_WAIT, Progress, silent
from feeds.models import Finding

FORCE: Final = "or replace them with --force"


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
