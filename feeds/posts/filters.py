"""Jekyll's own filters (Jekyll::Filters), and one bound for all filters.

In: what stands left of the filter, and its arguments. Out: what it makes of it. The names of
the methods of :class:`Filters` are those of the filters. Nothing here knows the present:
``now`` is the date of the post, so that a build can be repeated.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence, Sized
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote, quote_plus, urlsplit

from liquid import RenderContext
from liquid.exceptions import FilterArgumentError

from feeds.config import Site
from feeds.posts.dates import parse_date
from feeds.posts.markdown import markdown
from feeds.posts.permalink import pretty, slugified
from feeds.posts.strftime import strftime
from feeds.posts.summary import MARKUP
from feeds.values import dataclass

LARGEST: Final = 1_000_000  # characters of any text that a filter makes
LONGEST: Final = 100_000  # items of any list
MOST_BITS: Final = 4_096  # of any number

SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
IDEOGRAPH: Final = re.compile(r"([\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af])")
INVISIBLE: Final = re.compile(
    r"<(?P<name>script|style)\b(?:(?!</(?P=name)).)*+</(?P=name)\s*+>", re.I | re.S
)
DATE_STYLES: Final = {
    "date_to_long_string": ("%d %B %Y", "%B %-d, %Y"),
    "date_to_string": ("%d %b %Y", "%b %-d, %Y"),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """Jekyll's filters for one post: its site, and the date that stands for the present."""

    site: Site
    now: datetime

    def relative_url(self, value: Any) -> str:
        text = _text(value)
        return text if SCHEME.match(text) else f"{urlsplit(self.site.url).path}{_path(text)}"

    def absolute_url(self, value: Any) -> str:
        text = _text(value)
        return text if SCHEME.match(text) else f"{self.site.url}{_path(text)}"

    def strip_index(self, value: Any) -> str:
        return re.sub(r"/index\.html?$", "/", _text(value))

    def date(self, value: Any, pattern: Any = "") -> Any:
        return self._dated(value, _text(pattern)[:200]) if pattern else value

    def date_to_xmlschema(self, value: Any) -> Any:
        return self._dated(value, "%Y-%m-%dT%H:%M:%S%:z")

    def date_to_rfc822(self, value: Any) -> Any:
        return self._dated(value, "%a, %d %b %Y %H:%M:%S %z")

    def date_to_string(self, value: Any, kind: Any = None, style: Any = None) -> Any:
        return self._dated(value, _pattern("date_to_string", kind, style), kind)

    def date_to_long_string(self, value: Any, kind: Any = None, style: Any = None) -> Any:
        return self._dated(value, _pattern("date_to_long_string", kind, style), kind)

    def slugify(self, value: Any, mode: Any = None) -> str:
        text = _text(value)
        if mode in ("none", "raw"):
            return text.lower() if mode == "none" else re.sub(r"\s+", "-", text).lower()
        return pretty(text).lower() if mode == "pretty" else slugified(text)

    def markdownify(self, value: Any) -> str:
        return markdown(_text(value))

    def smartify(self, value: Any) -> str:
        return _text(value)

    def strip_html(self, value: Any) -> str:
        return MARKUP.sub("", INVISIBLE.sub("", _text(value)))

    def jsonify(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))

    def inspect(self, value: Any) -> str:
        return html.escape(self.jsonify(value))

    def xml_escape(self, value: Any) -> str:
        return html.escape(_text(value))

    def cgi_escape(self, value: Any) -> str:
        return quote_plus(_text(value))

    def uri_escape(self, value: Any) -> str:
        return quote(_text(value), safe="!*'();:@&=+$,/?#[]")

    def normalize_whitespace(self, value: Any) -> str:
        return " ".join(_text(value).split())

    def number_of_words(self, value: Any, mode: Any = None) -> int:
        text = _text(value)
        return len((IDEOGRAPH.sub(r" \1 ", text) if mode in ("cjk", "auto") else text).split())

    def array_to_sentence_string(self, value: Any, connector: Any = "and") -> str:
        items = [_text(item) for item in _list(value)]
        if len(items) < 3:
            return f" {connector} ".join(items)
        return f"{', '.join(items[:-1])}, {connector} {items[-1]}"

    def group_by(self, value: Any, key: Any) -> list[dict[str, Any]]:
        groups: dict[str, list[Any]] = {}
        for item in _list(value):
            name = _text(item.get(_text(key))) if isinstance(item, Mapping) else ""
            groups.setdefault(name, []).append(item)
        return [{"name": n, "items": found, "size": len(found)} for n, found in groups.items()]

    def push(self, value: Any, item: Any) -> list[Any]:
        return [*_list(value), item]

    def unshift(self, value: Any, item: Any) -> list[Any]:
        return [item, *_list(value)]

    def pop(self, value: Any, number: Any = 1) -> list[Any]:
        items = _list(value)
        return items[: max(len(items) - _count(number), 0)]

    def shift(self, value: Any, number: Any = 1) -> list[Any]:
        return _list(value)[_count(number) :]

    def _dated(self, value: Any, pattern: str, kind: Any = None) -> Any:
        """A date by a pattern; what is no date stays as it is."""
        found = self._date(value)
        if found is None:
            return value
        day = found.day
        suffix = "th" if 11 <= day <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        return strftime(found, pattern.replace("%o", f"{day}{suffix}") if kind else pattern)

    def _date(self, value: Any) -> datetime | None:
        zone = self.site.zone
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=zone)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=zone)
        if value in ("now", "today"):
            return self.now
        return parse_date(value, zone, naive_is_utc=False) if isinstance(value, str) else None


