"""Liquid in a body, as Jekyll understands it, in a sandbox.

In: the text of a body and what its tags may see. Out: the text with all tags gone, and a
finding for every one that could not be rendered: such a tag is left out, never printed, and
never fatal. Nothing is read but through ``include``, the clock is not looked at, and loops,
depth and sizes are bounded.

This module imports python-liquid; it is loaded for bodies that hold ``{{`` or ``{%`` only.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from datetime import date, datetime
from email.utils import format_datetime
from typing import Any, Final, TextIO
from urllib.parse import quote, quote_plus, urlsplit

from liquid import BlockNode, Environment, Mode, Node, RenderContext, Tag, Token
from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG

from feeds.config import Config
from feeds.models import Post
from feeds.posts.permalink import pretty, slugified

LARGEST: Final = 4_000_000  # characters of any text that a template makes
LONGEST: Final = 100_000  # items of any list
# A tag that is never closed is taken to end with its line.
ANY_TAG: Final = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{[{%][^\n]*", re.DOTALL)
PARAMETER: Final = re.compile(
    r"([\w-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'|([\w.-]+))"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A tag that could not be rendered: where it starts in the source, and why."""

    position: int
    what: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text without tags, and what went wrong."""

    text: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What the tags of one post may see.

    ``references`` maps what ``post_url`` and ``link`` name to addresses; ``include`` gives
    the text of an include, or ``None``; ``page`` is the post's front matter.
    """

    config: Config
    post: Post
    page: Mapping[str, object]
    references: Mapping[str, str]
    include: Callable[[str], str | None]


def render(source: str, scope: Scope) -> Rendered:
    """Render the tags of a text. Never raises for anything that stands in it."""
    environment = _Environment(source, scope)
    try:
        template = environment.from_string(source, globals=_globals(scope))
        text = template.render()
    except (LiquidError, RecursionError) as error:
        environment.note(error)
        text = ANY_TAG.sub("", source)
    return Rendered(text, tuple(dict.fromkeys(environment.problems)))


def _globals(scope: Scope) -> dict[str, object]:
    site, post = scope.config.site, scope.post
    parts = urlsplit(site.url)
    known: dict[str, object] = {
        "url": f"{parts.scheme}://{parts.netloc}",
        "baseurl": parts.path,
        "title": site.title,
        "description": site.description,
        "lang": site.language,
        "author": site.author.name if site.author else "",
        "time": post.date,
    }
    page: dict[str, object] = {
        **scope.page,
        "url": urlsplit(post.url).path.removeprefix(parts.path),
        "id": post.id,
        "title": post.title,
        "date": post.date,
        "categories": list(post.categories),
        "tags": list(post.tags),
        "path": post.path,
    }
    variables = {**site.variables, **{key: value for key, value in known.items() if value}}
    return {"site": variables, "page": page, "jekyll": {"environment": "production"}}


class _Environment(Environment):
    """Jekyll's tags and filters, errors collected instead of raised."""

    context_depth_limit = 20
    loop_iteration_limit = 10_000
    output_stream_limit = LARGEST
    local_namespace_limit = LARGEST

    def __init__(self, source: str, scope: Scope) -> None:
        super().__init__(tolerance=Mode.LAX, strict_filters=True)
        self.source = source
        self.scope = scope
        self.problems: list[Problem] = []

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for tag in (_IncludeTag, _HighlightTag, _AddressTag, _LinkTag):
            self.add_tag(tag)
        for name, function in list(self.filters.items()):
            self.filters[name] = _bounded(function)
        own = _Filters(self)
        for name in FILTERS:
            self.filters[name] = _bounded(getattr(own, name))

    def error(
        self,
        exc: type[LiquidError] | LiquidError,
        msg: str | None = None,
        token: Token | None = None,
    ) -> None:
        error = exc if isinstance(exc, LiquidError) else exc(msg or "", token=token)
        if error.token is None:
            error.token = token
        self.note(error)

    def note(self, error: Exception) -> None:
        token = getattr(error, "token", None)
        inside = token is not None and token.source == self.source
        what = str(error.args[0]) if error.args else type(error).__name__
        self.problems.append(Problem(token.start_index if inside and token else 0, what))


# --- tags ---------------------------------------------------------------------------------


class _TextNode(Node):
    """A tag whose text is made from the context when it is rendered."""

    __slots__ = ("make",)

    def __init__(self, token: Token, make: Callable[[RenderContext, TextIO], None]) -> None:
        super().__init__(token)
        self.make = make
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        self.make(context, buffer)
        return 1


def _argument(stream: TokenStream) -> tuple[Token, str]:
    """A tag's token and all that is written after its name; the stream stays at its end."""
    token = stream.current
    if stream.peek.kind != TOKEN_EXPRESSION:
        return token, ""
    next(stream)
    return token, stream.current.value.strip()


class _AddressTag(Tag):
    """``{% post_url 2022-01-17-name %}``: the address of a post."""

    name = "post_url"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token, named = _argument(stream)

        def make(context: RenderContext, buffer: TextIO) -> None:
            address = context.env.scope.references.get(named)  # type: ignore[attr-defined]
            if not address:
                raise LiquidError(f"{self.name} names nothing that is known: {named}", token=token)
            buffer.write(address)

        return _TextNode(token, make)


class _LinkTag(_AddressTag):
    """``{% link _posts/2022-01-17-name.md %}``: the address of what a file becomes."""

    name = "link"


