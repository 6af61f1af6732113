"""Numbers as geometry."""

from __future__ import annotations

import itertools

import pytest

from feeds.pages.charts import HEIGHT, WIDTH, bars, line


@pytest.mark.parametrize(
    ("numbers", "points"),
    [
        ([], []),
        ([7], [(WIDTH / 2, 0)]),
        ([0, 7], [(0, HEIGHT), (WIDTH, 0)]),
        ([7, 0, 3], [(0, 0), (WIDTH / 2, HEIGHT), (WIDTH, 54.9)]),
    ],
)
def test_a_line_goes_from_edge_to_edge(
    numbers: list[int], points: list[tuple[float, float]]
) -> None:
    assert list(line(numbers, 7)) == points


def test_where_there_is_nothing_the_line_lies_on_the_ground() -> None:
    assert line([0, 0], 0) == ((0, HEIGHT), (WIDTH, HEIGHT))


@pytest.mark.parametrize("count", [1, 2, 24, 30])
def test_bars_stand_side_by_side_on_the_ground(count: int) -> None:
    found = bars(range(count), count)
    assert all(each.y + each.height == pytest.approx(HEIGHT) for each in found)
    assert [each.height for each in found] == sorted(each.height for each in found)
    for left, right in itertools.pairwise(found):
        assert left.x + left.width < right.x
    assert found[0].x > 0
    assert found[-1].x + found[-1].width < WIDTH


def test_no_bars_no_picture() -> None:
    assert bars([], 0) == ()
    assert bars([0], 0)[0].height == 0
