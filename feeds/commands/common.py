"""What several commands begin with: the configuration of a site, and who works on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from feeds.config import Config
from feeds.configfile import expect_sources, load_config, missing_sources
from feeds.console import say
from feeds.destination import absolute
from feeds.section import show

if TYPE_CHECKING:
    from feeds.cluster import Address
    from feeds.workers import Workers


def configured(
    site: Path, sources: Sequence[str], output: str | None = None, to: str | None = None
) -> Config:
    """The configuration of a site with what the command line says in place of it."""
    over = published_to(to)
    if sources:
        over["posts"] = {"sources": [_within(site, source) for source in sources]}
    if output is not None:
        over["feeds"] = {"output": output and os.path.abspath(output)}
    config = load_config(site, over)
    if sources:
        _expect_typed(config)
    expect_sources(config)
    return config


def published_to(to: str | None) -> dict[str, Any]:
    """What ``--to`` says in place of the configuration; a path is one of this folder."""
    if to is None:
        return {}
    return {"publish": {"to": to and absolute(to, Path.cwd())}}


def _within(site: Path, source: str) -> str:
    """A folder that is given as an absolute path, as seen from the site that it is in."""
    return source.removeprefix(f"{os.path.abspath(site)}{os.sep}")


def _expect_typed(config: Config) -> None:
    """Each folder that was typed is there, not only one of them."""
    if missing := missing_sources(config):
        names = ", ".join(map(show, missing))
        raise click.BadParameter(
            f"no folder {names} in {config.root}; name folders as seen from there",
            param_hint="'--posts'",
        )


@contextlib.contextmanager
def workers_for(
    jobs: int | None, cluster: Address | None = None, config: Config | None = None
) -> Iterator[Workers]:
    """Processes of this machine, as many as it has CPUs unless ``jobs`` says otherwise; or with
    ``cluster`` its machines, which are told of in the end."""
    from feeds.workers import Workers, cpu_count, processes

    if cluster is None or config is None:
        with Workers(jobs or cpu_count(), processes) as workers:
            yield workers
        return
    from feeds.cluster import connected

    with connected(cluster, config, jobs or cpu_count()) as machines:
        yield machines
        say(machines.summary())
