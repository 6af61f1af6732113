"""The benchmark of the server: what wrk and the kernel tell is read, answers are compared first.

How fast anything is, is not tested.
"""

from __future__ import annotations

import gzip
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import server.run
from bench import load, serve, service, start
from bench.corpora import STAMP, prepared
from bench.corpus import Shape
from bench.load import Load, Told, read_told
from bench.measure import FailedError, WrongError, timed
from bench.peers import bare
from bench.peers.bare import Frozen
from bench.processes import cpu_seconds, family, memory, read_stat
from bench.serve import (
    BARE_PATHS,
    GOALS,
    Case,
    Name,
    Peer,
    check,
    check_load,
    faults,
    precompressed,
    row,
    verdicts,
    written,
)
from bench.service import Reply, Service, free_port, running
from bench.start import Figures, another, feed_paths, new_posts, shortfalls
from bench.table import replace_between
from feeds.configfile import load_config

from .processes import killed_at_last
from .service import wait_until

WRK = """\
Running 4s test @ http://127.0.0.1:8000/feed.atom
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.51ms    1.56ms  12.75ms   83.92%
    Req/Sec    28.05k     9.23k   67.04k    90.00%
  Latency Distribution
     50%  820.00us
     75%    2.10ms
     90%    3.43ms
     99%    1.25s
  84056 requests in 3.02s, 19.64MB read
Requests/sec:  27874.83
Transfer/sec:      6.51MB
"""


# --- what wrk tells -----------------------------------------------------------------------


def test_what_wrk_prints_is_read_with_its_units() -> None:
    told = read_told(WRK)
    assert (told.requests, told.rate) == (84056, 27874.83)
    assert (told.p50, told.p99) == pytest.approx((0.00082, 1.25))
    assert told.bytes == pytest.approx(19.64 * 1024 * 1024)


@pytest.mark.parametrize(
    ("written", "factor"), [("512.00B", 1), ("2.00KB", 1 << 10), ("1.50GB", 1 << 30)]
)
def test_bytes_have_units_of_1024(written: str, factor: int) -> None:
    told = read_told(WRK.replace("19.64MB", written))
    assert told.bytes == float(written.rstrip("BKG")) * factor


@pytest.mark.parametrize(
    "failure",
    [
        "  Socket errors: connect 0, read 3, write 0, timeout 0",
        "  Non-2xx or 3xx responses: 12",
    ],
)
def test_a_run_with_requests_that_failed_counts_for_nothing(failure: str) -> None:
    text = WRK.replace("Requests/sec", f"{failure}\nRequests/sec")
    with pytest.raises(FailedError, match=failure.strip()[:12]):
        read_told(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unable to connect to 127.0.0.1:8000 Connection refused\n",
        WRK.replace("     99%    1.25s\n", ""),
        WRK.replace("84056 requests", "0 requests"),
        WRK.replace("1.25s", "1.25parsecs"),
    ],
)
def test_what_tells_no_figures_is_a_failure(text: str) -> None:
    with pytest.raises(FailedError, match="wrk told"):
        read_told(text)


# --- what the kernel tells ----------------------------------------------------------------

STAT = (
    "4711 (a (b) c) S 42 4711 4711 0 -1 4194304 9999 0 16 0 "
    "1234 567 89 10 20 0 7 0 100 987654321 5000 18446744073709551615"
)


@pytest.mark.parametrize("name", ["python", "a (b) c", "x) S 1 2 (y"])
def test_parent_and_time_are_read_behind_any_name(name: str) -> None:
    stat = read_stat(STAT.replace("a (b) c", name))
    assert (stat.parent, stat.ticks) == (42, 1234 + 567)


def test_the_kernel_tells_the_time_that_a_process_spent() -> None:
    """Of a new one, whose clock ticks and whose own count have had no time to part."""
    spend = (
        "import os, sys\n"
        "while (times := os.times()).user + times.system < 0.3: pass\n"
        "print(times.user + times.system, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", spend]
    with killed_at_last(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ) as process:
        assert process.stdout
        told = float(process.stdout.readline())
        assert cpu_seconds(process.pid) == pytest.approx(told, abs=0.1)


