"""The state of all links of a site on one screen: how many are bad, where, and since when.

In: the link store as it was saved last, and what the configuration says of verdicts. Out: an
:class:`Overview` of a size that does not grow with the site. A million links are counted where
they lie: only those that are not good are looked at one by one, and they are never in memory.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson

from feeds.config import Config, Ignored
from feeds.links.dead import CONFIRMED
from feeds.links.runs import (
    SCHEMA_VERSION,
    Run,
    accepted,
    last_news,
    past_runs,
    reading,
)
from feeds.links.verdict import is_ignored, severity, standing
from feeds.models import Role, Standing, Verdict

MOST_HOSTS: Final = 120  # of which a page shows the worst at once: feeds.pages.reports
MOST_CATEGORIES: Final = 60  # that are named
MOST_LINKS: Final = 150  # that are listed …
MOST_OF_A_CATEGORY: Final = 20  # … in all categories, and in one
LEAST_OF_A_CATEGORY: Final = 3
# Nobody reads more of a text; an address that is longer is not led to.
LONGEST_TEXT: Final = 300
LONGEST_ADDRESS: Final = 2_000
# What a link is for, the most important first.
ORDER: Final = (
    *(Role.SOURCE, Role.BACK_CATEGORY, Role.BACK_HOME),
    *(Role.ENCLOSURE, Role.IMAGE, Role.BODY),
)
WORST_FIRST: Final = (Standing.BAD, Standing.UNSURE, Standing.GOOD)


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A bad link. ``page`` is the address of its post; ``url`` is as the post writes it,
    ``target`` where it leads, empty for nowhere. ``since`` is seconds since 1970, 0 where
    that is not known; ``confirmed`` says that it was bad so often and so long that it will not
    be an accident; ``number`` is how many posts of the category have it."""

    post: str
    page: str
    line: int
    role: str
    label: str
    url: str
    target: str
    verdict: str
    detail: str
    status: int
    since: int
    number: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class BrokenCategory:
    """Bad links of the posts of a category (empty for those without one): how many, and some
    of them."""

    name: str
    number: int
    links: tuple[BrokenLink, ...]

    @property
    def more(self) -> int:
        """How many are not among these."""
        return self.number - sum(link.number for link in self.links)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Links to a host that are not good for one reason; ``since`` as of the oldest of them."""

    host: str
    verdict: str
    standing: str
    number: int
    since: int


@dataclass(frozen=True, slots=True)
class Moment:
    """How many links there were when a run ended (seconds since 1970)."""

    ended: int
    total: int
    bad: int
    unsure: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All links of a site after the last run that said anything new.

    ``ended`` is when that was, in seconds since 1970; ``asked`` how many addresses it asked
    for. ``verdicts`` are each with what it means on this site and how many links have it, the
    worst first; in another role the same may mean something else. ``ignored`` are links that
    would be bad or unsure and are accepted. ``trend`` is how it was before, the oldest first,
    accepted links counted as what they are.
    """

    ended: int
    asked: int
    total: int
    bad: int
    unsure: int
    ignored: int
    verdicts: tuple[tuple[str, str, int], ...]
    hosts: tuple[Trouble, ...]
    more_hosts: int
    categories: tuple[BrokenCategory, ...]
    more_categories: int
    trend: tuple[Moment, ...]

    @property
    def good(self) -> int:
        return max(self.total - self.bad - self.unsure, 0)


def pack(overview: Overview | None) -> bytes:
    """An overview as JSON, nothing as nothing."""
    return orjson.dumps(overview) if overview else b""


def unpack(data: bytes) -> Overview | None:
    """What :func:`pack` made. Raises ``ValueError``, ``TypeError`` or ``KeyError`` for
    anything else."""
    if not data:
        return None
    raw: dict[str, Any] = orjson.loads(data)
    raw["verdicts"] = tuple((name, means, number) for name, means, number in raw["verdicts"])
    raw["hosts"] = tuple(Trouble(**each) for each in raw["hosts"])
    raw["trend"] = tuple(Moment(**each) for each in raw["trend"])
    raw["categories"] = tuple(
        BrokenCategory(
            each["name"], each["number"], tuple(BrokenLink(**link) for link in each["links"])
        )
        for each in raw["categories"]
    )
    return Overview(**raw)


def overview(config: Config, today: date) -> Overview | None:
    """The overview; ``None`` where links were never checked.

    Raises :class:`~feeds.errors.OutputError` where the store cannot be read.
    """
    with reading(config.state) as db:
        news = last_news(db) if db else None
        if db is None or news is None:
            return None
        severities = config.links.severity
        _find(db, severities, accepted(config, today))
        counted = Counter(dict(db.execute("SELECT standing, count(*) FROM found GROUP BY 1")))
        verdicts = tuple(_verdicts(news, severities, db.execute(ACCEPTED)))
        hosts = db.execute(HOSTS).fetchall()
        categories = list(_categories(db))
        trend = tuple(_moment(run, severities) for run in past_runs(db, news.number))
    return Overview(
        ended=news.ended,
        asked=news.asked,
        total=sum(news.totals.values()),
        bad=counted[Standing.BAD],
        unsure=counted[Standing.UNSURE],
        ignored=counted[Standing.GOOD],
        verdicts=verdicts,
        hosts=tuple(Trouble(*row[:-1]) for row in hosts),
        more_hosts=hosts[0][-1] - len(hosts) if hosts else 0,
        categories=tuple(categories[:MOST_CATEGORIES]),
        more_categories=len(categories[MOST_CATEGORIES:]),
        trend=trend,
    )


