"""Corrections in files: what is certain, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from feeds.errors import OutputError
from feeds.links.fix import (
    Correction,
    as_meant,
    corrected,
    corrections,
    diff,
    replace_file,
    right_addresses,
)
from feeds.links.places import Meaning, Place, as_written, markdown_text
from feeds.links.rules import Judged
from feeds.links.urls import Target
from feeds.models import Link, Role, Verdict
from feeds.posts.entities import attribute_value

HOME = "https://news.example.org/"


def judged(url: str, verdict: Verdict | None, fix: str = "", line: int = 1) -> Judged:
    target = Target(url, "") if verdict is None else None
    return Judged(Link(Role.BODY, "", url, line), verdict, "", target, fix)


def right(links: list[Judged], moved: Mapping[tuple[int, str], str]) -> list[str]:
    return list(right_addresses(links, moved).values())


@pytest.mark.parametrize(
    ("url", "verdict", "fix", "expected"),
    [
        ("../", Verdict.RELATIVE, HOME, HOME),
        ("//old.example.org/", Verdict.WRONG_HOST, HOME, "//news.example.org/"),
        ("http://old.example.org/", Verdict.WRONG_HOST, HOME, HOME),
        ("/x.html", Verdict.WRONG_TARGET, f"{HOME}a b.html", f"{HOME}a%20b.html"),
    ],
)
def test_what_a_rule_is_certain_of_is_corrected_in_the_style_of_the_link(
    url: str, verdict: Verdict, fix: str, expected: str
) -> None:
    link = judged(url, verdict, fix)
    assert right_addresses([link], {}) == {link.link: expected}


@pytest.mark.parametrize(
    ("verdict", "fix"),
    [(Verdict.WRONG_HOST, ""), (Verdict.WRONG_LABEL, HOME), (Verdict.OK, HOME), (None, "")],
)
def test_what_nobody_is_certain_of_is_left(verdict: Verdict | None, fix: str) -> None:
    assert right([judged("//a.example.org/", verdict, fix)], {}) == []


def test_what_moved_for_good_gets_its_new_address() -> None:
    old, new = "http://a.example.org/x", "https://a.example.org/y"
    assert right([judged(old, None)], {(1, old): new}) == [new]
    assert right([judged(old, None, line=2)], {(1, old): new}) == []
    assert right([judged(new, None)], {(1, new): new}) == []


def test_a_server_cannot_write_markup_into_a_post() -> None:
    old, new = "http://a.example.org/x", "https://a.example.org/)<script>'\"|` \\[]"
    (said,) = right([judged(old, None)], {(1, old): new})
    assert set(said).isdisjoint("()<>'\"|`\\ []")


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ("http://[2001:db8::1]/y z", ["http://[2001:db8::1]/y%20z"]),
        ("http://[2001:db8::1]:8080?[", ["http://[2001:db8::1]:8080?%5B"]),
        ("http://a.example.org#b", ["http://a.example.org#b"]),
        ("http://a.example.org](/b)", []),
        ("http://u@a.example.org/", []),
        ("javascript://a.example.org/", []),
    ],
)
def test_the_host_of_a_new_address_stays_as_it_is_or_nothing_is_certain(
    new: str, expected: list[str]
) -> None:
    old = "http://old.example.org/x"
    assert right([judged(old, None)], {(1, old): new}) == expected


# --- in the file --------------------------------------------------------------------------


def place(link: Link, start: int, written: str, meaning: Meaning = attribute_value) -> Place:
    return Place(link, start, start + len(written), written, meaning)


A, B = (Link(Role.BODY, label, "../", 1) for label in "ab")


@pytest.mark.parametrize(
    ("links", "right", "expected"),
    [
        ((A, A), {A: "/x"}, [(0, "/x")]),
        ((A, B), {A: "/x", B: "/x"}, [(0, "/x")]),
        ((A, B), {A: "/x", B: "/y"}, []),
        ((A, B), {A: "/x"}, []),
    ],
)
def test_a_place_that_links_share_is_corrected_for_all_or_none(
    links: tuple[Link, ...], right: Mapping[Link, str], expected: list[tuple[int, str]]
) -> None:
    found = corrections(right, [place(each, 0, "../") for each in links])
    assert [(each.start, each.new) for each in found] == expected


@pytest.mark.parametrize(
    ("written", "new", "meaning", "expected"),
    [
        ("/?a=1&amp;b=2", "/?c=1&d=2", attribute_value, "/?c=1&amp;d=2"),
        ("/?a=1&b=2", "/?c=1&d=2", attribute_value, "/?c=1&d=2"),
        ("/", "/?a&lt;b", attribute_value, "/?a&amp;lt;b"),
        ("/", "/?a&lt;b", markdown_text, "/?a&amp;lt;b"),
        ("/&amp;", "/?a&b", as_written, "/?a&b"),
    ],
)
def test_an_address_is_written_so_that_it_is_read_as_what_it_is(
    written: str, new: str, meaning: Meaning, expected: str
) -> None:
    (found,) = corrections({A: new}, [place(A, 0, written, meaning)])
    assert found.new == expected


def test_corrections_are_made_where_they_belong_and_nowhere_else() -> None:
    found = corrections({A: "/y", B: "/z"}, [place(B, 8, "../"), place(A, 2, "../")])
    assert corrected(b"a ../ b ../ c ../\r\n\xff", found) == b"a /y b /z c ../\r\n\xff"


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (["/y", "../c"], True),
        (["/y", "../c", "/new"], False),
        (["/y"], False),
        (["../", "../c"], False),
    ],
)
def test_a_corrected_file_is_held_against_what_was_meant(after: list[str], expected: bool) -> None:
    other = Link(Role.BODY, "c", "../c", 2)
    # Of this one nobody knows where it stands.
    right = {A: "/y", other: "/z"}
    wanted = corrections(right, [place(A, 0, "../")])
    links = [Link(Role.BODY, "d", url, 3) for url in after]
    assert as_meant([A, other], right, wanted, links) is expected


def test_a_diff_can_be_applied(tmp_path: Path) -> None:
    before = "eins\nzwei [返回](../)\ndrei\n".encode()
    start = before.index(b"../")
    after = corrected(before, [Correction(start, start + 3, HOME, frozenset())])
    (tmp_path / "a.md").write_bytes(before)
    patch = "\n".join(diff("a.md", before, after)) + "\n"
    subprocess.run(["git", "apply"], cwd=tmp_path, input=patch.encode(), check=True)
    assert (tmp_path / "a.md").read_bytes() == after


def test_a_file_is_replaced_with_its_mode_and_behind_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real.md"
    real.write_bytes(b"a")
    real.chmod(0o640)
    link = tmp_path / "link.md"
    link.symlink_to("real.md")
    assert replace_file(link, b"a", b"b")
    assert (real.read_bytes(), real.stat().st_mode & 0o777) == (b"b", 0o640)
    assert link.is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link.md", "real.md"]


def test_a_file_that_changed_meanwhile_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"new")
    assert not replace_file(path, b"a", b"b")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.md"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.md: cannot be written: no such file"):
        replace_file(tmp_path / "a.md", b"a", b"b")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"a")
    os.chown(path, 1234, 5678)
    path.chmod(0o2640)
    assert replace_file(path, b"a", b"b")
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (1234, 5678, 0o2640)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_whoever_may_not_give_a_file_away_corrects_it_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(b"a")
    path.chmod(0o644)
    tmp_path.chmod(0o777)
    for folder in tmp_path.parents:
        folder.chmod(folder.stat().st_mode | 0o111)
    code = (
        "import os, pathlib, sys; from feeds.links.fix import replace_file; os.setuid(65534)\n"
        "print(replace_file(pathlib.Path(sys.argv[1]), b'a', b'b'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"
    assert (path.read_bytes(), path.stat().st_uid) == (b"b", 65534)
