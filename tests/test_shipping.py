"""Parcels of work, packed here and done as on another machine."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.files import FileTask
from feeds.fingerprint import program
from feeds.shipping import Answer, Parcel, Why, errand_of, filled, look, stamped
from feeds.tasks import EntryTask, digest, read_files, render_entries

from .conftest import CONFIG, write_post

Files = Sequence[tuple[str, bytes]]


def first(item: tuple[str, bytes]) -> str:
    return item[0]


def reading(site: Path) -> FileTask[tuple[str, bytes], Any]:
    return FileTask(read_files, load_config(site), first)


def done(task: FileTask[Any, Any], parcel: Parcel | None) -> Answer:
    """What a worker answers, through everything that is sent to it and back."""
    assert parcel is not None
    sent = pickle.loads(pickle.dumps(errand_of(task)))
    answer: Answer = pickle.loads(pickle.dumps(sent(pickle.dumps(parcel))))
    return answer


def paths(*names: str) -> Files:
    return [(f"posts/{name}", b"") for name in names]


@pytest.fixture
def posts(site: Path) -> Files:
    """A post, one that is missing, one that cannot be read, one that is no file."""
    write_post(site, "a.md", categories="x")
    write_post(site, "closed.md").chmod(0)
    os.mkfifo(site / "posts" / "pipe.md")
    return paths("a.md", "missing.md", "closed.md", "pipe.md")


def test_files_that_are_sent_are_read_as_those_in_the_folder(site: Path, posts: Files) -> None:
    task = reading(site)
    parcel, expected = filled(task, posts), task(posts)
    shutil.rmtree(site)
    assert done(task, parcel) == Answer(Why.DONE, expected)


def test_a_worker_that_sees_the_folder_reads_it(site: Path) -> None:
    write_post(site, "a.md")
    task, posts = reading(site), paths("a.md", "missing.md")
    parcel = stamped(task, posts)
    assert "正文" not in repr(parcel)
    assert done(task, parcel) == Answer(Why.DONE, task(posts))


@pytest.mark.parametrize("change", ["gone", "longer", "newer"])
def test_a_worker_trusts_no_other_version_of_a_file(site: Path, change: str) -> None:
    path = write_post(site, "a.md")
    task = reading(site)
    parcel = stamped(task, paths("a.md"))
    if change == "gone":
        path.unlink()
    elif change == "longer":
        times = path.stat()
        path.write_text(f"{path.read_text()}more")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    else:
        os.utime(path, ns=(1, 1))
    assert done(task, parcel).why is Why.UNSEEN


def test_what_is_too_much_for_a_parcel_is_not_sent(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = write_post(site, "a.md").stat().st_size
    write_post(site, "b.md")
    task, posts = reading(site), paths("a.md", "b.md")
    monkeypatch.setattr("feeds.shipping.FULL", 2 * size)
    assert filled(task, posts) is not None
    monkeypatch.setattr("feeds.shipping.FULL", 2 * size - 1)
    assert filled(task, posts) is None


def test_an_include_that_was_not_sent_is_asked_for(site: Path) -> None:
    includes = site / "_includes"
    (includes / "deep").mkdir(parents=True)
    (includes / "deep" / "a.html").write_text("注", "utf-8")
    (includes / "linked").symlink_to("deep")
    raw = write_post(site, "a.md", body="{% include linked/a.html %}").read_bytes()
    config = load_config(site)
    task = FileTask(render_entries, config, attrgetter("path"), includes=True)
    entry = EntryTask(1, "posts/a.md", digest("posts/a.md", raw, None), {})  # type: ignore[arg-type]
    assert errand_of(task).includes == {"deep/a.html": "注"}
    parcel = filled(task, [entry])
    assert parcel is not None
    assert done(task, parcel) == Answer(Why.INCLUDES, includes=("linked/a.html",))
    again = parcel._replace(includes={"linked/a.html": "注"})
    assert done(task, again) == Answer(Why.DONE, task([entry]))


def test_another_program_does_nothing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = reading(site)
    sent, other = errand_of(task), program()._replace(version="9.9")
    monkeypatch.setattr("feeds.shipping.program", lambda: other)
    assert sent(b"") == Answer(Why.OTHER_PROGRAM, program=other)


def test_secrets_stay_here(site: Path) -> None:
    secrets = """
[server]
webhook_secret = "hush"
[links.headers."example.org"]
Authorization = "hush"
"""
    (site / "config.toml").write_text(CONFIG + secrets, "utf-8")
    config = load_config(site, {"posts": {"drafts": True}})
    assert b"hush" in pickle.dumps(config)
    assert b"hush" not in pickle.dumps(errand_of(FileTask(read_files, config, first)))


def test_what_a_task_takes_beside_the_files_is_made_here(site: Path) -> None:
    task = replace(FileTask(count, load_config(site), str), more=two)
    assert done(task, Parcel(["a"], {}, {}, {})) == Answer(Why.DONE, ["a", 2])


def count(config: Config, items: Sequence[str], files: Any, number: int) -> list[Any]:
    return [*items, number]


def two(config: Config) -> tuple[int]:
    return (2,)


def test_a_worker_tells_what_it_sees(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    assert look(str(tmp_path / "token")) == (tuple(program()), True)
    assert look(str(tmp_path / "other")) == (tuple(program()), False)
