"""``feeds check`` alone and with a Dask cluster, in turn: what each spends on a link.

In: posts with distinct links to many hosts (:mod:`bench.links`) and a web on loopback addresses
(:mod:`bench.web`), both made for the run. Out: a section of ``docs/scaling.md``.

A worker never asks loopback addresses, since those of one machine are not those of another. So
names of hosts are looked up, in all programs alike, as addresses of the network that is meant for
benchmarks (RFC 2544), and a connection to one of them leads to a loopback address.

Whole processes read all posts, judge their links and ask for each once. A run counts only if every
link was found to be good and the web got one request for each.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from bench import links, web
from bench.aside import put_aside
from bench.build import settle
from bench.check import STATE, thousands, verdicts
from bench.corpora import SETTLING
from bench.machines import MODELLED, Shares, cluster, timed_beside
from bench.measure import WrongError, in_turn
from bench.table import markdown, ratios, spread
from bench.web import Web

LINKS: Final = 20_000
HOSTS: Final = 400
NETWORK: Final = "198.18.0.0/16"

NAMES: Final = f"""\
import socket
known, connect = socket.getaddrinfo, socket.socket.connect
def look_up(host, port, *arguments, **more):
    if not str(host).endswith(".example"):
        return known(host, port, *arguments, **more)
    number = int(str(host)[1:].partition(".")[0]) % {len(web.HOSTS)} + 2
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"198.18.0.{{number}}", port))]
def reach(self, address):
    if isinstance(address, tuple) and address[0].startswith("198.18."):
        address = ("127.0." + address[0][7:], *address[1:])
    return connect(self, address)
socket.getaddrinfo, socket.socket.connect = look_up, reach
"""
CHECK: Final = f"{NAMES}\nfrom feeds.cli import main; main()"

WAYS: Final = {"one process": 0, "cluster, 1 worker": 1, "cluster, 2 workers": 2}
ALONE, TWO = "one process", "cluster, 2 workers"


def part(rounds: int) -> str:
    """Measure, and report; raises :class:`~bench.measure.WrongError`."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as folder, web.serving() as served:
        return written(measured(Path(folder), served, LINKS, rounds), LINKS)


def measured(folder: Path, served: Web, number: int, rounds: int) -> dict[str, list[Shares]]:
    """Check in every way in every round, another one first in each."""
    root = folder / "site"
    hosts = [f"h{host}.example:{served.port}" for host in range(HOSTS)]
    links.write_site(root, number, hosts, NETWORK)
    # Files that are as new as the scan are not trusted.
    time.sleep(SETTLING)
    found: dict[str, list[Shares]] = {way: [] for way in WAYS}
    for each in range(rounds):
        for way in in_turn(list(WAYS), each):
            found[way].append(run(way, root, folder, served, number))
        rates = ", ".join(f"{way} {number / found[way][-1].wall:,.0f}" for way in WAYS)
        print(f"round {each + 1} of {rounds}, links/s: {rates}", file=sys.stderr, flush=True)
    return found


def run(way: str, root: Path, folder: Path, served: Web, number: int) -> Shares:
    """Raises :class:`~bench.measure.WrongError` unless each link was asked for once and is good."""
    put_aside(root, STATE)
    command = [sys.executable, "-c", CHECK, "check", str(root), "--jobs", "1"]
    before = served.requests()
    if WAYS[way]:
        with cluster(folder, WAYS[way], NAMES) as (address, spent):
            settle()
            cost = timed_beside([*command, "--cluster", address], spent)
    else:
        settle()
        cost = timed_beside(command)
    asked = served.requests() - before - 1
    if asked != number or verdicts(root) != {"ok": number}:
        what = f"{asked:,} requests for {number:,} links, found {verdicts(root)!r}"
        raise WrongError(f"feeds check, {way}: {what}")
    return cost


# --- the report -----------------------------------------------------------------------------

HEAD: Final = ("way", "links/s", "of one process", "CPU here, µs/link", "CPU of workers, µs/link")
MODEL_HEAD: Final = ("workers", "links/s")


def written(found: dict[str, list[Shares]], number: int) -> str:
    modelled = [[str(workers), bounds(found[TWO], number, workers)] for workers in MODELLED]
    lines = [
        f"### {number:,} links to {HOSTS} hosts, asked for",
        "",
        markdown(HEAD, [[way, *columns(found[way], found[ALONE], number)] for way in WAYS]),
        "What follows for so many workers with a core each, at best and at worst:",
        "",
        markdown(MODEL_HEAD, modelled),
    ]
    return "\n".join(lines)


def columns(costs: Sequence[Shares], alone: Sequence[Shares], number: int) -> list[str]:
    rates, theirs = ([number / cost.wall for cost in each] for each in (costs, alone))
    here, there = (
        spread([seconds / number * 1e6 for seconds in of_all]).written(0)
        for of_all in ([cost.here for cost in costs], [cost.there for cost in costs])
    )
    workers = there if any(cost.there for cost in costs) else ""
    return [thousands(rates), spread(ratios(rates, theirs)).written(2), here, workers]


def bounds(costs: Sequence[Shares], number: int, workers: int) -> str:
    """As in ``3,400–1,200``: if here and there work at the same time all along, and if never."""
    here = median(cost.here for cost in costs) / number
    there = median(cost.there for cost in costs) / number / workers
    return f"{1 / max(here, there):,.0f}–{1 / (here + there):,.0f}"
