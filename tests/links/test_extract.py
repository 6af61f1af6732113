from __future__ import annotations

import string
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.config import Config, Posts, Site
from feeds.links.extract import extract
from feeds.models import Link, Role
from feeds.posts.read import read_post

HEADER = '---\ntitle: "a"\ncategories: c\n---\n'
BODY, IMAGE = Role.BODY, Role.IMAGE


def config(jekyll: bool = True) -> Config:
    return Config(
        root=Path("/nowhere"),
        site=Site(url="https://example.com", title="t"),
        posts=Posts(jekyll=jekyll),
    )


def links(raw: bytes | str, name: str = "2022-01-17-a.md", jekyll: bool = True) -> list[Link]:
    raw = raw.encode() if isinstance(raw, str) else raw
    reading = read_post(f"_posts/{name}", raw, config(jekyll))
    assert reading.post is not None, reading.findings
    return extract(reading, raw.decode("utf-8-sig", "replace"))


def found(body: str, name: str = "2022-01-17-a.md") -> list[tuple[Role, str, str, int]]:
    """Role, label, address and line in the body of every link."""
    return [(*link_parts(each), each.line - 4) for each in links(HEADER + body, name)]


def link_parts(link: Link) -> tuple[Role, str, str]:
    return link.role, link.label, link.url


def urls(body: str, name: str = "2022-01-17-a.md") -> list[str]:
    return [url for _, _, url, _ in found(body, name)]


# --- Markdown -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("[a](/b)", [(BODY, "a", "/b", 1)]),
        ('[a](</b c> "title")', [(BODY, "a", "/b c", 1)]),
        ("[a *b* `c`\nd](/e)", [(BODY, "a b c d", "/e", 1)]),
        ("[a](/b(c))", [(BODY, "a", "/b(c)", 1)]),
        ("[a]()", [(BODY, "a", "", 1)]),
        ("[a](/b&amp;c&copy=d)", [(BODY, "a", "/b&c&copy=d", 1)]),
        ("[a](/%2F+%E4\\_)", [(BODY, "a", "/%2F+%E4_", 1)]),
        ("text\n\n[a][b]\n\n[b]: /c", [(BODY, "a", "/c", 3)]),
        ("[b]\n\n[b]: /c 'title'", [(BODY, "b", "/c", 1)]),
        ("[b]: /never-used", []),
        ("[a][b]", []),
        (
            "see <http://example.org/?a=1&b>.",
            [(BODY, "http://example.org/?a=1&b", *["http://example.org/?a=1&b"], 1)],
        ),
        ("mail <a@example.org>", [(BODY, "a@example.org", "mailto:a@example.org", 1)]),
        ("http://example.org/ is text", []),
        ("![a](b.png)", [(IMAGE, "a", "b.png", 1)]),
        ("[![a](b.png)](/c)", [(IMAGE, "a", "b.png", 1), (BODY, "a", "/c", 1)]),
        ("![a ![b](c.png)](d.png)", [(IMAGE, "b", "c.png", 1), (IMAGE, "a b", "d.png", 1)]),
        ("| a |\n|---|\n| [b](/c) |", [(BODY, "b", "/c", 3)]),
        ("a[^1]\n\n[^1]: see [b](/c)", [(BODY, "b", "/c", 3)]),
        ("term\n: [a](/b)", [(BODY, "a", "/b", 2)]),
        ("# [a](/b) {#c}", [(BODY, "a", "/b", 1)]),
        ('- a\n  - [b](/c){:target="_blank"}', [(BODY, "b", "/c", 2)]),
        ("> a\n> [b](/c)", [(BODY, "b", "/c", 2)]),
    ],
)
def test_links_of_markdown(body: str, expected: list[tuple[Role, str, str, int]]) -> None:
    assert found(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "`[a](/b)`",
        "    [a](/b)",
        "```\n[a](/b) <http://example.org/>\n```",
        "~~~html\n<a href='/b'>a</a>\n~~~",
        "`<a href=/b>`",
        "<!-- [a](/b) <a href=/b> -->",
        "<script>\nvar a = '<a href=/b>';\n</script>",
        "\\[a](/b)",
        "{% highlight html %}\n<a href='/b'>[a](/b)</a>\n{% endhighlight %}",
        "{%- comment -%}\n[a](/b)\n{%- endcomment -%}",
        "{% comment %}{% highlight x %}[a](/b){% endcomment %}",
    ],
)
def test_what_only_looks_like_a_link_is_none(body: str) -> None:
    assert found(f"{body}\n\n[z](/z)") == [(BODY, "z", "/z", body.count("\n") + 3)]


