"""``feeds publish``: the feeds to where readers get them."""

from __future__ import annotations

from pathlib import Path

import click

from feeds.commands.common import published_to
from feeds.commands.delivering import deliver, delivery_object, print_delivery
from feeds.configfile import load_config
from feeds.console import print_json, print_line
from feeds.options import AS_JSON, SITE, TO
from feeds.terminal import visible


@click.command()
@SITE
@TO
@click.option("--dry-run", is_flag=True, help="Show what would be sent and removed.")
@click.option(
    "--force",
    is_flag=True,
    help="Send everything, also over what this program did not write or where nothing would stay.",
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
