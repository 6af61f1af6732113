"""The ledger as the files that it is: several at once, days that end, damage and locks."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds import ledger as ledgers
from feeds.errors import OutputError
from feeds.ledger import (
    DAYS_KEPT,
    HOURS_KEPT,
    MOST_AGENTS,
    MOST_FINDINGS,
    BuildRecord,
    Counted,
    Hour,
    Ledger,
    Memory,
    PublishedDocument,
    Push,
    Subscribers,
    Withdrawn,
)
from feeds.models import Finding, Level
from feeds.sketch import sketch

from .test_build import without_privileges

HUB, OTHER_HUB = "https://hub.example.org/", "https://push.example.net/hub"
SITE, TAG = "https://news.example.org/feed.atom", "https://news.example.org/tag/t/feed.atom"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".feeds"


@pytest.fixture
def ledger(state: Path) -> Iterator[Ledger]:
    with contextlib.closing(Ledger(state)) as ledger:
        yield ledger


def documents(hashes: Mapping[str, str]) -> list[PublishedDocument]:
    """Documents by the last part of their topic."""
    return [
        PublishedDocument(path, "atom", f"Title of {path}", topic(path), hash)
        for path, hash in hashes.items()
    ]


def topic(path: str) -> str:
    return f"https://news.example.org/{path}"


def everything_on_disk(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.glob("ledger.sqlite*")))


# --- what is published --------------------------------------------------------------------


def test_the_first_time_nothing_has_changed(ledger: Ledger) -> None:
    assert ledger.publish(documents({"a": "1", "b": "1"}), 1.0, [HUB], "1.1") == []
    assert ledger.due(1e9) == []


def test_exactly_the_topics_whose_bytes_changed_are_owed(ledger: Ledger) -> None:
    ledger.publish(documents({"a": "1", "b": "1", "c": "1"}), 1.0, [HUB], "1.1")
    changed = ledger.publish(documents({"a": "1", "b": "2", "c": "1", "d": "1"}), 2.0, [HUB], "1.2")
    assert changed == [topic("b"), topic("d")]
    assert ledger.due(2.0) == [Push(HUB, topic("b"), "1.2", 0), Push(HUB, topic("d"), "1.2", 0)]
    assert ledger.due(1.9) == []
    assert ledger.next_due() == 2.0


def test_without_a_hub_changes_are_known_and_nothing_is_owed(ledger: Ledger) -> None:
    ledger.publish(documents({"a": "1"}), 1.0)
    assert ledger.publish(documents({"a": "2"}), 2.0) == [topic("a")]
    assert ledger.next_due() is None


PUBLISHED = st.dictionaries(st.sampled_from("abcde"), st.sampled_from("123"), min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(PUBLISHED, min_size=1, max_size=8))
def test_any_course_of_a_site_is_followed(course: list[dict[str, str]]) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.closing(Ledger(Path(folder))) as ledger,
    ):
        ever: set[str] = set()
        before: dict[str, str] | None = None
        for now, published in enumerate(course):
            changed = ledger.publish(documents(published), float(now))
            new = {p for p, hash in published.items() if before and before.get(p) != hash}
            assert set(changed) == {topic(path) for path in new}
            ever |= published.keys()
            assert {each.path for each in ledger.withdrawn(0.0)} == ever - published.keys()
            before = published


def test_what_is_withdrawn_is_known_by_its_time_until_it_is_back(ledger: Ledger) -> None:
    ledger.publish(documents({"a": "1", "b": "1"}), 1.0)
    ledger.publish(documents({"a": "1"}), 5.0)
    ledger.publish(documents({"a": "1"}), 6.0)
    gone = Withdrawn("b", "atom", "Title of b", topic("b"), 5.0)
    assert ledger.withdrawn(5.0) == [gone]
    assert ledger.withdrawn(5.1) == []
    assert ledger.publish(documents({"a": "1", "b": "1"}), 7.0) == [topic("b")]
    assert ledger.withdrawn(0.0) == []


def test_a_document_without_a_hash_is_not_compared(ledger: Ledger) -> None:
    """Nobody had to know its bytes while there was no hub."""
    ledger.publish(documents({"a": "", "b": "1"}), 1.0)
    assert ledger.publish(documents({"a": "1", "b": ""}), 2.0) == []
    assert ledger.publish(documents({"a": "2", "b": "2"}), 3.0) == [topic("a")]


def test_a_new_hub_is_told_of_what_changes_after_it_was_named(ledger: Ledger) -> None:
    """The feeds that name it are other bytes, but nobody could subscribe there before."""
    ledger.publish(documents({"a": "1"}), 1.0, [HUB], "1.1")
    ledger.publish(documents({"a": "2"}), 2.0, [HUB, OTHER_HUB], "1.2")
    assert ledger.due(9.0) == [Push(HUB, topic("a"), "1.2", 0)]
    ledger.publish(documents({"a": "3"}), 3.0, [HUB, OTHER_HUB], "1.3")
    assert {push.hub for push in ledger.due(9.0)} == {HUB, OTHER_HUB}


def test_a_hub_that_is_named_no_more_is_owed_nothing(ledger: Ledger) -> None:
    ledger.publish(documents({"a": "1"}), 1.0, [HUB, OTHER_HUB], "1.1")
    ledger.publish(documents({"a": "2"}), 2.0, [HUB, OTHER_HUB], "1.2")
    ledger.publish(documents({"a": "2"}), 3.0, [OTHER_HUB], "1.2")
    assert ledger.due(9.0) == [Push(OTHER_HUB, topic("a"), "1.2", 0)]
    ledger.publish(documents({"a": "2"}), 3.0, [HUB, OTHER_HUB], "1.2")
    assert [push.hub for push in ledger.due(9.0)] == [OTHER_HUB]


def test_what_changed_and_who_has_to_be_told_is_one_step(
    ledger: Ledger, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a kill between the two would lose the message for good."""
    ledger.publish(documents({"a": "1"}), 1.0, [HUB], "1.1")

    def killed(*_: object) -> list[str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(ledgers, "_follow_hubs", killed)
        with pytest.raises(KeyboardInterrupt):
            ledger.publish(documents({"a": "2"}), 2.0, [HUB], "1.2")
    with contextlib.closing(Ledger(state)) as after:
        assert after.publish(documents({"a": "2"}), 3.0, [HUB], "1.2") == [topic("a")]
        assert len(after.due(9.0)) == 1


# --- what hubs are owed -------------------------------------------------------------------


@pytest.fixture
def owing(ledger: Ledger) -> Ledger:
    """A ledger that owes one hub two topics since 2.0."""
    ledger.publish(documents({"a": "1", "b": "1"}), 1.0, [HUB], "1.1")
    ledger.publish(documents({"a": "2", "b": "2"}), 2.0, [HUB], "1.2")
    return ledger


def test_what_was_told_is_owed_no_more(owing: Ledger) -> None:
    owing.settle(owing.due(2.0)[:1])
    assert [push.topic for push in owing.due(9.0)] == [topic("b")]


def test_what_changed_again_while_it_was_told_stays_owed(owing: Ledger) -> None:
    telling = owing.due(2.0)
    owing.publish(documents({"a": "3", "b": "2"}), 3.0, [HUB], "1.3")
    owing.settle(telling)
    assert owing.due(9.0) == [Push(HUB, topic("a"), "1.3", 0)]
    owing.postpone(telling, 500.0)
    assert owing.due(9.0) == [Push(HUB, topic("a"), "1.3", 0)]


def test_what_is_put_off_is_due_later_and_one_try_older(owing: Ledger) -> None:
    owing.postpone(owing.due(2.0)[:1], 60.0)
    assert [push.topic for push in owing.due(59.0)] == [topic("b")]
    assert [push.tries for push in owing.due(60.0)] == [1, 0]
    assert owing.next_due() == 2.0


def test_a_hub_that_wants_to_be_left_alone_is_not_told_of_new_changes(owing: Ledger) -> None:
    owing.leave_alone(HUB, 100.0)
    owing.publish(documents({"a": "3", "b": "2"}), 3.0, [HUB], "1.3")
    assert owing.due(99.0) == []
    assert owing.next_due() == 100.0
    assert len(owing.due(100.0)) == 2


def test_what_is_owed_survives(owing: Ledger, state: Path) -> None:
    before = owing.due(9.0)
    owing.close()
    with contextlib.closing(Ledger(state)) as after:
        assert after.due(9.0) == before


# --- builds and workers -------------------------------------------------------------------


def test_the_last_build_is_remembered(ledger: Ledger) -> None:
    assert ledger.last_build() is None
    ledger.record_build(BuildRecord(1.5, 0.25, "", 1.75, 3, 4, 5, 6))
    failed = BuildRecord(2.5, 0.5, "no space", 1.75, 3, 4, 5, 6)
    ledger.record_build(failed)
    assert ledger.last_build() == failed


def test_findings_are_those_of_the_last_build_that_came_so_far(ledger: Ledger) -> None:
    build = BuildRecord(1.5, 0.25, "", 1.75, 3, 4, 5, 6)
    found = [Finding(f"{n}.md", n, Level.ERROR, "what", "done") for n in range(MOST_FINDINGS + 1)]
    ledger.record_build(build, found)
    assert ledger.findings() == found[:-1]
    ledger.record_build(build._replace(error="no space"))
    assert ledger.findings() == found[:-1]
    ledger.record_build(build, found[:1])
    assert ledger.findings() == found[:1]
    ledger.record_build(build, [])
    assert ledger.findings() == []


def test_memory_is_that_of_all_workers_that_were_heard_of(ledger: Ledger) -> None:
    assert ledger.memory(0.0) == Memory(0, 0, 0)
    ledger.serving("1", "1.1", 10.0, Memory(5, 100))
    ledger.serving("2", "1.1", 20.0, Memory(7, 100))
    ledger.serving("2", "1.1", 21.0, Memory(8, 100))
    assert ledger.memory(0.0) == Memory(13, 200, 2)
    assert ledger.memory(11.0) == Memory(8, 100, 1)
    ledger.gone("2")
    assert ledger.memory(0.0) == Memory(5, 100, 1)


def test_editions_are_those_of_workers_that_were_heard_of(ledger: Ledger) -> None:
    ledger.serving("1", "1.1", 10.0)
    ledger.serving("2", "1.1", 20.0)
    ledger.serving("2", "1.2", 30.0)
    assert sorted(ledger.editions_served(0.0)) == ["1.1", "1.2"]
    assert ledger.editions_served(11.0) == ["1.2"]
    ledger.gone("2")
    assert ledger.editions_served(0.0) == ["1.1"]
    ledger.serving("3", "1.2", 10.0 + ledgers.WORKER_SILENCE + 1)
    assert ledger.editions_served(0.0) == ["1.2"]


# --- counts -------------------------------------------------------------------------------

DAY = "2022-06-14"
NEXT_DAY = "2022-06-15"


def count(
    ledger: Ledger,
    day: str = DAY,
    subscribers: Mapping[tuple[str, str], int] | None = None,
    readers: Mapping[str, bytes] | None = None,
) -> None:
    requests = {("site", "atom", 304): 3, ("", "", 404): 1}
    ledger.count(day, requests, {"bytes": 10}, subscribers or {}, readers or {})


def test_requests_and_counters_add_up_over_days(ledger: Ledger) -> None:
    assert ledger.counted() == Counted({}, {})
    count(ledger)
    count(ledger)
    count(ledger, NEXT_DAY)
    expected = Counted({("site", "atom", 304): 9, ("", "", 404): 3}, {"bytes": 30})
    assert ledger.counted() == expected


def test_requests_are_known_by_the_hour_for_two_days(ledger: Ledger) -> None:
    requests = {("site", "atom", 304): 3, ("page", "twin", 200): 2, ("", "", 304): 1}
    for hour in (100, 100, 101, 100 + HOURS_KEPT):
        ledger.count(DAY, requests, {}, {}, {}, hour)
    assert ledger.hours(0) == [Hour(101, 6, 5, 3), Hour(100 + HOURS_KEPT, 6, 5, 3)]
    assert ledger.hours(102) == [Hour(100 + HOURS_KEPT, 6, 5, 3)]
    ledger.count(DAY, {}, {}, {}, {}, 200)
    ledger.count(DAY, requests, {}, {}, {})
    assert ledger.hours(102) == [Hour(100 + HOURS_KEPT, 6, 5, 3)]


def test_of_a_day_the_most_that_an_agent_told_is_kept(ledger: Ledger) -> None:
    for number in (5, 12, 7):
        count(ledger, subscribers={("feed.atom", "Feedly"): number, ("feed.atom", "B"): 1})
    count(ledger, NEXT_DAY, subscribers={("feed.atom", "Feedly"): 3})
    assert ledger.subscribers(DAY) == [
        Subscribers("feed.atom", "Feedly", 12),
        Subscribers("feed.atom", "B", 1),
    ]
    assert ledger.subscribers(NEXT_DAY) == [Subscribers("feed.atom", "Feedly", 3)]
    assert ledger.days() == [NEXT_DAY, DAY]


def test_readers_who_were_seen_by_several_are_counted_once(ledger: Ledger) -> None:
    count(ledger, readers={"feed.atom": sketch([b"a", b"b"]), "x": sketch([b"a"])})
    count(ledger, readers={"feed.atom": sketch([b"b", b"c"])})
    assert ledger.subscribers(DAY) == [Subscribers("feed.atom", "", 3), Subscribers("x", "", 1)]


def test_a_day_that_is_over_keeps_its_numbers_and_loses_its_sketches(
    ledger: Ledger, state: Path
) -> None:
    seen = sketch(f"reader {place}".encode() for place in range(300))
    count(ledger, subscribers={("feed.atom", "Feedly"): 12}, readers={"feed.atom": seen})
    before = ledger.subscribers(DAY)
    # A page does not hold all of it.
    parts = [seen[:400], seen[-400:]]
    assert [part in everything_on_disk(state) for part in parts] == [True, True]
    count(ledger, NEXT_DAY)
    assert ledger.subscribers(DAY) == before
    assert [part in everything_on_disk(state) for part in parts] == [False, False]


def test_a_worker_whose_clock_is_behind_takes_nothing_from_a_day_that_is_over(
    ledger: Ledger,
) -> None:
    count(ledger, readers={"feed.atom": sketch([b"a", b"b", b"c"])})
    count(ledger, NEXT_DAY)
    count(ledger, DAY, readers={"feed.atom": sketch([b"d"])})
    count(ledger, NEXT_DAY)
    assert ledger.subscribers(DAY) == [Subscribers("feed.atom", "", 3)]


def test_old_days_are_forgotten_but_not_their_requests(ledger: Ledger) -> None:
    """Where nobody reads for himself, too."""
    count(ledger, "2022-01-01", subscribers={("feed.atom", "Feedly"): 12})
    count(ledger, "2022-01-02")
    for day in ("2022-06-14", "2022-06-15"):
        count(ledger, day, subscribers={("feed.atom", "Feedly"): 1})
    assert ledger.days() == ["2022-06-15", "2022-06-14"]
    assert ledger.counted().requests == {("site", "atom", 304): 12, ("", "", 404): 4}
    with sqlite3.connect(ledger.path) as db:
        days = [day for (day,) in db.execute("SELECT DISTINCT day FROM request ORDER BY day")]
    db.close()
    assert days == ["", "2022-06-14", "2022-06-15"]


def test_the_last_day_that_is_kept_is_kept(ledger: Ledger) -> None:
    assert DAYS_KEPT == 60
    count(ledger, "2022-04-15", subscribers={("feed.atom", "Feedly"): 12})
    count(ledger, "2022-06-14")
    assert ledger.days() == ["2022-04-15"]
    count(ledger, "2022-06-15")
    assert ledger.days() == []


def test_invented_agents_do_not_fill_the_disk(ledger: Ledger) -> None:
    count(ledger, subscribers={("feed.atom", "Feedly"): 12})
    for start in range(0, 3 * MOST_AGENTS, MOST_AGENTS):
        invented = {("feed.atom", f"x{start + n}"): 1_000_000 for n in range(MOST_AGENTS)}
        count(ledger, subscribers=invented)
    count(ledger, subscribers={("feed.atom", "Feedly"): 13, ("x", "Feedly"): 1})
    found = ledger.subscribers(DAY)
    assert len([each for each in found if each.path == "feed.atom"]) == MOST_AGENTS
    assert Subscribers("feed.atom", "Feedly", 13) in found
    assert Subscribers("x", "Feedly", 1) in found


# --- several at once ----------------------------------------------------------------------

COUNTING = """
import sys
from pathlib import Path
from feeds.ledger import Ledger
from feeds.models import Finding, Level
from feeds.sketch import sketch
name, state = sys.argv[1], Path(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger(state)
for turn in range(25):
    ledger.serving(name, "1.1", 1.0)
    requests = {("site", "atom", 200): 1}
    sketches = {"feed.atom": sketch([f"{name} {turn}".encode()])}
    ledger.count("2022-06-14", requests, {"bytes": 2}, {("feed.atom", "F"): turn}, sketches)
ledger.close()
"""


def test_processes_that_begin_at_once_on_no_file_add_up(state: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", COUNTING, name, state],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "abcd"
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [""] * 4
    with contextlib.closing(Ledger(state)) as ledger:
        assert ledger.counted() == Counted({("site", "atom", 200): 100}, {"bytes": 200})
        numbers = {agent: number for _, agent, number in ledger.subscribers("2022-06-14")}
        assert numbers["F"] == 24
        assert 90 <= numbers[""] <= 110


def test_reading_waits_for_nobody(ledger: Ledger) -> None:
    count(ledger, subscribers={("feed.atom", "Feedly"): 12})
    ledger.publish(documents({"a": "1"}), 1.0, [HUB], "1.1")
    ledger.publish(documents({"a": "2"}), 2.0, [HUB], "1.2")
    ledger.publish(documents({"b": "2"}), 2.0, [HUB], "1.2")
    with locked(ledger.path):
        reading = Ledger(ledger.path.parent, wait=0.0)
        assert len(reading.subscribers(DAY)) == 1
        assert reading.days() == [DAY]
        assert reading.counted().counters == {"bytes": 10}
        assert reading.last_build() is None
        assert len(reading.withdrawn(0.0)) == 1
        assert len(reading.due(9.0)) == 2
        assert reading.next_due() == 2.0
        assert reading.editions_served(0.0) == []
        reading.close()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program is writing."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.close()


# --- a file that cannot be used -----------------------------------------------------------


def test_a_ledger_that_others_hold_is_named_with_the_reason(ledger: Ledger) -> None:
    count(ledger)
    waiting = Ledger(ledger.path.parent, wait=0.05)
    with locked(ledger.path), pytest.raises(OutputError) as raised:
        count(waiting)
    assert str(raised.value) == f"{ledger.path}: another program has locked it for 0.05 s"
    count(waiting)
    assert waiting.counted().counters == {"bytes": 20}
    waiting.close()


@pytest.mark.parametrize("damage", [b"", b"not a database" * 500])
def test_damage_is_named_with_what_to_do_and_doing_it_helps(
    state: Path, ledger: Ledger, damage: bytes
) -> None:
    count(ledger)
    ledger.close()
    ledger.path.write_bytes(damage)
    if damage:
        with pytest.raises(OutputError, match=r"not a database; delete it, it is made anew"):
            ledger.counted()
        ledger.path.unlink()
    count(ledger)
    assert ledger.counted().counters == {"bytes": 10}


def test_damage_in_the_middle_is_an_error_of_its_own_kind_every_time(
    state: Path, ledger: Ledger
) -> None:
    for place in range(300):
        count(ledger, subscribers={(f"feed{place}.atom", "Feedly"): 12})
    ledger.close()
    content = bytearray(ledger.path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 100] = b"\xff" * 100
    ledger.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(OutputError, match="malformed; delete it"):
            ledger.subscribers(DAY)
        with pytest.raises(OutputError, match="malformed; delete it"):
            count(ledger)


def test_a_ledger_deleted_while_it_is_open_is_made_anew(state: Path, ledger: Ledger) -> None:
    """The state folder may be deleted at any time; all ledgers of it must go on together."""
    count(ledger)
    shutil.rmtree(state)
    count(ledger)
    with contextlib.closing(Ledger(state)) as another:
        count(another)
        assert another.counted() == ledger.counted()
        assert ledger.counted().counters == {"bytes": 20}


def test_a_folder_in_its_place_is_an_error(state: Path, ledger: Ledger) -> None:
    ledger.path.mkdir(parents=True)
    with pytest.raises(OutputError, match=f"{ledger.path}: unable to open database file; see"):
        count(ledger)
    ledger.path.rmdir()
    count(ledger)


def test_a_state_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ledger = Ledger(tmp_path / "file" / ".feeds")
    with pytest.raises(OutputError, match="Not a directory; see that there is space and"):
        ledger.counted()


WRITING = """
import sys
from pathlib import Path
from feeds.errors import OutputError
from feeds.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
for act in (ledger.counted, lambda: ledger.count("2022-06-14", {}, {"bytes": 1}, {}, {})):
    try:
        print(act())
    except OutputError as error:
        print(error)
"""


def test_a_ledger_that_may_only_be_read_is_an_error(state: Path, ledger: Ledger) -> None:
    count(ledger)
    ledger.close()
    for path in (*state.iterdir(), state):
        path.chmod(0o555)
    try:
        command = without_privileges(sys.executable, "-c", WRITING, str(state))
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    finally:
        state.chmod(0o755)
    assert done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert last.startswith(f"{ledger.path}: ")
    assert last.endswith("see that there is space and permission")


def test_a_full_disk_is_an_error_and_nothing_is_counted_by_halves(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk")
    try:
        ledger = Ledger(disk / ".feeds")
        count(ledger)
        filled = 0

        def fill() -> None:
            nonlocal filled
            while filled < 2_000:
                count(ledger, subscribers={(f"feed{filled}.atom", "Feedly" * 20): 1})
                filled += 1

        with pytest.raises(OutputError, match="full; see that there is space"):
            fill()
        assert filled > 10
        assert ledger.counted().counters == {"bytes": 10 * (filled + 1)}
        assert len(ledger.subscribers(DAY)) == filled
        ledger.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
