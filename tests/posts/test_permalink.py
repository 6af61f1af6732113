from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.posts.permalink import (
    STYLES,
    Place,
    absolute_url,
    encoded,
    jekyll_id,
    pattern_of,
    post_id,
    post_path,
    pretty,
    slugified,
    tag_uri,
    unknown_placeholders,
)

SITE = "https://example.org"
PLACE = Place(
    date=datetime(2021, 1, 3, 4, 5, 6, tzinfo=ZoneInfo("Asia/Shanghai")),
    slug="Hello World_1.x",
    stem="2021-01-03-Hello World_1.x",
    path="news/_posts/deep/2021-01-03-Hello World_1.x.md",
    categories=("News", "Über uns", "news"),
)


@pytest.mark.parametrize(
    ("style", "path"),
    [
        ("none", "/news/%C3%BCber%20uns/Hello-World_1.x.html"),
        ("date", "/news/%C3%BCber%20uns/2021/01/03/Hello-World_1.x.html"),
        ("pretty", "/news/%C3%BCber%20uns/2021/01/03/Hello-World_1.x/"),
        ("ordinal", "/news/%C3%BCber%20uns/2021/003/Hello-World_1.x.html"),
        ("weekdate", "/news/%C3%BCber%20uns/2021/W53/Sun/Hello-World_1.x.html"),
        ("/x/:slug", "/x/hello-world-1-x"),
        ("unheard-of", "/unheard-of"),
    ],
)
def test_a_style_is_a_pattern(style: str, path: str) -> None:
    assert post_path(pattern_of(style), PLACE) == path


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        (":year", "2021"),
        (":short_year", "21"),
        (":month", "01"),
        (":i_month", "1"),
        (":short_month", "Jan"),
        (":long_month", "January"),
        (":day", "03"),
        (":i_day", "3"),
        (":y_day", "003"),
        (":short_day", "Sun"),
        (":long_day", "Sunday"),
        (":w_day", "7"),
        (":week", "53"),
        (":w_year", "2020"),
        (":hour", "04"),
        (":minute", "05"),
        (":second", "06"),
        (":categories", "news/%C3%BCber%20uns"),
        (":slugified_categories", "news/%C3%BCber-uns"),
        (":collection", "posts"),
        (":title", "Hello-World_1.x"),
        (":slug", "hello-world-1-x"),
        (":name", "2021-01-03-hello-world-1-x"),
        (":path", "news/deep/2021-01-03-Hello%20World_1.x"),
        (":output_ext", ".html"),
        (":month_:day", "01_03"),
        (":year-:month", "2021-01"),
        (":title:output_ext", "Hello-World_1.x.html"),
        (":unknown/:year", ":unknown/2021"),
        (":years", ":years"),
        (":Year", ":Year"),
        ("::year:", ":2021:"),
        ("a//b///:year", "a/b/2021"),
        ("../:year/./x", "2021/x"),
        ("a..b", "a/b"),
    ],
)
def test_a_placeholder_stands_for_a_part_of_the_post(pattern: str, path: str) -> None:
    assert post_path(pattern, PLACE) == f"/{path}"


def test_the_names_of_months_and_days_are_english_for_every_day_of_a_year() -> None:
    days = [datetime(2021, month, day, tzinfo=UTC) for month in range(1, 13) for day in range(1, 8)]
    pattern = ":long_month :short_month :long_day :short_day"
    found = {post_path(pattern, replace(PLACE, date=day)) for day in days}
    assert len(found) == 84
    assert all(re.fullmatch(r"/([A-Z]..)[a-z]* \1 ([A-Z]..)[a-z]*day \2", path) for path in found)


def test_years_have_four_digits() -> None:
    old = replace(PLACE, date=datetime(7, 2, 1, tzinfo=UTC))
    assert post_path(":year :short_year :w_year", old) == "/0007 07 0007"


