"""HTML that means harm, and a strict reader of HTML that must mean none."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from hypothesis import strategies as st

VOID: Final = frozenset(("area", "br", "col", "hr", "img", "source", "wbr"))
FORBIDDEN: Final = frozenset(
    {
        *("applet", "base", "body", "button", "embed", "form", "frame", "frameset", "head"),
        *("html", "iframe", "input", "link", "math", "meta", "noscript", "object", "option"),
        *("param", "plaintext", "script", "select", "style", "svg", "template", "textarea"),
        *("title", "xmp"),
    }
)
ADDRESSES: Final = frozenset(("href", "src", "poster", "cite"))
SCHEMES: Final = frozenset(("ftp", "http", "https", "magnet", "mailto", "sms", "tel", "xmpp"))
ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


PICTURES = tuple(f"data:image/{kind};base64," for kind in ("avif", "gif", "jpeg", "png", "webp"))


class Strict(HTMLParser):
    """Reads HTML and takes nothing that a feed must not hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in FORBIDDEN, f"<{tag}>"
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {names}"
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        assert not name.startswith("on"), name
        assert name not in ("style", "id", "hidden", "target", "ping", "action"), name
        if name in ADDRESSES:
            scheme = urlsplit(value).scheme
            if (tag, name) == ("img", "src") and value.startswith(PICTURES):
                return
            assert scheme in SCHEMES, f"{name}={value!r}"
            assert name == "href" or scheme in ("http", "https", "ftp"), f"{name}={value!r}"
        elif name == "srcset":
            for candidate in value.split(", "):
                assert candidate.startswith(("http://", "https://")), value

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes what it did not open"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(f"a declaration: {decl!r}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data!r}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data!r}")


def checked(content: str) -> Strict:
    """What HTML holds, if it holds nothing that it must not."""
    assert not ILLEGAL.search(content), ascii(content)
    reader = Strict()
    reader.feed(content)
    reader.close()
    assert not reader.open, f"not closed: {reader.open}"
    return reader


TAGS: Final = (
    *("a", "article", "audio", "b", "base", "blockquote", "body", "br", "button", "center", "code"),
    *("dd", "desc", "details", "div", "dl", "embed", "font", "foreignObject", "form", "frameset"),
    *("h1", "head", "html", "iframe", "img", "input", "li", "link", "math", "meta", "mi", "mtext"),
    *("noscript", "o:p", "object", "ol", "option", "p", "picture", "plaintext", "pre", "script"),
    *("select", "source", "span", "style", "svg", "table", "td", "template", "textarea", "title"),
    *("tr", "ul", "video", "xmp", "annotation-xml", "caption", "colgroup", "marquee", "nobr"),
)
URLS: Final = (
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "&#1;javascript:a"),
    *("java&#115;cript:alert(1)", "&#x6A;avascript:alert(1)", "javascript&colon;alert(1)"),
    *("vbscript:x", "data:text/html,<script>alert(1)</script>", "data:image/png;base64,AA=="),
    *("//cdn.example.net/a.png", "/a", "a b", "?q", "#f", "", "http://[::1", "file:///etc/passwd"),
    *("https://example.com/%2F?a=1&b=2", "a.png 1x, javascript:alert(1) 2x", "blob:x", "\\\\h\\x"),
)
ATTRIBUTES: Final = (
    *("href", "src", "srcset", "poster", "cite", "xlink:href", "data-src", "data-srcset", "action"),
    *("formaction", "background", "onerror", "onload", "ONCLICK", "style", "hidden", "id", "class"),
    *("title", "srcdoc", "content", "http-equiv", "target", "ping", "lang", "a=b", "/", '"', "<"),
)
VALUES: Final = (
    *URLS,
    *("alert(1)", "display:none", "font-size:0", "color:red;opacity:0", "x", '">', "'>", "-->"),
    *("<script>", "</p>", "&quot;&gt;&lt;script&gt;", "\u202e", "😀", "text/javascript"),
)
SNIPPETS: Final = (
    *(
        "<!--",
        "-->",
        "--!>",
        "<!-->",
        "<![CDATA[",
        "]]>",
        "<!doctype html>",
        "<?xml version='1.0'?>",
    ),
    *(
        "</",
        "<",
        ">",
        '"',
        "'",
        "&",
        "&lt;",
        "&#1;",
        "&#xD800;",
        "&#xFFFE;",
        "&#0;",
        "&amp",
        "=",
        "/",
    ),
    *(
        "</div></content>",
        "</content>",
        "</p>",
        "</table>",
        "text",
        "文字",
        "\n",
        " ",
        "\t",
    ),
    *(
        "<script>alert(1)</script>",
        "<style>p{}</style>",
        "<svg><style><img src=x onerror=alert(1)>",
    ),
    *(
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<math><mtext><table><mglyph>",
    ),
)


def _quoted(pair: tuple[str, str, str]) -> str:
    name, value, quote = pair
    return f" {name}={quote}{value}{quote}"


attributes = st.lists(
    st.tuples(
        st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES), st.sampled_from(("", '"', "'"))
    ).map(_quoted),
    max_size=3,
).map("".join)
start_tags = st.tuples(
    st.sampled_from(TAGS), attributes, st.sampled_from((">", ">", ">", "/>", "", " "))
).map(lambda parts: f"<{''.join(parts)}")
end_tags = st.sampled_from(TAGS).map(lambda tag: f"</{tag}>")
documents = st.lists(
    st.one_of(start_tags, start_tags, end_tags, st.sampled_from(SNIPPETS)), max_size=25
).map("".join)
"""HTML made of parts that are known to confuse those who clean it."""
