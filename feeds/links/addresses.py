"""Which addresses may be asked: public ones, and networks that the user allows.

A post may come from a stranger and the checker run inside a server, so a link must not
reach what only that server can reach. Names are resolved here, every address is judged, and
the connection goes to an address that was judged, so that a name cannot change in between.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import field
from functools import lru_cache
from typing import Final, TypeAlias

from feeds.values import dataclass

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
LONGEST_LOOKUP: Final = 60.0  # seconds, after which its place is another's
LOOKUPS_AT_ONCE: Final = 64  # a name without a server that knows it takes one for long

TOO_LONG: Final = "the look-up of the name took too long"

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
# The addresses of a name, or why it has none.
Known: TypeAlias = tuple[str, ...] | str


class BlockedAddressError(Exception):
    """A host has an address that may not be asked."""


class KeptError(Exception):
    """A host is asked from another machine than this one."""


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


def is_own(address: Address) -> bool:
    """Whether an address is one of the machine itself or of its link, and so another elsewhere,
    whatever form it comes in."""
    forms: list[Address] = [address]
    if isinstance(address, IPv6) and (inner := embedded_ipv4(address)):
        forms.append(inner)
    return any(each.is_loopback or each.is_unspecified or each.is_link_local for each in forms)


@dataclass(slots=True, eq=False)
class _LookUp:
    """A look-up under way, for all who want to know; it began ``at`` a time of the loop."""

    task: asyncio.Task[Known] = field(init=False)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    at: float = 0.0


class Gate:
    """Resolves names to addresses that may be asked. Belongs to one event loop.

    ``allowed`` are networks that may be asked although they are not public, ``ports`` all
    ports that may. An address in an allowed network is allowed in its IPv4-mapped form too.
    Without ``own`` what leads to its own machine is left to another.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        ports: Sequence[int],
        resolve: Resolver | None = None,
        clock: Callable[[], float] | None = None,
        own: bool = True,
    ) -> None:
        self._own = own
        self._allowed = [ipaddress.ip_network(network) for network in allowed]
        self._ports = frozenset(ports)
        self._resolve = resolve or system_resolver
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, Known]] = OrderedDict()
        self._under_way: dict[str, _LookUp] = {}
        self._turns = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a host, every one of which may be asked.

        Raises :class:`BlockedAddressError` if any of them may not, :class:`KeptError` if any is
        left to another machine, and ``OSError`` where the name has none.
        """
        if port not in self._ports:
            raise BlockedAddressError(f"port {port} is not in [links] ports")
        found = (host,) if is_address(host) else await self._addresses(host, port)
        if not self._own and any(
            is_own(ipaddress.ip_address(address.partition("%")[0])) for address in found
        ):
            raise KeptError
        for address in found:
            if not self.allows(address):
                what = "" if address == host else f"{host} is "
                raise BlockedAddressError(f"{what}{address}, which is not public")
        return found

    def refuses(self, host: str, port: int) -> bool:
        """Whether a host may not be asked, whatever a look-up would say."""
        return port not in self._ports or (is_address(host) and not self.allows(host))

    def trusts(self, host: str) -> bool:
        """Whether a host is written as an address in a network that is allowed."""
        return is_address(host) and self._is_allowed(ipaddress.ip_address(host))

    async def look_up(self, host: str, port: int, seconds: float) -> float:
        """Have the addresses of a name at hand, so that :meth:`addresses` need not wait.

        Returns how long it took, at most ``seconds``, without the time in which the look-up
        waited for others. Raises ``socket.gaierror`` if it took longer; then it goes on, and
        whoever joins it later waits no longer than the first.
        """
        if self._at_hand(host) is not None or is_address(host) or port not in self._ports:
            return 0.0
        loop = asyncio.get_running_loop()
        asked = loop.time()
        under_way = self._look_up(host, port)
        await under_way.begun.wait()
        left = under_way.at + seconds - loop.time()
        done, _ = await asyncio.wait([under_way.task], timeout=max(left, 0.0))
        if not done:
            raise socket.gaierror(socket.EAI_AGAIN, TOO_LONG)
        under_way.task.result()
        return loop.time() - max(asked, under_way.at)

    async def _addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of a name, as they are or were a moment ago; so too that it has none."""
        known = self._at_hand(host)
        if known is None:
            # Others may wait for it, too: it goes on if this one gives up.
            known = await asyncio.shield(self._look_up(host, port).task)
        if isinstance(known, str):
            raise socket.gaierror(socket.EAI_NONAME, known)
        return known

    def _at_hand(self, host: str) -> Known | None:
        known = self._known.get(host)
        return known[1] if known is not None and known[0] > self._now() else None

    def _look_up(self, host: str, port: int) -> _LookUp:
        """The look-up of a name that is under way, begun if there is none."""
        under_way = self._under_way.get(host)
        if under_way is None:
            under_way = self._under_way[host] = _LookUp()
            under_way.task = asyncio.create_task(self._find(host, port, under_way))
        return under_way

    async def _find(self, host: str, port: int, under_way: _LookUp) -> Known:
        try:
            async with self._turns:
                under_way.at = asyncio.get_running_loop().time()
                under_way.begun.set()
                known = await self._resolved(host, port)
        finally:
            del self._under_way[host]
            under_way.begun.set()
        self._known[host] = self._now() + REMEMBER_SECONDS, known
        self._known.move_to_end(host)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    async def _resolved(self, host: str, port: int) -> Known:
        """The addresses of a name, or why it has none."""
        try:
            async with asyncio.timeout(LONGEST_LOOKUP):
                found = tuple(dict.fromkeys(await self._resolve(host, port)))
        except TimeoutError:
            return TOO_LONG
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
        return any(map(self._is_allowed, forms)) or is_public(address)

    def _is_allowed(self, address: Address) -> bool:
        networks = (each for each in self._allowed if each.version == address.version)
        return any(address in network for network in networks)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()


@lru_cache(maxsize=REMEMBERED)
def is_address(host: str) -> bool:
    """Whether a host is written as an address and not as a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """What the machine says; its own odd spellings of addresses are understood here too."""
    answer: Future[list[str]] = Future()
    # Nobody can end a look-up. An executor's threads would be waited for at the end of the
    # program; for these nobody waits.
    threading.Thread(
        target=_answer, args=(answer, host, port), name=f"dns {host}", daemon=True
    ).start()
    return await asyncio.wrap_future(answer)


def _answer(answer: Future[list[str]], host: str, port: int) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answer.set_result([str(entry[4][0]) for entry in found])
    except Exception as error:
        answer.set_exception(error)
