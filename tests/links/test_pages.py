from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from feeds.config import Config, Links, Site, SitePages
from feeds.errors import ConfigError
from feeds.links.pages import Pages, normal, pages_of, pages_version
from feeds.models import Kind

XMLNS = "http://www.sitemaps.org/schemas/sitemap/0.9"


def configured(root: Path, url: str = "https://example.com", **links: object) -> Config:
    settings = Links(**links)  # type: ignore[arg-type]  # a test names the keys that it is about
    own = SitePages(("/category/{category}.html", "/{category}/"), ("/tag/{tag}/",))
    return Config(root=root, site=Site(url=url, title="t"), site_pages=own, links=settings)


def pages(root: Path, url: str = "https://example.com", **links: object) -> Pages:
    return pages_of(configured(root, url, **links))


def sitemap(*paths: str, url: str = "https://example.com") -> str:
    found = "".join(f"<url><loc>{url}{path}</loc></url>" for path in paths)
    return f'<?xml version="1.0"?><urlset xmlns="{XMLNS}">{found}</urlset>'


# --- paths --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("", "/"),
        ("/index.html", "/"),
        ("/a/index.htm", "/a/"),
        ("/%E4%B8%AD", "/中"),
        ("/%e4%b8%ad", "/%E4%B8%AD"),
        ("/%41b", "/Ab"),
        ("/a b", "/a%20b"),
        ("/a(b)+c", "/a%28b%29%2Bc"),
    ],
)
def test_paths_that_lead_to_the_same_page_are_equal(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/Techweb", "/TechWeb"),
        ("/a", "/a/"),
        ("/a/", "/a.html"),
        ("/index.html5", "/"),
        ("/reindex.html", "/"),
        ("/%D6%D0", "/%CE%C4"),  # two words in GBK, neither of which is UTF-8
    ],
)
def test_paths_that_lead_to_different_pages_differ(one: str, other: str) -> None:
    assert normal(one) != normal(other)


# --- hosts and patterns -------------------------------------------------------------------


def test_hosts_are_compared_as_they_are_asked_for(tmp_path: Path) -> None:
    site = pages(
        tmp_path,
        "https://Exämple.com:443",
        hosts=("www.Example.com", "例子.org", "example.net:443", "example.net:8443"),
        aliases=("OLD.example.com",),
    )
    assert site.hosts == (
        "xn--exmple-cua.com",
        "www.example.com",
        "xn--fsqu00a.org",
        "example.net",
        "example.net:8443",
    )
    assert site.aliases == {"old.example.com"}
    assert site.is_site("example.net")
    assert not site.is_site("old.example.com")


def test_a_term_has_a_page_for_every_pattern_below_the_prefix_of_the_site(tmp_path: Path) -> None:
    site = pages(tmp_path, "https://example.com/blog")
    assert site.pages_of_term(Kind.CATEGORY, "a b") == ["/blog/category/a%20b.html", "/blog/a%20b/"]
    assert site.pages_of_term(Kind.TAG, "税务") == ["/blog/tag/%E7%A8%8E%E5%8A%A1/"]
    assert site.address(site.front) == "https://example.com/blog/"


def test_without_a_folder_or_a_sitemap_only_the_front_page_is_known(tmp_path: Path) -> None:
    site = pages(tmp_path)
    assert site.has("/") is True
    assert site.has("/index.html") is True
    assert site.has("/about.html") is None


@pytest.mark.parametrize(
    ("include", "exclude", "said"),
    [
        ((), (), ""),
        (("https://example.org/*",), (), ""),
        (("https://example.com/*", "*/a"), (), ""),
        (("https://example.com/*",), (), "not included"),
        ((), ("*.org/*",), "excluded"),
        (("*",), ("https://example.org/a",), "excluded"),
        ((), ("example.org",), ""),
    ],
)
def test_patterns_are_of_whole_addresses_and_exclude_wins(
    tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], said: str
) -> None:
    site = pages(tmp_path, include=include, exclude=exclude)
    assert site.unwanted("https://example.org/a") == said


