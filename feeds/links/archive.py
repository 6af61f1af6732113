"""Archived copies of pages that are gone, from the Wayback Machine's availability API.

In: addresses. Out: for each that has one the address of its newest good copy
(archive.org/help/wayback_api.php: ``archived_snapshots.closest``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson

from feeds.errors import FeedsError
from feeds.links.addresses import BlockedAddressError
from feeds.links.urls import InvalidURLError, target_of

LARGEST_ANSWER: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.5  # between two questions; nobody is in a hurry here


class ArchiveError(FeedsError):
    """The archive does not answer as it should."""


async def copies(
    client: httpx.AsyncClient, api: str, user_agent: str, urls: Iterable[str]
) -> AsyncIterator[tuple[str, str]]:
    """Each address with its copy, empty where there is none.

    Raises :class:`ArchiveError` as soon as the archive does not answer.
    """
    for number, url in enumerate(urls):
        if number:
            await asyncio.sleep(PAUSE_SECONDS)
        yield url, copy_in(await _answer(client, f"{api}?url={quote(url, safe='')}", user_agent))


async def _answer(client: httpx.AsyncClient, question: str, user_agent: str) -> Any:
    headers = {"User-Agent": user_agent, "Accept": "application/json"}
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            async with client.stream("GET", question, headers=headers) as response:
                if response.status_code != 200:
                    raise ArchiveError(f"{question}: status {response.status_code}")
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        raise ArchiveError(f"{question}: the answer is too long")
        return orjson.loads(body)
    except TimeoutError as error:
        raise ArchiveError(f"{question}: no answer within {TIMEOUT_SECONDS:g} s") from error
    except (httpx.HTTPError, OSError, BlockedAddressError) as error:
        raise ArchiveError(f"{question}: {error}") from error
    except orjson.JSONDecodeError as error:
        raise ArchiveError(f"{question}: the answer is no JSON: {error}") from error


def copy_in(answer: Any) -> str:
    """The copy that an answer names, empty if it names none that was a good answer."""
    closest: Any = answer
    for key in ("archived_snapshots", "closest"):
        closest = closest.get(key) if isinstance(closest, dict) else None
    if not isinstance(closest, dict) or closest.get("available") is not True:
        return ""
    if str(closest.get("status", "200")) != "200":
        return ""
    try:
        url = target_of(str(closest.get("url", "")), "").url
    except InvalidURLError:
        return ""
    # The API names its copies by http, which leads on to https.
    return url.replace("http://web.archive.org/", "https://web.archive.org/", 1)
