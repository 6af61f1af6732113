"""Editions read from a real index: what there is, made as `feeds build` makes it, whatever
happens to the file meanwhile."""

from __future__ import annotations

import hashlib
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from feeds.configfile import load_config
from feeds.view import current_index
from server.builder import build_once
from server.conditional import Encoding
from server.editions import Edition, EditionReader, Made, UnavailableError, prefix, spelling

from ..conftest import run_build, write_post
from .conftest import hashes


@pytest.fixture
def posts(site: Path) -> Path:
    """A site with posts, built."""
    write_post(site, "a.md", "2022-01-17 08:54:02 +0800", categories="税务", tags="[y, C#]")
    write_post(site, "b.md", "2022-01-18 08:54:02 +0800", categories="税务", tags="[中 国]")
    write_post(site, "c.md", "2022-01-19 08:54:02 +0800", categories="other")
    run_build(site)
    return site


@pytest.fixture
def reader(posts: Path) -> Iterator[EditionReader]:
    found = EditionReader(load_config(posts))
    yield found
    found.close()


def first(reader: EditionReader) -> Edition:
    edition = reader.newer(None)
    assert edition is not None
    return edition


def made(reader: EditionReader, path: str = "feed.atom") -> Made:
    found = reader.make(path)
    assert found is not None
    return found


def test_every_document_is_the_one_that_a_build_writes(reader: EditionReader, posts: Path) -> None:
    edition = first(reader)
    written = hashes(posts)
    assert edition.places.keys() == written.keys()
    assert len(written) == 3 * (1 + 2 + 3) + 1
    for path, hash in written.items():
        answer, body = made(reader, path)
        assert body == (posts / "public" / path).read_bytes()
        assert answer.hash == hash == hashlib.sha256(body).hexdigest()
        assert edition.current(answer)


def test_what_is_not_published_is_not_made(reader: EditionReader) -> None:
    first(reader)
    for path in ["", "feed.xml", "tag/y", "tag/y/feed.atom/", "public/feed.atom", "../feed.atom"]:
        assert reader.make(path) is None


def test_nothing_is_newer_as_long_as_nothing_changed(reader: EditionReader, posts: Path) -> None:
    edition = first(reader)
    assert reader.newer(edition) is None
    run_build(posts)
    assert reader.newer(edition) is None
    # Another worker that has nothing yet gets the same.
    assert reader.newer(None) is edition


def test_a_look_at_the_newest_post_hides_no_edition(reader: EditionReader, posts: Path) -> None:
    """As when metrics are asked for between a build and the next look for what is new."""
    edition = first(reader)
    before = reader.newest_post()
    write_post(posts, "d.md", "2022-01-20 08:54:02 +0800")
    run_build(posts)
    assert reader.newest_post() != before
    later = reader.newer(edition)
    assert later is not None
    assert later.number != edition.number


