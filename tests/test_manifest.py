"""The manifest as text: what is read is what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.manifest import ABSENT, DamagedManifestError, Manifest, manifest_text, parse_manifest

HASHES = st.sets(st.sampled_from([ABSENT, "1" * 64, f"{'0a' * 32}"]), min_size=1)
PATHS = (
    st.text(min_size=1, max_size=20)
    .filter(str.isprintable)
    .filter(lambda path: {"", ".", ".."}.isdisjoint(path.split("/")))
)
FILES = st.dictionaries(PATHS, HASHES, max_size=4)
WORDS = st.sampled_from(["", "https://news.example.org/中", "a-1"])


@given(FILES, FILES, WORDS, WORDS, WORDS)
def test_what_was_written_is_read_back(
    files: dict[str, set[str]], left: dict[str, set[str]], owner: str, headers: str, sender: str
) -> None:
    manifest = Manifest(files, left, owner, headers, sender)
    assert parse_manifest(manifest_text(manifest).encode()) == manifest


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"what\n", 1),
        # A line that somebody else wrote must not have a file elsewhere deleted.
        (b"1" * 64 + b"  ../elsewhere\n", 1),
        (b"1" * 64 + b"  a/../../elsewhere\n", 1),
        (b"1" * 64 + b"  /etc/motd\n", 1),
        (b"# left " + b"1" * 64 + b"  a//b\n", 1),
        (b"# feeds of https://a.example\n\n", 2),
        (b"\xff", 1),
        (ABSENT.encode() + b"  a\n# other b\n", 2),
    ],
)
def test_the_line_that_is_none_is_named(raw: bytes, line: int) -> None:
    with pytest.raises(DamagedManifestError, match=f"^{line}$"):
        parse_manifest(raw)
