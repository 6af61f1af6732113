from __future__ import annotations

import pytest

from feeds.posts.frontmatter import Plain, Value
from feeds.posts.variables import typed


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *(("", None), ("~", None), ("null", None), ("Null", None)),
        *(("true", True), ("Yes", True), ("on", True)),
        *(("false", False), ("NO", False), ("off", False)),
        *(("0", 0), ("42", 42), ("-7", -7), ("+7", 7), ("1_000", 1000)),
        *(("1.5", 1.5), ("-0.25", -0.25), ("1_000.5", 1000.5), ("2.", 2.0)),
        # What YAML 1.1 has as well and no template counts with.
        *(("007", "007"), ("0x10", "0x10"), ("1:30", "1:30"), ("1e3", "1e3"), (".inf", ".inf")),
        *(("y", "y"), ("2022-01-17", "2022-01-17"), ("٤٢", "٤٢"), ("9" * 40, "9" * 40)),
    ],
)
def test_a_scalar_without_quotes_has_the_type_that_it_looks_like(
    written: str, value: object
) -> None:
    found = typed(Plain(written))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("written", ["", "null", "true", "no", "42", "1.5", "text"])
def test_a_text_stays_a_text(written: str) -> None:
    assert typed(written) == written


def test_what_is_within_lists_and_mappings_has_types_too() -> None:
    value: Value = {"a": [Plain("1"), "1", {"b": Plain("no")}], "c": Plain("x")}
    assert typed(value) == {"a": [1, "1", {"b": False}], "c": "x"}
