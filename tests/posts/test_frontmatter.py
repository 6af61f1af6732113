from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import Level
from feeds.posts import yamlheader
from feeds.posts.frontmatter import (
    MAX_DEPTH,
    FrontMatter,
    Plain,
    Value,
    is_false,
    is_null,
    is_true,
    quick_values,
    split,
    toml_values,
    values_of,
)


def kinds(value: Value) -> object:
    """A value that can be compared: a plain scalar is no text, however equal they are."""
    if isinstance(value, dict):
        return {key: kinds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return ("plain", str(value)) if isinstance(value, Plain) else value


def parts(text: str, jekyll: bool = True) -> tuple[object, str]:
    front = split(text, jekyll)
    assert front.problems == ()
    return dict(front.values), text[front.body :]


# --- where a header ends -----------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "---\na: 1\n---\nbody",
        "--- \t\na: 1\n--- \t\nbody",
        "---\na: 1\n...\nbody",
        "---\n\na: 1\n\n---\nbody",
        "---\na: 1\n---\n\n \t\n\nbody",
    ],
)
def test_yaml_stands_between_its_delimiters(text: str) -> None:
    assert parts(text) == ({"a": "1"}, "body")


@pytest.mark.parametrize("text", ["---\na: 1\n---", "---\na: 1\n---\n", "---\na: 1\n---\n\n\n"])
def test_a_header_may_be_all_there_is(text: str) -> None:
    assert parts(text) == ({"a": "1"}, "")


@pytest.mark.parametrize(
    "text", ["---\n---\nbody", "---\n\n\n---\nbody", "---\n# nothing\n---\nbody"]
)
def test_a_header_may_be_empty(text: str) -> None:
    assert parts(text) == ({}, "body")


@pytest.mark.parametrize("line", ["----", "---x", "--- x", " ---", "--", "....", " ..."])
def test_what_only_looks_like_a_delimiter_closes_nothing(line: str) -> None:
    assert split(f"---\na: 1\n{line}\n---\nbody", jekyll=True).header == f"a: 1\n{line}\n"


def test_a_rule_of_dashes_below_the_header_belongs_to_the_body() -> None:
    assert parts("---\na: 1\n---\none\n\n---\n\ntwo\n") == ({"a": "1"}, "one\n\n---\n\ntwo\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "body",
        "---",
        "--- a: 1\n---\n",
        "-- \na: 1\n---\n",
        " ---\na: 1\n---\n",
        "body\n---\na: 1\n---\n",
        "\n\nbody\n---\na: 1\n---\n",
        "{% include a.html %}\n",
        "{: .class}\n",
        "{{ page.title }}\n",
        "++ \na = 1\n+++\n",
    ],
)
@pytest.mark.parametrize("jekyll", [True, False])
def test_a_text_without_a_header_is_all_body(text: str, jekyll: bool) -> None:
    assert split(text, jekyll) == FrontMatter({})


def test_a_rule_of_dashes_below_blank_lines_is_no_header() -> None:
    assert split("\n\n---\n\nSome words.\n\n---\n\nMore.\n", jekyll=False) == FrontMatter({})


@pytest.mark.parametrize("blank", ["\n", "\n\n\n", " \n\t\n"])
@pytest.mark.parametrize("header", ["---\na: x\n---\n", "---\na: 'x'\nb: {}\n---\n"])
def test_a_header_below_blank_lines_is_read_with_a_warning(blank: str, header: str) -> None:
    text = f"{blank}{header}body"
    front = split(text, jekyll=True)
    assert front.values["a"] == "x"
    assert text[front.body :] == "body"
    assert front.displaced
    (problem,) = front.problems
    assert problem == (
        1 + blank.count("\n"),
        Level.WARNING,
        "front matter begins below blank lines",
        "read all the same",
    )


@pytest.mark.parametrize(
    ("text", "mark", "line"),
    [
        ("---\na: 1\n", "---", 1),
        ("---\na: 1\n--- not alone\nbody", "---", 1),
        ("---\na: 1\n+++\nbody", "---", 1),
        ("\n\n---\na: 1\nbody", "---", 3),
        ("+++\na = 1\n---\nbody", "+++", 1),
        ("\n+++\na = 1\n", "+++", 2),
    ],
)
def test_a_header_that_is_never_closed_is_an_error_at_its_beginning(
    text: str, mark: str, line: int
) -> None:
    front = split(text, jekyll=False)
    assert front.problems == (
        (line, Level.ERROR, f"front matter is never closed by {mark}", "left out"),
    )


