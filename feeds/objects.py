"""What programs are told of posts and feeds: JSON objects whose keys stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from feeds.build import KnownFeed
from feeds.models import Post
from feeds.rows import State


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
