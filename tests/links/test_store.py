from __future__ import annotations

import contextlib
import multiprocessing
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.errors import OutputError
from feeds.links import store as module
from feeds.links.dead import dead_sources
from feeds.links.fetch import Outcome
from feeds.links.rules import Judged
from feeds.links.schedule import Asked
from feeds.links.store import LinkStore, Occurrence
from feeds.links.urls import target_of
from feeds.links.verdict import standing
from feeds.models import Link, Role, Standing, Verdict

HOUR = 3_600
DAY = 24 * HOUR
NOW = 1_700_000_000
A, B, C = "http://a.example/1", "http://b.example/1", "http://a.example/2"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LinkStore]:
    opened = LinkStore(tmp_path, 0.05)
    yield opened
    opened.close()


def link(
    url: str, role: Role = Role.SOURCE, line: int = 9, verdict: Verdict | None = None
) -> Judged:
    target = None if verdict else target_of(url, "")
    return Judged(Link(role, "", url, line), verdict, "said" if verdict else "", target)


def put(store: LinkStore, path: str, *links: Judged, run: int = 1, digest: bytes = b"1") -> None:
    store.put_post(path, digest, f"https://example.com/{path}", run, links)


def asked(store: LinkStore, url: str, now: int = NOW + 999 * DAY) -> Asked:
    """An address as it is handed out to be asked."""
    found = [each for host in store.due_hosts(now) for each in store.due(host, 0, 999, now)]
    return next(each for each in found if each.url == url)


def answer(store: LinkStore, url: str, verdict: Verdict, now: int = NOW, **more: Any) -> None:
    store.record([(asked(store, url), Outcome(verdict, **more))], now)


def only(store: LinkStore) -> Occurrence:
    (found,) = store.occurrences()
    return found


def due(store: LinkStore, now: int) -> list[str]:
    return [each.url for host in store.due_hosts(now) for each in store.due(host, 0, 999, now)]


# --- what is kept -------------------------------------------------------------------------


def test_a_link_is_told_as_it_was_put(store: LinkStore) -> None:
    put(
        store,
        "a.md",
        Judged(Link(Role.BODY, "字", "//A.example/1#x", 7), None, "", target_of(f"{A}#x", "")),
    )
    assert only(store) == Occurrence(
        "a.md", 7, "body", "字", "//A.example/1#x", None, "", f"{A}#x", 0, "", 0, 0, 0, None
    )
    answer(store, f"{A}#x", Verdict.MOVED, status=301, final_url=B, detail="d" * 900)
    assert only(store)[5:] == (
        Verdict.MOVED, "d" * 500, f"{A}#x", 301, B, NOW, 0, 0, Verdict.MOVED
    )  # fmt: skip


def test_what_needs_no_request_is_never_due(store: LinkStore) -> None:
    put(
        store,
        "a.md",
        link("", verdict=Verdict.EMPTY),
        link("../x", Role.BACK_HOME, 9, Verdict.RELATIVE),
    )
    assert due(store, NOW) == []
    assert [(each.verdict, each.detail) for each in store.occurrences()] == [
        (Verdict.EMPTY, "said"),
        (Verdict.RELATIVE, "said"),
    ]


def test_links_come_by_post_and_line(store: LinkStore) -> None:
    put(store, "b.md", link(A, line=9), link(C, Role.BODY, 3))
    put(store, "a.md", link(B, line=5), link(C, Role.IMAGE, 5))
    found = [(each.post, each.line, each.url) for each in store.occurrences()]
    assert found == [("a.md", 5, B), ("a.md", 5, C), ("b.md", 3, C), ("b.md", 9, A)]


def test_links_of_some_roles_or_of_posts_that_changed(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(C, Role.BODY), run=1)
    put(store, "b.md", link(B), link(C, Role.IMAGE), run=2)
    assert [each.url for each in store.occurrences(["source"])] == [A, B]
    assert [each.url for each in store.occurrences(["body", "image"])] == [C, C]
    assert [each.url for each in store.occurrences(since_run=2)] == [B, C]
    assert [each.url for each in store.occurrences(["source"], 2)] == [B]
    assert [each.url for each in store.occurrences(since_run=3)] == []
    assert {each.url for each in store.occurrences()} == {A, B, C}