def _verdicts(
    run: Run, severities: Mapping[str, str], accepted: Iterable[tuple[str, str, int]]
) -> Iterator[tuple[str, str, int]]:
    """How many links have which verdict and what that means; those that are accepted are good."""
    counted: Counter[tuple[str, Standing]] = Counter()
    for verdict, means, number in _meant(run, severities):
        counted[verdict, means] += number
    for role, verdict, number in accepted:
        counted[verdict, severity(Verdict(verdict), role, severities)] -= number
        counted[verdict, Standing.GOOD] += number
    # The totals are those of a run, and what is accepted may have changed since.
    for (verdict, means), number in sorted(
        (+counted).items(), key=lambda each: (WORST_FIRST.index(each[0][1]), -each[1], each[0])
    ):
        yield verdict, str(means), number


def _meant(run: Run, severities: Mapping[str, str]) -> Iterator[tuple[str, Standing, int]]:
    for key, number in run.totals.items():
        role, _, verdict = key.rpartition(".")
        yield verdict, severity(Verdict(verdict), role, severities), number


def _moment(run: Run, severities: Mapping[str, str]) -> Moment:
    counted: Counter[Standing] = Counter()
    for _, means, number in _meant(run, severities):
        counted[means] += number
    bad, unsure = counted[Standing.BAD], counted[Standing.UNSURE]
    return Moment(run.ended, counted.total(), bad, unsure)


# --- links that are not good --------------------------------------------------------------

# Verdicts of which an index knows the addresses, and those of links that need no request.
INDEXED: Final = "verdict NOT IN ('', 'ok', 'moved', 'redirected')"
INDEXED_OF_LINKS: Final = "verdict NOT IN ('', 'ok', 'skipped')"
CERTAIN: Final = frozenset((Verdict.OK, Verdict.MOVED, Verdict.REDIRECTED, Verdict.SKIPPED))

_BAD: Final = ", ".join(f"'{each}'" for each in Verdict if standing(each) is Standing.BAD)
# Sources that several posts have.
_SHARED: Final = (
    "SELECT url FROM link INDEXED BY link_source WHERE role = 'source' AND url NOTNULL"
    " GROUP BY url HAVING min(post) <> max(post)"
)
# Every link of which something is said that may be not good, once. As reports have it, a source
# that several posts have is a duplicate unless it is bad anyway.
_SAID: Final = f"""
    WITH shared AS MATERIALIZED ({_SHARED}), said AS (
        SELECT link.rowid AS link, link.post, link.role, url.id AS url,
        coalesce(nullif(url.verdict, ''), '{Verdict.SKIPPED}') AS verdict
        FROM url {{of_url}} CROSS JOIN link ON link.url = url.id
        WHERE {{url_verdict}} AND link.verdict = '' AND NOT (
            link.role = 'source' AND url.verdict NOT IN ({_BAD}) AND url.id IN shared
        )
        UNION ALL
        SELECT link.rowid, link.post, link.role, link.url, '{Verdict.DUPLICATE}'
        FROM shared CROSS JOIN link ON link.url = shared.url
        LEFT JOIN url ON url.id = link.url
        WHERE link.role = 'source' AND coalesce(url.verdict, '') NOT IN ({_BAD})
        UNION ALL
        SELECT rowid, post, role, NULL, verdict FROM link {{of_link}} WHERE {{link_verdict}}
    )
"""
_FOUND: Final = """
    SELECT said.*, coalesce(category.name, '') AS category,
    CASE WHEN {accepted} THEN 'good' WHEN {bad} THEN 'bad' ELSE 'unsure' END AS standing
    FROM said LEFT JOIN category ON category.post = said.post {names} WHERE {bad} OR {unsure}
"""
_NAMES: Final = (
    "JOIN post ON post.id = said.post JOIN link ON link.rowid = said.link"
    " LEFT JOIN url ON url.id = said.url"
)
HOSTS: Final = f"""
    SELECT host.name, verdict, standing, number, since, count(*) OVER () FROM (
        SELECT url.host, found.verdict, found.standing, count(*) AS number,
        coalesce(min(nullif(url.since, 0)), 0) AS since
        FROM found JOIN url ON url.id = found.url
        WHERE found.standing <> 'good' AND found.verdict <> 'duplicate'
        GROUP BY url.host, found.verdict, found.standing
    ) AS counted JOIN host ON host.id = counted.host
    ORDER BY standing, number DESC, host.name, verdict LIMIT {MOST_HOSTS}
"""
# Links that are not good, and are known and accepted.
ACCEPTED: Final = """
    SELECT role, verdict, count(*) FROM found WHERE standing = 'good' GROUP BY role, verdict
"""
CATEGORIES: Final = """
    SELECT category, count(*) AS number FROM found WHERE standing = 'bad'
    GROUP BY category ORDER BY number DESC, category
"""
# Those of a category, the most important first, and of these those of posts that came last.
LINKS: Final = f"""
    SELECT substr(post.path, 1, {LONGEST_TEXT}), substr(post.url, 1, {LONGEST_ADDRESS}),
    link.line, link.role, substr(link.label, 1, {LONGEST_TEXT}),
    substr(link.written, 1, {LONGEST_TEXT}),
    CASE WHEN length(url.url) <= {LONGEST_ADDRESS} THEN url.url ELSE '' END, found.verdict,
    substr(CASE WHEN found.verdict = '{Verdict.DUPLICATE}' THEN 'also the source of ' || (
        SELECT twin.path FROM link AS other JOIN post AS twin ON twin.id = other.post
        WHERE other.role = 'source' AND other.url = link.url AND other.post <> link.post
        ORDER BY other.post LIMIT 1
    ) WHEN link.verdict <> '' THEN link.detail ELSE coalesce(url.detail, '') END, 1,
    {LONGEST_TEXT}), coalesce(url.status, 0),
    CASE found.verdict WHEN '{Verdict.DUPLICATE}' THEN 0 ELSE coalesce(url.since, {{since}}) END,
    found.number,
    coalesce({CONFIRMED}, 0) FROM (
        SELECT role, verdict, url, max(post) AS post, link, count(*) AS number FROM found
        WHERE standing = 'bad' AND category = ? GROUP BY role, verdict, coalesce(url, -link)
        ORDER BY CASE role {{order}} END, 4 DESC, link LIMIT ?
    ) AS found CROSS JOIN post ON post.id = found.post JOIN link ON link.rowid = found.link
    LEFT JOIN url ON url.id = found.url
    ORDER BY CASE found.role {{order}} END, found.post DESC, found.link
"""


