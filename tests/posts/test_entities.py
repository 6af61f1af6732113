"""What an attribute means, as browsers read it."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.posts.entities import attribute_value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/?a=1&amp;b=2", "/?a=1&b=2"),
        ("/?a=1&b=2", "/?a=1&b=2"),
        ("/?a=1&copy=2&reg2=3&image=4", "/?a=1&copy=2&reg2=3&image=4"),
        ("/?a=1&copy;b", "/?a=1©b"),
        ("/?a=1&copy", "/?a=1©"),
        ("/a&#47;b&#x2f;c&#x2Fg", "/a/b/c/g"),
        ("/&nothing;&;&", "/&nothing;&;&"),
        ("/%26amp;", "/%26amp;"),
        ("&amp;copy=1", "&copy=1"),
    ],
)
def test_references_are_what_browsers_take_them_for(written: str, meant: str) -> None:
    assert attribute_value(written) == meant


@given(st.text())
def test_whatever_is_escaped_comes_back(value: str) -> None:
    assert attribute_value(html.escape(value)) == value
