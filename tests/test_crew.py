"""Links asked for by the workers of a real cluster: once each, at their pace, as from here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from feeds.cluster import Cluster, address, connected
from feeds.config import Config
from feeds.configfile import load_config
from feeds.crew import Crew, _ask_in_room, _inquiry, _open_room, _rooms, end
from feeds.errors import ClusterError
from feeds.links.lots import MOST_OF_HOST, Lot, Returned, Share
from feeds.links.pace import Stand
from feeds.links.schedule import Asked
from feeds.models import Verdict

from . import dask
from .conftest import CONFIG, write_post
from .links.servers import Authority, Loopback, Peer, Routes, answer, in_a_thread, leads, page
from .service import TIED, wait_until

INTERVAL: Final = 0.1
HOSTS: Final = 60
OF_LARGE: Final = 40
# Each machine has a network of its own with an address for each name, so that a server sees who
# asks. It leads to loopback, but does not look like it; one name looks like it on every machine.
NAMES: Final = """\
import socket
network = "%d.0."
known, connect = socket.getaddrinfo, socket.socket.connect
def look_up(host, port, *arguments, **more):
    if not str(host).endswith(".example"):
        return known(host, port, *arguments, **more)
    place = "10." + network + str(int(host[1:].partition(".")[0]) + 1)
    if host == "h99.example":
        place = "127." + network + "99"
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]
def reach(self, address):
    if isinstance(address, tuple) and address[0].startswith("10." + network):
        address = ("127" + address[0][2:], address[1])
    return connect(self, address)
socket.getaddrinfo, socket.socket.connect = look_up, reach
"""
HERE, FIRST, SECOND = range(1, 4)
LARGE, SECRET, LEADS, GONE, ONLY_ONCE = (f"h{number}.example" for number in range(5))
OWN: Final = "h99.example"


@contextlib.contextmanager
def workers(scheduler: str, place: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers, each on a machine of its own."""
    with contextlib.ExitStack() as stack:
        yield [
            *stack.enter_context(dask.workers(scheduler, place, 1, NAMES % FIRST)),
            *stack.enter_context(dask.workers(scheduler, place, 1, NAMES % SECOND)),
        ]


def configure(site: Path, server: Loopback, *lines: str, port: str = "HTTP") -> None:
    """Whoever may be asked, and quickly."""
    links = [
        'allow_addresses = ["127.0.0.0/8", "10.0.0.0/8"]',
        f"ports = [{server.ports[port]}]",
        *(lines or (f"interval = {INTERVAL}",)),
    ]
    (site / "config.toml").write_text("\n".join([CONFIG, "[links]", *links, ""]), "utf-8")


def post(site: Path, server: Loopback, urls: Sequence[str]) -> None:
    for start in range(0, len(urls), 50):
        links = "\n\n".join(f"<{server.url(url)}>" for url in urls[start : start + 50])
        write_post(site, f"{start:03}.md", body=links)


def small_hosts(each: int = 4) -> list[str]:
    hosts = range(5, HOSTS)
    return [f"http://h{host}.example:@HTTP@/{number}" for host in hosts for number in range(each)]


def command(site: Path, *arguments: str) -> list[str]:
    program = f"{NAMES % HERE}\nfrom feeds.cli import main; main()"
    return [sys.executable, "-c", program, "check", str(site), "--format", "json", *arguments]


