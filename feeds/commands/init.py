"""``feeds init``: the first config.toml of a site."""

from __future__ import annotations

from pathlib import Path

import click

from feeds.console import print_line, say, site_argument
from feeds.options import SITE
from feeds.terminal import visible


@click.command()
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
    print_line(f"wrote {visible(str(path))}" + (f", from what {origin} says" if origin else ""))
    say(
        f"next: look through it, url and sources first, then run `feeds build{site_argument(site)}`"
    )
