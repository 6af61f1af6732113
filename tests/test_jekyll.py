"""What Jekyll itself makes of a site, and what is read here: the same, but for named posts.

Every site is written by its test. A page of it lists ``site.posts`` as JSON, so one run of
Jekyll tells of many posts. Needs the program ``jekyll`` (4.3), and ``jekyll-feed`` for some.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import feedparser
import pytest

from feeds.build import known_posts
from feeds.configfile import load_config
from feeds.posts.defaults import defaults_for
from feeds.rows import State
from feeds.workers import Workers, processes

from .conftest import run_build

pytestmark = pytest.mark.skipif(
    shutil.which("jekyll") is None,
    reason="needs Jekyll to compare with: the packages jekyll and ruby-jekyll-feed",
)

URL = "https://example.org"
CONFIG = f"url: {URL}\n"
LIST_OF_POSTS = """\
---
permalink: /posts.json
published: true
---
{% for post in site.posts %}{
"path": {{ post.path | jsonify }}, "page": {{ post.url | jsonify }},
"url": {{ post.url | absolute_url | jsonify }}, "id": {{ post.id | absolute_url | jsonify }},
"date": {{ post.date | date_to_xmlschema | jsonify }}, "title": {{ post.title | jsonify }},
"categories": {{ post.categories | jsonify }}, "tags": {{ post.tags | jsonify }},
"excerpt": {{ post.excerpt | strip_html | normalize_whitespace | jsonify }}
},{% endfor %}
"""


@dataclass(frozen=True)
class Seen:
    """A post as a visitor of the site sees it; ``date`` with the site's offset."""

    url: str
    id: str
    date: str
    title: str
    categories: list[str]
    tags: list[str]


def write_site(root: Path, files: Mapping[str, str], config: str = CONFIG) -> Path:
    for path, text in {**files, "_config.yml": config, "posts.json": LIST_OF_POSTS}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return root


