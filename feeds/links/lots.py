"""Addresses in lots, for several machines to ask for: what makes one, and how it is asked for.

In: the due addresses of hosts, some of each at a time. Out: a :data:`Lot`, which is a value and
can be sent anywhere, and what was :class:`Returned` of it. A host is in one lot at a time, and
where asking it stands goes with it; so its pace is the same, whoever asks.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import httpx

from feeds.config import Config
from feeds.links.addresses import KeptError, is_address, is_own
from feeds.links.fetch import Manners, Outcome, check
from feeds.links.pace import Stand
from feeds.links.schedule import Asked, Pace, Schedule
from feeds.links.urls import host_of
from feeds.models import Verdict

# Fewer addresses than these are asked for sooner than others are told of them.
WORTH_THE_WAY: Final = 200
MOST_OF_HOST: Final = 32
MOST_IN_LOT: Final = 64
MOST_LARGE: Final = 8  # hosts that may have more, in one lot
LOTS_EACH: Final = 4  # for each worker there should be, so that none waits for the last
LOT_SECONDS: Final = 5.0  # after which nothing of a lot is begun any more
HURRY_SECONDS: Final = 1.5  # for what is in flight when a run is stopped


class Share(NamedTuple):
    """Some addresses of a host, by their numbers, and where asking it stands."""

    host: str
    stand: Stand
    asked: Sequence[Asked]


Lot: TypeAlias = tuple[Share, ...]


class Returned(NamedTuple):
    """What came of a lot: what was ``found``; the hosts that want to rest, with the time (seconds
    since 1970); its ``shares`` with what is left of them; ``kept`` are addresses that lead to a
    host that only the machine asks that sent the lot."""

    found: Sequence[tuple[Asked, Outcome]] = ()
    rests: Sequence[tuple[str, float]] = ()
    shares: Lot = ()
    kept: Sequence[Asked] = ()


# --- what makes a lot ---------------------------------------------------------------------


def most_of(stand: Stand) -> int:
    """How many addresses of a host go into one lot: as many as may be begun in its time."""
    if not stand.interval:
        return MOST_OF_HOST
    return min(max(int(LOT_SECONDS / stand.interval), 1), MOST_OF_HOST)


def lot_size(due: int, workers: int) -> int:
    """How many addresses a lot has at most, of so many that are due."""
    return min(max(due // (LOTS_EACH * max(workers, 1)), 1), MOST_IN_LOT)


def lots(shares: Iterable[Share], size: int) -> Iterator[Lot]:
    """Hosts that may have more go together, since each takes all of a lot's time, and fewer where
    there is little for everybody; small ones go together, up to ``size`` addresses."""
    most_large = max(size * MOST_LARGE // MOST_IN_LOT, 1)
    large: list[Share] = []
    small: list[Share] = []
    number = 0
    for share in shares:
        if len(share.asked) >= min(most_of(share.stand), size):
            large.append(share)
            if len(large) == most_large:
                yield tuple(large)
                large = []
            continue
        if number + len(share.asked) > size:
            yield tuple(small)
            small, number = [], 0
        small.append(share)
        number += len(share.asked)
    yield from (tuple(rest) for rest in (large, small) if rest)


def weight(lot: Lot) -> int:
    """How much a lot wants at once: something of every host that may have more, and all of the
    others."""
    return sum(1 if len(share.asked) >= most_of(share.stand) else len(share.asked) for share in lot)


def kept_here(config: Config) -> tuple[str, ...]:
    """Patterns of the hosts that no other machine asks: those that get ``headers``, which may be
    secrets, and those in whose place another is asked."""
    headers = (pattern.lower().rpartition("://")[2] for pattern in config.links.headers)
    remap = (host_of(f"{old}/") for old in config.links.remap if "://" in old)
    return tuple(dict.fromkeys([*headers, *remap]))


def is_kept(host: str, patterns: Sequence[str]) -> bool:
    """Whether a host is one of these, or the machine itself, which is another elsewhere."""
    name = urlsplit(f"//{host}").hostname or ""
    return _is_this_machine(name) or any(fnmatchcase(host, pattern) for pattern in patterns)


def _is_this_machine(name: str) -> bool:
    if is_address(name):
        return is_own(ipaddress.ip_address(name))
    return name == "localhost" or name.endswith(".localhost")


# --- asking for one -----------------------------------------------------------------------


class Means(NamedTuple):
    """What it takes to ask; ``places`` are the connections of all lots of a machine."""

    transport: httpx.AsyncBaseTransport
    manners: Manners
    pace: Pace
    places: asyncio.Semaphore


# What a schedule is told of addresses that are not asked for.
_KEPT: Final = Outcome(Verdict.SKIPPED)
_LATE: Final = Outcome(Verdict.SKIPPED)


class _Shares:
    """The addresses of a lot, as a schedule asks for them."""

    def __init__(self, lot: Lot) -> None:
        self._asked = {share.host: share.asked for share in lot}

    def due_hosts(self) -> Iterator[str]:
        return iter(self._asked)

    def due(self, host: str, after: int, limit: int) -> list[Asked]:
        return [asked for asked in self._asked[host] if asked.id > after][:limit]


async def ask(lot: Lot, means: Means, hurry: asyncio.Event) -> Returned:
    """Ask for a lot as far as its time goes, and after ``hurry`` for what is nearly there."""
    found: list[tuple[Asked, Outcome]] = []
    rests: list[tuple[str, float]] = []
    kept: list[Asked] = []
    late = asyncio.Event()
    turns = means.manners.turns
    for share in lot:
        turns.resume(share.host, share.stand)

    async def fetch(url: str) -> Outcome:
        async with means.places:
            if late.is_set():
                return _LATE
            try:
                return await check(means.transport, url, means.manners)
            except KeptError:
                return _KEPT

    def done(asked: Asked, outcome: Outcome) -> None:
        if outcome is _KEPT:
            kept.append(asked)
        elif outcome is not _LATE:
            found.append((asked, outcome))

    def rest(host: str, until: float) -> None:
        rests.append((host, until))

    schedule = Schedule(_Shares(lot), means.pace, fetch, done, rest, turns.stand)
    if not hurry.is_set():
        await _run(schedule, late, hurry)
    over = {asked.id for asked in (*kept, *(asked for asked, _ in found))}
    shares = (
        Share(share.host, turns.stand(share.host), [a for a in share.asked if a.id not in over])
        for share in lot
    )
    return Returned(found, rests, tuple(shares), kept)


async def _run(schedule: Schedule, late: asyncio.Event, hurry: asyncio.Event) -> None:
    running = asyncio.create_task(schedule.run())
    hurrying = asyncio.create_task(hurry.wait())
    either = (running, hurrying)
    try:
        await asyncio.wait(either, timeout=LOT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        schedule.stop()
        late.set()
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([running], timeout=HURRY_SECONDS)
        if running.done():
            running.result()
    finally:
        for task in either:
            task.cancel()
        await asyncio.gather(*either, return_exceptions=True)


async def ask_all(lot: Lot, hurry: asyncio.Event, *, means: Means) -> Returned:
    """The same in as many rounds as it takes, but for hosts that want to rest."""
    found: list[tuple[Asked, Outcome]] = []
    rests: dict[str, float] = {}
    ended: dict[str, Share] = {}
    while lot and not hurry.is_set():
        returned = await ask(lot, means, hurry)
        found += returned.found
        rests |= dict(returned.rests)
        ended |= {share.host: share for share in returned.shares}
        lot = tuple(each for each in returned.shares if each.asked and each.host not in rests)
    return Returned(found, tuple(rests.items()), tuple(ended.values()))


def all_kept(lot: Lot) -> Returned:
    """A lot that nobody asks for elsewhere."""
    asked = [each for share in lot for each in share.asked]
    return Returned(shares=tuple(share._replace(asked=()) for share in lot), kept=asked)


def again(lot: Lot, wanted: Sequence[Asked], now: Mapping[str, Share]) -> Lot:
    """Those addresses of a lot that are wanted, with where their hosts stand now."""
    ids = {asked.id for asked in wanted}
    shares = (
        Share(share.host, now[share.host].stand, [each for each in share.asked if each.id in ids])
        for share in lot
    )
    return tuple(share for share in shares if share.asked)
