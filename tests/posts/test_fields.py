from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import Config, Posts, Site
from feeds.models import Enclosure, Link, Person, Post, Role
from feeds.posts import fields
from feeds.posts.frontmatter import Plain, Value, split
from feeds.posts.read import read_post

SITE = Site("https://example.org/blog", authors={"ann": Person("Ann A", "a@example.org")})
POST = "https://example.org/blog/x/a.html"


def header(text: str) -> dict[str, Value]:
    return split(f"---\n{text}\n---\n", jekyll=True).values


def post(text: str, jekyll: bool = True) -> Post:
    """A post with this header, as the whole reader has it."""
    config = Config(Path(), SITE, Posts(jekyll=jekyll, sources=("_posts",)))
    mark = "+++" if " = " in text else "---"
    raw = f"{mark}\n{text}\n{mark}\ntext\n".encode()
    found = read_post("_posts/2022-01-02-a.md", raw, config).post
    assert found is not None
    return found


# --- scalars -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "text", "items"),
    [
        ("word", "word", ["word"]),
        ("'  two  words '", "two  words", ["  two  words "]),
        ("NO", "NO", ["NO"]),
        ("163", "163", ["163"]),
        ("007", "007", ["007"]),
        ("2022-01-02", "2022-01-02", ["2022-01-02"]),
        ("|\n  one\n  two", "one two", ["one two"]),
        ('"a\\tb"', "a b", ["a b"]),
        ("", "", []),
        ("~", "", []),
        ("null", "", []),
        ("'null'", "null", ["null"]),
        ("''", "", []),
        ("' '", "", []),
        ("[a, [b, [c]], null, '']", "a b c", ["a", "b", "c"]),
        ("{a: b}", "", []),
        ("[{a: b}, c]", "c", ["c"]),
    ],
)
def test_a_value_is_text_as_it_is_written(written: str, text: str, items: list[str]) -> None:
    value = header(f"key: {written}")["key"]
    assert fields.text_of(value) == text
    assert fields.texts(value) == items
    assert fields.text_of(None) == ""
    assert fields.texts(None) == []


def test_terms_have_no_line_ends() -> None:
    found = post('tags: ["x\\ny", "a\\r\\u2028b", " c "]\ncategory: "d\\ne"')
    assert (found.tags, found.categories) == (("x y", "a b", " c "), ("d e",))


def test_the_first_field_that_says_something_counts() -> None:
    values = header("a: ''\nb:\nc: true\nd: no\ne: {x: y}\nf: 'true'\ng: last")
    assert fields.first_text(values, "abcdefg") == "true"
    assert fields.first_text(values, "abcdeg") == "last"
    assert fields.first_text(values, "abcde") == ""
    assert fields.first_text({}, "abc") == ""


# --- terms ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("categories: a b", ("a", "b")),
        ("categories: a, b", ("a,", "b")),
        ("categories: [a b, c]", ("a b", "c")),
        ("categories: [b, a, B, b]", ("b", "a", "B")),
        ("category: c d\ncategories: a b", ("a", "b", "c d")),
        ("category: a\ncategories: a b", ("a", "b")),
        ("category: [x, [y]]", ("x", "y")),
        ("categories: 163", ("163",)),
        ("categories: [NO, 007, null, ~, '']", ("NO", "007")),
        ("categories: a\u3000b\u00a0c", ("a\u3000b\u00a0c",)),
        ("categories: {a: b}", ()),
        ("categories:", ()),
    ],
)
def test_categories_are_split_at_white_space_or_listed(
    text: str, categories: tuple[str, ...]
) -> None:
    values = header(text)
    found = fields.categories((), (values.get("categories"),), values.get("category"))
    assert found == categories == post(text).categories


def test_folders_come_first_and_defaults_before_the_post() -> None:
    plural: tuple[Value, ...] = (["b", "f"], "c f")
    assert fields.categories(("f", "F"), plural, "d e") == ("f", "F", "b", "c", "d e")


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("tags: a b", ("a", "b")),
        ("tags: [a b, c, c, C]", ("a b", "c", "C")),
        ("tag: a b", ("a b",)),
        ("tag: a\ntags: b", ("a",)),
        ("tag:\ntags: b", ("b",)),
        ("tag: [a, [b]]", ("a", "b")),
        ("tags: 中国税务报新闻", ("中国税务报新闻",)),
        ("tags: 163", ("163",)),
        ("tags: [Yes, 1.0]", ("Yes", "1.0")),
        ("", ()),
    ],
)
def test_a_tag_in_the_singular_is_the_only_one(text: str, tags: tuple[str, ...]) -> None:
    assert fields.tags(header(text)) == tags == post(text).tags


