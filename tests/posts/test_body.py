from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config import Config, Feeds, Posts, Site
from feeds.configfile import load_config
from feeds.models import Level
from feeds.posts.body import MOST_FINDINGS, Content, render_body
from feeds.posts.read import read_post

from ..conftest import run_build, write_post
from .hostile import checked, documents

pytestmark = pytest.mark.usefixtures("both_parsers")

CONFIG = Config(
    Path("/nowhere"),
    Site("https://news.example.org/base", title="新闻", timezone="Asia/Shanghai"),
    Posts(jekyll=True),
)
HUGO = replace(CONFIG, posts=Posts(sources=("posts",), liquid=False))
FOLDER = "https://news.example.org/base/2022/01/17/"
PAGE = f"{FOLDER}a.html"
HEADER = '---\ntitle: "标题"\ndate: 2022-01-17 08:54:02 +0800\n---\n'
NAVIGATION = (
    "<http://source.example.com/1.html>\n"
    "[返回股市](//news.example.org/category/gushi.html)｜[返回首页](//news.example.org/)\n"
)
INCLUDES = {"note.html": "<p class='note'>{{ include.text }}</p>"}


def rendered(
    body: str,
    config: Config = CONFIG,
    name: str = "a.md",
    header: str = HEADER,
    references: Mapping[str, str] | None = None,
) -> Content:
    """The content of a post with this body, checked for everything that it must not hold."""
    folder = "_posts" if config.posts.jekyll else "posts"
    reading = read_post(f"{folder}/2022-01-17-{name}", f"{header}{body}".encode(), config)
    assert reading.post is not None
    content = render_body(reading, config, references or {}, INCLUDES.get)
    checked(content.html)
    return content


def html(body: str, **more: str) -> str:
    content = rendered(body, name=more.get("name", "a.md"))
    assert content.findings == ()
    return content.html


