"""A site that changes while it is served: by hand, by `git pull`, by time, by other processes,
and by processes that are killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from feeds.ledger import Ledger
from feeds.view import current_index
from server import run

from ..conftest import post_text, run_build, write_post
from ..test_build import small_disk
from .conftest import FEEDS, Process, Server, make_site, processes, running, until

SERVE: Final = (*FEEDS, "serve")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """A site that the tests of this module change one after the other."""
    root = make_site(folder / "site")
    write_post(root, "a.md", "2022-01-17 08:54:02 +0800", categories="x", tags="[y]")
    with running(root) as server:
        yield server


def titles(server: Server, path: str = "/feed.json") -> list[str]:
    return [item["title"] for item in json.loads(server.ask(path).body)["items"]]


def status(server: Server, path: str = "/feed.atom") -> int:
    return server.ask(path).status


def appeared(server: Server, title: str) -> None:
    """Wait until a post of that title is served."""
    until(lambda: title in titles(server))


def builds_after(server: Server, change: Callable[[], object]) -> int:
    """How many builds changed anything until the changes of ``change`` are all there."""
    before = server.builds
    change()
    until(lambda: server.builds > before)
    # Nothing is under way any more: one more change is one more build.
    marker = server.root / "posts" / "marker.md"
    marker.unlink(missing_ok=True)
    write_post(server.root, "marker.md", title=f"marker {before}")
    until(lambda: f"marker {before}" in titles(server))
    until(lambda: server.builds >= before + 2)  # it is said a moment after it is served
    return server.builds - before - 1


def soon() -> datetime:
    """A time in two to three seconds; dates of posts have no fractions of them."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)


# --- posts


def test_a_post_appears_and_changes_and_goes_without_a_restart(server: Server) -> None:
    path = write_post(server.root, "new.md", "2022-01-18 08:54:02 +0800", categories="x")
    until(lambda: "new.md" in titles(server))
    assert "new.md" in titles(server, "/category/x/feed.json")
    write_post(server.root, "new.md", "2022-01-18 08:54:02 +0800", title="edited")
    until(lambda: "edited" in titles(server))
    assert "new.md" not in titles(server)
    assert titles(server, "/category/x/feed.json") == ["a.md"]
    path.unlink()
    until(lambda: "edited" not in titles(server))


def test_a_new_post_is_out_within_a_second(server: Server) -> None:
    """In some 0.3 s where there is nothing else to do; the best of three counts here."""
    best = 60.0
    for number in range(3):
        started = time.monotonic()
        write_post(server.root, "quick.md", title=f"quick {number}")
        appeared(server, f"quick {number}")
        best = min(best, time.monotonic() - started)
    assert best < 1


def test_feeds_that_a_change_does_not_touch_keep_their_validators(server: Server) -> None:
    before = server.ask("/category/x/feed.atom")
    write_post(server.root, "elsewhere.md", tags="[z]")
    until(lambda: status(server, "/tag/z/feed.atom") == 200)
    after = server.ask("/category/x/feed.atom", if_none_match=before["etag"])
    assert after.status == 304


def test_others_know_at_once_what_is_served(server: Server) -> None:
    """Hubs are told of an edition as soon as it is, and not some seconds later."""
    ledger = Ledger(server.root / ".feeds")
    (before,) = ledger.editions_served(0)
    write_post(server.root, "known.md", title="known")
    appeared(server, "known")
    until(lambda: before not in ledger.editions_served(0), 2)
    ledger.close()


def test_a_feed_without_posts_is_withdrawn_and_comes_back(server: Server) -> None:
    path = write_post(server.root, "t.md", tags="[coming]")
    until(lambda: status(server, "/tag/coming/feed.atom") == 200)
    path.unlink()
    # Never an answer in between that says less than that it is gone.
    assert until(lambda: other_than(200, status(server, "/tag/coming/feed.atom"))) == 410
    write_post(server.root, "t.md", tags="[coming]")
    until(lambda: status(server, "/tag/coming/feed.atom") == 200)


def other_than(expected: int, status: int) -> int:
    """A status if it is another one."""
    return status if status != expected else 0


