"""Addresses as posts write them, and as they are asked for.

The bytes of a URL are its author's: ``%2F``, ``+`` and GBK escapes mean what the server says
they mean. Only what no request can hold is percent-encoded, and only what browsers (WHATWG
URL) take for the same is made one: backslashes, dot segments, spellings of a host.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

LONGEST: Final = 8_192
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_CONTROL: Final = re.compile(r"[\x00-\x20\x7f]")
_TABS: Final = re.compile(r"[\t\n\r]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_ENCODED_DOT: Final = re.compile(r"(?<=/)((?:\.|%2e){1,2})(?=/|$)", re.IGNORECASE)
_NAME: Final = re.compile(r"[a-z0-9._~-]+")
# What the last label of a host is where the host is an IPv4 address.
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*")
# Everything printable in ASCII but what a browser encodes in a path or query.
_SAFE: Final = "!$%&'()*+,-./:;=?@[]_~#|^`{}\\"


class InvalidURLError(ValueError):
    """An address that nobody can ask for; the message says why."""


class SchemeError(InvalidURLError):
    """An address that is none of the web."""


class Target(NamedTuple):
    """What is asked for, and the place in it: a URL without user, and its fragment."""

    url: str
    fragment: str


def target_of(url: str, base: str) -> Target:
    """The absolute address that a link leads to from the page at ``base``.

    Raises :class:`InvalidURLError`.
    """
    text = _slashes(_SURROGATE.sub("\ufffd", _TABS.sub("", url.strip())))
    if len(text) > LONGEST:
        raise InvalidURLError(f"longer than {LONGEST:,} characters")
    try:
        parts = urlsplit(urljoin(base, text) if base else text)
        port = parts.port
    except ValueError as error:
        raise InvalidURLError(str(error)) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise SchemeError(f"{parts.scheme or 'no'} scheme")
    host = _host(parts.hostname or "")
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        netloc += f":{port}"
    path = _without_dots(_encoded(parts.path)) or "/"
    query = _encoded(parts.query)
    fragment = _CONTROL.sub(lambda match: quote(match[0]), parts.fragment)
    return Target(urlunsplit((parts.scheme, netloc, path, query, "")), fragment)


def _slashes(text: str) -> str:
    """Backslashes before the query are slashes in an address of the web."""
    end = re.search(r"[?#]|$", text)
    assert end is not None
    before = text[: end.start()]
    scheme = before.partition(":")[0] if ":" in before else ""
    if "\\" not in before or (scheme.isalpha() and scheme.lower() not in DEFAULT_PORTS):
        return text
    return before.replace("\\", "/") + text[end.start() :]


def _host(host: str) -> str:
    """A host as DNS wants it, or an address in its usual form."""
    if not host:
        raise InvalidURLError("no host")
    if ":" in host:
        return _ipv6(host)
    if "%" in host:
        host = unquote(host).lower()
    if not host.isascii():
        host = _ascii(host)
    host = host.rstrip(".")
    labels = host.split(".")
    if not _NAME.fullmatch(host) or any(not label or len(label) > 63 for label in labels):
        raise InvalidURLError(f"{host[:80]!r} is no host name")
    if len(host) > 253:
        raise InvalidURLError(f"{host[:80]!r}… is no host name")
    return _ipv4(host) if _NUMBER.fullmatch(labels[-1]) else host


def _ascii(host: str) -> str:
    """An international name as DNS has it; characters of today's rules, else of the first."""
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        pass
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidURLError(f"{host[:80]!r} is no host name: {error}") from error


def _ipv4(host: str) -> str:
    """An address in any of its old spellings: octal, hexadecimal, with fewer numbers."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError as error:
        raise InvalidURLError(f"{host!r} is no address") from error


def _ipv6(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as error:
        raise InvalidURLError(f"{host[:80]!r} is no address") from error
    if address.scope_id:
        raise InvalidURLError(f"{host[:80]!r} is an address of one machine only")
    return address.compressed


def _encoded(text: str) -> str:
    if text.isascii() and not _CONTROL.search(text) and '"' not in text and "<" not in text:
        return text
    return quote(text, safe=_SAFE)


def _without_dots(path: str) -> str:
    """A path without ``.`` and ``..``, which no browser sends (RFC 3986 section 5.2.4)."""
    if not _ENCODED_DOT.search(path):
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        if plain not in (".", ".."):
            kept.append(segment)
            continue
        if plain == ".." and kept:
            kept.pop()
        if number == len(segments):
            kept.append("")
    return "/" + "/".join(kept)


def host_of(url: str) -> str:
    """The host of an address as :func:`target_of` makes them, with its port where that is not
    the usual one."""
    return url.split("/", 3)[2]


def request_target(url: str) -> bytes:
    """The target of a request line for such an address without a fragment: path and query."""
    return f"/{url.split('/', 3)[3]}".encode("ascii", "replace")
