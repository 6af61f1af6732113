"""Real posts of a real Jekyll site, beside what Jekyll made of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import feedparser
import pytest

from feeds.build import KnownPosts, known_posts
from feeds.configfile import load_config
from feeds.models import Post, Role
from feeds.rows import State
from feeds.workers import Workers, processes

from .conftest import run_build

pytestmark = pytest.mark.usefixtures("every_way")

# Months after the newest of the posts.
NOW = datetime(2023, 1, 1, tzinfo=UTC)
SEED = "_posts/2022-01-17-NW202201172249525031.md"


class Expected(NamedTuple):
    """What Jekyll said of a post, or what is to be said instead."""

    url: str
    id: str
    date: str
    title: str
    categories: list[str]
    tags: list[str]


# A blank line before the first `---` hides the header from Jekyll: no title, no terms, and
# the day of the file's name. Here it is read; only the link stays the one that the site has.
HEADER_BELOW_A_BLANK_LINE: Mapping[str, Mapping[str, Any]] = {
    "_posts/2021-12-08-202112082206672930.md": {
        "date": "2021-12-08T18:46:18+08:00",
        "title": "离岸人民币兑美元升至2018年以来最高水平",
        "categories": ["emnews"],
        "tags": ["东财滚动新闻"],
    },
    "_posts/2021-12-08-202112082206703990.md": {
        "date": "2021-12-08T18:18:31+08:00",
        "title": "FF：有充足的现金支持到FF 91完成投产",
        "categories": ["emnews"],
        "tags": ["东财滚动新闻"],
    },
}


@pytest.fixture
def finews(shared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared / "corpora/finews", tmp_path / "finews"))


@pytest.fixture
def jekylls(finews: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finews / "expected.json").read_text("utf-8"))
    return found


@pytest.fixture
def expected(jekylls: Mapping[str, Any]) -> dict[str, Expected]:
    """Every post by its path, newest first, then by path: rule 10."""
    base = jekylls["effective"]["url"]
    posts = {}
    for post in jekylls["posts"]:
        better = HEADER_BELOW_A_BLANK_LINE.get(post["path"], {})
        own = {key: better.get(key, post[key]) for key in Expected._fields}
        own |= {"url": base + post["url"], "id": base + post["id"]}
        posts[post["path"]] = Expected(**own)
    order = sorted(posts, key=lambda path: (datetime.fromisoformat(posts[path].date), path))
    return {path: posts[path] for path in reversed(order)}


def read(root: Path) -> KnownPosts:
    with Workers(1, processes) as workers:
        return known_posts(load_config(root), NOW, workers)


def test_every_post_is_what_jekyll_made_of_it(
    finews: Path, expected: Mapping[str, Expected], jekylls: Mapping[str, Any]
) -> None:
    known = read(finews)
    assert {state for _, state in known.posts} == {State.VISIBLE}
    ours = {
        post.path: Expected(
            post.url,
            post.id,
            post.date.isoformat(),
            post.title,
            list(post.categories),
            list(post.tags),
        )
        for post, _ in known.posts
    }
    assert list(ours.items()) == list(expected.items())
    # The order is also Jekyll's own, but for the two that it dates to midnight.
    base = jekylls["effective"]["url"]
    hidden = {ours[path].url for path in HEADER_BELOW_A_BLANK_LINE}
    assert [post.url for post in ours.values() if post.url not in hidden] == [
        base + url for url in jekylls["site_posts"] if base + url not in hidden
    ]


def test_what_is_read_better_is_what_differs(
    expected: Mapping[str, Expected], jekylls: Mapping[str, Any]
) -> None:
    # If Jekyll read one of them as it is read here, its reason would be gone.
    base = jekylls["effective"]["url"]
    for post in jekylls["posts"]:
        differs = any(
            getattr(expected[post["path"]], key) != post[key]
            for key in ("date", "title", "categories", "tags")
        )
        assert differs == (post["path"] in HEADER_BELOW_A_BLANK_LINE)
        assert expected[post["path"]].url == base + post["url"]


def test_every_feed_holds_its_posts_in_their_order(
    finews: Path, expected: Mapping[str, Expected], jekylls: Mapping[str, Any]
) -> None:
    (finews / "config.toml").write_text('[feeds]\nentries = 100\nformats = ["json"]\n')
    run_build(finews, NOW)

    def urls(folder: str) -> list[str]:
        feed = json.loads((finews / "public" / folder / "feed.json").read_bytes())
        return [item["url"] for item in feed["items"]]

    assert urls("") == [post.url for post in expected.values()]
    for kind, key in (("category", "categories"), ("tag", "tags")):
        names = {name for post in expected.values() for name in getattr(post, key)}
        assert names == set(jekylls[key])
        assert {path.name for path in (finews / "public" / kind).iterdir()} == names
        for name in names:
            wanted = [post.url for post in expected.values() if name in getattr(post, key)]
            assert urls(f"{kind}/{name}") == wanted


def test_what_is_wrong_with_its_files_is_said(finews: Path) -> None:
    findings = read(finews).findings
    assert [(found.path, found.line, str(found.level)) for found in findings] == [
        ("_posts/-202205262391921712.md", 1, "error"),
        ("_posts/2021-12-08-202112082206672930.md", 2, "warning"),
        ("_posts/2021-12-08-202112082206703990.md", 2, "warning"),
    ]


def navigation(post: Post) -> list[tuple[Role, str]]:
    return [(link.role, link.url) for link in post.links]


def test_the_navigation_of_every_era_is_found(finews: Path) -> None:
    posts = {post.path: post for post, _ in read(finews).posts}
    eras = {
        "none": "_posts/2021-12-01-init.md",
        "source alone": "_posts/2021-12-08-202112082206710723.md",
        "relative": "_posts/2021-12-08-202112082206742097.md",
        "by host": "_posts/2021-12-08-202112082206797286.md",
        "one line": "_posts/2022-05-26-202205262391921712.md",
        "page of the category": "_posts/2022-06-14-NW202206142412311033.md",
    }
    source, category, home = Role.SOURCE, Role.BACK_CATEGORY, Role.BACK_HOME
    host = "//finews.withounder.com/"
    assert {era: navigation(posts[path]) for era, path in eras.items()} == {
        "none": [],
        "source alone": [
            (source, "http://futures.eastmoney.com/news/1517,202112082206710723.html")
        ],
        "relative": [
            (source, "http://hk.eastmoney.com/news/1533,202112082206742097.html"),
            (category, "../emnews/"),
            (home, "../"),
        ],
        "by host": [
            (source, "http://hk.eastmoney.com/news/1535,202112082206797286.html"),
            (category, f"{host}emnews/"),
            (home, host),
        ],
        "one line": [
            (source, "http://finance.eastmoney.com/news/1354,202205262391921712.html"),
            (category, f"{host}emnews/"),
            (home, host),
        ],
        "page of the category": [
            (
                source,
                "http://finews.zning.xyz/html_News/NewsShare.html?infoCode=NW202206142412311033",
            ),
            (category, f"{host}category/dongfangcaifuyanjiuzhongxin.html"),
            (home, host),
        ],
    }


def test_every_link_is_on_the_line_that_it_is_said_to_be_on(finews: Path) -> None:
    for post, _ in read(finews).posts:
        lines = (finews / post.path).read_text("utf-8").split("\n")
        for link in post.links:
            assert link.url in lines[link.line - 1]
            assert link.label in lines[link.line - 1]


def test_no_navigation_is_left_in_any_feed(finews: Path) -> None:
    (finews / "config.toml").write_text('[feeds]\nentries = 100\nformats = ["json"]\n')
    run_build(finews, NOW)
    feed = json.loads((finews / "public/feed.json").read_bytes())
    assert len(feed["items"]) == 35
    for item in feed["items"]:
        assert "返回" not in item["content_html"]
        source = item.get("external_url")
        assert source is None or source not in item["content_html"]


def test_the_post_that_it_all_began_with(shared: Path, finews: Path) -> None:
    (seed,) = (shared / "seeds").iterdir()
    shutil.copy(seed, finews / SEED)
    run_build(finews, NOW)
    link = "https://finews.withounder.com/zhongguoshuiwubao/2022/01/17/NW202201172249525031"
    for folder in ("", "category/zhongguoshuiwubao/", "tag/中国税务报新闻/"):
        feed = feedparser.parse((finews / f"public/{folder}feed.atom").read_bytes())
        (entry,) = (each for each in feed.entries if each.id == link)
        assert entry.link == f"{link}.html"
        assert entry.title == "巩固拓展民主生活会成果 推动税收事业高质量发展"
        assert entry.published == "2022-01-17T08:54:02+08:00"
        assert {(tag.term, tag.scheme.rsplit("/", 2)[1]) for tag in entry.tags} == {
            ("zhongguoshuiwubao", "category"),
            ("中国税务报新闻", "tag"),
        }
        source = "http://finews.zning.xyz/html_News/NewsShare.html?infoCode=NW202201172249525031"
        assert [each.href for each in entry.links if each.rel == "via"] == [source]
        content = entry.content[0].value
        assert content.rstrip().endswith("（文章来源：中国税务报）</p>")
        assert source not in content
        assert "返回" not in content