def test_of_posts_that_changed_only_their_addresses_are_due_or_asked_again(
    store: LinkStore,
) -> None:
    put(store, "a.md", link(A), link(C, Role.BODY), run=1)
    put(store, "b.md", link(B), link(C, Role.IMAGE), link(C, Role.BODY), run=2)
    assert (store.count_due(NOW), store.count_due(NOW, 2), store.count_due(NOW, 3)) == (3, 2, 0)
    found = [each for host in store.due_hosts(NOW) for each in store.due(host, 0, 9, NOW, 2)]
    assert sorted(each.url for each in found) == sorted([B, C])
    for url in (A, B, C):
        answer(store, url, Verdict.OK)
    assert (store.count_due(NOW), store.count_due(NOW, 2)) == (0, 0)
    # What is known and not due is not left to be asked for.
    store.record([(found[0], Outcome(Verdict.OK))], NOW - 99 * DAY)
    assert (store.count_due(NOW), store.count_due(NOW, 2)) == (1, 1)
    store.ask_again(2)
    assert sorted(due(store, NOW)) == sorted([B, C])


def test_a_host_is_asked_again_with_the_posts_that_changed(store: LinkStore) -> None:
    put(store, "a.md", link(A), run=1)
    put(store, "b.md", link(B), run=2)
    for host in ("a.example", "b.example"):
        store.rest(host, NOW + DAY)
    assert store.count_due(NOW, 1) == 0
    store.ask_again(2)
    assert due(store, NOW) == [B]


def test_a_post_that_is_put_again_has_its_new_links_only(store: LinkStore) -> None:
    put(store, "a.md", link(A), digest=b"1")
    put(store, "a.md", link(B), digest=b"2")
    assert only(store).url == B
    assert store.digests() == {"a.md": b"2"}


def test_what_was_found_outlives_the_post_that_it_was_found_for(store: LinkStore) -> None:
    put(store, "a.md", link(A))
    answer(store, A, Verdict.OK)
    store.forget_posts()
    put(store, "b.md", link(A))
    store.prune()
    assert only(store).verdict is Verdict.OK


def test_addresses_that_no_post_has_are_pruned(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(C, Role.BODY))
    put(store, "b.md", link(B))
    store.put_archived(A, "https://archive.example/a", NOW)
    store.put_archived(B, "https://archive.example/b", NOW)
    store.forget_posts(["a.md", "unknown.md"])
    store.prune()
    assert due(store, NOW) == [B]
    assert list(store.due_hosts(NOW)) == ["b.example"]
    assert store.archived() == {B: "https://archive.example/b"}
    put(store, "a.md", link(A))
    assert sorted(due(store, NOW)) == [A, B]


def test_a_post_has_its_category_as_long_as_it_is_known(store: LinkStore) -> None:
    def categories() -> list[tuple[str, str]]:
        query = "SELECT path, name FROM category JOIN post ON post.id = category.post ORDER BY path"
        return list(store._rows(query))

    for path, category in (("a.md", "x"), ("b.md", ""), ("c.md", "y"), ("c.md", "z")):
        store.put_post(path, b"1", "", 1, [link(A)], category)
    assert categories() == [("a.md", "x"), ("c.md", "z")]
    store.forget_posts(["a.md"])
    assert categories() == [("c.md", "z")]
    store.forget_posts()
    assert list(store._rows("SELECT * FROM category")) == []


def test_one_address_in_many_posts_is_asked_once(store: LinkStore) -> None:
    for number in range(5):
        put(store, f"{number}.md", link(A), link(A, Role.BODY))
    assert due(store, NOW) == [A]
    assert store.count_due(NOW) == 1


def test_a_fragment_is_a_matter_of_its_own(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(f"{A}#b", Role.BODY))
    assert due(store, NOW) == [A, f"{A}#b"]


