"""What feedgen gets wrong by itself, and what is right because of the repairs."""

from __future__ import annotations

import hashlib
import locale
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from feeds.models import Format, Person
from feeds.render import atom, rss
from feeds.render.dates import rfc822, rfc3339
from feeds.render.generator import Generator, Item, fragment, insert

from .readers import texts
from .samples import ALONE, BARE_FEED, FEED, FULL, HOSTILE, MINIMAL, body

ROOT = Path(__file__).parents[2]
XML = (Format.ATOM, Format.RSS)
DATE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d"
    r"|\w{3}, \d\d \w{3} \d{4} [\d:]{8} [+-]\d{4}"
)
by_xml = pytest.mark.parametrize("format", XML)

# --- nothing of its own -------------------------------------------------------------------


@pytest.mark.parametrize("format", Format)
def test_no_date_comes_from_the_clock(format: Format) -> None:
    old = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)
    feed = replace(FEED, updated=old)
    entries = [replace(each, published=old, updated=old) for each in (FULL, MINIMAL)]
    found = set(DATE.findall(body(feed, entries, format).decode()))
    assert found - {rfc3339(old), rfc822(old)} == set()
    assert found


@by_xml
def test_the_documents_do_not_speak_of_feedgen(format: Format) -> None:
    text = body(FEED, [FULL], format).lower()
    assert b"feedgen" not in text
    assert b"lkiesow" not in text
    assert b"rssboard" not in text


@by_xml
def test_the_locale_of_the_process_is_left_alone(
    format: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    # feedgen switches it for all threads whenever it writes a date as RFC 822 has it.
    def switched(*_: object) -> None:
        raise AssertionError("the locale was switched")

    monkeypatch.setattr(locale, "setlocale", switched)
    assert body(FEED, [FULL], format)


# What a process of another language, time zone and hash seed writes.
SCRIPT = """\
import hashlib, locale, sys, time
from feeds.models import Format
from tests.render.samples import FEED, FULL, HOSTILE, MINIMAL, body
locale.setlocale(locale.LC_ALL, "")
print(time.strftime("%A", time.gmtime(0)))
for format in Format:
    print(hashlib.sha256(body(FEED, [FULL, HOSTILE, MINIMAL], format)).hexdigest())
"""


def written_elsewhere(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return done.stdout.splitlines()


def written_here() -> list[str]:
    entries = [FULL, HOSTILE, MINIMAL]
    return [hashlib.sha256(body(FEED, entries, format)).hexdigest() for format in Format]


@pytest.mark.parametrize(("name", "thursday"), [("de_DE", "Donnerstag"), ("zh_CN", "星期四")])
def test_a_process_in_another_language_writes_the_same(
    name: str, thursday: str, tmp_path: Path
) -> None:
    if not shutil.which("localedef"):
        pytest.skip("there is no localedef to make a locale with")
    made = subprocess.run(
        ["localedef", "-i", name, "-f", "UTF-8", tmp_path / f"{name}.UTF-8"],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"this system has no locale {name}")
    first, *hashes = written_elsewhere(LOCPATH=os.fspath(tmp_path), LC_ALL=f"{name}.UTF-8")
    assert first == thursday
    assert hashes == written_here()


def test_a_process_in_another_zone_with_other_hashes_writes_the_same() -> None:
    _, *hashes = written_elsewhere(TZ="Pacific/Chatham", PYTHONHASHSEED="7", LC_ALL="C")
    assert hashes == written_here()


# --- said rightly -------------------------------------------------------------------------


def test_links_of_an_entry_keep_what_they_are() -> None:
    item = Item()
    item.id("a")
    item.title("a")
    item.link(
        [
            {"href": "https://a.example/1", "rel": "enclosure", "type": "audio/ogg", "length": "5"},
            {"href": "https://a.example/2"},
            {"href": "https://a.example/3", "rel": "via"},
        ]
    )
    links = [dict(link.attrib) for link in item.atom_entry().iterchildren("link")]
    assert links == [
        {"href": "https://a.example/1", "rel": "enclosure", "type": "audio/ogg", "length": "5"},
        {"href": "https://a.example/2", "rel": "alternate"},
        {"href": "https://a.example/3", "rel": "via"},
    ]


@by_xml
def test_text_is_escaped_and_never_marked_as_cdata(format: Format) -> None:
    text = body(FEED, [*ALONE.values()], format)
    assert b"<![CDATA[" not in text
    assert b'"CDATA"' not in text


def test_the_link_of_a_channel_is_its_page_whatever_else_is_linked() -> None:
    assert texts(body(FEED, [FULL], Format.RSS), "/rss/channel/link/text()") == [FEED.page]


def test_names_alone_are_authors_in_rss_too() -> None:
    entry = replace(MINIMAL, authors=(Person("甲"), Person("乙")))
    assert texts(body(FEED, [entry], Format.RSS), "//item/dc:creator/text()") == ["甲", "乙"]


@by_xml
def test_the_syndication_module_is_spelled_as_it_is_defined(format: Format) -> None:
    text = body(FEED, [], format)
    assert b"<sy:updatePeriod>daily</sy:updatePeriod>" in text
    assert b"<sy:updateFrequency>4</sy:updateFrequency>" in text


@by_xml
def test_an_entry_with_a_link_and_nothing_else_is_written(format: Format) -> None:
    nothing = replace(MINIMAL, title="", summary="", content=None)
    assert MINIMAL.url.encode() in body(BARE_FEED, [nothing], format)


# --- one entry, many documents ------------------------------------------------------------


@by_xml
def test_an_entry_declares_no_namespace_again(format: Format) -> None:
    module = atom if format is Format.ATOM else rss
    assert b"xmlns" not in module.render_entry(FULL)


def test_the_namespaces_of_a_document_are_those_that_it_is_given() -> None:
    generator = Generator({"x": "https://x.example/ns"})
    generator.more.add("{https://x.example/ns}y", "z", w="v")
    generator.id("a")
    generator.title("a")
    generator.updated(FEED.updated)
    assert b'<x:y w="v">z</x:y>\n' in generator.atom_str()


def test_a_fragment_is_what_stands_between_the_tags_of_its_parent() -> None:
    entry = etree.Element("e")
    entry.text, entry.tail = "<x>", "\n"
    assert fragment(entry, etree.Element("p", nsmap={"n": "https://n.example/"})) == (
        b"<e>&lt;x&gt;</e>\n"
    )


def test_fragments_go_before_the_end_in_their_order() -> None:
    assert insert(b"<a><h/></a>", [b"<1/>", b"<2/>"], b"</a>") == b"<a><h/><1/><2/></a>"
