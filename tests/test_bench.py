"""The benchmarks: what they measure is made from a seed, compared before it counts, written down.

What a run costs is measured on real processes; how long anything takes is not tested.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from types import ModuleType

import pytest

from bench import aside, build, corpora, hugo, outputs, pelican, tools
from bench.aside import ASIDE, put_aside
from bench.build import ChangedError, Kind, Measured, shortfalls, time_row, written
from bench.corpora import BusyError, edited, edits, prepared
from bench.corpus import Shape, write_corpus
from bench.measure import Cost, FailedError, in_turn, peak_memory, timed
from bench.outputs import ENTRIES, DifferentError, check, differences, missing_feeds, read_feed
from bench.table import markdown, ratios, replace_between, spread
from bench.tools import Tool

from .processes import heed_interrupts, killed_at_last

SMALL = Shape(posts=120, categories=4, tags=9)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench") / "corpus"
    write_corpus(root, SMALL)
    return root


# --- corpora ------------------------------------------------------------------------------


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_the_same_shape_and_seed_give_the_same_corpus(corpus: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "again", SMALL)
    assert contents(tmp_path / "again") == contents(corpus)


def test_another_seed_gives_another_corpus(corpus: Path, tmp_path: Path) -> None:
    write_corpus(tmp_path / "other", Shape(SMALL.posts, SMALL.categories, SMALL.tags, seed=2))
    assert contents(tmp_path / "other") != contents(corpus)


def test_a_corpus_has_the_shape_that_was_asked_for(corpus: Path) -> None:
    posts = [path.read_text("utf-8") for path in (corpus / "posts").iterdir()]
    categories = Counter(terms(post, "categories")[0] for post in posts)
    tags = Counter(tag for post in posts for tag in terms(post, "tags"))
    assert len(posts) == SMALL.posts
    assert len(categories) <= SMALL.categories
    assert SMALL.tags // 2 < len(tags) <= SMALL.tags
    assert {len(terms(post, "tags")) for post in posts} == {1, 2, 3}
    assert {len(terms(post, "categories")) for post in posts} == {1}
    # Zipf's law: the first has far more than its share.
    assert categories.most_common(1)[0][1] > 1.5 * SMALL.posts / SMALL.categories
    assert all(1_000 <= len(post.encode()) <= 8_000 for post in posts)


def test_no_two_posts_of_a_corpus_have_the_same_date(corpus: Path) -> None:
    texts = (path.read_text("utf-8") for path in (corpus / "posts").iterdir())
    dates = [re.search(r"^date: (.*)$", text, re.MULTILINE) for text in texts]
    moments = {datetime.fromisoformat(date[1]) for date in dates if date}
    assert len(moments) == SMALL.posts


def terms(post: str, key: str) -> list[str]:
    found = re.search(rf"^{key}: \[(.*)\]$", post, re.MULTILINE)
    assert found
    return found[1].split(", ")


def test_a_corpus_is_kept_for_the_next_run(tmp_path: Path) -> None:
    root = prepared(tmp_path, SMALL)
    inode = (root / "posts").stat().st_ino
    assert prepared(tmp_path, SMALL) == root
    assert (root / "posts").stat().st_ino == inode


def test_a_corpus_whose_edit_was_not_undone_is_made_anew(tmp_path: Path) -> None:
    root = prepared(tmp_path, SMALL)
    before = contents(root)
    with edits(root) as edit:
        edit(1)
        left = contents(root)
    assert contents(root) == before
    for name in before.keys() - left.keys():
        (root / name).unlink()
    for name in left:
        (root / name).write_bytes(left[name])
    assert contents(prepared(tmp_path, SMALL)) == before


@pytest.fixture
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "REST", 0.0)


@pytest.mark.usefixtures("no_rest")
def test_two_runs_do_not_share_their_corpora(tmp_path: Path) -> None:
    first, second = corpora.alone(tmp_path), corpora.alone(tmp_path)
    with first, pytest.raises(BusyError, match="another run uses"), second:
        pass
    with corpora.alone(tmp_path):
        pass


def test_what_is_put_aside_keeps_its_inodes_and_no_space(tmp_path: Path) -> None:
    root = tmp_path / "site"
    written = root / "public" / "tag" / "feed.atom"
    written.parent.mkdir(parents=True)
    inodes = []
    for text in ("first", "second"):
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(text, "utf-8")
        inodes.append(written.stat().st_ino)
        put_aside(root, "public")
        assert not any(root.iterdir())
    aside = [path.stat() for path in (tmp_path / ASIDE).rglob("feed.atom")]
    assert sorted(stat.st_ino for stat in aside) == sorted(inodes)
    assert [stat.st_size for stat in aside] == [0, 0]


def test_what_is_not_there_is_not_put_aside(tmp_path: Path) -> None:
    put_aside(tmp_path / "site", "public")
    assert not any(tmp_path.iterdir())


def test_what_was_put_aside_is_deleted_when_the_corpora_are_free_again(tmp_path: Path) -> None:
    with corpora.alone(tmp_path):
        (tmp_path / "site" / "public").mkdir(parents=True)
        put_aside(tmp_path / "site", "public")
        assert (tmp_path / ASIDE).exists()
    assert not (tmp_path / ASIDE).exists()


def test_a_benchmark_begins_some_time_after_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aside, "REST", 0.6)
    for said in ("", "of rest after the last benchmark"):
        begin = time.monotonic()
        with corpora.alone(tmp_path):
            rested = time.monotonic() - begin
        assert (rested > 0.3) == bool(said)
        assert said in capsys.readouterr().err


def test_what_a_link_leads_to_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "post.md").write_text("text", "utf-8")
    (tmp_path / "site" / "public").mkdir(parents=True)
    (tmp_path / "site" / "public" / "post.md").symlink_to(tmp_path / "post.md")
    put_aside(tmp_path / "site", "public")
    assert (tmp_path / "post.md").read_text("utf-8") == "text"


def test_ways_take_turns_and_none_always_follows_another() -> None:
    rounds = ["".join(in_turn("abcde", number)) for number in range(5)]
    assert rounds == ["abcde", "baedc", "cdeab", "dcbae", "eabcd"]


def test_a_section_without_a_place_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("<!-- bench.build 10 hugo: begin -->\n", "utf-8")
    build.expect_places(page, ["bench.build 10 hugo"])
    with pytest.raises(tools.MissingError, match="has no place for bench"):
        build.expect_places(page, ["bench.build 10 hugo", "bench.build 99 hugo"])


def test_an_edit_changes_title_and_text_of_the_newest_post(corpus: Path) -> None:
    post = max((corpus / "posts").iterdir()).read_text("utf-8")
    once, first = edited(post, 1)
    twice, second = edited(once, 2)
    assert first != second
    assert f'title: "{second}"' in twice
    assert len({text.partition("\n---\n")[2] for text in (post, once, twice)}) == 3


# --- what was written ---------------------------------------------------------------------

A, B = ("https://example.org/a/", "A"), ("https://example.org/b/", "B")


def test_outputs_with_the_same_entries_in_the_same_order_do_not_differ() -> None:
    assert differences({"feed.atom": [A, B]}, {"feed.atom": [A, B]}) == []


@pytest.mark.parametrize(
    ("theirs", "difference"),
    [
        ({"feed.atom": [B, A]}, "feed.atom: the same entries in another order"),
        ({"feed.atom": [A]}, "feed.atom: others"),
        ({"feed.atom": [A, (B[0], "C")]}, "feed.atom: others"),
        ({}, "feed.atom: only one wrote it"),
    ],
)
def test_a_difference_is_told(theirs: dict[str, list[tuple[str, str]]], difference: str) -> None:
    assert differences({"feed.atom": [A, B]}, theirs) == [difference]


@pytest.mark.parametrize("number", [0, ENTRIES + 1])
def test_feeds_with_too_many_entries_or_none_are_wrong_though_they_agree(number: int) -> None:
    same = {"feed.atom": [A] * number}
    assert differences(same, same) == [f"feed.atom: {number} entries"]


@pytest.mark.parametrize("format", ["atom", "rss"])
def test_a_feed_of_this_program_is_read_back_in_its_order(built: Path, format: str) -> None:
    entries = read_feed(built / "public" / f"feed.{format}")
    posts = sorted((built / "posts").iterdir(), reverse=True)[:ENTRIES]
    assert [link.strip("/").rpartition("/")[2] for link, _ in entries] == [p.stem for p in posts]
    assert all(
        title in post.read_text("utf-8") for (_, title), post in zip(entries, posts, strict=True)
    )


def test_every_feed_that_a_corpus_calls_for_has_to_be_there(built: Path) -> None:
    feeds = outputs.read_feeds(built / "public")
    assert missing_feeds(feeds, built / "posts") == []
    tag = next(path for path in feeds if path.startswith("tag/"))
    del feeds[tag]
    assert missing_feeds(feeds, built / "posts") == [tag]


def test_a_peer_that_writes_the_same_passes_the_check(built: Path) -> None:
    check(built, [OURS, OURS])


def test_a_peer_that_orders_otherwise_fails_the_check(built: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    for name, body in contents(built / "public").items():
        (wrong / name).parent.mkdir(parents=True, exist_ok=True)
        (wrong / name).write_bytes(body)
    feed = wrong / "feed.rss"
    first, second, *rest = feed.read_text("utf-8").split("</item>")
    head, mark, item = first.partition("<item>")
    changed = "</item>".join([head.rstrip("\n") + second, mark + item, *rest])
    feed.write_text(changed, "utf-8")
    other = Tool("other", "1", OURS.command, str(wrong))
    with pytest.raises(DifferentError, match=r"feed\.rss: the same entries in another order"):
        check(built, [OURS, other])


def test_an_edit_that_is_in_no_feed_fails_the_check(built: Path) -> None:
    with pytest.raises(DifferentError, match="instead of 'corrected'"):
        check(built, [OURS, OURS], "corrected")


OURS = tools.ours()


@pytest.fixture(scope="module")
def built(corpus: Path) -> Path:
    timed(OURS.command(corpus))
    return corpus


PRESENT = {"hugo": hugo.binary() is not None, "pelican": pelican.version() is not None}


@pytest.mark.parametrize("peer", tools.PEERS)
def test_a_peer_and_this_program_write_the_same_feeds_before_and_after_an_edit(
    peer: str, tmp_path: Path
) -> None:
    if not PRESENT[peer]:
        pytest.skip(f"needs {peer} (extra bench)")
    measured = build.measure((OURS, tools.PEERS[peer]()), tmp_path, SMALL, 1, 1)
    assert [each.kind for each in measured] == list(Kind)
    assert all(cost.wall > 0 for each in measured for costs in each.costs for cost in costs)
    assert all(size > 1_000_000 for each in measured for sizes in each.memory for size in sizes)


def test_times_of_a_program_that_was_changed_meanwhile_do_not_count(tmp_path: Path) -> None:
    module = tmp_path / "feeds" / "build.py"
    module.parent.mkdir()
    module.write_text("one = 1\n")
    with build.unchanged(tmp_path):
        (tmp_path / "feeds" / "notes.txt").write_text("no module")
    with pytest.raises(ChangedError, match="measure it once more"), build.unchanged(tmp_path):
        os.utime(module, ns=(0, 0))


@pytest.mark.parametrize("peer", [hugo, pelican])
def test_what_is_missing_is_named_and_how_to_get_it(
    peer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "PACKAGE", "no-such-package")
    with pytest.raises(SystemExit, match=r"no-such-package; get it with: pip install"):
        build.main(["--peer", peer.__name__.rpartition(".")[2], "--posts", "1000"])


# --- what a run costs ---------------------------------------------------------------------


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_cpu_time_counts_all_processes_of_a_run() -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    both = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\n{burn}"
    assert timed(python(both)).cpu >= 0.4


def test_memory_counts_all_processes_of_a_run_and_what_they_share_once() -> None:
    # The parent touches 60 MB, its forked child reads them and touches 60 MB of its own.
    program = """
