from __future__ import annotations
import pytest
from playwright.sync_api import Browser
from .browsing import *
from .conftest import Site

def test_no_page_has_anything_to_complain_of(browser: Browser, busy: Site) -> None:
    with visiting(browser, busy.url) as visit:
        for path in busy.pages:
            page = visit.open(path)
            assert page.evaluate("window.broken") is None
