"""``python -m bench.serve``: ``feeds serve`` beside its peers under load, in turn, in one run.

In: a corpus of :mod:`bench.corpus`, built. Out: what a request costs each server, printed and
put into ``docs/benchmarks.md``.

The server runs on one core and wrk on another, with 32 connections that are kept. In every
round all servers are started, and each is asked for the same feed in three ways, one server
after the other:

- *304*: with If-None-Match;
- *200 gzip*;
- *200 identity*.

The bare server is an ASGI application on the same uvicorn that looks its answer up in a dict,
with the very headers and bodies that ``feeds serve`` sends: the least that Python can do. Before
anything of a server counts, its answers are compared with the file that was built.

A second part (:mod:`bench.start`) measures a large site: how soon it answers, what memory it
takes, how soon a new post is out.
"""

from __future__ import annotations

import argparse
import gzip
import os
import pickle
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeAlias

from bench import load, start
from bench.build import machine
from bench.corpora import SHAPES, BusyError, alone, prepared
from bench.load import Load
from bench.measure import FailedError, WrongError, in_turn, timed
from bench.peers.bare import Frozen
from bench.service import CHECKOUT, Reply, Service, free_port, running
from bench.table import MEGABYTE, markdown, ratios, replace_between, spread

PAGE: Final = CHECKOUT / "docs" / "benchmarks.md"
MARKER: Final = "bench.serve"
PEERS: Final = Path(__file__).parent / "peers"
FEED: Final = "/feed.atom"
AGENT: Final = "FreshRSS/1.24.3 (Linux; https://freshrss.org)"
FRAMING: Final = 2_000  # more bytes than any server puts before a body
NEEDED: Final = {"wrk": "wrk", "nginx": "nginx-light", "taskset": "util-linux"}


class Case(StrEnum):
    """What is asked for."""

    NOT_MODIFIED = "304"
    GZIP = "200 gzip"
    IDENTITY = "200 identity"


class Name(StrEnum):
    """Of a server."""

    BARE = "bare ASGI dict"
    PLAIN = "bare ASGI dict, uvicorn's own protocol class"
    OURS = "feeds serve"
    STATIC = "StaticFiles and GZipMiddleware"
    NGINX = "nginx, precompressed files"


