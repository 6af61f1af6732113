"""What another generator's configuration says, in the shape of ``config.toml``.

In: a site folder. Out: a nested dict with the keys of ``config.toml``, ready to be merged
under the user's own, and the settings that could not be taken over. Jekyll's rules are
those of jekyllrb.com/docs/configuration and of the jekyll-feed plugin; Hugo's and Zola's
files serve ``feeds init`` only.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from feeds.errors import ConfigError, refusal

JEKYLL_NAMES: Final = ("_config.yml", "_config.yaml", "_config.toml")
HUGO_NAMES: Final = (
    "hugo.toml",
    "hugo.yaml",
    "hugo.yml",
    "hugo.json",
    "config.yaml",
    "config.yml",
)
ZOLA_NAMES: Final = ("zola.toml",)

# Older sites of both have a config.toml, as has this program: what tells them apart, in lower
# case, where there is none of this program's tables.
SHARED_NAME: Final = "config.toml"
OWN_TABLES: Final = frozenset({"site", "posts", "feeds", "terms"})
GENERATOR_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "Zola": frozenset(
        {"base_url", "default_language", "compile_sass", "build_search_index", "generate_feeds"}
    ),
    "Hugo": frozenset(
        {"baseurl", "languagecode", "defaultcontentlanguage", "contentdir", "params", "permalinks"}
    ),
}

# What Jekyll leaves out of every site unless told otherwise (Jekyll::Configuration::DEFAULTS).
JEKYLL_EXCLUDE: Final = (
    ".sass-cache",
    ".jekyll-cache",
    "gemfiles",
    "Gemfile",
    "Gemfile.lock",
    "node_modules",
    "vendor/bundle/",
    "vendor/cache/",
    "vendor/gems/",
    "vendor/ruby/",
)

LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
# A posts_limit beyond this means all; a feed of more would never be read.
MOST_ENTRIES: Final = 10_000
MOST_VALUES: Final = 200_000  # of one file

# POSIX.1-2017 8.3, TZ, without parts of an hour and without summer time.
POSIX_ZONE: Final = re.compile(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?)(\d{1,2})(?::00)*")


# What Hugo calls the file's name and the long names, in Jekyll's placeholders.
HUGO_WORDS: Final[Mapping[str, str]] = {
    "contentbasename": ":title",
    "filename": ":title",
    "slugorcontentbasename": ":title",
    "slugorfilename": ":title",
    "monthname": ":long_month",
    "weekdayname": ":long_day",
}


class Settings(NamedTuple):
    """The settings of another generator: where they stood, and what each became."""

    path: Path
    values: dict[str, Any]
    notes: tuple[tuple[str, str], ...] = ()


def jekyll_settings(root: Path) -> Settings | None:
    """Jekyll's configuration of a site folder, or ``None`` where there is none."""
    path = next((root / name for name in JEKYLL_NAMES if (root / name).is_file()), None)
    if path is None:
        return None
    raw = _load_mapping(path)
    notes: list[tuple[str, str]] = []
    values = {
        "site": _jekyll_site(root, raw, notes),
        "posts": _jekyll_posts(raw),
        "feeds": _jekyll_feeds(raw),
        "terms": _jekyll_terms(raw),
    }
    return Settings(path, values, tuple(notes))


def other_settings(root: Path) -> Settings | None:
    """Hugo's or Zola's configuration, for ``feeds init``."""
    for name in (*HUGO_NAMES, *ZOLA_NAMES):
        path = root / name
        if path.is_file():
            raw = _load_mapping(path)
            return Settings(path, _zola(raw) if name in ZOLA_NAMES else _hugo(raw))
    return shared_settings(root)


def shared_settings(root: Path) -> Settings | None:
    """What a ``config.toml`` says that is Hugo's or Zola's."""
    path = root / SHARED_NAME
    if not os.path.isfile(path):
        return None
    try:
        raw = _load_mapping(path)
    except ConfigError:
        return None  # whosever it is, it says nothing
    program = generator(raw)
    if not program:
        return None
    return Settings(path, _zola(raw) if program == "Zola" else _hugo(raw))


