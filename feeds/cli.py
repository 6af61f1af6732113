"""The command line: the only module that prints, asks or exits.

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 the run found what it
was asked to fail on, 2 usage or configuration, 3 the run itself failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import click

from feeds import __version__
from feeds.config import Config, load_config
from feeds.errors import FeedsError
from feeds.models import Finding, Level

P = ParamSpec("P")
R = TypeVar("R")

FOUND: Final = 1
INTERRUPTED: Final = 130

SITE = click.argument("site", type=click.Path(path_type=Path), default=Path())
SOURCES = click.option(
    "--posts",
    "sources",
    metavar="DIR",
    multiple=True,
    help="Read posts from this folder of the site (or glob) instead; may be repeated.",
)
JOBS = click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="How many processes read and render.  [default: one for each CPU]",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96})
@click.version_option(__version__, prog_name="feeds")
def cli() -> None:
    """Atom, RSS and JSON feeds of a folder of posts: the site's, and one for every
    category and every tag.

    SITE is a folder with a config.toml, or a Jekyll site with only its _config.yml.
    """


def main() -> None:
    """Run the command line; a user's mistake is a message, never a traceback."""
    # Click looks at the stream only, rich at the variable too.
    colour = False if os.environ.get("NO_COLOR") else None
    try:
        sys.exit(cli.main(prog_name="feeds", standalone_mode=False, color=colour) or 0)
    except FeedsError as error:
        _fail(str(error), error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; what was there before is whole", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough. Nothing is to be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _fail(message: str, code: int) -> None:
    for line in message.splitlines():
        click.echo(click.style("feeds: ", fg="red") + line, err=True)
    sys.exit(code)


# --- feeds init ---------------------------------------------------------------------------


@cli.command()
@SITE
@click.option("--force", is_flag=True, help="Overwrite a config.toml that is there.")
def init(site: Path, force: bool) -> None:
    """Write a config.toml with every key and its default.

    What a _config.yml (Jekyll), hugo.toml or zola.toml in SITE says is taken over.
    """
    from feeds.starter import write_config

    path, origin = write_config(site, force)
    click.echo(f"wrote {path}" + (f", from what {origin} says" if origin else ""))
    click.echo(f"next: look through it, then run `feeds build{_shown(site)}`", err=True)


def _shown(site: Path) -> str:
    return "" if site == Path() else f" {site}"


# --- feeds build --------------------------------------------------------------------------


@cli.command()
@SITE
@click.option(
    "-o", "--output", metavar="DIR", type=click.Path(path_type=Path), help="Write the feeds there."
)
@click.option("--full", is_flag=True, help="Forget what is known and read everything again.")
@click.option("--strict", is_flag=True, help="Any warning or error: write nothing and exit with 1.")
@JOBS
@SOURCES
@AS_JSON
def build(
    site: Path,
    output: Path | None,
    full: bool,
    strict: bool,
    jobs: int | None,
    sources: Sequence[str],
    as_json: bool,
) -> int:
    """Write the feeds of SITE.

    Only what changed since the last build is read, rendered and written. A post that is
    broken is repaired or left out, and said at the end with its file and line.
    """
    from feeds import build as steps

    started = time.perf_counter()
    config = _config(site, sources, output)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(full=full, strict=strict, progress=progress)
        result = steps.build(config, datetime.now(UTC), workers, options)
    seconds = time.perf_counter() - started
    _report(result.findings)
    if as_json:
        _print_json(_build_object(result, config, seconds))
    else:
        _print_build(result, config, seconds)
    if strict and result.faults:
        return FOUND
    return 0


def _print_build(result: Any, config: Config, seconds: float) -> None:
    from feeds.rows import State

    hidden = result.posts.get(State.HIDDEN, 0)
    future = result.posts.get(State.FUTURE, 0)
    visible = sum(result.posts.values()) - hidden - future
    counts = [_count(visible, "post")]
    counts += [_count(future, "future post")] if future else []
    counts += [_count(hidden, "unpublished post")] if hidden else []
    click.echo(f"{', '.join(counts)} in {_count(result.feeds, 'feed')}")
    folder = _relative(config.output)
    if result.published is None:
        click.echo(f"nothing was written to {folder}, because of --strict")
        return
    written, removed = len(result.published.written), len(result.published.removed)
    kept = result.documents - written
    parts = [f"{_count(written, 'file')} written"]
    parts += [f"{kept} unchanged"] if kept else []
    parts += [f"{removed} removed"] if removed else []
    click.echo(f"{', '.join(parts)} in {folder}/ ({seconds:.1f} s)")


def _build_object(result: Any, config: Config, seconds: float) -> dict[str, Any]:
    published = result.published
    return {
        "output": str(config.output),
        "posts": {state.name.lower(): number for state, number in sorted(result.posts.items())},
        "feeds": result.feeds,
        "documents": result.documents,
        "published": published is not None,
        "written": sorted(published.written) if published else [],
        "removed": sorted(published.removed) if published else [],
        "findings": [_finding_object(found) for found in result.findings],
        "seconds": round(seconds, 3),
    }


def _finding_object(found: Finding) -> dict[str, Any]:
    return {
        "path": found.path,
        "line": found.line,
        "level": found.level.value,
        "what": found.what,
        "done": found.done,
    }


# --- feeds posts, feeds list --------------------------------------------------------------


@cli.command()
@SITE
@JOBS
@SOURCES
@AS_JSON
def posts(site: Path, jobs: int | None, sources: Sequence[str], as_json: bool) -> None:
    """Show what was read: every post, newest first."""
    from feeds import build as steps

    config = _config(site, sources)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(progress=progress)
        known = steps.known_posts(config, datetime.now(UTC), workers, options)
    if not as_json:
        for post, state in known.posts:
            mark = "" if state.name == "VISIBLE" else f"  [{state.name.lower()}]"
            click.echo(f"{post.date:%Y-%m-%d %H:%M}  {post.title}{mark}\n    {post.path}")
        _report(known.findings)
        return
    warnings: dict[str, list[str]] = {}
    for found in known.findings:
        warnings.setdefault(found.path, []).append(str(found))
    _print_json_lines(
        {
            "path": post.path,
            "url": post.url,
            "id": post.id,
            "title": post.title,
            "date": post.date.isoformat(),
            "updated": post.updated.isoformat(),
            "categories": post.categories,
            "tags": post.tags,
            "published": post.published,
            "state": state.name.lower(),
            "source": post.source,
            "links": [
                {"role": link.role, "label": link.label, "url": link.url, "line": link.line}
                for link in post.links
            ],
            "warnings": warnings.pop(post.path, []),
        }
        for post, state in known.posts
    )
    # What is left is about files that are no posts.
    _report([found for found in known.findings if found.path in warnings])


@cli.command(name="list")
@SITE
@JOBS
@SOURCES
@AS_JSON
def list_feeds(site: Path, jobs: int | None, sources: Sequence[str], as_json: bool) -> None:
    """Show which feeds exist."""
    from feeds import build as steps

    config = _config(site, sources)
    with _workers(jobs) as workers, _progress() as progress:
        options = steps.Options(progress=progress)
        listed = steps.known_feeds(config, datetime.now(UTC), workers, options)
    objects = [
        {
            "kind": feed.kind,
            "name": feed.name,
            "title": feed.title,
            "path": next(iter(feed.paths.values())),
            "url": next(iter(feed.urls.values())),
            "entries": entries,
            "updated": feed.updated.isoformat(),
            "urls": dict(feed.urls),
        }
        for feed, entries in listed
    ]
    if as_json:
        _print_json_lines(objects)
        return
    for feed in objects:
        click.echo(f"{feed['kind']:<9}{feed['entries']:>4}  {feed['name']}  {feed['url']}")


# --- what the commands share --------------------------------------------------------------


def _config(site: Path, sources: Sequence[str], output: Path | None = None) -> Config:
    """The configuration of a site with what the command line says in place of it."""
    over: dict[str, Any] = {}
    if sources:
        over["posts"] = {"sources": list(sources)}
    if output:
        over["feeds"] = {"output": os.path.abspath(output)}
    return load_config(site, over)


@contextlib.contextmanager
def _workers(jobs: int | None) -> Iterator[Any]:
    from feeds.workers import Workers, cpu_count, processes

    with Workers(jobs or cpu_count(), processes) as workers:
        yield workers


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from feeds.build import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from feeds.terminal import progress_bars

    with progress_bars() as show:
        yield show


def _report(findings: Iterable[Finding]) -> None:
    """Findings, a line each, and how many there are of each level."""
    counts = dict.fromkeys(Level, 0)
    for found in findings:
        counts[found.level] += 1
        click.echo(_coloured(found), err=True)
    said = [_count(number, level) for level, number in reversed(counts.items()) if number]
    if said:
        click.echo(", ".join(said), err=True)


COLOURS: Final = {Level.NOTE: "cyan", Level.WARNING: "yellow", Level.ERROR: "red"}


def _coloured(found: Finding) -> str:
    level = f" {found.level}: "
    before, _, after = str(found).partition(level)
    return f"{before}{click.style(level, fg=COLOURS[found.level])}{after}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _relative(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _print_json_lines(objects: Iterable[Mapping[str, Any]]) -> None:
    """A JSON array with one object per line: easy to read, to diff and to stream."""
    separator = "["
    for item in objects:
        click.echo(f"{separator}\n{json.dumps(item, ensure_ascii=False)}", nl=False)
        separator = ","
    click.echo("[]" if separator == "[" else "\n]")
