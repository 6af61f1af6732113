"""What the page of a feed tells of its entries, and the directory of its feeds."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import CONFIG, run_build, write_post
from .html import Page

BODY = """\
<b>央行</b>决定下调存款准备金率。

自十五日起施行。

<https://wire.example.com/n/1.html>

[返回货币](/category/money/)｜[返回首页](/)
"""


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A built site of two posts in one category."""
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    terms = {"categories": "money", "tags": "[降准, A&B]"}
    write_post(root, "a.md", "2022-01-17 08:54:02 +0800", title="央行 <降准>", body=BODY, **terms)
    write_post(root, "b.md", "2022-01-10 08:00:00 +0800", title="旧闻", categories="money")
    run_build(root)
    return root / "public"


def test_an_entry_tells_title_date_terms_excerpt_and_source(public: Path) -> None:
    text = (public / "category/money/index.html").read_text("utf-8")
    first = Page(text[text.index("<article") : text.index("</article>")])
    title, *terms, source = first.all("a")  # not the category whose page it is
    assert title["href"].startswith("https://news.example.org/")
    assert [each["href"] for each in terms] == ["../../tag/降准/", "../../tag/a&b/"]
    assert source["href"] == "https://wire.example.com/n/1.html"
    assert [each["datetime"] for each in first.all("time")] == ["2022-01-17T08:54+08:00"]
    for said in ("央行 <降准>", "2022-01-17 08:54", "降准", "A&B", "wire.example.com"):
        assert said in first.text
    assert first.text.endswith("央行决定下调存款准备金率。")
    assert "返回" not in first.text


def test_the_directory_tells_number_newest_pace_and_formats(public: Path) -> None:
    text = (public / "index.html").read_text("utf-8")
    row = Page(next(line for line in text.splitlines() if 'href="category/money/"' in line))
    assert row.links() == [
        "category/money/",
        *(f"category/money/feed.{format}" for format in ("atom", "rss", "json")),
    ]
    assert row.text.startswith("money 2 2022-01-17 08:54 ")
    assert row.text.endswith(" Atom RSS JSON")
    assert "feeds.opml" in Page(text).links()
