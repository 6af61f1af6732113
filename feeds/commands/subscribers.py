"""``feeds subscribers``: how many read each feed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from feeds.configfile import load_config
from feeds.console import print_json_lines, print_line, say
from feeds.options import AS_JSON, SITE, read_day
from feeds.terminal import visible


@click.command()
@SITE
@click.option(
    "--day",
    callback=read_day,
    metavar="DATE",
    help="As in 2026-01-31.  [default: the last day there is]",
)
@AS_JSON
def subscribers(site: Path, day: date | None, as_json: bool) -> None:
    """Show how many subscribe to each feed.

    Counted are what aggregators tell while they fetch, and distinct plain readers. No
    address of a reader is stored.
    """
    from feeds.audience import audience

    wanted = day.isoformat() if day else None
    found = audience(load_config(site), wanted)
    if as_json:
        print_json_lines(
            {
                "day": found.day,
                "path": feed.path,
                "subscribers": feed.subscribers,
                "agents": dict(feed.agents),
                "readers": feed.readers,
            }
            for feed in found.feeds
        )
        return
    if not found.feeds:
        say(f"nobody was counted{f' on {wanted}' if wanted else ' yet'}")
        return
    for feed in found.feeds:
        agents = ", ".join(f"{visible(name)} {number:,}" for name, number in feed.agents)
        parts = ([agents] if agents else []) + [f"readers {feed.readers:,}"]
        print_line(f"{feed.subscribers:>9,}  {visible(feed.path)}  ({', '.join(parts)})")
