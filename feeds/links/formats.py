"""A report of links in the formats that other programs read.

In: items, one at a time, and what is said beside them. Out: pieces of text. Whatever a post or
a server says is escaped as each format wants it: JSON (RFC 8259), GitHub Flavored Markdown,
JUnit's XML, SARIF 2.1.0, workflow commands of GitHub Actions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from feeds import __version__
from feeds.links.report import Group, Item, Summary
from feeds.models import Standing, Verdict
from feeds.terminal import json_lines, json_text, visible
from feeds.values import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """What a report says beside its links: how many there are of each standing; ``base`` is the
    folder that programs see paths from, and ``site`` the path of the site from there, empty or
    with a slash at its end."""

    standings: Mapping[Standing, int]
    base: Path
    site: str = ""


Report = Callable[[Iterable[Item], Context], Iterator[str]]


def as_json(items: Iterable[Item], context: Context) -> Iterator[str]:
    """A JSON array with one object per line."""
    for line in json_lines(item.as_object() for item in items):
        yield f"{line}\n"


def message(item: Item) -> str:
    """A link and what is the matter with it, on one line."""
    parts = [f"{item.role}: {item.verdict}"]
    parts += [f"{item.url}"] if item.url else []
    notes = [item.detail] if item.detail else []
    notes += [f"status {item.status}"] if item.status not in (0, 200) else []
    notes += [f"now {item.final_url}"] if item.final_url and item.verdict is Verdict.MOVED else []
    notes += [f"since {item.since:%Y-%m-%d}"] if item.since else []
    return visible(" ".join(parts) + (f" ({', '.join(notes)})" if notes else ""))


def as_markdown(items: Iterable[Item], context: Context) -> Iterator[str]:
    """A table of the links that are not good, and how many there are of each kind."""
    head = "| post | role | verdict | link | detail |\n| --- | --- | --- | --- | --- |\n"
    begun = False
    for item in items:
        if item.standing is Standing.GOOD:
            continue
        if not begun:
            yield f"# Links\n\n{head}"
            begun = True
        since = f"since {item.since:%Y-%m-%d}" if item.since else ""
        detail = ", ".join(part for part in (item.detail, since) if part)
        sure = "**" if item.standing is Standing.BAD else ""
        cells = (
            _cell(f"{item.post}:{item.line}"),
            item.role,
            f"{sure}{item.verdict}{sure}",
            _cell(item.url),
            _cell(detail),
        )
        yield f"| {' | '.join(cells)} |\n"
    if not begun:
        yield "# Links\n"
    said = ", ".join(f"{context.standings.get(each, 0):,} {each}" for each in Standing)
    yield f"\n{said}\n"


def _cell(text: str) -> str:
    """A text in a cell that is that text and no markup."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~@:.-])", r"\\\1", visible(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def as_junit(items: Iterable[Item], context: Context) -> Iterator[str]:
    """A test case per link; bad ones failed, unsure ones were skipped."""
    bad, unsure = (context.standings.get(each, 0) for each in (Standing.BAD, Standing.UNSURE))
    counts = f'tests="{sum(context.standings.values())}" failures="{bad}" skipped="{unsure}"'
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
    yield f'<testsuite name="links" {counts} errors="0">\n'
    for item in items:
        name = f"{item.line} {item.role} {item.url}"
        case = f"<testcase classname={_attribute(item.post)} name={_attribute(name)}"
        if item.standing is Standing.GOOD:
            yield f"{case}/>\n"
            continue
        kind = "failure" if item.standing is Standing.BAD else "skipped"
        type = f' type="{item.verdict}"' if kind == "failure" else ""
        said = _attribute(message(item))
        yield f"{case}><{kind}{type} message={said}/></testcase>\n"
    yield "</testsuite>\n</testsuites>\n"


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


ROOT: Final = "%SRCROOT%"  # what GitHub and others call the folder of the repository
LEVELS: Final[Mapping[Standing, str]] = {Standing.BAD: "error", Standing.UNSURE: "note"}


def as_sarif(items: Iterable[Item], context: Context) -> Iterator[str]:
    """SARIF 2.1.0: a result for every link that is not good."""
    rules = [{"id": str(verdict)} for verdict in Verdict]
    driver = {"name": "feeds check", "version": __version__, "rules": rules}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    base = {ROOT: {"uri": f"{context.base.as_uri()}/"}}
    last = (
        f'{{"$schema": "{schema}", "version": "2.1.0", "runs": [{{"tool": {{"driver": '
        f'{json_text(driver)}}}, "originalUriBaseIds": {json_text(base)}, "results": ['
    )
    comma = ""
    for item in items:
        if item.standing is Standing.GOOD:
            continue
        yield f"{last}{comma}\n"
        comma = ","
        last = json_text(_result(item, context.site))
    yield f"{last}\n]}}]}}\n"


def _result(item: Item, site: str) -> dict[str, Any]:
    path = quote(f"{site}{item.post}", errors="replace")
    place = {
        "artifactLocation": {"uri": path, "uriBaseId": ROOT},
        "region": {"startLine": max(item.line, 1)},
    }
    return {
        "ruleId": str(item.verdict),
        "level": LEVELS[item.standing],
        "message": {"text": message(item)},
        "locations": [{"physicalLocation": place}],
    }


def as_github(items: Iterable[Item], context: Context) -> Iterator[str]:
    """Workflow commands: an annotation for every link that is not good."""
    for item in items:
        if item.standing is Standing.GOOD:
            continue
        command = "error" if item.standing is Standing.BAD else "warning"
        place = f"file={_property(context.site + item.post)},line={max(item.line, 1)}"
        title = f"title={item.role} {item.verdict}"
        yield f"::{command} {place},{title}::{_command_text(message(item))}\n"


def _command_text(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _command_text(visible(text)).replace(":", "%3A").replace(",", "%2C")


FORMATS: Final[Mapping[str, Report]] = {
    "json": as_json,
    "markdown": as_markdown,
    "junit": as_junit,
    "sarif": as_sarif,
    "github": as_github,
}


def summary_lines(whole: Summary) -> Iterator[tuple[str, Standing | None]]:
    """What a person wants to know, line by line, each with what it tells of: links that are
    not good by host and verdict, the worst first, then numbers."""
    order = sorted(
        whole.groups.items(),
        key=lambda each: (each[1].standing is not Standing.BAD, -each[1].number, each[0]),
    )
    for (place, verdict), group in order:
        since = f", since {group.since:%Y-%m-%d}" if group.since else ""
        confirmed = f", {group.confirmed:,} confirmed" if group.confirmed else ""
        head = f"{visible(place)}: {group.number:,} {verdict}{since}{confirmed}"
        if whole.down(place, verdict):
            detail = group.first[0].detail
            yield f"{head} — {visible(detail) or 'nobody answers'}", group.standing
            continue
        yield head, group.standing
        yield from _first_of(group)
    if whole.moved.number:
        yield (
            f"{whole.moved.number:,} moved for good; --fix writes new addresses where it can",
            None,
        )
        yield from _first_of(whole.moved)
    counts = ", ".join(f"{number:,} {verdict}" for verdict, number in whole.verdicts.most_common())
    yield f"{whole.total:,} links{f': {counts}' if counts else ''}", None


def _first_of(group: Group) -> Iterator[tuple[str, Standing | None]]:
    for item in group.first:
        yield f"    {visible(item.post)}:{item.line}: {message(item)}", None
    if group.number > len(group.first):
        yield f"    and {group.number - len(group.first):,} more", None
