"""The command line: the only module that prints, asks or exits.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the run found what it
was asked to fail on, 2 usage or configuration, 3 the run itself failed, and 130 when it was
interrupted, as shells have it.

Nothing of a file's name, a post's title or an argument reaches a terminal unescaped.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from feeds import __version__, completion
from feeds.config import Config
from feeds.configfile import load_config
from feeds.destination import absolute
from feeds.errors import ConfigError, FeedsError, OutputError
from feeds.models import Finding, Kind, Role
from feeds.options import (
    AS_JSON,
    CATEGORY,
    CLUSTER,
    JOBS,
    KIND,
    MATCH,
    SINCE,
    SITE,
    SORT,
    SOURCES,
    STATE,
    TAG,
    TO,
    UNTIL,
    VERBOSE,
    check_sources,
    read_day,
    read_seconds,
    within,
)
from feeds.section import show
from feeds.terminal import count, json_lines, json_text, progress_bars, visible

if TYPE_CHECKING:
    from feeds.build import KnownFeed, Result
    from feeds.check import Checked, CheckOptions
    from feeds.cluster import Address
    from feeds.links.formats import Context
    from feeds.links.store import LinkStore
    from feeds.lookup import PostFilter
    from feeds.models import Post
    from feeds.publishing.delivery import Delivery
    from feeds.workers import Workers

FOUND: Final = 1
INTERRUPTED: Final = 130
LINKS_WAIT: Final = 30.0  # seconds that another check of the same links may take
LEAST_TIME: Final = 0.001  # seconds; none would be as many as it takes


class _InOrder(click.Group):
    """Lists its commands in the order in which people come to need them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InOrder,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(__version__, prog_name="feeds")
def cli() -> None:
    """Turn a folder of posts into Atom, RSS and JSON feeds: one for the site, one for every
    category and one for every tag.

    SITE is the folder of a site, the one you are in if you leave it out. It has a
    config.toml (or a feeds.toml, where another program has a config.toml), or is a Jekyll
    site with only its _config.yml.

    \b
    To begin, in the folder of a site:
      feeds init     (not needed where there is a _config.yml)
      feeds build

    `feeds COMMAND --help` tells more of each command, with examples.

    Exit codes: 0 done, 1 found what it was asked to fail on, 2 wrong usage or configuration,
    3 failed, 130 interrupted. Results go to stdout, messages to stderr: errors of posts that
    were left out, warnings of what was repaired, and notes, which --strict does not mind.
    """


