"""When hubs are told: after the feeds are served, and after what was in the way is gone."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.ledger import WORKER_SILENCE, Ledger, PublishedDocument
from server import publisher as publishers
from server.publisher import Publisher, number
from tests.hub import Hub
from tests.service import wait_until

TOPIC = "https://news.example.org/feed.atom"
# Longer than it takes to tell a hub.
WHILE = 0.4


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(fetches=False) as hub:
        yield hub


@pytest.fixture
def ledger(tmp_path: Path, hub: Hub) -> Iterator[Ledger]:
    """A ledger that owes the hub a feed of edition 1.10."""
    with contextlib.closing(Ledger(tmp_path / ".feeds")) as ledger:
        publish(ledger, hub, "old", "1.9")
        publish(ledger, hub, "new", "1.10")
        yield ledger


def publish(ledger: Ledger, hub: Hub, hash: str, edition: str) -> None:
    document = PublishedDocument("feed.atom", "atom", "", TOPIC, hash)
    ledger.publish([document], time.time(), [hub.url], edition)


@pytest.fixture
def publisher(ledger: Ledger) -> Iterator[Publisher]:
    stopped = threading.Event()
    publisher = Publisher(ledger.path.parent, stopped)
    publisher.start()
    yield publisher
    stopped.set()
    publisher.join(10)
    assert not publisher.is_alive()


def is_told(hub: Hub, seconds: float = WHILE) -> bool:
    with contextlib.suppress(queue.Empty):
        return hub.messages.get(timeout=seconds).topics == [TOPIC]
    return False


def test_nobody_is_told_before_every_worker_serves_it(
    hub: Hub, ledger: Ledger, publisher: Publisher
) -> None:
    ledger.serving("one", "1.10", time.time())
    ledger.serving("other", "1.9", time.time())
    publisher.wake()
    assert not is_told(hub)
    ledger.serving("other", "1.11", time.time())
    assert is_told(hub, 10)


def test_nobody_is_told_before_there_is_a_worker(
    hub: Hub, ledger: Ledger, publisher: Publisher
) -> None:
    publisher.wake()
    assert not is_told(hub)
    ledger.serving("one", "", time.time())
    assert not is_told(hub)
    ledger.serving("one", "2.1", time.time())
    assert is_told(hub, 10)


def test_a_worker_that_was_killed_is_not_waited_for(
    hub: Hub, ledger: Ledger, publisher: Publisher
) -> None:
    ledger.serving("killed", "1.9", time.time() - WORKER_SILENCE - 1)
    ledger.serving("one", "1.10", time.time())
    publisher.wake()
    assert is_told(hub, 10)


def test_a_worker_that_hangs_is_not_waited_for_without_end(
    hub: Hub, ledger: Ledger, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers, "PATIENCE", WHILE)
    ledger.serving("hangs", "1.9", time.time())
    publisher.wake()
    assert is_told(hub, 10)


def test_what_is_owed_from_before_waits_for_the_first_build(
    hub: Hub, ledger: Ledger, publisher: Publisher
) -> None:
    """It may have been owed to a hub that is named no more."""
    ledger.serving("one", "1.10", time.time())
    assert not is_told(hub)
    publisher.wake()
    assert is_told(hub, 10)


def test_the_next_try_needs_nobody_to_ask_for_it(
    hub: Hub, ledger: Ledger, publisher: Publisher
) -> None:
    ledger.serving("one", "1.10", time.time())
    ledger.postpone(ledger.due(time.time()), time.time() + WHILE)
    publisher.wake()
    assert is_told(hub, 10)


def test_a_ledger_that_cannot_be_used_is_said_once(
    hub: Hub,
    ledger: Ledger,
    publisher: Publisher,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishers, "LOOK_SECONDS", 0.05)
    ledger.close()
    good = ledger.path.rename(ledger.path.with_suffix(".good"))
    ledger.path.write_bytes(b"nonsense" * 1_000)
    looks = threading.Semaphore(0)
    due = Ledger.next_due

    def counted(self: Ledger) -> float | None:
        looks.release()
        return due(self)

    monkeypatch.setattr(Ledger, "next_due", counted)
    publisher.wake()
    for _ in range(3):
        assert looks.acquire(timeout=10)
    assert len(caplog.messages) == 1
    assert "not a database; delete it" in caplog.messages[0]
    good.replace(ledger.path)
    ledger.serving("one", "1.10", time.time())
    assert is_told(hub, 10)
    wait_until(lambda: ledger.next_due() is None)


@pytest.mark.parametrize(
    ("earlier", "later"), [("", "1.0"), ("1.9", "1.10"), ("1.10", "2.1"), ("9.1", "10.0")]
)
def test_editions_are_in_the_order_of_time(earlier: str, later: str) -> None:
    assert number(earlier) < number(later)
