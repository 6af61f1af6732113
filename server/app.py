"""The feeds of a site as a Starlette application, for any ASGI server.

:func:`create_app` takes a configuration; :func:`from_environment` is what
``uvicorn --factory server.app:from_environment`` and its like need: it serves the site that
``FEEDS_SITE`` names and watches its files as ``FEEDS_WATCH`` says.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from feeds.config import Config
from feeds.configfile import load_config
from server.builder import Orders
from server.cache import FeedCache
from server.editions import UnavailableError
from server.keeper import keep_builder
from server.limit import Limit
from server.logs import set_up_logging
from server.recorder import SECONDS, Recorder
from server.routes import Elsewhere, Health, Metrics, Resource, Webhook
from server.shelf import Shelf
from server.status import Status, status_paths
from server.tally import Tally
from server.watch import request_build

logger = logging.getLogger("feeds.server")

FOLLOW_SECONDS: Final = 0.1
SITE_VARIABLE: Final = "FEEDS_SITE"
WATCH_VARIABLE: Final = "FEEDS_WATCH"

RESTART_SECONDS: Final = 1.0
# How long the end may take to write down the last counts.
CLOSE_SECONDS: Final = 1.0

# The thread that renders may hold a request up so long.
SWITCH_SECONDS: Final = 0.001


def create_app(config: Config, watch: str | None = None) -> Starlette:
    """The application for a site.

    ``watch`` says how changed files are noticed, in place of ``[server] watch``. The index
    is loaded and the builder started when the server starts the application (lifespan).
    """
    shelf = Shelf(config)
    tally = Tally(config.server.count_subscribers)
    recorder = Recorder(config.state, tally, config.server.withdrawn_days)
    health = Health(shelf, recorder)
    status = Resource(Status(shelf, recorder).status)
    limit = Limit(config.server.requests_per_minute) if config.server.requests_per_minute else None

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with contextlib.suppress(UnavailableError):
            await shelf.follow()
        changed = asyncio.Event()
        tasks = [
            asyncio.create_task(_always(lambda: _follow(shelf, changed))),
            asyncio.create_task(_always(lambda: _record(shelf, recorder, changed))),
            asyncio.create_task(_always(lambda: keep_builder(orders, config.state))),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await recorder.close()
        await shelf.close()

    def orders() -> Orders:
        # A builder that is started again goes on with the configuration that is served, for
        # there may be a mistake in the one on the disk.
        return Orders(shelf.config, watch or config.server.watch)

    app = Starlette(
        routes=[
            _route("/healthz", Resource(health.healthz)),
            _route("/readyz", Resource(health.readyz)),
            _route("/metrics", Resource(Metrics(shelf, recorder).metrics)),
            _route("/-/rebuild", Webhook(config)),
            *(_route(path, status) for path in status_paths(config)),
        ],
        lifespan=lifespan,
    )
    app.router.default = Elsewhere(shelf, recorder, tally, config)
    app.router.redirect_slashes = False  # it would lead to the Host of the request
    # Before Starlette's own handling of errors, which wraps every message that is sent.
    cached = FeedCache(app.build_middleware_stack(), shelf, tally, limit, config.server.delta)
    app.middleware_stack = cached
    return app


def _route(path: str, endpoint: ASGIApp) -> Route:
    """A route for exactly this path: Starlette's would take a line end behind it, too."""
    route = Route(path, endpoint)
    route.path_regex = re.compile(re.escape(path) + r"\Z")
    return route


def from_environment() -> Starlette:
    """The application for the site that the environment names, the current folder if none."""
    config = load_config(Path(os.environ.get(SITE_VARIABLE, ".")))
    return worker(config, os.environ.get(WATCH_VARIABLE))


def worker(config: Config, watch: str | None) -> Starlette:
    """The application in a process of its own."""
    set_up_process(config)
    return create_app(config, watch)


def set_up_process(config: Config) -> None:
    """What a process needs that does nothing but serve."""
    set_up_logging(config.server.log, config.server.access_log)
    sys.setswitchinterval(SWITCH_SECONDS)


async def _always(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run something that does not end; a fault of ours in it must not end the service."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("a task failed; it begins again in %.0f s", RESTART_SECONDS)
        await asyncio.sleep(RESTART_SECONDS)


async def _follow(shelf: Shelf, changed: asyncio.Event) -> None:
    """Take over what is built as soon as it is."""
    said = refused = ""
    while True:
        try:
            if await shelf.follow():
                changed.set()
            said = ""
        except UnavailableError as error:
            if str(error) != said:
                said = str(error)
                # At the very first start that is as it should be.
                logger.log(logging.WARNING if shelf.edition else logging.INFO, "%s", said)
        if shelf.damaged:
            fault = await _request_anew(shelf)
            if fault and fault != refused:
                logger.error("the index is damaged and no new one can be asked for: %s", fault)
            refused = fault
        await asyncio.sleep(FOLLOW_SECONDS)


async def _request_anew(shelf: Shelf) -> str:
    """Ask for an index in place of a damaged one; why that cannot be done, if it cannot."""
    try:
        await asyncio.to_thread(request_build, shelf.config.state, anew=True)
    except OSError as error:
        return str(error)
    shelf.damaged = False
    return ""


async def _record(shelf: Shelf, recorder: Recorder, changed: asyncio.Event) -> None:
    """Keep the ledger up to date, and at once when another edition is served."""
    while True:
        changed.clear()
        await recorder.record(shelf.number, shelf.memory)
        with contextlib.suppress(TimeoutError):
            # asyncio.wait_for may swallow a cancellation (CPython issue 86296).
            async with asyncio.timeout(SECONDS):
                await changed.wait()