def check(site: Path, *arguments: str, code: int = 1) -> tuple[list[dict[str, Any]], str]:
    """What a run says of the links, but for when that was, and what it says beside it."""
    done = subprocess.run(
        command(site, *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return [each | {"since": ""} for each in json.loads(done.stdout or "[]")], done.stderr


def start(site: Path, scheduler: str, stderr: int | None = None) -> subprocess.Popen[str]:
    """A run that comes to harm."""
    run = [*TIED, *command(site, "--cluster", scheduler)]
    return subprocess.Popen(run, stdout=subprocess.PIPE, stderr=stderr, text=True)


def asked(server: Loopback) -> Counter[str]:
    return Counter(request.host + request.target for request in server.requests)


def machine(address: str) -> int:
    return int(address.split(".")[1])


def known(site: Path) -> int:
    """How many addresses have an answer that was written down."""
    path = site / ".feeds/links.sqlite"
    with (
        contextlib.suppress(sqlite3.OperationalError),  # it is being made
        contextlib.closing(sqlite3.connect(path)) as db,
    ):
        return int(db.execute("SELECT count(*) FROM url WHERE verdict <> ''").fetchone()[0])
    return 0


ROUTES: Final[Mapping[str, Routes]] = {
    SECRET: {"*": page()},
    LEADS: {"/secret": leads(f"http://{SECRET}:@HTTP@/led"), "*": leads("/there")},
    GONE: {"/moved": leads("/gone", 301), "*": answer(404)},
    "*": {"*": page()},
}


def test_workers_ask_once_each_at_the_pace_of_every_host(
    site: Path, scheduler: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECK_KEY", "secret-key")
    with in_a_thread(ROUTES) as server:
        port = server.ports["HTTP"]
        header = f'headers = {{ "http://{SECRET}:{port}" = {{ X-Key = "$CHECK_KEY" }} }}'
        configure(site, server, "interval = 0", header)
        once = [
            *(f"http://{LARGE}:@HTTP@/{number}" for number in range(OF_LARGE)),
            *(f"http://{SECRET}:@HTTP@/{number}" for number in range(5)),
            f"http://{LEADS}:@HTTP@/a",
            f"http://{GONE}:@HTTP@/moved",
            "http://127.0.0.1:@HTTP@/itself",
            f"http://{OWN}:@HTTP@/by-name",
            *small_hosts(),
        ]
        post(site, server, [*once, f"http://{LEADS}:@HTTP@/secret"])
        local, _ = check(site)
        as_here = asked(server)
        server.requests.clear()
        shutil.rmtree(site / ".feeds")
        configure(site, server, f"interval = {INTERVAL}", header)
        with workers(scheduler, place):
            found, said = check(site, "--cluster", scheduler)
    assert found == local
    # What leads to the host that is asked from here is begun anew here.
    assert asked(server) == as_here + Counter([f"{LEADS}/secret"])
    by_machine = Counter(machine(request.address) for request in server.requests)
    # Its five addresses, one that leads to it and where that leads; the machine itself, by its
    # name and by its address.
    assert by_machine.pop(HERE) == 5 + 2 + 1
    assert by_machine.pop(0) == 1
    assert set(by_machine) == {FIRST, SECOND}
    assert min(by_machine.values()) > 20
    assert f"{len(once) - 7} addresses asked for by them" in said
    with_key = [request for request in server.requests if "x-key" in request.headers]
    assert {request.host for request in with_key} == {SECRET}
    assert {machine(request.address) for request in with_key} == {HERE}
    times = [request.time for request in server.requests if request.host == LARGE]
    assert len(times) == OF_LARGE
    # The first of the second lot, too; others may be seen late, and the next then early.
    assert times[MOST_OF_HOST] - times[MOST_OF_HOST - 1] > INTERVAL / 2
    assert times[-1] - times[0] > INTERVAL * (OF_LARGE - 4)


def test_few_addresses_are_asked_for_from_here(site: Path, scheduler: str, place: Path) -> None:
    with in_a_thread({"*": {"*": page()}}) as server:
        configure(site, server)
        post(site, server, small_hosts(1))
        with dask.workers(scheduler, place, 1, NAMES % FIRST):
            _, said = check(site, "--cluster", scheduler)
    assert {machine(request.address) for request in server.requests} == {HERE}
    assert "too little to do for it" in said


async def slowly(peer: Peer) -> None:
    await asyncio.sleep(0.2)
    await peer.send(page())


def test_what_a_killed_worker_had_is_asked_for_by_another(
    site: Path, scheduler: str, place: Path
) -> None:
    with in_a_thread({"*": {"*": slowly}}) as server:
        configure(site, server)
        post(site, server, urls := small_hosts())
        with workers(scheduler, place) as (first, _), start(site, scheduler) as run:
            wait_until(lambda: seen_by(server, FIRST) > 10)
            first.kill()
            output, _ = run.communicate(timeout=60)
    found = [each for each in json.loads(output) if each["role"] != "back-home"]
    bodies = [each["verdict"] for each in found if each["url"].startswith("http")]
    assert Counter(bodies) == {"ok": len(urls)}
    twice = len(server.requests) - len(urls)
    assert len(asked(server)) == len(urls)
    assert 0 < twice < len(urls)
    assert max(asked(server).values()) == 2


def seen_by(server: Loopback, which: int) -> int:
    return sum(machine(request.address) == which for request in server.requests)


def test_who_is_interrupted_has_what_the_workers_found(
    site: Path, scheduler: str, place: Path
) -> None:
    with in_a_thread({"*": {"*": slowly}}) as server, workers(scheduler, place):
        configure(site, server, "interval = 1")
        post(site, server, urls := small_hosts(8))
        with start(site, scheduler) as run:
            wait_until(lambda: len(server.requests) > 3 * HOSTS)
            run.send_signal(signal.SIGINT)
            run.communicate(timeout=20)
        assert run.returncode == 128 + signal.SIGINT
        asked_for = len(server.requests)
        assert 3 * HOSTS < asked_for < len(urls)
        assert known(site) == len(asked(server)) == asked_for
        configure(site, server)
        _, said = check(site, "--cluster", scheduler)
        assert f"{len(urls) - asked_for} addresses asked for by them" in said
        assert set(asked(server).values()) == {1}


def test_a_lost_scheduler_leaves_what_was_found(site: Path, place: Path) -> None:
    with (
        in_a_thread({"*": {"*": page()}}) as server,
        dask.scheduler(place) as own,
        dask.workers(own.address, place, 1, NAMES % FIRST),
    ):
        configure(site, server, "interval = 0.5")
        slow = [f"http://h{host}.example:@HTTP@/{n}" for host in range(5) for n in range(50)]
        post(site, server, [*small_hosts(1), *slow])
        run = start(site, own.address, stderr=subprocess.PIPE)
        with run:
            wait_until(lambda: known(site) > 0)
            own.process.kill()
            _, said = run.communicate(timeout=30)
    assert run.returncode == 3
    assert "the connection is lost" in said
    assert len(said.splitlines()) == 1
    assert known(site) > 0


def test_a_lot_that_several_workers_died_of_comes_back(site: Path, place: Path) -> None:
    deadly = "import os, feeds.crew; feeds.crew.ask = lambda *_: os._exit(1)"
    lot = (Share("a.example", Stand(2, 0.2), [Asked(1, "http://a.example/")]),)
    with (
        dask.scheduler(place, SCHEDULER__ALLOWED_FAILURES="1") as own,
        dask.workers(own.address, place, 3, deadly),
        connected(address(own.address), load_config(site), 1) as cluster,
    ):
        assert asyncio.run(asked_of(cluster, load_config(site), lot)) is None


async def asked_of(cluster: Cluster, config: Config, lot: Lot) -> Returned | None:
    async with Crew(cluster, config) as crew:
        return await asyncio.wait_for(crew.ask(lot), 20)


def test_a_worker_that_cannot_ask_is_named(site: Path, scheduler: str, place: Path) -> None:
    sick = "import feeds.crew\ndef sick(*_): raise OSError(24, 'Too many open files')\n"
    lot = (Share("a.example", Stand(2, 0.2), [Asked(1, "http://a.example/")]),)
    config = load_config(site)
    with (
        dask.workers(scheduler, place, 1, f"{sick}feeds.crew.transport_of = sick"),
        connected(address(scheduler), config, 1) as cluster,
        pytest.raises(ClusterError, match=r"tcp://[\d.:]+ cannot ask .*open files; mend it"),
    ):
        asyncio.run(asked_of(cluster, config, lot))


def test_workers_that_come_later_are_seen(
    site: Path, scheduler: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.crew.LOOK_SECONDS", 0.1)
    config = load_config(site)

    async def look(cluster: Cluster) -> None:
        async with Crew(cluster, config) as crew, asyncio.timeout(20):
            assert crew.workers == 1
            with dask.workers(scheduler, place, 1):
                while crew.workers < 2:
                    await asyncio.sleep(0.02)

    with (
        dask.workers(scheduler, place, 1),
        connected(address(scheduler), config, 1) as cluster,
    ):
        asyncio.run(look(cluster))


# --- rooms --------------------------------------------------------------------------------

NOBODY: Final = (Share("a.invalid", Stand(1, 0.0), [Asked(1, "http://a.invalid/")]),)


def open_room(site: Path, run: str) -> None:
    _open_room(_inquiry(run, load_config(site)))


def test_runs_side_by_side_have_each_a_room(site: Path) -> None:
    open_room(site, "first")
    first = _rooms["first"]
    open_room(site, "second")
    open_room(site, "first")
    assert _rooms["first"] is first
    for run in ("first", "second"):
        end(run)
    assert not _rooms.keys() & {"first", "second"}


def test_a_room_that_nobody_uses_is_given_up(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.crew.IDLE_SECONDS", 0.1)
    open_room(site, "left")
    wait_until(lambda: "left" not in _rooms)
    assert _ask_in_room("left", NOBODY) == Returned(shares=NOBODY)
    open_room(site, "left")
    assert "left" in _rooms
    end("left")


def test_a_lot_that_comes_after_the_end_goes_back(site: Path) -> None:
    end("early")
    open_room(site, "early")
    assert "early" not in _rooms
    assert _ask_in_room("early", NOBODY) == Returned(shares=NOBODY)


def test_whom_to_trust_goes_with_the_lots(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "authority").mkdir()
    authority = Authority(folder)
    contexts = {"TLS": authority.context("good", LARGE)}
    address = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: address)
    connect = socket.socket.connect
    monkeypatch.setattr("socket.socket.connect", lambda own, to: connect(own, ("127.0.0.1", to[1])))
    with in_a_thread({"*": {"*": page()}}, contexts) as server:
        configure(site, server, "interval = 0", 'ca_file = "ca.pem"', port="TLS")
        ca_file = Path(shutil.copy(authority.certificate, site / "ca.pem"))
        inquiry = _inquiry("run", load_config(site))
        ca_file.unlink()
        _open_room(inquiry)
        url = server.url(f"https://{LARGE}:@TLS@/")
        found = _ask_in_room("run", (Share(LARGE, Stand(1, 0.0), [Asked(1, url)]),)).found
        assert [outcome.verdict for _, outcome in found] == [Verdict.OK]
        end("run")


def test_a_cluster_that_lost_all_its_workers_is_given_up(
    site: Path, scheduler: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.crew.LOOK_SECONDS", 0.1)
    with (
        in_a_thread({"*": {"*": never}}) as server,
        dask.workers(scheduler, place, 1, NAMES % FIRST) as (only,),
    ):
        configure(site, server)
        config = load_config(site)
        host = f"{LARGE}:{server.ports['HTTP']}"
        lot = (Share(host, Stand(2, 0.2), [Asked(1, f"http://{host}/")]),)

        async def lose() -> None:
            asking = asyncio.create_task(asked_of(cluster, config, lot))
            while not server.requests:
                await asyncio.sleep(0.02)
            only.kill()
            await asyncio.wait_for(asking, 20)

        with (
            connected(address(scheduler), config, 1, lonely=0.3) as cluster,
            pytest.raises(ClusterError, match=r"has had no workers for 0\.3 s"),
        ):
            asyncio.run(lose())


async def never(peer: Peer) -> None:
    await asyncio.sleep(60)
