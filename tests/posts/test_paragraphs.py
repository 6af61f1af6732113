from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.posts.complexity import FEW_TAGS, SHORT
from feeds.posts.markdown import markdown
from feeds.posts.paragraphs import paragraphs
from feeds.posts.reading import Markup
from feeds.posts.sanitiser import sanitised

from .hostile import checked

PAGE = "https://news.example.org/a.html"

PIECES = st.one_of(
    st.sampled_from(
        (
            *("<p>", "</p>", '<p class="a b">', "<b>", "</b>", "<strong>", "</strong>", "<i>"),
            *("\n", "\n\n", " ", "   ", "    ", "\t", "\u3000", "\u00a0", "\ufeff", "\ufdd1"),
            *("*", "_", "~~", "`", "#", "-", "+", "1.", "2)", ":", ">", "|", "$", "^", "\\"),
            *("[^1]", "[a](b)", "![", "{:", "{{", "&", "&amp;", "&#0;", "<", "<br>", "<!--"),
            *('"', "'", "=", "==", "---", "hidden", "data-src", "markdown=1", "http://a.b/c"),
            *(
                "*ST新",
                "“证”",
                "（文",
                "文章来源：",
                "12月8日",
                "3.14",
                "①",
                "·",
                "ß",
                "\u0085",
                "\u2028",
            ),
        )
    ),
    st.text(max_size=4),
)
# What is taken, and what is nearly like it.
ELEMENTS = st.tuples(
    st.sampled_from(("", "", "\n", " ", "\n   ", "\n    ", "\n\n")),
    st.sampled_from(("<p>", "<p>", '<p class="em_media">', '<p class="">', '<p class="a" id="b">')),
    st.lists(
        st.one_of(
            PIECES,
            st.sampled_from(("<strong>粗</strong>", "<b></b>", "<i>a</b>", "<em>x<i>y</i></em>")),
        ),
        max_size=4,
    ).map("".join),
    st.just("</p>"),
).map("".join)
SAFE = st.lists(
    st.one_of(
        st.sampled_from(
            ("“证”，", "*ST", "[^1]:", "hidden ", " data-src=", "`a`", "| --- |", "1. ", "~~")
        ),
        st.text(
            st.characters(
                exclude_categories=["Cc", "Cs"], exclude_characters="<>&{\u00a0\ufffe\uffff"
            ),
            max_size=5,
        ),
    ),
    max_size=3,
).map("".join)
EMPHASIS = st.tuples(st.sampled_from(("b", "em", "i", "strong")), SAFE, SAFE).map(
    lambda parts: "<{0}>{1}</{0}>{2}".format(*parts)
)
PARAGRAPH = st.tuples(
    st.sampled_from(("", "", "\n", "\n ", "\n   ")),
    st.sampled_from(("<p>", "<p>", '<p class="em_media">')),
    SAFE,
    st.lists(EMPHASIS, max_size=2).map("".join),
    st.just("</p>"),
).map("".join)
WORDS = st.sampled_from(
    (
        "，“证”（记者）",
        "3.5%",
        " a-b ",
        " 1. ",
        '"x"',
        "'",
        "http://a.b/c?d=e",
        "#",
        "!",
        " = ",
        "：",
        "·",
    )
)
LINE = st.tuples(
    st.sampled_from(("一", "a", "9", "12", "“")), st.lists(WORDS, max_size=4).map("".join) | SAFE
).map("".join)
BODIES = st.tuples(
    st.one_of(
        st.lists(PARAGRAPH, min_size=1, max_size=3).map(lambda each: "".join(each).lstrip("\n")),
        LINE,
        st.lists(ELEMENTS, min_size=1, max_size=3).map("".join),
        st.lists(PIECES, max_size=6).map("".join),
    ),
    st.sampled_from(("", "\n", "\n\n", " \n")),
).map("".join)


def the_long_way(text: str, markup: Markup) -> str:
    return sanitised(markdown(text) if markup is Markup.MARKDOWN else text, PAGE)


@settings(max_examples=500, deadline=None)
@given(text=BODIES, markup=st.sampled_from(Markup))
@example(text="<p>一</p>\n   <p>二</p>\n\n", markup=Markup.MARKDOWN)
@example(text='他说："是"。', markup=Markup.MARKDOWN)
def test_what_is_plain_is_what_markdown_and_the_sanitiser_make_of_it(
    text: str, markup: Markup
) -> None:
    plain = paragraphs(text, markup)
    if plain is not None:
        checked(plain)
        assert plain == the_long_way(text, markup)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("北向资金净流入达30亿元。\n\n", "<p>北向资金净流入达30亿元。</p>"),
        ("12月8日，A股：涨 3.5% (记者)", "<p>12月8日，A股：涨 3.5% (记者)</p>"),
        ("<p>一</p><p>二</p>", "<p>一</p><p>二</p>"),
        ("<p>一</p>\n <p>*ST新</p>\n\n", "<p>一</p>\n <p>*ST新</p>"),
        (
            '<p>一<strong>二</strong>三</p><p class="em_media">四</p>',
            "<p>一<strong>二</strong>三</p><p>四</p>",
        ),
    ],
)
def test_plain_bodies_are_taken(text: str, written: str) -> None:
    assert paragraphs(text, Markup.MARKDOWN) == written == the_long_way(text, Markup.MARKDOWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 一",
        "1. 一",
        "# 一",
        "    一",
        "一\n二",
        "一*二*",
        "一 & 二",
        "[一](二)",
        "<p>一</p>\n\n<p>二</p>",
        "<p>一</p>\n    <p>二</p>",
        "<p onclick=a>一</p>",
        '<p class="a" style="display:none">一</p>',
        "<p>一<br>二</p>",
        "<p>一<b>二</p>",
        "<p>一<b>二</i></p>",
        "<p>&lt;</p>",
        "<p>一<p>二</p>",
        "<P>一</P>",
        "<p>一</p>二",
        "<p>{: .a}</p>",
        "<p>一</p>" * FEW_TAGS,
        f"<p>{'一' * SHORT}</p>",
        "一" * SHORT,
    ],
)
def test_all_else_is_left_to_markdown_and_the_sanitiser(text: str) -> None:
    assert paragraphs(text, Markup.MARKDOWN) is None


def test_text_of_a_page_in_html_is_no_paragraph() -> None:
    assert paragraphs("一", Markup.HTML) is None
    assert paragraphs("<p>一</p>", Markup.HTML) == "<p>一</p>"
