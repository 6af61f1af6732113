"""What hubs are told, and what comes of hubs that do not listen. The hubs are real servers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from feeds import push
from feeds.ledger import Ledger, PublishedDocument
from feeds.push import (
    LONGEST_RETRY,
    MOST_TRIES,
    TOPICS_AT_ONCE,
    reply,
    retry_after,
    retry_seconds,
    tell_hubs,
)

from .hub import Hub, Message, Reply, silent_server

NOW = 1_655_200_000.0  # 2022-06-14 09:46:40 UTC


class Clock:
    """The time that a test says it is."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Owing:
    """A site whose feeds change, and its ledger."""

    def __init__(self, state: Path, hubs: list[str], feeds: int) -> None:
        self.clock = Clock()
        self.ledger = Ledger(state)
        self.hubs = hubs
        self._hashes = dict.fromkeys(map(topic, range(feeds)), 0)
        self._publish()

    def change(self, *numbers: int) -> list[str]:
        """These feeds are other bytes now; their topics."""
        for number in numbers:
            self._hashes[topic(number)] += 1
        return self._publish()

    def tell(self) -> int:
        return tell_hubs(self.ledger, self.clock)

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def _publish(self) -> list[str]:
        found = [PublishedDocument(t, "atom", "", t, str(h)) for t, h in self._hashes.items()]
        return self.ledger.publish(found, self.clock.now, self.hubs, "1.1")


def topic(number: int) -> str:
    return f"https://news.example.org/tag/{number:04}/feed.atom"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(fetches=False) as hub:
        yield hub


@pytest.fixture
def owing(tmp_path: Path, hub: Hub) -> Iterator[Owing]:
    owing = Owing(tmp_path / ".feeds", [hub.url], 250)
    with contextlib.closing(owing.ledger):
        yield owing


def told(hub: Hub) -> list[list[str]]:
    return [message.topics for message in hub.all_messages()]


# --- what is said -------------------------------------------------------------------------


def test_one_message_tells_of_all_that_changed(hub: Hub, owing: Owing) -> None:
    changed = owing.change(3, 1, 2)
    assert owing.tell() == 3
    [message] = hub.all_messages()
    assert message.fields == {"hub.mode": ["publish"], "hub.url": sorted(changed)}
    assert owing.ledger.next_due() is None


def test_nothing_is_said_where_nothing_changed(hub: Hub, owing: Owing) -> None:
    assert owing.tell() == 0
    assert told(hub) == []


def test_of_many_feeds_a_few_messages_tell(hub: Hub, owing: Owing) -> None:
    changed = owing.change(*range(250))
    assert owing.tell() == 250
    messages = told(hub)
    assert list(map(len, messages)) == [TOPICS_AT_ONCE, TOPICS_AT_ONCE, 50]
    assert list(chain.from_iterable(messages)) == changed


def test_a_single_feed_is_named_in_both_ways_that_hubs_know(hub: Hub, owing: Owing) -> None:
    [changed] = owing.change(7)
    owing.tell()
    [message] = hub.all_messages()
    assert message.fields["hub.url"] == message.fields["hub.topic"] == [changed]


def test_every_hub_is_told(tmp_path: Path) -> None:
    with Hub(fetches=False) as one, Hub(fetches=False) as other:
        owing = Owing(tmp_path, [one.url, other.url], 3)
        changed = owing.change(0, 2)
        assert owing.tell() == 2
        assert told(one) == told(other) == [changed]
        owing.ledger.close()


# --- hubs that do not take it -------------------------------------------------------------


def test_a_message_that_is_refused_is_said_again_feed_by_feed(tmp_path: Path) -> None:
    """Some hubs take but one topic, and by another name."""

    def refuses(message: Message) -> bool:
        return len(message.topics) != 1 or "hub.topic" not in message.fields

    with Hub(False, refuses) as hub:
        owing = Owing(tmp_path, [hub.url], 3)
        changed = owing.change(0, 1, 2)
        assert owing.tell() == 3
        assert told(hub) == [changed, *([each] for each in changed)]
        assert owing.ledger.next_due() is None
        owing.ledger.close()


