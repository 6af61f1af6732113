"""A feed that says everything there is, as whole documents beside this module in ``golden/``.

A change of a single byte shows here, because readers and caches notice it too. Where it is
meant, write the files anew with ``python -m tests.render.test_golden`` and read the
difference before it is committed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from feeds.models import Document, Format, Kind
from feeds.render import render_opml

from .samples import BARE_FEED, FEED, FULL, MINIMAL, document

GOLDEN = Path(__file__).with_name("golden")
CATEGORY = replace(
    FEED,
    kind=Kind.CATEGORY,
    name="shichang",
    title="示例财经 – 市场",
    page="https://news.example.org/category/shichang.html",
    urls={Format.ATOM: "https://news.example.org/category/shichang/feed.atom"},
)


def documents() -> dict[str, Document]:
    """Every golden file and what has to be in it."""
    found = {f"full.{format}": document(FEED, [FULL, MINIMAL], format) for format in Format}
    found["feeds.opml"] = render_opml("feeds.opml", "示例财经", [BARE_FEED, CATEGORY, FEED])
    return found


@pytest.mark.parametrize("name", documents())
def test_a_document_is_what_it_was(name: str) -> None:
    assert documents()[name].body == (GOLDEN / name).read_bytes()


def test_there_are_no_other_golden_files() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == documents().keys()


if __name__ == "__main__":
    for name, each in documents().items():
        (GOLDEN / name).write_bytes(each.body)
