"""What a real service counts: requests to workers, what they add up to, who is in the files."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Sample
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import run_build, write_post
from tests.service import Service, free_port, serving, wait_until

ADDRESSES = ("203.0.113.77", "2001:db8:85a3::8a2e:370:7334")
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers)"

Samples = dict[tuple[str, str, str, str], float]


@pytest.fixture
def site(site: Path) -> Path:
    write_post(site, "a.md", tags="one")
    return site


def counters(service: Service) -> Samples:
    """Every counter by name, kind, format and status."""
    text = service.get("metrics").text
    return {
        (s.name, label(s, "kind"), label(s, "format"), label(s, "status")): s.value
        for family in text_string_to_metric_families(text)
        if family.type == "counter"
        for s in family.samples
    }


def label(sample: Sample, name: str) -> str:
    return sample.labels.get(name, "")


def fetch(service: Service, path: str, agent: str, address: str, **headers: str) -> int:
    sent = {"user-agent": agent, "x-forwarded-for": address, **headers}
    return service.get(path, headers=sent).status_code


def shown(site: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "feeds", "subscribers", str(site), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def ledger(site: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(site / ".feeds" / "ledger.sqlite")) as db:
        yield db


def requests(site: Path) -> dict[tuple[str, str, int], int]:
    """What all workers told the ledger until now."""
    query = "SELECT kind, format, status, sum(number) FROM request GROUP BY 1, 2, 3"
    with ledger(site) as db:
        return {(kind, format, status): n for kind, format, status, n in db.execute(query)}


def workers(site: Path) -> set[int]:
    with ledger(site) as db:
        return {int(id.partition("-")[0]) for (id,) in db.execute("SELECT id FROM worker")}


def test_workers_tell_one_truth_which_only_grows(site: Path) -> None:
    run_build(site)  # so that both workers have something from the beginning
    with serving(site, free_port(), "--workers", "2") as service:
        wait_until(lambda: len(workers(site)) == 2)
        before = counters(service)
        seen = [before]
        etag = service.get("feed.atom").headers["etag"]
        for turn in range(8):
            for address in ADDRESSES:
                assert fetch(service, "feed.atom", "Reader/1.0", address) == 200
                agent = FEEDLY.format(turn)
                headers = {"if-none-match": etag}
                assert fetch(service, "feed.atom", agent, address, **headers) == 304
            # Every connection may be another worker's.
            seen.append(counters(service))
        assert fetch(service, "tag/none/feed.atom", "Reader/1.0", ADDRESSES[0]) == 404
        sent = {("site", "atom", 304): 16, ("site", "atom", 200): 17, ("", "", 404): 1}
        # Whoever is asked what was counted writes it down.
        wait_until(lambda: bool(counters(service)) and sent.items() <= requests(site).items())
        killed = min(workers(site))
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: len(workers(site) - {killed}) == 2)
        for _ in range(5):
            seen.append(counters(service))
            assert fetch(service, "tag/one/feed.rss", "Reader/1.0", ADDRESSES[0]) == 200
        for earlier, later in pairwise(seen):
            assert {name: later[name] for name in earlier if later[name] < earlier[name]} == {}
        service.stop()

        files = [path for path in (site / ".feeds").rglob("*") if path.is_file()]
        stored = b"".join(path.read_bytes() for path in files)
        assert b"Feedly" in stored
        for address in ADDRESSES:
            assert address.encode() not in stored
            assert ipaddress.ip_address(address).packed not in stored
        assert {**sent, ("tag", "rss", 200): 5}.items() <= requests(site).items()
        [feed] = [each for each in shown(site) if each["path"] == "feed.atom"]
        assert feed["agents"] == {"Feedly": 7}
        assert feed["readers"] == 3  # the two, and the test itself


def test_bytes_hits_and_misses_are_those_of_requests(site: Path) -> None:
    with serving(site, free_port()) as service:
        start = counters(service)

        def since(name: str) -> float:
            key = (f"feeds_{name}_total", "", "", "")
            return counters(service)[key] - start[key]

        whole = service.get("feed.json", headers={"accept-encoding": "identity"})
        assert since("body_bytes") == len(whole.content)
        assert since("cache_hits") + since("cache_misses") == 1
        misses = since("cache_misses")
        etag = whole.headers["etag"]
        assert service.get("feed.json", headers={"if-none-match": etag}).status_code == 304
        service.get("feed.json", headers={"accept-encoding": "identity"})
        assert since("body_bytes") == 2 * len(whole.content)
        assert since("cache_misses") == misses
        assert since("cache_hits") == 3 - misses
        service.get("feed.json", headers={"accept-encoding": "identity;q=0"})
        assert counters(service)["feeds_requests_total", "", "", "406"] == 1
        service.stop()


def test_with_the_key_switched_off_nobody_is_counted(site: Path) -> None:
    with (site / "config.toml").open("a") as config:
        config.write("[server]\ncount_subscribers = false\n")
    with serving(site, free_port()) as service:
        assert fetch(service, "feed.atom", FEEDLY.format(5), ADDRESSES[0]) == 200
        assert fetch(service, "feed.atom", "Reader/1.0", ADDRESSES[0]) == 200
        assert counters(service)["feeds_requests_total", "site", "atom", "200"] == 2
        service.stop()
    assert shown(site) == []


def test_who_looks_at_pages_subscribes_to_nothing(site: Path) -> None:
    config = (site / "config.toml").read_text("utf-8")
    text = config.replace('directory = ""', 'directory = "index.html"')
    (site / "config.toml").write_text(text, "utf-8")
    with serving(site, free_port()) as service:
        for path in ("index.html", "feeds.css", "feeds.js"):
            assert fetch(service, path, "Mozilla/5.0 (X11) Firefox/150.0", ADDRESSES[0]) == 200
        assert counters(service)["feeds_requests_total", "page", "directory", "200"] == 1
        service.stop()
    assert shown(site) == []


def test_what_was_built_and_found_is_told(site: Path) -> None:
    """Of a site as it is now, and not as the first build left it."""
    with serving(site, free_port()) as service:
        before = gauges(service)
        assert (before["feeds_posts", ""], before["feeds_feeds", ""]) == (1, 2)
        assert before["feeds_newest_post_age_seconds", ""] > 86_400
        written = datetime.now(UTC) - timedelta(seconds=60)
        write_post(site, "b.md", written.isoformat(timespec="seconds"), tags="two")
        write_post(site, "undated.md", "")
        wait_until(lambda: gauges(service)["feeds_posts", ""] == 2)
        after = gauges(service)
        assert after["feeds_feeds", ""] == 3
        found = [after["feeds_findings", level] for level in ("warning", "error")]
        assert sum(found) == 1
        assert 59 <= after["feeds_newest_post_age_seconds", ""] < 600
        assert 0 < after["feeds_last_build_seconds", ""] < 60
        assert after["feeds_last_build_good", ""] == 1
        (site / "config.toml").write_text("[site", "utf-8")
        wait_until(lambda: gauges(service)["feeds_last_build_good", ""] == 0)
        assert gauges(service)["feeds_posts", ""] == 2
        service.stop()


def gauges(service: Service) -> dict[tuple[str, str], float]:
    """Every gauge by name and level."""
    return {
        (sample.name, label(sample, "level")): sample.value
        for family in text_string_to_metric_families(service.get("metrics").text)
        if family.type == "gauge"
        for sample in family.samples
    }
