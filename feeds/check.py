"""Links of a site judged: what posts say, then what the pages that they lead to answer.

In: a site's configuration and the time. Out: everything that was found, in the link store;
:func:`check` says what a run did. A run that is stopped keeps what it found, and the next one
goes on from there. The command line and the server use the same steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final, NamedTuple

from feeds.asking import Asking, CheckOptions
from feeds.build import Options, read, with_index
from feeds.config import Config
from feeds.files import Files, FileTask, SiteFiles, file_content
from feeds.fingerprint import fingerprint
from feeds.index import Index
from feeds.links.extract import extract
from feeds.links.fix import OF_RULES, as_meant, corrected, corrections, right_addresses
from feeds.links.pages import Pages, pages_of, pages_version
from feeds.links.places import places
from feeds.links.renewal import renew
from feeds.links.report import Summary, items, summary
from feeds.links.rules import Judged, judge
from feeds.links.store import LinkStore
from feeds.models import Finding, Link, Verdict
from feeds.posts.read import read_post
from feeds.posts.reading import Reading
from feeds.rows import State
from feeds.tasks import digest
from feeds.terminal import Progress, silent
from feeds.values import dataclass
from feeds.view import View
from feeds.workers import Workers

READ_CHUNK: Final = 50
COMPLETE: Final = "complete"  # the last run that asked for all that was due
LOOKED: Final = "looked"  # the last run that came to its end, whether it asked or not


@dataclass(frozen=True, slots=True)
class Checked:
    """What a run did.

    ``since_run`` is the first run whose posts it looked at (0: all posts); ``asked`` is how
    many addresses it asked for, ``left`` how many more are due; ``summary`` is of all links
    of these posts, empty after a brief run; ``findings`` are about files; ``signal`` is the
    number of the one that interrupted it, 0 for none.
    """

    since_run: int
    asked: int
    left: int
    interrupted: bool
    summary: Summary
    findings: tuple[Finding, ...]
    signal: int = 0


def check(
    config: Config,
    store: LinkStore,
    now: datetime,
    workers: Workers,
    options: CheckOptions = CheckOptions(),
) -> Checked:
    """Bring the link store up to date with the posts, and with the web as far as it is due.

    Raises :class:`~feeds.errors.FeedsError`; what was found until then is kept.
    """
    digests, findings = _published(config, now, workers, options.progress)
    done = check_posts(config, store, digests, now, workers, options)
    if not (done.interrupted or options.roles):
        for mark in (LOOKED,) if options.offline or done.left else (LOOKED, COMPLETE):
            store.set_meta(mark, str(store.last_run()))
        store.save()
    return replace(done, findings=findings)


def check_posts(
    config: Config,
    store: LinkStore,
    digests: Mapping[str, bytes],
    now: datetime,
    workers: Workers,
    options: CheckOptions = CheckOptions(),
) -> Checked:
    """The same for posts that are known already, by the digests of their files."""
    began = int(now.timestamp())
    run = store.begin_run(began, follow=options.brief or options.changed)
    look_through(config, store, run, digests, workers, options.progress)
    renew(config, store)
    store.save()
    since = options.since_run
    if options.changed and not since:
        since = _first_run_since(store, options)
    asking = Asking(config, store, began, workers, options, since)
    if not options.offline:
        if options.recheck:
            store.ask_again(since, options.roles)
        asking.run()
    left = max(asking.total - asking.asked, 0)
    if options.cancelled():
        # Whoever cancels is in a hurry; what was found is kept already.
        return Checked(since, asking.asked, left, True, Summary(), ())
    found = Summary()
    if not options.brief:
        found = summary(items(store, config, now.date(), options.roles, since))
    part = options.brief or since or options.roles
    totals = store.totals() if part else found.totals
    ended = int(time.time()) if asking.asked else began
    store.end_run(run, ended, asking.asked, totals)
    store.save()
    stopped = asking.signal
    return Checked(since, asking.asked, left, bool(stopped), found, (), stopped)


def _first_run_since(store: LinkStore, options: CheckOptions) -> int:
    """The first run whose posts have not been reported yet; whoever asks nobody reports what
    rules say of them, and leaves them to a run that asks."""
    marks = (COMPLETE, LOOKED) if options.offline else (COMPLETE,)
    return max(int(store.meta(mark) or 0) for mark in marks) + 1


# --- what posts say -----------------------------------------------------------------------


def look_through(
    config: Config,
    store: LinkStore,
    run: int,
    digests: Mapping[str, bytes],
    workers: Workers,
    progress: Progress = silent,
) -> None:
    """Judge the links of posts that changed since they were judged, and forget those gone."""
    rules = rules_fingerprint(config)
    if store.meta("rules") != rules:
        store.forget_posts()
        store.set_meta("rules", rules)
    before = store.digests()
    gone = [path for path in before if path not in digests]
    store.forget_posts(gone)
    changed = sorted(path for path, each in digests.items() if before.get(path) != each)
    chunks = (
        (None, changed[start : start + READ_CHUNK]) for start in range(0, len(changed), READ_CHUNK)
    )
    done = 0
    for _, posts in workers.map(_judging(config), chunks):
        for post in posts:
            store.put_post(post.path, post.digest, post.url, run, post.links, post.category)
        done += len(posts)
        progress("looking for links", done, len(changed))
    if changed or gone:
        store.prune()


def _judging(config: Config) -> Callable[[Sequence[str]], list[JudgedPost]]:
    # Into the folder of a built site nobody can look but who has it.
    if config.links.site_dir:
        return functools.partial(judge_files, config)
    return FileTask(judge_files, config, str, more=_known_pages)


def _known_pages(config: Config) -> tuple[Pages]:
    return (pages_of(config),)


def _published(
    config: Config, now: datetime, workers: Workers, progress: Progress
) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
    """The posts as a build would read them, and what is to be said of the files."""

    def run(index: Index) -> tuple[dict[str, bytes], tuple[Finding, ...]]:
        scanned = read(index, config, now, workers, progress)
        return published_posts(index), tuple(sorted([*scanned, *index.findings()]))

    (digests, findings), notes = with_index(config, Options(), run)
    return digests, (*config.notes, *notes, *findings)


def published_posts(view: View) -> dict[str, bytes]:
    """The posts that are published or will be, by the digests of their files."""
    return dict(view.post_digests((State.VISIBLE, State.FUTURE, State.RIVAL)))


def rules_fingerprint(config: Config) -> str:
    """A hash of everything that decides what is said of a link without asking.

    Raises :class:`~feeds.errors.ConfigError` for a sitemap or folder that cannot be read.
    """
    links = config.links
    rules = (links.hosts, links.aliases, links.site_dir, links.sitemap)
    patterns = (links.include, links.exclude)
    settings = repr((config.site_pages, rules, patterns))
    return fingerprint(config, config.reading_fingerprint(), settings, pages_version(config))


@dataclass(frozen=True, slots=True)
class JudgedPost:
    """A post and its links, and the digest of the file that they stand in; its first category."""

    path: str
    digest: bytes
    url: str
    links: tuple[Judged, ...]
    category: str = ""


def judge_files(
    config: Config, paths: Sequence[str], files: Files | None = None, pages: Pages | None = None
) -> list[JudgedPost]:
    """Judge the links of posts; a file that is no post any more is left out."""
    source = files or SiteFiles(config)
    pages = pages or pages_of(config)
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            raw, modified = source.content(path)
            reading = read_post(path, raw, config, modified)
            if reading.post is not None:
                post = reading.post
                judged = tuple(judge(post, links_of(reading, raw), pages))
                version = digest(path, raw, modified)
                category = next(iter(post.categories), "")
                found.append(JudgedPost(path, version, post.url, judged, category))
    return found


def links_of(reading: Reading, raw: bytes) -> list[Link]:
    """The links of a post that was read from a file."""
    return extract(reading, raw.decode("utf-8-sig", "replace"))


# --- what is certain ----------------------------------------------------------------------


class CorrectedFile(NamedTuple):
    """The bytes of a post's file as they are, and with its addresses corrected."""

    path: str
    before: bytes
    after: bytes