def run_jekyll(root: Path) -> Path:
    """Build the site with Jekyll; returns the output folder."""
    output = root.with_name(f"{root.name}-by-jekyll")
    run = subprocess.run(
        ["jekyll", "build", "--disable-disk-cache", "--quiet", "--destination", str(output)],
        cwd=root,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode and "jekyll-feed" in run.stderr:
        pytest.skip("needs jekyll-feed: the package ruby-jekyll-feed")
    assert run.returncode == 0, run.stdout + run.stderr
    return output


def listed(output: Path) -> list[dict[str, Any]]:
    text = (output / "posts.json").read_text("utf-8").strip().removesuffix(",")
    found: list[dict[str, Any]] = json.loads(f"[{text}]")
    return found


def jekylls_posts(root: Path) -> dict[str, Seen]:
    """What Jekyll says, in its order."""
    found = {}
    for post in listed(run_jekyll(root)):
        # The filter folds full-width letters in a link, though the page is not there.
        if not unicodedata.is_normalized("NFKC", unquote(post["page"])):
            post["url"] = URL + quote(post["page"], safe="/%!$&'()*+,;=:@?#")
        found[post["path"]] = Seen(**{key: post[key] for key in Seen.__annotations__})
    return found


def our_posts(root: Path) -> dict[str, Seen]:
    """What is read here, in the order of the site's feed."""
    with Workers(1, processes) as workers:
        known = known_posts(load_config(root), datetime.now(UTC), workers)
    return {
        post.path: Seen(
            post.url,
            post.id,
            post.date.isoformat(),
            post.title,
            list(post.categories),
            list(post.tags),
        )
        for post, state in known.posts
        if state in (State.VISIBLE, State.RIVAL)
    }


def assert_same(root: Path, better: Mapping[str, Seen] | None = None) -> None:
    """Both read the same, but for the posts of ``better``, which are read as it says."""
    better = better or {}
    jekylls, ours = jekylls_posts(root), our_posts(root)
    unlike = {path for path, post in jekylls.items() if ours.get(path) != post}
    assert {path: ours[path] for path in better} == better
    # A post that is read better has to differ, or its reason is gone.
    assert {path: (jekylls[path], ours.get(path)) for path in unlike - better.keys()} == {}
    assert unlike == set(better)
    assert [path for path in ours if path not in better] == [
        path for path in jekylls if path not in better
    ]


def posts(headers: Mapping[str, str], day: str = "2022-01-02") -> dict[str, str]:
    """A post for each header, all of one day, with the key as the slug of its file."""
    return {
        f"_posts/{day}-{slug}.md": f"---\n{header}\n---\ntext\n" for slug, header in headers.items()
    }


def seen(slug: str, terms: str = "", **more: Any) -> Seen:
    """A post of 2 January 2022 on a site without a zone, in the folders ``terms``."""
    place = f"{URL}/{terms}/2022/01/02/{slug}" if terms else f"{URL}/2022/01/02/{slug}"
    post = Seen(f"{place}.html", place, "2022-01-02T00:00:00+00:00", slug.capitalize(), [], [])
    return replace(post, **more)


# --- rules 1 and 2: which files are posts, and what they are called ------------------------

NAMES = (
    "Hello-World", "hello_world", "a.b", "a.b.", "a..b", "-a-", "--a--b--", "a b", "2020-01-01-b",
    "中文标题", "é", "e\u0301", "ＦＵＬＬ（Ａ）", "１２３", "Ⅷ", "²", "٣", "ﬁ", "ß", "İ", "👍",
    "a\u200bb", "“quoted”", "a—b", "a\u3000b", "a\u00a0b", "a%b", "a%20b", "100%", "%E4%B8%AD",
    "a%96", "a+b", "a&b", "a#b", "a?b", "what?", "a=b,c;d", "a:b", "a@b", "a!b", "(a)", "[a]",
    "a'b", 'a"b', "a<b>", "a|b", "a\\b", "a^b", "a`b", "~a", "$a", "*a*", "_a_", "A.B.C", "a.md",
    "a.-", "x ", "{a}",
)  # fmt: skip
SLUGS = (
    "Custom", "a b", "A_B.c", "中文", "a/b", "/a/", "'a%b'", "'a#b'", "'a?b&c'", "a..b", "'.a'",
    "'a.'", "null", "'a:b'", "ＦＵＬＬ（Ａ）", "ΟΔΟΣ",
)  # fmt: skip


@pytest.mark.parametrize("permalink", ["date", "/:slug/:name", "pretty"])
def test_odd_names_and_slugs_have_the_links_and_ids_that_jekyll_gives(
    tmp_path: Path, permalink: str
) -> None:
    files = posts(dict.fromkeys(NAMES, "title: t"))
    files |= posts({f"s{n}": f"slug: {slug}\ntitle: t" for n, slug in enumerate(SLUGS)})
    write_site(tmp_path / "site", files, f"{CONFIG}permalink: {permalink}\n")
    assert_same(tmp_path / "site")


def test_files_are_posts_by_their_names_wherever_their_folder_is(tmp_path: Path) -> None:
    header = "---\n---\ntext\n"
    files = {
        "_posts/2022-1-2-one-digit.md": header,
        "_posts/22-1-2-short-year.md": header,
        "_posts/70-1-2-short-year.md": header,
        "_posts/2022-01-02.md": header,
        "_posts/2022-01-02-ending": header,
        "_posts/-2022-01-02-lead.md": header,
        "_posts/_2022-01-02-underscore.md": header,
        "_posts/2022-01-02-backup.md~": header,
        "_posts/.2022-01-02-dot.md": header,
        "_posts/undated.md": header,
        "_posts/deep/er/2022-01-02-deep.markdown": header,
        "_posts/2022-01-02-page.html": header,
        "_posts/2022-01-02-other.textile": header,
        "_posts/2022-01-02-feed.xml": header,
        "_posts/2022-01-02-plain.txt": "no header\n",
        "_posts/2022-01-02-no-header.md": "# Heading\n\ntext\n",
        "_posts/2022-01-02-dots.md": "---\ntitle: dots\n...\ntext\n",
        "_posts/2022-01-02-bom.md": "\ufeff---\ntitle: mark\n---\ntext\n",
        "news/_posts/2022-01-02-folder.md": header,
        "news/Deep/_posts/2022-01-02-folders.md": header,
        "news/2022-01-02-outside.md": header,
        "_hidden/_posts/2022-01-02-hidden.md": header,
        "old/_posts/2022-01-02-excluded.md": header,
        "vendor/bundle/_posts/2022-01-02-vendor.md": header,
    }
    root = write_site(tmp_path / "site", files, f"{CONFIG}exclude: [old]\n")
    crlf = root / "_posts/2022-01-02-crlf.md"
    crlf.write_bytes(b"---\r\ntitle: two bytes\r\ntags: [a]\r\n---\r\ntext\r\n")
    assert_same(root)


def test_a_file_of_dots_has_its_name_for_a_title(tmp_path: Path) -> None:
    # To Jekyll its title is empty, and its id that of every other such post of the day.
    root = write_site(tmp_path / "site", posts({"": "", "...": ""}))
    named = {
        f"_posts/{stem}.md": seen(
            "", id=f"{URL}/2022/01/02/{stem}", title=stem, url=f"{URL}/2022/01/02/.html"
        )
        for stem in ("2022-01-02-", "2022-01-02-...")
    }
    assert_same(root, named)


def test_a_site_may_lie_in_a_folder_of_its_own(tmp_path: Path) -> None:
    files = {
        "src/_posts/2022-01-02-a.md": "---\n---\n",
        "src/news/_posts/2022-01-02-b.md": "---\n---\n",
        "src/old/_posts/2022-01-02-c.md": "---\n---\n",
        "elsewhere/_posts/2022-01-02-d.md": "---\n---\n",
        "src/posts.json": LIST_OF_POSTS,
    }
    config = (
        f"{CONFIG}source: ./src\nexclude: [old]\n"
        "defaults: [{scope: {path: news}, values: {tags: [n]}}]"
    )
    root = write_site(tmp_path / "site", files, config)
    jekylls = {f"src/{path}": post for path, post in jekylls_posts(root).items()}
    assert list(our_posts(root).items()) == list(jekylls.items())


# --- rule 3: dates -------------------------------------------------------------------------

DATES = (
    "title: none",
    "date: 2019-06-23",
    'date: "2019-06-23"',
    "date: 2019-06-23 13:26",
    "date: 2019-06-23 13:26:05",
    "date: 2019-06-23 23:26:05",
    "date: '2019-06-23 23:26:05'",
    "date: !!str 2019-06-23 13:26:05",
    "date: 2019-06-23 13:26:05 +0800",
    "date: 2019-06-23 13:26:05 +08:00",
    "date: 2019-06-23 13:26:05+0800",
    "date: 2019-06-23 13:26:05 -0500",
    "date: 2019-06-23 13:26 +0800",
    "date: 2019-06-23 13:26:05 +8",
    "date: 2019-06-23 13:26:05 UTC",
    "date: 2019-06-23 13:26:05 EST",
    "date: 2019-06-23 13:26 PST",
    "date: 2019-06-23T13:26:05Z",
    "date: 2019-06-23t13:26:05z",
    "date: 2019-06-23T13:26:05.123+02:00",
    "date: 2019-06-23 13:26:05.5",
    "date: 2019-06-23 3:26:05",
    "date: 2019-6-3 3:26:05",
    "date: 2019-06-23  13:26:05",
    "date: 2019-06-23 1:26 PM",
    "date: 2019-06-23 12:26 AM",
    "date: 2019-06-23 24:00:00",
    "date: 2019-06-23 13:26:60",
    "date: 23 June 2019",
    "date: June 23, 2019",
    "date: Jun 23 2019 10:00",
    "date: Sun, 23 Jun 2019 10:00:00 +0200",
    "date: 2019/06/23",
    "date: 2019/06/23 10:11:12",
    "date: 20190623",
    "date: 1969-12-31 10:00:00",
    "date: 2019-12-31 20:00:00",
    "date: 2019-03-10 02:30",
)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "UTC+5", "Mars/Olympus"])
def test_dates_of_every_shape_are_jekylls_in_every_zone(tmp_path: Path, zone: str) -> None:
    files = posts({f"d{n:02}": date for n, date in enumerate(DATES)})
    assert_same(write_site(tmp_path / "site", files, f"{CONFIG}timezone: {zone}\n"))


