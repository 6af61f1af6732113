"""What is to be said of the links of real posts of several eras, post by post."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.links.extract import extract
from feeds.links.pages import pages_of
from feeds.links.rules import Judged, judge
from feeds.posts.read import read_post

SEED = "_posts/2022-01-17-NW202201172249525031.md"
HOST = "https://finews.withounder.com"
CONFIG = """\
[links]
category_page = ["/category/{category}.html", "/{category}/"]
aliases = ["finnews.zning.me", "finews.zning.me"]
"""

# Line, role and verdict of every link; "asked" if nobody can know without asking.
#
# 2021-12-01 and the first hours of 2021-12-08 have no way back at all: both are missing. The
# next ones are relative: from /emnews/2021/12/08/…, "../emnews/" leads to /emnews/2021/12/emnews/
# and "../" to a folder of a month. Those that name the host lead to the category's folder,
# later to its page; both exist.
FINDINGS: Mapping[str, list[tuple[int, str, str]]] = {
    "2021-12-01-init": [
        (1, "source", "missing"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206672930": [
        (12, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206703990": [
        (12, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206704122": [
        (11, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206710723": [
        (11, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206717618": [
        (11, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206735975": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206742097": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206757673": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206768417": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206797286": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (14, "back-home", "ok"),
    ],
    "2021-12-08-202112082206803113": [
        (11, "source", "asked"),
        (1, "back-category", "missing"),
        (1, "back-home", "missing"),
    ],
    "2021-12-08-202112082206876726": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206884918": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (14, "back-home", "ok"),
    ],
    "2021-12-08-202112082206885265": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206891339": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (14, "back-home", "ok"),
    ],
    "2021-12-08-202112082206896686": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206901552": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206928461": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206938029": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206945215": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082206950487": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082206965422": [
        (11, "source", "asked"),
        (13, "back-category", "relative"),
        (14, "back-home", "relative"),
    ],
    "2021-12-08-202112082207012974": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207085963": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207123189": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207157132": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207158283": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207166919": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2021-12-08-202112082207168450": [
        (11, "source", "asked"),
        (13, "back-category", "ok"),
        (13, "back-home", "ok"),
    ],
    "2022-01-17-NW202201172249525031": [
        (20, "source", "asked"),
        (22, "back-category", "ok"),
        (22, "back-home", "ok"),
    ],
    "2022-01-21-NW202201212257099936": [
        (8, "body", "asked"),
        (8, "image", "asked"),
        (10, "source", "asked"),
        (12, "back-category", "ok"),
        (12, "back-home", "ok"),
    ],
    "2022-01-24-NW202201242259229980": [
        (11, "image", "asked"),
        (13, "image", "asked"),
        (13, "image", "asked"),
        (17, "image", "asked"),
        (19, "source", "asked"),
        (21, "back-category", "ok"),
        (21, "back-home", "ok"),
    ],
    "2022-02-09-NW202202092271136373": [
        (8, "body", "asked"),
        (8, "image", "asked"),
        (10, "source", "asked"),
        (12, "back-category", "ok"),
        (12, "back-home", "ok"),
    ],
    "2022-05-26-202205262391921712": [
        (10, "body", "asked"),
        (10, "image", "asked"),
        (10, "body", "asked"),
        (10, "body", "asked"),
        (10, "image", "asked"),
        (10, "body", "asked"),
        (10, "body", "asked"),
        (10, "body", "asked"),
        (10, "body", "asked"),
        (10, "image", "asked"),
        (10, "image", "asked"),
        (10, "body", "asked"),
        (10, "body", "asked"),
        (12, "source", "asked"),
        (14, "back-category", "ok"),
        (14, "back-home", "ok"),
    ],
    "2022-06-14-NW202206142412311033": [
        (8, "image", "asked"),
        (8, "image", "asked"),
        (8, "image", "asked"),
        (8, "image", "asked"),
        (8, "image", "asked"),
        (10, "source", "asked"),
        (12, "back-category", "ok"),
        (12, "back-home", "ok"),
    ],
}
# No day in its name and none in its header: it is no post, so its empty source is no link.
NO_POST = "_posts/-202205262391921712.md"


@pytest.fixture(scope="module")
def finews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shared = Path(__file__).parents[3] / "shared"
    if not shared.is_dir():
        pytest.skip(f"{shared} is not there: it holds other people's posts")
    root = tmp_path_factory.mktemp("site") / "finews"
    shutil.copytree(shared / "corpora/finews", root)
    (seed,) = (shared / "seeds").iterdir()
    shutil.copy(seed, root / SEED)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    return root


@pytest.fixture(scope="module")
def config(finews: Path) -> Config:
    return load_config(finews)


def judged_post(path: str, raw: bytes, config: Config) -> list[Judged]:
    reading = read_post(path, raw, config)
    if reading.post is None:
        return []
    links = extract(reading, raw.decode("utf-8"))
    return list(judge(reading.post, links, pages_of(config)))


@pytest.fixture(scope="module")
def judged(finews: Path, config: Config) -> dict[str, list[Judged]]:
    paths = sorted(f"_posts/{path.name}" for path in (finews / "_posts").iterdir())
    return {path: judged_post(path, (finews / path).read_bytes(), config) for path in paths}


def said(links: Sequence[Judged]) -> list[tuple[int, str, str]]:
    return [(each.link.line, str(each.link.role), each.verdict or "asked") for each in links]


@pytest.mark.parametrize("name", FINDINGS)
def test_the_links_of_a_post_are_judged_as_its_owner_would(
    judged: Mapping[str, list[Judged]], name: str
) -> None:
    assert said(judged[f"_posts/{name}.md"]) == FINDINGS[name]


def test_nothing_else_is_said(judged: Mapping[str, list[Judged]]) -> None:
    assert {path for path in judged if judged[path]} == {f"_posts/{name}.md" for name in FINDINGS}
    assert len(judged) == 37


def test_what_is_no_post_has_a_finding_of_its_own(finews: Path, config: Config) -> None:
    reading = read_post(NO_POST, (finews / NO_POST).read_bytes(), config)
    assert reading.post is None
    assert [str(each.level) for each in reading.findings] == ["error"]


def test_every_link_stands_on_its_line(finews: Path, judged: Mapping[str, list[Judged]]) -> None:
    for path, links in judged.items():
        lines = (finews / path).read_bytes().split(b"\n")
        for each in links:
            assert each.link.url.encode() in lines[each.link.line - 1]


def test_what_is_relative_is_corrected_to_the_page_of_today(
    judged: Mapping[str, list[Judged]],
) -> None:
    fixes = {
        (str(each.link.role), each.link.url, each.fix)
        for links in judged.values()
        for each in links
        if each.fix
    }
    assert fixes == {
        ("back-category", "../emnews/", f"{HOST}/category/emnews.html"),
        ("back-home", "../", f"{HOST}/"),
    }


def test_the_hosts_that_the_site_had_are_outdated(finews: Path, config: Config) -> None:
    raw = (finews / SEED).read_bytes().replace(b"//finews.withounder.com/", b"//finews.zning.me/")
    links = judged_post(SEED, raw, config)
    assert said(links)[1:] == [
        (22, "back-category", "wrong-host"),
        (22, "back-home", "wrong-host"),
    ]
    assert [each.fix for each in links][1:] == [
        f"{HOST}/category/zhongguoshuiwubao.html",
        f"{HOST}/",
    ]


def test_without_its_older_pattern_the_folder_of_a_category_is_a_wrong_target(
    finews: Path, config: Config
) -> None:
    path = "_posts/2022-05-26-202205262391921712.md"
    today = replace(
        config, site_pages=replace(config.site_pages, category=config.site_pages.category[:1])
    )
    links = judged_post(path, (finews / path).read_bytes(), today)
    assert said(links)[-2:] == [(14, "back-category", "wrong-target"), (14, "back-home", "ok")]
    assert links[-2].fix == f"{HOST}/category/emnews.html"
