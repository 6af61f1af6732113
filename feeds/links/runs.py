"""What runs of the link checker said, read beside whoever writes it.

In: the state folder. Out: the run that said anything new last, the totals of runs. Each build
reads this, so nothing of the checker itself is loaded.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from feeds.config import Config, Ignored
from feeds.errors import OutputError

FILE_NAME: Final = "links.sqlite"  # ``links.sql`` says what is in it
SCHEMA_VERSION: Final = 2  # of the store; 1 is brought up to it
BUSY_WAIT: Final = 5.0
# In ``meta`` the number of the last run that said anything new, see LinkStore.end_run.
NEWS: Final = "news"
MOST_POINTS: Final = 30
HOUR: Final = 3_600
DAY: Final = 86_400
RUN: Final = "SELECT id, ended, asked, totals FROM run WHERE ended NOTNULL"


class Run(NamedTuple):
    """A run that came to its end: when that was (seconds since 1970), how many addresses it
    asked for, and all links of the site then by ``role.verdict``."""

    number: int
    ended: int
    asked: int
    totals: Mapping[str, int]


@contextlib.contextmanager
def reading(state: Path) -> Iterator[sqlite3.Connection | None]:
    """The links of a site as they were saved last; ``None`` where they were never checked.

    Raises :class:`~feeds.errors.OutputError` where the file cannot be read.
    """
    path = state / FILE_NAME
    if not path.exists():
        yield None
        return
    try:
        # For a log that is written ahead whoever reads has to write beside it, too.
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, timeout=BUSY_WAIT, isolation_level=None)
        ) as db:
            db.execute("BEGIN")
            yield db
    except (sqlite3.Error, ValueError) as error:
        raise OutputError(
            f"{path}: {error}; it may be deleted, then links are asked again"
        ) from error


def state_of_links(config: Config, today: date) -> str:
    """What tells one overview from another, for little: the run that said anything new, and
    what the configuration says of verdicts. Empty where links were never checked.

    Raises :class:`~feeds.errors.OutputError` where the store cannot be read.
    """
    with reading(config.state) as db:
        news = last_news(db) if db else None
    if news is None:
        return ""
    return repr((news, sorted(config.links.severity.items()), accepted(config, today)))


def accepted(config: Config, today: date) -> list[Ignored]:
    """The faults that are accepted on a day."""
    return [each for each in config.links.ignore if each.until >= today]


def last_run(db: sqlite3.Connection) -> Run | None:
    """The newest of the runs that came to their end."""
    row = db.execute(f"{RUN} ORDER BY id DESC LIMIT 1").fetchone()
    return _run(row) if row else None


def last_news(db: sqlite3.Connection) -> Run | None:
    """The newest of the runs that said anything new."""
    query = f"{RUN} AND id = (SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?)"
    row = db.execute(query, (NEWS,)).fetchone()
    return _run(row) if row else None


def past_runs(db: sqlite3.Connection, last: int) -> list[Run]:
    """The runs up to the ``last`` that tell how the links fared, the oldest first:
    :data:`MOST_POINTS` at most."""
    query = "SELECT id, ended FROM run WHERE ended NOTNULL AND id <= ? ORDER BY id"
    wanted = telling(db.execute(query, (last,)).fetchall())
    marks = ", ".join("?" * len(wanted))
    return [_run(row) for row in db.execute(f"{RUN} AND id IN ({marks}) ORDER BY id", wanted)]


def telling(runs: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of some runs of those that are given as number and end, in their order.

    All, or the last of each hour, or of each day, whichever are few enough.
    """
    for period in (1, HOUR, DAY):
        last = {ended // period: number for number, ended in runs}
        if len(last) <= MOST_POINTS:
            break
    return sorted(last.values())[-MOST_POINTS:]


def by_verdict(totals: Mapping[str, int]) -> dict[str, int]:
    """Totals by ``role.verdict`` as totals by verdict."""
    found: Counter[str] = Counter()
    for key, number in totals.items():
        found[key.rpartition(".")[2]] += number
    return dict(found)


def _run(row: tuple[int, int, int, str]) -> Run:
    return Run(*row[:3], json.loads(row[3]))
