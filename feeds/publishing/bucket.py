"""The output of a site into a bucket: only what changed, and what is there is always known.

A manifest among the objects says which of them are ours and what their content is, so that a
run with nothing to do asks for it and for nothing else. A run that was killed is gone on with,
and one that fails never leaves a manifest that claims what is not there.

Two runs: who writes the manifest says which one it read (``If-Match``), so the later of two
that begin at once stops before it sends anything, and one that was thought dead stops at its
next look. While a run sends, the manifest says who it is and is written again every minute at
least; another machine takes over after five of silence.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from feeds.config import Config
from feeds.destination import Publish
from feeds.errors import ForeignFileError, OutputError
from feeds.manifest import MANIFEST, Manifest
from feeds.models import Finding, Level
from feeds.publish import foreign_message
from feeds.publishing.delivery import FORCE, Delivery, Options, gave_way, refuse_to_empty
from feeds.publishing.output import File, OutdatedOutputError, Output
from feeds.publishing.record import HEARTBEAT, Record
from feeds.publishing.spread import spread
from feeds.publishing.storage import Storage
from feeds.representation import cache_control, content_type, gzipped
from feeds.state import knows_output, remember_output
from feeds.terminal import Progress

T = TypeVar("T")
R = TypeVar("R")

WORTH_LISTING: Final = 50  # names; fewer are asked for one by one


class Plan(NamedTuple):
    """What a bucket lacks, and what has to go. ``new`` are paths where nothing of ours was,
    ``pages`` those where there was something that may be the site's own by now."""

    feeds: tuple[File, ...]
    lists: tuple[File, ...]
    stale: tuple[str, ...]
    new: tuple[str, ...]
    pages: tuple[str, ...]
    unchanged: int

    @property
    def paths(self) -> tuple[str, ...]:
        """What is sent, in order."""
        return tuple(file.path for file in (*self.feeds, *self.lists))

    def without(self, paths: Collection[str]) -> Plan:
        """The same but for some files."""
        feeds, lists = (
            tuple(file for file in files if file.path not in paths)
            for files in (self.feeds, self.lists)
        )
        return self._replace(feeds=feeds, lists=lists)


def publish_bucket(
    output: Output, storage: Storage, config: Config, sender: str, options: Options
) -> Delivery:
    """Bring the output into a bucket; ``sender`` is a name for this machine and site.

    Raises :class:`~feeds.errors.OutputError` where the storage or another run is in the way,
    and :class:`~feeds.errors.ForeignFileError` where foreign objects are. What was sent by
    then is there, and the next run knows.
    """
    record = Record(storage, sender)
    before = record.manifest
    _refuse_other_site(storage, before.owner, config)
    if not (options.force or options.dry_run) and (other := record.another()):
        raise OutputError(_busy(storage, other))
    if not options.force:
        refuse_to_empty(f"{storage.destination}", before.files, output.files)
    headers = headers_fingerprint(config.publish, config.feeds.poll_minutes)
    with ThreadPoolExecutor(config.publish.connections) as threads:
        todo = plan(output, before, headers, options.force)
        theirs = () if options.force else _theirs(storage, todo, threads)
        todo = todo.without(theirs)
        notes = (*gave_way(theirs), *_come_back(todo, before))
        if options.dry_run:
            return Delivery(todo.paths, todo.stale, todo.unchanged, notes)
        settled = before.owner == config.site.url and not before.sender
        if settled and not todo.paths and not todo.stale and before.files.keys().isdisjoint(theirs):
            return Delivery((), (), todo.unchanged, notes)
        record.begin(config.site.url, headers, (*todo.feeds, *todo.lists), todo.stale, theirs)
        remember_output(config.state, storage.destination.key)
        run = _Run(output, storage, config.publish, record, threads, options.progress)
        try:
            run.send(todo)
            removed, left = run.remove(todo.stale)
        except BaseException:
            record.stop()
            raise
        record.finish()
    return Delivery(todo.paths, removed, todo.unchanged, (*notes, *left))


def plan(output: Output, manifest: Manifest, headers: str, force: bool) -> Plan:
    """Compare what there is to publish with what a manifest says is there."""
    known = {} if force or manifest.headers != headers else manifest.files
    feeds, lists = (
        tuple(file for file in files.values() if known.get(file.path) != {file.hash})
        for files in (output.feeds, output.lists)
    )
    sending = (*feeds, *lists)
    ours = manifest.files.keys() | manifest.left.keys()
    return Plan(
        feeds,
        lists,
        stale=tuple(sorted(manifest.files.keys() - output.files.keys())),
        new=tuple(file.path for file in sending if file.path not in ours),
        pages=tuple(file.path for file in sending if file.path in ours and file.gives_way),
        unchanged=len(output.files) - len(sending),
    )


