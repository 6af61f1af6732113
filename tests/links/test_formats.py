"""Reports for other programs: read back by a parser of each format."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.links.formats import FORMATS, Context, message, summary_lines
from feeds.links.report import SHOWN, Item, summary
from feeds.links.verdict import standing
from feeds.models import Standing, Verdict

SINCE = datetime(2026, 1, 2, tzinfo=UTC)
# Everything that means something in some format.
NASTY = "a|b`<i>*x*</i>\n::error::%0A,x=\"'&\x1b[31m\u202e\x85\ud800\ufffe]]>"


def item(verdict: Verdict = Verdict.GONE, **values: Any) -> Item:
    known = {
        "post": "_posts/a.md",
        "line": 7,
        "role": "source",
        "label": "",
        "url": "http://a.example.org/x",
        "verdict": verdict,
        "standing": standing(verdict),
        "status": 404,
        "final_url": "",
        "since": SINCE,
        "fails": 3,
        "confirmed": True,
        "detail": "",
        "target": "http://a.example.org/x",
    }
    return Item(**{**known, **values})


ALL = [item(Verdict.OK, status=200, since=None), item(), item(Verdict.DENIED, status=403)]
HOSTILE = item(post=NASTY, url=NASTY, detail=NASTY, label=NASTY, final_url=NASTY)


def written(form: str, items: list[Item], site: str = "") -> str:
    standings = Counter(each.standing for each in items)
    return "".join(FORMATS[form](items, Context(standings, Path("/srv/news"), site)))


def test_json_has_an_object_per_link_with_every_key() -> None:
    objects = json.loads(written("json", ALL))
    assert [each["class"] for each in objects] == ["good", "bad", "unsure"]
    assert objects[1] == {
        "post": "_posts/a.md",
        "line": 7,
        "role": "source",
        "label": "",
        "url": "http://a.example.org/x",
        "verdict": "gone",
        "class": "bad",
        "status": 404,
        "final_url": None,
        "since": "2026-01-02T00:00:00+00:00",
        "fails": 3,
        "confirmed": True,
        "detail": "",
    }
    assert objects[0]["since"] is None


def test_json_of_nothing_is_an_empty_array() -> None:
    assert json.loads(written("json", [])) == []


def test_junit_counts_bad_links_as_failures_and_unsure_ones_as_skipped() -> None:
    cases = list(ET.fromstring(written("junit", ALL)).iter("testcase"))
    assert [[child.tag for child in case] for case in cases] == [[], ["failure"], ["skipped"]]
    assert cases[1].get("classname") == "_posts/a.md"
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.get("type") == "gone"
    assert "404" in (failure.get("message") or "")


def test_junit_says_how_many_there_are_of_each() -> None:
    (suite,) = ET.fromstring(written("junit", [*ALL, item(), item()]))
    counts = {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")}
    assert counts == {"tests": "5", "failures": "3", "skipped": "1", "errors": "0"}


def test_sarif_has_a_result_for_every_link_that_is_not_good() -> None:
    (run,) = json.loads(written("sarif", ALL))["runs"]
    assert [each["level"] for each in run["results"]] == ["error", "note"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    where = place["artifactLocation"]
    assert where["uri"] == "_posts/a.md"
    assert run["originalUriBaseIds"][where["uriBaseId"]] == {"uri": "file:///srv/news/"}
    assert '"uri": "blog/%E6%96%87/_posts/a.md"' in written("sarif", ALL, "blog/文/")
    assert place["region"] == {"startLine": 7}
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {each["ruleId"] for each in run["results"]} <= rules
    assert json.loads(written("sarif", []))["runs"][0]["results"] == []


def test_github_gets_a_command_per_link_that_is_not_good() -> None:
    first, second = written("github", ALL, "site/").splitlines()
    assert first.startswith("::error file=site/_posts/a.md,line=7,title=source gone::source: gone ")
    assert second.startswith("::warning ")


def test_markdown_has_a_table_and_totals() -> None:
    text = written("markdown", ALL)
    assert text.count("\n| ") == 4
    assert text.endswith("\n1 good, 1 bad, 1 unsure\n")
    assert written("markdown", []).endswith("\n0 good, 0 bad, 0 unsure\n")


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_nothing_that_a_post_says_breaks_out(form: str) -> None:
    text = written(form, [HOSTILE])
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff\ufffe]", text)
    text.encode()
    if form == "github":
        (line,) = text.splitlines()
        assert re.fullmatch(r"::error file=[^:,]*,line=7,title=[^:,]*::.*", line)
        assert "%0A,x" not in line.replace("%250A", "")
    elif form == "markdown":
        (row,) = [line for line in text.splitlines() if "gone" in line]
        assert len(re.findall(r"(?<!\\)\|", row)) == 6
        assert not re.search(r"(?<!\\)[`*<]", row.replace("**gone**", ""))
    elif form == "junit":
        ET.fromstring(text)
    else:
        json.loads(text)


@given(st.text(), st.text(), st.sampled_from(sorted(FORMATS)))
def test_every_text_makes_a_report_that_can_be_read(url: str, detail: str, form: str) -> None:
    text = written(form, [item(url=url, detail=detail, post=url)])
    text.encode()
    if form == "junit":
        ET.fromstring(text)
    if form in ("json", "sarif"):
        json.loads(text)
    if form == "github":
        assert len(text.splitlines()) == 1


def test_a_message_says_what_and_why_on_one_line() -> None:
    text = message(item(detail="nobody\nthere"))
    assert text == (
        "source: gone http://a.example.org/x (nobody\\nthere, status 404, since 2026-01-02)"
    )


def lines(items: list[Item]) -> list[tuple[str, Standing | None]]:
    return list(summary_lines(summary(iter(items))))


def test_a_summary_names_hosts_and_verdicts_bad_ones_first() -> None:
    found = lines([item(Verdict.DENIED), item(Verdict.DENIED), item(), item(Verdict.OK)])
    heads = [line for line, standing in found if standing]
    assert heads == [
        "a.example.org: 1 gone, since 2026-01-02, 1 confirmed",
        "a.example.org: 2 denied, since 2026-01-02, 2 confirmed",
    ]
    assert found[-1][0] == "4 links: 2 denied, 1 gone, 1 ok"


def test_a_host_that_is_down_is_one_line_with_a_count() -> None:
    down = [item(Verdict.DNS, status=0, line=n, detail="no such name") for n in range(3000)]
    found = lines(down)
    assert [line for line, _ in found] == [
        "a.example.org: 3,000 dns, since 2026-01-02, 3,000 confirmed — no such name",
        "3,000 links: 3,000 dns",
    ]
    # One that answers elsewhere is not down.
    assert len(lines([*down, item(Verdict.OK, status=200)])) == 2 + 10 + 1


def test_what_is_wrong_without_asking_is_grouped_by_role() -> None:
    found = lines([item(Verdict.RELATIVE, role="back-home", url="../", target="", since=None)])
    assert found[0] == ("(back-home): 1 relative, 1 confirmed", Standing.BAD)
    assert found[1][0].startswith("    _posts/a.md:7: back-home: relative ../")


def test_what_moved_for_good_is_said_with_where_it_leads() -> None:
    new = "https://a.example.org/new"
    moved = [
        item(Verdict.MOVED, line=n, status=200, since=None, final_url=new) for n in range(SHOWN + 2)
    ]
    found = [line for line, _ in lines([*moved, item(Verdict.OK, status=200)])]
    assert found[0] == "12 moved for good; --fix writes new addresses where it can"
    assert found[1] == f"    _posts/a.md:0: source: moved http://a.example.org/x (now {new})"
    assert found[SHOWN:] == [
        "    _posts/a.md:9: source: moved http://a.example.org/x (now https://a.example.org/new)",
        "    and 2 more",
        "13 links: 12 moved, 1 ok",
    ]


def test_what_moved_and_is_to_be_bad_is_said_once() -> None:
    bad = item(Verdict.MOVED, status=200, standing=Standing.BAD, final_url="https://b.example.org/")
    found = [line for line, _ in lines([bad])]
    assert len([line for line in found if "now https://b.example.org/" in line]) == 1
    assert found[0].startswith("a.example.org: 1 moved")
