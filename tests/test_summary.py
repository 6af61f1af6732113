from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from feeds.models import Finding, Level
from feeds.summary import FEW, grouped


def finding(number: int, what: str, done: str = "left out", level: Level = Level.ERROR) -> Finding:
    return Finding(f"posts/{number}.md", 3, level, what, done)


def test_findings_that_differ_in_values_are_one_group() -> None:
    (group,) = grouped(finding(n, f"date is no date: 'x{n}', line {n}") for n in range(5))
    assert group.heading == "date is no date: …, line … — left out"
    examples = list(group.examples())
    assert examples[0] == "posts/0.md:3: date is no date: 'x0', line 0 — left out"
    assert (len(examples), group.rest, group.short) == (FEW, 2, False)


def test_places_are_enough_where_all_say_the_same() -> None:
    (group,) = grouped(finding(n, "title is empty") for n in range(4))
    assert group.heading == "title is empty — left out"
    assert list(group.examples()) == ["posts/0.md:3", "posts/1.md:3", "posts/2.md:3"]


def test_an_outcome_of_each_is_none_of_all() -> None:
    (group,) = grouped(finding(n, "its path is taken", f"it is at tag/x-{n}") for n in range(4))
    assert group.heading == "its path is taken"
    assert list(group.examples())[1] == "posts/1.md:3: its path is taken — it is at tag/x-1"


def test_an_apostrophe_quotes_nothing() -> None:
    found = [finding(1, "the file's date and the post's"), finding(2, "the file's name")]
    assert len(grouped(found)) == 2


def test_the_gravest_stand_last_whatever_their_order() -> None:
    levels = [Level.ERROR, Level.NOTE, Level.WARNING, Level.ERROR]
    groups = grouped(
        finding(n, f"{level} {'x' * n}", level=level) for n, level in enumerate(levels)
    )
    assert [group.level for group in groups] == [
        Level.NOTE,
        Level.WARNING,
        Level.ERROR,
        Level.ERROR,
    ]


@given(
    st.lists(
        st.builds(
            finding, st.integers(0, 9), st.text("ab'\" 12"), st.text("x1"), st.sampled_from(Level)
        )
    )
)
def test_every_finding_is_in_exactly_one_group(found: list[Finding]) -> None:
    groups = grouped(found)
    assert sorted(each for group in groups for each in group.findings) == sorted(found)
    assert all(group.findings and group.heading is not None for group in groups)
