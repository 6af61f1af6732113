"""The state of all links on one screen, against what a report says of each."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.config import Config, Ignored
from feeds.configfile import load_config
from feeds.links import overview as module
from feeds.links.overview import (
    LONGEST_ADDRESS,
    LONGEST_TEXT,
    MOST_HOSTS,
    MOST_LINKS,
    MOST_OF_A_CATEGORY,
    BrokenLink,
    Moment,
    Overview,
    Trouble,
    overview,
    pack,
    unpack,
)
from feeds.links.report import NOT_ASKED, items
from feeds.links.runs import state_of_links
from feeds.links.store import LinkStore
from feeds.links.urls import host_of
from feeds.models import Role, Standing, Verdict

from ..conftest import CONFIG
from .test_store import DAY, NOW, A, answer, link
from .test_tally import happen

TODAY = date(2026, 1, 15)
EMPTY = Overview(NOW, 0, 0, 0, 0, 0, (), (), 0, (), 0, (Moment(NOW, 0, 0, 0),))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG, "utf-8")
    return tmp_path


@pytest.fixture
def config(site: Path) -> Config:
    return load_config(site)


@pytest.fixture
def store(config: Config) -> Iterator[LinkStore]:
    with closing(LinkStore(config.state)) as opened:
        yield opened


def with_links(config: Config, **links: Any) -> Config:
    return replace(config, links=replace(config.links, **links))


def put(store: LinkStore, path: str, *links: Any, category: str = "") -> None:
    store.put_post(path, b"1", f"https://news.example.org/{path}", 1, links, category)


def end(store: LinkStore, at: int = NOW, asked: int = 0) -> None:
    store.end_run(store.begin_run(at), at, asked, store.totals())
    store.save()


def seen(store: LinkStore, config: Config) -> Overview:
    """The overview after a run that ends now."""
    end(store)
    found = overview(config, TODAY)
    assert found is not None
    assert unpack(pack(found)) == found
    return found


def listed(found: Overview) -> list[BrokenLink]:
    return [each for category in found.categories for each in category.links]


# --- nothing to see -----------------------------------------------------------------------


def test_there_is_none_where_links_were_never_checked(config: Config) -> None:
    assert overview(config, TODAY) is None
    assert state_of_links(config, TODAY) == ""
    assert unpack(pack(None)) is None
    assert not config.state.exists()


def test_there_is_none_until_a_run_has_ended(store: LinkStore, config: Config) -> None:
    store.begin_run(NOW)
    put(store, "a.md", link(A))
    store.save()
    assert overview(config, TODAY) is None


def test_a_site_without_links_has_nothing_wrong(store: LinkStore, config: Config) -> None:
    assert seen(store, config) == EMPTY


# --- what is counted ----------------------------------------------------------------------

URLS = [f"http://{host}.example/" for host in "abc"]
SAID = st.sampled_from([None, None, Verdict.MISSING, Verdict.SKIPPED, Verdict.OK, Verdict.EMPTY])
LINKS = st.builds(
    lambda url, role, said: link("" if said else url, role, verdict=said),
    st.sampled_from(URLS),
    st.sampled_from([Role.SOURCE, Role.SOURCE, Role.BACK_HOME, Role.BODY]),
    SAID,
)
EVENTS = st.one_of(
    st.tuples(
        st.just("put"), st.sampled_from(["a.md", "b.md", "c.md"]), st.lists(LINKS, max_size=4)
    ),
    st.tuples(
        st.just("answer"),
        st.sampled_from(URLS),
        st.sampled_from([Verdict.OK, Verdict.MOVED, Verdict.GONE, Verdict.DNS, Verdict.DENIED]),
    ),
)
SEVERITIES = st.sampled_from(
    [
        {},
        {"missing": "good"},
        {"back-home.missing": "good", "denied": "bad"},
        {"moved": "unsure", "body.gone": "good"},
        {"skipped": "bad", "source.ok": "bad", "duplicate": "good"},
    ]
)
IGNORED = st.sampled_from(
    [
        (),
        (Ignored("http://a.*", "", TODAY),),
        (Ignored("*", "", TODAY, "b.*", "gone"), Ignored("*", "", date(2020, 1, 1))),
        (Ignored("*", "", TODAY, verdict="duplicate"),),
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(EVENTS, max_size=12), SEVERITIES, IGNORED)
def test_what_is_counted_is_what_a_report_says(
    events: list[Any], severities: Mapping[str, str], ignored: tuple[Ignored, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "config.toml").write_text(CONFIG, "utf-8")
        config = with_links(load_config(root), severity=severities, ignore=ignored)
        with closing(LinkStore(config.state)) as store:
            for event in events:
                happen(store, *event)
            found = seen(store, config)
            reported = list(items(store, config, TODAY))
    standings = Counter(each.standing for each in reported)
    assert (found.bad, found.unsure) == (standings[Standing.BAD], standings[Standing.UNSURE])
    assert found.good == standings[Standing.GOOD]
    assert found.ignored == sum("ignored until" in each.detail for each in reported)
    meant = Counter((str(each.verdict), str(each.standing)) for each in reported)
    assert {(verdict, means): number for verdict, means, number in found.verdicts} == meant
    order = [means for _, means, _ in found.verdicts]
    assert order == sorted(order, key=["bad", "unsure", "good"].index)
    bad = [each for each in reported if each.standing is Standing.BAD]
    assert sum(each.number for each in found.categories) == len(bad)
    assert sum(each.number for each in listed(found)) == len(bad)
    told = {(each.post, each.line, each.role, each.url, each.verdict): each.detail for each in bad}
    for each in listed(found):
        detail = told[each.post, each.line, each.role, each.url, Verdict(each.verdict)]
        assert each.detail == detail.removeprefix(NOT_ASKED)
    hosts = Counter(
        (host_of(each.target), each.verdict)
        for each in reported
        if each.standing is not Standing.GOOD
        and each.target
        and each.verdict is not Verdict.DUPLICATE
    )
    assert {(each.host, each.verdict): each.number for each in found.hosts} == hosts


def test_a_broken_link_is_told_with_all_that_is_known(store: LinkStore, config: Config) -> None:
    put(store, "a.md", link(A, line=7), category="emnews")
    for day in range(4):
        answer(store, A, Verdict.GONE, NOW + day * DAY, status=404, detail="a word")
    found = seen(store, config)
    assert found.hosts == (Trouble("a.example", "gone", "bad", 1, NOW),)
    (category,) = found.categories
    assert (category.name, category.number, category.more) == ("emnews", 1, 0)
    assert category.links == (
        BrokenLink(
            *("a.md", "https://news.example.org/a.md", 7, "source", "", A, A),
            *("gone", "a word", 404, NOW, 1, True),
        ),
    )


def test_since_when_is_told_without_a_request_too(store: LinkStore, config: Config) -> None:
    store.begin_run(NOW - 3 * DAY)
    put(store, "a.md", link("../", Role.BACK_HOME, verdict=Verdict.RELATIVE))
    (told,) = listed(seen(store, config))
    assert told.since == NOW - 3 * DAY
    assert [int(each.since.timestamp()) for each in items(store, config, TODAY) if each.since] == [
        told.since
    ]


def test_a_store_of_before_is_told_of_as_far_as_it_knows(store: LinkStore, config: Config) -> None:
    put(store, "a.md", link("../", Role.BACK_HOME, verdict=Verdict.RELATIVE))
    seen(store, config)
    store.close()
    with closing(sqlite3.connect(config.state / "links.sqlite")) as db:
        db.execute("ALTER TABLE link DROP COLUMN since")
        db.execute("PRAGMA user_version = 1")
        db.commit()
    found = overview(config, TODAY)
    assert found is not None
    assert [each.since for each in listed(found)] == [0]


def test_the_most_broken_category_comes_first_and_sources_before_the_rest(
    store: LinkStore, config: Config
) -> None:
    empty = link("", Role.BODY, 3, Verdict.EMPTY)
    missing = link("", Role.SOURCE, 9, Verdict.MISSING)
    put(store, "1.md", missing, category="few")
    put(store, "2.md", empty, missing, category="many")
    put(store, "3.md", missing)
    put(store, "4.md", missing, category="many")
    found = seen(store, config)
    assert [(each.name, each.number) for each in found.categories] == [
        ("many", 3), ("", 1), ("few", 1)
    ]  # fmt: skip
    assert [(each.role, each.post) for each in found.categories[0].links] == [
        ("source", "4.md"), ("source", "2.md"), ("body", "2.md")
    ]  # fmt: skip


def test_one_address_that_many_posts_have_is_listed_once(store: LinkStore, config: Config) -> None:
    for number in range(9):
        put(store, f"{number}.md", link(A, Role.BACK_HOME), category="x")
    answer(store, A, Verdict.GONE)
    (category,) = seen(store, config).categories
    assert (category.number, category.more) == (9, 0)
    assert [(each.post, each.number) for each in category.links] == [("8.md", 9)]


@pytest.mark.parametrize("verdict", [Verdict.DENIED, Verdict.MOVED, Verdict.GONE])
def test_a_source_that_posts_share_is_counted_once(
    store: LinkStore, config: Config, verdict: Verdict
) -> None:
    for path in ("a.md", "b.md"):
        put(store, path, link(A))
    answer(store, A, verdict)
    found = seen(store, with_links(config, severity={"moved": "unsure"}))
    assert (found.bad, found.unsure) == (2, 0)
    said = "gone" if verdict is Verdict.GONE else "duplicate"
    assert [(each.verdict, each.number) for each in listed(found)] == [(said, 2)]


def test_the_index_knows_all_verdicts_that_may_be_not_good() -> None:
    """What links.sql says of them in words is what verdicts mean."""
    said = {"ok", "moved", "redirected", "skipped"}
    assert set(module.CERTAIN) == said
    text = Path(module.__file__).with_name("links.sql").read_text("utf-8")
    assert f"WHERE {module.INDEXED};" in text
    assert f"WHERE {module.INDEXED_OF_LINKS};" in text


# --- how big it may be --------------------------------------------------------------------


def test_it_does_not_grow_with_the_site(store: LinkStore, config: Config) -> None:
    for number in range(400):
        url = f"http://h{number}.example/"
        put(store, f"{number:03}.md", link(url), category=f"c{number % 4}")
    for number in range(400):
        answer(store, f"http://h{number}.example/", Verdict.GONE)
    found = seen(store, config)
    assert (found.bad, len(listed(found))) == (400, 4 * MOST_OF_A_CATEGORY)
    assert [(each.number, each.more) for each in found.categories] == [(100, 80)] * 4
    assert (len(found.hosts), found.more_hosts) == (MOST_HOSTS, 400 - MOST_HOSTS)


def test_many_categories_share_the_room(
    store: LinkStore, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CATEGORIES", 70)
    for number in range(80):
        links = [link("", Role.BODY, line, Verdict.EMPTY) for line in range(5)]
        put(store, f"{number:03}.md", *links, category=f"c{number:02}")
    found = seen(store, config)
    assert (len(found.categories), found.more_categories) == (70, 10)
    assert len(listed(found)) == MOST_LINKS
    assert {len(each.links) for each in found.categories} == {3, 0}
    assert all(each.number == 5 for each in found.categories)


def test_long_texts_are_cut_and_long_addresses_lead_nowhere(
    store: LinkStore, config: Config
) -> None:
    url = f"http://a.example/{'x' * LONGEST_ADDRESS}"
    put(store, f"{'p' * 900}.md", link(url), category="x")
    answer(store, url, Verdict.GONE)
    (found,) = listed(seen(store, config))
    assert (len(found.post), len(found.url), found.target) == (LONGEST_TEXT, LONGEST_TEXT, "")


# --- over time ----------------------------------------------------------------------------


def test_the_trend_means_what_the_configuration_says_today(
    store: LinkStore, config: Config
) -> None:
    for at, totals in enumerate(
        [{"source.gone": 1}, {"source.gone": 2, "image.gone": 4}, {"source.denied": 8, "ok": 16}]
    ):
        store.end_run(store.begin_run(NOW + at * DAY), NOW + at * DAY, 1, totals)
    store.save()

    def trend(**severity: str) -> list[tuple[int, int, int]]:
        config_of_today = with_links(config, severity=severity)
        found = overview(config_of_today, TODAY)
        assert found is not None
        return [(each.total, each.bad, each.unsure) for each in found.trend]

    assert trend() == [(1, 1, 0), (6, 6, 0), (24, 0, 8)]
    assert trend(**{"image.gone": "unsure", "denied": "bad"}) == [
        (1, 1, 0), (6, 2, 4), (24, 8, 0)
    ]  # fmt: skip


# --- what tells one from another ----------------------------------------------------------


def test_the_state_changes_with_a_run_and_with_what_the_configuration_says(
    store: LinkStore, config: Config
) -> None:
    end(store)
    first = state_of_links(config, TODAY)
    assert first == state_of_links(config, TODAY)
    end(store, NOW + 1)
    assert first == state_of_links(config, TODAY)
    accepted = with_links(config, ignore=(Ignored(A, "", TODAY),))
    severe = with_links(config, severity={"gone": "good"})
    states = {first, state_of_links(accepted, TODAY), state_of_links(severe, TODAY)}
    assert len(states) == 3
    # An accepted fault counts again the day after its last.
    assert state_of_links(accepted, date(2026, 1, 16)) == first
    end(store, NOW + 2, asked=1)
    assert state_of_links(config, TODAY) not in states