def test_a_block_of_liquid_that_is_not_closed_hides_nothing() -> None:
    assert urls("{% highlight x %}\n\n[a](/a)\n") == ["/a"]
    assert urls("{% endcomment %}\n\n[a](/a)\n") == ["/a"]


def test_html_within_markdown() -> None:
    body = (
        "一段 <a href='/a'>*甲*</a> 与 <img src=b.png>\n\n"
        "<p>\n<a\n   href='/c'\n>丙</a>\n</p>\n\n"
        "> <a\n> href='/d'>丁</a>\n\n"
        "<div><a href=/e>e</a>\n[f](/not-markdown)</div>\n"
    )
    assert found(body) == [
        (BODY, "*甲*", "/a", 1),
        (IMAGE, "", "b.png", 1),
        (BODY, "丙", "/c", 4),
        (BODY, "丁", "/d", 9),
        (BODY, "e", "/e", 12),
    ]


def test_links_of_both_kinds_come_in_the_order_of_their_lines() -> None:
    body = "[a](/1)\n\n<a href=/2>b</a>\n\n[c](/3)\n\n<a href=/4>d</a>\n"
    assert urls(body) == ["/1", "/2", "/3", "/4"]


def test_the_same_link_is_one_on_a_line_and_two_on_two() -> None:
    assert found("[a](/b) [a](/b)\n[a](/b) [c](/b)") == [
        (BODY, "a", "/b", 1),
        (BODY, "a", "/b", 2),
        (BODY, "c", "/b", 2),
    ]


# --- HTML ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<a href="/a">b</a>', [(BODY, "b", "/a")]),
        ("<A HREF='/a' >b</A >", [(BODY, "b", "/a")]),
        ("<a class=x href=/a?b=c&d target=_blank>b</a>", [(BODY, "b", "/a?b=c&d")]),
        ('<a title="x > y" href="/a">b</a>', [(BODY, "b", "/a")]),
        ('<a title=" href=/no " data-href="/no" href="/a">b</a>', [(BODY, "b", "/a")]),
        ("<a href='a \"b\"'>c</a>", [(BODY, "c", 'a "b"')]),
        ("<a\n\thref\n=\n'/a'\n>b\n <b>c</b></a>", [(BODY, "b c", "/a")]),
        ('<a href=" /a\n">b</a>', [(BODY, "b", "/a")]),
        ('<a href="">b</a>', [(BODY, "b", "")]),
        ("<a name=b>c</a> <a href>d</a>", []),
        ("<a href=/a>never closed", [(BODY, "", "/a")]),
        ("<a href=/a>&lt;b&gt;</a>", [(BODY, "<b>", "/a")]),
        (
            "<area href=/a><embed src=/b><track src=/c>",
            [(BODY, "", "/a"), (BODY, "", "/b"), (BODY, "", "/c")],
        ),
        ("<iframe src=//example.org/v></iframe>", [(BODY, "", "//example.org/v")]),
        ("<object data=/a></object>", [(BODY, "", "/a")]),
        ("<img src=a.png>", [(IMAGE, "", "a.png")]),
        ("<img data-src=a.png src='data:,'/>", [(IMAGE, "", "a.png"), (IMAGE, "", "data:,")]),
        (
            "<img src=a.png srcset='b.png 1x, c.png 2x'>",
            [(IMAGE, "", "a.png"), (IMAGE, "", "b.png"), (IMAGE, "", "c.png")],
        ),
        (
            "<picture><source srcset=a.webp><img src=b.png></picture>",
            [(IMAGE, "", "a.webp"), (IMAGE, "", "b.png")],
        ),
        (
            "<video src=a.mp4 poster=b.png><source src=c.mp4></video>",
            [(BODY, "", "a.mp4"), (IMAGE, "", "b.png"), (BODY, "", "c.mp4")],
        ),
        ("<audio src=a.mp3></audio>", [(BODY, "", "a.mp3")]),
        ("<a href=/a><img src=b.png></a>", [(BODY, "", "/a"), (IMAGE, "", "b.png")]),
        ('<span href="/no" src="/no">x</span><p data-x="<a href=/no>">', []),
        ("<abbr href=/no><imgx src=/no><a-b href=/no>", []),
        ("< a href=/no><\na href=/no>", []),
        ("<!-- <a href=/no> --><a href=/a>b</a><!-- <a href=/no>", [(BODY, "b", "/a")]),
        ("<!--><a href=/a>b</a><!-- -->", [(BODY, "b", "/a")]),
        ("<script>'<a href=/no>'</script><a href=/a>b</a>", [(BODY, "b", "/a")]),
        ("<style>x</style><textarea><a href=/no></textarea><script><a href=/no>", []),
        ("<scripty><a href=/a>b</a></scripty>", [(BODY, "b", "/a")]),
    ],
)
def test_links_of_html(body: str, expected: list[tuple[Role, str, str]]) -> None:
    assert [each[:3] for each in found(f"<p>\n{body}\n</p>", "2022-01-17-a.html")] == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/?a=1&amp;b=2", "/?a=1&b=2"),
        ("/?a=1&copy=2", "/?a=1&copy=2"),
    ],
)
def test_entities_of_an_attribute_are_what_browsers_take_them_for(written: str, meant: str) -> None:
    assert urls(f'<a href="{written}">b</a>') == [meant]


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("a.png", ["a.png"]),
        ("a.png 1x, b.png 2x", ["a.png", "b.png"]),
        ("\n a.png 100w ,\n b.png 200w\n", ["a.png", "b.png"]),
        ("a.png, b.png", ["a.png", "b.png"]),
        ("a,b.png 1x,c.png", ["a,b.png", "c.png"]),
        ("data:image/png;base64,AA== 1x, b.png 2x", ["data:image/png;base64,AA==", "b.png"]),
        (",,a.png,,", ["a.png"]),
        ("", []),
        (" , ", []),
    ],
)
def test_every_candidate_of_a_srcset_is_an_image(srcset: str, expected: list[str]) -> None:
    assert urls(f"<img srcset='{srcset}'>") == expected