def headers_fingerprint(settings: Publish, poll_minutes: tuple[int, int]) -> str:
    """What stands for all that headers are made from beside the content of their object."""
    constants = (content_type(""), cache_control(0))
    parts = (settings.precompress, settings.cache_control, poll_minutes, constants)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _refuse_other_site(storage: Storage, owner: str, config: Config) -> None:
    where = storage.destination
    if owner in ("", config.site.url) or knows_output(config.state, where.key):
        return
    raise ForeignFileError(
        f"{where}{MANIFEST}: lists the feeds of another site, {owner}\n"
        "nothing was sent; choose another prefix, or, if they are of this site under its old "
        "address, delete the first line of that object"
    )


def _busy(storage: Storage, other: str) -> str:
    return (
        f"{storage.destination}: {other} is publishing there, or was killed less than five "
        "minutes ago; try again later, or use --force if you know that it is gone"
    )


def _come_back(todo: Plan, before: Manifest) -> tuple[Finding, ...]:
    return tuple(
        Finding(path, 0, Level.WARNING, "changed since it was published", "replaced by the feed")
        for path in todo.paths
        if path in before.left
    )


def _theirs(storage: Storage, todo: Plan, threads: Executor) -> tuple[str, ...]:
    """The pages that give way to objects of the site; a feed does not.

    Objects that this program did not write have no hash.
    """
    there = todo.new
    if len(there) > WORTH_LISTING:
        listed = frozenset(storage.names())
        there = tuple(path for path in there if path in listed)
    asked = (*there, *todo.pages)
    hashes = zip(asked, threads.map(storage.hash_of, asked), strict=True)
    foreign = [path for path, hash in hashes if hash == ""]
    pages = {file.path for file in (*todo.feeds, *todo.lists) if file.gives_way}
    if in_the_way := [path for path in foreign if path not in pages]:
        places = [f"{storage.destination}{path}" for path in in_the_way]
        advice = f"nothing was sent; move these away, choose another prefix, {FORCE}"
        raise ForeignFileError(foreign_message(places, advice))
    return tuple(foreign)


class _Run:
    """Sending and removing, with a record of it."""

    def __init__(
        self,
        output: Output,
        storage: Storage,
        settings: Publish,
        record: Record,
        threads: Executor,
        progress: Progress,
    ) -> None:
        self._output = output
        self._storage = storage
        self._settings = settings
        self._record = record
        self._threads = threads
        self._progress = progress

    def send(self, todo: Plan) -> None:
        """Send the feeds, and when all of them are there what links to them."""
        total = len(todo.paths)
        done: list[str] = []
        try:
            for files in (todo.feeds, todo.lists):
                for file, _ in self._spread(self._send, files):
                    done.append(file.path)
                    self._record.sent(file)
                    self._progress("sending files", len(done), total)
        except OutdatedOutputError as error:
            raise OutdatedOutputError(f"{error}\n{_so_far(len(done), total)}", done) from error
        except OutputError as error:
            raise OutputError(f"{error}\n{_so_far(len(done), total)}") from error

    def remove(self, stale: Iterable[str]) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
        """Remove objects of ours; those that somebody changed are left and told."""
        removed: list[str] = []
        left: list[Finding] = []
        known = {path: self._record.manifest.files[path] for path in stale}
        for path, gone in self._spread(functools.partial(self._remove, known), known):
            if gone:
                self._record.removed(path)
                removed.append(path)
            else:
                self._record.leave(path)
                what = "no feed any more, but changed since it was published"
                left.append(Finding(path, 0, Level.WARNING, what, "left where it is"))
        return tuple(sorted(removed)), tuple(sorted(left))

    def _send(self, file: File) -> None:
        body = self._output.read(file)
        headers = {
            "ContentType": content_type(file.media_type),
            "CacheControl": self._settings.cache_control or cache_control(file.max_age),
        }
        if self._settings.precompress:
            headers["ContentEncoding"] = "gzip"
            body = gzipped(body)
        self._storage.write(file.path, body, file.hash, headers)

    def _remove(self, known: Mapping[str, set[str]], path: str) -> bool:
        there = self._storage.hash_of(path)
        if there is not None and there not in known[path]:
            return False
        if there is not None:
            self._storage.delete(path)
        return True

    def _spread(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
        window = 2 * self._settings.connections
        return spread(self._threads, work, items, window, self._record.keep, HEARTBEAT)


def _so_far(done: int, total: int) -> str:
    return f"{done:,} of {total:,} files were sent; the next run goes on from there"