@pytest.mark.parametrize(
    ("text", "categories", "tags"),
    [
        ('taxonomies = {categories = ["a b"], tags = ["c"]}', ("a b",), ("c",)),
        ('categories = ["x"]\ntags = ["y"]\ntaxonomies.tags = ["y", "z"]', ("x",), ("y", "z")),
        ('topics = ["t"]', (), ("t",)),
        ("taxonomies = 5", (), ()),
    ],
)
def test_zola_and_eleventy_have_words_of_their_own(
    text: str, categories: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    found = post(text, jekyll=False)
    assert (found.categories, found.tags) == (categories, tags)


# --- people --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "authors"),
    [
        ("author: Bob", [Person("Bob")]),
        ("author: ann", [Person("Ann A", "a@example.org")]),
        ("author: [ann, Bob, Bob]", [Person("Ann A", "a@example.org"), Person("Bob")]),
        ("authors: [Bob, Cy]", [Person("Bob"), Person("Cy")]),
        ("author: Bob\nauthors: [Cy]", [Person("Bob")]),
        ("author: ''\nauthors: [Cy]", [Person("Cy")]),
        ("author: false\nauthors: [Cy]", [Person("Cy")]),
        ("author: true", []),
        ("author: {twitter: bob}\nauthors: Cy", [Person("Cy")]),
        (
            "author: {name: Bob, email: b@example.org, uri: https://b.example.org}",
            [Person("Bob", "b@example.org", "https://b.example.org")],
        ),
        ("author: {display_name: Bob, website: https://b.org}", [Person("Bob", "", "https://b.org")]),
        ("author: {name: Bob, url: /bob/}", [Person("Bob", "", f"{SITE.url}/bob/")]),
        ("authors:\n- name: Bob\n- Cy\n- {x: y}\n-", [Person("Bob"), Person("Cy")]),
        ("taxonomies: {authors: [Bob]}", [Person("Bob")]),
        ("author: 王小明", [Person("王小明")]),
        ("title: t", []),
    ],
)  # fmt: skip
def test_authors_are_names_tables_or_short_names(text: str, authors: list[Person]) -> None:
    assert fields.authors(header(text), f"{SITE.url}/a/b.html", SITE, True) == tuple(authors)
    assert post(text).authors == tuple(authors)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("lang: zh-CN", "zh-CN"),
        ("language: pt_BR", "pt-BR"),
        ("locale: de", "de"),
        ("lang: ''\nlocale: de", "de"),
        ("lang: two words", ""),
        ("lang: 中文", ""),
        ("lang: en--US", ""),
        ("lang: [en]", "en"),
        ("lang: no", ""),
        ("lang: 'no'", "no"),
    ],
)
def test_a_language_is_a_tag_or_none(text: str, language: str) -> None:
    assert fields.language(header(text)) == language == post(text).language


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("excerpt: one\nsummary: two\ndescription: three", "one"),
        ("summary: two\ndescription: three", "two"),
        ("description: |\n  two\n  lines", "two lines"),
        ("excerpt: ''\ndescription: three", "three"),
        ("excerpt: false\nsummary: 163", "163"),
        ("title: t", ""),
    ],
)
def test_a_summary_is_what_the_header_says(text: str, summary: str) -> None:
    assert post(text).summary == summary


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        ("aliases: [/a/, ' /b/ ', /a/]", ("/a/", "/b/")),
        ("redirect_from: /old.html", ("/old.html",)),
        ("aliases: /a/\nalias: /b/\nredirect_from: [/a/, /c/]", ("/a/", "/b/", "/c/")),
        ("aliases:", ()),
    ],
)
def test_where_a_post_was_before_is_kept_as_written(text: str, aliases: tuple[str, ...]) -> None:
    assert post(text).aliases == aliases


# --- images --------------------------------------------------------------------------------

