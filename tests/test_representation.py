"""What is said of a document wherever it is served from."""

from __future__ import annotations

import gzip

from feeds.representation import cache_control, content_type, gzipped


def test_the_encoding_of_the_text_is_named() -> None:
    assert content_type("application/atom+xml") == "application/atom+xml; charset=utf-8"


def test_caches_may_show_old_content_while_they_ask_or_cannot() -> None:
    assert cache_control(300) == (
        "public, max-age=300, stale-while-revalidate=60, stale-if-error=604800"
    )


def test_gzip_is_the_same_bytes_at_any_time() -> None:
    body = b"<feed/>" * 99
    assert gzip.decompress(gzipped(body)) == body
    assert gzipped(body)[4:8] == bytes(4)  # the time, RFC 1952 section 2.3.1
