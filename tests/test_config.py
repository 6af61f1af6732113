"""The configuration: every key, every mistake, and which of several files is believed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config import Config, Defaults, Ignored, Site, Term, secret_of
from feeds.configfile import load_config, reload_config
from feeds.errors import ConfigError
from feeds.models import Format, Kind, Level, Person

CHECKOUT = Path(__file__).parents[1]
MINIMAL = 'site.url = "https://news.example.org"\nposts.sources = ["posts"]\n'
# These hold whatever the user puts into them.
FREE_TABLES = (
    "site.authors",
    "site.variables",
    "terms.category",
    "terms.tag",
    "redirects",
    "links.accept",
    "links.headers",
    "links.remap",
    "links.severity",
)


def configured(root: Path, text: str = "", base: str = MINIMAL) -> Config:
    """The configuration that ``text`` in a config.toml makes."""
    (root / "config.toml").write_text(base + text, "utf-8")
    return load_config(root)


def problems(root: Path, text: str, base: str = MINIMAL) -> tuple[str, ...]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        configured(root, text, base)
    assert caught.value.path == root / "config.toml"
    return caught.value.problems


# --- every key ----------------------------------------------------------------------------


def template() -> str:
    return files("feeds").joinpath("config_template.toml").read_text("utf-8")


def leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of nested tables with its value; free tables are values."""
    for key, value in table.items():
        name = f"{above}{key}"
        if isinstance(value, dict) and value and name not in FREE_TABLES:
            yield from leaves(value, f"{name}.")
        else:
            yield name, value


@lru_cache
def keys() -> tuple[str, ...]:
    return tuple(dict(leaves(tomllib.loads(template()))))


def known_keys(root: Path) -> Iterator[str]:
    """Every key that is understood, as the message about one that is not lists them."""
    tables = ("", "site.", "posts.", "feeds.", "feeds.paths.", "terms.", "links.", "server.")
    for table in (*tables, "pages.", "publish."):
        (problem,) = problems(root, f"{table}zzz = 1")
        _, _, known = problem.partition(": unknown key; known: ")
        yield from (f"{table}{key}" for key in known.split(", "))


def test_the_template_has_every_known_key_and_no_other(site: Path) -> None:
    tables = {name.rpartition(".")[0] for name in keys()}
    assert {name for name in known_keys(site) if name not in tables} == set(keys())


def test_the_checkout_has_every_known_key_and_no_other() -> None:
    own = tomllib.loads((CHECKOUT / "config.toml").read_text("utf-8"))
    assert tuple(dict(leaves(own))) == keys()


def test_the_template_shows_the_defaults(site: Path) -> None:
    shown = re.sub(r"(?m)^sources = .*$", 'sources = ["posts"]', template())
    shown = re.sub(r'(?m)^url = "[^"]*"', 'url = "https://news.example.org"', shown)
    assert configured(site, shown, base="") == configured(site)


def test_the_checkout_differs_from_the_defaults_in_what_is_its_own() -> None:
    own = dict(leaves(tomllib.loads((CHECKOUT / "config.toml").read_text("utf-8"))))
    default = dict(leaves(tomllib.loads(template())))
    assert {key for key in keys() if own[key] != default[key]} == {
        *(f"site.{key}" for key in ("url", "title", "description", "language", "timezone")),
        "site.author",
        "posts.sources",
        "terms.category",
        "links.category_page",
        "links.aliases",
    }
    assert load_config(CHECKOUT).notes == ()


@pytest.mark.parametrize("text", [template(), (CHECKOUT / "config.toml").read_text("utf-8")])
def test_every_key_has_a_comment_on_its_line_or_above_its_table(text: str) -> None:
    commented = False
    for line in text.splitlines()[2:]:
        if line.startswith("["):
            commented = False
        elif line.startswith("#"):
            commented = True
        elif line:
            assert commented or re.search(r"  ?# \S", line), line