# --- rules 4 and 5: categories and tags ----------------------------------------------------

TERMS = {
    "string": "categories: A b",
    "comma": "categories: a, b",
    "list": "categories: [a, b c]",
    "repeated": "categories: [A, a, A]",
    "both": "category: a\ncategories: b c",
    "same": "category: b\ncategories: [b, c]",
    "singular": "category: a b",
    "singular-list": "category: [x, y z]",
    "empty": "categories: ''\ncategory:",
    "null": "categories: null",
    "none": "categories: []",
    "chinese": "categories: 中文 股市\ntags: 中国税务报新闻",
    "case": "categories: [Über, İstanbul, ΟΔΟΣ, ß, ẞ]",
    "width": "categories: ｆｕｌｌ（Ａ）\ntags: ｆｕｌｌ（Ａ）",
    "ideographic": "categories: a\u3000b c\u00a0d",
    "path": "categories: [a/b, .hidden, 'a.', '..', '//x', '/x/']",
    "marks": "categories: ['a&b', 'a+b', 'a=b', 'a,b', 'a;b', 'a@b', 'a!b', 'a$b', 'a*b', '(a)']",
    "others": """categories: ['a"b', 'a<b>', 'a|b', 'a\\b', 'a^b', 'a`b', 'a{b}', "it's", ~a_b]""",
    "question": "categories: ['a?b']",
    "fragment": "categories: ['a#b', 'c#d']",
    "percent": "categories: ['a%b', '100%', 'a%20b']",
    "colon": "categories: ['a:b', 'http://x']",
    "brackets": "categories: ['[x]']",
    "space": 'categories: "a\\tb"',
    "day": "category: 2019-01-01",
    "tag-string": "tags: a b",
    "tag-comma": "tags: a, b",
    "tag-list": "tags: [a b, c, A]",
    "tag-singular": "tag: a b",
    "tag-singular-list": "tag: [a, [b]]",
    "tag-both": "tag: a\ntags: b",
    "tag-null": "tag:\ntags: b",
    "tag-nulls": "tags:\n- a\n-\n- b",
    "tag-nested": "tags: [[a, b], c]",
    "tag-mapping": "tags: {a: b}",
    "tag-padded": "tags: [' a ']",
    "tag-ideographic": "tags: \u3000a\u3000b",
}

