"""Push from a post on the disk to a subscriber, through a real service and a real hub."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from feeds.configfile import load_config
from tests.conftest import write_post
from tests.hub import Hub, Message, Reply, Subscriber
from tests.service import SECONDS, free_port, serving, wait_until

FORMATS = ("atom", "json", "rss")


class Site:
    """A site whose public address is where it is served on this machine."""

    def __init__(self, root: Path, hubs: Sequence[str]) -> None:
        self.root = root
        self.port = free_port()
        self.name_hubs(hubs)
        self.write("a.md", tags="one", categories="news")
        self.write("b.md", tags="[one, two]", categories="news")
        self.write("c.md", tags="three", categories="else")

    def name_hubs(self, hubs: Sequence[str]) -> None:
        text = f"""\
            [site]
            url = "http://127.0.0.1:{self.port}"
            title = "新闻"
            [posts]
            sources = ["posts"]
            [feeds]
            hubs = {json.dumps(list(hubs))}
            """
        (self.root / "config.toml").write_text(text, "utf-8")

    def write(self, name: str, date: str = "2022-01-17 08:54:02 +0800", **more: object) -> None:
        write_post(self.root, name, date, **more)

    def topics(self, *feeds: str) -> set[str]:
        """The topics of feeds, as in ``tag/one``; empty for that of the site."""
        prefixes = [f"{feed}/" if feed else "" for feed in feeds]
        base = f"http://127.0.0.1:{self.port}"
        return {f"{base}/{prefix}feed.{format}" for prefix in prefixes for format in FORMATS}

    @contextlib.contextmanager
    def ledger(self) -> Iterator[sqlite3.Connection]:
        path = load_config(self.root).state / "ledger.sqlite"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
            yield db

    def owed(self) -> list[tuple[str, str, int]]:
        with self.ledger() as db:
            return db.execute("SELECT hub, topic, tries FROM push").fetchall()

    def let_time_pass(self) -> None:
        """Whatever was put off is due."""
        with self.ledger() as db:
            db.execute("UPDATE push SET due = 0")
            db.execute("UPDATE hub SET quiet = 0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "site" / "posts").mkdir(parents=True)
    return tmp_path / "site"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture
def site(root: Path, hub: Hub) -> Site:
    return Site(root, [hub.url])


def texts(message: Message) -> set[bool]:
    """Whether what the hub fetched when it was told is what was written last."""
    return {"第二版" in answer.text for answer in message.fetched.values()}


def test_a_change_reaches_subscribers_and_nobody_hears_of_anything_else(
    site: Site, hub: Hub
) -> None:
    with serving(site.root, site.port) as service, Subscriber() as subscriber:
        for topic in sorted(site.topics("", "tag/one", "tag/three")):
            subscriber.subscribe(topic)
            assert hub.verified.get(timeout=SECONDS)

        # Another body: exactly the feeds that the post is in.
        site.write("a.md", tags="one", categories="news", body="第二版")
        message = hub.next_message()
        touched = site.topics("", "tag/one", "category/news")
        assert message.fields["hub.mode"] == ["publish"]
        assert sorted(message.topics) == sorted(touched)
        # The first build was told to nobody, though all feeds were new.
        assert hub.all_messages() == []
        # What the hub got when it was told is what was told of.
        assert texts(message) == {True}
        deliveries = [subscriber.next_delivery() for _ in range(6)]
        assert {each.topic for each in deliveries} == site.topics("", "tag/one")
        assert {each.signed for each in deliveries} == {True}
        for each in deliveries:
            assert each.body == message.fetched[each.topic].content == httpx.get(each.topic).content
        kinds = {"application/atom+xml", "application/rss+xml", "application/feed+json"}
        assert {each.media_type.partition(";")[0] for each in deliveries} == kinds

        # A file that is written anew with the same bytes is no change; a new post with a term
        # of its own is one of that term's feeds, too.
        site.write("c.md", tags="three", categories="else")
        site.write("d.md", tags="four", date="2022-02-01 08:00:00 +0800")
        assert set(hub.next_message().topics) == site.topics("", "tag/four")

        # Feeds that are withdrawn are not announced: there is nothing to fetch.
        (site.root / "posts" / "b.md").unlink()
        message = hub.next_message()
        assert set(message.topics) == site.topics("", "tag/one", "category/news")
        assert {answer.status_code for answer in message.fetched.values()} == {200}
        wait_until(lambda: service.get("tag/two/feed.atom").status_code == 410)
        wait_until(lambda: site.owed() == [])  # a moment after the hub has answered
        assert hub.all_messages() == []
        assert service.stop() < 5


@pytest.fixture
def package_hub(tmp_path: Path) -> Iterator[str]:
    """The address of a hub that was written by others."""
    pytest.importorskip("flask_websub", reason="needs flask-websub")
    command = [sys.executable, "-m", "tests.package_hub", str(tmp_path / "hub.sqlite")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_hub_written_by_others_verifies_fetches_and_delivers(
    root: Path, package_hub: str
) -> None:
    site = Site(root, [package_hub])
    with serving(site.root, site.port) as service, Subscriber() as subscriber:
        with sqlite3.connect(root.parent / "hub.sqlite") as db:
            for topic in sorted(site.topics("", "tag/one", "tag/three")):
                subscriber.subscribe(topic)
            count = "SELECT count(*) FROM hub"
            wait_until(lambda: db.execute(count).fetchone() == (9,))
        db.close()
        site.write("a.md", tags="one", categories="news", body="第二版")
        deliveries = [subscriber.next_delivery() for _ in range(6)]
        assert {each.topic for each in deliveries} == site.topics("", "tag/one")
        assert {(each.signed, "第二版" in each.body.decode()) for each in deliveries} == {
            (True, True)
        }
        wait_until(lambda: site.owed() == [])
        assert not any("not told" in line for line in service.log)
        service.stop()


def test_what_is_owed_survives_a_restart_and_only_hubs_of_now_are_told(root: Path) -> None:
    with Hub() as old, Hub() as kept, Hub() as new:
        site = Site(root, [old.url, kept.url])
        with serving(site.root, site.port) as service:
            old.replies = [Reply(429, {"Retry-After": "3600"})]
            kept.replies = [Reply(500)]
            site.write("c.md", tags="three", categories="else", body="第二版")
            service.said("not told of 9 feeds: answered")
            service.said("not told of 9 feeds: answered")
            service.stop()
        touched = site.topics("", "tag/three", "category/else")
        assert set(old.next_message().topics) == set(kept.next_message().topics) == touched
        assert sorted(site.owed()) == sorted(
            (hub.url, topic, 1) for hub in (old, kept) for topic in touched
        )
        site.let_time_pass()
        with serving(site.root, site.port) as service:
            assert set(old.next_message().topics) == set(kept.next_message().topics) == touched
            wait_until(lambda: site.owed() == [])
            # Now another hub in the place of one: all feeds are other bytes, since they name
            # it. Who subscribes where they always did hears of it, nobody else can.
            site.name_hubs([new.url, kept.url])
            message = kept.next_message()
            assert set(message.topics) == site.topics(
                *("", "tag/one", "tag/two", "tag/three", "category/news", "category/else")
            )
            assert {new.url in answer.text for answer in message.fetched.values()} == {True}
            site.write("c.md", tags="three", categories="else", body="第三版")
            assert set(new.next_message().topics) == touched
            assert set(kept.next_message().topics) == touched
            assert [*old.all_messages(), *new.all_messages(), *kept.all_messages()] == []
            service.stop()


def test_a_hub_that_hangs_is_in_nobodys_way(site: Site, hub: Hub) -> None:
    hub.held = threading.Event()
    with serving(site.root, site.port) as service, httpx.Client(base_url=service.url) as client:
        site.write("a.md", tags="one", categories="news", body="第二版")
        hub.next_message()
        # The hub has the message and says nothing. Meanwhile, requests and the next change:
        times = []
        site.write("c.md", tags="three", categories="else", body="第三版")
        written = time.monotonic()
        while "第三版" not in client.get("/tag/three/feed.json").text:
            assert time.monotonic() - written < 5
        for _ in range(300):
            started = time.perf_counter()
            assert client.get("/feed.atom").status_code == 200
            times.append(time.perf_counter() - started)
        assert statistics.median(times) < 0.05
        assert max(times) < 0.5
        assert not hub.held.is_set()
        # Nor is it in the way of the end.
        assert service.stop() < 5


def test_hubs_are_told_when_every_worker_serves_it(site: Site, hub: Hub) -> None:
    hub.held = threading.Event()
    with serving(site.root, site.port, "--workers", "2") as service:
        site.write("a.md", tags="one", categories="news", body="第二版")
        hub.next_message()
        # While the hub is being told; every connection may be another worker's.
        found = [service.holds("tag/one/feed.json", "第二版") for _ in range(30)]
        assert found == [True] * 30
        with site.ledger() as db:
            [(workers,)] = db.execute("SELECT count(*) FROM worker").fetchall()
        assert workers == 2
        hub.held.set()
        service.stop()


def test_a_ledger_in_trouble_keeps_nothing_from_being_served(site: Site, hub: Hub) -> None:
    with serving(site.root, site.port) as service:
        with site.ledger() as db:
            db.execute("BEGIN IMMEDIATE")
            site.write("a.md", tags="one", categories="news", body="第二版")
            wait_until(lambda: service.holds("feed.json", "第二版"), 5)
            started = time.monotonic()
            assert service.get("healthz").status_code == 200
            assert service.get("readyz").status_code == 200
            assert time.monotonic() - started < 1
            service.said("another program has locked it")
        # When it is free again what happened meanwhile is made up for.
        site.write("c.md", tags="three", categories="else", body="第二版")
        topics = set(hub.next_message().topics)
        wait_until(lambda: site.owed() == [])
        topics.update(*(message.topics for message in hub.all_messages()))
        assert topics >= site.topics("", "tag/one", "tag/three")
        path = load_config(site.root).state / "ledger.sqlite"
        damaged_file = path.with_suffix(".damaged")
        damaged_file.write_bytes(b"nonsense" * 1_000)
        # With its journal SQLite would put it in order again.
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink()
        damaged_file.replace(path)
        assert "feeds_ledger_good 0.0" in service.get("metrics").text
        site.write("a.md", tags="one", categories="news", body="第三版")
        wait_until(lambda: service.holds("feed.json", "第三版"), 5)
        assert service.get("healthz").status_code == 200
        path.unlink()
        assert "feeds_ledger_good 1.0" in service.get("metrics").text
        service.stop()
    damaged = [line for line in service.log if "not a database" in line]
    assert len(damaged) <= 3  # the worker, the builder and its publisher, once each


# --- feeds build --notify -----------------------------------------------------------------


def build(site: Site, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "feeds", "build", str(site.root), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def told(hub: Hub) -> list[set[str]]:
    return [set(message.topics) for message in hub.all_messages()]


def test_a_build_with_notify_tells_what_changed_since_hubs_were_told(root: Path) -> None:
    with Hub(fetches=False) as hub:
        site = Site(root, [hub.url])
        assert "0 feeds told to 1 hub" in build(site, "--notify").stdout
        assert told(hub) == []
        site.write("a.md", tags="one", categories="news", body="第二版")
        assert "9 feeds told to 1 hub" in build(site, "--notify").stdout
        assert told(hub) == [site.topics("", "tag/one", "category/news")]
        # Files that are missing are written, but their feeds are what they were.
        subprocess.run(["rm", "-r", str(site.root / "public")], check=True)
        build(site, "--full", "--notify")
        assert told(hub) == []
        # What builds without --notify changed is not forgotten.
        site.write("c.md", tags="three", categories="else", body="第二版")
        build(site)
        assert told(hub) == []
        build(site, "--notify")
        assert told(hub) == [site.topics("", "tag/three", "category/else")]


def test_a_hub_that_is_down_fails_no_build_and_is_told_later(root: Path) -> None:
    with Hub(fetches=False) as hub:
        site = Site(root, [hub.url])
        build(site)
        hub.replies = [Reply(503)]
        site.write("a.md", tags="one", categories="news", body="第二版")
        done = build(site, "--notify")
        assert "not told of 9 feeds: answered 503; the next try is due in 60 s" in done.stderr
        assert "0 feeds told to 1 hub" in done.stdout
        assert len(told(hub)) == 1
        build(site, "--notify")
        assert told(hub) == []
        site.let_time_pass()
        build(site, "--notify")
        assert told(hub) == [site.topics("", "tag/one", "category/news")]


def test_a_site_that_names_no_hub_tells_nobody(root: Path) -> None:
    with Hub(fetches=False) as hub:
        site = Site(root, [hub.url])
        build(site, "--notify")
        site.write("a.md", tags="one", categories="news", body="第二版")
        build(site)
        site.name_hubs([])
        assert "0 feeds told to 0 hubs" in build(site, "--notify").stdout
        assert told(hub) == []


def test_a_damaged_ledger_is_a_finding_of_a_build_that_tells_nobody(root: Path) -> None:
    site = Site(root, ["http://127.0.0.1:1/"])
    build(site)
    (site.root / ".feeds" / "ledger.sqlite").write_bytes(b"nonsense" * 1_000)
    site.write("a.md", tags="one", categories="news", body="第二版")
    done = build(site)
    assert "not a database; delete it" in done.stderr
    assert "第二版" in (site.root / "public" / "feed.json").read_text("utf-8")
