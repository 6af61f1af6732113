"""The page of the server: how builds went, who asked and who subscribes.

In: what the ledger says of all workers. Out: a page that is made anew for each request, kept by
no cache and open to no script of another site, since it is for those who run the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from feeds.audience import by_feed
from feeds.catalog import folder_of, is_index
from feeds.config import Config
from feeds.pages.policy import FRAMELESS, HTML
from feeds.pages.render import policy_of_one_file, render_status
from feeds.pages.reports import StatusPage
from server.answers import NOSNIFF
from server.recorder import Recent, Recorder
from server.shelf import Shelf

MOST_FEEDS: Final = 50


class Status:
    """``[pages] status``: what there is to know of the server now."""

    def __init__(self, shelf: Shelf, recorder: Recorder) -> None:
        self._shelf = shelf
        self._recorder = recorder

    async def status(self, request: Request) -> Response:
        shelf = self._shelf
        recent = await self._recorder.recent(shelf.number, shelf.memory)
        page = status_page(shelf.config, recent, self._recorder.fault, datetime.now(UTC))
        document = await asyncio.to_thread(render_status, shelf.config, page)
        headers = {
            "cache-control": "no-store",
            "content-security-policy": policy_of_one_file() + FRAMELESS,
            "x-robots-tag": "noindex",
            NOSNIFF[0].decode(): NOSNIFF[1].decode(),
        }
        return Response(document.body, 200, headers, f"{HTML}; charset=utf-8")


def status_page(config: Config, recent: Recent, fault: str, now: datetime) -> StatusPage:
    """What the page shows; ``fault`` is what is wrong with the ledger."""
    audience = by_feed(recent.subscribers)
    return StatusPage(
        config.pages.status,
        now.astimezone(config.site.zone),
        fault,
        recent.build,
        recent.findings,
        recent.memory,
        recent.day,
        audience[:MOST_FEEDS],
        len(audience),
        recent.hours,
    )


def status_paths(config: Config) -> Iterator[str]:
    """The paths of requests that the page answers; none if it is switched off.

    Not below the path of the site's own address: what is not for everybody has one place.
    """
    path = config.pages.status
    if path:
        yield f"/{path}"
        if is_index(path):
            yield f"/{folder_of(path)}"