@pytest.mark.parametrize("key", keys())
def test_a_value_of_another_type_is_said_with_its_key_and_what_was_expected(
    site: Path, key: str
) -> None:
    table = tomllib.loads(MINIMAL)
    inner = table
    for name in key.split(".")[:-1]:
        inner = inner.setdefault(name, {})
    inner[key.split(".")[-1]] = date(1979, 5, 27)
    lines = [f"{name} = {toml(value)}" for name, value in leaves(table)]

    (problem,) = problems(site, "\n".join(lines), base="")

    assert re.fullmatch(rf"{re.escape(key)}: expected .+, not 1979-05-27", problem)


def toml(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def test_a_minimal_configuration_has_the_documented_defaults(site: Path) -> None:
    """Some of them in plain words, so that the template and the code cannot err together."""
    config = configured(site)
    assert config.site == Site("https://news.example.org")
    assert config.site.timezone == "UTC"
    assert config.feeds.formats == (Format.ATOM, Format.RSS, Format.JSON)
    assert (config.feeds.entries, config.feeds.content, config.feeds.ids) == (
        20,
        "full",
        "permalink",
    )
    assert config.feeds.paths[Kind.TAG][Format.RSS] == "tag/{slug}/feed.rss"
    assert (config.output, config.state) == (site / "public", site / ".feeds")
    assert (config.posts.future, config.posts.drafts, config.terms.merge_case) == (False,) * 3
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8000)
    assert config.pages.feed == "{feed_folder}/index.html"
    assert config.links.ports == (80, 443)


