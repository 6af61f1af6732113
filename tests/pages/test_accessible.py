"""What axe-core has to say of the pages, in both schemes, on a desk and on a phone.

Needs Chromium and ``npm install`` in this folder.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser

from .browsing import PHONE, Size, visiting
from .conftest import MODULES, Site
from .sites import LONG, SCRIPT

AXE: Final = MODULES / "axe-core" / "axe.min.js"

pytestmark = pytest.mark.skipif(
    not AXE.is_file(), reason="needs `npm install --prefix tests/pages` for axe-core"
)

# All rules but drafts, those of good practice too; in the dark only what colours decide.
ALL: Final[dict[str, Any]] = {"resultTypes": ["violations"]}
COLOURS: Final = {**ALL, "runOnly": ["cat.color"]}
SCHEMES: Final[tuple[tuple[Literal["light", "dark"], dict[str, Any]], ...]] = (
    ("light", ALL),
    ("dark", COLOURS),
)
RUN: Final = "rules => axe.run(document, rules).then(found => found.violations)"


def violations(found: list[dict[str, Any]]) -> list[str]:
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for each in found
        for node in each["nodes"]
    ]


def kinds(site: Site) -> list[str]:
    """A page of each kind that there is, and those with the longest and most hostile names."""
    category = "category/shuiwuyaowen/"
    named = {
        "",
        "newest/",
        "links/",
        "status",
        category,
        f"{category}older-1.html",
        "category/الاقتصاد-العالمي/",
    }
    named |= {each for each in site.pages if LONG[:20] in each or "alert" in each}
    named |= {each for each in site.pages if "/" not in each.rstrip("/")}
    assert any(SCRIPT[:5] in each for each in named)
    return sorted(named)


def test_nobody_is_kept_out(browser: Browser, busy: Site) -> None:
    script = AXE.read_text("utf-8")
    found: dict[str, list[str]] = {}
    # A colour that is on its way to another is not looked at.
    with visiting(browser, busy.url, reduced_motion="reduce") as visit:
        for path in kinds(busy):
            page = visit.open(path)
            page.evaluate(script)
            for size in (Size(), Size(PHONE)):
                page.set_viewport_size({"width": size.width, "height": size.height})
                for scheme, rules in SCHEMES:
                    page.emulate_media(color_scheme=scheme)
                    if told := violations(page.evaluate(RUN, rules)):
                        found[f"{path} {size.width} {scheme}"] = told
            page.emulate_media(color_scheme="light")
    assert found == {}


# What of a table is laid out as something else, without its role: not all browsers go on telling
# what it is then.
UNTOLD: Final = """() => {
  const parts = {
    TABLE: ["table", "table"], THEAD: ["table-header-group", "rowgroup"],
    TBODY: ["table-row-group", "rowgroup"], TR: ["table-row", "row"], TD: ["table-cell", "cell"],
    TH: ["table-cell", "columnheader"],
  };
  return [...document.querySelectorAll("table, table :is(thead, tbody, tr, th, td)")].filter(
    (each) => {
      const [display, role] = parts[each.tagName];
      const wanted = each.matches("tbody th") ? "rowheader" : role;
      const found = getComputedStyle(each).display;
      return found === "none" || (found !== display && each.getAttribute("role") !== wanted);
    }).map((each) => `${each.tagName} ${each.textContent.slice(0, 20)}`);
}"""


@pytest.mark.parametrize("script", [True, False])
def test_a_table_is_one_for_those_who_hear_it(browser: Browser, busy: Site, script: bool) -> None:
    untold: dict[str, list[str]] = {}
    with visiting(browser, busy.url, java_script_enabled=script) as visit:
        for path in ("", "links/", "status"):
            page = visit.open(path)
            assert page.locator("table").count()
            for size in (Size(), Size(PHONE)):
                page.set_viewport_size({"width": size.width, "height": size.height})
                if found := page.evaluate(UNTOLD):
                    untold[f"{path} {size.width}"] = found
    assert untold == {}


def test_axe_finds_what_is_wrong(browser: Browser, busy: Site) -> None:
    with visiting(browser, busy.url) as visit:
        page = visit.open("")
        page.evaluate(
            "document.querySelector('main').innerHTML += '<img src=feeds.css><p id=pale>pale</p>'"
        )
        page.evaluate("document.getElementById('pale').style.color = '#ddd'")
        page.evaluate(AXE.read_text("utf-8"))
        found = {each.partition(":")[0] for each in violations(page.evaluate(RUN, ALL))}
        assert {"image-alt", "color-contrast"} <= found