def test_a_feed_that_a_hub_refuses_is_put_off_alone(tmp_path: Path) -> None:
    with Hub(False, lambda message: topic(1) in message.topics) as hub:
        owing = Owing(tmp_path, [hub.url], 3)
        owing.change(0, 1, 2)
        assert owing.tell() == 2
        assert owing.ledger.next_due() == NOW + retry_seconds(1)
        owing.wait(retry_seconds(1))
        assert [push.topic for push in owing.ledger.due(owing.clock())] == [topic(1)]
        owing.ledger.close()


@pytest.mark.parametrize("status", [301, 403, 404, 408, 429, 500, 502, 503])
def test_a_hub_that_fails_is_left_alone_until_the_next_try(
    hub: Hub, owing: Owing, status: int
) -> None:
    owing.change(*range(250))
    hub.replies = [Reply(status)]
    assert owing.tell() == 0
    assert len(told(hub)) == 1
    assert owing.tell() == 0
    assert owing.ledger.next_due() == NOW + 60
    owing.wait(60)
    assert owing.tell() == 250
    assert len(told(hub)) == 3


def test_what_was_told_before_a_hub_failed_is_not_told_again(hub: Hub, owing: Owing) -> None:
    owing.change(*range(250))
    hub.replies = [Reply(204), Reply(500)]
    assert owing.tell() == 100
    hub.all_messages()
    owing.wait(60)
    assert owing.tell() == 150
    assert told(hub)[0][0] == topic(100)


def test_every_try_comes_later_and_one_is_the_last(
    hub: Hub, owing: Owing, caplog: pytest.LogCaptureFixture
) -> None:
    owing.change(1)
    hub.replies = [Reply(500)] * 100
    waits = []
    while (due := owing.ledger.next_due()) is not None:
        waits.append(due - owing.clock())
        owing.wait(waits[-1])
        owing.tell()
    assert waits == [0.0, 60, 240, 960, 3_840, 15_360, 61_440]
    assert len(told(hub)) == MOST_TRIES
    assert "given up after 7 tries" in caplog.messages[-1]
    # What changes afterwards is told as if nothing had been.
    hub.replies = []
    owing.change(1)
    assert owing.tell() == 1


def test_what_changes_while_a_hub_fails_is_told_at_once(hub: Hub, owing: Owing) -> None:
    """It may be well again; what was put off goes on waiting."""
    owing.change(1)
    hub.replies = [Reply(500)]
    owing.tell()
    owing.wait(1)
    owing.change(2)
    assert owing.tell() == 1
    assert told(hub) == [[topic(1)], [topic(2)]]


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("value", ["3600", "Tue, 14 Jun 2022 10:46:40 GMT"])
def test_a_hub_that_says_when_is_not_even_told_of_new_changes_before(
    hub: Hub, owing: Owing, caplog: pytest.LogCaptureFixture, status: int, value: str
) -> None:
    owing.change(1)
    hub.replies = [Reply(status, {"Retry-After": value})]
    owing.tell()
    assert caplog.messages[0].endswith("; the next try is due in 3600 s")
    owing.wait(3_599)
    owing.change(2)
    assert owing.tell() == 0
    assert owing.ledger.next_due() == NOW + 3_600
    owing.wait(1)
    assert owing.tell() == 2
    assert told(hub) == [[topic(1)], [topic(1), topic(2)]]


def test_a_hub_that_is_not_there_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hub = f"http://127.0.0.1:{port}/"
    owing = Owing(tmp_path, [hub], 3)
    owing.change(0, 1)
    assert owing.tell() == 0
    assert owing.ledger.next_due() == NOW + 60
    [said] = caplog.messages
    assert said.startswith(f"{hub}: not told of 2 feeds: ConnectError: ")
    assert said.endswith("; the next try is due in 60 s")
    owing.ledger.close()