BARE_PATHS: Final = {
    Case.NOT_MODIFIED: "/not-modified",
    Case.GZIP: "/gzip",
    Case.IDENTITY: "/identity",
}
FEED_PATHS: Final = dict.fromkeys(Case, FEED)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server: how it is started at a port, and where the feed is for each case.

    ``decides`` is whether it looks at conditions and encodings at all.
    """

    name: Name
    command: Callable[[int], Sequence[str]]
    paths: Mapping[Case, str]
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Goal:
    """CPU time of a request of ``feeds serve`` in that of another server: at most ``most``."""

    case: Case
    peer: Name
    most: float

    def __str__(self) -> str:
        if self.most >= 1:
            return f"{self.case}: at most {self.most:g} times {self.peer}"
        return f"{self.case}: at least {1 / self.most:.0f} times as fast as {self.peer}"


GOALS: Final = (
    Goal(Case.NOT_MODIFIED, Name.BARE, 1.25),
    Goal(Case.NOT_MODIFIED, Name.STATIC, 1 / 4),
    Goal(Case.GZIP, Name.STATIC, 1 / 30),
)

Runs: TypeAlias = dict[tuple[Name, Case], list[Load]]
Memory: TypeAlias = dict[Name, list[int]]


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the servers run, and where the load."""

    server: int
    load: int


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    if missing := _missing():
        raise SystemExit("\n".join(f"bench.serve: {each}" for each in missing))
    first, second, *_ = sorted(os.sched_getaffinity(0))
    cores = Cores(first, second)
    parts = []
    try:
        with alone(given.cache):
            if given.part in ("load", "all"):
                parts.append(_load_part(given, cores))
            if given.part in ("start", "all"):
                parts.append(start.part(given.cache, SHAPES[given.large], given.starts))
    except (BusyError, FailedError, WrongError) as error:
        raise SystemExit(f"bench.serve: {error}") from error
    report = "\n".join([_heading(given), *parts])
    print(report, flush=True)
    if given.write:
        PAGE.write_text(replace_between(PAGE.read_text("utf-8"), MARKER, report), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.serve",
        description=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cache = Path(tempfile.gettempdir()) / f"feeds-bench-{os.getuid()}"
    parser.add_argument("--part", choices=("load", "start", "all"), default="all")
    parser.add_argument("--posts", type=int, choices=SHAPES, default=10_000, help="under load")
    parser.add_argument("--rounds", type=int, default=5, help="of load (%(default)s)")
    parser.add_argument("--seconds", type=int, default=4, help="of each run (%(default)s)")
    parser.add_argument("--large", type=int, choices=SHAPES, default=100_000, help="large site")
    parser.add_argument("--starts", type=int, default=5, help="of the large site (%(default)s)")
    parser.add_argument("--cache", type=Path, default=cache, help="of corpora (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    return parser


def _missing() -> list[str]:
    found = [
        f"needs {program}; get it with: apt-get install {package}"
        for program, package in NEEDED.items()
        if shutil.which(program) is None
    ]
    if not Path("/proc/self/smaps_rollup").exists():
        found.append("needs /proc/PID/smaps_rollup to measure memory: Linux 4.14 or newer")
    if len(os.sched_getaffinity(0)) < 2:
        found.append("needs two cores, one for the server and one for the load")
    return found


# --- the servers ----------------------------------------------------------------------------


def ours(root: Path) -> Peer:
    python = [sys.executable, "-m", "feeds", "serve", str(root)]
    return Peer(Name.OURS, lambda port: [*python, "--port", str(port)], FEED_PATHS)


def bare(name: Name, answers: Path, protocol: str) -> Peer:
    def command(port: int) -> Sequence[str]:
        return [sys.executable, "-m", "bench.peers.bare", str(port), str(answers), protocol]

    return Peer(name, command, BARE_PATHS, decides=False)


def static(folder: Path) -> Peer:
    def command(port: int) -> Sequence[str]:
        return [sys.executable, "-m", "bench.peers.static", str(port), str(folder)]

    return Peer(Name.STATIC, command, FEED_PATHS)


def nginx(folder: Path, work: Path) -> Peer:
    def command(port: int) -> Sequence[str]:
        values = {
            "FOLDER": str(work),
            "ROOT": str(folder),
            "PORT": str(port),
            "USER": pwd.getpwuid(os.getuid()).pw_name,
        }
        config = work / "nginx.conf"
        config.write_text(_filled((PEERS / "nginx.conf").read_text("utf-8"), values), "utf-8")
        return ["nginx", "-p", str(work), "-c", str(config)]

    return Peer(Name.NGINX, command, FEED_PATHS)


def _filled(template: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template


def precompressed(source: Path, target: Path) -> None:
    """A copy of built files, each with a .gz file beside it."""
    shutil.copytree(source, target)
    for path in [path for path in target.rglob("*") if path.is_file()]:
        body = gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
        path.with_name(f"{path.name}.gz").write_bytes(body)


# --- what they answer -----------------------------------------------------------------------


def request(case: Case, tag: str) -> dict[str, str]:
    """The headers of a request."""
    headers = {"User-Agent": AGENT}
    if case is not Case.IDENTITY:
        headers["Accept-Encoding"] = "gzip"
    if case is Case.NOT_MODIFIED:
        headers["If-None-Match"] = tag
    return headers


def tag_of(service: Service, peer: Peer) -> str:
    """The ETag that a server gives to what it sends in gzip."""
    headers = service.ask(peer.paths[Case.GZIP], request(Case.GZIP, "")).headers
    return headers.get("etag", "")


def check(service: Service, peer: Peer, expected: bytes) -> None:
    """Raise :class:`WrongError` unless a server answers every case as it should."""
    tag = tag_of(service, peer)
    found = []
    for case in Case:
        reply = service.ask(peer.paths[case], request(case, tag))
        found += [f"{case}: {each}" for each in faults(case, reply, expected)]
    if peer.decides:
        other = request(Case.NOT_MODIFIED, '"another"')
        reply = service.ask(peer.paths[Case.NOT_MODIFIED], other)
        found += [f"another ETag: {each}" for each in faults(Case.GZIP, reply, expected)]
    if found:
        raise WrongError(f"{peer.name} answers wrongly:\n" + "\n".join(found))


def faults(case: Case, reply: Reply, expected: bytes) -> list[str]:
    """What is wrong with an answer."""
    status = 304 if case is Case.NOT_MODIFIED else 200
    if reply.status != status:
        return [f"status {reply.status}"]
    found = [] if reply.headers.get("etag") else ["no ETag"]
    if case is Case.NOT_MODIFIED:
        return found + (["a body"] if reply.body else [])
    coding = reply.headers.get("content-encoding", "identity")
    wanted = "gzip" if case is Case.GZIP else "identity"
    if coding != wanted:
        return [*found, f"{coding} instead of {wanted}"]
    body = gzip.decompress(reply.body) if case is Case.GZIP else reply.body
    return found if body == expected else [*found, "another body than the file that was built"]


def check_load(run: Load, case: Case, body: int) -> None:
    """Raise :class:`WrongError` unless a run moved as many bytes as its answers have."""
    least = 0 if case is Case.NOT_MODIFIED else body
    if not least * 0.98 <= run.bytes_per_request <= least + FRAMING:
        size = run.bytes_per_request
        raise WrongError(f"{case}: {size:.0f} bytes for each request, where a body has {least}")


def captured(service: Service, peer: Peer) -> dict[str, Frozen]:
    """What a server answers, for the bare one to answer the same."""
    tag = tag_of(service, peer)
    answers = {}
    for case in Case:
        reply = service.ask(peer.paths[case], request(case, tag))
        headers = [
            (name.encode(), value.encode("latin-1"))
            for name, value in reply.headers.items()
            if name != "date"  # uvicorn puts it before every answer
        ]
        answers[BARE_PATHS[case]] = Frozen(reply.status, headers, reply.body)
    return answers


# --- rounds ---------------------------------------------------------------------------------


def _load_part(given: argparse.Namespace, cores: Cores) -> str:
    root = prepared(given.cache / "serve", SHAPES[given.posts])
    timed([sys.executable, "-m", "feeds", "build", str(root)])
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as folder:
        peers = _peers(root, Path(folder), cores)
        runs, memory = measure(peers, root / "public", given.rounds, given.seconds, cores)
    return written(runs, memory, (root / "public" / FEED[1:]).stat().st_size, given.posts)


def _peers(root: Path, work: Path, cores: Cores) -> list[Peer]:
    mine = ours(root)
    answers = work / "answers"
    port = free_port()
    with running(mine.command(port), port, FEED, cores.server) as service:
        answers.write_bytes(pickle.dumps(captured(service, mine)))
    precompressed(root / "public", work / "files")
    return [
        bare(Name.BARE, answers, "bounded"),
        mine,
        bare(Name.PLAIN, answers, "httptools"),
        static(root / "public"),
        nginx(work / "files", work),
    ]


def measure(
    peers: Sequence[Peer], output: Path, rounds: int, seconds: int, cores: Cores
) -> tuple[Runs, Memory]:
    """Start all, check all, ask each in turn, in every round anew."""
    expected = (output / FEED[1:]).read_bytes()
    runs: Runs = {(peer.name, case): [] for peer in peers for case in Case}
    memory: Memory = {peer.name: [] for peer in peers}
    for number in range(rounds):
        turned = in_turn(peers, number)
        with ExitStack() as stack:
            services = {}
            for peer in turned:
                port = free_port()
                path = peer.paths[Case.IDENTITY]
                service = stack.enter_context(running(peer.command(port), port, path, cores.server))
                check(service, peer, expected)
                services[peer.name] = service
            services[Name.OURS].rest()
            for case in Case:
                for peer in turned:
                    service = services[peer.name]
                    runs[peer.name, case].append(_run(service, peer, case, seconds, cores))
            for peer in peers:
                memory[peer.name].append(services[peer.name].memory())
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return runs, memory


def _run(service: Service, peer: Peer, case: Case, seconds: int, cores: Cores) -> Load:
    headers = request(case, tag_of(service, peer))
    url = service.url(peer.paths[case])
    load.load(url, headers, 1, service.leader, cores.load)  # to warm up
    run = load.load(url, headers, seconds, service.leader, cores.load)
    check_load(run, case, len(service.ask(peer.paths[case], headers).body))
    return run


# --- the report -----------------------------------------------------------------------------


def _heading(given: argparse.Namespace) -> str:
    options = f"--rounds {given.rounds} --seconds {given.seconds} --starts {given.starts}"
    part = "" if given.part == "all" else f" --part {given.part}"
    versions = ", ".join(
        [
            *(f"{name} {version(name)}" for name in ("feeds", "uvicorn", "starlette")),
            _nginx_version(),
        ]
    )
    command = f"python -m bench.serve {options}{part} --write"
    return f"`{command}`: {versions}, {machine()}.\n"


def _nginx_version() -> str:
    told = subprocess.run(["nginx", "-v"], capture_output=True, check=True, text=True).stderr
    return told.strip().rpartition(" ")[2].replace("/", " ")


HEAD: Final = (
    "server",
    "CPU, µs/request",
    "of the bare one",
    "requests/s",
    "p50, ms",
    "p99, ms",
)


def written(runs: Runs, memory: Memory, size: int, posts: int) -> str:
    """The measurements under load as a section of a page."""
    lines = [
        "### One feed under load",
        "",
        f"The site's feed in Atom, {size / 1000:.0f} KB, of a site of {posts:,} posts; server on "
        f"one core, wrk with {load.CONNECTIONS} connections on another.",
        "",
    ]
    for case in Case:
        rows = [row(name, case, runs) for name in Name]
        lines += [f"{case}:", "", markdown((case, *HEAD[1:]), rows)]
    lines += ["Memory of all processes together, after that:", ""]
    lines += [markdown(("server", "MB"), [memory_row(name, memory) for name in Name])]
    lines += [f"- {each}" for each in verdicts(runs)]
    return "\n".join(lines) + "\n"


def row(name: Name, case: Case, runs: Runs) -> list[str]:
    mine = runs[name, case]
    cpu = [run.cpu_per_request * 1e6 for run in mine]
    least = [run.cpu_per_request * 1e6 for run in runs[Name.BARE, case]]
    digits = 1 if max(cpu) < 100 else 0
    return [
        name,
        spread(cpu).written(digits),
        spread(ratios(cpu, least)).written(2),
        f"{spread([run.told.rate for run in mine]).median:,.0f}",
        f"{spread([run.told.p50 * 1e3 for run in mine]).median:.2f}",
        f"{spread([run.told.p99 * 1e3 for run in mine]).median:.2f}",
    ]


def memory_row(name: Name, memory: Memory) -> list[str]:
    return [name, spread([size / MEGABYTE for size in memory[name]]).written(0)]


def verdicts(runs: Runs) -> list[str]:
    """Each goal, and whether it is met."""
    return [_verdict(goal, runs) for goal in GOALS]


def _verdict(goal: Goal, runs: Runs) -> str:
    mine, theirs = (
        [run.cpu_per_request for run in runs[name, goal.case]] for name in (Name.OURS, goal.peer)
    )
    ratio = spread(ratios(mine, theirs)).median
    figure = f"{ratio:.2f} times" if goal.most >= 1 else f"{1 / ratio:.1f} times as fast"
    return f"{goal}: {'met' if ratio <= goal.most else 'missed'} ({figure})"


if __name__ == "__main__":
    main()
