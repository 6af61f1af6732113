"""``feeds serve``: the application on uvicorn, with limits and logs of our own."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import Any, Final

import uvicorn

from feeds.config import Config
from server.app import SITE_VARIABLE, WATCH_VARIABLE, create_app, set_up_process
from server.protocol import BoundedProtocol

# Answers in flight get so long when the server is told to stop.
GRACE_SECONDS: Final = 8
KEEP_ALIVE_SECONDS: Final = 15
BACKLOG: Final = 4096


def serve(config: Config, watch: str) -> None:
    """Serve a site until a signal ends it; ``watch`` is as in ``[server] watch``.

    Raises ``SystemExit`` with another code than 0 if it cannot begin.
    """
    set_up_process(config)
    _allow_connections()
    options: dict[str, Any] = {
        "host": config.server.host,
        "port": config.server.port,
        "http": BoundedProtocol,
        "ws": "none",
        "loop": "uvloop",
        "lifespan": "on",
        "log_config": None,
        "access_log": config.server.access_log,
        "server_header": False,
        "forwarded_allow_ips": list(config.server.trusted_proxies),
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "backlog": BACKLOG,
    }
    if config.server.workers == 1:
        uvicorn.run(create_app(config, watch), **options)
        return
    # Workers are new processes, which find the site by their environment.
    os.environ[SITE_VARIABLE] = str(config.root)
    os.environ[WATCH_VARIABLE] = watch
    workers = config.server.workers
    uvicorn.run("server.app:from_environment", factory=True, workers=workers, **options)


def _allow_connections() -> None:
    """Every connection is an open file; take as many as the machine allows."""
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
