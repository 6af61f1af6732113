"""Manners and client as the configuration describes them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from feeds import __version__
from feeds.config import Config, Links, Site
from feeds.errors import ConfigError
from feeds.links.client import client_of, gate_of, manners_of, ssl_context, transport_of
from feeds.links.fetch import check
from feeds.models import Verdict

from .conftest import SECURE, Certificates
from .servers import ALLOWED, Loopback, page

SITE = Site("https://news.example.org")


def config(root: Path, **links: object) -> Config:
    return Config(root, SITE, links=Links(**links))  # type: ignore[arg-type]  # the keys that a test is about


def test_the_program_and_the_site_are_named_and_no_word_that_gets_blocked(tmp_path: Path) -> None:
    agent = manners_of(config(tmp_path)).user_agent
    assert agent == f"Mozilla/5.0 (compatible; feeds/{__version__}; +https://news.example.org)"
    assert not {"link", "python", "bot", "crawl"} & set(agent.lower().replace("/", " ").split())
    other = replace(config(tmp_path), site=Site("https://新闻.example.org/博客"))
    assert manners_of(other).user_agent.isascii()
    assert manners_of(config(tmp_path, user_agent="Ours/1")).user_agent == "Ours/1"


def test_settings_become_manners(tmp_path: Path) -> None:
    remap = {"https://a.example/": "http://b.example/"}
    manners = manners_of(config(tmp_path, timeout=3.0, accept={"*.A.example": (403,)}, remap=remap))
    assert manners.timeout == 3.0
    assert manners.accepted("x.a.example") == {403}
    assert manners.accepted("a.example") == frozenset()
    assert manners.asked_for("https://a.example/x") == "http://b.example/x"


def test_headers_may_be_secrets_of_the_environment(tmp_path: Path) -> None:
    headers = {"*.a.example": {"Authorization": "$TOKEN", "X-Plain": "yes"}}
    manners = manners_of(config(tmp_path, headers=headers), {"TOKEN": "Bearer 1\n"})
    expected = {"Authorization": "Bearer 1", "X-Plain": "yes"}
    assert manners.headers_for("https", "x.a.example") == expected
    assert manners.headers_for("https", "a.example") == {}


@pytest.mark.parametrize(
    ("pattern", "scheme", "host", "sent"),
    [
        ("a.example", "https", "a.example", {"X-Key", "User-Agent"}),
        ("a.example", "http", "a.example", {"User-Agent"}),
        ("https://a.example", "https", "a.example", {"X-Key", "User-Agent"}),
        ("https://a.example", "http", "a.example", set()),
        ("HTTP://a.example", "http", "a.example", {"X-Key", "User-Agent"}),
        ("http://a.example", "https", "a.example", set()),
        ("http://*:8000", "http", "a.example:8000", {"X-Key", "User-Agent"}),
        # Networks of one's own, where they are written as addresses.
        ("10.1.*", "http", "10.1.2.3", {"X-Key", "User-Agent"}),
        ("10.1.*", "http", "10.1.2.3:8000", {"X-Key", "User-Agent"}),
        ("*", "http", "[fd00::1]:8000", {"X-Key", "User-Agent"}),
        ("*", "http", "10.2.0.1", {"User-Agent"}),
        ("*", "http", "1.1.1.1", {"User-Agent"}),
        ("*", "http", "10.1.2.3.example", {"User-Agent"}),
    ],
)
def test_secrets_are_sent_where_nobody_else_can_read_them(
    tmp_path: Path, pattern: str, scheme: str, host: str, sent: set[str]
) -> None:
    headers = {pattern: {"X-Key": "secret", "User-Agent": "Ours"}}
    ours = config(tmp_path, headers=headers, allow_addresses=("10.1.0.0/16", "fd00::/8"))
    assert set(manners_of(ours).headers_for(scheme, host)) == sent


def test_headers_that_cannot_be_sent_are_all_told_by_their_keys(tmp_path: Path) -> None:
    headers = {"a.example": {"X-A": "$NONE", "X-B": "$SPLIT", "X-C": "fine"}}
    broken = config(tmp_path, headers=headers, user_agent="猫")
    with pytest.raises(ConfigError) as caught:
        manners_of(broken, {"SPLIT": "a\r\nHost: b"})
    assert caught.value.problems == (
        "links.user_agent: expected one line of ASCII",
        'links.headers."a.example".X-A: the environment has no NONE',
        'links.headers."a.example".X-B: expected one line of ASCII',
    )
    assert "Host: b" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\x00"])
def test_certificates_that_cannot_be_read_are_told_by_their_key(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(ConfigError, match=r"links\.ca_file: .*ca\.pem"):
        transport_of(broken := config(tmp_path, ca_file="ca.pem"), gate_of(broken))


def test_the_usual_authorities_are_trusted_where_no_other_is_named(tmp_path: Path) -> None:
    context = ssl_context(config(tmp_path))
    assert len(context.get_ca_certs()) > 50
    assert context.check_hostname


def test_a_transport_reaches_what_the_configuration_allows(
    tmp_path: Path, certificates: Certificates
) -> None:
    async def run() -> list[Verdict]:
        contexts = {"TLS": certificates.contexts["TLS"]}
        async with Loopback({"*": {"*": page()}}, contexts) as server:
            ours = config(
                tmp_path,
                ca_file=str(certificates.authority),
                allow_addresses=(ALLOWED,),
                ports=(server.ports["TLS"],),
            )
            urls = [
                f"https://{SECURE}:@TLS@/",
                f"http://{SECURE}:@HTTP@/",
                "https://127.0.0.1:@TLS@/",
            ]
            gate = gate_of(ours, server.resolve)
            async with transport_of(ours, gate) as transport:
                manners = manners_of(ours, gate=gate)
                found = [await check(transport, server.url(url), manners) for url in urls]
            return [outcome.verdict for outcome in found]

    assert asyncio.run(run()) == [Verdict.OK, Verdict.BLOCKED, Verdict.BLOCKED]


def test_the_client_collects_no_cookies(tmp_path: Path) -> None:
    async def run() -> int:
        routes = {"*": {"*": page("x", "A page", "set-cookie: a=1; Path=/")}}
        async with Loopback(routes) as server:
            ours = config(tmp_path, allow_addresses=(ALLOWED,), ports=(server.ports["HTTP"],))
            async with client_of(ours, gate_of(ours, server.resolve)) as client:
                response = await client.get(server.url("http://a.example:@HTTP@/"))
                assert "set-cookie" in response.headers
                return len(client.cookies)

    assert asyncio.run(run()) == 0
