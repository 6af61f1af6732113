"""The whole way from a folder of posts to a folder of feeds, with real files."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import feedparser
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from feeds import build as building
from feeds import fingerprint, render, tasks
from feeds.build import known_feeds, known_posts
from feeds.configfile import load_config
from feeds.errors import ForeignFileError, IndexLockedError, OutputError
from feeds.manifest import MANIFEST
from feeds.models import Entry, Format, Level
from feeds.publish import STAGING, alone
from feeds.rows import State
from feeds.view import View, connect, current_index
from feeds.workers import Workers, processes

from .conftest import CONFIG, NOW, post_text, run_build, tree, write_post

ATOM = {"a": "http://www.w3.org/2005/Atom"}
SITE_FEED = "public/feed.json"


def items(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["items"]
    return found


def titles(path: Path) -> list[str]:
    return [item["title"] for item in items(path)]


# --- the user's own posts -----------------------------------------------------------------

# Jekyll takes these two for posts without front matter, because a blank line comes first;
# their header is read here, so they are in their category and tag, at their own time.
READ_BETTER_THAN_JEKYLL = {
    "https://finews.withounder.com/2021/12/08/202112082206672930.html",
    "https://finews.withounder.com/2021/12/08/202112082206703990.html",
}


@pytest.fixture
def finews(shared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shared / "corpora/finews", tmp_path / "finews"))


def test_feeds_of_the_users_site_hold_jekylls_posts_in_jekylls_order(finews: Path) -> None:
    expected = json.loads((finews / "expected.json").read_text("utf-8"))
    config = finews / "config.toml"
    config.write_text("[feeds]\nentries = 100\n")
    run_build(finews, NOW + timedelta(days=365))

    def check(path: Path, urls: list[str]) -> None:
        here = [item["url"] for item in items(path)]
        base = expected["effective"]["url"]
        wanted = [f"{base}{url}" for url in urls]
        assert [url for url in here if url not in READ_BETTER_THAN_JEKYLL] == [
            url for url in wanted if url not in READ_BETTER_THAN_JEKYLL
        ]

    check(finews / SITE_FEED, expected["site_posts"])
    for kind, terms in (("category", expected["categories"]), ("tag", expected["tags"])):
        assert {path.name for path in (finews / "public" / kind).iterdir()} == set(terms)
        for name, urls in terms.items():
            check(finews / f"public/{kind}/{name}/feed.json", urls)


def test_the_seed_post_is_in_its_feeds_with_its_source(shared: Path, site: Path) -> None:
    (seed,) = (shared / "seeds").iterdir()
    shutil.copy(seed, site / "posts")
    result = run_build(site)

    assert result.faults == ()
    for folder in ("", "category/zhongguoshuiwubao/", "tag/中国税务报新闻/"):
        feed = feedparser.parse((site / f"public/{folder}feed.atom").read_bytes())
        (entry,) = feed.entries
        assert entry.title == "巩固拓展民主生活会成果 推动税收事业高质量发展"
        assert [link.href for link in entry.links if link.rel == "via"] == [
            "http://finews.zning.xyz/html_News/NewsShare.html?infoCode=NW202201172249525031"
        ]
        content = entry.content[0].value
        assert "返回首页" not in content
        assert "infoCode" not in content
        assert "党建品牌又有新光彩" in content


def test_navigation_stays_when_asked_for(shared: Path, site: Path) -> None:
    (seed,) = (shared / "seeds").iterdir()
    shutil.copy(seed, site / "posts")
    with (site / "config.toml").open("a") as config:
        config.write("[feeds]\nkeep_navigation = true\n")
    run_build(site)
    assert "返回首页" in items(site / SITE_FEED)[0]["content_html"]


# --- what is written ----------------------------------------------------------------------


def test_a_site_becomes_feeds_in_three_formats_and_a_list_of_them(site: Path) -> None:
    write_post(site, "a.md", categories="emnews", tags="[股市, 基金]")
    run_build(site)
    folders = ["", "category/emnews/", "tag/股市/", "tag/基金/"]
    expected = {
        f"{folder}feed.{format}" for folder in folders for format in ("atom", "rss", "json")
    }
    assert tree(site / "public").keys() == expected | {"feeds.opml", MANIFEST}


def test_the_newest_stand_in_a_feed_by_date_then_by_path(site: Path) -> None:
    for number in range(30):
        write_post(site, f"{number:02}.md", f"2022-01-{1 + number // 3:02} 08:00:00", tags="t")
    run_build(site)
    assert titles(site / "public/tag/t/feed.json") == [f"{n:02}.md" for n in range(29, 9, -1)]


def test_a_post_is_once_in_a_feed_whatever_repeats_a_term(site: Path) -> None:
    write_post(site, "a.md", tags="[x, x, X]")
    with (site / "config.toml").open("a") as config:
        config.write("[terms]\nmerge_case = true\n")
    run_build(site)
    assert titles(site / "public/tag/x/feed.json") == ["a.md"]


def test_formats_that_are_off_are_neither_rendered_nor_written(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Format] = []
    real = render.render_entry

    def spy(entry: Entry, format: Format) -> bytes:
        made.append(format)
        return real(entry, format)

    monkeypatch.setattr(render, "render_entry", spy)
    write_post(site, "a.md")
    with (site / "config.toml").open("a") as config:
        config.write('[feeds]\nformats = ["rss"]\nopml = ""\n')
    run_build(site)
    assert made == [Format.RSS]
    assert tree(site / "public").keys() == {"feed.rss", MANIFEST}


def test_a_summary_feed_has_no_content(site: Path) -> None:
    write_post(site, "a.md", body="第一段。\n\n第二段。")
    with (site / "config.toml").open("a") as config:
        config.write('[feeds]\ncontent = "summary"\n')
    run_build(site)
    (item,) = items(site / SITE_FEED)
    assert "content_html" not in item
    assert item["summary"] == "第一段。"


def test_a_site_without_posts_has_an_empty_feed(site: Path) -> None:
    run_build(site)
    assert titles(site / SITE_FEED) == []
    assert feedparser.parse((site / "public/feed.atom").read_bytes()).bozo is False


def test_a_post_of_the_future_appears_when_its_time_comes_and_goes_if_the_clock_is_set_back(
    site: Path,
) -> None:
    write_post(site, "a.md", "2022-01-01 00:00:00 +0800", tags="now")
    write_post(site, "b.md", "2022-07-01 00:00:00 +0800", tags="later")
    due = datetime(2022, 6, 30, 16, 0, tzinfo=UTC)

    assert run_build(site, due - timedelta(seconds=1)).posts[State.FUTURE] == 1
    before = tree(site / "public")
    assert "tag/later/feed.atom" not in before
    run_build(site, due)
    assert titles(site / SITE_FEED) == ["b.md", "a.md"]
    run_build(site, due - timedelta(seconds=1))
    assert tree(site / "public") == before


def test_of_two_posts_with_one_link_the_later_file_is_left_out_and_comes_back(site: Path) -> None:
    first = write_post(site, "a.md", permalink="/x.html", tags="a")
    write_post(site, "b.md", permalink="/x.html", tags="b")

    result = run_build(site)
    (found,) = result.findings
    assert found.level is Level.ERROR
    assert found.path == "posts/b.md"
    assert "posts/a.md" in found.what
    assert titles(site / SITE_FEED) == ["a.md"]
    assert not (site / "public/tag/b").exists()

    first.unlink()
    assert run_build(site).findings == ()
    assert titles(site / SITE_FEED) == ["b.md"]
    assert not (site / "public/tag/a").exists()


def test_of_two_posts_with_one_id_the_later_file_is_left_out(site: Path) -> None:
    write_post(site, "a.md", guid="urn:x:1")
    write_post(site, "b.md", guid="urn:x:1")
    (found,) = run_build(site).findings
    assert (found.path, found.level) == ("posts/b.md", Level.ERROR)
    assert "has the same id as posts/a.md (urn:x:1)" in found.what
    assert titles(site / SITE_FEED) == ["a.md"]


def test_a_post_that_is_left_out_claims_nothing_itself(site: Path) -> None:
    first = write_post(site, "a.md", permalink="/one.html")
    write_post(site, "b.md", permalink="/one.html", guid="urn:x:1")
    write_post(site, "c.md", permalink="/two.html", guid="urn:x:1")
    assert [found.path for found in run_build(site).findings] == ["posts/b.md"]
    assert sorted(titles(site / SITE_FEED)) == ["a.md", "c.md"]

    first.unlink()
    assert [found.path for found in run_build(site).findings] == ["posts/c.md"]
    assert titles(site / SITE_FEED) == ["b.md"]


def test_a_post_that_links_to_a_moved_post_is_rendered_again(site: Path) -> None:
    write_post(site, "a.md", body="见 [它]({% post_url b %})")
    write_post(site, "b.md", permalink="/one.html", date="2020-01-01")
    run_build(site)
    assert "https://news.example.org/one.html" in items(site / SITE_FEED)[0]["content_html"]

    write_post(site, "b.md", permalink="/two.html", date="2020-01-01")
    run_build(site)
    assert "https://news.example.org/two.html" in items(site / SITE_FEED)[0]["content_html"]


def test_a_post_that_falls_due_renews_those_that_link_to_it(site: Path) -> None:
    """With one entry in each feed it stands in no feed of theirs: only the link tells."""
    with (site / "config.toml").open("a") as config:
        config.write("[feeds]\nentries = 1\n")
    write_post(site, "a.md", "2022-01-01", tags="t", body="见 [它]({% post_url due %})")
    write_post(site, "due.md", "2022-07-01 00:00:00 +0800")
    due = datetime(2022, 6, 30, 16, 0, tzinfo=UTC)
    for now in (due - timedelta(hours=1), due, due - timedelta(hours=1)):
        run_build(site, now)
        incremental = tree(site / "public")
        run_build(site, now, full=True)
        assert tree(site / "public") == incremental
        linked = "due.html" in items(site / "public/tag/t/feed.json")[0]["content_html"]
        assert linked == (now == due)


def test_the_posts_that_links_name_are_found_without_looking_at_all(site: Path) -> None:
    write_post(site, "a.md", body="{% post_url b %}")
    write_post(site, "b.md")
    run_build(site)
    path = current_index(site / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        seen: list[str] = []
        db.set_trace_callback(seen.append)
        assert list(View(db).links_by_stem(frozenset({"b"}))) == ["b"]
        (plan,) = db.execute(f"EXPLAIN QUERY PLAN {seen[0]}").fetchall()
    assert "USING INDEX post_by_stem" in plan[3]


def test_an_include_that_changes_renders_posts_again(site: Path) -> None:
    write_post(site, "a.md", body="{% include x.html %}")
    (site / "_includes").mkdir()
    for text in ("eins", "zwei"):
        (site / "_includes/x.html").write_text(text)
        run_build(site)
        assert text in items(site / SITE_FEED)[0]["content_html"]


def test_strict_writes_nothing_when_there_is_a_finding(site: Path) -> None:
    write_post(site, "a.md", title="")
    result = run_build(site, strict=True)
    assert result.published is None
    assert len(result.faults) == 1
    assert not (site / "public").exists()
    assert run_build(site).published is not None
    assert (site / "public/feed.atom").exists()


def test_strict_writes_nothing_when_a_file_that_has_to_go_was_changed(site: Path) -> None:
    write_post(site, "a.md", tags="t")
    run_build(site)
    (site / "public/tag/t/feed.atom").write_text("edited")
    write_post(site, "a.md", tags="other")
    before = tree(site / "public")
    result = run_build(site, strict=True)
    assert [found.path for found in result.faults] == ["tag/t/feed.atom"]
    assert tree(site / "public") == before


def test_strict_does_not_mind_notes(site: Path) -> None:
    write_post(site, "a.md", tags="[x, X]")
    result = run_build(site, strict=True)
    assert [found.level for found in result.findings] == [Level.NOTE]
    assert result.published is not None


# --- a rebuild costs what changed ---------------------------------------------------------


def test_a_second_build_writes_nothing(site: Path) -> None:
    for number in range(5):
        write_post(site, f"{number}.md", tags=f"[t{number % 2}]")
    run_build(site)
    stamps = {path: path.stat().st_mtime_ns for path in (site / "public").rglob("*")}
    index = current_index(site / ".feeds")

    result = run_build(site, NOW + timedelta(days=3))

    assert result.published is not None
    assert result.published.written == ()
    assert {path: path.stat().st_mtime_ns for path in (site / "public").rglob("*")} == stamps
    assert index is not None
    assert current_index(site / ".feeds") == index


def opened_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    opened: list[str] = []
    real = os.open

    def spy(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(os.fspath(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", spy)
    return opened


def test_only_changed_files_are_opened(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        write_post(site, f"{number}.md", tags=f"[t{number}]")
    run_build(site)
    later = time.time_ns() + 10**10  # past the doubt about files that were just written
    with Workers(1, processes) as workers:
        building.build(load_config(site), NOW, workers, clock=lambda: later)
    write_post(site, "3.md", tags="[t3]", title="neu")

    opened = opened_files(monkeypatch)
    with Workers(1, processes) as workers:
        result = building.build(load_config(site), NOW, workers, clock=lambda: later)

    assert {Path(path).name for path in opened if path.endswith(".md")} == {"3.md"}
    assert result.published is not None
    assert set(result.published.written) == {
        f"{folder}feed.{format}" for folder in ("", "tag/t3/") for format in ("atom", "rss", "json")
    }


def test_each_post_that_stands_in_a_feed_is_rendered_once_for_each_format(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many feeds it stands in; what stands in none, or is as it was, is not."""
    made: list[tuple[str, Format]] = []
    real = render.render_entry

    def spy(entry: Entry, format: Format) -> bytes:
        made.append((entry.title, format))
        return real(entry, format)

    monkeypatch.setattr(render, "render_entry", spy)
    with (site / "config.toml").open("a") as config:
        config.write("[feeds]\nentries = 2\n")
    for number in range(5):
        write_post(site, f"{number}.md", f"2022-01-0{number + 1}", tags="[x, y]", categories="c")
    run_build(site)
    assert sorted(made) == sorted((f"{n}.md", format) for n in (3, 4) for format in Format)

    made.clear()
    run_build(site)
    assert made == []
    write_post(site, "4.md", "2022-01-05", tags="[x, y]", categories="c", body="neu")
    write_post(site, "0.md", "2022-01-01", tags="[x, y]", categories="c", body="neu")
    run_build(site)
    assert sorted(made) == sorted(("4.md", format) for format in Format)