def main() -> None:
    """Run the command line; a user's mistake is a message, never a traceback."""
    _speak_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    completion.register()
    try:
        code = cli.main(prog_name="feeds", standalone_mode=False, color=_colour())
    except FeedsError as error:
        code = _fail(_lines(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.UsageError as error:
        said = " ".join(map(str.strip, error.format_message().split("\n")))
        code = _fail([said, _advice(error)], error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        checks = _command_named(sys.argv) == "feeds check"
        kept = "what was found is kept" if checks else "the feeds that were there are whole"
        code = _fail([f"interrupted; {kept}"], INTERRUPTED)
    sys.exit(code or 0)


def _advice(error: click.UsageError) -> str:
    """What to do about wrong usage."""
    if isinstance(error, click.NoSuchCommand) and os.path.isdir(error.command_name):
        argument = _argument(Path(error.command_name))
        return f"to build the site in that folder: `feeds build{argument}`"
    command = error.ctx.command_path if error.ctx else _command_named(sys.argv)
    return f"see `{command} --help`"


def _command_named(arguments: Sequence[str]) -> str:
    """What was asked for, where click does not say where an option lacks its value."""
    name = next((each for each in arguments[1:] if each in cli.commands), "")
    return f"feeds {name}".rstrip()


def _speak_utf8() -> None:
    """Begin anew where the locale would have names of files be something else than UTF-8.

    The same posts make the same feeds in every locale, so their names have to be read alike.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    # What is printed stays in the encoding of the terminal.
    streams = f"{sys.stdout.encoding if sys.stdout else 'utf-8'}:backslashreplace"
    environment = {"PYTHONIOENCODING": streams, **os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, sys.orig_argv, environment)


def _colour() -> bool | None:
    """Never any if NO_COLOR is set (no-color.org), else where there is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _lines(error: FeedsError) -> Sequence[str]:
    if isinstance(error, ConfigError):
        return [f"{error.path}: {problem}" for problem in error.problems]
    return str(error).split("\n")


def _fail(lines: Iterable[str], code: int) -> int:
    for line in lines:
        _say(click.style("feeds: ", fg="red") + visible(line))
    return code


# --- feeds init ---------------------------------------------------------------------------


@cli.command()
@SITE
@click.option("--force", is_flag=True, help="Replace one that is there; it is kept as *.bak.")
def init(site: Path, force: bool) -> None:
    """Write a config.toml to start from.

    It has every key, its default and what it is for. What a _config.yml (Jekyll), hugo.toml
    or zola.toml in SITE says is taken over. A Jekyll site needs a config.toml only for what
    its _config.yml cannot say. Where Hugo or Zola have a config.toml of theirs, that is left
    alone: the file is then feeds.toml, which is read in its place.

    \b
    Examples:
      feeds init            for the site in this folder
      feeds init blog       for the one in blog/
    """
    from feeds.starter import write_config

    path, origin = write_config(site, force)
    _print(f"wrote {visible(str(path))}" + (f", from what {origin} says" if origin else ""))
    _say(f"next: look through it, url and sources first, then run `feeds build{_argument(site)}`")


def _argument(site: Path) -> str:
    """SITE as it is to be written behind a command."""
    import shlex

    return "" if site == Path() else visible(f" {shlex.quote(str(site))}")


# --- feeds build --------------------------------------------------------------------------


@cli.command()
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
    config = _config(site, sources, output, to)
    with _workers(jobs, cluster, config) as workers, _progress() as progress:
        options = steps.Options(full=full, strict=strict, progress=progress)
        result = steps.build(config, datetime.now(UTC), workers, options)
    seconds = time.perf_counter() - started
    _report(result.findings, verbose)
    if not as_json:
        for line in build_lines(result, visible(_relative(config.output)), seconds):
            _print(line)
    delivery = _publish(config) if to is not None and result.published else None
    told = steps.notify(config, time.time) if notify else None
    if as_json:
        delivered = {"publishing": _delivery_object(delivery, config)} if delivery else {}
        _print_json({**build_object(result, config, seconds), **delivered})
    else:
        if delivery:
            _print_delivery(delivery, config)
        if told is not None:
            _print(f"{count(told, 'feed')} told to {count(len(config.feeds.hubs), 'hub')}")
        _tell_next(result, config, site)
    if strict and result.faults:
        return FOUND
    return 0


def _tell_next(result: Result, config: Config, site: Path) -> None:
    """What to do now: where there are no posts for everybody, else for who sits before it."""
    from feeds.summary import no_posts

    if not result.posts:
        _say(no_posts(config, result.findings))
    elif result.published is not None and sys.stdout.isatty():
        feed = next(iter(config.feeds.paths[Kind.SITE].values()))
        ours = config.pages.directory in result.published.known
        first = config.pages.directory if ours else feed
        page = visible(_relative(config.output / first))
        _say(f"next: look at {page}, or serve it with `feeds serve{_argument(site)}`")


# --- feeds posts, feeds list --------------------------------------------------------------


@cli.command()
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

    With --json each post is an object on a line of its own: path, url, id, title, date,
    updated, categories, tags, published (false for drafts and hidden posts), state (visible,
    future, hidden, or rival: another post has its link), source, aliases (where it was
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

    config = _config(site, sources)
    wanted = PostFilter(categories, tags, since, until, states, words, problems)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_posts(config, datetime.now(UTC), workers, options)
    found = choose(wanted, known.posts, [*config.notes, *known.findings])
    if as_json:
        _print_json_lines(
            post_object(post, state, [str(finding) for finding in findings])
            for post, state, findings in found.posts
        )
        _report(found.beside, verbose or problems)
        return
    for post, state, findings in found.posts:
        mark = "" if state.name == "VISIBLE" else f"  [{state.name.lower()}]"
        _print(f"{post.date:%Y-%m-%d %H:%M}  {visible(post.title)}{mark}")
        _print(f"    {visible(post.path)}")
        for finding in findings if problems else ():
            _print(f"    {finding_line(finding)}")
    _report(found.beside if problems else found.findings(), verbose or problems)
    _say(count(len(found.posts), "post"))
    if not known.posts:
        _say(no_posts(config, known.findings))
    elif not found.posts:
        _tell_why_none(wanted, (post for post, _ in known.posts))


def _tell_why_none(wanted: PostFilter, posts: Iterable[Post]) -> None:
    """Which of the terms asked for no post has, and what was likely meant."""
    from feeds.lookup import near_terms

    for kind, name, near in near_terms(wanted, posts):
        hint = f"did you mean {show(near)}?" if near else "`feeds list` shows which there are"
        _say(visible(f"no post has the {kind} {show(name)}; {hint}"))


@cli.command(name="list")
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

    With --json each feed is an object on a line of its own: kind (site, category or tag),
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

    config = _config(site, sources)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_feeds(config, datetime.now(UTC), workers, options)
    _report(known.findings, verbose)
    feeds = wanted_feeds(known.feeds, kinds, words, sort or "")
    if as_json:
        _print_json_lines(map(feed_object, feeds))
    else:
        _print_feeds(feeds)
    if not feeds:
        _say("0 feeds; without --kind and --match it shows all")


def _print_feeds(feeds: Sequence[KnownFeed]) -> None:
    from feeds.tables import feed_lines, feed_table

    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        _print(feed_table(feeds, width, _colour() is not False))
        return
    for line in feed_lines(feeds):
        _print(line)


# --- feeds publish ------------------------------------------------------------------------


@cli.command()
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
    config = load_config(site, _published_to(to))
    delivery = _publish(config, dry_run, force)
    if as_json:
        _print_json({"dry_run": dry_run, **_delivery_object(delivery, config)})
        return
    if dry_run:
        for path in delivery.sent:
            _print(f"would send {visible(path)}")
        for path in delivery.removed:
            _print(f"would remove {visible(path)}")
    _print_delivery(delivery, config, "would be " if dry_run else "")


def _publish(config: Config, dry_run: bool = False, force: bool = False) -> Delivery:
    from feeds.publishing.delivery import Options
    from feeds.publishing.run import publish as steps

    with _progress() as progress:
        options = Options(force=force, dry_run=dry_run, progress=progress)
        delivery = steps(config, os.environ, options)
    _report(delivery.findings)
    return delivery


def _published_to(to: str | None) -> dict[str, Any]:
    """What ``--to`` says in place of the configuration; a path is one of this folder."""
    if to is None:
        return {}
    return {"publish": {"to": to and absolute(to, Path.cwd())}}


def _print_delivery(delivery: Delivery, config: Config, would: str = "") -> None:
    parts = [f"{count(len(delivery.sent), 'file')} {would}sent"]
    parts += [f"{delivery.unchanged:,} unchanged"] if delivery.unchanged else []
    parts += [f"{len(delivery.removed):,} {would}removed"] if delivery.removed else []
    _print(f"{', '.join(parts)} in {visible(str(config.publish.to))}")


def _delivery_object(delivery: Delivery, config: Config) -> dict[str, Any]:
    from feeds.objects import finding_object

    return {
        "to": str(config.publish.to),
        "sent": delivery.sent,
        "removed": delivery.removed,
        "unchanged": delivery.unchanged,
        "findings": [finding_object(found) for found in delivery.findings],
    }


@cli.command()
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

    config = _config(site, sources)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_terms(config, datetime.now(UTC), workers, options)
    wanted = written.Language(language or ("jekyll" if config.posts.jekyll else "html"))
    made = written.snippet(config, known.found, known.terms, wanted)
    _print(made.text.removesuffix("\n").encode())
    _report([*known.findings, *made.notes])


# --- feeds serve, feeds subscribers -------------------------------------------------------


@cli.command()
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


@cli.command()
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
        _print_json_lines(
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
        _say(f"nobody was counted{f' on {wanted}' if wanted else ' yet'}")
        return
    for feed in found.feeds:
        agents = ", ".join(f"{visible(name)} {number:,}" for name, number in feed.agents)
        parts = ([agents] if agents else []) + [f"readers {feed.readers:,}"]
        _print(f"{feed.subscribers:>9,}  {visible(feed.path)}  ({', '.join(parts)})")


# --- feeds check --------------------------------------------------------------------------


@cli.command()
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
    from feeds.links.store import LinkStore

    config = _config(site, sources)
    wished = steps.CheckOptions(
        offline=offline,
        recheck=recheck,
        changed=changed,
        roles=tuple(map(Role, roles)),
        max_time=max_time,
    )
    with (
        contextlib.closing(LinkStore(config.state, LINKS_WAIT, _tell_of_another)) as store,
        _workers(jobs, cluster, config) as workers,
    ):

        def run(options: steps.CheckOptions) -> steps.Checked:
            with _progress() as progress:
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
            _report(done.findings, verbose)
            _put_check(config, store, wished, done, form, put)
        if archive and not done.interrupted:
            _archive(config, store)
    if done.interrupted:
        return 128 + done.signal
    return FOUND if done.summary.bad else 0


def _tell_of_another() -> None:
    _say(f"another check of these links is running; waiting for it, at most {LINKS_WAIT:g} s")


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
            _say(click.style(visible(line), fg=DIFF_COLOURS.get(line[:1])))
        if not dry_run and replace_file(config.root / file.path, file.before, file.after):
            written += 1
    what = "could be corrected" if dry_run else "corrected"
    _say(f"{count(files if dry_run else written, 'file')} {what}")
    if not dry_run and written < files:
        _say(f"{count(files - written, 'file')} changed meanwhile and left alone")
    return written


DIFF_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


def _archive(config: Config, store: LinkStore) -> None:
    from feeds import check as steps

    with _progress() as progress:
        found = steps.find_copies(config, store, datetime.now(UTC), progress)
    _say(f"{count(found, 'archived copy', 'archived copies')} found")
    for url, copy in sorted(store.archived().items()):
        if copy:
            _say(f"  {visible(url)}\n    {visible(copy)}")


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
            _say(visible(f"links.ignore[{number}] ended on {ignored.until}: {ignored.reason}"))
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
        yield _print
        return
    with replacing(output) as file:
        yield lambda line: _write(file, line)


def _write(file: BinaryIO, line: str | bytes) -> None:
    file.write(line if isinstance(line, bytes) else click.unstyle(line).encode())
    file.write(b"\n")


STANDING_COLOURS: Final = {"bad": "red", "unsure": "yellow"}


# --- feeds completion ---------------------------------------------------------------------


@cli.command(name="completion")
@click.argument("shell", type=click.Choice(completion.SHELLS), metavar="SHELL")
def print_completion(shell: str) -> None:
    """Print what has a shell complete what is typed.

    That is commands, options, folders and, for `feeds posts`, categories and tags. SHELL is
    bash, zsh or fish. Names of categories and tags are those of the last `feeds build`.

    \b
    Examples, each for a shell to begin with it:
      feeds completion bash > ~/.local/share/bash-completion/completions/feeds
      feeds completion zsh > ~/.zfunc/_feeds    with fpath+=~/.zfunc before compinit
      feeds completion fish > ~/.config/fish/completions/feeds.fish
    """
    _print(completion.script(cli, shell).rstrip("\n"))


# --- what the commands share --------------------------------------------------------------


def _config(
    site: Path, sources: Sequence[str], output: str | None = None, to: str | None = None
) -> Config:
    """The configuration of a site with what the command line says in place of it."""
    over = _published_to(to)
    if sources:
        over["posts"] = {"sources": [within(site, source) for source in sources]}
    if output is not None:
        over["feeds"] = {"output": output and os.path.abspath(output)}
    config = load_config(site, over)
    check_sources(config, bool(sources))
    return config


@contextlib.contextmanager
def _workers(
    jobs: int | None, cluster: Address | None = None, config: Config | None = None
) -> Iterator[Workers]:
    from feeds.workers import Workers, cpu_count, processes

    if cluster is None or config is None:
        with Workers(jobs or cpu_count(), processes) as workers:
            yield workers
        return
    from feeds.cluster import connected

    with connected(cluster, config, jobs or cpu_count()) as machines:
        yield machines
        _say(machines.summary())


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from feeds.build import silent

    if not sys.stderr.isatty():
        yield silent
        return
    with progress_bars() as show:
        yield show


def _report(findings: Iterable[Finding], verbose: bool = True) -> None:
    """Findings, a line each, and how many there are of each level.

    On a terminal, unless ``verbose``, only a few of those that are alike.
    """
    from feeds.summary import report_lines

    for line in report_lines(list(findings), verbose or not sys.stderr.isatty()):
        _say(line)


def _relative(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _print_json(value: Mapping[str, Any]) -> None:
    _print(json_text(value, indent=2).encode())


def _print_json_lines(objects: Iterable[Mapping[str, Any]]) -> None:
    for line in json_lines(objects):
        _print(line.encode())  # UTF-8 (RFC 8259), whatever the terminal speaks


def _print(text: str | bytes) -> None:
    """A line of the result. Whoever closed the pipe has seen enough, which is no failure."""
    try:
        click.echo(text, color=_colour())
    except BrokenPipeError:
        _silence()
    except OSError as error:
        _silence()
        reason = (error.strerror or str(error)).lower()
        raise OutputError(f"standard output: cannot be written: {reason}") from error


def _silence() -> None:
    """What is still to be flushed at exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: str) -> None:
    """A message; where nobody can read it the exit code is all there is."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True, color=_colour())
