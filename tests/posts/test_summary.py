from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.posts.summary import SUMMARY_LENGTH, plain_text, shortened, summarised


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>a</p><p>b</p>", "a"),
        ("<p> </p><p><img src=x></p><p>b</p>", "b"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "a"),
        ("a<p>b</p>", "a"),
        ("a<br>b<p>c</p>", "a b"),
        ("<ul><li>a</li><li>b</li></ul>", "a"),
        ("<h2>a</h2><p>b</p>", "a"),
        ("<hr><p>a</p>", "a"),
        ("<center><img src=x></center>a", "a"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<i>a</i><b>b</b> c", "ab c"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_the_first_block_with_text_is_the_summary(content: str, text: str) -> None:
    assert summarised(content) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a &lt;b&gt; &amp;amp; &quot;c&quot; &nbsp; d", 'a <b> &amp; "c" d'),
        ("税务<b>总局</b>党委", "税务总局党委"),
        ("<p>一</p><p>二</p>", "一 二"),
        ("a<br>b\n\tc<td>d", "a b c d"),
        ('a<sup><a href="https://example.org/a.html#fn:1">1</a></sup>.', "a."),
        ('a<sup id="r" role="b"><a href="#fn:note" class="footnote">12</a></sup> b', "a b"),
        ('m<sup>2</sup> <a href="#fn:1">1</a>', "m2 1"),
        ('<img alt="x > y">a', "a"),
        ("a < b and c > d", "a < b and c > d"),
        ("1 <2", "1 <2"),
        ("a<!-- b -->c", "ac"),
        ("a<!-- b", "a"),
        ("&#x1F600;&#1;&#xD800;", "😀\ufffd"),
    ],
)
def test_plain_text(content: str, text: str) -> None:
    assert plain_text(content) == text


def test_a_short_text_is_not_cut() -> None:
    assert shortened("字" * SUMMARY_LENGTH) == "字" * SUMMARY_LENGTH


def test_a_long_text_is_cut_after_its_last_sentence() -> None:
    text = "一" * 150 + "。" + "二" * 100 + "！”" + "三" * 100
    assert shortened(text) == "一" * 150 + "。" + "二" * 100 + "！”"
    english = "word " * 40 + "end. " + "word " * 100
    assert shortened(english) == "word " * 40 + "end."


def test_a_point_within_a_number_ends_no_sentence() -> None:
    assert shortened("3.5" + "字" * 200 + "2.5" + "字" * 200).endswith("字…")


def test_a_long_sentence_is_cut_between_words() -> None:
    text = shortened("abcdefghij " * 50)
    assert text == "abcdefghij " * 26 + "abcdefghij…"
    assert len(text) <= SUMMARY_LENGTH


def test_a_text_without_spaces_is_cut_between_characters() -> None:
    assert shortened("字" * 400) == "字" * (SUMMARY_LENGTH - 1) + "…"


@pytest.mark.parametrize("character", ["👨‍👩‍👧", "👍🏽", "e\u0301", "☀️", "🇨🇳"])
def test_what_is_seen_as_one_character_is_not_cut_in_two(character: str) -> None:
    for before in range(len(character)):
        text = "字" * (SUMMARY_LENGTH - 1 - before) + character + "字" * 50
        assert shortened(text) == "字" * (SUMMARY_LENGTH - 1 - before) + "…"


@settings(deadline=None)
@given(st.text(max_size=50).map(lambda text: text * 30))
def test_a_summary_is_never_too_long_and_always_a_beginning(text: str) -> None:
    made = shortened(text)
    assert len(made) <= SUMMARY_LENGTH
    assert text.startswith(made.removesuffix("…"))
    assert len(text) <= SUMMARY_LENGTH or len(made) >= SUMMARY_LENGTH // 3


@pytest.mark.parametrize("part", ["<!--", "<a ", '<a "', "<p>", "<", "a. ", "&amp;", "\u200d"])
def test_the_time_does_not_grow_with_the_square_of_the_length(part: str) -> None:
    text = part * (500_000 // len(part))
    start = time.process_time()
    summarised(text)
    shortened(plain_text(text))
    shortened(text)
    assert time.process_time() - start < 5
