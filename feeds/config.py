"""What the user asked for, as values: one class for each table of ``config.toml``.

:mod:`feeds.configfile` makes them from files, or says what is wrong with those.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from feeds.destination import Publish
from feeds.htmlpages import HtmlPages
from feeds.models import Finding, Format, Kind, Person
from feeds.values import dataclass

CONFIG_NAME: Final = "config.toml"
OWN_NAME: Final = "feeds.toml"  # where config.toml is that of another program
STATE_FOLDER: Final = ".feeds"
MARKDOWN_EXTENSIONS: Final = ("markdown", "mkdown", "mkdn", "mkd", "md")


@dataclass(frozen=True, slots=True)
class Site:
    """``[site]``: ``url`` is absolute, ends without a slash and includes Jekyll's baseurl.

    ``authors`` maps the short names that posts may use to people; ``variables`` is what
    Liquid sees as ``site``.
    """

    url: str
    title: str = ""
    description: str = ""
    language: str = ""
    timezone: str = "UTC"
    author: Person | None = None
    authors: Mapping[str, Person] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Defaults:
    """Front matter for all posts below ``path`` (Jekyll's ``defaults``).

    ``type`` is ``posts``, or empty for all; no other one applies.
    """

    path: str
    type: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Posts:
    """``[posts]``: where posts are and how they are read.

    ``jekyll`` switches Jekyll's own rules on: which files are posts, and what a date
    without a zone means. Empty ``sources`` on such a site mean every ``_posts`` folder.
    """

    sources: tuple[str, ...] = ()
    jekyll: bool = False
    permalink: str = "date"
    future: bool = False
    drafts: bool = False
    unpublished: bool = False
    naive_dates: str = "site"
    excerpt_separator: str = "\n\n"
    markdown_extensions: tuple[str, ...] = MARKDOWN_EXTENSIONS
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    collections_dir: str = ""
    includes_dir: str = "_includes"
    liquid: bool = True
    defaults: tuple[Defaults, ...] = ()


@dataclass(frozen=True, slots=True)
class Feeds:
    """``[feeds]``: which documents are written, where, and with what in them.

    ``paths`` maps each kind to one path pattern per format. ``poll_minutes`` bounds what
    readers are told about how often to come.
    """

    formats: tuple[Format, ...] = (Format.ATOM, Format.RSS, Format.JSON)
    entries: int = 20
    content: str = "full"
    output: str = "public"
    ids: str = "permalink"
    hubs: tuple[str, ...] = ()
    keep_navigation: bool = False
    opml: str = "feeds.opml"
    icon: str = ""
    logo: str = ""
    poll_minutes: tuple[int, int] = (5, 60)
    paths: Mapping[Kind, Mapping[Format, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Term:
    """``[terms.category.<name>]``: what to call a term and which page it belongs to."""

    title: str = ""
    description: str = ""
    page: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """``[terms]``: which categories and tags get feeds.

    ``include`` and ``exclude`` hold shell patterns over ``category/<name>``, ``tag/<name>``.
    """

    merge_case: bool = False
    min_posts: int = 1
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    named: Mapping[Kind, Mapping[str, Term]] = field(default_factory=dict)

    def term(self, kind: Kind, name: str) -> Term:
        return self.named.get(kind, {}).get(name, Term())

    def wanted(self, kind: Kind, name: str) -> bool:
        """Whether the term may have a feed at all."""
        key = f"{kind}/{name}"
        if self.include and not any(fnmatchcase(key, pattern) for pattern in self.include):
            return False
        return not any(fnmatchcase(key, pattern) for pattern in self.exclude)


@dataclass(frozen=True, slots=True)
class SitePages:
    """``[links]``: the site's own pages; ``{category}`` and ``{tag}`` stand for the name.

    A term's feed points to the first page of its kind; without any, to the folder of the feed.
    """

    category: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Ignored:
    """``[[links.ignore]]``: links that are known to be bad, why, and how long that is accepted.

    ``url`` is a shell pattern over what the post says and what that leads to, ``post`` one over
    the paths of posts; ``verdict`` is empty for any. ``until`` is the last day.
    """

    url: str
    reason: str
    until: date
    post: str = "*"
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Links:
    """``[links]``: which links are right, and how the pages that they lead to are asked for.

    ``hosts`` are other names under which the site is right, ``aliases`` those that it had.
    ``site_dir`` and ``sitemap`` tell which pages it has. ``include`` and ``exclude`` are shell
    patterns over addresses. ``accept``, by pattern of host, are statuses that mean well;
    ``headers``, by such a pattern or one with a scheme before it, what else is sent to a host;
    ``remap`` beginnings of addresses and what to ask for in place of them. ``timeout`` is seconds
    for the whole check of one address, ``interval`` seconds between two starts at one host,
    ``allow_addresses`` networks that may be asked although not public. ``severity`` maps a
    verdict, or ``role.verdict``, to what it means. ``dead_source`` says what feeds do with a
    source that is gone, ``background`` how many addresses a server checks each minute.
    """

    hosts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    site_dir: str = ""
    sitemap: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    accept: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    remap: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 20
    per_host: int = 2
    interval: float = 0.2
    concurrency: int = 64
    user_agent: str = ""
    ca_file: str = ""
    allow_addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    severity: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[Ignored, ...] = ()
    archive_api: str = "https://archive.org/wayback/available"
    dead_source: str = "keep"
    background: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """``[server]`` and ``[redirects]``: how feeds are served.

    ``cache_mb`` are MiB of every worker for answers that are kept ready; ``withdrawn_days``
    is how long a feed that lost its last post answers 410; ``requests_per_minute`` limits
    unconditional requests of one client (0: no limit); ``watch`` says how changed files are
    noticed; ``redirects`` maps old paths to new ones.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    cache_mb: int = 256
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    withdrawn_days: int = 90
    count_subscribers: bool = True
    requests_per_minute: int = 0
    delta: bool = False
    webhook_secret: str = ""
    log: str = "text"
    access_log: bool = False
    watch: str = "auto"
    redirects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything the user decided, checked. ``root`` is the site folder, absolute.

    ``notes`` tell of settings that were understood in another way than they are written;
    ``over`` is what was said in place of the files, so that they can be read again.
    """

    root: Path
    site: Site
    posts: Posts = Posts()
    feeds: Feeds = Feeds()
    terms: Terms = Terms()
    site_pages: SitePages = SitePages()
    links: Links = Links()
    server: Server = Server()
    pages: HtmlPages = field(default_factory=HtmlPages)
    publish: Publish = field(default_factory=Publish)
    notes: tuple[Finding, ...] = ()
    over: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def output(self) -> Path:
        return self.root / self.feeds.output

    @property
    def state(self) -> Path:
        return self.root / STATE_FOLDER

    def reading_fingerprint(self) -> str:
        """A hash of everything that decides what a file is read as."""
        site = self.site
        return _hash(site.url, site.timezone, site.authors, self.posts, self.feeds.ids)

    def fingerprint(self) -> str:
        """A hash of everything but the place of the site, equal on every machine."""
        feeds = replace(self.feeds, output="")
        return _hash(self.site, self.posts, feeds, self.terms, self.site_pages, self.pages)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def secret_of(value: str, environment: Mapping[str, str]) -> str:
    """A secret as it is configured: itself, or ``$NAME`` for one that the environment holds.

    Raises ``KeyError`` where the environment does not hold it.
    """
    return environment[value[1:]] if value.startswith("$") else value