# --- since when rules find a link bad -----------------------------------------------------

BACK = link("../", Role.BACK_HOME, verdict=Verdict.RELATIVE)


def look(store: LinkStore, days: int, *links: Judged, anew: bool = False) -> list[int]:
    """Since when the links of a post are bad, in days, that is looked through on some day;
    ``anew`` with all posts forgotten before."""
    run = store.begin_run(NOW + days * DAY)
    if anew:
        store.forget_posts()
    put(store, "a.md", *links, run=run)
    return [(each.since - NOW) // DAY if each.since else -1 for each in store.occurrences()]


def test_a_link_is_bad_since_rules_said_so_first(store: LinkStore) -> None:
    missing = link("", verdict=Verdict.MISSING)
    assert look(store, 1, BACK) == [1]
    # Elsewhere in the file, on another line, for another reason: it is the same link.
    moved = link("../", Role.BACK_HOME, 40, Verdict.WRONG_LABEL)
    assert look(store, 2, link(A), moved, missing) == [-1, 2, 1]
    assert look(store, 3, missing, BACK, BACK) == [2, 1, 1]


def test_another_address_or_role_is_another_link(store: LinkStore) -> None:
    assert look(store, 1, BACK) == [1]
    assert look(store, 2, link("../x", Role.BACK_HOME, verdict=Verdict.RELATIVE)) == [2]
    assert look(store, 3, link("../x", Role.BODY, verdict=Verdict.INVALID)) == [3]


@pytest.mark.parametrize("well", [Verdict.OK, Verdict.SKIPPED, None])
def test_what_was_good_for_once_is_bad_anew(store: LinkStore, well: Verdict | None) -> None:
    bad = link(A, Role.BACK_HOME, verdict=Verdict.WRONG_HOST)
    assert look(store, 1, bad) == [1]
    assert look(store, 2, link(A, Role.BACK_HOME, verdict=well)) == [-1]
    assert look(store, 3, bad) == [3]


def test_what_is_asked_for_is_bad_since_it_answered_so(store: LinkStore) -> None:
    look(store, 1, link(A, verdict=Verdict.INVALID))
    look(store, 2, link(A))
    answer(store, A, Verdict.GONE, NOW + 5 * DAY)
    assert only(store).since == NOW + 5 * DAY


def test_other_rules_do_not_forget_since_when(store: LinkStore) -> None:
    assert look(store, 1, BACK) == [1]
    for day in (2, 3):
        assert look(store, day, BACK, anew=True) == [1]
    good = link("../", Role.BACK_HOME, verdict=Verdict.OK)
    assert look(store, 4, good, anew=True) == [-1]
    assert look(store, 5, BACK) == [5]
    assert look(store, 6, BACK, anew=True) == [5]


def test_a_post_that_comes_back_begins_anew(store: LinkStore) -> None:
    assert look(store, 1, BACK) == [1]
    store.forget_posts(["a.md"])
    assert look(store, 2, BACK) == [2]


# --- files --------------------------------------------------------------------------------


def test_only_what_was_saved_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    store = LinkStore(tmp_path)
    put(store, "a.md", link(A))
    answer(store, A, Verdict.OK)
    store.set_meta("rules", "x")
    run = store.begin_run(NOW)
    store.end_run(run, NOW + 5, 1, {"ok": 1})
    store.save()
    put(store, "b.md", link(B))
    store.close()
    store = LinkStore(tmp_path)
    assert only(store).verdict is Verdict.OK
    assert store.meta("rules") == "x"
    assert store.meta("unknown") == ""
    assert store.last_run() == run
    store.close()


def _killed_while_writing(state: Path, saved: Any) -> None:
    store = LinkStore(state)
    put(store, "a.md", link(A), link(C, Role.BODY))
    store.save()
    answer(store, A, Verdict.GONE)
    store.save()
    answer(store, C, Verdict.GONE)
    saved.set()
    signal.pause()


def test_a_run_that_was_killed_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    spawning = multiprocessing.get_context("spawn")
    saved = spawning.Event()
    process = spawning.Process(target=_killed_while_writing, args=(tmp_path, saved))
    process.start()
    assert saved.wait(30)
    process.kill()
    process.join()
    store = LinkStore(tmp_path, 5)  # the lock has gone with the process
    assert due(store, NOW) == [C]
    assert [(each.url, each.verdict) for each in store.occurrences()] == [
        (A, Verdict.GONE),
        (C, None),
    ]
    store.close()


def test_another_run_waits_and_says_so(tmp_path: Path, store: LinkStore) -> None:
    with pytest.raises(OutputError, match=r"another check has held it for 0\.05 s; let it finish"):
        LinkStore(tmp_path, 0.05)
    put(store, "a.md", link(A))
    store.save()
    store.close()
    again = LinkStore(tmp_path, 0.05)
    assert due(again, NOW) == [A]
    again.close()


def test_a_program_that_writes_is_not_told_to_delete_the_file(tmp_path: Path) -> None:
    LinkStore(tmp_path).close()
    other = sqlite3.connect(tmp_path / "links.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutputError, match=r"locked; another program is using it$"):
        LinkStore(tmp_path, 0.05)
    other.close()


def test_who_reads_waits_for_nobody(tmp_path: Path, store: LinkStore) -> None:
    put(store, "a.md", link(A))
    store.save()
    put(store, "b.md", link(B))
    reader = sqlite3.connect(tmp_path / "links.sqlite", timeout=0)
    assert reader.execute("SELECT count(*) FROM link").fetchone() == (1,)
    reader.close()


def test_a_file_that_is_no_database_may_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "links.sqlite").write_text("no database at all, and long enough to see that" * 99)
    with pytest.raises(OutputError, match=r"links\.sqlite: .*; it may be deleted"):
        LinkStore(tmp_path)
    (tmp_path / "links.sqlite").unlink()
    LinkStore(tmp_path).close()


def test_damage_that_shows_later_is_told_too(tmp_path: Path) -> None:
    store = LinkStore(tmp_path)
    for number in range(500):
        put(store, f"{number}.md", link(f"http://a.example/{number}"))
    store.save()
    store.close()
    path = tmp_path / "links.sqlite"
    raw = bytearray(path.read_bytes())
    raw[20 * 4096 :] = b"\xa5" * (len(raw) - 20 * 4096)
    path.write_bytes(raw)
    store = LinkStore(tmp_path)
    with pytest.raises(OutputError, match="malformed; it may be deleted"):
        list(store.occurrences())
    store.close()


def test_a_state_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"links\.sqlite: "):
        LinkStore(tmp_path / "file")


