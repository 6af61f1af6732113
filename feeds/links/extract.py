"""Every link of a post, with its role, its label and the line where it stands.

In: a :class:`~feeds.posts.reading.Reading`. Out: typed links as the author wrote them. The
navigation was recognised when the post was read; here the links and images of its text are
added, of Markdown by the parser that renders it and of HTML by its tags. Each of these comes with
a trace, from which :mod:`feeds.links.places` finds where its address stands.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import pyromark

from feeds.models import Link, Role
from feeds.posts.entities import attribute_value
from feeds.posts.markdown import EXTENSIONS
from feeds.posts.reading import Markup, Reading
from feeds.values import dataclass

LONGEST_LABEL: Final = 80
# How far the end of an ``<a>`` is looked for, in characters.
LONGEST_MARKUP: Final = 500
LABEL_BYTES: Final = 4 * LONGEST_MARKUP

# Comments, elements whose content is no markup, tags. What is not closed takes all that follows.
TAG: Final = re.compile(
    r"<!--(?:-?>|.*?(?:-->|\Z))|<(script|style|template|textarea|title|xmp)\b.*?(?:</\1\s*+>|\Z)"
    r"|<(?P<name>[a-z][a-z0-9-]*+)(?P<attributes>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>",
    re.IGNORECASE | re.DOTALL,
)
ATTRIBUTE: Final = re.compile(
    r"(?P<key>[^\s\"'<>/=]++)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>`]++))"
    r"|[^\s\"'<>/=]++|\"[^\"]*+\"|'[^']*+'"
)
# The attributes that hold addresses, by element.
ADDRESSES: Final[Mapping[str, frozenset[str]]] = {
    "a": frozenset(("href",)),
    "area": frozenset(("href",)),
    "img": frozenset(("src", "srcset", "data-src", "data-srcset", "data-original")),
    "source": frozenset(("src", "srcset", "data-src", "data-srcset")),
    "audio": frozenset(("src", "data-src")),
    "video": frozenset(("src", "poster", "data-src")),
    "track": frozenset(("src",)),
    "iframe": frozenset(("src", "data-src")),
    "embed": frozenset(("src",)),
    "object": frozenset(("data",)),
}
IMAGES: Final = frozenset(("poster", "srcset", "data-srcset"))
LABEL: Final = re.compile(r"(.*?)</a\s*+>", re.IGNORECASE | re.DOTALL)
ANY_TAG: Final = re.compile(r"<[^>]*+>")
# A candidate of ``srcset``: an address up to a space, without a comma at its end.
CANDIDATE: Final = re.compile(r"[\s,]*+(\S++)([^,]*+)")
LINE_END: Final = re.compile(r"\r\n?|\n")
# Schemes that lead to no page on the web, and places within the post itself.
NO_PAGE: Final = re.compile(
    r"(?i:mailto|tel|sms|data|javascript|xmpp|magnet|geo|about|blob|cid|ftps?|sftp|ircs?|news|nntp"
    r"|ssh|git|webcal|callto|facetime|skype|whatsapp|tg|weixin|alipays?|mqq\w*|intent|market"
    r"|itms(?:-\w+)?|thunder|ed2k):|#"
)
# Text that Liquid shows as it is or leaves out.
LIQUID_TAG: Final = re.compile(r"\{%-?\s*+(?P<end>end)?(?P<name>highlight|comment)\b[^%\n]*+%\}")


def extract(reading: Reading, text: str) -> list[Link]:
    """All links of a post in the order of their lines; ``text`` is its whole file."""
    post = reading.post
    assert post is not None
    found = [*post.links, *header_links(reading, text), *(link for link, _ in text_links(reading))]
    found.sort(key=lambda link: link.line)
    return list(dict.fromkeys(found))


class InMarkdown(NamedTuple):
    """Where a link of Markdown begins, where its text ends, and where the link does, in bytes of
    the body. ``kind`` is the parser's word, ``id`` the label of the definition that it names."""

    kind: str
    id: str
    start: int
    text_end: int
    end: int


class InHtml(NamedTuple):
    """Where the value of an attribute stands: in characters of a piece of HTML within Markdown,
    or of the body, which then is HTML as a whole."""

    piece: Piece | None
    start: int
    end: int


