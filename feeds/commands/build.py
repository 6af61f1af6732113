"""``feeds build``: the feeds of a site, and what has to follow them."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feeds import completion
from feeds.commands.common import configured, workers_for
from feeds.commands.delivering import deliver, delivery_object, print_delivery
from feeds.config import Config
from feeds.console import (
    FOUND,
    bar,
    print_json,
    print_line,
    relative,
    report,
    say,
    site_argument,
)
from feeds.models import Kind
from feeds.options import AS_JSON, CLUSTER, JOBS, SITE, SOURCES, TO, VERBOSE
from feeds.terminal import count, visible

if TYPE_CHECKING:
    from feeds.build import Result
    from feeds.cluster import Address


@click.command()
@SITE
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    shell_complete=completion.folders,
    help="Write the feeds into this folder instead of [feeds] output.",
)
@click.option("--full", is_flag=True, help="Forget what is known and read everything again.")
@click.option(
    "--strict", is_flag=True, help="If there is any warning or error: write nothing, exit with 1."
)
@TO
@click.option("--notify", is_flag=True, help="Tell the hubs of [feeds] hubs what changed.")
@VERBOSE
@JOBS
@CLUSTER
@SOURCES
@AS_JSON
def build(
    site: Path,
    output: str | None,
    full: bool,
    strict: bool,
    to: str | None,
    notify: bool,
    verbose: bool,
    jobs: int | None,
    cluster: Address | None,
    sources: Sequence[str],
    as_json: bool,
) -> int:
    """Write the feeds of a site.

    They go into SITE/public/ unless the configuration or -o says otherwise. Only what changed
    since the last build is read, rendered and written. A broken post stops nothing: it is
    repaired or left out, and named at the end with its line. Files that were not written by
    this command are never overwritten or removed. What is known of the site lies in
    SITE/.feeds/, which may be deleted. --to publishes the feeds after that, as `feeds publish`
    does.

    \b
    Examples:
      feeds build                        the site in this folder
      feeds build blog -o /srv/www       the one in blog/, into another folder
      feeds build --strict               for CI: no broken post gets past
      feeds build --posts _posts --posts old_post
      feeds build --json                 what was written, and every finding
    """
    from feeds import build as steps
    from feeds.objects import build_object
    from feeds.summary import build_lines

    started = time.perf_counter()
    config = configured(site, sources, output, to)
    with workers_for(jobs, cluster, config) as workers, bar() as progress:
        options = steps.Options(full=full, strict=strict, progress=progress)
        result = steps.build(config, datetime.now(UTC), workers, options)
    seconds = time.perf_counter() - started
    report(result.findings, verbose)
    if not as_json:
        for line in build_lines(result, visible(relative(config.output)), seconds):
            print_line(line)
    delivery = deliver(config) if to is not None and result.published else None
    told = steps.notify(config, time.time) if notify else None
    if as_json:
        delivered = {"publishing": delivery_object(delivery, config)} if delivery else {}
        print_json({**build_object(result, config, seconds), **delivered})
    else:
        if delivery:
            print_delivery(delivery, config)
        if told is not None:
            print_line(f"{count(told, 'feed')} told to {count(len(config.feeds.hubs), 'hub')}")
        _tell_next(result, config, site)
    if strict and result.faults:
        return FOUND
    return 0


def _tell_next(result: Result, config: Config, site: Path) -> None:
    """What to do now: where there are no posts for everybody, else for who sits before it."""
    from feeds.summary import no_posts

    if not result.posts:
        say(no_posts(config, result.findings))
    elif result.published is not None and sys.stdout.isatty():
        feed = next(iter(config.feeds.paths[Kind.SITE].values()))
        ours = config.pages.directory in result.published.known
        first = config.pages.directory if ours else feed
        page = visible(relative(config.output / first))
        say(f"next: look at {page}, or serve it with `feeds serve{site_argument(site)}`")
