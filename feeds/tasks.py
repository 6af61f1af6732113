"""What a worker does: chunks of files in, rows for the index or rendered entries out.

Every function here is pure but for reading the files that it is told to, from the folder of the
site unless others are given; takes and returns values that can be sent to another process or
machine; and never raises for what is in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import orjson

from feeds import catalog, render
from feeds.config import Config
from feeds.files import Files, SiteFiles
from feeds.fragments import pack_fragments
from feeds.models import Category, Entry, Finding, Kind, Level, Post
from feeds.pages.entries import page_entry
from feeds.posts.body import render_body
from feeds.posts.fields import resolved
from feeds.posts.read import read_body, read_post
from feeds.posts.reading import Layout, Markup, Reading
from feeds.rows import Row, decode_post, post_row


def digest(path: str, raw: bytes, modified: datetime) -> bytes:
    """What tells one version of a file from another: its bytes, and for drafts its time."""
    found = hashlib.blake2b(raw, digest_size=16)
    if "_drafts/" in path:
        found.update(modified.isoformat().encode())
    return found.digest()


# --- reading ----------------------------------------------------------------------------


def read_files(
    config: Config, known: Sequence[tuple[str, bytes]], files: Files | None = None
) -> list[Row]:
    """Read files, each given with the digest that is known of it (empty if none is).

    A file whose content is the known one is left out of the result.
    """
    source = files or SiteFiles(config)
    rows = (_read_file(config, path, before, source) for path, before in known)
    return [row for row in rows if row is not None]


def _read_file(config: Config, path: str, known: bytes, files: Files) -> Row | None:
    try:
        raw, modified = files.content(path)
    except FileNotFoundError:
        return Row(path, b"")  # deleted since the scan
    except OSError as error:
        reason = error.strerror or str(error)
        return _left_out(path, b"", f"cannot be read: {reason[:1].lower()}{reason[1:]}")
    now = digest(path, raw, modified)
    if now == known:
        return None
    reading = read_post(path, raw, config, modified)
    if reading.post is None:
        return Row(path, now, findings=reading.findings)
    layout = reading.layout
    packed = orjson.dumps(tuple(layout)) if layout else b""
    return post_row(reading.post, now, reading.findings, packed)


def _left_out(path: str, digest: bytes, what: str) -> Row:
    return Row(path, digest, findings=(Finding(path, 1, Level.ERROR, what, "left out"),))


# --- rendering --------------------------------------------------------------------------


class EntryTask(NamedTuple):
    """An entry to be rendered from a file that had ``digest`` when it was read.

    ``data`` and ``layout`` are what is stored of it (:class:`~feeds.rows.Row`), empty if all
    of it has to be read. ``references`` maps the posts and files that its Liquid tags name to
    their addresses. ``instead`` is a source that is gone, and what to name in its place.
    """

    post: int
    path: str
    digest: bytes
    references: Mapping[str, str]
    data: bytes = b""
    layout: bytes = b""
    instead: tuple[str, str] | None = None


class RenderedEntry(NamedTuple):
    """The fragments of an entry in all formats, packed; empty if the file has changed."""

    post: int
    body: bytes
    findings: tuple[Finding, ...]


def render_entries(
    config: Config, tasks: Sequence[EntryTask], files: Files | None = None
) -> list[RenderedEntry]:
    """Render posts, each once for every format that is written."""
    source = files or SiteFiles(config)
    return [_render_entry(config, task, source) for task in tasks]


def _render_entry(config: Config, task: EntryTask, files: Files) -> RenderedEntry:
    try:
        raw, modified = files.content(task.path)
    except OSError:
        return RenderedEntry(task.post, b"", ())
    if digest(task.path, raw, modified) != task.digest:
        return RenderedEntry(task.post, b"", ())
    reading = _reading(config, task, raw, modified)
    if reading.post is None:
        return RenderedEntry(task.post, b"", ())
    content = render_body(reading, config, task.references, files.include)
    made = entry(config, reading.post, content.html, content.summary)
    if task.instead and task.instead[0] == reading.post.source:
        made = replace(made, source=task.instead[1])
    fragments = [render.render_entry(made, format) for format in config.feeds.formats]
    if config.pages.of_feeds:
        fragments.append(page_entry(made, reading.post))
    return RenderedEntry(task.post, pack_fragments(fragments), content.findings)


def _reading(config: Config, task: EntryTask, raw: bytes, modified: datetime) -> Reading:
    if not task.layout:
        return read_post(task.path, raw, config, modified)
    start, line, markup, spans, separator = orjson.loads(task.layout)
    spans = tuple((begin, end) for begin, end in spans)
    layout = Layout(start, line, Markup(markup), spans, separator)
    return read_body(raw, decode_post(task.data), layout)


def entry(config: Config, post: Post, html: str, summary: str) -> Entry:
    """A post as the entry of a feed; its terms are told apart by where their feeds lie."""
    other_language = post.language.lower() != config.site.language.lower()
    return Entry(
        id=post.id,
        url=post.url,
        title=post.title,
        published=post.date,
        updated=post.updated,
        authors=post.authors,
        summary=summary,
        content=html if config.feeds.content == "full" else None,
        categories=(
            *_categories(config, Kind.CATEGORY, post.categories),
            *_categories(config, Kind.TAG, post.tags),
        ),
        source=_source(post, config),
        enclosures=post.enclosures,
        image=post.image,
        language=post.language if other_language else "",
    )


def _source(post: Post, config: Config) -> str:
    """The source, absolute; a link that leads to no other page of the web is none."""
    url = resolved(post.source, post.url, config.site.url, jekyll=False) if post.source else ""
    return url if url != post.url else ""


def _categories(config: Config, kind: Kind, names: Sequence[str]) -> list[Category]:
    scheme = catalog.scheme(config, kind) if names else ""
    return [
        Category(name, scheme, config.terms.term(kind, name).title) for name in dict.fromkeys(names)
    ]
