from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.config import Config, Posts, Site
from feeds.models import Person, Post
from feeds.posts import liquid
from feeds.posts.liquid import MOST_WORK, Rendered, Scope

DATE = datetime(2022, 1, 7, 8, 54, 2, tzinfo=ZoneInfo("Asia/Shanghai"))
POST = Post(
    "_posts/2022-01-07-a.md",
    "https://example.org/base/2022/01/07/a.html",
    "https://example.org/base/2022/01/07/a",
    "标题",
    DATE,
    DATE,
    ("news",),
    ("股市", "news"),
)
CONFIG = Config(
    Path("/nowhere"),
    Site(
        "https://example.org/base",
        title="新闻",
        language="zh-CN",
        timezone="Asia/Shanghai",
        author=Person("Editor"),
        variables={"theme": {"color": "red"}, "title": "old"},
    ),
    Posts(jekyll=True),
)
INCLUDES = {
    "figure.html": '<img src="{{ include.src }}" alt="{{ include.alt }}">',
    "outer.html": "({% include inner.html x=include.x %})",
    "inner.html": "{{ include.x }}",
    "self.html": "x{% include self.html %}{% include self.html %}",
    "many.html": "x{% include many.html %}" * 10,
    "broken.html": "a{{ 1 | nope }}b{% if %}c{{ x",
    "loop.html": "{% break %}",
    "sub/a.html": "deep",
}
PAGE = {
    "title": POST.title,
    "url": "/2022/01/07/a.html",
    "id": "/2022/01/07/a",
    "date": DATE,
    "categories": list(POST.categories),
    "tags": list(POST.tags),
    "path": POST.path,
    "layout": "post",
    "list": ["a", "b"],
    "map": {"k": "v"},
    "flag": True,
    "number": 7,
}
REFERENCES = {
    "2022-01-01-other": "https://example.org/base/2022/01/01/other.html",
    "assets/x.pdf": "https://example.org/base/assets/x.pdf",
}


def render(source: str) -> Rendered:
    return liquid.render(source, Scope(CONFIG, POST, PAGE, REFERENCES, INCLUDES.get))


