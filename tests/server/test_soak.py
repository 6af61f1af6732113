"""A minute of readers while posts are written, changed and deleted all the time."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import brotli
import pytest
import zstandard

from ..conftest import run_build, write_post
from .conftest import Server, make_site, running, until

SOAK_SECONDS: Final = 60.0
STALE_SECONDS: Final = 2.0
READERS: Final = 4
# Memory is looked at from here on, when all feeds were asked for in all encodings …
WARM_SECONDS: Final = 10.0
# … and may become so much more: new terms are new feeds, and versions are remembered.
GROWTH: Final = 24 << 20
RUDE: Final = (
    b"garbage\r\n\r\n",
    b"GET /feed.json HTTP/1.1\r\nHost: x\r\n",
    b"GET /feed.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200,
    b"POST /-/rebuild HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
)
PATHS: Final = ("/feed.json", "/category/x/feed.json", "/tag/news/feed.json")
DECODERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


class Read(NamedTuple):
    """What a reader was answered: how often 200, how often 304; how old that was at most."""

    whole: int
    short: int
    oldest: float


@dataclass
class History:
    """When each edit of the newest post was on the disk."""

    written: list[float] = field(default_factory=list)

    def age(self, shown: int, asked: float) -> float:
        """For how long an edit was not the newest any more when somebody asked."""
        return asked - self.written[shown + 1] if shown + 1 < len(self.written) else 0.0


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_answer_is_torn_or_fails_or_is_stale_and_memory_stays(
    tmp_path: Path, workers: str
) -> None:
    root = make_site(tmp_path / "site")
    for number in range(300):
        write_post(root, f"{number}.md", categories="x", tags="[news]", body="text " * 500)
    history, stopped = History(), threading.Event()
    edit(root, history)
    run_build(root)  # so that every worker has something from the beginning
    with (
        running(root, "--workers", workers) as server,
        ThreadPoolExecutor(READERS + 3) as pool,
    ):
        readers = [pool.submit(read, server, history, stopped, seed) for seed in range(READERS)]
        writer = pool.submit(write, root, history, stopped)
        others = [pool.submit(be_rude, server, stopped), pool.submit(wander, server, stopped)]
        stopped.wait(WARM_SECONDS)
        warm = server.memory()
        stopped.wait(SOAK_SECONDS - WARM_SECONDS)
        stopped.set()
        answers = [reader.result() for reader in readers]
        writer.result()
        rude, wandered = (each.result() for each in others)
        grown = server.memory() - warm
        builds = server.builds
        assert "ERROR" not in server.log
        assert "Traceback" not in server.log
    whole, short = sum(each.whole for each in answers), sum(each.short for each in answers)
    oldest = max(each.oldest for each in answers)
    print(
        f"{workers} workers: {whole} times 200, {short} times 304, {wandered} others, {rude} rude,"
        f" {len(history.written)} edits in {builds} builds, none seen later than {oldest:.2f} s,"
        f" {warm / 1e6:.1f} MB and {grown / 1e6:+.1f} MB"
    )
    assert min(whole, short) > 500
    assert min(rude, wandered) > 100
    assert len(history.written) > SOAK_SECONDS
    assert grown < GROWTH


@pytest.mark.slow
def test_a_change_holds_up_nobody_for_long(tmp_path: Path) -> None:
    """With 3,000 documents ready; most rounds count, on a machine with other things to do."""
    root = make_site(tmp_path / "site")
    for number in range(1_000):
        write_post(root, f"{number}.md", tags=f"[tag-{number}]", body="text " * 200)
    run_build(root)
    paths = [str(path.relative_to(root / "public")) for path in root.glob("public/tag/*/feed.*")]
    assert len(paths) == 3_000
    with running(root) as server:
        for path in paths:
            assert server.ask(f"/{path}", accept_encoding="gzip").status == 200
        longest = [longest_wait(server, f"round {number}") for number in range(5)]
        config = root / "config.toml"
        for number in range(3):  # changes all documents
            text = config.read_text("utf-8")
            config.write_text(text.replace('title = "', f'title = "{number}'), "utf-8")
            longest.append(longest_wait(server, f"title {number}"))
    assert median(longest[:5]) < 0.05
    assert median(longest[5:]) < 0.1


@pytest.mark.slow
def test_a_burst_of_five_thousand_files_is_one_build(tmp_path: Path) -> None:
    """As `git pull` leaves it; half a thousand folders and posts with terms of their own."""
    root = make_site(tmp_path / "site")
    write_post(root, "a.md", "2022-02-01 08:00:00 +0800")
    with running(root) as server:
        before = server.builds
        for number in range(5_000):
            name = f"{number // 10}/{number}.md"
            write_post(root, name, tags=f"[tag-{number % 50}]", title="burst")
        until(lambda: json.loads(server.ask("/healthz").body)["last_build"]["posts"] == 5_001)
        assert server.builds == before + 1


def longest_wait(server: Server, title: str) -> float:
    """Write a post, and ask for nothing new all the time until it is there."""
    write_post(server.root, "now.md", "2022-02-01 08:00:00 +0800", title=title)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    longest, shown, deadline = 0.0, 0.0, time.monotonic() + 60
    while not shown or time.monotonic() < shown + 0.5:
        asked = time.monotonic()
        assert asked < deadline
        connection.request("GET", "/feed.json", headers={"If-None-Match": "*"})
        connection.getresponse().read()
        longest = max(longest, time.monotonic() - asked)
        if not shown and title in server.ask("/feed.json").body.decode():
            shown = time.monotonic()
    connection.close()
    return longest


def edit(root: Path, history: History) -> None:
    """The newest post says how often it was written; no half of it is ever there to be read."""
    title, date = f"edit {len(history.written)}", "2022-02-01 08:00:00 +0800"
    staged = write_post(root, "../staged", date, title=title, categories="x", tags="[news]")
    staged.replace(root / "posts" / "newest.md")
    history.written.append(time.monotonic())


def write(root: Path, history: History, stopped: threading.Event) -> None:
    """Edits, new posts, deletions, and now and then many at once."""
    chosen = random.Random(1)
    try:
        while not stopped.wait(chosen.uniform(0.05, 0.8)):
            edit(root, history)
            if chosen.random() < 0.3:
                write_post(root, f"extra-{chosen.randrange(20)}.md", categories="x")
            if chosen.random() < 0.2:
                (root / "posts" / f"extra-{chosen.randrange(20)}.md").unlink(missing_ok=True)
            if chosen.random() < 0.05:
                for number in range(100):
                    write_post(root, f"burst-{number}.md", tags=f"[burst-{number % 7}]")
    finally:
        stopped.set()


def read(server: Server, history: History, stopped: threading.Event, seed: int) -> Read:
    """Read feeds over and over."""
    chosen = random.Random(seed)
    etags: dict[str, str] = {}
    shown: dict[str, int] = dict.fromkeys(PATHS, 0)
    counts, oldest = {200: 0, 304: 0}, 0.0
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        while not stopped.is_set():
            path = chosen.choice(PATHS)
            encoding = chosen.choice(list(DECODERS))
            headers = {"Accept-Encoding": encoding or "identity"}
            if path in etags and chosen.random() < 0.8:
                headers["If-None-Match"] = etags[path]
            asked = time.monotonic()
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read()
            counts[response.status] += 1
            if response.status == 200:
                etags[path] = response.headers["ETag"]
                shown[path] = checked(response, body)
            oldest = max(oldest, history.age(shown[path], asked))
            assert oldest < STALE_SECONDS
            time.sleep(0.01)
    finally:
        stopped.set()
        connection.close()
    return Read(counts[200], counts[304], oldest)


def be_rude(server: Server, stopped: threading.Event) -> int:
    """Send what is no request, or go away before the answer; how often."""
    number = 0
    try:
        while not stopped.is_set():
            with server.connect() as client:
                client.sendall(RUDE[number % len(RUDE)])
            number += 1
            time.sleep(0.02)
    finally:
        stopped.set()
    return number


def wander(server: Server, stopped: threading.Event) -> int:
    """Ask for what is seldom asked for, on connections of its own; how often."""
    expected = {
        ("GET", "/tag/news/feed.rss"): {200},
        ("HEAD", "/feed.atom"): {200},
        ("GET", "/feeds.opml"): {200},
        ("GET", "/Feed.Atom/"): {308},
        ("GET", "/nowhere"): {404},
        ("PUT", "/feed.atom"): {405},
        ("GET", "/healthz"): {200},
        ("GET", "/readyz"): {200},
        ("GET", "/metrics"): {200},
        ("GET", "/tag/burst-3/feed.atom"): {200, 404},
    }
    number = 0
    try:
        while not stopped.is_set():
            for (method, path), statuses in expected.items():
                assert server.ask(path, method).status in statuses, path
                number += 1
            time.sleep(0.02)
    finally:
        stopped.set()
    return number


def checked(response: http.client.HTTPResponse, body: bytes) -> int:
    """The edit that a whole answer shows; its parts have to belong together."""
    assert len(body) == int(response.headers["Content-Length"])
    encoding = response.headers.get("Content-Encoding", "")
    whole = DECODERS[encoding](body)
    tag = response.headers["ETag"].strip('"').partition("-")[0]
    assert hashlib.sha256(whole).hexdigest() == tag
    title: str = json.loads(whole)["items"][0]["title"]
    return int(title.removeprefix("edit "))