# Text stays as it is written, a post is once in a feed, and a null is none.
READ_BETTER = {
    "number": ("categories: 163", seen("number", "163", categories=["163"])),
    "truth": ("categories: yes", seen("truth", "yes", categories=["yes"])),
    "falsehood": ("categories: [no]", seen("falsehood", "no", categories=["no"])),
    "numbers": ("categories: [163, 1.5]", seen("numbers", "163/1.5", categories=["163", "1.5"])),
    "zeros": ("category: 007", seen("zeros", "007", categories=["007"])),
    "nested": ("categories: [x, [y, z]]", seen("nested", "x/y/z", categories=["x", "y", "z"])),
    "nulls": ("categories: [null, a]", seen("nulls", "a", categories=["a"])),
    "blank": ("category: ''\ntag: ''", seen("blank")),
    "twice": ("tags: [a, a, A]", seen("twice", tags=["a", "A"])),
    "tag": ("tag: 5", seen("tag", tags=["5"])),
    "tags": ("tags: [yes, 007, 1.0]", seen("tags", tags=["yes", "007", "1.0"])),
    "tagged": ("tags: 163", seen("tagged", tags=["163"])),
    "refused": ("tags: no", seen("refused", tags=["no"])),
}


def test_categories_and_tags_are_jekylls_but_for_text_that_it_takes_for_something_else(
    tmp_path: Path,
) -> None:
    titled = {slug: f"title: t\n{header}" for slug, header in TERMS.items()}
    files = posts(titled) | posts({slug: header for slug, (header, _) in READ_BETTER.items()})
    better = {f"_posts/2022-01-02-{slug}.md": post for slug, (_, post) in READ_BETTER.items()}
    assert_same(write_site(tmp_path / "site", files), better)


def test_folders_above_the_posts_are_categories(tmp_path: Path) -> None:
    headers = {
        "_posts/sub": "",
        "news/_posts": "categories: x news",
        "news/Deep/_posts": "category: news",
        "news/_posts/x_posts": "",
        "my_posts/_posts": "categories: [y]",
        "a b/_posts": "",
        "中/_posts": "categories:",
    }
    files = {
        f"{folder}/2022-01-02-{n}.md": f"---\n{header}\n---\n"
        for n, (folder, header) in enumerate(headers.items())
    }
    assert_same(write_site(tmp_path / "site", files))


# --- rule 6: links -------------------------------------------------------------------------

PERMALINKS = (
    "/x/",
    "x",
    "x/y.html",
    "/:categories/:title/",
    "/:year/:month/:day/:title:output_ext",
    "/:year-:month-:day-:title",
    "/:month_:day/:title",
    "/:i_month/:i_day/:short_year/:y_day",
    "/:w_year/:week/:w_day/:short_day/:long_day/:short_month/:long_month",
    "/:hour/:minute:second.html",
    "/:collection/:path",
    "/:slugified_categories/:slug/:name",
    "/中文/:title/",
    "/a b/",
    "/a%20b/x",
    "/a?b",
    "/a#b",
    "/a/../b",
    "/./a",
    "//a//c",
    "/a/:title.xml",
    "/:title/index.html",
    "/:title.",
    "pretty",
    "date",
    "'/:title:'",
    "/a.b/c",
    "/.hidden",
    "/.x/",
    "'/a&b<c>\"d'",
    "/",
    "./:title",
    "../:title",
    "/a..b/c",
    "/ＦＵＬＬ",
    "/:title%",
    "false",
    "null",
    "/:title/é/",
)


def test_a_post_has_the_link_that_it_asks_for(tmp_path: Path) -> None:
    header = "title: t\ncategories: [Cat One, b, B]\ndate: 2020-12-31 16:07:08"
    headers = {f"P{n}": f"{header}\npermalink: {link}" for n, link in enumerate(PERMALINKS)}
    config = f"{CONFIG}timezone: Asia/Shanghai\n"
    assert_same(write_site(tmp_path / "site", posts(headers), config))


def test_an_empty_permalink_is_none(tmp_path: Path) -> None:
    # Jekyll puts the post on the front page.
    root = write_site(tmp_path / "site", posts({"empty": "permalink: ''"}))
    assert_same(root, {"_posts/2022-01-02-empty.md": seen("empty")})


STYLES = (
    "permalink: none",
    "permalink: ordinal",
    "permalink: weekdate",
    "permalink: pretty",
    "permalink: blog/:year/:title.html",
    "permalink: '/:categories/:title.:output_ext'",
    "permalink:\ncollections: [posts, other]",
    "permalink: pretty\ncollections: {posts: {permalink: /c/:title:output_ext, output: false}}",
)


@pytest.mark.parametrize("style", STYLES)
def test_a_site_has_the_links_of_its_style(tmp_path: Path, style: str) -> None:
    files = {
        "_posts/2022-01-02-Some Title.md": "---\ncategories: [Cat One, b]\n---\n",
        "_posts/2022-11-30-x.html": "---\ndate: 2021-01-01 02:00:00\n---\n",
        "a/_posts/2020-01-01-y.markdown": "---\n---\n",
        "_posts/2020-12-31-z.textile": "---\n---\n",
        "_posts/sub/2016-02-29-n.x.md": "---\n---\n",
    }
    assert_same(write_site(tmp_path / "site", files, f"{CONFIG}{style}\n"))


