"""What links mean on a site: severities, accepted faults, groups."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config, Ignored, Links, Site
from feeds.links.report import NOT_ASKED, Item, items
from feeds.links.rules import Judged
from feeds.links.store import LinkStore
from feeds.links.urls import Target
from feeds.models import Link, Role, Standing, Verdict

TODAY = date(2026, 6, 1)
URL = "https://a.example.org/x"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LinkStore]:
    with closing(LinkStore(tmp_path)) as store:
        run = store.begin_run(0)
        asked = Judged(Link(Role.SOURCE, "", URL, 9), None, "", Target(URL, ""))
        wrong = Judged(Link(Role.BACK_HOME, "首页", "../", 12), Verdict.RELATIVE, "relative")
        store.put_post("_posts/a.md", b"1", "https://news.example.org/a", run, [asked, wrong])
        yield store


def found(store: LinkStore, **settings: Any) -> list[Item]:
    config = Config(Path("/"), Site("https://news.example.org"), links=Links(**settings))
    return list(items(store, config, TODAY))


def test_a_link_that_was_never_asked_for_is_said_to_be_so_and_not_bad(store: LinkStore) -> None:
    source, back = found(store)
    assert (source.verdict, source.standing) == (Verdict.SKIPPED, Standing.GOOD)
    assert source.detail == NOT_ASKED
    assert (back.verdict, back.standing) == (Verdict.RELATIVE, Standing.BAD)


def test_a_severity_for_a_role_wins_over_one_for_the_verdict(store: LinkStore) -> None:
    assert found(store, severity={"relative": "unsure"})[1].standing is Standing.UNSURE
    both = {"relative": "unsure", "back-home.relative": "good"}
    assert found(store, severity=both)[1].standing is Standing.GOOD
    assert found(store, severity={"source.relative": "good"})[1].standing is Standing.BAD


def ignored(**values: Any) -> tuple[Ignored, ...]:
    return (Ignored(**{"url": "../*", "reason": "old", "until": TODAY, **values}),)


def test_a_fault_is_accepted_up_to_its_last_day(store: LinkStore) -> None:
    back = found(store, ignore=ignored())[1]
    assert (back.verdict, back.standing) == (Verdict.RELATIVE, Standing.GOOD)
    assert back.detail == "relative; ignored until 2026-06-01: old"
    assert found(store, ignore=ignored(until=date(2026, 5, 31)))[1].standing is Standing.BAD


@pytest.mark.parametrize(
    ("values", "standing"),
    [
        ({"post": "_posts/*"}, Standing.GOOD),
        ({"post": "other/*"}, Standing.BAD),
        ({"verdict": "relative"}, Standing.GOOD),
        ({"verdict": "gone"}, Standing.BAD),
        ({"url": "https://*"}, Standing.BAD),
        ({"url": "*"}, Standing.GOOD),
    ],
)
def test_everything_that_is_said_of_an_accepted_fault_has_to_fit(
    store: LinkStore, values: dict[str, Any], standing: Standing
) -> None:
    assert found(store, ignore=ignored(**values))[1].standing is standing