# --- TOML and JSON -----------------------------------------------------------------------

TOML = """\
+++
title = "标题"
date = 2022-01-17T08:54:02+08:00
draft = false
weight = 7.50
local = 2022-01-17
aliases = ["/old/", '/older/']
[taxonomies]
tags = ["股市"]
[extra]
pinned = true
[extra.image]
src = "a.png"
+++
body"""


def test_toml_is_read_as_text_that_knows_whether_it_was_quoted() -> None:
    front = split(TOML, jekyll=False)
    assert kinds(dict(front.values)) == {
        "title": "标题",
        "date": ("plain", "2022-01-17T08:54:02+08:00"),
        "draft": ("plain", "false"),
        "weight": ("plain", "7.50"),
        "local": ("plain", "2022-01-17"),
        "aliases": ["/old/", "/older/"],
        "taxonomies": {"tags": ["股市"]},
        "extra": {"pinned": ("plain", "true"), "image": {"src": "a.png"}},
    }
    assert TOML[front.body :] == "body"


def test_json_is_read_as_text_that_knows_whether_it_was_quoted() -> None:
    text = (
        '{"title": "标题", "draft": false, "n": 1.50, "big": 1e999, "no": null, "l": ["a"]}\nbody'
    )
    front = split(text, jekyll=False)
    assert kinds(dict(front.values)) == {
        "title": "标题",
        "draft": ("plain", "false"),
        "n": ("plain", "1.50"),
        "big": ("plain", "1e999"),
        "no": ("plain", ""),
        "l": ["a"],
    }
    assert text[front.body :] == "body"


@pytest.mark.parametrize("blank", ["", "\n", "\n\n", " \n", "\n \n\n"])
def test_a_body_begins_behind_the_blank_lines_below_json(blank: str) -> None:
    assert parts(f'{{\n  "a": "1"\n}}{blank}body', jekyll=False) == ({"a": "1"}, "body")


@pytest.mark.parametrize("text", ['+++\na = "1"\n+++\nbody', '{"a": "1"}\nbody'])
def test_jekyll_knows_yaml_only(text: str) -> None:
    assert split(text, jekyll=True) == FrontMatter({})
    assert parts(text, jekyll=False) == ({"a": "1"}, "body")


@pytest.mark.parametrize("text", ['\n\n+++\na = "1"\n+++\nbody', '\n\n{"a": "1"}\nbody'])
def test_toml_and_json_too_are_read_below_blank_lines(text: str) -> None:
    front = split(text, jekyll=False)
    assert front.values == {"a": "1"}
    assert [problem.line for problem in front.problems] == [3]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('{"a": 1,\n "b": }\nbody', 2, "front matter is not JSON: Expecting value"),
        ('{"a": "x', 1, "front matter is not JSON: Unterminated string starting at"),
        ('{"a":' + "[" * 100_000, 1, "front matter is nested too deeply"),
        ('{"a":' + "[" * 60 + "]" * 60 + "}", 1, "front matter is nested too deeply"),
    ],
)
def test_json_that_cannot_be_read_is_an_error_with_its_line(
    text: str, line: int, what: str
) -> None:
    assert split(text, jekyll=False).problems == ((line, Level.ERROR, what, "left out"),)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("a = @", "not TOML: Invalid value"),
        ("a = 2022-02-30", "not TOML: Invalid date or datetime"),
        ("a = " + "1" * 5000, "not TOML: Exceeds the limit"),
        ("a = " + "[" * 100_000, "nested too deeply"),
        ("a = " + "[" * 60 + "]" * 60, "nested too deeply"),
        (".".join("a" * 60) + " = 1", "nested too deeply"),
        ("a = {" + ".".join("b" * 60) + " = 1}", "nested too deeply"),
        ("[" + ".".join(["'x'"] * 60) + "]", "nested too deeply"),
    ],
)
def test_toml_that_cannot_be_read_says_why(header: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}"):
        toml_values(header)


def test_what_a_configuration_holds_has_the_shape_of_a_header() -> None:
    assert kinds(values_of({"a": True, "b": [1, None], "c": {"d": "x"}})) == {
        "a": ("plain", "true"),
        "b": [("plain", "1"), ("plain", "")],
        "c": {"d": "x"},
    }


def test_nesting_has_a_bound() -> None:
    value: object = "x"
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert values_of({"a": value})
    with pytest.raises(ValueError, match="nested too deeply"):
        values_of({"a": [value]})