# --- a built site -------------------------------------------------------------------------


@pytest.fixture
def built(tmp_path: Path) -> Pages:
    folder = tmp_path / "_site"
    for name in ("index.html", "a/index.html", "about.html", "img/税 务.png", "old/index.htm"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (tmp_path / "secret.html").write_text("")
    return pages(tmp_path, site_dir="_site")


@pytest.mark.parametrize(
    "path",
    ["/", "/a/", "/a", "/a/index.html", "/about.html", "/about", "/old/", "/img/税%20务.png"],
)
def test_a_file_of_the_built_site_is_a_page(built: Pages, path: str) -> None:
    assert built.has(path) is True


@pytest.mark.parametrize(
    "path",
    [
        "/b",
        "/About.html",
        "/about.html/",
        "/about/",
        "/img/",
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/a/..%2f..%2fsecret.html",
        "/%00",
        "/" + "x" * 5_000,
        "/" + "x/" * 3_000,
    ],
)
def test_what_is_no_file_of_the_built_site_is_no_page(built: Pages, path: str) -> None:
    assert built.has(path) is False


def test_a_path_cannot_name_a_file_of_the_machine(built: Pages, tmp_path: Path) -> None:
    assert built.has(f"/{tmp_path}/secret.html") is False
    assert built.has(f"/%2F{tmp_path}/secret.html") is False


def test_a_built_site_below_a_prefix_says_nothing_of_what_is_beside_it(tmp_path: Path) -> None:
    (tmp_path / "_site").mkdir()
    (tmp_path / "_site/a.html").write_text("")
    site = pages(tmp_path, "https://example.com/blog/", site_dir="_site")
    assert site.has("/blog/a.html") is True
    assert site.has("/blog/b.html") is False
    assert site.has("/a.html") is None
    assert site.has("/bloga.html") is None


def test_a_name_that_is_no_utf8_is_found(tmp_path: Path) -> None:
    (tmp_path / "_site").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/_site/\xd6\xd0.html")).write_text("")
    site = pages(tmp_path, site_dir="_site")
    assert site.has("/%D6%D0.html") is True
    assert site.has("/%CE%C4.html") is False


def test_a_folder_that_is_not_there_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"_site: links\.site_dir is no folder"):
        pages(tmp_path, site_dir="_site")


# --- sitemaps -----------------------------------------------------------------------------