def test_a_style_by_its_name_is_one_for_a_collection_too(tmp_path: Path) -> None:
    # Jekyll takes it for a pattern, so all posts have the one address /pretty.
    config = f"{CONFIG}collections: {{posts: {{permalink: pretty}}}}\n"
    root = write_site(tmp_path / "site", posts({"a": ""}), config)
    assert_same(root, {"_posts/2022-01-02-a.md": seen("a", url=f"{URL}/2022/01/02/a/")})


PLACEHOLDERS = (
    "categories", "slugified_categories", "year", "month", "day", "i_month", "i_day", "short_year",
    "y_day", "hour", "minute", "second", "title", "slug", "name", "path", "w_year", "week", "w_day",
    "short_month", "long_month", "short_day", "long_day",
)  # fmt: skip


def test_any_pattern_with_any_slug_date_and_categories_is_jekylls(tmp_path: Path) -> None:
    chance = random.Random(20220117)
    letters = "aZ9 中é.-_~%+&'()=,;@!#ＡΣ"
    files = {}
    for number in range(150):
        parts = chance.sample(PLACEHOLDERS, chance.randint(1, 5))
        end = chance.choice(["", "/", ".html", ":output_ext", "/index.html"])
        # Jekyll takes all that stands after a dot for the ending, and breaks on this one.
        between = "//-_" if end == ":output_ext" else "//-_."
        pattern = "".join(chance.choice(between) + f":{part}" for part in parts) + end
        terms = ["".join(chance.choices(letters, k=3)) for _ in range(chance.randint(0, 3))]
        slug = f"x{''.join(chance.choices(letters, k=6))}{number}"
        header = {
            "title": "t",
            "permalink": f"/{number}{pattern}",
            "categories": [term for term in terms if term.strip()],
            "date": f"{chance.randint(1990, 2021)}-{chance.randint(1, 12):02}-"
            f"{chance.randint(1, 28):02} {chance.randint(0, 23):02}:{chance.randint(0, 59):02}:07",
        }
        if chance.random() < 0.3:
            header["slug"] = f"s{''.join(chance.choices(letters, k=4))}e"
        files[f"_posts/2022-01-02-{slug}.md"] = f"---\n{json.dumps(header)}\n---\n"
    config = f"{CONFIG}timezone: Asia/Tokyo\n"
    assert_same(write_site(tmp_path / "site", files, config))


# --- rule 7: defaults ----------------------------------------------------------------------

SCOPES = (
    "", "_posts", "_posts/", "/_posts", "_posts/sub", "news", "/news/", "news/_posts", "_posts/*",
    "*/_posts", "**/_posts", "_posts/s*", "_posts/*.md", "news/*/_posts", "_posts/{sub,other}*",
    "_posts/sub?*", "_posts/[s]*", "_posts/[!s]*", "_posts/*/", "nope/*",
    "_posts/2022-01-02-a.md", "*sts", "./_posts",
)  # fmt: skip


def test_defaults_hold_for_the_paths_that_jekyll_says(tmp_path: Path) -> None:
    paths = (
        "_posts/2022-01-02-a.md", "_posts/sub/2022-01-03-b.md", "_posts/subway/2022-01-04-c.md",
        "news/_posts/2022-01-05-d.md", "news/deep/_posts/2022-01-06-e.md",
        "newsletter/_posts/2022-01-07-f.md",
    )  # fmt: skip
    # Of categories each set that holds adds its own, so one run tells of all scopes.
    sets = [
        {"scope": {"path": scope, "type": "posts"}, "values": {f"d{n}": "x", "layout": None}}
        for n, scope in enumerate(SCOPES)
    ]
    listing = "\n".join(
        f"{{% if post.d{n} %}}{{% assign found = found | push: '{scope}' %}}{{% endif %}}"
        for n, scope in enumerate(SCOPES)
    )
    page = (
        "---\n---\n{% for post in site.posts %}{% assign found = '' | split: '' %}"
        f"{listing}{{{{ post.path }}}} {{{{ found | jsonify }}}}\n{{% endfor %}}"
    )
    config = CONFIG + json.dumps({"defaults": sets})[1:-1]
    files = {**dict.fromkeys(paths, "---\n---\n"), "defaults.txt": page}
    root = write_site(tmp_path / "site", files, config)
    lines = (run_jekyll(root) / "defaults.txt").read_text("utf-8").split("\n")
    jekylls = {
        path: json.loads(scopes)
        for path, _, scopes in (line.strip().partition(" ") for line in lines)
        if path
    }
    read = load_config(root).posts.defaults
    ours = {
        path: [scope for n, scope in enumerate(SCOPES) if f"d{n}" in defaults_for(path, read)]
        for path in paths
    }
    assert ours == jekylls


