"""The sample posts: every shape that the user's site has had, and where each of them stands."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from click.testing import CliRunner

from feeds.build import known_posts
from feeds.cli import cli
from feeds.configfile import load_config
from feeds.models import Post, Role
from feeds.rows import State
from feeds.workers import Workers, processes

from .conftest import run_build, tree

CHECKOUT = Path(__file__).parents[1]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this checkout, built elsewhere."""
    return build_seeds(tmp_path_factory.mktemp("checkout"))


def build_seeds(root: Path) -> Path:
    shutil.copy(CHECKOUT / "config.toml", root)
    shutil.copytree(CHECKOUT / "seeds", root / "seeds")
    result = run_build(root, NOW)
    assert result.findings == ()
    assert result.posts == {State.VISIBLE: len(seeds())}
    return root


@pytest.fixture(scope="module")
def posts(built: Path) -> dict[str, Post]:
    """Every seed as it was read, by the end of its file's name."""
    with Workers(1, processes) as workers:
        known = known_posts(load_config(built), NOW, workers)
    return {post.path.rpartition("-")[2].removesuffix(".md"): post for post, _ in known.posts}


def seeds() -> list[Path]:
    return sorted((CHECKOUT / "seeds").iterdir())


def items(path: Path) -> dict[str, Any]:
    return {item["url"]: item for item in json.loads(path.read_bytes())["items"]}


def test_there_are_enough_of_them_in_the_shape_of_the_users_site() -> None:
    assert len(seeds()) >= 12
    for seed in seeds():
        text = seed.read_text("utf-8")
        assert text.startswith("---\nlayout: post\n"), seed
        assert any("\u4e00" <= char <= "\u9fff" for char in text), seed


@pytest.mark.parametrize(
    ("name", "source", "back"),
    [
        ("init", "", []),
        ("202112030001", "http://wire.example.com/a/202112030001.html", []),
        (
            "202112080007",
            "http://wire.example.com/a/202112080007.html",
            ["../gundongxinwen/", "../"],
        ),
        (
            "202201060003",
            "http://paper.example.net/news?id=202201060003&from=home",
            ["//news-old.example.org/shangshigongsi/", "//news-old.example.org/"],
        ),
        (
            "NW2022011200101",
            "http://paper.example.net/news?id=NW2022011200101",
            ["//news-old.example.org/shangshigongsi/", "//news-old.example.org/"],
        ),
        (
            "NW2022011700029",
            "http://paper.example.net/share.html?infoCode=NW2022011700029",
            ["//news.example.org/category/shuiwubao.html", "//news.example.org/"],
        ),
    ],
)
def test_every_era_of_source_and_way_back_is_there(
    posts: dict[str, Post], name: str, source: str, back: list[str]
) -> None:
    post = posts[name]
    assert post.source == source
    assert [link.url for link in post.links if link.role is not Role.SOURCE] == back
    if back:
        roles = [link.role for link in post.links]
        assert roles == [Role.SOURCE, Role.BACK_CATEGORY, Role.BACK_HOME]
        assert post.links[1].label.startswith("返回")
        # The eras differ in how many lines the way back takes.
        lines = {link.line for link in post.links[1:]}
        assert len(lines) == (1 if name.startswith("NW") else 2)


def test_no_navigation_is_left_in_the_content(built: Path) -> None:
    found = items(built / "public/feed.json")
    assert len(found) == len(seeds())
    for item in found.values():
        assert "返回" not in item["content_html"]
        assert "infoCode" not in item["content_html"]


