"""Where an address leads, and what is said of one that leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from feeds.configfile import load_config
from feeds.destination import BucketDestination, FolderDestination, Publish, absolute, destination
from feeds.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("www", "/site/www"),
        ("../www/feeds/", "/www/feeds"),
        ("/srv/www", "/srv/www"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("file://localhost/srv/中", "/srv/中"),
        ("~a", "/site/~a"),
    ],
)
def test_folders(text: str, path: str) -> None:
    assert destination(text, Path("/site")) == FolderDestination(Path(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://news", BucketDestination("news")),
        ("s3://news/", BucketDestination("news")),
        ("s3://news/a/b/", BucketDestination("news", "a/b/")),
        (
            "s3://news/新闻?endpoint=http://127.0.0.1:9000/&region=eu-central-1",
            BucketDestination("news", "新闻/", "http://127.0.0.1:9000", "eu-central-1"),
        ),
        (
            "s3://news?endpoint=https%3A%2F%2Fs3.example.com",
            BucketDestination("news", "", "https://s3.example.com"),
        ),
    ],
)
def test_buckets(text: str, expected: BucketDestination) -> None:
    assert destination(text, Path("/site")) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://news.example.org/", '"https:" is not known; expected a folder'),
        ("gs://news", '"gs:" is not known'),
        ("s3:news", "the name of a bucket after s3://"),
        ("s3://", "the name of a bucket"),
        ("s3://News", "the name of a bucket"),
        ("s3://news#top", "no #"),
        ("s3://news/a//b", "empty folder"),
        ("s3://news/../b", "empty folder, . or .."),
        ("s3://news?endpoint=s3.example.com", "expected an endpoint like"),
        ("s3://news?endpoint=https://s3.example.com/news", "without a path"),
        ("s3://news?endpoint=https://[", "expected an endpoint like"),
        ("s3://news?endpoint=http://a&endpoint=http://b", "endpoint is there twice"),
        ("s3://news?region=Frankfurt am Main", "a region like eu-central-1"),
        ("s3://[", "is no address"),
        ("file:srv", "an absolute path, as in file:///"),
        ("file://host/srv", "an absolute path, as in file:///"),
        ("file:///srv?a", "no ?"),
    ],
)
def test_what_leads_nowhere_is_explained(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        destination(text, Path("/site"))


@pytest.mark.parametrize(
    "text",
    [
        "s3://KEY:SECRET@news/feeds",
        "s3://news?endpoint=https://KEY:SECRET@s3.example.com",
        "s3://news?secret_access_key=SECRET",
        "https://KEY:SECRET@s3.example.com/news",
    ],
)
def test_credentials_have_no_place_in_an_address_and_are_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="AWS_SECRET_ACCESS_KEY") as error:
        destination(text, Path("/site"))
    assert not re.search(r"KEY:|SECRET\b(?!_)", str(error.value))


def test_an_address_of_the_command_line_is_seen_from_where_it_runs() -> None:
    assert absolute("www", Path("/here")) == "/here/www"
    assert absolute("s3://news/a", Path("/here")) == "s3://news/a"


def test_the_settings_are_those_of_the_file(site: Path) -> None:
    with (site / "config.toml").open("a") as file:
        file.write(
            '[publish]\nto = "www"\nprecompress = true\ncache_control = " max-age=5 "\n'
            "connections = 2\ntimeout = 1.5\n"
        )
    expected = Publish(FolderDestination(site / "www"), True, "max-age=5", 2, 1.5)
    assert load_config(site).publish == expected


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('to = "s3://K:S@news"', "publish.to: an address has no place for credentials"),
        ('to = "public"', 'publish.to: "public" is the folder that feeds are built in already'),
        ('to = "./public/../public"', "is the folder that feeds are built in already"),
        ("to = 1", "publish.to: expected a text"),
        ('cache_control = "für immer"', "publish.cache_control: expected the value of a header"),
        ("connections = 0", "publish.connections: expected a whole number from 1 to 256"),
        ("too = 1", "publish.too: unknown key; did you mean to?"),
    ],
)
def test_mistakes_in_the_settings_are_named(site: Path, line: str, said: str) -> None:
    with (site / "config.toml").open("a") as file:
        file.write(f"[publish]\n{line}\n")
    with pytest.raises(ConfigError) as error:
        load_config(site)
    (problem,) = error.value.problems
    assert said in problem
