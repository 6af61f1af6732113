from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config, Defaults
from feeds.configfile import load_config
from feeds.errors import ConfigError
from feeds.models import Format, Kind, Person
from feeds.posts.read import read_post
from feeds.sites import jekyll_settings, other_settings
from feeds.starter import write_config

from .conftest import run_build

NAME = "_config.yml"


def load(root: Path, text: str, name: str = NAME) -> Config:
    """The configuration of a site that has a URL and what ``text`` says."""
    (root / name).write_text(f"url: https://example.org\n{text}\n", "utf-8")
    return load_config(root)


def notes(config: Config) -> list[tuple[str, str]]:
    return [(found.what, found.done) for found in config.notes]


# --- a folder with only a _config.yml ------------------------------------------------------


def test_a_site_with_only_its_config_just_works(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(
        "title: 新闻\nurl: https://example.org\nbaseurl: /news\ntimezone: Asia/Shanghai\n"
        "lang: zh-CN\nauthor: ZN\ntheme: minima\nplugins: [jekyll-feed]\n"
    )
    (tmp_path / "_posts").mkdir()
    (tmp_path / "_posts/2022-01-02-a.md").write_text("---\ncategories: x\n---\n正文。\n")
    result = run_build(tmp_path)

    assert result.findings == ()
    feed = json.loads((tmp_path / "public/category/x/feed.json").read_bytes())
    assert feed["title"] == "新闻 – x"
    assert feed["authors"] == [{"name": "ZN"}]
    assert feed["language"] == "zh-CN"
    (item,) = feed["items"]
    assert item["url"] == "https://example.org/news/x/2022/01/02/a.html"
    assert item["id"] == "https://example.org/news/x/2022/01/02/a"
    assert item["date_published"] == "2022-01-02T00:00:00+08:00"


@pytest.mark.parametrize("text", ["title: t", "url:", "url: ''", "url: ''\nbaseurl: /blog", ""])
def test_without_a_url_it_is_said_what_to_write_and_where(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert caught.value.path == tmp_path / NAME
    (problem,) = caught.value.problems
    assert problem.startswith("site.url: missing")
    assert "https://www.example.org" in problem


def test_the_host_in_the_file_of_github_pages_is_the_url(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("title: t")
    (tmp_path / "CNAME").write_text("news.example.org\n")
    config = load_config(tmp_path)
    assert config.site.url == "https://news.example.org"
    assert notes(config) == [("has no url", "https://news.example.org taken from the file CNAME")]


@pytest.mark.parametrize("content", ["", "two hosts\n", "a/b"])
def test_a_file_of_another_kind_is_no_host(tmp_path: Path, content: str) -> None:
    (tmp_path / NAME).write_text("title: t")
    (tmp_path / "CNAME").write_text(content)
    with pytest.raises(ConfigError, match="missing"):
        load_config(tmp_path)


def test_what_config_toml_says_wins_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[site]\ntitle = "own"\n[posts]\npermalink = "pretty"\n')
    config = load(tmp_path, "title: jekyll\ndescription: d\nfuture: true")
    assert (config.site.title, config.site.description) == ("own", "d")
    assert (config.posts.permalink, config.posts.future) == ("pretty", True)
    assert config.posts.jekyll


def test_a_folder_without_any_configuration_has_no_settings(tmp_path: Path) -> None:
    assert jekyll_settings(tmp_path) is None
    assert other_settings(tmp_path) is None


@pytest.mark.parametrize("name", ["_config.yml", "_config.yaml", "_config.toml"])
def test_the_first_of_the_names_that_jekyll_tries_is_read(tmp_path: Path, name: str) -> None:
    names = ["_config.yml", "_config.yaml", "_config.toml"]
    for other in names[names.index(name) :]:
        text = f"title = '{other}'" if other.endswith("toml") else f"title: '{other}'"
        (tmp_path / other).write_text(text)
    settings = jekyll_settings(tmp_path)
    assert settings is not None
    assert settings.path.name == settings.values["site"]["title"] == name


# --- one key after the other ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "https://example.org"),
        ("baseurl:", "https://example.org"),
        ("baseurl: ''", "https://example.org"),
        ("baseurl: /", "https://example.org"),
        ("baseurl: /a/b/", "https://example.org/a/b"),
        ("baseurl: a", "https://example.org/a"),
        ("url: https://example.org/ \nbaseurl: /a", "https://example.org/a"),
    ],
)
def test_the_baseurl_is_part_of_the_url(tmp_path: Path, text: str, url: str) -> None:
    assert load(tmp_path, text).site.url == url


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("", "UTC"),
        ("timezone:", "UTC"),
        ("timezone: Asia/Shanghai", "Asia/Shanghai"),
        ("timezone: Etc/GMT-8", "Etc/GMT-8"),
    ],
)
def test_a_time_zone_by_its_name_is_that_of_the_site(tmp_path: Path, text: str, zone: str) -> None:
    config = load(tmp_path, text)
    assert config.site.timezone == zone
    assert notes(config) == []


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        ("Asia/Beijing", "UTC"),
        ("asia/shanghai", "UTC"),
        ("Asia", "UTC"),
        ("/etc/passwd", "UTC"),
        ("../UTC", "UTC"),
        ("+08:00", "UTC"),
        ("CST-8:30", "UTC"),
        ("CST-25", "UTC"),
        ("CST-8", "Etc/GMT-8"),
        ("UTC+8", "Etc/GMT+8"),
        ("UTC8", "Etc/GMT+8"),
        ("<+08>-08:00", "Etc/GMT-8"),
    ],
)
def test_a_zone_that_is_no_name_is_what_the_c_library_makes_of_it(
    tmp_path: Path, written: str, zone: str
) -> None:
    config = load(tmp_path, f"timezone: '{written}'")
    assert config.site.timezone == zone
    ((what, done),) = notes(config)
    assert written in what
    assert zone in done


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("lang: zh-CN", "zh-CN"),
        ("lang: zh_CN", "zh-CN"),
        ("locale: en_US", "en-US"),
        ("lang: ''\nlocale: de", "de"),
        ("lang: [en, fr]", ""),
        ("lang: no", ""),
    ],
)
def test_the_language_is_a_tag(tmp_path: Path, text: str, language: str) -> None:
    config = load(tmp_path, text)
    assert config.site.language == language
    assert notes(config) == []