def test_of_several_defaults_the_more_specific_wins_and_the_post_over_all(tmp_path: Path) -> None:
    files = {
        "_posts/2022-01-02-a.md": "---\n---\n",
        "_posts/sub/2022-01-03-b.md": "---\n---\n",
        "news/_posts/2022-01-05-d.md": "---\n---\n",
        "_posts/sub/2022-01-09-own.md": "---\npermalink: /own\ncategories: m\ntags: [t]\n---\n",
        "_posts/sub/2022-01-10-null.md": "---\npermalink:\ncategories:\ntags:\ntitle:\n---\n",
        "_posts/sub/2022-01-11-one.md": "---\ncategory: one\ntag: two words\n---\n",
    }
    config = (
        CONFIG
        + """\
defaults:
- {scope: {path: _posts/sub, type: posts}, values: {permalink: /sub/:title.html, categories: x y}}
- {scope: {path: ""}, values: {permalink: /all/:title/, tags: [all], title: T, categories: [z]}}
- {scope: {path: _posts, type: post}, values: {permalink: /posts/:title/, tags: q w}}
- {scope: {path: news/_posts, type: drafts}, values: {tags: [drafts]}}
- {scope: {path: news, type: posts}, values: {permalink: null, tag: single, category: sing}}
- {scope: {path: _posts, type: pages}, values: {published: false}}
- {scope: {path: _posts}, values: {title: never}}
- values: invalid
"""
    )
    assert_same(write_site(tmp_path / "site", files, config))


# --- rule 8: what is published -------------------------------------------------------------

PUBLISHED = {
    "false": "published: false",
    "text": "published: 'false'",
    "true": "published: true",
    "no": "published: no",
    "off": "published: OFF",
    "null": "published:",
    "zero": "published: 0",
    "blank": "published: ''",
    "future": "date: 2099-01-01",
    "draft": "draft: false",
    "draft-text": "draft: 'true'",
}


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "future: true",
        "unpublished: true",
        "collections: {posts: {future: true}}",
        "show_drafts: true\nunpublished: true\nfuture: true\n"
        "defaults: [{scope: {path: _drafts}, values: {tags: [d]}},"
        " {scope: {type: drafts}, values: {tags: [never]}}]",
    ],
)
def test_the_same_posts_are_published(tmp_path: Path, settings: str) -> None:
    files = posts(PUBLISHED) | {
        "_posts/2099-01-01-name.md": "---\n---\n",
        "_posts/2099-01-02-past.md": "---\ndate: 2020-01-01\n---\n",
        "_drafts/d.md": "---\ndate: 2022-03-01\ntitle: D\n---\n",
        "_drafts/2022-03-03-dated.md": "---\n---\n",
        "news/_drafts/f.md": "---\ndate: 2022-03-05\ncategories: q\n---\n",
        "_drafts/sub/g.md": "---\ndate: 2022-03-06\npublished: false\n---\n",
    }
    assert_same(write_site(tmp_path / "site", files, f"{CONFIG}{settings}\n"))


# --- rule 9: excerpts ----------------------------------------------------------------------

EXCERPTS = {
    "paragraph": "---\n---\none *two*\nthree\n\nfour\n",
    "blank-first": "---\n---\n\n\none\n\ntwo\n",
    "quote": "---\n---\n> one\n\ntwo\n",
    "heading": "---\n---\n# one\n\ntwo\n",
    "own": "---\nexcerpt: mine\n---\none\n\ntwo\n",
    "markup": "---\nexcerpt: <p>mine</p>\n---\none\n\ntwo\n",
    "null": "---\nexcerpt:\n---\none\n\ntwo\n",
    "text": "---\n---\none\n",
    "nothing": "---\ntitle: t\n---\n",
    "more": "---\n---\none\n\ntwo <!--more-->\n\nthree\n",
}


@pytest.mark.parametrize(
    ("settings", "slugs"),
    [
        ("", EXCERPTS.keys()),
        ("excerpt_separator: <!--more-->", ["own", "markup", "text", "nothing", "more"]),
    ],
)
def test_excerpts_are_the_summaries(tmp_path: Path, settings: str, slugs: list[str]) -> None:
    files = {f"_posts/2022-01-02-{slug}.md": text for slug, text in EXCERPTS.items()}
    root = write_site(tmp_path / "site", files, f"{CONFIG}{settings}\n")
    run_build(root, datetime.now(UTC))
    feed = json.loads((root / "public/feed.json").read_bytes())
    ours = {item["url"]: item.get("summary", "") for item in feed["items"]}
    jekylls = {post["url"]: post["excerpt"] for post in listed(run_jekyll(root))}
    urls = [f"{URL}/2022/01/02/{slug}.html" for slug in slugs]
    assert {url: ours[url] for url in urls} == {url: jekylls[url] for url in urls}


# --- rule 10: order ------------------------------------------------------------------------


