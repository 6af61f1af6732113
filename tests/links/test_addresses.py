"""Which addresses are public, and how names are looked up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.links.addresses import BlockedAddressError, Gate, embedded_ipv4, is_public

PRIVATE = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    *("255.255.255.255/32", "168.63.129.16/32"),
    *("::/128", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64"),
    *("2001::/32", "2001:2::/48", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16"),
    *("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"),
    *("126.255.255.255", "128.0.0.1", "169.253.255.255", "172.15.255.255", "172.32.0.0"),
    *("192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "240e::1", "2400:3200::1"),
]


@pytest.mark.parametrize("network", PRIVATE)
def test_no_address_of_a_special_network_is_public(network: str) -> None:
    net = ipaddress.ip_network(network)
    middle = net[net.num_addresses // 2]
    assert not any(is_public(address) for address in (net[0], middle, net[-1]))


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@given(st.sampled_from(PRIVATE), st.data())
def test_nothing_inside_a_special_network_is_public(network: str, data: st.DataObject) -> None:
    net = ipaddress.ip_network(network)
    offset = data.draw(st.integers(0, net.num_addresses - 1))
    assert not is_public(net[offset])


@given(st.ip_addresses(v=4))
def test_no_form_of_ipv6_makes_an_ipv4_address_public(address: IPv4Address) -> None:
    number = int(address)
    forms = [
        IPv6Address(0xFFFF_0000_0000 | number),
        IPv6Address(0xFFFF_0000_0000_0000 | number),
        IPv6Address((0x64_FF9B << 96) | number),
        IPv6Address((0x2002 << 112) | (number << 80)),
    ]
    assert [embedded_ipv4(form) for form in forms] == [address] * 4
    assert not any(is_public(form) for form in forms)


@given(st.ip_addresses())
def test_what_is_public_is_global_to_the_standard_library(
    address: IPv4Address | IPv6Address,
) -> None:
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


class Names:
    """A resolver with a count of its questions."""

    def __init__(self, answers: Sequence[Sequence[str] | Exception]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def gate(names: Names, now: list[float]) -> Gate:
    return Gate([], [80, 443], names, lambda: now[0])


def test_a_name_is_asked_for_once_a_minute() -> None:
    names, now = Names([["1.1.1.1", "1.1.1.1"], ["8.8.8.8"]]), [0.0]
    door = gate(names, now)
    assert asyncio.run(door.addresses("a.example", 80)) == ("1.1.1.1",)
    assert asyncio.run(door.addresses("a.example", 443)) == ("1.1.1.1",)
    assert names.asked == 1
    now[0] = 61.0
    assert asyncio.run(door.addresses("a.example", 80)) == ("8.8.8.8",)


@pytest.mark.parametrize(
    "failure",
    [[], socket.gaierror(socket.EAI_NONAME, "unknown"), UnicodeError("label too long")],
    ids=["none", "unknown", "no-name"],
)
def test_a_name_without_an_address_is_remembered_too(failure: Sequence[str] | Exception) -> None:
    names, now = Names([failure, ["1.1.1.1"]]), [0.0]
    door = gate(names, now)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            asyncio.run(door.addresses("a.example", 80))
    assert names.asked == 1
    now[0] = 61.0
    assert asyncio.run(door.addresses("a.example", 80)) == ("1.1.1.1",)


def test_what_is_remembered_is_judged_again() -> None:
    door = gate(Names([["127.0.0.1"]]), [0.0])
    for _ in range(2):
        with pytest.raises(BlockedAddressError, match=r"a\.example is 127\.0\.0\.1"):
            asyncio.run(door.addresses("a.example", 80))


def test_an_address_is_not_looked_up() -> None:
    names = Names([["1.1.1.1"]])
    assert asyncio.run(gate(names, [0.0]).addresses("8.8.8.8", 80)) == ("8.8.8.8",)
    with pytest.raises(BlockedAddressError, match=r"^10\.0\.0\.1, which is not public"):
        asyncio.run(gate(names, [0.0]).addresses("10.0.0.1", 80))
    assert names.asked == 0


def test_the_refusal_of_a_port_names_it_and_its_key() -> None:
    with pytest.raises(BlockedAddressError, match=r"port 22 is not in \[links\] ports"):
        asyncio.run(gate(Names([["1.1.1.1"]]), [0.0]).addresses("a.example", 22))