Traced = tuple[Link, InMarkdown | InHtml]
Position = Callable[[int], int]


def text_links(reading: Reading) -> Iterator[Traced]:
    """The links of a body apart from its navigation."""
    body = visible_body(reading)
    if reading.markup is Markup.MARKDOWN:
        return _markdown_links(body, reading.body_line)
    return _html_links(body, reading.body_line) if "<" in body else iter(())


def visible_body(reading: Reading) -> str:
    """The body with its navigation, and what Liquid shows as code or not at all, blanked."""
    return _without_code(_without_navigation(reading))


def _lines(text: str | bytes, first: int) -> Position:
    """From positions in a text to the lines that they are on."""
    newline: Any = "\n" if isinstance(text, str) else b"\n"
    ends = [match.start() for match in re.finditer(newline, text)]
    return lambda position: first + bisect_right(ends, position - 1)


def _without_navigation(reading: Reading) -> str:
    """The body with its navigation blanked, so that lines and positions stay."""
    body = reading.body
    for start, end in reading.navigation:
        body = _blanked(body, start, end)
    return body


def _without_code(body: str) -> str:
    """The body with what Liquid shows as code, or not at all, blanked."""
    if "{%" not in body:
        return body
    pieces, done, opened = [], 0, None
    for tag in LIQUID_TAG.finditer(body):
        if opened is None and not tag["end"]:
            opened = tag
        elif opened is not None and tag["end"] and tag["name"] == opened["name"]:
            pieces += [body[done : opened.start()], _blank(body[opened.start() : tag.end()])]
            done, opened = tag.end(), None
    return "".join([*pieces, body[done:]])


def _blanked(body: str, start: int, end: int) -> str:
    return body[:start] + _blank(body[start:end]) + body[end:]


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


# --- front matter -------------------------------------------------------------------------


def header_links(reading: Reading, text: str) -> Iterator[Link]:
    """The image and the enclosures that the front matter names."""
    post = reading.post
    assert post is not None
    if post.image:
        yield Link(Role.IMAGE, "", post.image, _line_in_header(text, post.image, reading.body_line))
    for enclosure in post.enclosures:
        line = _line_in_header(text, enclosure.url, reading.body_line)
        yield Link(Role.ENCLOSURE, "", enclosure.url, line)


def _line_in_header(text: str, url: str, end: int) -> int:
    """The line that an address of the front matter stands in; the first if it is not found."""
    name = _last_name(url)
    for number, line in enumerate(LINE_END.split(text, end)[:end], 1):
        if name and name in line:
            return number
    return 1


def _last_name(url: str) -> str:
    """The end of an address's path, which is the same however the address was completed."""
    try:
        return urlsplit(url).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return url


# --- Markdown -----------------------------------------------------------------------------


def _markdown_links(body: str, first: int) -> Iterator[Traced]:
    if not any(mark in body for mark in ("](", "<", "]:")):
        return
    raw = body.encode()
    line_of = _lines(raw, first)
    markup: list[Piece] = []
    inside: list[_Open] = []
    for event, span in pyromark.events_with_range(body, options=EXTENSIONS):
        kind, value = next(iter(event.items())) if isinstance(event, dict) else (event, " ")
        if kind in ("Html", "InlineHtml"):
            _append(markup, span["start"], span["end"], str(value))
        elif kind in ("Text", "Code", "SoftBreak", "HardBreak"):
            for each in inside:
                each.label.append(str(value))
        elif kind == "Start" and isinstance(value, dict) and (link := _started(value)):
            inside.append(_Open(*link, line_of(span["start"]), []))
            text_end = span["start"]
        elif kind == "End" and value in ("Link", "Image") and inside:
            ended = inside.pop()
            trace = InMarkdown(ended.kind, ended.id, span["start"], text_end, span["end"])
            yield _link(ended.role, "".join(ended.label), ended.target, ended.line), trace
        if inside and kind != "Start":
            text_end = span["end"]
    for piece in markup:
        after = raw[piece.end : piece.end + LABEL_BYTES].decode("utf-8", "ignore")
        yield from _html_links("".join(piece.texts), line_of(piece.start), after, piece)


