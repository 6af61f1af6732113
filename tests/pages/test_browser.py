"""Pages in a real browser: what people see, what the script adds, what hostile posts achieve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import feedparser
import pytest
from playwright.sync_api import Browser, Page, expect

from feeds.pages.words import CHINESE as SAID

from .browsing import DESKTOP, PHONE, Head, Size, Visit, static_files, visiting
from .conftest import Site
from .sites import NEWEST, TOPICS, URL

CATEGORY: Final = "category/shuiwuyaowen/"
ARABIC: Final = "category/الاقتصاد-العالمي/"
KINDS: Final = ("", "newest/", CATEGORY, ARABIC, f"{CATEGORY}older-1.html", "links/", "status")
VISIBLE_NAMES: Final = "tbody tr:not([hidden]) th a"


@pytest.fixture
def visit(browser: Browser, busy: Site) -> Iterator[Visit]:
    """A window on a desk; the test fails if any page in it had something to complain of."""
    with visiting(browser, busy.url, now=NEWEST + timedelta(minutes=50)) as found:
        yield found


# --- every page


def test_every_page_stays_in_a_phone_and_does_as_its_policy_says(
    browser: Browser, busy: Site
) -> None:
    with visiting(browser, busy.url, Size(PHONE)) as visit:
        outside = {path: visit.open(path).evaluate(OUTSIDE) for path in (*busy.pages, "status")}
    assert {path: each for path, each in outside.items() if each} == {}


def test_nothing_reaches_out_of_a_wide_window(visit: Visit) -> None:
    kinds = (*KINDS, "links/", "status")
    assert [visit.open(path).evaluate(OUTSIDE) for path in kinds] == [[]] * len(kinds)


# What reaches over an edge of the window, or has more in it than it shows; the whole page, if a
# post did anything to it. What is there for
# screen readers alone is smaller than its text, and an excerpt is meant to be cut.
OUTSIDE: Final = """() => {
  const wide = document.documentElement.clientWidth;
  const found = [...document.body.querySelectorAll("*")].filter((each) => {
    if (each.closest(".away, .skip, thead, .excerpt, option")) return false;
    const box = each.getBoundingClientRect();
    const cut = getComputedStyle(each).overflow !== "visible"
      && each.scrollWidth > each.clientWidth + 1;
    return box.left < -0.5 || box.right > wide + 0.5 || cut;
  });
  if (document.documentElement.scrollWidth > wide || window.broken) found.push(document.body);
  return found.map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`);
}"""


@pytest.mark.parametrize("path", KINDS)
def test_a_page_leads_to_its_feeds_in_all_formats(visit: Visit, busy: Site, path: str) -> None:
    page = visit.open(path)
    found = page.locator("link[rel=alternate]").evaluate_all(
        "links => links.map(each => [each.type, each.href])"
    )
    types = ["application/atom+xml", "application/rss+xml", "application/feed+json"]
    assert [media_type for media_type, _ in found] == types
    titles = set()
    for media_type, address in found:
        answer = busy.service.get(unquote(urlsplit(address).path).lstrip("/"))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(media_type)
        if media_type.endswith("json"):
            read = json.loads(answer.text)
            assert read["items"]
            titles.add(read["title"])
        else:
            feed: Any = feedparser.parse(answer.content)
            assert not feed.bozo
            assert feed.entries
            titles.add(feed.feed.title)
    assert len(titles) == 1


def test_a_feed_has_a_page_on_the_site_only_where_one_is_named(visit: Visit) -> None:
    for path in (CATEGORY, ARABIC):
        expect(visit.open(path).get_by_text(SAID["on_site"])).to_have_count(0)
    expect(visit.open("newest/").get_by_text(SAID["on_site"])).to_be_visible()


def test_links_between_pages_lead_to_pages(visit: Visit, busy: Site) -> None:
    known = {f"/{path}" for path in busy.pages}
    for path in ("", CATEGORY, f"{CATEGORY}older-2.html"):
        page = visit.open(path)
        hrefs = page.locator("main a").evaluate_all("links => links.map(each => each.href)")
        own = {unquote(urlsplit(each).path) for each in hrefs if each.startswith(busy.url)}
        feeds = {each for each in own if each.rpartition(".")[2] in ("atom", "rss", "json", "opml")}
        assert own - feeds <= known
        assert own - feeds
    page.get_by_role("link", name=SAID["back"]).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("税务要闻")


# --- the directory


def names(page: Page) -> list[str]:
    # Not as they are laid out: rows are only while they are seen.
    return page.locator(VISIBLE_NAMES).all_text_contents()


def test_the_filter_shows_what_has_the_typed_part_in_its_name(visit: Visit) -> None:
    page = visit.open("")
    everything = names(page)
    box = page.get_by_role("searchbox", name=SAID["filter"])
    box.press_sequentially("技术")
    assert names(page) == ["电池技术"]
    expect(page.get_by_role("status").filter(has_text=SAID["shown"])).to_have_text(
        f"1 {SAID['shown']}"
    )
    # A section without any is not shown, nor is its heading.
    expect(page.get_by_role("heading", name=SAID["category"])).to_be_hidden()
    box.fill("ENERGY")
    assert names(page) == ["Energy & Climate"]
    # The name of a category's folder finds it, too, whatever its tag is.
    box.fill("shuiwu")
    assert names(page) == ["税务要闻"]
    box.fill("  ")
    assert names(page) == everything
    expect(page.locator("#count")).to_have_text(str(len(everything)))


def test_the_filter_says_that_nothing_has_a_name(visit: Visit) -> None:
    page = visit.open("")
    expect(page.get_by_text(SAID["nothing"])).to_be_hidden()
    page.get_by_role("searchbox").fill("没有这样的名字")
    expect(page.get_by_text(SAID["nothing"])).to_be_visible()
    assert names(page) == []
    expect(page.locator("#count")).to_have_text("0")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("by_newest", lambda row: -row["newest"]),
        ("by_posts", lambda row: -row["posts"]),
        ("by_pace", lambda row: -row["pace"]),
    ],
)
def test_feeds_are_put_in_order(visit: Visit, key: str, value: Any) -> None:
    page = visit.open("")
    sort = page.get_by_role("combobox", name=SAID["sort"])
    if key == "by_newest":
        sort.select_option(label=SAID["by_name"])  # as it is from the beginning
    sort.select_option(label=SAID[key])
    for body in range(2):
        rows = page.locator("tbody").nth(body).evaluate(ROWS)
        values = [value(row) for row in rows]
        assert len(set(values)) > 1
        assert values == sorted(values)


ROWS: Final = """(body) => [...body.rows].map((row) => ({
  posts: Number(row.cells[1].textContent),
  newest: Date.parse(row.cells[2].title || row.cells[2].textContent),
  pace: Number(row.cells[3].dataset.n ?? 0),
}))"""


def test_names_are_put_in_the_order_of_their_language(visit: Visit) -> None:
    page = visit.open("")
    page.get_by_role("combobox").select_option(label=SAID["by_name"])
    order = names(page)
    # Chinese names by how they are spoken: guān, shàng, shuì, xīn.
    chinese = [
        name for name in order if name in ("新能源汽车", "关于本站", "税务要闻", "上市公司公告")
    ]
    assert chinese[:4] == ["关于本站", "上市公司公告", "税务要闻", "新能源汽车"]


def test_a_name_from_right_to_left_moves_no_other(visit: Visit) -> None:
    page = visit.open("")
    # Whatever comes first: the order of its letters must not be that of the table.
    page.locator("tbody").first.evaluate(ARABIC_FIRST)
    lefts = (
        page.locator("tbody")
        .first.locator("th a")
        .evaluate_all("links => links.map(each => Math.round(each.getBoundingClientRect().left))")
    )
    assert len(lefts) > len(TOPICS)
    assert len(set(lefts)) == 1


def test_each_name_says_how_it_runs_and_that_its_script_is_another(visit: Visit) -> None:
    page = visit.open("")

    def told(name: str) -> tuple[str | None, str | None, str]:
        link = page.locator("tbody th a").filter(has_text=name).first
        runs = str(link.evaluate("each => getComputedStyle(each).direction"))
        return link.get_attribute("dir"), link.get_attribute("lang"), runs

    assert told("الاقتصاد العالمي") == ("auto", "und-Arab", "rtl")
    assert told("Energy & Climate") == (None, "und-Latn", "ltr")
    assert told("新能源汽车") == (None, None, "ltr")


ARABIC_FIRST: Final = """(body) => body.prepend(
  [...body.rows].find((row) => /\\p{Script=Arabic}/u.test(row.textContent)))"""


# --- the page of a feed


def paste(page: Page) -> str:
    """What the clipboard holds, as whoever pastes it has it."""
    box = page.get_by_role("searchbox")
    box.focus()
    page.keyboard.press("Control+V")
    return box.input_value()


# In two formats: what one put into the clipboard is not what the other has to.
@pytest.mark.parametrize(("allowed", "format"), [(True, "RSS"), (False, "Atom")])
def test_the_button_copies_the_address(
    browser: Browser, busy: Site, allowed: bool, format: str
) -> None:
    with visiting(browser, busy.url) as visit:
        # What is not granted then is refused.
        visit.page.context.grant_permissions(["clipboard-write"] if allowed else ["geolocation"])
        page = visit.open(ARABIC)
        state = page.evaluate(
            "navigator.permissions.query({name: 'clipboard-write'}).then(found => found.state)"
        )
        assert state == ("granted" if allowed else "denied")
        page.get_by_role("button", name=f"{SAID['copy_it']} {format}").click()
        expect(page.get_by_role("status")).to_have_text(SAID["copied"])
        visit.open("")
        pasted = paste(page)
        assert unquote(pasted) == f"{URL}/{ARABIC}feed.{format.lower()}"
        assert pasted.isascii()


def test_ages_are_told_and_dates_kept(visit: Visit) -> None:
    page = visit.open(CATEGORY)
    first = page.locator("article time").first
    assert first.inner_text() == "50分钟前"
    assert first.get_attribute("title") == "2025-06-14 18:20"
    assert first.get_attribute("datetime") == "2025-06-14T18:20+08:00"


def test_names_run_as_their_script_does(visit: Visit) -> None:
    heading = visit.open(ARABIC).get_by_role("heading", level=1)
    assert heading.evaluate("each => getComputedStyle(each).direction") == "rtl"
    assert heading.get_attribute("lang") == "und-Arab"
    article = visit.page.locator("article").first
    assert article.get_attribute("lang") == "ar"
    assert article.evaluate("each => getComputedStyle(each).direction") == "rtl"
    # What the page says itself runs as the page does.
    source = article.locator(".source")
    assert source.evaluate("each => getComputedStyle(each).direction") == "ltr"
    heading = visit.open(CATEGORY).get_by_role("heading", level=1)
    assert heading.evaluate("each => getComputedStyle(each).direction") == "ltr"


# --- without a script, in the dark, from elsewhere


def test_without_a_script_all_is_there_and_nothing_is_dead(browser: Browser, busy: Site) -> None:
    with visiting(browser, busy.url, java_script_enabled=False) as visit:
        page = visit.open("")
        listed = page.locator(VISIBLE_NAMES)
        terms = {path for path in busy.pages if path.startswith(("category/", "tag/"))}
        assert listed.count() == len({path.rpartition("/")[0] for path in terms})
        assert page.locator("time").first.inner_text().startswith("2025-")
        for path in ("", CATEGORY):
            visit.open(path)
            for control in page.locator("button, input, select").all():
                expect(control).to_be_hidden()
        page.get_by_text(SAID["how"]).click()
        expect(page.get_by_text(SAID["how_2"])).to_be_visible()


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_colours_follow_the_system(browser: Browser, busy: Site, scheme: str, dark: bool) -> None:
    with visiting(browser, busy.url, color_scheme=scheme) as visit:
        page = visit.open(CATEGORY)
        paper, ink, button = (
            page.locator(each).first.evaluate(BRIGHTNESS, name)
            for each, name in (("body", "backgroundColor"), ("body", "color"), ("button", "color"))
        )
        assert (paper < ink) == dark
        assert abs(paper - button) > 80


BRIGHTNESS: Final = """(each, name) => {
  const [red, green, blue] = getComputedStyle(each)[name].match(/[0-9.]+/g).map(Number);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}"""


def test_any_web_server_and_the_disk_will_do(browser: Browser, busy: Site) -> None:
    with static_files(busy.output) as url, visiting(browser, url) as visit:
        page = visit.open("")
        page.get_by_role("searchbox").fill("技术")
        page.get_by_role("link", name="电池技术").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("电池技术")
    with visiting(browser, busy.output.as_uri()) as visit:
        page = visit.open("index.html")
        page.get_by_role("searchbox").fill("技术")
        assert names(page) == ["电池技术"]
        assert page.evaluate("getComputedStyle(document.body).margin") == "0px"


# --- the policy


@pytest.mark.parametrize("path", KINDS)
def test_the_policy_of_the_header_is_that_of_the_page(busy: Site, path: str) -> None:
    answer = busy.service.get(path)
    page = Head.of(answer.text)
    header = answer.headers["content-security-policy"]
    assert "unsafe" not in header
    assert "default-src 'none'" in page.policy
    # Only a header can forbid frames.
    assert header == f"{page.policy}; frame-ancestors 'none'"


@pytest.mark.parametrize("static", [False, True])
def test_what_got_into_a_page_all_the_same_would_not_run(
    browser: Browser, busy: Site, static: bool
) -> None:
    def put(visit: Visit) -> None:
        page = visit.open("")
        page.evaluate(INJECTED)
        page.get_by_text("injected").click()
        assert page.evaluate("window.broken") is None
        assert page.get_by_text("injected").evaluate("each => getComputedStyle(each).order") == "0"
        told = [fault for fault in visit.faults if "policy: " in fault]
        for directive in ("script-src-elem", "script-src-attr", "style-src-attr", "img-src"):
            assert any(directive in each for each in told), (directive, told)
        visit.faults.clear()

    if static:  # the page alone says it
        with static_files(busy.output) as url, visiting(browser, url) as visit:
            put(visit)
    else:
        with visiting(browser, busy.url) as visit:
            put(visit)


INJECTED: Final = """() => {
  const script = document.createElement("script");
  script.textContent = "window.broken = 8";
  document.body.append(script);
  document.querySelector("main").insertAdjacentHTML("afterbegin",
    '<p onclick="window.broken = 9" style="order: 7">injected'
    + '<img src="https://www.example.com/x.png" alt=""></p>');
}"""


# --- with the keyboard alone

FOCUSED: Final = """() => {
  const each = document.activeElement;
  const box = each.getBoundingClientRect();
  const style = getComputedStyle(each);
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return {
    name: each.textContent.trim() || each.id,
    tag: each.tagName,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    uncovered: top !== null && (each.contains(top) || top.contains(each)),
    // Of two links beside each other, the one that is read first.
    place: [...document.querySelectorAll("*")].indexOf(each),
  };
}"""


def pressed(page: Page, key: str, times: int) -> list[dict[str, Any]]:
    """Where the focus is after each of so many presses of a key."""
    found = []
    for _ in range(times):
        page.keyboard.press(key)
        found.append(page.evaluate(FOCUSED))
    return found


def test_the_first_key_offers_to_skip_to_the_content(visit: Visit) -> None:
    page = visit.open("")
    [first] = pressed(page, "Tab", 1)
    assert first["name"] == SAID["skip"]
    box = page.get_by_role("link", name=SAID["skip"]).bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["width"] > 40
    page.keyboard.press("Enter")
    [after] = pressed(page, "Tab", 1)
    assert page.locator("main").evaluate("(main) => main.contains(document.activeElement)"), after


@pytest.mark.parametrize("path", ["", CATEGORY])
def test_the_focus_is_seen_wherever_it_goes(visit: Visit, path: str) -> None:
    # So low that the page moves with the focus, on its way back below what stays on top.
    visit.page.set_viewport_size({"width": DESKTOP, "height": 400})
    page = visit.open(path)
    forth = pressed(page, "Tab", 45)
    back = pressed(page, "Shift+Tab", 40)
    assert [each for each in forth + back if not each["outlined"]] == []
    assert [each for each in forth + back if not each["uncovered"]] == []
    places = [each["place"] for each in forth]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


def test_the_directory_is_used_with_the_keyboard_alone(visit: Visit) -> None:
    page = visit.open("")
    while page.evaluate(FOCUSED)["name"] != "filter":
        page.keyboard.press("Tab")
    page.keyboard.type("a")
    assert names(page)
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["tag"] == "SELECT"
    page.keyboard.press("ArrowDown")
    assert page.get_by_role("combobox").locator("option:checked").inner_text() == SAID["by_name"]
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED)["name"] == names(page)[0]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_url(lambda address: urlsplit(address).path != "/")
