"""Which pages the site itself has, so that a link to one of them costs no request.

In: patterns, a built site's folder, a sitemap. Out: whether a path is a page of the site.
"""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import html
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from feeds.config import Config, SitePages
from feeds.errors import ConfigError
from feeds.links.urls import InvalidURLError, host_of, target_of
from feeds.models import Kind
from feeds.values import dataclass

INDEXES: Final = ("index.html", "index.htm")
# Twice what sitemaps.org allows for one file, unpacked.
LARGEST_SITEMAP: Final = 100 << 20
MOST_SITEMAPS: Final = 50_000
LOCATION: Final = re.compile(r"<(?:\w+:)?loc\s*>\s*(?:<!\[CDATA\[)?\s*([^<\s\]]+)", re.IGNORECASE)
INDEX_OF_SITEMAPS: Final = re.compile(r"<(?:\w+:)?sitemapindex[\s>]", re.IGNORECASE)
SAFE: Final = "/!$&'()*+,;=:@~-._"
PLAIN_PATH: Final = re.compile(r"[\w/!$&'()*+,;=:@~.-]*", re.ASCII)
# A page may be missing on a sitemap only if it would stand there.
PAGE_NAME: Final = re.compile(r"(?:[^.]*|.*\.(?:html?|xhtml|php|aspx?|jsp))", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """The hosts of a site and its pages.

    ``hosts`` are names under which the site is right today, the first its own, ``aliases``
    those that it had. ``prefix`` is the path that the site begins at, without a slash at its
    end. ``listed`` are the paths of all its pages, ``None`` where nobody knows them;
    ``site_dir`` is a folder to look into. Addresses that ``included`` or ``excluded`` keep
    out are of no interest.
    """

    hosts: tuple[str, ...]
    aliases: frozenset[str]
    scheme: str
    prefix: str
    home: str
    patterns: Mapping[Kind, tuple[str, ...]]
    listed: frozenset[str] | None = None
    site_dir: Path | None = None
    included: re.Pattern[str] | None = None
    excluded: re.Pattern[str] | None = None

    def is_site(self, host: str) -> bool:
        return host in self.hosts

    def address(self, path: str) -> str:
        """A path of the site as an address."""
        return f"{self.scheme}://{self.hosts[0]}{path}"

    def unwanted(self, url: str) -> str:
        """Why nobody wants to know of an address, empty if somebody does."""
        if self.excluded and self.excluded.match(url):
            return "excluded"
        if self.included and not self.included.match(url):
            return "not included"
        return ""

    @property
    def front(self) -> str:
        """The path of the front page."""
        return normal(self.prefix + self.home)

    def pages_of_term(self, kind: Kind, name: str) -> list[str]:
        """The paths that the page of a term may have, that of today first."""
        mark = f"{{{kind}}}"
        return [
            normal(self.prefix + pattern.replace(mark, quote(name, safe="")))
            for pattern in self.patterns[kind]
        ]

    def has(self, path: str) -> bool | None:
        """Whether the site has a page at a path; ``None`` where nobody knows."""
        wanted = normal(path)
        if wanted == self.front or (self.listed is not None and wanted in self.listed):
            return True
        if not wanted.startswith(f"{self.prefix}/"):
            return None  # another site on the same host
        if self.site_dir is not None:
            return self._on_disk(self.site_dir, wanted)
        # A sitemap names pages and neither images nor files.
        if self.listed is None or not PAGE_NAME.fullmatch(wanted.rpartition("/")[2]):
            return None
        return f"{wanted}/" in self.listed

    def _on_disk(self, folder: Path, path: str) -> bool:
        relative = os.fsdecode(unquote_to_bytes(path.removeprefix(self.prefix))).lstrip("/")
        if ".." in relative.split("/"):
            return False
        target = os.path.join(folder, relative)
        choices = [os.path.join(target, name) for name in INDEXES]
        if not target.endswith("/"):
            choices += [target, f"{target}.html"]
        return any(map(os.path.isfile, choices))


def normal(path: str) -> str:
    """A path as it can be compared: escapes where they have to be, no index file."""
    if not PLAIN_PATH.fullmatch(path):
        path = quote(unquote_to_bytes(path), safe=SAFE)
    folder, _, name = path.rpartition("/")
    return f"{folder}/" if name in INDEXES else path or "/"


# --- from the configuration ---------------------------------------------------------------


def pages_version(config: Config) -> str:
    """What tells apart two states of the site's pages: another one may judge links otherwise.

    Raises :class:`~feeds.errors.ConfigError` as :func:`pages_of` does.
    """
    links, digest = config.links, hashlib.sha256()
    if links.sitemap:
        digest.update(repr(_version(config.root / links.sitemap)).encode())
    if links.site_dir:
        for folder, folders, names in os.walk(config.root / links.site_dir):
            folders.sort()
            digest.update(os.fsencode("\0".join((folder, *sorted(names), ""))))
    return digest.hexdigest()


def pages_of(config: Config) -> Pages:
    """What the configuration says of the site's pages.

    Raises :class:`~feeds.errors.ConfigError` for a sitemap or a folder that cannot be read.
    """
    links = config.links
    sitemap = config.root / links.sitemap if links.sitemap else None
    site_dir = config.root / links.site_dir if links.site_dir else None
    if site_dir and not site_dir.is_dir():
        raise ConfigError(site_dir, ["links.site_dir is no folder; build the site first"])
    return _pages(
        config.site.url,
        config.site_pages,
        (links.hosts, links.aliases, links.include, links.exclude),
        (sitemap, _version(sitemap)) if sitemap else None,
        site_dir,
    )


def _version(sitemap: Path) -> tuple[int, int]:
    try:
        stat = sitemap.stat()
    except OSError as error:
        raise _unreadable(sitemap, error) from error
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=2)
def _pages(
    site_url: str,
    pages: SitePages,
    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    sitemap: tuple[Path, tuple[int, int]] | None,
    site_dir: Path | None,
) -> Pages:
    site = urlsplit(site_url)
    hosts, aliases, include, exclude = names
    return Pages(
        tuple(_host(name, site.scheme) for name in (site.netloc, *hosts)),
        frozenset(_host(name, site.scheme) for name in aliases),
        site.scheme,
        normal(site.path.rstrip("/")) if site.path.rstrip("/") else "",
        pages.home if pages.home.startswith("/") else f"/{pages.home}",
        {Kind.CATEGORY: pages.category, Kind.TAG: pages.tag},
        frozenset(_sitemap_paths(sitemap[0])) if sitemap else None,
        site_dir,
        _any_of(include),
        _any_of(exclude),
    )


