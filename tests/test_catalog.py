from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.catalog import Catalog, TermPosts, catalog, scheme, slug
from feeds.configfile import load_config
from feeds.models import Format, Kind, Level


def made(site: Path, *terms: TermPosts, **sections: Any) -> Catalog:
    return catalog(load_config(site, sections), terms)


def tag(name: str, posts: int = 1, oldest: int = 0) -> TermPosts:
    return TermPosts(Kind.TAG, name, posts, oldest)


def paths(found: Catalog) -> dict[str, str]:
    return {each.head.name: each.head.paths[Format.ATOM] for each in found.definitions}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("中国税务报新闻", "中国税务报新闻"),
        ("TechWeb", "techweb"),
        ("A股 (沪深)", "a股-(沪深)"),
        ("a/b\\c", "a-b-c"),
        ("  x \t y  ", "x-y"),
        ("..", "-"),
        (".", "-"),
        (".NET", "-net"),
        ("Cafe\u0301", "café"),
        ("C++", "c++"),
        ("ẞ", "ss"),
    ],
)
def test_a_slug_keeps_its_script(name: str, expected: str) -> None:
    assert slug(name) == expected


def test_a_slug_without_folding_keeps_its_case() -> None:
    assert slug("TechWeb", fold=False) == "TechWeb"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_slug_is_one_visible_file_name_that_fits(name: str) -> None:
    made = slug(name)
    assert made
    assert not {"/", "\\", "\0", "\n"} & set(made)
    assert not made.startswith(".")
    assert len(f"{made}-01234567".encode()) <= 255


def test_the_site_and_every_term_have_a_feed(site: Path) -> None:
    found = made(site, tag("股市"), TermPosts(Kind.CATEGORY, "emnews", 3, 0))
    assert paths(found) == {
        "": "feed.atom",
        "emnews": "category/emnews/feed.atom",
        "股市": "tag/股市/feed.atom",
    }
    heads = {each.head.name: each.head for each in found.definitions}
    assert heads[""].title == "新闻"
    assert heads[""].page == "https://news.example.org/"
    assert heads["股市"].title == "新闻 – 股市"
    assert (
        heads["股市"].urls[Format.RSS] == "https://news.example.org/tag/%E8%82%A1%E5%B8%82/feed.rss"
    )
    assert heads["股市"].page == "https://news.example.org/tag/%E8%82%A1%E5%B8%82/"


def test_of_two_terms_with_one_path_the_older_keeps_it(site: Path) -> None:
    found = made(site, tag("Techweb", oldest=2), tag("TechWeb", oldest=1))
    where = paths(found)
    assert where["TechWeb"] == "tag/techweb/feed.atom"
    assert where["Techweb"].startswith("tag/techweb-")
    assert [(note.path, note.level) for note in found.findings] == [("tag/Techweb", Level.NOTE)]


def test_no_path_is_the_folder_of_another(site: Path) -> None:
    found = made(
        site,
        TermPosts(Kind.CATEGORY, "x", 1, 2),
        TermPosts(Kind.TAG, "c", 1, 1),
        feeds={"formats": ["atom"], "paths": {"category": "c/{slug}.xml", "tag": "{slug}"}},
    )
    known = paths(found)
    assert {path.partition("/")[0] for path in known.values()} & {"c"} == {"c"}
    files = set(known.values())
    assert not any(f"{path}/" == other[: len(path) + 1] for path in files for other in files)
    assert len(found.findings) == 1


def test_terms_that_differ_in_case_only_can_share_a_feed(site: Path) -> None:
    terms = [tag("Techweb", 1, 2), tag("TechWeb", 2, 1)]
    found = made(site, *terms, terms={"merge_case": True, "min_posts": 3})
    assert paths(found) == {"": "feed.atom", "TechWeb": "tag/techweb/feed.atom"}
    assert found.definitions[1].terms == ((Kind.TAG, "TechWeb"), (Kind.TAG, "Techweb"))
    assert [note.path for note in found.findings] == ["tag/Techweb"]


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"min_posts": 2}, {"b"}),
        ({"include": ["tag/a*"]}, {"a"}),
        ({"exclude": ["tag/a*"]}, {"b"}),
        ({"include": ["category/*"]}, set()),
    ],
)
def test_terms_can_be_chosen(site: Path, terms: dict[str, Any], expected: set[str]) -> None:
    found = made(site, tag("a"), tag("b", posts=2), terms=terms)
    assert paths(found).keys() - {""} == expected


