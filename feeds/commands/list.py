"""``feeds list``: which feeds there are."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feeds.commands.common import configured, workers_for
from feeds.console import bar, colour, print_json_lines, print_line, report, say
from feeds.options import AS_JSON, JOBS, KIND, MATCH, SITE, SORT, SOURCES, VERBOSE

if TYPE_CHECKING:
    from feeds.build import KnownFeed


@click.command(name="list")
@SITE
@KIND
@SORT
@MATCH
@VERBOSE
@JOBS
@SOURCES
@AS_JSON
def list_feeds(
    site: Path,
    kinds: Sequence[str],
    sort: str | None,
    words: str,
    verbose: bool,
    jobs: int | None,
    sources: Sequence[str],
    as_json: bool,
) -> None:
    """Show which feeds there are, and where.

    Each with its kind, name, number of entries in it, number of posts in all, day of the
    newest and address; none is written. A terminal gets a table; elsewhere each feed is a line
    with tabs between these six.

    With --json there is an array with an object for each feed: kind (site, category or tag),
    name, title, path, url, entries, updated, urls (of every format), posts, newest.

    \b
    Examples:
      feeds list
      feeds list --kind tag --sort posts
      feeds list --match 'tag/a*'
      feeds list blog --json | jq -r '.[] | select(.kind == "tag") | .url'
    """
    from feeds import build as steps
    from feeds.lookup import wanted_feeds
    from feeds.objects import feed_object

    config = configured(site, sources)
    with workers_for(jobs) as workers, bar() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_feeds(config, datetime.now(UTC), workers, options)
    report(known.findings, verbose)
    feeds = wanted_feeds(known.feeds, kinds, words, sort or "")
    if as_json:
        print_json_lines(map(feed_object, feeds))
    else:
        _print_feeds(feeds)
    if not feeds:
        say("0 feeds; without --kind and --match it shows all")


def _print_feeds(feeds: Sequence[KnownFeed]) -> None:
    from feeds.tables import feed_lines, feed_table

    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        print_line(feed_table(feeds, width, colour() is not False))
        return
    for line in feed_lines(feeds):
        print_line(line)
