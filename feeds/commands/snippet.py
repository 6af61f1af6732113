"""``feeds snippet``: what the pages of a site need to name its feeds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from feeds.commands.common import configured, workers_for
from feeds.console import bar, print_line, report
from feeds.options import JOBS, SITE, SOURCES


@click.command()
@SITE
@click.option(
    "--for",
    "language",
    type=click.Choice(["jekyll", "hugo", "html"]),
    metavar="LANGUAGE",
    help="Print for jekyll, hugo or html.  [default: jekyll on a Jekyll site, else html]",
)
@JOBS
@SOURCES
def snippet(site: Path, language: str | None, jobs: int | None, sources: Sequence[str]) -> None:
    """Print what the pages of a site need to name its feeds.

    It goes into their <head>. For Jekyll and Hugo it is a template: the site's feed on every
    page, and the feeds of the categories and tags that a page has. Names whose path does not
    follow from them, and those without a feed, are named in it, so print it again when such
    ones come. For html it is every line there is, under the name of the page that it belongs
    on.

    \b
    Examples:
      feeds snippet > _includes/feeds.html
      feeds snippet --for hugo > layouts/partials/feeds.html
    """
    from feeds import build as steps
    from feeds import snippet as written

    config = configured(site, sources)
    with workers_for(jobs) as workers, bar() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_terms(config, datetime.now(UTC), workers, options)
    wanted = written.Language(language or ("jekyll" if config.posts.jekyll else "html"))
    made = written.snippet(config, known.found, known.terms, wanted)
    print_line(made.text.removesuffix("\n").encode())
    report([*known.findings, *made.notes])
