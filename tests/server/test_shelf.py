"""The answers of one worker over a real index: made once, kept within a budget, swapped whole."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import Message

from feeds.configfile import load_config
from feeds.ledger import Withdrawn
from server import shelf as shelves
from server.answers import Answer, decode, encode
from server.cache import FeedCache
from server.conditional import Encoding
from server.editions import Edition, UnavailableError
from server.shelf import Served, Shelf
from server.tally import Tally

from ..conftest import CONFIG, run_build, write_post

T = TypeVar("T")

GZIP = Encoding.GZIP


@pytest.fixture
def posts(site: Path) -> Path:
    """A site with posts, built."""
    write_post(site, "a.md", categories="x", tags="[y]")
    write_post(site, "b.md", categories="other")
    run_build(site)
    return site


def on_shelf(root: Path, run: Callable[[Shelf], Awaitable[T]]) -> T:
    """Do something with a shelf that has taken over what was built."""

    async def main() -> T:
        shelf = Shelf(load_config(root))
        try:
            assert await shelf.follow()
            return await run(shelf)
        finally:
            await shelf.close()

    return asyncio.run(main())


async def served(shelf: Shelf, path: str = "/feed.atom", encoding: Encoding = GZIP) -> Served:
    """What is ready, or else is made, as the cache does it."""
    answer = shelf.answers.get(path)
    if answer is not None and (variant := answer.bodies.get(encoding)) is not None:
        shelf.used(answer, encoding)
        return Served(answer, encoding, variant)
    found = await shelf.serve(path, encoding)
    assert found is not None
    assert found.encoding is encoding
    return found


def counted(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were rendered from now on."""
    rendered: list[str] = []
    make = shelf._reader.make

    def counting(path: str) -> Any:
        rendered.append(path)
        return make(path)

    monkeypatch.setattr(shelf._reader, "make", counting)
    return rendered


def holds(shelf: Shelf) -> int:
    """The bytes that everything on a shelf takes, by looking at all of it."""
    answers = {id(each): each for each in shelf.answers.values()}.values()
    bodies = [variant.body for each in answers for variant in each.bodies.values()]
    overhead = shelves.BODY_OVERHEAD * len(bodies) + shelves.ANSWER_SIZE * len(answers)
    return sum(map(len, bodies)) + overhead


# --- made once