def test_a_long_label_is_shortened() -> None:
    assert found(f"[{'字' * 200}](/a)") == [(BODY, "字" * 79 + "…", "/a", 1)]
    assert found(f"<a href=/a>{'字' * 200}</a>") == [(BODY, "字" * 79 + "…", "/a", 1)]


# --- lines --------------------------------------------------------------------------------

LINES = (
    "---\ntitle: 题\n---\n\n一😀 [a](/1)\n\n<p>二\n<a href=/2>b</a></p>\n\n三 <a href=/3>c</a>\n"
)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["2022-01-17-a.md", "2022-01-17-a.html"])
def test_lines_are_those_of_the_file(mark: str, end: str, name: str) -> None:
    raw = (mark + LINES.replace("\n", end)).encode()
    lines = {each.url: each.line for each in links(raw, name)}
    expected = {"/1": 5, "/2": 8, "/3": 10}
    assert lines == {url: expected[url] for url in lines}
    assert {"/2", "/3"} <= lines.keys()


def test_a_crlf_among_other_ends_of_lines_is_one_end() -> None:
    assert found("a\r\n[b](/c)\n\r\n<a href=/d>e</a>") == [
        (BODY, "b", "/c", 2),
        (BODY, "e", "/d", 4),
    ]


def test_a_cr_alone_ends_a_line_in_front_matter_and_text() -> None:
    raw = "---\ntitle: a\rimage: /i.png\r\n---\nx\r[b](/c)\r\r\n[d](/e)\n\n[返回首页](/)"
    assert [(each.url, each.line) for each in links(raw)] == [
        ("https://example.com/i.png", 3),
        ("/c", 6),
        ("/e", 8),
        ("/", 10),
    ]


def test_a_file_without_front_matter_begins_at_its_first_line() -> None:
    assert [(each.url, each.line) for each in links("[a](/b)\n")] == [("/b", 1)]


def test_a_header_below_blank_lines_moves_the_lines() -> None:
    assert [(each.url, each.line) for each in links(f"\n{HEADER}[a](/b)\n")] == [("/b", 6)]


# --- navigation and front matter ----------------------------------------------------------


def test_the_navigation_is_not_found_twice() -> None:
    body = (
        "[正文](/a)\n\n<http://example.org/1>\n\n"
        "[返回c](//example.com/c/)｜[返回首页](//example.com/)\n"
    )
    assert found(body) == [
        (BODY, "正文", "/a", 1),
        (Role.SOURCE, "", "http://example.org/1", 3),
        (Role.BACK_CATEGORY, "返回c", "//example.com/c/", 5),
        (Role.BACK_HOME, "返回首页", "//example.com/", 5),
    ]


def test_navigation_as_html_is_not_found_twice() -> None:
    body = "<p>a</p>\n<p><a href='/c/'>返回c</a>｜<a href='/'>返回首页</a></p>\n"
    expected = [(Role.BACK_CATEGORY, "返回c", "/c/", 2), (Role.BACK_HOME, "返回首页", "/", 2)]
    assert found(body) == expected
    assert found(body, "2022-01-17-a.html") == expected


