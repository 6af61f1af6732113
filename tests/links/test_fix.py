"""Corrections in files: what is certain, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.errors import OutputError
from feeds.links.fix import Correction, corrected, corrections, diff, replace_file
from feeds.links.rules import Judged
from feeds.links.urls import Target
from feeds.models import Link, Role, Verdict

HOME = "https://news.example.org/"


def judged(url: str, verdict: Verdict | None, fix: str = "", line: int = 1) -> Judged:
    target = Target(url, "") if verdict is None else None
    return Judged(Link(Role.BODY, "", url, line), verdict, "", target, fix)


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
    assert corrections([judged(url, verdict, fix)], {}) == [Correction(1, url, expected)]


@pytest.mark.parametrize(
    ("verdict", "fix"),
    [(Verdict.WRONG_HOST, ""), (Verdict.WRONG_LABEL, HOME), (Verdict.OK, HOME), (None, "")],
)
def test_what_nobody_is_certain_of_is_left(verdict: Verdict | None, fix: str) -> None:
    assert corrections([judged("//a.example.org/", verdict, fix)], {}) == []


def test_what_moved_for_good_gets_its_new_address() -> None:
    old, new = "http://a.example.org/x", "https://a.example.org/y"
    assert corrections([judged(old, None)], {(1, old): new}) == [Correction(1, old, new)]
    assert corrections([judged(old, None, line=2)], {(1, old): new}) == []


def test_a_server_cannot_write_markup_into_a_post() -> None:
    old, new = "http://a.example.org/x", "https://a.example.org/)<script>'\"|` \\"
    ((_, _, said),) = corrections([judged(old, None)], {(1, old): new})
    assert set(said).isdisjoint("()<>'\"|`\\ ")


def test_links_that_look_alike_and_should_differ_are_left() -> None:
    links = [judged("../", Verdict.RELATIVE, HOME), judged("../", Verdict.RELATIVE, f"{HOME}a/")]
    assert corrections(links, {}) == []


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        ("[返回](../x/)｜[首页](../)", "../", HOME, f"[返回](../x/)｜[首页]({HOME})"),
        ("<http://a.org/>", "http://a.org/", HOME, f"<{HOME}>"),
        ("http://a.org/b http://a.org/", "http://a.org/", HOME, f"http://a.org/b {HOME}"),
        ('<a href="/?a=1&amp;b=2">', "/?a=1&b=2", f"{HOME}?c&d", f'<a href="{HOME}?c&amp;d">'),
        ("source: /x\\1", "/x", r"/\1", r"source: /\1\1"),
        ("nothing", "http://a.org/", HOME, "nothing"),
    ],
)
def test_only_the_address_itself_is_replaced(before: str, old: str, new: str, after: str) -> None:
    assert corrected(before.encode(), [Correction(1, old, new)]) == after.encode()


def test_other_lines_line_ends_and_bytes_stay() -> None:
    raw = b"\xef\xbb\xbf---\r\n\xff\xfe ../\r\n[a](../)\r\n../\rx\n"
    expected = b"\xef\xbb\xbf---\r\n\xff\xfe ../\r\n[a](/y)\r\n../\rx\n"
    assert corrected(raw, [Correction(3, "../", "/y")]) == expected
    assert corrected(raw, [Correction(0, "../", "/y"), Correction(99, "../", "/y")]) == raw


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_end_as_they_do_in_posts(end: bytes) -> None:
    raw, expected = (end.join((b"[a](../)", b"../", way, b"")) for way in (b"../", b"/y"))
    assert corrected(raw, [Correction(3, "../", "/y")]) == expected


@given(st.binary(max_size=200), st.integers(-1, 9))
def test_without_the_address_every_byte_stays(raw: bytes, line: int) -> None:
    raw = raw.replace(b"http", b"")
    assert corrected(raw, [Correction(line, "http://a.example.org/", HOME)]) == raw


def test_a_diff_can_be_applied(tmp_path: Path) -> None:
    before = "eins\nzwei [返回](../)\ndrei\n".encode()
    after = corrected(before, [Correction(2, "../", HOME)])
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