def test_a_post_of_the_future_appears_when_its_time_comes(server: Server) -> None:
    due = soon()
    write_post(server.root, "future.md", due.isoformat(sep=" "), title="future")
    # Another one tells when the build is over that saw both.
    write_post(server.root, "present.md", title="present")
    until(lambda: "present" in titles(server))
    assert "future" not in titles(server)
    until(lambda: "future" in titles(server))
    late = (datetime.now(UTC) - due).total_seconds()
    assert 0 <= late < 5


def test_a_burst_is_one_build(server: Server) -> None:
    """As `git pull` leaves it: many files at once, in folders that were not there before."""
    text = post_text("burst", "2022-01-16 08:00:00 +0800")

    def burst() -> None:
        for number in range(1_500):
            path = server.root / "posts" / f"burst-{number % 3}" / f"{number}.md"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")

    # A machine with other things to do may leave a pause between two of the files.
    assert builds_after(server, burst) <= 2
    until(lambda: json.loads(server.ask("/healthz").body)["last_build"]["posts"] > 1_500)

    def gone() -> None:
        for number in range(3):
            shutil.rmtree(server.root / "posts" / f"burst-{number}")

    assert builds_after(server, gone) <= 2


def test_a_folder_that_takes_the_place_of_another_is_watched(server: Server) -> None:
    """As tools leave it that put a whole tree into place."""
    posts = server.root / "posts"
    shutil.copytree(posts, server.root / "next")
    write_post(server.root, "../next/swapped.md", title="swapped")
    posts.rename(server.root / "last")
    (server.root / "next").rename(posts)
    until(lambda: "swapped" in titles(server))
    shutil.rmtree(server.root / "last")
    write_post(server.root, "swapped.md", title="after the swap")
    until(lambda: "after the swap" in titles(server), 5)


def test_posts_in_a_new_folder_are_noticed(server: Server) -> None:
    folder = server.root / "posts" / "2022" / "01"
    folder.mkdir(parents=True)
    write_post(server.root, "2022/01/deep.md", title="deep")
    until(lambda: "deep" in titles(server))
    write_post(server.root, "2022/01/deep.md", title="deeper")
    until(lambda: "deeper" in titles(server))


def test_a_log_in_the_folder_of_the_site_makes_no_build(server: Server) -> None:
    """Or a server that logs there would build for ever."""
    log = server.root / "serve.log"
    log.write_text("begun\n", "utf-8")

    def last() -> str:
        return str(json.loads(server.ask("/healthz").body)["last_build"]["at"])

    builds_after(server, lambda: write_post(server.root, "log.md", title="log"))
    before = last()
    time_to_notice = time.monotonic() + 1.0
    while time.monotonic() < time_to_notice:
        with log.open("a", encoding="utf-8") as file:
            file.write("a line\n")
        server.ask()
    assert last() == before


# --- the configuration


def test_the_configuration_is_followed_and_a_broken_one_is_not(server: Server) -> None:
    path = server.root / "config.toml"
    good = path.read_text("utf-8")
    path.write_text(good.replace('"新闻"', '"旧闻"'), "utf-8")
    until(lambda: "旧闻" in server.ask().body.decode())
    served = server.ask()
    path.write_text(good + "\n[feeds]\nentries = 0\nentrys = 1\n", "utf-8")
    until(lambda: status(server, "/readyz") == 503)
    # Said in all places, and only once in the log although builds go on.
    write_post(server.root, "meanwhile.md", title="meanwhile")
    until(lambda: "meanwhile" in titles(server))
    for where in ("/healthz", "/readyz"):
        build = json.loads(server.ask(where).body)["last_build"]
        assert not build["good"]
        assert "feeds.entries" in build["error"]
        assert "feeds.entrys" in build["error"]
    assert status(server, "/healthz") == 200
    assert len(re.findall(r"ERROR .*feeds\.entries", server.log)) == 1
    # What is answered is what was answered before, with the posts of now.
    assert "旧闻" in server.ask().body.decode()
    assert server.ask("/category/x/feed.rss").status == 200
    path.write_text(good, "utf-8")
    until(lambda: status(server, "/readyz") == 200)
    until(lambda: "新闻" in server.ask().body.decode())
    assert "builds are good again" in server.log
    assert served["etag"] != server.ask()["etag"]


