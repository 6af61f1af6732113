"""Every document of a whole site is valid, and what is not valid would be found."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from feeds.models import Format
from tests.conftest import run_build

from .samples import FEED, FULL, MINIMAL, body
from .validity import problems

ROOT = Path(__file__).parents[2]
LATER = datetime(2026, 1, 1, tzinfo=UTC)


def faults(output: Path) -> Iterator[str]:
    paths = [path for path in sorted(output.rglob("*")) if path.suffix[1:] in set(Format)]
    assert len(paths) > 5
    for path in paths:
        for problem in problems(path.read_bytes(), Format(path.suffix[1:])):
            yield f"{path.relative_to(output)}: {problem}"
    assert ET.parse(output / "feeds.opml").getroot().tag == "opml"


def test_the_sample_site_is_valid(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    shutil.copy(ROOT / "config.toml", tmp_path)
    run_build(tmp_path, LATER)
    assert list(faults(tmp_path / "public")) == []


@pytest.mark.parametrize("content", ["full", "summary"])
def test_the_users_site_is_valid(content: str, shared: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(shared / "corpora/finews", site)
    (site / "config.toml").write_text(f'[feeds]\ncontent = "{content}"\nentries = 100\n')
    run_build(site, LATER)
    assert list(faults(site / "public")) == []


@pytest.mark.parametrize(
    ("format", "right", "wrong"),
    [
        (Format.ATOM, "<author>.*?</author>", ""),
        (Format.ATOM, "(?<=<id>)https://news.example.org/minimal.html", FULL.id),
        (Format.ATOM, "(?<=<id>)https://news.example.org/minimal.html", "minimal"),
        (Format.ATOM, "<id>[^<]*</id>", ""),
        (Format.ATOM, "<updated>[^<]*</updated>", ""),
        (Format.ATOM, r"\+08:00", ""),
        (Format.ATOM, 'rel="self"', 'rel="related"'),
        (Format.ATOM, 'rel="enclosure" type="audio/mpeg" length="12345"', 'type="text/html"'),
        (Format.ATOM, 'length="12345"', 'length=""'),
        (Format.ATOM, 'type="html"', 'type="CDATA"'),
        (Format.ATOM, 'term="shichang"', 'term=""'),
        (Format.ATOM, "<email>desk@", "<email>desk"),
        (Format.ATOM, 'xml:lang="zh-CN"', 'xml:lang="Chinese, simplified"'),
        (Format.ATOM, "(/?sy:)updatePeriod(>.*sy:)updatePeriod", r"\1UpdatePeriod\2UpdatePeriod"),
        (Format.ATOM, "<entry>", '<entry xmlns:media="http://search.yahoo.com/mrss/">'),
        (Format.ATOM, "<entry>", '<entry xmlns="">'),
        (Format.ATOM, 'href="https://source', 'href="//source'),
        (Format.ATOM, "<title>Minimal</title>", "<title> </title>"),
        (Format.RSS, "<description>[^<]*</description>", ""),
        (Format.RSS, "<link>[^<]*</link>", "<link/>"),
        (Format.RSS, "<ttl>45</ttl>", "<ttl>0</ttl>"),
        (Format.RSS, "Mon, 17 Jan", "Tue, 17 Jan"),
        (Format.RSS, "Mon, 17 Jan", "Mo, 17 Jan"),
        (Format.RSS, r" \+0800", ""),
        (Format.RSS, '(?<=true">)https://news.example.org/minimal.html', "minimal"),
        (Format.RSS, '(?<=true">)https://news.example.org/minimal.html', FULL.id),
        (Format.RSS, "(<enclosure [^<]*/>)", r"\1\1"),
        (Format.RSS, ' length="12345"', ""),
        (Format.RSS, 'fileSize="678"', 'fileSize="0"'),
        (Format.RSS, "<dc:creator>Li Si</dc:creator>", "<dc:creator/>"),
        (Format.RSS, 'rel="self"', 'rel="related"'),
        (Format.RSS, "<pubDate>[^<]*</pubDate>", ""),
        (Format.RSS, "<image><url>[^<]*</url>", "<image>"),
        (Format.JSON, '"version":"[^"]*",', ""),
        (Format.JSON, ',"content_text":""', ""),
        (Format.JSON, '"id":"[^"]*minimal[^"]*"', '"id":1'),
        (Format.JSON, '"id":"[^"]*minimal[^"]*"', f'"id":"{FULL.id}"'),
        (Format.JSON, '"mime_type":"[^"]*"', '"mime_type":""'),
        (Format.JSON, r"\+08:00", ""),
        (Format.JSON, '"name":"Li Si"', ""),
        (Format.JSON, '"A&B"', '"股市"'),
        (Format.JSON, '"external_url":"https:', '"external_url":"'),
    ],
)
def test_what_is_not_valid_is_found(format: Format, right: str, wrong: str) -> None:
    text = body(FEED, [FULL, MINIMAL], format).decode()
    assert problems(text.encode(), format) == []
    broken, count = re.subn(right, wrong, text, count=1)
    assert count == 1
    assert problems(broken.encode(), format) != []