def generator(raw: Mapping[str, Any]) -> str:
    """The program that a ``config.toml`` is for, empty for this one."""
    keys = {key.lower() for key in raw}
    if keys & OWN_TABLES:
        return ""
    return next((name for name, known in GENERATOR_KEYS.items() if keys & known), "")


def _load(path: Path) -> Any:
    """The data of a YAML, TOML or JSON file, with JSON's types."""
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {refusal(error)}"]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"line {line}: not UTF-8; save it as UTF-8"]) from error
    try:
        return _plain(_parse(path, text), itertools.count())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    except json.JSONDecodeError as error:
        raise ConfigError(path, [f"not JSON: {error}"]) from error
    except RecursionError as error:
        raise ConfigError(path, ["nested too deeply"]) from error
    except OverflowError as error:
        raise ConfigError(path, [f"holds more than {MOST_VALUES:,} values"]) from error


def _load_mapping(path: Path) -> dict[str, Any]:
    data = _load(path)
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(path, ["expected a mapping of keys to values"])
    return data


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    import yaml

    try:
        # Of several documents Jekyll reads the first; some files end with a second `---`.
        return next(yaml.load_all(text, Loader=_yaml_loader()), None)
    except yaml.YAMLError as error:
        problem = _yaml_problem(error)
        raise ConfigError(path, [f"{_yaml_line(error, text)}not YAML: {problem}"]) from error
    except ValueError as error:
        raise ConfigError(path, [f"not YAML: {error}"]) from error


@lru_cache(maxsize=1)
def _yaml_loader() -> Any:
    """YAML's own types but for dates: a day that no calendar has would be an error."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("Loader", (base,), {})
    loader.add_constructor("tag:yaml.org,2002:timestamp", base.construct_scalar)
    return loader


def _yaml_problem(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None)
    return str(problem or error).splitlines()[0]


def _yaml_line(error: Exception, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark:
        return f"line {mark.line + 1}: "
    # libyaml counts the bytes before a character that YAML forbids.
    above = text.encode()[: getattr(error, "position", 0)]
    line = above.count(b"\n") + 1
    return f"line {line}: "


def _plain(value: Any, counter: Iterator[int]) -> Any:
    """YAML's and TOML's own types as JSON's: what a repr of is the same everywhere.

    YAML's aliases are written out, so a few lines could be more than any memory holds.
    """
    if next(counter) > MOST_VALUES:
        raise OverflowError
    if isinstance(value, Mapping):
        return {str(key): _plain(item, counter) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item, counter) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


# --- Jekyll ---------------------------------------------------------------------------


def _jekyll_site(root: Path, raw: dict[str, Any], notes: list[tuple[str, str]]) -> dict[str, Any]:
    url = _text(raw.get("url")) or _cname(root / _source(raw))
    if url and not _text(raw.get("url")):
        notes.append(("has no url", f"{url} taken from the file CNAME"))
    baseurl = _text(raw.get("baseurl")).strip("/")
    authors = _jekyll_authors(root, raw)
    site: dict[str, Any] = {
        "url": f"{url.rstrip('/')}/{baseurl}".rstrip("/") if url else "",
        "title": _first_text(raw, ("title", "name")),
        "description": _text(raw.get("description")),
        "language": _jekyll_language(raw, notes),
        "timezone": _jekyll_timezone(raw, notes),
        "authors": authors,
        "variables": raw,
    }
    author = _jekyll_author(raw.get("author"), authors)
    if author:
        site["author"] = author
    return site


def _jekyll_language(raw: dict[str, Any], notes: list[tuple[str, str]]) -> str:
    """Jekyll writes any text into ``xml:lang``; readers take a language tag only."""
    written = _first_text(raw, ("lang", "locale"))
    tag = written.replace("_", "-")
    if not tag or LANGUAGE.fullmatch(tag):
        return tag
    notes.append((f"lang is no language tag: {written!r}", "left out"))
    return ""


def _jekyll_author(value: Any, authors: Mapping[str, Any]) -> Any:
    """The site's author: a name, a short name of the data folder, a table; the first of a list."""
    if isinstance(value, list):
        return _jekyll_author(value[0], authors) if value else ""
    if isinstance(value, dict):
        return _person("", value)
    name = _text(value)
    return authors.get(name, name)


