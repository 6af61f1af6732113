"""Archived copies, asked for at a server that answers as the availability API does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from feeds.links.archive import ArchiveError, copies, copy_in

COPY = "http://web.archive.org/web/20200101000000/http://a.example.org/x?y=1&z"


def closest(**values: Any) -> dict[str, Any]:
    known = {"available": True, "url": COPY, "timestamp": "20200101000000", "status": "200"}
    return {"archived_snapshots": {"closest": {**known, **values}}}


@contextmanager
def archive(answers: dict[str, tuple[int, bytes]]) -> Iterator[str]:
    """An archive with an answer for each address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            (url,) = parse_qs(urlsplit(self.path).query)["url"]
            status, body = answers[url]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/wayback/available"
        finally:
            server.shutdown()
            thread.join()


def asked(answers: dict[str, tuple[int, bytes]]) -> list[tuple[str, str]]:
    async def main(api: str) -> list[tuple[str, str]]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return [found async for found in copies(client, api, "test", answers)]

    with archive(answers) as api:
        return asyncio.run(main(api))


def test_every_address_is_asked_for_as_it_is_written() -> None:
    url, other = "http://a.example.org/x?y=1&z#%2F", "http://b.example.org/"
    good, none = json.dumps(closest()).encode(), b'{"archived_snapshots": {}}'
    assert asked({url: (200, good), other: (200, none)}) == [
        (url, COPY.replace("http:", "https:", 1)),
        (other, ""),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, b""), "status 503"),
        ((200, b"<html>"), "no JSON"),
        ((200, b" " * 70_000), "too long"),
    ],
)
def test_an_archive_that_fails_is_said_to(answer: tuple[int, bytes], said: str) -> None:
    with pytest.raises(ArchiveError, match=rf"http://127\.0\.0\.1.*{said}"):
        asked({"http://a.example.org/": answer})


def test_an_archive_that_is_not_there_is_said_to() -> None:
    async def main() -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            async for _ in copies(client, "http://127.0.0.1:1/", "test", ["http://a.org/"]):
                pass

    with pytest.raises(ArchiveError):
        asyncio.run(main())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"archived_snapshots": []},
        {"archived_snapshots": {"closest": "x"}},
        closest(available=False),
        closest(status="404"),
        closest(url="javascript:alert(1)"),
        closest(url=7),
    ],
)
def test_what_is_no_good_copy_is_none(answer: Any) -> None:
    assert copy_in(answer) == ""