def text(source: str) -> str:
    rendered = render(source)
    assert rendered.problems == ()
    return rendered.text


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{{ site.url }}{{ site.baseurl }}/x", "https://example.org/base/x"),
        ("{{ site.title }} {{ site.lang }} {{ site.author }}", "新闻 zh-CN Editor"),
        ("{{ site.theme.color }}", "red"),
        ("{{ page.title }} {{ page.categories | join: ',' }} {{ page.tags[0] }}", "标题 news 股市"),
        ("{{ page.id }}", "/2022/01/07/a"),
        ("{{ page.url }} {{ page.path }}", "/2022/01/07/a.html _posts/2022-01-07-a.md"),
        ("{{ page.date }}", "2022-01-07 08:54:02 +0800"),
        ("{{ page.layout }} {{ page.map.k }} {{ page.number }} {{ page.flag }}", "post v 7 true"),
        ("{{ page.nothing }}{{ nothing.at.all }}", ""),
        ("{{ jekyll.environment }}", "production"),
        (
            "{{ '/x' | relative_url }} {{ 'x' | absolute_url }}",
            "/base/x https://example.org/base/x",
        ),
        (
            "{{ 'mailto:x' | absolute_url }} {{ 'http://e.org/' | relative_url }}",
            "mailto:x http://e.org/",
        ),
        ("{% post_url 2022-01-01-other %}", REFERENCES["2022-01-01-other"]),
        ("{% link assets/x.pdf %}", REFERENCES["assets/x.pdf"]),
        ("{% raw %}{{ x }} {% y %} {% endraw %}", "{{ x }} {% y %} "),
        ("{%- raw -%} {{ x }} {%- endraw -%}", " {{ x }} "),
        ("a{% comment %}{{ x {% if %} {% raw %}{% endcomment %}b", "ab"),
        ("a{% comment %}{% comment %}x{% endcomment %}y{% endcomment %}b", "ab"),
        ("{% if page.flag and page.number > 5 %}a{% elsif x %}b{% else %}c{% endif %}", "a"),
        ("{% unless page.flag %}a{% else %}b{% endunless %}", "b"),
        ("{% case page.number %}{% when 7 %}a{% else %}b{% endcase %}", "a"),
        ("{% for x in page.list %}{{ forloop.index }}{{ x }}{% endfor %}", "1a2b"),
        (
            "{% for i in (1..9) reversed %}{% if i < 7 %}{% break %}{% endif %}{{ i }}{% endfor %}",
            "987",
        ),
        ("{% for i in (1..9) limit:2 offset:3 %}{{ i }}{% endfor %}", "45"),
        ("{% for i in page.none %}a{% else %}b{% endfor %}", "b"),
        ("{% assign x = 'a,b' | split: ',' %}{{ x | size }}", "2"),
        ("{% capture x %}a{{ 1 }}{% endcapture %}{{ x }}{{ x }}", "a1a1"),
        ("{% cycle 'a', 'b' %}{% increment n %}{% increment n %}", "a01"),
        (
            "{% tablerow i in (1..2) %}{{ i }}{% endtablerow %}",
            '<tr class="row1">\n<td class="col1">1</td><td class="col2">2</td></tr>\n',
        ),
        ("a {{- ' b ' -}} c {%- assign y = 1 -%} d", "a b cd"),
        ("{{}}{{ }}{{- -}}", ""),
        ("{{ 'a' }}}} }} %}", "a}} }} %}"),
        (
            "{% highlight python linenos %}\na < b\n\n{{ 1 }}\n{% endhighlight %}",
            '<pre><code class="language-python">a &lt; b\n\n1</code></pre>',
        ),
        (
            '{% include figure.html src=\'/a.png\' alt="x \\"y\\"" %}',
            '<img src="/a.png" alt="x "y"">',
        ),
        ("{% include figure.html\n  src=page.title\n  alt=5 %}", '<img src="标题" alt="5">'),
        ("{% include inner.html x=true %}{% include inner.html x=nil %}", "true"),
        ("{% include outer.html x='a' %}{% include sub/a.html %}", "(a)deep"),
        ("{% for i in (1..3) %}{{ i }}{% include loop.html %}{% endfor %}", "1"),
        ("no tags } { % {", "no tags } { % {"),
    ],
)
def test_tags_as_jekyll_understands_them(source: str, output: str) -> None:
    assert text(source) == output