FORMS = {
    "plain": sitemap("/a.html", "/b/?x=1&amp;y", "/%e4%b8%ad/"),
    "prefix": f'<s:urlset xmlns:s="{XMLNS}"><s:url><s:loc>https://example.com/a.html</s:loc></s:url>'
    "<s:url><s:loc>\n https://example.com/b/\n</s:loc></s:url>"
    "<s:url><s:loc><![CDATA[https://example.com/中/]]></s:loc></s:url></s:urlset>",
    "list": "https://example.com/a.html\r\nhttps://example.com/b/\n\n/中/\nhttp://[oops/\n",
    "mark": "\ufeffhttps://example.com/a.html https://example.com/b/ https://example.com/中/",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_the_pages_of_a_sitemap_are_known(tmp_path: Path, form: str, packed: bool) -> None:
    raw = FORMS[form].encode()
    (tmp_path / "map").write_bytes(gzip.compress(raw) if packed else raw)
    site = pages(tmp_path, sitemap="map")
    assert [site.has(path) for path in ("/a.html", "/b/", "/b", "/中/", "/")] == [True] * 5
    assert [site.has(path) for path in ("/c.html", "/c/", "/c", "/a")] == [False] * 4


def test_a_sitemap_says_nothing_of_images_and_files(tmp_path: Path) -> None:
    (tmp_path / "map").write_text(sitemap("/a.html"))
    site = pages(tmp_path, sitemap="map")
    assert [site.has(path) for path in ("/a.png", "/x/report.pdf", "/v1.2")] == [None] * 3


def test_the_sitemaps_of_an_index_are_read_from_its_folder(tmp_path: Path) -> None:
    names = ("/posts.xml", "/blog/maps/tags.xml.gz", "/index.xml")
    index = "".join(f"<sitemap><loc>https://example.com{name}</loc></sitemap>" for name in names)
    folder = tmp_path / "site"
    (folder / "maps").mkdir(parents=True)
    (folder / "index.xml").write_text(f'<sitemapindex xmlns="{XMLNS}">{index}</sitemapindex>')
    (folder / "posts.xml").write_text(sitemap("/a.html"))
    (folder / "maps/tags.xml.gz").write_bytes(gzip.compress(sitemap("/tag/x/").encode()))
    site = pages(tmp_path, sitemap="site/index.xml")
    assert (site.has("/a.html"), site.has("/tag/x/"), site.has("/b.html")) == (True, True, False)


def test_a_sitemap_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    (tmp_path / "map").write_text(sitemap("/a.html"))
    assert pages(tmp_path, sitemap="map").has("/new.html") is False
    (tmp_path / "map").write_text(sitemap("/a.html", "/new.html"))
    assert pages(tmp_path, sitemap="map").has("/new.html") is True


UNREADABLE = {
    "missing": None,
    "not UTF-8": b"\xff\xfe\x00",
    "damaged": gzip.compress(b"x" * 1_000)[:20] + b"\xff" * 20,
    "half": gzip.compress(sitemap("/a.html").encode())[:-20],
    "index of nothing": b"<sitemapindex><sitemap><loc>/gone.xml</loc></sitemap></sitemapindex>",
    "names its folder": b"<sitemapindex><sitemap><loc>/../</loc></sitemap></sitemapindex>",
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_sitemap_that_cannot_be_read_is_a_fault_of_the_configuration(
    tmp_path: Path, what: str
) -> None:
    if (raw := UNREADABLE[what]) is not None:
        (tmp_path / "map").write_bytes(raw)
    with pytest.raises(ConfigError, match=r"links\.sitemap cannot be read: "):
        pages(tmp_path, sitemap="map")


def test_a_sitemap_that_grows_without_end_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(gzip.compress(b"x" * (101 << 20), 1))
    with pytest.raises(ConfigError, match="longer than 100 MiB"):
        pages(tmp_path, sitemap="map")


def test_an_index_that_names_itself_ends(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("<sitemapindex><loc>https://example.com/map</loc></sitemapindex>")
    assert pages(tmp_path, sitemap="map").has("/a") is False


# --- another state of the pages -----------------------------------------------------------


def test_pages_that_come_and_go_are_another_version(tmp_path: Path) -> None:
    (tmp_path / "_site/a").mkdir(parents=True)
    (tmp_path / "_site/a/b.html").write_text("1")
    (tmp_path / "map").write_text(sitemap("/a.html"))
    config = configured(tmp_path, site_dir="_site", sitemap="map")
    versions = [pages_version(config)]
    (tmp_path / "_site/a/b.html").write_text("2")
    assert pages_version(config) == versions[0]
    (tmp_path / "_site/a/c.html").write_text("")
    versions.append(pages_version(config))
    (tmp_path / "_site/a/c.html").rename(tmp_path / "_site/c.html")
    versions.append(pages_version(config))
    (tmp_path / "_site/a/b.html").unlink()
    versions.append(pages_version(config))
    (tmp_path / "map").write_text(sitemap("/a.html", "/b.html"))
    versions.append(pages_version(config))
    assert len(set(versions)) == 5


def test_without_a_folder_or_a_sitemap_there_is_one_version(tmp_path: Path) -> None:
    assert pages_version(configured(tmp_path)) == pages_version(configured(tmp_path / "b"))
