"""nginx in front, as ``docs/deploy/nginx.conf`` has it: run with that very file.

A real nginx before a real ``feeds serve``; what reached the server is read from its metrics
and its access log. Only addresses, ports, folders and a time are replaced in the file.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import hmac
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import brotli
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..conftest import CONFIG, run_build, write_post
from ..service import TIED, free_port, wait_until

SNIPPET = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
SECRET = "a secret of the tests"
FEED = "/feed.atom"
AGENT = {"User-Agent": "FreshRSS/1.24.3 (Linux)"}
SECONDS = 15.0

pytestmark = pytest.mark.skipif(NGINX is None, reason="needs nginx")

MAIN = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/feeds.conf;
}}
"""
SETTINGS = f"""\
[server]
access_log = true
delta = true
webhook_secret = "{SECRET}"
[redirects]
"/old.xml" = "/feed.atom"
"""


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def cache(self) -> str:
        """Where nginx had the answer from."""
        return self.headers["x-cache"]


def ask(
    port: int,
    path: str = FEED,
    headers: Mapping[str, str] = AGENT,
    method: str = "GET",
    source: str = "127.0.0.1",
    body: bytes | None = None,
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, SECONDS, (source, 0))
    with contextlib.closing(connection):
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, response.read())


@dataclass
class Site:
    """A site, ``feeds serve`` for it, and nginx in front of that."""

    root: Path
    port: int
    server_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def ask(self, path: str = FEED, **more: str) -> Reply:
        return ask(self.port, path, AGENT | {k.replace("_", "-"): v for k, v in more.items()})

    def start_server(self) -> None:
        command = ("-m", "feeds", "serve", str(self.root), "--port", str(self.server_port))
        self._start("server", sys.executable, *command)
        until(lambda: ask(self.server_port, "/readyz").status == 200)

    def start_nginx(self, folder: Path) -> None:
        self._start("nginx", str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"))
        # An answer of nginx's own: nothing is in the cache yet.
        until(lambda: ask(self.port, "/metrics").status == 404)

    def kill_server(self) -> None:
        """As the kernel does it when there is no memory left."""
        process = self.processes.pop("server")
        process.kill()
        process.wait(SECONDS)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        with contextlib.ExitStack() as stack:
            for process in self.processes.values():
                stack.callback(stop, process)

    def _start(self, name: str, *command: str) -> None:
        with (self.root.parent / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*TIED, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def asked(self, kind: str = "site", status: int | None = None) -> float:
        """How many requests for Atom feeds of a kind reached the server."""
        text = ask(self.server_port, "/metrics").body.decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "feeds_requests_total"
            and (sample.labels["kind"], sample.labels["format"]) == (kind, "atom")
            and status in (None, int(sample.labels["status"]))
        )

    def access_log(self) -> str:
        return (self.root.parent / "server.log").read_text("utf-8")


def stop(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS)
    finally:
        process.kill()
        process.wait()


def until(ready: Callable[[], bool]) -> None:
    """Return as soon as something is so; a connection that is refused is not."""

    def so() -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return ready()
        return False

    wait_until(so, SECONDS)


@contextlib.contextmanager
def behind_nginx(folder: Path) -> Iterator[Site]:
    root = folder / "site"
    root.mkdir()
    (root / "config.toml").write_text(CONFIG + SETTINGS, "utf-8")
    for number in range(3):
        body = f"第{number}篇的正文。" * 200
        write_post(root, f"{number}.md", categories="news", tags=f"[t{number}]", body=body)
    run_build(root)
    site = Site(root, free_port(), free_port())
    write_configuration(folder, site)
    try:
        site.start_server()
        site.start_nginx(folder)
        yield site
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            sys.stderr.write(log.read_text("utf-8", "replace"))
        raise
    finally:
        site.stop()


def write_configuration(folder: Path, site: Site) -> None:
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), "utf-8")
    text = SNIPPET.read_text("utf-8")
    for documented, used in (
        ("listen 80;", f"listen 127.0.0.1:{site.port};"),
        ("server 127.0.0.1:8000 ", f"server 127.0.0.1:{site.server_port} "),
        ("client_header_timeout 5s;", "client_header_timeout 1s;"),
        ("proxy_cache_path /var/cache/nginx-feeds ", f"proxy_cache_path {folder}/cache "),
    ):
        assert text.count(documented) == 1
        text = text.replace(documented, used)
    (folder / "feeds.conf").write_text(text, "utf-8")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with behind_nginx(tmp_path_factory.mktemp("nginx")) as running:
        yield running


