"""Which feeds exist: the site's, and one for every category and tag that is wanted.

In: the configuration and the terms that visible posts have. Out: a :class:`Definition` for
every feed, with titles, pages, unique paths and addresses, in an order that depends on
nothing else. Everything here is a pure function.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import quote

import orjson

from feeds.config import Config
from feeds.models import Feed, Finding, Format, Kind, Level
from feeds.patterns import NO_PATH
from feeds.values import dataclass

# A folder's name may have 255 bytes; a short hash and an ending must still fit.
SLUG_BYTES: Final = 200
SEPARATORS: Final = re.compile(r"[\s/\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class TermPosts:
    """A category or tag as the posts write it: how many have it, and when the first did.

    ``oldest`` is microseconds since 1970.
    """

    kind: Kind
    name: str
    posts: int
    oldest: int


@dataclass(frozen=True)
class Definition:
    """A feed that exists: its head without dates, and the terms whose posts it collects.

    The site's feed has no terms and collects every visible post. ``since`` is when the
    oldest post of its terms was published, in microseconds since 1970.
    """

    head: Feed
    terms: tuple[tuple[Kind, str], ...] = ()
    posts: int = 0
    since: int = 0

    @cached_property
    def digest(self) -> bytes:
        """Changes when anything changes that readers see of the head, or who is in it."""
        told = orjson.dumps((self.head, self.terms), option=orjson.OPT_NON_STR_KEYS)
        return hashlib.blake2b(told, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All feeds: the site's first, then categories and tags by name."""

    definitions: tuple[Definition, ...]
    findings: tuple[Finding, ...] = ()


def catalog(config: Config, terms: Iterable[TermPosts]) -> Catalog:
    """The feeds of a site. Two terms never share a path, not even one in another case."""
    findings: list[Finding] = []
    wanted = [term for term in terms if config.terms.wanted(term.kind, term.name)]
    groups = _groups(config, wanted, findings)
    groups = [group for group in groups if sum(t.posts for t in group) >= config.terms.min_posts]
    definitions = [_site_feed(config)]
    taken = _Taken()
    fixed = (config.feeds.opml, *config.pages.fixed().values())
    for path in (*definitions[0].head.paths.values(), *fixed):
        taken.add(path)
    # The oldest come first, so that a new term never takes the path of an old one.
    groups.sort(key=lambda group: (group[0].kind, group[0].oldest, group[0].name))
    definitions += [_term_feed(config, group, taken, findings) for group in groups]
    definitions.sort(key=lambda definition: (ORDER[definition.head.kind], definition.head.name))
    return Catalog(tuple(definitions), tuple(findings))


ORDER: Final = {kind: place for place, kind in enumerate(Kind)}


def _groups(
    config: Config, terms: Sequence[TermPosts], findings: list[Finding]
) -> list[list[TermPosts]]:
    """The terms of each feed, the one that names it first: the one with the oldest post."""
    if not config.terms.merge_case:
        return [[term] for term in terms]
    groups: dict[tuple[Kind, str], list[TermPosts]] = {}
    for term in sorted(terms, key=lambda term: (term.oldest, term.name)):
        groups.setdefault((term.kind, _folded(term.name)), []).append(term)
    for group in groups.values():
        what = f"differs from {group[0].name!r} only in case"
        findings += [_note(other, what, "one feed for both") for other in group[1:]]
    return list(groups.values())


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _note(term: TermPosts, what: str, done: str) -> Finding:
    return Finding(f"{term.kind}/{term.name}", 0, Level.NOTE, what, done)


def _site_feed(config: Config) -> Definition:
    site = config.site
    title = site.title or site.url
    page = _absolute(config, config.site_pages.home)
    return Definition(
        _head(
            config,
            Kind.SITE,
            "",
            title,
            site.description,
            page,
            config.feeds.paths[Kind.SITE],
            config.pages.site,
        )
    )