def test_a_term_can_be_named_and_have_a_page(site: Path) -> None:
    named = {"tag": {"a": {"title": "甲", "description": "d", "page": "/甲.html"}}}
    links = {"tag_page": "/tag/{tag}.html"}
    found = made(site, tag("a"), tag("b c"), terms=named, links=links)
    a, b = (each.head for each in found.definitions[1:])
    assert (a.title, a.description) == ("新闻 – 甲", "d")
    assert a.page == "https://news.example.org/%E7%94%B2.html"
    assert b.page == "https://news.example.org/tag/b%20c.html"


def test_patterns_decide_where_feeds_lie(site: Path) -> None:
    patterns = {"site": {"atom": "feed.xml"}, "tag": {"atom": "feed/by_tag/{name}.xml"}}
    found = made(site, tag("TechWeb"), feeds={"formats": ["atom"], "paths": patterns})
    assert paths(found) == {"": "feed.xml", "TechWeb": "feed/by_tag/TechWeb.xml"}
    assert found.definitions[1].head.page == "https://news.example.org/feed/by_tag/"


def test_a_pattern_with_the_name_has_it_exactly_as_it_is_written(site: Path) -> None:
    """As jekyll-feed names its files, so that its subscribers stay."""
    names = ["a b", "A b", "c++", "股市", "x/y", ".z", "\n", "w" * 300]
    patterns = {"tag": {"atom": "{name}.xml"}}
    found = made(site, *map(tag, names), feeds={"formats": ["atom"], "paths": patterns})
    where = paths(found)
    assert [where[name] for name in names[:6]] == [
        "a b.xml",
        "A b.xml",
        "c++.xml",
        "股市.xml",
        "x/y.xml",
        "-z.xml",
    ]
    assert len({*where.values()}) == len(names) + 1
    assert all("\n" not in path and len(path) < 255 for path in where.values())
    assert found.findings == ()


def test_a_name_as_it_is_written_does_not_take_the_path_of_a_slug(site: Path) -> None:
    terms = [TermPosts(Kind.CATEGORY, "X", 1, 1), TermPosts(Kind.TAG, "x", 1, 1)]
    for kind, other in (("category", "tag"), ("tag", "category")):
        patterns = {kind: {"atom": "F/{slug}.xml"}, other: {"atom": "F/{name}.xml"}}
        found = made(site, *terms, feeds={"formats": ["atom"], "paths": patterns})
        where = [path for each in found.definitions for path in each.head.paths.values()]
        assert len(set(where)) == 3, where


def test_the_scheme_is_where_the_feeds_of_the_kind_lie(site: Path) -> None:
    config = load_config(site)
    assert scheme(config, Kind.TAG) == "https://news.example.org/tag/"


def test_a_format_whose_path_is_taken_gives_way_alone(site: Path) -> None:
    """The file that jekyll-feed wrote stays, though the other formats clash in one case."""
    patterns = {"tag": {"atom": "by_tag/{name}.xml"}}
    found = made(site, tag("A", 1, 1), tag("a", 1, 2), feeds={"paths": patterns})
    older, newer = (each.head.paths for each in found.definitions[1:])
    assert older == {
        Format.ATOM: "by_tag/A.xml",
        Format.RSS: "tag/a/feed.rss",
        Format.JSON: "tag/a/feed.json",
    }
    assert newer[Format.ATOM] == "by_tag/a.xml"
    folder = newer[Format.RSS].removesuffix("/feed.rss")
    assert folder.startswith("tag/a-")
    assert newer[Format.JSON] == f"{folder}/feed.json"
    (note,) = found.findings
    assert note.done == f"its feed is at {folder}/feed.rss, {folder}/feed.json"


def test_two_formats_of_one_term_never_share_a_path(site: Path) -> None:
    patterns = {"tag": {"atom": "{slug}.xml", "rss": "{name}.xml"}}
    found = made(site, tag("a"), feeds={"formats": ["atom", "rss"], "paths": patterns})
    assert len({*found.definitions[1].head.paths.values()}) == 2


terms = st.lists(
    st.builds(
        tag,
        st.one_of(st.text(st.sampled_from("aAbB .-/"), max_size=3), st.text(max_size=3)),
        st.integers(1, 3),
        st.integers(0, 3),
    ),
    unique_by=lambda term: term.name,
    max_size=12,
)


@given(terms=terms, seed=st.integers())
def test_no_two_feeds_share_a_path_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, terms: list[TermPosts], seed: int
) -> None:
    root = tmp_path_factory.getbasetemp() / "catalog"
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text('site.url = "https://x.example"\nposts.sources = ["p"]')
    shuffled = list(terms)
    random.Random(seed).shuffle(shuffled)

    found = made(root, *terms)

    assert made(root, *shuffled) == found
    lower = [path.casefold() for each in found.definitions for path in each.head.paths.values()]
    assert len(lower) == len(set(lower)) == 3 * (len(terms) + 1)