def corrected_files(
    config: Config, store: LinkStore, today: date, roles: Sequence[str] = (), since_run: int = 0
) -> Iterator[CorrectedFile]:
    """Posts with links of which it is certain what they should say; nothing is written."""
    found = items(store, config, today, roles, since_run)
    for path, links in itertools.groupby(found, key=lambda item: item.post):
        moved: dict[tuple[int, str], str] = {}
        wrong = False
        for item in links:
            if item.answer is Verdict.MOVED and item.final_url:
                moved[item.line, item.url] = item.final_url
            wrong = wrong or item.verdict in OF_RULES
        if moved or wrong:
            yield from _corrected(config, path, moved, roles)


def _corrected(
    config: Config, path: str, moved: Mapping[tuple[int, str], str], roles: Sequence[str]
) -> Iterator[CorrectedFile]:
    with contextlib.suppress(OSError):
        before, modified = file_content(f"{config.root}/{path}")
        reading = read_post(path, before, config, modified)
        if reading.post is None:
            return
        links = links_of(reading, before)
        judged = judge(reading.post, links, pages_of(config))
        wished = (each for each in judged if not roles or each.link.role in roles)
        right = right_addresses(wished, moved)
        wanted = corrections(right, places(reading, before))
        after = corrected(before, wanted)
        again = read_post(path, after, config, modified)
        if wanted and again.post and as_meant(links, right, wanted, links_of(again, after)):
            yield CorrectedFile(path, before, after)


def find_copies(
    config: Config, store: LinkStore, now: datetime, progress: Progress = silent
) -> int:
    """Look for archived copies of sources that are gone for good; returns how many there are.

    Raises :class:`~feeds.links.archive.ArchiveError`; copies found until then are kept.
    """
    from feeds.links.archive import copies
    from feeds.links.client import client_of, manners_of

    wanted = store.without_copy(int(now.timestamp()))

    async def main() -> int:
        number = 0
        agent = manners_of(config).user_agent
        async with client_of(config) as client:
            asked = 0
            async for url, copy in copies(client, config.links.archive_api, agent, wanted):
                store.put_archived(url, copy, int(now.timestamp()))
                store.save()
                asked += 1
                number += bool(copy)
                progress("looking for copies", asked, len(wanted))
        return number

    with asyncio.Runner() as runner:
        return runner.run(main())