# --- single values ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('site.url = ""', "site.url: missing"),
        ('site.url = "example.org"', 'did you mean "https://example.org"?'),
        ('site.url = "//example.org"', 'did you mean "https://example.org"?'),
        ('site.url = "ftp://example.org"', "site.url: expected an absolute http(s) address"),
        ('site.url = "https://"', "site.url: expected an absolute"),
        ('site.url = "https:///a"', "site.url: expected an absolute"),
        ('site.url = "https://example.org:port"', "site.url: expected an absolute"),
        ('site.url = "https://[::1"', "site.url: expected an absolute"),
        ('site.url = "https://example.org/a b"', "site.url: expected an absolute"),
        ('site.url = "https://example.org/?a=1"', "site.url: expected an absolute"),
        ('site.url = "https://example.org/?"', "site.url: expected an absolute"),
        ('site.url = "https://example.org/#a"', "site.url: expected an absolute"),
        ('site.url = "https://me:secret@example.org"', "site.url: expected an absolute"),
        ('site.url = "https://example.org/<x>"', "site.url: expected an absolute"),
        ('site.title = "a\\u0000b"', "site.title: expected a text without control characters"),
        ('site.language = "Chinese!"', 'site.language: expected a tag like "zh-CN"'),
        ('site.timezone = "Asia/Shangai"', 'site.timezone: unknown time zone "Asia/Shangai"'),
        ('site.timezone = "../etc/passwd"', "site.timezone: unknown time zone"),
        ('site.timezone = "Europe"', "site.timezone: unknown time zone"),
        ("site.author = { nmae = 'Z' }", "site.author.nmae: unknown key; did you mean name?"),
        ('site.author = { email = "z@example.org" }', "site.author.name: missing"),
        ("site.author = { name = 3 }", "site.author.name: expected a text in quotes, not 3"),
        ("site.authors.zn = 3", "site.authors.zn: expected a name or a table"),
        ("site.authors.zn = { nick = 'z', name = 'Z' }", "site.authors.zn.nick: unknown key"),
        ('posts.sources = "posts"', 'posts.sources: expected a list of texts, not "posts"'),
        ("posts.sources = [1]", "posts.sources: expected a list of texts"),
        ("posts.sources = []", "posts.sources: missing; the folders with posts"),
        ('posts.sources = ["/posts"]', 'posts.sources: "/posts" is outside the site'),
        ('posts.sources = ["../posts"]', 'posts.sources: "../posts" is outside the site'),
        ('posts.sources = ["a/../../posts"]', "is outside the site"),
        ('posts.includes_dir = "../x"', 'posts.includes_dir: "../x" is outside the site'),
        ('posts.collections_dir = "/x"', 'posts.collections_dir: "/x" is outside the site'),
        ('posts.permalink = "preety"', "posts.permalink: expected date, none, ordinal, pretty"),
        ("posts.future = 1", "posts.future: expected true or false, not 1"),
        ('posts.future = "yes"', 'posts.future: expected true or false, not "yes"'),
        ('posts.naive_dates = "local"', 'expected one of site, utc, not "local"'),
        ("posts.naive_dates = []", "expected one of site, utc, not []"),
        ("posts.defaults = [3]", "posts.defaults: expected a list of tables"),
        ("posts.defaults = [{ paht = '' }]", "posts.defaults[1].paht: unknown key; did you mean"),
        ("posts.defaults = [{ values = 3 }]", "posts.defaults[1].values: expected a table, not 3"),
        ('feeds.formats = ["atom", "rdf"]', 'expected some of atom, json, rss, not "rdf"'),
        ("feeds.formats = []", "feeds.formats: expected at least one of atom, json, rss"),
        ("feeds.entries = 0", "feeds.entries: expected a whole number from 1 to 10000, not 0"),
        ("feeds.entries = 10001", "feeds.entries: expected a whole number"),
        (
            "feeds.entries = true",
            "feeds.entries: expected a whole number from 1 to 10000, not true",
        ),
        ("feeds.entries = 2.0", "feeds.entries: expected a whole number"),
        ('feeds.content = "excerpt"', 'feeds.content: expected one of full, summary, not "exc'),
        ('feeds.ids = "url"', "feeds.ids: expected one of jekyll, permalink, tag"),
        ('feeds.output = ""', 'feeds.output: expected a folder; "." is that of the site'),
        ('feeds.output = ".feeds/public"', "feeds.output: .feeds may be deleted at any time"),
        ('feeds.hubs = ["hub.example.org"]', "feeds.hubs: expected absolute http(s) addresses"),
        ("feeds.poll_minutes = [60, 5]", "feeds.poll_minutes: expected two numbers"),
        ("feeds.poll_minutes = [0, 5]", "feeds.poll_minutes: expected two numbers"),
        ("feeds.poll_minutes = [5]", "feeds.poll_minutes: expected two numbers"),
        ('terms.exclude = ["股市"]', 'terms.exclude: expected patterns like "tag/股市"'),
        ("terms.min_posts = 0", "terms.min_posts: expected a whole number"),
        ('terms.tag.a.titel = "A"', "terms.tag.a.titel: unknown key; did you mean title?"),
        ('terms.tag."a b".page = 1', 'terms.tag."a b".page: expected a text in quotes, not 1'),
        ("terms.tag.a = 1", "terms.tag.a: expected a table, not 1"),
        ('links.tag_page = "/tags.html"', 'links.tag_page: "/tags.html" needs {tag}'),
        ('links.category_page = "/{tag}"', 'links.category_page: "/{tag}" needs {category}'),
        ("links.timeout = 0", "links.timeout: expected a number from 0.1 to 600, not 0"),
        ('links.tag_page = ["/x"]', 'links.tag_page: "/x" needs {tag}'),
        ('links.hosts = ["https://a.org/"]', 'links.hosts: expected host names like "www.'),
        ('links.accept."a.org" = [7]', 'links.accept."a.org": expected a list of statuses'),
        ('links.accept."a.org" = 403', "expected a list of statuses like [403], not 403"),
        ('links.headers."a.org" = "x"', 'links.headers."a.org": expected a table'),
        ('links.headers."https://a.org/".A = "x"', 'expected a host like "example.com" or "http:'),
        ('links.headers."a.org"."a b" = "x"', "expected the name and value of a header"),
        ('links.headers."a.org".a = "é"', "expected the name and value of a header"),
        ('links.remap."/a" = "http://b.org/"', "expected the beginnings of two addresses"),
        ('links.remap."http://a.org/" = "b"', "expected the beginnings of two addresses"),
        ('links.severity.denied = "meh"', "severity.denied: expected one of bad, good, unsure"),
        ('links.severity.wrong = "bad"', "links.severity.wrong: no verdict; known: blocked, "),
        ('links.severity."tag.gone" = "bad"', 'links.severity."tag.gone": no verdict'),
        ("links.severity.source.gone = 1", "severity.source.gone: expected one of bad, good"),
        ("links.concurrency = 0", "links.concurrency: expected a whole number from 1 to 4096"),
        ('links.archive_api = "x"', "links.archive_api: expected an absolute http(s) address"),
        ('links.dead_source = "no"', "dead_source: expected one of archive, drop, keep"),
        ("links.ignore = [1]", "links.ignore: expected a list of tables with url, reason"),
        ('[[links.ignore]]\nurl = "*"\nuntil = 2027-01-31', "ignore[1].reason: missing"),
        ('[[links.ignore]]\nurl = "*"\nreason = "x"', "ignore[1].until: missing; a day like"),
        (
            '[[links.ignore]]\nurl = "*"\nreason = "x"\nuntil = "2027-01-31"',
            "ignore[1].until: expected a day like 2027-01-31 without quotes, not",
        ),
        ('[[links.ignore]]\nreason = "x"\nuntil = 2027-01-31', "ignore[1].url: missing"),
        (
            '[[links.ignore]]\nurl = "*"\nreason = "x"\nuntil = 2027-01-31\nverdict = "x"',
            "ignore[1].verdict: expected one of",
        ),
        ("links.timeout = nan", "links.timeout: expected a number"),
        ("links.interval = false", "links.interval: expected a number from 0 to 3600, not false"),
        ("links.ports = [0]", "links.ports: expected a list of port numbers, not [0]"),
        ("links.ports = [true]", "links.ports: expected a list of port numbers, not [true]"),
        ('links.allow_addresses = ["10.0.0.1/8"]', "links.allow_addresses: not an address or net"),
        ("server.port = 65536", "server.port: expected a whole number from 0 to 65535"),
        ('server.watch = "always"', "server.watch: expected one of auto, off, poll"),
        ('server.trusted_proxies = ["proxy"]', "server.trusted_proxies: not an address or network"),
        ('pages.feed = "index.html"', 'pages.feed: "index.html" needs {feed_folder}'),
        ('pages.feed = "{folder}/i.html"', "pages.feed: unknown {folder}"),
        ('pages.directory = "{feed_folder}/i.html"', "pages.directory: unknown {feed_folder}"),
        ('pages.directory = "../index.html"', "pages.directory: "),
        ('pages.status = "metrics"', 'pages.status: "metrics" is something else of the server'),
        ('pages.status = "index.html"', "pages.status: "),
        ("redirects.old = '/new'", "redirects.old: expected two paths, as in"),
        ('redirects."/old" = "new"', 'redirects."/old": expected two paths, as in'),
        ('redirects."/old" = 3', 'redirects."/old": expected a text in quotes, not 3'),
    ],
)
def test_a_wrong_value_is_said(site: Path, text: str, expected: str) -> None:
    key = text.partition("=")[0].strip()
    base = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(key)) + "\n"
    found = problems(site, text, base)
    assert [expected in problem for problem in found[:1]] == [True], found
    assert len(found) == len(set(found))
    assert all("\n" not in problem for problem in found)