# --- bodies of every kind -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("正文。", "<p>正文。</p>"),
        (
            "> 摘要\n\n<p>正文。</p>\n <p>又。</p>",
            "<blockquote>\n<p>摘要</p>\n</blockquote>\n<p>正文。</p>\n <p>又。</p>",
        ),
        ("[a][]\n\n[a]: ../b.html", f'<p><a href="{FOLDER[:-3]}b.html">a</a></p>'),
        ("![i](i.png)", f'<p><img src="{FOLDER}i.png" alt="i"></p>'),
        (
            "| a |\n|---|\n| b |",
            "<table><thead><tr><th>a</th></tr></thead><tbody>\n"
            "<tr><td>b</td></tr>\n</tbody></table>",
        ),
        ("* TOC\n{:toc}\n\n# h {#id}\n\na\n{: .lead}", "<h1>h</h1>\n<p>a</p>"),
        ("```c\na<b\n```", '<pre><code class="language-c">a&lt;b\n</code></pre>'),
        ("a\n: b", "<dl>\n<dt>a</dt>\n<dd>b</dd>\n</dl>"),
        ("{::comment}x{:/comment}a", "<p>a</p>"),
        ("<center>图</center>", "<center>图</center>"),
        ("<p>a<!--EM-->b</p>", "<p>ab</p>"),
        (
            '<p><span id="stock_1"></span><a data-code="NIO|106|7" href="/n">蔚来</a>|x</p>',
            '<p><span></span><a href="https://news.example.org/n">蔚来</a>|x</p>',
        ),
        (
            '<img src="//cdn.example.com/i?x=1&y=2" width="467">',
            '<img src="https://cdn.example.com/i?x=1&amp;y=2" width="467">',
        ),
        ("<p>a</p>\r\n<p>b</p>", "<p>a</p>\n<p>b</p>"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_markdown_bodies(body: str, content: str) -> None:
    assert html(body) == content


def test_a_body_of_html_is_no_markdown() -> None:
    assert html("<div>*a*</div>\n\n    b # c", name="a.html") == "<div>*a*</div>\n\n    b # c"


def test_one_huge_line_is_rendered_like_any_other() -> None:
    paragraph = "<p>正文 &amp; 又一句&nbsp;。</p>"
    start = time.process_time()
    content = html(paragraph * 40_000)
    assert time.process_time() - start < 8
    assert content == paragraph * 40_000


def test_an_address_without_a_scheme_takes_the_one_of_the_site() -> None:
    config = replace(CONFIG, site=replace(CONFIG.site, url="http://news.example.org"))
    assert 'href="http://e.org/"' in rendered("[a](//e.org/)", config).html
    # A post may live elsewhere, and its own links with it.
    elsewhere = HEADER.replace("---\n", "---\nurl: https://other.example.net/a.html\n", 1)
    content = rendered("[a](//e.org/) [b](c)", replace(config, posts=HUGO.posts), header=elsewhere)
    assert 'href="http://e.org/"' in content.html
    assert 'href="https://other.example.net/c"' in content.html


def test_what_cannot_be_parsed_in_time_is_text_and_is_told() -> None:
    content = rendered("<div>" * 30_000 + "<p>a <b>b</b></p><script>x</script>&lt;c", name="a.html")
    assert content.html == "<p>a b</p>\n<p>&lt;c</p>"
    assert content.summary == "a b"
    assert [(each.path, each.line, each.level) for each in content.findings] == [
        ("_posts/2022-01-17-a.html", 5, Level.WARNING)
    ]


# --- tags of site generators --------------------------------------------------------------

LINK = '<p><a href="https://news.example.org/base/b.html">a</a></p>'
CODE = '<pre><code class="language-c">a&lt;b\n\n*c*</code></pre>'


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ("[a]({{ site.baseurl }}/b.html)", LINK),
        ("[a]({{ site.url }}{{ site.baseurl }}/b.html)", LINK),
        ("[a]({{ '/b.html' | relative_url }})", LINK),
        ("[a]({{ '/b.html' | absolute_url }})", LINK),
        ("[a]({% post_url 2022-01-01-b %})", LINK),
        ("[a]({% link _posts/2022-01-01-b.md %})", LINK),
        ("{% highlight c %}\na<b\n\n*c*\n{% endhighlight %}", CODE),
        ("{% assign x = 'a' %}{% if x == 'a' %}*{{ x }}*{% endif %}", "<p><em>a</em></p>"),
        ("{% raw %}{{ a }}{{< b >}}{% endraw %}", "<p>{{ a }}{{&lt; b &gt;}}</p>"),
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", "<p>123</p>"),
        ("{% include note.html text='x' %}", "<p>x</p>"),
        ("{% capture a %}<script>{% endcapture %}{{ a }}x</script>b", "b"),
        ("{{ '<script>x</script>' }}<p>a</p>", "<p>a</p>"),
        ("{{ 'javascript:x' | prepend: '[a](' | append: ')' }}", "<p><a>a</a></p>"),
        ("{{ page.title }}", "<p>标题</p>"),
    ],
)
def test_liquid_in_a_body(body: str, content: str) -> None:
    names = ("2022-01-01-b", "_posts/2022-01-01-b.md")
    made = rendered(body, references=dict.fromkeys(names, "/base/b.html"))
    assert made.findings == ()
    assert made.html == content


def test_a_tag_that_is_unknown_is_left_out_and_told_with_file_and_line() -> None:
    content = rendered("a\n\n{% youtube x %}b\n\n{{ c | nope }}\n{% include no.html %}d")
    assert content.html == "<p>a</p>\n<p>b</p>\n<p>d</p>"
    assert [(each.line, each.done) for each in content.findings] == [
        (7, "left out"),
        (9, "left out"),
        (10, "left out"),
    ]
    assert {each.path for each in content.findings} == {"_posts/2022-01-17-a.md"}
    assert [each.what for each in content.findings] == [
        "Liquid: unexpected tag 'youtube'",
        "Liquid: unknown filter 'nope'",
        "Liquid: include of no.html, which is not there",
    ]


@pytest.mark.parametrize("name", ["../secret.html", "/secret.html", "a/../../secret.html", "."])
def test_an_include_outside_of_its_folder_is_none(site: Path, name: str) -> None:
    (site / "_includes").mkdir()
    (site / "_includes/note.html").write_text("shown")
    (site / "secret.html").write_text("hidden")
    write_post(site, "2022-01-17-a.md", body=f"{{% include note.html %}} {{% include {name} %}}")
    result = run_build(site)
    content = (site / "public/feed.json").read_text("utf-8")
    assert "shown" in content
    assert "hidden" not in content
    assert [each.what for each in result.findings] == [
        f"Liquid: include of {name}, which is not there"
    ]


def test_a_text_that_is_no_template_is_not_told_of_tag_by_tag() -> None:
    findings = rendered("{% x %}\n" * 10_000).findings
    assert len(findings) == MOST_FINDINGS + 1
    assert findings[-1].what == f"{10_000 - MOST_FINDINGS} more tags like these"


