"""What ``feeds publish`` and ``feeds build --to`` have in common."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from feeds.config import Config
from feeds.console import bar, print_line, report
from feeds.terminal import count, visible

if TYPE_CHECKING:
    from feeds.publishing.delivery import Delivery


def deliver(config: Config, dry_run: bool = False, force: bool = False) -> Delivery:
    """Bring the output to [publish] to; its findings are told, its result is not yet."""
    from feeds.publishing.delivery import Options
    from feeds.publishing.run import publish as steps

    with bar() as progress:
        options = Options(force=force, dry_run=dry_run, progress=progress)
        delivery = steps(config, os.environ, options)
    report(delivery.findings)
    return delivery


def print_delivery(delivery: Delivery, config: Config, would: str = "") -> None:
    """How many files were sent, a line for people."""
    parts = [f"{count(len(delivery.sent), 'file')} {would}sent"]
    parts += [f"{delivery.unchanged:,} unchanged"] if delivery.unchanged else []
    parts += [f"{len(delivery.removed):,} {would}removed"] if delivery.removed else []
    print_line(f"{', '.join(parts)} in {visible(str(config.publish.to))}")


def delivery_object(delivery: Delivery, config: Config) -> dict[str, Any]:
    """The same for programs, with the paths of the files."""
    from feeds.objects import finding_object

    return {
        "to": str(config.publish.to),
        "sent": delivery.sent,
        "removed": delivery.removed,
        "unchanged": delivery.unchanged,
        "findings": [finding_object(found) for found in delivery.findings],
    }