NAMES: Final = tuple(
    name for name in vars(Filters) if name[0] != "_" and name not in ("site", "now")
)


def _pattern(name: str, kind: Any, style: Any) -> str:
    plain, american = DATE_STYLES[name]
    if kind != "ordinal":
        return plain
    return american.replace("%-d", "%o") if style == "US" else plain.replace("%d", "%o")


def _path(text: str) -> str:
    return text if text.startswith("/") or not text else f"/{text}"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _count(number: Any) -> int:
    return max(number, 0) if isinstance(number, int) else 1


# --- bounds -------------------------------------------------------------------------------


def bounded(function: Callable[..., Any], own: str = "") -> Callable[..., Any]:
    """A filter that refuses what is too large before and after it, and tells of its work.

    ``own`` names one of :class:`Filters`, which the environment keeps one of for each post.
    """
    asks_environment = getattr(function, "with_environment", False)

    @functools.wraps(function)
    def checked(value: Any, *arguments: Any, context: RenderContext, **named: Any) -> Any:
        environment: Any = context.env
        environment.spend(sum(map(_checked_size, (value, *arguments))))
        _check_repetition(value, arguments)
        if asks_environment:
            named["environment"] = environment
        called = getattr(environment.own_filters, own) if own else function
        try:
            made = called(value, *arguments, **named)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, ValueError) as error:
            raise FilterArgumentError(str(error) or type(error).__name__, token=None) from error
        environment.spend(_checked_size(made))
        return made

    checked.with_context = True  # type: ignore[attr-defined]  # the engine looks for these
    checked.with_environment = False  # type: ignore[attr-defined]
    return checked


def _checked_size(value: Any) -> int:
    """How much a value is. Raises FilterArgumentError for what no article needs."""
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise FilterArgumentError("a number is too large", token=None)
        return 1
    size = size_of(value)
    if size > LARGEST or (_length(value) > LONGEST and not isinstance(value, str)):
        what = "text" if isinstance(value, str) else "list"
        raise FilterArgumentError(f"a {what} is too long", token=None)
    return size


def _length(value: Any) -> int:
    # The length of a range may be more than len() can say.
    if isinstance(value, range):
        return value.stop - value.start
    return len(value) if isinstance(value, Sized) else 1


def size_of(value: Any) -> int:
    """The characters and items of a value, at any depth; counting ends where it is too much."""
    size = 0
    rest = [value]
    while rest and size <= LARGEST:
        each = rest.pop()
        size += 1 + (len(each) if isinstance(each, str) else 0)
        if isinstance(each, list | tuple):
            rest += each
        elif isinstance(each, dict):
            rest += each.values()
    return size


def _check_repetition(value: Any, arguments: tuple[Any, ...]) -> None:
    """Refuse what puts one text in many places if it would not fit into memory."""
    if len(arguments) == 2 and isinstance(value, str):
        sought = _text(arguments[0])
        times = value.count(sought) if sought else len(value) + 1
    elif len(arguments) == 1 and isinstance(value, Sequence) and not isinstance(value, str):
        times = len(value)
    else:
        return
    if times * len(_text(arguments[-1])) > LARGEST:
        raise FilterArgumentError("a text is too long", token=None)