import os, time
shared = bytearray(os.urandom(1)) * 60_000_000
pid = os.fork()
if pid == 0:
    own = bytearray(os.urandom(1)) * 60_000_000
    time.sleep(0.3)
    os._exit(0)
os.waitpid(pid, 0)
"""
    assert 120_000_000 <= peak_memory(python(program)) < 170_000_000


@pytest.mark.parametrize("run", [timed, peak_memory])
def test_a_run_that_fails_counts_for_nothing(run: object) -> None:
    assert callable(run)
    with pytest.raises(FailedError, match=r"exited with 3:\nall is lost"):
        run(python("import sys; print('all is lost'); sys.exit(3)"))


def test_an_interrupted_benchmark_leaves_no_process_behind(tmp_path: Path) -> None:
    number = tmp_path / "pid"
    child = (
        f"import os, time; open({str(number)!r}, 'w').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    )
    parent = f"import bench.measure; bench.measure.timed({python(child)!r})"
    with killed_at_last(
        subprocess.Popen(python(parent), stderr=subprocess.DEVNULL, preexec_fn=heed_interrupts)
    ) as benchmark:
        while not (number.exists() and number.read_text().endswith("\n")):
            assert benchmark.poll() is None
        benchmark.send_signal(signal.SIGINT)
        assert benchmark.wait(30) != 0
    assert not Path(f"/proc/{number.read_text().strip()}").exists()


# --- the table ----------------------------------------------------------------------------


def test_ratios_are_taken_pair_by_pair() -> None:
    assert ratios([1, 8], [2, 4]) == [0.5, 2]


def test_a_spread_is_written_with_its_median_first() -> None:
    assert spread([3, 1, 1.5]).written(1) == "1.5 (1.0–3.0)"


def test_a_table_is_markdown() -> None:
    table = markdown(["run", "s"], [["cold", "1"], ["same", "2"]])
    assert table == "| run | s |\n| --- | ---: |\n| cold | 1 |\n| same | 2 |\n"


PAGE = "above\n<!-- x: begin -->\nold\n<!-- x: end -->\nbelow\n"


def test_only_what_is_between_the_markers_is_replaced() -> None:
    # A backslash or a group in the new text is text.
    page = replace_between(PAGE, "x", r"new \1 \g<0>" + "\n")
    assert page == PAGE.replace("old", r"new \1 \g<0>")


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="found it 0 times"):
        replace_between(PAGE, "y", "new\n")


def measured(kind: Kind, ours: float, megabytes: int = 100, peer: str = "Hugo") -> Measured:
    costs = [Cost(wall, 2 * wall) for wall in (ours, 4.0)]
    sizes = [size * 1_000_000 for size in (megabytes, 500)]
    return Measured(10_000, peer, kind, ([costs[0]] * 3, [costs[1]] * 3), ([sizes[0]], [sizes[1]]))


def test_a_row_has_wall_times_their_ratio_the_goals_and_cpu_times() -> None:
    row = time_row(measured(Kind.COLD, 2.0))
    assert row == [
        *("cold", "2.00 (2.00–2.00)", "4.00 (4.00–4.00)", "0.500 (0.500–0.500)", "0.8", "0.5"),
        *("4.00 (4.00–4.00)", "8.00 (8.00–8.00)", "0.500 (0.500–0.500)"),
    ]


def test_what_falls_short_is_named_and_nothing_else() -> None:
    found = shortfalls([measured(Kind.COLD, 3.6, megabytes=400), measured(Kind.EDIT, 0.4)])
    assert found == [
        "cold: 0.900 of Hugo's time, goal 0.8",
        "cold: 0.800 of Hugo's memory, goal 0.4",
        "cold: 0.900 of Hugo's time, next goal 0.5",
        "one edit: 0.100 of Hugo's time, next goal 0.05",
    ]


def test_goals_are_held_against_hugo_alone() -> None:
    slow = measured(Kind.COLD, 3.6, megabytes=400, peer="Pelican")
    assert shortfalls([slow]) == []
    assert time_row(slow)[4:6] == ["", ""]


def test_the_report_says_how_to_make_it_again() -> None:
    peer = Tool("Hugo", "1", OURS.command, "public-hugo")
    report = written([measured(Kind.COLD, 1.0)], corpora.SHAPES[10_000], (OURS, peer), 5, 3)
    command = "python -m bench.build --peer hugo --posts 10000 --runs 5 --memory-runs 3 --write"
    assert f"`{command}`" in report
    assert "No goal is missed." in report


def test_the_page_of_benchmarks_has_a_place_for_every_corpus_that_is_measured() -> None:
    page = build.PAGE.read_text("utf-8")
    for peer, measured in build.MEASURED.items():
        for posts in measured:
            assert replace_between(page, build.marker(posts, peer), "") != page
