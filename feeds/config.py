"""What the user asked for: ``config.toml``, or a Jekyll site's ``_config.yml``, as values.

:func:`load_config` reads what a site folder has, lets ``config.toml`` win key by key over
what another generator's configuration says, checks everything, and either returns a
:class:`Config` or raises one :class:`~feeds.errors.ConfigError` with all mistakes in it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feeds import sites
from feeds.destination import Publish, publish_settings
from feeds.errors import ConfigError, refusal
from feeds.htmlpages import HtmlPages, html_pages
from feeds.models import Finding, Format, Kind, Level, Person, Role, Verdict
from feeds.patterns import feed_paths, keep_apart, keep_pages_apart, output_path
from feeds.section import Problem, Section, listed, show
from feeds.values import dataclass

CONFIG_NAME: Final = "config.toml"
OWN_NAME: Final = "feeds.toml"  # where config.toml is that of another program
STATE_FOLDER: Final = ".feeds"

PERMALINK_STYLES: Final = ("date", "pretty", "ordinal", "weekdate", "none")
MARKDOWN_EXTENSIONS: Final = ("markdown", "mkdown", "mkdn", "mkd", "md")
# RFC 5646, as far as a look at a tag can tell.
LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
# A host, with a port where that is not the usual one.
HOST: Final = re.compile(r"[^\s/?#@]+")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_HOSTS: Final = re.compile(r"(?:https?://)?[^/]+", re.IGNORECASE)
# What RFC 3986 allows nowhere, and a fragment.
NO_ADDRESS: Final = re.compile(r'[\x00-\x20\x7f-\xa0"<>\\^`{|}#]')


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
    pages: Pages = Pages()
    links: Links = Links()
    server: Server = Server()
    html: HtmlPages = field(default_factory=HtmlPages)
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
        return _hash(self.site, self.posts, feeds, self.terms, self.pages, self.html)


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def load_config(root: Path, over: Mapping[str, Any] | None = None) -> Config:
    """Read the configuration of a site folder; what ``over`` says wins over all files.

    Raises :class:`~feeds.errors.ConfigError` with every mistake: a folder without a
    configuration, TOML or YAML that does not parse, an unknown key, a wrong value.
    """
    root = _existing(root)
    own_path = config_path(root)
    own = _load_toml(own_path)
    if own and own_path.name == CONFIG_NAME and (program := sites.generator(own)):
        advice = f"`feeds init` makes a {OWN_NAME} from it, which is read in its place"
        raise ConfigError(own_path, [f"is {program}'s configuration; {advice}"])
    other = sites.jekyll_settings(root)
    if own is None and other is None:
        raise ConfigError(root, [f"no {CONFIG_NAME} and no _config.yml in it; {_instead_of(root)}"])
    path = other.path if other and own is None else own_path
    tables = {"the command line": over or {}, own_path.name: own or {}}
    if other:
        tables[other.path.name] = other.values
    problems: list[Problem] = []
    config = _config(root, Section(_merged(tables.values()), (), problems))
    if problems:
        raise ConfigError(path, [_told(problem, path.name, tables) for problem in problems])
    return replace(config, notes=_notes(other), over=over or {})


def config_path(root: Path) -> Path:
    """The file of the program's own settings, be it there or not."""
    own = root / OWN_NAME
    return own if os.path.exists(own) else root / CONFIG_NAME


def _existing(root: Path) -> Path:
    """The folder of the site, absolute and without links."""
    found = Path(os.path.realpath(root))
    if not found.is_dir():
        what = "is not a folder" if found.exists() else "does not exist"
        raise ConfigError(found, [f"{what}; name the folder of the site{_near(found)}"])
    if not _is_unicode(str(found)):
        raise ConfigError(found, ["is no name in UTF-8; rename it"])
    return found


def _near(path: Path) -> str:
    """What may have been meant: the folder that a file is in, or one with much the same name."""
    if path.exists():
        return f": {path.parent}" if _is_site(path.parent) else ""
    import difflib

    with contextlib.suppress(OSError):
        folders = [name for name in os.listdir(path.parent) if os.path.isdir(path.parent / name)]
        if near := difflib.get_close_matches(path.name, folders, n=1):
            return f"; did you mean {near[0]}?"
    return ""


def _instead_of(root: Path) -> str:
    """What to do in a folder that is no site: to take the one that it is in, or to make one."""
    site = next((folder for folder in root.parents if _is_site(folder)), None)
    return f"its site is {site}, name that" if site else "`feeds init` writes one"


