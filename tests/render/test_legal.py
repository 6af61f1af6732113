from __future__ import annotations

from dataclasses import replace
from xml.parsers import expat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import EPOCH, Category, Entry, Feed, Person
from feeds.render.legal import legal

from . import samples
from .samples import FEED, FULL, MINIMAL


def well_formed(text: str) -> bool:
    try:
        expat.ParserCreate().Parse(f"<a>{text}</a>".encode("utf-8", "surrogatepass"), True)
    except expat.ExpatError:
        return False
    return True


@pytest.mark.parametrize(
    ("character", "kept"),
    [
        ("\x00", False),
        ("\x08", False),
        ("\t", True),
        ("\n", True),
        ("\x0b", False),
        ("\x0c", False),
        ("\r", True),
        ("\x0e", False),
        ("\x1f", False),
        (" ", True),
        ("\x7f", True),
        ("\x85", True),
        ("\ud7ff", True),
        ("\ud800", False),
        (chr(0xDFFF), False),
        ("\ue000", True),
        ("\ufdd0", True),
        ("\ufffd", True),
        ("\ufffe", False),
        ("\uffff", False),
        ("\U00010000", True),
        ("\U0001ffff", True),
        ("\U0010ffff", True),
    ],
)
def test_what_xml_forbids_is_removed(character: str, kept: bool) -> None:
    assert legal(f"a{character}b") == (f"a{character}b" if kept else "ab")


@settings(deadline=None)
@given(st.characters(exclude_categories=(), exclude_characters="<&"))
def test_what_is_kept_is_what_a_parser_takes(character: str) -> None:
    # expat does not look for the two that are no characters at all.
    if character not in "\ufffe\uffff":
        assert (legal(character) == character) == well_formed(character)


def test_every_text_of_a_value_is_cleaned_at_any_depth() -> None:
    entry = replace(
        MINIMAL,
        title="a\x00",
        authors=(Person("b\x01", "c\x02", "d\x03"),),
        categories=(Category("e\x04", "f\x05", "g\x06"), Category("h")),
        content="\x07",
    )
    assert legal(entry) == replace(
        MINIMAL,
        title="a",
        authors=(Person("b", "c", "d"),),
        categories=(Category("e", "f", "g"), Category("h")),
        content="",
    )


def test_what_is_no_text_is_left_alone() -> None:
    assert legal(FEED) == FEED
    assert legal(FULL) == FULL
    assert legal(EPOCH) is EPOCH
    assert legal(None) is None


@settings(deadline=None, max_examples=50)
@given(samples.entries | samples.feeds)
def test_cleaning_twice_is_cleaning_once(value: Entry | Feed) -> None:
    assert legal(legal(value)) == legal(value)