def test_posts_are_ordered_by_instant_then_by_path(tmp_path: Path) -> None:
    same = "---\ndate: 2022-01-02 08:00:00 +0800\n---\n"
    files = {
        "_posts/2022-01-02-B.md": same,
        "_posts/2022-01-02-a.md": same,
        "_posts/2022-01-02-a-b.md": same,
        "_posts/2022-01-02-a.html": same,
        "_posts/sub/2022-01-02-c.md": same,
        "_posts/2022-01-02-中.md": same,
        "_posts/2022-01-02-é.md": same,
        "_posts/2022-01-02-｡.md": same,
        "_posts/2022-01-02-😀.md": same,
        "a/_posts/2022-01-02-a.md": same,
        "_posts/2020-01-01-z.md": "---\ndate: 2022-01-02 00:00:00 +0000\n---\n",
        "_posts/2021-01-01-half.md": "---\ndate: 2022-01-02 00:00:00.000 +0000\n---\n",
        "_posts/2023-01-01-later.md": "---\ndate: 2022-01-02 00:00:01 +0000\n---\n",
        "_posts/2024-01-01-earlier.md": "---\ndate: 2022-01-01 18:59:59 -0500\n---\n",
    }
    root = write_site(tmp_path / "site", files)
    assert_same(root)


# --- jekyll-feed ---------------------------------------------------------------------------


def entries(feed: Path) -> list[dict[str, Any]]:
    return [
        {
            "id": entry.id,
            "link": entry.link,
            "published": entry.published_parsed,
            "updated": entry.updated_parsed,
            "images": [image["url"] for image in entry.get("media_content", [])],
        }
        for entry in feedparser.parse(feed.read_bytes()).entries
    ]


def days(headers: Mapping[str, str]) -> dict[str, str]:
    """A post for each header, each a day older; jekyll-feed shuffles those of one day."""
    dates = (f"2022-01-{day:02}" for day in range(28, 0, -1))
    return {
        path: text
        for (slug, header), date in zip(headers.items(), dates, strict=False)
        for path, text in posts({slug: header}, date).items()
    }


def test_a_feed_goes_on_where_jekyll_feed_left_off(tmp_path: Path) -> None:
    headers = {
        "plain": "title: a",
        "image": "image: /a b.png",
        "image-path": "image: {path: pictures/中.png}",
        "image-url": "image: https://cdn.example.org/x.png?a=b",
        "image-false": "image: false",
        "image-up": "image: ../a.png",
        "image-here": "image: ./a/./b.png",
        "image-odd": "image: '/a[1]-100%.png'",
        "updated": "last_modified_at: 2022-03-04 05:06:07 +0200",
        "draft": "draft: true",
        "categories": "categories: [A B, ΟΔΟΣ, 'x?y']",
        "slug": "slug: B/b c",
        "permalink": "permalink: /p/:title/",
        "oldest": "date: 2000-01-01",
    }
    config = (
        f"{CONFIG}baseurl: Blog/\ntitle: T\ntimezone: Asia/Shanghai\nplugins: [jekyll-feed]\n"
        "feed: {posts_limit: 12, path: /old/feed.atom}\n"
    )
    root = write_site(tmp_path / "site", days(headers), config)
    jekylls = entries(run_jekyll(root) / "old/feed.atom")
    run_build(root, datetime.now(UTC))
    assert len(jekylls) == 12  # of fourteen, one of them a draft
    assert entries(root / "public/old/feed.atom") == jekylls


def assert_same_entries(root: Path, output: Path, paths: set[str]) -> None:
    """What was built here has the entries of Jekyll's output, and there are some."""
    for path in paths:
        ours, jekylls = (
            [entry.id for entry in feedparser.parse((folder / path).read_bytes()).entries]
            for folder in (root / "public", output)
        )
        assert ours == jekylls != [], path


@pytest.mark.parametrize("settings", ["posts_limit: 2", "excerpt_only: true"])
def test_its_settings_are_understood(tmp_path: Path, settings: str) -> None:
    config = f"{CONFIG}title: T\nplugins: [jekyll-feed]\nfeed: {{path: x.xml, {settings}}}\n"
    root = write_site(tmp_path / "site", days(dict.fromkeys("abc", "")), config)
    jekylls = feedparser.parse((run_jekyll(root) / "x.xml").read_bytes()).entries
    run_build(root, datetime.now(UTC))
    ours = feedparser.parse((root / "public/x.xml").read_bytes()).entries
    assert [(e.id, "content" in e) for e in ours] == [(e.id, "content" in e) for e in jekylls]


def test_feeds_of_tags_are_where_it_put_them(tmp_path: Path) -> None:
    headers = {"a": "tags: [One, two, three]\ncategories: [news, Other]", "b": "tags: [One]"}
    config = (
        f"{CONFIG}title: T\nplugins: [jekyll-feed]\n"
        "feed: {categories: [news], tags: {path: /by/, except: [two]}}\n"
    )
    root = write_site(tmp_path / "site", days(headers), config)
    output = run_jekyll(root)
    run_build(root, datetime.now(UTC))
    written = {str(path.relative_to(output)) for path in output.glob("**/*.xml")}
    assert written == {"feed.xml", "feed/news.xml", "by/One.xml", "by/three.xml"}
    assert_same_entries(root, output, written - {"feed.xml"})
    assert not (root / "public/by/two.xml").exists()


