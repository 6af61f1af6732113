"""What a site puts into its own pages, as real Jekyll and Hugo render it: it leads to feeds."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from bench import hugo
from feeds.build import known_terms
from feeds.configfile import load_config
from feeds.models import Kind
from feeds.snippet import Language, Snippet, snippet
from feeds.workers import Workers, processes

from .conftest import run_build, write_post
from .test_jekyll import run_jekyll

needs_jekyll = pytest.mark.skipif(
    shutil.which("jekyll") is None, reason="needs Jekyll: the package jekyll"
)
needs_hugo = pytest.mark.skipif(hugo.binary() is None, reason="needs Hugo (extra bench)")

# Names whose paths follow from them by rule, and names whose paths do not.
BY_RULE: Final = (
    "新能源汽车",
    "Open Source",
    "a / b\\c",
    "C#",
    "C++",
    "100%",
    "ÄÖ",
    "q?a=b&c",
    "é",
)
OTHERS: Final = (
    "ß",
    "全角　空格",
    "-x-",
    "it's",
    'say "no"',
    "cafe\u0301",
    ".hidden",
    "İ",
    "x" * 300,
)
NAMES: Final = (*BY_RULE, *OTHERS)
CONFIG: Final = '[site]\nurl = "https://news.example.org/blog"\ntitle = "新闻 & {{ x }}"\n'
LINK: Final = re.compile(r'<link rel="alternate" type="([^"]+)" title="([^"]*)" href="([^"]+)">')
EVERYWHERE: Final = ["feed.atom", "feed.rss", "feed.json"]


def written(root: Path, language: Language) -> Snippet:
    config = load_config(root)
    with Workers(1, processes) as workers:
        known = known_terms(config, datetime.now(UTC), workers)
    return snippet(config, known.found, known.terms, language)


def paths(page: str) -> list[str]:
    """Where the links of a page lead, as paths below the site."""
    below = "/blog/"
    found = [unquote(urlsplit(unescape(href)).path) for _, _, href in LINK.findall(page)]
    assert all(path.startswith(below) for path in found)
    return [path.removeprefix(below) for path in found]


def feeds_of(root: Path, kind: Kind) -> dict[str, str]:
    """By name of a term, where its feed lies."""
    config = load_config(root)
    with Workers(1, processes) as workers:
        found = known_terms(config, datetime.now(UTC), workers).found
    return {
        name: next(iter(each.head.paths.values()))
        for each in found.definitions
        for own, name in each.terms
        if own is kind
    }


# --- Jekyll


@pytest.fixture
def jekyll(tmp_path: Path) -> Path:
    """A site with a post for each name, which is its category and its tag."""
    root = tmp_path / "site"
    layout = "<head>{% include feeds.html %}</head>"
    for name, text in {
        "_config.yml": "defaults: [{ scope: { path: '' }, values: { layout: default } }]\n",
        "config.toml": CONFIG,
        "_layouts/default.html": layout,
        "_includes/feeds.html": "",
        "index.html": "---\n---\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    write_jekyll_posts(root, NAMES)
    return root


def write_jekyll_posts(root: Path, names: Sequence[str]) -> None:
    (root / "_posts").mkdir(exist_ok=True)
    for number, name in enumerate(names):
        header = json.dumps(
            {"categories": [name], "tags": [name, "x"], "permalink": f"/{number}.html"},
            ensure_ascii=False,
        )
        path = root / f"_posts/2022-01-02-{number}.md"
        path.write_text(f"---\n{header}\n---\ntext\n", "utf-8")


def linked(root: Path, names: Sequence[str] = NAMES) -> dict[str, list[str]]:
    """Where the page of each post leads, but for the feeds of the whole site."""
    (root / "_includes/feeds.html").write_text(written(root, Language.JEKYLL).text, "utf-8")
    output = run_jekyll(root)
    found = {}
    for number, name in enumerate(names):
        page = (output / f"{number}.html").read_text("utf-8")
        found[name] = paths(page)
        assert found[name][:3] == EVERYWHERE
        del found[name][:3]
    assert paths((output / "index.html").read_text("utf-8")) == EVERYWHERE
    return found


@needs_jekyll
def test_jekyll_leads_each_post_to_the_feeds_of_its_terms(jekyll: Path) -> None:
    categories, tags = (feeds_of(jekyll, kind) for kind in (Kind.CATEGORY, Kind.TAG))
    assert linked(jekyll) == {name: [categories[name], tags[name], tags["x"]] for name in NAMES}
    run_build(jekyll)
    assert {path for path in tags.values() if not (jekyll / "public" / path).is_file()} == set()


@needs_jekyll
def test_names_that_follow_from_the_rule_are_not_in_the_template(jekyll: Path) -> None:
    text = written(jekyll, Language.JEKYLL).text
    assert [name for name in BY_RULE if name in text] == []
    assert [name for name in OTHERS if name not in text] == ["it's", 'say "no"']


@needs_jekyll
def test_paths_with_the_exact_name_are_worked_out_too(jekyll: Path) -> None:
    with (jekyll / "config.toml").open("a") as file:
        file.write('[feeds.paths]\ntag = "feed by tag/{name}/{slug}.{format}"\n')
    tags = feeds_of(jekyll, Kind.TAG)
    assert tags["Open Source"] == "feed by tag/Open Source/open-source.atom"
    assert {name: found[1] for name, found in linked(jekyll).items()} == {
        name: tags[name] for name in NAMES
    }


@needs_jekyll
def test_terms_without_a_feed_and_terms_that_share_one(jekyll: Path) -> None:
    for path in (jekyll / "_posts").iterdir():
        path.unlink()
    names = ("IT", "it", "rare", "x")
    write_jekyll_posts(jekyll, names)
    with (jekyll / "config.toml").open("a") as file:
        file.write('[terms]\nmerge_case = true\nexclude = ["*/rare"]\n')
    found = linked(jekyll, names)
    assert found["rare"] == ["tag/x/feed.atom"]
    assert (
        found["it"]
        == found["IT"]
        == ["category/it/feed.atom", "tag/it/feed.atom", "tag/x/feed.atom"]
    )


@needs_jekyll
def test_a_title_is_text_whatever_is_in_it(jekyll: Path) -> None:
    linked(jekyll)
    page = (jekyll.with_name("site-by-jekyll") / "0.html").read_text("utf-8")
    titles = [unescape(title) for _, title, _ in LINK.findall(page)]
    assert titles == [
        *["新闻 & {{ x }}"] * 3,
        *[f"新闻 & {{{{ x }}}} – {name}" for name in ("新能源汽车", "新能源汽车", "x")],
    ]


def test_what_liquid_cannot_name_is_told(jekyll: Path) -> None:
    write_jekyll_posts(jekyll, ["ß 'and\" %}"])
    made = written(jekyll, Language.JEKYLL)
    assert [each.path for each in made.notes] == ["category/ß 'and\" %}", "tag/ß 'and\" %}"]
    assert '%}" -%}' not in made.text


# --- Hugo


@needs_hugo
def test_hugo_leads_pages_and_pages_of_terms_to_their_feeds(tmp_path: Path) -> None:
    root = tmp_path / "site"
    names = [name for name in NAMES if len(name) < 100]
    for name, text in {
        "feeds.toml": f'{CONFIG}[posts]\nsources = ["content"]\n',
        "hugo.toml": 'baseURL = "https://news.example.org/blog/"\ndisableKinds = ["rss"]\n',
        "layouts/baseof.html": '<head>{{ partial "feeds.html" . }}</head>\n<p>{{ .Title }}</p>\n',
        "layouts/all.html": '{{ define "main" }}{{ end }}',
        **{
            f"content/{number}.md": json.dumps(
                {"title": f"{number}", "date": "2022-01-02", "tags": [name], "categories": ["K"]},
                ensure_ascii=False,
            )
            for number, name in enumerate(names)
        },
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    partial = root / "layouts/partials/feeds.html"
    partial.parent.mkdir()
    partial.write_text(written(root, Language.HUGO).text, "utf-8")
    program = hugo.binary()
    assert program is not None
    subprocess.run(hugo.command(program, root), check=True, capture_output=True, env={**os.environ})
    tags = feeds_of(root, Kind.TAG)
    output = root / hugo.OUTPUT
    for number, name in enumerate(names):
        page = (output / str(number) / "index.html").read_text("utf-8")
        assert paths(page) == [*EVERYWHERE, "category/k/feed.atom", tags[name]]
    pages = [path.read_text("utf-8") for path in (output / "tags").rglob("*/index.html")]
    assert sorted(paths(page)[3:] for page in pages) == sorted([path] for path in tags.values())
    assert paths((output / "index.html").read_text("utf-8")) == EVERYWHERE


# --- other sites


def test_a_plain_site_gets_every_line_under_the_name_of_its_page(site: Path) -> None:
    write_post(site, "a.md", categories="新能源", tags='["a--b-->", "<b>"]')
    lines = written(site, Language.HTML).text.splitlines()
    assert lines[0] == "<!-- every page -->"
    assert lines[4] == "<!-- the page of the category 新能源 -->"
    assert lines[8] == "<!-- the page of the tag <b> -->"
    assert lines[12] == "<!-- the page of the tag a- -b- -> -->"
    for number, folder in enumerate(("", "category/新能源/", "tag/<b>/", "tag/a--b-->/")):
        hrefs = [LINK.fullmatch(line) for line in lines[4 * number + 1 : 4 * number + 4]]
        assert [unquote(urlsplit(unescape(found[3])).path) for found in hrefs if found] == [
            f"/{folder}{name}" for name in EVERYWHERE
        ]
    assert len(lines) == 16