def test_what_is_no_language_tag_is_left_out_and_said(tmp_path: Path) -> None:
    config = load(tmp_path, "lang: en_US.UTF-8")
    assert config.site.language == ""
    assert notes(config) == [("lang is no language tag: 'en_US.UTF-8'", "left out")]


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("", None),
        ("author:", None),
        ("author: false", None),
        ("author: []", None),
        ("author: {twitter: ann}", None),
        ("author: Ann", Person("Ann")),
        ("author: 163", Person("163")),
        ("author: [Ann, Bob]", Person("Ann")),
        ("author: {name: Ann}", Person("Ann")),
        (
            "author: {name: Ann, email: a@example.org, uri: https://ann.example.org, x: [y]}",
            Person("Ann", "a@example.org", "https://ann.example.org"),
        ),
        ("author: {display_name: Ann, url: https://u.org}", Person("Ann", "", "https://u.org")),
        ("author: {name: [Ann]}", None),
        ("author: eve", Person("Eve", "e@example.org", "https://eve.example.org")),
    ],
)
def test_the_author_is_a_name_or_a_table_or_a_short_name(
    tmp_path: Path, text: str, author: Person | None
) -> None:
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data/authors.yml").write_text(
        "eve: {name: Eve, email: e@example.org, web: https://eve.example.org, bio: long}"
    )
    assert load(tmp_path, text).site.author == author


def test_short_names_of_posts_are_those_of_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    (tmp_path / "people/authors.yaml").write_text("ann: {name: Ann A}\nbob: Bob B\ncy:\n7: {x: y}")
    site = load(tmp_path, "data_dir: people").site
    assert site.authors == {
        "ann": Person("Ann A"),
        "bob": Person("Bob B"),
        "cy": Person("cy"),
        "7": Person("7"),
    }


def test_a_list_of_authors_is_no_list_of_short_names(tmp_path: Path) -> None:
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data/authors.yml").write_text("- name: Ann\n- name: Bob\n")
    assert load(tmp_path, "author: Ann").site.authors == {}