def test_a_run_with_nothing_to_do_imports_nothing_heavy(site: Path) -> None:
    write_post(site, "a.md", categories="x")
    run_build(site)
    code = (
        "import sys; from feeds.cli import cli; cli(['build'], standalone_mode=False);"
        "print(sorted({'lxml', 'feedgen', 'yaml', 'nh3', 'pyromark', 'liquid', 'rich',"
        " 'zstandard', 'httpx', 'starlette'} & sys.modules.keys()))"
    )
    time.sleep(0.1)  # the file must be older than a tick of the clock
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=site, capture_output=True, text=True, check=True
        )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_changed_configuration_is_noticed(site: Path) -> None:
    write_post(site, "a.md", tags="t")
    run_build(site)
    config = (site / "config.toml").read_text("utf-8")
    (site / "config.toml").write_text(config.replace("新闻", "消息"), "utf-8")
    run_build(site)
    assert json.loads((site / "public/tag/t/feed.json").read_bytes())["title"] == "消息 – t"
    (site / "config.toml").write_text(config.replace("Asia/Shanghai", "UTC"), "utf-8")
    write_post(site, "b.md", "2022-01-01 08:00:00")
    run_build(site)
    assert items(site / SITE_FEED)[1]["date_published"] == "2022-01-01T08:00:00+00:00"