def test_a_cold_feed_is_rendered_once_for_all_who_ask_at_once(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(shelf: Shelf) -> None:
        rendered = counted(shelf, monkeypatch)
        asked = [served(shelf, encoding=encoding) for _ in range(50) for encoding in Encoding]
        found = await asyncio.gather(*asked)
        assert rendered == ["feed.atom"]
        assert len({id(each.answer) for each in found}) == 1
        for encoding in Encoding:
            bodies = {id(each.variant.body) for each in found if each.encoding is encoding}
            assert len(bodies) == 1
        # From then on it is ready.
        assert set(shelf.answers["/feed.atom"].bodies) == set(Encoding)

    on_shelf(posts, run)


def test_nothing_is_encoded_twice_for_one_edition(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask, at once or one after the other, and whatever is made ahead."""
    encoded: list[tuple[str, Encoding]] = []

    def counting(body: bytes, encoding: Encoding) -> bytes:
        encoded.append((hashlib.sha256(body).hexdigest(), encoding))
        return encode(body, encoding)

    monkeypatch.setattr(shelves, "encode", counting)
    paths = ["/feed.atom", "/feed.json", "/tag/y/feed.rss", "/category/other/feed.atom"]

    async def ask_for_all(shelf: Shelf) -> None:
        for _ in range(2):
            asked = [(path, encoding) for path in paths for encoding in Encoding] * 5
            random.Random(1).shuffle(asked)
            await asyncio.gather(*(served(shelf, *each) for each in asked))

    async def run(shelf: Shelf) -> None:
        await ask_for_all(shelf)
        write_post(posts, "a.md", title="edited", categories="x", tags="[y]")
        await asyncio.to_thread(run_build, posts)
        await asyncio.gather(shelf.follow(), ask_for_all(shelf), shelf.follow())
        await ask_for_all(shelf)

    on_shelf(posts, run)
    # Three of the feeds changed.
    assert len(encoded) == (len(paths) + 3) * len(Encoding)
    assert len(set(encoded)) == len(encoded)


@pytest.mark.parametrize("first", Encoding)
def test_all_encodings_are_of_the_same_bytes(posts: Path, first: Encoding) -> None:
    async def run(shelf: Shelf) -> None:
        await served(shelf, encoding=first)
        whole = (posts / "public" / "feed.atom").read_bytes()
        for encoding in Encoding:
            found = await served(shelf, encoding=encoding)
            assert decode(found.variant.body, encoding) == whole
            length = dict(found.variant.headers)[b"content-length"]
            assert int(length) == len(found.variant.body)

    on_shelf(posts, run)


def test_who_goes_away_takes_the_answer_from_nobody(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(shelf: Shelf) -> None:
        rendered = counted(shelf, monkeypatch)
        first, second = (asyncio.ensure_future(served(shelf)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).answer.path == "feed.atom"
        with pytest.raises(asyncio.CancelledError):
            await first
        assert rendered == ["feed.atom"]

    on_shelf(posts, run)


def test_a_failure_is_told_to_all_who_wait_and_kept_from_those_after(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(shelf: Shelf) -> None:
        make = shelf._reader.make

        def fail(path: str) -> None:
            raise UnavailableError("the disk is gone", damaged=True)

        monkeypatch.setattr(shelf._reader, "make", fail)
        found = await asyncio.gather(*(served(shelf) for _ in range(5)), return_exceptions=True)
        assert [str(each) for each in found] == ["the disk is gone"] * 5
        assert shelf.damaged
        monkeypatch.setattr(shelf._reader, "make", make)
        assert (await served(shelf)).answer.path == "feed.atom"

    on_shelf(posts, run)


# --- the budget


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose feeds do not fit into the smallest cache: 150 files of some 20 KB."""
    root = tmp_path_factory.mktemp("many") / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(f"{CONFIG}\n[server]\ncache_mb = 1\n", "utf-8")
    noise = random.Random(1)
    for number in range(49):
        body = " ".join(f"{noise.getrandbits(64):x}" for _ in range(1_000))
        write_post(root, f"{number}.md", categories=f"c{number}", body=body)
    run_build(root)
    return root


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_budget_is_kept_and_what_was_put_out_comes_back_equal(
    many: Path, data: st.DataObject
) -> None:
    paths = [str(path.relative_to(many / "public")) for path in many.glob("public/*/*/feed.*")]
    asked = st.tuples(st.sampled_from(sorted(paths)), st.sampled_from(Encoding))
    wishes = data.draw(st.lists(asked, min_size=60, max_size=120))

    async def run(shelf: Shelf) -> None:
        for path, encoding in wishes:
            found = await served(shelf, f"/{path}", encoding)
            whole = (many / "public" / path).read_bytes()
            assert decode(found.variant.body, encoding) == whole
            assert shelf.memory.bytes == holds(shelf) <= 1 << 20

    on_shelf(many, run)


def test_what_is_often_asked_for_stays(many: Path) -> None:
    async def run(shelf: Shelf) -> None:
        often = "/category/c0/feed.atom"
        first = (await served(shelf, often)).variant.body
        for number in range(1, 49):
            for format in ("atom", "rss", "json"):
                await served(shelf, f"/category/c{number}/feed.{format}", Encoding.IDENTITY)
            assert (await served(shelf, often)).variant.body is first
        seldom = shelf.answers["/category/c1/feed.atom"]
        assert not seldom.bodies
        # Who has it is still told so without its being made again.
        assert seldom.not_modified[GZIP]

    on_shelf(many, run)


def test_answers_without_bodies_count_and_go_too(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "ANSWER_SIZE", 100_000)

    async def run(shelf: Shelf) -> None:
        for number in range(49):
            await served(shelf, f"/category/c{number}/feed.atom")
            assert shelf.memory.bytes == holds(shelf) <= 1 << 20
        # Found under its own path only, as this site has no path of its own.
        assert len(shelf.answers) <= 10

    on_shelf(many, run)


def test_who_is_told_that_nothing_is_new_keeps_the_answer_and_not_its_body(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "ANSWER_SIZE", 100_000)

    async def run(shelf: Shelf) -> None:
        polled = "/category/c0/feed.atom"
        answer = (await served(shelf, polled)).answer
        cache = FeedCache(PlainTextResponse("of no use", 500), shelf, Tally(False))
        for number in range(1, 49):
            await served(shelf, f"/category/c{number}/feed.atom")
            assert await status(cache, polled, (b"if-none-match", b"*")) == 304
        assert shelf.answers[polled] is answer
        assert not answer.bodies

    on_shelf(many, run)


async def status(cache: FeedCache, path: str, *headers: tuple[bytes, bytes]) -> int:
    """The status of what the cache answers."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "client": None}
    await cache(scope, receive, send)
    return int(sent[0]["status"])


def test_an_answer_is_not_larger_than_it_is_taken_for(many: Path) -> None:
    """The overheads that the budget counts are those that memory really has."""
    import tracemalloc

    paths = [f"/category/c{n}/feed.{f}" for n in range(49) for f in ("atom", "rss", "json")]

    async def run(shelf: Shelf) -> None:
        await served(shelf)
        gc.collect()
        tracemalloc.start()
        try:
            for path in paths:
                await served(shelf, path)
            gc.collect()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert taken <= shelf.memory.bytes * 1.1

    on_shelf(many, run)


# --- when the site changes


def test_only_what_a_change_touches_is_replaced(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(shelf: Shelf) -> None:
        touched = ["/feed.atom", "/category/other/feed.json"]
        others = ["/category/x/feed.atom", "/tag/y/feed.rss", "/feeds.opml"]
        before = {path: (await served(shelf, path)).answer for path in [*touched, *others]}
        await served(shelf, "/feed.atom", Encoding.BROTLI)
        write_post(posts, "b.md", categories="other", title="neu")
        await asyncio.to_thread(run_build, posts)
        assert {path: shelf.answers[path] for path in before} == before
        rendered = counted(shelf, monkeypatch)
        assert await shelf.follow()
        # What was ready is ready again, in the same encodings, before anybody asks.
        assert sorted(rendered) == ["category/other/feed.json", "feed.atom"]
        assert set(shelf.answers["/feed.atom"].bodies) == {GZIP, Encoding.BROTLI}
        assert set(shelf.answers["/category/other/feed.json"].bodies) == {GZIP}
        for path in touched:
            assert shelf.answers[path].hash != before[path].hash
            whole = (posts / "public" / path[1:]).read_bytes()
            assert decode((await served(shelf, path)).variant.body, GZIP) == whole
        for path in others:
            assert shelf.answers[path] is before[path]
        assert shelf.memory.bytes == holds(shelf)

    on_shelf(posts, run)


def test_a_change_of_everything_does_not_wait_for_everything(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "AHEAD_SECONDS", 0)

    async def run(shelf: Shelf) -> None:
        paths = ["/feed.atom", "/feed.rss", "/category/x/feed.atom"]
        before = [(await served(shelf, path)).answer.hash for path in paths]
        config = posts / "config.toml"
        config.write_text(config.read_text("utf-8").replace("新闻", "旧闻"), "utf-8")
        await asyncio.to_thread(run_build, posts)
        assert await shelf.follow()
        # The last used one was begun; the others are made when they are asked for.
        assert len(shelf.answers) <= 1
        after = [(await served(shelf, path)).answer.hash for path in paths]
        assert set(before).isdisjoint(after)
        assert shelf.memory.bytes == holds(shelf)

    on_shelf(posts, run)


def test_an_answer_that_is_made_meanwhile_is_not_replaced_by_an_older_one(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second build ends while the first is taken over, and somebody asks in between."""

    async def run(shelf: Shelf) -> None:
        old = (await served(shelf)).answer
        made_ahead = shelf._made_ahead

        async def interrupted(edition: Edition, stale: Iterable[Answer]) -> Any:
            ready = await made_ahead(edition, stale)
            write_post(posts, "d.md", title="third")
            await asyncio.to_thread(run_build, posts)
            # As if there had been nothing ready for the first request.
            await shelf._make("feed.atom", GZIP)
            return ready

        monkeypatch.setattr(shelf, "_made_ahead", interrupted)
        write_post(posts, "c.md", title="second")
        await asyncio.to_thread(run_build, posts)
        assert await shelf.follow()
        now = (await served(shelf)).answer
        newest = (posts / "public" / "feed.atom").read_bytes()
        assert now.hash != old.hash
        assert decode(now.bodies[GZIP].body, GZIP) == newest
        monkeypatch.undo()
        assert await shelf.follow()
        assert shelf.answers["/feed.atom"] is now
        assert shelf.memory.bytes == holds(shelf)

    on_shelf(posts, run)


def test_many_who_follow_take_over_once(posts: Path) -> None:
    async def run(shelf: Shelf) -> None:
        write_post(posts, "c.md")
        await asyncio.to_thread(run_build, posts)
        found = await asyncio.gather(*(shelf.follow() for _ in range(20)))
        assert sum(found) == 1

    on_shelf(posts, run)


def test_a_feed_that_is_gone_is_known_to_be_withdrawn_at_once(posts: Path) -> None:
    async def run(shelf: Shelf) -> None:
        await served(shelf, "/tag/y/feed.atom")
        assert not shelf.withdrawn.exact
        write_post(posts, "a.md", categories="x")
        await asyncio.to_thread(run_build, posts)
        # Of an answer that was not ready, too: whoever asks finds out that it is gone.
        assert await shelf.serve("/tag/y/feed.rss", GZIP) is None
        assert not shelf.knows("/tag/y/feed.atom")
        assert "/tag/y/feed.atom" not in shelf.answers
        expected = {f"tag/y/feed.{f}" for f in ("atom", "rss", "json")}
        assert shelf.withdrawn.exact.keys() == expected
        withdrawn = shelf.withdrawn.exact["tag/y/feed.atom"]
        assert withdrawn.topic == "https://news.example.org/tag/y/feed.atom"
        assert b"This feed has ended" in (await shelf.retired(withdrawn)).body

    on_shelf(posts, run)


def test_the_last_document_of_a_withdrawn_feed_is_made_once(posts: Path) -> None:
    async def run(shelf: Shelf) -> None:
        gone = [Withdrawn(f"tag/{n}/feed.atom", "atom", "t", "https://x", 1e9) for n in range(300)]
        first = await asyncio.gather(*(shelf.retired(gone[0]) for _ in range(20)))
        assert len({id(document) for document in first}) == 1
        for each in gone:
            await shelf.retired(each)
        assert len(shelf._retired) <= shelves.RETIRED

    on_shelf(posts, run)


def test_versions_are_remembered_for_those_who_have_one(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "VERSIONS", 3)
    monkeypatch.setattr(shelves, "VERSIONED", 2)
    config = posts / "config.toml"
    config.write_text(config.read_text("utf-8") + "\n[server]\ndelta = true\n", "utf-8")

    async def run(shelf: Shelf) -> None:
        hashes = []
        for number in range(5):
            write_post(posts, f"new-{number}.md")
            await asyncio.to_thread(run_build, posts)
            await shelf.follow()
            hashes.append((await served(shelf)).answer.hash)
        assert list(shelf.versions["feed.atom"]) == hashes[-3:]
        answer = shelf.answers["/feed.atom"]
        body = await shelf.delta(answer, shelf.versions["feed.atom"][hashes[-2]])
        assert body is not None
        assert body.count(b"<entry>") == 1
        for path in ("/feed.rss", "/feed.json", "/tag/y/feed.atom"):
            await served(shelf, path)
        assert list(shelf.versions) == ["feed.json", "tag/y/feed.atom"]
        write_post(posts, "a.md", categories="x")
        await asyncio.to_thread(run_build, posts)
        await shelf.follow()
        assert "tag/y/feed.atom" not in shelf.versions

    on_shelf(posts, run)


# --- paths


@pytest.mark.parametrize(
    ("url", "paths"),
    [
        ("https://example.org", ["/feed.atom"]),
        ("https://example.org/blog", ["/blog/feed.atom", "/feed.atom"]),
        ("https://example.org/%E5%8D%9A", ["/博/feed.atom", "/feed.atom"]),
    ],
)
def test_a_document_is_found_with_and_without_the_path_of_the_site(
    posts: Path, url: str, paths: Sequence[str]
) -> None:
    config = posts / "config.toml"
    config.write_text(config.read_text("utf-8").replace("https://news.example.org", url), "utf-8")
    run_build(posts)

    async def run(shelf: Shelf) -> None:
        assert all(shelf.knows(path) for path in paths)
        assert not shelf.knows("/other/feed.atom")
        await served(shelf, paths[0])
        assert shelf.answers.keys() == set(paths)

    on_shelf(posts, run)


def test_the_path_of_the_site_may_change(posts: Path) -> None:
    async def run(shelf: Shelf) -> None:
        await served(shelf)
        config = posts / "config.toml"
        text = config.read_text("utf-8")
        config.write_text(text.replace("news.example.org", "news.example.org/b"), "utf-8")
        await asyncio.to_thread(run_build, posts)
        await shelf.follow()
        assert shelf.knows("/b/feed.atom")
        found = await served(shelf, "/b/feed.atom")
        assert found.answer.facts.links[0][1] == "https://news.example.org/b/feed.atom"
        assert shelf.answers.keys() == {"/feed.atom", "/b/feed.atom"}
        assert shelf.prefix == "/b"

    on_shelf(posts, run)


def test_a_folder_of_feeds_may_have_the_name_of_the_site(posts: Path) -> None:
    """Then a path is that of the site first, and no answer stands in the place of another."""
    config = posts / "config.toml"
    text = config.read_text("utf-8").replace("news.example.org", "news.example.org/tag")
    config.write_text(text, "utf-8")
    run_build(posts)

    async def run(shelf: Shelf) -> None:
        for path in ("/tag/tag/y/feed.atom", "/tag/feed.atom"):
            await served(shelf, path)
        for path, answer in shelf.answers.items():
            assert shelf.document_path(path) == answer.path

    on_shelf(posts, run)


def test_other_spellings_lead_to_the_one_path(posts: Path) -> None:
    async def run(shelf: Shelf) -> None:
        assert shelf.canonical("/feed.atom/") == "feed.atom"
        assert shelf.canonical("/Category//X/feed.ATOM") == "category/x/feed.atom"
        assert shelf.canonical("/feed.atom") is None
        assert shelf.canonical("/nowhere") is None

    on_shelf(posts, run)
