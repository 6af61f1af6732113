"""What runs said, read beside the checker."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from feeds.errors import OutputError
from feeds.links.runs import (
    DAY,
    FILE_NAME,
    HOUR,
    MOST_POINTS,
    Run,
    by_verdict,
    last_news,
    last_run,
    past_runs,
    reading,
    telling,
)
from feeds.links.store import LinkStore
from feeds.models import Verdict

from .test_store import NOW, A, answer, link, put

# On the hour, so that a second more is in the same hour.
START = NOW - NOW % DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LinkStore]:
    with closing(LinkStore(tmp_path)) as opened:
        yield opened


def run(store: LinkStore, at: int, asked: int = 0) -> int:
    number = store.begin_run(at)
    store.end_run(number, at, asked, store.totals())
    store.save()
    return number


def news(state: Path) -> int:
    with reading(state) as db:
        found = last_news(db) if db else None
    return found.number if found else 0


def test_nothing_is_known_where_links_were_never_checked(tmp_path: Path) -> None:
    with reading(tmp_path) as db:
        assert db is None
    assert list(tmp_path.iterdir()) == []
    with closing(LinkStore(tmp_path)), reading(tmp_path) as db:
        assert db is not None
        assert (last_run(db), last_news(db), past_runs(db, 9)) == (None, None, [])


def test_a_store_that_cannot_be_read_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)

    def read() -> None:
        with reading(tmp_path) as db:
            assert db is not None
            last_run(db)

    with pytest.raises(OutputError, match=r"links.sqlite: .*; it may be deleted"):
        read()


def test_whoever_reads_waits_for_nobody_and_sees_what_was_saved(store: LinkStore) -> None:
    number = run(store, START, 3)
    put(store, "a.md", link(A))
    store.begin_run(START + 1)
    with reading(store.path.parent) as db:
        assert db is not None
        assert last_run(db) == Run(number, START, 3, {})


def test_a_run_is_news_if_it_asked_or_anything_changed(store: LinkStore, tmp_path: Path) -> None:
    first = run(store, START)
    assert news(tmp_path) == first
    run(store, START + 1)
    assert news(tmp_path) == first
    asked = run(store, START + 2, 1)
    assert news(tmp_path) == asked
    number = store.begin_run(START + 3)
    put(store, "a.md", link(A))
    store.end_run(number, START + 3, 0, store.totals())
    store.save()
    assert news(tmp_path) == number
    # The same links in another post.
    number = store.begin_run(START + 4)
    store.forget_posts(["a.md"])
    put(store, "b.md", link(A))
    store.end_run(number, START + 4, 0, store.totals())
    store.save()
    assert news(tmp_path) == number
    run(store, START + 5)
    assert news(tmp_path) == number


def test_a_run_with_nothing_to_say_is_news_once_an_hour(store: LinkStore, tmp_path: Path) -> None:
    numbers = [run(store, START + minutes * 60) for minutes in (0, 30, 59, 60, 61, 119, 120)]
    assert news(tmp_path) == numbers[-1]
    with reading(tmp_path) as db:
        assert db is not None
        found = last_news(db)
    assert found is not None
    assert found.ended == START + 2 * HOUR


def test_the_run_that_is_news_is_kept_however_old(store: LinkStore, tmp_path: Path) -> None:
    for hours in range(60):
        for minutes in (0, 20, 40):
            run(store, START + hours * HOUR + minutes * 60)
            assert news(tmp_path)
    with reading(tmp_path) as db:
        assert db is not None
        assert len(past_runs(db, 999)) <= MOST_POINTS


@pytest.mark.parametrize(
    ("ended", "wanted"),
    [
        ([], []),
        ([5], [0]),
        (range(MOST_POINTS), range(MOST_POINTS)),
        # A run a second for a minute and a half: two hours begin within it.
        (range(HOUR - 45, HOUR + 45), [44, 89]),
        # Every hour for five days: the last of each day.
        (range(0, 5 * DAY, HOUR), [23, 47, 71, 95, 119]),
        # Every day for two months: the last of them.
        (range(0, 60 * DAY, DAY), range(30, 60)),
    ],
)
def test_few_runs_tell_how_it_was(ended: range, wanted: range) -> None:
    assert telling(list(enumerate(ended))) == list(wanted)


def test_past_runs_come_with_their_totals_the_oldest_first(
    store: LinkStore, tmp_path: Path
) -> None:
    put(store, "a.md", link(A))
    run(store, START)
    answer(store, A, Verdict.GONE)
    run(store, START + DAY)
    store.begin_run(START + 2 * DAY)  # never ended
    store.save()
    with reading(tmp_path) as db:
        assert db is not None
        assert [each.totals for each in past_runs(db, 9)] == [
            {"source.skipped": 1},
            {"source.gone": 1},
        ]


def test_totals_by_role_are_totals_by_verdict() -> None:
    totals = {"source.gone": 2, "body.gone": 3, "back-home.wrong-host": 1, "ok": 4}
    assert by_verdict(totals) == {"gone": 5, "wrong-host": 1, "ok": 4}


def test_a_store_of_before_has_what_it_had(tmp_path: Path) -> None:
    """One that was made when runs were counted by verdict alone and posts had no category."""
    with closing(LinkStore(tmp_path)) as store:
        put(store, "a.md", link(A))
        run(store, START, 1)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as old, old:
        old.execute("DROP TABLE category")
        old.execute("DROP INDEX url_doubtful")
        old.execute("DROP INDEX link_doubtful")
        old.execute("DELETE FROM meta")
        old.execute("INSERT INTO meta VALUES ('counted', '{\"ok\": 7}')")
        old.execute("UPDATE run SET totals = '{\"ok\": 7}'")
    with closing(LinkStore(tmp_path)) as store:
        assert [each.url for each in store.occurrences()] == [A]
        number = store.begin_run(START + 9, follow=True)
        assert store.totals() == {"source.skipped": 1}
        store.end_run(number, START + 9, 0, store.totals())
        store.save()
    with reading(tmp_path) as db:
        assert db is not None
        assert [each.totals for each in past_runs(db, 9)] == [{"ok": 7}, {"source.skipped": 1}]
