"""``feeds check``: a report on the links of posts, and what is certain corrected."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from feeds.commands.common import configured, workers_for
from feeds.config import Config
from feeds.console import FOUND, bar, print_line, report, say
from feeds.models import Role
from feeds.options import CLUSTER, JOBS, SITE, SOURCES, VERBOSE, read_seconds
from feeds.terminal import count, visible

if TYPE_CHECKING:
    from feeds.asking import CheckOptions
    from feeds.check import Checked
    from feeds.cluster import Address
    from feeds.links.formats import Context
    from feeds.links.store import LinkStore

LINKS_WAIT: Final = 30.0  # seconds that another check of the same links may take
LEAST_TIME: Final = 0.001  # seconds; none would be as many as it takes


@click.command()
@SITE
@click.option(
    "--role",
    "roles",
    type=click.Choice([str(role) for role in Role]),
    metavar="ROLE",
    multiple=True,
    help="Only links in this role: source, back-category, back-home, body, image or enclosure;"
    " may be repeated.",
)
@click.option("--offline", is_flag=True, help="Ask nobody: only what can be said without.")
@click.option("--recheck", is_flag=True, help="Ask again for what is known, however new it is.")
@click.option("--changed", is_flag=True, help="Only posts that changed since the last run.")
@click.option(
    "--max-time", callback=read_seconds, metavar="TIME", help="Stop after 90 (s), 10m or 2h."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html", "json", "markdown", "junit", "sarif", "github"]),
    default="text",
    metavar="FORMAT",
    help="Print text, html, json, markdown, junit, sarif or github.  [default: text]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report into this file instead.",
)
@click.option("--fix", is_flag=True, help="Correct in the posts what is certain.")
@click.option("--dry-run", is_flag=True, help="With --fix: show it only.")
@click.option("--archive", is_flag=True, help="Look for archived copies of sources that are gone.")
@VERBOSE
@JOBS
@CLUSTER
@SOURCES
def check(
    site: Path,
    roles: Sequence[str],
    offline: bool,
    recheck: bool,
    changed: bool,
    max_time: float | None,
    form: str,
    output: Path | None,
    fix: bool,
    dry_run: bool,
    archive: bool,
    verbose: bool,
    jobs: int | None,
    cluster: Address | None,
    sources: Sequence[str],
) -> int:
    """Check the source, the way back and the other links of posts.

    What a link is for decides what is right; the site's own pages are named in [links]. Pages
    are asked for politely and at most once in a while: what was found lies in SITE/.feeds/.
    Stopped with Ctrl-C and started again, it goes on where it was.

    Exit codes: 0 no bad links, 1 bad links, 2 wrong usage or configuration, 3 failed. Links
    that nobody can be sure of (denied, rate-limited, truncated) are no bad ones.

    \b
    Examples:
      feeds check                      all that is due
      feeds check --offline            source and navigation only, nobody is asked
      feeds check --role source --role back-category
      feeds check --changed --format github
      feeds check --format junit -o links.xml
      feeds check --format html -o links.html   the page of all links
      feeds check --format json | jq -r '.[] | select(.class == "bad") | .url'
      feeds check --fix --dry-run      what could be corrected, as a diff
    """
    if dry_run and not fix:
        raise click.UsageError("--dry-run shows what --fix would change; add --fix")
    if form == "html" and (roles or changed):
        other = "--role" if roles else "--changed"
        raise click.UsageError(f"--format html is the page of all links; leave {other} away")
    if offline and (recheck or archive or max_time):
        other = "--recheck" if recheck else "--archive" if archive else "--max-time"
        raise click.UsageError(f"{other} needs requests, and --offline makes none")
    from feeds import check as steps
    from feeds.asking import CheckOptions
    from feeds.links.store import LinkStore

    config = configured(site, sources)
    wished = CheckOptions(
        offline=offline,
        recheck=recheck,
        changed=changed,
        roles=tuple(map(Role, roles)),
        max_time=max_time,
    )
    with (
        contextlib.closing(LinkStore(config.state, LINKS_WAIT, _tell_of_another)) as store,
        workers_for(jobs, cluster, config) as workers,
    ):

        def run(options: CheckOptions) -> steps.Checked:
            with bar() as progress:
                options = replace(options, progress=progress)
                return steps.check(config, store, datetime.now(UTC), workers, options)

        with _report_to(output) as put:
            began = time.monotonic()
            done = run(wished)
            if fix and not done.interrupted and _fix(config, store, wished, done, dry_run):
                rest = max_time and max(max_time - (time.monotonic() - began), LEAST_TIME)
                again = replace(wished, recheck=False, since_run=done.since_run, max_time=rest)
                asked = done.asked
                done = run(again)
                done = replace(done, asked=done.asked + asked)
            report(done.findings, verbose)
            _put_check(config, store, wished, done, form, put)
        if archive and not done.interrupted:
            _archive(config, store)
    if done.interrupted:
        return 128 + done.signal
    return FOUND if done.summary.bad else 0


def _tell_of_another() -> None:
    say(f"another check of these links is running; waiting for it, at most {LINKS_WAIT:g} s")


def _fix(
    config: Config, store: LinkStore, wished: CheckOptions, done: Checked, dry_run: bool
) -> int:
    """Show what is certain, and write it; returns how many files were written."""
    from feeds import check as steps
    from feeds.links.fix import diff, replace_file

    files = written = 0
    today = datetime.now(UTC).date()
    for file in steps.corrected_files(config, store, today, wished.roles, done.since_run):
        files += 1
        for line in diff(file.path, file.before, file.after):
            say(click.style(visible(line), fg=DIFF_COLOURS.get(line[:1])))
        if not dry_run and replace_file(config.root / file.path, file.before, file.after):
            written += 1
    what = "could be corrected" if dry_run else "corrected"
    say(f"{count(files if dry_run else written, 'file')} {what}")
    if not dry_run and written < files:
        say(f"{count(files - written, 'file')} changed meanwhile and left alone")
    return written


DIFF_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


def _archive(config: Config, store: LinkStore) -> None:
    from feeds import check as steps

    with bar() as progress:
        found = steps.find_copies(config, store, datetime.now(UTC), progress)
    say(f"{count(found, 'archived copy', 'archived copies')} found")
    for url, copy in sorted(store.archived().items()):
        if copy:
            say(f"  {visible(url)}\n    {visible(copy)}")


def _put_check(
    config: Config,
    store: LinkStore,
    wished: CheckOptions,
    done: Checked,
    form: str,
    put: Callable[[str | bytes], None],
) -> None:
    from feeds.links.formats import FORMATS, summary_lines
    from feeds.links.report import items

    now = datetime.now(UTC)
    today = now.date()
    if form == "html":
        from feeds.pageviews import links_alone

        put(links_alone(config, now).body.removesuffix(b"\n"))
        return
    if form != "text":
        found = items(store, config, today, wished.roles, done.since_run)
        for piece in FORMATS[form](found, _context(config, done)):
            put(piece.removesuffix("\n").encode())  # programs want UTF-8
        return
    for line, standing in summary_lines(done.summary):
        put(click.style(line, fg=STANDING_COLOURS.get(standing or "")))
    for number, ignored in enumerate(config.links.ignore, 1):
        if ignored.until < today:
            say(visible(f"links.ignore[{number}] ended on {ignored.until}: {ignored.reason}"))
    rest = f", {done.left:,} are left for the next run" if done.left else ""
    put(f"{count(done.asked, 'address', 'addresses')} asked for{rest}")


def _context(config: Config, done: Checked) -> Context:
    """Where programs look for the posts: in the folder of the repository, where CI says which
    that is, or in the one that the command runs in, if the site is there."""
    from feeds.links.formats import Context

    root = config.root.resolve()
    base = Path(os.environ.get("GITHUB_WORKSPACE") or os.curdir).resolve()
    if not root.is_relative_to(base):
        base = root
    site = root.relative_to(base).as_posix()
    return Context(done.summary.standings, base, "" if site == "." else f"{site}/")


@contextlib.contextmanager
def _report_to(output: Path | None) -> Iterator[Callable[[str | bytes], None]]:
    """What takes the lines of a report: stdout, or a file that is there when it is whole."""
    from feeds.replacement import replacing

    if output is None:
        yield print_line
        return
    with replacing(output) as file:
        yield lambda line: _write(file, line)


def _write(file: BinaryIO, line: str | bytes) -> None:
    file.write(line if isinstance(line, bytes) else click.unstyle(line).encode())
    file.write(b"\n")


STANDING_COLOURS: Final = {"bad": "red", "unsure": "yellow"}
