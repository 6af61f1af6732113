"""Feeds and pages as guests in a site that real Jekyll builds; the recipe's own commands are run.

Needs the program ``jekyll`` (4.3).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from ..conftest import tree
from .browsing import Head

RECIPE: Final = Path(__file__).parents[2] / "docs" / "recipes" / "jekyll.md"
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES: Final = {
    "_config.yml": """\
url: https://news.example.org
title: 环球观察
defaults: [{ scope: { path: "" }, values: { layout: default } }]
""",
    "_layouts/default.html": "<html><head><title>{{ page.title }}</title></head>{{ content }}\n",
    "index.html": "---\ntitle: home\n---\nof the site itself\n",
    "energy.html": "---\npermalink: /category/能源/\ncategory: 能源\n---\nenergy\n",
    "_posts/2022-01-02-a.md": '---\ncategories: 能源\ntags: ["Open Source"]\n---\nA\n',
    "_posts/2022-01-03-b.md": "---\ncategories: 能源\ntags: [新能源汽车]\n---\nB\n",
}

pytestmark = pytest.mark.skipif(
    shutil.which("jekyll") is None, reason="needs Jekyll: the package jekyll"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path / "site"


def recipe(language: str) -> list[str]:
    return [text for found, text in BLOCK.findall(RECIPE.read_text("utf-8")) if found == language]


def run(site: Path, commands: str) -> str:
    """What some lines of the recipe say on stderr; each has to succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=site,
        env={**os.environ, "PATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    return [path for path, body in before.items() if after.get(path) != body]


def test_the_recipe_leaves_every_byte_of_jekylls(site: Path) -> None:
    run(site, "jekyll build --quiet")
    jekylls = tree(site / "_site")
    said = run(site, recipe("sh")[0])
    built = tree(site / "_site")
    assert changed(jekylls, built) == []
    assert {"feed.atom", "tag/新能源汽车/index.html", "category/能源/feed.json"} <= built.keys()
    # Where the site has pages of its own, a note says how ours come to stand elsewhere.
    assert "index.html: note:" in said
    assert "[pages] directory" in said
    assert "[pages] feed" in said

    (site / "config.toml").write_text("".join(recipe("toml")), "utf-8")
    assert run(site, recipe("sh")[0]) == ""
    beside = tree(site / "_site")
    assert changed(jekylls, beside) == []
    assert {"feeds/index.html", "feeds/newest.html", "category/能源/feeds.html"} <= beside.keys()
    assert "feed.xml" in beside
    assert {"feed.atom", "newest/index.html", "tag/新能源汽车/index.html"}.isdisjoint(beside)


def test_pages_may_be_switched_off_in_the_site(site: Path) -> None:
    run(site, "jekyll build --quiet")
    jekylls = tree(site / "_site")
    (site / "config.toml").write_text(
        '[pages]\ndirectory = ""\nsite = ""\nfeed = ""\nlinks = ""\n', "utf-8"
    )
    assert run(site, "feeds build -o _site") == ""
    built = tree(site / "_site")
    assert changed(jekylls, built) == []
    assert [
        path for path in built.keys() - jekylls.keys() if path.endswith((".html", ".css"))
    ] == []


def test_jekylls_next_build_takes_all_away_and_ours_brings_it_back(site: Path) -> None:
    (site / "config.toml").write_text(recipe("toml")[-1], "utf-8")
    run(site, recipe("sh")[0])
    first = tree(site / "_site")
    run(site, "jekyll build --quiet")
    assert "feed.atom" not in tree(site / "_site")
    assert ".feeds-manifest" not in tree(site / "_site")
    run(site, "feeds build -o _site")
    assert tree(site / "_site") == first


def test_jekyll_keeps_what_the_recipe_has_it_keep(site: Path) -> None:
    (site / "config.toml").write_text("".join(recipe("toml")), "utf-8")
    with (site / "_config.yml").open("a", encoding="utf-8") as file:
        file.write(recipe("yaml")[0])
    run(site, recipe("sh")[0])
    first = tree(site / "_site")
    run(site, "jekyll build --quiet")
    assert tree(site / "_site") == first


def test_readers_find_the_feeds_from_the_sites_own_pages(site: Path) -> None:
    (site / "config.toml").write_text(recipe("toml")[-1], "utf-8")
    layout = site / "_layouts/default.html"
    layout.write_text(layout.read_text().replace("</head>", "{% include feeds.html %}</head>"))
    run(site, recipe("sh")[1] + recipe("sh")[0])
    found = {}
    for page in ("index.html", "category/能源/index.html", "能源/2022/01/03/b.html"):
        head = Head.of((site / "_site" / page).read_text("utf-8"))
        found[page] = [unquote(urlsplit(each).path).lstrip("/") for each in head.alternates]
        assert [path for path in found[page] if not (site / "_site" / path).is_file()] == []
    everywhere = ["feed.atom", "feed.rss", "feed.json"]
    energy = "category/能源/feed.atom"
    assert list(found.values()) == [
        everywhere,
        [*everywhere, energy],
        [*everywhere, energy, "tag/新能源汽车/feed.atom"],
    ]
