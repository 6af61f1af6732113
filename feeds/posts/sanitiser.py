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
from collections.abc import Callable, Iterator
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
        *("embed", "iframe", "math", "noembed", "noframes", "noscript", "script", "select"),
        *("style", "svg", "template", "textarea", "title"),
    }
)
# A browser shows what stands in these when they are not closed: the rest of the article.
DROPPED_WHEN_CLOSED: Final = ("button", "form", "object")

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
ADDRESS: Final = re.compile("href|src|poster")
ABSOLUTE: Final = re.compile(r"(?:href|src|poster)\s*+=\s*+[\"']?+https?://")
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
    dropped = DROPPED_WITH_CONTENT.union(
        name for name in DROPPED_WHEN_CLOSED if f"<{name}" in lower and _closed(name, lower)
    )
    if lazy or "<iframe" in lower or _may_hide(lower):
        raw = _shown(_tree(raw, dropped))
    if dropped == DROPPED_WITH_CONTENT and nothing_relative(raw.lower()):
        clean = _cleaner().clean(raw)
    else:
        clean = _cleaned(raw, url, scheme, dropped)
    # A character reference may have been one that XML forbids.
    clean = ILLEGAL.sub("", clean) if "&#" in lower else clean
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


def _cleaned(raw: str, url: str, scheme: str, dropped: frozenset[str]) -> str:
    """What such a cleaner makes of HTML, with addresses absolute against ``url``."""
    lower = raw.lower()
    other = scheme and scheme != urlsplit(url).scheme
    filtered = other or "srcset" in lower or "cite" in lower
    return nh3.clean(
        raw,
        tags=set(TAGS),
        clean_content_tags=set(dropped),
        attributes=ATTRIBUTES,
        attribute_filter=_absolute_attributes(url, scheme) if filtered else None,
        link_rel=None,
        url_schemes=SCHEMES,
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


# --- addresses ----------------------------------------------------------------------------


def _absolute_attributes(url: str, scheme: str) -> Callable[[str, str, str], str | None]:
    """A filter for the attributes whose addresses the sanitiser itself does not see to."""
    ours = f"{scheme or urlsplit(url).scheme}:"

    def absolute(tag: str, attribute: str, value: str) -> str | None:
        if attribute == "srcset":
            return absolute_srcset(value, url, ours)
        if attribute == "cite":
            return _absolute(value, url, ours)
        if attribute in ("href", "src", "poster") and value.lstrip().startswith("//"):
            return f"{ours}{value.lstrip()}"
        return value

    return absolute


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
HIDING: Final = re.compile(r"none|hidden|collapse|(?:font-size|opacity)\s*+:\s*+\+?[0.]|[&\\]|/\*")
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


def _tree(raw: str, dropped: frozenset[str]) -> str:
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
        url_schemes=SCHEMES,
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
ZERO: Final = re.compile(r"[+-]?(?:0+(?:\.0*)?|\.0+)(?:[a-z]+|%)?")


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
    )


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
    source = next((attributes[name] for name in LAZY if attributes.get(name)), "")
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


def _linked(attributes: dict[str, str], inline: bool) -> str:
    """A page within the page becomes a link to it; one to nowhere goes."""
    addresses = (attributes.get(name, "").strip() for name in ("src", *LAZY))
    address = next((each for each in addresses if each and each != "about:blank"), "")
    if not address:
        return ""
    label = attributes.get("title") or address
    link = f'<a href="{html.escape(address)}">{html.escape(label)}</a>'
    return link if inline else f"<p>{link}</p>"