def test_a_file_above_no_folder_has_a_path_too() -> None:
    place = replace(PLACE, path="2021-01-03-a...md", stem="2021-01-03-a..")
    assert post_path(":path", place) == "/2021-01-03-a"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a:b", "/a:b"),
        ("1:ä", "/1:%C3%A4"),
        ("http://x/y", "/http:/x/y"),
        ("//[x]/y", "/[x]/y"),
        ("a?b", "/a?b"),
        ("a?b#c", "/a?b%23c"),
        ("a#b", "/a%23b"),
        ("[x]", "/%5Bx%5D"),
        ("a%20b", "/a%2520b"),
    ],
)
def test_a_category_is_escaped_as_if_it_were_an_address(name: str, path: str) -> None:
    assert post_path(":categories", replace(PLACE, categories=(name,))) == path


def test_a_post_without_categories_leaves_no_gap() -> None:
    assert post_path(STYLES["none"], replace(PLACE, categories=())) == "/Hello-World_1.x.html"


def test_placeholders_that_stand_for_nothing_are_named_in_their_order() -> None:
    assert unknown_placeholders("/:x/:year/:month_/:y_:title_x/:X/:path") == (
        ":x",
        ":y_",
        ":title_x",
    )
    assert unknown_placeholders("/a/b") == ()


# --- slugs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "slug", "kept"),
    [
        ("Hello World", "hello-world", "Hello-World"),
        ("abc", "abc", "abc"),
        ("ABC", "abc", "ABC"),
        ("a_b.c~d", "a-b-c-d", "a_b.c~d"),
        ("--a--b--", "a-b", "a-b"),
        ("a/b?c#d%e", "a-b-c-d-e", "a-b-c-d-e"),
        ("(a) & [b]", "a-b", "(a)-&-b"),
        ("中国 税务报", "中国-税务报", "中国-税务报"),
        ("“引号”。", "引号", "引号"),
        ("Ｆｕｌｌ（Ａ）", "ｆｕｌｌ-ａ", "Ｆｕｌｌ-Ａ"),
        ("e\u0301", "e\u0301", "e\u0301"),
        ("x² ٣ Ⅷ", "x-٣", "x-٣"),
        ("👍", "", ""),
        ("ΟΔΟΣ", "οδοσ", "ΟΔΟΣ"),
        ("ß İ", "ß-i̇", "ß-İ"),
        ("", "", ""),
    ],
)
def test_a_slug_keeps_its_script(text: str, slug: str, kept: str) -> None:
    assert slugified(text) == slug
    assert pretty(text) == kept


@given(text=st.text())
def test_a_slug_is_lower_case_words_with_single_hyphens(text: str) -> None:
    slug = slugified(text)
    assert "--" not in slug
    assert not slug.startswith("-")
    assert not slug.endswith("-")
    assert not any(char.isspace() or char in "/?#%:\\" for char in slug + pretty(text))


# --- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/a/b.html", "/a/b.html"),
        ("/中/é", "/%E4%B8%AD/%C3%A9"),
        ("/a b\"<>\\^`{|}", "/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/a%20b", "/a%20b"),
        ("/100%", "/100%25"),
        ("/50%/%zz/%4", "/50%25/%25zz/%254"),
        ("/!$&'()*+,;=:@?x=y#z", "/!$&'()*+,;=:@?x=y#z"),
        ("/[a]", "/%5Ba%5D"),
    ],
)  # fmt: skip
def test_an_address_holds_what_an_address_can_hold(path: str, url: str) -> None:
    assert absolute_url(SITE, path) == SITE + url
    assert absolute_url(SITE, url) == SITE + url


