"""Sketches: how far off they are, how they merge, and how little is in them."""

from __future__ import annotations

import statistics
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.sketch import EMPTY, REGISTERS, estimate, merged, sketch

ITEMS = st.lists(st.binary(max_size=8), max_size=60)
ADDRESSES = st.lists(st.ip_addresses().map(lambda address: str(address).encode()), min_size=1)
# The standard error of 1,024 registers, 1.04 / sqrt(1024).
ERROR = 0.0325


def items(number: int, kind: str = "reader") -> list[bytes]:
    return [f"{kind} {place}".encode() for place in range(number)]


def test_nothing_seen_is_none() -> None:
    assert estimate(sketch([])) == estimate(EMPTY) == 0


@pytest.mark.parametrize("number", [1, 2, 3, 5, 10])
def test_few_are_counted_exactly(number: int) -> None:
    assert estimate(sketch(items(number))) == number


# 2,000 to 5,000 is where one way to read a sketch hands over to the other.
@pytest.mark.parametrize("number", [50, 500, 2_000, 2_560, 3_072, 4_000, 5_120, 20_000, 100_000])
@pytest.mark.parametrize("kind", ["reader", "192.0.2.", "\0"])
def test_many_are_counted_within_the_error_that_is_promised(number: int, kind: str) -> None:
    assert abs(estimate(sketch(items(number, kind))) - number) <= 4 * ERROR * number


@pytest.mark.parametrize("number", [500, 2_560, 3_500, 8_000])
def test_the_error_is_as_small_as_is_promised_and_has_no_side(number: int) -> None:
    turns = 30
    off = [estimate(sketch(items(number, f"{turn}:"))) / number - 1 for turn in range(turns)]
    assert abs(statistics.mean(off)) < 0.02
    assert statistics.pstdev(off) < 1.4 * ERROR


@given(ITEMS)
def test_who_comes_again_or_in_another_order_changes_nothing(seen: list[bytes]) -> None:
    assert sketch(seen + seen[::-1]) == sketch(set(seen))


@given(ITEMS, ITEMS)
def test_two_merge_into_that_of_the_union(one: list[bytes], other: list[bytes]) -> None:
    assert merged(sketch(one), sketch(other)) == sketch(one + other)
    assert merged(sketch(other), sketch(one)) == sketch(one + other)


@given(ITEMS, ITEMS)
def test_an_estimate_never_shrinks_by_merging(one: list[bytes], other: list[bytes]) -> None:
    together = estimate(merged(sketch(one), sketch(other)))
    assert together >= max(estimate(sketch(one)), estimate(sketch(other)))


def test_an_estimate_never_shrinks_where_the_ways_to_read_it_meet() -> None:
    """Readers that come one after the other, where linear counting ends."""
    registers = sketch(items(2_800))
    before = estimate(registers)
    for item in items(3_600)[2_800:]:
        registers = merged(registers, sketch([item]))
        assert estimate(registers) >= before * 0.97
        before = estimate(registers)


@given(ADDRESSES)
def test_no_part_of_what_was_seen_is_in_a_sketch(seen: list[bytes]) -> None:
    registers = sketch(seen)
    assert len(registers) == REGISTERS
    assert max(registers) <= 55
    assert len(registers) - registers.count(0) <= len(set(seen))
    assert all(item not in registers for item in seen)


def test_the_sketch_of_one_reader_is_that_of_many() -> None:
    """Even of a few thousand addresses hardly one has a sketch to itself."""
    addresses = (f"198.18.{a}.{b}\0Reader/1.0".encode() for a in range(256) for b in range(256))
    same = Counter(sketch([address]) for address in addresses)
    assert sum(number for number in same.values() if number < 3) < 0.06 * 65_536