def test_a_title_may_be_a_number_or_called_a_name(tmp_path: Path) -> None:
    assert load(tmp_path, "title: 2022").site.title == "2022"
    assert load(tmp_path, "name: old").site.title == "old"
    assert (
        load(tmp_path, "title: >\n  two\n  lines\ndescription: |\n  d\n").site.title == "two lines"
    )


@pytest.mark.parametrize(
    ("text", "permalink"),
    [
        ("", "date"),
        ("permalink:", "date"),
        ("permalink: ''", "date"),
        ("permalink: pretty", "pretty"),
        ("permalink: /:title/", "/:title/"),
        ("permalink: pretty\ncollections: {posts: {permalink: /c/:title}}", "/c/:title"),
        ("permalink: pretty\ncollections: {posts: {output: true}}", "pretty"),
        ("permalink: pretty\ncollections: {posts: }", "pretty"),
        ("permalink: pretty\ncollections: [posts, docs]", "pretty"),
    ],
)
def test_the_collection_of_posts_says_its_permalink_before_the_site(
    tmp_path: Path, text: str, permalink: str
) -> None:
    assert load(tmp_path, text).posts.permalink == permalink


def test_what_is_published_is_what_jekyll_publishes(tmp_path: Path) -> None:
    posts = load(tmp_path, "").posts
    assert (posts.future, posts.drafts, posts.unpublished) == (False, False, False)
    posts = load(tmp_path, "future: true\nshow_drafts: true\nunpublished: true").posts
    assert (posts.future, posts.drafts, posts.unpublished) == (True, True, True)
    posts = load(tmp_path, "future:\nshow_drafts:\ncollections: {posts: {future: true}}").posts
    assert (posts.future, posts.drafts) == (False, False)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("", "\n\n"),
        ("excerpt_separator:", "\n\n"),
        ('excerpt_separator: "\\n\\n"', "\n\n"),
        ('excerpt_separator: "\\n\\n\\n"', "\n\n\n"),
        ("excerpt_separator: <!--more-->", "<!--more-->"),
        ("excerpt_separator: ' --- '", " --- "),
        ("excerpt_separator: ''", ""),
    ],
)
def test_the_excerpt_separator_keeps_its_blanks(tmp_path: Path, text: str, separator: str) -> None:
    assert load(tmp_path, text).posts.excerpt_separator == separator


def test_files_and_folders_are_named_as_jekyll_names_them(tmp_path: Path) -> None:
    posts = load(
        tmp_path,
        "exclude: [old, /drafts]\ninclude: [_pages]\nmarkdown_ext: md, txt\n"
        "collections_dir: /my/\nincludes_dir: ./parts\ndestination: ./out/\n",
    ).posts
    assert {"node_modules", "vendor/bundle/", "old", "drafts", "out/"} <= set(posts.exclude)
    assert posts.include == ("_pages",)
    assert posts.markdown_extensions == ("md", "txt")
    assert (posts.collections_dir, posts.includes_dir) == ("my", "parts")
    assert posts.sources == ()


def test_a_folder_that_begins_like_the_destination_is_read(tmp_path: Path) -> None:
    (tmp_path / "output/_posts").mkdir(parents=True)
    (tmp_path / "output/_posts/2022-01-02-a.md").write_text("---\n---\n")
    (tmp_path / "out/_posts").mkdir(parents=True)
    (tmp_path / "out/_posts/2022-01-02-copy.md").write_text("---\n---\n")
    load(tmp_path, "destination: out")
    assert sum(run_build(tmp_path).posts.values()) == 1


@pytest.mark.parametrize("source", ["", ".", "./", "../elsewhere"])
def test_a_source_that_is_no_folder_of_the_site_is_the_site(tmp_path: Path, source: str) -> None:
    posts = load(tmp_path, f"source: '{source}'").posts
    assert (posts.collections_dir, posts.includes_dir) == ("", "_includes")
    assert "node_modules" in posts.exclude


def test_a_source_folder_is_where_everything_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "src/_data").mkdir(parents=True)
    (tmp_path / "src/_data/authors.yml").write_text("ann: {name: Ann A}")
    config = load(
        tmp_path,
        "source: src\nauthor: ann\nexclude: [old]\n"
        "defaults: [{scope: {path: _posts/x}, values: {}}, {scope: {path: ''}, values: {}}]",
    )
    posts = config.posts
    assert (posts.collections_dir, posts.includes_dir) == ("src", "src/_includes")
    assert {"src/old", "src/node_modules"} <= set(posts.exclude)
    assert [one.path for one in posts.defaults] == ["src/_posts/x", ""]
    assert config.site.author == Person("Ann A")