@pytest.mark.parametrize(
    ("source", "output", "problems"),
    [
        ("a{% youtube x %}b", "ab", [(4, "unexpected tag 'youtube'")]),
        ("a\n{% note %}b{% endnote %}", "a\nb", [(5, "note"), (16, "endnote")]),
        ("a{{ x | nope }}b", "ab", [(8, "unknown filter 'nope'")]),
        ("{% if page.flag %}a{{ x | nope }}b{% endif %}c", "abc", [(26, "nope")]),
        ("{% for i in (1..2) %}{% assign y = i | nope %}{{ i }}{% endfor %}", "12", [(39, "nope")]),
        ("a{{ 1 | divided_by: 0 }}b", "ab", [(8, "divide")]),
        ("a{% if %}b{% endif %}c", "ac", [(4, "missing expression")]),
        ("a{{ x y z( }}b", "ab", [(6, "")]),
        ("a{% if page.flag %}b", "ab", [(1, "if is never closed")]),
        ("a{% for x in page.list %}b{% if x %}c{% endfor %}d", "abcbcd", [(26, "if is never")]),
        ("a{% endif %}b", "ab", [(1, "unexpected tag 'endif'")]),
        ("a{% highlight c %}b", "ab", [(1, "highlight is never closed")]),
        ("a{% raw %}{{ 1 }}", "a1", [(1, "raw is never closed")]),
        ("a{% comment %}{{ 1 }}", "a1", [(1, "comment is never closed")]),
        ("a{{ b\nc", "a\nc", [(1, "{{ is never closed")]),
        ("a{% b\nc {{ 1 }}", "a\nc 1", [(1, "{% is never closed")]),
        ("a{% %}b{%%}c", "abc", [(1, "without a name"), (7, "without a name")]),
        ("a{% render 'x' %}{% liquid echo 1 %}b", "ab", [(1, "render"), (17, "liquid")]),
        ("a{% include nope.html %}b", "ab", [(4, "include of nope.html, which is not there")]),
        ("a{% include %}b", "ab", [(4, "include")]),
        ("a{% post_url 2000-01-01-x %}b", "ab", [(4, "names nothing that is known")]),
        ("a{% link %}b", "ab", [(4, "names nothing that is known")]),
        ("a{% break %}b", "ab", [(4, "break")]),
        ("{% for p in site.posts %}{{ p.title }}{% endfor %}", "", [(12, "site.posts is not")]),
        ("a{{ page.next.url }}b", "ab", [(4, "page.next is not known here")]),
        ("x{% include broken.html %}y", "xabcy", [(4, "nope"), (4, "if is never"), (4, "{{ is")]),
        ("a{{ 'x' | jsonify: 1, 2 }}b", "ab", [(10, "")]),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_is_left_out_alone(
    source: str, output: str, problems: list[tuple[int, str]]
) -> None:
    rendered = render(source)
    assert rendered.text == output
    assert sorted(each.position for each in rendered.problems) == [place for place, _ in problems]
    for place, what in problems:
        assert any(what in each.what for each in rendered.problems if each.position == place)


def test_an_odd_value_costs_the_tag_that_cannot_bear_it() -> None:
    infinite = "{% assign f = '1e400' | times: 1 %}"
    rendered = render(f"{infinite}{{% if true %}}a{{{{ (f..3) }}}}b{{% endif %}}c")
    assert rendered.text == "abc"
    assert len(rendered.problems) == 1
    rendered = render(f"{infinite}a{{% for x in page.list limit: f %}}b{{% endfor %}}c")
    assert rendered.text == "ac"
    assert len(rendered.problems) == 1


def test_a_problem_of_an_include_names_it_and_the_line_that_includes_it() -> None:
    problems = render("a\n\n{% include broken.html %}").problems
    assert {each.position for each in problems} == {6}
    assert all(each.what.endswith("(in broken.html)") for each in problems)


def test_a_problem_is_one_line() -> None:
    (problem,) = render("{% include a\n\tb" + "c" * 500 + " %}").problems[:1]
    assert "\n" not in problem.what
    assert len(problem.what) < 200


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("{{ 'now' | date: '%F' }} {{ 'today' | date: '%T' }}", "2022-01-07 08:54:02"),
        ("{{ now }}{{ today }}", ""),
        ("{{ now | date: '%F' }}", ""),
        ("{{ site.time | date: '%F' }}", "2022-01-07"),
        ("{{ page.date | date: '%s' }}", str(int(DATE.timestamp()))),
    ],
)
def test_the_clock_is_not_looked_at(source: str, output: str) -> None:
    assert text(source) == output


@pytest.mark.parametrize(
    "source",
    [
        "{{ page.__class__ }}{{ page.list.__class__.__mro__ }}",
        "{{ site.title.__class__ }}{{ page.title.upper }}{{ page.date.tzinfo }}",
        "{{ page['__class__'] }}{{ page.list['append'] }}{{ jekyll.__init__ }}",
        "{{ page.list | map: '__class__' | join }}",
        "{% assign x = '__class__' %}{{ page[x] }}{{ page.title[x] }}",
    ],
)
def test_a_value_has_no_attributes(source: str) -> None:
    assert render(source).text.strip() == ""


