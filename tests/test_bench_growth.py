"""How the benchmark of growth measures, remembers and reports; not how long anything takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench import build, growth, steps
from bench.build import Kind
from bench.corpora import STAMP, prepared
from bench.corpus import Shape
from bench.growth import Figures, Runs, read_figures, shortfalls, two_posts
from bench.measure import FailedError, timed
from bench.table import replace_between
from bench.tools import ours

SMALL = Shape(posts=60, categories=3, tags=9)
NAMES = [*map(str, Kind), "looking", "reading"]


def figures(posts: int, wall: float = 1.0, memory: int = 10_000_000) -> Figures:
    runs = Runs([wall, wall, 9 * wall], [wall], memory)
    return Figures(posts, dict.fromkeys(NAMES, runs), {"reading posts": 0.5})


def test_a_corpus_is_measured_in_every_kind_of_run_and_put_back(tmp_path: Path) -> None:
    root = prepared(tmp_path, SMALL)
    before = sorted(path.read_bytes() for path in (root / "posts").iterdir())
    found = growth.measure_size(root, 1)
    assert found.posts == SMALL.posts
    assert list(found.runs) == NAMES
    assert all(len(runs.walls) == 1 and runs.walls[0] > 0 for runs in found.runs.values())
    assert found.steps["rendering entries"] >= 0
    assert sum(found.steps.values()) > 0
    assert sorted(path.read_bytes() for path in (root / "posts").iterdir()) == before


def test_one_of_two_posts_is_alone_in_its_category(tmp_path: Path) -> None:
    root = prepared(tmp_path, Shape(posts=30, categories=1, tags=3))
    with two_posts(root) as paths:
        assert not (root / STAMP).exists()  # a corpus that is left like this is made anew
        timed(ours().command(root))
        files = {path.name for path in (root / "public" / "category").iterdir()}
        assert files == {"alone", "lanmu0000"}
        atom = (root / "public/category/alone/feed.atom").read_text("utf-8")
        assert atom.count("<entry>") == 1
    assert not any(path.exists() for path in paths)
    assert prepared(tmp_path, Shape(posts=30, categories=1, tags=3)) == root


def test_figures_are_known_until_what_they_depend_on_changes(tmp_path: Path) -> None:
    path, found = tmp_path / "x.json", figures(1_000)
    assert read_figures(path, "k") is None
    runs = {name: vars_of(each) for name, each in found.runs.items()}
    kept = {"key": "k", "posts": 1_000, "runs": runs, "steps": dict(found.steps)}
    path.write_text(json.dumps(kept))
    assert read_figures(path, "k") == found
    assert read_figures(path, "other") is None
    path.write_text(path.read_text()[:-9])
    assert read_figures(path, "k") is None


def vars_of(runs: Runs) -> dict[str, object]:
    return {"walls": runs.walls, "cpus": runs.cpus, "memory": runs.memory}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "SHAPES", {60: SMALL, 30: Shape(30, 2, 5)})


@pytest.mark.usefixtures("small")
def test_an_interrupted_measurement_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[int] = []

    def measure(root: Path, runs: int) -> Figures:
        posts = growth.count(root)
        measured.append(posts)
        if len(measured) == 2:
            raise FailedError("interrupted")
        return figures(posts)

    monkeypatch.setattr(growth, "measure_size", measure)
    given = ["--posts", "30", "--posts", "60", "--no-terms", "--cache", str(tmp_path)]
    with pytest.raises(SystemExit, match="interrupted"):
        growth.main(given)
    growth.main(given)
    assert measured == [30, 60, 60]
    said = capsys.readouterr()
    assert "growth-30-2.json: measured before" in said.err
    assert "| cold | 60 | 1.00 (1.00–9.00)" in said.out


@pytest.mark.parametrize("keep", [[], ["--keep"]])
@pytest.mark.usefixtures("small")
def test_a_large_corpus_is_deleted_when_it_was_measured(
    keep: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LARGEST_KEPT", 50)
    monkeypatch.setattr(growth, "measure_size", lambda root, runs: figures(growth.count(root)))
    sizes = ["--posts", "30", "--posts", "60"]
    growth.main([*sizes, "--no-terms", "--cache", str(tmp_path), *keep])
    left = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert left == {"30-2-5-1", *(["60-3-9-1"] if keep else [])}


def test_goals_are_those_of_a_million_posts() -> None:
    assert list(shortfalls(figures(100_000, wall=500))) == []
    assert list(shortfalls(figures(1_000_000))) == []
    assert list(shortfalls(figures(1_000_000, wall=120, memory=500_000_000))) == [
        "cold, 1,000,000 posts: 120.0 s, goal 100 s",
        "one edit, 1,000,000 posts: 120.0 s, goal 3 s",
        "cold, 1,000,000 posts: 500 MB, goal 400 MB",
    ]


def test_steps_are_told_apart_by_what_is_heard_of_them() -> None:
    heard = {"reading posts": (2.0, 5.0), "writing feeds": (7.0, 8.0)}
    assert list(steps.steps(heard, 1.0, 8.5).items()) == [
        ("index, list of files", 1.0),
        ("reading posts", 3.0),
        ("who is visible, selection", 0.0),
        ("rendering entries", 0.0),
        ("output folder", 2.0),
        ("writing feeds", 1.0),
        ("moving into place", 0.5),
    ]


def test_the_report_has_a_table_for_each_question() -> None:
    uneven = replace(figures(102), runs={"1": Runs([1], [1], 0), "101": Runs([2], [2], 0)})
    report = growth.written([figures(1_000), figures(10_000)], uneven, 3)
    assert "`python -m bench.growth --posts 1000 --posts 10000 --runs 3 --write`" in report
    assert "| one edit | 10,000 | 1.00 (1.00–9.00) | 1.00 (1.00–1.00) | 100.0 | 10 |" in report
    assert "| reading posts | 0.50 | 0.50 |" in report
    assert "| 101 | 2.00 (2.00–2.00) |" in report
    page = build.PAGE.read_text("utf-8")
    assert replace_between(page, growth.MARKER, report) != page
