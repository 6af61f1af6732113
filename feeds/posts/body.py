"""The body of a post as safe, absolute HTML, and its summary.

In: a :class:`~feeds.posts.reading.Reading`. Out: HTML without scripts, styles, forms or hidden
text, balanced, with absolute addresses, and a plain-text summary. Everything is a pure
function of what is handed in.

The way: navigation out, Liquid, Markdown (CommonMark with tables, footnotes and the like, and
without kramdown's attribute lists), repairs that need the raw HTML, one pass of the sanitiser.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import nh3
import pyromark

from feeds.config import Config
from feeds.models import Finding, Level
from feeds.posts.frontmatter import ILLEGAL
from feeds.posts.reading import Markup, Reading

SUMMARY_LENGTH: Final = 300
# Browsers stop nesting at 512; what goes deeper costs the sanitiser quadratic time.
DEEPEST: Final = 256
MANY_TAGS: Final = 2 * DEEPEST

EXTENSIONS: Final = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_FOOTNOTES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_DEFINITION_LIST
    | pyromark.Options.ENABLE_HEADING_ATTRIBUTES
)

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
DROPPED_WITH_CONTENT: Final = {
    "button",
    "embed",
    "iframe",
    "math",
    "noembed",
    "noframes",
    "object",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
}

TAG: Final = re.compile(
    r"<!--.*?-->|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/<>]*)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL,
)
ATTRIBUTE: Final = re.compile(
    r"([^\s\"'<>/=]+)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>=`]+)))?"
)
VOID: Final = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"),
        *("param", "source", "track", "wbr"),
    }
)
# Elements that end where the next of their kind begins.
UNNESTED: Final = frozenset(("dd", "dt", "li", "option", "p", "td", "th", "tr"))
HIDDEN_STYLE: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)"
    r"|font-size\s*:\s*0(?:\.0*)?(?:px|pt|em|rem|%)?\s*(?:!|;|$)|opacity\s*:\s*0(?:\.0*)?\s*(?:!|;|$))",
    re.IGNORECASE,
)
LAZY: Final = ("data-src", "data-original", "data-lazy-src", "data-actualsrc", "data-echo")
LAZY_SET: Final = ("data-srcset", "data-lazy-srcset")

SHORTCODE: Final = re.compile(r"\{\{[<%]\s*/?\s*([\w./-]*).*?[%>]\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Content:
    """A body ready for a feed: ``html`` is safe, ``summary`` plain text."""

    html: str
    summary: str
    findings: tuple[Finding, ...] = ()


def render_body(
    reading: Reading,
    config: Config,
    references: Mapping[str, str],
    include: Callable[[str], str | None],
) -> Content:
    """The content and the summary of a post.

    ``references`` maps what its Liquid tags name to addresses, ``include`` gives the text of
    an include or ``None``. ``reading`` must hold a post. Never raises for what is in a body.
    """
    post = reading.post
    assert post is not None
    findings: list[Finding] = []
    text = reading.body if config.feeds.keep_navigation else _without_navigation(reading)
    if "{" in text:
        text = _without_shortcodes(text, reading, findings)
        if config.posts.liquid and ("{{" in text or "{%" in text):
            text = _liquid(text, reading, config, references, include, findings)
    excerpt, separator, _ = text.partition(config.posts.excerpt_separator)
    raw = _html(text, reading, findings)
    content = sanitised(raw, post.url)
    summary = post.summary
    if not summary:
        # An empty line separates blocks anyway; any other mark is the author's.
        marked = separator and config.posts.excerpt_separator.strip()
        first = sanitised(_html(excerpt, reading, []), post.url) if marked else content
        summary = summarised(first)
    return Content(content, shortened(plain_text(summary)), tuple(findings))


def _without_navigation(reading: Reading) -> str:
    body = reading.body
    for start, end in sorted(reading.navigation, reverse=True):
        body = body[:start] + body[end:]
    return body


def _warning(reading: Reading, line: int, what: str, done: str) -> Finding:
    assert reading.post is not None
    return Finding(reading.post.path, line, Level.WARNING, what, done)


# --- tags of site generators --------------------------------------------------------------


def _without_shortcodes(text: str, reading: Reading, findings: list[Finding]) -> str:
    """Hugo's shortcodes belong to a theme that nobody can know here."""
    if "{{<" not in text and "{{%" not in text:
        return text
    seen: set[str] = set()
    for match in SHORTCODE.finditer(text):
        if match[1] not in seen:
            seen.add(match[1])
            line = reading.body_line + text.count("\n", 0, match.start())
            findings.append(_warning(reading, line, f"shortcode {match[1]}", "left out"))
    return SHORTCODE.sub("", text)


