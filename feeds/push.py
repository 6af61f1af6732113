"""Telling hubs of changed feeds (WebSub, PubSubHubbub 0.4 section 7).

In: what the ledger says is owed. Out: one request to every hub for all its feeds, and the
ledger without what was told. What a hub refuses is tried again later, each time later, feed
by feed in case it was their number that it did not like.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

from feeds.ledger import Ledger, Push

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("feeds.push")

TIMEOUT: Final = 20.0
TOPICS_AT_ONCE: Final = 100
FIRST_RETRY: Final = 60.0
GROWTH: Final = 4.0
LONGEST_RETRY: Final = 86_400.0
MOST_TRIES: Final = 7


def client() -> httpx.Client:
    """A client for hubs. The hubs are the user's own choice, so it may use a proxy."""
    import httpx

    from feeds import __version__

    return httpx.Client(timeout=TIMEOUT, headers={"user-agent": f"feeds/{__version__}"})


def tell_hubs(ledger: Ledger, client: httpx.Client, now: Callable[[], float]) -> int:
    """Tell hubs what they should know by now; how many feeds were told of.

    Never raises for what a hub does.
    """
    told = 0
    for batch in _batches(ledger.due(now())):
        error, wait = _tell(client, batch)
        if not error:
            ledger.settle(batch)
            told += len(batch)
            continue
        tries = batch[0].tries + 1
        if tries >= MOST_TRIES:
            ledger.settle(batch)
            logger.error("%s: %s; given up after %d tries", batch[0].hub, error, tries)
            continue
        wait = max(wait, retry_seconds(tries))
        ledger.postpone(batch, now() + wait)
        logger.warning("%s: %s; tried again in %d s", batch[0].hub, error, wait)
    return told


def retry_seconds(tries: int) -> float:
    """How long to wait after so many tries."""
    return min(FIRST_RETRY * GROWTH ** (tries - 1), LONGEST_RETRY)


def _batches(pushes: Sequence[Push]) -> Iterator[list[Push]]:
    for (_, tries), group in groupby(pushes, key=lambda push: (push.hub, push.tries)):
        together = list(group)
        size = TOPICS_AT_ONCE if tries == 0 else 1
        for start in range(0, len(together), size):
            yield together[start : start + size]


def _tell(client: httpx.Client, batch: Sequence[Push]) -> tuple[str, float]:
    """What went wrong, empty if nothing did, and how long the hub wants to be left alone."""
    import httpx

    data = {"hub.mode": "publish", "hub.url": [push.topic for push in batch]}
    try:
        response = client.post(batch[0].hub, data=data)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{type(error).__name__}: {error}", 0.0
    if response.is_success:
        return "", 0.0
    after = response.headers.get("retry-after", "")
    wait = float(after) if after.isascii() and after.isdecimal() else 0.0
    return f"answered {response.status_code}", min(wait, LONGEST_RETRY)
