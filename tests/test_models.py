from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from feeds import models
from feeds.models import (
    EPOCH,
    Document,
    Entry,
    Finding,
    Format,
    Kind,
    Level,
    Link,
    Post,
    Role,
)

NOW = datetime(2022, 6, 15, tzinfo=UTC)


def finding(path: str = "posts/a.md", line: int = 3, level: Level = Level.WARNING) -> Finding:
    return Finding(path, line, level, "empty title", "first words taken")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (finding(), "posts/a.md:3: warning: empty title — first words taken"),
        (
            finding("tag/股市", 0, Level.NOTE),
            "tag/股市: note: empty title — first words taken",
        ),
        (finding(level=Level.ERROR), "posts/a.md:3: error: empty title — first words taken"),
    ],
)
def test_a_finding_is_one_line(found: Finding, expected: str) -> None:
    assert str(found) == expected


def test_findings_sort_by_file_and_by_line_as_a_number() -> None:
    first, second, third = finding("a.md", 2), finding("a.md", 10), finding("b.md", 1)
    assert sorted([third, second, first]) == [first, second, third]


def post(*links: Link) -> Post:
    return Post("a.md", "https://x.example/a", "id", "A", NOW, NOW, links=links)


def test_the_source_of_a_post_is_its_first_source_link() -> None:
    back = Link(Role.BACK_HOME, "返回首页", "/", 9)
    first, second = (Link(Role.SOURCE, "", f"https://{name}.example", 8) for name in "ab")
    assert post(back, first, second).source == "https://a.example"
    assert post(back).source == ""


@pytest.mark.parametrize(
    ("id", "permanent"), [("https://x.example/a", True), ("tag:x,2022:a", False)]
)
def test_an_id_is_a_permalink_if_it_is_the_link(id: str, permanent: bool) -> None:
    assert Entry(id, "https://x.example/a", "A", NOW, NOW).permanent_id is permanent


def test_a_document_is_known_by_the_hash_of_its_body() -> None:
    document = Document("feed.atom", "application/atom+xml", b"<feed/>", NOW)
    assert document.hash == hashlib.sha256(b"<feed/>").hexdigest()
    same = Document("other.atom", "application/atom+xml", b"<feed/>", EPOCH)
    assert same.hash == document.hash
    assert Document("feed.atom", "application/atom+xml", b"<feed />", NOW).hash != document.hash


def test_every_format_has_its_registered_media_type() -> None:
    assert {str(format): format.media_type for format in Format} == {
        "atom": "application/atom+xml",  # RFC 4287, section 7
        "rss": "application/rss+xml",
        "json": "application/feed+json",  # JSON Feed 1.1
    }


def test_names_are_what_they_are_written_as() -> None:
    """Paths, JSON and the index rest on them."""
    assert [f"{kind}" for kind in Kind] == ["site", "category", "tag"]
    assert [f"{level}" for level in Level] == ["note", "warning", "error"]
    assert {str(role) for role in Role} == {
        "source",
        "back-category",
        "back-home",
        "body",
        "image",
        "enclosure",
    }


def test_values_are_frozen() -> None:
    found: list[Any] = [value for value in vars(models).values() if dataclasses.is_dataclass(value)]
    assert len(found) >= 9
    assert all(value.__dataclass_params__.frozen for value in found)


def test_the_epoch_is_aware() -> None:
    assert EPOCH.timestamp() == 0
    assert EPOCH.tzinfo is UTC