@pytest.mark.parametrize(
    "text",
    [
        'site.url = ""',
        "site.url = 3",
        'posts.sources = "posts"',
        "posts.sources = []",
        "feeds.formats = []",
        'feeds.paths.site = "{nope}/feed"',
        '[[links.ignore]]\nurl = "*"\nuntil = 2027-01-31\nreason = "a\\u0001"',
        '[[links.ignore]]\nurl = "*"\nuntil = 2027-01-31\nreason = 3',
    ],
)
def test_one_mistake_is_not_said_twice_in_other_words(site: Path, text: str) -> None:
    key = text.partition("=")[0].strip()
    base = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(key)) + "\n"
    found = problems(site, text, base)
    assert len(found) == 1, found


@pytest.mark.parametrize(
    ("text", "read", "expected"),
    [
        ('site.url = "HTTP://[::1]:8080/blog/"', "site.url", "HTTP://[::1]:8080/blog"),
        ('site.url = " https://例子.example "', "site.url", "https://例子.example"),
        ('site.title = " 新闻 "', "site.title", "新闻"),
        ('site.language = "zh_CN"', "site.language", "zh-CN"),
        ('site.author = ""', "site.author", None),
        ('site.author = " 编辑部 "', "site.author", Person("编辑部")),
        (
            'site.author = { name = "Z", email = "z@example.org", url = "https://z.example" }',
            "site.author",
            Person("Z", "z@example.org", "https://z.example"),
        ),
        ('site.author = { name = "Z", uri = "https://z.example" }', "site.author.url", "https://z"),
        ('site.authors.zn = "Z"', "site.authors", {"zn": Person("Z")}),
        ('posts.sources = ["./a//b/", "c/*"]', "posts.sources", ("a/b", "c/*")),
        ('posts.sources = ["."]', "posts.sources", ("",)),
        ('posts.permalink = "/:slug/"', "posts.permalink", "/:slug/"),
        ('posts.markdown_extensions = [".md"]', "posts.markdown_extensions", ("md",)),
        (
            "posts.defaults = [{ path = 'a', values = { tags = ['x'] } }]",
            "posts.defaults",
            (Defaults("a", "", {"tags": ["x"]}),),
        ),
        ('feeds.formats = ["json", "atom"]', "feeds.formats", (Format.ATOM, Format.JSON)),
        ('feeds.hubs = ["https://hub.example.org/"]', "feeds.hubs", ("https://hub.example.org/",)),
        ('feeds.opml = ""', "feeds.opml", ""),
        ('feeds.opml = "/lists/all.opml"', "feeds.opml", "lists/all.opml"),
        ("feeds.poll_minutes = [5, 5]", "feeds.poll_minutes", (5, 5)),
        ("links.timeout = 3", "links.timeout", 3.0),
        ('links.hosts = ["WWW.example.org:8080"]', "links.hosts", ("www.example.org:8080",)),
        ('links.tag_page = ["/t/{tag}", "/{tag}/"]', "site_pages.tag", ("/t/{tag}", "/{tag}/")),
        ('links.accept."*.a.org" = [403, 999]', "links.accept", {"*.a.org": (403, 999)}),
        ('links.headers."a.org".A = "$B"', "links.headers", {"a.org": {"A": "$B"}}),
        ('links.headers."http://*:80".A = "b"', "links.headers", {"http://*:80": {"A": "b"}}),
        (
            'links.severity = { denied = "bad", "image.gone" = "unsure" }',
            "links.severity",
            {"denied": "bad", "image.gone": "unsure"},
        ),
        ('links.severity.source.gone = "good"', "links.severity", {"source.gone": "good"}),
        (
            '[[links.ignore]]\npost = "a*"\nreason = " x "\nuntil = 2027-01-31',
            "links.ignore",
            (Ignored("*", "x", date(2027, 1, 31), "a*"),),
        ),
        ('links.allow_addresses = ["10.0.0.0/8"]', "links.allow_addresses", ("10.0.0.0/8",)),
        ("server.port = 0", "server.port", 0),
        ('pages.feed = ""', "pages.feed", ""),
        ('redirects."/old.xml" = "/feed.atom"', "server.redirects", {"/old.xml": "/feed.atom"}),
        (
            'redirects."/a" = "https://b.example/"',
            "server.redirects",
            {"/a": "https://b.example/"},
        ),
    ],
)
def test_a_good_value_is_understood(site: Path, text: str, read: str, expected: object) -> None:
    key = text.partition("=")[0].strip()
    base = "\n".join(line for line in MINIMAL.splitlines() if not line.startswith(key)) + "\n"
    found: Any = configured(site, text, base)
    for name in read.split("."):
        found = getattr(found, name)
    if read == "site.author.url":
        assert found.startswith(expected)
    else:
        assert found == expected


