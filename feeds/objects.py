"""What programs are told of builds, posts and feeds: JSON objects whose keys stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feeds.build import KnownFeed, Result
from feeds.config import Config
from feeds.models import Finding, Post
from feeds.rows import State


def build_object(result: Result, config: Config, seconds: float) -> dict[str, Any]:
    """What a build did."""
    published = result.published
    return {
        "output": str(config.output),
        "posts": {state.name.lower(): number for state, number in sorted(result.posts.items())},
        "feeds": result.feeds,
        "documents": result.documents,
        "published": published is not None,
        "written": sorted(published.written) if published else [],
        "removed": sorted(published.removed) if published else [],
        "findings": [finding_object(found) for found in result.findings],
        "seconds": round(seconds, 3),
    }


def finding_object(found: Finding) -> dict[str, Any]:
    """What is to be said of a file, and where in it."""
    return {
        "path": found.path,
        "line": found.line,
        "level": found.level.value,
        "what": found.what,
        "done": found.done,
    }


def post_object(post: Post, state: State, warnings: Sequence[str]) -> dict[str, Any]:
    """A post as it was read, and what is to be said of its file."""
    return {
        "path": post.path,
        "url": post.url,
        "id": post.id,
        "title": post.title,
        "date": post.date.isoformat(),
        "updated": post.updated.isoformat(),
        "categories": post.categories,
        "tags": post.tags,
        "published": post.published,
        "state": state.name.lower(),
        "source": post.source,
        "aliases": post.aliases,
        "links": [
            {"role": link.role, "label": link.label, "url": link.url, "line": link.line}
            for link in post.links
        ],
        "warnings": warnings,
    }


def feed_object(feed: KnownFeed) -> dict[str, Any]:
    """A feed and where it is; ``path`` and ``url`` are those of its first format."""
    head = feed.head
    return {
        "kind": head.kind,
        "name": head.name,
        "title": head.title,
        "path": next(iter(head.paths.values())),
        "url": next(iter(head.urls.values())),
        "entries": feed.entries,
        "updated": head.updated.isoformat(),
        "urls": dict(head.urls),
        "posts": feed.posts,
        "newest": feed.newest.isoformat() if feed.posts else None,
    }
