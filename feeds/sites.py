"""What another generator's configuration says, in the shape of ``config.toml``.

In: a site folder. Out: a nested dict with the keys of ``config.toml``, ready to be merged
under the user's own, and the settings that could not be taken over. Jekyll's rules are
those of jekyllrb.com/docs/configuration and of the jekyll-feed plugin; Hugo's and Zola's
files serve ``feeds init`` only.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from feeds.errors import ConfigError

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
    raw = _load(path)
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
            raw = _load(path)
            return Settings(path, _zola(raw) if name in ZOLA_NAMES else _hugo(raw))
    return None


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"cannot be read: {error}"]) from error
    try:
        data = _parse(path, text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    except json.JSONDecodeError as error:
        raise ConfigError(path, [f"not JSON: {error}"]) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(path, ["expected a mapping of keys to values"])
    return {str(key): _plain(value) for key, value in data.items()}


def _parse(path: Path, text: str) -> Any:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return json.loads(text)
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(path, [f"{where}not YAML: {problem}"]) from error


def _plain(value: Any) -> Any:
    """YAML's and TOML's own types as JSON's: what a repr of is the same everywhere."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return value if isinstance(value, str | int | float | bool | None) else str(value)


# --- Jekyll ---------------------------------------------------------------------------


def _jekyll_site(root: Path, raw: dict[str, Any], notes: list[tuple[str, str]]) -> dict[str, Any]:
    url = _text(raw.get("url")) or _cname(root)
    if url and not raw.get("url"):
        notes.append(("has no url", f"{url} taken from the file CNAME"))
    baseurl = _text(raw.get("baseurl")).strip("/")
    site: dict[str, Any] = {
        "url": f"{url.rstrip('/')}/{baseurl}".rstrip("/"),
        "title": _text(raw.get("title") or raw.get("name")),
        "description": _text(raw.get("description")),
        "language": _text(raw.get("lang") or raw.get("locale")).replace("_", "-"),
        "timezone": _jekyll_timezone(raw, notes),
        "authors": _jekyll_authors(root, raw),
        "variables": raw,
    }
    author = raw.get("author")
    if author:
        site["author"] = site["authors"].get(author, author) if isinstance(author, str) else author
    return site


def _jekyll_timezone(raw: dict[str, Any], notes: list[tuple[str, str]]) -> str:
    """The C library that Jekyll asks takes a name that it does not know for UTC."""
    name = _text(raw.get("timezone")) or "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        notes.append((f"knows no time zone {name!r}", "taken for UTC, as Jekyll does"))
        return "UTC"
    return name


def _cname(root: Path) -> str:
    """The host that GitHub Pages serves the site under."""
    try:
        host = (root / "CNAME").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return f"https://{host}" if re.fullmatch(r"[\w.-]+", host) else ""


def _jekyll_authors(root: Path, raw: dict[str, Any]) -> dict[str, Any]:
    folder = root / (_text(raw.get("data_dir")) or "_data")
    for name in ("authors.yml", "authors.yaml", "authors.json"):
        if (folder / name).is_file():
            people = _load(folder / name)
            return {key: _person(key, value) for key, value in people.items()}
    return {}


