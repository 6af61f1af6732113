"""Arguments and options that several commands have, or that are many; what they take is checked.

In: what was typed. Out: values, the configuration and the workers that are meant; what cannot
be meant is a usage error that says what would be.
"""

from __future__ import annotations

import contextlib
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from feeds import completion
from feeds.models import Kind
from feeds.section import show

if TYPE_CHECKING:
    from feeds.cluster import Address

DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DURATION: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", re.ASCII)


def read_day(context: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    """A day as ISO 8601 writes it."""
    if value is None:
        return None
    with contextlib.suppress(ValueError):
        if DAY.fullmatch(value):
            return date.fromisoformat(value)
    raise click.BadParameter(f"{show(value)} is no day like 2026-01-31")


def read_seconds(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> float | None:
    """A number of seconds, or one with s, m or h behind it."""
    if value is None:
        return None
    match = DURATION.fullmatch(value)
    if not match or not float(match[1]):
        raise click.BadParameter(f"{show(value)} is no duration like 90, 10m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def read_cluster(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> Address | None:
    """The address of a scheduler."""
    if value is None:
        return None
    from feeds.cluster import address

    try:
        return address(value)
    except ValueError as error:
        raise click.BadParameter(f"{show(value)} {error}") from error


SITE = click.argument(
    "site",
    type=click.Path(path_type=Path, readable=False),
    default=Path(),
    shell_complete=completion.folders,
)
SOURCES = click.option(
    "--posts",
    "sources",
    metavar="DIR",
    multiple=True,
    shell_complete=completion.folders,
    help="Read this folder of SITE, or glob, instead of [posts] sources; may be repeated.",
)
VERBOSE = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show every finding; a terminal sees a few of each kind.",
)
MATCH = click.option(
    "--match",
    "words",
    metavar="TEXT",
    default="",
    help="Only with this in path, title or name; * and ? make it a pattern of the whole.",
)
JOBS = click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Read and render with N processes.  [default: one for each CPU]",
)
TO = click.option(
    "--to",
    metavar="URL",
    help="A folder, or s3://bucket/prefix?endpoint=https://…&region=…",
)
CLUSTER = click.option(
    "--cluster",
    callback=read_cluster,
    metavar="ADDRESS",
    help="Work on the Dask cluster with this scheduler, like tcp://10.0.0.5:8786.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")

# Which posts are meant.
CATEGORY = click.option(
    "--category",
    "categories",
    metavar="NAME",
    multiple=True,
    shell_complete=completion.terms(Kind.CATEGORY),
    help="Only posts in this category; may be repeated.",
)
TAG = click.option(
    "--tag",
    "tags",
    metavar="NAME",
    multiple=True,
    shell_complete=completion.terms(Kind.TAG),
    help="Only posts with this tag; may be repeated.",
)
SINCE = click.option(
    "--since", callback=read_day, metavar="DATE", help="Only from this day on, as in 2026-01-31."
)
UNTIL = click.option("--until", callback=read_day, metavar="DATE", help="Only up to this day.")
STATE = click.option(
    "--state",
    "states",
    type=click.Choice(["visible", "future", "hidden", "rival"]),
    metavar="STATE",
    multiple=True,
    help="Only visible, future, hidden or rival posts; may be repeated.",
)
# Which feeds, and how.
KIND = click.option(
    "--kind",
    "kinds",
    type=click.Choice([str(kind) for kind in Kind]),
    metavar="KIND",
    multiple=True,
    help="Only site, category or tag; may be repeated.",
)
SORT = click.option(
    "--sort",
    type=click.Choice(["name", "entries", "posts", "newest"]),
    metavar="COLUMN",
    help="By name, entries, posts or newest; numbers and dates from above.",
)
