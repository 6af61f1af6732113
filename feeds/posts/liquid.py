"""Liquid in a body, as Jekyll understands it, in a sandbox.

In: the text of a body and what its tags may see. Out: the text with all tags gone, and a
problem for every one that could not be rendered: such a tag is left out, never printed, and
never fatal. Nothing is read but through ``include``, the clock is not looked at, and loops,
depth and sizes are bounded.

This module imports python-liquid; it is loaded for bodies that hold ``{{`` or ``{%`` only.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TextIO
from urllib.parse import urlsplit

from liquid import BlockNode, BoundTemplate, Environment, Mode, Node, RenderContext, Tag, Token
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.assign_tag import AssignNode, AssignTag
from liquid.builtin.tags.for_tag import ForTag
from liquid.builtin.tags.tablerow_tag import TablerowNode, TablerowTag
from liquid.exceptions import LiquidError, ResourceLimitError
from liquid.expression import Expression
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.stringify import to_liquid_string
from liquid.token import TOKEN_EXPRESSION, TOKEN_TAG
from liquid.undefined import Undefined

from feeds.config import Config
from feeds.models import Post
from feeds.posts import filters
from feeds.posts.strftime import strftime
from feeds.values import dataclass

# All tags of a body together may do this much: characters that they read, write or repeat.
MOST_WORK: Final = 10_000_000
# A variable of this size makes every step of a loop that may look at it cost twice as much.
LARGE_VARIABLE: Final = 10_000
LONGEST_TAG: Final = 4_000
MOST_BRACKETS: Final = 100
LONGEST_MESSAGE: Final = 160

# What a library of templates may raise for odd values; anything else is a fault of ours.
FAULTS: Final = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
# Of the site Jekyll knows these too; a body that lists them gets nothing.
UNKNOWN: Final = re.compile(
    r"(?:site\.(?:categories|collections|data|documents|html_pages|pages|posts|related_posts"
    r"|static_files|tags)|page\.(?:content|excerpt|next|previous))\b"
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A tag that could not be rendered: where it starts in the source, and why."""

    position: int
    what: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text without tags, and what went wrong, in the order of the text."""

    text: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """What the tags of one post may see.

    ``references`` maps what ``post_url`` and ``link`` name to addresses; ``include`` gives
    the text of an include, or ``None``; ``page`` is the front matter and what Jekyll adds.
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
        template = environment.from_string(environment.source, globals=_globals(scope))
        text = template.render()
    except (LiquidError, *FAULTS) as error:
        environment.note(error)
        text = CLOSED_TAG.sub("", environment.source)
    finally:
        # The library would keep every environment, with its source.
        get_parser.cache_clear()
    problems = sorted(dict.fromkeys(environment.problems), key=lambda each: each.position)
    return Rendered(text.replace(BLANK, ""), tuple(problems))


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
    variables = {**site.variables, **{key: value for key, value in known.items() if value}}
    return {
        "site": variables,
        "page": scope.page,
        "jekyll": {"environment": "production"},
        # The library's own names for the clock.
        "now": None,
        "today": None,
    }


# --- before the library -------------------------------------------------------------------

# Stands for what is left out, so that everything else keeps its place; no text has it.
BLANK: Final = "\ufdd0"

OPENING: Final = re.compile(r"\{[{%]")
EMPTY: Final = re.compile(r"\{\{-?\s*+-?\}\}")
NAME: Final = re.compile(r"\{%-?\s*+(#|\w++)")
RAW: Final = re.compile(r"\{%-?\s*+raw\s*+-?%\}")
END_RAW: Final = re.compile(r"\{%-?\s*+endraw\s*+-?%\}")
COMMENT: Final = re.compile(r"\{%-?\s*+(end)?comment\b(?:(?!%\}).)*+%\}", re.DOTALL)
CLOSED_TAG: Final = re.compile(r"\{%(?:(?!%\}).)*+%\}|\{\{(?:(?!\}\}).)*+\}\}", re.DOTALL)
BLOCKS: Final = frozenset(
    ("capture", "case", "for", "highlight", "if", "ifchanged", "tablerow", "unless")
)
# The library has these, Jekyll has not.
NOT_JEKYLLS: Final = frozenset(("doc", "enddoc", "echo", "liquid", "render"))


def _prepared(source: str, problems: list[Problem]) -> str:
    """A source in which every tag and every block is closed; what is not is blanked.

    The library gives up a whole text for one open tag, and looks for its end for a time that
    grows with the square of the length.
    """
    return _Preparation(source, problems).prepared()


