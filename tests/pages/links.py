"""Links of a made-up site as if they had been checked day by day; nobody is asked."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Final

from feeds.asking import CheckOptions
from feeds.check import check
from feeds.configfile import load_config
from feeds.links.fetch import Outcome
from feeds.links.schedule import Asked
from feeds.links.store import LinkStore
from feeds.models import Verdict
from feeds.workers import Workers, processes

# What a server may say to leave the place that its words are put into.
SAID: Final = '"><script>window.broken = 8</script>\x1b[31m\u202e'
ANSWERS: Final = (
    Outcome(Verdict.GONE, status=404),
    Outcome(Verdict.SOFT_404, SAID, 200),
    Outcome(Verdict.DNS, "no such host"),
    Outcome(Verdict.DENIED, status=403),
    Outcome(Verdict.TIMEOUT),
)
EVERY: Final = 7  # address is broken
DAYS: Final = 12


def check_links(root: Path, last: datetime) -> None:
    """Runs on as many days up to the last, of which each finds a few more links broken."""
    config = load_config(root)
    with contextlib.closing(LinkStore(config.state)) as store:
        with Workers(1, processes) as workers:
            first = last - timedelta(days=DAYS)
            check(config, store, first, workers, CheckOptions(offline=True))
        query = "SELECT id, url FROM url ORDER BY id"
        addresses = [Asked(*row) for row in store._rows(query)]
        broken = dict(zip((each.id for each in addresses[::EVERY]), cycle(ANSWERS), strict=False))
        for day in range(1, DAYS + 1):
            at = int((first + timedelta(days=day)).timestamp())
            run = store.begin_run(at)
            so_far = set(list(broken)[: len(broken) * (day + DAYS) // (2 * DAYS)])
            good = Outcome(Verdict.OK, status=200)
            results = [(a, broken[a.id] if a.id in so_far else good) for a in addresses]
            store.record(results, at)
            store.end_run(run, at, len(results), store.totals())
        store.save()