def _term_feed(
    config: Config, group: Sequence[TermPosts], taken: _Taken, findings: list[Finding]
) -> Definition:
    term = group[0]
    paths, moved = _take_paths(config, term, taken)
    if moved:
        what = "its path is that of an older feed, or differs only in case"
        findings.append(_note(term, what, f"its feed is at {', '.join(moved)}"))
    named = config.terms.term(term.kind, term.name)
    name = named.title or term.name
    title = f"{config.site.title} – {name}" if config.site.title else name
    page = named.page or _page_pattern(config, term)
    twin = _take_twin(config, term, next(iter(paths.values())), taken)
    # A feed belongs to the site's own page of its term; where there is none, to ours.
    if page:
        address = _absolute(config, page)
    elif twin:
        address = page_url(config, twin)
    else:
        address = _folder(config, next(iter(paths.values())))
    head = _head(config, term.kind, term.name, title, named.description, address, paths, twin, name)
    terms = tuple((member.kind, member.name) for member in group)
    since = min(member.oldest for member in group)
    return Definition(head, terms, sum(member.posts for member in group), since)


def _take_paths(
    config: Config, term: TermPosts, taken: _Taken
) -> tuple[Mapping[Format, str], list[str]]:
    """Where the feeds of a term lie, and those paths of them that had to be told apart.

    A format gives way alone: a clash in the folder of one loses no subscriber of another.
    """
    paths: dict[Format, str] = {}
    moved = []
    for format, pattern in config.feeds.paths[term.kind].items():
        cased = "{name}" in pattern
        for size in (0, 4, 8, 16, 32):
            path = term_path(pattern, term.name, size)
            if taken.free(path, cased):
                break
        taken.add(path)
        paths[format] = path
        if size:
            moved.append(path)
    return paths, moved


def _take_twin(config: Config, term: TermPosts, feed: str, taken: _Taken) -> str:
    """Where the page of a feed lies: in the folder of ``feed``, its first format.

    Where all feeds share one, it is named as the feed is: no term may be what their folder shows.
    """
    pattern = config.pages.feed
    if not pattern:
        return ""
    of_feed = next(iter(config.feeds.paths[term.kind].values()))
    cased = "{name}" in of_feed
    own = feed.rpartition(".")[0] or feed
    twin = pattern.replace("{feed_folder}", folder_of(feed).rstrip("/")).lstrip("/")
    marks = ("", *(f"-{name_hash(term.name, size)}" for size in (4, 8, 16)))
    shared = "{" not in folder_of(of_feed) and is_index(twin)
    choices = (*(() if shared else (twin,)), *(f"{own}{mark}.html" for mark in marks))
    free = (each for each in choices if taken.free(each, cased) and not OLDER.search(each))
    path = next(free, "")
    if path:
        taken.add(path)
    return path


# What pages of all posts of a feed are called.
OLDER: Final = re.compile(r"(?:^|[/-])older-[0-9]+\.html$")


class _Taken:
    """Paths of files that are taken; on a disk nothing is a file and a folder at once.

    They are held as they are and in one case, for both kinds of disks.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def add(self, path: str) -> None:
        for each in (path, _in_one_case(path)):
            self._files.add(each)
            self._folders.update(_folders(each))

    def free(self, path: str, cased: bool) -> bool:
        """Whether nothing has the path; ``cased`` says that another case is another path."""
        path = path if cased else _in_one_case(path)
        return (
            path not in self._files
            and path not in self._folders
            and self._files.isdisjoint(_folders(path))
        )


def _in_one_case(path: str) -> str:
    """Unlike any path as it is written: those are relative."""
    return f"/{path.casefold()}"


def _folders(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while path := path.rpartition("/")[0]:
        yield path


def _page_pattern(config: Config, term: TermPosts) -> str:
    """The site's own page of a term; its name goes into the address percent-encoded."""
    pages = config.site_pages
    patterns = pages.category if term.kind is Kind.CATEGORY else pages.tag
    return next(iter(patterns), "").replace(f"{{{term.kind}}}", quote(term.name, safe=""))