BLOG = "https://example.org/blog"


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("image: /a b.png", f"{BLOG}/a%20b.png"),
        ("image: pictures/中.png", f"{BLOG}/pictures/%E4%B8%AD.png"),
        ("image: ./a.png", f"{BLOG}/a.png"),
        ("image: ../a.png", "https://example.org/a.png"),
        ("image: /blog/a.png", f"{BLOG}/a.png"),
        ("image: 100%.png", f"{BLOG}/100%25.png"),
        ("image: 'a[1].png'", f"{BLOG}/a%5B1%5D.png"),
        ("image: 'x:y.png'", ""),
        ("image: pictures\\a.png", f"{BLOG}/pictures/a.png"),
        ("image: //cdn.example.org/a.png", "https://cdn.example.org/a.png"),
        ("image: HTTPS://cdn.example.org/a.png?x=1&y=2", "HTTPS://cdn.example.org/a.png?x=1&y=2"),
        ("image: http://[::1]/a.png", "http://[::1]/a.png"),
        ("image: 'http://[::1/a.png'", ""),
        ("image: 'http:///a.png'", ""),
        ("image: data:image/png;base64,AAAA", ""),
        ("image: javascript:alert(1)", ""),
        ("image: '{{ site.url }}/a.png'", ""),
        ("image: true", ""),
        ("image: false\ncover: c.png", f"{BLOG}/c.png"),
        ("image: ''\nthumbnail: t.png", f"{BLOG}/t.png"),
        ("image: {path: p.png, alt: x}", f"{BLOG}/p.png"),
        ("image: {feature: f.png}", f"{BLOG}/f.png"),
        ("images: [{src: s.png}, t.png]", f"{BLOG}/s.png"),
        ("images: [~, {x: y}, t.png]", f"{BLOG}/t.png"),
        ("header: {overlay_image: o.png}", f"{BLOG}/o.png"),
        ("header: {overlay_image: o.png, teaser: t.png}", f"{BLOG}/t.png"),
        ("header: a title", ""),
        ("title: t", ""),
    ],
)
def test_the_image_of_a_post_is_where_jekyll_finds_it(text: str, image: str) -> None:
    assert post(text).image == image


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("a.png", "https://example.org/blog/x/a.png"),
        ("/a.png", "https://example.org/a.png"),
        ("../a.png", "https://example.org/blog/a.png"),
        ("//cdn.example.org/a.png", "https://cdn.example.org/a.png"),
        ("https://cdn.example.org/a.png", "https://cdn.example.org/a.png"),
    ],
)
def test_elsewhere_a_path_is_relative_to_the_post(path: str, url: str) -> None:
    assert fields.resolved(path, POST, SITE.url, jekyll=False) == url


@given(st.from_regex(fields.PLAIN_ADDRESS, fullmatch=True), st.booleans())
def test_a_plain_address_is_what_it_is_when_taken_apart(path: str, jekyll: bool) -> None:
    assert fields.resolved(path, POST, SITE.url, jekyll) == path
    assert fields._resolved(path, POST, SITE.url, jekyll) == path


# --- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "enclosures"),
    [
        ("enclosure: /a.mp3", [(f"{BLOG}/a.mp3", "audio/mpeg", 0)]),
        ("enclosure: /a.MP3?x=1.ogg", [(f"{BLOG}/a.MP3?x=1.ogg", "audio/mpeg", 0)]),
        ("enclosure: /a.xyz", [(f"{BLOG}/a.xyz", "application/octet-stream", 0)]),
        ("audio: /a.xyz", []),
        ("video: /a.pdf", []),
        ("audio: true", []),
        ("audio: /a.ogg", [(f"{BLOG}/a.ogg", "audio/ogg", 0)]),
        (
            "enclosure: {url: /a.mp3, type: audio/x-mine, length: '1,234'}",
            [(f"{BLOG}/a.mp3", "audio/x-mine", 1234)],
        ),
        ("enclosure: {href: /a.mp3, size: big}", [(f"{BLOG}/a.mp3", "audio/mpeg", 0)]),
        ("enclosure: {url: /a.mp3, type: no type}", [(f"{BLOG}/a.mp3", "audio/mpeg", 0)]),
        ("enclosure: {url: /a.mp3, length: -5}", [(f"{BLOG}/a.mp3", "audio/mpeg", 0)]),
        (
            "enclosures: [/a.mp3, {url: /b.pdf}, /a.mp3]",
            [(f"{BLOG}/a.mp3", "audio/mpeg", 0), (f"{BLOG}/b.pdf", "application/pdf", 0)],
        ),
        (
            "audio: {mp3: /a.mp3, opus: /a.opus, text: /a.txt}",
            [(f"{BLOG}/a.mp3", "audio/mpeg", 0), (f"{BLOG}/a.opus", "audio/ogg", 0)],
        ),
        (
            "enclosure: |\n  https://example.org/a.mp3\n  1234\n  audio/mpeg",
            [("https://example.org/a.mp3", "audio/mpeg", 1234)],
        ),
        (
            "enclosure: /a.mp3\npodcast: /a.mp3\nmp3: /b.mp3",
            [(f"{BLOG}/a.mp3", "audio/mpeg", 0), (f"{BLOG}/b.mp3", "audio/mpeg", 0)],
        ),
        ("enclosure: javascript:alert(1)", []),
        ("enclosure: [[[{}]], ~]", []),
    ],
)  # fmt: skip
def test_enclosures_have_an_address_a_type_and_a_length(
    text: str, enclosures: list[tuple[str, str, int]]
) -> None:
    assert post(text).enclosures == tuple(Enclosure(*each) for each in enclosures)


