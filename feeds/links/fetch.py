"""Asking for one link, as long as it takes to know what it is and no longer.

In: a URL. Out: an :class:`Outcome`. Redirects are followed here and not by the client, since
each is a finding and has to pass the gate; cookies live within one check and never leave
their host; a body is read as far as it can tell anything.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import re
import socket
import ssl
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from datetime import UTC
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote, urlsplit

import httpx

from feeds.links.addresses import BlockedAddressError, KeptError
from feeds.links.pace import LONGEST_DEFERMENT, TOO_MUCH, Turns
from feeds.links.urls import (
    DEFAULT_PORTS,
    InvalidURLError,
    SchemeError,
    host_of,
    request_target,
    target_of,
)
from feeds.links.verdict import Hop, Page, verdict
from feeds.models import Verdict
from feeds.values import dataclass

MOST_HOPS: Final = 20  # as in browsers (WHATWG Fetch, HTTP-redirect fetch)
LARGEST_BODY: Final = 256 * 1024
# What is read of a body that nobody needs, and how long, so that its connection can be kept.
LARGEST_REST: Final = 16 * 1024
REST_SECONDS: Final = 0.5
LONGEST_WAIT: Final = 60.0
REMEMBERED: Final = 1_024  # hosts, with the headers that they get
MOST_PARTS: Final = 64
MOST_COOKIES: Final = 30
LARGEST_COOKIE: Final = 4_096

ACCEPT: Final = "text/html,*/*;q=0.8"
REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
RETRIES: Final[Mapping[Verdict, int]] = {
    Verdict.RESET: 2,
    Verdict.SERVER_ERROR: 2,
    Verdict.RATE_LIMITED: 2,
    Verdict.PROTOCOL: 2,
    Verdict.TIMEOUT: 1,
}
HTML: Final = (b"text/html", b"application/xhtml")
NO_BODY: Final = httpx.ByteStream(b"")  # or httpx looks for one, and for headers that tell of it
# Headers that everybody on the way may read; any other may hold a secret.
OPEN_HEADERS: Final = frozenset(("accept", "accept-language", "referer", "user-agent"))

# Has the addresses of a host and port at hand, within so many seconds, and says how many it took.
LookUp: TypeAlias = Callable[[str, int, float], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: ``status`` is 0 without an answer, ``final_url`` empty if it is
    what was asked for, ``retry_at`` (seconds since 1970, within :data:`LONGEST_DEFERMENT`)
    when the host wants to be asked."""

    verdict: Verdict
    detail: str = ""
    status: int = 0
    final_url: str = ""
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Manners:
    """How to ask. ``timeout`` is seconds for one walk through all redirects, without those that
    it waits for its turn. ``headers`` and ``accept`` are by shell pattern of host; ``remap`` has
    beginnings of addresses and what is asked in place of them. ``look_up`` makes ready for a
    host before it is asked; ``trusted`` are hosts that may be told secrets in the open, ``kept``
    those that another machine asks."""

    user_agent: str
    timeout: float = 20.0
    pause: float = 1.0  # before the first retry; longer before the next
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    accept: Mapping[str, frozenset[int]] = field(default_factory=dict)
    remap: Mapping[str, str] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)
    look_up: LookUp | None = None
    trusted: Callable[[str], bool] = lambda host: False
    kept: Callable[[str], bool] = lambda host: False

    def headers_for(self, scheme: str, host: str) -> dict[str, str]:
        """What else is sent to a host. What may be a secret is not for everybody on the way to
        read, unless its pattern says so by ``http://``."""
        found: dict[str, str] = {}
        for pattern, headers in self.headers.items():
            only, _, hosts = pattern.rpartition("://")
            if only in ("", scheme) and fnmatchcase(host, hosts):
                secret = scheme == "https" or only or self.trusted(_place(scheme, host).host)
                names = [name for name in headers if secret or name.lower() in OPEN_HEADERS]
                found.update((name, headers[name]) for name in names)
        return found

    def accepted(self, host: str) -> frozenset[int]:
        """The statuses with which a host means well."""
        sets = (codes for pattern, codes in self.accept.items() if fnmatchcase(host, pattern))
        return frozenset[int]().union(*sets)

    def asked_for(self, url: str) -> str:
        """The address that is asked in place of another: the longest beginning decides."""
        known = [old for old in self.remap if url.startswith(old)]
        if not known:
            return url
        old = max(known, key=len)
        return target_of(self.remap[old] + url[len(old) :], "").url


