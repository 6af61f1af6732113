"""A first configuration for a site: every key, its default, and what is known already.

In: a site folder, perhaps with the configuration of Jekyll, Hugo or Zola. Out: a file in it,
``config.toml``, or ``feeds.toml`` where Hugo's or Zola's has that name.
Keys that nothing is known of are written as comments, so that they follow the program's
defaults, and a Jekyll site's keys too, so that they follow its ``_config.yml``.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from feeds import sites
from feeds.config import OWN_NAME
from feeds.configfile import config_path
from feeds.errors import ConfigError, OutputError, refusal

LINE: Final = re.compile(r"(\w+) = (.+?)( *)(# .*)?")
SECTION: Final = re.compile(r"\[([\w.]+)\]")
USUAL_SOURCES: Final = ("_posts", "posts", "content", "blog", "seeds")


def write_config(root: Path, force: bool = False) -> tuple[Path, str]:
    """Write the file; returns its path, and the name of the file it was taken from.

    One that is there already is kept beside it, with ``.bak`` behind its name. Raises
    :class:`~feeds.errors.ConfigError` where there is one and ``force`` does not say to replace
    it, and :class:`~feeds.errors.OutputError` where it cannot be written.
    """
    path = root / OWN_NAME if sites.shared_settings(root) else config_path(root)
    if not root.is_dir():
        raise ConfigError(root, ["is not a folder; name the folder of the site"])
    if path.exists() and not force:
        raise ConfigError(path, ["is there already; --force replaces it"])
    text, origin = starter(root)
    beside = path.with_suffix(".toml.new")
    try:
        beside.write_text(text, "utf-8")
        if path.is_file():
            path.replace(path.with_suffix(".toml.bak"))
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written: {refusal(error)}") from error
    return path, origin


def starter(root: Path) -> tuple[str, str]:
    """The text of the file, and the name of the configuration that it rests on."""
    template = files("feeds").joinpath("config_template.toml").read_text("utf-8")
    if jekyll := sites.jekyll_settings(root):
        name = jekyll.path.name
        head = f"# What {name} says holds for the feeds too; a key here wins over it.\n"
        # The only thing that a Jekyll site can do without, and feeds cannot.
        known = {} if jekyll.values["site"]["url"] else {"site": {"url": "https://www.example.org"}}
        return head + _filled(template, known), name
    other = sites.other_settings(root)
    known = {"site": {"url": "https://www.example.org", "title": ""}, "posts": _sources(root)}
    for section, values in (other.values if other else {}).items():
        known[section].update(values)
    return _filled(template, known), other.path.name if other else ""


def _sources(root: Path) -> dict[str, Any]:
    found = [name for name in USUAL_SOURCES if (root / name).is_dir()]
    return {"sources": found[:1] or ["posts"]}


def _filled(template: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    """The template with the known values in it and all other keys as comments."""
    section = ""
    lines = []
    for line in template.splitlines():
        if match := SECTION.fullmatch(line):
            section = match[1]
        elif match := LINE.fullmatch(line):
            line = _key_line(match, known.get(section, {}))
        lines.append(line)
    return "\n".join(lines) + "\n"


def _key_line(match: re.Match[str], known: Mapping[str, Any]) -> str:
    key, default, _, comment = match.groups()
    setting = f"{key} = {_toml(known[key])}" if key in known else f"# {key} = {default}"
    # The comment stays in its column as long as there is room before it.
    return f"{setting:<{match.start(4) - 1}} {comment}" if comment else setting


def _toml(value: Any) -> str:
    """A text or a list of texts; JSON's strings are TOML's but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