def test_liquid_stays_as_it_is_where_it_is_switched_off() -> None:
    assert rendered("{{ page.title }}", HUGO).html == "<p>{{ page.title }}</p>"


def test_shortcodes_of_hugo_are_left_out_and_told_once_each() -> None:
    body = (
        'a {{< figure src="x" >}} b\n\n{{% note %}}\n*c*\n{{% /note %}}\n\n'
        "{{< ref\n 'x'\n>}}\n\n{{< figure >}}{{< open\n\nd"
    )
    content = rendered(body, HUGO)
    assert content.html == "<p>a  b</p>\n<p><em>c</em></p>\n<p>{{&lt; open</p>\n<p>d</p>"
    assert [(each.line, each.what) for each in content.findings] == [
        (5, "shortcode figure"),
        (7, "shortcode note"),
        (11, "shortcode ref"),
    ]


@pytest.mark.parametrize("liquid", [True, False])
def test_an_example_of_a_shortcode_is_shown(liquid: bool) -> None:
    config = replace(HUGO, posts=replace(HUGO.posts, liquid=liquid))
    content = rendered('`{{</* figure src="x" */>}}` {{%/* note */%}}', config)
    assert content.findings == ()
    assert content.html == ('<p><code>{{&lt; figure src="x" &gt;}}</code> {{% note %}}</p>')


@pytest.mark.parametrize("part", ["{{< a ", "{{% ", "{{</* ", "{{<", "{{< a >}}"])
def test_shortcodes_take_no_longer_than_their_length(part: str) -> None:
    start = time.process_time()
    rendered(part * (200_000 // len(part)), HUGO)
    assert time.process_time() - start < 5


# --- navigation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "navigation",
    [
        NAVIGATION,
        "<http://source.example.com/1.html>\n[返回股市](../gushi/)\n[返回首页](../)\n",
        "<>\n[返回首页](//news.example.org/)\n",
        "来源：<http://source.example.com/1.html>\n",
    ],
)
@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_navigation_is_no_content(navigation: str, between: str) -> None:
    content = rendered(f"正文。{between}{navigation}")
    assert content.html == "<p>正文。</p>"
    assert content.summary == "正文。"


@pytest.mark.parametrize("between", ["\n", "\n\n"])
def test_navigation_that_is_kept_is_in_the_content_and_not_in_the_summary(between: str) -> None:
    config = replace(CONFIG, feeds=Feeds(keep_navigation=True))
    content = rendered(f"正文。{between}{NAVIGATION}", config)
    assert '<a href="http://source.example.com/1.html">' in content.html
    assert '<a href="https://news.example.org/">返回首页</a>' in content.html
    assert content.summary == "正文。"
    assert rendered(f"\n{NAVIGATION}", config).summary == ""


def test_problems_are_told_once_although_the_summary_is_made_of_another_text() -> None:
    config = replace(CONFIG, feeds=Feeds(keep_navigation=True))
    assert len(rendered(f"a {{% x %}}\n\n{NAVIGATION}", config).findings) == 1


# --- summaries ----------------------------------------------------------------------------


def with_header(line: str) -> str:
    return HEADER.replace("---\n", f"---\n{line}\n", 1)


@pytest.mark.parametrize(
    ("line", "summary"),
    [
        ("excerpt: own", "own"),
        ("description: own", "own"),
        ("excerpt: '<p>own &amp; <b>bold</b></p>'", "own & bold"),
        ("excerpt: 1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("excerpt: '<img src=x>'", "first"),
        ("excerpt: ''", "first"),
        ("layout: post", "first"),
    ],
)
def test_the_summary_of_the_header_wins(line: str, summary: str) -> None:
    assert rendered("first\n\nsecond", header=with_header(line)).summary == summary


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ("a\n\nb\n<!--more-->\nc", "a b"),
        ("<!--more-->\na\n\nb", "a"),
        ("![x](y)\n<!--more-->\n\na", "a"),
        ("no mark\n\nb", "no mark b"),
        ("see [a][] and [b][c]\n<!--more-->\nx\n\n[a]: /a\n[c]: /c\n", "see a and b"),
        ("{% raw %}a{% endraw %}<!--more-->b", "a"),
        ("<div>a<!--more-->b</div>", "a"),
        ("<p hidden>x</p>a<!--more-->b", "a"),
    ],
)
def test_the_excerpt_ends_at_the_mark(body: str, summary: str) -> None:
    config = replace(CONFIG, posts=replace(CONFIG.posts, excerpt_separator="<!--more-->"))
    assert rendered(body, config).summary == summary