# --- the cache ----------------------------------------------------------------------------


def test_what_is_kept_is_answered_without_the_server(site: Site) -> None:
    before, reply = 0.0, site.ask()
    while reply.cache != "HIT":  # the next but one, unless the machine stands still for a second
        before, reply = site.asked(), site.ask()
    assert site.asked() == before > 0
    assert reply.body == (site.root / "public" / "feed.atom").read_bytes()


def test_a_burst_reaches_the_server_hardly_ever(site: Site) -> None:
    before = site.asked()
    with ThreadPoolExecutor(8) as clients:
        replies = list(clients.map(lambda _: site.ask(), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert site.asked() - before < 100


def test_who_asks_together_for_what_is_not_there_waits_for_one(site: Site) -> None:
    with ThreadPoolExecutor(16) as clients:
        replies = list(clients.map(lambda _: site.ask("/category/news/feed.atom"), range(16)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert site.asked("category", 200) == 1


def test_what_is_no_longer_fresh_is_revalidated_without_its_body(site: Site) -> None:
    known = site.ask()
    bodies, revalidated = site.asked(status=200), site.asked(status=304)
    until(lambda: site.ask().cache == "REVALIDATED")
    assert site.asked(status=200) == bodies
    assert site.asked(status=304) > revalidated
    assert site.ask().body == known.body


def test_a_query_changes_nothing(site: Site) -> None:
    site.ask()
    before = site.asked()
    replies = [site.ask(f"{FEED}?utm_source={number}") for number in range(50)]
    assert {reply.body for reply in replies} == {site.ask().body}
    assert site.asked() - before < 25


def test_ways_to_ask_for_one_encoding_share_what_is_kept(site: Site) -> None:
    site.ask(Accept_Encoding="gzip")
    before = site.asked()
    replies = [site.ask(Accept_Encoding=f"gzip, x{number}") for number in range(50)]
    assert {reply.headers["content-encoding"] for reply in replies} == {"gzip"}
    assert site.asked() - before < 25


@pytest.mark.parametrize(
    ("spelling", "status", "path"),
    [
        ("//category/news/feed.rss", 308, "/category/news/feed.rss"),
        ("/tag//t0/feed.rss", 308, "/tag/t0/feed.rss"),
        ("/tag/t0/feed.json/", 308, "/tag/t0/feed.json"),
        ("/TAG/t1/feed.rss", 308, "/tag/t1/feed.rss"),
        ("/x/../tag/t1/feed.json", 404, "/tag/t1/feed.json"),
        ("/tag/./t2/feed.json", 404, "/tag/t2/feed.json"),
    ],
)
def test_another_spelling_of_a_path_does_not_take_its_place(
    site: Site, spelling: str, status: int, path: str
) -> None:
    assert site.ask(spelling).status == status
    reply = site.ask(path)
    assert (reply.status, reply.body) == (200, (site.root / "public" / path[1:]).read_bytes())


def test_a_path_where_nothing_is_takes_no_place(site: Site) -> None:
    replies = [site.ask("/nothing/feed.atom") for _ in range(2)]
    assert [(reply.status, reply.cache) for reply in replies] == [(404, "MISS")] * 2


def test_a_hub_gets_past_what_is_kept(site: Site) -> None:
    hub = {"User-Agent": "Example WebSub hub/2.0"}
    before = site.asked()
    assert [ask(site.port, FEED, hub).cache for _ in range(5)] == ["BYPASS"] * 5
    assert site.asked() - before == 5


def test_a_new_post_is_out_soon(tmp_path: Path) -> None:
    with behind_nginx(tmp_path) as site:
        before = site.ask()
        write_post(site.root, "new.md", "2022-02-01 08:00:00 +0800", title="刚刚发布")
        until(lambda: "刚刚发布".encode() in site.ask().body)
        assert site.ask().headers["etag"] != before.headers["etag"]


def test_who_is_answered_from_what_is_kept_gets_the_whole(tmp_path: Path) -> None:
    """The server would send what is new to nginx, which may have more than the client has."""
    with behind_nginx(tmp_path) as site:
        before = site.ask(A_IM="feed")
        write_post(site.root, "new.md", "2022-02-01 08:00:00 +0800")
        until(lambda: ask(site.server_port).headers["etag"] != before.headers["etag"])
        tag = before.headers["etag"]
        delta = {"A-IM": "feed", "If-None-Match": tag}
        assert ask(site.server_port, headers=AGENT | delta).status == 226
        statuses = set()

        def newest() -> bool:
            reply = site.ask(A_IM="feed")
            statuses.add(reply.status)
            return reply.headers["etag"] != tag

        until(newest)
        assert statuses == {200}
        assert site.ask(A_IM="feed").body.count(b"<entry>") == 4


# --- the server is down -------------------------------------------------------------------


def test_what_is_kept_is_answered_while_the_server_is_down(tmp_path: Path) -> None:
    with behind_nginx(tmp_path) as site:
        known = site.ask()
        moved = site.ask("/old.xml")
        site.kill_server()
        until(lambda: site.ask().cache == "STALE")
        until(lambda: site.ask("/old.xml").cache == "STALE")

        stale = site.ask()
        assert (stale.status, stale.body) == (200, known.body)
        assert stale.headers["etag"] == known.headers["etag"]
        assert site.ask(If_None_Match=known.headers["etag"]).status == 304
        assert site.ask("/old.xml").status == moved.status == 301
        assert site.ask("/feed.rss").status == 502  # nobody asked for it before

        site.start_server()
        until(lambda: site.ask().cache in ("HIT", "REVALIDATED"))
        assert site.ask("/feed.rss").status == 200


# --- what goes through --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("br; q=0.0, gzip;q=0.000", None),
        ("gzip;q=0", None),
        ("gzip;q=0.5", "gzip"),
        ("br;q=0.1", "br"),
        ("brotli, xgzipx", None),
        ("identity", None),
        (None, None),
    ],
)
def test_the_encoding_is_one_that_the_client_takes(
    site: Site, accept: str | None, encoding: str | None
) -> None:
    reply = site.ask(**({"Accept_Encoding": accept} if accept else {}))
    assert reply.headers.get("content-encoding") == encoding
    decode = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert decode(reply.body) == (site.root / "public" / "feed.atom").read_bytes()
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["vary"] == "Accept-Encoding"


def test_what_one_client_prefers_is_not_kept_for_all(site: Site) -> None:
    """zstd is not kept here, so who takes nothing else gets no coding, as others do."""
    path = "/tag/t2/feed.rss"
    replies = [site.ask(path, Accept_Encoding="zstd"), site.ask(path)]
    assert [reply.headers.get("content-encoding") for reply in replies] == [None, None]


@pytest.mark.parametrize("accept", ["gzip", "br", "identity"])
def test_all_that_the_server_says_of_a_feed_goes_through(site: Site, accept: str) -> None:
    # nginx takes parts out of what it keeps, which the server does not.
    ours = ("date", "server", "connection", "x-cache", "accept-ranges")
    headers = AGENT | {"Accept-Encoding": accept}
    direct, through = ask(site.server_port, FEED, headers), ask(site.port, FEED, headers)
    assert {k: v for k, v in through.headers.items() if k not in ours} == {
        k: v for k, v in direct.headers.items() if k not in ours
    }
    assert through.body == direct.body


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
@pytest.mark.parametrize("accept", ["gzip", "identity"])
def test_who_has_the_newest_is_told_so(site: Site, accept: str, form: str) -> None:
    known = site.ask(Accept_Encoding=accept)
    tag = form.format(known.headers["etag"])
    reply = site.ask(Accept_Encoding=accept, If_None_Match=tag)
    assert (reply.status, reply.body) == (304, b"")
    for name in ("etag", "last-modified", "cache-control", "vary"):
        assert reply.headers[name] == known.headers[name]


def test_a_date_is_a_condition_and_an_etag_a_stronger_one(site: Site) -> None:
    date = site.ask().headers["last-modified"]
    assert site.ask(If_Modified_Since=date).status == 304
    assert site.ask(If_Modified_Since=date, If_None_Match='"other"').status == 200
    assert site.ask(If_Modified_Since="Sat, 01 Jan 2000 00:00:00 GMT").status == 200


@pytest.mark.parametrize("accept", ["gzip", "identity"])
def test_a_part_is_one_of_the_right_encoding(site: Site, accept: str) -> None:
    whole = site.ask(Accept_Encoding=accept)
    part = site.ask(Accept_Encoding=accept, Range="bytes=10-99")
    assert (part.status, part.body) == (206, whole.body[10:100])
    assert part.headers["etag"] == whole.headers["etag"]


def test_head_has_no_body(site: Site) -> None:
    reply = ask(site.port, method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["etag"] == site.ask().headers["etag"]


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 204), ("DELETE", 405)])
def test_other_methods_are_the_servers(site: Site, method: str, status: int) -> None:
    reply = ask(site.port, method=method)
    assert reply.status == status
    assert "GET" in reply.headers["allow"]


