"""Links by verdict, followed through whatever happens to them."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.links import tally
from feeds.links.fetch import Outcome
from feeds.links.store import LinkStore
from feeds.models import Role, Verdict

from .test_store import NOW, answer, asked, link, put

URLS = [f"http://{host}.example/" for host in "abc"]
SAID = st.sampled_from([None, Verdict.EMPTY, Verdict.SKIPPED])
LINKS = st.builds(
    lambda url, role, said: link("" if said else url, role, verdict=said),
    st.sampled_from(URLS),
    st.sampled_from([Role.SOURCE, Role.SOURCE, Role.BODY]),
    SAID,
)
PATHS = st.sampled_from(["a.md", "b.md", "c.md"])
ANSWERS = st.sampled_from([Verdict.OK, Verdict.GONE, Verdict.DENIED])
EVENTS = st.one_of(
    st.tuples(st.just("put"), PATHS, st.lists(LINKS, max_size=4)),
    st.tuples(st.just("forget"), PATHS),
    st.tuples(st.just("answer"), st.sampled_from(URLS), ANSWERS),
    st.tuples(st.just("prune")),
    st.tuples(st.just("forget all")),
)


def happen(store: LinkStore, what: str, *more: Any) -> None:
    match what:
        case "put":
            put(store, more[0], *more[1])
        case "forget":
            store.forget_posts([more[0]])
        case "answer":
            known = [url for (url,) in store._rows("SELECT url FROM url")]
            if more[0] in known:
                answer(store, *more)
        case "prune":
            store.prune()
        case "forget all":
            store.forget_posts()


def told(store: LinkStore) -> dict[str, int]:
    """Links by role and verdict as a report tells them."""
    return Counter(f"{each.role}.{each.verdict or Verdict.SKIPPED}" for each in store.occurrences())


@settings(deadline=None)  # disks may be slow
@given(st.lists(st.lists(EVENTS, max_size=6), max_size=4), st.sampled_from([1, 50_000]))
def test_what_was_followed_is_what_a_report_tells(runs: list[list[Any]], most: int) -> None:
    with (
        tempfile.TemporaryDirectory() as state,
        closing(LinkStore(Path(state))) as store,
        pytest.MonkeyPatch.context() as bound,
    ):
        bound.setattr(tally, "MOST_TOUCHED", most)
        for events in runs:
            run = store.begin_run(NOW, follow=True)
            for event in events:
                happen(store, *event)
                assert store.totals() == told(store)
            store.end_run(run, NOW, 0, store.totals())
        assert store.totals() == told(store)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LinkStore]:
    with closing(LinkStore(tmp_path)) as opened:
        yield opened


def test_a_run_that_did_not_end_leaves_nothing_to_go_on_from(store: LinkStore) -> None:
    put(store, "a.md", link(URLS[0]))
    store.end_run(store.begin_run(NOW), NOW, 0, store.totals())
    store.begin_run(NOW, follow=True)
    answer(store, URLS[0], Verdict.OK)
    store.begin_run(NOW, follow=True)
    put(store, "b.md", link(URLS[1]))
    assert store.totals() == told(store) == {"source.ok": 1, "source.skipped": 1}


def test_counting_costs_what_changed(store: LinkStore) -> None:
    for number in range(300):
        urls = (f"http://a.example/{number}-{each}" for each in range(30))
        put(store, f"{number:03}.md", *(link(url, Role.BODY) for url in urls))
    store.end_run(store.begin_run(NOW), NOW, 0, store.totals())
    gone = asked(store, "http://a.example/9-9"), Outcome(Verdict.GONE)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    store.begin_run(NOW, follow=True)
    store._db.set_progress_handler(count, 100)
    put(store, "150.md", link("http://a.example/150-7", Role.BODY), link(URLS[1]))
    store.record([gone], NOW)
    store.prune()
    found = store.totals()
    store._db.set_progress_handler(None, 0)
    # 9,000 links: to look at each of them is 100,000 steps of SQLite.
    assert steps * 100 < 10_000
    assert found == told(store)