def _liquid(
    text: str,
    reading: Reading,
    config: Config,
    references: Mapping[str, str],
    include: Callable[[str], str | None],
    findings: list[Finding],
) -> str:
    from feeds.posts import liquid

    assert reading.post is not None
    scope = liquid.Scope(config, reading.post, reading.variables, references, include)
    rendered = liquid.render(text, scope)
    for problem in rendered.problems:
        line = reading.body_line + text.count("\n", 0, problem.position)
        findings.append(_warning(reading, line, f"Liquid: {problem.what}", "left out"))
    return ILLEGAL.sub("", rendered.text)


# --- Markdown -----------------------------------------------------------------------------


def _html(text: str, reading: Reading, findings: list[Finding]) -> str:
    raw = markdown(text) if reading.markup is Markup.MARKDOWN else text
    if raw.count("<") > MANY_TAGS and _depth(raw) > DEEPEST:
        what = f"elements nested more than {DEEPEST} deep"
        findings.append(_warning(reading, reading.body_line, what, "taken as plain text"))
        return f"<p>{html.escape(plain_text(TAG.sub(' ', raw)))}</p>"
    return raw


def markdown(text: str) -> str:
    """Markdown as HTML, raw HTML in it untouched."""
    if "{:" in text:
        text = _without_attribute_lists(text)
    return pyromark.html(text, options=EXTENSIONS)


ATTRIBUTE_LINE: Final = re.compile(r"[ \t]*\{:(?:toc|[^{}\n]*)\}[ \t]*")
ATTRIBUTE_LIST: Final = re.compile(r"(?<=[)\]*_`>])\{:[^{}\n]*\}|[ \t]\{:[^{}\n]*\}[ \t]*$")
EXTENSION: Final = re.compile(
    r"\{::comment\}.*?\{:/(?:comment)?\}|\{::[^{}\n]*/?\}|\{:/[a-z]*\}", re.S
)
FENCE: Final = re.compile(r"[ \t]*(`{3,}|~{3,})")


def _without_attribute_lists(text: str) -> str:
    """kramdown's ``{: .class}`` and its like are for pages; a table of contents is too."""
    lines: list[str] = []
    fence = ""
    for line in EXTENSION.sub("", text).split("\n"):
        if match := FENCE.match(line):
            fence = "" if fence and match[1].startswith(fence) else fence or match[1]
        if fence or line.startswith(("    ", "\t")):
            lines.append(line)
        elif ATTRIBUTE_LINE.fullmatch(line):
            # `{:toc}` stands below the list item that it replaces.
            if "toc" in line and lines and re.fullmatch(r"\s*(?:[*+-]|\d+\.)\s.*", lines[-1]):
                lines.pop()
        else:
            lines.append(ATTRIBUTE_LIST.sub("", line))
    return "\n".join(lines)


def _depth(raw: str) -> int:
    """How deep elements nest at most, taking every unclosed one for open."""
    depth = deepest = 0
    for match in TAG.finditer(raw):
        name = (match["name"] or "").lower()
        if not name or name in VOID or name in UNNESTED:
            continue
        depth += -1 if match["end"] else 1
        deepest = max(deepest, depth)
    return deepest


# --- safe HTML ----------------------------------------------------------------------------


def sanitised(raw: str, url: str) -> str:
    """HTML without anything that runs, hides or asks, all addresses absolute against ``url``."""
    lower = raw.lower()
    if "display" in lower or "hidden" in lower or "font-size" in lower or "opacity" in lower:
        raw = _without_hidden(raw)
    if "data-" in lower and any(name in lower for name in LAZY + LAZY_SET):
        raw = _with_lazy_images(raw)
    if "<iframe" in lower:
        raw = IFRAME.sub(_linked_frame, raw)
    srcset = "srcset" in lower
    clean = nh3.clean(
        raw,
        tags=set(TAGS),
        clean_content_tags=DROPPED_WITH_CONTENT,
        attributes=ATTRIBUTES,
        attribute_filter=_srcset_filter(url) if srcset else None,
        link_rel=None,
        url_schemes=SCHEMES,
        url_relative=("rewrite_with_base", url),
    )
    # A character reference may have been one that XML forbids.
    clean = ILLEGAL.sub("", clean) if "&#" in raw else clean
    return clean.strip()


def _srcset_filter(url: str) -> Callable[[str, str, str], str | None]:
    def absolute(tag: str, attribute: str, value: str) -> str | None:
        return absolute_srcset(value, url) if attribute == "srcset" else value

    return absolute


CANDIDATE: Final = re.compile(r"\s*,*\s*(\S+?)(?:\s+([\d.]+[wxh]))?\s*(?:,|$)")


def absolute_srcset(value: str, url: str) -> str | None:
    """A ``srcset`` with absolute addresses, ``None`` if nothing of it is left."""
    found = []
    for address, size in CANDIDATE.findall(value):
        try:
            target = urljoin(url, address)
        except ValueError:
            continue
        if target.partition(":")[0].lower() in ("http", "https"):
            found.append(f"{target} {size}".strip())
    return ", ".join(found) or None