def test_the_webhook_goes_through(site: Site) -> None:
    body = b"x" * 100_000
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    signed = {"X-Hub-Signature-256": f"sha256={digest}"}
    assert ask(site.port, "/-/rebuild", signed, "POST", body=body).status == 202
    assert ask(site.port, "/-/rebuild", {}, "POST", body=body).status == 403


@pytest.mark.parametrize("path", ["/metrics", "/status", "/healthz", "/readyz"])
def test_what_is_for_operators_stays_inside(site: Site, path: str) -> None:
    assert ask(site.server_port, path).status == 200
    assert ask(site.port, path).status == 404


def test_the_server_knows_who_asks_whatever_he_claims(site: Site) -> None:
    path = "/tag/t1/feed.atom"
    ask(site.port, path, {"X-Forwarded-For": "203.0.113.7"}, source="127.0.0.9")
    until(lambda: path in site.access_log())
    line = next(line for line in site.access_log().splitlines() if path in line)
    assert "127.0.0.9" in line
    assert "203.0.113.7" not in site.access_log()


# --- slow clients -------------------------------------------------------------------------


def test_a_slow_client_is_cut_off_before_it_reaches_the_server(site: Site) -> None:
    """A byte at a time makes no head in time, however long it goes on."""
    path = "/tag/t2/feed.atom"
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", site.port)) as client:
        client.settimeout(0.2)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: feeds.example.org\r\nX-Slow: ".encode())
        while not cut_off(client):
            assert time.monotonic() - begin < SECONDS
    assert time.monotonic() - begin > 0.5
    assert path not in site.access_log()
    assert site.ask().status == 200


def cut_off(client: socket.socket) -> bool:
    """Send a byte, and see whether there is anybody still listening."""
    try:
        client.sendall(b"x")
        return client.recv(1_000) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_one_address_cannot_hold_the_connections_of_all(site: Site) -> None:
    """Requests whose bodies do not come are held by nginx, so many of one address."""
    head = b"POST /-/rebuild HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            client.sendall(head)
        until(lambda: ask(site.port).status == 503)
        assert ask(site.port, source="127.0.0.8").status == 200
    until(lambda: ask(site.port).status == 200)