class _IncludeTag(Tag):
    """``{% include name.html key="value" %}``; parameters are seen as ``include.key``."""

    name = "include"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token, argument = _argument(stream)
        name, _, rest = argument.partition(" ")
        parameters = PARAMETER.findall(rest)

        def make(context: RenderContext, buffer: TextIO) -> None:
            environment = context.env
            text = environment.scope.include(name)  # type: ignore[attr-defined]
            if text is None:
                raise LiquidError(f"include of {name}, which is not there", token=token)
            given = {
                key: _unescaped(double or single) or (variable and _lookup(context, variable))
                for key, double, single, variable in parameters
            }
            template = environment.from_string(text)
            with context.extend({"include": given}, template=template):
                template.render_with_context(context, buffer, partial=True)

        return _TextNode(token, make)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _lookup(context: RenderContext, variable: str) -> object:
    return context.get(list(variable.split(".")), token=None, default="")


class _HighlightTag(Tag):
    """``{% highlight python %}…{% endhighlight %}``: code, as it is."""

    name = "highlight"
    end = "endhighlight"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        language = ""
        if stream.current.kind == TOKEN_EXPRESSION:
            language = stream.current.value.strip().split(" ")[0]
            next(stream)
        block: BlockNode = get_parser(self.env).parse_block(stream, frozenset({self.end}))
        stream.expect(TOKEN_TAG, value=self.end)

        def make(context: RenderContext, buffer: TextIO) -> None:
            inner = context.get_buffer(buffer)
            block.render(context, inner)
            code = html.escape(inner.getvalue().strip("\n"), quote=False)
            buffer.write(f'<pre><code class="language-{html.escape(language)}">{code}</code></pre>')

        return _TextNode(token, make)


# --- filters ------------------------------------------------------------------------------


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses what is too long before and after it."""

    @functools.wraps(function)
    def checked(value: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(value, Sized) and not isinstance(value, str) and len(value) > LONGEST:
            raise FilterArgumentError("a list is too long", token=None)
        if len(arguments) == 2 and isinstance(value, str) and arguments[0] is not None:
            times = value.count(str(arguments[0])) if arguments[0] != "" else len(value)
            if times * len(str(arguments[1])) > LARGEST:
                raise FilterArgumentError("a text gets too long", token=None)
        made = function(value, *arguments, **named)
        if isinstance(made, str) and len(made) > LARGEST:
            raise FilterArgumentError("a text gets too long", token=None)
        return made

    return checked


FILTERS: Final = (
    "absolute_url",
    "array_to_sentence_string",
    "cgi_escape",
    "date",
    "date_to_long_string",
    "date_to_rfc822",
    "date_to_string",
    "date_to_xmlschema",
    "group_by",
    "inspect",
    "jsonify",
    "markdownify",
    "normalize_whitespace",
    "number_of_words",
    "pop",
    "push",
    "relative_url",
    "shift",
    "slugify",
    "smartify",
    "strip_index",
    "unshift",
    "uri_escape",
    "xml_escape",
)


@dataclass(frozen=True)
class _Filters:
    """Jekyll's own filters, by their names (Jekyll::Filters)."""

    environment: _Environment = field(repr=False)

    def relative_url(self, value: Any) -> str:
        text = _text(value)
        return text if "://" in text else f"{self._base}/{text.lstrip('/')}"

    def absolute_url(self, value: Any) -> str:
        text = _text(value)
        site = self.environment.scope.config.site.url
        return text if "://" in text else f"{site}/{text.lstrip('/')}"

    def strip_index(self, value: Any) -> str:
        return re.sub(r"/index\.html?$", "/", _text(value))

    def date(self, value: Any, pattern: Any = "") -> Any:
        found = self._date(value)
        return value if found is None or not pattern else found.strftime(_text(pattern)[:200])

    def date_to_xmlschema(self, value: Any) -> Any:
        found = self._date(value)
        return value if found is None else found.isoformat(timespec="seconds")

    def date_to_rfc822(self, value: Any) -> Any:
        found = self._date(value)
        return value if found is None else format_datetime(found)

    def date_to_string(self, value: Any, *_: Any) -> Any:
        found = self._date(value)
        return value if found is None else found.strftime("%d %b %Y")

    def date_to_long_string(self, value: Any, *_: Any) -> Any:
        found = self._date(value)
        return value if found is None else found.strftime("%d %B %Y")

    def slugify(self, value: Any, mode: Any = None) -> str:
        text = _text(value)
        if mode in ("none", "raw"):
            return text.lower() if mode == "none" else re.sub(r"\s+", "-", text).lower()
        return pretty(text).lower() if mode == "pretty" else slugified(text)

    def markdownify(self, value: Any) -> str:
        from feeds.posts.body import markdown

        return markdown(_text(value))

    def smartify(self, value: Any) -> str:
        return _text(value)

    def jsonify(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, default=str)

    def inspect(self, value: Any) -> str:
        return html.escape(json.dumps(value, ensure_ascii=False, default=str))

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
        if mode in ("cjk", "auto"):
            text = re.sub(
                r"([\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af])", r" \1 ", text
            )
        return len(text.split())

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

    @property
    def _base(self) -> str:
        return urlsplit(self.environment.scope.config.site.url).path

    def _date(self, value: Any) -> datetime | None:
        """A date; the present is that of the post, so that a build can be repeated."""
        from feeds.posts.dates import parse_date

        if isinstance(value, datetime):
            return value
        zone = self.environment.scope.config.site.zone
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=zone)
        if value in ("now", "today"):
            return self.environment.scope.post.date
        return parse_date(value, zone, naive_is_utc=False) if isinstance(value, str) else None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def _count(number: Any) -> int:
    return max(number, 0) if isinstance(number, int) else 1
