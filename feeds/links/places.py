"""Where the addresses of a post's links stand in the bytes of its file.

In: a post as it was read, and its file. Out: places, each with what is written there and how
that is read. A place is only named if what is written there means the address of its link, so
whoever writes another address there changes that link and nothing else. An address that cannot
be found with certainty has no place: one that is put together of parts, or escaped in the
header.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from html.entities import html5
from itertools import accumulate
from typing import Final, NamedTuple

import pyromark

from feeds.links.extract import InHtml, InMarkdown, Piece, header_links, text_links, visible_body
from feeds.models import Link, Role
from feeds.posts.entities import attribute_value
from feeds.posts.frontmatter import ILLEGAL
from feeds.posts.links import BACK_LINK, SOURCE
from feeds.posts.markdown import EXTENSIONS
from feeds.posts.reading import Markup, Reading

BYTE_ORDER_MARK: Final = "\ufeff"
# What a reader leaves out of a file: see feeds.posts.read.
LEFT_OUT: Final = re.compile(rf"{ILLEGAL.pattern}|\r(?={ILLEGAL.pattern}*\n)")
STEP: Final = 4_096  # characters between two positions that are remembered

# Between a link's text, or the label of a definition, and the address: a line of a quotation
# begins with its mark.
GAP: Final = re.compile(rb"[ \t]*(?:\n[ \t>]*)?")
DESTINATION: Final = re.compile(rb"<((?:[^<>\\\n]|\\.)*)>|[^\s<]\S*|")
DEFINED: Final = re.compile(rb"\[(?:[^\\\]]|\\.)*\]:", re.DOTALL)
# What Markdown reads as another character (CommonMark 2.4, 2.5).
ESCAPE: Final = re.compile(
    r"\\([!-/:-@\[-`{-~])|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]*);"
)

Meaning = Callable[[str], str]
Span = tuple[int, int]


class Place(NamedTuple):
    """Where the address of a link stands, in bytes of the file, what is written there, and how
    that is read as an address."""

    link: Link
    start: int
    end: int
    written: str
    meaning: Meaning


def places(reading: Reading, raw: bytes) -> Iterator[Place]:
    """The places of a post's links; a link has none, one or several of them, and those of one
    definition share its place."""
    file = _File.of(raw)
    if file is None or not file.holds(reading):
        return
    body = reading.start
    for link, start, end, meaning in _in_header(reading, file.text):
        yield from file.place(link, start, end, meaning)
    for link, start, end, meaning in _in_navigation(reading):
        yield from file.place(link, body + start, body + end, meaning)
    find = _in_markdown if reading.markup is Markup.MARKDOWN else _in_html
    for link, start, end, meaning in find(reading):
        yield from file.place(link, body + start, body + end, meaning)


def as_written(link: str) -> str:
    """An address that stands for itself."""
    return link


def markdown_text(written: str) -> str:
    """What Markdown reads, of a destination."""
    return ESCAPE.sub(_character, written)


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    return html.unescape(match[0]) if match[0][1] == "#" or match[0][1:] in html5 else match[0]


_Found = tuple[Link, int, int, Meaning]


# --- the file -----------------------------------------------------------------------------


class _Table:
    """From characters of a text to the bytes that encode it, and back."""

    def __init__(self, text: str, codec: str = "utf-8") -> None:
        self.text, self.codec = text, codec
        pieces = (text[start : start + STEP] for start in range(0, len(text), STEP))
        self.starts = list(accumulate((len(each.encode(codec)) for each in pieces), initial=0))

    def byte(self, position: int) -> int:
        step = position // STEP
        return self.starts[step] + len(self.text[step * STEP : position].encode(self.codec))

    def character(self, byte: int, raw: bytes) -> int:
        step = bisect_right(self.starts, byte) - 1
        return step * STEP + len(raw[self.starts[step] : byte].decode(self.codec))


class _File:
    """The text of a file as a reader has it, and from there to the file's bytes."""

    def __init__(self, raw: bytes, written: str, codec: str, skipped: int) -> None:
        self._raw, self._codec = raw, codec
        left_out = [match.span() for match in LEFT_OUT.finditer(written)]
        gone = list(accumulate((end - start for start, end in left_out), initial=0))
        self._gone = gone
        self._after = [start - before for (start, _), before in zip(left_out, gone, strict=False)]
        self._bytes = _Table(written, codec)
        self._skipped = skipped
        self.text = LEFT_OUT.sub("", written)

    @classmethod
    def of(cls, raw: bytes) -> _File | None:
        """A file in UTF-8 or GB18030, if encoding what was read gives the same bytes again."""
        mark = BYTE_ORDER_MARK.encode()
        skipped = len(mark) if raw.startswith(mark) else 0
        for codec in ("utf-8", "gb18030"):
            try:
                text = raw[skipped:].decode(codec)
            except UnicodeDecodeError:
                continue
            if text.encode(codec) != raw[skipped:]:
                return None
            if codec != "utf-8" and text.startswith(BYTE_ORDER_MARK):
                skipped += len(BYTE_ORDER_MARK.encode(codec))
                text = text.removeprefix(BYTE_ORDER_MARK)
            return cls(raw, text, codec, skipped)
        return None

    def holds(self, reading: Reading) -> bool:
        """Whether this is the file that was read."""
        return self.text[reading.start :].replace("\r", "\n") == reading.body

    def place(self, link: Link, start: int, end: int, meaning: Meaning) -> Iterator[Place]:
        """The place of a link whose address is looked for in a part of the text, if it is there
        and nothing that was left out is in the midst of it."""
        part = self.text[start:end]
        start += len(part) - len(part.lstrip())
        written = part.strip()
        if not written or meaning(written).strip() != link.url:
            return
        end = start + len(written)
        first, last = self._position(start), self._position(end - 1) + 1
        begin, stop = (self._skipped + self._bytes.byte(each) for each in (first, last))
        if self._raw[begin:stop] == written.encode(self._codec):
            yield Place(link, begin, stop, written, meaning)

    def _position(self, position: int) -> int:
        """A position in the text as one in what was decoded."""
        return position + self._gone[bisect_right(self._after, position)]


