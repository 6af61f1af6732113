"""The tables of a configuration, checked: one function for each.

In: a :class:`~feeds.section.Section`, which takes note of what is wrong. Out: the values of
:mod:`feeds.config`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from feeds.config import (
    MARKDOWN_EXTENSIONS,
    STATE_FOLDER,
    Config,
    Defaults,
    Feeds,
    Ignored,
    Links,
    Posts,
    Server,
    Site,
    SitePages,
    Term,
    Terms,
)
from feeds.destination import publish_settings
from feeds.htmlpages import html_pages
from feeds.models import Format, Kind, Person, Role, Verdict
from feeds.patterns import feed_paths, keep_apart, keep_pages_apart, output_path
from feeds.section import Section, listed, show

PERMALINK_STYLES: Final = ("date", "pretty", "ordinal", "weekdate", "none")
# RFC 5646, as far as a look at a tag can tell.
LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
# A host, with a port where that is not the usual one.
HOST: Final = re.compile(r"[^\s/?#@]+")
HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_HOSTS: Final = re.compile(r"(?:https?://)?[^/]+", re.IGNORECASE)
# What RFC 3986 allows nowhere, and a fragment.
NO_ADDRESS: Final = re.compile(r'[\x00-\x20\x7f-\xa0"<>\\^`{|}#]')


def config_of(root: Path, top: Section) -> Config:
    """All tables as one configuration; problems are noted in ``top``."""
    posts_section, links = top.section("posts"), top.section("links")
    pages_section = top.section("pages")
    jekyll = posts_section.flag("jekyll")
    config = Config(
        root=root,
        site=_site(top.section("site")),
        posts=_posts(posts_section, jekyll),
        feeds=_feeds(top.section("feeds"), jekyll),
        terms=_terms(top.section("terms")),
        site_pages=_site_pages(links),
        links=_links(links),
        server=_server(top.section("server"), top),
        pages=html_pages(pages_section),
    )
    keep_pages_apart(pages_section, config.pages.named(), config.feeds.opml, config.feeds.paths)
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
    if not is_unicode(output):
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


def _site_pages(section: Section) -> SitePages:
    return SitePages(
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


def is_unicode(text: str) -> bool:
    """Whether a file's name is one in UTF-8 (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