@pytest.mark.parametrize(
    ("text", "value", "count", "line"),
    [
        ('---\na: "x\\x01y\\uFFFEz"\n---\n', "xyz", "2 escaped characters", 2),
        ('---\ntitle: "x\\ud800y"\n---\n', "xy", "1 escaped character", 2),
        ('{"a": "x\\ud800\\u0000y"}\n', "xy", "2 escaped characters", 1),
        ('{"a": [{"b": "\\udfff"}, "y"]}\n', [{"b": ""}, "y"], "1 escaped character", 1),
        ('{"a\\u0000": "y"}\n', "y", "1 escaped character", 1),
        ('+++\na = "x\\u0001y"\n+++\n', "xy", "1 escaped character", 2),
        ('---\na: |\n  x\nb:\n- y\n- "\\0"\n---\n', ["y", ""], "1 escaped character", 6),
    ],
)
def test_what_xml_forbids_does_not_come_back_by_an_escape(
    text: str, value: Value, count: str, line: int
) -> None:
    front = split(text, jekyll=False)
    assert list(front.values.values())[-1] == value
    *_, problem = front.problems
    assert problem == (line, Level.WARNING, f"{count} that XML forbids", "removed")


# --- lines of keys -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("---\ntitle: a\ndate: b\n---\n", 3),
        ("---\n'date' : b\n---\n", 2),
        ("---\nimage:\n  date: a\ndate: b\n---\n", 4),
        ("\n\n---\ndate: b\n---\n", 4),
        ("---\nupdate: a\n---\n", 1),
        ('+++\ntitle = "a"\n"date" = 1\n+++\n', 3),
        ('{\n  "title": "a",\n  "date": "b"\n}\n', 3),
        ('\n{"title": "a",\n"date": "b"}\n', 3),
        ('{"date": "b"}\n', 1),
        ("body", 1),
    ],
)
def test_a_key_is_found_on_its_line(text: str, line: int) -> None:
    assert split(text, jekyll=False).line_of("date") == line


# --- truth -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["false", "False", "NO", "off"])
def test_false_is_false_without_quotes_only(text: str) -> None:
    assert is_false(Plain(text))
    assert not is_false(text)
    assert not is_true(Plain(text))


@pytest.mark.parametrize("text", ["true", "True", "YES", "on"])
def test_true_is_true_without_quotes_only(text: str) -> None:
    assert is_true(Plain(text))
    assert not is_true(text)
    assert not is_false(Plain(text))


@pytest.mark.parametrize("text", ["", "~", "null", "NULL"])
def test_null_is_null_without_quotes_only(text: str) -> None:
    assert is_null(Plain(text))
    assert is_null(None)
    assert not is_null(text)


# --- the quick path ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("", {}),
        ("a: x y\nb: '1'\nc: \"2\"\n", {"a": ("plain", "x y"), "b": "1", "c": "2"}),
        ("date: 2022-01-17 08:54:02 +0800\n", {"date": ("plain", "2022-01-17 08:54:02 +0800")}),
        ("url: http://example.org/a?b=c\n", {"url": ("plain", "http://example.org/a?b=c")}),
        ("a:\nb:\n\nc: ''", {"a": ("plain", ""), "b": ("plain", ""), "c": ""}),
        ("a: [x, 'y z', \"\"]\nb: []\n", {"a": [("plain", "x"), "y z", ""], "b": []}),
        ("a:\n- x\n- 'y'\nb:\n  - z\n", {"a": [("plain", "x"), "y"], "b": [("plain", "z")]}),
        ("a: 1\na: 2\n", {"a": ("plain", "2")}),
        ('title: "巩固“成果”：推动"\n', {"title": "巩固“成果”：推动"}),
    ],
)
def test_plain_shapes_need_no_parser(header: str, values: object) -> None:
    found = quick_values(header)
    assert found is not None
    assert kinds(found) == values


@pytest.mark.parametrize(
    "line",
    [
        "a: b: c",
        "a: b #c",
        "a: |\n  x",
        "a: &x b",
        "a: 'it''s'",
        'a: "\\n"',
        "a: b\n  c",
        "a: {b: c}",
        "a: [b, [c]]",
        "a: [b,\n c]",
        "a:\n  b: c",
        "a:\n  - b\n - c",
        "a\tb: c",
        "a: b\x85c",
        "# a",
        "a: \x07",
    ],
)
def test_any_other_shape_is_left_to_the_parser(line: str) -> None:
    assert quick_values(f"x: y\n{line}\n") is None