def _head(
    config: Config,
    kind: Kind,
    name: str,
    title: str,
    description: str,
    page: str,
    paths: Mapping[Format, str],
    twin: str,
    label: str = "",
) -> Feed:
    site, feeds = config.site, config.feeds
    return Feed(
        kind=kind,
        name=name,
        title=title,
        page=page,
        paths=paths,
        urls={format: output_url(config, path) for format, path in paths.items()},
        description=description,
        language=site.language,
        author=site.author,
        hubs=feeds.hubs,
        icon=_absolute(config, feeds.icon) if feeds.icon else "",
        logo=_absolute(config, feeds.logo) if feeds.logo else "",
        label=label,
        twin=twin,
    )


def term_path(pattern: str, name: str, hash_bytes: int = 0) -> str:
    """Where a feed of a term lies, perhaps told apart by a hash of the exact name.

    ``{name}`` is the term as it is written, with the folders that a slash in it makes;
    what cannot be a file's name is put as in ``{slug}``, but in its own case.
    """
    short = slug(name)
    exact = name if "{name}" not in pattern or _is_path(name) else slug(name, fold=False)
    if hash_bytes:
        mark = name_hash(name, hash_bytes)
        short, exact = f"{short}-{mark}", f"{exact}-{mark}"
    return pattern.replace("{slug}", short).replace("{name}", exact)


def name_hash(name: str, size: int) -> str:
    """What tells a term from all others, in hexadecimal: ``size`` bytes of its exact name."""
    return hashlib.blake2b(name.encode(), digest_size=size).hexdigest()


def _is_path(name: str) -> bool:
    legal = len(name.encode()) <= SLUG_BYTES and not NO_PATH.search(name)
    return legal and all(part and not part.startswith(".") for part in name.split("/"))


@lru_cache(maxsize=64)  # each format of a feed asks for it
def slug(name: str, fold: bool = True) -> str:
    """A term as one name of a folder, in its own script: NFC, case folded, spaces as ``-``.

    Never ``.``, ``..`` or hidden, and never longer than a file system takes.
    """
    text = _folded(name) if fold else unicodedata.normalize("NFC", name)
    text = SEPARATORS.sub("-", text).strip("-")
    if text.startswith("."):
        text = f"-{text.lstrip('.')}"
    if len(text.encode()) > SLUG_BYTES:
        mark = name_hash(name, 4)
        text = f"{text.encode()[:SLUG_BYTES].decode('utf-8', 'ignore')}-{mark}"
    return text or name_hash(name, 4)


def output_url(config: Config, path: str) -> str:
    """The address of a file of the output folder."""
    folder, slash, name = path.rpartition("/")
    return f"{config.site.url}/{_quoted(folder)}{slash}{_quoted(name)}"


def page_url(config: Config, path: str) -> str:
    """The address of a page of the output folder: that of its folder if it is its index."""
    return output_url(config, folder_of(path) if is_index(path) else path)


INDEX: Final = "index.html"


def is_index(path: str) -> bool:
    """Whether a page is what its folder shows."""
    return path == INDEX or path.endswith(f"/{INDEX}")


def folder_of(path: str) -> str:
    """The folder that a file is in, with a slash at the end; empty for the output folder."""
    folder, slash, _ = path.rpartition("/")
    return folder + slash


@lru_cache(maxsize=64)  # the formats of a feed lie in one folder and have the same names
def _quoted(path: str) -> str:
    return quote(path)


def scheme(config: Config, kind: Kind) -> str:
    """The IRI that tells categories from tags (RFC 4287 4.2.2.2): where their feeds lie."""
    return _scheme(config.site.url, next(iter(config.feeds.paths[kind].values())))


@lru_cache(maxsize=16)
def _scheme(site_url: str, pattern: str) -> str:
    folder = pattern.split("{", 1)[0].rpartition("/")[0]
    return f"{site_url}/{quote(folder)}/" if folder else f"{site_url}/"


def _folder(config: Config, path: str) -> str:
    return output_url(config, folder_of(path))


def _absolute(config: Config, page: str) -> str:
    """A page that the configuration names: an address, or a path below the site's URL."""
    if "://" in page:
        return page
    return f"{config.site.url}/{quote(page.lstrip('/'), safe=SAFE)}"


# What may stand in a path and query unchanged, a percent sign of what is encoded already too.
SAFE: Final = "/%?&=#:;,+@!$'()*~"