def test_terms_can_be_named(site: Path) -> None:
    terms = configured(site, '[terms.category."A B"]\ntitle = "甲"\npage = "/a.html"\n').terms
    assert terms.term(Kind.CATEGORY, "A B") == Term("甲", "", "/a.html")
    assert terms.term(Kind.TAG, "A B") == Term()


def test_a_secret_may_be_in_the_environment(site: Path) -> None:
    # A build has no need of it, so that it is looked up by who has.
    config = configured(site, 'server.webhook_secret = "$HOOK_SECRET"')
    assert secret_of(config.server.webhook_secret, {"HOOK_SECRET": "s3cret"}) == "s3cret"
    with pytest.raises(KeyError):
        secret_of(config.server.webhook_secret, {})
    assert secret_of("plain", {}) == "plain"


def test_jekylls_rules_bring_jekylls_ids_and_dates(site: Path) -> None:
    config = configured(site, "posts.jekyll = true\n")
    assert (config.feeds.ids, config.posts.naive_dates) == ("jekyll", "utc")


# --- mistakes together --------------------------------------------------------------------


def test_all_mistakes_are_said_at_once(site: Path) -> None:
    text = """\
site.url = "news.example.org"
site.titel = "新闻"
posts.sources = ["posts"]
posts.future = "no"
feed.entries = 5
feeds.entries = 0
feeds.paths.tags = "tag/{slug}.{format}"
feeds.paths.category = "category/feed.{format}"
terms.min_posts = "1"
links.timout = 5
server.port = -1
pages.index = "x"
"""
    assert problems(site, text, base="") == (
        'site.url: expected an absolute http(s) address, not "news.example.org"; '
        'did you mean "https://news.example.org"?',
        "site.titel: unknown key; did you mean title?",
        'posts.future: expected true or false, not "no"',
        "feeds.entries: expected a whole number from 1 to 10000, not 0",
        'feeds.paths.category: "category/feed.{format}" needs {slug}, '
        "or all its feeds share one path",
        "feeds.paths.tags: unknown key; did you mean tag?",
        'terms.min_posts: expected a whole number from 1 to 1000000, not "1"',
        "links.timout: unknown key; did you mean timeout?",
        "server.port: expected a whole number from 0 to 65535, not -1",
        "pages.index: unknown key; known: directory, feed, links, older, script, site, status,"
        " style",
        "feed: unknown key; did you mean feeds?",
    )


