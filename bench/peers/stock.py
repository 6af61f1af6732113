"""``python -m bench.peers.stock SITE``: ``feeds check`` over httpx's own connection pools.

Everything is the program's own but what is below httpx: its transports as they come, a pool
for each host, since one pool for all hosts looks through all of its connections at each
request. No address is judged, so it is for measuring only.
"""

from __future__ import annotations

import sys

import httpx

from feeds import cli
from feeds.config import Config
from feeds.links import client
from feeds.links.addresses import Gate


class PoolPerHost(httpx.AsyncBaseTransport):
    """Sends each request over the pool of its host."""

    def __init__(self, connections: int) -> None:
        self._limits = httpx.Limits(
            max_connections=connections, max_keepalive_connections=connections
        )
        self._verify = httpx.create_ssl_context(trust_env=False)
        self._pools: dict[tuple[str, int | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host, request.url.port
        pool = self._pools.get(host)
        if pool is None:
            pool = httpx.AsyncHTTPTransport(verify=self._verify, limits=self._limits)
            self._pools[host] = pool
        return await pool.handle_async_request(request)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()


def transport_of(config: Config, gate: Gate) -> httpx.AsyncBaseTransport:
    """In place of the program's own transport."""
    return PoolPerHost(config.links.per_host)


def main() -> None:
    client.transport_of = transport_of
    sys.argv = ["feeds", "check", *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