# --- what answers do ----------------------------------------------------------------------

GOOD = [each for each in Verdict if standing(each) is Standing.GOOD]
BAD = [each for each in Verdict if standing(each) is Standing.BAD]
UNSURE = [each for each in Verdict if standing(each) is Standing.UNSURE]
GONE, OK, DENIED = Verdict.GONE, Verdict.OK, Verdict.DENIED


@pytest.mark.parametrize(
    ("answers", "fails", "since", "confirmed"),
    [
        ([], 0, None, False),
        ([(0, OK)], 0, None, False),
        ([(0, GONE)], 1, 0, False),
        ([(0, GONE), (49, GONE)], 2, 0, False),
        ([(0, GONE), (1, GONE), (47, GONE)], 3, 0, False),
        ([(0, GONE), (1, GONE), (48, GONE)], 3, 0, True),
        ([(0, GONE), (1, Verdict.DNS), (48, Verdict.SOFT_404)], 3, 0, True),
        ([(0, GONE), (1, GONE), (2, GONE), (99, GONE)], 4, 0, True),
        ([(0, GONE), (1, GONE), (48, OK)], 0, None, False),
        ([(0, GONE), (1, OK), (2, GONE), (49, GONE), (51, GONE)], 3, 2, True),
        ([(0, GONE), (1, GONE), (48, GONE), (49, Verdict.MOVED), (50, GONE)], 1, 50, False),
        ([(0, DENIED)], 0, None, False),
        ([(0, GONE), (24, DENIED), (48, GONE)], 2, 0, False),
        ([(0, GONE), (24, DENIED), (48, GONE), (49, GONE)], 3, 0, True),
        ([(0, GONE), (1, GONE), (2, GONE), (99, DENIED)], 3, 0, False),
        ([(0, GONE), (1, GONE), (2, GONE), (99, DENIED), (100, GONE)], 4, 0, True),
    ],
)
def test_a_bad_answer_is_confirmed_by_three_over_two_days(
    store: LinkStore,
    answers: list[tuple[int, Verdict]],
    fails: int,
    since: int | None,
    confirmed: bool,
) -> None:
    put(store, "a.md", link(A))
    for hours, verdict in answers:
        answer(store, A, verdict, NOW + hours * HOUR)
    found = only(store)
    assert found.fails == fails
    assert found.since == (0 if since is None else NOW + since * HOUR)
    assert found.confirmed is confirmed


