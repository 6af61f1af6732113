"""``feeds serve``: the application on uvicorn, with limits and logs of our own."""

from __future__ import annotations

import contextlib
import functools
import os
import resource
import signal
import socket
import sys
import threading
import time
from typing import Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from feeds.config import Config
from feeds.errors import AddressError
from server.app import set_up_process, worker
from server.protocol import BoundedProtocol

# To be over in ten seconds: answers in flight get so long when the server is told to stop,
# after which the builder and the ledger have a little time of their own.
GRACE_SECONDS: Final = 5
KEEP_ALIVE_SECONDS: Final = 15
BACKLOG: Final = 4096
# How often a worker looks whether its server is still there.
LOOK_SECONDS: Final = 0.5
# More open files than this would only be more memory for connections that do nothing.
MOST_FILES: Final = 65_536


def serve(config: Config, watch: str) -> None:
    """Serve a site until a signal ends it; ``watch`` is as in ``[server] watch``.

    Raises :class:`~feeds.errors.AddressError` where its address is taken or none of this
    machine, and ``SystemExit``, with another code than 0 if it cannot begin.
    """
    _check_address(config.server.host, config.server.port)
    set_up_process(config)
    _allow_connections()
    options = uvicorn.Config(
        functools.partial(_application, config, watch, os.getpid()),
        factory=True,
        host=config.server.host,
        port=config.server.port,
        workers=config.server.workers,
        http=BoundedProtocol,
        ws="none",
        loop="uvloop",
        lifespan="on",
        log_config=None,
        access_log=config.server.access_log,
        server_header=False,
        forwarded_allow_ips=list(config.server.trusted_proxies),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    if config.server.workers > 1:
        Multiprocess(options, sockets=[options.bind_socket()]).run()
        return
    server = uvicorn.Server(options)
    # uvicorn raises the signal that ended it once more, and all is well by then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _check_address(host: str, port: int) -> None:
    """Say in good time, and with what to do, what the server would only find out later."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        advice = "choose another with --host and --port, or with [server] host and port"
        raise AddressError(f"{host}:{port}: cannot be listened at: {reason}; {advice}") from error


def _application(config: Config, watch: str, server: int) -> Starlette:
    """The application in the process ``server``, or in a worker that it started."""
    if os.getpid() != server:
        threading.Thread(target=_end_with, args=(server,), daemon=True).start()
    return worker(config, watch)


def _end_with(server: int) -> None:
    """End this worker when its server does, even if that was killed: the port is wanted."""
    while os.getppid() == server:
        time.sleep(LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _allow_connections() -> None:
    """Every connection is an open file; take as many as are of use."""
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
