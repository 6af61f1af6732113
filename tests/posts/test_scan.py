from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config import Config, load_config
from feeds.models import Level
from feeds.posts import scan as scanning
from feeds.posts.scan import UNSURE, Scan, pack, unpack

LATER = 4_000_000_000_000_000_000  # nanoseconds; long after every file was written


class Memory:
    """What an index would remember of a folder, and the paths that it would know."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.buckets: dict[tuple[str, int], tuple[int, bytes, bytes]] = {}
        self.paths: set[str] = set()

    def scan(self, now: int = LATER) -> tuple[list[str], list[str], Scan]:
        """Run a scan, remember what it says; returns paths to read, paths gone."""
        known = {key: (total, digest) for key, (total, digest, _) in self.buckets.items()}
        entries = {key: packed for key, (_, _, packed) in self.buckets.items()}
        scan = Scan(self.config, known, entries.__getitem__, now)
        read: list[str] = []
        gone: list[str] = []
        for change in scan.changes():
            read += change.read
            gone += change.gone
            bucket = change.bucket
            total = bucket.total if bucket else -1
            for key in [
                k for k, v in self.buckets.items() if k[0] == change.folder and v[0] != total
            ]:
                del self.buckets[key]
            if bucket:
                self.buckets[bucket.key] = (bucket.total, bucket.digest, bucket.entries)
        self.paths = (self.paths - set(gone)) | set(read)
        return sorted(read), sorted(gone), scan


def make(root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


@pytest.fixture
def jekyll(tmp_path: Path) -> Path:
    (tmp_path / "_config.yml").write_text("url: https://example.org\nexclude: [old]\n")
    return tmp_path


def test_a_jekyll_site_has_posts_in_every_posts_folder(jekyll: Path) -> None:
    make(
        jekyll,
        [
            "_posts/2022-01-01-a.md",
            "_posts/deep/2022-01-01-b.markdown",
            "news/_posts/2022-01-01-c.html",
            "_posts/2022-01-01-d.textile",
            "_posts/_2022-01-01-e.md",
            "_posts/2022-01-01-f.md~",
            "_posts/.2022-01-01-g.md",
            "_drafts/h.md",
            "_site/_posts/2022-01-01-i.md",
            "old/_posts/2022-01-01-j.md",
            "_hidden/_posts/2022-01-01-k.md",
            "news/2022-01-01-l.md",
            "_posts/undated.md",
        ],
    )
    read, gone, scan = Memory(load_config(jekyll)).scan()

    assert read == [
        "_posts/2022-01-01-a.md",
        "_posts/2022-01-01-d.textile",
        "_posts/deep/2022-01-01-b.markdown",
        "_posts/undated.md",
        "news/_posts/2022-01-01-c.html",
    ]
    assert gone == []
    assert scan.findings == []


def test_drafts_are_looked_into_when_asked_for(jekyll: Path) -> None:
    make(jekyll, ["_posts/2022-01-01-a.md", "_drafts/b.md"])
    config = load_config(jekyll, {"posts": {"drafts": True}})
    assert Memory(config).scan()[0] == ["_drafts/b.md", "_posts/2022-01-01-a.md"]


def test_sources_are_folders_or_globs_and_are_read_once(site: Path) -> None:
    make(site, ["posts/a.md", "archive/2021/b.md", "archive/2022/deep/c.md", "other/d.md"])
    config = load_config(site, {"posts": {"sources": ["posts", "archive/*", "archive/2022"]}})
    read, _, scan = Memory(config).scan()
    assert read == ["archive/2021/b.md", "archive/2022/deep/c.md", "posts/a.md"]
    assert scan.findings == []


def test_a_source_that_is_missing_is_named(site: Path) -> None:
    config = load_config(site, {"posts": {"sources": ["nowhere"]}})
    _, _, scan = Memory(config).scan()
    assert [(found.path, found.level) for found in scan.findings] == [("nowhere", Level.ERROR)]


def test_the_output_and_the_state_are_never_read(site: Path) -> None:
    make(site, ["posts/a.md", "public/b.md", ".feeds/c.md"])
    config = load_config(site, {"posts": {"sources": ["."]}})
    assert Memory(config).scan()[0] == ["posts/a.md"]


def test_nothing_is_read_again_while_nothing_changes(site: Path) -> None:
    make(site, [f"posts/{number}.md" for number in range(50)])
    memory = Memory(load_config(site))
    assert len(memory.scan()[0]) == 50
    assert memory.scan()[:2] == ([], [])


def test_an_edit_of_the_same_size_and_second_is_seen(site: Path) -> None:
    make(site, ["posts/a.md"])
    memory = Memory(load_config(site))
    path = site / "posts/a.md"
    now = path.stat().st_mtime_ns
    memory.scan(now=now)  # the file was written in this very tick
    path.write_text("POSTS/A.MD")
    os.utime(path, ns=(now, now))
    assert memory.scan(now=now)[0] == ["posts/a.md"]


def test_a_fresh_file_is_read_again_until_its_time_can_be_trusted(site: Path) -> None:
    make(site, ["posts/a.md"])
    memory = Memory(load_config(site))
    now = (site / "posts/a.md").stat().st_ctime_ns
    assert memory.scan(now=now)[0] == ["posts/a.md"]
    assert memory.scan(now=now + 10**10)[0] == ["posts/a.md"]
    assert memory.scan(now=now + 10**10)[0] == []


def test_a_moved_file_is_gone_here_and_new_there(site: Path) -> None:
    make(site, ["posts/a.md"])
    memory = Memory(load_config(site))
    memory.scan()
    (site / "posts/sub").mkdir()
    (site / "posts/a.md").rename(site / "posts/sub/a.md")
    assert memory.scan()[:2] == (["posts/sub/a.md"], ["posts/a.md"])


def test_a_folder_that_is_gone_takes_its_files_along(site: Path) -> None:
    make(site, ["posts/sub/a.md", "posts/b.md"])
    memory = Memory(load_config(site))
    memory.scan()
    (site / "posts/sub/a.md").unlink()
    (site / "posts/sub").rmdir()
    assert memory.scan()[:2] == ([], ["posts/sub/a.md"])
    assert memory.scan()[:2] == ([], [])


def test_what_is_no_file_is_named_and_the_rest_is_read(site: Path) -> None:
    make(site, ["posts/a.md", "posts/folder.md/b.md"])
    os.mkfifo(site / "posts/pipe.md")
    (site / "posts/circle.md").symlink_to("circle.md")
    (site / "posts/loop").symlink_to(site / "posts")
    (site / "posts/dangling.md").symlink_to("nowhere.md")
    read, _, scan = Memory(load_config(site)).scan()
    assert read == ["posts/a.md", "posts/folder.md/b.md"]
    assert {found.path for found in scan.findings} == {
        "posts/circle.md",
        "posts/dangling.md",
        "posts/folder.md",
        "posts/loop",
        "posts/pipe.md",
    }


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are always Unicode")
def test_a_name_that_is_not_utf_8_is_named(site: Path) -> None:
    make(site, ["posts/a.md"])
    with open(os.fsencode(site / "posts") + b"/\xff.md", "w"):
        pass
    read, _, scan = Memory(load_config(site)).scan()
    assert read == ["posts/a.md"]
    assert [found.what for found in scan.findings] == ["the name is not UTF-8"]


names = st.lists(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1),
    unique=True,
)


@given(names=names, times=st.data())
def test_packed_files_are_read_back(names: list[str], times: st.DataObject) -> None:
    from array import array

    number = st.integers(-(2**63), 2**63 - 1)
    stats = {name: tuple(times.draw(st.tuples(number, number, number))) for name in names}
    packed = pack(list(stats), array("q", [n for each in stats.values() for n in each]))
    assert unpack(packed) == stats


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.lists(st.integers(0, 60), unique=True), min_size=1, max_size=5))
def test_growing_and_shrinking_folders_are_followed(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[list[int]],
) -> None:
    root = tmp_path_factory.mktemp("site")
    (root / "config.toml").write_text('site.url = "https://example.org"\nposts.sources = ["p"]')
    (root / "p").mkdir()
    memory = Memory(replace(load_config(root)))
    per_bucket = scanning.FILES_PER_BUCKET
    scanning.FILES_PER_BUCKET = 4  # type: ignore[misc]  # so that few files fill many buckets
    try:
        for numbers in steps:
            wanted = {f"p/{number}.md" for number in numbers}
            before = {f"p/{path.name}" for path in (root / "p").iterdir()}
            for path in before - wanted:
                (root / path).unlink()
            make(root, wanted - before)
            read, gone, _ = memory.scan()
            assert memory.paths == wanted
            assert set(read) >= wanted - before
            assert set(gone) == before - wanted
    finally:
        scanning.FILES_PER_BUCKET = per_bucket  # type: ignore[misc]


def test_unsure_times_are_no_times_of_a_file() -> None:
    assert min(UNSURE) < 0