def test_the_message_has_file_and_key_on_every_line(site: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        configured(site, "feeds.entries = 0\nsite.titel = 1")
    path = site / "config.toml"
    assert str(caught.value) == (
        f"{path}: site.titel: unknown key; did you mean title?\n"
        f"{path}: feeds.entries: expected a whole number from 1 to 10000, not 0"
    )
    assert caught.value.exit_code == 2


def test_a_table_in_the_wrong_place_hides_no_other_mistake(site: Path) -> None:
    found = problems(site, "site = 3\nposts = []\nredirects = 1\nserver.port = 'x'", base="")
    assert [problem.partition(":")[0] for problem in found] == [
        "posts",
        "site",
        "site.url",
        "posts.sources",
        "server.port",
        "redirects",
    ]


def test_a_long_value_is_shown_in_part(site: Path) -> None:
    (problem,) = problems(site, f"posts.future = '{'长' * 500}'")
    assert problem.endswith("长…")
    assert len(problem) < 120


# --- files --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'[site]\nurl = "a"\nurl = "b"\n', r"not TOML: .*line 3"),
        (b"[site\n", r"not TOML: .*line 1"),
        (b'a = "b"\nc = "\xff"\n', r"line 2: not UTF-8"),
        (b"a = " + b"[" * 5000, r"nested too deeply"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(site: Path, raw: bytes, expected: str) -> None:
    (site / "config.toml").write_bytes(raw)
    with pytest.raises(ConfigError, match=expected) as caught:
        load_config(site)
    assert caught.value.path == site / "config.toml"
    assert len(caught.value.problems) == 1


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(site: Path) -> None:
    (site / "config.toml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load_config(site) == configured(site)


def test_a_configuration_that_is_a_folder_is_said(site: Path) -> None:
    (site / "config.toml").unlink()
    (site / "config.toml").mkdir()
    with pytest.raises(ConfigError, match=r"config.toml: cannot be read: is a directory"):
        load_config(site)


def test_a_folder_without_a_configuration_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config.toml and no _config.yml .* `feeds init`"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("absent", "does not exist; name the folder of the site"),
        ("file", "is not a folder; name the folder of the site"),
        ("loop", "does not exist"),
        ("\udcff", "is no name in UTF-8"),
    ],
)
def test_what_is_no_folder_of_a_site_is_said(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "\udcff").mkdir()
    with pytest.raises(ConfigError, match=expected):
        load_config(tmp_path / name)


def test_the_site_folder_may_be_a_link_and_relative(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site.parent / "link").symlink_to(site)
    monkeypatch.chdir(site.parent)
    assert load_config(Path("link")) == load_config(site)
    assert load_config(Path("link")).root == site


# --- which file is believed ---------------------------------------------------------------

JEKYLL = """\
url: https://jekyll.example.org
title: Jekyll's
description: of Jekyll
future: true
author: {name: Z, email: z@example.org}
feed: {path: /feed.xml, posts_limit: 7}
"""


@pytest.fixture
def jekyll(tmp_path: Path) -> Path:
    root = tmp_path / "jekyll"
    (root / "_posts").mkdir(parents=True)
    (root / "_config.yml").write_text(JEKYLL)
    return root


def test_a_jekyll_site_needs_no_other_configuration(jekyll: Path) -> None:
    config = load_config(jekyll)
    assert (config.site.url, config.site.title) == ("https://jekyll.example.org", "Jekyll's")
    assert (config.posts.jekyll, config.posts.sources, config.feeds.ids) == (True, (), "jekyll")
    assert config.feeds.entries == 7


def test_config_toml_wins_key_by_key(jekyll: Path) -> None:
    text = """\
[site]
title = "own"
[posts]
future = false
[feeds.paths]
site = { rss = "rss.xml" }
"""
    config = configured(jekyll, text, base="")
    assert (config.site.title, config.site.description) == ("own", "of Jekyll")
    assert config.site.author == Person("Z", "z@example.org")
    assert config.posts.future is False
    assert config.feeds.entries == 7
    assert config.feeds.paths[Kind.SITE] == {
        Format.ATOM: "feed.xml",
        Format.RSS: "rss.xml",
        Format.JSON: "feed.json",
    }


def test_a_value_wins_over_a_table_and_a_table_over_a_value(jekyll: Path) -> None:
    text = 'site.author = "own"\nfeeds.paths.site = "{format}/feed.xml"\n'
    config = configured(jekyll, text, base="")
    assert config.site.author == Person("own")
    assert config.feeds.paths[Kind.SITE][Format.ATOM] == "atom/feed.xml"


def test_the_command_line_wins_over_all_files(jekyll: Path) -> None:
    (jekyll / "config.toml").write_text('[feeds]\noutput = "own"\nentries = 9\n')
    config = load_config(jekyll, {"feeds": {"output": "/given"}, "posts": {"sources": ["a"]}})
    assert config.output == Path("/given")
    assert config.feeds.entries == 9
    assert config.posts.sources == ("a",)
    assert config.site.title == "Jekyll's"


def test_a_mistake_is_blamed_on_what_it_stands_in(jekyll: Path) -> None:
    wrong = JEKYLL.replace("https://jekyll.example.org", "ftp://jekyll.example.org")
    (jekyll / "_config.yml").write_text(wrong)
    said = 'site.url: expected an absolute http(s) address, not "ftp://jekyll.example.org"'
    with pytest.raises(ConfigError) as alone:
        load_config(jekyll)
    assert alone.value.path == jekyll / "_config.yml"
    assert alone.value.problems == (said,)

    (jekyll / "config.toml").write_text("[site]\ntitle = 1\n")
    with pytest.raises(ConfigError) as all_three:
        load_config(jekyll, {"feeds": {"output": ""}})
    assert all_three.value.path == jekyll / "config.toml"
    assert all_three.value.problems == (
        f"{said} (from _config.yml)",
        "site.title: expected a text in quotes, not 1",
        'feeds.output: expected a folder; "." is that of the site (from the command line)',
    )


def test_what_was_read_in_another_way_is_noted(jekyll: Path) -> None:
    (jekyll / "_config.yml").write_text(JEKYLL + "timezone: Mars/Olympus\n")
    (note,) = load_config(jekyll).notes
    assert (note.path, note.level) == ("_config.yml", Level.NOTE)
    assert "Mars/Olympus" in note.what


def test_a_broken_jekyll_configuration_is_said_with_its_line(jekyll: Path) -> None:
    (jekyll / "_config.yml").write_text("url: x\ntitle: [\n")
    with pytest.raises(ConfigError, match=r"_config.yml: line \d+: not YAML"):
        load_config(jekyll)


def test_a_configuration_can_be_read_again_with_what_the_command_line_said(site: Path) -> None:
    (site / "config.toml").write_text(MINIMAL)
    before = load_config(site, {"server": {"port": 1}})
    (site / "config.toml").write_text(MINIMAL + 'site.title = "neu"\nserver.port = 2\n')
    after = reload_config(before)
    assert (after.site.title, after.server.port) == ("neu", 1)


# --- fingerprints -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reads_anew", "renders_anew"),
    [
        ('site.title = "neu"', False, True),
        ('site.timezone = "Asia/Shanghai"', True, True),
        ('site.authors.zn = "Z"', True, True),
        ('site.author = "Z"', False, True),
        ('posts.permalink = "pretty"', True, True),
        ("posts.liquid = false", True, True),
        ('feeds.ids = "tag"', True, True),
        ("feeds.entries = 5", False, True),
        ('feeds.formats = ["atom"]', False, True),
        ("feeds.keep_navigation = true", False, True),
        ('feeds.paths.tag = "t/{slug}.{format}"', False, True),
        ("terms.min_posts = 2", False, True),
        ('links.tag_page = "/t/{tag}.html"', False, True),
        ('feeds.output = "elsewhere"', False, False),
        ("links.timeout = 5", False, False),
        ("server.port = 1", False, False),
        ('redirects."/a" = "/b"', False, False),
    ],
)
def test_a_changed_key_has_read_or_rendered_anew_what_depends_on_it(
    site: Path, text: str, reads_anew: bool, renders_anew: bool
) -> None:
    before = configured(site)
    after = configured(site, text)
    assert (before.reading_fingerprint() != after.reading_fingerprint()) is reads_anew
    assert (before.fingerprint() != after.fingerprint()) is renders_anew


