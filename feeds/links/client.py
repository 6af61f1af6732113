"""What ``[links]`` says of requests, as manners and as a transport that keeps to them.

In: a configuration, and the environment for what is kept secret. Out: :class:`Manners`, and a
transport that reaches only what the gate lets through, bare or below an
:class:`httpx.AsyncClient`.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final
from urllib.parse import quote

import httpx

from feeds import __version__
from feeds.config import Config, secret_of
from feeds.configfile import config_path
from feeds.errors import ConfigError
from feeds.links.addresses import Gate, Resolver
from feeds.links.fetch import Manners
from feeds.links.pace import Turns
from feeds.links.schedule import Pace
from feeds.links.transport import GatedTransport

# What the value of a header may hold (RFC 9110 section 5.5), as far as everybody understands it.
VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")


def manners_of(
    config: Config, environment: Mapping[str, str] = os.environ, gate: Gate | None = None
) -> Manners:
    """How the configuration wants hosts to be asked; names are looked up beforehand at a gate.

    Raises :class:`~feeds.errors.ConfigError` for a header that cannot be sent, and for a secret
    that the environment does not hold.
    """
    links = config.links
    problems: list[str] = []
    user_agent = links.user_agent or default_user_agent(config.site.url)
    if not VALUE.fullmatch(user_agent):
        problems.append("links.user_agent: expected one line of ASCII")
    headers = {
        pattern.lower(): {
            name: _value(f'links.headers."{pattern}".{name}', value, environment, problems)
            for name, value in lines.items()
        }
        for pattern, lines in links.headers.items()
    }
    if problems:
        raise ConfigError(config_path(config.root), problems)
    return Manners(
        user_agent=user_agent,
        timeout=links.timeout,
        headers=headers,
        accept=accepted(config),
        remap=links.remap,
        turns=Turns(links.per_host, links.interval),
        look_up=gate.look_up if gate else None,
        trusted=(gate or gate_of(config)).trusts,
    )


def pace_of(config: Config) -> Pace:
    """How fast the configuration wants hosts to be asked."""
    links = config.links
    return Pace(links.concurrency, links.per_host, links.interval)


def accepted(config: Config) -> dict[str, frozenset[int]]:
    """The statuses that mean well, by pattern of host."""
    return {pattern.lower(): frozenset(codes) for pattern, codes in config.links.accept.items()}


def default_user_agent(site_url: str) -> str:
    """Who asks, and where to find whoever is behind it."""
    site = quote(site_url, safe="!$%&'()*+,-./:;=?@[]_~#")
    return f"Mozilla/5.0 (compatible; feeds/{__version__}; +{site})"


def _value(key: str, value: str, environment: Mapping[str, str], problems: list[str]) -> str:
    """The value of a header; what is wrong with it goes to ``problems``."""
    try:
        found = secret_of(value, environment).strip()
    except KeyError:
        problems.append(f"{key}: the environment has no {value[1:]}")
        return ""
    if not VALUE.fullmatch(found):
        problems.append(f"{key}: expected one line of ASCII")
    return found


def gate_of(config: Config, resolve: Resolver | None = None, own: bool = True) -> Gate:
    """What the configuration lets through, for one event loop; without ``own`` what leads to
    the machine itself is left to another."""
    return Gate(config.links.allow_addresses, config.links.ports, resolve, own=own)


def transport_of(config: Config, gate: Gate) -> httpx.AsyncBaseTransport:
    """A transport that connects to what a gate lets through.

    Raises :class:`~feeds.errors.ConfigError` for certificates that cannot be read.
    """
    return GatedTransport(gate, ssl_context(config))


def client_of(config: Config, gate: Gate | None = None) -> httpx.AsyncClient:
    """A client over such a transport, which collects no cookies."""
    return httpx.AsyncClient(
        transport=transport_of(config, gate or gate_of(config)),
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )


def ssl_context(config: Config) -> ssl.SSLContext:
    """Whom to trust: the usual authorities, or those that the configuration names."""
    ca_file = config.links.ca_file
    if not ca_file:
        context = httpx.create_ssl_context(trust_env=False)
    else:
        path = config.root / ca_file
        try:
            context = ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = "holds no certificates" if isinstance(error, ssl.SSLError) else error
            problem = f"links.ca_file: {path} cannot be read: {reason}"
            raise ConfigError(config_path(config.root), [problem]) from error
    context.set_alpn_protocols(["http/1.1"])
    return context