def test_without_the_mark_an_excerpt_is_the_first_block_where_jekyll_does_not_rule() -> None:
    posts = replace(CONFIG.posts, jekyll=False, excerpt_separator="<!--more-->")
    assert rendered("no mark\n\nb", replace(CONFIG, posts=posts)).summary == "no mark"


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        ("# 标题\n\n正文", "标题"),
        ("![](i.png)\n\n正文 **粗** &amp; 😀", "正文 粗 & 😀"),
        ("<script>x</script><p style='display:none'>y</p><p>正文</p>", "正文"),
        ("> 摘要\n\n正文", "摘要"),
        ("- 一\n- 二", "一"),
        ("第一行  \n第二行", "第一行 第二行"),
        ("`a < b`", "a < b"),
        ("", ""),
        ("![](i.png)", ""),
    ],
)
def test_the_first_block_with_text_is_the_summary(body: str, summary: str) -> None:
    assert rendered(body).summary == summary


def test_a_summary_has_at_most_300_characters() -> None:
    assert rendered("句子。" * 200).summary == "句子。" * 100
    assert len(rendered("x" * 1000, header=with_header(f"excerpt: {'字' * 500}")).summary) == 300


# --- whatever comes -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.md", "a.html"])
@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.one_of(
            documents,
            st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "replace")),
            st.sampled_from(
                ["{{ ", " }}", "{% if x %}", "{% raw %}", "{: .x}", "{::comment}", "\n\n"]
            ),
            st.sampled_from(
                ["```\n", "> ", "- ", "# ", "[a](", "![", "|", "---\n", "&#1;", "\r\n"]
            ),
        ),
        max_size=6,
    )
)
def test_any_body_becomes_harmless_html_and_always_the_same(name: str, parts: list[str]) -> None:
    body = "".join(parts)
    content = rendered(body, name=name)
    assert content == rendered(body, name=name)
    assert len(content.summary) <= 300
    assert "\n" not in content.summary


@settings(max_examples=50, deadline=None)
@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_body(raw: bytes) -> None:
    reading = read_post("_posts/2022-01-17-a.md", HEADER.encode() + raw, CONFIG)
    if reading.post is not None:
        checked(render_body(reading, CONFIG, {}, INCLUDES.get).html)


def test_real_posts_and_their_ruins_become_harmless_html(shared: Path) -> None:
    config = load_config(shared / "corpora/finews")
    chance = random.Random(7)
    for path in sorted((shared / "corpora/finews/_posts").iterdir()):
        raw = path.read_bytes()
        for ruined in (raw, *(_ruined(raw, chance) for _ in range(5))):
            reading = read_post(f"_posts/{path.name}", ruined, config)
            if reading.post is None:
                continue
            content = render_body(reading, config, {}, INCLUDES.get)
            checked(content.html)
            if ruined is raw:
                assert content.findings == ()
                assert content.summary
                assert "返回" not in content.html


def _ruined(raw: bytes, chance: random.Random) -> bytes:
    """Real bytes with some lost, some put elsewhere and some that are not text."""
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(raw))
        end = start + chance.randint(0, 40)
        place = chance.randrange(len(raw))
        part = chance.choice((b"", b"<", b"\xff", b"\0", b'"', b"{{", raw[start:end], b"</div>"))
        raw = raw[:place] + part + raw[place + chance.randint(0, 3) :] or b"x"
    return raw


PROGRAM = """
from tests.posts.test_body import rendered
body = '''<p hidden>x</p><img data-src=a.png alt=b title=c width=1 srcset="a 1x">
{% assign x = "a b c" | split: " " | uniq %}{{ x | jsonify }}{{ page.tags }}{% nope %}{% no %}
<a title=t lang=en dir=ltr hreflang=en href=b>c</a>'''
content = rendered(body)
print(content.html, content.summary, content.findings)
"""


def test_another_process_renders_the_same_bytes() -> None:
    def output(seed: str, zone: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": "C.UTF-8"}
        root = Path(__file__).parents[2]
        command = [sys.executable, "-c", PROGRAM]
        return subprocess.run(
            command, env=environment, cwd=root, check=True, capture_output=True
        ).stdout

    first = output("1", "Asia/Shanghai")
    assert first
    assert output("2", "America/New_York") == first
