"""Values are dataclasses in all that anybody may ask of them."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import config, models
from feeds.configfile import load_config
from feeds.values import dataclass

SITE = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, order=True)
class Quick:
    """A value with each kind of field."""

    name: str
    number: int = 0
    names: list[str] = field(default_factory=list)
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    length: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Standard:
    """The same by the standard library."""

    name: str
    number: int = 0
    names: list[str] = field(default_factory=list)
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)
    length: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


words = st.text(max_size=3)
arguments = st.fixed_dictionaries(
    {"name": words},
    optional={
        "number": st.integers(0, 2),
        "names": st.lists(words, max_size=2),
        "note": words,
        "secret": words,
    },
)


def outcome(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except Exception as error:
        return type(error)


@given(arguments, arguments)
def test_what_is_asked_of_two_values_is_answered_as_by_the_standard_library(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    quick, standard = [[make(**given) for given in (first, second)] for make in (Quick, Standard)]
    asked: list[Callable[[Any, Any], object]] = [
        lambda a, b: a == b,
        lambda a, b: a != b,
        lambda a, b: a < b,
        lambda a, b: a > b,
        lambda a, b: a == 1,
        lambda a, b: a < 1,
        lambda a, b: dataclasses.astuple(a),
        lambda a, b: orjson.dumps(a),
        lambda a, b: repr(a).partition("(")[2],
        lambda a, b: dataclasses.asdict(dataclasses.replace(a, number=7)),
        lambda a, b: pickle.loads(pickle.dumps(a)) == a,
        lambda a, b: copy.deepcopy(a) == a,
        lambda a, b: hash(a),
    ]
    for ask in asked:
        assert outcome(lambda: ask(*quick)) == outcome(lambda: ask(*standard))  # noqa: B023


@given(words, words, st.integers(0, 3), st.integers(0, 3))
def test_equal_values_have_the_same_hash(a: str, b: str, one: int, two: int) -> None:
    first, second = models.Person(a, str(one)), models.Person(b, str(two))
    assert (first == second) is ((a, one) == (b, two))
    if first == second:
        assert hash(first) == hash(second)


def test_no_field_is_set_or_deleted() -> None:
    value = Quick("a")
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        value.name = "b"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'name'"):
        del value.name
    assert value == Quick("a")


def test_every_value_has_a_list_of_its_own() -> None:
    Quick("a").names.append("x")
    assert Quick("a").names == []


def test_arguments_are_those_of_the_standard_library() -> None:
    quick, standard = (list(inspect.signature(each).parameters) for each in (Quick, Standard))
    assert quick == standard
    for wrong in ({}, {"name": "", "length": 1}, {"nam": ""}):
        with pytest.raises(TypeError, match="__init__"):
            Quick(**wrong)


def test_what_may_change_has_no_hash() -> None:
    @dataclass(slots=True)
    class Changing:
        number: int = 0

    value = Changing()
    value.number = 2
    assert value == Changing(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


def test_what_a_class_says_itself_stays() -> None:
    finding = models.Finding("a.md", 3, models.Level.NOTE, "what", "done")
    assert str(finding) == "a.md:3: note: what — done"


def test_a_configuration_reaches_another_process_whole() -> None:
    loaded = load_config(SITE)
    again = pickle.loads(pickle.dumps(loaded))
    assert isinstance(again, config.Config)
    assert again == loaded
