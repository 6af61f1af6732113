from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.models import Category, Enclosure, Entry, Format, Person
from feeds.render import atom, plain, render_entry, rss

from .samples import dates

TEXTS = st.text(
    st.one_of(
        st.sampled_from("&<>\"' \n\t\r]x文😀\u0085\u2028\u00a0\u200f\u007f"),
        st.characters(
            exclude_categories=["Cs"], exclude_characters="\ufffe\uffff", min_codepoint=32
        ),
    ),
    max_size=30,
)
WORDS = TEXTS.filter(lambda text: bool(text.strip()))


PLAIN = st.builds(
    Entry,
    id=WORDS,
    url=WORDS,
    title=TEXTS,
    published=dates,
    updated=dates,
    summary=TEXTS,
    content=st.none() | WORDS,
    categories=st.lists(st.builds(Category, WORDS, TEXTS, TEXTS), max_size=3).map(tuple),
    source=TEXTS,
)
ENTRY = Entry(
    "urn:x:1",
    "https://example.org/a",
    "题",
    datetime(2022, 1, 1, tzinfo=UTC),
    datetime(2022, 1, 1, tzinfo=UTC),
    summary="s",
    content="<p>c</p>",
)


@settings(max_examples=300, deadline=None)
@given(entry=PLAIN)
def test_a_plain_entry_is_what_feedgen_writes(entry: Entry) -> None:
    assert plain.plain_entry(entry, Format.ATOM) == atom.render_entry(entry)
    assert plain.plain_entry(entry, Format.RSS) == rss.render_entry(entry)


@pytest.mark.parametrize(
    "unusual",
    [
        {"authors": (Person("A"),)},
        {"enclosures": (Enclosure("https://example.org/a.mp3", "audio/mpeg", 1),)},
        {"image": "https://example.org/i.png"},
        {"language": "en"},
        {"content": ""},
        {"id": ""},
        {"categories": (Category("", "s", "l"),)},
    ],
)
def test_what_is_unusual_is_left_to_feedgen(unusual: dict[str, object]) -> None:
    entry = replace(ENTRY, **unusual)  # type: ignore[arg-type]  # values of every field
    assert [plain.plain_entry(entry, format) for format in Format] == [None, None, None]


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
@pytest.mark.parametrize("field", ["title", "summary", "content", "url", "source", "id"])
def test_what_xml_forbids_is_refused(field: str, character: str) -> None:
    entry = replace(ENTRY, **{field: f"a{character}b"})  # type: ignore[arg-type]  # all texts
    for format in (Format.ATOM, Format.RSS):
        with pytest.raises(ValueError):  # noqa: PT011 - Unicode's is one of them
            plain.plain_entry(entry, format)
        legal = replace(entry, **{field: "ab"})  # type: ignore[arg-type]
        assert render_entry(entry, format) == render_entry(legal, format)