def _find(
    db: sqlite3.Connection, severities: Mapping[str, str], ignored: Sequence[Ignored]
) -> None:
    """Put all links that are not good into a table of this connection's own."""
    meant = {
        (role, verdict): severity(verdict, role, severities) for role in Role for verdict in Verdict
    }
    said = {verdict for (_, verdict), found in meant.items() if found is not Standing.GOOD}
    # What an index does not know is looked for among all links.
    every = bool(said & CERTAIN)
    whole = _SAID.format(
        of_url="" if every else "INDEXED BY url_doubtful",
        url_verdict="TRUE" if every else f"url.{INDEXED}",
        of_link="" if every else "INDEXED BY link_doubtful",
        link_verdict="verdict <> ''" if every else INDEXED_OF_LINKS,
    )

    def means(wanted: Standing) -> str:
        keys = sorted(
            f"'{role}.{verdict}'" for (role, verdict), found in meant.items() if found is wanted
        )
        return f"said.role || '.' || said.verdict IN ({', '.join(keys)})"

    def is_accepted(post: str, verdict: str, *urls: str) -> bool:
        return any(is_ignored(each, verdict, post, urls) for each in ignored)

    meant_well = "FALSE"
    if ignored:
        db.create_function("is_accepted", 4, is_accepted, deterministic=True)
        meant_well = "is_accepted(post.path, said.verdict, link.written, coalesce(url.url, ''))"
    found = _FOUND.format(
        accepted=meant_well,
        names=_NAMES if ignored else "",
        bad=means(Standing.BAD),
        unsure=means(Standing.UNSURE),
    )
    db.execute(f"CREATE TEMP TABLE found AS {whole} {found}")
    db.execute("CREATE INDEX temp.found_by_category ON found (standing, category)")


def _categories(db: sqlite3.Connection) -> Iterator[BrokenCategory]:
    """Categories with bad links, the most first; the less there are the more of each."""
    counted = db.execute(CATEGORIES).fetchall()
    share = MOST_LINKS // max(min(len(counted), MOST_CATEGORIES), 1)
    most = min(max(share, LEAST_OF_A_CATEGORY), MOST_OF_A_CATEGORY)
    room = MOST_LINKS
    order = " ".join(f"WHEN '{role}' THEN {number}" for number, role in enumerate(ORDER))
    version = db.execute("PRAGMA user_version").fetchone()[0]
    # Until the next run a store may be one that does not know it yet.
    query = LINKS.format(order=order, since="link.since" if version >= SCHEMA_VERSION else "0")
    for name, number in counted:
        rows = db.execute(query, (name, min(most, room))).fetchall() if room else ()
        links = tuple(map(_link, rows))
        room -= len(links)
        yield BrokenCategory(name, number, links)


def _link(row: Sequence[Any]) -> BrokenLink:
    values = (*row[:-1], bool(row[-1]))
    return BrokenLink(*values)