def test_fingerprints_do_not_depend_on_where_the_site_lies(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    here, there = configured(site), configured(other)
    assert here.fingerprint() == there.fingerprint()
    assert here.reading_fingerprint() == there.reading_fingerprint()


# --- whatever is written ------------------------------------------------------------------


def tables(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = sorted({part for key in keys() for part in key.split(".")})
    names += ["name", "email", "values", "atom", "rss", "json"]
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=3), inner, max_size=4)


texts = st.text(max_size=4) | st.sampled_from(
    ["feed.{format}", "a/{slug}", "{name}.{format}", "/x.xml", "..", "a//b", "https://a.b"]
)
single = st.none() | st.booleans() | st.integers(-2, 70_000) | st.floats() | st.dates() | texts
values = st.recursive(single, lambda inner: st.lists(inner, max_size=3) | tables(inner))
TABLES = ("site", "posts", "feeds", "terms", "links", "server", "pages", "redirects")
configurations = st.fixed_dictionaries({}, optional={name: tables(values) for name in TABLES})


@given(configurations | tables(values))
def test_whatever_is_written_is_understood_or_said(
    tmp_path_factory: pytest.TempPathFactory, over: dict[str, Any]
) -> None:
    root = tmp_path_factory.getbasetemp() / "whatever"
    root.mkdir(exist_ok=True)
    (root / "config.toml").write_text(MINIMAL)
    try:
        config = load_config(root, over)
    except ConfigError as error:
        said = error.problems
    else:
        assert config.site.zone
        assert config.fingerprint()
        return
    assert said
    assert all(problem and "\n" not in problem for problem in said)
