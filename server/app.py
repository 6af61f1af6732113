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
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from feeds.config import Config, load_config
from server.builder import Orders
from server.cache import FeedCache
from server.editions import UnavailableError
from server.keeper import keep_builder
from server.limit import Limit
from server.logs import set_up_logging
from server.recorder import SECONDS, Recorder
from server.routes import Elsewhere, Health, Metrics, Webhook
from server.shelf import Shelf
from server.tally import Tally

logger = logging.getLogger("feeds.server")

FOLLOW_SECONDS: Final = 0.1
SITE_VARIABLE: Final = "FEEDS_SITE"
WATCH_VARIABLE: Final = "FEEDS_WATCH"

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
    limit = Limit(config.server.requests_per_minute) if config.server.requests_per_minute else None
    elsewhere = Elsewhere(shelf, recorder, tally, config)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        orders = Orders(config, watch or config.server.watch)
        with contextlib.suppress(UnavailableError):
            await shelf.follow()
        tasks = [
            asyncio.create_task(_follow(shelf, recorder)),
            asyncio.create_task(_record(shelf, recorder)),
            asyncio.create_task(keep_builder(orders)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await recorder.close()
        await shelf.close()

    return Starlette(
        routes=[
            Route("/healthz", health.healthz),
            Route("/readyz", health.readyz),
            Route("/metrics", Metrics(shelf, recorder).metrics),
            Route("/-/rebuild", Webhook(config).rebuild, methods=["POST"]),
            Route("/{path:path}", elsewhere),
        ],
        middleware=[
            Middleware(FeedCache, shelf=shelf, tally=tally, limit=limit, delta=config.server.delta)
        ],
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """The application for the site that the environment names, the current folder if none."""
    config = load_config(Path(os.environ.get(SITE_VARIABLE, ".")))
    set_up_process(config)
    return create_app(config, os.environ.get(WATCH_VARIABLE))


def set_up_process(config: Config) -> None:
    """What a process needs that does nothing but serve."""
    set_up_logging(config.server.log, config.server.access_log)
    sys.setswitchinterval(SWITCH_SECONDS)


async def _follow(shelf: Shelf, recorder: Recorder) -> None:
    """Take over what is built as soon as it is."""
    said = ""
    while True:
        try:
            if await shelf.follow():
                await recorder.record(shelf.number)
            said = ""
        except UnavailableError as error:
            if str(error) != said:
                said = str(error)
                logger.warning("%s", said)
        await asyncio.sleep(FOLLOW_SECONDS)


async def _record(shelf: Shelf, recorder: Recorder) -> None:
    """Keep the ledger up to date."""
    while True:
        await recorder.record(shelf.number)
        await asyncio.sleep(SECONDS)