def test_redirects_are_followed_though_no_feed_changes(server: Server) -> None:
    path = server.root / "config.toml"
    text = path.read_text("utf-8")
    before = server.ask()["etag"]
    assert status(server, "/old.xml") == 404
    path.write_text(f'{text}\n[redirects]\n"/old.xml" = "/feed.atom"\n', "utf-8")
    until(lambda: status(server, "/old.xml") == 301)
    assert server.ask()["etag"] == before
    path.write_text(text, "utf-8")
    until(lambda: status(server, "/old.xml") == 404)


def test_feeds_may_move_by_configuration(server: Server) -> None:
    path = server.root / "config.toml"
    text = path.read_text("utf-8")
    path.write_text(f'{text}\n[feeds.paths]\ntag = "t/{{slug}}.{{format}}"\n', "utf-8")
    until(lambda: status(server, "/t/y.atom") == 200)
    assert status(server, "/tag/y/feed.atom") == 410
    path.write_text(text, "utf-8")
    until(lambda: status(server, "/tag/y/feed.atom") == 200)
    assert status(server, "/t/y.atom") == 410


# --- other processes


def test_a_build_by_hand_is_followed_and_writes_the_same(server: Server) -> None:
    write_post(server.root, "by-hand.md", title="by hand")
    subprocess.run(
        [*FEEDS, "build", str(server.root), "--full"],
        check=True,
        capture_output=True,
    )
    until(lambda: "by hand" in titles(server))
    for name in ("feed.atom", "feed.json", "category/x/feed.rss", "feeds.opml"):
        assert server.ask(f"/{name}").body == (server.root / "public" / name).read_bytes()


@pytest.mark.parametrize("what", ["index-*.sqlite*", ""])
def test_the_state_folder_may_be_deleted_while_it_is_served(server: Server, what: str) -> None:
    before = {path: server.ask(path) for path in ("/feed.atom", "/category/x/feed.json")}
    state = server.root / ".feeds"
    if what:
        for file in state.glob(what):
            file.unlink(missing_ok=True)
    else:
        shutil.rmtree(state, ignore_errors=True)  # the server may just write there
    # Nothing is answered otherwise, not even what was not asked for before.
    for path, reply in before.items():
        again = server.ask(path)
        assert (again.status, again["etag"]) == (200, reply["etag"])
    assert status(server, "/category/x/feed.rss") == 200
    until(lambda: current_index(state) is not None)
    title = f"after {what or 'all'}"
    write_post(server.root, "after.md", title=title)
    until(lambda: title in titles(server))
    until(lambda: len(server.builders()) == 1)


def test_a_damaged_index_is_made_again(folder: Path) -> None:
    root = make_site(folder / "damaged")
    write_post(root, "a.md")
    subprocess.run([*FEEDS, "build", str(root)], check=True, capture_output=True)
    path = current_index(root / ".feeds")
    assert path is not None
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entry SET body = x'00'")
    with running(root) as server:
        # A build does not look at what it has no need of; who asks finds out.
        until(lambda: status(server) == 200)
        assert "the index is damaged" in server.log
        assert titles(server) == ["a.md"]


# --- how changes are noticed


def test_a_full_disk_is_no_good_build_and_over_when_there_is_room(tmp_path: Path) -> None:
    """What would say so is on that disk, too."""
    root = make_site(tmp_path / "site")
    write_post(root, "a.md")
    with small_disk(root / ".feeds", "2m") as disk, running(root) as server:
        known = server.ask("/feed.atom")
        fill(disk / "filler")
        write_post(root, "b.md", title="on a full disk", body="text " * 20_000)
        until(lambda: status(server, "/readyz") == 503)
        state = json.loads(server.ask("/healthz").body)
        assert state["ledger"]["good"] is False
        assert "full" in state["ledger"]["error"]
        assert b"\nfeeds_ledger_good 0.0\n" in server.ask("/metrics").body
        assert server.ask("/feed.atom").body == known.body
        (disk / "filler").unlink()
        appeared(server, "on a full disk")
        until(lambda: status(server, "/readyz") == 200)
        assert b"\nfeeds_ledger_good 1.0\n" in server.ask("/metrics").body


