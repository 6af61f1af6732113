"""Relative references from page to page."""

from __future__ import annotations

from urllib.parse import unquote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.pages.addresses import host_of, reference, web_address


@pytest.mark.parametrize(
    ("page", "target", "way"),
    [
        ("index.html", "feeds.css", "feeds.css"),
        ("index.html", "tag/x/index.html", "tag/x/"),
        ("tag/x/index.html", "index.html", "../../"),
        ("tag/x/index.html", "tag/x/index.html", "./"),
        ("tag/x/index.html", "tag/y/index.html", "../y/"),
        ("tag/x/older-1.html", "tag/x/index.html", "./"),
        ("tag/x/index.html", "tag/x/feed.atom", "feed.atom"),
        ("a/b.html", "a/c.html", "c.html"),
        ("index.html", "tag/中国税务报新闻/feed.atom", "tag/中国税务报新闻/feed.atom"),
        ("index.html", "tag/c#/feed.atom", "tag/c%23/feed.atom"),
        ("index.html", "tag/a b?/100%.rss", "tag/a%20b%3F/100%25.rss"),
        ("index.html", 'tag/"q"&<b>/index.html', "tag/%22q%22&%3Cb%3E/"),
        # Not a scheme.
        ("tag/index.html", "tag/javascript:x/index.html", "javascript%3Ax/"),
    ],
)
def test_a_reference_leads_from_a_page_to_a_file(page: str, target: str, way: str) -> None:
    assert reference(page, target) == way


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\\x00", exclude_categories=["Cc", "Cs"]),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


@given(paths, paths)
@example("0", ";")
def test_a_browser_resolves_it_to_the_file(page: str, target: str) -> None:
    """As RFC 3986 has it, from below a path with a query of its own."""
    here = "/".join(f"p{number}" for number, _ in enumerate(page.split("/")))
    base = f"https://example.org/blog/{here}"
    found = urlsplit(urljoin(base, reference(here, target)))
    assert (found.scheme, found.netloc, found.query, found.fragment) == (
        "https",
        "example.org",
        "",
        "",
    )
    wanted = f"/blog/{target}"
    if target == "index.html" or target.endswith("/index.html"):
        wanted = wanted.removesuffix("index.html")
    assert unquote(found.path) == wanted


@pytest.mark.parametrize(
    ("url", "web"),
    [
        ("https://example.org/a", True),
        ("http://example.org/a", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org/a", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_only_addresses_of_the_web_become_links(url: str, web: bool) -> None:
    assert web_address(url) == (url if web else "")


def test_the_host_is_what_people_read() -> None:
    assert host_of("https://www.example.org:8080/a") == "example.org"
    assert host_of("http://[") == ""
