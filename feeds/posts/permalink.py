"""Where a post lives and what it is called for ever.

In: a permalink style or pattern and what its placeholders stand for. Out: the path of the
page, its absolute URL, and the ids that the feeds can give it. The paths are those of
Jekyll 4 (Jekyll::URL, Drops::UrlDrop, Utils.slugify, Addressable's encoding), the ids
those of jekyll-feed or tag URIs (RFC 4151).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from feeds.values import dataclass

STYLES: Final[Mapping[str, str]] = {
    "none": "/:categories/:title:output_ext",
    "date": "/:categories/:year/:month/:day/:title:output_ext",
    "ordinal": "/:categories/:year/:y_day/:title:output_ext",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "weekdate": "/:categories/:year/W:week/:short_day/:title:output_ext",
}

# strftime would ask the locale.
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS: Final = (
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """What the placeholders of a permalink stand for.

    ``date`` is in the site's zone; ``slug`` the front matter's or the file name's, ``stem``
    the file name without its ending, ``path`` the file itself, ``output_ext`` the ending of
    the page with its dot.
    """

    date: datetime
    slug: str
    stem: str
    path: str
    output_ext: str = ".html"
    categories: tuple[str, ...] = ()


def pattern_of(style: str) -> str:
    """The pattern that a configuration's ``permalink`` means: a style's name, or itself."""
    return STYLES.get(style, style)


def post_path(pattern: str, place: Place) -> str:
    """The path of a page, beginning with ``/``.

    A placeholder that nobody knows stays as it is written.
    """
    parts = _compiled(pattern)
    path = "".join([part if isinstance(part, str) else part(place) for part in parts])
    return _sanitised(path)


def unknown_placeholders(pattern: str) -> tuple[str, ...]:
    """The placeholders of a pattern that stand for nothing, in the order of the pattern."""
    names = (match[1] for match in _PLACEHOLDER.finditer(pattern))
    return tuple(f":{name}" for name in names if _value_of(name) is None)


def absolute_url(site_url: str, path: str) -> str:
    """A path of the site as a URL: what no URL may hold is percent-encoded."""
    return site_url + encoded(path)


def encoded(reference: str, more: str = "") -> str:
    """A path or URL with what no URL may hold percent-encoded, and the rest as it is.

    ``more`` are further characters that stay.
    """
    if _PLAIN_PATH.fullmatch(reference):
        return reference
    return _STRAY_PERCENT.sub("%25", quote(reference, safe=f"!$&'()*+,;=:@/?%#{more}"))


def jekyll_id(site_url: str, path: str, slug: str) -> str:
    """The id that jekyll-feed writes: ``post.id | absolute_url``."""
    own = post_id(path, slug)
    return _origin(site_url) + (own if _PLAIN_PATH.fullmatch(own) else _normalised(own))


def post_id(path: str, slug: str) -> str:
    """Jekyll's id of a post: the folder of its page and its slug."""
    folder = path.rstrip("/").rpartition("/")[0].rstrip("/")
    return f"{folder}/{slug.lstrip('/')}"


def tag_uri(site_url: str, path: str, date: datetime) -> str:
    """A tag URI (RFC 4151): the host of the site, the day of the post, its path."""
    host = urlsplit(site_url).hostname or ""
    return absolute_url(f"tag:{host},{date.year:04}-{date.month:02}-{date.day:02}:", path)


# --- patterns ----------------------------------------------------------------------------

_PLACEHOLDER: Final = re.compile(r":([a-z_]+)")
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._~-]*")
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_Part = str | Callable[[Place], str]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[_Part, ...]:
    parts: list[_Part] = []
    end = 0
    for match in _PLACEHOLDER.finditer(pattern):
        value = _value_of(match[1])
        if value is not None:
            # Of `:month_` only the name is the placeholder.
            name_end = match.end() - (match[1] not in _VALUES)
            parts += [pattern[end : match.start()], value]
            end = name_end
    return (*parts, pattern[end:])


def _value_of(name: str) -> Callable[[Place], str] | None:
    return _VALUES.get(name) or (_VALUES.get(name[:-1]) if name.endswith("_") else None)


def _categories(place: Place) -> str:
    return _escaped("/".join(dict.fromkeys([_lower(name) for name in place.categories])))


def _slugified_categories(place: Place) -> str:
    return _escaped("/".join(dict.fromkeys(slugified(name) for name in place.categories)))


def _below(place: Place) -> str:
    """Jekyll::Document#cleaned_relative_path."""
    folders = place.path.rpartition("/")[0]
    path = f"{folders}/{place.stem}" if folders else place.stem
    return _escaped(path.replace("_posts", "", 1).rstrip("."))


