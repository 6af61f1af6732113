"""The page of a running server: what all its workers know, for those who run it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.configfile import load_config
from server.status import status_paths

from ..conftest import CONFIG, write_post
from ..pages.html import Page
from .conftest import Reply, Server, make_site, running, until

FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1,220 subscribers)"


def site(root: Path, config: str = "") -> Path:
    make_site(root, config)
    write_post(root, "a.md", categories="x")
    return root


def shown(server: Server, path: str = "/status") -> str:
    return Page(server.ask(path).body.decode()).text


def policy(reply: Reply) -> str:
    page = Page(reply.body.decode())
    (found,) = (each["content"] for each in page.all("meta") if "http-equiv" in each)
    return found


def test_it_is_told_what_was_built_asked_for_and_read(folder: Path) -> None:
    root = site(folder / "alone")
    write_post(root, "b.md", "whenever")
    with running(root) as server:
        first = server.ask("/feed.atom", user_agent=FEEDLY)
        server.ask("/feed.atom", user_agent=FEEDLY, if_none_match=first["etag"])
        reply = server.ask("/status")
        text = Page(reply.body.decode()).text
        assert "Posts 1 Feeds 2 Findings 1 Requests 2 Share of 304 50%" in text
        assert "error posts/b.md:3 date is no date" in text
        assert "feed.atom 1,220 Feedly 1,220, for themselves 0" in text
        assert re.search(r"0\.\d MB of 256\.0 MB; workers: 1\.", text)
        # A build that fails is told, and what was good before is told, too.
        (root / "config.toml").write_text(CONFIG + "nonsense = 1\n", "utf-8")
        until(lambda: "The last build failed" in shown(server))
        assert "posts.nonsense" in shown(server)
        assert "Posts 1 Feeds 2 Findings 1" in shown(server)


def test_no_cache_keeps_it_and_no_other_site_reads_it(folder: Path) -> None:
    with running(site(folder / "headers")) as server:
        reply = server.ask("/status")
        assert (reply.status, reply["content-type"]) == (200, "text/html; charset=utf-8")
        assert reply["cache-control"] == "no-store"
        assert reply["x-robots-tag"] == "noindex"
        assert reply["x-content-type-options"] == "nosniff"
        assert reply["content-security-policy"] == f"{policy(reply)}; frame-ancestors 'none'"
        assert "etag" not in reply
        assert "access-control-allow-origin" not in reply
        head = server.ask("/status", "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert server.ask("/status", "POST").status == 405
        # Asking for it counts as little as asking for the metrics.
        assert "Requests 0" in shown(server)


def test_every_worker_tells_what_all_of_them_counted(folder: Path) -> None:
    with running(site(folder / "several"), "--workers", "2") as server:
        for _ in range(20):
            server.ask("/feed.atom", user_agent="NetNewsWire")
        until(lambda: "workers: 2." in shown(server), 20)

        def seen() -> bool:
            return all("Requests 20 " in shown(server) for _ in range(6))

        until(seen, 20)
        assert "MB of 512.0 MB; workers: 2." in shown(server)


@pytest.mark.parametrize(
    ("pages", "path", "status"),
    [
        ('status = ""', "/status", 404),
        ('status = "状态.html"', "/%E7%8A%B6%E6%80%81.html", 200),
        ('status = "状态.html"', "/status", 404),
        ('status = "inside/index.html"', "/inside/", 200),
        ('directory = ""\nsite = ""\nfeed = ""\nlinks = ""', "/status", 200),
    ],
)
def test_it_lies_where_it_is_wanted(tmp_path: Path, pages: str, path: str, status: int) -> None:
    with running(site(tmp_path / "site", f"[pages]\n{pages}\n")) as server:
        assert server.ask(path).status == status


def test_it_has_no_place_in_the_output(folder: Path) -> None:
    with running(site(folder / "output")) as server:
        assert server.ask("/index.html").status == 200
        assert "status" not in server.ask("/").body.decode().split("</nav>")[0]


@pytest.mark.parametrize(
    ("url", "path", "paths"),
    [
        ("https://e.example", "status", ["/status"]),
        ("https://e.example/%E6%96%B0/", "status", ["/status"]),
        ("https://e.example", "s/index.html", ["/s/index.html", "/s/"]),
        ("https://e.example/b", "", []),
    ],
)
def test_it_has_one_place_so_that_a_proxy_can_keep_it_from_the_outside(
    tmp_path: Path, url: str, path: str, paths: list[str]
) -> None:
    text = f'[site]\nurl = "{url}"\n[posts]\nsources = ["posts"]\n[pages]\nstatus = "{path}"\n'
    (tmp_path / "config.toml").write_text(text, "utf-8")
    assert list(status_paths(load_config(tmp_path))) == paths
