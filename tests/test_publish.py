from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.errors import ForeignFileError, OutputError
from feeds.manifest import MANIFEST
from feeds.models import EPOCH, Document, Level
from feeds.publish import STAGING, Folder, Published

from .conftest import tree


def document(path: str, text: str = "x") -> Document:
    return Document(path, "text/plain", text.encode(), EPOCH)


def publish(folder: Path, files: Mapping[str, str], before: Published | None = None) -> Published:
    """Publish texts by path, as a build does that knows all hashes."""
    made = {path: document(path, text) for path, text in files.items()}
    target = Folder(folder, before.known if before else {})
    missing = target.missing({path: each.hash for path, each in made.items()})
    kept = {path: each.hash for path, each in made.items() if path not in missing}
    return target.publish(kept, (made[path] for path in missing))


def texts(folder: Path) -> dict[str, str]:
    return {path: body.decode() for path, body in tree(folder).items() if path != MANIFEST}


def test_writes_documents_and_a_manifest_that_sha256sum_confirms(tmp_path: Path) -> None:
    publish(tmp_path, {"feed.atom": "a", "tag/股市/feed.rss": "b"})

    assert texts(tmp_path) == {"feed.atom": "a", "tag/股市/feed.rss": "b"}
    subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path, check=True)
    assert not (tmp_path / STAGING).exists()


def test_leaves_unchanged_files_alone(tmp_path: Path) -> None:
    first = publish(tmp_path, {"a": "1", "b": "2"})
    os.utime(tmp_path / "a", ns=(1, 1))
    inode = (tmp_path / "b").stat().st_ino

    second = publish(tmp_path, {"a": "1", "b": "2"}, first)

    assert second.written == ()
    assert (tmp_path / "a").stat().st_mtime_ns == 1
    assert (tmp_path / "b").stat().st_ino == inode


def test_needs_no_memory_to_see_that_a_file_is_right(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1"})
    stamp = (tmp_path / "a").stat().st_mtime_ns
    assert publish(tmp_path, {"a": "1"}).written == ()
    assert (tmp_path / "a").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("remember", [True, False])
def test_puts_back_what_was_changed_or_deleted_by_hand_and_says_so(
    tmp_path: Path, remember: bool
) -> None:
    first = publish(tmp_path, {"a": "1", "b": "2"})
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").unlink()

    done = publish(tmp_path, {"a": "1", "b": "2"}, first if remember else None)
    assert done.written == ("a", "b")
    assert texts(tmp_path) == {"a": "1", "b": "2"}
    assert [(found.path, found.level) for found in done.findings] == [("a", Level.NOTE)]


@pytest.mark.parametrize("remember", [True, False])
def test_says_nothing_of_a_feed_that_changes(tmp_path: Path, remember: bool) -> None:
    first = publish(tmp_path, {"a": "1"})
    done = publish(tmp_path, {"a": "2"}, first if remember else None)
    assert (done.written, done.findings) == (("a",), ())


def test_removes_what_is_gone_and_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    publish(tmp_path, {"tag/x/feed.atom": "1", "tag/y/feed.atom": "2"})
    (tmp_path / "tag/y/mine.txt").write_text("keep")

    done = publish(tmp_path, {})

    assert sorted(done.removed) == ["tag/x/feed.atom", "tag/y/feed.atom"]
    assert texts(tmp_path) == {"tag/y/mine.txt": "keep"}
    assert not (tmp_path / "tag/x").exists()


def test_does_not_remove_a_file_that_somebody_changed(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1"})
    (tmp_path / "a").write_text("mine")

    done = publish(tmp_path, {})

    assert texts(tmp_path) == {"a": "mine"}
    assert [found.path for found in done.findings] == ["a"]
    assert publish(tmp_path, {}).findings == ()
    assert texts(tmp_path) == {"a": "mine"}


def test_a_feed_that_comes_back_replaces_the_file_that_was_left_for_it(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "a").write_text("mine")
    publish(tmp_path, {"b": "1"})
    publish(tmp_path, {"b": "2"})
    subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path, check=True)

    assert [found.path for found in Folder(tmp_path, {}).edited(["a", "b"])] == ["a"]
    done = publish(tmp_path, {"a": "3", "b": "2"})

    assert texts(tmp_path) == {"a": "3", "b": "2"}
    assert [(found.path, found.level) for found in done.findings] == [("a", Level.WARNING)]
    assert publish(tmp_path, {"a": "4", "b": "2"}).findings == ()


def test_a_file_that_was_left_and_deleted_since_is_forgotten(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1", "b": "1"})
    (tmp_path / "a").write_text("mine")
    publish(tmp_path, {"b": "1"})
    (tmp_path / "a").unlink()
    publish(tmp_path, {"b": "2"})
    (tmp_path / "a").write_text("theirs")
    with pytest.raises(ForeignFileError):
        publish(tmp_path, {"a": "1", "b": "2"})


def test_a_folder_is_one_sites(tmp_path: Path) -> None:
    def folder(owner: str, was_ours: bool = False) -> Folder:
        return Folder(tmp_path, {}, owner, lambda: was_ours)

    publish(tmp_path, {"a": "1"})  # as before there were owners
    folder("https://a.example.org").publish({}, [document("a", "1")])
    subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path, check=True)
    before = tree(tmp_path)
    with pytest.raises(ForeignFileError, match=r"another site, https://a\.example\.org"):
        folder("https://b.example.org")
    assert tree(tmp_path) == before
    folder("https://b.example.org", was_ours=True).publish({}, [document("a", "1")])
    folder("https://b.example.org")


@pytest.mark.parametrize(
    ("mine", "path"),
    [
        ("feed.atom", "feed.atom"),  # a file of somebody else's
        ("tag", "tag/x/feed.atom"),  # a file where a folder has to go
        ("feed.atom/mine.txt", "feed.atom"),  # a folder where a file has to go
    ],
)
def test_refuses_to_overwrite_what_is_not_its_own(tmp_path: Path, mine: str, path: str) -> None:
    (tmp_path / mine).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / mine).write_text("mine")

    with pytest.raises(ForeignFileError, match="not written by this program") as error:
        publish(tmp_path, {"other": "1", path: "2"})

    assert str(tmp_path / mine.split("/")[0]) in str(error.value)
    assert texts(tmp_path) == {mine: "mine"}


