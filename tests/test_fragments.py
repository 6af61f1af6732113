from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.fragments import pack_fragments, unpack_fragments
from feeds.models import Format
from feeds.rows import DamagedIndexError

FORMATS = tuple(Format)
PACKED = pack_fragments([b"<entry>1</entry>\n" * 9, b"<item/>\n", b'{"id":"1"}'])


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3))
def test_fragments_are_unpacked_as_they_were_packed(fragments: list[bytes]) -> None:
    formats = FORMATS[: len(fragments)]
    assert unpack_fragments(pack_fragments(fragments), formats) == dict(
        zip(formats, fragments, strict=True)
    )


def test_fragments_of_an_entry_take_the_same_bytes_every_time() -> None:
    assert pack_fragments([b"a", b"b"]) == pack_fragments([b"a", b"b"])
    assert len(PACKED) < len(b"<entry>1</entry>\n" * 9)


@pytest.mark.parametrize(
    "body", [b"", b"x", PACKED[:-1], PACKED[1:], PACKED[:4], pack_fragments([])]
)
def test_a_damaged_entry_is_said_to_be_damaged(body: bytes) -> None:
    with pytest.raises(DamagedIndexError):
        unpack_fragments(body, FORMATS)


@pytest.mark.parametrize("number", [1, 2])
def test_fragments_of_other_formats_are_no_fragments(number: int) -> None:
    with pytest.raises(DamagedIndexError):
        unpack_fragments(PACKED, FORMATS[:number])


def test_no_flipped_bit_makes_another_entry_of_it() -> None:
    whole = unpack_fragments(PACKED, FORMATS)
    refused = 0
    for place in range(8 * len(PACKED)):
        damaged = bytearray(PACKED)
        damaged[place // 8] ^= 1 << place % 8
        try:
            assert unpack_fragments(bytes(damaged), FORMATS) == whole
        except DamagedIndexError:
            refused += 1
    assert refused > 7 * len(PACKED)