def test_a_host_of_version_six_keeps_its_brackets() -> None:
    assert encoded("http://[::1]/ä", more="[]") == "http://[::1]/%C3%A4"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PATTERNS = st.lists(
    st.one_of(
        st.sampled_from(["/", "//", ".", "..", "_", "-", ":", "%", "?", "#", "a"]),
        st.sampled_from(
            [":categories", ":title", ":slug", ":path", ":name", ":year", ":output_ext"]
        ),
        TEXTS,
    )
).map("".join)
PLACES = st.builds(
    Place,
    date=st.datetimes(timezones=st.just(UTC)),
    slug=TEXTS,
    stem=TEXTS,
    path=TEXTS,
    output_ext=TEXTS,
    categories=st.lists(TEXTS).map(tuple),
)


@given(pattern=PATTERNS, place=PLACES)
def test_any_pattern_makes_a_path_of_the_site(pattern: str, place: Place) -> None:
    path = post_path(pattern, place)
    assert path.startswith("/")
    assert "//" not in path
    assert ".." not in path
    url = absolute_url(SITE, path)
    assert re.fullmatch(
        r"https://example\.org/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?#-]|%[0-9A-Fa-f]{2})*", url
    )
    assert absolute_url("", url) == url


# --- ids -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "slug", "id"),
    [
        ("/a/b.html", "b", "/a/b"),
        ("/a/b/", "b", "/a/b"),
        ("/a/b/", "x", "/a/x"),
        ("/b.html", "b", "/b"),
        ("/", "b", "/b"),
        ("/a/index.html", "/b/c/", "/a/b/c/"),
    ],
)
def test_the_id_of_jekyll_is_the_folder_and_the_slug(path: str, slug: str, id: str) -> None:
    assert post_id(path, slug) == id


@pytest.mark.parametrize(
    ("path", "slug", "id"),
    [
        ("/a/b.html", "b", "/a/b"),
        ("/%E4%B8%AD/b.html", "中", "/%E4%B8%AD/%E4%B8%AD"),
        ("/a/b.html", "ＦＵＬＬ（Ａ）", "/a/FULL(A)"),
        ("/a/b.html", "e\u0301", "/a/%C3%A9"),
        ("/%EF%BC%A1/b.html", "b", "/A/b"),
        ("/a/b.html", "a%20b c", "/a/a%20b%20c"),
        ("/a/b.html", "x%2Fy%7e", "/a/x%2Fy~"),
        ("/a/b.html", "100%", "/a/100%25"),
        ("/a/b.html", "Ａ%96", "/a/%EF%BC%A1%96"),
        ("/a/b.html", "what?", "/a/what"),
        ("/a/b.html", "a?b c;d/e", "/a/a?b%20c%3Bd/e"),
        ("/a/b.html", "a#b c", "/a/a#b%20c"),
        ("/a/b.html", "x ", "/a/x"),
    ],
)
def test_the_id_of_jekyll_feed_is_normalised(path: str, slug: str, id: str) -> None:
    assert jekyll_id(SITE, path, slug) == SITE + id


@pytest.mark.parametrize(
    ("site", "id"),
    [
        ("https://example.org", "https://example.org/a/b"),
        ("https://Example.org/Blog", "https://example.org/Blog/a/b"),
        ("http://example.org:8080", "http://example.org:8080/a/b"),
        ("https://bücher.example.org/ä", "https://xn--bcher-kva.example.org/%C3%A4/a/b"),
    ],
)
def test_the_host_of_an_id_is_written_one_way(site: str, id: str) -> None:
    assert jekyll_id(site, "/a/b.html", "b") == id


def test_a_tag_uri_says_host_day_and_path() -> None:
    date = datetime(2022, 1, 2, 23, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert tag_uri("https://example.org:8080/blog", "/中.html", date) == (
        "tag:example.org,2022-01-02:/%E4%B8%AD.html"
    )


@given(slug=TEXTS, pattern=PATTERNS, place=PLACES)
def test_any_slug_makes_an_id_of_plain_characters(slug: str, pattern: str, place: Place) -> None:
    path = post_path(pattern, place)
    for id in (jekyll_id(SITE, path, slug), tag_uri(SITE, path, place.date)):
        assert re.fullmatch(r"[!-~]+", id)