def fill(path: Path) -> None:
    """Take all the room that a disk has left."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 16, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


def test_a_reader_that_only_has_a_date_learns_of_every_change(folder: Path) -> None:
    root = make_site(folder / "dated")
    write_post(root, "old.md", "2022-01-10 08:00:00 +0800")
    newest = write_post(root, "new.md", "2022-01-17 08:00:00 +0800")
    run_build(root, datetime.now(UTC))  # so that both have something from the beginning
    changes: list[Callable[[], object]] = [
        lambda: write_post(root, "old.md", "2022-01-10 08:00:00 +0800", title="edited"),
        newest.unlink,
        lambda: write_post(root, "between.md", "2022-01-12 08:00:00 +0800"),
    ]
    with running(root, "--workers", "2") as server:
        told = [validators(server)]
        for change in changes:
            change()
            until(lambda: all(validators(server)[0] != told[-1][0] for _ in range(10)))
            told.append(validators(server))
            for _, date in told[:-1]:
                assert server.ask(if_modified_since=date).status == 200
            assert server.ask(if_modified_since=told[-1][1]).status == 304
    assert len({date for _, date in told}) == len(told)
    run_build(root, datetime.now(UTC), full=True)
    with running(root) as another:
        assert validators(another) == told[-1]


def validators(server: Server) -> tuple[str, str]:
    reply = server.ask()
    return reply["etag"], reply["last-modified"]


def test_files_are_looked_at_in_turn_where_they_cannot_be_watched(folder: Path) -> None:
    root = make_site(folder / "polled", '[server]\nwatch = "poll"\n')
    write_post(root, "a.md")
    with running(root) as server:
        write_post(root, "b.md")
        until(lambda: "b.md" in titles(server))


def test_nothing_is_noticed_if_so_wished_but_what_falls_due(folder: Path) -> None:
    root = make_site(folder / "unwatched")
    write_post(root, "a.md")
    write_post(root, "due.md", soon().isoformat(sep=" "))
    with running(root, "--no-watch") as server:
        assert titles(server) == ["a.md"]
        write_post(root, "b.md")
        # It is found with the build that the time brings, and not before.
        assert until(lambda: more_than(["a.md"], titles(server))) == ["due.md", "b.md", "a.md"]
        # A build by hand is followed all the same.
        write_post(root, "c.md", tags="[y]")
        run_build(root, datetime.now(UTC))
        until(lambda: status(server, "/tag/y/feed.atom") == 200)
        # So is what it takes away, though it is not our builder that could tell of it.
        write_post(root, "c.md")
        run_build(root, datetime.now(UTC))
        assert until(lambda: other_than(200, status(server, "/tag/y/feed.atom"))) == 410


def more_than(expected: list[str], titles: list[str]) -> list[str]:
    """The titles if they are others."""
    return titles if titles != expected else []


# --- several workers, and processes that are killed


@pytest.fixture(scope="module")
def two(folder: Path) -> Iterator[Server]:
    """A server with two workers."""
    root = make_site(folder / "two")
    write_post(root, "a.md", categories="x")
    with running(root, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2 and len(server.builders()) == 1)
        agreed(server)
        yield server


def answers_of_all(server: Server, path: str = "/feed.atom") -> list[tuple[int, str]]:
    """Status and ETag of answers on many connections, which all workers share."""
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: server.ask(path), range(64)))
    return [(reply.status, reply["etag"]) for reply in replies]


def test_all_workers_answer_the_same(two: Server) -> None:
    before = agreed(two)
    write_post(two.root, "b.md")
    until(lambda: before.isdisjoint(answers_of_all(two)))
    assert len(agreed(two)) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_killed_worker_is_replaced_and_answers_the_same(two: Server, number: int) -> None:
    """One of them watches over the builder; the other takes that over."""
    before = agreed(two)
    workers = sorted(two.workers())
    os.kill(workers[number], signal.SIGKILL)
    until(lambda: len(set(two.workers()) - {workers[number]}) == 2)
    until(lambda: not answers_or_none(two) - before)
    until(lambda: len(two.builders()) == 1)
    title = f"after worker {number}"
    write_post(two.root, "b.md", title=title)
    until(lambda: title in titles(two))
    assert len(two.builders()) == 1


def agreed(server: Server) -> set[tuple[int, str]]:
    """The one answer of all workers, as soon as all have taken over what was built last."""
    return until(lambda: one_of(answers_or_none(server)))


def one_of(answers: set[tuple[int, str]]) -> set[tuple[int, str]]:
    return answers if len(answers) == 1 and (0, "") not in answers else set()


def answers_or_none(server: Server) -> set[tuple[int, str]]:
    """While a worker begins it has nothing, and of one that is killed connections break."""
    try:
        return set(answers_of_all(server))
    except (AssertionError, ConnectionError, http.client.HTTPException):
        return {(0, "")}


def test_a_killed_builder_is_replaced(two: Server) -> None:
    before = agreed(two)
    (builder,) = two.builders()
    os.kill(builder, signal.SIGKILL)
    # Nobody who asks notices.
    assert set(answers_of_all(two)) == before
    write_post(two.root, "c.md", title="after the builder")
    until(lambda: "after the builder" in titles(two))
    assert until(two.builders) != [builder]
    assert "the builder ended (signal 9)" in two.log


def test_a_broken_configuration_keeps_nobody_from_being_replaced(two: Server) -> None:
    """What a new worker and a new builder read is what the others go on with."""
    path = two.root / "config.toml"
    good = path.read_text("utf-8")
    before = agreed(two)
    path.write_text("[site", "utf-8")
    until(lambda: status(two, "/readyz") == 503)
    (worker, _), (builder,) = two.workers(), two.builders()
    os.kill(builder, signal.SIGKILL)
    os.kill(worker, signal.SIGKILL)
    until(lambda: len(set(two.workers()) - {worker}) == 2)
    until(lambda: set(two.builders()) - {builder})
    write_post(two.root, "d.md", categories="y", title="d")
    until(lambda: before.isdisjoint(agreed(two)))
    assert "新闻" in two.ask().body.decode()
    path.write_text(good, "utf-8")
    until(lambda: status(two, "/readyz") == 200)


def test_a_builder_that_is_killed_within_a_build_leaves_nothing_behind(folder: Path) -> None:
    root = make_site(folder / "large")
    for number in range(2_000):
        write_post(root, f"{number}.md", body="text " * 300)
    with running(root, ready=False) as server:
        helpers = until(lambda: helpers_of_the_builder(server))
        os.kill(helpers[0].parent, signal.SIGKILL)
        until(lambda: not left(helpers))
        # The next one is told to stop in the middle of it.
        helpers = until(lambda: helpers_of_the_builder(server))
        started = time.monotonic()
        server.stop()
        assert time.monotonic() - started < 10
        until(lambda: not left(helpers))
    with running(root) as server:
        assert len(titles(server)) == 20


def helpers_of_the_builder(server: Server) -> list[Process]:
    """The processes that read and render for it."""
    builders = server.builders()
    found = [each for each in server.descendants() if each.parent in builders]
    return [each for each in found if "spawn_main" in each.command]


# --- the end


def test_workers_end_with_a_server_that_is_killed(folder: Path) -> None:
    """Else nobody could start another one at their port."""
    root = make_site(folder / "killed")
    write_post(root, "a.md")
    with running(root, "--workers", "2") as server:
        until(lambda: len(server.workers()) == 2 and server.builders())
        children = server.descendants()
        server.process.kill()
        until(lambda: not left(children))


@pytest.mark.parametrize(
    ("workers", "number"), [("1", signal.SIGTERM), ("1", signal.SIGINT), ("2", signal.SIGTERM)]
)
def test_it_stops_with_all_that_it_started(
    folder: Path, workers: str, number: signal.Signals
) -> None:
    root = make_site(folder / f"stop-{workers}-{number}")
    write_post(root, "a.md")
    with running(root, "--workers", workers) as server:
        until(server.builders)
        idle = server.connect()
        children = server.descendants()
        started = time.monotonic()
        code = server.stop(number)
        assert time.monotonic() - started < 10
        assert code == 0
        until(lambda: not left(children))
        idle.close()
        assert "Traceback" not in server.log
        assert "ERROR" not in server.log


def left(found: list[Process]) -> list[Process]:
    """Those of some processes that are still there."""
    there = {(each.pid, each.started) for each in processes()}
    return [each for each in found if (each.pid, each.started) in there]


def test_an_answer_in_flight_is_finished(folder: Path) -> None:
    """A client that reads slowly gets the rest after the server was told to stop."""
    root = make_site(folder / "slow")
    for number in range(20):
        write_post(root, f"{number}.md", body="a long post " * 40_000)
    with running(root) as server:
        whole = server.ask().body
        assert len(whole) > 8 << 20
        request = b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n"
        with server.connect() as client:
            client.sendall(request)
            first = client.recv(65_536)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: "Shutting down" in server.log)
            rest = b"".join(iter(lambda: client.recv(1 << 20), b""))
            assert (first + rest).partition(b"\r\n\r\n")[2] == whole
        assert server.process.wait(10) in (0, -signal.SIGTERM)


def test_who_does_not_read_does_not_keep_it_from_stopping(folder: Path) -> None:
    """Longer than it is given to; here that is a second."""
    assert run.GRACE_SECONDS + 3 < 10  # and some time for the builder and the ledger
    source = "from server import run; run.GRACE_SECONDS = 1; from feeds.cli import main; main()"
    root = make_site(folder / "stuck")
    for number in range(20):
        write_post(root, f"{number}.md", body="a long post " * 40_000)
    with (
        running(root, program=(sys.executable, "-c", source)) as server,
        server.connect() as client,
    ):
        client.sendall(b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n")
        client.recv(10)
        started = time.monotonic()
        server.stop()
        assert 0.9 < time.monotonic() - started < 6


def test_a_port_that_is_taken_is_said(two: Server, folder: Path) -> None:
    root = make_site(folder / "taken")
    for workers in ("1", "2"):
        done = subprocess.run(
            [*SERVE, str(root), "--port", str(two.port), "--workers", workers],
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert done.returncode == 3
        assert "address already in use" in done.stderr.lower()
        assert "Traceback" not in done.stderr


# --- under load


def test_an_edit_in_the_middle_of_load_is_seen_by_all_and_tears_nothing(folder: Path) -> None:
    root = make_site(folder / "load")
    for number in range(30):
        write_post(root, f"{number}.md", categories="x", body="text " * 2_000)
    with running(root) as server:
        stopped = threading.Event()
        with ThreadPoolExecutor(4) as pool:
            readers = [pool.submit(read_on, server, stopped) for _ in range(4)]
            try:
                for number in range(5):
                    edit(server, f"edit {number}")
            finally:
                stopped.set()
            for reader in readers:
                assert len(reader.result()) >= 4


def edit(server: Server, title: str) -> None:
    """Change the newest post, and wait until that is served."""
    date = "2022-01-18 08:54:02 +0800"
    write_post(server.root, "0.md", date, title=title, categories="x")
    until(lambda: titles(server)[0] == title)
    # Whoever asks from now on sees it, in other feeds too.
    assert title in server.ask("/category/x/feed.rss").body.decode()


def read_on(server: Server, stopped: threading.Event) -> list[str]:
    """Read a feed over and over; the first titles that it had. Anything wrong is raised."""
    seen: list[str] = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    etag = ""
    while not stopped.is_set():
        connection.request("GET", "/feed.json", headers={"If-None-Match": etag} if etag else {})
        response = connection.getresponse()
        body = response.read()
        if response.status == 304:
            assert not body
            continue
        assert response.status == 200
        etag = response.headers["ETag"]
        title = json.loads(body)["items"][0]["title"]
        # Never one of before again.
        assert title not in seen
        seen.append(title)
    connection.close()
    return seen