def test_every_seed_stands_in_the_feeds_of_its_terms_and_in_no_other(
    built: Path, posts: dict[str, Post]
) -> None:
    expected: dict[str, set[str]] = defaultdict(set)
    for post in posts.values():
        expected["feed"].add(post.url)
        for name in post.categories:
            expected[f"category/{name}/feed"].add(post.url)
        for name in post.tags:
            expected[f"tag/{name.casefold()}/feed"].add(post.url)
    public = built / "public"
    written = {path.removesuffix(".json") for path in tree(public) if path.endswith(".json")}
    assert written == expected.keys()
    for name, urls in expected.items():
        assert items(public / f"{name}.json").keys() == urls
        for format in ("atom", "rss"):
            feed = feedparser.parse((public / f"{name}.{format}").read_bytes())
            assert not feed.bozo
            assert {entry.link for entry in feed.entries} == urls


def test_they_have_several_categories_and_tags_and_some_share_one(posts: dict[str, Post]) -> None:
    terms: dict[str, int] = defaultdict(int)
    for post in posts.values():
        for name in (*post.categories, *post.tags):
            terms[name] += 1
    assert len({name for post in posts.values() for name in post.categories}) >= 5
    assert len({name for post in posts.values() for name in post.tags}) >= 5
    assert sum(number > 1 for number in terms.values()) >= 3
    assert any(len(post.tags) > 1 for post in posts.values())


def content(built: Path, post: Post) -> str:
    return str(items(built / "public/feed.json")[post.url]["content_html"])


def test_an_image_is_shown_and_has_its_address(built: Path, posts: dict[str, Post]) -> None:
    assert 'src="https://img.example.net/charts/funds-2022w01.png"' in content(
        built, posts["202201070002"]
    )
    cover = items(built / "public/feed.json")[posts["NW2022012100036"].url]
    assert cover["image"] == "https://news.example.org/images/battery.jpg"


def test_a_table_is_one(built: Path, posts: dict[str, Post]) -> None:
    html = content(built, posts["202112080011"])
    assert html.count("<tr>") == 4
    assert "<td>东湖食品</td>" in html


def test_an_updated_post_says_when(built: Path, posts: dict[str, Post]) -> None:
    updated = [post for post in posts.values() if post.updated != post.date]
    assert [post.updated.isoformat() for post in updated] == ["2022-02-10T09:15:00+08:00"]
    item = items(built / "public/feed.json")[updated[0].url]
    assert item["date_published"] == "2022-02-09T11:42:27+08:00"
    assert item["date_modified"] == "2022-02-10T09:15:00+08:00"


def test_a_recording_is_enclosed(built: Path, posts: dict[str, Post]) -> None:
    feed = feedparser.parse((built / "public/tag/播客/feed.rss").read_bytes())
    (enclosure,) = feed.entries[0].enclosures
    assert enclosure.href == "https://news.example.org/audio/convertible-bonds.mp3"
    assert (enclosure.type, enclosure.length) == ("audio/mpeg", "9600000")


def test_dates_without_a_zone_are_the_sites(posts: dict[str, Post]) -> None:
    assert posts["202112030001"].date.isoformat() == "2021-12-03T10:21:26+08:00"


def test_a_term_that_the_configuration_names_has_its_title_and_page(built: Path) -> None:
    feed = json.loads((built / "public/category/shuiwubao/feed.json").read_bytes())
    assert feed["title"] == "示例财经 – 税务"
    assert feed["home_page_url"] == "https://news.example.org/category/shuiwubao.html"


def test_where_a_post_was_before_is_shown(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[site]\nurl = "https://example.org"\n', "utf-8")
    (tmp_path / "posts").mkdir()
    header = "title: a\naliases: [/old/, /older/]"
    (tmp_path / "posts/2022-01-02-a.md").write_text(f"---\n{header}\n---\n", "utf-8")
    done = CliRunner().invoke(cli, ["posts", str(tmp_path), "--posts", "posts", "--json"])
    (post,) = json.loads(done.stdout)
    assert post["aliases"] == ["/old/", "/older/"]


@pytest.mark.usefixtures("every_way")
def test_whichever_way_they_take_the_bytes_are_the_same(built: Path, tmp_path: Path) -> None:
    assert tree(build_seeds(tmp_path) / "public") == tree(built / "public")
