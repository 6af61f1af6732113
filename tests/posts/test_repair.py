from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import Level
from feeds.posts.frontmatter import Plain, Value, split
from feeds.posts.repair import KNOWN, repaired

AS_TEXT = "the rest of the line taken as text"


def fixed(header: str) -> tuple[dict[str, Value], list[tuple[int, str]]]:
    """What becomes of a broken header: its values, and line and deed of each problem."""
    front = split(f"---\n{header}\n---\nbody", jekyll=True)
    assert all(problem.level is Level.WARNING for problem in front.problems)
    return front.values, [(problem.line, problem.done) for problem in front.problems]


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('"A"B""', 'A"B"'),
        ("'A'B''", "A'B'"),
        ('"首批"碳中和"基金获批"', '首批"碳中和"基金获批'),
        ('"碳中和"概念股走强', '"碳中和"概念股走强'),
        ("'t is the season's end", "'t is the season's end"),
        ('"东北\\区"', "东北\\区"),
        ("wind: x", "wind: x"),
        ("快讯: 沪指涨0.5%: 两市", "快讯: 沪指涨0.5%: 两市"),
        ("@x", "@x"),
        ("`x`", "`x`"),
        ("%x", "%x"),
        ("*ST", "*ST"),
        ("*ST海航: x", "*ST海航: x"),
        ('"never closed', "never closed"),
        ("[快讯] x", "[快讯] x"),
        ("[a, *b]", "[a, *b]"),
        ("{x", "{x"),
        ("- x", "- x"),
        ("| x", "| x"),
        ('"\\ud83d\\ude00 \\u4e2d"', "😀 中"),
        ('"\\ud83d "A""', '\\ud83d "A"'),
    ],
)
def test_a_title_that_yaml_refuses_is_the_rest_of_its_line(written: str, title: str) -> None:
    values, problems = fixed(f"layout: post\ntitle: {written}\ntags: t")
    assert values == {"layout": "post", "title": title, "tags": "t"}
    assert problems == [(3, AS_TEXT)]


def test_the_finding_says_what_the_parser_said_of_that_line() -> None:
    _, problems = repaired("title: @x\ntags: 'y\n", 2, ":", "not YAML: the first fault")
    assert problems == (
        (
            2,
            Level.WARNING,
            "title: not YAML: found character that cannot start any token",
            AS_TEXT,
        ),
        (3, Level.WARNING, "tags: not YAML: found unexpected end of stream", AS_TEXT),
    )


def test_a_bad_title_costs_nothing_below_it() -> None:
    values, problems = fixed('title: "A"B\ntags:\n- x\n- "y: z"\ndate: 2022-01-17\nimage: {a: b}')
    assert values == {
        "title": '"A"B',
        "tags": ["x", "y: z"],
        "date": "2022-01-17",
        "image": {"a": "b"},
    }
    assert problems == [(2, AS_TEXT)]


def test_a_quote_that_is_never_closed_swallows_no_key() -> None:
    values, problems = fixed('title: "A\ndate: 2022-01-17\ntags: "x"')
    assert values == {"title": "A", "date": "2022-01-17", "tags": "x"}
    assert problems == [(2, AS_TEXT)]


def test_what_was_not_in_quotes_may_still_be_more_than_text() -> None:
    values, _ = fixed("title: @x\npublished: false\ndraft: 'false'")
    assert isinstance(values["published"], Plain)
    assert not isinstance(values["draft"], Plain)


@pytest.mark.parametrize("header", ["title:x\ndate: y", "layout: z\ntitle:x\ndate: y"])
def test_a_known_key_needs_no_space_behind_its_colon(header: str) -> None:
    values, problems = fixed(header)
    assert values["title"] == "x"
    assert values["date"] == "y"
    assert [done for _, done in problems] == [AS_TEXT]


@pytest.mark.parametrize(
    ("written", "tags"),
    [
        ("\n- @x\n- y", ["@x", "y"]),
        ("\n  - *ST海航\n\n  - 'it''s: \"y\"'", ["*ST海航", "it''s: \"y\""]),
        ("\n- a: b: c", ["a: b: c"]),
        ("[*ST海航, 基金]", ["*ST海航", "基金"]),
        ("[@a, \"b, c\", 'd' ,, ]", ["@a", "b, c", "d"]),
        ("[\n  @a,\n  b\n]", ["@a", "b"]),
    ],
)
def test_a_list_that_yaml_refuses_is_still_a_list(written: str, tags: list[str]) -> None:
    values, problems = fixed(f"title: x\ntags: {written}")
    assert values == {"title": "x", "tags": tags}
    assert problems == [(3, "its items taken as text")]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("title: x\nmystery: @y\n", {"title": "x"}),
        ("title: x\n@junk\n", {"title": "x"}),
        ("@junk\ntitle: x\n", {"title": "x"}),
        ("title: x\n%TAG ! y\n", {"title": "x"}),
    ],
)
def test_a_line_that_means_nothing_known_is_left_out(header: str, values: object) -> None:
    found, problems = fixed(header)
    assert found == values
    assert len(problems) == 1


def test_lines_that_are_lost_are_said_to_be() -> None:
    values, problems = fixed("title: 'x\n  y\ntags: z")
    assert values == {"title": "x", "tags": "z"}
    assert problems == [(2, f"{AS_TEXT}, the lines below it left out")]


def test_a_header_that_is_good_line_by_line_is_said_to_be_read_so() -> None:
    values, problems = fixed("a: {}\nb: [" + "x, " * 15_000 + "x]\nc: [" + "y, " * 15_000 + "y]")
    assert values.keys() == {"a", "b", "c"}
    assert problems == [(2, "read line by line")]


def test_words_between_the_delimiters_are_said_to_be_no_header() -> None:
    values, problems = fixed("Just some words.")
    assert values == {}
    assert problems == [(2, "left out")]


@pytest.mark.parametrize(
    ("written", "title"),
    [("@x", "@x"), ('"A"B""', 'A"B"'), ("'A", "A"), ("A B", "A B")],
)
@pytest.mark.parametrize("space", ["", " "])
def test_toml_is_repaired_alike(written: str, title: str, space: str) -> None:
    header = f"title{space}={space}{written}\ndate = 2022-01-17\n[taxonomies]\ntags = ['x']"
    front = split(f"+++\n{header}\n+++\nbody", jekyll=False)
    assert front.values["title"] == title
    assert front.values["date"] == "2022-01-17"
    assert front.values["tags"] == ["x"]
    (problem,) = front.problems
    assert (problem.line, problem.done) == (2, AS_TEXT)
    assert problem.what.startswith("title: not TOML: ")


def test_a_table_of_toml_overwrites_nothing_above_it() -> None:
    front = split("+++\ntitle = @x\n[extra]\ntitle = 'y'\nlang = 'en'\n+++\n", jekyll=False)
    assert (front.values["title"], front.values["lang"]) == ("@x", "en")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029"))
hostile = st.text(st.sampled_from("ab中 :-#\"'\\[]{}&*!|>%@`?,\n\t"), max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KNOWN)), st.one_of(texts, hostile), st.sampled_from(":="))
def test_no_value_harms_its_neighbours(key: str, written: str, mark: str) -> None:
    written = written.replace("\n", " ")
    first, last = f"weight{mark} 1", f"layout{mark} 2"
    values, problems = repaired(f"{first}\n{key}{mark} {written}\n{last}\n", 2, mark, "broken")
    if key not in ("weight", "layout"):
        assert (values["weight"], values["layout"]) == ("1", "2")
        assert key in values
    assert {problem.line for problem in problems} <= {2, 3}
