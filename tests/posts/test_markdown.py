from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.posts.markdown import markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"),
        ("# h", "<h1>h</h1>\n"),
        ("> digest\n\n<p>text</p>", "<blockquote>\n<p>digest</p>\n</blockquote>\n<p>text</p>"),
        (
            "[a][] [b][X]\n\n[a]: /a\n[x]: /b 't'",
            '<p><a href="/a">a</a> <a href="/b" title="t">b</a></p>\n',
        ),
        (
            "<https://e.org/?a&b>",
            '<p><a href="https://e.org/?a&amp;b">https://e.org/?a&amp;b</a></p>\n',
        ),
        ("~~s~~", "<p><del>s</del></p>\n"),
        ("term\n: definition", "<dl>\n<dt>term</dt>\n<dd>definition</dd>\n</dl>\n"),
        ("# h {#id .class}", '<h1 id="id" class="class">h</h1>\n'),
        ("```python\na < b\n```", '<pre><code class="language-python">a &lt; b\n</code></pre>\n'),
        ("~~~\n{: .x}\n~~~", "<pre><code>{: .x}\n</code></pre>\n"),
        ('<p data-code="NIO|106|7">a|b</p>', '<p data-code="NIO|106|7">a|b</p>'),
        ("- [x] done", "<ul>\n<li>[x] done</li>\n</ul>\n"),
        ("a&#1;b", "<p>ab</p>\n"),
    ],
)
def test_commonmark_with_what_articles_use(text: str, html: str) -> None:
    assert markdown(text) == html


def test_tables() -> None:
    assert markdown("| a | b |\n|---|---|\n| 1 | 2 |") == (
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody>\n"
        "<tr><td>1</td><td>2</td></tr>\n</tbody></table>\n"
    )


@pytest.mark.parametrize("name", ["1", "note"])
def test_footnotes_lead_to_where_the_page_has_their_text(name: str) -> None:
    html = markdown(f"*a*中[^{name}]\n\n[^{name}]: note")
    assert f'<a href="#fn:{name}">1</a>' in html
    assert "<p>note</p>" in html


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a\n{: .class}", "a"),
        ("{: .class #id}\na", "a"),
        ("[a](/b){: .class target='_blank'} c", "[a](/b) c"),
        ("*a*{: .b} `c`{: .d} ![e](f){: .g}", "*a* `c` ![e](f)"),
        ("# h\n{: .no_toc}\ntext", "# h\ntext"),
        ("* TOC\n{:toc}\n\ntext", "\ntext"),
        ("1. contents\n{: toc max_level=2}\ntext", "text"),
        ("- a\n{: .list}\n- b", "- a\n- b"),
        ("a{::comment}b{:/comment}c{::comment}d{:/}e", "ace"),
        ("a\n{::comment}\nb\n\n```\nc\n{:/comment}\nd", "a\n\n\nd"),
        ("{::options parse_block_html='true' /}\na", "\na"),
        ("{::nomarkdown}\n<p>a</p>\n{:/}", "\n<p>a</p>\n"),
        ("{:note: .warning}\na", "a"),
        ('<div markdown="1">\n*a*\n</div>', '<div markdown="1">\n\n*a*\n</div>'),
        ("never {::comment} closed\nb", "never "),
    ],
)
def test_what_kramdown_does_not_print_is_not_printed(text: str, plain: str) -> None:
    assert markdown(text) == markdown(plain)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```\na\n{: .x}\n{::comment}\n```", "a\n{: .x}\n{::comment}\n"),
        ("```\n```x\n{: .a}\n```", "```x\n{: .a}\n"),
        ("~~~~\n```\n{:toc}\n~~~\n{:toc}\n~~~~", "```\n{:toc}\n~~~\n{:toc}\n"),
        ("    {: .x}", "{: .x}"),
        ("`{: .x}`", "{: .x}"),
        ("`{::comment}`", "{::comment}"),
        ("```{: .x}```", "{: .x}"),
    ],
)
def test_code_is_left_alone(text: str, code: str) -> None:
    html = markdown(text)
    assert re.sub("<[^>]*>", "", html).strip() == code.strip()


@pytest.mark.parametrize("text", ["a {: b", "{: .class", "{::x", "a{:b}c"])
def test_what_only_looks_like_kramdown_stays(text: str) -> None:
    assert markdown(text) == f"<p>{text}</p>\n"


@settings(deadline=None)
@given(st.text("{}:/`~* \n\tcomenta[]()_|#.<>\"'=&;1", max_size=80))
def test_any_text_is_markdown(text: str) -> None:
    assert markdown(text) == markdown(text)


@pytest.mark.parametrize(
    "part", ["{::comment}", "{: ", "{:", "a{:x} ", "```\n", "<x markdown=", "{:/", "> ", "[", "*a "]
)
def test_the_time_does_not_grow_with_the_square_of_the_length(part: str) -> None:
    start = time.process_time()
    markdown(part * (500_000 // len(part)) + "{:")
    assert time.process_time() - start < 5


# --- emphasis beside Chinese ---------------------------------------------------------------


# What kramdown 2.4 makes of the same.
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("**「强调」**后面", "<strong>「强调」</strong>后面"),
        ("前面**“强调”**后面", "前面<strong>“强调”</strong>后面"),
        ("**强调：**后面", "<strong>强调：</strong>后面"),
        ("前*（斜）*后", "前<em>（斜）</em>后"),
        ("**《书》**和**《书2》**", "<strong>《书》</strong>和<strong>《书2》</strong>"),
        ("a**“A”**B", "a<strong>“A”</strong>B"),
        ("**50%**的", "<strong>50%</strong>的"),
        ("前**`代码`**后", "前<strong><code>代码</code></strong>后"),
        ("前**[链](x)**后", '前<strong><a href="x">链</a></strong>后'),
        ("~~「删」~~后", "<del>「删」</del>后"),
        ("** 强调**后", "** 强调**后"),
        ("\\*\\*「x」**后", "**「x」**后"),
        ("后\\**「x」*后", "后*<em>「x」</em>后"),
        ("`**「强」**后`", "<code>**「强」**后</code>"),
    ],
)
def test_emphasis_beside_chinese_needs_no_space(text: str, written: str) -> None:
    assert markdown(text) == f"<p>{written}</p>\n"


def test_an_address_keeps_its_marks() -> None:
    page = "/**%E3%80%8Ca%E3%80%8D**%E5%90%8E"
    assert markdown("[x](/**「a」**后)") == f'<p><a href="{page}">x</a></p>\n'


@pytest.mark.parametrize("text", ["    **「强」**后\n", "```\n**「强」**后\n```\n"])
def test_marks_in_a_block_of_code_are_code(text: str) -> None:
    assert markdown(text) == "<pre><code>**「强」**后\n</code></pre>\n"