def test_a_process_that_has_ended_spends_and_holds_nothing() -> None:
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-c", ""])
    os.waitpid(pid, 0)
    assert (family(pid), cpu_seconds(pid), memory(pid)) == ([], 0, 0)


def test_a_family_has_grandchildren_that_began_a_session_of_their_own() -> None:
    wait = "import sys; sys.stdin.read()"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {wait!r}], {{}})"
    middle = starts.format("start_new_session=True")
    command = [sys.executable, "-c", middle]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        wait_until(lambda: len(family(process.pid)) == 2)
        assert process.stdin
        process.stdin.close()
        process.wait()
    assert family(process.pid) == []


# --- what servers answer ------------------------------------------------------------------

BODY = b"<feed>" + b"x" * 10_000 + b"</feed>"
ETAG = {"etag": '"1"'}
GZIPPED = ETAG | {"content-encoding": "gzip"}


@pytest.mark.parametrize(
    ("case", "reply"),
    [
        (Case.NOT_MODIFIED, Reply(304, ETAG, b"")),
        (Case.GZIP, Reply(200, GZIPPED, gzip.compress(BODY))),
        (Case.IDENTITY, Reply(200, ETAG, BODY)),
    ],
)
def test_a_right_answer_has_no_faults(case: Case, reply: Reply) -> None:
    assert faults(case, reply, BODY) == []


@pytest.mark.parametrize(
    ("case", "reply", "fault"),
    [
        (Case.NOT_MODIFIED, Reply(200, ETAG, BODY), "status 200"),
        (Case.NOT_MODIFIED, Reply(304, {}, b""), "no ETag"),
        (Case.GZIP, Reply(404, {}, b""), "status 404"),
        (Case.GZIP, Reply(200, ETAG, BODY), "identity instead of gzip"),
        (Case.GZIP, Reply(200, GZIPPED, gzip.compress(b"")), "another body"),
        (Case.IDENTITY, Reply(200, GZIPPED, gzip.compress(BODY)), "gzip instead of identity"),
        (Case.IDENTITY, Reply(200, ETAG, BODY + b"\n"), "another body"),
        (Case.IDENTITY, Reply(200, {}, BODY), "no ETag"),
    ],
)
def test_a_wrong_answer_is_told(case: Case, reply: Reply, fault: str) -> None:
    assert [found for found in faults(case, reply, BODY) if found.startswith(fault)]


def run(cpu: float = 1.0, requests: int = 10_000, size: float = 300.0) -> Load:
    return Load(Told(requests, requests * size, 5_000.0, 0.001, 0.01), cpu)


@pytest.mark.parametrize(
    ("case", "size", "body"),
    [
        (Case.NOT_MODIFIED, 9_000, 0),  # it was 200 while wrk asked
        (Case.GZIP, 300, 9_000),  # it was 304
        (Case.GZIP, 95_000, 9_000),  # it was not encoded
    ],
)
def test_answers_that_change_under_load_are_found_by_their_size(
    case: Case, size: int, body: int
) -> None:
    check_load(run(size=body + 500), case, body)
    with pytest.raises(WrongError, match=str(size)):
        check_load(run(size=size), case, body)


# --- servers ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the bare server is to answer."""
    path = tmp_path_factory.mktemp("bare") / "answers"
    tag = [(b"etag", b'"1"')]
    body = gzip.compress(BODY)
    frozen = {
        Case.NOT_MODIFIED: Frozen(304, tag, b""),
        Case.GZIP: Frozen(200, [*tag, (b"content-encoding", b"gzip"), length(body)], body),
        Case.IDENTITY: Frozen(200, [*tag, length(BODY)], BODY),
    }
    path.write_bytes(pickle.dumps({BARE_PATHS[case]: each for case, each in frozen.items()}))
    return path


def length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()


@pytest.fixture(scope="module")
def peer(answers: Path) -> Peer:
    return serve.bare(Name.BARE, answers, "bounded")


@pytest.fixture(scope="module")
def running_peer(peer: Peer) -> Iterator[Service]:
    port = free_port()
    with running(peer.command(port), port, BARE_PATHS[Case.IDENTITY]) as started:
        yield started


