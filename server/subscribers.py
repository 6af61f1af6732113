"""How many subscribe to a feed: what aggregators tell in their User-Agent, and plain readers.

In: visits. Out: the most that each aggregator told, and a sketch of those who read for
themselves, from which nobody's address can be had.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from feeds.sketch import sketch
from server.tally import Visit

COUNT: Final = re.compile(
    r"(?<![\w.,/-])(?P<before>[0-9]{1,3}(?:[,.][0-9]{3})+|[0-9]+)\+?\s+"
    r"(?:subscriber|reader|follower)(?:s|\(s\))?(?!\w)"
    r"|\b(?:subscribers|readers|users)(?:\s*+[=:]\s*+|\s++)(?P<after>[0-9]+)(?![\w.])",
    re.IGNORECASE,
)
FEED_ID: Final = re.compile(r"\bfeed-?id\s*[=:]\s*([\w./+-]{1,64})", re.IGNORECASE)
NAME_END: Final = re.compile(r"[/(;,]|\s-\s|\sfeed-?id\b|(?:^|\s)\d", re.IGNORECASE)
COMPATIBLE: Final = re.compile(r"Mozilla[/ ][^(]*\(compatible;\s*(.*)", re.DOTALL)
MOST_SUBSCRIBERS: Final = 100_000_000
LONGEST_NAME: Final = 60

# These read for nobody.
MACHINES: Final = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|preview|monitor|uptime|scan|validator|archiver|headless",
    re.IGNORECASE,
)


class Told(NamedTuple):
    """What an aggregator says: its name (with its id for the feed), how many subscribers."""

    agent: str
    number: int


@dataclass(slots=True)
class Audience:
    """Who came: ``subscribers`` by path and agent, sketches of ``readers`` by path."""

    subscribers: dict[tuple[str, str], int] = field(default_factory=dict)
    readers: dict[str, bytes] = field(default_factory=dict)


def told(agent: str) -> Told | None:
    """What a User-Agent tells of subscribers, ``None`` if it tells nothing."""
    match = COUNT.search(agent)
    if match is None:
        return None
    number = int(re.sub("[,.]", "", match["before"] or match["after"]))
    browser = COMPATIBLE.match(agent)
    named = NAME_END.split(browser[1] if browser else agent, maxsplit=1)[0]
    name = named.strip()[:LONGEST_NAME].strip() or "unnamed"
    feed_id = FEED_ID.search(agent)
    if feed_id:
        name = f"{name} feed-id:{feed_id[1]}"
    return Told(name, min(number, MOST_SUBSCRIBERS))


def audience(visits: Iterable[Visit]) -> Audience:
    """What some visits say of a site's audience."""
    found = Audience()
    readers: dict[str, list[bytes]] = {}
    for path, raw, address in visits:
        agent = "".join(filter(str.isprintable, raw.decode("utf-8", "replace")))
        said = told(agent)
        if said is not None:
            key = (path, said.agent)
            found.subscribers[key] = max(said.number, found.subscribers.get(key, 0))
        elif agent and not MACHINES.search(agent):
            who = f"{address}\0{agent}".encode()
            readers.setdefault(path, []).append(who)
    found.readers = {path: sketch(each) for path, each in readers.items()}
    return found
