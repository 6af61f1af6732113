"""The benchmark of ``--cluster``: what follows from its figures, and where they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import cluster
from bench.cluster import READ_THERE, WAYS, Cost, Figures, bounds, digest, stored, written
from bench.corpus import Shape, write_corpus
from bench.table import replace_between


def test_a_build_takes_the_longer_of_both_at_best_and_their_sum_at_worst() -> None:
    costs = [Cost(9.0, 2.0, 8.0), Cost(9.0, 1.0, 7.0), Cost(9.0, 3.0, 9.0)]
    alone = [Cost(10.0, 10.0, 0.0)] * 3
    assert bounds(costs, alone, 1) == "0.80–1.00"
    assert bounds(costs, alone, 4) == "0.20–0.40"
    assert bounds(costs, alone, 32) == "0.20–0.23"


def test_a_slow_round_is_set_against_one_process_in_that_round() -> None:
    costs = [Cost(9.0, 2.0, 8.0), Cost(90.0, 20.0, 80.0), Cost(9.0, 2.0, 8.0)]
    alone = [Cost(10.0, 10.0, 0.0), Cost(100.0, 100.0, 0.0), Cost(10.0, 10.0, 0.0)]
    assert bounds(costs, alone, 1) == "0.80–1.00"


def test_a_report_has_every_way_and_the_model() -> None:
    figures = Figures(10_000, {way: [Cost(3.0, 2.0, way.workers)] for way in WAYS}, [1234.0])
    report = written(figures, 1)
    row = "| {} | 3.00 (3.00–3.00) | 1.00 (1.00–1.00) | 2.00 (2.00–2.00) | "
    assert all(row.format(way.name) in report for way in WAYS)
    assert row.format(READ_THERE.name) + "2.00 " in report
    assert "takes in 1,234 (1,234–1,234) posts/s" in report
    assert "| 32 | 0.67–0.69 | 0.67–0.69 |" in report


@pytest.mark.parametrize("posts", cluster.MEASURED)
def test_a_report_of_each_size_has_its_place_in_the_page(posts: int) -> None:
    assert replace_between(cluster.PAGE.read_text("utf-8"), cluster.marker(posts), "")


def test_the_index_takes_in_all_posts_anew_in_every_round(tmp_path: Path) -> None:
    write_corpus(tmp_path / "site", Shape(30, 2, 3))
    rates = stored(tmp_path / "site", 2)
    assert len(rates) == 2
    assert min(rates) > 0


def test_one_other_byte_makes_another_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    before = digest(tmp_path)
    (tmp_path / "a").write_bytes(b"y")
    assert digest(tmp_path) != before
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"x")
    assert digest(tmp_path) != before