def test_defaults_are_kept_in_their_order_without_what_jekyll_calls_invalid(
    tmp_path: Path,
) -> None:
    config = load(
        tmp_path,
        """
defaults:
- scope: {path: "", type: post}
  values: {layout: post, tags: [1, no, 2022-01-02]}
- values: {a: b}
- scope: {path: _drafts, type: draft}
  values: {}
- scope: {path: docs, type: pages}
  values: {c: d}
- scope: {path: x}
- {scope: {path: x}, values: text}
- text
""",
    )
    assert config.posts.defaults == (
        Defaults("", "posts", {"layout": "post", "tags": [1, False, "2022-01-02"]}),
        Defaults("", "", {"a": "b"}),
        Defaults("_drafts", "drafts", {}),
        Defaults("docs", "pages", {"c": "d"}),
    )
    assert load(tmp_path, "defaults: {scope: x}").posts.defaults == ()


def test_everything_is_what_templates_see_as_site(tmp_path: Path) -> None:
    config = load(tmp_path, "launch: 2022-02-30\nmenu: [{name: a, 1: 2.5}]\nflag: yes\nnone: ~\n")
    assert config.site.variables == {
        "url": "https://example.org",
        "launch": "2022-02-30",
        "menu": [{"name": "a", "1": 2.5}],
        "flag": True,
        "none": None,
    }


# --- jekyll-feed ---------------------------------------------------------------------------


def test_without_jekyll_feed_the_feeds_are_in_their_usual_places(tmp_path: Path) -> None:
    feeds = load(tmp_path, "feed:").feeds
    assert (feeds.ids, feeds.entries, feeds.content) == ("jekyll", 20, "full")
    assert feeds.paths[Kind.SITE][Format.ATOM] == "feed.atom"


