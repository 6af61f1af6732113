"""What can be said of a link without asking anybody, by what the link is for.

In: a link, its post, the pages of the site. Out: a judgement: a verdict, or an address that
has to be asked. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from feeds.links.extract import leads_to_a_page
from feeds.links.pages import Pages, normal
from feeds.links.urls import InvalidURLError, Target, target_of
from feeds.models import Kind, Link, Post, Role, Verdict
from feeds.values import dataclass

WAYS_BACK: Final[Mapping[Role, str]] = {
    Role.BACK_CATEGORY: "to the page of a category or tag",
    Role.BACK_HOME: "to the front page",
}
TEMPLATE: Final = ("{{", "{%")
REMEMBERED: Final = 8_192  # ways back, and their parts: a site has few terms and many posts
BACK_WORD: Final = re.compile(r"(?:[«‹←]\s*)?(?:返回|回到|[Bb]ack\s+to\s+(?:the\s+)?)\s*")
# Labels that lead back and name nothing, and what may stand around a name.
NAMELESS: Final = frozenset(
    ("", "上一页", "上页", "上级", "列表", "列表页", "分类", "栏目", "频道", "目录", "list")
)
AROUND: Final = " \t\u3000«»‹›<>←→《》“”\"'「」【】[]"
AFTER_NAME: Final = re.compile(r"\s*(?:频道|栏目|专栏|列表页?|分类|目录)$")
# An address that leads to the same place from every page of the site.
SAME_EVERYWHERE: Final = re.compile(r"/|(?i:[a-z][a-z0-9+.-]*:)")


@dataclass(frozen=True, slots=True)
class Judged:
    """A link and what is known of it: ``verdict`` is ``None`` if ``target`` has to be asked.

    ``fix`` is the address that the link should have, empty where nobody is certain.
    """

    link: Link
    verdict: Verdict | None
    detail: str = ""
    target: Target | None = None
    fix: str = ""


def judge(post: Post, links: Sequence[Link], pages: Pages) -> Iterator[Judged]:
    """All links of a post, and those that are missing."""
    roles = {link.role for link in links}
    for link in links:
        yield _judge_link(link, post, pages)
    if Role.SOURCE not in roles:
        yield Judged(Link(Role.SOURCE, "", "", 1), Verdict.MISSING, "the post names no source")
    if roles.issuperset(WAYS_BACK):
        return
    some = not roles.isdisjoint(WAYS_BACK)
    for role, where in WAYS_BACK.items():
        if role not in roles:
            detail = f"no way back {where}" if some else "no way back at all"
            yield Judged(Link(role, "", "", 1), Verdict.MISSING, detail)


def _judge_link(link: Link, post: Post, pages: Pages) -> Judged:
    if not link.url:
        return Judged(link, Verdict.EMPTY, "the link leads nowhere")
    if "{" in link.url and any(mark in link.url for mark in TEMPLATE):
        return Judged(link, Verdict.SKIPPED, "a template")
    if link.role in WAYS_BACK:
        return _judge_way_back(link, post, pages)
    if link.role is Role.SOURCE:
        return _judge_source(link, post, pages)
    return _judge_text_link(link, post, pages)


def _judge_source(link: Link, post: Post, pages: Pages) -> Judged:
    try:
        target = target_of(link.url, f"{pages.scheme}:" if link.url.startswith("//") else "")
    except InvalidURLError as error:
        return Judged(link, Verdict.INVALID, f"no http address: {error}")
    if unwanted := pages.unwanted(target.url):
        return Judged(link, Verdict.SKIPPED, unwanted)
    if target.url == post.url:
        return Judged(link, Verdict.WRONG_TARGET, "leads to the post itself")
    return Judged(link, None, "", target)


def _judge_text_link(link: Link, post: Post, pages: Pages) -> Judged:
    if not leads_to_a_page(link.url):
        return Judged(link, Verdict.SKIPPED, "leads to no page")
    try:
        target = target_of(link.url, post.url)
    except InvalidURLError as error:
        return Judged(link, Verdict.INVALID, str(error))
    if unwanted := pages.unwanted(target.url):
        return Judged(link, Verdict.SKIPPED, unwanted)
    parts = urlsplit(target.url)
    if pages.is_site(parts.netloc):
        known = pages.has(parts.path)
        if known is False:
            return Judged(link, Verdict.WRONG_TARGET, f"the site has no page {parts.path}")
        if known and not target.fragment:
            return Judged(link, Verdict.OK, "a page of the site")
    return Judged(link, None, "", target)


# --- the way back -------------------------------------------------------------------------


def _judge_way_back(link: Link, post: Post, pages: Pages) -> Judged:
    if not SAME_EVERYWHERE.match(link.url):
        return _judge_relative(link, post, pages)
    if link.role is Role.BACK_HOME:  # the same for every post
        way = _way_back(link.role, "", link.url, (), (), pages)
    else:
        way = _way_back(link.role, link.label, link.url, post.categories, post.tags, pages)
    if way.target is None:
        return Judged(link, way.verdict, way.detail, fix=way.fix)
    known = pages.has(urlsplit(way.target.url).path) if pages.site_dir or pages.listed else None
    # What a pattern says is believed; what contradicts it is a reason to ask.
    if known or (known is None and way.verdict is Verdict.OK):
        return Judged(link, Verdict.OK)
    return Judged(link, None, "", way.target)


def _judge_relative(link: Link, post: Post, pages: Pages) -> Judged:
    try:
        unwanted = pages.unwanted(target_of(link.url, post.url).url)
    except InvalidURLError:
        unwanted = ""
    if unwanted:
        return Judged(link, Verdict.SKIPPED, unwanted)
    places = _places(link.role, link.label, post.categories, post.tags, pages)
    detail = "relative, so where it leads depends on the page that it stands on"
    return Judged(link, Verdict.RELATIVE, detail, fix=places.best)


class _Way(NamedTuple):
    """A way back judged by its post's terms: ``target`` is set where the site's pages decide,
    and ``verdict`` is ``None`` where the patterns do not say."""

    verdict: Verdict | None
    detail: str = ""
    target: Target | None = None
    fix: str = ""


@lru_cache(maxsize=REMEMBERED)
def _way_back(
    role: Role,
    label: str,
    url: str,
    categories: tuple[str, ...],
    tags: tuple[str, ...],
    pages: Pages,
) -> _Way:
    places = _places(role, label, categories, tags, pages)
    try:
        target = _target(url, pages)
    except InvalidURLError as error:
        return _Way(Verdict.INVALID, str(error))
    if unwanted := pages.unwanted(target.url):
        return _Way(Verdict.SKIPPED, unwanted)
    parts = urlsplit(target.url)
    if parts.netloc in pages.aliases:
        return _Way(
            Verdict.WRONG_HOST, f"{parts.netloc} is an old host of the site", None, places.best
        )
    if not pages.is_site(parts.netloc):
        return _Way(Verdict.WRONG_HOST, f"{parts.netloc} is not the site")
    path = normal(parts.path)
    if places.paths is not None and not {path, f"{path}/"} & places.paths:
        return _Way(Verdict.WRONG_TARGET, f"{parts.path} is not {places.name}", None, places.best)
    if places.wrong_label:
        return _Way(Verdict.WRONG_LABEL, places.wrong_label)
    return _Way(None if places.paths is None else Verdict.OK, "", target)


@lru_cache(maxsize=REMEMBERED)
def _target(url: str, pages: Pages) -> Target:
    return target_of(url, pages.address("/"))


class _Places(NamedTuple):
    """Where a way back may lead: its paths (``None`` if nobody knows), the one that it should
    lead to as an address, empty where that is not certain, what they are called, and why its
    label is that of another term, empty if it is not."""

    paths: frozenset[str] | None
    best: str
    name: str
    wrong_label: str


def _places(
    role: Role, label: str, categories: tuple[str, ...], tags: tuple[str, ...], pages: Pages
) -> _Places:
    if role is Role.BACK_HOME:
        front = frozenset((pages.front,))
        return _Places(front, pages.address(pages.front), "the front page", "")
    wrong = _wrong_label(label, categories, tags)
    if not any(pages.patterns.values()):
        return _Places(None, "", "", wrong)
    found = {
        (kind, name): _pages_of_term(kind, name, pages)
        for kind, names in ((Kind.CATEGORY, categories), (Kind.TAG, tags))
        for name in names
    }
    paths = frozenset(path for each in found.values() for path in each)
    best = "" if wrong else _best(label, found)
    name = "the page of a term of the post" if paths else "a page of the post, which has no term"
    return _Places(paths, pages.address(best) if best else "", name, wrong)


@lru_cache(maxsize=REMEMBERED)
def _pages_of_term(kind: Kind, name: str, pages: Pages) -> tuple[str, ...]:
    return tuple(pages.pages_of_term(kind, name))


def _best(label: str, found: Mapping[tuple[Kind, str], Sequence[str]]) -> str:
    """The page that a label means: of the category that it names, of the only one, or of the
    tag that it names."""
    names = _names(label)
    with_page = {term: paths[0] for term, paths in found.items() if paths}
    categories = [path for (kind, _), path in with_page.items() if kind is Kind.CATEGORY]
    named = {kind: path for (kind, name), path in with_page.items() if name.casefold() in names}
    if Kind.CATEGORY in named:
        return named[Kind.CATEGORY]
    return categories[0] if len(categories) == 1 else named.get(Kind.TAG, "")


def _wrong_label(label: str, categories: tuple[str, ...], tags: tuple[str, ...]) -> str:
    """Why a label is that of another term, empty if it is not."""
    names = _names(label)
    terms = {name.casefold() for name in (*categories, *tags)}
    if not terms or names & (terms | NAMELESS):
        return ""
    named = BACK_WORD.sub("", label, count=1).strip()
    return f"says {named!r}, which is no category or tag of the post"


@lru_cache(maxsize=REMEMBERED)
def _names(label: str) -> frozenset[str]:
    """What a label may name, ready to be compared."""
    named = BACK_WORD.sub("", label, count=1).strip().casefold()
    bare = named.strip(AROUND)
    return frozenset((named, bare, AFTER_NAME.sub("", bare)))