# --- bounds -------------------------------------------------------------------------------

APPEND = (
    "{% assign s = '0123456789' %}{% for i in (1..N) %}{% assign s = s | append: s %}{% endfor %}"
)
DOUBLING = APPEND.replace("N", "60")
LARGE = APPEND.replace("N", "16")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}x{% endfor %}",
        "{% for i in (1..1000000000) reversed %}x{% endfor %}",
        "{% for i in (1..99999999999999999999999) reversed %}x{% endfor %}",
        "{% tablerow i in (1..1000000000) %}x{% endtablerow %}",
        "{% for i in (1..9999) %}{% for j in (1..9999) %}{% for k in (1..9999) %}x{% endfor %}"
        "{% endfor %}{% endfor %}",
        "{% for i in (1..9999) %}{% for j in (1..9999) %}{% endfor %}{% endfor %}",
        "{% for i in (1..9999) %}{% endfor %}" * 2_000,
        f"{DOUBLING}{{{{ s | size }}}}",
        f"{LARGE}{{% for i in (1..99999) %}}{{{{ s }}}}{{% endfor %}}",
        f"{LARGE}{{% for i in (1..99999) %}}{{% if s contains 'zz' %}}{{% endif %}}{{% endfor %}}",
        f"{LARGE}{{% for i in (1..99999) %}}{{% assign t = s | upcase %}}{{% endfor %}}",
        f"{LARGE}{'{{ s | upcase | size }}' * 20_000}",
        f"{LARGE}{{{{ s | replace: '0', s }}}}",
        f"{LARGE}{{% assign l = s | split: '' %}}{{{{ l | join: s }}}}",
        "{% assign l = '' | split: '' %}"
        + "{% assign l = l | push: l %}" * 60
        + "{{ l | jsonify }}{{ l }}",
        "{% assign x = 9 %}" + "{% assign x = x | times: x %}" * 60 + "{{ x }}",
        "{% capture a %}0123456789{% endcapture %}"
        + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 60,
        "{{ (1..1000000000) | join }}{{ (1..1000000000) | reverse }}",
        "{% assign l = 'a' | split: '' | concat: (1..1000000000) %}",
        "{% include self.html %}",
        "{% include many.html %}",
        "{% for i in (1..2) %}" * 40 + "x" + "{% endfor %}" * 40,
        "{% if true %}" * 5_000 + "x" + "{% endif %}" * 5_000,
        "{{ 'x' | date: '%999999999Y' }}{{ page.date | date: '%999999999Y' }}",
        "{{ '1e400' | times: 10 | ceil }}{{ '1e400' | plus: 1 | round }}",
        "{% for i in (1..3) limit: 1e400 %}x{% endfor %}",
    ],
    ids=lambda source: source[:50],
)  # fmt: skip
def test_time_and_size_are_bounded(source: str) -> None:
    start = time.process_time()
    rendered = render(f"before {source} after")
    assert time.process_time() - start < 8
    assert rendered.text.startswith("before ")
    assert rendered.text.endswith(" after")
    assert len(rendered.text) < MOST_WORK
    assert rendered.problems or "999999999Y" in source or "1e400" in source