class _Preparation:
    """One walk over a source, from tag to tag."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems
        self.blocks: list[tuple[str, int, int]] = []
        self.open: Counter[str] = Counter()
        self.blanks: list[tuple[int, int]] = []
        self.raw_ends = self.comments_end = self.comments_nest = True

    def prepared(self) -> str:
        source, position = self.source, 0
        ends = {"{{": 0, "{%": 0}
        while match := OPENING.search(source, position):
            start, kind = match.start(), match[0]
            if ends[kind] >= 0:
                ends[kind] = source.find("}}" if kind == "{{" else "%}", start + 2)
            end = ends[kind] + 2
            if ends[kind] < 0:
                # A tag that is never closed is taken to end with its line.
                line_end = source.find("\n", start)
                position = len(source) if line_end < 0 else line_end
                self._blank(start, position, f"{kind} is never closed")
            elif end - start > LONGEST_TAG or self._brackets(start, end) > MOST_BRACKETS:
                self._blank(start, end, "a tag is too long")
                position = end
            else:
                position = self._output(start, end) if kind == "{{" else self._tag(start, end)
        for name, start, end in self.blocks:
            self._blank(start, end, f"{name} is never closed")
        return self._with_blanks()

    def _brackets(self, start: int, end: int) -> int:
        return self.source.count("(", start, end) + self.source.count("[", start, end)

    def _output(self, start: int, end: int) -> int:
        if EMPTY.match(self.source, start):
            self._blank(start, end)
        return end

    def _tag(self, start: int, end: int) -> int:
        """Judge a closed tag; returns where to go on."""
        found = NAME.match(self.source, start, end)
        name = found[1] if found else ""
        if not name:
            self._blank(start, end, "a tag without a name")
        elif name in NOT_JEKYLLS:
            self._blank(start, end, f"unexpected tag '{name}'")
        elif name == "raw":
            return self._raw(start, end)
        elif name == "comment":
            return self._comment(start, end)
        elif name in BLOCKS:
            self.blocks.append((name, start, end))
            self.open[name] += 1
        elif name.startswith("end") and name[3:] in BLOCKS:
            self._close(name[3:], start, end)
        return end

    def _close(self, name: str, start: int, end: int) -> None:
        if not self.open[name]:
            self._blank(start, end, f"unexpected tag 'end{name}'")
            return
        while True:
            opened, opening_start, opening_end = self.blocks.pop()
            self.open[opened] -= 1
            if opened == name:
                return
            self._blank(opening_start, opening_end, f"{opened} is never closed")

    def _raw(self, start: int, end: int) -> int:
        if not RAW.match(self.source, start):
            self._blank(start, end, "unexpected tag 'raw'")
            return end
        closing = END_RAW.search(self.source, end) if self.raw_ends else None
        if closing:
            return closing.end()
        self.raw_ends = False
        self._blank(start, end, "raw is never closed")
        return end

    def _comment(self, start: int, end: int) -> int:
        closing = self._comment_end(end)
        if not closing:
            self._blank(start, end, "comment is never closed")
            return end
        # A comment may hold anything, tags that are not closed too.
        self._blank(end, closing.start())
        return closing.end()

    def _comment_end(self, position: int) -> re.Match[str] | None:
        """The end of a comment: of its own, if all are closed, else the next."""
        if not self.comments_end:
            return None
        depth, first = 1, None
        for found in COMMENT.finditer(self.source, position):
            depth += -1 if found[1] else 1
            first = first or (found if found[1] else None)
            if first and (not depth or not self.comments_nest):
                return found
        # Once it is clear that the counts do not match they are not counted again.
        self.comments_nest = False
        self.comments_end = first is not None
        return first

    def _blank(self, start: int, end: int, what: str = "") -> None:
        self.blanks.append((start, end))
        if what:
            self.problems.append(Problem(start, what))

    def _with_blanks(self) -> str:
        parts: list[str] = []
        position = 0
        for start, end in sorted(self.blanks):
            parts += (self.source[position:start], BLANK * (end - start))
            position = end
        return "".join((*parts, self.source[position:]))


# --- the library --------------------------------------------------------------------------


class _SpentError(ResourceLimitError):
    """A body has had its share of work."""


class _Environment(Environment):
    """Jekyll's tags and filters for one text, errors collected instead of raised."""

    context_depth_limit = 20

    def __init__(self, source: str, scope: Scope) -> None:
        super().__init__(tolerance=Mode.LAX, strict_filters=True)
        self.template_class = _Template
        self.output_stream_limit = MOST_WORK + 4 * len(source)  # type: ignore[misc]  # of this text
        self.undefined = self._undefined  # type: ignore[assignment]  # any callable will do
        self.scope = scope
        self.own_filters = filters.Filters(scope.config.site, scope.post.date)
        self.problems: list[Problem] = []
        self.source = _prepared(source, self.problems)
        self.work = 0
        self.spent = False
        self.largest_variable = 0
        self.included: list[str] = []
        self.includes: dict[str, tuple[BoundTemplate, int]] = {}
        self.place = 0  # of the include that is being rendered

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        self.tags = {name: tag(self) for name, tag in TAGS.items()}
        self.filters = dict(FILTERS)

    def spend(self, characters: int) -> None:
        """Count work. Raises when a body has had its share."""
        self.work += characters
        if self.work > MOST_WORK:
            raise _SpentError("the tags of this text ask for too much work", token=None)

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

    def template_of(self, name: str) -> BoundTemplate | None:
        """An include, read and parsed once; each use counts as work."""
        if name not in self.includes:
            text = self.scope.include(name)
            if text is None:
                return None
            problems: list[Problem] = []
            template = self.from_string(_prepared(text, problems))
            for problem in problems:
                self.note_at(None, problem.what)
            self.includes[name] = template, len(text)
        template, length = self.includes[name]
        self.spend(length)
        return template

    @contextmanager
    def including(self, name: str, token: Token) -> Iterator[None]:
        """Problems on the way are those of an include."""
        if not self.included:
            self.place = token.start_index
        self.included.append(name)
        try:
            yield
        finally:
            self.included.pop()

    def note(self, error: Exception) -> None:
        if isinstance(error, _SpentError):
            if self.spent:
                return  # every tag from here on says the same
            self.spent = True
        token = getattr(error, "token", None)
        what = str(error.args[0]) if error.args else type(error).__name__
        self.note_at(token, what)

    def note_at(self, token: Token | None, what: str) -> None:
        """Add a problem; one in an include is told of where the body includes it."""
        what = " ".join(what.split())[:LONGEST_MESSAGE]
        place = self.place
        if self.included:
            what = f"{what} (in {self.included[-1]})"
        elif token is not None and token.start_index >= 0:
            place = token.start_index
        self.problems.append(Problem(place, what))

    def _undefined(self, name: str, **more: Any) -> Undefined:
        hint = str(more.get("hint") or "")
        if found := UNKNOWN.match(hint):
            self.note_at(more.get("token"), f"{found[0]} is not known here")
        return Undefined(name, **more)