def test_every_file_it_wrote_stays_with_the_entries_it_had(tmp_path: Path) -> None:
    headers = {
        "a": "tags: [A, my-tag, 股市]\ncategories: [a b]",
        "b": "tags: [a, C_1]\ncategories: [News]",
        "c": "tags: [A, a]\ncategories: [x/y, x]",
        "d": "tags: [c_1]\ncategories: [news, x y]",
    }
    config = (
        f"{CONFIG}title: T\nplugins: [jekyll-feed]\n"
        "feed: {path: feed.xml, categories: [a b, News, news, x/y, x], tags: true}\n"
    )
    root = write_site(tmp_path / "site", days(headers), config)
    output = run_jekyll(root)
    run_build(root, datetime.now(UTC))
    written = {str(path.relative_to(output)) for path in output.glob("**/*.xml")}
    tags = {f"feed/by_tag/{tag}.xml" for tag in ("A", "a", "C_1", "c_1")}
    categories = {f"feed/{name}.xml" for name in ("a b", "News", "news", "x/y", "x")}
    assert written == {"feed.xml", *tags, *categories}
    assert_same_entries(root, output, written)
    # And what it would not write is there as well.
    assert (root / "public/feed/by_tag/股市.xml").exists()
    assert (root / "public/feed/by_tag/my-tag.xml").exists()


# --- endings, templates, excerpts ----------------------------------------------------------


def test_the_case_of_an_ending_is_jekylls(tmp_path: Path) -> None:
    names = ("a.MD", "b.Markdown", "c.HTML", "d.Textile")
    files = {f"_posts/2022-01-02-{name}": "---\ntitle: t\n---\n*x*\n" for name in names}
    assert_same(write_site(tmp_path / "site", files))


def test_a_template_sees_the_page_as_jekyll_shows_it(tmp_path: Path) -> None:
    names = ("id", "url", "title", "date", "path", "slug", "categories", "tags")
    body = "; ".join(f"{{{{ page.{name} }}}}" for name in names)
    header = "title: T\ncategories: [A b, c]\ntags: [x, y]\ndate: 2022-01-02 10:00:00 +0000"
    files = {"_posts/2022-01-02-Some Thing.md": f"---\n{header}\n---\n{body}\n"}
    root = write_site(tmp_path / "site", files, f"{CONFIG}baseurl: /base\n")
    run_build(root, datetime.now(UTC))
    (item,) = json.loads((root / "public/feed.json").read_bytes())["items"]
    page = run_jekyll(root) / "a b/c/2022/01/02/Some-Thing.html"
    assert item["content_html"] == page.read_text("utf-8").strip()


def test_a_body_without_the_mark_is_all_excerpt(tmp_path: Path) -> None:
    files = {
        f"_posts/2022-01-02-{slug}.md": EXCERPTS[slug]
        for slug in ("paragraph", "blank-first", "quote", "heading", "null")
    }
    root = write_site(tmp_path / "site", files, f"{CONFIG}excerpt_separator: <!--more-->\n")
    run_build(root, datetime.now(UTC))
    feed = json.loads((root / "public/feed.json").read_bytes())
    ours = {item["url"]: item.get("summary", "") for item in feed["items"]}
    assert ours == {post["url"]: post["excerpt"] for post in listed(run_jekyll(root))}


DATES_OF_PEOPLE = (
    "23-06-2019", "3-6-2019", "23-06-2019 13:26", "23-06-2019 13:26:05 +0200",
    "23.06.2019", "3. 6. 2019", "23.06.19", "19/06/23", "2019 June 23", "2019-Jun-23",
    "23. June 2019", "23June2019", "July-4-2019", "23-06-19", "June 2019", "2019 June", "2019/06",
    "6/2019", "2019-174", "2019174", "20190623132605", "201906231326", "20190623132605+0200",
    "190623", "13:26 23 June 2019", "13:26:05 2019-06-23", "1:26 pm 23 June 2019",
    "Sun Jun 23 13:26:05 2019", "Sun Jun 23 13:26:05 CST 2019", "Sun Jun 23 13:26:05 +0200 2019",
    "Sunday, 23 June 2019 at 13:26", "June 2019 13:26", "2019-06-23 13时26分",
)  # fmt: skip


def test_dates_as_people_write_them_are_jekylls(tmp_path: Path) -> None:
    files = posts({f"d{n:02}": f"date: {date}" for n, date in enumerate(DATES_OF_PEOPLE)})
    assert_same(write_site(tmp_path / "site", files, f"{CONFIG}timezone: Asia/Shanghai\n"))