@settings(deadline=None)  # disks may be slow
@given(st.lists(st.tuples(st.integers(0, 100), st.sampled_from(Verdict)), min_size=1, max_size=8))
def test_failures_are_counted_from_the_last_good_answer(answers: list[tuple[int, Verdict]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LinkStore(Path(folder))
        put(store, "a.md", link(A))
        now = NOW
        bad_since: list[int] = []
        for hours, verdict in answers:
            now += hours * HOUR
            answer(store, A, verdict, now)
            if verdict in GOOD:
                bad_since = []
            elif verdict in BAD:
                bad_since.append(now)
        found = only(store)
        assert found.fails == len(bad_since)
        assert found.since == (bad_since[0] if bad_since else 0)
        last = answers[-1][1]
        long = bool(bad_since) and now - bad_since[0] >= 2 * DAY
        assert found.confirmed is (last in BAD and len(bad_since) >= 3 and long)
        store.close()


def test_what_was_asked_is_not_due_until_its_time(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(B, Role.BODY), link(C, Role.IMAGE))
    assert store.count_due(NOW) == 3
    answer(store, A, Verdict.OK)
    answer(store, B, Verdict.GONE)
    answer(store, C, Verdict.DNS)
    assert (due(store, NOW), store.count_due(NOW)) == ([], 0)
    assert due(store, NOW + 2 * HOUR) == [C]
    assert due(store, NOW + 8 * DAY) == [C, B]
    assert due(store, NOW + 34 * DAY) == [A, C, B]
    assert store.count_due(NOW + 34 * DAY) == 3


def test_everything_can_be_asked_again(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(B, Role.BODY))
    answer(store, A, Verdict.OK)
    store.rest("b.example", NOW + DAY)
    assert due(store, NOW) == []
    store.ask_again()
    assert due(store, NOW) == [A, B]
    assert only_of(store, A).verdict is Verdict.OK  # until there is another answer


def only_of(store: LinkStore, url: str) -> Occurrence:
    return next(each for each in store.occurrences() if each.url == url)


def test_a_host_that_rests_is_left_alone_until_its_date(store: LinkStore) -> None:
    put(store, "a.md", link(A), link(B, Role.BODY))
    store.rest("a.example", NOW + 60.5)
    assert (list(store.due_hosts(NOW)), store.count_due(NOW)) == (["b.example"], 1)
    assert list(store.due_hosts(NOW + 60)) == ["a.example", "b.example"]


def test_addresses_of_a_host_come_in_portions(store: LinkStore) -> None:
    urls = [f"http://a.example/{number}" for number in range(10)]
    put(store, "a.md", *(link(url, Role.BODY) for url in urls), link(B))
    answer(store, urls[3], Verdict.OK)
    first = store.due("a.example", 0, 4, NOW)
    assert [each.url for each in first] == [urls[0], urls[1], urls[2], urls[4]]
    rest = store.due("a.example", first[-1].id, 99, NOW)
    assert [each.url for each in rest] == urls[5:]
    assert store.due("a.example", rest[-1].id, 99, NOW) == []
    assert store.due("unknown.example", 0, 99, NOW) == []


def test_a_host_with_another_port_is_another_host(store: LinkStore) -> None:
    put(store, "a.md", link(A), link("http://a.example:8080/1", Role.BODY))
    assert list(store.due_hosts(NOW)) == ["a.example", "a.example:8080"]


# --- duplicates ---------------------------------------------------------------------------


def verdicts(store: LinkStore) -> list[tuple[str, str | None]]:
    return [(each.post, each.verdict) for each in store.occurrences(["source"])]


@pytest.mark.parametrize("verdict", [None, *Verdict])
def test_a_source_of_several_posts_is_a_duplicate_unless_it_is_bad_anyway(
    store: LinkStore, verdict: Verdict | None
) -> None:
    put(store, "a.md", link(A))
    put(store, "b.md", link(A))
    if verdict:
        answer(store, A, verdict)
    expected = verdict if verdict in BAD else Verdict.DUPLICATE
    assert verdicts(store) == [("a.md", expected), ("b.md", expected)]
    assert [each.answer for each in store.occurrences()] == [verdict] * 2


def test_a_duplicate_names_another_post_and_nothing_else_is_lost(store: LinkStore) -> None:
    for name in ("c.md", "a.md", "b.md"):
        put(store, name, link(A))
    answer(store, A, Verdict.MOVED, status=301, final_url=B)
    found = {each.post: each for each in store.occurrences()}
    assert found["a.md"].detail == "also the source of c.md"
    assert found["c.md"].detail == "also the source of a.md"
    assert (found["a.md"].status, found["a.md"].final_url) == (301, B)
    assert not found["a.md"].confirmed


@pytest.mark.parametrize("role", [each for each in Role if each is not Role.SOURCE])
def test_only_two_sources_make_a_duplicate(store: LinkStore, role: Role) -> None:
    put(store, "a.md", link(A), link(B, Role.BODY))
    put(store, "b.md", link(A, role), link(B, Role.BODY))
    assert {each.verdict for each in store.occurrences()} == {None}


def test_a_post_that_names_its_source_twice_is_no_duplicate(store: LinkStore) -> None:
    put(store, "a.md", link(A, line=3), link(A, line=9))
    assert verdicts(store) == [("a.md", None), ("a.md", None)]


def test_empty_sources_are_no_duplicates_of_each_other(store: LinkStore) -> None:
    for name in ("a.md", "b.md"):
        put(
            store, name, link("", verdict=Verdict.EMPTY), link("", Role.BODY, verdict=Verdict.EMPTY)
        )
    assert verdicts(store) == [("a.md", Verdict.EMPTY), ("b.md", Verdict.EMPTY)]


def test_a_duplicate_is_one_until_the_other_post_has_gone(store: LinkStore) -> None:
    put(store, "a.md", link(A), run=1)
    put(store, "b.md", link(A), run=2)
    changed = list(store.occurrences(since_run=2))
    assert [(each.post, each.verdict) for each in changed] == [("b.md", Verdict.DUPLICATE)]
    store.forget_posts(["b.md"])
    assert verdicts(store) == [("a.md", None)]


# --- runs, archive -----------------------------------------------------------------------


def test_the_newest_run_is_known_before_it_has_ended(store: LinkStore) -> None:
    assert store.last_run() == 0
    run = store.begin_run(NOW)
    store.end_run(run, NOW + 10, 1, {"ok": 1})
    assert store.last_run() == run
    unfinished = store.begin_run(NOW + 9)
    assert store.last_run() == unfinished > run


def dead(store: LinkStore, *urls: str) -> None:
    """Three failures over three days."""
    for days in (0, 1, 3):
        for url in urls:
            answer(store, url, Verdict.GONE, NOW + days * DAY)


def test_copies_are_wanted_of_sources_that_are_gone_for_good(
    tmp_path: Path, store: LinkStore
) -> None:
    young = "http://c.example/young"
    put(store, "a.md", link(A), link(C, Role.BODY))
    put(store, "b.md", link(B), link(A, Role.BODY), link(young, line=1))
    dead(store, A, B, C)
    answer(store, young, Verdict.GONE, NOW + 3 * DAY)
    assert store.without_copy(NOW) == [A, B]
    store.put_archived(A, "https://archive.example/a", NOW)
    store.put_archived(B, "", NOW)
    assert store.without_copy(NOW + 29 * DAY) == []
    assert store.without_copy(NOW + 30 * DAY) == [B]
    assert store.archived() == {A: "https://archive.example/a"}
    store.save()
    assert dead_sources(tmp_path) == [("a.md", A, "https://archive.example/a"), ("b.md", B, "")]


def test_a_source_that_lives_again_needs_no_copy(tmp_path: Path, store: LinkStore) -> None:
    put(store, "a.md", link(A))
    dead(store, A)
    store.put_archived(A, "https://archive.example/a", NOW)
    answer(store, A, Verdict.DENIED, NOW + 4 * DAY)
    assert store.archived() != {}
    answer(store, A, Verdict.OK, NOW + 5 * DAY)
    store.save()
    assert (store.archived(), store.without_copy(NOW), dead_sources(tmp_path)) == ({}, [], [])


# --- how queries find what they look for --------------------------------------------------


def plan(store: LinkStore, query: str) -> list[str]:
    """The steps of a query; no other program shows them."""
    rows = store._rows(f"EXPLAIN QUERY PLAN {query}", ["1"] * query.count("?"))
    return [str(row[3]) for row in rows]


@pytest.mark.parametrize(
    "query",
    [
        module.DUE_HOST,
        module.DUE,
        module.WITHOUT_COPY,
        f"{module.OCCURRENCES} ORDER BY post.path, link.line, link.rowid",
        f"{module.OCCURRENCES} AND link.role IN (?) ORDER BY post.path, link.line, link.rowid",
    ],
)
def test_no_query_looks_through_all_addresses_or_links(store: LinkStore, query: str) -> None:
    steps = plan(store, query)
    scans = [step for step in steps if step.startswith("SCAN")]
    # Hosts and posts are fewer.
    assert not [step for step in scans if not re.match("SCAN (host|post)( |$)", step)]


def test_a_report_is_streamed_and_not_sorted(store: LinkStore) -> None:
    steps = plan(store, f"{module.OCCURRENCES} ORDER BY post.path, link.line, link.rowid")
    assert steps[0] == "SCAN post USING INDEX sqlite_autoindex_post_1"
    sorted_steps = [step for step in steps if "TEMP B-TREE" in step]
    assert all(re.search("LAST TERM", step) for step in sorted_steps)
    assert any("link_source" in step for step in steps)
    due_steps = plan(store, module.DUE)
    assert not any("TEMP B-TREE" in step for step in due_steps)


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda store: store.due("a.example", 5_000, 64, NOW), id="a portion"),
        pytest.param(lambda store: next(store.occurrences()), id="the first link"),
        pytest.param(lambda store: next(store.due_hosts(NOW)), id="the first host"),
    ],
)
def test_the_first_of_many_come_at_once(
    store: LinkStore, work: Callable[[LinkStore], object]
) -> None:
    for number in range(300):
        urls = (f"http://a.example/{number}-{each}" for each in range(30))
        put(store, f"{number:03}.md", *(link(url, Role.BODY) for url in urls), link(A))
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    store._db.set_progress_handler(count, 100)
    work(store)
    store._db.set_progress_handler(None, 0)
    # 9,001 addresses, and as many links: to look at each of them is 100,000 steps of SQLite.
    assert steps * 100 < 3_000


