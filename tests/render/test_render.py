"""What every format has in common: one fragment for many documents, and when it is made."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from feeds.models import Format
from feeds.render import render_entry, splice

from .readers import read_entries
from .samples import BARE_FEED, FEED, FULL, ILLEGAL_TEXT, MINIMAL, body, document

by_format = pytest.mark.parametrize("format", Format)


@by_format
def test_a_fragment_serves_every_feed(format: Format) -> None:
    fragment = render_entry(FULL, format)
    for head in (FEED, BARE_FEED):
        found = splice(head, [fragment], format)
        assert fragment in found.body
        assert found == document(head, [FULL], format)


@by_format
def test_a_document_is_where_and_what_its_feed_says(format: Format) -> None:
    found = document(FEED, [FULL], format)
    assert found.path == FEED.paths[format]
    assert found.media_type == format.media_type
    assert found.updated == FEED.updated


@by_format
def test_a_format_can_be_the_only_one(format: Format) -> None:
    alone = replace(FEED, paths={format: "feed.xml"}, urls={format: FEED.urls[format]})
    found = document(alone, [FULL], format)
    assert found.path == "feed.xml"
    assert found.body == body(FEED, [FULL], format)


@by_format
@pytest.mark.parametrize("character", [*ILLEGAL_TEXT], ids=ascii)
def test_a_character_that_xml_forbids_does_not_stop_a_document(
    character: str, format: Format
) -> None:
    entry = replace(MINIMAL, title=f"a{character}b", content=f"<p>c{character}d</p>")
    feed = replace(BARE_FEED, title=f"a{character}b", description=character)
    [found] = read_entries(body(feed, [entry], format), format)
    assert (found.title, found.content) == ("ab", "<p>cd</p>")


@pytest.mark.parametrize(
    ("format", "needed", "spared"),
    [
        ("none", "feeds.render", "lxml"),
        ("none", "feeds.render", "feedgen"),
        ("none", "feeds.render", "orjson"),
        ("json", "orjson", "lxml"),
        ("json", "orjson", "feedgen"),
        ("atom", "feeds.render", "lxml"),
        ("rss", "feeds.render", "feedgen"),
        ("atom with an image", "feedgen", "orjson"),
        ("rss with an image", "feedgen", "orjson"),
    ],
)
def test_nothing_is_imported_before_it_is_needed(format: str, needed: str, spared: str) -> None:
    script = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from feeds.models import Entry, Format\n"
        "from feeds.render import render_entry\n"
        "now = datetime(2022, 1, 1, tzinfo=UTC)\n"
        f"name, _, image = {format!r}.partition(' with an ')\n"
        "if name in set(Format):\n"
        "    entry = Entry('a', 'https://a.example/', 'a', now, now, image=image)\n"
        "    render_entry(entry, Format(name))\n"
        "print(*sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    modules = done.stdout.decode().split()
    assert needed in modules
    assert spared not in modules
