"""From files to settings: ``config.toml``, or a Jekyll site's ``_config.yml``.

:func:`load_config` reads what a site folder has, lets ``config.toml`` win key by key over
what another generator's configuration says, checks everything, and either returns a
:class:`~feeds.config.Config` or raises one :class:`~feeds.errors.ConfigError` with all
mistakes in it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from feeds import sites
from feeds.config import CONFIG_NAME, OWN_NAME, Config
from feeds.configtables import config_of, is_unicode
from feeds.errors import ConfigError, refusal
from feeds.models import Finding, Level
from feeds.section import Problem, Section, show


def load_config(root: Path, over: Mapping[str, Any] | None = None) -> Config:
    """Read the configuration of a site folder; what ``over`` says wins over all files.

    Raises :class:`~feeds.errors.ConfigError` with every mistake: a folder without a
    configuration, TOML or YAML that does not parse, an unknown key, a wrong value.
    """
    root = _existing(root)
    own_path = config_path(root)
    own = _load_toml(own_path)
    if own and own_path.name == CONFIG_NAME and (program := sites.generator(own)):
        advice = f"`feeds init` makes a {OWN_NAME} from it, which is read in its place"
        raise ConfigError(own_path, [f"is {program}'s configuration; {advice}"])
    other = sites.jekyll_settings(root)
    if own is None and other is None:
        raise ConfigError(root, [f"no {CONFIG_NAME} and no _config.yml in it; {_instead_of(root)}"])
    path = other.path if other and own is None else own_path
    tables = {"the command line": over or {}, own_path.name: own or {}}
    if other:
        tables[other.path.name] = other.values
    problems: list[Problem] = []
    config = config_of(root, Section(_merged(tables.values()), (), problems))
    if problems:
        raise ConfigError(path, [_told(problem, path.name, tables) for problem in problems])
    return replace(config, notes=_notes(other), over=over or {})


def config_path(root: Path) -> Path:
    """The file of the program's own settings, be it there or not."""
    own = root / OWN_NAME
    return own if os.path.exists(own) else root / CONFIG_NAME


def _existing(root: Path) -> Path:
    """The folder of the site, absolute and without links."""
    found = Path(os.path.realpath(root))
    if not found.is_dir():
        what = "is not a folder" if found.exists() else "does not exist"
        raise ConfigError(found, [f"{what}; name the folder of the site{_near(found)}"])
    if not is_unicode(str(found)):
        raise ConfigError(found, ["is no name in UTF-8; rename it"])
    return found


def _near(path: Path) -> str:
    """What may have been meant: the folder that a file is in, or one with much the same name."""
    if path.exists():
        return f": {path.parent}" if _is_site(path.parent) else ""
    import difflib

    with contextlib.suppress(OSError):
        folders = [name for name in os.listdir(path.parent) if os.path.isdir(path.parent / name)]
        if near := difflib.get_close_matches(path.name, folders, n=1):
            return f"; did you mean {near[0]}?"
    return ""


def _instead_of(root: Path) -> str:
    """What to do in a folder that is no site: to take the one that it is in, or to make one."""
    site = next((folder for folder in root.parents if _is_site(folder)), None)
    return f"its site is {site}, name that" if site else "`feeds init` writes one"


def _is_site(folder: Path) -> bool:
    names = (CONFIG_NAME, OWN_NAME, *sites.JEKYLL_NAMES)
    return any(os.path.isfile(folder / name) for name in names)


def _notes(other: sites.Settings | None) -> tuple[Finding, ...]:
    if other is None:
        return ()
    name = other.path.name
    return tuple(Finding(name, 0, Level.NOTE, what, done) for what, done in other.notes)


def _told(problem: Problem, file: str, tables: Mapping[str, Mapping[str, Any]]) -> str:
    """A problem of ``file``, and where its key stands if that is elsewhere."""
    origin = next((name for name, table in tables.items() if _holds(table, problem.keys)), file)
    return str(problem) if origin == file else f"{problem} (from {origin})"


def _holds(table: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(table, Mapping):
            return True
        if key not in table:
            return False
        table = table[key]
    return True


def missing_sources(config: Config) -> list[str]:
    """Those of ``posts.sources`` that mean no folder of the site."""
    return [name for name in config.posts.sources if not _is_there(config.root, name)]


def _is_there(root: Path, source: str) -> bool:
    """Whether a folder, or any of those that a pattern means, is in the site."""
    if not glob.has_magic(source):
        return os.path.isdir(root / source)
    found = glob.iglob(source, root_dir=root, recursive=True)
    return any(os.path.isdir(root / folder) for folder in found)


def expect_sources(config: Config) -> None:
    """Raises :class:`~feeds.errors.ConfigError` where no folder with posts is there at all:
    that is a mistake, rather than the end of all feeds."""
    missing = missing_sources(config)
    if missing and len(missing) == len(config.posts.sources):
        names = ", ".join(map(show, missing))
        what = f"no folder {names} in {config.root}; name those that posts are in"
        raise ConfigError(config_path(config.root), [f"posts.sources: {what}"])


def reload_config(config: Config) -> Config:
    """The configuration as its files say it now. Raises as :func:`load_config` does."""
    return load_config(config.root, config.over)


def _load_toml(path: Path) -> dict[str, Any] | None:
    """The tables of a TOML file, ``None`` where there is no such file."""
    try:
        raw = path.read_bytes()
        return tomllib.loads(raw.decode("utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, [f"cannot be read: {refusal(error)}"]) from error
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"line {line}: not UTF-8; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(path, [f"not TOML: {error}"]) from error
    except RecursionError as error:
        raise ConfigError(path, ["nested too deeply"]) from error


def _merged(tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested tables as one; what an earlier one says wins over what a later one does."""
    values: dict[str, Any] = {}
    for table in reversed(list(tables)):
        values = _merge(values, table)
    return values


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two nested tables as one; a value of ``over`` wins, tables are merged key by key."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged
