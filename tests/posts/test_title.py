from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.posts.title import TITLE_LENGTH, first_words, titleized


@pytest.mark.parametrize(
    ("slug", "title"),
    [
        ("hello-world", "Hello World"),
        ("HELLO-wORLD", "Hello World"),
        ("202112080712", "202112080712"),
        ("巩固-成果", "巩固 成果"),
        ("élan-vital", "Élan Vital"),
        ("a--b", "A  B"),
        ("-a", " A"),
        ("a--", "A"),
        ("a_b", "A_b"),
        ("", ""),
        ("-", ""),
    ],
)
def test_a_slug_becomes_jekylls_title(slug: str, title: str) -> None:
    assert titleized(slug) == title


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("正文。\n\n更多。", "正文。 更多。"),
        ("<p>正文 <b>粗</b>。</p>", "正文 粗 。"),
        ("> 摘要。\n> > 更多。\n", "摘要。 更多。"),
        ("# Heading\n\n- one\n* two\n1. three\n\n---\n", "Heading one two three"),
        (
            "**bold** _soft_ `code` ~~gone~~ snake_case 2 * 3",
            "bold soft code gone snake_case 2 * 3",
        ),
        ("[link](http://example.org) [ref][1] ![picture](a.png) [bare]", "link ref bare"),
        ("<!-- note -->\n<script>let a = '<b>';</script><style>p {}</style>text", "text"),
        ("{% include a.html %}{{ page.title }}text{: .class}", "text"),
        ("AT&amp;T &lt;3 &#20013;&nbsp;国", "AT&T <3 中 国"),
        ("```python\nx = 1\n```\n", "x = 1"),
        ("text <b", "text"),
        ("", ""),
        (" \n\u3000\n", ""),
        ("<br><br/>", ""),
        ("&#1;&#0;&#xd800;&#xfffe;x", "\ufffd\ufffdx"),
    ],
)
def test_markup_is_no_word(body: str, words: str) -> None:
    assert first_words(body) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("字" * 60, "字" * 60),
        ("字" * 61, "字" * 59 + "…"),
        ("word " * 12, ("word " * 12).strip()),
        ("word " * 13, "word " * 11 + "word…"),
        ("x" * 40 + " " + "y" * 40, "x" * 40 + "…"),
        ("x " + "y" * 80, "x " + "y" * 57 + "…"),
    ],
)
def test_a_long_text_is_cut_between_words_where_it_has_any(body: str, words: str) -> None:
    assert first_words(body) == words


@given(
    st.one_of(
        st.text(max_size=200),
        st.text(st.sampled_from("ab字 <>!-[](){}%&#;*_`~:=\n\"'/"), max_size=200),
    )
)
def test_a_title_is_one_short_line(body: str) -> None:
    words = first_words(body)
    assert len(words) <= TITLE_LENGTH
    assert words == " ".join(words.split())