def test_the_bare_server_gives_the_answers_that_it_was_given(
    running_peer: Service, peer: Peer
) -> None:
    check(running_peer, peer, BODY)
    with pytest.raises(WrongError, match=f"{Name.BARE} answers wrongly:\n200 gzip: another body"):
        check(running_peer, peer, BODY + b"more")


def test_a_server_that_does_not_look_at_conditions_is_no_peer(
    running_peer: Service, peer: Peer
) -> None:
    with pytest.raises(WrongError, match="another ETag: status 304"):
        check(running_peer, replace(peer, decides=True), BODY)


def test_what_one_server_answers_another_can_repeat(running_peer: Service, peer: Peer) -> None:
    again = serve.captured(running_peer, replace(peer, paths=BARE_PATHS))
    for case in Case:
        reply = running_peer.ask(BARE_PATHS[case])
        frozen = again[BARE_PATHS[case]]
        assert (frozen.status, frozen.body) == (reply.status, reply.body)
        assert (b"etag", b'"1"') in frozen.headers
        assert b"date" not in dict(frozen.headers)


@pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk")
def test_load_costs_the_server_time_for_every_request(running_peer: Service) -> None:
    url = running_peer.url(BARE_PATHS[Case.IDENTITY])
    found = load.load(url, {"User-Agent": "x"}, 1, running_peer.leader)
    check_load(found, Case.IDENTITY, len(BODY))
    assert found.told.requests > 100
    assert 1e-6 < found.cpu_per_request < 0.01


def test_a_server_is_stopped_with_all_its_processes(peer: Peer) -> None:
    port = free_port()
    with running(peer.command(port), port, BARE_PATHS[Case.IDENTITY]) as started:
        assert started.memory() > 1_000_000
        members = family(started.leader)
    assert [pid for pid in members if family(pid)] == []


def test_a_server_that_does_not_start_is_a_failure_with_what_it_said() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such port')"]
    with pytest.raises(FailedError, match="no such port"), running(command, free_port(), "/"):
        pass


def test_the_bare_server_runs_as_feeds_serve_does(
    site: Path, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = configuration(monkeypatch, lambda: server.run.serve(load_config(site), "off"))
    arguments = ["bare", "8000", str(answers), "bounded"]
    monkeypatch.setattr(sys, "argv", arguments)
    theirs = configuration(monkeypatch, bare.main)
    apart = {"app", "factory", "lifespan"}
    assert {k: v for k, v in ours.items() if k not in apart} == {
        k: v for k, v in theirs.items() if k not in apart
    }


def configuration(monkeypatch: pytest.MonkeyPatch, start: Callable[[], object]) -> dict[str, Any]:
    """What uvicorn would be run with."""
    found: list[uvicorn.Config] = []

    def run(server: uvicorn.Server, sockets: object = None) -> None:
        found.append(server.config)
        server.started = True

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(server.run, "set_up_process", lambda config: None)
    monkeypatch.setattr(server.run, "_allow_connections", lambda: None)
    start()
    return vars(found[0])


def test_built_files_are_put_beside_their_gzip(tmp_path: Path) -> None:
    source = tmp_path / "public"
    (source / "tag" / "x").mkdir(parents=True)
    (source / "tag" / "x" / "feed.atom").write_bytes(BODY)
    precompressed(source, tmp_path / "files")
    target = tmp_path / "files" / "tag" / "x"
    assert (target / "feed.atom").read_bytes() == BODY
    assert gzip.decompress((target / "feed.atom.gz").read_bytes()) == BODY
    assert [path.name for path in (source / "tag" / "x").iterdir()] == ["feed.atom"]


def test_what_is_missing_is_named_and_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "NEEDED", {"no-such-wrk": "wrk", "no-such-nginx": "nginx-light"})
    with pytest.raises(SystemExit) as stopped:
        serve.main([])
    assert "needs no-such-wrk; get it with: apt-get install wrk" in str(stopped.value)
    assert "needs no-such-nginx; get it with: apt-get install nginx-light" in str(stopped.value)


# --- a large site -------------------------------------------------------------------------

SMALL = Shape(posts=60, categories=3, tags=5)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepared(tmp_path_factory.mktemp("corpora"), SMALL)


