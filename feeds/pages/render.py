"""Pages in, documents out (Jinja2, every value escaped unless it is a template's own).

A page is a pure function of what it shows and of the configuration: no clock, so that a page
that did not change keeps its bytes. Ages are worked out where it is read.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from feeds.catalog import page_url
from feeds.config import Config
from feeds.models import EPOCH, Document
from feeds.pages.addresses import host_of, reference, web_address
from feeds.pages.policy import HTML, POLICY
from feeds.pages.views import Alternate, Directory, Older, Twin
from feeds.pages.words import language_of_pages, pace, per_month, words


def render_twin(config: Config, twin: Twin) -> Document:
    """The page of a feed."""
    title = _title(config, twin.label)
    return _page(
        config, "twin.html", twin.path, title, twin.alternates, _newest(twin.entries), twin=twin
    )


def render_older(config: Config, older: Older) -> Document:
    """A page of older posts of a feed."""
    said = words(language_of_pages(config.site.language))
    title = _title(config, f"{older.label} – {said['older_title']} {older.number}")
    return _page(
        config,
        "older.html",
        older.path,
        title,
        older.alternates,
        _newest(older.entries),
        older=older,
    )


def render_directory(config: Config, directory: Directory) -> Document:
    """The page of all feeds."""
    said = words(language_of_pages(config.site.language))
    title = _title(config, said["all_feeds"])
    newest = directory.site.newest or EPOCH
    alternates = directory.site.alternates
    return _page(
        config, "directory.html", directory.path, title, alternates, newest, directory=directory
    )


def shared_file(name: str, path: str, media_type: str) -> Document:
    """A file that all pages share: the style sheet ``feeds.css`` or the script ``feeds.js``."""
    body = files("feeds.pages").joinpath("templates", name).read_bytes()
    return Document(path, media_type, body, EPOCH)


def _title(config: Config, what: str) -> str:
    site = config.site.title or host_of(config.site.url)
    return f"{what} – {site}"


def _newest(entries: Sequence[Any]) -> datetime:
    return max((entry.date for entry in entries), default=EPOCH)


def _page(
    config: Config,
    template: str,
    path: str,
    title: str,
    alternates: Sequence[Alternate],
    updated: datetime,
    **shown: object,
) -> Document:
    """A page at ``path``; ``alternates`` are the feeds that browsers and readers find in it."""
    html = config.html
    language = language_of_pages(config.site.language)
    said = words(language)
    to = functools.partial(reference, path)
    body = (
        _environment()
        .get_template(template)
        .render(
            shown,
            title=title,
            site=config.site,
            site_name=config.site.title or host_of(config.site.url),
            language=language,
            say=said,
            policy=POLICY,
            canonical=page_url(config, path),
            alternates=alternates,
            style=to(html.style),
            script=to(html.script),
            directory_link=to(html.directory) if html.directory else "",
            links_link=to(html.links) if html.links else "",
            here=path,
            directory_path=html.directory,
            links_path=html.links,
            pace=functools.partial(pace, said=said),
        )
    )
    return Document(path, HTML, body.encode(), updated)


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feeds.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(host=host_of, web=web_address, per_month=per_month)
    return environment
