"""A table of the configuration, asked key by key: values of the right type, and every mistake.

In: a table as TOML or YAML gives it. Out: what was asked for, its default where the table has
something else, and a :class:`Problem` for each such place and for each key that nobody knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

# XML 1.0 can hold none of these, and no file name should.
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
BARE_KEY: Final = re.compile(r"[\w-]+(\[\d+\])?", re.ASCII)
LONGEST_SHOWN: Final = 60


class Problem(NamedTuple):
    """A mistake, and the keys that lead to it from the top."""

    keys: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(_quoted(key) for key in self.keys)}: {self.text}"


def _quoted(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else show(key)


class Section:
    """One table: hands out checked values and keeps a list of all mistakes found so far."""

    def __init__(
        self, values: Mapping[str, Any], keys: tuple[str, ...], problems: list[Problem]
    ) -> None:
        self.values = values
        self.keys = keys
        self.problems = problems
        self.known: set[str] = set()

    def problem(self, key: str, text: str) -> None:
        self.problems.append(Problem((*self.keys, key), text))

    def get(self, key: str, default: Any) -> Any:
        """A value as it stands there."""
        self.known.add(key)
        return self.values.get(key, default)

    def section(self, key: str) -> Section:
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            self.problem(key, f"expected a table, not {show(value)}")
            value = {}
        return Section(value, (*self.keys, key), self.problems)

    def sections(self, key: str, keys: str) -> list[Section]:
        """The tables of a list; ``keys`` says what each has, for who wrote something else."""
        tables = self.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(each, Mapping) for each in tables):
            self.problem(key, f"expected a list of tables with {keys}, not {show(tables)}")
            return []
        return [
            Section(table, (*self.keys, f"{key}[{number}]"), self.problems)
            for number, table in enumerate(tables, 1)
        ]

    def text(self, key: str, default: str = "") -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            self.problem(key, f"expected a text in quotes, not {show(value)}")
        elif CONTROL.search(value):
            self.problem(key, f"expected a text without control characters, not {show(value)}")
        else:
            return value
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.get(key, default)
        if isinstance(value, bool):
            return value
        self.problem(key, f"expected true or false, not {show(value)}")
        return default

    def number(self, key: str, default: int, low: int, high: int) -> int:
        value = self.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.problem(key, f"expected a whole number from {low} to {high}, not {show(value)}")
        return default

    def decimal(self, key: str, default: float, low: float, high: float) -> float:
        value = self.get(key, default)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and low <= value <= high:
            return float(value)
        self.problem(key, f"expected a number from {low:g} to {high:g}, not {show(value)}")
        return default

    def texts(self, key: str, default: Sequence[str] = ()) -> tuple[str, ...]:
        value = self.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problem(key, f"expected a list of texts, not {show(value)}")
        elif any(CONTROL.search(item) for item in value):
            self.problem(key, f"expected texts without control characters, not {show(value)}")
        else:
            return tuple(value)
        return tuple(default)

    def choice(self, key: str, default: str, allowed: Sequence[str]) -> str:
        value = self.get(key, default)
        if value in allowed:
            return str(value)
        self.problem(key, f"expected one of {listed(allowed)}, not {show(value)}")
        return default

    def day(self, key: str) -> date:
        """A date, which has no default."""
        value = self.get(key, None)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        what = "missing;" if value is None else "expected"
        shown = "" if value is None else f", not {show(value)}"
        self.problem(key, f"{what} a day like 2027-01-31 without quotes{shown}")
        return date.min

    def finish(self) -> None:
        """Report the keys that nothing asked for."""
        for key in self.values:
            if key not in self.known:
                import difflib

                hint = f"known: {listed(self.known)}"
                if near := difflib.get_close_matches(key, sorted(self.known), n=1):
                    hint = f"did you mean {near[0]}?"
                elif tables := _tables_with(key):
                    hint = f"it belongs in {' or '.join(tables)}"
                self.problem(key, f"unknown key; {hint}")


def _tables_with(key: str) -> list[str]:
    """The tables of a configuration that do have such a key."""
    import tomllib
    from importlib.resources import files

    template = files("feeds").joinpath("config_template.toml").read_text("utf-8")
    return [f"[{name}]" for name, table in tomllib.loads(template).items() if key in table]


def show(value: Any) -> str:
    """A value much as TOML and YAML write it, on one line and not too long."""
    if isinstance(value, date | time):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
