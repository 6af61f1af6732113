"""What Prometheus is told: everything that all workers of the site counted, at any of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from server.checker import LinkTotals
from server.recorder import BYTES, MADE, Totals

CONTENT_TYPE = CONTENT_TYPE_LATEST


def render(
    totals: Totals | None,
    newest_post: float | None,
    cache_bytes: int,
    links: LinkTotals | None = None,
    fault: str = "",
) -> bytes:
    """The text format; ``newest_post`` is seconds since 1970, ``fault`` what is wrong with
    the ledger.

    Without totals, which are in a ledger that cannot be read, nothing is said of them: a
    counter that begins again at 0 would be a lie.
    """
    registry = CollectorRegistry()
    good = totals is not None and not fault
    registry.register(_Totals(totals, good, newest_post, cache_bytes, links))
    return generate_latest(registry)


class _Totals(Collector):
    def __init__(
        self,
        totals: Totals | None,
        good: bool,
        newest_post: float | None,
        cache_bytes: int,
        links: LinkTotals | None,
    ) -> None:
        self._totals = totals
        self._good = good
        self._links = links
        self._newest_post = newest_post
        self._cache_bytes = cache_bytes

    def collect(self) -> Iterator[Metric]:
        text = "1 if what is counted, and how builds go, can be written down and read."
        yield _gauge("ledger_good", text, self._good)
        yield _gauge("cache_bytes", "Bytes that this worker keeps ready.", self._cache_bytes)
        if self._totals is not None:
            yield from _requests(self._totals)
            yield from _builds(self._totals)
            yield from _subscribers(self._totals)
        if self._links is not None:
            yield from _link_check(self._links)
        if self._newest_post is not None:
            age = max(time.time() - self._newest_post, 0)
            yield _gauge("newest_post_age_seconds", "Age of the newest post.", age)


def _requests(totals: Totals) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "feeds_requests",
        "Requests by kind and format of the feed, or part of a page, and status.",
        labels=["kind", "format", "status"],
    )
    answered = unchanged = 0
    for (kind, format, status), number in sorted(totals.requests.items()):
        requests.add_metric([kind, format, str(status)], number)
        if kind:
            answered += number
            unchanged += number if status == 304 else 0
    yield requests
    share = unchanged / answered if answered else 0
    yield _gauge("not_modified_share", "Share of requests for feeds answered 304.", share)
    made = totals.counters.get(MADE, 0)
    yield _counter("body_bytes", "Bytes of bodies sent.", totals.counters.get(BYTES, 0))
    yield _counter("cache_misses", "Answers that had to be made first.", made)
    yield _counter("cache_hits", "Answers that were ready.", max(answered - made, 0))


def _builds(totals: Totals) -> Iterator[Metric]:
    build = totals.build
    if build is None:
        return
    good = 0 if build.error else 1
    yield _gauge("last_build_good", "1 if the last build went well.", good)
    text = "When the last build began that changed anything, or failed."
    yield _gauge("last_build_timestamp_seconds", text, build.at)
    yield _gauge("last_build_seconds", "How long it took.", build.seconds)
    text = "When the feeds were last known to be up to date with the posts."
    yield _gauge("last_good_timestamp_seconds", text, build.good_at)
    yield _gauge("posts", "Posts that are published.", build.posts)
    yield _gauge("feeds", "Feeds that there are.", build.feeds)
    findings = GaugeMetricFamily(
        "feeds_findings", "What is wrong with posts, by level.", labels=["level"]
    )
    findings.add_metric(["warning"], build.warnings)
    findings.add_metric(["error"], build.errors)
    yield findings


def _subscribers(totals: Totals) -> Iterator[Metric]:
    numbers: dict[str, int] = defaultdict(int)
    for each in totals.subscribers:
        numbers[each.path] += each.number
    metric = GaugeMetricFamily(
        "feeds_subscribers",
        "Subscribers today: what aggregators tell, and distinct plain readers.",
        labels=["path"],
    )
    for path, number in sorted(numbers.items()):
        metric.add_metric([path], number)
    yield metric


def _link_check(links: LinkTotals) -> Iterator[Metric]:
    metric = GaugeMetricFamily("feeds_links", "Links of posts by verdict.", labels=["verdict"])
    for verdict, number in sorted(links.verdicts.items()):
        metric.add_metric([verdict], number)
    yield metric
    text = "When the last check of links ended."
    yield _gauge("link_check_timestamp_seconds", text, links.ended)
    yield _gauge("link_check_requests", "Addresses that it asked for.", links.asked)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"feeds_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"feeds_{name}", text, value=value)
