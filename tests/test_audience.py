"""Who subscribes, as the command line shows it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from feeds.audience import audience
from feeds.cli import cli
from feeds.configfile import load_config
from feeds.errors import OutputError
from feeds.ledger import Ledger
from feeds.sketch import sketch

DAY, NEXT_DAY = "2022-06-14", "2022-06-15"


@pytest.fixture
def counted(site: Path) -> Path:
    """A site where somebody was counted on two days."""
    told = {
        ("feed.atom", "Feedly"): 120,
        ("feed.atom", "Feedbin feed-id:1"): 1_234,
        ("tag/股市/feed.rss", "evil\x1b[2J"): 3,
    }
    readers = {"feed.atom": sketch([b"a", b"b"]), "feed.json": sketch([b"a"])}
    with contextlib.closing(Ledger(load_config(site).state)) as ledger:
        ledger.count(DAY, {}, {}, told, readers)
        ledger.count(NEXT_DAY, {}, {}, {("feed.atom", "Feedly"): 121}, {})
    return site


def shown(site: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, ["subscribers", str(site), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def objects(site: Path, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shown(site, "--json", *arguments))
    return found


def test_the_last_day_is_shown_unless_another_is_asked_for(counted: Path) -> None:
    assert objects(counted) == [
        {
            "day": NEXT_DAY,
            "path": "feed.atom",
            "subscribers": 121,
            "agents": {"Feedly": 121},
            "readers": 0,
        }
    ]
    assert {each["day"] for each in objects(counted, "--day", DAY)} == {DAY}
    assert objects(counted, "--day", "2022-06-13") == []


def test_feeds_and_agents_come_with_the_most_subscribers_first(counted: Path) -> None:
    found = objects(counted, "--day", DAY)
    assert [(each["path"], each["subscribers"]) for each in found] == [
        ("feed.atom", 1_356),
        ("tag/股市/feed.rss", 3),
        ("feed.json", 1),
    ]
    assert list(found[0]["agents"].items()) == [("Feedbin feed-id:1", 1_234), ("Feedly", 120)]
    assert [each["readers"] for each in found] == [2, 0, 1]


def test_people_are_shown_a_line_for_each_feed(counted: Path) -> None:
    lines = shown(counted, "--day", DAY).splitlines()
    assert lines[0] == "    1,356  feed.atom  (Feedbin feed-id:1 1,234, Feedly 120, readers 2)"
    assert lines[2] == "        1  feed.json  (readers 1)"


def test_what_an_agent_calls_itself_commands_no_terminal(counted: Path) -> None:
    assert "\x1b" not in shown(counted, "--day", DAY)
    assert "\x1b" not in shown(counted, "--day", DAY, "--json")


def test_numbers_of_a_day_do_not_change_when_it_is_over(counted: Path) -> None:
    """Its readers are a number from then on, where they were a sketch."""
    config = load_config(counted)
    before = audience(config, DAY)
    with contextlib.closing(Ledger(config.state)) as ledger:
        ledger.count("2022-06-16", {}, {}, {}, {})
    assert audience(config, DAY) == before


def test_a_site_that_was_never_served_has_no_audience_and_no_new_files(site: Path) -> None:
    assert "nobody was counted yet" in shown(site)
    assert objects(site) == []
    assert not (site / ".feeds").exists()
    (site / ".feeds").mkdir()
    assert objects(site) == []
    assert list((site / ".feeds").iterdir()) == []


def test_a_ledger_that_cannot_be_read_is_an_error_of_the_user(counted: Path) -> None:
    config = load_config(counted)
    (config.state / "ledger.sqlite").write_bytes(b"nonsense" * 1_000)
    with pytest.raises(OutputError, match="not a database; delete it"):
        audience(config)