def _without_hidden(raw: str) -> str:
    """HTML without the elements that their own style or attribute hides."""
    parts = []
    position = 0
    for start, end in _hidden(raw):
        if start >= position:
            parts.append(raw[position:start])
            position = end
    return "".join((*parts, raw[position:])) if parts else raw


def _hidden(raw: str) -> Iterator[tuple[int, int]]:
    done = 0
    for match in TAG.finditer(raw):
        if match.start() < done or match["end"] or not match["attributes"]:
            continue
        attributes = _attributes(match["attributes"])
        if "hidden" in attributes or HIDDEN_STYLE.search(attributes.get("style", "")):
            done = _end_of_element(raw, match)
            yield match.start(), done


def _attributes(text: str) -> dict[str, str]:
    return {
        name.lower(): html.unescape(double or single or bare)
        for name, double, single, bare in ATTRIBUTE.findall(text)
    }


def _end_of_element(raw: str, start: re.Match[str]) -> int:
    """Where an element ends: at its end tag, or at the next one that it cannot contain."""
    name = start["name"].lower()
    if name in VOID or start["attributes"].endswith("/"):
        return start.end()
    depth = 1
    for match in TAG.finditer(raw, start.end()):
        if (match["name"] or "").lower() != name:
            continue
        if match["end"]:
            depth -= 1
            if not depth:
                return match.end()
        elif name in UNNESTED:
            return match.start()
        else:
            depth += 1
    return len(raw)


IMAGE: Final = re.compile(r"<(img|source)\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>", re.IGNORECASE)


def _with_lazy_images(raw: str) -> str:
    """Images that a script would load get the address that it would load them from."""

    def loaded(match: re.Match[str]) -> str:
        attributes = _attributes(match[2])
        source = next((attributes[name] for name in LAZY if attributes.get(name)), "")
        sources = next((attributes[name] for name in LAZY_SET if attributes.get(name)), "")
        if not source and not sources:
            return match[0]
        attributes |= {"src": source} if source else {}
        attributes |= {"srcset": sources} if sources else {}
        written = "".join(
            f' {name}="{html.escape(value)}"'
            for name, value in attributes.items()
            if name
            in ("alt", "height", "media", "sizes", "src", "srcset", "title", "type", "width")
        )
        return f"<{match[1]}{written}>"

    return IMAGE.sub(loaded, raw)


IFRAME: Final = re.compile(
    r"<iframe\b((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE
)


def _linked_frame(match: re.Match[str]) -> str:
    """A page within the page becomes a link to it."""
    attributes = _attributes(match[1])
    address = attributes.get("src", "").strip()
    if not address:
        return ""
    label = attributes.get("title") or address
    return f'<p><a href="{html.escape(address)}">{html.escape(label)}</a></p>'


# --- the summary --------------------------------------------------------------------------

BLOCK_END: Final = re.compile(
    r"</(?:p|div|blockquote|li|h[1-6]|pre|table|figure|section|article|ul|ol|dl)>|<hr>", re.I
)
ANY_MARKUP: Final = re.compile(r"<[^>]*>")
SENTENCE_END: Final = re.compile(r"[。！？…][”’」』）]*|[.!?][\"'”’)]*(?=\s)")


def summarised(content: str) -> str:
    """The first block of sanitised HTML that has text."""
    position = 0
    for match in BLOCK_END.finditer(content):
        text = plain_text(content[position : match.end()])
        if text:
            return text
        position = match.end()
    return plain_text(content[position:])


def plain_text(content: str) -> str:
    """The text of HTML, white space collapsed."""
    text = ANY_MARKUP.sub(_space, content) if "<" in content else content
    return " ".join(html.unescape(text).split())


def _space(match: re.Match[str]) -> str:
    """Inline markup stands within words, blocks between them."""
    return " " if BLOCK.match(match[0]) else ""


BLOCK: Final = re.compile(
    r"</?(?:p|div|br|li|h[1-6]|t[dhr]|blockquote|pre|hr|d[dt]|figure)\b", re.I
)


def shortened(text: str) -> str:
    """At most some 300 characters, cut after a sentence, else after a word."""
    if len(text) <= SUMMARY_LENGTH:
        return text
    window = text[:SUMMARY_LENGTH]
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, SUMMARY_LENGTH + 1)]
    ends = [end for end in ends if SUMMARY_LENGTH // 3 <= end <= SUMMARY_LENGTH]
    if ends:
        return text[: ends[-1]]
    space = window.rfind(" ")
    cut = window[:space] if space > SUMMARY_LENGTH * 2 // 3 else window[:-1]
    return f"{cut.rstrip()}…"
