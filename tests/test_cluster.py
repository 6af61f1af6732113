"""``--cluster``: a real scheduler and real workers on loopback, some of which come to harm."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

import feeds
from feeds import build as building
from feeds.cluster import address, connected
from feeds.config import Config
from feeds.configfile import load_config
from feeds.errors import ClusterError
from feeds.files import Files, FileTask, SiteFiles
from feeds.tasks import read_files
from feeds.view import current_index

from . import dask
from .conftest import CONFIG, NOW, run_build, tree, write_post
from .service import free_port

POSTS = 500
FEEDS = """\
[feeds]
entries = 200
"""
LINKS = """\
[links]
category_page = "/category/{category}.html"
sitemap = "sitemap.xml"
headers = { "example.org" = { Authorization = "secret" } }
"""


@pytest.fixture
def site(site: Path) -> Path:
    """A site with enough posts to be worth it, and one of everything that is not plain."""
    (site / "config.toml").write_text(f"{CONFIG}{FEEDS}{LINKS}", "utf-8")
    (site / "sitemap.xml").write_text("<urlset><url><loc>https://news.example.org/</loc></url>")
    for number in range(POSTS):
        back = f"[返回首页](//news.example.org/){{{{ site.title }}}} <https://example.com/{number}>"
        date = f"2022-01-{number % 28 + 1:02} 08:{number % 60:02}:00 +0800"
        write_post(site, f"{number}.md", date, categories=f"c{number % 7}", body=back)
    includes = site / "_includes"
    (includes / "deep").mkdir(parents=True)
    (includes / "deep" / "note.html").write_text("注 {% include note.html %}", "utf-8")
    (includes / "linked").symlink_to("deep")
    for name in ("deep/note.html", "linked/note.html", "missing.html"):
        write_post(site, f"{Path(name).parent.name}.md", body=f"{{% include {name} %}}")
    (site / "posts" / "broken.md").write_text("---\ntitle: [\n---\n")
    (site / "posts" / "dangling.md").symlink_to("nowhere.md")
    return site


def command(*arguments: str, code: int = 0, before: str = "") -> subprocess.CompletedProcess[str]:
    program = f"{before}\nfrom feeds.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def cluster_build(site: Path, scheduler: str, code: int = 0) -> str:
    return command("build", str(site), "--cluster", scheduler, code=code).stderr


def content(site: Path) -> list[str]:
    """Everything in an index, but for what tells when files were written or pages made."""
    timed = ('INSERT INTO "written"', 'INSERT INTO "page"')
    path = current_index(site / ".feeds")
    assert path
    with closing(sqlite3.connect(path)) as index:
        return [line for line in index.iterdump() if not line.startswith(timed)]


def forget(site: Path) -> None:
    shutil.rmtree(site / ".feeds")
    shutil.rmtree(site / "public")


@pytest.mark.parametrize("blind", [False, True])
def test_a_cluster_makes_the_bytes_of_a_local_build(
    site: Path, scheduler: str, place: Path, blind: bool
) -> None:
    before = command("build", str(site)).stderr
    local, index = tree(site / "public"), content(site)
    links = found(command("check", str(site), "--offline", "--format", "json", code=1).stdout)
    forget(site)
    hidden = dask.BLIND.format(folder=str(site)) if blind else ""
    with dask.workers(scheduler, place, 2, hidden):
        said = cluster_build(site, scheduler)
        assert tree(site / "public") == local
        assert content(site) == index
        arguments = ["check", str(site), "--offline", "--format", "json", "--cluster", scheduler]
        checked = command(*arguments, code=1)
    first, *findings = said.splitlines()
    assert findings == before.splitlines()
    how = "sent to them" if blind else "read by them"
    assert first.startswith(f"{scheduler}: 2 workers, ")
    assert first.endswith(f" parcels of work, files {how}")
    assert found(checked.stdout) == links
    assert f"files {how}" in checked.stderr


def found(report: str) -> list[dict[str, Any]]:
    """What a report in JSON says, but for when that was found first."""
    return [{**each, "since": ""} for each in json.loads(report)]


def test_a_worker_that_is_killed_is_made_up_for(site: Path, scheduler: str, place: Path) -> None:
    run_build(site)
    local = tree(site / "public")
    forget(site)
    steps: list[str] = []
    with dask.workers(scheduler, place, 2) as (first, _), join(scheduler, site) as cluster:

        def kill_once(what: str, done: int, total: int) -> None:
            steps.append(what)
            if steps.count("rendering entries") == 1 and first.poll() is None:
                os.kill(first.pid, signal.SIGKILL)
                first.wait()

        options = building.Options(progress=kill_once)
        result = building.build(load_config(site), NOW, cluster, options)
    assert steps.count("rendering entries") > 1
    assert result.published
    assert tree(site / "public") == local


def join(scheduler: str, site: Path, **options: Any) -> Any:
    return connected(address(scheduler), load_config(site), 1, **options)


def deadly(config: Config, items: Sequence[str], files: Files | None = None) -> list[str]:
    """A task that no worker survives."""
    if files is not None:
        os._exit(1)
    return [*items]


def chunks(config: Config, size: int = 100) -> list[tuple[int, list[str]]]:
    paths = [f"posts/{number}.md" for number in range(POSTS)]
    return [(start, paths[start : start + size]) for start in range(0, len(paths), size)]


def test_work_that_kills_every_worker_is_done_here(site: Path, place: Path) -> None:
    config = load_config(site)
    with (
        dask.scheduler(place, SCHEDULER__ALLOWED_FAILURES="0") as own,
        dask.workers(own.address, place, 3),
        join(own.address, site) as cluster,
    ):
        given = chunks(config, POSTS)
        assert list(cluster.map(FileTask(deadly, config, str), given)) == given
        assert cluster.done_here == 1


def test_a_worker_that_comes_later_and_sees_nothing_gets_the_files(
    site: Path, scheduler: str, place: Path
) -> None:
    config = load_config(site)
    task = FileTask(read_files, config, first_of)
    given = [(start, [(path, b"") for path in paths]) for start, paths in chunks(config)]
    expected = [(start, task(paths)) for start, paths in given]
    hidden = dask.BLIND.format(folder=str(site))
    with dask.workers(scheduler, place) as seeing, join(scheduler, site) as cluster:
        with dask.workers(scheduler, place, 1, hidden):
            os.kill(seeing[0].pid, signal.SIGKILL)
            assert list(cluster.map(task, given)) == expected
        assert cluster.summary().endswith("files sent to it")


def test_large_files_are_sent_in_several_parcels(site: Path, scheduler: str, place: Path) -> None:
    config = load_config(site)
    mib = {"a": 3, "b": 3, "c": 3, "larger": 9, "d": 4, "e": 4, "f": 1}
    paths = [f"posts/{name}.md" for name in mib]
    for path, size in zip(paths, mib.values(), strict=True):
        (site / path).write_bytes(b"\n" * (size << 20))
    given = [(0, paths), *chunks(config, POSTS)]
    hidden = dask.BLIND.format(folder=str(site))
    with dask.workers(scheduler, place, 1, hidden), join(scheduler, site) as cluster:
        (_, found), (_, others) = cluster.map(FileTask(sizes, config, str), given)
        # a and b; c; d and e; f; and the posts of the other chunk
        assert (cluster.sent, cluster.done_here) == (5, 1)
    assert found == [(size << 20, name != "larger") for name, size in mib.items()]
    assert len(others) == POSTS


def test_files_that_turn_out_to_be_unseen_are_sent_in_several_parcels(
    site: Path, scheduler: str, place: Path
) -> None:
    config = load_config(site)
    paths = [f"posts/{number}.md" for number in range(POSTS)]
    for path in paths[:3]:
        (site / path).write_bytes(b"\n" * (3 << 20))
    hidden = dask.BLIND.format(folder=str(site))
    with dask.workers(scheduler, place) as seeing, join(scheduler, site) as cluster:
        with dask.workers(scheduler, place, 1, hidden):
            os.kill(seeing[0].pid, signal.SIGKILL)
            ((_, found),) = cluster.map(FileTask(sizes, config, str), [(0, paths)])
        assert (cluster.sent, cluster.done_here) == (3, 0)
    assert [size for size, _ in found[:3]] == [3 << 20] * 3
    assert all(elsewhere for _, elsewhere in found)


def sizes(
    config: Config, items: Sequence[str], files: Files | None = None
) -> list[tuple[int, bool]]:
    """How large files are, and whether that was looked up elsewhere."""
    source = files or SiteFiles(config)
    return [(len(source.content(path)[0]), files is not None) for path in items]


def first_of(item: tuple[str, bytes]) -> str:
    return item[0]


def test_a_site_of_few_posts_still_meets_the_cluster(
    tmp_path: Path, scheduler: str, place: Path
) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    write_post(tmp_path, "a.md")
    with dask.workers(scheduler, place):
        assert "1 worker, too little to do for it" in cluster_build(tmp_path, scheduler)
        assert sorted(path.name for path in (tmp_path / ".feeds").glob("cluster-*")) == []


# --- what is told -------------------------------------------------------------------------


def test_other_programs_on_a_machine_are_named(
    site: Path, scheduler: str, place: Path, tmp_path: Path
) -> None:
    package = Path(feeds.__file__).parent
    names = ("newer", "edited", "dask", "httpx")
    newer, edited, other_dask, other_httpx = (tmp_path / name for name in names)
    for folder in (newer, edited):
        shutil.copytree(package, folder / "feeds", ignore=shutil.ignore_patterns("__pycache__"))
    (newer / "feeds" / "__init__.py").write_text('__version__ = "9.9"\n', "utf-8")
    (edited / "feeds" / "tasks.py").write_bytes(b"# other\n")
    for folder, library in ((other_dask, "distributed"), (other_httpx, "httpx")):
        metadata = folder / f"{library}-2020.1.0.dist-info"
        metadata.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: {library}\nVersion: 2020.1.0\n"
        (metadata / "METADATA").write_text(header)
    with ExitStack() as stack:
        for folder in (newer, edited, other_dask, other_httpx):
            paths = {"PYTHONPATH": str(folder)}
            stack.enter_context(dask.workers(scheduler, place, environment=paths))
        stack.enter_context(dask.workers(scheduler, place, before=dask.WITHOUT_FEEDS))
        said = cluster_build(site, scheduler, code=3)
    ours = feeds.__version__
    assert f"has feeds 9.9, and here is {ours}; install the same one" in said
    assert f"has feeds {ours}, as here, but from other source files" in said
    assert "has distributed 2020.1.0, and here is 20" in said
    assert "has httpx 2020.1.0, and here is 0." in said
    assert "cannot use feeds" in said
    assert f"install feeds[cluster] {ours} there" in said
    assert len(said.splitlines()) == 5
    assert not (site / "public").exists()


@pytest.mark.parametrize("without", [False, True])
def test_other_programs_that_come_later_do_nothing(
    site: Path, scheduler: str, place: Path, tmp_path: Path, without: bool
) -> None:
    config = load_config(site)
    task = FileTask(read_files, config, first_of)
    given = [(start, [(path, b"") for path in paths]) for start, paths in chunks(config)]
    newer = tmp_path / "newer"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(feeds.__file__).parent, newer / "feeds", ignore=ignored)
    (newer / "feeds" / "__init__.py").write_text('__version__ = "9.9"\n', "utf-8")
    before = dask.WITHOUT_FEEDS if without else ""
    expected = "cannot use feeds 0" if without else "a worker that came later has feeds 9.9"
    with dask.workers(scheduler, place) as first, join(scheduler, site) as cluster:
        paths = {"PYTHONPATH": str(newer)}
        with dask.workers(scheduler, place, 1, before, environment=paths):
            first[0].kill()
            with pytest.raises(ClusterError, match=expected):
                list(cluster.map(task, given))


def test_a_scheduler_without_workers_says_how_to_start_some(site: Path, scheduler: str) -> None:
    with pytest.raises(ClusterError, match="has no workers; start some: dask worker"):
        join(scheduler, site, reach=0.2).__enter__()


def test_a_scheduler_that_is_not_there_is_named(site: Path) -> None:
    said = cluster_build(site, f"tcp://127.0.0.1:{free_port()}", code=3)
    assert "no Dask scheduler: connection refused; is it running" in said


def test_something_else_that_answers_is_no_scheduler(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ClusterError, match="what answers there is no Dask scheduler"):
            join(f"tcp://127.0.0.1:{port}", site, reach=0.5).__enter__()


def test_a_lost_scheduler_ends_a_build_with_a_message(site: Path, place: Path) -> None:
    config = load_config(site)
    with (
        dask.scheduler(place) as own,
        dask.workers(own.address, place),
        join(own.address, site) as cluster,
    ):
        results = cluster.map(FileTask(slow, config, str), chunks(config, 10))
        next(results)
        own.process.kill()
        with pytest.raises(ClusterError, match="the connection is lost"):
            list(results)


def slow(config: Config, items: Sequence[str], files: Files | None = None) -> list[str]:
    threading.Event().wait(0.2)
    return [*items]


def test_a_cluster_that_lost_all_its_workers_is_given_up(
    site: Path, scheduler: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.cluster.LOOK_SECONDS", 0.1)
    config = load_config(site)
    with dask.workers(scheduler, place) as (only,), join(scheduler, site, lonely=0.3) as cluster:
        results = cluster.map(FileTask(slow, config, str), chunks(config, 10))
        next(results)
        only.kill()
        with pytest.raises(ClusterError, match=r"has had no workers for 0\.3 s"):
            list(results)


def test_without_dask_it_is_said_what_to_install(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        missing = "import sys; sys.modules['distributed'] = None"
        done = command("build", str(site), "--cluster", where, code=3, before=missing)
    assert "--cluster needs Dask" in done.stderr
    assert "pip install 'feeds[cluster]'" in done.stderr


NO_ADDRESSES = [
    *("", "10.0.0.5", "10.0.0.5:8786", "http://a:1", "tcp://a", "tcp://:1", "tcp://a:0"),
    *("tcp://a:99999", "tcp://a:x", "tcp://a:1/b", "tcp://u@a:1", "tcp://[a:1"),
]


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of a Dask scheduler"):
        address(text)


def test_wrong_usage_is_told_with_what_was_given(site: Path) -> None:
    said = command("build", str(site), "--cluster", "10.0.0.5:8786", code=2).stderr
    assert '"10.0.0.5:8786" is no address of a Dask scheduler, like tcp://' in said


def test_addresses_have_a_host_and_a_port() -> None:
    assert address("tcp://10.0.0.5:8786")[1:] == ("10.0.0.5", 8786)
    assert address("tls://[::1]:8786")[1:] == ("::1", 8786)