# --- a million ----------------------------------------------------------------------------

MILLION = """
import re, sys, time
from pathlib import Path
from feeds.links.fetch import Outcome
from feeds.links.rules import Judged
from feeds.links.store import LinkStore
from feeds.links.urls import Target
from feeds.models import Link, Role, Verdict

NUMBER, HOSTS, NOW = int(sys.argv[2]), int(sys.argv[3]), 1_700_000_000
VERDICTS = (Verdict.OK, Verdict.GONE, Verdict.DNS, Verdict.DENIED)

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

def tell(what):
    global began
    print(f"{what}: {time.perf_counter() - began:.1f} s, {peak()} MiB", file=sys.stderr)
    began = time.perf_counter()

began = time.perf_counter()
tell("start")
store = LinkStore(Path(sys.argv[1]))
for post in range(NUMBER // 20):
    urls = [f"http://h{(post * 20 + n) % HOSTS}.example/a/{post}/{n}" for n in range(20)]
    judged = [
        Judged(Link(Role.BODY if n else Role.SOURCE, "", u, n), None, "", Target(u, ""))
        for n, u in enumerate(urls)
    ]
    store.put_post(f"_posts/{post}.md", b"1", "", 1, judged)
store.prune()
store.save()
tell("put")
assert store.count_due(NOW) == NUMBER
asked = 0
for host in store.due_hosts(NOW):
    after = 0
    while found := store.due(host, after, 64, NOW):
        after = found[-1].id
        store.record([(each, Outcome(VERDICTS[each.id % 4])) for each in found], NOW)
        asked += len(found)
store.save()
assert asked == NUMBER
tell("asked")
assert sum(1 for _ in store.occurrences()) == NUMBER
tell("told")
assert sum(store.totals().values()) == NUMBER
tell("counted")
assert store.count_due(NOW) == 0
assert not list(store.due_hosts(NOW))
tell("asked again")
store.without_copy(NOW)
store.close()
tell("the rest")
print(peak())
"""


