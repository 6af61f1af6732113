"""``feeds check`` as it is run: what ``[links]`` says is what servers see."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from feeds.cli import cli
from feeds.links.store import LinkStore

from ..conftest import CONFIG, write_post
from ..web import Web, serving
from .servers import Authority

OPEN = 'allow_addresses = ["127.0.0.0/8", "::1/128"]'
MACHINE = "localhost"


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def configure(site: Path, *lines: str) -> None:
    """Say these lines in ``[links]``, and nothing else."""
    text = "\n".join([CONFIG, "[links]", "interval = 0", *lines, ""])
    (site / "config.toml").write_text(text, "utf-8")


def post(site: Path, name: str, *links: str) -> Path:
    """A post with links in its text and nothing else that could be said of it."""
    return write_post(site, name, body="\n\n".join(f"[x](<{link}>)" for link in links))


@dataclass(frozen=True)
class Report:
    """What a run said of the links of texts, by their addresses, and which code it ended with."""

    links: Mapping[str, Mapping[str, Any]]
    code: int

    def verdicts(self) -> list[str]:
        return [link["verdict"] for link in self.links.values()]


def check(site: Path, *arguments: str) -> Report:
    """The command in this process, as far as it is the same everywhere."""
    command = ["check", str(site), "--format", "json", *arguments]
    done = CliRunner().invoke(cli, command, catch_exceptions=False, standalone_mode=False)
    return report(done.stdout, done.return_value)


def report(text: str, code: int) -> Report:
    links = [each for each in json.loads(text) if each["role"] == "body"]
    return Report({each["url"]: each for each in links}, code)


def run(
    site: Path, *command: str, environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=site,
        env={**os.environ, "PYTHONUTF8": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


# --- settings -----------------------------------------------------------------------------


def test_an_address_is_asked_for_in_place_of_another(site: Path, web: Web) -> None:
    configure(
        site,
        OPEN,
        f"ports = [{web.port}]",
        f'remap = {{ "https://a.example/" = "{web.url("/")}" }}',
    )
    post(site, "a.md", "https://a.example/x?y#top")
    assert check(site).verdicts() == ["ok"]
    assert web.asked == {"/x?y": 1}


def test_ports_and_networks_that_are_allowed_later_are_asked_then(site: Path, web: Web) -> None:
    post(site, "a.md", url := web.url("/a"))
    for lines, said in [
        ([OPEN], f"port {web.port} is not in [links] ports"),
        ([f"ports = [{web.port}]"], "127.0.0.1, which is not public"),
    ]:
        configure(site, *lines)
        (link,) = check(site).links.values()
        assert (link["url"], link["verdict"], link["detail"]) == (url, "blocked", said)
    assert web.asked == {}
    configure(site, OPEN, f"ports = [{web.port}]")
    assert check(site).verdicts() == ["ok"]
    assert web.asked == {"/a": 1}
    # And what is refused later is told then, and not at the end of its time.
    configure(site, OPEN)
    assert check(site).verdicts() == ["blocked"]
    assert web.asked == {"/a": 1}


def test_whom_to_trust_decides_over_tls(site: Path, tmp_path: Path) -> None:
    (folder := tmp_path / "authority").mkdir()
    authority = Authority(folder)
    with serving(authority.context("good", MACHINE)) as web:
        post(site, "a.md", f"https://{MACHINE}:{web.port}/a")
        allowed = [OPEN, f"ports = [{web.port}]"]
        configure(site, *allowed)
        assert check(site).verdicts() == ["tls"]
        assert web.asked == {}
        (site / "ca.pem").write_bytes(authority.certificate.read_bytes())
        configure(site, *allowed, 'ca_file = "ca.pem"')
        assert check(site).verdicts() == ["ok"]
        assert web.asked == {"/a": 1}


def test_who_asks_is_said_as_it_is_wished(site: Path, web: Web) -> None:
    allowed = [OPEN, f"ports = [{web.port}]"]
    post(site, "a.md", web.url("/a"))
    web.statuses["/a"] = 403
    configure(site, *allowed)
    assert check(site).verdicts() == ["denied"]
    assert web.seen["/a"]["user-agent"].endswith("+https://news.example.org)")
    web.statuses.clear()
    configure(site, *allowed, 'user_agent = "Ours/1 (editor@example.org)"')
    assert check(site).verdicts() == ["ok"]
    assert web.seen["/a"]["user-agent"] == "Ours/1 (editor@example.org)"


def test_headers_go_to_their_host_and_secrets_not_in_the_open(
    site: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = f"http://{MACHINE}:{web.port}"
    post(site, "a.md", web.url("/address"), f"{by_name}/name", f"{by_name}/leads")
    web.moved["/leads"] = web.url("/led")
    wanted = '{ X-Key = "$CHECK_KEY", Accept-Language = "zh" }'
    for number, (pattern, keys) in enumerate(
        [
            # The address stands in an allowed network, the name might be anybody's.
            (f"*:{web.port}", {"/address", "/led"}),
            (f"http://{MACHINE}:*", {"/name", "/leads"}),
            (f"https://*:{web.port}", set()),
        ]
    ):
        web.seen.clear()
        configure(site, OPEN, f"ports = [{web.port}]", f'headers = {{ "{pattern}" = {wanted} }}')
        monkeypatch.setenv("CHECK_KEY", f"secret-{number}")
        assert check(site, "--recheck").verdicts() == ["ok", "ok", "moved"]
        sent = {path: headers.get("x-key") for path, headers in web.seen.items()}
        assert sent == {
            path: f"secret-{number}" if path in keys else None
            for path in ("/address", "/name", "/leads", "/led")
        }
        store = b"".join(path.read_bytes() for path in (site / ".feeds").glob("links*"))
        assert b"secret-" not in store


def test_what_is_accepted_later_is_believed_without_another_request(site: Path, web: Web) -> None:
    allowed = [OPEN, f"ports = [{web.port}]"]
    accept = f'accept = {{ "127.0.0.1:{web.port}" = [404] }}'
    post(site, "a.md", web.url("/a"))
    web.statuses["/a"] = 404
    for lines, verdict, code in [([], "gone", 1), ([accept], "ok", 0), ([], "gone", 1)]:
        configure(site, *allowed, *lines, 'severity = { missing = "good" }')
        for arguments in ([], ["--offline"]):
            found = check(site, *arguments)
            assert (found.verdicts(), found.code) == ([verdict], code)
    assert web.asked == {"/a": 1}


def test_a_host_is_not_left_alone_for_longer_than_a_month(site: Path, web: Web) -> None:
    configure(site, OPEN, f"ports = [{web.port}]", "concurrency = 1", "per_host = 1")
    post(site, "a.md", web.url("/a"), web.url("/b"))
    web.statuses["/a"] = 429
    web.headers["/a"] = {"Retry-After": "999999999999"}
    assert [link["detail"] for link in check(site).links.values()] == ["", "not asked yet"]
    with contextlib.closing(LinkStore(site / ".feeds")) as store:
        now = int(time.time())
        assert [store.count_due(now + days * 86_400) for days in (29, 31)] == [0, 2]


# --- only what changed --------------------------------------------------------------------


def three_posts(site: Path, web: Web) -> None:
    configure(site, OPEN, f"ports = [{web.port}]")
    for name in "abc":
        post(site, f"{name}.md", web.url(f"/{name}"))


def test_a_post_that_keeps_a_link_and_gets_one_is_reported_once(site: Path, web: Web) -> None:
    three_posts(site, web)
    check(site)
    web.statuses["/new"] = 404
    post(site, "a.md", web.url("/a"), web.url("/new"))
    found = check(site, "--changed")
    assert list(found.links) == [web.url("/a"), web.url("/new")]
    assert (found.verdicts(), found.code) == (["ok", "gone"], 1)
    assert web.asked == {"/a": 1, "/b": 1, "/c": 1, "/new": 1}
    found = check(site, "--changed")
    assert (found.links, found.code) == ({}, 0)


def test_nothing_is_left_where_nothing_is_due(site: Path, web: Web) -> None:
    three_posts(site, web)
    check(site)
    post(site, "a.md", web.url("/a"), web.url("/b"))
    done = run(site, "-m", "feeds", "check", "--changed")
    assert done.stdout.splitlines()[-1] == "0 addresses asked for"


def test_an_offline_run_leaves_the_requests_to_the_next(site: Path, web: Web) -> None:
    three_posts(site, web)
    check(site)
    post(site, "a.md", web.url("/new"))
    # What can be said without asking is said once, too.
    assert list(check(site, "--changed", "--offline").links) == [web.url("/new")]
    assert check(site, "--changed", "--offline").links == {}
    check(site, "--offline")
    assert web.asked == {"/a": 1, "/b": 1, "/c": 1}
    assert list(check(site, "--changed").links) == [web.url("/new")]
    assert web.asked["/new"] == 1


def test_of_changed_posts_only_their_addresses_are_asked_again(site: Path, web: Web) -> None:
    three_posts(site, web)
    check(site)
    post(site, "a.md", web.url("/a"), web.url("/b"))
    check(site, "--changed", "--recheck")
    assert web.asked == {"/a": 2, "/b": 2, "/c": 1}
    check(site)
    assert web.asked == {"/a": 2, "/b": 2, "/c": 1}


# --- what must not be asked ---------------------------------------------------------------


@dataclass
class Canary:
    """Listens where nobody may go; ``visits`` are the connections that were made."""

    port: int = 0
    visits: list[object] = field(default_factory=list)


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    watched = Canary()
    with socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        watched.port = listening.getsockname()[1]

        def watch() -> None:
            while True:
                connection, peer = listening.accept()
                connection.close()
                if over.is_set():
                    return
                watched.visits.append(peer)

        over = threading.Event()
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        yield watched
        over.set()
        with socket.create_connection(("127.0.0.1", watched.port)):
            thread.join()


def test_nobody_is_asked_who_is_not_public(site: Path) -> None:
    hosts = [
        *("127.0.0.2", "localhost", "127.1.1", "0x7f000002", "2130706434", "0177.0.0.2"),
        *("127。0。0。2", "%31%32%37.0.0.2", "user:password@127.0.0.2", "0.0.0.0", "0"),
        *("[::1]", "[::]", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[::127.0.0.2]"),
        *("[64:ff9b::127.0.0.2]", "[2002:7f00:2::]"),
    ]
    with canary() as watched, serving(host="127.9.0.1") as web:
        configure(site, 'allow_addresses = ["127.9.0.1"]', f"ports = [{web.port}, {watched.port}]")
        links = [f"http://{host}:{watched.port}/" for host in hosts]
        for number, link in enumerate(links):
            web.moved[f"/{number}"] = link.encode("idna" if "。" in link else "ascii").decode()
        post(site, "a.md", *links, *(web.url(path) for path in web.moved))
        proxy = f"http://127.0.0.2:{watched.port}"
        proxies = dict.fromkeys(("http_proxy", "HTTPS_PROXY", "all_proxy"), proxy)
        environment = {**proxies, "no_proxy": ""}
        command = ("-m", "feeds", "check", "--format", "json")
        found = report(run(site, *command, environment=environment).stdout, 1)
        assert watched.visits == []
        assert set(found.verdicts()) == {"blocked"}
        assert len(found.links) == 2 * len(hosts)
        assert web.asked == dict.fromkeys(web.moved, 1)
        # One that is there would have been heard.
        with socket.create_connection(("127.0.0.2", watched.port)):
            while not watched.visits:
                pass


# --- in the end ---------------------------------------------------------------------------

NO_NAMES = """
import socket, threading
def never(host, *_, **__):
    print("looking up", host, flush=True, file=sys.stderr)
    threading.Event().wait()
import sys
socket.getaddrinfo = never
from feeds.cli import main
main()
"""


def test_a_run_ends_in_time_although_a_name_is_never_found(site: Path) -> None:
    configure(site)
    post(site, "a.md", "http://a.example/", "http://b.example/")
    began = time.monotonic()
    done = run(site, "-c", NO_NAMES, "check", "--max-time", "0.2", "--format", "json")
    assert time.monotonic() - began < 20
    assert done.stderr.count("looking up") == 2
    links = report(done.stdout, 1).links.values()
    assert [each["detail"] for each in links] == ["not asked yet"] * 2


def test_time_that_runs_out_for_a_name_is_its_own_verdict(site: Path) -> None:
    configure(site, "timeout = 0.3")
    post(site, "a.md", "http://a.example/", "http://a.example/b")
    done = run(site, "-c", NO_NAMES, "check", "--format", "json")
    assert done.returncode == 1
    assert done.stderr.count("looking up") == 1
    assert report(done.stdout, 1).verdicts() == ["dns"] * 2
