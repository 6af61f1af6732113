"""What the parts of a build cost: every part is measured in every round, and has its place."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from bench import parts
from bench.corpus import Shape, write_corpus
from bench.parts import measured, stored_in_a_second, written
from bench.table import replace_between
from feeds.configfile import load_config
from feeds.view import current_index


def test_each_part_is_measured_in_each_round(tmp_path: Path) -> None:
    write_corpus(tmp_path / "site", Shape(30, 2, 3))
    found = measured(tmp_path / "site", 2, 20)
    assert {"its digest", "… the header", "… as atom", "… as rss", "storing in the index"} <= {
        *found
    }
    assert all(len(values) == 2 and min(values) > 0 for values in found.values())
    report = written(found)
    assert report.count("\n") == len(found) + 2
    assert replace_between(parts.PAGE.read_text("utf-8"), parts.MARKER, report)


def test_the_index_takes_in_all_posts_anew_each_time(tmp_path: Path) -> None:
    write_corpus(tmp_path / "site", Shape(30, 2, 3))
    config = load_config(tmp_path / "site")
    for _ in range(2):
        assert stored_in_a_second(tmp_path / "site", config) > 0
        index = current_index(config.state)
        assert index is not None
        with closing(sqlite3.connect(index)) as db:
            assert db.execute("SELECT count(*) FROM post").fetchone() == (30,)
