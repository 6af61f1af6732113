"""A run of the link checker: posts on disk, real servers, the command line."""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote

import pytest

from feeds.asking import CheckOptions
from feeds.check import Checked, check
from feeds.configfile import load_config
from feeds.errors import OutputError
from feeds.links.report import items
from feeds.links.store import LinkStore
from feeds.models import Verdict
from feeds.workers import Workers, processes
from server.checker import link_totals

from .conftest import CONFIG, NO_PAGES, NOW, run_build, tree, write_post
from .server.conftest import until
from .web import Web, serving

DAY = timedelta(days=1)
BACK = "\n\n[返回x](//news.example.org/category/x.html)｜[返回首页](//news.example.org/)"


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture
def site(site: Path, web: Web) -> Path:
    links = f"""[links]
category_page = "/category/{{category}}.html"
allow_addresses = ["127.0.0.1"]
ports = [{web.port}]
interval = 0
archive_api = "{web.url("/available")}"
"""
    (site / "config.toml").write_text(CONFIG + NO_PAGES + links, "utf-8")
    return site


def add(site: Path, name: str, source: str, body: str = "text", **more: str) -> Path:
    return write_post(site, name, body=f"{body}\n\n<{source}>{BACK}", categories="x", **more)


def run(site: Path, now: datetime = NOW, **options: Any) -> Checked:
    config = load_config(site)
    with closing(LinkStore(config.state)) as store, Workers(1, processes) as workers:
        return check(config, store, now, workers, CheckOptions(**options))


def verdicts(done: Checked) -> Mapping[str, int]:
    return dict(done.summary.verdicts)


def feeds(site: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "feeds", *arguments],
        cwd=site,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr + done.stdout
    return done


# --- runs ---------------------------------------------------------------------------------


def test_every_address_is_asked_for_once_and_judged(site: Path, web: Web) -> None:
    web.statuses["/gone"] = 404
    add(site, "a.md", web.url("/a"), f"[x]({web.url('/gone')}) [y]({web.url('/a')})")
    add(site, "b.md", web.url("/b"), f"![z]({web.url('/gone')})")
    done = run(site)
    assert verdicts(done) == {"ok": 3 + 4, "gone": 2}
    assert (done.asked, done.left, done.interrupted) == (3, 0, False)
    assert web.asked == {"/a": 1, "/b": 1, "/gone": 1}