def test_adopts_a_foreign_file_with_the_very_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    assert publish(tmp_path, {"a": "1"}).written == ()
    publish(tmp_path, {})
    assert texts(tmp_path) == {}


def test_does_not_follow_a_link_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "tag").symlink_to(outside)

    with pytest.raises(ForeignFileError):
        publish(folder, {"tag/x": "1"})

    assert list(outside.iterdir()) == []


def test_a_file_may_become_a_folder_and_a_folder_a_file(tmp_path: Path) -> None:
    publish(tmp_path, {"tag": "1", "site/x/feed": "2"})
    publish(tmp_path, {"tag/x": "3", "site": "4"})
    assert texts(tmp_path) == {"tag/x": "3", "site": "4"}


def test_a_damaged_manifest_is_named_with_its_line(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1"})
    with (tmp_path / MANIFEST).open("a") as manifest:
        manifest.write("rubbish\n")

    with pytest.raises(OutputError, match=rf"{MANIFEST}:2: not a line of sha256sum"):
        publish(tmp_path, {"a": "2"})

    assert (tmp_path / "a").read_text() == "1"


def test_an_output_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "public").write_text("")
    with pytest.raises(OutputError, match="public"):
        publish(tmp_path / "public", {"a": "1"})


def test_a_failure_while_documents_are_made_changes_nothing(tmp_path: Path) -> None:
    publish(tmp_path, {"a": "1"})
    before = tree(tmp_path)

    def documents() -> Iterator[Document]:
        yield document("a", "2")
        yield document("b", "3")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Folder(tmp_path, {}).publish({}, documents())

    assert tree(tmp_path) == before


names = st.sampled_from(["a", "b", "t/a", "t/b", "t/u/a", "u"])
files = st.dictionaries(names, st.sampled_from("123"), max_size=5)


def consistent(files: Mapping[str, str]) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(files.filter(consistent), min_size=1, max_size=5), remember=st.booleans())
def test_whatever_came_before_the_folder_holds_what_was_asked_for(
    tmp_path_factory: pytest.TempPathFactory, steps: list[dict[str, str]], remember: bool
) -> None:
    folder = tmp_path_factory.mktemp("public")
    done = None
    for wanted in steps:
        done = publish(folder, wanted, done if remember else None)
        assert texts(folder) == wanted
        listed = (folder / MANIFEST).read_text().splitlines() if wanted else []
        assert listed == sorted(
            f"{hashlib.sha256(text.encode()).hexdigest()}  {path}" for path, text in wanted.items()
        )