@pytest.mark.parametrize(
    "part",
    [
        *("{{ a ", "{% a ", "{{", "{%", "{% raw %}", "{% doc %}", "{% comment %}", "{% if a %}"),
        *(
            "{% comment %}{% comment %}{% endcomment %}",
            "{% if a %}{% endfor %}",
            "{{ ( ",
            "{% foo %}",
        ),
        *(
            "{{ [ }}",
            "{% include a.html a",
            "{% raw %}{% endraw %}{% raw %}",
            "{% endif %}",
            "{{ 1 }} ",
        ),
        *("{% assign a = 1 %}", "{{ ' }}", "{%-", "{{ a\n", "{% case 1 %}"),
    ],
)
@pytest.mark.parametrize("end", ["", "}} %}"])
def test_the_time_does_not_grow_with_the_square_of_the_length(part: str, end: str) -> None:
    start = time.process_time()
    render(part * (200_000 // len(part)) + end)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("space", [" " * 200_000, "\n" * 200_000, "\t \n" * 60_000])
@pytest.mark.parametrize(
    "tag", ["{{N}}", "{{ xN}}", "{% aN%}", "{{N", "{%N", "N{{ 1 }}", "{{ 1 -}}N{{- 1 }}"]
)
def test_white_space_takes_no_longer_than_its_length(tag: str, space: str) -> None:
    start = time.process_time()
    render(tag.replace("N", space))
    assert time.process_time() - start < 5


def test_a_long_text_is_whole_however_few_its_tags() -> None:
    body = "字" * 6_000_000
    assert text(f"{body}{{{{ 1 }}}}{body}") == f"{body}1{body}"


def test_what_is_too_much_is_told_once() -> None:
    problems = render("{% for i in (1..99999) %}{{ i }}{% endfor %}\n" * 100).problems
    assert [each.what for each in problems] == ["the tags of this text ask for too much work"]


# --- whatever comes -----------------------------------------------------------------------

PARTS = (
    *("{{", "}}", "{%", "%}", "{%-", "-%}", "{{-", "-}}", " ", "\n", "|", ":", ",", "'", '"', "x"),
    *("page.", "page.list", "site.title", "[0]", "(1..3)", "(1..x)", "99999999999999999999", "1.5"),
    *("-1", "nil", "true", "empty", "==", "!=", "<", ">", "contains", "and", "or", "=", "\\", "文"),
    *("if ", "endif", "else", "elsif x", "unless ", "endunless", "case ", "when 1", "endcase"),
    *("for x in ", "endfor", "limit:", "offset:", "reversed", "break", "continue", "cycle 'a',1"),
    *("tablerow x in ", "cols:", "endtablerow", "assign x = ", "capture x", "endcapture", "raw"),
    *("endraw", "comment", "endcomment", "increment x", "decrement x", "ifchanged", "endifchanged"),
    *("include ", "figure.html", "self.html", "a=b", "post_url ", "link ", "highlight c"),
    *("endhighlight", "echo 1", "liquid", "doc", "enddoc", "render 'x'", "#", "nope", "include.x"),
)
NAMES = tuple(sorted(liquid.FILTERS))
VALUES = (
    *("x", "page", "page.list", "page.map", "page.date", "page.number", "site", "'a b'", "''"),
    *(
        "'1e999'",
        "1",
        "-1",
        "1.5",
        "nil",
        "true",
        "(1..5)",
        "forloop",
        "empty",
        "page.tags",
        "'%s'",
    ),
    *("'2022-01-01'", "'now'", "99999999999999999999", "'__class__'", "'<b>'", "'%FF%FE'", "'\\'"),
)

calls = st.tuples(
    st.sampled_from(VALUES),
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.lists(st.sampled_from(VALUES), max_size=3)).map(
            lambda call: f" | {call[0]}{': ' * bool(call[1])}{', '.join(call[1])}"
        ),
        max_size=3,
    ).map("".join),
).map("".join)
outputs = calls.map(lambda call: f"{{{{ {call} }}}}{{% assign x = {call} %}}{{{{ x }}}}")
noise = st.lists(st.sampled_from(PARTS), max_size=30).map("".join)
tags = st.tuples(st.sampled_from(PARTS), noise).map(lambda pair: f"{{% {pair[0]}{pair[1]} %}}")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(outputs, tags, noise, st.text(max_size=10)), max_size=6).map("".join))
def test_whatever_comes_is_rendered_and_always_the_same(source: str) -> None:
    rendered = render(source)
    assert rendered == render(source)
    assert all(0 <= each.position <= len(source) for each in rendered.problems)