def test_an_empty_source_is_a_link_that_leads_nowhere() -> None:
    body = "a\n\n<>\n\n[返回首页](/)\n"
    assert found(body)[0] == (Role.SOURCE, "", "", 3)


def test_the_same_words_within_the_text_are_text() -> None:
    body = "[返回首页](/x)\n\n说完了。\n"
    assert found(body) == [(BODY, "返回首页", "/x", 1)]


def test_links_of_the_front_matter_stand_on_their_lines() -> None:
    raw = (
        "---\ntitle: a\nimage: /img/a.png\nsource: http://example.org/1\n"
        "enclosure:\n  url: http://example.org/a.mp3\n  type: audio/mpeg\n---\n\n[b](/c)\n"
    )
    assert [(each.role, each.url, each.line) for each in links(raw)] == [
        (IMAGE, "https://example.com/img/a.png", 3),
        (Role.SOURCE, "http://example.org/1", 4),
        (Role.ENCLOSURE, "http://example.org/a.mp3", 6),
        (BODY, "/c", 10),
    ]


# --- whatever is in a file ----------------------------------------------------------------

PIECES = st.sampled_from(
    [
        *("<a href=", "<a href='", "<img src=", " srcset='", "</a>", "<!--", "-->", "<script>"),
        *("</script>", "'", '"', ">", "<", "&copy", "&#0;", "&#xD800;", "[", "](", ")", "![", "]:"),
        *("\n", "\r\n", "\r", "    ", "> ", "- ", "`", "```\n", "{% highlight %}", "{% comment %}"),
        *(
            "{% endcomment %}",
            "[返回首页](",
            "<http://a>",
            "<>",
            "\x00",
            "中",
            "😀",
            "a",
            ", ",
            "[^1]: ",
        ),
    ]
)


@given(
    st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)),
    st.sampled_from(["2022-01-17-a.md", "2022-01-17-a.html"]),
    st.sampled_from(["", "\ufeff", HEADER, HEADER.replace("\n", "\r\n")]),
)
@example("<a href=//[>", "2022-01-17-a.md", "---\nimage: //[\n---\n")
@example("a", "2022-01-17-a.md", '---\nimage: "http://[x/a.png"\nsource: "http://[x/"\n---\n')
def test_extract_never_raises_and_names_lines_of_the_file(
    body: str, name: str, header: str
) -> None:
    raw = (header + body).encode()
    lines = len(raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    reading = read_post(f"_posts/{name}", raw, config())
    if reading.post is None:
        return
    found = extract(reading, raw.decode("utf-8-sig", "replace"))
    assert all(1 <= each.line <= lines for each in found)
    assert [each.line for each in found] == sorted(each.line for each in found)


@given(st.text(string.ascii_letters + "中/?=-", min_size=1, max_size=30))
def test_an_address_is_found_however_it_is_quoted(url: str) -> None:
    body = f"<a href=\"{url}\">1</a>\n<a href='{url}'>2</a>\n<a href={url}>3</a>\n"
    assert urls(body, "2022-01-17-a.html") == [url] * 3


HOSTILE = [
    *("<a ", '<a "', "<a '\"", "<a href=x ", '<a href="', "<a href=x>", "</a", "<a>", "<a\n"),
    *("<!--", "<script ", "<script>", "</script ", "<script></script ", "<style>", "&copy", "&#"),
    *(
        "[a](",
        "[a](b) ",
        "![",
        "[",
        "]",
        "[a]: b\n",
        "[^1]",
        "<http://a>",
        "`",
        "``` ",
        "> ",
        "\t- ",
    ),
    *("{% highlight %}", "{%", "{% comment %}{% endcomment %}", "\r", " \n", "\t- "),
    *("*a", "<a href=中>"),
]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("name", ["2022-01-17-a.md", "2022-01-17-a.html"])
def test_the_time_grows_with_the_input_and_not_faster(unit: str, name: str) -> None:
    raw = HEADER + unit * (200_000 // len(unit))
    reading = read_post(f"_posts/{name}", raw.encode(), config())
    began = time.process_time()
    extract(reading, raw)
    # What is quadratic takes minutes at this size.
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "value",
    [", " * 100_000, "," * 200_000, "a, " * 70_000, "&" * 200_000, "&a" * 100_000, " " * 200_000],
)
def test_a_long_attribute_is_no_more_work_than_a_long_text(value: str) -> None:
    raw = f"{HEADER}<img srcset='{value}'><a {value}><a href='{value}'>"
    reading = read_post("_posts/2022-01-17-a.html", raw.encode(), config())
    began = time.process_time()
    extract(reading, raw)
    assert time.process_time() - began < 2