def test_the_same_program_installed_again_reads_nothing_anew(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_post(site, "a.md")
    known = fingerprint._own_files()
    clock = time.time_ns() + 10**10  # past the doubt about files that were just written
    for newer in range(3):
        installed = [
            (name, path, SimpleNamespace(st_size=at.st_size, st_mtime_ns=at.st_mtime_ns + newer))
            for name, path, at in known
        ]
        fingerprint._program.cache_clear()
        monkeypatch.setattr(fingerprint, "_own_files", lambda found=installed: found)
        opened = opened_files(monkeypatch)
        with Workers(1, processes) as workers:
            building.build(load_config(site), NOW, workers, clock=lambda: clock)
        assert any(path.endswith("a.md") for path in opened) == (newer == 0)
    assert (site / ".feeds/program").read_text("ascii").count(" ") == 1


def test_another_source_file_of_the_program_is_noticed(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_post(site, "a.md")
    run_build(site)
    run_build(site)
    known = fingerprint._own_files()
    other = tmp_path / "other.py"
    other.write_text("# other\n", "utf-8")
    fingerprint._program.cache_clear()
    monkeypatch.setattr(
        fingerprint, "_own_files", lambda: [*known, ("/other.py", other, other.stat())]
    )
    opened = opened_files(monkeypatch)
    run_build(site)
    assert [path for path in opened if path.endswith(".md")] != []


def test_a_new_version_of_the_program_is_noticed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_post(site, "a.md")
    run_build(site)
    monkeypatch.setattr(fingerprint, "_program", lambda state: ("another",))
    opened = opened_files(monkeypatch)
    run_build(site)
    assert [path for path in opened if path.endswith(".md")] != []


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: index.write_bytes(b""),
        lambda index: index.write_bytes(b"rubbish" * 1000),
        lambda index: index.write_bytes(index.read_bytes()[: index.stat().st_size // 2]),
        lambda index: sqlite3.connect(index).executescript("DROP TABLE post"),
        lambda index: sqlite3.connect(index).executescript("UPDATE entry SET body = x'00'"),
        lambda index: sqlite3.connect(index).executescript("UPDATE post SET data = x'00'"),
        lambda index: sqlite3.connect(index).executescript("UPDATE bucket SET entries = x'00'"),
    ],
)
def test_a_damaged_index_is_said_and_made_again(site: Path, damage: Any) -> None:
    write_post(site, "a.md", tags="t")
    write_post(site, "b.md", tags="t")
    run_build(site)
    wanted = tree(site / "public")
    index = current_index(site / ".feeds")
    assert index is not None
    damage(index)
    (site / "public/feed.atom").unlink()
    write_post(site, "b.md", tags="t", title="b.md ")

    result = run_build(site)

    assert [(found.path, found.level) for found in result.findings] == [
        (f".feeds/{index.name}", Level.NOTE)
    ]
    assert tree(site / "public").keys() == wanted.keys()
    assert run_build(site).findings == ()


def test_a_missing_index_is_made_again_and_nothing_is_written(site: Path) -> None:
    write_post(site, "a.md")
    run_build(site)
    shutil.rmtree(site / ".feeds")
    result = run_build(site)
    assert result.findings == ()
    assert result.published is not None
    assert result.published.written == ()


def test_an_index_that_another_build_holds_is_waited_for(site: Path) -> None:
    write_post(site, "a.md")
    run_build(site)
    hold = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
    hold += "f.write('4711'); f.flush(); print('held', flush=True); time.sleep(float(sys.argv[2]))"

    def holding(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", hold, str(site / ".feeds/lock"), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    with holding(0.5):
        assert run_build(site).findings == ()
    with holding(30) as other, Workers(1, processes) as workers:
        options = building.Options(wait=0.2)
        with pytest.raises(IndexLockedError, match=r"lock: .*4711.* 0\.2 s"):
            building.build(load_config(site), NOW, workers, options)
        other.kill()


def test_workers_that_live_on_hold_nothing_of_a_build_that_is_over(site: Path) -> None:
    """`feeds check` reads the posts with workers and goes on for hours."""
    for number in range(500):
        write_post(site, f"{number}.md")
    with Workers(2, processes) as workers:
        building.build(load_config(site), NOW, workers)
        options = building.Options(wait=0)
        with Workers(1, processes) as others:
            assert building.build(load_config(site), NOW, others, options).feeds == 1


def test_the_output_folder_is_held_against_other_sites(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their builds hold indexes of their own; the folder is free again after the build."""
    write_post(site, "a.md")
    run_build(site)
    before = tree(site / "public")
    write_post(site, "b.md")
    with alone(site / "public", 0), Workers(1, processes) as workers:
        options = building.Options(wait=0.2)
        with pytest.raises(OutputError, match=r"public: .*another site.* 0\.2 s"):
            building.build(load_config(site), NOW, workers, options)
        assert tree(site / "public") == before
    assert run_build(site).published is not None
    assert tree(site / "public") != before


def test_a_file_that_changes_while_it_is_built_is_read_again(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_post(site, "a.md", body="alt")
    real = tasks.read_files

    def read_then_change(config: Any, files: Any) -> Any:
        rows = real(config, files)
        if "alt" in path.read_text():
            write_post(site, "a.md", body="neu")
        return rows

    monkeypatch.setattr(tasks, "read_files", read_then_change)
    result = run_build(site)
    assert result.findings == ()
    assert "neu" in items(site / SITE_FEED)[0]["content_html"]


def test_a_file_that_never_rests_is_left_out_until_it_does(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_post(site, "a.md")
    real = tasks.read_files
    numbers = iter(range(100))

    def read_then_change(config: Any, files: Any) -> Any:
        rows = real(config, files)
        write_post(site, "b.md", body=f"{next(numbers)}")
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(tasks, "read_files", read_then_change)
        write_post(site, "b.md")
        result = run_build(site)
    assert [found.path for found in result.findings] == ["posts/b.md"]
    assert titles(site / SITE_FEED) == ["a.md"]
    assert run_build(site).findings == ()
    assert sorted(titles(site / SITE_FEED)) == ["a.md", "b.md"]


def test_a_list_of_feeds_tells_what_is_wrong_with_posts(site: Path) -> None:
    write_post(site, "a.md", tags="[x, X]")
    write_post(site, "b.md", title="")
    with Workers(1, processes) as workers:
        found = known_feeds(load_config(site), NOW, workers).findings
    assert [finding.path for finding in found] == ["posts/b.md", "tag/x"]


def test_posts_and_feeds_can_be_listed_without_building(site: Path) -> None:
    write_post(site, "a.md", tags="t")
    with Workers(1, processes) as workers:
        posts = known_posts(load_config(site), NOW, workers)
        feeds = known_feeds(load_config(site), NOW, workers)
    assert [(post.title, state) for post, state in posts.posts] == [("a.md", State.VISIBLE)]
    assert [(feed.head.name, feed.entries, feed.posts) for feed in feeds.feeds] == [
        ("", 1, 1),
        ("t", 1, 1),
    ]
    assert {feed.newest for feed in feeds.feeds} == {posts.posts[0][0].date}
    assert not (site / "public").exists()
    run_build(site)
    assert (site / "public/feed.atom").exists()


# --- same posts, same bytes ---------------------------------------------------------------


def big_site(root: Path, posts: int, seed: int = 1, order: int = 1) -> None:
    """Posts in many folders and terms, created in an order of their own."""
    chosen = random.Random(seed)
    texts = {}
    for number in range(posts):
        date = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=chosen.randrange(500_000))
        tags = ", ".join(chosen.sample(["股市", "基金", "Tech", "tech", "a b", "債券"], 2))
        text = post_text(
            f"标题 {number}",
            date.strftime("%Y-%m-%d %H:%M:%S"),
            body="<p>正文。</p>\n" * chosen.randrange(1, 8),
            categories=f"c{chosen.randrange(9)}",
            tags=f"[{tags}]",
        )
        texts[root / f"posts/{number % 7}/{number}.md"] = text
    paths = list(texts)
    random.Random(order).shuffle(paths)
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path], "utf-8")


def feeds_command(
    site: Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "feeds", "build", str(site), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_bytes_depend_on_nothing_but_posts_and_configuration(tmp_path: Path) -> None:
    trees = []
    for place, (zone, locale, seed, jobs) in enumerate(
        [
            ("UTC", "C", "0", "1"),
            ("Pacific/Apia", "de_DE.UTF-8", "1", "2"),
            ("America/St_Johns", "tr_TR.UTF-8", "2", "3"),
        ]
    ):
        root = tmp_path / f"site{place}"
        root.mkdir()
        (root / "config.toml").write_text(CONFIG, "utf-8")
        big_site(root, 900, order=place)
        done = feeds_command(
            root, "--jobs", jobs, TZ=zone, LC_ALL=locale, LANG=locale, PYTHONHASHSEED=seed
        )
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
        trees.append(tree(root / "public"))
    assert trees[0] == trees[1] == trees[2]
    assert len(trees[0]) > 40


def test_bytes_do_not_depend_on_the_clock(tmp_path: Path) -> None:
    """As long as no post falls due in between."""
    trees = []
    for now in (NOW, NOW + timedelta(days=400, seconds=1.5)):
        root = tmp_path / f"site{now.year}"
        root.mkdir()
        (root / "config.toml").write_text(CONFIG, "utf-8")
        big_site(root, 60)
        write_post(root, "due.md", "2999-01-01")
        with Workers(1, processes) as workers:
            times = functools.partial(int, now.timestamp() * 1e9)
            building.build(load_config(root), now, workers, clock=times)
        trees.append(tree(root / "public"))
    assert trees[0] == trees[1]


def test_many_feeds_are_written_by_workers_as_by_one_process(tmp_path: Path) -> None:
    trees = []
    for jobs in (1, 2):
        root = tmp_path / f"site{jobs}"
        root.mkdir()
        (root / "config.toml").write_text(CONFIG, "utf-8")
        for number in range(building.WORTH_SPREADING // 3 + 20):
            write_post(root, f"{number}.md", tags=f"[t{number}, all]")
        result = run_build(root, jobs=jobs)
        assert result.published is not None
        assert len(result.published.written) > building.WORTH_SPREADING
        assert not (root / "public/.feeds-staging").exists()
        again = run_build(root, jobs=jobs)
        assert again.published is not None
        assert again.published.written == ()
        trees.append(tree(root / "public"))
    assert trees[0] == trees[1]


def test_a_foreign_file_stops_workers_too(site: Path) -> None:
    for number in range(building.WORTH_SPREADING // 3 + 20):
        write_post(site, f"{number}.md", tags=f"[t{number}]")
    foreign = site / "public/tag/t5/feed.atom"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    with pytest.raises(ForeignFileError, match=r"tag/t5/feed\.atom"):
        run_build(site, jobs=2)
    assert tree(site / "public") == {"tag/t5/feed.atom": b"mine"}


names = st.sampled_from(["a.md", "b.md", "sub/a.md", "sub/c.html", "d.md"])
dates = st.sampled_from(
    ["2022-01-01 08:00:00", "2022-01-01 08:00:00 +0900", "2022-06-15 08:00:30 +0800", "2023-01-01"]
)
tags = st.lists(st.sampled_from(["x", "X", "y z", "股市"]), max_size=3)
slugs = st.sampled_from(["", "", "one", "two"])
bodies = st.sampled_from(
    ["kurz", "länger\n\n{% post_url a %}", "[d]({% post_url d %})", "<p>{{ page.title }}</p>", ""]
)
settings_ = st.sampled_from(
    [
        "",
        "[feeds]\nentries = 1\n",
        "[feeds]\nentries = 2\n",
        "[terms]\nmerge_case = true\n",
        "[terms]\nmin_posts = 2\n",
    ]
)


class Edits(RuleBasedStateMachine):
    """Whatever is done to the folder, an incremental build gives what a full one gives."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.now = NOW

    @initialize()
    def make_site(self) -> None:
        (self.folder / "posts").mkdir()
        (self.folder / "config.toml").write_text(CONFIG, "utf-8")

    @rule(
        name=names,
        date=dates,
        tags=tags,
        slug=slugs,
        guid=slugs,
        body=bodies,
        hidden=st.booleans(),
    )
    def write(
        self,
        name: str,
        date: str,
        tags: list[str],
        slug: str,
        guid: str,
        body: str,
        hidden: bool,
    ) -> None:
        more: dict[str, object] = {"tags": f"[{', '.join(tags)}]"}
        if guid:
            more["guid"] = f"urn:x:{guid}"
        if slug:
            more["permalink"] = f"/{slug}.html"
        if hidden:
            more["published"] = "false"
        write_post(self.folder, name, date, body=body, **more)

    @rule(name=names, old=st.sampled_from(["kurz", "x"]), new=st.sampled_from(["lang", "y"]))
    def edit_without_changing_size_or_time(self, name: str, old: str, new: str) -> None:
        path = self.folder / "posts" / name
        if path.exists():
            times = path.stat()
            path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    @rule(name=names)
    def delete(self, name: str) -> None:
        (self.folder / "posts" / name).unlink(missing_ok=True)

    @rule(name=names, to=names)
    def rename(self, name: str, to: str) -> None:
        path, target = self.folder / "posts" / name, self.folder / "posts" / to
        if path.exists():
            target.parent.mkdir(exist_ok=True)
            path.replace(target)

    @rule(name=names, junk=st.binary(max_size=30))
    def spoil(self, name: str, junk: bytes) -> None:
        path = self.folder / "posts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(junk)

    @rule(more=settings_)
    def configure(self, more: str) -> None:
        (self.folder / "config.toml").write_text(CONFIG + more, "utf-8")

    @rule(hours=st.integers(-48, 24 * 300))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def clean_output(self) -> None:
        shutil.rmtree(self.folder / "public", ignore_errors=True)

    @invariant()
    def incremental_equals_full(self) -> None:
        if not (self.folder / "config.toml").exists():
            return
        result = run_build(self.folder, self.now)
        incremental = tree(self.folder / "public")
        shutil.rmtree(self.folder / "public")
        full = run_build(self.folder, self.now, full=True)
        assert incremental == tree(self.folder / "public")
        assert result.findings == full.findings
        # What a full build knows must serve the next incremental one, and the other way round.
        assert run_build(self.folder, self.now).published is not None

    def teardown(self) -> None:
        shutil.rmtree(self.folder)


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


# --- faults -------------------------------------------------------------------------------


def test_killed_at_any_moment_every_file_is_old_or_new_and_the_next_build_right(
    tmp_path: Path,
) -> None:
    root, reference = tmp_path / "site", tmp_path / "reference"
    reference.mkdir()
    (reference / "config.toml").write_text(CONFIG, "utf-8")
    big_site(reference, 2000)
    known = []
    for turn in range(2):
        _edit_a_post_of_every_term(reference, turn)
        run_build(reference)
        known.append(tree(reference / "public"))
    assert known[0].keys() == known[1].keys()
    shutil.copytree(reference, root)
    chosen = random.Random(7)
    duration = _seconds_of_a_build(reference)

    for turn in range(12):
        _edit_a_post_of_every_term(root, turn % 2)
        process = subprocess.Popen(
            [sys.executable, "-m", "feeds", "build", str(root), *(["--full"] if turn % 4 else [])],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(chosen.random() * duration)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        files = {p: b for p, b in tree(root / "public").items() if not p.startswith(".feeds-")}
        assert {*files, MANIFEST} == known[0].keys()
        for path, body in files.items():
            assert body in (known[0][path], known[1][path]), path
        assert run_build(root).faults == ()
        assert tree(root / "public") == known[turn % 2]


def _edit_a_post_of_every_term(root: Path, turn: int) -> None:
    """So that many feeds have to be replaced."""
    for number in range(60):
        write_post(
            root,
            f"new/{number}.md",
            "2022-06-01",
            title=f"{turn} {number}",
            categories=f"c{number % 9}",
            tags="[股市, tech]",
        )


def _seconds_of_a_build(site: Path) -> float:
    started = time.perf_counter()
    assert feeds_command(site, "--full").returncode == 0
    return time.perf_counter() - started


def test_two_sites_do_not_share_an_output_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        root = tmp_path / name
        write_post(root, f"{name}.md", tags=name)
        config = CONFIG.replace("news.", f"{name}.")
        (root / "config.toml").write_text(f'{config}[feeds]\noutput = "../public"\n', "utf-8")
    run_build(tmp_path / "a")
    before = tree(tmp_path / "public")
    with pytest.raises(ForeignFileError, match=rf"{MANIFEST}: lists .* https://a\.example\.org"):
        run_build(tmp_path / "b")
    assert tree(tmp_path / "public") == before


def test_a_site_may_change_its_address(site: Path) -> None:
    write_post(site, "a.md")
    run_build(site)
    for address in ("other.example.org", "another.example.org"):
        config = CONFIG.replace("news.example.org", address)
        (site / "config.toml").write_text(config, "utf-8")
        assert run_build(site, full=True).findings == ()
        assert items(site / SITE_FEED)[0]["url"].startswith(f"https://{address}/")


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A disk of its own of some size, where this user may mount one."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted by this user")
    try:
        yield path
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_said_and_the_old_output_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        root = tmp_path / "site"
        (root / "posts").mkdir(parents=True)
        (root / "config.toml").write_text(f'{CONFIG}[feeds]\noutput = "{disk}/public"\n', "utf-8")
        write_post(root, "a.md", "2022-01-01")
        assert feeds_command(root).returncode == 0
        before = tree(disk / "public")

        write_post(root, "b.md", "2022-01-02", body="<p>text</p>\n" * 30_000)
        done = feeds_command(root)

        assert done.returncode == 3
        assert "no space left on device; make room" in done.stderr
        assert "Traceback" not in done.stderr
        assert tree(disk / "public") == before
        write_post(root, "b.md", "2022-01-02", body="short")
        assert feeds_command(root).returncode == 0
        assert titles(disk / "public/feed.json") == ["b.md", "a.md"]


def test_a_disk_that_fills_while_workers_write_is_left_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "site"
    root.mkdir()
    with small_disk(tmp_path / "disk", "1m") as disk:
        (root / "config.toml").write_text(f'{CONFIG}[feeds]\noutput = "{disk}/public"\n', "utf-8")
        write_post(root, "a.md", "2022-01-01")
        assert feeds_command(root).returncode == 0
        before = tree(disk / "public")
        for number in range(building.WORTH_SPREADING):
            write_post(root, f"{number}.md", tags=f"[t{number}]", body="<p>text</p>\n" * 50)
        done = feeds_command(root, "--jobs", "3")

        assert done.returncode == 3
        assert "no space left on device; make room" in done.stderr
        assert tree(disk / "public") == before
        assert not (disk / "public" / STAGING).exists()


def test_a_state_folder_without_room_keeps_no_piece_of_an_index(site: Path) -> None:
    write_post(site, "a.md")
    limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
    command = f"{limit} os.execv(sys.executable, [sys.executable, '-m', 'feeds', *sys.argv[1:]])"
    done = subprocess.run(
        [sys.executable, "-c", command, "build", str(site)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert ".feeds: the index cannot be written" in done.stderr
    assert sorted(path.name for path in (site / ".feeds").iterdir()) == [".gitignore", "lock"]


def without_privileges(*command: str) -> list[str]:
    """A command that respects permissions even where the tests run as root."""
    if os.geteuid() != 0:
        return list(command)
    if not shutil.which("setpriv"):
        pytest.skip("root may read and write everything, and there is no setpriv to stop it")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]


def build_without_privileges(site: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = without_privileges(sys.executable, "-m", "feeds", "build", str(site), *more)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["public", "public/tag", ".feeds"])
def test_a_folder_that_cannot_be_written_is_said_and_stays_as_it_was(
    site: Path, folder: str
) -> None:
    write_post(site, "a.md", tags="t")
    run_build(site)
    before = tree(site / "public")
    write_post(site, "b.md", tags="[t, new]")
    (site / folder).chmod(0o555)
    if folder == ".feeds":
        for path in (site / folder).iterdir():
            path.chmod(0o444)

    done = build_without_privileges(site)

    assert done.returncode == 3
    assert str(site / folder.split("/")[0]) in done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    if folder != "public/tag":
        assert tree(site / "public") == before
    for path in [site / folder, *(site / folder).iterdir()]:
        path.chmod(0o755)
    assert run_build(site).findings == ()
    assert titles(site / "public/tag/t/feed.json") == ["b.md", "a.md"]


@pytest.mark.parametrize(("folder", "mode"), [("posts", 0), ("posts", 0o444), ("posts/sub", 0)])
@pytest.mark.parametrize("full", [False, True])
def test_a_folder_of_posts_that_cannot_be_read_changes_nothing(
    site: Path, folder: str, mode: int, full: bool
) -> None:
    """Its posts are not taken for deleted, by this build or the next."""
    write_post(site, "sub/a.md", tags="t")
    run_build(site)
    before = tree(site / "public")
    write_post(site, "b.md")
    (site / folder).chmod(mode)
    done = build_without_privileges(site, *(["--full"] if full else []))
    (site / folder).chmod(0o755)

    assert done.returncode == 3, done.stderr
    assert f"{site / folder}" in done.stderr
    assert "permission denied; nothing was changed" in done.stderr
    assert tree(site / "public") == before
    run_build(site)
    assert titles(site / SITE_FEED) == ["sub/a.md", "b.md"]


def test_an_excluded_folder_need_not_be_readable(site: Path) -> None:
    write_post(site, "a.md")
    write_post(site, "private/b.md")
    config = (site / "config.toml").read_text("utf-8")
    (site / "config.toml").write_text(
        config.replace("[posts]\n", '[posts]\nexclude = ["posts/private"]\n'), "utf-8"
    )
    (site / "posts/private").chmod(0)
    done = build_without_privileges(site)
    (site / "posts/private").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert titles(site / SITE_FEED) == ["a.md"]


def test_a_folder_that_is_a_file_is_said(site: Path) -> None:
    write_post(site, "a.md")
    (site / "public").write_text("")
    with pytest.raises(OutputError, match="public"):
        run_build(site)
    shutil.rmtree(site / ".feeds")
    (site / ".feeds").write_text("")
    with pytest.raises(OutputError, match=r"\.feeds: has to be a folder; move it away"):
        run_build(site)


@pytest.mark.parametrize("name", ["lock", "index-1.sqlite"])
def test_a_folder_in_the_place_of_a_file_of_the_state_is_said(site: Path, name: str) -> None:
    (site / ".feeds" / name).mkdir(parents=True)
    with pytest.raises(OutputError, match=rf"\.feeds/{name}: has to be a file; move it away"):
        run_build(site)


def test_a_post_without_read_permission_is_said_and_the_rest_built(site: Path) -> None:
    write_post(site, "a.md")
    write_post(site, "b.md").chmod(0)
    done = build_without_privileges(site)
    assert done.returncode == 0, done.stderr
    assert "posts/b.md:1: error: cannot be read: permission denied — left out" in done.stderr
    assert titles(site / SITE_FEED) == ["a.md"]


def test_whatever_lies_among_the_posts_is_named_and_the_rest_built(site: Path) -> None:
    write_post(site, "a.md")
    os.mkfifo(site / "posts/pipe.md")
    (site / "posts/folder.md").mkdir()
    (site / "posts/loop").symlink_to(site / "posts")
    (site / "posts/huge.md").touch()
    os.truncate(site / "posts/huge.md", 65 * 1024 * 1024)
    (site / "posts/rubbish.md").write_bytes(bytes(range(256)))
    result = run_build(site)
    assert {found.path for found in result.findings} == {
        f"posts/{name}" for name in ("folder.md", "huge.md", "loop", "pipe.md", "rubbish.md")
    }
    assert titles(site / SITE_FEED) == ["a.md"]