def test_new_posts_are_newer_than_all_and_gone_afterwards(corpus: Path) -> None:
    posts = corpus / "posts"
    before = sorted(posts.iterdir())
    with new_posts(corpus) as write:
        titles = [write(number) for number in range(2)]
        new = sorted(set(posts.iterdir()) - set(before))
        assert sorted(posts.iterdir())[-2:] == new
        assert [title in path.read_text("utf-8") for title, path in zip(titles, new, strict=True)]
        assert len(set(titles)) == 2
        assert not (corpus / STAMP).exists()  # so a run that is killed leaves nothing to trust
    assert sorted(posts.iterdir()) == before
    assert (corpus / STAMP).exists()


def test_what_is_no_post_of_a_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="not a post"):
        another("---\nlayout: post\n---\n", 1)


def test_all_feeds_are_asked_for_by_their_encoded_paths(tmp_path: Path) -> None:
    for path in ("feed.atom", "tag/江城 1/feed.rss", "tag/江城 1/other.txt", ".feeds-manifest"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    assert feed_paths(tmp_path) == ["/feed.atom", "/tag/%E6%B1%9F%E5%9F%8E%201/feed.rss"]


def test_a_large_site_is_measured_from_start_to_a_new_post(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REST_SECONDS", 0.3)
    build = [sys.executable, "-m", "feeds", "build", str(corpus)]
    timed(build)
    found = start.measure(corpus, starts=1, new=1)
    assert found.feeds == len(found.firsts) == 2 * (1 + 3 + 5)
    assert min(*found.starts, *found.firsts, *found.delays) > 0
    assert found.most >= min(found.before, found.after) > 10_000_000


def figures(**more: Any) -> Figures:
    values: dict[str, Any] = {"starts": [1.0], "firsts": [0.01], "delays": [0.5]}
    return Figures(feeds=9, **(values | more))


def test_the_slowest_run_and_the_most_memory_count() -> None:
    assert shortfalls(figures(before=399_000_000)) == []
    assert shortfalls(figures(starts=[1.0, 2.1])) == ["first answer after 2.10 s, goal 2 s"]
    assert shortfalls(figures(most=400_000_000)) == ["400 MB, goal 400 MB"]
    assert shortfalls(figures(delays=[0.2, 1.2])) == ["a new post after 1.20 s, goal 1 s"]


# --- the report ---------------------------------------------------------------------------


def measured(ours: float = 24.0, bare: float = 20.0, static: float = 2_000.0) -> serve.Runs:
    """Three rounds in which every server spent so many microseconds for each request."""
    cost = {Name.OURS: ours, Name.BARE: bare, Name.STATIC: static}
    return {
        (name, case): [run(cpu=cost.get(name, 10.0) / 100)] * 3 for name in Name for case in Case
    }


def test_a_row_has_the_time_of_a_request_and_its_ratio_to_the_bare_server() -> None:
    assert row(Name.OURS, Case.GZIP, measured()) == [
        *("feeds serve", "24.0 (24.0–24.0)", "1.20 (1.20–1.20)"),
        *("5,000", "1.00", "10.00"),
    ]


def test_goals_are_met_or_missed_with_their_figures() -> None:
    met, missed = verdicts(measured()), verdicts(measured(ours=26.0, static=80.0))
    assert len(met) == len(missed) == len(GOALS)
    assert [": met (" in each for each in met] == [True] * 3
    assert [": missed (" in each for each in missed] == [True] * 3
    assert met[0] == "304: at most 1.25 times bare ASGI dict: met (1.20 times)"
    assert missed[1].startswith("304: at least 4 times as fast as StaticFiles")
    assert missed[1].endswith("missed (3.1 times as fast)")


def test_the_report_has_a_table_for_every_case_and_one_of_memory() -> None:
    memory = {name: [50_000_000] for name in Name}
    report = written(measured(), memory, len(BODY), 10_000)
    assert [f"| {case} | CPU" in report for case in Case] == [True] * 3
    assert report.count(f"| {Name.NGINX} |") == 4
    assert f"| {Name.OURS} | 50 (50–50) |" in report


def test_the_page_of_benchmarks_has_a_place_for_the_server() -> None:
    page = serve.PAGE.read_text("utf-8")
    assert "new" in replace_between(page, serve.MARKER, "new")
