"""Telling hubs of changed feeds (PubSubHubbub 0.4 section 7, which WebSub leaves to hubs).

In: what the ledger says is owed. Out: one request to every hub for all its feeds, and the
ledger without what was told. All hubs are told at once, so that none waits for a slow one.
What a hub does not take is tried again later, each time later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from feeds.ledger import Ledger, Push

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger("feeds.push")

# Seconds for one request, from the look-up of the hub's address to its answer.
TIMEOUT: Final = 20.0
TOPICS_AT_ONCE: Final = 100
FIRST_RETRY: Final = 60.0
GROWTH: Final = 4.0
LONGEST_RETRY: Final = 86_400.0
MOST_TRIES: Final = 7
# What may be said of the message rather than of the moment or of whoever sends it.
REFUSALS: Final = frozenset({400, 413, 422})


class Reply(NamedTuple):
    """What came of a message: ``error`` is empty if the hub took it.

    ``refused`` says that another message may be taken, ``wait`` how many seconds the hub
    wants to be left alone.
    """

    error: str = ""
    refused: bool = False
    wait: float = 0.0


def tell_hubs(ledger: Ledger, now: Callable[[], float]) -> int:
    """Tell hubs what they should know by now; how many feeds were told of.

    ``now`` is seconds since 1970. Never raises for what a hub does.
    """
    pushes = ledger.due(now())
    if not pushes:
        return 0
    return len(asyncio.run(_tell_all(ledger, pushes, now)))


async def _tell_all(
    ledger: Ledger, pushes: Sequence[Push], now: Callable[[], float]
) -> frozenset[str]:
    import httpx

    from feeds import __version__

    # The hubs are the user's own choice, so they may be behind a proxy.
    headers = {"user-agent": f"feeds/{__version__}"}
    async with httpx.AsyncClient(timeout=TIMEOUT, headers=headers) as client:
        hubs = [list(group) for _, group in groupby(pushes, key=lambda push: push.hub)]
        told = await asyncio.gather(*(_tell(ledger, client, owed, now) for owed in hubs))
    return frozenset[str]().union(*told)


async def _tell(
    ledger: Ledger, client: httpx.AsyncClient, owed: list[Push], now: Callable[[], float]
) -> set[str]:
    """Tell one hub all that it is owed; the topics that it was told of.

    One message that is refused is said again feed by feed, in case it was their number that
    the hub did not like. After any other failure it is left alone.
    """
    told: set[str] = set()
    batches = [
        owed[start : start + TOPICS_AT_ONCE] for start in range(0, len(owed), TOPICS_AT_ONCE)
    ]
    while batches:
        batch = batches.pop(0)
        reply = await _send(client, batch, now)
        if not reply.error:
            ledger.settle(batch)
            told.update(push.topic for push in batch)
        elif not reply.refused:
            _put_off(ledger, [*batch, *(push for each in batches for push in each)], reply, now())
            break
        elif len(batch) > 1:
            batches[:0] = [[push] for push in batch]
        else:
            _put_off(ledger, batch, reply, now())
    return told


async def _send(
    client: httpx.AsyncClient, batch: Sequence[Push], now: Callable[[], float]
) -> Reply:
    import httpx

    topics = [push.topic for push in batch]
    data: dict[str, str | list[str]] = {"hub.mode": "publish", "hub.url": topics}
    if len(topics) == 1:
        data["hub.topic"] = topics  # what some hubs call it, who then take but one
    try:
        # Only the status counts; no hub is listened to for longer.
        async with (
            asyncio.timeout(TIMEOUT),
            client.stream("POST", batch[0].hub, data=data) as response,
        ):
            wait = retry_after(response.headers.get("retry-after", ""), now())
            return reply(response.status_code, wait)
    except TimeoutError:
        return Reply(f"no answer within {TIMEOUT:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return Reply(f"{type(error).__name__}: {error}".removesuffix(": "))


def reply(status: int, wait: float) -> Reply:
    """What a status means; ``wait`` is what Retry-After says."""
    if 200 <= status < 300:
        return Reply()
    return Reply(f"answered {status}", status in REFUSALS, wait)


def retry_after(value: str, now: float) -> float:
    """The seconds that a Retry-After header asks for (RFC 9110 section 10.2.3), a day at most."""
    if value.isascii() and value.isdecimal():
        seconds = float(value[:9])
    else:
        try:
            date = parsedate_to_datetime(value)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY)


def retry_seconds(tries: int) -> float:
    """How long to wait after so many tries."""
    return min(FIRST_RETRY * GROWTH ** (tries - 1), LONGEST_RETRY)


def _put_off(ledger: Ledger, pushes: Sequence[Push], reply: Reply, now: float) -> None:
    """Try again later what was tried not too often yet."""
    hub = pushes[0].hub
    if reply.wait:
        ledger.leave_alone(hub, now + reply.wait)
    for tries, group in groupby(sorted(pushes, key=_tries), _tries):
        owed = list(group)
        if tries + 1 >= MOST_TRIES:
            ledger.settle(owed)
            said = f"given up after {tries + 1} tries"
        else:
            wait = max(reply.wait, retry_seconds(tries + 1))
            ledger.postpone(owed, now + wait)
            said = f"the next try is due in {wait:.0f} s"
        logger.warning("%s: not told of %s: %s; %s", hub, _feeds(owed), reply.error, said)


def _tries(push: Push) -> int:
    return push.tries


def _feeds(pushes: Sequence[Push]) -> str:
    return pushes[0].topic if len(pushes) == 1 else f"{len(pushes)} feeds"