def _jekyll_timezone(raw: dict[str, Any], notes: list[tuple[str, str]]) -> str:
    """The zone that the C library takes ``timezone`` for: Jekyll hands it on unseen.

    What it does not know is UTC to it, but for POSIX's ``CST-8``: eight hours east.
    """
    name = _text(raw.get("timezone")) or "UTC"
    if _is_zone(name):
        return name
    posix = POSIX_ZONE.fullmatch(name)
    fixed = f"Etc/GMT{posix[1] or '+'}{int(posix[2])}" if posix else ""
    if fixed and _is_zone(fixed):
        side = "east" if posix and posix[1] == "-" else "west"
        notes.append((f"timezone {name!r} is POSIX's for hours {side} of UTC", f"read as {fixed}"))
        return fixed
    notes.append((f"knows no time zone {name!r}", "taken for UTC, as Jekyll does"))
    return "UTC"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _cname(folder: Path) -> str:
    """The host that GitHub Pages serves the site under."""
    try:
        host = (folder / "CNAME").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f"https://{host}" if re.fullmatch(r"[\w.-]+", host) else ""


def _jekyll_authors(root: Path, raw: dict[str, Any]) -> dict[str, Any]:
    folder = root / _source(raw) / (_text(raw.get("data_dir")) or "_data")
    for name in ("authors.yml", "authors.yaml", "authors.json"):
        if (folder / name).is_file():
            people = _load(folder / name)
            # Some themes have a list there.
            named = people.items() if isinstance(people, dict) else ()
            return {key: _person(key, value) for key, value in named}
    return {}


