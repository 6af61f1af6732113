"""Which addresses may be asked: public ones, and networks that the user allows.

A post may come from a stranger and the checker run inside a server, so a link must not
reach what only that server can reach. Names are resolved here, every address is judged, and
the connection goes to an address that was judged, so that a name cannot change in between.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias

IPv4: TypeAlias = ipaddress.IPv4Address
IPv6: TypeAlias = ipaddress.IPv6Address
Address: TypeAlias = IPv4 | IPv6
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Forms of IPv6 that carry an IPv4 address which a router or the kernel may unpack.
MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
TRANSLATED: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")
COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
TEREDO: Final = ipaddress.IPv6Network("2001::/32")
SITE_LOCAL: Final = ipaddress.IPv6Network("fec0::/10")

# Special purposes (RFC 6890 and its registries) that not every Python knows as such.
SPECIAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "168.63.129.16/32",  # what every machine of a large provider can ask for its secrets
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        "100::/64",
        "2001:2::/48",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    )
)

REMEMBERED: Final = 10_000  # names
REMEMBER_SECONDS: Final = 60.0
LOOKUPS_AT_ONCE: Final = 32  # a name without a server that knows it takes one for long

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]


class BlockedAddressError(Exception):
    """A host has an address that may not be asked."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, whatever form it comes in."""
    if isinstance(address, IPv6):
        if address in LOCAL_NAT64 or address in TEREDO or address in SITE_LOCAL:
            return False
        embedded = embedded_ipv4(address)
        if embedded is not None:
            # What the kernel or a relay would unpack must not lead inside; and nobody links
            # to a page by such a form.
            return False
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if any(address in network for network in SPECIAL if network.version == address.version):
        return False
    return address.is_global


def embedded_ipv4(address: IPv6) -> IPv4 | None:
    """The IPv4 address that an IPv6 address stands for, if it is such a form."""
    number = int(address)
    if any(address in form for form in (MAPPED, TRANSLATED, NAT64, COMPATIBLE)):
        return IPv4(number & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        return IPv4(number >> 80 & 0xFFFFFFFF)
    return None


class Gate:
    """Resolves names to addresses that may be asked.

    ``allowed`` are networks that may be asked although they are not public, ``ports`` all
    ports that may. An address in an allowed network is allowed in its IPv4-mapped form too.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        ports: Sequence[int],
        resolve: Resolver | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._allowed = [ipaddress.ip_network(network) for network in allowed]
        self._ports = frozenset(ports)
        self._resolve = resolve or SystemResolver()
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, tuple[str, ...] | str]] = OrderedDict()

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a host, every one of which may be asked.

        Raises :class:`BlockedAddressError` if any of them may not, and ``OSError`` where the
        name has none.
        """
        if port not in self._ports:
            raise BlockedAddressError(f"port {port} is not in [links] ports")
        found = (host,) if is_address(host) else await self._lookup(host, port)
        for address in found:
            if not self.allows(address):
                what = "" if address == host else f"{host} is "
                raise BlockedAddressError(f"{what}{address}, which is not public")
        return found

    async def _lookup(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a name, as they are or were a moment ago; so too that it has none."""
        now = self._now()
        until, known = self._known.get(host, (0.0, ()))
        if until <= now:
            known = await self._resolved(host, port)
            self._known[host] = now + REMEMBER_SECONDS, known
            self._known.move_to_end(host)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        if isinstance(known, str):
            raise socket.gaierror(socket.EAI_NONAME, known)
        return known

    async def _resolved(self, host: str, port: int) -> tuple[str, ...] | str:
        """The addresses of a name, or why it has none."""
        try:
            found = tuple(dict.fromkeys(await self._resolve(host, port)))
        except (OSError, UnicodeError) as error:
            return getattr(error, "strerror", None) or str(error)
        return found or "the name has no address"

    def allows(self, text: str) -> bool:
        """Whether an address may be asked."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        forms: list[Address] = [address]
        if isinstance(address, IPv6) and address in MAPPED:
            forms.append(IPv4(int(address) & 0xFFFFFFFF))
        for form in forms:
            if any(form in network for network in self._allowed if network.version == form.version):
                return True
        return is_public(address)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()


def is_address(host: str) -> bool:
    """Whether a host is written as an address and not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class SystemResolver:
    """What the machine says; its own odd spellings of addresses are understood here too."""

    def __init__(self) -> None:
        # The loop's own threads are few, and others may be waiting for them.
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "dns")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _lookup, host, port)
        return [str(entry[4][0]) for entry in found]


def _lookup(host: str, port: int) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