def test_an_edition_that_could_not_be_read_is_looked_for_again(
    reader: EditionReader, posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = first(reader)
    write_post(posts, "d.md", "2022-01-20 08:54:02 +0800")
    run_build(posts)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("disk I/O error")

        patch.setattr("server.editions.definitions", fail)
        with pytest.raises(UnavailableError, match="disk I/O error"):
            reader.newer(edition)
    later = reader.newer(edition)
    assert later is not None
    assert later.number != edition.number


def test_a_change_makes_only_what_it_touches_another(reader: EditionReader, posts: Path) -> None:
    edition = first(reader)
    before = {path: made(reader, path).answer for path in edition.places}
    write_post(posts, "c.md", "2022-01-19 08:54:02 +0800", categories="other", title="neu")
    run_build(posts)
    later = reader.newer(edition)
    assert later is not None
    assert later.number != edition.number
    stale = {path.rpartition("/")[0] for path in before if not later.current(before[path])}
    assert stale == {"", "category/other"}
    assert later.current(before["feeds.opml"])


def test_an_answer_may_be_of_an_edition_that_nobody_took_over_yet(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    write_post(posts, "d.md", title="neu")
    run_build(posts)
    assert "neu" in made(reader).body.decode()
    later = reader.newer(edition)
    assert later is not None
    assert later.current(made(reader).answer)


def test_an_index_that_is_made_anew_makes_no_answer_another(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    answers = [made(reader, path).answer for path in edition.places]
    run_build(posts, full=True)
    later = reader.newer(edition)
    assert later is not None
    assert all(later.current(answer) for answer in answers)


def test_an_index_that_is_deleted_is_still_answered_from(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    body = made(reader).body
    shutil.rmtree(posts / ".feeds")
    assert reader.newer(edition) is None
    assert made(reader).body == body
    assert made(reader, "category/other/feed.json").body


def test_another_index_may_take_the_name_of_a_deleted_one(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    before = made(reader).answer
    name = current_index(posts / ".feeds")
    shutil.rmtree(posts / ".feeds")
    write_post(posts, "d.md", title="neu")
    run_build(posts)
    assert current_index(posts / ".feeds") == name
    later = reader.newer(edition)
    assert later is not None
    # Even the number may be that of before.
    assert later.number == edition.number
    assert "neu" in made(reader).body.decode()
    assert not later.current(before)


def test_without_an_index_it_says_so(site: Path) -> None:
    reader = EditionReader(load_config(site))
    for ask in (lambda: reader.newer(None), lambda: reader.make("feed.atom")):
        with pytest.raises(UnavailableError, match="no index yet") as caught:
            ask()
        assert not caught.value.damaged
    assert reader.newest_post() is None
    run_build(site)
    assert first(reader).places.keys() == {"feed.atom", "feed.rss", "feed.json", "feeds.opml"}
    reader.close()


def test_a_damaged_entry_is_told_from_one_that_is_not_there(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    path = current_index(posts / ".feeds")
    assert path is not None
    with sqlite3.connect(path) as db:
        db.execute("UPDATE entry SET body = x'00'")
    db.close()
    with pytest.raises(UnavailableError, match="damaged") as caught:
        reader.make("feed.atom")
    assert caught.value.damaged
    # What does not need it is there as before.
    assert reader.make("feeds.opml") is not None
    assert reader.newer(edition) is None


def test_a_file_that_is_no_index_is_damaged(posts: Path) -> None:
    path = current_index(posts / ".feeds")
    assert path is not None
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    path.write_bytes(b"garbage" * 1_000)
    reader = EditionReader(load_config(posts))
    with pytest.raises(UnavailableError) as caught:
        reader.newer(None)
    assert caught.value.damaged
    reader.close()


def test_a_configuration_is_followed_when_a_build_used_it(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    config = posts / "config.toml"
    config.write_text(config.read_text("utf-8").replace("新闻", "旧闻"), "utf-8")
    assert reader.newer(edition) is None
    assert "新闻" in made(reader).body.decode()
    run_build(posts)
    later = reader.newer(edition)
    assert later is not None
    assert later.config.site.title == "旧闻"
    assert made(reader).answer.hash == hashes(posts)["feed.atom"]


def test_a_broken_configuration_leaves_the_last_good_one(
    reader: EditionReader, posts: Path
) -> None:
    edition = first(reader)
    config = posts / "config.toml"
    good = config.read_text("utf-8")
    config.write_text(good.replace("新闻", "旧闻"), "utf-8")
    run_build(posts)
    config.write_text("[site", "utf-8")
    assert reader.newer(edition) is not None
    assert made(reader).body


def test_who_begins_late_reads_what_the_others_read(posts: Path) -> None:
    """A worker in place of a killed one was started with the configuration of the first day."""
    old = load_config(posts)
    config = posts / "config.toml"
    config.write_text(config.read_text("utf-8").replace("新闻", "旧闻"), "utf-8")
    run_build(posts)
    reader = EditionReader(old)
    first(reader)
    assert made(reader).answer.hash == hashes(posts)["feed.atom"]
    reader.close()


def test_redirects_come_with_the_index(reader: EditionReader, posts: Path) -> None:
    edition = first(reader)
    assert edition.redirects.exact == {}
    config = posts / "config.toml"
    text = config.read_text("utf-8")
    config.write_text(f'{text}\n[redirects]\n"/tag/%E4%B8%AD/" = "/feed.atom"\n', "utf-8")
    build_once(load_config(posts))
    later = reader.newer(edition)
    assert later is not None
    assert later.redirects.exact == {"/tag/中": "/feed.atom"}
    assert all(later.current(made(reader, path).answer) for path in edition.places)


def test_a_reader_sees_what_one_build_saved_and_never_half_of_it(
    reader: EditionReader, posts: Path
) -> None:
    """Two posts change together, over and over; a feed never has one without the other."""
    edition: Edition | None = first(reader)
    stopped = threading.Event()

    def build() -> None:
        for number in range(12):
            for name in ("a.md", "b.md"):
                write_post(posts, name, categories="税务", title=f"round {number}")
            run_build(posts, full=number % 5 == 4)
        stopped.set()

    writer = threading.Thread(target=build)
    writer.start()
    seen = set()
    while not stopped.is_set():
        edition = reader.newer(edition) or edition
        rounds = re.findall(r"<title>round (\d+)</title>", made(reader).body.decode())
        assert len(rounds) in (0, 2)
        assert len(set(rounds)) <= 1
        seen.update(rounds)
    writer.join()
    assert len(seen) > 1


def test_only_new_entries_are_in_a_delta(posts: Path) -> None:
    config = posts / "config.toml"
    config.write_text(config.read_text("utf-8") + "\n[server]\ndelta = true\n", "utf-8")
    reader = EditionReader(load_config(posts))
    first(reader)
    answer = made(reader).answer
    assert len(answer.entries) == 3
    body = reader.delta(answer, frozenset(answer.entries[1:]))
    assert body is not None
    assert body.count(b"<entry>") == 1
    assert b"<title>c.md</title>" in body
    write_post(posts, "d.md")
    run_build(posts)
    assert reader.delta(answer, frozenset(answer.entries)) is None
    reader.close()


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("tag/y/feed.atom", "tag/y/feed.atom/"),
        ("tag/y/feed.atom", "//tag//y/feed.atom"),
        ("tag/y/feed.atom", "TAG/Y/Feed.Atom"),
        ("tag/café/feed.atom", "tag/cafe\u0301/feed.atom"),
        ("tag/straße/feed.atom", "tag/STRASSE/feed.atom"),
    ],
)
def test_spellings_of_a_path_have_something_in_common(written: str, same: str) -> None:
    assert spelling(written) == spelling(same)


def test_other_paths_are_spelled_differently() -> None:
    assert len({spelling(path) for path in ("a/b", "ab", "a-b", "a", "")}) == 5


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://example.org", ""),
        ("https://example.org/blog", "/blog"),
        ("https://example.org/%E5%8D%9A/x", "/博/x"),
    ],
)
def test_the_prefix_is_the_path_of_the_site(site: Path, url: str, path: str) -> None:
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8").replace("https://news.example.org", url), "utf-8")
    assert prefix(load_config(site)) == path


def test_facts_are_those_of_the_feed(posts: Path) -> None:
    config = posts / "config.toml"
    text = config.read_text("utf-8") + '\n[feeds]\nhubs = ["https://hub.example.org/"]\n'
    config.write_text(text, "utf-8")
    run_build(posts)
    reader = EditionReader(load_config(posts))
    edition = first(reader)
    keys: dict[tuple[str, ...], set[str]] = {}
    for path in edition.places:
        answer = made(reader, path).answer
        keys.setdefault(answer.facts.surrogate_keys, set()).add(path.rpartition("/")[0])
        relations = [relation for relation, _ in answer.facts.links]
        assert relations == ([] if path == "feeds.opml" else ["self", "hub"])
        headers = dict(answer.variant(Encoding.IDENTITY, b"").headers)
        assert headers[b"content-type"].startswith(answer.media_type.encode())
    # A key for all, and one for each feed in all its formats.
    assert {first for first, _ in keys} == {"feeds"}
    assert all(len(folders) == 1 for folders in keys.values())
    assert len(keys) == 1 + 2 + 3 + 1
    reader.close()