def test_the_settings_of_jekyll_feed_are_taken_over(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
feed:
  path: /old/feed.xml
  posts_limit: 7
  excerpt_only: true
  icon: /icon.png
  logo: /logo.png
  disable_in_development: true
  collections: [docs]
  categories: [news]
  tags: {path: tags/, only: ["a*", b], except: [b]}
""",
    )
    feeds = config.feeds
    assert (feeds.entries, feeds.content) == (7, "summary")
    assert (feeds.icon, feeds.logo) == ("/icon.png", "/logo.png")
    # Only Atom is what jekyll-feed wrote; the other formats have nobody to keep.
    assert feeds.paths == {
        Kind.SITE: {
            Format.ATOM: "old/feed.xml",
            Format.RSS: "feed.rss",
            Format.JSON: "feed.json",
        },
        Kind.CATEGORY: {
            Format.ATOM: "feed/{name}.xml",
            Format.RSS: "category/{slug}/feed.rss",
            Format.JSON: "category/{slug}/feed.json",
        },
        Kind.TAG: {
            Format.ATOM: "tags/{name}.xml",
            Format.RSS: "tag/{slug}/feed.rss",
            Format.JSON: "tag/{slug}/feed.json",
        },
    }
    wanted = [name for name in ("a*", "ab", "b", "c") if config.terms.wanted(Kind.TAG, name)]
    assert wanted == ["a*"]
    assert config.terms.wanted(Kind.CATEGORY, "anything/at all")


def test_feeds_of_all_tags_lie_where_it_put_them(tmp_path: Path) -> None:
    config = load(tmp_path, "feed: {tags: true}")
    assert config.feeds.paths[Kind.TAG][Format.ATOM] == "feed/by_tag/{name}.xml"
    assert config.terms.wanted(Kind.TAG, "x")


def test_the_posts_may_be_told_as_a_collection(tmp_path: Path) -> None:
    text = "feed: {path: /a.xml, collections: {posts: {path: /b.xml, categories: [x]}, docs: }}"
    paths = load(tmp_path, text).feeds.paths
    assert paths[Kind.SITE][Format.ATOM] == "b.xml"
    assert paths[Kind.CATEGORY][Format.ATOM] == "feed/{name}.xml"


@pytest.mark.parametrize(
    ("limit", "entries"),
    [("5", 5), ("1000000", 10_000), ("0", 20), ("-1", 20), ("true", 20), ("'5'", 20), ("", 20)],
)
def test_a_limit_that_is_no_number_of_entries_is_none(
    tmp_path: Path, limit: str, entries: int
) -> None:
    assert load(tmp_path, f"feed: {{posts_limit: {limit}}}").feeds.entries == entries


@pytest.mark.parametrize(
    "feed", ["[]", "text", "{tags: [a]}", "{tags: x, categories: y}", "{collections: 5, path: }"]
)
def test_settings_of_another_shape_do_no_harm(tmp_path: Path, feed: str) -> None:
    assert load(tmp_path, f"feed: {feed}").feeds.ids == "jekyll"


# --- what cannot be read -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"title: a: b\n", "line 2: not YAML: mapping values are not allowed in this context"),
        (b"title: [1,\n", "line 3: not YAML: did not find expected node content"),
        (b"\n\ntitle: *x\n", "line 4: not YAML: found undefined alias"),
        (b"a: 1\n\tb: 2\n", "line 3: not YAML"),
        (b"a: !ruby/object x\n", "line 2: not YAML: could not determine a constructor"),
        (b"title: \xe4\xb8\xad\n\nb: \x07\n", "line 4: not YAML: control characters"),
        (b"a: !!int x\n", "not YAML: invalid literal"),
    ],
)
def test_yaml_that_does_not_parse_is_said_with_file_and_line(
    tmp_path: Path, raw: bytes, problem: str
) -> None:
    path = tmp_path / NAME
    path.write_bytes(b"url: https://example.org\n" + raw)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)
    assert str(caught.value).startswith(f"{path}: {problem}")
    assert "\n" not in str(caught.value)


# Nine lines that mean nine to the power of nine values.
BOMB = b"a0: &a0 [x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("name", "raw", "problem"),
    [
        ("_config.yml", b"- a\n- b\n", "expected a mapping"),
        ("_config.yml", b"just text", "expected a mapping"),
        ("_config.yml", b"title: \xff\n", "line 1: not UTF-8"),
        ("_config.yml", b"a: &x [*x]\n", "nested too deeply"),
        ("_config.yml", BOMB, "holds more than 200,000 values"),
        ("_config.toml", b"title = \n", "not TOML"),
    ],
)
def test_a_configuration_of_another_kind_is_an_error(
    tmp_path: Path, name: str, raw: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(ConfigError, match=problem) as caught:
        load_config(tmp_path)
    assert caught.value.path == tmp_path / name


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xef\xbb\xbfurl: https://example.org\r\ntitle: t\r\n")
    assert load_config(tmp_path).site.title == "t"


@pytest.mark.parametrize("end", ["---\n", "...\n", "---\ntitle: second\n"])
def test_only_the_first_document_counts(tmp_path: Path, end: str) -> None:
    (tmp_path / NAME).write_text(f"---\nurl: https://example.org\ntitle: first\n{end}")
    assert load_config(tmp_path).site.title == "first"


def test_data_that_does_not_parse_is_said_with_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "_data").mkdir()
    (tmp_path / "_data/authors.yml").write_text("a: b\nc: [\n")
    with pytest.raises(ConfigError, match="line 3: not YAML") as caught:
        load(tmp_path, "")
    assert caught.value.path == tmp_path / "_data/authors.yml"


# --- the zone and the permalink are what posts are read with -------------------------------


def test_a_post_is_read_by_the_rules_of_its_site(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "timezone: Asia/Shanghai\npermalink: /:categories/:year/:month/:day/:title/\n"
        "defaults: [{scope: {path: ''}, values: {category: News}}]",
    )
    raw = b"---\ndate: 2022-01-01 16:30:00\n---\n"
    post = read_post("_posts/2022-01-01-a.md", raw, config).post
    assert post is not None
    assert post.url == "https://example.org/news/2022/01/02/a/"
    assert post.date.astimezone(UTC) == datetime(2022, 1, 1, 16, 30, tzinfo=UTC)


# --- Hugo and Zola, for feeds init ---------------------------------------------------------


def settings(root: Path, name: str, text: str) -> dict[str, Any]:
    (root / name).write_text(text, "utf-8")
    found = other_settings(root)
    assert found is not None
    assert found.path == root / name
    return found.values


def test_hugos_settings_are_taken_over(tmp_path: Path) -> None:
    text = """
baseURL = "https://example.org/"
title = "新闻"
languageCode = "zh-cn"
timeZone = "Asia/Shanghai"
contentDir = "texts"
[params]
description = "d"
author = { name = "Ann", email = "a@example.org" }
[permalinks]
posts = "/:section/:year/:monthname/:slugorfilename/"
"""
    assert settings(tmp_path, "hugo.toml", text) == {
        "site": {
            "url": "https://example.org/",
            "title": "新闻",
            "description": "d",
            "language": "zh-cn",
            "timezone": "Asia/Shanghai",
            "author": "Ann",
        },
        "posts": {"sources": ["texts"], "permalink": "/posts/:year/:long_month/:title/"},
    }


@pytest.mark.parametrize(
    ("permalinks", "pattern"),
    [
        ({}, "/posts/:slug/"),
        ({"blog": "/:sections/:slug/"}, "/blog/:slug/"),
        ({"post": "/:filename"}, "/:title"),
        ({"page": {"posts": "/p/:contentbasename/"}, "section": {"posts": "/x/"}}, "/p/:title/"),
        ({"posts": 5}, "5"),
        ({"docs": "/docs/:slug/"}, "/posts/:slug/"),
        ("text", "/posts/:slug/"),
    ],
)
def test_hugos_permalinks_become_patterns(tmp_path: Path, permalinks: Any, pattern: str) -> None:
    text = json.dumps({"baseURL": "https://example.org", "permalinks": permalinks})
    assert settings(tmp_path, "hugo.json", text)["posts"]["permalink"] == pattern


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("author: Ann", "Ann"),
        ("params: {author: Ann}", "Ann"),
        ("params: {author: {name: Ann}}", "Ann"),
        ("params: {author: [Ann]}", None),
        ("params: text", None),
        ("", None),
    ],
)
def test_hugos_author_is_a_name_or_a_table(tmp_path: Path, text: str, author: str | None) -> None:
    assert settings(tmp_path, "hugo.yaml", text)["site"].get("author") == author


def test_zolas_settings_are_taken_over(tmp_path: Path) -> None:
    text = (
        'base_url = "https://example.org"\ntitle = "t"\ndescription = "d"\n'
        'default_language = "de"\nauthor = "Ann"\n[extra]\nx = 1\n'
    )
    assert settings(tmp_path, "zola.toml", text) == {
        "site": {
            "url": "https://example.org",
            "title": "t",
            "description": "d",
            "language": "de",
            "author": "Ann",
        },
        "posts": {"sources": ["content"], "permalink": "/:slug/"},
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hugo.toml", 'baseURL = "https://example.org"\ntitle = "quoted \\"t\\""\n'),
        ("hugo.yaml", "baseURL: https://example.org\ntitle: 'quoted \"t\"'\n"),
        ("zola.toml", 'base_url = "https://example.org"\ntitle = "quoted \\"t\\""\n'),
    ],
)
def test_a_first_configuration_of_such_a_site_can_be_used(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "content/posts").mkdir(parents=True)
    (tmp_path / "content/posts/a.md").write_text("+++\ndate = 2022-01-02\n+++\n正文。\n")
    path, origin = write_config(tmp_path)
    assert (path, origin) == (tmp_path / "config.toml", name)
    assert load_config(tmp_path).site.title == 'quoted "t"'
    run_build(tmp_path)
    (item,) = json.loads((tmp_path / "public/feed.json").read_bytes())["items"]
    assert item["url"].endswith("/a/")


def test_a_first_configuration_of_a_jekyll_site_leaves_everything_to_it(tmp_path: Path) -> None:
    before = load(tmp_path, "title: t\npermalink: pretty\nfeed: {posts_limit: 3}")
    write_config(tmp_path)
    assert load_config(tmp_path) == before


def test_a_hugo_configuration_that_does_not_parse_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hugo.json").write_text('{"title": }')
    with pytest.raises(ConfigError, match="not JSON"):
        other_settings(tmp_path)