class _Context(RenderContext):
    """What a text sees while it is rendered."""

    def assign(self, key: str, val: Any) -> None:
        self.locals[key] = val
        size = filters.size_of(val)
        environment: Any = self.env
        environment.spend(size)
        environment.largest_variable = max(environment.largest_variable, size)


class _Template(BoundTemplate):
    """A text whose nodes cannot fail with anything but an error of the library."""

    context_class = _Context

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.nodes = [_Guarded(node) for node in self.nodes]


class _Guarded(Node):
    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        super().__init__(node.token)
        self.node = node
        self.blank = node.blank

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        try:
            return self.node.render(context, buffer)
        except FAULTS as error:
            raise LiquidError(str(error) or type(error).__name__, token=self.token) from error


def _quietly(node: Node, context: RenderContext, write: Callable[[], int]) -> int:
    """Leave out a node that fails, and nothing of the block around it."""
    environment: Any = context.env
    try:
        return write()
    except LiquidError as error:
        environment.error(error, token=node.token)
    except FAULTS as error:
        environment.error(LiquidError(str(error), token=node.token))
    return 0


class _OutputNode(OutputNode):
    """``{{ value | filter }}``; dates are written as Ruby writes them."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _quietly(self, context, lambda: self._write(context, buffer))

    def _write(self, context: RenderContext, buffer: TextIO) -> int:
        value = self.expression.evaluate(context)
        if isinstance(value, datetime):
            value = strftime(value, "%Y-%m-%d %H:%M:%S %z")
        environment: Any = context.env
        environment.spend(filters.size_of(value))
        return buffer.write(to_liquid_string(value, autoescape=False))


class _AssignNode(AssignNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        render = super().render_to_output
        return _quietly(self, context, lambda: render(context, buffer))


class _TextNode(Node):
    """A tag whose text is made from the context when it is rendered."""

    __slots__ = ("make",)

    def __init__(self, token: Token, make: Callable[[RenderContext, TextIO], int]) -> None:
        super().__init__(token)
        self.make = make
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _quietly(self, context, lambda: self.make(context, buffer))


# --- loops --------------------------------------------------------------------------------


class _Step(Node):
    """The inside of a loop, which counts each time it is rendered."""

    __slots__ = ("block", "length")

    def __init__(self, block: Node, length: int) -> None:
        super().__init__(block.token)
        self.block = block
        self.length = max(length, 1)
        self.blank = block.blank

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        environment: Any = context.env
        environment.spend(self.length * (1 + environment.largest_variable // LARGE_VARIABLE))
        return self.block.render(context, buffer)


class _Items(Expression):
    """What a loop goes through, if that is not too much to be held."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression) -> None:
        super().__init__(inner.token)
        self.inner = inner

    def __str__(self) -> str:
        return str(self.inner)

    def evaluate(self, context: RenderContext) -> object:
        value = self.inner.evaluate(context)
        if isinstance(value, range) and value.stop - value.start > filters.LONGEST:
            raise LiquidError("a loop over too many numbers", token=self.token)
        return value

    def children(self) -> list[Expression]:
        return [self.inner]


