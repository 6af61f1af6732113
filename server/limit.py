"""Who asks too often: a client that polls fast and without a condition.

In: the address and the User-Agent of a request. Out: how many seconds to wait, 0 for none.
Clients that send what they got (If-None-Match) cost nothing and are never limited.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from typing import Final

# Of more clients than this the longest idle are forgotten.
MOST_CLIENTS: Final = 20_000
# What tells clients apart; a proxy may pass on anything as an address.
LONGEST_ADDRESS: Final = 64
LONGEST_AGENT: Final = 128


class Limit:
    """A bucket of requests for every client, refilled as time goes by.

    ``per_minute`` requests may come at once, and as many in every minute after that.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._clients: OrderedDict[tuple[str, bytes], tuple[float, float]] = OrderedDict()

    def wait(self, address: str, agent: bytes) -> int:
        """Count a request; the seconds that its client has to wait first, 0 if it may go on."""
        now = self._clock()
        client = (address[:LONGEST_ADDRESS], agent[:LONGEST_AGENT])
        left, then = self._clients.pop(client, (float(self._per_minute), now))
        left = min(self._per_minute, left + (now - then) * self._per_minute / 60)
        wait = 0 if left >= 1 else ceil((1 - left) * 60 / self._per_minute)
        self._clients[client] = (left if wait else left - 1, now)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.popitem(last=False)
        return wait