async def check(transport: httpx.AsyncBaseTransport, url: str, manners: Manners) -> Outcome:
    """Ask for a URL (absolute, perhaps with a fragment), again if that may help.

    What a client adds to its transport (redirects, cookies, a deadline for each read) is done
    otherwise here, so there is none. Raises :class:`~feeds.links.addresses.KeptError` where it
    leads to a host that another machine asks; nothing was said to that.
    """
    retries = 0
    while True:
        outcome = await _attempt(transport, url, manners)
        if retries >= RETRIES.get(outcome.verdict, 0):
            return outcome
        wait = manners.pause * 3**retries
        if outcome.retry_at:
            wait = max(wait, outcome.retry_at - time.time())
            if wait > LONGEST_WAIT:
                return outcome
        await asyncio.sleep(wait)
        retries += 1


async def _attempt(transport: httpx.AsyncBaseTransport, url: str, manners: Manners) -> Outcome:
    try:
        asked, fragment = target_of(url, "")
    except InvalidURLError as error:
        return Outcome(Verdict.INVALID, str(error))
    walk = _Walk(transport, manners, url, asked, fragment, manners.timeout)
    try:
        while (outcome := await walk.step()) is None:
            pass
    except TimeoutError:
        outcome = walk.late or walk.outcome(
            Verdict.TIMEOUT, f"no whole answer within {manners.timeout:g} s"
        )
    except (InvalidURLError, httpx.InvalidURL, UnicodeError) as error:
        outcome = walk.outcome(Verdict.INVALID, str(error))
    except (BlockedAddressError, httpx.TransportError, OSError) as error:
        outcome = walk.outcome(*_fault(error))
    return outcome


# What the machine's errors mean, the first that is found in a chain of them.
_FAULTS: Final[Sequence[tuple[type[BaseException], Verdict]]] = (
    (BlockedAddressError, Verdict.BLOCKED),
    (socket.gaierror, Verdict.DNS),
    (ssl.SSLEOFError, Verdict.RESET),  # the connection ended within the handshake
    (ssl.SSLError, Verdict.TLS),
    (TimeoutError, Verdict.TIMEOUT),
    (httpx.TimeoutException, Verdict.TIMEOUT),
    (httpx.RemoteProtocolError, Verdict.PROTOCOL),
    (httpx.LocalProtocolError, Verdict.PROTOCOL),
    (ConnectionResetError, Verdict.RESET),
    (BrokenPipeError, Verdict.RESET),
    (httpx.ReadError, Verdict.RESET),
    (httpx.WriteError, Verdict.RESET),
)


def _fault(error: BaseException) -> tuple[Verdict, str]:
    """What it means that there was no answer, by the machine's error behind httpx's."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    for kind, meaning in _FAULTS:
        for each in chain:
            if isinstance(each, kind):
                return meaning, _detail(each)
    return Verdict.REFUSED, _detail(chain[-1])


def _detail(error: BaseException) -> str:
    """What an error says, without its numbers and the places in C where it was found."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "verify_message", "") or error.reason or str(error)
    said = error.strerror if isinstance(error, OSError) else None
    return said or str(error) or type(error).__name__