# --- front matter and navigation ----------------------------------------------------------


def _in_header(reading: Reading, text: str) -> Iterator[_Found]:
    """The source and the image that the front matter names, if only one value says so."""
    assert reading.post is not None
    header = text[: reading.start].replace("\r", "\n")
    for link in (*reading.post.links, *header_links(reading, text)):
        if link.role is Role.ENCLOSURE or link.line >= reading.body_line or not link.url:
            continue
        begin = 0
        part = header
        if link.role is Role.SOURCE:
            begin, part = _lines_of_key(header, link.line)
        value = re.compile(
            rf"(?:(?<=[\s\[{{,:=])(?P<quote>[\"'])|(?<=[\s\[{{,]))(?P<url>{re.escape(link.url)})"
            r"(?(quote)(?P=quote))(?=[\s,\]}]|$)"
        )
        found = list(value.finditer(part))
        if len(found) == 1:
            yield link, begin + found[0].start("url"), begin + found[0].end("url"), as_written


def _lines_of_key(header: str, line: int) -> tuple[int, str]:
    """A key of the front matter with everything that belongs to it, and where that begins."""
    lines = header.split("\n")
    own = [lines[line - 1]]
    for each in lines[line:]:
        if each and (not each.startswith((" ", "\t", "-")) or each.startswith("---")):
            break
        own.append(each)
    return sum(len(each) + 1 for each in lines[: line - 1]), "\n".join(own)


def _in_navigation(reading: Reading) -> Iterator[_Found]:
    """The source and the ways back: each line of navigation holds nothing else."""
    assert reading.post is not None
    known = {(link.line, link.label, link.url): link for link in reading.post.links}
    body = reading.body
    for first, last in reading.navigation:
        line, begin = reading.body_line + body.count("\n", 0, first), first
        for text in body[first:last].split("\n"):
            for match in (*BACK_LINK.finditer(text), *SOURCE.finditer(text)):
                label, url, group = _read_navigation(match)
                link = known.get((line, label, url))
                if link is not None:
                    meaning = attribute_value if group == "href" else as_written
                    yield link, begin + match.start(group), begin + match.end(group), meaning
            line, begin = line + 1, begin + len(text) + 1


