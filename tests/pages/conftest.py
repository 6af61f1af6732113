"""Built and served once for all tests of pages: a busy site with hostile posts in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ..conftest import run_build
from ..service import Service, free_port, serving
from .browsing import CHROMIUM, chromium, html_pages
from .links import check_links
from .sites import NEWEST, write_busy, write_hostile

# What `npm install` puts beside package.json.
MODULES = Path(__file__).parent / "node_modules"


@dataclass(frozen=True)
class Site:
    """A site that is served: where it is, its built files, and the paths of its pages."""

    root: Path
    url: str
    service: Service

    @property
    def output(self) -> Path:
        return self.root / "public"

    @property
    def pages(self) -> list[str]:
        return html_pages(self.output)


@pytest.fixture(scope="package")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = write_hostile(write_busy(tmp_path_factory.mktemp("busy") / "site"))
    check_links(root, NEWEST)
    run_build(root, datetime.now(UTC))
    with serving(root, free_port(), "--no-watch") as service:
        yield Site(root, service.url, service)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Of a module and no more: while it runs, nothing else can have an event loop.
    if CHROMIUM is None:
        pytest.skip("needs Chromium: the packages chromium, fonts-noto-cjk and fonts-noto-core")
    with chromium() as found:
        yield found
