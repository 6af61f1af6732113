"""``feeds posts``: what was read of every post."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feeds.commands.common import configured, workers_for
from feeds.console import bar, print_json_lines, print_line, report, say
from feeds.options import (
    AS_JSON,
    CATEGORY,
    JOBS,
    MATCH,
    SINCE,
    SITE,
    SOURCES,
    STATE,
    TAG,
    UNTIL,
    VERBOSE,
)
from feeds.section import show
from feeds.terminal import count, visible

if TYPE_CHECKING:
    from feeds.lookup import PostFilter
    from feeds.models import Post


@click.command()
@SITE
@CATEGORY
@TAG
@SINCE
@UNTIL
@STATE
@click.option("--problems", is_flag=True, help="Only posts that something is to be said of.")
@MATCH
@VERBOSE
@JOBS
@SOURCES
@AS_JSON
def posts(
    site: Path,
    categories: tuple[str, ...],
    tags: tuple[str, ...],
    since: date | None,
    until: date | None,
    states: tuple[str, ...],
    problems: bool,
    words: str,
    verbose: bool,
    jobs: int | None,
    sources: Sequence[str],
    as_json: bool,
) -> None:
    """Show what was read of every post.

    The newest come first; no feed is written. What is asked for has to hold all together; of
    several tags, categories or states one is enough. --problems shows below each post what is
    to be said of it, and on stderr what is to be said of files that are no posts.

    With --json there is an array with an object for each post: path, url, id, title, date,
    updated, categories, tags, published (false for drafts and hidden posts), state (visible,
    future, hidden, or rival: another post has its link or id), source, aliases (where it was
    before), links, warnings. What is to be said of other files goes to stderr.

    \b
    Examples:
      feeds posts
      feeds posts --problems
      feeds posts --tag 股市 --since 2026-01-01
      feeds posts --match '*/2026/*' --state future
      feeds posts blog --posts old_post
      feeds posts --json | jq -r '.[] | select(.warnings != []) | .path'
    """
    if since and until and since > until:
        raise click.UsageError(f"--since {since} is after --until {until}; exchange them")
    from feeds import build as steps
    from feeds.lookup import PostFilter, choose
    from feeds.objects import post_object
    from feeds.summary import finding_line, no_posts

    config = configured(site, sources)
    wanted = PostFilter(categories, tags, since, until, states, words, problems)
    with workers_for(jobs) as workers, bar() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_posts(config, datetime.now(UTC), workers, options)
    found = choose(wanted, known.posts, [*config.notes, *known.findings])
    if as_json:
        print_json_lines(
            post_object(post, state, [str(finding) for finding in findings])
            for post, state, findings in found.posts
        )
        report(found.beside, verbose or problems)
        return
    for post, state, findings in found.posts:
        mark = "" if state.name == "VISIBLE" else f"  [{state.name.lower()}]"
        print_line(f"{post.date:%Y-%m-%d %H:%M}  {visible(post.title)}{mark}")
        print_line(f"    {visible(post.path)}")
        for finding in findings if problems else ():
            print_line(f"    {finding_line(finding)}")
    report(found.beside if problems else found.findings(), verbose or problems)
    say(count(len(found.posts), "post"))
    if not known.posts:
        say(no_posts(config, known.findings))
    elif not found.posts:
        _tell_why_none(wanted, (post for post, _ in known.posts))


def _tell_why_none(wanted: PostFilter, posts: Iterable[Post]) -> None:
    """Which of the terms asked for no post has, and what was likely meant."""
    from feeds.lookup import near_terms

    for kind, name, near in near_terms(wanted, posts):
        hint = f"did you mean {show(near)}?" if near else "`feeds list` shows which there are"
        say(visible(f"no post has the {kind} {show(name)}; {hint}"))