@dataclass(slots=True)
class Piece:
    """HTML in Markdown: where it begins and ends, in bytes, and what it says, in parts of which
    each has such places, too."""

    start: int
    end: int
    texts: list[str]
    spans: list[tuple[int, int]]


def _append(pieces: list[Piece], start: int, end: int, text: str) -> None:
    """Put pieces of HTML that follow each other together, since a tag may span lines."""
    if not pieces or pieces[-1].end != start:
        pieces.append(Piece(start, end, [], []))
    last = pieces[-1]
    last.end = end
    last.texts.append(text)
    last.spans.append((start, end))


class _Open(NamedTuple):
    """A link whose text is being read."""

    role: Role
    target: str
    kind: str
    id: str
    line: int
    label: list[str]


def _started(start: Mapping[str, Any]) -> tuple[Role, str, str, str] | None:
    for kind, role in (("Link", Role.BODY), ("Image", Role.IMAGE)):
        if kind in start:
            link = start[kind]
            scheme = "mailto:" if link["link_type"] == "Email" else ""
            return role, f"{scheme}{link['dest_url']}", link["link_type"], link["id"]
    return None


# --- HTML ---------------------------------------------------------------------------------


def _html_links(
    text: str, first: int, after: str = "", piece: Piece | None = None
) -> Iterator[Traced]:
    """The links of a text of HTML that begins in line ``first``, with ``after`` behind it."""
    line_of = _lines(text, first)
    for tag in TAG.finditer(text):
        name = (tag["name"] or "").lower()
        wanted = ADDRESSES.get(name)
        if not wanted:
            continue
        line, begin = line_of(tag.start()), tag.start("attributes")
        for key, written, start in _attributes(tag["attributes"]):
            if key in wanted:
                role = Role.IMAGE if name == "img" or key in IMAGES else Role.BODY
                label = _label(text, tag.end(), after) if name == "a" else ""
                whole = ((attribute_value(written), 0, len(written)),)
                for target, offset, length in _sources(written) if "srcset" in key else whole:
                    place = begin + start + offset
                    yield _link(role, label, target, line), InHtml(piece, place, place + length)


def _attributes(text: str) -> Iterator[tuple[str, str, int]]:
    """Attributes with what is written as their values, and where that begins."""
    for match in ATTRIBUTE.finditer(text):
        if match["key"]:
            value = match.lastindex or 0
            yield match["key"].lower(), match[value], match.start(value)


def _sources(written: str) -> Iterator[tuple[str, int, int]]:
    """The addresses of a ``srcset``, each with where it is written there, and how long; one whose
    escapes part its addresses has none that can be told apart."""
    meant = list(_candidates(attribute_value(written)))
    places = list(_candidates(written)) if "&" in written else meant
    if [attribute_value(url) for url, _ in places] != [url for url, _ in meant]:
        places = [("", 0) for _ in meant]
    for (url, _), (text, start) in zip(meant, places, strict=True):
        yield url, start, len(text)


def _candidates(srcset: str) -> Iterator[tuple[str, int]]:
    """The addresses of a ``srcset`` (HTML 4.8.4.2.1) and where each begins: a comma at the end
    of one ends it."""
    position = 0
    while match := CANDIDATE.match(srcset, position):
        url = match[1].rstrip(",")
        if url:
            yield url, match.start(1)
        position = match.end(1) if url != match[1] else match.end()


def _label(text: str, position: int, after: str) -> str:
    behind = text[position : position + LONGEST_MARKUP]
    if len(behind) < LONGEST_MARKUP:
        behind += after
    match = LABEL.match(behind)
    return html.unescape(ANY_TAG.sub("", match[1])) if match else ""


def _link(role: Role, label: str, target: str, line: int) -> Link:
    label = " ".join(label.split())
    if len(label) > LONGEST_LABEL:
        label = f"{label[: LONGEST_LABEL - 1]}…"
    return Link(role, label, target.strip(), line)


def leads_to_a_page(url: str) -> bool:
    """Whether a link of a text leads anywhere that can be asked for."""
    return not NO_PAGE.match(url)