def _host(name: str, scheme: str) -> str:
    """A host as it stands in an address that is asked for."""
    try:
        return host_of(target_of(f"{scheme}://{name}/", "").url)
    except InvalidURLError:
        return name.lower()


def _any_of(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


# --- sitemaps -----------------------------------------------------------------------------


def _sitemap_paths(path: Path) -> Iterator[str]:
    """The paths in a sitemap (sitemaps.org), or in a list with one address a line.

    The sitemaps that an index names are read from the folder of the index.
    """
    waiting, seen = [path], {path}
    while waiting:
        sitemap = waiting.pop()
        text = _sitemap_text(sitemap)
        if not INDEX_OF_SITEMAPS.search(text):
            yield from filter(None, map(_path, _locations(text)))
            continue
        for url in _locations(text):
            part = _beside(path, url)
            if part not in seen and len(seen) < MOST_SITEMAPS:
                seen.add(part)
                waiting.append(part)


def _locations(text: str) -> Iterator[str]:
    if "<" not in text:
        yield from text.split()
        return
    for match in LOCATION.finditer(text):
        yield html.unescape(match[1])


def _path(url: str) -> str:
    try:
        return normal(urlsplit(url).path)
    except ValueError:
        return ""


def _beside(index: Path, url: str) -> Path:
    """The file of a sitemap that an index names by its address: the longest end of its path
    that is a file in the folder of the index."""
    parts = [part for part in _path(url).split("/") if part not in ("", "..", ".")]
    choices = [index.parent.joinpath(*parts[start:]) for start in range(len(parts))]
    return next(
        (choice for choice in choices if choice.is_file()), index.parent / "".join(parts[-1:])
    )


def _sitemap_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            source = gzip.GzipFile(fileobj=file) if packed else file
            raw = source.read(LARGEST_SITEMAP + 1)
        if len(raw) > LARGEST_SITEMAP:
            raise ValueError(f"longer than {LARGEST_SITEMAP >> 20} MiB")
        return raw.decode("utf-8-sig")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ConfigError:
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    return ConfigError(path, [f"links.sitemap cannot be read: {reason}"])
