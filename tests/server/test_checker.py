"""Links checked in the background of a running server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from feeds.cli import cli
from feeds.links.runs import last_run, reading
from feeds.links.store import LinkStore
from server.checker import link_totals

from ..conftest import write_post
from ..web import Web, serving
from .conftest import Server, make_site, running, until


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def site(root: Path, web: Web, background: int) -> Path:
    links = f"""[links]
allow_addresses = ["127.0.0.1"]
ports = [{web.port}]
interval = 0
background = {background}
"""
    make_site(root, links)
    for number in range(3):
        write_post(root, f"{number}.md", body=f"[x]({web.url(f'/{number}')})")
    return root


def metric(server: Server, name: str) -> float:
    match = re.search(
        rf"^feeds_{re.escape(name)} (.+)$", server.ask("/metrics").body.decode(), re.M
    )
    return float(match[1]) if match else -1.0


def last(server: Server) -> int:
    """The number of the last round that came to its end."""
    with reading(server.root / ".feeds") as db:
        run = last_run(db) if db else None
    return run.number if run else 0


def test_links_are_checked_at_a_pace_and_their_state_is_in_the_metrics(
    folder: Path, web: Web
) -> None:
    web.statuses["/1"] = 404
    with running(site(folder / "checked", web, 600)) as server:
        until(lambda: metric(server, 'links{verdict="gone"}') == 1, 20)
        assert metric(server, 'links{verdict="ok"}') == 2
        assert metric(server, "link_check_timestamp_seconds") > 1e9
        assert web.asked == {"/0": 1, "/1": 1, "/2": 1}
        # A new post is looked at in the next round, and nothing else is asked for again.
        write_post(server.root, "3.md", body=f"[x]({web.url('/3')})")
        until(lambda: metric(server, 'links{verdict="ok"}') == 3, 20)
        assert web.asked.total() == 4


def test_nothing_is_asked_for_unless_so_wished(folder: Path, web: Web) -> None:
    with running(site(folder / "off", web, 0)) as server:
        assert "feeds_links" not in server.ask("/metrics").body.decode()
        assert link_totals(server.root / ".feeds") is None


def test_what_was_found_is_on_the_page_of_links_soon(folder: Path, web: Web) -> None:
    web.statuses["/1"] = 404
    with running(site(folder / "page", web, 600)) as server:
        assert "have not been checked yet" in server.ask("/links/").body.decode()

        def found() -> bool:
            return web.url("/1") in server.ask("/links/").body.decode()

        until(found, 20)
        first = server.ask("/links/")
        assert server.ask("/links/", if_none_match=first["etag"]).status == 304
        assert first["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        # The next round has nothing to say, and makes no build.
        builds, run = server.builds, last(server)
        until(lambda: last(server) > run, 20)
        assert server.builds == builds


def test_a_run_over_a_part_of_the_posts_leaves_the_metrics_those_of_all(
    folder: Path, web: Web
) -> None:
    def check(*options: str) -> int:
        command = ["check", str(server.root), *options]
        done = CliRunner().invoke(cli, command, catch_exceptions=False, standalone_mode=False)
        return int(done.return_value)

    def metrics() -> list[float]:
        return [metric(server, f'links{{verdict="{name}"}}') for name in ("ok", "gone")]

    web.statuses["/1"] = 404
    with running(site(folder / "parts", web, 0)) as server:
        assert check() == 1
        assert metrics() == [2, 1]
        assert check("--changed") == 0
        assert metrics() == [2, 1]
        write_post(server.root, "2.md", body=f"[x]({web.url('/2')}) [y]({web.url('/3')})")
        check("--changed")
        assert metrics() == [3, 1]
        check("--changed", "--offline")
        assert metrics() == [3, 1]


def test_a_server_stops_at_once_while_links_are_asked_for(folder: Path, web: Web) -> None:
    """At one request a minute a round would take long."""
    with running(site(folder / "slow", web, 1)) as server:
        until(lambda: web.asked, 20)
        assert server.stop() in (0, -15)
    with closing(LinkStore(folder / "slow/.feeds")) as store:
        assert sum(each.checked > 0 for each in store.occurrences()) == 1