@pytest.mark.slow
def test_a_million_addresses_need_little_memory(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", MILLION, str(tmp_path), "1000000", "50000"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, check=True, text=True)
    assert int(done.stdout) < 100  # MiB, the interpreter and all modules included


def test_what_the_first_version_knew_is_kept(tmp_path: Path) -> None:
    bad = link("../", Role.BACK_HOME, verdict=Verdict.RELATIVE)
    with contextlib.closing(LinkStore(tmp_path)) as store:
        runs = [store.begin_run(NOW + day * DAY) for day in range(3)]
        put(store, "a.md", link(A), bad, run=runs[1])
        put(store, "b.md", bad, run=runs[2] + 1)  # nobody knows that run any more
        answer(store, A, Verdict.GONE)
        store.save()
    with contextlib.closing(sqlite3.connect(tmp_path / "links.sqlite")) as db:
        db.execute("ALTER TABLE link DROP COLUMN since")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    with contextlib.closing(LinkStore(tmp_path)) as store:
        found = list(store.occurrences())
        assert [each.verdict for each in found] == [Verdict.GONE, *2 * [Verdict.RELATIVE]]
        assert [each.since for each in found] == [NOW, NOW + DAY, 0]
        store.begin_run(NOW + 9 * DAY)
        put(store, "a.md", bad)
        assert [each.since for each in store.occurrences()] == [NOW + DAY, 0]


def test_what_a_newer_version_of_the_program_left_is_left_alone(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "links.sqlite")) as db:
        db.execute("CREATE TABLE link (other)")
        db.execute("PRAGMA user_version = 99")
        db.commit()
    with pytest.raises(OutputError, match=r"links\.sqlite: made by a newer version of feeds; use"):
        LinkStore(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "links.sqlite")) as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("link",)]


def test_a_shared_source_has_no_since_when(tmp_path: Path) -> None:
    with contextlib.closing(LinkStore(tmp_path)) as store:
        run = store.begin_run(NOW)
        for path in ("a.md", "b.md"):
            put(store, path, link(A, Role.SOURCE), run=run)
        answer(store, A, Verdict.GONE)
        assert {each.since for each in store.occurrences()} == {NOW}
        answer(store, A, Verdict.DENIED)
        found = list(store.occurrences())
        assert [each.verdict for each in found] == [Verdict.DUPLICATE] * 2
        assert [each.since for each in found] == [0, 0]
