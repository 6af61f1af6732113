"""What the user asked for: ``config.toml``, or a Jekyll site's ``_config.yml``, as values.

:func:`load_config` reads what a site folder has, lets ``config.toml`` win key by key over
what another generator's configuration says, checks everything, and either returns a
:class:`Config` or raises one :class:`~feeds.errors.ConfigError` with all mistakes in it.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypedDict
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feeds import sites
from feeds.errors import ConfigError
from feeds.models import Finding, Format, Kind, Level, Person

CONFIG_NAME: Final = "config.toml"
STATE_FOLDER: Final = ".feeds"

MARKDOWN_EXTENSIONS: Final = ("markdown", "mkdown", "mkdn", "mkd", "md")
PLACEHOLDERS: Final = {
    Kind.SITE: frozenset({"format"}),
    Kind.CATEGORY: frozenset({"format", "slug", "name"}),
    Kind.TAG: frozenset({"format", "slug", "name"}),
}


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

    ``type`` is ``posts``, ``drafts`` or empty for both.
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
class Pages:
    """``[links]``: the site's own pages; ``{category}`` and ``{tag}`` stand for the name.

    A term's feed points to its page; without a pattern, to the folder of the feed.
    """

    category: str = ""
    tag: str = ""
    home: str = "/"


@dataclass(frozen=True, slots=True)
class Requests:
    """``[links]``: how the pages that posts link to are asked for.

    ``timeout`` is seconds for the whole check of one URL, ``interval`` seconds between two
    starts at one host, ``allow_addresses`` networks that may be asked although not public.
    """

    timeout: float = 20
    per_host: int = 2
    interval: float = 0.2
    ports: tuple[int, ...] = (80, 443)
    allow_addresses: tuple[str, ...] = ()
    ca_file: str = ""


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
class HtmlPages:
    """``[pages]``: where each HTML page goes below the output; empty for none."""

    directory: str = "index.html"
    feed: str = "{feed_folder}/index.html"


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
    pages: Pages = Pages()
    requests: Requests = Requests()
    server: Server = Server()
    html: HtmlPages = HtmlPages()
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
        return _hash(self.site, self.posts, feeds, self.terms, self.pages)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def load_config(root: Path, over: Mapping[str, Any] | None = None) -> Config:
    """Read the configuration of a site folder; what ``over`` says wins over all files.

    Raises :class:`~feeds.errors.ConfigError` with every mistake: a folder without a
    configuration, TOML or YAML that does not parse, an unknown key, a wrong value.
    """
    root = root.resolve()
    if not root.is_dir():
        raise ConfigError(root, ["is not a folder; name the folder of the site"])
    own_path = root / CONFIG_NAME
    own = _load_toml(own_path) if own_path.is_file() else None
    other = sites.jekyll_settings(root)
    if own is None and other is None:
        raise ConfigError(
            root, [f"no {CONFIG_NAME} and no _config.yml in it; `feeds init` writes one"]
        )
    path = own_path if own is not None or other is None else other.path
    values = _merge(_merge(other.values if other else {}, own or {}), over or {})
    problems: list[str] = []
    config = _config(root, _Section(values, "", problems))
    if problems:
        raise ConfigError(path, problems)
    config = replace(config, over=over or {})
    if other is None:
        return config
    name = other.path.name
    notes = (Finding(name, 0, Level.NOTE, what, done) for what, done in other.notes)
    return replace(config, notes=tuple(notes))


def reload_config(config: Config) -> Config:
    """The configuration as its files say it now. Raises as :func:`load_config` does."""
    return load_config(config.root, config.over)


def _load_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"cannot be read: {error}"]) from error


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested tables as one; a value of ``over`` wins, tables are merged key by key."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


class _Section:
    """One table of the configuration: hands out checked values, collects every mistake."""

    def __init__(self, values: Mapping[str, Any], name: str, problems: list[str]) -> None:
        self.values = values
        self.name = name
        self.problems = problems
        self.known: set[str] = set()

    def problem(self, key: str, text: str) -> None:
        self.problems.append(f"{self._full(key)}: {text}")

    def section(self, key: str) -> _Section:
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            self.problem(key, f"expected a table, not {_show(value)}")
            value = {}
        return _Section(value, self._full(key), self.problems)

    def text(self, key: str, default: str = "") -> str:
        value = self.get(key, default)
        if isinstance(value, str):
            return value
        self.problem(key, f"expected a text in quotes, not {_show(value)}")
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.get(key, default)
        if isinstance(value, bool):
            return value
        self.problem(key, f"expected true or false, not {_show(value)}")
        return default

    def number(self, key: str, default: int, low: int, high: int) -> int:
        value = self.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.problem(key, f"expected a whole number from {low} to {high}, not {_show(value)}")
        return default

    def decimal(self, key: str, default: float, low: float, high: float) -> float:
        value = self.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and low <= value <= high:
            return float(value)
        self.problem(key, f"expected a number from {low:g} to {high:g}, not {_show(value)}")
        return default

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        value = self.get(key, list(default))
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.problem(key, f"expected a list of texts, not {_show(value)}")
        return tuple(default)

    def choice(self, key: str, default: str, allowed: Iterable[str]) -> str:
        value = self.text(key, default)
        allowed = tuple(allowed)
        if value in allowed:
            return value
        self.problem(key, f"expected one of {_listed(allowed)}, not {_show(value)}")
        return default

    def finish(self) -> None:
        """Report the keys that nothing asked for."""
        for key in self.values:
            if key not in self.known:
                near = difflib.get_close_matches(key, self.known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known: {_listed(self.known)}"
                self.problem(key, f"unknown key; {hint}")

    def get(self, key: str, default: Any) -> Any:
        """A value as it stands there."""
        self.known.add(key)
        return self.values.get(key, default)

    def _full(self, key: str) -> str:
        return f"{self.name}.{key}" if self.name else key


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _config(root: Path, top: _Section) -> Config:
    posts_section = top.section("posts")
    jekyll = posts_section.flag("jekyll")
    config = Config(
        root=root,
        site=_site(top.section("site")),
        posts=_posts(posts_section, jekyll),
        feeds=_feeds(top.section("feeds"), jekyll),
        terms=_terms(top.section("terms")),
        **_links(top.section("links")),
        server=_server(top.section("server"), top),
        html=_html(top.section("pages")),
    )
    top.finish()
    return config


def _site(section: _Section) -> Site:
    people = section.section("authors")
    authors = {key: _person(people, key) for key in people.values}
    site = Site(
        url=_site_url(section),
        title=section.text("title").strip(),
        description=section.text("description").strip(),
        language=section.text("language"),
        timezone=_timezone(section),
        author=_person(section, "author"),
        authors={key: person for key, person in authors.items() if person},
        variables=section.section("variables").values,
    )
    section.finish()
    return site


def _site_url(section: _Section) -> str:
    url = section.text("url").strip()
    if not url:
        section.problem(
            "url",
            'missing; feeds need absolute addresses, as in url = "https://www.example.org"',
        )
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
        _ = parts.port
    except ValueError:
        good = False
    if not good or any(char.isspace() for char in url) or "#" in url:
        section.problem("url", f"expected an absolute http(s) address, not {_show(url)}")
    return url.rstrip("/")


def _timezone(section: _Section) -> str:
    name = section.text("timezone", "UTC")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        section.problem(
            "timezone", f"unknown time zone {_show(name)}; expected one like Asia/Shanghai"
        )
        return "UTC"
    return name


def _person(section: _Section, key: str) -> Person | None:
    value = section.get(key, "")
    if isinstance(value, str):
        return Person(value.strip()) if value.strip() else None
    if not isinstance(value, Mapping):
        section.problem(key, f"expected a name or a table with name, not {_show(value)}")
        return None
    # uri is jekyll-feed's word, url everybody else's.
    name, email, url = (str(value.get(field) or "").strip() for field in ("name", "email", "url"))
    url = url or str(value.get("uri") or "").strip()
    return Person(name, email, url) if name else None


def _posts(section: _Section, jekyll: bool) -> Posts:
    posts = Posts(
        sources=tuple(_folder(section, "sources", s) for s in section.texts("sources")),
        jekyll=jekyll,
        permalink=section.text("permalink", "date"),
        future=section.flag("future"),
        drafts=section.flag("drafts"),
        unpublished=section.flag("unpublished"),
        naive_dates=section.choice("naive_dates", "site", ("site", "utc")),
        excerpt_separator=section.text("excerpt_separator", "\n\n"),
        markdown_extensions=section.texts("markdown_extensions", MARKDOWN_EXTENSIONS),
        include=section.texts("include"),
        exclude=section.texts("exclude"),
        collections_dir=section.text("collections_dir"),
        includes_dir=section.text("includes_dir", "_includes"),
        liquid=section.flag("liquid", True),
        defaults=_defaults(section),
    )
    if not posts.sources and not jekyll:
        section.problem("sources", 'missing; the folders with posts, as in sources = ["_posts"]')
    section.finish()
    return posts


def _folder(section: _Section, key: str, folder: str) -> str:
    """A source folder, relative to the site and inside it."""
    clean = folder.replace("\\", "/").strip("/") if folder not in ("", "/") else folder
    parts = [part for part in clean.split("/") if part not in ("", ".")]
    if folder.startswith("/") or ".." in parts:
        section.problem(key, f"{_show(folder)} is outside the site; link it into the site folder")
    return "/".join(parts)


def _defaults(section: _Section) -> tuple[Defaults, ...]:
    sets = section.get("defaults", [])
    if not isinstance(sets, list) or not all(isinstance(item, Mapping) for item in sets):
        section.problem("defaults", "expected a list of tables with path, type and values")
        return ()
    found = []
    for number, item in enumerate(sets, 1):
        inner = _Section(item, f"{section.name}.defaults[{number}]", section.problems)
        found.append(
            Defaults(
                path=inner.text("path"),
                type=inner.text("type"),
                values=inner.section("values").values,
            )
        )
        inner.finish()
    return tuple(found)


def _feeds(section: _Section, jekyll: bool) -> Feeds:
    formats = _formats(section)
    feeds = Feeds(
        formats=formats,
        entries=section.number("entries", 20, 1, 10_000),
        content=section.choice("content", "full", ("full", "summary")),
        output=section.text("output", "public"),
        ids=section.choice(
            "ids", "jekyll" if jekyll else "permalink", ("jekyll", "permalink", "tag")
        ),
        hubs=section.texts("hubs"),
        keep_navigation=section.flag("keep_navigation"),
        opml=_output_path(section, "opml", section.text("opml", "feeds.opml")),
        icon=section.text("icon"),
        logo=section.text("logo"),
        poll_minutes=_poll_minutes(section),
        paths=_paths(section.section("paths"), formats),
    )
    section.finish()
    return feeds


def _poll_minutes(section: _Section) -> tuple[int, int]:
    value = section.get("poll_minutes", [5, 60])
    if isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value):
        shortest, longest = value
        if 1 <= shortest <= longest <= 44_640:
            return shortest, longest
    section.problem("poll_minutes", f"expected two numbers, the shortest first, not {_show(value)}")
    return 5, 60


def _formats(section: _Section) -> tuple[Format, ...]:
    names = section.texts("formats", [str(format) for format in Format])
    unknown = [name for name in names if name not in set(Format)]
    for name in unknown:
        section.problem("formats", f"expected some of {_listed(Format)}, not {_show(name)}")
    if not names:
        section.problem("formats", f"expected at least one of {_listed(Format)}")
    return tuple(format for format in Format if format in names)


DEFAULT_PATHS: Final = {
    Kind.SITE: "feed.{format}",
    Kind.CATEGORY: "category/{slug}/feed.{format}",
    Kind.TAG: "tag/{slug}/feed.{format}",
}


def _paths(section: _Section, formats: tuple[Format, ...]) -> Mapping[Kind, Mapping[Format, str]]:
    """``[feeds.paths]``: a pattern for all formats, or a table with one for each."""
    paths = {kind: _kind_paths(section, kind, formats) for kind in Kind}
    section.finish()
    taken: dict[str, str] = {}
    for kind, patterns in paths.items():
        for format, pattern in patterns.items():
            other = taken.setdefault(pattern.casefold(), f"{kind} ({format})")
            if other != f"{kind} ({format})":
                section.problem(kind, f"{_show(pattern)} is the path of {other} already")
    return paths


def _kind_paths(section: _Section, kind: Kind, formats: tuple[Format, ...]) -> Mapping[Format, str]:
    default = DEFAULT_PATHS[kind]
    value = section.get(kind, default)
    if isinstance(value, str):
        patterns: Mapping[str, Any] = dict.fromkeys(formats, value)
    elif isinstance(value, Mapping):
        patterns = {format: value.get(format, default) for format in formats}
        for key in value:
            if key not in set(Format):
                section.problem(f"{kind}.{key}", f"unknown format; known: {_listed(Format)}")
    else:
        section.problem(kind, f"expected a path pattern, not {_show(value)}")
        return {}
    return {
        Format(format): _pattern(section, kind, pattern).replace("{format}", format)
        for format, pattern in patterns.items()
    }


def _pattern(section: _Section, kind: Kind, pattern: Any) -> str:
    if not isinstance(pattern, str):
        section.problem(kind, f"expected a path pattern, not {_show(pattern)}")
        return ""
    used = set(re.findall(r"\{(.*?)\}", pattern))
    allowed = PLACEHOLDERS[kind]
    for name in sorted(used - allowed):
        section.problem(kind, f"unknown {{{name}}} in {_show(pattern)}; known: {_listed(allowed)}")
    if kind is not Kind.SITE and not used & {"slug", "name"}:
        section.problem(kind, f"{_show(pattern)} needs {{slug}}, or all its feeds share one path")
    return _output_path(section, kind, pattern.lstrip("/"))


def _output_path(section: _Section, key: str, path: str) -> str:
    """A path below the output folder."""
    parts = path.split("/")
    if path and (path.startswith("/") or ".." in parts or "" in parts or "\\" in path):
        section.problem(key, f"{_show(path)} must be a file below the output folder")
    if parts[0].startswith(".feeds"):
        section.problem(key, f"{_show(path)}: names that begin with .feeds are the program's own")
    return path


def _terms(section: _Section) -> Terms:
    named = {kind: _named(section, kind) for kind in (Kind.CATEGORY, Kind.TAG)}
    terms = Terms(
        merge_case=section.flag("merge_case"),
        min_posts=section.number("min_posts", 1, 1, 1_000_000),
        include=section.texts("include"),
        exclude=section.texts("exclude"),
        named=named,
    )
    section.finish()
    return terms


def _named(section: _Section, kind: Kind) -> Mapping[str, Term]:
    inner = section.section(kind)
    found = {}
    for name in inner.values:
        term = inner.section(name)
        found[name] = Term(term.text("title"), term.text("description"), term.text("page"))
        term.finish()
    return found


class _LinkSettings(TypedDict):
    pages: Pages
    requests: Requests


def _links(section: _Section) -> _LinkSettings:
    pages = Pages(
        category=_page(section, "category_page", "{category}"),
        tag=_page(section, "tag_page", "{tag}"),
        home=section.text("home", "/"),
    )
    requests = Requests(
        timeout=section.decimal("timeout", 20, 0.1, 600),
        per_host=section.number("per_host", 2, 1, 100),
        interval=section.decimal("interval", 0.2, 0, 3600),
        ports=_ports(section),
        allow_addresses=_networks(section, "allow_addresses", ()),
        ca_file=section.text("ca_file"),
    )
    section.finish()
    return {"pages": pages, "requests": requests}


def _page(section: _Section, key: str, placeholder: str) -> str:
    pattern = section.text(key)
    if pattern and placeholder not in pattern:
        section.problem(key, f"{_show(pattern)} needs {placeholder}, or all terms share one page")
    return pattern


def _ports(section: _Section) -> tuple[int, ...]:
    value = section.get("ports", [80, 443])
    if isinstance(value, list) and all(type(port) is int and 0 < port < 65536 for port in value):
        return tuple(value)
    section.problem("ports", f"expected a list of port numbers, not {_show(value)}")
    return ()


def _networks(section: _Section, key: str, default: Sequence[str]) -> tuple[str, ...]:
    networks = section.texts(key, default)
    for network in networks:
        # Only digits, letters, dots, colons and a slash can stand in an address or network.
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            section.problem(key, f"not an address or network: {error}")
    return networks


def _secret(section: _Section, key: str) -> str:
    """A secret, or ``$NAME`` for one that the environment holds."""
    value = section.text(key)
    if not value.startswith("$"):
        return value
    secret = os.environ.get(value[1:], "")
    if not secret:
        section.problem(key, f"the environment has no {value[1:]}; set it, or leave the key out")
    return secret


def _server(section: _Section, top: _Section) -> Server:
    redirects = top.section("redirects")
    server = Server(
        host=section.text("host", "127.0.0.1"),
        port=section.number("port", 8000, 0, 65535),
        workers=section.number("workers", 1, 1, 256),
        cache_mb=section.number("cache_mb", 256, 1, 1_000_000),
        trusted_proxies=_networks(section, "trusted_proxies", ("127.0.0.1", "::1")),
        withdrawn_days=section.number("withdrawn_days", 90, 0, 36_500),
        count_subscribers=section.flag("count_subscribers", True),
        requests_per_minute=section.number("requests_per_minute", 0, 0, 1_000_000),
        delta=section.flag("delta"),
        webhook_secret=_secret(section, "webhook_secret"),
        log=section.choice("log", "text", ("text", "json")),
        access_log=section.flag("access_log"),
        watch=section.choice("watch", "auto", ("auto", "poll", "off")),
        redirects={old: redirects.text(old) for old in redirects.values},
    )
    for old, new in server.redirects.items():
        if not old.startswith("/") or not (new.startswith("/") or "://" in new):
            redirects.problem(old, "expected two paths that begin with a slash")
    section.finish()
    return server


def _html(section: _Section) -> HtmlPages:
    pages = HtmlPages(
        directory=_output_path(section, "directory", section.text("directory", "index.html")),
        feed=_output_path(section, "feed", section.text("feed", "{feed_folder}/index.html")),
    )
    section.finish()
    return pages
