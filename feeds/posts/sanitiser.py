"""HTML of a post as HTML that may stand in a feed.

In: HTML as somebody wrote it, and the address of the page that it stands on. Out: balanced
HTML (WHATWG HTML, fragment parsing and serialisation) without anything that runs, hides or
asks, with absolute addresses and without characters that XML 1.0 forbids.

What hides, loads late or frames another page is looked for in the tree that a browser would
see: one pass of the sanitiser writes that tree down with all the attributes that matter, in
one form that is simple to read, and the last pass decides what stays. Nothing is put into
the HTML after that.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Set
from functools import cache
from typing import Final
from urllib.parse import urljoin, urlsplit

import nh3

from feeds.posts.complexity import TOKEN, VOID
from feeds.posts.frontmatter import ILLEGAL

TAGS: Final = frozenset(nh3.ALLOWED_TAGS) - {"nav"} | {
    "audio",
    "picture",
    "section",
    "source",
    "tfoot",
    "video",
}
ATTRIBUTES: Final[dict[str, set[str]]] = {
    **{tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": {"dir", "lang", "title"},
    "a": {"href", "hreflang"},
    "audio": {"controls", "src"},
    "code": {"class"},
    "img": {"alt", "height", "src", "srcset", "width"},
    "source": {"media", "sizes", "src", "srcset", "type"},
    "video": {"controls", "height", "poster", "src", "width"},
}
SCHEMES: Final = {"ftp", "http", "https", "magnet", "mailto", "sms", "tel", "xmpp"}
DROPPED_WITH_CONTENT: Final = frozenset(
    {
        *(
            "datalist",
            "embed",
            "iframe",
            "math",
            "noembed",
            "noframes",
            "noscript",
            "script",
            "select",
        ),
        *("style", "svg", "template", "textarea", "title"),
    }
)
# A browser shows what stands in these when they are not closed: the rest of the article.
DROPPED_WHEN_CLOSED: Final = ("button", "object")

LAZY: Final = (
    *("data-src", "data-original", "data-lazy-src", "data-original-src"),
    *("data-actualsrc", "data-echo"),
)
LAZY_SET: Final = ("data-srcset", "data-lazy-srcset")
INLINE: Final = frozenset(
    {
        *("a", "abbr", "b", "big", "cite", "code", "del", "em", "font", "i", "img", "ins", "kbd"),
        *("mark", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "wbr"),
    }
)
SPACES_AND_CONTROLS: Final = "".join(map(chr, range(0x21)))
ADDRESS: Final = re.compile("href|src|poster")
ABSOLUTE: Final = re.compile(r"(?:href|src|poster)\s*+=\s*+[\"']?+https?://")
# A parser of addresses looks over control characters in front, and line ends anywhere.
DATA: Final = re.compile(r"[\x00-\x20]*+" + r"[\t\r\n]*+".join("data:"), re.I)
PICTURE: Final = re.compile(
    r"data:image/(?:avif|gif|jpeg|png|webp);base64,[A-Za-z0-9+/=\s]++", re.ASCII | re.I
)
LARGEST_PICTURE: Final = 256 * 1024  # characters
WITHOUT_ADDRESS: Final = re.compile(r"<img((?: (?!src)[a-z]++=\"[^\"]*+\")*+)>")
PRE: Final = re.compile(r"<pre(?: [^<>]*)?>(?=\n)")


def sanitised(raw: str, url: str, scheme: str = "") -> str:
    """HTML that is safe, absolute against ``url`` and balanced.

    ``raw`` may hold anything but characters that XML forbids. ``scheme`` is what an address
    that begins with ``//`` gets, if not the one of ``url``.
    """
    lower = raw.lower()
    lazy = "data-" in lower and any(name in lower for name in LAZY + LAZY_SET)
    if "<noscript" in lower:
        raw = _without_noscript(raw, lazy)
    # Of all the data that an address can be, only pictures stay, and only as pictures.
    images = "<im" in lower  # a parser takes "image" for "img"
    pictures = images and "data:image/" in lower
    schemes = SCHEMES | {"data"} if pictures else SCHEMES
    dropped = DROPPED_WITH_CONTENT.union(
        name for name in DROPPED_WHEN_CLOSED if f"<{name}" in lower and _closed(name, lower)
    )
    if lazy or "<iframe" in lower or _may_hide(lower):
        raw = _shown(_tree(raw, dropped, schemes))
    if dropped == DROPPED_WITH_CONTENT and not pictures and nothing_relative(raw.lower()):
        clean = _cleaner().clean(raw)
    else:
        clean = _cleaned(raw, url, scheme, dropped, schemes)
    # A character reference may have been one that XML forbids.
    clean = ILLEGAL.sub("", clean) if "&#" in lower else clean
    if images:
        clean = WITHOUT_ADDRESS.sub(_alternative, clean)
    return _with_newlines(clean).strip()


def nothing_relative(lower: str) -> bool:
    """Whether all addresses of HTML in lower case are absolute: nothing depends on the page.

    It may say no where a parser would say yes, never the other way round.
    """
    if "href" not in lower and "src" not in lower and "poster" not in lower:
        return "cite" not in lower
    if "srcset" in lower or "cite" in lower:
        return False
    return len(ADDRESS.findall(lower)) == len(ABSOLUTE.findall(lower))


@cache
def _cleaner() -> nh3.Cleaner:
    """What cleans most bodies; to make one takes longer than to clean with it."""
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(DROPPED_WITH_CONTENT),
        attributes=ATTRIBUTES,
        link_rel=None,
        url_schemes=SCHEMES,
    )


def _cleaned(
    raw: str, url: str, scheme: str, dropped: frozenset[str], schemes: Set[str] = SCHEMES
) -> str:
    """What such a cleaner makes of HTML, with addresses absolute against ``url``."""
    lower = raw.lower()
    other = scheme and scheme != urlsplit(url).scheme
    filtered = other or schemes is not SCHEMES or "srcset" in lower or "cite" in lower
    return nh3.clean(
        raw,
        tags=set(TAGS),
        clean_content_tags=set(dropped),
        attributes=ATTRIBUTES,
        attribute_filter=_absolute_attributes(url, scheme) if filtered else None,
        link_rel=None,
        url_schemes=set(schemes),
        url_relative=("rewrite_with_base", url),
    )


def text_only(raw: str) -> str:
    """The text of HTML, as paragraphs, for what is not fit to be parsed."""
    marked = TOKEN.sub(_mark, raw.replace("\n", " "))
    blocks = (" ".join(html.unescape(line).split()) for line in marked.split("\n"))
    return "\n".join(f"<p>{ILLEGAL.sub('', html.escape(block))}</p>" for block in blocks if block)


def _mark(token: re.Match[str]) -> str:
    """The end of a line for an element that begins or ends a block."""
    name = (token["name"] or "").lower()
    return "\n" if name and name not in INLINE else ""


def _with_newlines(written: str) -> str:
    """A parser drops a line end that begins a ``pre``; the one that is meant stands behind it."""
    return PRE.sub(r"\g<0>\n", written) if "<pre" in written else written


def _closed(name: str, lower: str) -> bool:
    return lower.count(f"<{name}") <= lower.count(f"</{name}")


def _alternative(image: re.Match[str]) -> str:
    """What a browser shows of an image that it cannot load."""
    return html.escape(_attributes(image[1]).get("alt", ""), quote=False)


# --- addresses ----------------------------------------------------------------------------


def _absolute_attributes(url: str, scheme: str) -> Callable[[str, str, str], str | None]:
    """A filter for the attributes whose addresses the sanitiser itself does not see to."""
    ours = f"{scheme or urlsplit(url).scheme}:"

    def absolute(tag: str, attribute: str, value: str) -> str | None:
        if attribute in ("href", "src", "poster") and DATA.match(value):
            return value if (tag, attribute) == ("img", "src") and _is_picture(value) else None
        if attribute == "srcset":
            return absolute_srcset(value, url, ours)
        if attribute == "cite":
            return _absolute(value, url, ours)
        if attribute in ("href", "src", "poster") and value.lstrip().startswith("//"):
            return f"{ours}{value.lstrip()}"
        return value

    return absolute


def _is_picture(address: str) -> bool:
    return len(address) <= LARGEST_PICTURE and PICTURE.fullmatch(address) is not None


def _absolute(address: str, url: str, scheme: str) -> str | None:
    """An address of the web, absolute, or ``None`` if it is none."""
    address = address.strip().replace(" ", "%20")
    try:
        target = urljoin(url, f"{scheme}{address}" if address.startswith("//") else address)
        parts = urlsplit(target)
    except ValueError:
        return None
    return target if parts.scheme in ("http", "https") and parts.netloc else None


# HTML, "parse a srcset attribute": an address ends at white space, its commas are its own.
CANDIDATE: Final = re.compile(r"[\s,]*+(\S++)([^,(]*+(?:\([^)]*+\)?[^,(]*+)*+)")


def absolute_srcset(value: str, url: str, scheme: str) -> str | None:
    """A ``srcset`` with absolute addresses, ``None`` if nothing of it is left."""
    return ", ".join(_candidates(value, url, scheme)) or None


def _candidates(value: str, url: str, scheme: str) -> Iterator[str]:
    position = 0
    while match := CANDIDATE.match(value, position):
        address, size = match[1], match[2].strip()
        position = match.end()
        if address.endswith(","):
            # A comma right after the address ends it: no size follows.
            address, size, position = address.rstrip(","), "", match.end(1)
        target = _absolute(address, url, scheme)
        if target:
            yield f"{target} {size}".strip()


# --- what a browser would show ------------------------------------------------------------

NOSCRIPT: Final = re.compile(
    r"<noscript\b[^<>]*+>(?:(?!</?noscript\b).)*+</noscript\b[^<>]*+>", re.I | re.S
)
NOSCRIPT_TAG: Final = re.compile(r"</?noscript\b[^<>]*+>", re.I)
HIDDEN: Final = re.compile(r"[\s\"'/]hidden[\s=>/]")
STYLE: Final = re.compile(r"style\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]++))")
# May a style hide its element? One that is written in an unusual way may.
HIDING: Final = re.compile(
    r"none|hidden|collapse|transparent|(?:font-size|opacity)\s*+:\s*+\+?[0.]"
    r"|(?:left|right|top|bottom|indent)\s*+:\s*+-\d\d|color\s*+:\s*+[rh][^;]*,\s*+[0.]+%?\s*+\)|[&\\]|/\*"
)
NAME: Final = re.compile(r"<([a-z][a-z0-9:-]{0,40})(?=[\s/>])")
RAW_TEXT: Final = frozenset(("plaintext", "xmp"))
ELEMENT: Final = re.compile(r"<(/?)([^\s/<>]++)((?: [^\s=<>]++=\"[^\"]*+\")*+)>")
ATTRIBUTE: Final = re.compile(r" ([^\s=<>]++)=\"([^\"]*+)\"")
FRAME_END: Final = "</iframe>"
MEDIA_ATTRIBUTES: Final = frozenset(
    ("alt", "height", "media", "sizes", "src", "srcset", "title", "type", "width")
)


def _may_hide(lower: str) -> bool:
    if "hidden" in lower and HIDDEN.search(lower):
        return True
    styles = (double or single or bare for double, single, bare in STYLE.findall(lower))
    return any(HIDING.search(style) for style in styles)


def _without_noscript(raw: str, lazy: bool) -> str:
    """What is for readers without scripts is for feeds, unless it repeats a lazy image."""
    return NOSCRIPT_TAG.sub("", NOSCRIPT.sub("", raw) if lazy else raw)


def _tree(raw: str, dropped: frozenset[str], schemes: Set[str] = SCHEMES) -> str:
    """The elements that a browser sees, each with its end tag, attributes in double quotes."""
    dropped = dropped - {"iframe"}
    tree = nh3.clean(
        raw,
        tags=TAGS.union(NAME.findall(raw.lower()), ("iframe",)) - dropped - RAW_TEXT,
        clean_content_tags=set(dropped),
        attributes={
            **ATTRIBUTES,
            "*": {"dir", "hidden", "lang", "style", "title"},
            "iframe": {"src", *LAZY},
            "img": ATTRIBUTES["img"].union(LAZY, LAZY_SET),
            "source": ATTRIBUTES["source"].union(LAZY, LAZY_SET),
        },
        link_rel=None,
        url_schemes=set(schemes),
        url_relative="pass_through",
    )
    return _with_newlines(tree)


def _shown(tree: str) -> str:
    """A tree without what is hidden, lazy images loaded, frames as links."""
    parts: list[str] = []
    position = paragraphs = 0
    elements = ELEMENT.finditer(tree)
    for match in elements:
        if match.start() < position:
            continue  # in a frame
        name = match[2]
        attributes = _attributes(match[3])
        after = _after(tree, match)
        if _hides(attributes):
            written, after = "", _end(tree, match, elements)
        elif name in ("img", "source"):
            written = _loaded(name, attributes) or match[0]
        elif name == "iframe":
            written = _linked(attributes, inline=paragraphs > 0)
        else:
            paragraphs += _step(match) if name == "p" else 0
            continue
        parts += (tree[position : match.start()], written)
        position = after
    return "".join((*parts, tree[position:]))


def _step(match: re.Match[str]) -> int:
    """How much deeper the tree is behind a tag."""
    if match[2] in VOID or match[2] == "iframe":
        return 0
    return -1 if match[1] else 1


def _after(tree: str, match: re.Match[str]) -> int:
    """Where a tag ends; what stands in a frame is no markup, so the tag of one is all of it."""
    if match[2] != "iframe":
        return match.end()
    found = tree.find(FRAME_END, match.end())
    return len(tree) if found < 0 else found + len(FRAME_END)


def _end(tree: str, start: re.Match[str], elements: Iterator[re.Match[str]]) -> int:
    """Where an element ends; ``elements``, which are those behind it, are taken up to there."""
    depth, position = _step(start), _after(tree, start)
    while depth:
        match = next(elements, None)
        if match is None:
            return len(tree)
        if match.start() >= position:
            depth += _step(match)
            position = _after(tree, match)
    return position


def _attributes(text: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in ATTRIBUTE.findall(text)}


CSS_COMMENT: Final = re.compile(r"/\*.*?(?:\*/|\Z)", re.S)
CSS_ESCAPE: Final = re.compile(r"\\([0-9a-f]{1,6})\s?|\\(.)", re.I)
_NOTHING: Final = r"[+-]?(?:0+(?:\.0*)?|\.0+)(?:[a-z]+|%)?"
ZERO: Final = re.compile(_NOTHING)
SMALL: Final = re.compile(rf"{_NOTHING}|1px")
FAR: Final = re.compile(r"-(\d{2,9})(?:\.\d*)?(px|r?em|ex|ch|%|v[hw])")
PIXELS: Final = {"px": 1, "em": 10, "rem": 10, "ex": 5, "ch": 5, "%": 5, "vh": 5, "vw": 5}
OFF_THE_PAGE: Final = 500
CLEAR: Final = re.compile(r"transparent|(?:rgb|hsl)a?\((?:[^(),]*,){3}\s*0*(?:\.0*)?%?\s*\)")
PLACES: Final = ("left", "right", "top", "bottom", "margin-left", "margin-top", "text-indent")
OVERFLOWS: Final = ("overflow", "overflow-x", "overflow-y")
SIZES: Final = ("width", "height", "max-width", "max-height")
TEXT_CLIPS: Final = ("background-clip", "-webkit-background-clip")


def _hides(attributes: dict[str, str]) -> bool:
    """Whether an element says of itself that it is not to be seen."""
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    if not style:
        return False
    declared = _declarations(style)
    return (
        declared.get("display") == "none"
        or declared.get("visibility") in ("hidden", "collapse")
        or any(ZERO.fullmatch(declared.get(name, "")) for name in ("font-size", "opacity"))
        or any(_is_far(declared.get(name, "")) for name in PLACES)
        or _is_clipped(declared)
        or _is_clear(declared)
    )


def _is_far(length: str) -> bool:
    """Whether a place is off the page, or a line's first word is."""
    found = FAR.fullmatch(length)
    return found is not None and int(found[1]) * PIXELS[found[2]] >= OFF_THE_PAGE