@pytest.mark.parametrize(
    "hub",
    [
        "http://a..example.org/",
        f"http://{'a' * 64}.example.org/",
        "http://127.0.0.1:0/",
        "http://[fe80::1]/",
        "http://127.0.0.1:1/\ufffd?a=%zz#part",
    ],
)
def test_no_address_ends_the_telling_of_others(tmp_path: Path, hub: str) -> None:
    with Hub(fetches=False) as good:
        owing = Owing(tmp_path, [hub, good.url], 1)
        owing.change(0)
        assert owing.tell() == 1
        assert told(good) == [[topic(0)]]
        assert {each.hub for each in owing.ledger.due(NOW + 60)} == {hub}
        owing.ledger.close()


def drip(connection: socket.socket) -> None:
    """Headers without end, so slowly that no single read takes long."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 204 No Content\r\n")
    while True:
        connection.sendall(b"x: y\r\n")
        time.sleep(0.02)


def pour(connection: socket.socket) -> None:
    """A body without end."""
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def hang_up(connection: socket.socket) -> None:
    connection.recv(65_536)


def babble(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"\x00\xff hello \r\n\r\n")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (drip, "no answer within 0.5 s"),
        (hang_up, "Error"),
        (babble, "RemoteProtocolError"),
        (pour, None),
    ],
    ids=["drip", "hang up", "babble", "pour"],
)
def test_rude_hubs_take_their_time_and_no_more(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Any,
    error: str | None,
) -> None:
    monkeypatch.setattr(push, "TIMEOUT", 0.5)
    with silent_server(answer) as hub:
        owing = Owing(tmp_path, [hub], 1)
        owing.change(0)
        started = time.monotonic()
        assert owing.tell() == (0 if error else 1)
        assert time.monotonic() - started < 5
        assert [error in message for message in caplog.messages if error] == [True] * bool(error)
        owing.ledger.close()


def test_a_slow_hub_does_not_keep_others_waiting(tmp_path: Path) -> None:
    with Hub(fetches=False) as slow, Hub(fetches=False) as quick:
        slow.held = threading.Event()
        owing = Owing(tmp_path, [slow.url, quick.url], 250)
        owing.change(*range(250))
        telling = threading.Thread(target=owing.tell)
        telling.start()
        slow.next_message()
        assert [len(quick.next_message().topics) for _ in range(3)] == [100, 100, 50]
        assert telling.is_alive()
        assert slow.all_messages() == []
        slow.held.set()
        telling.join()
        assert len(told(slow)) == 2
        assert owing.ledger.next_due() is None
        owing.ledger.close()


# --- what is decided ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "taken", "refused"),
    [
        (200, True, False),
        (202, True, False),
        (204, True, False),
        (302, False, False),
        (400, False, True),
        (401, False, False),
        (404, False, False),
        (410, False, False),
        (413, False, True),
        (422, False, True),
        (429, False, False),
        (503, False, False),
    ],
)
def test_what_a_status_means(status: int, taken: bool, refused: bool) -> None:
    found = reply(status, 5.0)
    assert (not found.error, found.refused) == (taken, refused)
    assert found.wait == (0 if taken else 5)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        ("86401", LONGEST_RETRY),
        ("9" * 5_000, LONGEST_RETRY),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("１２０", 0),
        ("²", 0),
        ("Tue, 14 Jun 2022 09:48:40 GMT", 120),
        ("Tue, 14 Jun 2022 09:48:40 -0000", 120),
        ("Tuesday, 14-Jun-22 09:48:40 GMT", 120),
        ("Tue Jun 14 09:48:40 2022", 120),
        ("Tue, 14 Jun 2022 09:00:00 GMT", 0),
        ("Tue, 14 Jun 9999 09:00:00 GMT", LONGEST_RETRY),
        ("Tue, 14 Jun 0001 09:00:00 +2359", 0),
        ("Tue, 99 Jun 2022 09:00:00 GMT", 0),
    ],
)
def test_when_a_hub_wants_to_be_asked_again(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


def test_the_longest_wait_is_a_day() -> None:
    assert retry_seconds(1) == 60
    assert retry_seconds(20) == LONGEST_RETRY
