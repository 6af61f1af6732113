"""Pages are valid HTML, the style sheet is valid CSS: what the Nu HTML checker says of them.

Hostile posts are among those that the pages show. Needs Java and ``npm install`` in this folder.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from feeds.configfile import load_config
from feeds.pageviews import links_alone

from .browsing import html_pages
from .conftest import MODULES, Site
from .sites import NEWEST

JAVA: Final = shutil.which("java")
CHECKER: Final = MODULES / "vnu-jar" / "build" / "dist" / "vnu.jar"

pytestmark = pytest.mark.skipif(
    JAVA is None or not CHECKER.is_file(),
    reason="needs Java, and `npm install --prefix tests/pages` for the Nu HTML checker",
)

# What is said of all files of a disk, where a page's own site is nothing; a browser holds each
# page to its policy in test_browser.
FROM_A_DISK: Final = "Resource violates Content Security Policy (meta tag): external "
# Nor does it reckon the hashes of style sheets that a policy allows.
HASHED: Final = "Inline style violates Content Security Policy (meta tag)"
# CSS that browsers of today know, and the checker does not yet.
TOO_NEW: Final = (
    "“line-clamp”: Property “line-clamp” doesn't exist.",  # CSS Overflow 4; beside -webkit-
)


@pytest.fixture(scope="module")
def told(busy: Site) -> list[str]:
    """All that the checker has to say of a site, warnings and remarks too; Java starts once."""
    (busy.output / "wrong.html").write_text(WRONG, "utf-8")
    pages = [str(each.relative_to(busy.output)) for each in busy.output.rglob("*.html")]
    return looked_at(busy.output, ["feeds.css", *pages])


def looked_at(folder: Path, files: Sequence[str]) -> list[str]:
    """What the checker has to say of files of a folder."""
    assert JAVA is not None
    command = (JAVA, "-jar", CHECKER, "--format", "json", "--stdout", "--also-check-css")
    done = subprocess.run(
        [*command, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout, done.stderr
    return [
        f"{each['url'].partition(f'/{folder.name}/')[2]}:{each.get('lastLine')}: {each['message']}"
        for each in json.loads(done.stdout)["messages"]
    ]


WRONG: Final = "<!doctype html><title>x</title><p><b></p><a id=1 href='a b'><a id=1>"


def test_every_page_is_valid(told: list[str]) -> None:
    assert [
        each
        for each in told
        if ".html:" in each and not each.startswith("wrong.html:") and FROM_A_DISK not in each
    ] == []


def test_every_page_was_looked_at(busy: Site, told: list[str]) -> None:
    # Of each page it is said that its files are elsewhere.
    looked = {quote(each) for each in html_pages(busy.output)}
    assert len(looked) > 60
    assert len({each.partition(":")[0] for each in told if FROM_A_DISK in each}) == len(looked) - 1
    assert len([each for each in told if each.startswith("wrong.html:")]) > 3


def test_the_style_sheet_is_valid(told: list[str]) -> None:
    found = [each for each in told if each.startswith("feeds.css:")]
    assert [each for each in found if not any(known in each for known in TOO_NEW)] == []


def test_pages_that_are_one_file_are_valid(busy: Site, tmp_path: Path) -> None:
    config = load_config(busy.root)
    (tmp_path / "report.html").write_bytes(links_alone(config, NEWEST).body)
    (tmp_path / "status.html").write_bytes(busy.service.get("status").content)
    told = looked_at(tmp_path, ["report.html", "status.html"])
    assert sorted({each.partition(":")[0] for each in told}) == ["report.html", "status.html"]
    assert [each for each in told if not any(known in each for known in (*TOO_NEW, HASHED))] == []