_VALUES: Final[Mapping[str, Callable[[Place], str]]] = {
    "categories": _categories,
    "slugified_categories": _slugified_categories,
    "collection": lambda place: "posts",
    "path": _below,
    "name": lambda place: _escaped(slugified(place.stem)),
    "title": lambda place: _escaped(pretty(place.slug)),
    "slug": lambda place: _escaped(slugified(place.slug)),
    "output_ext": lambda place: _escaped(place.output_ext),
    "year": lambda place: f"{place.date.year:04}",
    "month": lambda place: f"{place.date.month:02}",
    "day": lambda place: f"{place.date.day:02}",
    "hour": lambda place: f"{place.date.hour:02}",
    "minute": lambda place: f"{place.date.minute:02}",
    "second": lambda place: f"{place.date.second:02}",
    "i_day": lambda place: str(place.date.day),
    "i_month": lambda place: str(place.date.month),
    "short_month": lambda place: MONTHS[place.date.month - 1][:3],
    "long_month": lambda place: MONTHS[place.date.month - 1],
    "short_year": lambda place: f"{place.date.year % 100:02}",
    "w_year": lambda place: f"{place.date.isocalendar().year:04}",
    "week": lambda place: f"{place.date.isocalendar().week:02}",
    "w_day": lambda place: str(place.date.isoweekday()),
    "short_day": lambda place: WEEKDAYS[place.date.weekday()][:3],
    "long_day": lambda place: WEEKDAYS[place.date.weekday()],
    "y_day": lambda place: f"{place.date.timetuple().tm_yday:03}",
}


# --- slugs ---------------------------------------------------------------------------------

_NOT_SLUG: Final = re.compile(r"[^A-Za-z0-9]+")
_NOT_PRETTY: Final = re.compile(r"[^A-Za-z0-9._~!$&'()+,;=@]+")


def slugified(text: str) -> str:
    """Jekyll's default slug: letters, marks and digits of any script, lower case."""
    return _lower(_hyphenated(text, "", _NOT_SLUG))


def pretty(text: str) -> str:
    """Jekyll's ``pretty`` slug: the case and what a file name can hold stay."""
    return _hyphenated(text, "._~!$&'()+,;=@", _NOT_PRETTY)


def _hyphenated(text: str, kept: str, others: re.Pattern[str]) -> str:
    if text.isalnum() and text.isascii():
        return text
    if not text.isascii():
        text = "".join([char if _is_word(char) or char in kept else "\0" for char in text])
        slug = re.sub("\0+", "-", text)
    else:
        slug = others.sub("-", text)
    return slug.removeprefix("-").removesuffix("-")


def _lower(text: str) -> str:
    """Lower case as Ruby has it: a sigma at the end of a word is a sigma like any other."""
    return "".join([char.lower() for char in text]) if "Σ" in text else text.lower()


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "LM" or category == "Nd"


# --- encoding ------------------------------------------------------------------------------

_PCHAR: Final = "!$&'()*+,;=:@"
_NEEDS_NO_ESCAPE: Final = re.compile(r"[a-zA-Z0-9./-]*")
# The generic syntax of RFC 3986, appendix B.
_COMPONENTS: Final = re.compile(
    r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL
)


def _escaped(text: str) -> str:
    """Jekyll::URL.escape_path, which takes a category such as ``a?b`` for a URI."""
    if _NEEDS_NO_ESCAPE.fullmatch(text):  # most are
        return text
    scheme, authority, path, query, fragment = _components(text)
    if scheme is not None and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme) is None:
        return quote(text, safe=_PCHAR + "/")
    escaped = quote(path, safe=_PCHAR + "/")
    if authority is not None:
        escaped = f"//{quote(authority, safe=_PCHAR + '[]')}{escaped}"
    if scheme is not None:
        escaped = f"{scheme}:{escaped}"
    if query is not None:
        escaped += f"?{quote(query, safe=_PCHAR + '/?')}"
    if fragment is not None:
        escaped += f"%23{quote(fragment, safe=_PCHAR + '/?')}"
    return escaped


def _components(text: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    components = _COMPONENTS.fullmatch(text)
    assert components is not None  # the pattern takes any text
    scheme, authority, path, query, fragment = components.groups()
    return scheme, authority, path, query, fragment


def _sanitised(path: str) -> str:
    """Jekyll::URL#sanitize_url: no way up, no doubled slashes."""
    path = f"/{path}"
    if ".." in path or "./" in path:
        path = path.replace("..", "/").replace("./", "")
    return re.sub("//+", "/", path) if "//" in path else path


def _normalised(reference: str) -> str:
    """A path with perhaps a query and a fragment, as Addressable normalises it."""
    _, _, path, query, fragment = _components(reference)
    normal = "/".join([_normalised_part(part, _PCHAR) for part in path.strip().split("/")])
    if query:
        normal += f"?{_normalised_part(query, _PCHAR.replace(';', '') + '/?')}"
    if fragment:
        normal += f"#{_normalised_part(fragment, _PCHAR + '/?')}"
    return normal


def _normalised_part(part: str, safe: str) -> str:
    """Encoded once and no more than needed; full-width forms are folded too."""
    raw = unquote_to_bytes(part)
    with suppress(UnicodeDecodeError):
        raw = unicodedata.normalize("NFKC", raw.decode()).encode()
    return quote(raw, safe=safe)


@lru_cache(maxsize=8)
def _origin(site_url: str) -> str:
    """The site's URL with its host as IDNA writes it."""
    parts = urlsplit(site_url)
    host = parts.netloc.lower()
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    return f"{parts.scheme}://{host}{absolute_url('', parts.path)}"
