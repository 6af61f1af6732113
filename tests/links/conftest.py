"""What tests of requests need: certificates, and a client that reaches loopback servers only."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from feeds.links.addresses import Gate, Resolver
from feeds.links.fetch import Manners, Outcome, check
from feeds.links.transport import GatedTransport

from .servers import ALLOWED, Authority, Loopback

SECURE = "secure.example"
AGENT = "Mozilla/5.0 (compatible; feeds/0; +https://news.example.org)"


@dataclass(frozen=True)
class Certificates:
    """TLS of a server, good and bad, and of a client that trusts the tests' authority."""

    contexts: Mapping[str, ssl.SSLContext]
    client: ssl.SSLContext
    authority: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("authority")
    authority = Authority(folder)
    contexts = {
        "TLS": authority.context("good", SECURE),
        "EXPIRED": authority.context("expired", SECURE, ends="200201000000Z"),
        "OTHER": authority.context("other", "other.example"),
        "SELF": authority.self_signed("self", SECURE),
    }
    client = ssl.create_default_context(cafile=authority.certificate)
    return Certificates(contexts, client, authority.certificate)


def gated(
    server: Loopback,
    context: ssl.SSLContext | None = None,
    allowed: Sequence[str] = (ALLOWED,),
    ports: Sequence[int] = (),
    resolve: Resolver | None = None,
) -> GatedTransport:
    """A transport that may ask the server and nobody else."""
    gate = Gate(allowed, [*server.ports.values(), *ports], resolve or server.resolve)
    return GatedTransport(gate, context or ssl.create_default_context())


def gated_client(
    server: Loopback, context: ssl.SSLContext | None = None, resolve: Resolver | None = None
) -> httpx.AsyncClient:
    """A client over such a transport."""
    return httpx.AsyncClient(transport=gated(server, context, resolve=resolve), trust_env=False)


def manners(timeout: float = 5.0, **more: object) -> Manners:
    return Manners(AGENT, timeout=timeout, pause=0.01, **more)  # type: ignore[arg-type]


async def ask(server: Loopback, url: str, how: Manners | None = None) -> Outcome:
    """Check one URL of a server with a transport of its own."""
    async with gated(server) as transport:
        return await check(transport, server.url(url), how or manners())
