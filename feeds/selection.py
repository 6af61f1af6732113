"""Which posts stand in which feed, and which of them have to be rendered for it.

In: the index after reading, and the feeds that exist. Out: the selection in the index, and a
task for every entry that is not kept as it would be rendered now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from feeds.catalog import Catalog, Definition
from feeds.config import Config
from feeds.documents import key_of
from feeds.fingerprint import digest
from feeds.index import Index
from feeds.rows import Selected, stems_of
from feeds.tasks import EntryTask


@dataclass(frozen=True, slots=True)
class Task:
    """An entry to be rendered, and the key that it is kept under."""

    key: bytes
    entry: EntryTask


def select(index: Index, config: Config, found: Catalog) -> list[Task]:
    """Choose the entries of feeds that may have changed; what is not kept of them is a task."""
    before = index.feed_keys()
    chosen: list[tuple[Definition, list[Selected]]] = []
    for definition in found.definitions:
        known = before.pop(key_of(definition), None)
        if not known or known[0] != definition.digest or _touched(index, definition):
            chosen.append((definition, index.newest(definition.terms, config.feeds.entries)))
    for gone in before:
        index.drop_feed(gone)
    index.reselected.update(before)
    index.reselected.update(key_of(definition) for definition, _ in chosen)
    _settle_opml(index, config, found)
    return _store_selection(index, config, chosen)


def _touched(index: Index, definition: Definition) -> bool:
    if not definition.terms:
        return index.posts_changed
    return not index.touched.isdisjoint(definition.terms)


def _store_selection(
    index: Index,
    config: Config,
    chosen: Sequence[tuple[Definition, Sequence[Selected]]],
) -> list[Task]:
    posts = {post.id: post for _, selected in chosen for post in selected}
    addresses = _addresses(index, config, [post for post in posts.values() if post.references])
    sources = index.replaced_sources()
    keys = {
        id: digest(post.path, post.digest, addresses.get(id), *sources.get(post.path, ()))
        for id, post in posts.items()
    }
    known = index.feed_keys()
    for definition, selected in chosen:
        key = digest(definition.digest, *((post.id, keys[post.id]) for post in selected))
        if known.get(key_of(definition)) != (definition.digest, key):
            paths = definition.head.paths.values()
            index.store_feed(
                key_of(definition),
                definition.digest,
                key,
                [post.id for post in selected],
                paths,
            )
    kept = index.entry_keys(list(posts))
    index.forget_touched()
    due = [id for id in posts if kept.get(id) != keys[id]]
    stored = index.posts_with_layouts(due)
    return [
        Task(
            keys[id],
            EntryTask(
                id,
                posts[id].path,
                posts[id].digest,
                addresses.get(id, {}),
                *stored[id],
                sources.get(posts[id].path),
            ),
        )
        for id in sorted(due, key=lambda id: posts[id].path)
    ]


def _addresses(
    index: Index, config: Config, posts: Sequence[Selected]
) -> dict[int, dict[str, str]]:
    """For posts whose Liquid tags name posts or files: the addresses of what they name."""
    named = {post.id: index.references_of(post.id) for post in posts}
    stems = frozenset(name for names in named.values() for each in names for name in stems_of(each))
    if not stems:
        return {}
    links = index.links_by_stem(stems)
    return {
        id: {name: url for name in names if (url := _address(config, name, links))}
        for id, names in named.items()
    }


def _address(
    config: Config, name: str, links: Mapping[str, Sequence[tuple[str, str]]]
) -> str | None:
    """Where ``post_url`` or ``link`` lead: a post by its file, any other file by its path."""
    wanted = name.strip("/")
    candidates = [found for each in sorted(stems_of(name)) for found in links.get(each, ())]
    for path, url in candidates:
        if path == wanted or f"/{path}".rpartition(".")[0].endswith(f"/{wanted}"):
            return url
    file = PurePosixPath(wanted)
    if not file.suffix:
        return None
    if file.suffix[1:] in config.posts.markdown_extensions:
        file = file.with_suffix(".html")
    return f"{config.site.url}/{quote(str(file))}"


def _settle_opml(index: Index, config: Config, found: Catalog) -> None:
    """The list of feeds changes with their definitions only."""
    youngest = max((each.since for each in found.definitions), default=0)
    now = digest(config.feeds.opml, youngest, *(each.digest for each in found.definitions)).hex()
    if index.meta("opml") != now:
        index.drop_opml()
        if config.feeds.opml:
            index.store_document(config.feeds.opml, None)
        index.set_meta("opml", now)
