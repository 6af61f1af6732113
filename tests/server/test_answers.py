"""Frozen answers: headers complete for every status and encoding, bodies that come back whole."""

from __future__ import annotations

import gzip
import zlib
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from feeds.models import EPOCH, Document
from server.answers import Answer, Facts, Headers, decode, encode, freeze
from server.conditional import Encoding, matches

BODY = "<feed>中国税务报新闻</feed>".encode() * 100
UPDATED = datetime(2022, 1, 17, 8, 54, 3, 999_999, tzinfo=timezone(timedelta(hours=8)))
FACTS = Facts(
    "tag",
    "atom",
    420,
    (("self", "https://example.org/tag/c%23/feed.atom"), ("hub", "https://hub.example.org/")),
    ("feeds", "tag/C# 中"),
)


def frozen(facts: Facts = FACTS, updated: datetime = UPDATED) -> Answer:
    document = Document("tag/c#/feed.atom", "application/atom+xml", BODY, updated)
    return freeze(document, b"key", facts)


def table(headers: Headers) -> dict[str, str]:
    """Headers by name; each stands there once, in lower case, as ASGI wants it."""
    found = {name.decode("ascii"): value.decode("ascii") for name, value in headers}
    assert len(found) == len(headers)
    assert all(name == name.lower() for name in found)
    return found


@given(st.binary(max_size=5_000), st.sampled_from(Encoding))
def test_a_body_comes_back_from_its_encoding(body: bytes, encoding: Encoding) -> None:
    encoded = encode(body, encoding)
    assert decode(encoded, encoding) == body
    assert encode(body, encoding) == encoded


@pytest.mark.parametrize("encoding", Encoding)
def test_encodings_are_what_others_take_them_for(encoding: Encoding) -> None:
    encoded = encode(BODY, encoding)
    readers = {
        Encoding.BROTLI: brotli.decompress,
        Encoding.ZSTD: lambda data: zstandard.ZstdDecompressor().decompress(data),
        Encoding.GZIP: gzip.decompress,
        Encoding.IDENTITY: bytes,
    }
    assert readers[encoding](encoded) == BODY
    assert encoding is Encoding.IDENTITY or len(encoded) < len(BODY) / 4


def test_a_gzip_stream_has_neither_a_time_nor_a_name() -> None:
    encoded = encode(BODY, Encoding.GZIP)
    assert encoded[:4] == b"\x1f\x8b\x08\x00"
    assert encoded[4:8] == bytes(4)
    # One member, and nothing behind it.
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    assert reader.decompress(encoded) == BODY
    assert reader.eof
    assert not reader.unused_data


@pytest.mark.parametrize("encoding", Encoding)
def test_a_whole_answer_says_all_there_is_to_say(encoding: Encoding) -> None:
    answer = frozen()
    body = encode(BODY, encoding)
    headers = table(answer.variant(encoding, body).headers)
    assert headers.pop("content-encoding", "identity") == encoding
    assert headers == {
        "content-type": "application/atom+xml; charset=utf-8",
        "content-length": str(len(body)),
        "etag": headers["etag"],
        "last-modified": "Mon, 17 Jan 2022 00:54:03 GMT",
        "cache-control": "public, max-age=420, stale-while-revalidate=60, stale-if-error=604800",
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, Last-Modified, Link",
        "x-content-type-options": "nosniff",
        "accept-ranges": "none",
        "link": '<https://example.org/tag/c%23/feed.atom>; rel="self", '
        '<https://hub.example.org/>; rel="hub"',
        "surrogate-key": "feeds tag/C%23%20%E4%B8%AD",
        "xkey": "feeds tag/C%23%20%E4%B8%AD",
    }


@pytest.mark.parametrize("encoding", Encoding)
def test_what_a_304_says_is_what_the_200_said(encoding: Encoding) -> None:
    answer = frozen()
    whole = table(answer.variant(encoding, b"").headers)
    short = table(answer.not_modified[encoding])
    assert short.items() <= whole.items()
    assert {"etag", "last-modified", "cache-control", "vary"} <= short.keys()
    assert not {"content-length", "content-type", "content-encoding"} & short.keys()


def test_every_encoding_has_its_own_strong_etag_and_all_match() -> None:
    answer = frozen()
    tags = [table(answer.not_modified[encoding])["etag"] for encoding in Encoding]
    assert len(set(tags)) == len(tags)
    assert f'"{answer.hash}"' in tags
    for tag in tags:
        assert tag[0] == tag[-1] == '"'
        assert matches(tag.encode(), answer.hash)
        assert {tag.encode(), b"W/" + tag.encode()} <= answer.tags


@given(st.timedeltas(timedelta(0), timedelta(days=80_000)))
def test_last_modified_is_the_updated_of_the_feed_in_whole_seconds(age: timedelta) -> None:
    updated = EPOCH + age
    answer = frozen(updated=updated)
    said = parsedate_to_datetime(answer.last_modified.decode())
    assert said == answer.modified == updated.replace(microsecond=0)
    assert answer.last_modified.endswith(b" GMT")


def test_addresses_in_a_link_are_ascii() -> None:
    facts = FACTS._replace(links=(("self", "https://example.org/中 國/feed.atom?a=b&c=%20"),))
    headers = table(frozen(facts).variant(Encoding.IDENTITY, BODY).headers)
    link = '<https://example.org/%E4%B8%AD%20%E5%9C%8B/feed.atom?a=b&c=%20>; rel="self"'
    assert headers["link"] == link


def test_the_new_entries_alone_are_never_taken_for_the_whole() -> None:
    headers = table(frozen().delta(b"<feed/>").headers)
    assert headers["im"] == "feed"
    assert headers["cache-control"] == "no-store, im"
    assert {"A-IM", "If-None-Match"} <= set(headers["vary"].split(", "))
    assert headers["content-length"] == "7"
    assert "content-encoding" not in headers
