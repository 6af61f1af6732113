"""Pages in, documents out (Jinja2, every value escaped unless it is a template's own).

A page is a pure function of what it shows and of the configuration: no clock, so that a page
that did not change keeps its bytes. Ages are worked out where it is read.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from feeds.catalog import output_url, page_url
from feeds.config import Config
from feeds.models import EPOCH, Document, Format, Kind
from feeds.pages.addresses import host_of, reference, web_address
from feeds.pages.charts import bars, line
from feeds.pages.linkwords import link_words
from feeds.pages.policy import HTML, POLICY, policy_of_whole
from feeds.pages.reports import LinksPage, StatusPage
from feeds.pages.scripts import as_written, language_of
from feeds.pages.views import Alternate, Directory, Older, Twin
from feeds.pages.words import language_of_pages, pace, per_month, words
from feeds.terminal import visible

LONGEST_SHOWN: Final = 120  # characters of an address or a path


def render_twin(config: Config, twin: Twin) -> Document:
    """The page of a feed."""
    title = _title(config, twin.label)
    return _page(
        config, "twin.html", twin.path, title, twin.alternates, _newest(twin.entries), twin=twin
    )


def render_older(config: Config, older: Older) -> Document:
    """A page of older posts of a feed."""
    said = words(language_of_pages(config.site.language))
    title = _title(config, f"{older.label} – {said['older_title'].format(older.number)}")
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


def render_links(config: Config, links: LinksPage, alone: bool = False) -> Document:
    """The page of the link check; ``alone`` as one file that may lie anywhere, whose links
    lead to the site."""
    said = words(language_of_pages(config.site.language))
    whole = links.overview
    updated = datetime.fromtimestamp(whole.ended, UTC) if whole else EPOCH
    broken = [moment.bad for moment in whole.trend] if whole else []
    return _page(
        config,
        "links.html",
        links.path,
        _title(config, said["link_check"]),
        site_alternates(config, "" if alone else links.path),
        updated,
        inline=alone,
        anywhere=alone,
        links=links,
        trend=line(broken, max(broken, default=0)),
        listed=sum(each.number - each.more for each in whole.categories) if whole else 0,
    )


def render_status(config: Config, status: StatusPage) -> Document:
    """The page of a server: one file, since there need not be any other page."""
    said = words(language_of_pages(config.site.language))
    top = max((each.requests for each in status.hours), default=0)
    return _page(
        config,
        "status.html",
        status.path,
        _title(config, said["status"]),
        site_alternates(config, ""),
        status.at,
        inline=True,
        status=status,
        requests=bars([each.requests for each in status.hours], top),
        unchanged=bars([each.unchanged for each in status.hours], top),
    )


def site_alternates(config: Config, page: str) -> tuple[Alternate, ...]:
    """The site's own feed in every format, as seen from a page; from anywhere if that is empty."""
    paths = config.feeds.paths[Kind.SITE].items()
    urls = {format: output_url(config, path) for format, path in paths}
    return tuple(
        Alternate(
            format.media_type,
            LABELS[format],
            reference(page, path) if page else urls[format],
            urls[format],
        )
        for format, path in paths
    )


LABELS: Final = {Format.ATOM: "Atom", Format.RSS: "RSS", Format.JSON: "JSON"}


def shared_file(name: str, path: str, media_type: str) -> Document:
    """A file that all pages share: the style sheet ``feeds.css`` or the script ``feeds.js``."""
    return Document(path, media_type, _shared(name), EPOCH)


def _shared(name: str) -> bytes:
    return files("feeds.pages").joinpath("templates", name).read_bytes()


@functools.cache
def _style() -> str:
    return _shared("feeds.css").decode()


@functools.cache
def policy_of_one_file() -> str:
    """What browsers may do with a page that has the style sheet in it."""
    return policy_of_whole(_style())


def _title(config: Config, what: str) -> str:
    site = config.site.title or host_of(config.site.url)
    return f"{what} – {site}"


def _icon(config: Config, page: str) -> str:
    """The site's own as seen from a page, if it may be shown (it has to come from where the page
    does); browsers ask for one in any case."""
    icon = (
        urljoin(f"{config.site.url}/", config.feeds.icon.lstrip("/")) if config.feeds.icon else ""
    )
    path = icon.removeprefix(f"{config.site.url}/")
    return reference(page, unquote(path)) if path != icon else DOT


DOT: Final = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
    '<circle cx="4" cy="4" r="3.5" fill="#d9822b"/></svg>',
    safe="/:=",
)


def _newest(entries: Sequence[Any]) -> datetime:
    return max((entry.date for entry in entries), default=EPOCH)


def _page(
    config: Config,
    template: str,
    path: str,
    title: str,
    alternates: Sequence[Alternate],
    updated: datetime,
    inline: bool = False,
    anywhere: bool = False,
    **shown: object,
) -> Document:
    """A page at ``path``; ``alternates`` are the feeds that browsers and readers find in it.

    ``inline`` has the style sheet in it and no script, ``anywhere`` links by whole addresses.
    """
    pages = config.pages
    style = _style() if inline else ""
    language = language_of_pages(config.site.language)
    said = words(language)
    to = functools.partial(page_url, config) if anywhere else functools.partial(reference, path)
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
            called=link_words(language),
            policy=policy_of_one_file() if inline else POLICY,
            icon=DOT if inline else _icon(config, path),
            canonical="" if inline else page_url(config, path),
            inline_style=Markup(style),
            alternates=alternates,
            style=to(pages.style),
            script=to(pages.script),
            directory_link=to(pages.directory) if pages.directory else "",
            links_link=to(pages.links) if pages.links else "",
            here=path,
            directory_path=pages.directory,
            links_path=pages.links,
            pace=functools.partial(pace, said=said),
        )
    )
    return Document(path, HTML, body.encode(), updated)


BARE: Final = re.compile(r"[^\s\"'=<>`&]+")


def attribute(value: str) -> Markup:
    """A value as it stands behind the equals sign of an attribute: in quotes where it needs any."""
    return Markup(value) if BARE.fullmatch(value) else Markup('"{}"').format(value)


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
    environment.filters.update(
        as_written=as_written,
        attribute=attribute,
        host=host_of,
        language_of=language_of,
        web=web_address,
        per_month=per_month,
        shown=_shown,
        moment=_moment,
        host_name=_host_name,
    )
    return environment


def _shown(text: str, longest: int = LONGEST_SHOWN) -> str:
    """A text of a post or a server as long as anybody reads it, without what browsers obey."""
    seen = visible(text)
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def _host_name(host: str) -> str:
    """A host in its own script (RFC 5891), if that is what its ASCII stands for."""
    try:
        return host.encode().decode("idna")
    except UnicodeError:
        return host


@pass_context
def _moment(context: Context, seconds: float) -> datetime:
    """Seconds since 1970 as a time in the zone of the site."""
    return datetime.fromtimestamp(seconds, context["site"].zone)
