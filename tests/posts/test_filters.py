from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from feeds.config import Site
from feeds.posts.filters import LARGEST, LONGEST, NAMES, Filters, size_of

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2022, 1, 17, 8, 54, 2, tzinfo=ZONE)
FILTERS = Filters(Site("https://example.org/base", timezone="Asia/Shanghai"), NOW)


# Jekyll 4.3.1 says the same, but for the way that it escapes an apostrophe.
@pytest.mark.parametrize(
    ("name", "arguments", "made"),
    [
        ("relative_url", ("/a",), "/base/a"),
        ("relative_url", ("a",), "/base/a"),
        ("relative_url", ("https://e.org/a",), "https://e.org/a"),
        ("relative_url", ("",), "/base"),
        ("relative_url", ("//a",), "/base//a"),
        ("absolute_url", ("",), "https://example.org/base"),
        ("absolute_url", ("/a",), "https://example.org/base/a"),
        ("absolute_url", ("mailto:a",), "mailto:a"),
        ("strip_index", ("/a/index.html",), "/a/"),
        ("date", (NOW, "%Y/%-m"), "2022/1"),
        ("date", ("2021-02-03", "%F %z"), "2021-02-03 +0800"),
        ("date", (date(2021, 2, 3), "%F"), "2021-02-03"),
        ("date", ("now", "%F"), "2022-01-17"),
        ("date", ("no date", "%F"), "no date"),
        ("date", (None, "%F"), None),
        ("date_to_xmlschema", (NOW,), "2022-01-17T08:54:02+08:00"),
        ("date_to_rfc822", (NOW,), "Mon, 17 Jan 2022 08:54:02 +0800"),
        ("date_to_string", (NOW,), "17 Jan 2022"),
        ("date_to_string", (NOW, "ordinal"), "17th Jan 2022"),
        ("date_to_string", ("2022-01-22", "ordinal", "US"), "Jan 22nd, 2022"),
        ("date_to_long_string", (NOW,), "17 January 2022"),
        ("date_to_long_string", ("2022-01-01", "ordinal"), "1st January 2022"),
        ("slugify", ("The _config.yml file",), "the-config-yml-file"),
        ("slugify", ("A b", "raw"), "a-b"),
        ("markdownify", ("*a*",), "<p><em>a</em></p>\n"),
        ("jsonify", ({"a": ["文", None, True]},), '{"a":["文",null,true]}'),
        ("xml_escape", ("<a b='c'>",), "&lt;a b=&#x27;c&#x27;&gt;"),
        ("cgi_escape", ("a b/c",), "a+b%2Fc"),
        ("uri_escape", ("a b/c?d=é",), "a%20b/c?d=%C3%A9"),
        ("normalize_whitespace", (" a\n\t b ",), "a b"),
        ("number_of_words", ("Hello 你好 world",), 3),
        ("number_of_words", ("Hello 你好 world", "cjk"), 4),
        ("array_to_sentence_string", (["a", "b", "c"],), "a, b, and c"),
        ("array_to_sentence_string", (["a", "b"], "or"), "a or b"),
        ("push", (["a"], "b"), ["a", "b"]),
        ("pop", (["a", "b"],), ["a"]),
        ("shift", (["a", "b", "c"], 2), ["c"]),
        ("unshift", (["a"], "b"), ["b", "a"]),
        ("pop", ("a",), []),
        ("strip_html", ("<p title='>'>a<br>b<script>c</script><!-- d --></p>",), "'>ab"),
        (
            "group_by",
            ([{"k": "x", "n": 1}, {"k": "y"}, {"k": "x"}], "k"),
            [
                {"name": "x", "items": [{"k": "x", "n": 1}, {"k": "x"}], "size": 2},
                {"name": "y", "items": [{"k": "y"}], "size": 1},
            ],
        ),
    ],
)
def test_jekylls_filters(name: str, arguments: tuple[Any, ...], made: Any) -> None:
    assert getattr(FILTERS, name)(*arguments) == made


def test_every_filter_takes_nothing_for_something() -> None:
    for name in NAMES:
        arguments = ("x",) if name in ("group_by", "push", "unshift") else ()
        getattr(FILTERS, name)(None, *arguments)


def test_the_size_of_a_value_is_all_that_it_holds_and_counting_ends() -> None:
    assert size_of("abc") == 4
    assert size_of(["a", {"k": ["bc", None]}]) == 9
    doubled: list[Any] = []
    for _ in range(100):
        doubled = [doubled, doubled]
    assert size_of(doubled) > LARGEST > LONGEST
