"""Which addresses are public, and how names are looked up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.links import addresses as module
from feeds.links.addresses import (
    BlockedAddressError,
    Gate,
    KeptError,
    embedded_ipv4,
    is_public,
    system_resolver,
)

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
    ("found", "left"),
    [
        (["1.1.1.1", "127.0.1.1"], True),
        (["0.0.0.0"], True),
        (["169.254.169.254"], True),
        (["::1"], True),
        (["fe80::1%eth0"], True),
        (["::ffff:127.0.0.1"], True),
        (["1.1.1.1", "10.0.0.1"], False),
    ],
)
@pytest.mark.parametrize("allowed", [[], ["0.0.0.0/0", "::/0"]])
def test_what_leads_to_the_machine_itself_can_be_left_to_another(
    found: list[str], left: bool, allowed: list[str]
) -> None:
    door = Gate(allowed, [80], Names([found]), own=False)
    if left:
        with pytest.raises(KeptError):
            asyncio.run(door.addresses("a.example", 80))
    elif allowed:
        assert asyncio.run(door.addresses("a.example", 80)) == tuple(found)
    else:
        with pytest.raises(BlockedAddressError):
            asyncio.run(door.addresses("a.example", 80))


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


@pytest.mark.parametrize(
    ("host", "port", "refused", "trusted"),
    [
        ("a.example", 80, False, False),
        ("a.example", 22, True, False),
        ("1.1.1.1", 80, False, False),
        ("10.1.2.3", 80, False, True),
        ("10.1.2.3", 22, True, True),
        ("10.2.0.1", 80, True, False),
        ("::1", 80, True, False),
        ("fd00::1", 80, False, True),
    ],
)
def test_what_is_known_of_a_host_without_a_look_up(
    host: str, port: int, refused: bool, trusted: bool
) -> None:
    door = Gate(["10.1.0.0/16", "fd00::/8"], [80, 443])
    assert (door.refuses(host, port), door.trusts(host)) == (refused, trusted)


# --- look-ups under way -------------------------------------------------------------------


class Slow:
    """A resolver that answers when it is told to, and how often it was asked for each name."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if host.startswith("quick"):
            for _ in range(20):
                await asyncio.sleep(0)
        else:
            await self.ready.wait()
        return ["1.1.1.1"]


def test_all_who_want_to_know_a_name_share_one_look_up() -> None:
    async def run() -> tuple[list[tuple[str, ...]], list[str]]:
        slow = Slow()
        door = Gate([], [80], slow)
        waiting = [asyncio.create_task(door.addresses("a.example", 80)) for _ in range(3)]
        early = asyncio.create_task(door.look_up("a.example", 80, 60.0))
        while not slow.asked:
            await asyncio.sleep(0)
        waiting[0].cancel()  # it is not ended by one who gives up
        slow.ready.set()
        await early
        return await asyncio.gather(*waiting[1:]), slow.asked

    assert asyncio.run(run()) == ([("1.1.1.1",)] * 2, ["a.example"])


def test_a_name_that_takes_too_long_is_told_to_all_at_the_same_time() -> None:
    async def run() -> tuple[list[str], float]:
        slow = Slow()
        door = Gate([], [80], slow)
        loop, found = asyncio.get_running_loop(), []
        began = loop.time()
        for _ in range(20):
            with pytest.raises(socket.gaierror) as caught:
                await door.look_up("a.example", 80, 0.2)
            found.append(caught.value.strerror or "")
        took = loop.time() - began
        assert slow.asked == ["a.example"]
        slow.ready.set()
        # It went on, and in the end there is an answer.
        assert await door.addresses("a.example", 80) == ("1.1.1.1",)
        assert await door.look_up("a.example", 80, 0.0) == 0.0
        return found, took

    found, took = asyncio.run(run())
    assert found == ["the look-up of the name took too long"] * 20
    assert 0.2 <= took < 2


def test_the_time_in_line_for_a_look_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKUPS_AT_ONCE", 2)

    async def run() -> tuple[float, float]:
        slow = Slow()
        door = Gate([], [80], slow)
        loop = asyncio.get_running_loop()
        slows = [asyncio.create_task(door.look_up(f"{n}.example", 80, 1.0)) for n in range(2)]
        await asyncio.sleep(0)
        asked = loop.time()
        behind = asyncio.create_task(door.look_up("quick.example", 80, 0.8))
        # They have no answer, and still take the places of others.
        for gone in await asyncio.gather(*slows, return_exceptions=True):
            assert isinstance(gone, socket.gaierror)
        assert not behind.done()
        slow.ready.set()
        return await behind, loop.time() - asked

    counted, waited = asyncio.run(run())
    assert counted < 0.8 < 1.0 <= waited


def test_a_look_up_that_never_ends_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOKUPS_AT_ONCE", 1)
    monkeypatch.setattr(module, "LONGEST_LOOKUP", 0.05)

    async def run() -> Sequence[str]:
        door = Gate([], [80], Slow())
        async with asyncio.timeout(20):
            with pytest.raises(socket.gaierror, match="took too long"):
                await door.addresses("a.example", 80)
            return await door.addresses("quick.example", 80)

    assert asyncio.run(run()) == ("1.1.1.1",)


def test_nobody_waits_for_the_machine_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    began, over = threading.Event(), threading.Event()
    ended: list[bool] = []

    def never(*_: object, **__: object) -> None:
        began.set()
        ended.append(over.wait(30))
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    # A name server that does not answer is one of the machine's, which a test cannot change.
    monkeypatch.setattr(socket, "getaddrinfo", never)

    async def run() -> threading.Thread:
        asking = asyncio.create_task(system_resolver("a.example", 80))
        await asyncio.to_thread(began.wait)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return next(each for each in threading.enumerate() if each.name == "dns a.example")

    thread = asyncio.run(run())
    assert thread.daemon
    assert not ended
    over.set()
    thread.join()