def _is_site(folder: Path) -> bool:
    names = (CONFIG_NAME, OWN_NAME, "_config.yml")
    return any(os.path.isfile(folder / name) for name in names)


def _notes(other: sites.Settings | None) -> tuple[Finding, ...]:
    if other is None:
        return ()
    name = other.path.name
    return tuple(Finding(name, 0, Level.NOTE, what, done) for what, done in other.notes)


def _told(problem: Problem, file: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """A problem of ``file``, and where its key stands if that is elsewhere."""
    origin = next((name for name, table in tables.items() if _holds(table, problem.keys)), file)
    return str(problem) if origin == file else f"{problem} (from {origin})"


def _holds(table: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(table, Mapping):
            return True
        if key not in table:
            return False
        table = table[key]
    return True


def secret_of(value: str, environment: Mapping[str, str]) -> str:
    """A secret as it is configured: itself, or ``$NAME`` for one that the environment holds.

    Raises ``KeyError`` where the environment does not hold it.
    """
    return environment[value[1:]] if value.startswith("$") else value


def reload_config(config: Config) -> Config:
    """The configuration as its files say it now. Raises as :func:`load_config` does."""
    return load_config(config.root, config.over)


def _load_toml(path: Path) -> dict[str, Any] | None:
    """The tables of a TOML file, ``None`` where there is no such file."""
    try:
        raw = path.read_bytes()
        return tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {refusal(error)}"]) from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"line {line}: not UTF-8; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    except RecursionError as error:
        raise ConfigError(path, ["nested too deeply"]) from error


def _merged(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested tables as one; what an earlier one says wins over what a later one does."""
    values: dict[str, Any] = {}
    for table in reversed(list(tables)):
        values = _merge(values, table)
    return values


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested tables as one; a value of ``over`` wins, tables are merged key by key."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _config(root: Path, top: Section) -> Config:
    posts_section, links = top.section("posts"), top.section("links")
    pages_section = top.section("pages")
    jekyll = posts_section.flag("jekyll")
    config = Config(
        root=root,
        site=_site(top.section("site")),
        posts=_posts(posts_section, jekyll),
        feeds=_feeds(top.section("feeds"), jekyll),
        terms=_terms(top.section("terms")),
        pages=_pages(links),
        links=_links(links),
        server=_server(top.section("server"), top),
        html=html_pages(pages_section),
    )
    keep_pages_apart(pages_section, config.html.named(), config.feeds.opml, config.feeds.paths)
    publish = publish_settings(top.section("publish"), root, config.output)
    top.finish()
    return replace(config, publish=publish)


def _site(section: Section) -> Site:
    people = section.section("authors")
    authors = {key: _person(people, key) for key in people.values}
    url = _site_url(section)
    site = Site(
        url=url,
        title=section.text("title").strip(),
        description=section.text("description").strip(),
        language=_language(section),
        timezone=_timezone(section),
        author=_resolved(_person(section, "author"), url),
        authors={key: _resolved(person, url) for key, person in authors.items() if person},
        variables=section.section("variables").values,
    )
    section.finish()
    return site


def _site_url(section: Section) -> str:
    url = section.text("url").strip()
    if not url:
        if not isinstance(section.values.get("url", ""), str):
            return ""  # said already
        example = 'url = "https://www.example.org"'
        section.problem("url", f"missing; feeds need absolute addresses, as in {example}")
    elif not _is_address(url) or "?" in url:
        hint = "" if "://" in url else f'; did you mean "https://{url.lstrip("/")}"?'
        section.problem("url", f"expected an absolute http(s) address, not {show(url)}{hint}")
    return url.rstrip("/")


def _is_address(text: str) -> bool:
    """Whether a text is a web address that may be shown to everybody."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        return False
    return good and "@" not in parts.netloc and not NO_ADDRESS.search(text)


def _language(section: Section) -> str:
    """A language tag as RFC 5646 has it; POSIX's underscore is understood too."""
    language = section.text("language").replace("_", "-")
    if language and not LANGUAGE.fullmatch(language):
        section.problem("language", f'expected a tag like "zh-CN", not {show(language)}')
    return language


def _timezone(section: Section) -> str:
    name = section.text("timezone", "UTC")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        section.problem(
            "timezone", f'unknown time zone {show(name)}; expected one like "Asia/Shanghai"'
        )
        return "UTC"
    return name


def _person(section: Section, key: str) -> Person | None:
    value = section.get(key, "")
    if isinstance(value, str):
        name = section.text(key).strip()
        return Person(name) if name else None
    if not isinstance(value, Mapping):
        section.problem(key, f"expected a name or a table with name, not {show(value)}")
        return None
    person = section.section(key)
    name, email, url, uri = (person.text(key).strip() for key in ("name", "email", "url", "uri"))
    person.finish()
    if "name" not in value:
        person.problem("name", "missing; feeds show it")
    # uri is jekyll-feed's word, url everybody else's.
    return Person(name, email, url or uri) if name else None


P = TypeVar("P", Person, Person | None)


def _resolved(person: P, site_url: str) -> P:
    """A person whose page is an address; a path is one of the site."""
    if person is None or not person.url or "://" in person.url:
        return person
    return replace(person, url=f"{site_url}/{person.url.lstrip('/')}")


def _posts(section: Section, jekyll: bool) -> Posts:
    endings = section.texts("markdown_extensions", MARKDOWN_EXTENSIONS)
    posts = Posts(
        sources=tuple(_folder(section, "sources", name) for name in section.texts("sources")),
        jekyll=jekyll,
        permalink=_permalink(section, jekyll),
        future=section.flag("future"),
        drafts=section.flag("drafts"),
        unpublished=section.flag("unpublished"),
        naive_dates=section.choice("naive_dates", "utc" if jekyll else "site", ("site", "utc")),
        excerpt_separator=section.text("excerpt_separator", "\n\n"),
        markdown_extensions=tuple(ending.lstrip(".").lower() for ending in endings),
        include=section.texts("include"),
        exclude=section.texts("exclude"),
        collections_dir=_folder(section, "collections_dir", section.text("collections_dir")),
        includes_dir=_folder(section, "includes_dir", section.text("includes_dir", "_includes")),
        liquid=section.flag("liquid", True),
        defaults=_defaults(section),
    )
    if not jekyll and section.values.get("sources", []) == []:
        section.problem("sources", 'missing; the folders with posts, as in sources = ["_posts"]')
    section.finish()
    return posts


def _permalink(section: Section, jekyll: bool) -> str:
    """A style or a pattern. Jekyll takes any text, and its sites may count on that."""
    permalink = section.text("permalink", "date")
    if not jekyll and permalink not in PERMALINK_STYLES and ":" not in permalink:
        styles = listed(PERMALINK_STYLES)
        section.problem(
            "permalink", f'expected {styles} or a pattern like "/:slug/", not {show(permalink)}'
        )
    return permalink


def _folder(section: Section, key: str, folder: str) -> str:
    """A folder of the site, relative to it; empty for the site itself."""
    parts = [part for part in folder.replace("\\", "/").split("/") if part not in ("", ".")]
    if folder.startswith("/") or ".." in parts:
        section.problem(key, f"{show(folder)} is outside the site; link it into the site folder")
    return "/".join(parts)


def _defaults(section: Section) -> tuple[Defaults, ...]:
    found = []
    for inner in section.sections("defaults", "path, type and values"):
        found.append(
            Defaults(
                path=inner.text("path"),
                type=inner.text("type"),
                values=inner.section("values").values,
            )
        )
        inner.finish()
    return tuple(found)


def _feeds(section: Section, jekyll: bool) -> Feeds:
    formats = _formats(section)
    feeds = Feeds(
        formats=formats,
        entries=section.number("entries", 20, 1, 10_000),
        content=section.choice("content", "full", ("full", "summary")),
        output=_output(section),
        ids=section.choice(
            "ids", "jekyll" if jekyll else "permalink", ("jekyll", "permalink", "tag")
        ),
        hubs=_hubs(section),
        keep_navigation=section.flag("keep_navigation"),
        opml=output_path(section, "opml", "feeds.opml"),
        icon=section.text("icon"),
        logo=section.text("logo"),
        poll_minutes=_poll_minutes(section),
        paths=feed_paths(section.section("paths"), formats),
    )
    section.finish()
    keep_apart(section, feeds.opml, feeds.paths)
    return feeds


def _output(section: Section) -> str:
    output = section.text("output", "public")
    if not output:
        section.problem("output", 'expected a folder; "." is that of the site')
    if Path(output).parts[:1] == (STATE_FOLDER,):
        section.problem("output", f"{STATE_FOLDER} may be deleted at any time; choose another")
    if not _is_unicode(output):
        section.problem("output", f"expected a name in UTF-8, not {show(output)}")
    return output


def _hubs(section: Section) -> tuple[str, ...]:
    hubs = section.texts("hubs")
    for hub in hubs:
        if not _is_address(hub):
            section.problem("hubs", f"expected absolute http(s) addresses, not {show(hub)}")
    return hubs


def _poll_minutes(section: Section) -> tuple[int, int]:
    value = section.get("poll_minutes", [5, 60])
    if isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value):
        shortest, longest = value
        if 1 <= shortest <= longest <= 44_640:
            return shortest, longest
    section.problem("poll_minutes", f"expected two numbers, the shortest first, not {show(value)}")
    return 5, 60


def _formats(section: Section) -> tuple[Format, ...]:
    names = section.texts("formats", [str(format) for format in Format])
    unknown = [name for name in names if name not in set(Format)]
    for name in unknown:
        section.problem("formats", f"expected some of {listed(Format)}, not {show(name)}")
    if not names:
        section.problem("formats", f"expected at least one of {listed(Format)}")
    return tuple(format for format in Format if format in names)


def _terms(section: Section) -> Terms:
    named = {kind: _named(section, kind) for kind in (Kind.CATEGORY, Kind.TAG)}
    terms = Terms(
        merge_case=section.flag("merge_case"),
        min_posts=section.number("min_posts", 1, 1, 1_000_000),
        include=_term_patterns(section, "include"),
        exclude=_term_patterns(section, "exclude"),
        named=named,
    )
    section.finish()
    return terms


def _term_patterns(section: Section, key: str) -> tuple[str, ...]:
    patterns = section.texts(key)
    for pattern in patterns:
        if not pattern.startswith(("category/", "tag/", "*")):
            section.problem(key, f'expected patterns like "tag/{pattern}", not {show(pattern)}')
    return patterns


def _named(section: Section, kind: Kind) -> Mapping[str, Term]:
    inner = section.section(kind)
    found = {}
    for name in inner.values:
        term = inner.section(name)
        found[name] = Term(term.text("title"), term.text("description"), term.text("page"))
        term.finish()
    return found


def _pages(section: Section) -> Pages:
    return Pages(
        category=_page(section, "category_page", "{category}"),
        tag=_page(section, "tag_page", "{tag}"),
        home=section.text("home", "/"),
    )


def _page(section: Section, key: str, placeholder: str) -> tuple[str, ...]:
    """One pattern or several; the first is that of today."""
    value = section.get(key, "")
    patterns = section.texts(key) if isinstance(value, list) else (section.text(key),)
    for pattern in patterns:
        if pattern and placeholder not in pattern:
            text = f"{show(pattern)} needs {placeholder}, or all terms share one page"
            section.problem(key, text)
    return tuple(pattern for pattern in patterns if pattern)


def _links(section: Section) -> Links:
    links = Links(
        hosts=_host_names(section, "hosts"),
        aliases=_host_names(section, "aliases"),
        site_dir=section.text("site_dir"),
        sitemap=section.text("sitemap"),
        include=section.texts("include"),
        exclude=section.texts("exclude"),
        accept=_accepted(section.section("accept")),
        headers=_request_headers(section.section("headers")),
        remap=_remap(section.section("remap")),
        timeout=section.decimal("timeout", 20, 0.1, 600),
        per_host=section.number("per_host", 2, 1, 100),
        interval=section.decimal("interval", 0.2, 0, 3600),
        concurrency=section.number("concurrency", 64, 1, 4096),
        user_agent=section.text("user_agent"),
        ca_file=section.text("ca_file"),
        allow_addresses=_networks(section, "allow_addresses", ()),
        ports=_ports(section),
        severity=_severity(section.section("severity")),
        ignore=_ignored(section),
        archive_api=section.text("archive_api", "https://archive.org/wayback/available"),
        dead_source=section.choice("dead_source", "keep", ("keep", "archive", "drop")),
        background=section.number("background", 0, 0, 1_000_000),
    )
    if not _is_address(links.archive_api):
        shown = show(links.archive_api)
        section.problem("archive_api", f"expected an absolute http(s) address, not {shown}")
    section.finish()
    return links


def _host_names(section: Section, key: str) -> tuple[str, ...]:
    names = section.texts(key)
    for name in names:
        if not HOST.fullmatch(name):
            section.problem(key, f'expected host names like "www.example.org", not {show(name)}')
    return tuple(name.lower() for name in names)


def _accepted(section: Section) -> Mapping[str, tuple[int, ...]]:
    found = {}
    for host in section.values:
        codes = section.get(host, [])
        if isinstance(codes, list) and all(
            type(code) is int and 100 <= code < 1000 for code in codes
        ):
            found[host] = tuple(codes)
        else:
            section.problem(host, f"expected a list of statuses like [403], not {show(codes)}")
    return found


def _request_headers(section: Section) -> Mapping[str, Mapping[str, str]]:
    found = {}
    for host in section.values:
        inner = section.section(host)
        if not HEADER_HOSTS.fullmatch(host):
            text = f'expected a host like "example.com" or "http://example.com", not {show(host)}'
            section.problem(host, text)
        found[host] = {name: inner.text(name) for name in inner.values}
        for name, value in found[host].items():
            if not HEADER_NAME.fullmatch(name) or not value.isascii():
                inner.problem(name, "expected the name and value of a header, in ASCII")
    return found


def _remap(section: Section) -> Mapping[str, str]:
    found = {old: section.text(old) for old in section.values}
    for old, new in found.items():
        if not all(each.startswith(("http://", "https://")) for each in (old, new)):
            section.problem(old, "expected the beginnings of two addresses, old and new")
    return found


def _severity(section: Section) -> Mapping[str, str]:
    found = {}
    for key in section.values:
        value = section.get(key, "")
        # "source.gone" without quotes is a table to TOML.
        if isinstance(value, Mapping):
            inner = section.section(key)
            found.update({f"{key}.{name}": _standing(inner, name) for name in inner.values})
        else:
            found[key] = _standing(section, key)
    for key in found:
        role, _, verdict = key.rpartition(".")
        if verdict not in set(Verdict) or (role and role not in set(Role)):
            section.problem(key, f"no verdict; known: {listed(Verdict)}, with a role before a dot")
    return found


def _standing(section: Section, key: str) -> str:
    return section.choice(key, "bad", ("good", "bad", "unsure"))


def _ignored(section: Section) -> tuple[Ignored, ...]:
    found = []
    for inner in section.sections("ignore", "url, reason and until"):
        ignored = Ignored(
            url=inner.text("url", "*"),
            reason=inner.text("reason").strip(),
            until=inner.day("until"),
            post=inner.text("post", "*"),
            verdict=inner.choice("verdict", "", ("", *Verdict)),
        )
        if not str(inner.values.get("reason", "")).strip():
            inner.problem("reason", "missing; whoever reads it later wants to know why")
        if not {"url", "post", "verdict"} & inner.values.keys():
            inner.problem("url", 'missing; a pattern like "https://example.com/*"')
        inner.finish()
        found.append(ignored)
    return tuple(found)


def _ports(section: Section) -> tuple[int, ...]:
    value = section.get("ports", [80, 443])
    if isinstance(value, list) and all(type(port) is int and 0 < port < 65536 for port in value):
        return tuple(value)
    section.problem("ports", f"expected a list of port numbers, not {show(value)}")
    return ()


def _networks(section: Section, key: str, default: Sequence[str]) -> tuple[str, ...]:
    networks = section.texts(key, default)
    if networks:
        import ipaddress
    for network in networks:
        # Only digits, letters, dots, colons and a slash can stand in an address or network.
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            section.problem(key, f"not an address or network: {error}")
    return networks


def _server(section: Section, top: Section) -> Server:
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
        webhook_secret=section.text("webhook_secret"),
        log=section.choice("log", "text", ("text", "json")),
        access_log=section.flag("access_log"),
        watch=section.choice("watch", "auto", ("auto", "poll", "off")),
        redirects=_redirects(top.section("redirects")),
    )
    section.finish()
    return server


def _redirects(section: Section) -> Mapping[str, str]:
    redirects = {old: section.text(old, "/") for old in section.values}
    for old, new in redirects.items():
        if not old.startswith("/") or not (new.startswith("/") or _is_address(new)):
            section.problem(old, 'expected two paths, as in "/old/feed.xml" = "/feed.atom"')
    return redirects


def _is_unicode(text: str) -> bool:
    """Whether a file's name is one in UTF-8 (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
