"""The benchmark of ``--cluster``: what follows from its figures, and where they are written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import asking, cluster, links, web
from bench.cluster import READ_THERE, WAYS, Figures, bounds, digest, written
from bench.machines import Shares
from bench.measure import WrongError
from bench.table import replace_between


def test_a_build_takes_the_longer_of_both_at_best_and_their_sum_at_worst() -> None:
    costs = [Shares(9.0, 2.0, 8.0), Shares(9.0, 1.0, 7.0), Shares(9.0, 3.0, 9.0)]
    alone = [Shares(10.0, 10.0, 0.0)] * 3
    assert bounds(costs, alone, 1) == "0.80–1.00"
    assert bounds(costs, alone, 4) == "0.20–0.40"
    assert bounds(costs, alone, 32) == "0.20–0.23"


def test_a_slow_round_is_set_against_one_process_in_that_round() -> None:
    costs = [Shares(9.0, 2.0, 8.0), Shares(90.0, 20.0, 80.0), Shares(9.0, 2.0, 8.0)]
    alone = [Shares(10.0, 10.0, 0.0), Shares(100.0, 100.0, 0.0), Shares(10.0, 10.0, 0.0)]
    assert bounds(costs, alone, 1) == "0.80–1.00"


def test_a_report_has_every_way_and_the_model() -> None:
    figures = Figures(10_000, {way: [Shares(3.0, 2.0, way.workers)] for way in WAYS}, [1234.0])
    report = written(figures)
    row = "| {} | 3.00 (3.00–3.00) | 1.00 (1.00–1.00) | 2.00 (2.00–2.00) | "
    assert all(row.format(way.name) in report for way in WAYS)
    assert row.format(READ_THERE.name) + "2.00 " in report
    assert "takes in 1,234 (1,234–1,234) posts/s" in report
    assert "| 32 | 0.67–0.69 | 0.67–0.69 |" in report


@pytest.mark.parametrize("what", [*map(str, cluster.MEASURED), "links"])
def test_each_report_has_its_place_in_the_page(what: str) -> None:
    assert replace_between(cluster.PAGE.read_text("utf-8"), cluster.marker(what), "")


def test_one_other_byte_makes_another_digest(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    before = digest(tmp_path)
    (tmp_path / "a").write_bytes(b"y")
    assert digest(tmp_path) != before
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "b").write_bytes(b"x")
    assert digest(tmp_path) != before


# --- links ----------------------------------------------------------------------------------


def test_links_are_asked_for_as_fast_as_the_slower_side_can_at_best() -> None:
    costs = [Shares(9.0, 2.0, 8.0), Shares(9.0, 1.0, 7.0), Shares(9.0, 3.0, 9.0)]
    assert asking.bounds(costs, 1_000, 1) == "125–100"
    assert asking.bounds(costs, 1_000, 4) == "500–250"
    assert asking.bounds(costs, 1_000, 32) == "500–444"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_workers_ask_for_each_link_once(tmp_path: Path) -> None:
    with web.serving() as served:
        found = asking.measured(tmp_path, served, 800, 1)
    assert [len(costs) for costs in found.values()] == [1, 1, 1]
    assert found[asking.ALONE][0].there == 0
    assert min(found[way][0].there for way, workers in asking.WAYS.items() if workers) > 0
    assert "### 800 links to" in asking.written(found, 800)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_a_run_that_asks_for_other_links_counts_for_nothing(tmp_path: Path) -> None:
    root = tmp_path / "site"
    with web.serving() as served:
        links.write_site(root, 100, [f"h0.example:{served.port}"], asking.NETWORK)
        with pytest.raises(WrongError, match="100 requests for 120 links"):
            asking.run(asking.ALONE, root, tmp_path, served, 120)
