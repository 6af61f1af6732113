"""What Prometheus reads, read by its own parser."""

from __future__ import annotations

import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from feeds.ledger import BuildRecord, Subscribers
from server import metrics
from server.recorder import BYTES, MADE, Totals

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

BUILD = BuildRecord(1_655_200_000.0, 0.25, "", 1_655_200_000.25, 36, 7, 4, 1)
REQUESTS = {
    ("site", "atom", 200): 20,
    ("site", "atom", 304): 60,
    ("tag", "json", 304): 15,
    ("tag", "json", 429): 5,
    ("", "", 404): 50,
    ("", "", 304): 50,
}
SUBSCRIBERS = [
    Subscribers("feed.atom", "Feedly", 120),
    Subscribers("feed.atom", "", 7),
    Subscribers('tag/a"b\\股市\n/feed.rss', "Feedbin feed-id:1", 3),
]
TOTALS = Totals(BUILD, REQUESTS, {BYTES: 123_456, MADE: 8}, SUBSCRIBERS)


def parsed(totals: Totals | None, newest: float | None = None, cache_bytes: int = 0) -> Samples:
    text = metrics.render(totals, newest, cache_bytes).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"feeds_{name}", tuple(sorted(labels.items()))]


def test_requests_are_told_apart_by_kind_format_and_status() -> None:
    samples = parsed(TOTALS)
    assert {
        (labels["kind"], labels["format"], int(labels["status"])): number
        for (name, pairs), number in samples.items()
        if name == "feeds_requests_total"
        for labels in [dict(pairs)]
    } == REQUESTS


def test_the_share_of_304_is_that_of_requests_for_feeds() -> None:
    assert value(parsed(TOTALS), "not_modified_share") == 0.75


def test_bytes_hits_and_misses() -> None:
    samples = parsed(TOTALS, cache_bytes=4_096)
    assert value(samples, "body_bytes_total") == 123_456
    assert value(samples, "cache_misses_total") == 8
    assert value(samples, "cache_hits_total") == 100 - 8
    assert value(samples, "cache_bytes") == 4_096


def test_the_last_build_and_what_it_found() -> None:
    samples = parsed(TOTALS)
    assert value(samples, "last_build_good") == 1
    assert value(samples, "last_build_timestamp_seconds") == BUILD.at
    assert value(samples, "last_build_seconds") == 0.25
    assert value(samples, "last_good_timestamp_seconds") == BUILD.good_at
    assert value(samples, "posts") == 36
    assert value(samples, "feeds") == 7
    assert value(samples, "findings", level="warning") == 4
    assert value(samples, "findings", level="error") == 1
    failed = Totals(BUILD._replace(error="no space"))
    assert value(parsed(failed), "last_build_good") == 0


def test_subscribers_of_a_feed_are_those_of_all_agents_and_its_readers() -> None:
    samples = parsed(TOTALS)
    assert value(samples, "subscribers", path="feed.atom") == 127
    assert value(samples, "subscribers", path='tag/a"b\\股市\n/feed.rss') == 3


def test_a_ledger_that_can_be_read_but_not_written_is_not_good() -> None:
    text = metrics.render(TOTALS, None, 0, fault="the disk is full").decode()
    assert "\nfeeds_ledger_good 0.0\n" in text
    assert "\nfeeds_posts 36.0\n" in text


def test_the_age_of_the_newest_post() -> None:
    assert 86_400 <= value(parsed(TOTALS, time.time() - 86_400), "newest_post_age_seconds") < 86_460
    assert value(parsed(TOTALS, time.time() + 86_400), "newest_post_age_seconds") == 0
    assert not any("age" in name for name, _ in parsed(TOTALS))


def test_a_server_that_did_nothing_yet_says_so() -> None:
    samples = parsed(Totals())
    assert value(samples, "not_modified_share") == 0
    assert value(samples, "cache_hits_total") == 0
    assert value(samples, "ledger_good") == 1
    assert not any(name.startswith("feeds_last_build") for name, _ in samples)


def test_what_is_not_known_is_not_said_to_be_nothing() -> None:
    """A counter that fell to 0 and came back would count everything twice."""
    samples = parsed(None, time.time(), 4_096)
    assert {name for name, _ in samples} == {
        "feeds_ledger_good",
        "feeds_cache_bytes",
        "feeds_newest_post_age_seconds",
    }
    assert value(samples, "ledger_good") == 0


@pytest.mark.parametrize("totals", [TOTALS, Totals(), None])
def test_names_are_what_prometheus_asks_for(totals: Totals | None) -> None:
    text = metrics.render(totals, time.time(), 1).decode()
    for family in text_string_to_metric_families(text):
        assert family.name.startswith("feeds_")
        assert family.documentation
        assert family.type in ("counter", "gauge")
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total")
    assert metrics.CONTENT_TYPE.startswith("text/plain; version=")