def _read_navigation(match: re.Match[str]) -> tuple[str, str, str]:
    """The label and the address of a link, and what its address is called in the pattern."""
    parts = match.groupdict()
    group = next((name for name in ("auto", "bare", "url") if parts.get(name)), "href")
    written = parts[group] or ""
    label = html.unescape(parts["label"] or parts["text"] or "").strip()
    return label, attribute_value(written) if group == "href" else written, group


# --- the text -----------------------------------------------------------------------------


def _in_html(reading: Reading) -> Iterator[_Found]:
    for link, trace in text_links(reading):
        yield link, trace.start, trace.end, attribute_value


def _in_markdown(reading: Reading) -> Iterator[_Found]:
    body = visible_body(reading)
    raw, table = body.encode(), _Table(body)
    definitions = _definitions(body)
    pieces = _Pieces(raw)
    for link, trace in text_links(reading):
        meaning: Meaning = markdown_text
        if isinstance(trace, InHtml):
            span, meaning = pieces.span(trace), attribute_value
        elif trace.kind == "Autolink":
            span, meaning = (trace.start + 1, trace.end - 1), as_written
        elif trace.kind == "Inline":
            span = _inline(raw, trace)
        else:
            span = _defined(raw, definitions.get(_label(trace.id)))
        if span is not None:
            start, end = (table.character(each, raw) for each in span)
            yield link, start, end, meaning


def _inline(raw: bytes, link: InMarkdown) -> Span | None:
    """The destination behind a link's text; the link ends with a bracket."""
    closed = raw.find(b"](", link.text_end, link.end)
    return _destination(raw, closed + 2, link.end - 1) if closed >= 0 else None


def _definitions(body: str) -> dict[str, Span]:
    """Where each label is defined, in bytes; the first definition counts."""
    if "]:" not in body:
        return {}
    found: dict[str, Span] = {}
    for label, each in pyromark.reference_definitions(body, options=EXTENSIONS).items():
        found.setdefault(_label(label), (each["span"]["start"], each["span"]["end"]))
    return found


def _label(text: str) -> str:
    """A label as labels are compared."""
    return " ".join(text.split()).casefold()


def _defined(raw: bytes, span: Span | None) -> Span | None:
    """The destination of a definition."""
    label = DEFINED.match(raw, *span) if span else None
    return _destination(raw, label.end(), span[1]) if span and label else None


def _destination(raw: bytes, start: int, end: int) -> Span | None:
    """What is written as a destination between two places, without its angle brackets."""
    gap = GAP.match(raw, start, end)
    assert gap is not None  # which may be empty
    found = DESTINATION.match(raw, gap.end(), end)
    return found.span(1 if found[1] is not None else 0) if found else None


class _Pieces:
    """From characters of a piece of HTML within Markdown to bytes of the body.

    A line of a quotation or a list begins with marks that are not part of the piece.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._piece: Piece | None = None
        self._lines: list[tuple[int, int, str]] = []

    def span(self, trace: InHtml) -> Span | None:
        if trace.piece is not self._piece:
            self._piece = trace.piece
            self._lines = list(self._lines_of(trace.piece)) if trace.piece else []
        number = bisect_right(self._lines, trace.start, key=lambda line: line[0]) - 1
        if number < 0:
            return None
        position, begin, line = self._lines[number]
        start, end = trace.start - position, trace.end - position
        if end > len(line):
            return None
        return begin + len(line[:start].encode()), begin + len(line[:end].encode())

    def _lines_of(self, piece: Piece) -> Iterator[tuple[int, int, str]]:
        """Each line with where it begins, in characters of the piece and in bytes of the body."""
        position = 0
        for text, (begin, end) in zip(piece.texts, piece.spans, strict=True):
            lines, written = text.split("\n"), self._raw[begin:end].split(b"\n")
            at = position
            for line, whole in zip(lines, written, strict=False):
                encoded = line.encode()
                if len(lines) == len(written) and whole.endswith(encoded):
                    yield at, begin + len(whole) - len(encoded), line
                at += len(line) + 1
                begin += len(whole) + 1
            position += len(text)