class _ForTag(ForTag):
    def parse(self, stream: TokenStream) -> Node:
        node = super().parse(stream)
        _count_steps(node, stream)
        return node


class _TablerowTag(TablerowTag):
    def parse(self, stream: TokenStream) -> TablerowNode:
        node = super().parse(stream)
        _count_steps(node, stream)
        return node


def _count_steps(node: Any, stream: TokenStream) -> None:
    """Let a loop, whose end the stream stands at, count what it does."""
    node.block = _Step(node.block, stream.current.start_index - node.token.start_index)
    node.expression.iterable = _Items(node.expression.iterable)


# --- tags ---------------------------------------------------------------------------------


class _OutputTag(Output):
    node_class = _OutputNode


class _AssignTag(AssignTag):
    node_class = _AssignNode


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

        def make(context: RenderContext, buffer: TextIO) -> int:
            environment: Any = context.env
            address = environment.scope.references.get(named)
            if not address:
                raise LiquidError(f"{self.name} names nothing that is known: {named}", token=token)
            return buffer.write(str(address))

        return _TextNode(token, make)


class _LinkTag(_AddressTag):
    """``{% link _posts/2022-01-17-name.md %}``: the address of what a file becomes."""

    name = "link"


PARAMETER: Final = re.compile(
    r"(?<![\w-])(?P<key>[\w-]++)\s*+=\s*+(?:\"(?P<double>(?:[^\"\\]|\\.)*+)\""
    r"|'(?P<single>(?:[^'\\]|\\.)*+)'|(?P<variable>[\w.-]++))",
    re.DOTALL,
)
NUMBER: Final = re.compile(r"-?\d{1,18}")
LITERALS: Final[Mapping[str, object]] = {"true": True, "false": False, "nil": None, "null": None}


class _IncludeTag(Tag):
    """``{% include name.html key="value" %}``; parameters are seen as ``include.key``."""

    name = "include"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token, argument = _argument(stream)
        name = argument.split(None, 1)[0] if argument else ""
        parameters = list(PARAMETER.finditer(argument, len(name)))

        def make(context: RenderContext, buffer: TextIO) -> int:
            environment: Any = context.env
            with environment.including(name, token):
                template = environment.template_of(name)
                if template:
                    given = {each["key"]: _parameter(context, each) for each in parameters}
                    with context.extend({"include": given}, template=template):
                        template.render_with_context(context, buffer, partial=True)
            if not template:
                raise LiquidError(f"include of {name}, which is not there", token=token)
            return 1

        return _TextNode(token, make)


def _parameter(context: RenderContext, match: re.Match[str]) -> object:
    variable = match["variable"]
    if variable is None:
        return re.sub(r"\\(.)", r"\1", match["double"] or match["single"] or "", flags=re.DOTALL)
    if variable in LITERALS:
        return LITERALS[variable]
    if NUMBER.fullmatch(variable):
        return int(variable)
    return context.get(list(variable.split(".")), token=None, default="")


class _HighlightTag(Tag):
    """``{% highlight python %}…{% endhighlight %}``: code, as it is."""

    name = "highlight"
    end = "endhighlight"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        language = ""
        if stream.current.kind == TOKEN_EXPRESSION:
            language = stream.current.value.split()[0]
            next(stream)
        block: BlockNode = get_parser(self.env).parse_block(stream, frozenset({self.end}))
        stream.expect(TOKEN_TAG, value=self.end)

        def make(context: RenderContext, buffer: TextIO) -> int:
            inner = context.get_buffer(buffer)
            block.render(context, inner)
            code = html.escape(inner.getvalue().strip("\n"), quote=False)
            language_class = f"language-{html.escape(language)}"
            return buffer.write(f'<pre><code class="{language_class}">{code}</code></pre>')

        return _TextNode(token, make)


# --- what there is ------------------------------------------------------------------------

_BUILT_IN: Final = Environment()
TAGS: Final[Mapping[str, type[Tag]]] = {
    **{name: type(tag) for name, tag in _BUILT_IN.tags.items() if name not in NOT_JEKYLLS},
    **{
        tag.name: tag
        for tag in (
            *(_AddressTag, _AssignTag, _ForTag, _HighlightTag, _IncludeTag, _LinkTag),
            *(_OutputTag, _TablerowTag),
        )
    },
}
FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: filters.bounded(function) for name, function in _BUILT_IN.filters.items()},
    **{name: filters.bounded(getattr(filters.Filters, name), own=name) for name in filters.NAMES},
}