@dataclass(slots=True)
class _Walk:
    """The way from a URL to where it leads, one request after the other.

    ``left`` are the seconds that it may still take. ``late`` is what to say if they are not
    enough for the whole of an answer that has told what matters.
    """

    transport: httpx.AsyncBaseTransport
    manners: Manners
    url: str
    asked: str
    fragment: str
    left: float
    hops: list[Hop] = field(default_factory=list)
    cookies: dict[str, dict[bytes, _Cookie]] = field(default_factory=dict)
    seen: set[tuple[str, bytes]] = field(default_factory=set)
    late: Outcome | None = None

    async def step(self) -> Outcome | None:
        """One request; what comes of it, ``None`` if it leads on."""
        target = self.manners.asked_for(self.asked)
        host = host_of(target)
        if self.manners.kept(host) or self.manners.kept(host_of(self.asked)):
            raise KeptError
        cookie = self._cookie(target)
        if (self.asked, cookie) in self.seen or len(self.hops) > MOST_HOPS:
            return self.outcome(Verdict.LOOP, f"{len(self.hops)} redirects")
        self.seen.add((self.asked, cookie))
        loop = asyncio.get_running_loop()
        async with self.manners.turns.turn(host):
            if self.manners.look_up is not None:
                place = _place(target.partition(":")[0], host)
                self.left -= await self.manners.look_up(*place, self.left)
            began = loop.time()
            try:
                async with asyncio.timeout(self.left):
                    return await self._ask(target, cookie)
            finally:
                self.left -= loop.time() - began

    async def _ask(self, target: str, cookie: bytes) -> Outcome | None:
        host = host_of(target)
        request = _request(target, cookie, self.manners)
        response = await self.transport.handle_async_request(request)
        try:
            status = response.status_code
            retry_at = _retry_at(response) if status in TOO_MUCH else 0.0
            wait = min(max(retry_at - time.time(), 0.0), LONGEST_WAIT)
            self.manners.turns.answered(host, status, wait)
            _take_cookies(self.cookies.setdefault(host, {}), response)
            accept = self.manners.accepted(host)
            if status in REDIRECTS and status not in accept:
                await _finish(response)
                return self._redirected(status, _location(response))
            if 200 <= status < 300 or status in accept:
                return await self._judge(response, accept)
            found = verdict(self.url, status, self.hops, Page(), accept)
            await _finish(response)
            return self.outcome(found.verdict, found.detail, status, retry_at)
        finally:
            await response.aclose()

    def _redirected(self, status: int, location: str) -> Outcome | None:
        if not location:
            return self.outcome(Verdict.PROTOCOL, "a redirect without a target", status)
        where = f"leads to {location[:200]!r}"
        try:
            self.asked, fragment = target_of(location, self.asked)
        except SchemeError as error:
            return self.outcome(Verdict.BLOCKED, f"{where}: {error}", status)
        except InvalidURLError as error:
            return self.outcome(Verdict.PROTOCOL, f"{where}: {error}", status)
        self.fragment = fragment or self.fragment
        self.hops.append(Hop(status, self.asked))
        return None

    async def _judge(self, response: httpx.Response, accept: frozenset[int]) -> Outcome:
        """What a good answer means, by its body."""
        status = response.status_code
        url = self.url.partition("#")[0]
        asked = f"{url}#{self.fragment}" if self.fragment else url
        is_html = _is_html(response)
        if not is_html:
            # A download may well take longer than anybody waits here.
            found = verdict(asked, status, self.hops, Page("", False), accept)
            self.late = self.outcome(found.verdict, found.detail, status)
        try:
            raw, whole = await _read(response, LARGEST_BODY)
        except httpx.TransportError as error:
            return self.outcome(Verdict.TRUNCATED, str(error), status)
        page = _page(response, raw, whole) if is_html else Page("", whole)
        found = verdict(asked, status, self.hops, page, accept)
        return self.outcome(found.verdict, found.detail, status)

    def outcome(
        self, verdict: Verdict, detail: str = "", status: int = 0, retry_at: float = 0.0
    ) -> Outcome:
        """An outcome at the place that was reached."""
        final_url = ""
        if self.hops:
            final_url = f"{self.asked}#{self.fragment}" if self.fragment else self.asked
        return Outcome(verdict, detail, status, final_url, retry_at)

    def _cookie(self, target: str) -> bytes:
        secure = target.startswith("https:")
        jar = self.cookies.get(host_of(target), {})
        sent = [(name, each.value) for name, each in jar.items() if secure or not each.secure]
        return b"; ".join(name + b"=" + value for name, value in sent)


# --- requests -----------------------------------------------------------------------------


def _request(url: str, cookie: bytes, manners: Manners) -> httpx.Request:
    """A request for an address. Its URL is that of the origin: httpx would write the path in its
    own way, so that goes out as the target."""
    scheme, host, target = url.partition(":")[0], host_of(url), request_target(url)
    lines = tuple(manners.headers_for(scheme, host).items()) if manners.headers else ()
    origin, headers = _origin(scheme, host, manners.user_agent, lines)
    if cookie:
        headers = httpx.Headers([*headers.raw, (b"Cookie", cookie)])
    return httpx.Request(
        "GET", origin, headers=headers, stream=NO_BODY, extensions={"target": target}
    )


class _Origin(NamedTuple):
    """What all requests to a scheme and host have in common."""

    url: httpx.URL
    headers: httpx.Headers


@lru_cache(maxsize=REMEMBERED)
def _origin(scheme: str, host: str, user_agent: str, lines: tuple[tuple[str, str], ...]) -> _Origin:
    headers = httpx.Headers(
        {"Host": host, "User-Agent": user_agent, "Accept": ACCEPT, "Accept-Encoding": "gzip"}
    )
    headers.update(lines)
    return _Origin(httpx.URL(f"{scheme}://{host}/"), headers)


class _Place(NamedTuple):
    """A host without its port, and the port that is meant where none is written, too."""

    host: str
    port: int


@lru_cache(maxsize=REMEMBERED)
def _place(scheme: str, host: str) -> _Place:
    parts = urlsplit(f"//{host}")
    port = DEFAULT_PORTS[scheme] if parts.port is None else parts.port
    return _Place(parts.hostname or "", port)


class _Cookie(NamedTuple):
    """The value of a cookie, and whether it is for https only (RFC 6265 section 4.1.2.5)."""

    value: bytes
    secure: bool