def test_a_second_run_asks_nobody(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    first = run(site)
    web.asked.clear()
    second = run(site)
    assert (second.asked, verdicts(second)) == (0, verdicts(first))
    assert web.asked == {}


def test_a_recheck_asks_again(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    run(site)
    web.statuses["/a"] = 410
    assert verdicts(run(site, recheck=True))["gone"] == 1


def test_what_is_believed_no_longer_is_asked_again(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    run(site)
    # The store goes by the clock of the machine; the run asks for what is due at its time.
    assert run(site, now=datetime.now(UTC) + 20 * DAY).asked == 0
    assert run(site, now=datetime.now(UTC) + 40 * DAY).asked == 1


def test_offline_nobody_is_asked_but_rules_hold(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    write_post(site, "b.md", body="<>\n\n[返回首页](../)")
    done = run(site, offline=True)
    assert web.asked == {}
    assert done.asked == 0
    found = verdicts(done)
    assert (found["empty"], found["relative"], found["skipped"]) == (1, 1, 1)
    # What was not asked for is asked for by the next run.
    assert run(site).asked == 1


def test_only_changed_posts_are_looked_at_if_so_wished(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    run(site)
    run(site, changed=True)
    add(site, "b.md", web.url("/b"))
    done = run(site, changed=True)
    assert done.summary.total == 3
    assert web.asked == {"/a": 1, "/b": 1}
    assert run(site, changed=True).summary.total == 0
    assert run(site).summary.total == 6


@pytest.mark.parametrize("options", [{"changed": True}, {"brief": True}])
def test_the_totals_of_a_run_are_of_all_links_however_few_it_looked_at(
    site: Path, web: Web, options: dict[str, Any]
) -> None:
    add(site, "a.md", web.url("/a"))
    run(site)
    add(site, "b.md", web.url("/a"))
    add(site, "c.md", web.url("/c"))
    run(site, NOW, **options)
    told = link_totals(load_config(site).state)
    assert told is not None
    assert (told.verdicts, told.asked) == ({"duplicate": 2, "ok": 7}, 1)


def test_changed_posts_stay_changed_until_a_run_came_to_its_end(site: Path, web: Web) -> None:
    run(site)
    web.hold = Event()
    add(site, "b.md", web.url("/b"))
    assert run(site, changed=True, max_time=0.01).left == 1
    web.hold.set()
    assert run(site, changed=True).summary.total == 3
    assert run(site, changed=True).summary.total == 0


def test_links_of_posts_that_are_gone_are_forgotten(site: Path, web: Web) -> None:
    path = add(site, "a.md", web.url("/a"))
    add(site, "b.md", web.url("/b"))
    run(site)
    path.unlink()
    done = run(site)
    assert done.summary.total == 3
    with closing(LinkStore(site / ".feeds")) as store:
        assert {each.post for each in store.occurrences()} == {"posts/b.md"}


def test_drafts_and_hidden_posts_are_not_looked_at(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"), published="false")
    assert run(site).summary.total == 0


def test_a_changed_configuration_judges_everything_anew(site: Path, web: Web) -> None:
    write_post(site, "a.md", body=f"<{web.url('/a')}>\n\n[返回首页](//old.example.org/)")
    assert verdicts(run(site))["wrong-host"] == 1
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8") + 'hosts = ["old.example.org"]\n', "utf-8")
    assert "wrong-host" not in verdicts(run(site))
    assert web.asked == {"/a": 1}


def test_reports_say_since_when_a_way_back_is_wrong(site: Path) -> None:
    def since(day: int, body: str) -> list[datetime | None]:
        write_post(site, "a.md", body=f"<//>\n\n{body}\n\n[返回首页](//old.example.org/)")
        config = load_config(site)
        with closing(LinkStore(config.state)) as store, Workers(1, processes) as workers:
            now = NOW + day * DAY
            check(config, store, now, workers, CheckOptions(offline=True))
            return [each.since for each in items(store, config, now.date(), ["back-home"])]

    first = [NOW.replace(microsecond=0)]
    assert since(0, "A text.") == first
    assert since(1, "Another text,\n\nand a longer one.") == first
    config = site / "config.toml"
    text = config.read_text("utf-8")
    config.write_text(f'{text}aliases = ["old.example.org"]\n', "utf-8")
    assert since(2, "A text.") == first
    config.write_text(f'{text}hosts = ["old.example.org"]\n', "utf-8")
    assert since(3, "A text.") == [None]
    config.write_text(text, "utf-8")
    assert since(4, "A text.") == [first[0] + 4 * DAY]


def test_the_time_that_a_run_may_take_is_kept(site: Path, web: Web) -> None:
    web.hold = Event()
    for number in range(9):
        add(site, f"{number}.md", web.url(f"/{number}"))
    started = time.monotonic()
    done = run(site, max_time=0.2)
    assert time.monotonic() - started < 6
    assert (done.left, done.interrupted) == (9, False)
    web.hold.set()
    web.asked.clear()
    assert run(site).asked == 9


def full_from(number: int) -> Callable[[str, int, int], None]:
    """Nothing can be written any more as soon as so many answers are there."""

    def fill(stage: str, done: int, total: int) -> None:
        if stage == "asking" and done == number:
            most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))

    return fill


@pytest.fixture
def empty_the_disk() -> Iterator[Callable[[], None]]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    empty = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, before)
    yield empty
    empty()


@pytest.mark.parametrize("emptied", [False, True])
def test_a_run_that_cannot_write_stops_and_tries_once_more(
    site: Path, web: Web, empty_the_disk: Callable[[], None], emptied: bool
) -> None:
    class Store(LinkStore):
        def revert(self) -> None:
            if emptied:
                empty_the_disk()
            super().revert()

    add(site, "a.md", web.url("/"), " ".join(f"<{web.url(f'/{n}')}>" for n in range(200)))
    config = load_config(site)
    started = time.monotonic()
    with closing(Store(config.state)) as store, Workers(1, processes) as workers:
        options = CheckOptions(every=0.05, progress=full_from(3))
        with pytest.raises(OutputError, match="see that there is space and permission"):
            check(config, store, NOW, workers, options)
    empty_the_disk()
    assert time.monotonic() - started < 8
    asked = sum(web.asked.values())
    assert 3 < asked < 100
    with closing(sqlite3.connect(config.state / "links.sqlite")) as db:
        (known,) = db.execute("SELECT count(*) FROM url WHERE verdict = 'ok'").fetchone()
    # One may have been on its way.
    assert asked - 1 <= known <= asked if emptied else known == 0


def test_many_posts_are_read_by_several_processes_with_the_same_result(
    site: Path, web: Web
) -> None:
    for number in range(450):
        add(site, f"{number}.md", web.url("/a"), f"[{number}]({web.url('/b')})")
    config = load_config(site)
    found = []
    for jobs in (1, 2):
        with closing(LinkStore(site / f"state{jobs}")) as store, Workers(jobs, processes) as each:
            check(config, store, NOW, each, CheckOptions(offline=True))
            found.append(list(store.occurrences()))
    assert len(found[0]) == 450 * 4
    assert found[0] == found[1]


# --- the command --------------------------------------------------------------------------


def test_a_good_site_passes_and_a_bad_link_fails_it(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    done = feeds(site, "check")
    assert done.stdout.splitlines() == ["3 links: 3 ok", "1 address asked for"]
    web.statuses["/a"] = 404
    done = feeds(site, "check", "--recheck", code=1)
    assert f"posts/a.md:9: source: gone {web.url('/a')} (status 404, since" in done.stdout


def test_unsure_links_fail_nothing(site: Path, web: Web) -> None:
    web.statuses["/a"] = 403
    add(site, "a.md", web.url("/a"))
    assert ": 1 denied" in feeds(site, "check").stdout


@pytest.mark.parametrize("form", ["json", "markdown", "junit", "sarif", "github"])
def test_a_report_is_all_that_goes_to_stdout(site: Path, web: Web, form: str) -> None:
    web.statuses["/a"] = 404
    add(site, "a.md", web.url("/a"))
    text = feeds(site, "check", "--format", form, code=1).stdout
    assert "posts/a" in text.replace("\\", "")
    assert "asked for" not in text
    if form in ("json", "sarif"):
        json.loads(text)


def test_json_says_what_is_known_of_each_link(site: Path, web: Web) -> None:
    web.statuses["/a"] = 404
    add(site, "a.md", web.url("/a"))
    source, category, home = json.loads(feeds(site, "check", "--format", "json", code=1).stdout)
    keys = "post line role label url verdict class status final_url since fails confirmed detail"
    assert " ".join(source) == keys
    assert (source["verdict"], source["class"], source["status"]) == ("gone", "bad", 404)
    assert (source["line"], source["fails"], source["confirmed"]) == (9, 1, False)
    assert datetime.now(UTC) - datetime.fromisoformat(source["since"]) < DAY
    assert (category["role"], category["label"]) == ("back-category", "返回x")
    assert home["verdict"] == "ok"


def test_only_links_in_some_roles_are_asked_for_and_reported(site: Path, web: Web) -> None:
    web.statuses.update({"/a": 404, "/b": 404, "/i": 404})
    add(site, "a.md", web.url("/a"), f"[b]({web.url('/b')}) ![i]({web.url('/i')})")
    arguments = ("check", "--role", "source", "--role", "image", "--format", "json")
    found = json.loads(feeds(site, *arguments, code=1).stdout)
    assert [(each["role"], each["verdict"]) for each in found] == [
        ("image", "gone"),
        ("source", "gone"),
    ]
    assert web.asked == {"/a": 1, "/i": 1}
    assert "0 addresses asked for" in feeds(site, "check", "--role", "back-home").stdout
    # To look at some is no reason not to look at the others.
    assert run(site, changed=True).summary.total == 5
    assert web.asked == {"/a": 1, "/b": 1, "/i": 1}
    assert feeds(site, "check", "--role", "image", "--recheck", code=1).stdout.count("gone") > 1
    assert web.asked == {"/a": 1, "/b": 1, "/i": 2}
    assert "is not one of" in feeds(site, "check", "--role", "title", code=2).stderr


def test_totals_are_of_all_roles_however_few_were_looked_at(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    feeds(site, "check", "--role", "source")
    told = link_totals(load_config(site).state)
    assert told is not None
    assert told.verdicts == {"ok": 3}


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_a_report_can_be_written_into_a_file(site: Path, web: Web, form: str) -> None:
    web.statuses["/a"] = 404
    add(site, "a.md", web.url("/a"), "[😀](/中)")
    expected = feeds(site, "check", "--format", form, code=1).stdout
    path = site / "report"
    path.write_text("old", "utf-8")
    done = feeds(site, "check", "--format", form, "-o", "report", code=1)
    assert done.stdout == ""
    assert path.read_text("utf-8").replace("\n0 a", "\n1 a") == expected.replace("\n2 a", "\n1 a")
    assert [each for each in os.listdir(site) if each.endswith(".tmp")] == []


def test_a_report_that_cannot_be_written_is_said_before_anybody_is_asked(
    site: Path, web: Web
) -> None:
    add(site, "a.md", web.url("/a"))
    done = feeds(site, "check", "--output", "none/report", code=3)
    reason, advice = "no such file or directory", "make its folder first"
    reason, advice = "no such file or directory", "make its folder first"
    assert done.stderr == f"feeds: none/report: cannot be written: {reason}; {advice}\n"
    assert web.asked == {}
    assert "is a directory" in feeds(site, "check", "--output", "posts", code=2).stderr


@pytest.mark.parametrize(
    ("form", "folder", "workspace", "expected"),
    [
        ("github", "..", "", "site/posts/a.md"),
        ("github", ".", "", "posts/a.md"),
        ("github", ".", "..", "site/posts/a.md"),
        ("github", "posts", "", "posts/a.md"),
        ("sarif", "..", "", "site/posts/a.md"),
        ("sarif", "posts", "", "posts/a.md"),
    ],
)
def test_programs_are_told_where_a_post_is_in_the_repository(
    site: Path, form: str, folder: str, workspace: str, expected: str
) -> None:
    write_post(site, "a.md", body="<>\n\n[返回首页](../)", categories="x")
    done = subprocess.run(
        [sys.executable, "-m", "feeds", "check", str(site), "--offline", "--format", form],
        cwd=site / folder,
        env={**os.environ, "GITHUB_WORKSPACE": workspace and str((site / workspace).resolve())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    if form == "github":
        assert f"::error file={expected},line=" in done.stdout
        return
    (report,) = json.loads(done.stdout)["runs"]
    place = report["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == expected
    base = Path(report["originalUriBaseIds"][place["uriBaseId"]]["uri"].removeprefix("file://"))
    assert (base / place["uri"]).samefile(site / "posts/a.md")


def test_what_programs_read_is_utf_8_whatever_a_terminal_speaks(site: Path) -> None:
    write_post(site, "a.md", body="[😀](😀)\n\n<>\n\n[返回首页](../)", categories="x")
    done = subprocess.run(
        [sys.executable, "-m", "feeds", "check", "--offline", "--format", "json"],
        cwd=site,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=60,
    )
    assert "😀" in [each["label"] for each in json.loads(done.stdout.decode())]


def test_what_moved_for_good_is_said_with_what_can_be_done(site: Path, web: Web) -> None:
    web.moved["/a"] = web.url("/new")
    add(site, "a.md", web.url("/a"))
    lines = feeds(site, "check").stdout.splitlines()
    assert lines[:2] == [
        "1 moved for good; --fix writes new addresses where it can",
        f"    posts/a.md:9: source: moved {web.url('/a')} (now {web.url('/new')})",
    ]


def test_whoever_waits_for_another_check_is_told_and_may_stop(site: Path) -> None:
    with closing(LinkStore(site / ".feeds")):
        process = subprocess.Popen(
            [sys.executable, "-m", "feeds", "check"],
            cwd=site,
            stderr=subprocess.PIPE,
            text=True,
            # Children of a shell's background job would not hear of it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            os.kill(process.pid, signal.SIGINT)
            _, last = process.communicate(timeout=30)
        finally:
            process.kill()
    assert said == "another check of these links is running; waiting for it, at most 30 s\n"
    assert process.returncode == 130
    assert last.strip() == "feeds: interrupted; what was found is kept"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dry-run"], "add --fix"),
        (["--offline", "--recheck"], "--recheck needs requests"),
        (["--offline", "--archive"], "--archive needs requests"),
        (["--max-time", "soon"], "Invalid value for '--max-time': \"soon\" is no duration"),
        (["--max-time", "0"], "is no duration"),
        (["--format", "xml"], "is not one of"),
    ],
)
def test_wrong_usage_is_said(site: Path, arguments: Sequence[str], said: str) -> None:
    assert said in feeds(site, "check", *arguments, code=2).stderr


def test_an_acceptance_that_has_ended_is_said(site: Path, web: Web) -> None:
    config = site / "config.toml"
    ignore = '[[links.ignore]]\nurl = "*"\nreason = "was old"\nuntil = 2022-01-31\n'
    config.write_text(config.read_text("utf-8") + ignore, "utf-8")
    add(site, "a.md", web.url("/a"))
    assert "links.ignore[1] ended on 2022-01-31: was old" in feeds(site, "check").stderr


def known(site: Path) -> int:
    """How many addresses have an answer that was written down."""
    with closing(sqlite3.connect(site / ".feeds/links.sqlite")) as db:
        return int(db.execute("SELECT count(*) FROM url WHERE verdict <> ''").fetchone()[0])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_run_that_is_stopped_goes_on_where_it_was(
    site: Path, web: Web, number: int, code: int
) -> None:
    for each in range(300):
        add(site, f"{each}.md", web.url(f"/{each}"))
    process = subprocess.Popen(
        [sys.executable, "-m", "feeds", "check"],
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Children of a shell's background job would not hear of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        until(lambda: len(web.asked) >= 100, 30)
        web.hold = Event()
        if number == signal.SIGKILL:
            # Nothing can be done any more, but what came was written down within a second.
            until(lambda: known(site) >= len(web.asked) - 2, 10)
        os.kill(process.pid, number)
        told, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code
    assert len(web.asked) < 300
    assert (b" are left for the next run\n" in told) == (number != signal.SIGKILL)
    # What is asked again was in flight, two for each host.
    before = known(site)
    assert before >= len(web.asked) - 2
    web.hold.set()
    web.hold = None
    done = run(site)
    assert (done.asked, done.left) == (300 - before, 0)
    assert len([path for path, times in web.asked.items() if times > 1]) <= 2
    assert len(web.asked) == 300


def test_two_runs_at_once_are_refused(site: Path) -> None:
    with closing(LinkStore(site / ".feeds")):
        config = load_config(site)
        started = time.monotonic()
        with pytest.raises(Exception, match="another"):
            LinkStore(config.state, wait=0.2)
        assert time.monotonic() - started < 5


# --- fixes --------------------------------------------------------------------------------


def wrong(site: Path, web: Web) -> Path:
    web.moved["/old"] = web.url("/new")
    body = f"<{web.url('/old')}>\n\n[返回x](../x/)\n[返回首页](//news.example.org/nohome)"
    return write_post(site, "a.md", body=body, categories="x")


def test_a_dry_run_shows_what_is_certain_and_writes_nothing(site: Path, web: Web) -> None:
    path = wrong(site, web)
    before = path.read_bytes()
    done = feeds(site, "check", "--fix", "--dry-run", code=1)
    assert "-[返回x](../x/)" in done.stderr
    assert "+[返回x](https://news.example.org/category/x.html)" in done.stderr
    assert "1 file could be corrected" in done.stderr
    assert path.read_bytes() == before


def test_a_fix_changes_only_the_addresses_and_then_all_is_good(site: Path, web: Web) -> None:
    path = wrong(site, web)
    before = path.read_text("utf-8")
    done = feeds(site, "check", "--fix")
    assert "1 file corrected" in done.stderr
    expected = before.replace("../x/", "https://news.example.org/category/x.html")
    expected = expected.replace("/nohome", "/").replace("/old", "/new")
    assert path.read_text("utf-8") == expected
    assert "3 links: 3 ok" in done.stdout
    again = feeds(site, "check", "--fix")
    assert "0 files corrected" in again.stderr


def test_a_fix_leaves_addresses_that_begin_like_one_that_moved(site: Path, web: Web) -> None:
    web.moved["/only"] = web.url("/new")
    text = (
        "[a](@) [b](<@中文>) <a href='@|x'> <a href='@(b)'> @*x* `@` [c](<> '@')\n\n"
        "[@]: @ '@'\n\n[@]"
    )
    path = add(site, "a.md", web.url("/a"), text.replace("@", web.url("/only")))
    before = path.read_text("utf-8")
    done = feeds(site, "check", "--fix", code=1)
    assert "1 file corrected" in done.stderr
    after = before.replace(f"]({web.url('/only')})", f"]({web.url('/new')})")
    assert path.read_text("utf-8") == after.replace(f": {web.url('/only')}", f": {web.url('/new')}")
    # Five in all, and the new one since the correction.
    assert "6 addresses asked for" in done.stdout


def test_a_fix_of_changed_posts_reports_all_of_them(site: Path, web: Web) -> None:
    add(site, "a.md", web.url("/a"))
    run(site)
    web.moved["/b"] = web.url("/new")
    web.statuses["/c"] = 404
    add(site, "b.md", web.url("/b"))
    add(site, "c.md", web.url("/c"))
    done = feeds(site, "check", "--changed", "--fix", code=1)
    assert "1 file corrected" in done.stderr
    assert "6 links: 5 ok, 1 gone" in done.stdout
    # Both were reported.
    assert "0 links" in feeds(site, "check", "--changed").stdout


def test_a_fix_may_be_of_some_roles_only(site: Path, web: Web) -> None:
    path = wrong(site, web)
    before = path.read_text("utf-8")
    feeds(site, "check", "--fix", "--role", "back-category")
    expected = before.replace("../x/", "https://news.example.org/category/x.html")
    assert path.read_text("utf-8") == expected
    assert web.asked == {}


@pytest.mark.parametrize("end", ["\r", "\r\n"])
@pytest.mark.parametrize("last", ["\n", "\r"])
def test_a_fix_finds_its_line_whatever_lines_end_with(site: Path, end: str, last: str) -> None:
    text = f"[a](../){end}{end}text{end}\n[返回x](../){last}[返回首页](../)"
    path = write_post(site, "a.md", body="@", categories="x")
    path.write_bytes(before := path.read_bytes().replace(b"@", text.encode()))
    feeds(site, "check", "--offline", "--fix", code=1)
    home = "https://news.example.org/"
    expected = text.replace("x](../)", f"x]({home}category/x.html)")
    expected = expected.replace("首页](../)", f"首页]({home})")
    assert path.read_bytes() == before.replace(text.encode(), expected.encode())


# --- sources that are gone ----------------------------------------------------------------


def with_dead_source(site: Path, web: Web, dead_source: str) -> Path:
    """A site with a source that was found to be gone three times within three days."""
    web.statuses["/a"] = 404
    path = add(site, "a.md", web.url("/a"))
    add(site, "b.md", web.url("/b"))
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8") + f'dead_source = "{dead_source}"\n', "utf-8")
    run(site)
    with closing(LinkStore(site / ".feeds")) as store:
        three_days = 3 * 86_400
        store._db.execute("UPDATE url SET since = since - ? WHERE fails", (three_days,))
        store._db.execute("UPDATE url SET fails = 2 WHERE fails")
        store.save()
    run(site, recheck=True)
    return path


def via(site: Path) -> list[str]:
    text = (site / "public/feed.json").read_text("utf-8")
    return [each.get("external_url", "") for each in json.loads(text)["items"]]


def test_a_source_that_is_gone_for_good_is_archived_in_feeds(site: Path, web: Web) -> None:
    copy = "https://web.archive.org/web/2020/http://a.example.org/"
    web.copies = {
        "archived_snapshots": {"closest": {"available": True, "status": "200", "url": copy}}
    }
    path = with_dead_source(site, web, "archive")
    run_build(site)
    assert via(site) == [web.url("/b"), web.url("/a")]
    before = tree(site / "public")
    done = feeds(site, "check", "--archive", code=1)
    assert "1 archived copy found" in done.stderr
    assert copy in done.stderr
    assert len([path for path in web.asked if path.startswith("/available?url=")]) == 1
    run_build(site)
    assert via(site) == [web.url("/b"), copy]
    incremental = tree(site / "public")
    assert incremental != before
    run_build(site, full=True)
    assert tree(site / "public") == incremental
    # Another source is not known to be gone.
    path.write_text(path.read_text("utf-8").replace("/a>", "/c>"), "utf-8")
    run_build(site)
    assert via(site) == [web.url("/b"), web.url("/c")]


def test_a_report_is_not_lost_where_the_archive_does_not_answer(site: Path, web: Web) -> None:
    with_dead_source(site, web, "keep")
    web.statuses[f"/available?url={quote(web.url('/a'), safe='')}"] = 503
    done = feeds(site, "check", "--archive", "-o", "report", code=3)
    assert "status 503" in done.stderr
    assert "gone" in (site / "report").read_text("utf-8")


def test_a_source_that_is_gone_for_good_is_dropped_from_feeds(site: Path, web: Web) -> None:
    with_dead_source(site, web, "drop")
    run_build(site)
    assert via(site) == [web.url("/b"), ""]
    web.statuses.clear()
    run(site, recheck=True)
    run_build(site)
    assert via(site) == [web.url("/b"), web.url("/a")]


def test_a_source_that_is_gone_once_is_kept(site: Path, web: Web) -> None:
    web.statuses["/a"] = 404
    add(site, "a.md", web.url("/a"))
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8") + 'dead_source = "drop"\n', "utf-8")
    run(site)
    run_build(site)
    assert via(site) == [web.url("/a")]


def test_a_store_that_cannot_be_read_stops_no_build(site: Path, web: Web) -> None:
    config = site / "config.toml"
    text = config.read_text("utf-8").replace('links = ""\n', "", 1)  # with its page
    config.write_text(text + 'dead_source = "drop"\n', "utf-8")
    add(site, "a.md", web.url("/a"))
    (site / ".feeds").mkdir()
    (site / ".feeds/links.sqlite").write_bytes(b"nonsense" * 1000)
    found = run_build(site).findings
    assert {finding.path for finding in found} == {".feeds/links.sqlite"}
    assert {finding.done for finding in found} == {
        "sources stay as they were",
        "the page of links says nothing",
    }
    assert via(site) == [web.url("/a")]


def test_verdicts_are_words_of_the_contract() -> None:
    assert len(Verdict) == 27
