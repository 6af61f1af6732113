from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config import Config
from feeds.configfile import load_config
from feeds.errors import ConfigError
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


def test_what_is_remembered_of_an_unchanged_bucket_is_not_even_loaded(jekyll: Path) -> None:
    make(jekyll, [f"_posts/2022-01-01-{number}.md" for number in range(3_000)])
    memory = Memory(load_config(jekyll))
    memory.scan()
    assert len(memory.buckets) > 2
    known = {key: (total, digest) for key, (total, digest, _) in memory.buckets.items()}
    loaded = []

    def load(key: tuple[str, int]) -> bytes:
        loaded.append(key)
        return memory.buckets[key][2]

    assert list(Scan(memory.config, known, load, LATER).changes()) == []
    assert loaded == []
    (jekyll / "_posts/2022-01-01-7.md").write_text("longer than it was before")
    (change,) = Scan(memory.config, known, load, LATER).changes()
    assert (list(change.read), len(loaded)) == (["_posts/2022-01-01-7.md"], 1)


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


def test_links_between_folders_are_walked_once(site: Path) -> None:
    """Each of many folders links to all others: more ways than could ever be walked."""
    folders = [f"posts/{number}" for number in range(20)]
    make(site, [f"{folder}/{number}.md" for number, folder in enumerate(folders)])
    for folder in folders:
        for other in folders:
            if other != folder:
                (site / folder / other.replace("/", "-")).symlink_to(site / other)
    read, _, scan = Memory(load_config(site)).scan()
    assert read == sorted(f"{folder}/{number}.md" for number, folder in enumerate(folders))
    assert {found.level for found in scan.findings} == {Level.NOTE}
    assert len(scan.findings) == 20 * 19


def test_links_between_the_folders_of_a_jekyll_site_are_walked_once(jekyll: Path) -> None:
    folders = [f"f{number}" for number in range(20)]
    make(jekyll, [f"{folder}/_posts/2022-01-01-{folder}.md" for folder in folders])
    for folder in folders:
        for other in folders:
            if other != folder:
                (jekyll / folder / f"to-{other}").symlink_to(jekyll / other)
    read, _, _ = Memory(load_config(jekyll)).scan()
    assert read == sorted(f"{folder}/_posts/2022-01-01-{folder}.md" for folder in folders)


def test_a_folder_keeps_its_own_name_whatever_links_to_it(site: Path) -> None:
    make(site, ["posts/b/deep/x.md"])
    (site / "posts/a").symlink_to("b/deep")
    assert Memory(load_config(site)).scan()[0] == ["posts/b/deep/x.md"]


def test_a_linked_folder_is_a_source_but_a_file_elsewhere_is_no_post(
    site: Path, tmp_path: Path
) -> None:
    make(tmp_path, ["secret.md", "elsewhere/a.md", "elsewhere/b.md", "site/notes.md"])
    (site / "posts/linked").symlink_to(tmp_path / "elsewhere")
    (site / "posts/linked/again.md").symlink_to(tmp_path / "elsewhere/a.md")
    (site / "posts/notes.md").symlink_to("../notes.md")
    (site / "posts/secret.md").symlink_to(tmp_path / "secret.md")
    memory = Memory(load_config(site))
    read, _, scan = memory.scan()
    assert read == [
        "posts/linked/a.md",
        "posts/linked/again.md",
        "posts/linked/b.md",
        "posts/notes.md",
    ]
    assert [(found.path, found.level) for found in scan.findings] == [
        ("posts/secret.md", Level.WARNING)
    ]
    (site / "posts/linked/a.md").unlink()
    (site / "posts/notes.md").unlink()
    (site / "posts/notes.md").symlink_to(tmp_path / "secret.md")
    assert memory.scan()[1] == ["posts/linked/a.md", "posts/linked/again.md", "posts/notes.md"]


def test_endings_may_be_written_in_capitals(site: Path, jekyll: Path) -> None:
    make(site, ["posts/a.MD", "posts/b.Markdown", "posts/c.HTML", "posts/d.JPG"])
    read, _, _ = Memory(load_config(site)).scan()
    assert read == ["posts/a.MD", "posts/b.Markdown", "posts/c.HTML"]


def test_a_source_that_goes_with_all_its_posts_is_refused_until_all_is_read_anew(
    site: Path,
) -> None:
    make(site, ["posts/sub/a.md", "more/b.md"])
    config = load_config(site, {"posts": {"sources": ["posts", "more"]}})
    memory = Memory(config)
    memory.scan()
    (site / "posts").rename(site / "away")
    with pytest.raises(ConfigError, match=r"posts: the folder is gone, .* --full"):
        memory.scan()
    assert Memory(config).scan()[0] == ["more/b.md"]
    (site / "away").rename(site / "posts")
    assert memory.scan()[:2] == ([], [])


def test_a_jekyll_site_that_loses_all_its_posts_folders_is_refused(jekyll: Path) -> None:
    make(jekyll, ["_posts/2022-01-01-a.md", "news/_posts/2022-01-01-b.md"])
    memory = Memory(load_config(jekyll))
    memory.scan()
    (jekyll / "news/_posts").rename(jekyll / "news/gone")
    assert memory.scan()[1] == ["news/_posts/2022-01-01-b.md"]
    (jekyll / "_posts").rename(jekyll / "gone")
    with pytest.raises(ConfigError, match="no _posts folder any more"):
        memory.scan()
    assert Memory(load_config(jekyll)).scan()[:2] == ([], [])


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
