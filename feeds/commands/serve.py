"""``feeds serve``: the feeds of a site over HTTP, kept up to date."""

from __future__ import annotations

from pathlib import Path

import click

from feeds.configfile import load_config
from feeds.options import SITE


@click.command()
@SITE
@click.option("--host", metavar="ADDRESS", help="Listen at this address.  [default: 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), metavar="N", help="And at this port.  [default: 8000]"
)
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="How many processes answer."
)
@click.option("--no-watch", is_flag=True, help="Do not notice changed files.")
def serve(
    site: Path, host: str | None, port: int | None, workers: int | None, no_watch: bool
) -> None:
    """Serve the feeds of SITE, and keep them up to date.

    Posts that are written, changed or due appear within a second. Stop with Ctrl-C; answers
    in flight are finished.
    """
    given = {"host": host, "port": port, "workers": workers}
    over = {key: value for key, value in given.items() if value is not None}
    config = load_config(site, {"server": over})
    from server.run import serve as run

    run(config, "off" if no_watch else config.server.watch)
