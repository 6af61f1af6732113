"""``feeds publish``, and what it shares with ``feeds build --to``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feeds.config import Config
from feeds.configfile import load_config
from feeds.console import bar, print_json, print_line, report
from feeds.options import AS_JSON, SITE, TO, published_to
from feeds.terminal import count, visible

if TYPE_CHECKING:
    from feeds.publishing.delivery import Delivery


@click.command()
@SITE
@TO
@click.option("--dry-run", is_flag=True, help="Show what would be sent and removed.")
@click.option(
    "--force", is_flag=True, help="Send everything, also over what this program did not write."
)
@AS_JSON
def publish(site: Path, to: str | None, dry_run: bool, force: bool, as_json: bool) -> None:
    """Bring the feeds to a folder or to a bucket (S3).

    What the last build wrote goes to where readers get it: to --to, or [publish] to. Only
    what changed is sent: feeds first, then what links to them; what is no longer wanted is
    removed last. Stopped at any moment and started again, it goes on. A bucket may be of
    anything compatible with S3, and needs the extra feeds[s3]; its keys are taken from the
    environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if any, AWS_SESSION_TOKEN.

    \b
    Examples:
      feeds publish --to /srv/www
      feeds publish --to 's3://news/feeds?region=eu-central-1'
      feeds publish --to 's3://news?endpoint=https://s3.example.com' --dry-run
    """
    config = load_config(site, published_to(to))
    delivery = deliver(config, dry_run, force)
    if as_json:
        print_json({"dry_run": dry_run, **delivery_object(delivery, config)})
        return
    if dry_run:
        for path in delivery.sent:
            print_line(f"would send {visible(path)}")
        for path in delivery.removed:
            print_line(f"would remove {visible(path)}")
    print_delivery(delivery, config, "would be " if dry_run else "")


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
