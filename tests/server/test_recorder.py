"""From what a worker counts to the ledger and back, with real files, locks and threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from feeds import ledger as ledgers
from feeds.ledger import BuildRecord, Hour, Ledger, Memory, PublishedDocument
from feeds.models import EPOCH, Document, Finding, Level
from server import recorder as recorders
from server import tally as tallies
from server.answers import Answer, Facts, freeze
from server.recorder import DAY, HOUR, MADE, Recent, Recorder, Totals
from server.tally import LONGEST_AGENT, MOST_VISITS, Tally

T = TypeVar("T")

NOON: Final = 1_655_208_000.0  # 2022-06-14 12:00 UTC
ADDRESS: Final = "203.0.113.77"
READER: Final = b"Reader/1.0"
# How long a ledger waits for others here.
WAIT: Final = 0.6
AGGREGATOR: Final = b"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 12 subscribers)"


def answer(path: str = "feed.atom", kind: str = "site", format: str = "atom") -> Answer:
    document = Document(path, "application/atom+xml", b"<feed/>", EPOCH)
    return freeze(document, b"key", Facts(kind, format, 300))


class Clock:
    """The time that a test says it is."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Worker:
    """One worker of a site, as far as it counts."""

    def __init__(self, state: Path, clock: Clock, visits: bool = True) -> None:
        self.tally = Tally(visits)
        self.recorder = Recorder(state, self.tally, 90, clock)

    def serve(
        self, agents: Sequence[bytes] = (READER,), status: int = 304, address: str = ADDRESS
    ) -> None:
        for agent in agents:
            self.tally.feed(answer(), status, 0 if status == 304 else 7, agent, (address, 1))

    async def record(self) -> None:
        await self.recorder.record("1.1")

    async def totals(self) -> Totals:
        found = await self.recorder.totals("1.1")
        assert found is not None
        return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / ".feeds"


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "BUSY_WAIT", WAIT)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(state: Path) -> Iterator[Ledger]:
    with contextlib.closing(Ledger(state)) as ledger:
        yield ledger


