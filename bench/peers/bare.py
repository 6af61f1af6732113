"""``python -m bench.peers.bare PORT ANSWERS PROTOCOL``: the least that uvicorn can do.

An ASGI application that is a look-up in a dict. ``ANSWERS`` is a pickled file of them, by
path: status, header list and body. ``PROTOCOL`` is ``bounded`` for the class of this server or
``httptools`` for uvicorn's own. All other options are those of ``feeds serve``.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.protocol import BoundedProtocol
from server.run import BACKLOG, GRACE_SECONDS, KEEP_ALIVE_SECONDS

PROTOCOLS: Final[Mapping[str, Any]] = {"bounded": BoundedProtocol, "httptools": "httptools"}


class Frozen(NamedTuple):
    """All of one answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def application(answers: Mapping[str, Frozen]) -> ASGIApp:
    messages: dict[str, tuple[Message, Message]] = {
        path: (
            {"type": "http.response.start", "status": each.status, "headers": each.headers},
            {"type": "http.response.body", "body": each.body},
        )
        for path, each in answers.items()
    }

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        start, body = messages[scope["path"]]
        await send(start)
        await send(body)

    return app


def options(port: int, protocol: str) -> dict[str, Any]:
    """What uvicorn is run with, ``lifespan`` aside as ``feeds serve`` runs it."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "http": PROTOCOLS[protocol],
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": ["127.0.0.1", "::1"],
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "backlog": BACKLOG,
    }


def main() -> None:
    port, answers, protocol = sys.argv[1:]
    app = application(pickle.loads(Path(answers).read_bytes()))
    uvicorn.run(app, **options(int(port), protocol))


if __name__ == "__main__":
    main()
