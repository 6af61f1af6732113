"""What a request asks for: encodings by weight, validators in all the ways that readers send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conditional import Encoding, etags, matches, negotiate, stem, unmodified_since

BR, ZSTD, GZIP, IDENTITY = Encoding.BROTLI, Encoding.ZSTD, Encoding.GZIP, Encoding.IDENTITY
HASH = "f200f5f797ba5cdab4e4727aabd903f52973e570d1e6ffd1e30fefdf6c76ca55"
OTHER = "0" * 64


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("gzip", GZIP),
        ("gzip, deflate", GZIP),
        ("gzip, deflate, br", BR),
        ("gzip, deflate, br, zstd", BR),
        ("zstd, gzip", ZSTD),
        ("GZIP", GZIP),
        ("x-gzip", GZIP),
        ("gzip;q=1.0, br;q=0.5", GZIP),
        ("gzip ; q=0.8 , br ; Q=0.9", BR),
        ("*", BR),
        ("br;q=0, *", ZSTD),
        ("br;q=0, zstd;q=0, *;q=0.1", GZIP),
        ("deflate", IDENTITY),
        ("", IDENTITY),
        (" , ,", IDENTITY),
        ("identity", IDENTITY),
        ("identity, gzip", GZIP),
        ("identity;q=1, gzip;q=0.5", IDENTITY),
        ("gzip;q=0", IDENTITY),
        ("gzip;q=0.000", IDENTITY),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("identity;q=0, *;q=0", None),
        ("identity;q=0, gzip;q=0.1", GZIP),
        ("identity;q=0, *;q=0.1", BR),
        ("gzip;q=0, *;q=0, identity", IDENTITY),
        # A weight that is none says nothing.
        ("gzip;q=much", GZIP),
        ("gzip;q=", GZIP),
        ("gzip;q=7", GZIP),
        ("gzip;q=-1", GZIP),
        ("gzip;q=nan", GZIP),
        ("gzip;level=9", GZIP),
    ],
)
def test_the_encoding_is_the_best_that_the_client_wants(
    header: str, encoding: Encoding | None
) -> None:
    assert negotiate(header.encode()) is encoding


names = st.sampled_from(["br", "gzip", "zstd", "identity", "*", "deflate", "x-gzip"])
weights = st.sampled_from(["0", "0.0", "0.001", "0.5", "0.999", "1", "1.000"])


@given(st.dictionaries(names, weights, max_size=7))
def test_nothing_is_chosen_that_the_client_rules_out_or_did_not_ask_for(
    accepted: dict[str, str],
) -> None:
    header = ", ".join(f"{name};q={weight}" for name, weight in accepted.items())
    chosen = negotiate(header.encode())
    # The last of two names for one coding counts.
    said = {name.removeprefix("x-"): float(weight) for name, weight in accepted.items()}
    acceptable = {
        encoding: said.get(encoding, said.get("*", 1.0 if encoding is IDENTITY else 0.0))
        for encoding in Encoding
    }
    if chosen is None:
        assert set(acceptable.values()) == {0.0}
        return
    assert acceptable[chosen] > 0
    if chosen is not IDENTITY:
        assert chosen in said or "*" in said
        assert acceptable[chosen] == max(acceptable[each] for each in (BR, ZSTD, GZIP))
    elif "identity" not in said:
        assert not any(acceptable[each] for each in (BR, ZSTD, GZIP))


@given(st.binary(max_size=300))
def test_any_bytes_are_some_wish(header: bytes) -> None:
    assert negotiate(header) in (*Encoding, None)


def test_a_long_header_is_read_like_a_short_one() -> None:
    assert negotiate(b"deflate, " * 1_000 + b"gzip") is GZIP


@pytest.mark.parametrize(
    "header",
    [
        f'"{HASH}"',
        f'"{HASH}-gz"',
        f'"{HASH}-br"',
        f'"{HASH}-zs"',
        f'W/"{HASH}"',
        f'W/"{HASH}-gz"',
        f'w/"{HASH}"',
        f'"{HASH}-gzip"',
        f'"{HASH}--gzip"',
        f'"{HASH};gzip"',
        f'W/"{HASH}-gz-gzip"',
        f"{HASH}",
        f"{HASH}-br",
        f'"{OTHER}", "{HASH}"',
        f'"{HASH}","{OTHER}"',
        f'"{OTHER}" , W/"{HASH}-br" , "x"',
        "*",
        f'  "{HASH}"  ',
    ],
)
def test_an_etag_of_ours_matches_in_all_the_ways_that_it_comes_back(header: str) -> None:
    assert matches(header.encode(), HASH)


@pytest.mark.parametrize(
    "header",
    [
        "",
        '""',
        ",",
        f'"{OTHER}"',
        f'"{HASH[:-1]}"',
        f'"{HASH}0"',
        f'"{HASH}-xz"',
        f'"-gz{HASH}"',
        '"-gz"',
        "W/",
        f'"{HASH.upper()}"',
        "\xff\xfe",
    ],
)
def test_another_etag_does_not_match(header: str) -> None:
    assert not matches(header.encode("latin-1"), HASH)


@given(st.binary(max_size=200))
def test_any_bytes_are_some_tags(header: bytes) -> None:
    for tag in etags(header):
        assert '"' not in (tag[0], tag[-1])
        assert matches(header, stem(tag))


LAST = datetime(2022, 1, 17, 0, 54, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "unmodified"),
    [
        ("Mon, 17 Jan 2022 00:54:03 GMT", True),
        ("Mon, 17 Jan 2022 00:54:04 GMT", True),
        ("Tue, 01 Jan 2030 00:00:00 GMT", True),
        ("Mon, 17 Jan 2022 00:54:02 GMT", False),
        ("Sun, 16 Jan 2022 23:59:59 GMT", False),
        ("Mon, 17 Jan 2022 08:54:03 +0800", True),
        ("Mon, 17 Jan 2022 08:54:02 +0800", False),
        ("Mon, 17 Jan 2022 00:54:03 -0000", True),
        ("Monday, 17-Jan-22 00:54:03 GMT", True),
        ("Mon Jan 17 00:54:03 2022", True),
        ("Mon, 17 Jan 2022 00:54:03", True),
        ("", False),
        ("1800", False),
        ("1642380843", False),
        ("garbage", False),
        ("2022-01-17T00:54:03Z", False),
        ("Mon, 32 Jan 2022 00:54:03 GMT", False),
        ("Mon, 17 Jan 99999 00:54:03 GMT", False),
        ("Mon, 17 Jan 2022 00:54:03 +9999999999", False),
        ("0", False),
        (" " * 1_000 + "Tue, 01 Jan 2030 00:00:00 GMT", False),
    ],
)
def test_a_date_says_what_a_client_has(header: str, unmodified: bool) -> None:
    assert unmodified_since(header.encode(), LAST) is unmodified


@given(st.binary(max_size=80) | st.text(max_size=64).map(str.encode))
def test_any_bytes_are_some_date_or_none(header: bytes) -> None:
    assert unmodified_since(header, LAST) in (True, False)
