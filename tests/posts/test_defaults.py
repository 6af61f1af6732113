from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import Defaults
from feeds.posts.defaults import defaults_for, merge
from feeds.posts.frontmatter import Plain, Value

NULL = Plain("")


def holds(scope: str, path: str, collections_dir: str = "") -> bool:
    """Whether a set for ``scope`` is one for the post at ``path``."""
    return bool(defaults_for(path, [Defaults(scope, "", {"a": "b"})], collections_dir))


# --- where a set holds ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("", "_posts/a.md"),
        ("_posts", "_posts/a.md"),
        ("_posts/", "_posts/a.md"),
        ("_posts/sub", "_posts/sub/a.md"),
        ("_posts/sub", "_posts/subway/a.md"),  # it is a prefix, not a folder
        ("_posts/a.md", "_posts/a.md"),
        ("news", "news/_posts/a.md"),
        ("_posts/*", "_posts/a.md"),
        ("_posts/*", "_posts/sub/deep/a.md"),
        ("*/_posts", "news/_posts/a.md"),
        ("**/_posts", "a/b/_posts/c.md"),
        ("**/_posts", "_posts/c.md"),
        ("**/*.md", "a/b/_posts/c.md"),
        ("_posts/*.md", "_posts/a.md"),
        ("_posts/s?b*", "_posts/sub/a.md"),
        ("_posts/[st]*", "_posts/sub/a.md"),
        ("_posts/[a-f]*", "_posts/b.md"),
        ("_posts/[!s]*", "_posts/t.md"),
        ("_posts/[^s]*", "_posts/t.md"),
        ("_posts/{sub,other}*", "_posts/other/a.md"),
        ("_posts/*/", "_posts/sub/a.md"),
        ("中*", "中文/_posts/a.md"),
        ("a+(b)*", "a+(b)c/_posts/a.md"),
    ],
)
def test_a_set_holds_below_its_path(scope: str, path: str) -> None:
    assert holds(scope, path)


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ("/_posts", "_posts/a.md"),
        ("./_posts", "_posts/a.md"),
        ("posts", "_posts/a.md"),
        ("_posts", "news/_posts/a.md"),
        ("_Posts", "_posts/a.md"),
        ("_posts/a.md/", "_posts/a.md"),
        ("_posts/*/", "_posts/a.md"),
        ("*/_posts", "_posts/a.md"),
        ("*/_posts", "a/b/_posts/c.md"),
        ("*sts", "news/_posts/a.md"),
        ("_posts/*.txt", "_posts/a.md"),
        ("_posts/*", "_posts/.hidden/a.md"),
        ("**/_posts", ".hidden/_posts/a.md"),
        ("_posts/[!s]*", "_posts/sub/a.md"),
        ("_posts/[z-a]*", "_posts/sub/a.md"),
        ("_posts/[s*", "_posts/sub/a.md"),
    ],
)
def test_a_set_holds_nowhere_else(scope: str, path: str) -> None:
    assert not holds(scope, path)


def test_the_folder_of_collections_may_be_told_or_not() -> None:
    path = "my/_posts/a.md"
    assert holds("_posts", path, collections_dir="my")
    assert holds("my/_posts", path, collections_dir="my")
    assert holds("my/*", path, collections_dir="my")
    assert not holds("_posts", path)


@pytest.mark.parametrize(
    ("type", "expected"),
    [("", True), ("posts", True), ("drafts", False), ("pages", False), ("docs", False)],
)
def test_a_set_holds_for_its_type(type: str, expected: bool) -> None:
    for path in ("_posts/a.md", "_drafts/a.md"):
        assert defaults_for(path, [Defaults("", type, {"a": "b"})]) == (
            {"a": "b"} if expected else {}
        )


# --- which of several wins -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "winner"),
    [
        ([("", ""), ("_posts", "")], 1),
        ([("_posts", ""), ("", "")], 0),
        ([("_posts", ""), ("_posts", "")], 1),
        ([("_posts", ""), ("_posts", "posts")], 1),
        ([("_posts", "posts"), ("_posts", "")], 0),
        ([("", "posts"), ("_posts", ""), ("", "")], 1),
        ([("_posts/sub", ""), ("_posts", "posts"), ("_posts/*", "")], 0),
    ],
)
def test_the_more_specific_set_wins_then_the_typed_one_then_the_later(
    sets: list[tuple[str, str]], winner: int
) -> None:
    given = [Defaults(path, type, {"n": n, str(n): "x"}) for n, (path, type) in enumerate(sets)]
    found = defaults_for("_posts/sub/a.md", given)
    assert found["n"] == str(winner)
    # What only one of them says holds, whoever wins.
    assert found.keys() == {"n", *(str(n) for n in range(len(sets)))}


def test_values_have_the_shape_of_a_header() -> None:
    values = {"a": True, "b": None, "c": 7, "d": [1, "x"], "e": {"f": False}, "g": "true"}
    found = defaults_for("_posts/a.md", [Defaults("", "", values)])
    assert found == {
        "a": "true",
        "b": "",
        "c": "7",
        "d": ["1", "x"],
        "e": {"f": "false"},
        "g": "true",
    }
    assert isinstance(found["a"], Plain)
    assert isinstance(found["b"], Plain)
    assert not isinstance(found["g"], Plain)


# --- how two mappings are merged -----------------------------------------------------------


@pytest.mark.parametrize(
    ("under", "over", "merged"),
    [
        ({}, {"a": "1"}, {"a": "1"}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}),
        ({"a": "1"}, {"a": NULL}, {"a": "1"}),
        ({"a": "1"}, {"a": ""}, {"a": ""}),
        ({"a": NULL}, {"a": "1"}, {"a": "1"}),
        ({}, {"a": NULL}, {"a": NULL}),
        ({"a": ["1"]}, {"a": ["2"]}, {"a": ["2"]}),
        ({"a": {"b": "1", "c": "2"}}, {"a": {"b": "3"}}, {"a": {"b": "3", "c": "2"}}),
        ({"a": {"b": {"c": "1"}}}, {"a": {"b": {"d": "2"}}}, {"a": {"b": {"c": "1", "d": "2"}}}),
        ({"a": {"b": "1"}}, {"a": "2"}, {"a": "2"}),
        ({"a": "1"}, {"a": {"b": "2"}}, {"a": {"b": "2"}}),
    ],
)
def test_mappings_are_merged_key_by_key_and_null_overwrites_nothing(
    under: dict[str, Value], over: dict[str, Value], merged: dict[str, Value]
) -> None:
    before = repr((under, over))
    assert merge(under, over) == merged
    assert repr((under, over)) == before


# --- any pattern ---------------------------------------------------------------------------

SCOPES = st.lists(
    st.sampled_from(["*", "**/", "?", "[", "]", "[!", "{", "}", ",", "/", "a", "-", "\\", "^", "."])
).map("".join)


@given(scope=SCOPES, path=SCOPES)
def test_no_pattern_of_a_scope_breaks(scope: str, path: str) -> None:
    assert holds(scope, path) in (True, False)


@given(path=st.text("ab/.", min_size=1), end=st.integers(0, 20))
def test_without_a_star_a_scope_is_a_beginning(path: str, end: int) -> None:
    assert holds(path[:end], path)
    assert not holds(f"{path[:end]}c", path)
