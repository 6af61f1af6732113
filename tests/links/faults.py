"""What servers do to those who ask, and what is to be said of it: one table.

Every fault is a host of its own, ``<name>.example``; its replies are for the path that is asked
for, or by path. Nothing here is known to what is tested.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

from feeds.models import Verdict

from .servers import NO_HOST, Behaviour, Peer, Reply, Routes, answer, leads, page

OK, MOVED, REDIRECTED = Verdict.OK, Verdict.MOVED, Verdict.REDIRECTED
PAUSE: Final = 0.02  # between two bytes of a server that takes its time


@dataclass(frozen=True)
class Fault:
    """A behaviour. ``url`` is asked for (by default the front of the host, below ``/a/b``);
    ``final`` is the end of the final URL, if that matters; ``slow`` ones are given less time."""

    name: str
    verdict: Verdict
    reply: Reply | Mapping[str, Reply]
    url: str = ""
    final: str = ""
    slow: bool = False
    others: Mapping[str, Routes] = field(default_factory=dict)
    accept: Sequence[int] = ()

    @property
    def address(self) -> str:
        path = self.url or "/a/b"
        return f"http://{self.name}.example:@HTTP@{path}" if path[0] == "/" else path

    @property
    def routes(self) -> Mapping[str, Routes]:
        reply = self.reply
        own: Routes = reply if isinstance(reply, Mapping) else {"*": reply}
        return {f"{self.name}.example": own, "secure.example": own, "*": own, **self.others}


# --- replies that need more than bytes ----------------------------------------------------


async def drip_head(peer: Peer) -> None:
    await peer.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        await peer.send(b"x-more: yes\r\n")
        await asyncio.sleep(PAUSE)


async def drip_status(peer: Peer) -> None:
    for byte in b"HTTP/1.1 200 OK" * 1_000:
        await peer.send(bytes([byte]))
        await asyncio.sleep(PAUSE)


async def drip_continue(peer: Peer) -> None:
    while True:
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(PAUSE)


def drip_body(
    kind: str, status: int = 200, length: str = "transfer-encoding: chunked"
) -> Behaviour:
    async def reply(peer: Peer) -> None:
        head = f"HTTP/1.1 {status} OK\r\ncontent-type: {kind}\r\n{length}\r\n\r\n"
        await peer.send(head.encode())
        while True:
            await peer.send(b"1\r\nx\r\n")
            await asyncio.sleep(PAUSE)

    return reply


async def drip_but_end(peer: Peer) -> None:
    for byte in page():
        await peer.send(bytes([byte]))
        await asyncio.sleep(0)


def endless(head: bytes, piece: bytes) -> Behaviour:
    async def reply(peer: Peer) -> None:
        await peer.send(head)
        while True:
            await peer.send(piece)

    return reply


async def silence(peer: Peer) -> None:
    await peer.reader.read()


async def close(peer: Peer) -> None:
    peer.writer.close()


async def reset(peer: Peer) -> None:
    peer.reset()


def then_reset(start: bytes) -> Behaviour:
    async def reply(peer: Peer) -> None:
        await peer.send(start)
        await asyncio.sleep(PAUSE)
        peer.reset()

    return reply


def then_close(start: bytes) -> Behaviour:
    async def reply(peer: Peer) -> None:
        await peer.send(start)
        peer.writer.close()

    return reply


async def get_only(peer: Peer) -> None:
    """HEAD would be refused here; whoever gets this far has asked by GET."""
    await peer.send(page())


def unless_agent(*words: str) -> Behaviour:
    async def reply(peer: Peer) -> None:
        agent = peer.headers.get("user-agent", "").lower()
        blocked = not agent or any(word in agent for word in words)
        await peer.send(answer(403, b"No robots.") if blocked else page())

    return reply


async def wants_accept(peer: Peer) -> None:
    await peer.send(page() if "text/html" in peer.headers.get("accept", "") else answer(406))


async def cookie_wall(peer: Peer) -> None:
    """Leads to itself until the cookie that it sets comes back."""
    if peer.headers.get("cookie") == "seen=yes; second=1":
        await peer.send(page())
    else:
        lines = ("set-cookie: seen=yes; path=/; HttpOnly", "set-cookie: second=1")
        await peer.send(leads(peer.target, 302, *lines))


async def cookie_counter(peer: Peer) -> None:
    """A cookie wall that nobody gets over."""
    await peer.send(leads(peer.target, 302, f"set-cookie: n={peer.number}"))


async def echo_target(peer: Peer) -> None:
    """A page only for the very bytes of the path that is expected."""
    known = peer.target in BYTES
    await peer.send(page() if known else answer(404, peer.target.encode()))


async def keep_then_reset(peer: Peer) -> None:
    """Leads on over a connection that is then closed without a word."""
    if peer.target == "/next":
        await peer.send(page())
        return
    await peer.send(leads("/next"))
    peer.reset()


async def long_chain(peer: Peer) -> None:
    number = int(peer.target.rpartition("/")[2])
    await peer.send(leads(f"/hop/{number - 1}", 301) if number else page())


async def endless_chain(peer: Peer) -> None:
    await peer.send(leads(f"{peer.target}x", 302))


async def not_when_reused(peer: Peer) -> None:
    """More than was announced, which must not become the answer to the next request."""
    if peer.target == "/next":
        await peer.send(page())
    else:
        await peer.send(leads("/next") + b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")


async def garbage_after(peer: Peer) -> None:
    if peer.target == "/next":
        await peer.send(page())
    else:
        await peer.send(answer(302, b"moved", "location: /next") + b"<!-- and more -->")


async def late_garbage(peer: Peer) -> None:
    if peer.target == "/next":
        await peer.send(page())
    else:
        await peer.send(answer(302, b"moved", "location: /next"))
        await asyncio.sleep(PAUSE)
        await peer.send(b"<p>And more.</p>")


async def banner(peer: Peer) -> None:
    await peer.send(b"SSH-2.0-OpenSSH_9.6\r\n")


def packed(data: bytes, coding: str = "gzip") -> bytes:
    return answer(200, data, f"content-encoding: {coding}")


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", head: str = "") -> bytes:
    start = (
        f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n{head}transfer-encoding: chunked\r\n\r\n"
    )
    return start.encode() + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + end


def until_close(body: bytes, first: str = "HTTP/1.0 200 OK", head: str = "") -> bytes:
    return f"{first}\r\ncontent-type: text/html\r\nconnection: close\r\n{head}\r\n".encode() + body


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


BYTES: Final = frozenset(
    (
        "/a%2Fb+c",
        "/%C4%E3%BA%C3?q=%D6%D0&x=a+b",
        "/{id}|x^y",
        "/a%20b",
        "/%E4%B8%AD?%E6%96%87=1",
        "/a;b=1,2?c=%26&d=//e",
        "/%zz%",
        "/~user/!$&'()*+,;=:@",
    )
)
LONG: Final = "长" * 200_000
ARTICLE: Final = (
    "<p>A status is a number of three digits, and this one is seen most often.</p>" * 12
)
SITE_404: Final = "<ul>" + "<li><a href='/n/1'>另一篇新闻的标题</a></li>" * 40 + "</ul>"

FAULTS: Final[Sequence[Fault]] = (
    # --- plain answers
    Fault("plain", OK, page()),
    Fault("no-body", OK, answer(200)),
    Fault("no-type", OK, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
    Fault("created", OK, answer(201, b"x")),
    Fault("no-content", OK, b"HTTP/1.1 204 No Content\r\n\r\n"),
    Fault("partial", OK, answer(206, b"x")),
    Fault("not-modified", Verdict.PROTOCOL, b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    Fault("choices", Verdict.PROTOCOL, answer(300, b"choose")),
    Fault("get-only", OK, get_only),
    Fault("image", OK, answer(200, b"\x89PNG\r\n", kind="image/png"), url="/i.png#top-left"),
    Fault("pdf-page", OK, answer(200, b"%PDF-1.7", kind="application/pdf"), url="/a.pdf#page=7"),
    Fault("text-fragment", OK, answer(200, b"text", kind="text/plain"), url="/a.txt#line"),
    Fault("slow-bytes", OK, drip_but_end),
    # --- gone, denied, too much
    Fault("gone", Verdict.GONE, answer(404, b"no")),
    Fault("gone-for-good", Verdict.GONE, answer(410)),
    Fault("bad-request", Verdict.GONE, answer(400)),
    Fault("unknown-4xx", Verdict.GONE, answer(477)),
    Fault("gone-endless", Verdict.GONE, endless(b"HTTP/1.1 404 No\r\n\r\n", b"x" * 9_999)),
    Fault("gone-drips", Verdict.GONE, drip_body("text/html", 404)),
    Fault("gone-cut", Verdict.GONE, then_close(b"HTTP/1.1 404 No\r\ncontent-length: 9\r\n\r\nx")),
    Fault("gone-by-redirect", Verdict.GONE, {"/a/b": leads("/x", 301), "*": answer(404)}),
    Fault("unauthorized", Verdict.DENIED, answer(401, b"", "www-authenticate: Basic")),
    Fault("forbidden", Verdict.DENIED, answer(403)),
    Fault("no-method", Verdict.DENIED, answer(405)),
    Fault("not-acceptable", Verdict.DENIED, answer(406)),
    Fault("proxy", Verdict.DENIED, answer(407)),
    Fault("teapot", Verdict.DENIED, answer(418)),
    Fault("upgrade-required", Verdict.DENIED, answer(426, b"", "upgrade: TLS/1.2")),
    Fault("legal", Verdict.DENIED, answer(451)),
    Fault("network", Verdict.DENIED, answer(999)),
    Fault("payment", Verdict.DENIED, answer(402)),
    Fault("agent-python", OK, unless_agent("python", "httpx", "requests")),
    Fault("agent-link", OK, unless_agent("link", "bot", "spider", "crawl", "curl")),
    Fault("agent-all", Verdict.DENIED, unless_agent("mozilla")),
    Fault("wants-accept", OK, wants_accept),
    Fault("accepted", OK, answer(403, b"Subscribers only."), accept=(403,)),
    Fault("accepted-redirect", OK, leads("/login"), accept=(302,)),
    Fault("limit-seconds", Verdict.RATE_LIMITED, answer(429, b"", "retry-after: 0")),
    Fault("limit-once", OK, [answer(429, b"", "retry-after: 0"), page()]),
    Fault("limit-garbage", OK, [answer(429, b"", "retry-after: soon, -1"), page()]),
    Fault("limit-past", OK, [answer(429, b"", f"retry-after: {in_seconds(-99)}"), page()]),
    Fault("limit-long", Verdict.RATE_LIMITED, answer(429, b"", "retry-after: 86400")),
    Fault("limit-date", Verdict.RATE_LIMITED, answer(429, b"", f"retry-after: {in_seconds(9999)}")),
    Fault("limit-huge", Verdict.RATE_LIMITED, answer(429, b"", f"retry-after: {'9' * 99}")),
    Fault("limit-calm", Verdict.RATE_LIMITED, answer(420)),
    # --- servers in trouble
    Fault("error-once", OK, [answer(500), page()]),
    Fault("error-twice", OK, [answer(502), answer(503), page()]),
    Fault("error", Verdict.SERVER_ERROR, answer(500, b"trouble")),
    Fault("bad-gateway", Verdict.SERVER_ERROR, answer(502)),
    Fault("unavailable", Verdict.SERVER_ERROR, answer(503, b"", "retry-after: 0")),
    Fault("unavailable-long", Verdict.SERVER_ERROR, answer(503, b"", "retry-after: 99999")),
    Fault("error-of-a-proxy", Verdict.SERVER_ERROR, answer(522)),
    Fault("request-timeout", Verdict.TIMEOUT, answer(408)),
    Fault("status-600", Verdict.PROTOCOL, answer(600)),
    # --- redirects
    Fault("moved", MOVED, {"/a/b": leads("/new", 301), "*": page()}, final="/new"),
    Fault("moved-308", MOVED, {"/a/b": leads("/new", 308), "*": page()}),
    Fault("moved-chain", MOVED, {"/a/b": leads("/c", 301), "/c": leads("/d", 308), "*": page()}),
    Fault("mixed", REDIRECTED, {"/a/b": leads("/c", 301), "/c": leads("/d", 302), "*": page()}),
    Fault("found", REDIRECTED, {"/a/b": leads("/c", 302), "*": page()}),
    Fault("see-other", REDIRECTED, {"/a/b": leads("/c", 303), "*": page()}),
    Fault("temporary", REDIRECTED, {"/a/b": leads("/c", 307), "*": page()}),
    Fault("relative", MOVED, {"/a/b": leads("c?d", 301), "*": page()}, final="/a/c?d"),
    Fault("dots", MOVED, {"/a/b": leads("../../c", 301), "*": page()}, final="@/c"),
    Fault("no-scheme", MOVED, {"/a/b": leads("//moved.example:@HTTP@/c", 301), "*": page()}),
    Fault("query-only", MOVED, {"/a/b": leads("?x=1", 301), "*": page()}, final="/a/b?x=1"),
    Fault(
        "raw-utf-8",
        MOVED,
        {"/a/b": leads("/中文?键=值", 301), "/%E4%B8%AD%E6%96%87?%E9%94%AE=%E5%80%BC": page()}
        | {"*": answer(404)},
        final="/%E4%B8%AD%E6%96%87?%E9%94%AE=%E5%80%BC",
    ),
    Fault(
        "gbk-location",
        MOVED,
        {
            "/a/b": b"HTTP/1.1 301 M\r\ncontent-length: 0\r\nlocation: /\xd6\xd0?\xb9\xfa\r\n\r\n",
            "/%D6%D0?%B9%FA": page(),
            "*": answer(404),
        },
    ),
    Fault("spaces", MOVED, {"/a/b": leads("/c d", 301), "/c%20d": page(), "*": answer(404)}),
    Fault(
        "as-written",
        MOVED,
        {"/a/b": leads("/c%2fd+{}", 301), "/c%2fd+{}": page(), "*": answer(404)},
    ),
    Fault("no-location", Verdict.PROTOCOL, answer(302, b"somewhere else")),
    Fault("empty-location", Verdict.PROTOCOL, leads("", 301)),
    Fault("nonsense-location", Verdict.PROTOCOL, leads("http://[/", 301)),
    Fault("to-itself", Verdict.LOOP, leads("/a/b", 301)),
    Fault("to-its-fragment", Verdict.LOOP, leads("#x", 301)),
    Fault("two-in-a-circle", Verdict.LOOP, {"/a/b": leads("/c"), "/c": leads("/a/b")}),
    Fault("never-the-same", Verdict.LOOP, endless_chain),
    Fault("cookie-wall", REDIRECTED, cookie_wall),
    Fault("cookie-counter", Verdict.LOOP, cookie_counter),
    Fault("long-chain", MOVED, long_chain, url="/hop/18"),
    Fault("chain-too-long", Verdict.LOOP, long_chain, url="/hop/40"),
    Fault("to-file", Verdict.BLOCKED, leads("file:///etc/passwd", 302)),
    Fault("to-script", Verdict.BLOCKED, leads("javascript:alert(1)", 302)),
    Fault("to-ftp", Verdict.BLOCKED, leads("ftp://127.0.0.1/", 302)),
    Fault("to-app", Verdict.BLOCKED, leads("weixin://dl/business", 302)),
    Fault("to-private", Verdict.BLOCKED, leads("http://127.0.0.1:@HTTP@/", 302)),
    Fault("to-metadata", Verdict.BLOCKED, leads("http://169.254.169.254:@HTTP@/latest", 302)),
    Fault("to-port", Verdict.BLOCKED, leads("http://to-port.example:22/", 302)),
    Fault("to-nowhere", Verdict.DNS, leads(f"http://{NO_HOST}:@HTTP@/", 301)),
    Fault("to-refused", Verdict.REFUSED, leads("http://to-refused.example:@REFUSED@/", 301)),
    Fault("moved-drips", MOVED, {"/a/b": drip_body("text/html", 301, "location: /c"), "*": page()}),
    Fault(
        "moved-cut",
        MOVED,
        {
            "/a/b": then_close(b"HTTP/1.1 301 M\r\nlocation: /c\r\ncontent-length: 99\r\n\r\nx"),
            "*": page(),
        },
    ),
    Fault(
        "refresh-to-404",
        Verdict.SOFT_404,
        page('<meta http-equiv="refresh" content="0;url=/404.html">'),
    ),
    Fault("refresh", OK, page('<meta http-equiv="refresh" content="0; url=/new">')),
    # --- pages that are none, and pages that are
    Fault("soft-title", Verdict.SOFT_404, page("x", "404 Not Found")),
    Fault("soft-title-site", Verdict.SOFT_404, page(SITE_404, "页面不存在 - 某某新闻网")),
    Fault("soft-title-sorry", Verdict.SOFT_404, page("x", "抱歉，您访问的页面不存在_某某网")),
    Fault(
        "soft-heading",
        Verdict.SOFT_404,
        page("<h1>Page not found</h1><p>Try a search.</p>", "A site"),
    ),
    Fault("soft-heading-tags", Verdict.SOFT_404, page("<h1><b>404</b> <i>Page Not Found</i></h1>")),
    Fault("soft-chinese-heading", Verdict.SOFT_404, page("<h1>文章已被删除</h1>", "某某网")),
    Fault(
        "soft-forum",
        Verdict.SOFT_404,
        page("<div>抱歉，指定的主题不存在或已被删除或正在被审核</div>", "提示信息 - 某某论坛"),
    ),
    Fault("soft-no-title", Verdict.SOFT_404, answer(200, "<p>该内容已被发布者删除</p>".encode())),
    Fault("soft-french", Verdict.SOFT_404, page("x", "Page introuvable | Le Journal")),
    Fault("soft-entities", Verdict.SOFT_404, page("x", "This page doesn&#8217;t exist")),
    Fault(
        "soft-gbk",
        Verdict.SOFT_404,
        answer(200, "<title>页面不存在</title>".encode("gbk"), kind="text/html; charset=GB2312"),
    ),
    Fault("soft-packed", Verdict.SOFT_404, packed(gzip.compress(b"<title>404 Not Found</title>"))),
    Fault("soft-front", Verdict.SOFT_404, {"/a/b": leads("/", 302), "*": page()}),
    Fault(
        "soft-front-www",
        Verdict.SOFT_404,
        {"/a/b": leads("http://www.soft-front-www.example:@HTTP@/index.html", 301), "*": page()},
    ),
    Fault("soft-404-html", Verdict.SOFT_404, {"/a/b": leads("/404.html", 302), "*": page()}),
    Fault(
        "soft-error-page", Verdict.SOFT_404, {"/a/b": leads("/error.aspx?from=x", 302), "*": page()}
    ),
    Fault(
        "about-404", OK, page("<h1>404 Not Found</h1>" + ARTICLE, "404 Not Found - Encyclopedia")
    ),
    Fault("about-404-path", OK, page("x", "404 Not Found - HTTP"), url="/docs/status/404"),
    Fault("about-404-title", OK, page("x", "What a 404 page should say")),
    Fault("about-404-chinese", OK, page("x", "为什么页面不存在却返回 200？")),
    Fault("number-404", OK, page("<h1>Peugeot 404</h1>", "Peugeot 404 - Cars")),
    Fault("not-found-phrase", OK, page("<p>Page not found is what it said.</p>", "A story")),
    Fault(
        "front-of-index", MOVED, {"/index.html": leads("/", 301), "*": page()}, url="/index.html"
    ),
    Fault("front-of-language", REDIRECTED, {"/en/": leads("/", 302), "*": page()}, url="/en/"),
    Fault(
        "short-link",
        REDIRECTED,
        {"/x1Yz": leads("http://target.example:@HTTP@/", 302), "*": page()},
        url="/x1Yz",
    ),
    Fault("empty-page", OK, answer(200, b"<html></html>")),
    # --- fragments
    Fault("fragment", OK, page('<h2 id="here">x</h2>'), url="/a#here"),
    Fault("fragment-unquoted", OK, page("<h2 class=x id=here>x</h2>"), url="/a#here"),
    Fault("fragment-name", OK, page('<a name="here"></a>'), url="/a#here"),
    Fault("fragment-missing", Verdict.FRAGMENT, page('<h2 id="there">x</h2>'), url="/a#here"),
    Fault(
        "fragment-data-id",
        Verdict.FRAGMENT,
        page('<p data-id="here" name="here">x</p>'),
        url="/a#here",
    ),
    Fault("fragment-comment", Verdict.FRAGMENT, page('<!-- <p id="here"> -->'), url="/a#here"),
    Fault("fragment-case", Verdict.FRAGMENT, page('<p id="Here">'), url="/a#here"),
    Fault("fragment-top", OK, page(), url="/a#top"),
    Fault("fragment-TOP", OK, page(), url="/a#TOP"),
    Fault("fragment-empty", OK, page(), url="/a#"),
    Fault("fragment-text", OK, page(), url="/a#:~:text=some%20text"),
    Fault("fragment-and-text", OK, page('<p id="x">'), url="/a#x:~:text=some"),
    Fault(
        "fragment-missing-and-text", Verdict.FRAGMENT, page('<p id="x">'), url="/a#y:~:text=some"
    ),
    Fault("fragment-unicode", OK, page('<h2 id="标题">x</h2>'), url="/a#标题"),
    Fault("fragment-encoded", OK, page('<h2 id="标题">x</h2>'), url="/a#%E6%A0%87%E9%A2%98"),
    Fault("fragment-id-encoded", OK, page('<h2 id="%E6%A0%87">x</h2>'), url="/a#标"),
    Fault("fragment-entity", OK, page('<h2 id="a&amp;b">x</h2>'), url="/a#a&b"),
    Fault("fragment-prefix", OK, page('<h2 id="user-content-x">x</h2>'), url="/a#x"),
    Fault("fragment-route", OK, page(), url="/a#/posts/1"),
    Fault("fragment-bang", OK, page(), url="/a#!/posts/1"),
    Fault("fragment-share", OK, page(), url="/s?x=1#rd"),
    Fault("fragment-time", OK, page(), url="/v#t=30"),
    Fault("fragment-lines", OK, page(), url="/code.py#L10-L20"),
    Fault(
        "fragment-scripts",
        OK,
        page('<div id="app"></div><script src="/app.js"></script>'),
        url="/a#x",
    ),
    Fault(
        "fragment-kept",
        MOVED,
        {"/a": leads("/b", 301), "*": page('<p id="x">')},
        url="/a#x",
        final="/b#x",
    ),
    Fault("fragment-lost", Verdict.FRAGMENT, {"/a": leads("/b", 301), "*": page()}, url="/a#x"),
    Fault(
        "fragment-of-redirect",
        MOVED,
        {"/a": leads("/b#y", 301), "*": page('<p id="y">')},
        url="/a#x",
        final="/b#y",
    ),
    Fault("fragment-beyond", OK, page(LONG + '<p id="x">'), url="/a#x"),
    Fault(
        "fragment-beyond-packed",
        OK,
        packed(gzip.compress((LONG + '<p id="x">').encode())),
        url="/a#x",
    ),
    Fault(
        "fragment-second-part",
        OK,
        packed(gzip.compress(b"<p>") + gzip.compress(b'<p id="x">')),
        url="/a#x",
    ),
    # --- bytes of a URL
    *(
        Fault(f"bytes-{number}", OK, echo_target, url=url)
        for number, url in enumerate(sorted(BYTES))
    ),
    Fault("bytes-space", OK, echo_target, url="/a b"),
    Fault("bytes-unicode", OK, echo_target, url="/中?文=1"),
    Fault("user-dropped", OK, page(), url="http://me:secret@user-dropped.example:@HTTP@/"),
    Fault("tabs", OK, page(), url="http://ta\tbs.exa\nmple:@HTTP@/"),
    Fault("backslashes", OK, page(), url="http:\\\\backslashes.example:@HTTP@\\a"),
    Fault("idn", OK, page(), url="http://例子.example:@HTTP@/路径"),
    Fault("upper", OK, page(), url="HTTP://UPPER.Example:@HTTP@/"),
    Fault("dot-host", OK, page(), url="http://dot-host.example.:@HTTP@/"),
    # --- heads
    Fault("head-drips", Verdict.TIMEOUT, drip_head, slow=True),
    Fault("status-drips", Verdict.TIMEOUT, drip_status, slow=True),
    Fault("continues-for-ever", Verdict.TIMEOUT, drip_continue, slow=True),
    Fault("head-endless", Verdict.PROTOCOL, endless(b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 999)),
    Fault("header-endless", Verdict.PROTOCOL, endless(b"HTTP/1.1 200 OK\r\nx: ", b"a" * 9_999)),
    Fault("head-large", OK, page("x", "A page", f"x-large: {'a' * 30_000}")),
    Fault("many-headers", OK, page("x", "A page", *(f"x-{n}: {n}" for n in range(500)))),
    Fault("continue", OK, b"HTTP/1.1 100 Continue\r\n\r\n" + page()),
    Fault(
        "early-hints",
        OK,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlocation: /no\r\n\r\n" + page(),
    ),
    Fault("processing", OK, b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + page()),
    Fault(
        "switching",
        Verdict.PROTOCOL,
        b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ),
    Fault(
        "offers-upgrade",
        OK,
        page("x", "A page", "upgrade: h2,h2c", "connection: Upgrade, keep-alive"),
    ),
    Fault("http-1.0", OK, until_close(b"<p>old</p>")),
    Fault("http-1.0-length", OK, b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
    Fault("http-0.9", Verdict.PROTOCOL, until_close(b"", "<html>old</html>")),
    Fault("not-http", Verdict.PROTOCOL, banner),
    Fault("bare-lf", OK, b"HTTP/1.1 200 OK\ncontent-length: 2\ncontent-type: text/html\n\nhi"),
    Fault("odd-header", OK, page("x", "A page", "x-raw: \xe4\xb8\xad", "x_under: 1", "x-empty:")),
    Fault("no-reason", OK, b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi"),
    Fault("wrong-length", Verdict.PROTOCOL, b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nhi"),
    Fault("negative-length", Verdict.PROTOCOL, b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nhi"),
    Fault("length-and-chunks", OK, chunked(b"hello", head="content-length: 99\r\n")),
    # --- bodies
    Fault("chunks", OK, chunked(b"<p>", b"x" * 999, b"</p>")),
    Fault("chunks-trailers", OK, chunked(b"x", end=b"0\r\nx-sum: 1\r\n\r\n")),
    Fault("chunks-spaces", OK, chunked(b"x", end=b"0 \r\n\r\n")),
    Fault("chunks-broken", Verdict.TRUNCATED, chunked(b"x", end=b"nonsense\r\n")),
    Fault("chunks-cut", Verdict.TRUNCATED, then_close(chunked(b"x", end=b"ff\r\nx"))),
    Fault(
        "trailers-endless",
        Verdict.TRUNCATED,
        endless(chunked(b"x", end=b"0\r\n"), b"a: b\r\n" * 999),
    ),
    Fault(
        "body-short",
        Verdict.TRUNCATED,
        then_close(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx"),
    ),
    Fault(
        "body-reset",
        Verdict.TRUNCATED,
        then_reset(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx"),
    ),
    Fault("body-long", OK, page() + b"and more"),
    Fault("body-long-answer", REDIRECTED, not_when_reused),
    Fault("body-long-garbage", REDIRECTED, garbage_after),
    Fault("body-long-later", REDIRECTED, late_garbage),
    Fault("two-answers", OK, page() + answer(404)),
    Fault("body-of-204", OK, b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello"),
    Fault(
        "body-endless",
        OK,
        endless(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n", b"x" * 9_999),
    ),
    Fault(
        "body-endless-chunks",
        OK,
        endless(chunked(b"x", end=b""), b"3e8\r\n" + b"x" * 1_000 + b"\r\n"),
    ),
    Fault("body-drips", Verdict.TIMEOUT, drip_body("text/html"), slow=True),
    Fault("stream", OK, drip_body("audio/mpeg"), slow=True),
    Fault(
        "body-missing", Verdict.TIMEOUT, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", slow=True
    ),
    Fault("bomb", OK, packed(gzip.compress(b"\0" * 50_000_000))),
    Fault("bomb-deflate", OK, packed(zlib.compress(b"\0" * 50_000_000), "deflate")),
    Fault("deflate-raw", OK, packed(zlib.compress(b'<p id="x">')[2:-4], "deflate"), url="/a#x"),
    Fault("gzip-not-packed", OK, answer(200, b'<p id="x">', "content-encoding: gzip"), url="/a#x"),
    Fault("gzip-damaged", OK, packed(gzip.compress(page() * 9)[:60] + b"\0\xff" * 40)),
    Fault("brotli", OK, packed(b"\x0b\x02\x80<p>x\x03", "br"), url="/a#x"),
    Fault("unknown-coding", OK, packed(b"???", "x-none-such")),
    Fault(
        "unknown-charset",
        OK,
        answer(200, b'<p id="x">', kind="text/html; charset=klingon"),
        url="/a#x",
    ),
    Fault(
        "codec-no-charset",
        OK,
        answer(200, b'<p id="x">', kind="text/html; charset=undefined"),
        url="/a#x",
    ),
    Fault(
        "charset-idna",
        OK,
        answer(200, b'<p id="x">' * 99, kind="text/html; charset=idna"),
        url="/a#x",
    ),
    Fault(
        "gbk",
        OK,
        answer(200, '<meta charset="gbk"><p id="标题">'.encode("gbk"), kind="text/html"),
        url="/a#标题",
    ),
    Fault(
        "utf-16", OK, answer(200, '<p id="标题">'.encode("utf-16"), kind="text/html"), url="/a#标题"
    ),
    Fault(
        "bom",
        OK,
        answer(200, "\ufeff<p id='x'>".encode(), kind="text/html; charset=gbk"),
        url="/a#x",
    ),
    # --- connections
    Fault("silence", Verdict.TIMEOUT, silence, slow=True),
    Fault("silence-once", OK, [silence, page()], slow=True),
    Fault("close", Verdict.RESET, close),
    Fault("close-once", OK, [close, page()]),
    Fault("reset", Verdict.RESET, reset),
    Fault("reset-twice", OK, [reset, reset, page()]),
    Fault("reset-in-head", Verdict.RESET, then_reset(b"HTTP/1.1 200 OK\r\nx-a:")),
    Fault("reset-reused", REDIRECTED, keep_then_reset),
    Fault("refused", Verdict.REFUSED, page(), url="http://refused.example:@REFUSED@/"),
    Fault("no-host", Verdict.DNS, page(), url=f"http://{NO_HOST}:@HTTP@/"),
    Fault("protocol-once", OK, [b"nonsense\r\n\r\n", page()]),
    # --- TLS
    Fault("tls", OK, page(), url="https://secure.example:@TLS@/"),
    Fault("tls-expired", Verdict.TLS, page(), url="https://secure.example:@EXPIRED@/"),
    Fault("tls-other-name", Verdict.TLS, page(), url="https://secure.example:@OTHER@/"),
    Fault("tls-self-signed", Verdict.TLS, page(), url="https://secure.example:@SELF@/"),
    Fault("tls-wrong-host", Verdict.TLS, page(), url="https://wrong.example:@TLS@/"),
    Fault("tls-none", Verdict.TLS, page(), url="https://secure.example:@PLAIN@/"),
    Fault("tls-cut", Verdict.RESET, page(), url="https://secure.example:@CUT@/"),
    Fault("tls-needed", Verdict.RESET, page(), url="http://secure.example:@TLS@/"),
    Fault("tls-until-close", OK, until_close(b"<p>x"), url="https://secure.example:@TLS@/"),
    Fault(
        "tls-moved",
        MOVED,
        leads("https://secure.example:@TLS@/a", 301),
        others={"secure.example": {"*": page()}},
    ),
    Fault("tls-moved-bad", Verdict.TLS, leads("https://secure.example:@EXPIRED@/a", 301)),
    # --- no address
    Fault("scheme", Verdict.INVALID, page(), url="ftp://scheme.example/"),
    Fault("no-name", Verdict.INVALID, page(), url="http:///a"),
    Fault("bad-port", Verdict.INVALID, page(), url="http://bad-port.example:port/"),
    Fault("bad-name", Verdict.INVALID, page(), url="http://bad name.example/"),
    Fault("empty-label", Verdict.INVALID, page(), url="http://a..example/"),
    Fault("too-long", Verdict.INVALID, page(), url=f"http://too-long.example/{'a' * 9_000}"),
)