def _take_cookies(jar: dict[bytes, _Cookie], response: httpx.Response) -> None:
    for header, line in response.headers.raw:
        if header.lower() != b"set-cookie":
            continue
        pair, *attributes = line.split(b";")
        name, _, value = pair.strip().partition(b"=")
        secure = any(attribute.strip().lower() == b"secure" for attribute in attributes)
        plain = not re.search(rb"[\x00-\x1f\x7f]", pair)
        if name and plain and len(jar) < MOST_COOKIES and len(pair) < LARGEST_COOKIE:
            jar[name] = _Cookie(value, secure)


# --- answers ------------------------------------------------------------------------------


def _location(response: httpx.Response) -> str:
    """Where a redirect leads, as the server wrote it: raw UTF-8 is what browsers take, too."""
    headers = [value for name, value in response.headers.raw if name.lower() == b"location"]
    value = bytes(response.extensions.get("location") or (headers or [b""])[0]).strip()
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return quote(value, safe="!$%&'()*+,-./:;=?@[]_~#")


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """The beginning of a body as it was sent, and whether that is all of it."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return b"".join(chunks)[:limit], False
    return b"".join(chunks), True


async def _finish(response: httpx.Response) -> None:
    """Read what nobody needs to know, so that the connection can be kept."""
    with contextlib.suppress(httpx.TransportError, TimeoutError):
        async with asyncio.timeout(REST_SECONDS):
            await _read(response, LARGEST_REST)


def _header(response: httpx.Response, name: bytes, default: bytes = b"") -> bytes:
    """A header as it was sent; to read one as text, httpx looks for the encoding of them all."""
    found = [value for each, value in response.headers.raw if each.lower() == name]
    return b", ".join(found) if found else default


def _is_html(response: httpx.Response) -> bool:
    return _header(response, b"content-type", HTML[0]).lower().startswith(HTML)


def _page(response: httpx.Response, raw: bytes, whole: bool) -> Page:
    """The text of an HTML page; empty where it is packed in a way that was not asked for."""
    coding = _header(response, b"content-encoding").lower().strip()
    if coding in (b"gzip", b"x-gzip", b"deflate"):
        raw, all_of_it = _unpacked(raw)
        whole = whole and all_of_it
    elif coding not in (b"", b"identity", b"none", b"utf-8"):
        return Page("", False)
    return Page(_decoded(raw, _header(response, b"content-type")), whole)


def _unpacked(raw: bytes) -> tuple[bytes, bool]:
    """The beginning of what was packed, however much more there would be, and whether that is
    all; what was not packed at all, as it is."""
    for window in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS):
        with contextlib.suppress(zlib.error):
            return _inflated(raw, window)
    return raw, True


def _inflated(raw: bytes, window: int) -> tuple[bytes, bool]:
    """One packed part after the other, as gzip may have several (RFC 1952 section 2.2)."""
    found = b""
    for _ in range(MOST_PARTS):
        packed = zlib.decompressobj(window)
        found += packed.decompress(raw, LARGEST_BODY - len(found))
        raw = packed.unused_data
        if not packed.eof or len(found) >= LARGEST_BODY:
            return found, False
        if not raw.strip(b"\0"):
            return found, True
    return found, False


_CHARSET: Final = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings of pages (WHATWG Encoding), and none of the other things that Python calls codecs.
_PAGE_ENCODING: Final = re.compile(
    r"utf-?8|utf-?16(?:-?[lb]e)?|us-ascii|ascii|latin-?1|iso-?8859-\d+|windows-\d+|cp\d+|koi8-[ru]"
    r"|gbk|gb2312|gb18030|hz-gb-2312|big5(?:-hkscs)?|euc-(?:jp|kr|cn)|shift[_-]jis|sjis|x-sjis"
    r"|iso-2022-jp|ks_c_5601-1987|tis-620|macintosh",
    re.IGNORECASE,
)
# What calls itself the one on the left holds characters of the other.
_WIDER: Final[Mapping[str, str]] = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-cn": "gb18030",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "macintosh": "mac-roman",
}


def _decoded(raw: bytes, kind: bytes) -> str:
    """A page as text, by its mark, its Content-Type or what it says of itself."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(encoding, "replace")
    match = _CHARSET.search(kind) or _CHARSET.search(raw[:2_048])
    charset = match[1].decode("ascii", "replace").lower() if match else "utf-8"
    if not _PAGE_ENCODING.fullmatch(charset):
        charset = "utf-8"
    try:
        return raw.decode(_WIDER.get(charset, charset), "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _retry_at(response: httpx.Response) -> float:
    """When the host wants to be asked again (RFC 9110 section 10.2.3), but not in years."""
    value = response.headers.get("retry-after", "").strip()
    now = time.time()
    if value.isascii() and value.isdecimal():
        return now + min(int(value[:9]), LONGEST_DEFERMENT)
    try:
        date = parsedate_to_datetime(value)
        wanted = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(wanted, now + LONGEST_DEFERMENT)