def _is_clipped(declared: dict[str, str]) -> bool:
    """Whether nothing is left of an element whose size has no room for what is in it."""
    hidden = any(declared.get(name, "") in ("hidden", "clip") for name in OVERFLOWS)
    return hidden and any(SMALL.fullmatch(declared.get(name, "")) for name in SIZES)


def _is_clear(declared: dict[str, str]) -> bool:
    """Whether a text has no colour, and no picture to shine through it."""
    clipped = any(declared.get(name) == "text" for name in TEXT_CLIPS)
    return not clipped and CLEAR.fullmatch(declared.get("color", "")) is not None


def _declarations(style: str) -> dict[str, str]:
    """The declarations of a style, the last of each property, in lower case."""
    plain = CSS_ESCAPE.sub(_unescaped, CSS_COMMENT.sub("", style)).lower()
    pairs = (declaration.partition(":") for declaration in plain.split(";"))
    return {name.strip(): value.partition("!")[0].strip() for name, _, value in pairs}


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return match[2]
    number = int(match[1], 16)
    return chr(number) if number < 0xD800 else ""


def _loaded(name: str, attributes: dict[str, str]) -> str:
    """A lazy image with the address that a script would load it from, else nothing."""
    source = next((attributes[name] for name in LAZY if _loads(attributes.get(name, ""))), "")
    sources = next((attributes[name] for name in LAZY_SET if attributes.get(name)), "")
    if not source and not sources:
        return ""
    attributes |= {"src": source} if source else {}
    attributes |= {"srcset": sources} if sources else {}
    written = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in attributes.items()
        if name in MEDIA_ATTRIBUTES
    )
    return f"<{name}{written}>"


def _loads(address: str) -> bool:
    """Whether an address is one of the web, or a picture."""
    try:
        scheme = urlsplit(address.strip(SPACES_AND_CONTROLS)).scheme
    except ValueError:
        return False
    return bool(address) and (scheme in ("", "http", "https") or _is_picture(address))


def _linked(attributes: dict[str, str], inline: bool) -> str:
    """A page within the page becomes a link to it; one to nowhere goes."""
    addresses = (attributes.get(name, "").strip() for name in ("src", *LAZY))
    address = next((each for each in addresses if _loads(each)), "")
    if not address:
        return ""
    label = attributes.get("title") or address
    link = f'<a href="{html.escape(address)}">{html.escape(label)}</a>'
    return link if inline else f"<p>{link}</p>"