def agree(header: str) -> bool:
    """Whether the quick path takes a header; if so, as the parser does."""
    quick = quick_values(header)
    if quick is None:
        return False
    assert kinds(quick) == kinds(dict(yamlheader.values(header))), repr(header)
    # PyYAML's own loader, which composes nodes and knows nothing of what is built here.
    assert quick == (yaml.load(header, WHOLE_LOADER) or {}), repr(header)
    return True


# Of the whole loaders the one that gives no scalar a type.
WHOLE_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


SHAPES = [
    *("a: {}", "a: {}b", "a: b{}", "a: b{}c", "a: b {} c", "a: b {}", "a: {} b", "a:{}b"),
    *("a: '{}'", "a: 'b{}c'", 'a: "{}"', 'a: "b{}c"', "a: 'b'{}", 'a: "b"{}', "a: {}'b'"),
    *("a: [{}]", "a: [b{}]", "a: [b{}c]", "a: [b {} c]", "a: [{}b, c]", "a: [b{}, c]", "a: [b]{}"),
    *("a: ['{}']", 'a: ["b{}c", d]', "a: ['b'{}, c]", "a: [b, c{}", "a: {}[b]"),
    *("a:\n- {}", "a:\n- b{}c", "a:\n- '{}'", "a:\n- b\n{}- c", "a:\n-{}b", "a:\n - b {} c"),
    *("a{}: b", "a{}b: c", "{}a: b", "a:{}", "a{}", "{}", "a: b\n{}c: d", "a: b\n{}"),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_at_every_place_every_character_means_what_it_means_to_a_parser(shape: str) -> None:
    # An edge is a character, or two of those that YAML gives a meaning.
    characters = [*map(chr, range(0x180)), *"\u2028\u2029\ud7ff\ue000\ufeff\ufffd中😀"]
    marks = " \n-:.,[]{}#&*!|>'\"%@`?\\~=<x"
    both = [first + second for first in marks for second in marks]
    taken = [edge for edge in (*characters, *both) if agree(f"{shape.format(edge)}\nz: y\n")]
    assert taken or shape == "{}"


# Close to everything that YAML gives a meaning, but not so close that most are refused.
edges = st.text(
    st.sampled_from(
        "aé中😀0 .-_:#,[]{}()&*!|>'\"%@`?\\~=<+/\t\r\x7f\x85\xa0\u2028\u2029\ufeff\ue000"
    ),
    max_size=7,
)
words = st.text(st.sampled_from("ab中1 -:.'?"), min_size=1, max_size=6)
names = st.sampled_from(
    [
        "2022-01-17 08:54:02",
        "12:30",
        "0o17",
        "null",
        "~",
        "NO",
        "<<",
        "=",
        "---",
        "- a",
        "? a",
        ": a",
    ]
)
plain = st.one_of(words, words, words, names, edges)
scalars = st.one_of(
    plain,
    plain,
    plain.map(lambda text: f"'{text}'"),
    plain.map(lambda text: f'"{text}"'),
    st.lists(plain, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    st.lists(words, max_size=3).map(lambda items: f"[ {' ,'.join(items)} ]"),
)


def mostly(usual: str, *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from([usual] * 3 * len(others) + list(others))


spaces = mostly(" ", "", "  ", "\t")
ends = mostly("\n", " \n", "\n\n", "\n \n", " # c\n", "\t\n", "\r\n", "")
keys = mostly("a", "b", "a-b", "null", "y", "中", "a b", "'q'", "?")
items = st.builds("{}-{}{}{}".format, mostly("  ", "", " "), spaces, scalars, ends)
lines = st.one_of(
    st.builds("{}:{}{}{}".format, keys, spaces, scalars, ends),
    st.builds("{}:{}{}".format, keys, ends, st.lists(items, max_size=3).map("".join)),
    st.builds("{}{}".format, st.one_of(edges, st.just("a:")), ends),
)
headers = st.lists(lines, min_size=1, max_size=3).map("".join)


@settings(max_examples=1000, deadline=None)
@given(headers)
def test_what_the_quick_path_takes_it_takes_as_a_parser_does(header: str) -> None:
    agree(header)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["'{}'", '"{}"', "{}"]), st.integers(900, 1300))
def test_long_scalars_too(shape: str, length: int) -> None:
    # YAML looks for a key within 1,024 characters only.
    long = shape.format("长 " * length + "x")
    assert agree(f"a: {long}\nb:\n- {long}\nc: [{long}, {long}]\n")
