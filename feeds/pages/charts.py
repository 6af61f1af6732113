"""Numbers over time as the geometry of small pictures (SVG 2), drawn by ``charts.html``.

A picture has no words: what it says stands beside it, as numbers in a table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

WIDTH: Final = 600
HEIGHT: Final = 96
GAP: Final = 0.25  # between two bars, as a part of one


class Bar(NamedTuple):
    """A bar that stands on the ground: its left edge, its width, its top and its height."""

    x: float
    width: float
    y: float
    height: float


def line(numbers: Sequence[int], top: int) -> tuple[tuple[float, float], ...]:
    """The points of a line from the left to the right edge; ``top`` is the number at the top.

    A single number stands in the middle.
    """
    if len(numbers) == 1:
        return ((WIDTH / 2, _height(numbers[0], top)),)
    step = WIDTH / max(len(numbers) - 1, 1)
    return tuple((_short(place * step), _height(n, top)) for place, n in enumerate(numbers))


def bars(numbers: Sequence[int], top: int) -> tuple[Bar, ...]:
    """A bar for each number, all of them as wide as the picture."""
    step = WIDTH / max(len(numbers), 1)
    found = []
    for place, number in enumerate(numbers):
        y = _height(number, top)
        left = _short((place + GAP / 2) * step)
        found.append(Bar(left, _short(step * (1 - GAP)), y, _short(HEIGHT - y)))
    return tuple(found)


def _height(number: int, top: int) -> float:
    """How far below the top a number is."""
    return _short(HEIGHT * (1 - number / top)) if top else float(HEIGHT)


def _short(number: float) -> float:
    return round(number, 1)
