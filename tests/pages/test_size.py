"""What a directory weighs, and how quickly a browser filters a large one."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import brotli
import pytest
from playwright.sync_api import Browser, expect

from feeds.config import Config
from feeds.configfile import load_config
from feeds.models import Kind, Period
from feeds.pages.render import render_directory, shared_file
from feeds.pages.views import Alternate, Directory, FeedRow
from feeds.representation import GZIP_LEVEL
from server.answers import BROTLI_QUALITY

from ..conftest import run_build
from .browsing import static_files, visiting
from .sites import CONFIG, NEWEST, write_post

SYLLABLES: Final = (
    "财税能源市场科技公司银行证券保险基金债券贸易农业工业交通医药教育环保建设投资消费制造"
    "北南东西上海广州深圳杭成都武汉重庆天津苏新华中央地方国际创业数据网络智慧绿色海洋航空"
)


def chinese_names(count: int) -> list[str]:
    """Distinct names of four to ten characters, as unlike as those of a real site or more."""
    drawn = random.Random(count)
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(drawn.choices(SYLLABLES, k=drawn.randint(4, 10)))] = None
    return list(names)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The page of 40 categories and 160 tags."""
    root = tmp_path_factory.mktemp("terms") / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    categories, tags = chinese_names(40), chinese_names(160)
    drawn = random.Random(1)
    for number in range(480):
        date = NEWEST - timedelta(minutes=drawn.randrange(600_000))
        own = tags[number % 160], drawn.choice(tags)
        write_post(
            root, f"{number}.md", f"文章{number}", date, [categories[number % 40]], own, "。"
        )
    run_build(root, datetime.now(UTC))
    body = (root / "public" / "index.html").read_bytes()
    assert sum(f">{name}</a>".encode() in body for name in (*categories, *tags)) == 200
    return body


def test_a_directory_of_200_terms_is_small(directory: bytes) -> None:
    assert len(directory) < 60_000


def test_it_is_smaller_on_its_way(directory: bytes) -> None:
    assert len(zlib.compress(directory, GZIP_LEVEL)) < 15_000
    assert len(brotli.compress(directory, quality=BROTLI_QUALITY)) < 15_000


def large_directory(config: Config, count: int) -> Directory:
    rows = tuple(
        FeedRow(
            kind=Kind.TAG,
            label=name,
            name=name,
            reference=f"tag/{name}/",
            posts=number % 97 + 1,
            newest=NEWEST - timedelta(hours=number),
            period=Period("daily", number % 9 + 1),
            alternates=tuple(
                Alternate("", format, f"tag/{name}/feed.{format.lower()}", "")
                for format in ("Atom", "RSS", "JSON")
            ),
        )
        for number, name in enumerate(chinese_names(count))
    )
    site = FeedRow(Kind.SITE, "", "", "newest/", 9, NEWEST, Period("daily", 1), ())
    return Directory("index.html", site, ((Kind.TAG, rows),), "")


@pytest.fixture
def large(tmp_path: Path) -> Iterator[str]:
    """A directory of 2,000 terms on a web server."""
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    config = load_config(tmp_path)
    folder = tmp_path / "public"
    folder.mkdir()
    for document in (
        render_directory(config, large_directory(config, 2000)),
        shared_file("feeds.css", config.pages.style, "text/css"),
        shared_file("feeds.js", config.pages.script, "text/javascript"),
    ):
        (folder / document.path).write_bytes(document.body)
    with static_files(folder) as url:
        yield url


# From a key until all of it is in place: what is typed, filtered, and laid out again.
MEASURE: Final = """() => {
  window.took = [];
  const box = document.getElementById("filter");
  box.addEventListener("beforeinput", () => { window.began = performance.now(); });
  box.addEventListener("input", () => {
    document.body.getBoundingClientRect();
    window.took.push(performance.now() - window.began);
  });
}"""
ROUNDS: Final = 3


def test_2000_terms_are_filtered_as_fast_as_one_types(browser: Browser, large: str) -> None:
    with visiting(browser, large) as visit:
        page = visit.open("")
        count = page.locator("#count")
        expect(count).to_have_text("2,000")
        page.evaluate(MEASURE)
        page.get_by_role("searchbox").focus()
        for _ in range(ROUNDS):
            for key in "财税":
                page.keyboard.insert_text(key)
            assert 0 < page.locator("tbody tr:not([hidden])").count() < 100
            for _ in "财税":
                page.keyboard.press("Backspace")
            expect(count).to_have_text("2,000")
        took = page.evaluate("window.took")
    # Another program may hold one key up, but not the same one in each round.
    keys = [min(took[key :: len(took) // ROUNDS]) for key in range(len(took) // ROUNDS)]
    assert len(keys) == 4
    assert max(keys) < 50, keys
