"""Files that are replaced: all of them or nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.errors import OutputError
from feeds.replacement import replacing


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_that_is_not_finished_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(ZeroDivisionError), replacing(path) as file:
        file.write(b"new" * (1 // 0))
    assert os.listdir(tmp_path) == []


def test_a_new_file_can_be_read_by_those_whom_the_umask_lets(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    before = os.umask(0o027)
    try:
        with replacing(path):
            pass
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("字" * 84 + ".md")
    with replacing(path) as file:
        file.write(b"a")
    assert path.read_bytes() == b"a"


def test_what_is_no_regular_file_stays_what_it_is(tmp_path: Path) -> None:
    read, write = os.pipe()
    link = tmp_path / "out"
    link.symlink_to(f"/proc/self/fd/{write}")
    with replacing(link) as file:
        file.write(b"a\n")
    os.close(write)
    with open(read, "rb") as pipe:
        assert pipe.read() == b"a\n"
    assert link.is_symlink()
    with replacing(Path(os.devnull)) as file:
        file.write(b"a")
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize("name", ["", "none/a.txt"])
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="cannot be written: "), replacing(tmp_path / name):
        pass