@contextlib.contextmanager
def locked(ledger: Ledger) -> Iterator[None]:
    """Another program is writing."""
    ledger.last_build()
    db = sqlite3.connect(ledger.path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.close()


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(main)


def subscribers(totals: Totals) -> dict[tuple[str, str], int]:
    return {(path, agent): number for path, agent, number in totals.subscribers}


# --- what is counted ----------------------------------------------------------------------


def test_what_was_counted_is_in_the_totals_at_once(state: Path, clock: Clock) -> None:
    async def main() -> Totals:
        worker = Worker(state, clock)
        worker.serve([READER, AGGREGATOR])
        worker.serve(status=200)
        worker.tally.feed(answer(), 200, 7, READER, (ADDRESS, 1), made=True)
        worker.tally.other(404)
        totals = await worker.totals()
        await worker.recorder.close()
        return totals

    totals = run(main())
    assert totals.requests == {
        ("site", "atom", 304): 2,
        ("site", "atom", 200): 2,
        ("", "", 404): 1,
    }
    assert totals.counters == {"bytes": 14, MADE: 1}
    assert subscribers(totals) == {("feed.atom", "Feedly"): 12, ("feed.atom", ""): 1}


def test_workers_add_up_and_say_the_same(state: Path, clock: Clock) -> None:
    async def main() -> tuple[Totals, Totals]:
        one, other = Worker(state, clock), Worker(state, clock)
        one.serve([READER, AGGREGATOR])
        other.serve([READER, b"Other/1.0", AGGREGATOR.replace(b"12", b"15")])
        await one.record()
        second = await other.totals()
        first = await one.totals()
        await one.recorder.close()
        await other.recorder.close()
        return first, second

    first, second = run(main())
    assert first == second
    assert first.requests == {("site", "atom", 304): 5}
    # A reader that both saw is one.
    assert subscribers(first) == {("feed.atom", "Feedly"): 15, ("feed.atom", ""): 2}


def test_all_workers_are_told_alike_hour_by_hour(state: Path, clock: Clock, ledger: Ledger) -> None:
    found = [Finding("a.md", 1, Level.ERROR, "what", "done")]
    ledger.record_build(BuildRecord(NOON, 0.5, "", NOON, 3, 4, 0, 1), found)

    async def main() -> tuple[Recent, Recent]:
        one, other = Worker(state, clock), Worker(state, clock)
        one.serve([READER, AGGREGATOR])
        await one.record()
        clock.now += 2 * HOUR
        one.tally.other(404)
        other.serve(status=200)
        second = await other.recorder.recent("1.1", Memory(7, 100))
        first = await one.recorder.recent("1.1", Memory(5, 100))
        await other.recorder.record("1.1", Memory(7, 100))
        second = await other.recorder.recent("1.1", Memory(7, 100))
        await one.recorder.close()
        await other.recorder.close()
        return first, second

    first, second = run(main())
    assert first == second
    assert (first.findings, first.memory) == (tuple(found), Memory(12, 200, 2))
    assert first.build is not None
    assert {(each.agent, each.number) for each in first.subscribers} == {("Feedly", 12), ("", 1)}
    last = int(NOON // HOUR) + 2
    assert [each.hour for each in first.hours] == list(range(last - 23, last + 1))
    assert [each for each in first.hours if each.requests] == [
        Hour(last - 2, 2, 2, 2),
        Hour(last, 2, 1, 0),
    ]


def test_next_to_nothing_is_told_where_the_ledger_cannot_be_read(state: Path, clock: Clock) -> None:
    state.mkdir()
    (state / ledgers.FILE_NAME).write_bytes(b"no database" * 1_000)

    async def main() -> tuple[Recent, str]:
        worker = Worker(state, clock)
        recent = await worker.recorder.recent("1.1", Memory(5, 100))
        await worker.recorder.close()
        return recent, worker.recorder.fault

    recent, fault = run(main())
    assert "delete it, it is made anew" in fault
    assert (recent.build, recent.memory, len(recent.hours)) == (None, Memory(5, 100), 24)


def test_totals_never_go_backwards_over_the_life_of_workers(state: Path, clock: Clock) -> None:
    async def main() -> list[int]:
        seen = []
        for _ in range(3):
            worker = Worker(state, clock)
            worker.serve()
            seen.append(sum((await worker.totals()).requests.values()))
            worker.serve()
            await worker.recorder.close()
        return seen

    assert run(main()) == [1, 3, 5]


def test_with_subscribers_switched_off_only_requests_are_counted(state: Path, clock: Clock) -> None:
    async def main() -> Totals:
        worker = Worker(state, clock, visits=False)
        worker.serve([READER, AGGREGATOR])
        totals = await worker.totals()
        await worker.recorder.close()
        return totals

    totals = run(main())
    assert totals.requests == {("site", "atom", 304): 2}
    assert totals.subscribers == []


def test_no_address_is_stored_whatever_is_counted(state: Path, clock: Clock) -> None:
    addresses = [ADDRESS, "2001:db8:85a3::8a2e:370:7334"]

    async def main() -> None:
        worker = Worker(state, clock)
        for address in addresses:
            worker.serve([READER, AGGREGATOR, b"", b"Googlebot/2.1"], address=address)
        await worker.record()
        files = sorted(state.iterdir())
        assert "ledger.sqlite-wal" in [path.name for path in files]
        check(files)
        await worker.recorder.close()
        check(sorted(state.iterdir()))

    def check(files: Sequence[Path]) -> None:
        stored = b"".join(path.read_bytes() for path in files)
        assert b"Feedly" in stored
        packed = [b"\xcb\x00\x71\x4d", bytes.fromhex("20010db885a3")]
        assert [each in stored for each in (*map(str.encode, addresses), *packed)] == [False] * 4

    run(main())


def test_at_midnight_numbers_stay_and_sketches_go_even_if_nobody_comes(
    state: Path, clock: Clock, ledger: Ledger
) -> None:
    async def main() -> None:
        worker = Worker(state, clock)
        worker.serve([READER, AGGREGATOR])
        assert subscribers(await worker.totals()) == {
            ("feed.atom", "Feedly"): 12,
            ("feed.atom", ""): 1,
        }
        clock.now += DAY / 2
        assert (await worker.totals()).subscribers == []
        await worker.recorder.close()

    run(main())
    kept = {(agent, number) for _, agent, number in ledger.subscribers("2022-06-14")}
    assert kept == {("Feedly", 12), ("", 1)}
    with contextlib.closing(sqlite3.connect(ledger.path)) as db:
        assert db.execute("SELECT count(*) FROM reader").fetchone() == (0,)


def test_a_worker_that_begins_closes_the_days_before(
    state: Path, clock: Clock, ledger: Ledger
) -> None:
    ledger.count("2022-06-12", {}, {}, {}, {"feed.atom": bytes([1] * 1024)})

    async def main() -> None:
        worker = Worker(state, clock)
        await worker.record()
        await worker.recorder.close()

    run(main())
    with contextlib.closing(sqlite3.connect(ledger.path)) as db:
        assert db.execute("SELECT count(*) FROM reader").fetchone() == (0,)


# --- what workers learn and tell ----------------------------------------------------------


def test_a_worker_learns_what_was_withdrawn_and_tells_what_it_serves(
    state: Path, clock: Clock, ledger: Ledger
) -> None:
    def publish(*paths: str) -> None:
        ledger.publish([PublishedDocument(p, "atom", p, p, "") for p in paths], clock.now)

    async def main() -> None:
        worker = Worker(state, clock)
        publish("a", "b")
        await worker.record()
        assert worker.recorder.withdrawn.exact == {}
        assert ledger.editions_served(clock.now) == ["1.1"]
        publish("a")
        await worker.record()
        assert list(worker.recorder.withdrawn.exact) == ["b"]
        clock.now += 90 * DAY + 1
        await worker.record()
        assert worker.recorder.withdrawn.exact == {}
        await worker.recorder.close()
        assert ledger.editions_served(0) == []

    run(main())


# --- a ledger that others hold ------------------------------------------------------------


def test_while_another_program_writes_nothing_is_lost_and_it_is_said_once(
    state: Path, clock: Clock, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feeds.ledger")

    async def main() -> Totals:
        worker = Worker(state, clock)
        with locked(ledger):
            for _ in range(2):
                worker.serve([READER, AGGREGATOR])
                await worker.record()
            assert ledger.counted().requests == {}
        worker.serve()
        totals = await worker.totals()
        await worker.recorder.close()
        return totals

    totals = run(main())
    assert totals.requests == {("site", "atom", 304): 5}
    assert subscribers(totals) == {("feed.atom", "Feedly"): 12, ("feed.atom", ""): 1}
    assert caplog.messages == [
        f"{ledger.path}: another program has locked it for {WAIT:g} s",
        "the ledger can be used again",
    ]


def test_the_event_loop_does_not_wait_for_the_ledger(
    state: Path, clock: Clock, ledger: Ledger
) -> None:
    gaps: list[float] = []

    async def beat(stopped: asyncio.Event) -> None:
        last = time.monotonic()
        while not stopped.is_set():
            await asyncio.sleep(0.005)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    async def main() -> None:
        worker = Worker(state, clock)
        stopped = asyncio.Event()
        beating = asyncio.create_task(beat(stopped))
        with locked(ledger):
            for number in range(3_000):
                worker.serve(address=f"198.51.{number >> 8}.{number & 255}")
            await worker.record()
        stopped.set()
        await beating
        await worker.recorder.close()

    started = time.monotonic()
    run(main())
    assert time.monotonic() - started > WAIT
    assert max(gaps) < WAIT / 4
    assert sorted(gaps)[len(gaps) // 2] < 0.05


def test_what_only_reads_is_quick_while_another_program_writes(
    state: Path, clock: Clock, ledger: Ledger
) -> None:
    """Whether the server is alive must not depend on who backs up its ledger."""
    build = BuildRecord(1.0, 2.0, "", 3.0, 4, 5, 6, 7)
    ledger.record_build(build)

    async def main() -> None:
        worker = Worker(state, clock)
        await worker.recorder.last_build()
        worker.serve()
        with locked(ledger):
            recording = asyncio.create_task(worker.record())
            await asyncio.sleep(0)
            started = time.monotonic()
            assert await worker.recorder.last_build() == build
            assert time.monotonic() - started < WAIT / 2
            assert not recording.done()
            await recording
        await worker.recorder.close()

    run(main())


# --- a ledger that cannot be used ---------------------------------------------------------


def test_damage_is_said_once_and_deleting_the_file_helps(
    state: Path, clock: Clock, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "feeds.ledger")
    build = BuildRecord(1.0, 2.0, "", 3.0, 4, 5, 6, 7)
    ledger.record_build(build)
    ledger.close()

    async def main() -> Totals:
        worker = Worker(state, clock)
        assert await worker.recorder.last_build() == build
        await worker.record()
        for path in state.glob("ledger.sqlite*"):
            path.unlink()
        ledger.path.write_bytes(b"nonsense" * 1_000)
        for _ in range(3):
            worker.serve()
            await worker.record()
            assert await worker.recorder.totals("1.1") is None
            assert "file is not a database" in worker.recorder.fault
            # What was known of the last build is not forgotten for that.
            assert await worker.recorder.last_build() == build
        ledger.path.unlink()
        totals = await worker.totals()
        assert worker.recorder.fault == ""
        await worker.recorder.close()
        return totals

    assert run(main()).requests == {("site", "atom", 304): 3}
    assert caplog.messages == [
        f"{ledger.path}: file is not a database; delete it, it is made anew",
        "the ledger can be used again",
    ]


def test_health_does_not_hang_with_the_disk(
    state: Path, clock: Clock, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "READ_SECONDS", 0.05)
    build = BuildRecord(1.0, 2.0, "", 3.0, 4, 5, 6, 7)
    ledger.record_build(build)
    answered = threading.Event()

    async def main() -> None:
        worker = Worker(state, clock)
        assert await worker.recorder.last_build() == build
        hanging = asyncio.ensure_future(
            worker.recorder._reading.run(lambda _: answered.wait(20), 0)
        )
        await asyncio.sleep(0)
        started = time.monotonic()
        assert await worker.recorder.last_build() == build
        assert time.monotonic() - started < 2
        assert worker.recorder.fault == "the ledger cannot be read within 0.05 s"
        answered.set()
        await hanging
        await worker.record()
        assert worker.recorder.fault == ""
        await worker.recorder.close()

    run(main())


def test_a_state_folder_that_is_deleted_is_made_again(state: Path, clock: Clock) -> None:
    async def main() -> tuple[Totals, Totals]:
        one, other = Worker(state, clock), Worker(state, clock)
        for worker in (one, other):
            worker.serve()
            await worker.record()
        shutil.rmtree(state)
        for worker in (one, other):
            worker.serve()
            await worker.record()
        found = await one.totals(), await other.totals()
        await one.recorder.close()
        await other.recorder.close()
        return found

    first, second = run(main())
    assert first == second
    assert first.requests == {("site", "atom", 304): 2}


def test_a_worker_stops_even_if_its_ledger_cannot_be_used(state: Path, clock: Clock) -> None:
    async def main() -> None:
        worker = Worker(state, clock)
        await worker.record()
        shutil.rmtree(state)
        state.write_text("in the way")
        worker.serve()
        await worker.recorder.close()

    before = threading.active_count()
    run(main())
    assert threading.active_count() == before


def test_a_fault_of_ours_is_shown_once_and_ends_nothing(
    state: Path, clock: Clock, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """Here: something in the ledger that no version ever wrote."""
    ledger.count("2022-06-14", {}, {}, {}, {"feed.atom": b""})

    async def main() -> None:
        worker = Worker(state, clock)
        worker.serve([AGGREGATOR])
        assert await worker.recorder.totals("1.1") is None
        assert await worker.recorder.totals("1.1") is None
        await worker.recorder.close()

    run(main())
    assert ledger.counted().requests == {("site", "atom", 304): 1}
    assert [bool(record.exc_info) for record in caplog.records] == [True, True]


def test_who_stops_waiting_loses_no_counts(state: Path, clock: Clock, ledger: Ledger) -> None:
    """A server that is told to stop cancels whoever records."""

    async def main() -> None:
        worker = Worker(state, clock)
        worker.serve()
        with locked(ledger):
            recording = asyncio.create_task(worker.record())
            await asyncio.sleep(0)
            worker.serve()
            # This one waits for the other in its turn.
            also = asyncio.create_task(worker.record())
            await asyncio.sleep(0)
            worker.serve()
            for task in (recording, also):
                task.cancel()
            await asyncio.gather(recording, also, return_exceptions=True)
        await worker.recorder.close()

    run(main())
    assert ledger.counted().requests == {("site", "atom", 304): 3}


# --- the tally itself ---------------------------------------------------------------------


def test_what_is_taken_is_counted_no_more() -> None:
    tally = Tally(True)
    tally.other(404)
    assert tally.take().requests == {("", "", 404): 1}
    assert tally.take().requests == {}


def test_what_is_given_back_is_added_to_what_came_since() -> None:
    tally = Tally(True)
    tally.feed(answer(), 200, 7, READER, (ADDRESS, 1), made=True)
    taken = tally.take()
    tally.feed(answer(), 200, 9, READER, ("192.0.2.1", 1))
    tally.give_back(taken)
    again = tally.take()
    assert again.requests == {("site", "atom", 200): 2}
    assert (again.bytes, again.made) == (16, 1)
    assert {address for _, _, address in again.visits} == {ADDRESS, "192.0.2.1"}


def test_memory_is_bounded_whoever_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_VISITS == 50_000
    monkeypatch.setattr(tallies, "MOST_VISITS", 100)
    tally = Tally(True)
    taken = []
    for turn in range(3):
        for number in range(200):
            agent = b"%d/%d" % (turn, number) + b"x" * 8_192
            tally.feed(answer(), 304, 0, agent, (ADDRESS, 1))
        taken.append(tally.take())
    for counts in taken:
        tally.give_back(counts)
    counts = tally.take()
    assert counts.requests == {("site", "atom", 304): 600}
    assert len(counts.visits) == 100
    assert {len(agent) for _, agent, _ in counts.visits} == {LONGEST_AGENT}


def test_a_client_without_an_address_is_a_request_and_no_reader() -> None:
    """As behind a socket that is a file."""
    tally = Tally(True)
    tally.feed(answer(), 304, 0, READER, None)
    counts = tally.take()
    assert counts.requests == {("site", "atom", 304): 1}
    assert counts.visits == {}
