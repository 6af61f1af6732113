from __future__ import annotations

import pytest

from feeds.posts.frontmatter import MAX_DEPTH, MAX_VALUES, Plain, Value
from feeds.posts.yamlheader import UnreadableError, values


def plain(value: Value) -> bool:
    return isinstance(value, Plain)


def reason(header: str) -> str:
    with pytest.raises(UnreadableError) as caught:
        values(header)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["NO", "007", "0x10", "1_000", "1:30", "1e3", ".inf", "2022-01-17", "null", "~", "<<", "=", ""],
)
def test_no_type_changes_what_is_written(text: str) -> None:
    found = values(f"a: {text}\n")["a"]
    assert found == text
    assert plain(found)


@pytest.mark.parametrize("shape", ["'{}'", '"{}"', "|-\n  {}", ">-\n  {}", "!!str {}"])
@pytest.mark.parametrize("text", ["no", "007", "2022-01-17", "null"])
def test_what_is_said_to_be_text_is_not_plain(shape: str, text: str) -> None:
    found = values(f"a: {shape.format(text)}\n")["a"]
    assert found == text
    assert not plain(found)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ('a: "x\\ty\\u4e2d\\\n  z"\n', "x\ty中z"),
        ("a: 'it''s'\n", "it's"),
        ("a: x\n  y\n\n  z\n", "x y\nz"),
        ("a: |\n  x\n   y\n", "x\n y\n"),
        ("a: >\n  x\n  y\n", "x y\n"),
        ("a: x # y\n", "x"),
        ("a: x#y\n", "x#y"),
        ("a: [x, [y, {b: z}], 'v']\n", ["x", ["y", {"b": "z"}], "v"]),
        ("a:\n- x\n-\n  - y\n", ["x", ["y"]]),
        ("a:\n  b: x\n  c:\n    d: y\n", {"b": "x", "c": {"d": "y"}}),
        ("b: &x [y]\na: *x\n", ["y"]),
        ("a: !!python/object/apply:os.system [x]\n", ["x"]),
        ("a: !!binary eA==\n", "eA=="),
        ("a: x\na: y\n", "y"),
    ],
)
def test_every_shape_of_yaml_is_read(header: str, value: Value) -> None:
    assert values(header)["a"] == value


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("b: &x {c: 1, d: 2}\na: {<<: *x, d: 3}\n", {"c": "1", "d": "3"}),
        ("a: {<<: [{c: 1}, {c: 2, d: 3}]}\n", {"c": "1", "d": "3"}),
        ("a: {'<<': x}\n", {"<<": "x"}),
        ("a: {<<: x}\n", {}),
    ],
)
def test_a_mapping_is_merged_into_another(header: str, found: Value) -> None:
    assert values(header)["a"] == found


@pytest.mark.parametrize("header", ["", "\n", "# only a comment\n", "~\n", "{}\n"])
def test_nothing_is_an_empty_header(header: str) -> None:
    assert values(header) == {}


def test_a_key_that_is_no_scalar_is_no_key() -> None:
    assert values("? [a, b]\n: c\n? d\n: e\n1: f\n'': g\n") == {"d": "e", "1": "f", "": "g"}


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("a: 'x\n", "not YAML: found unexpected end of stream"),
        ("a: x: y\n", "not YAML: mapping values are not allowed in this context"),
        ("a: @x\n", "not YAML: found character that cannot start any token"),
        ('a: "\\区"\n', "not YAML: found unknown escape character"),
        ('a: "\\ud800"\n', "not YAML: found invalid Unicode character escape code"),
        ("a: *x\n", "not YAML: nothing is named &x above"),
        ("a: &x [*x]\n", "not YAML: nothing is named &x above"),
        ("a: \x07\n", "not YAML: control characters are not allowed"),
        ("a: \ud800\n", "not YAML: a lone surrogate"),
        ("just words\n", "not a mapping of keys to values"),
        ("- a\n- b\n", "not a mapping of keys to values"),
        ("''\n", "not a mapping of keys to values"),
        ("a: x\n--- y\nb: z\n", "more than one document of YAML"),
        ("%YAML 1.1\na: x\n", "not YAML: a directive"),
        ("a: x\n%TAG ! y\n", "not YAML: a directive"),
    ],
)
def test_what_is_no_header_says_why(header: str, why: str) -> None:
    assert reason(header) == why


# --- bounds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]"), ("- ", "")]
)
def test_nesting_has_a_bound(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        times = levels // opening.count("[") if opening == "[{a: " else levels
        text = opening * times + "x" + closing * times
        return f"a:\n {text}\n" if opening == "- " else f"a: {text}\n"

    assert values(nested(MAX_DEPTH // 2 - 1))
    assert reason(nested(MAX_DEPTH + 1)) == "nested too deeply"
    assert reason(nested(100_000)) == "nested too deeply"


def test_an_alias_does_not_nest_deeper_than_brackets_may() -> None:
    lines = ["a0: &a0 x"]
    lines += [f"a{n}: &a{n} {'[' * 30}*a{n - 1}{']' * 30}" for n in range(1, 25)]
    assert values("\n".join(lines[:2]))
    assert reason("\n".join(lines[:3])) == "nested too deeply"
    assert reason("\n".join(lines)) == "nested too deeply"


def test_an_alias_costs_what_it_stands_for() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 5)]
    assert values("\n".join(lines[:3]))
    assert reason("\n".join(lines)) == "more values than a header can hold"


def test_the_number_of_values_has_a_bound() -> None:
    assert len(values(f"a: {{}}\nb: [{', '.join('x' * 1000)}]")["b"]) == 1000
    assert reason("a: {}\n" + "b:\n" + "- x\n" * MAX_VALUES) == "more values than a header can hold"