def _person(key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return _text(value) or key
    person = {"name": _first_text(value, ("name", "display_name", "title")) or key}
    for field, keys in (
        ("email", ("email",)),
        ("url", ("url", "uri", "web", "site", "home")),
    ):
        if found := _first_text(value, keys):
            person[field] = found
    return person


def _first_text(values: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((text for key in keys if (text := _text(values.get(key)))), "")


def _jekyll_posts(raw: dict[str, Any]) -> dict[str, Any]:
    own = _table(_table(raw.get("collections")).get("posts"))
    source = _source(raw)
    below = f"{source}/" if source else ""
    # A destination within the site holds no posts of its own.
    destination = _folder(raw.get("destination")) or "_site"
    settings: dict[str, Any] = {
        "jekyll": True,
        "naive_dates": "utc",
        "permalink": _text(own.get("permalink")) or _text(raw.get("permalink")) or "date",
        "exclude": [
            *(below + name.lstrip("/") for name in (*JEKYLL_EXCLUDE, *_texts(raw.get("exclude")))),
            f"{destination}/",
        ],
        "include": _texts(raw.get("include", [".htaccess"])),
        "defaults": _jekyll_defaults(raw, below),
        "collections_dir": (below + _folder(raw.get("collections_dir"))).rstrip("/"),
        "includes_dir": below + (_folder(raw.get("includes_dir")) or "_includes"),
    }
    for key, name in (
        ("future", "future"),
        ("show_drafts", "drafts"),
        ("unpublished", "unpublished"),
    ):
        if isinstance(raw.get(key), bool):
            settings[name] = raw[key]
    if isinstance(raw.get("excerpt_separator"), str):
        settings["excerpt_separator"] = raw["excerpt_separator"]
    if raw.get("markdown_ext"):
        settings["markdown_extensions"] = _text(raw["markdown_ext"]).replace(" ", "").split(",")
    return settings


def _source(raw: dict[str, Any]) -> str:
    """The folder within the site that Jekyll takes for the site, empty for all of it.

    To the reader it is what ``collections_dir`` is: posts are looked for below it only, and
    it is no part of what their paths mean.
    """
    folder = _folder(raw.get("source"))
    return "" if folder == "." or ".." in folder.split("/") else folder


def _folder(value: Any) -> str:
    return _text(value).removeprefix("./").strip("/")


def _jekyll_defaults(raw: dict[str, Any], below: str) -> list[dict[str, Any]]:
    """``defaults`` in the order of the file; sets that Jekyll would call invalid are left out."""
    sets = raw.get("defaults")
    found = []
    for item in sets if isinstance(sets, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("values"), dict):
            continue
        scope = _table(item.get("scope"))
        kind, path = _text(scope.get("type")), _text(scope.get("path"))
        found.append(
            {
                "path": f"{below}{path.removeprefix('/')}" if below and path else path,
                "type": {"post": "posts", "draft": "drafts"}.get(kind, kind),
                "values": item["values"],
            }
        )
    return found


def _jekyll_feeds(raw: dict[str, Any]) -> dict[str, Any]:
    """jekyll-feed's own ``feed:`` keys, so that its subscribers stay where they are."""
    feed = _table(raw.get("feed"))
    settings: dict[str, Any] = {"ids": "jekyll"}
    limit = feed.get("posts_limit")
    if type(limit) is int and limit > 0:
        settings["entries"] = min(limit, MOST_ENTRIES)
    if feed.get("excerpt_only") is True:
        settings["content"] = "summary"
    for key in ("icon", "logo"):
        if feed.get(key):
            settings[key] = _text(feed[key])
    paths = _jekyll_feed_paths(feed)
    if paths:
        settings["paths"] = paths
    return settings


def _jekyll_feed_paths(feed: dict[str, Any]) -> dict[str, Any]:
    own = _table(_table(feed.get("collections")).get("posts"))
    paths: dict[str, Any] = {}
    site = (_text(own.get("path")) or _text(feed.get("path"))).strip("/")
    if site:
        paths["site"] = {"atom": site}
    if own.get("categories") or feed.get("categories"):
        paths["category"] = {"atom": "feed/{name}.xml"}
    if feed.get("tags"):
        folder = _text(_table(feed["tags"]).get("path")) or "/feed/by_tag/"
        paths["tag"] = {"atom": f"{folder.lstrip('/')}{{name}}.xml"}
    return paths


def _jekyll_terms(raw: dict[str, Any]) -> dict[str, Any]:
    tags = _table(_table(raw.get("feed")).get("tags"))
    settings: dict[str, Any] = {}
    only, unwanted = _texts(tags.get("only")), _texts(tags.get("except"))
    if only:
        settings["include"] = [
            "category/*",
            *(f"tag/{_literal(name)}" for name in only),
        ]
    if unwanted:
        settings["exclude"] = [f"tag/{_literal(name)}" for name in unwanted]
    return settings


def _literal(name: str) -> str:
    """A name as a shell pattern that matches nothing else."""
    return re.sub(r"([*?\[])", r"[\1]", name)


# --- Hugo and Zola, for feeds init ------------------------------------------------------


def _hugo(raw: dict[str, Any]) -> dict[str, Any]:
    params = _table(raw.get("params"))
    author = raw.get("author") or params.get("author")
    site = {
        "url": _first_text(raw, ("baseURL", "baseurl")),
        "title": _text(raw.get("title")),
        "description": _text(params.get("description")),
        "language": _first_text(raw, ("languageCode", "locale", "defaultContentLanguage")),
        "timezone": _text(raw.get("timeZone")),
        "author": _text(_table(author).get("name")) or _text(author),
    }
    return {
        "site": {key: value for key, value in site.items() if value},
        "posts": {
            "sources": [_text(raw.get("contentDir")) or "content"],
            "permalink": _hugo_permalink(_table(raw.get("permalinks"))),
        },
    }


def _hugo_permalink(permalinks: dict[str, Any]) -> str:
    """The pattern of the section that holds the posts, in Jekyll's words."""
    permalinks = {**permalinks, **_table(permalinks.get("page"))}
    section = next((key for key in ("posts", "post", "blog") if key in permalinks), "posts")
    pattern = _text(permalinks.get(section)) or f"/{section}/:slug/"

    def word(match: re.Match[str]) -> str:
        return section if match[1].startswith("section") else HUGO_WORDS.get(match[1], match[0])

    return re.sub(r":([a-z]+)", word, pattern)


def _zola(raw: dict[str, Any]) -> dict[str, Any]:
    site = {
        "url": _text(raw.get("base_url")),
        "title": _text(raw.get("title")),
        "description": _text(raw.get("description")),
        "language": _text(raw.get("default_language")),
        "author": _text(raw.get("author")),
    }
    return {
        "site": {key: value for key, value in site.items() if value},
        "posts": {"sources": ["content"], "permalink": "/:slug/"},
    }


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [_text(item) for item in items if _text(item)]
