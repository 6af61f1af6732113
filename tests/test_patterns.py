"""Path patterns of the configuration: what may be one, and that no two documents share one."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import Feeds
from feeds.configfile import load_config
from feeds.errors import ConfigError
from feeds.models import Format, Kind

MINIMAL = 'site.url = "https://news.example.org"\nposts.sources = ["posts"]\n'
KINDS = [str(kind) for kind in Kind]


def configured(root: Path, text: str) -> Feeds:
    (root / "config.toml").write_text(MINIMAL + text, "utf-8")
    return load_config(root).feeds


def problems(root: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        configured(root, text)
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("", Kind.SITE, ["feed.atom", "feed.rss", "feed.json"]),
        ("", Kind.CATEGORY, [f"category/{{slug}}/feed.{end}" for end in ("atom", "rss", "json")]),
        (
            'feeds.paths.tag = "/{format}/{name}.xml"',
            Kind.TAG,
            [f"{format}/{{name}}.xml" for format in ("atom", "rss", "json")],
        ),
        (
            'feeds.paths.site = { atom = "/feed.xml" }',
            Kind.SITE,
            ["feed.xml", "feed.rss", "feed.json"],
        ),
        (
            'feeds.paths.tag = { atom = "/feed/by_tag/{name}.xml", json = "t/{slug}.{format}" }',
            Kind.TAG,
            ["feed/by_tag/{name}.xml", "tag/{slug}/feed.rss", "t/{slug}.json"],
        ),
        ('feeds.formats = ["rss"]\nfeeds.paths.site = "/feed.xml"', Kind.SITE, ["feed.xml"]),
        (
            'feeds.formats = ["rss"]\nfeeds.paths.tag = "/feed/by_tag/{slug}.xml"',
            Kind.TAG,
            ["feed/by_tag/{slug}.xml"],
        ),
        ('feeds.paths.tag = "标签/{slug}.{format}"', Kind.TAG, ["标签/{slug}.atom"]),
        ('feeds.paths.tag = "{slug}-{slug}.{format}"', Kind.TAG, ["{slug}-{slug}.atom"]),
    ],
)
def test_a_pattern_says_where_each_format_lies(
    site: Path, text: str, kind: Kind, expected: list[str]
) -> None:
    paths = list(configured(site, text).paths[kind].values())
    assert paths[: len(expected)] == expected


def test_only_formats_that_are_written_have_paths(site: Path) -> None:
    text = 'feeds.formats = ["json"]\nfeeds.paths.site = { atom = "a", json = "b" }'
    assert configured(site, text).paths[Kind.SITE] == {Format.JSON: "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('feeds.paths.site = "//feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "../feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "a/../../feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "./feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "a//feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "feed.{format}/"', "must be a file below the output folder"),
        ('feeds.paths.site = "https://x.example/feed.{format}"', "must be a file below"),
        ('feeds.paths.site = "a\\\\feed.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "feed\\n.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = "feed\\u0000.{format}"', "text without control characters"),
        ('feeds.paths.site = "feed\\u009b.{format}"', "must be a file below the output folder"),
        ('feeds.paths.site = ""', 'expected a path like "feed.{format}"'),
        ('feeds.paths.site = "/"', 'expected a path like "feed.{format}"'),
        ('feeds.paths.site = ".feeds-manifest{format}"', "are the program's own"),
        ('feeds.paths.site = ".FEEDS-manifest{format}"', "are the program's own"),
        ('feeds.paths.site = "/.feeds/{format}"', "are the program's own"),
        ('feeds.paths.site = "feed.xml"', "needs {format}, or a table with a path for each"),
        ('feeds.paths.site = "{slug}.{format}"', "unknown {slug} in "),
        ('feeds.paths.site = "feed.{}"', "unknown {} in "),
        ('feeds.paths.tag = "tag/{slugg}.{format}"', "unknown {slugg} in "),
        ('feeds.paths.tag = "tag/feed.{format}"', "needs {slug}, or all its feeds share one path"),
        ('feeds.paths.tag = { atom = "tag.xml" }', "needs {slug}, or all its feeds share one path"),
        ('feeds.paths.tag = { xml = "{slug}.xml" }', "feeds.paths.tag.xml: unknown key; known: at"),
        ("feeds.paths.tag = { atom = 3 }", "feeds.paths.tag.atom: expected a text in quotes"),
        ('feeds.opml = "../all.opml"', "must be a file below the output folder"),
        ('feeds.opml = "feed.atom"', '"feed.atom" is the path of opml'),
        ('feeds.opml = "Feed.RSS"', '"feed.rss" is the path of opml'),
        (
            'feeds.opml = "feed.json/all.opml"',
            '"feed.json" stands where a folder is needed by opml',
        ),
        ('feeds.paths.site = { atom = "f.xml", rss = "F.xml" }', "is the path of paths.site.atom"),
        (
            'feeds.paths.site = { atom = "f", rss = "f/rss.xml" }',
            '"f/rss.xml" needs a folder in the place of paths.site.atom',
        ),
        (
            'feeds.paths.tag = "x/{slug}.{format}"\nfeeds.paths.category = "x/{slug}.{format}"',
            "is the path of paths.category.atom",
        ),
    ],
)
def test_what_could_not_be_a_file_of_its_own_is_refused(
    site: Path, text: str, expected: str
) -> None:
    found = problems(site, text)
    assert expected in found[0]
    assert len(found) == 1, found


patterns = st.lists(
    st.sampled_from(
        ["/", "a", "A", ".", "..", "{slug}", "{name}", "{format}", "feed", "\\", "{x}"]
    ),
    max_size=6,
).map("".join)
kind_patterns = patterns | st.dictionaries(st.sampled_from(["atom", "rss", "json"]), patterns)


@given(
    st.dictionaries(st.sampled_from(KINDS), kind_patterns),
    st.sampled_from(["", "a", "feeds.opml", "tag/a"]),
    st.sampled_from([["atom"], ["atom", "rss", "json"]]),
)
def test_what_is_accepted_are_distinct_files_below_the_output_folder(
    tmp_path_factory: pytest.TempPathFactory, paths: dict[str, Any], opml: str, formats: list[str]
) -> None:
    root = tmp_path_factory.getbasetemp() / "patterns"
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text(MINIMAL)
    try:
        feeds = load_config(
            root, {"feeds": {"paths": paths, "opml": opml, "formats": formats}}
        ).feeds
    except ConfigError:
        return
    places = [path for patterns in feeds.paths.values() for path in patterns.values()]
    for path in places:
        assert (root / path).resolve().is_relative_to(root.resolve())
        assert path == str(Path(path)) != "."
    folded = [path.casefold() for path in (*places, opml) if path]
    for one, other in combinations(folded, 2):
        assert one != other
        assert not one.startswith(f"{other}/")
        assert not other.startswith(f"{one}/")