# --- the source ----------------------------------------------------------------------------

URL = "https://source.example.org/a?b=c"


@pytest.mark.parametrize(
    ("text", "label", "line"),
    [
        (f"source: {URL}", "", 2),
        (f"title: t\nlink: {URL}", "", 3),
        (f"canonical_url: {URL}", "", 2),
        (f"title: t\nx: y\nexternal_url: '{URL}'", "", 4),
        (f"source: 某报\nlink: {URL}", "", 3),
        (f"source: {{name: 某报, url: '{URL}'}}", "某报", 2),
        (f"source: [{{title: 某报, link: '{URL}'}}, 'https://second.example.org']", "某报", 2),
        (f"source:\n  name: 某报\n  href: {URL}", "某报", 2),
        (f"canonical_url: {POST}\nlink: {URL}", "", 3),
        (f"source: {URL}\nlink: https://second.example.org/", "", 2),
    ],
)
def test_a_source_in_the_header_is_a_link_with_its_line(text: str, label: str, line: int) -> None:
    assert fields.source(header(text), POST, lambda key: 0) == (Link(Role.SOURCE, label, URL, 0),)
    found = post(text)
    assert found.links == (Link(Role.SOURCE, label, URL, line),)
    assert found.source == URL


@pytest.mark.parametrize(
    "text",
    [
        "source: 某报",
        "source:",
        "source: ''",
        "source: true",
        "source: {name: 某报}",
        "source: /own/page",
        "link: mailto:a@example.org",
        "link: https://example.org/two words",
        "link: javascript://x",
        "canonical_url: https://example.org/blog/2022/01/02/a.html",
        "canonical_url: http://example.org/blog/2022/01/02/a.html/#top",
        "title: t",
    ],
)
def test_what_is_no_address_or_the_own_page_is_no_source(text: str) -> None:
    assert post(text).links == ()


def test_the_source_of_the_header_comes_before_that_of_the_text() -> None:
    config = Config(Path(), SITE, Posts(jekyll=True))
    raw = (
        f"---\nlink: {URL}\n---\n正文。\n\n<https://below.example.org>\n\n[返回首页](/)\n".encode()
    )
    found = read_post("_posts/2022-01-02-a.md", raw, config).post
    assert found is not None
    assert [(link.url, link.line) for link in found.links] == [
        (URL, 2),
        ("https://below.example.org", 6),
        ("/", 8),
    ]
    assert found.source == URL


def test_a_source_among_the_extras_of_zola_is_found() -> None:
    found = post(f'title = "t"\n[extra]\nlink = "{URL}"', jekyll=False)
    assert found.links == (Link(Role.SOURCE, "", URL, 4),)


# --- any header ----------------------------------------------------------------------------

SCALARS = st.one_of(
    st.text(max_size=12),
    st.text(max_size=12).map(Plain),
    st.sampled_from(["true", "no", "", "~", "http://[", "//x/a.mp3", "a b", "http://e.org:x/"]).map(Plain),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["url", "path", "name", "type", "length", "mp3", "src"]), inner, max_size=3), max_leaves=6,
)  # fmt: skip
KEYS = (
    *fields.SUMMARY_KEYS, *fields.IMAGE_KEYS, *fields.LANGUAGE_KEYS, *fields.ALIAS_KEYS,
    *fields.ENCLOSURE_KEYS, *fields.RECORDING_KEYS, *fields.SOURCE_KEYS, "author", "authors",
    "taxonomies", "tags", "tag", "categories", "category",
)  # fmt: skip


@pytest.mark.parametrize("jekyll", [True, False])
@given(values=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_no_header_breaks_and_every_address_is_absolute(
    jekyll: bool, values: dict[str, Value]
) -> None:
    details = fields.details(values, POST, SITE, jekyll)
    urls = [details.image] if details.image else []
    urls += [enclosure.url for enclosure in details.enclosures]
    assert all(url.lower().startswith(("http://", "https://")) for url in urls)
    assert len({enclosure.url for enclosure in details.enclosures}) == len(details.enclosures)
    assert all(person.name for person in details.authors)
    terms = fields.tags(values)
    assert len(set(terms)) == len(terms)
    assert all(fields.categories((), (values.get("categories"),), values.get("category")))
    assert len(fields.source(values, POST, len)) <= 1
