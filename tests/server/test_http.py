"""What readers, caches and browsers are answered, over real sockets.

feedparser is the polite client; where a client library would hide something the bytes are
looked at.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

import brotli
import feedparser
import pytest
import zstandard

from ..conftest import CONFIG, run_build, write_post
from .conftest import SECONDS, Reply, Server, hashes, make_site, running, until

FEED: Final = "/feed.atom"
MODIFIED: Final = "Thu, 20 Jan 2022 00:54:02 GMT"
OFTEN: Final = "tag/中国税务报新闻"
SETTINGS: Final = """\
[feeds]
hubs = ["https://hub.example.org/"]
entries = 18
[server]
delta = false
withdrawn_days = 30
[redirects]
"/old/feed.xml" = "/feed.atom"
"/feed/" = "/feed.rss"
"/elsewhere.xml" = "https://other.example.org/feed?a=b"
"/old/%E7%A8%8E.xml" = "/tag/中国税务报新闻/feed.atom"
"/Café/Feed" = "/feed.json"
"/Moved.xml" = "/moved.xml"
"""
DECODERS: Final = {
    "": bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
}


@pytest.fixture(scope="module")
def root(folder: Path) -> Path:
    """A site with feeds that change often and seldom, and one feed that was withdrawn."""
    root = make_site(folder / "site", SETTINGS)
    for number in range(12):
        date = f"2022-01-20 08:{number:02}:02 +0800"
        write_post(root, f"often-{number}.md", date, categories="often", tags="[中国税务报新闻]")
    for number in range(1, 4):
        date = f"2022-01-20 0{number}:30:02 +0800"
        write_post(root, f"hourly-{number}.md", date, categories="hourly")
    write_post(root, "old.md", "2021-01-17 08:54:02 +0800", tags="[C#, 'a b']")
    write_post(root, "new.md", "2022-01-20 08:54:02 +0800", categories="seldom", body="新" * 900)
    write_post(root, "older.md", "2020-01-20 08:54:02 +0800", categories="seldom")
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[Server]:
    gone = write_post(root, "gone.md", "2020-01-17 08:54:02 +0800", tags="[gone]")
    with running(root) as server:
        assert server.ask("/tag/gone/feed.atom").status == 200
        gone.unlink()
        until(lambda: server.ask("/tag/gone/feed.atom").status != 200)
        yield server


@pytest.fixture(scope="module")
def manifest(root: Path, server: Server, folder: Path) -> Mapping[str, str]:
    """What `feeds build` makes of the same posts, by path: in another place, by another
    process, with other settings of the machine."""
    copy = folder / "copy"
    (copy / "posts").mkdir(parents=True)
    (copy / "config.toml").write_bytes((root / "config.toml").read_bytes())
    for path in sorted((root / "posts").iterdir(), reverse=True):
        (copy / "posts" / path.name).write_bytes(path.read_bytes())
    environment = {**os.environ, "TZ": "America/New_York", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    build = [sys.executable, "-m", "feeds", "build", str(copy)]
    subprocess.run(build, env=environment, check=True, capture_output=True)
    return hashes(copy)


def etag(reply: Reply) -> str:
    return reply["etag"].strip('"')


# --- the same documents as a build writes (and row 1)


@pytest.mark.parametrize("encoding", DECODERS)
def test_every_document_is_what_a_build_writes_in_every_encoding(
    server: Server, manifest: Mapping[str, str], encoding: str
) -> None:
    pages = 1 + 3 + 3 + 2  # of each feed, the directory and the page of links
    shared = 3  # style, script, list of feeds
    # The busiest feeds have a page of older posts.
    older = sum("older-" in path for path in manifest)
    assert len(manifest) == 3 * (1 + 3 + 3) + pages + shared + older
    for path, hash in manifest.items():
        reply = server.ask(f"/{quote(path)}", accept_encoding=encoding or "identity")
        assert reply.status == 200
        assert reply.all("content-encoding") == ([encoding] if encoding else [])
        assert int(reply["content-length"]) == len(reply.body)
        assert hashlib.sha256(DECODERS[encoding](reply.body)).hexdigest() == hash
        suffix = {"": "", "gzip": "-gz", "br": "-br", "zstd": "-zs"}[encoding]
        assert reply["etag"] == f'"{hash}{suffix}"'
        assert reply["vary"] == "Accept-Encoding"


def test_last_modified_is_the_updated_of_the_feed(server: Server) -> None:
    for path in (FEED, "/category/seldom/feed.atom", "/tag/c%23/feed.atom"):
        reply = server.ask(path)
        updated = re.search(rb"<updated>(.*?)</updated>", reply.body)
        assert updated is not None
        said = parsedate_to_datetime(reply["last-modified"])
        assert feedparser.parse(reply.body).feed.updated_parsed == said.utctimetuple()
    assert server.ask()["last-modified"] == MODIFIED


def test_validators_are_the_same_after_a_restart(root: Path, server: Server) -> None:
    before = [server.ask(path) for path in (FEED, "/feed.json", "/feeds.opml")]
    with running(root, "--no-watch") as another:
        after = [another.ask(path) for path in (FEED, "/feed.json", "/feeds.opml")]
    for old, new in zip(before, after, strict=True):
        assert (old["etag"], old["last-modified"]) == (new["etag"], new["last-modified"])
        assert old.body == new.body


# --- 2 to 5: conditions


@pytest.fixture(scope="module")
def hash(server: Server) -> str:
    return etag(server.ask())


@pytest.mark.parametrize(
    "form",
    [
        '"{}"',
        'W/"{}"',
        '"{}-gz"',
        '"{}-br"',
        'W/"{}-zs"',
        '"{}-gzip"',
        '"x", "{}"',
        '"{}-br", "x"',
        'W/"x",W/"{}"',
        "*",
        "{}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_has_it_is_told_so(server: Server, hash: str, form: str, method: str) -> None:
    reply = server.ask(method=method, if_none_match=form.format(hash))
    assert (reply.status, reply.body) == (304, b"")


@pytest.mark.parametrize("form", ['"x"', '"{}x"', "", ",", 'W/"x", "y"'])
def test_who_has_something_else_gets_it(server: Server, hash: str, form: str) -> None:
    assert server.ask(if_none_match=form.format(hash)).status == 200


def test_an_etag_in_two_headers_is_a_list(server: Server, hash: str) -> None:
    head = f'GET {FEED} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "x"\r\nIf-None-Match: "{hash}"\r\n'
    assert server.raw(f"{head}Connection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 304 ")


def test_if_modified_since_is_not_looked_at_beside_an_etag(server: Server, hash: str) -> None:
    late, early = "Tue, 01 Jan 2030 00:00:00 GMT", "Tue, 01 Jan 1980 00:00:00 GMT"
    assert server.ask(if_none_match='"x"', if_modified_since=late).status == 200
    assert server.ask(if_none_match='"x"', if_modified_since=MODIFIED).status == 200
    assert server.ask(if_none_match=f'"{hash}"', if_modified_since=early).status == 304


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (MODIFIED, 304),
        ("Thu, 20 Jan 2022 00:54:03 GMT", 304),
        ("Tue, 01 Jan 2030 00:00:00 GMT", 304),
        ("Thursday, 20-Jan-22 00:54:02 GMT", 304),
        ("Thu Jan 20 00:54:02 2022", 304),
        ("Thu, 20 Jan 2022 00:54:01 GMT", 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 200),
        ("garbage", 200),
        ("", 200),
        ("1800", 200),
        ("2022-01-20T00:54:02Z", 200),
    ],
)
def test_if_modified_since(server: Server, since: str, status: int) -> None:
    assert server.ask(if_modified_since=since).status == status


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd"])
def test_a_304_says_again_what_caches_keep_by(server: Server, hash: str, encoding: str) -> None:
    whole = server.ask(accept_encoding=encoding)
    short = server.ask(accept_encoding=encoding, if_none_match=f'"{hash}"')
    assert short.status == 304
    for name in ("etag", "last-modified", "cache-control", "vary", "access-control-allow-origin"):
        assert short[name] == whole[name]
    for name in ("content-length", "content-type", "content-encoding", "transfer-encoding"):
        assert name not in short


def test_nothing_follows_a_304_on_the_wire(server: Server, hash: str) -> None:
    head = f'GET {FEED} HTTP/1.1\r\nHost: x\r\nIf-None-Match: "{hash}"\r\n'
    answers = server.raw(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
    first, second, rest = answers.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 304 ")
    assert second.startswith(b"HTTP/1.1 304 ")
    assert rest == b""


# --- 6: encodings


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (None, ""),
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("zstd", "zstd"),
        ("*", "br"),
        ("gzip;q=0", ""),
        ("gzip;q=0, *", "br"),
        ("identity;q=0, gzip", "gzip"),
        ("identity", ""),
        ("deflate", ""),
    ],
)
def test_an_encoding_is_never_sent_unasked(
    server: Server, accepted: str | None, encoding: str
) -> None:
    headers = {} if accepted is None else {"accept-encoding": accepted}
    reply = server.send("GET", FEED, headers)
    assert reply.all("content-encoding") == ([encoding] if encoding else [])
    assert DECODERS[encoding](reply.body).startswith(b"<?xml")
    assert reply["vary"] == "Accept-Encoding"


def test_who_accepts_nothing_is_told_what_there_is(server: Server) -> None:
    reply = server.ask(accept_encoding="identity;q=0, *;q=0")
    assert reply.status == 406
    assert reply["vary"] == "Accept-Encoding"
    assert reply["cache-control"] == "no-store"


# --- 7: methods


@pytest.mark.parametrize("path", [FEED, "/feed.json", "/tag/gone/feed.atom", "/nowhere"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_head_is_get_without_a_body(server: Server, path: str, encoding: str) -> None:
    get = server.ask(path, accept_encoding=encoding)
    head = server.ask(path, "HEAD", accept_encoding=encoding)
    assert (head.status, head.body) == (get.status, b"")
    assert without_date(head) == without_date(get)


def without_date(reply: Reply) -> list[tuple[str, str]]:
    return [header for header in reply.headers if header[0] != "date"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "TRACE"])
@pytest.mark.parametrize("path", [FEED, "/nowhere", "/old/feed.xml"])
def test_other_methods_are_not_allowed(server: Server, method: str, path: str) -> None:
    reply = server.ask(path, method)
    assert reply.status == 405
    assert reply["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_tells_how_it_goes_is_for_reading_only(server: Server, path: str) -> None:
    assert server.ask(path, "HEAD").status == 200
    for method, status in (("OPTIONS", 204), ("POST", 405), ("DELETE", 405)):
        reply = server.ask(path, method)
        assert (reply.status, reply["allow"]) == (status, "GET, HEAD, OPTIONS")
        assert reply["x-content-type-options"] == "nosniff"


def test_the_server_itself_may_be_asked_what_it_takes(server: Server) -> None:
    reply = server.ask("*", "OPTIONS")
    assert (reply.status, reply["allow"]) == (204, "GET, HEAD, OPTIONS")


def test_a_browser_may_ask_first(server: Server) -> None:
    reply = server.ask(
        method="OPTIONS",
        origin="https://reader.example.org",
        access_control_request_method="GET",
        access_control_request_headers="if-none-match",
    )
    assert (reply.status, reply.body) == (204, b"")
    assert reply["access-control-allow-origin"] == "*"
    assert "GET" in reply["access-control-allow-methods"]
    assert "If-None-Match" in reply["access-control-allow-headers"]
    assert reply["allow"] == "GET, HEAD, OPTIONS"


# --- 8 to 11, 13, 19: headers


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/feed.atom", "application/atom+xml; charset=utf-8"),
        ("/feed.rss", "application/rss+xml; charset=utf-8"),
        ("/feed.json", "application/feed+json; charset=utf-8"),
        ("/feeds.opml", "text/x-opml; charset=utf-8"),
    ],
)
def test_media_types(server: Server, path: str, media_type: str) -> None:
    assert server.ask(path)["content-type"] == media_type


@pytest.mark.parametrize(
    ("feed", "minutes"), [("/category/often", 5), ("/category/hourly", 60), ("", 60)]
)
def test_readers_are_told_to_come_as_often_as_there_is_something_new(
    server: Server, feed: str, minutes: int
) -> None:
    seconds = f"max-age={minutes * 60}"
    expected = f"public, {seconds}, stale-while-revalidate=60, stale-if-error=604800"
    for format in ("atom", "rss", "json"):
        assert server.ask(f"{feed}/feed.{format}")["cache-control"] == expected
    ttl = re.search(rb"<ttl>(\d+)</ttl>", server.ask(f"{feed}/feed.rss").body)
    assert ttl is not None
    assert int(ttl[1]) == minutes


@pytest.mark.parametrize("path", ["feed.atom", "feed.json", f"{OFTEN}/feed.rss"])
def test_links_name_the_feed_and_its_hub(server: Server, path: str) -> None:
    reply = server.ask(f"/{quote(path)}")
    own = f'<https://news.example.org/{quote(path)}>; rel="self"'
    assert reply["link"] == f'{own}, <https://hub.example.org/>; rel="hub"'


def test_scripts_of_other_sites_may_read_it_and_nobody_guesses_types(server: Server) -> None:
    for path in (FEED, "/nowhere", "/tag/gone/feed.atom", "/old/feed.xml"):
        reply = server.ask(path)
        assert reply["access-control-allow-origin"] == "*"
        assert reply["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in reply
        assert "server" not in reply
    exposed = server.ask()["access-control-expose-headers"]
    assert {"ETag", "Last-Modified", "Link"} <= set(exposed.split(", "))


@pytest.mark.parametrize("wanted", ["bytes=0-9", "bytes=-5", "bytes=999999-", "lines=1-2"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_range_is_the_whole(server: Server, wanted: str, encoding: str) -> None:
    reply = server.ask(range=wanted, accept_encoding=encoding)
    assert reply.status == 200
    assert reply.body == server.ask(accept_encoding=encoding).body
    assert reply["accept-ranges"] == "none"


def test_every_feed_can_be_purged_by_a_key_of_its_own(
    server: Server, manifest: Mapping[str, str]
) -> None:
    keys: dict[str, set[str]] = {}
    for path in manifest:
        reply = server.ask(f"/{quote(path)}")
        assert reply["surrogate-key"] == reply["xkey"]
        everything, own = reply["xkey"].split()
        assert everything == "feeds"
        whole = path in ("feeds.opml", "index.html", "feeds.css", "feeds.js")
        folder = path if whole else path.rpartition("/")[0].removeprefix("newest")
        keys.setdefault(own, set()).add(folder)
    assert all(len(feeds) == 1 for feeds in keys.values())
    assert {"site", "category/often", f"tag/{quote('中国税务报新闻')}", "tag/a%20b"} < keys.keys()


# --- 12: other paths


@pytest.mark.parametrize(
    "path",
    [
        *("/nowhere/", "/nowhere", "/feed.xml", "/tag/", "/%00", "/..%2ffeed.atom"),
        *("/healthz%0a", "/metrics%0d%0a", "/readyz/", "/%0a", "/feed.atom%0a", "/-/rebuild%0a"),
    ],
)
def test_what_there_is_not_is_asked_for_again_soon(server: Server, path: str) -> None:
    reply = server.ask(path)
    assert reply.status == 404
    assert reply["cache-control"] == "public, max-age=60"
    assert reply["access-control-allow-origin"] == "*"
    assert reply.body == b"There is no feed here.\n"


@pytest.mark.parametrize("query", ["?utm_source=x&utm_medium=rss", "?null", "?", "?a=%ff&b=\\"])
def test_a_query_is_ignored(server: Server, hash: str, query: str) -> None:
    assert etag(server.ask(FEED + query)) == hash
    assert server.ask(FEED + query, if_none_match=f'"{hash}"').status == 304


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/feed.atom/", "/feed.atom"),
        ("//feed.atom", "/feed.atom"),
        ("/Feed.ATOM", "/feed.atom"),
        ("/tag//c%23/feed.rss", "/tag/c%23/feed.rss"),
        ("/tag/C%23/feed.rss/", "/tag/c%23/feed.rss"),
        ("/category/often/feed.json///?a=b", "/category/often/feed.json"),
        (f"/{quote(OFTEN)}/feed.atom/", f"/{quote(OFTEN)}/feed.atom"),
    ],
)
def test_every_spelling_leads_to_the_one_path(server: Server, path: str, location: str) -> None:
    reply = server.ask(path)
    assert (reply.status, reply["location"]) == (308, location)
    assert server.ask(location).status == 200


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/old/feed.xml", "/feed.atom"),
        ("/old/feed.xml?utm=x", "/feed.atom"),
        ("/feed", "/feed.rss"),
        ("/feed/", "/feed.rss"),
        ("/elsewhere.xml", "https://other.example.org/feed?a=b"),
        ("/old/%E7%A8%8E.xml", f"/{quote(OFTEN)}/feed.atom"),
        # Other spellings, as of feeds that did not move.
        ("/Old//feed.XML", "/feed.atom"),
        ("/ol%64/%66eed.xml", "/feed.atom"),
        ("/caf%C3%A9/feed", "/feed.json"),
        ("/cafe%CC%81/feed/", "/feed.json"),
        ("/Moved.xml", "/moved.xml"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_moved_feeds(server: Server, path: str, location: str, method: str) -> None:
    reply = server.ask(path, method)
    assert (reply.status, reply["location"]) == (301, location)
    assert reply["cache-control"] == "public, max-age=86400"


def test_a_path_that_moved_to_another_spelling_leads_to_no_circle(server: Server) -> None:
    for path in ("/moved.xml", "/moved.XML"):
        assert server.ask(path).status == 404


@pytest.mark.parametrize(
    "path", ["/tag/gone/feed.atom/", "//tag/Gone/feed.atom", "/%74ag/gone//feed.ATOM"]
)
def test_a_withdrawn_feed_is_gone_in_every_spelling(server: Server, path: str) -> None:
    reply = server.ask(path)
    assert reply.status == 410
    assert reply.body == server.ask("/tag/gone/feed.atom").body


def test_a_withdrawn_feed_says_that_it_is(server: Server) -> None:
    for format in ("atom", "rss", "json"):
        reply = server.ask(f"/tag/gone/feed.{format}")
        assert reply.status == 410
        assert b"This feed has ended" in reply.body
        assert reply["content-type"] == server.ask(f"/feed.{format}")["content-type"]
        assert reply["cache-control"] == "public, max-age=300"
    notice = feedparser.parse(server.ask("/tag/gone/feed.atom").body)
    assert not notice.bozo
    assert [entry.title for entry in notice.entries] == ["This feed has ended"]
    assert "https://news.example.org/" in notice.entries[0].summary
    assert json.loads(server.ask("/tag/gone/feed.json").body)["expired"] is True


def test_a_withdrawn_feed_is_forgotten_in_time(folder: Path) -> None:
    root = make_site(folder / "forgetful", "[server]\nwithdrawn_days = 0\n")
    post = write_post(root, "a.md", tags="[y]")
    write_post(root, "b.md")
    with running(root) as server:
        assert server.ask("/tag/y/feed.atom").status == 200
        post.unlink()
        assert until(lambda: not_found(server.ask("/tag/y/feed.atom"))) == 404


def not_found(reply: Reply) -> int:
    """The status if it is another one than 200."""
    return reply.status if reply.status != 200 else 0


# --- feedparser, who is polite


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_a_polite_reader_subscribes_and_comes_back(server: Server, format: str) -> None:
    url = f"{server.url}/feed.{format}"
    first = feedparser.parse(url)
    assert (first.status, first.bozo) == (200, False)
    assert first.entries[0].title == "new.md"
    again = feedparser.parse(url, etag=first.etag)
    assert (again.status, again.entries) == (304, [])
    again = feedparser.parse(url, modified=first.modified)
    assert (again.status, again.entries) == (304, [])
    both = feedparser.parse(url, etag='"another"', modified=first.modified)
    assert (both.status, len(both.entries)) == (200, len(first.entries))


def test_a_polite_reader_follows_a_move_and_takes_the_new_address(server: Server) -> None:
    found = feedparser.parse(f"{server.url}/old/feed.xml")
    assert (found.status, found.href) == (301, f"{server.url}{FEED}")
    assert found.entries


def test_a_polite_reader_stops_asking_for_what_is_gone(server: Server) -> None:
    assert feedparser.parse(f"{server.url}/tag/gone/feed.atom").status == 410
    assert feedparser.parse(f"{server.url}/nowhere").status == 404


# --- a site with a path of its own, limits, deltas, proxies (rows 12, 14, 15, 18)


@pytest.fixture(scope="module")
def blog(folder: Path) -> Iterator[Server]:
    """A site below a path, with everything switched on that is off."""
    more = (
        "[server]\ndelta = true\nrequests_per_minute = 2\n"
        '[redirects]\n"/old.xml" = "/feed.atom"\n"/blog/older.xml" = "/blog/feed.rss"\n'
    )
    root = make_site(folder / "blog", more)
    config = (root / "config.toml").read_text("utf-8")
    config = config.replace("https://news.example.org", "https://example.org/blog")
    (root / "config.toml").write_text(config, "utf-8")
    for number in range(3):
        write_post(root, f"{number}.md", f"2022-01-17 08:5{number}:02 +0800", tags="[C#]")
    with running(root) as server:
        yield server


def test_a_site_below_a_path_is_found_with_it_and_without(blog: Server) -> None:
    """As behind proxies that take it off and proxies that do not."""
    for path in ("feed.atom", "tag/c%23/feed.json", "feeds.opml"):
        with_it = blog.ask(f"/blog/{path}", if_none_match='"x"')
        without = blog.ask(f"/{path}", if_none_match='"x"')
        assert with_it.status == without.status == 200
        assert without_date(with_it) == without_date(without)
        assert with_it.body == without.body
    assert '<https://example.org/blog/feed.atom>; rel="self"' in blog.ask(user_agent="a")["link"]
    assert blog.ask("/blog/").body == blog.ask("/").body
    assert blog.ask("/blog").status == 308
    assert blog.ask("/blog")["location"] == "/blog/"
    assert blog.ask("/other/feed.atom").status == 404


@pytest.mark.parametrize(
    ("path", "status", "location"),
    [
        ("/blog/old.xml", 301, "/blog/feed.atom"),
        ("/old.xml", 301, "/blog/feed.atom"),
        ("/blog/older.xml", 301, "/blog/feed.rss"),
        ("/blog/feed.atom/", 308, "/blog/feed.atom"),
        ("/feed.atom/", 308, "/blog/feed.atom"),
        ("/older.xml", 301, "/blog/feed.rss"),
        ("/Blog/feed.atom", 308, "/blog/feed.atom"),
        ("//blog//tag/C%23/feed.json", 308, "/blog/tag/c%23/feed.json"),
        ("/BLOG/Old.xml/", 301, "/blog/feed.atom"),
        ("/bl%6fg/OLDER.xml", 301, "/blog/feed.rss"),
    ],
)
def test_moves_lead_to_the_public_path(blog: Server, path: str, status: int, location: str) -> None:
    reply = blog.ask(path)
    assert (reply.status, reply["location"]) == (status, location)


def test_a_path_of_the_site_beyond_ascii_is_its_path_however_it_is_written(folder: Path) -> None:
    root = make_site(folder / "cafe", '[redirects]\n"/caf%C3%A9/old.xml" = "/caf%C3%A9/feed.rss"\n')
    config = (root / "config.toml").read_text("utf-8")
    config = config.replace("https://news.example.org", "https://example.org/caf%C3%A9")
    (root / "config.toml").write_text(config, "utf-8")
    write_post(root, "a.md")
    with running(root, "--no-watch") as server:
        for path in ("/caf%C3%A9/feed.rss", "/feed.rss"):
            assert server.ask(path).status == 200
        for path in ("/caf%C3%A9/old.xml", "/old.xml", "/cafe%CC%81/old.xml", "/CAF%C3%89/Old.xml"):
            reply = server.ask(path)
            assert (reply.status, reply["location"]) == (301, "/caf%C3%A9/feed.rss"), path
        reply = server.ask("/cafe%CC%81/feed.rss")
        assert (reply.status, reply["location"]) == (308, "/caf%C3%A9/feed.rss")


def test_the_public_address_never_comes_from_the_request(blog: Server) -> None:
    for path in ("/feed.atom", "/feed.atom/", "/old.xml", "/feed.json"):
        headers = {"host": "evil.example.net", "x-forwarded-host": "evil.example.net"}
        headers |= {"x-forwarded-proto": "https", "forwarded": "host=evil.example.net"}
        reply = blog.send("GET", path, {**headers, "if-none-match": '"x"'})
        assert reply.status in (200, 301, 308)
        assert b"evil" not in reply.body
        assert "evil" not in str(reply.headers)


def test_only_who_asks_fast_and_without_a_condition_is_held_up(blog: Server) -> None:
    asked = [blog.ask(user_agent="fast") for _ in range(3)]
    assert [reply.status for reply in asked] == [200, 200, 429]
    refused = asked[-1]
    assert 1 <= int(refused["retry-after"]) <= 30
    assert refused["cache-control"] == "no-store"
    # With what it got it may come as often as it likes, and get what is new, too.
    known = asked[0]["etag"]
    for _ in range(5):
        assert blog.ask(user_agent="fast", if_none_match=known).status == 304
        assert blog.ask(user_agent="fast", if_none_match='"x"').status == 200
        assert blog.ask(user_agent="fast", if_modified_since=MODIFIED).status == 304
    # Others, and other paths than feeds, are not held up.
    assert blog.ask(user_agent="calm").status == 200
    assert {blog.ask("/nowhere", user_agent="fast").status for _ in range(5)} == {404}


def test_nobody_is_held_up_unless_that_is_configured(server: Server) -> None:
    assert {server.ask(user_agent="fast").status for _ in range(50)} == {200}


def test_a_trusted_proxy_says_who_asks(blog: Server) -> None:
    for address in ("203.0.113.1", "203.0.113.2", "2001:db8::1"):
        asked = [blog.ask(user_agent="proxied", x_forwarded_for=address) for _ in range(3)]
        assert [reply.status for reply in asked] == [200, 200, 429]
    # What a client says itself stands to the left, and does not count.
    for number in range(3):
        claimed = f"198.51.100.{number}, 203.0.113.9"
        status = blog.ask(user_agent="liar", x_forwarded_for=claimed).status
        assert status == (200 if number < 2 else 429)


def test_nobody_else_says_who_asks(folder: Path) -> None:
    more = '[server]\nrequests_per_minute = 2\ntrusted_proxies = ["192.0.2.1"]\n'
    root = make_site(folder / "direct", more)
    write_post(root, "a.md")
    with running(root) as server:
        addresses = [f"203.0.113.{number}" for number in range(3)]
        asked = [server.ask(user_agent="x", x_forwarded_for=each).status for each in addresses]
        assert asked == [200, 200, 429]


def test_who_asks_for_new_entries_only_gets_those(blog: Server) -> None:
    first = blog.ask("/feed.atom", user_agent="delta", a_im="feed")
    assert first.status == 200  # without a version that we know there is nothing to compare
    write_post(blog.root, "z.md", "2022-02-17 08:54:02 +0800", title="the new one")
    known = first["etag"]
    until(lambda: blog.ask(if_none_match=known).status == 200)
    for asked in ("feed", "vcdiff, feed;q=0.5"):
        reply = blog.ask("/feed.atom", a_im=asked, if_none_match=f'"x", {known}')
        assert reply.status == 226
        assert reply["im"] == "feed"
        assert "no-store" in reply["cache-control"]
        assert [entry.title for entry in feedparser.parse(reply.body).entries] == ["the new one"]
        # What the client has now is the whole of the new version.
        now = reply["etag"]
        assert blog.ask("/feed.atom", a_im="feed", if_none_match=now).status == 304
        assert blog.ask("/feed.atom", a_im="feed", if_none_match='"x"').status == 200
        head = blog.ask("/feed.atom", "HEAD", a_im="feed", if_none_match=known)
        assert (head.status, head.body) == (226, b"")
        for other in ("gzip", "feeds", ""):
            assert blog.ask("/feed.atom", a_im=other, if_none_match=known).status == 200
    assert len(feedparser.parse(blog.ask("/feed.atom", user_agent="delta").body).entries) == 4


def test_new_entries_only_are_off_by_default(server: Server) -> None:
    assert server.ask(a_im="feed", if_none_match='"x"').status == 200


# --- HTTP itself


def test_http_1_0_is_answered_and_closed(server: Server) -> None:
    answer = server.raw(f"GET {FEED} HTTP/1.0\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in head
    assert b"transfer-encoding" not in head
    assert body == server.ask().body


def test_an_address_in_absolute_form_is_its_path(server: Server, hash: str) -> None:
    request = f"GET http://elsewhere.example.net{FEED} HTTP/1.1\r\nHost: x\r\n"
    assert hash.encode() in server.raw(f"{request}Connection: close\r\n\r\n".encode())


def test_who_has_said_everything_may_still_listen(server: Server) -> None:
    with server.connect() as client:
        client.sendall(f"GET {FEED} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65_536), b""))
    assert answer.partition(b"\r\n\r\n")[2] == server.ask().body


def test_an_offer_to_upgrade_is_not_taken(server: Server) -> None:
    offer = f"GET {FEED} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    last = f"GET {FEED} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert server.raw((offer * 3 + last).encode()).count(b"HTTP/1.1 200 OK") == 4


def test_requests_in_a_row_are_answered_in_their_order(server: Server) -> None:
    paths = [FEED, "/nowhere", "/feed.json", "/feed.atom/", "/healthz"] * 10
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths]
    requests.append(f"GET {FEED} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answers = server.raw("".join(requests).encode())
    statuses = [int(s) for s in re.findall(rb"HTTP/1\.1 (\d+) ", answers)]
    assert statuses == [200, 404, 200, 308, 200] * 10 + [200]


def test_answers_are_dated(server: Server) -> None:
    for reply in (server.ask(), server.ask(if_none_match="*"), server.ask("/nowhere")):
        sent = parsedate_to_datetime(reply["date"])
        assert abs((datetime.now(UTC) - sent).total_seconds()) < SECONDS


def test_health_and_readiness(server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        reply = server.ask(path)
        assert reply.status == 200
        assert reply["cache-control"] == "no-store"
        build = json.loads(reply.body)["last_build"]
        assert (build["good"], build["error"]) == (True, "")
        assert build["posts"] == 18
    assert json.loads(server.ask("/readyz").body)["ready"] is True
    assert server.ask("/healthz", "HEAD").status == 200
    assert server.ask("/healthz", "POST").status == 405


def test_without_an_index_it_asks_for_patience(folder: Path) -> None:
    """The first build of a large site takes its time; here it has no end."""
    root = make_site(folder / "empty")
    shutil.rmtree(root / "posts")
    with running(root, ready=False) as server:
        until(lambda: b'no folder \\"posts\\"' in server.ask("/healthz").body)
        reply = server.ask()
        assert reply.status == 503
        assert int(reply["retry-after"]) > 0
        assert reply["cache-control"] == "no-store"
        assert server.ask("/readyz").status == 503
        assert json.loads(server.ask("/readyz").body)["loaded"] is False
        (root / "posts").mkdir()
        write_post(root, "a.md")
        until(lambda: server.ask().status == 200)


def test_the_same_configuration_serves_what_another_process_built(folder: Path) -> None:
    """From a warm index the first request is answered before any build."""
    root = make_site(folder / "warm")
    write_post(root, "a.md")
    run_build(root)
    with running(root, "--no-watch", ready=False) as server:
        assert server.ask().status == 200
    assert CONFIG in (root / "config.toml").read_text("utf-8")


def test_requests_that_are_refused_before_they_are_any_are_counted(server: Server) -> None:
    refused = {
        400: b"garbage\r\n\r\n",
        411: b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        414: b"GET /" + b"a" * 200_000,
        431: b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000,
    }
    before = {status: counted(server, status) for status in refused}
    for data in refused.values():
        server.raw(data)
        server.raw(data)
    assert {
        status: counted(server, status) - before[status] for status in refused
    } == dict.fromkeys(refused, 2)


def counted(server: Server, status: int) -> int:
    """Requests for what is no feed that had an answer of this status so far."""
    text = server.ask("/metrics").body.decode()
    found = re.search(
        rf'^feeds_requests_total{{format="",kind="",status="{status}"}} (\d+)', text, re.M
    )
    return int(found[1]) if found else 0