def _person(key: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return _text(value) or key
    names = ("name", "display_name", "title")
    person = {"name": next((_text(value[n]) for n in names if value.get(n)), key)}
    for field, keys in (
        ("email", ("email",)),
        ("url", ("url", "uri", "web", "site", "home")),
    ):
        found = next((_text(value[k]) for k in keys if value.get(k)), "")
        if found:
            person[field] = found
    return person


def _jekyll_posts(raw: dict[str, Any]) -> dict[str, Any]:
    collections = raw.get("collections")
    posts = collections.get("posts") if isinstance(collections, dict) else None
    own = posts if isinstance(posts, dict) else {}
    settings: dict[str, Any] = {
        "jekyll": True,
        "naive_dates": "utc",
        "permalink": _text(own.get("permalink") or raw.get("permalink")) or "date",
        "exclude": [*JEKYLL_EXCLUDE, *_texts(raw.get("exclude"))],
        "include": _texts(raw.get("include", [".htaccess"])),
        "defaults": _jekyll_defaults(raw),
    }
    for key, name in (
        ("future", "future"),
        ("show_drafts", "drafts"),
        ("unpublished", "unpublished"),
    ):
        if isinstance(raw.get(key), bool):
            settings[name] = raw[key]
    if isinstance(own.get("future"), bool):
        settings["future"] = own["future"]
    if "excerpt_separator" in raw:
        settings["excerpt_separator"] = _text(raw["excerpt_separator"])
    if raw.get("markdown_ext"):
        settings["markdown_extensions"] = _text(raw["markdown_ext"]).replace(" ", "").split(",")
    for key in ("collections_dir", "includes_dir"):
        if raw.get(key):
            settings[key] = _text(raw[key]).strip("/")
    settings["exclude"].append(_text(raw.get("destination")) or "_site")
    return settings


def _jekyll_defaults(raw: dict[str, Any]) -> list[dict[str, Any]]:
    """``defaults`` in the order of the file; sets that Jekyll would call invalid are left out."""
    sets = raw.get("defaults")
    found = []
    for item in sets if isinstance(sets, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("values"), dict):
            continue
        given = item.get("scope")
        scope: dict[str, Any] = given if isinstance(given, dict) else {}
        kind = _text(scope.get("type"))
        found.append(
            {
                "path": _text(scope.get("path")),
                "type": {"post": "posts", "draft": "drafts"}.get(kind, kind),
                "values": item["values"],
            }
        )
    return found


def _jekyll_feeds(raw: dict[str, Any]) -> dict[str, Any]:
    """jekyll-feed's own ``feed:`` keys, so that its subscribers stay where they are."""
    feed = raw.get("feed")
    if not isinstance(feed, dict):
        return {"ids": "jekyll"}
    settings: dict[str, Any] = {"ids": "jekyll"}
    if isinstance(feed.get("posts_limit"), int):
        settings["entries"] = feed["posts_limit"]
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
    collections = feed.get("collections")
    posts = collections.get("posts") if isinstance(collections, dict) else None
    own = posts if isinstance(posts, dict) else {}
    paths: dict[str, Any] = {}
    site = _text(own.get("path") or feed.get("path")).strip("/")
    if site:
        paths["site"] = {"atom": site}
    if own.get("categories") or feed.get("categories"):
        paths["category"] = {"atom": "feed/{name}.xml"}
    if feed.get("tags"):
        tags = feed["tags"] if isinstance(feed["tags"], dict) else {}
        folder = _text(tags.get("path")) or "/feed/by_tag/"
        paths["tag"] = {"atom": f"{folder.lstrip('/')}{{name}}.xml"}
    return paths


def _jekyll_terms(raw: dict[str, Any]) -> dict[str, Any]:
    feed = raw.get("feed")
    tags = feed.get("tags") if isinstance(feed, dict) else None
    if not isinstance(tags, dict):
        return {}
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
    params = raw.get("params") if isinstance(raw.get("params"), dict) else {}
    permalinks = raw.get("permalinks") if isinstance(raw.get("permalinks"), dict) else {}
    author = raw.get("author") or (params or {}).get("author")
    site = {
        "url": _text(raw.get("baseURL") or raw.get("baseurl")),
        "title": _text(raw.get("title")),
        "description": _text((params or {}).get("description")),
        "language": _text(raw.get("languageCode") or raw.get("locale")),
        "timezone": _text(raw.get("timeZone")),
    }
    if isinstance(author, str):
        site["author"] = author
    elif isinstance(author, dict) and author.get("name"):
        site["author"] = _text(author["name"])
    section = next((key for key in ("posts", "post", "blog") if key in (permalinks or {})), "posts")
    pattern = _text((permalinks or {}).get(section)) or f"/{section}/:slug/"
    pattern = pattern.replace(":filename", ":title").replace(":contentbasename", ":title")
    return {
        "site": {key: value for key, value in site.items() if value},
        "posts": {
            "sources": [_text(raw.get("contentDir")) or "content"],
            "permalink": re.sub(r":sections?\b", section, pattern),
        },
    }


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


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()


def _texts(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [_text(item) for item in items if _text(item)]
