"""The docs say what there is: every command, option and key, and nothing that is gone.

A new command needs a page in ``docs/commands``, a new table of the configuration one in
``docs/config``; whatever commands stand in a page have to be right.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from feeds.cli import cli
from feeds.configfile import load_config

from .test_config import template

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), CHECKOUT / "README.md"])
BLOCK = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
ROW = re.compile(r"(?m)^\| (`.+?) \|(.*)\|$")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def blocks(path: Path, *languages: str) -> Iterator[str]:
    for language, text in BLOCK.findall(path.read_text("utf-8")):
        if language in languages:
            yield text


# --- commands -----------------------------------------------------------------------------


CONTEXT = click.Context(cli)
COMMANDS = cli.list_commands(CONTEXT)


def command_named(name: str) -> click.Command:
    command = cli.get_command(CONTEXT, name)
    assert command, f"there is no feeds {name}"
    return command


@lru_cache
def options(command: str) -> dict[str, click.Option]:
    """The options of a command by each of their names."""
    found = [each for each in command_named(command).params if isinstance(each, click.Option)]
    return {name: option for option in found for name in option.opts}


def test_every_command_has_a_page_and_every_page_a_command() -> None:
    assert {path.stem for path in DOCS.glob("commands/*.md")} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_a_command_has_all_its_options(command: str) -> None:
    text = (DOCS / f"commands/{command}.md").read_text("utf-8")
    assert text.startswith(f"# feeds {command}\n\n`feeds {command}")
    written: dict[str, str] = {}
    for first, what in ROW.findall(text):
        for name in re.findall(r"`(-[\w-]+)(?: [A-Z]+)?`", first):
            assert name not in written, f"{name} stands there twice"
            written[name] = f"{first} {what}"
    assert written.keys() == options(command).keys()
    for name, option in options(command).items():
        row = written[name]
        value = "" if option.is_flag else f" {option.metavar}"
        assert f"{option.opts[-1]}{value}`" in row, f"{name} takes {value or 'nothing'}"
        if isinstance(option.type, click.Choice):
            assert all(f"`{choice}`" in row for choice in option.type.choices), row
        if (default := re.search(r"\[default: ([\w.]+)\]", option.help or "")) and value:
            assert f"`{default[1]}`" in row or "default" in row, row


def commands_in(text: str) -> Iterator[list[str]]:
    """Each `feeds …` in lines of a shell, in words."""
    for line in text.splitlines():
        for part in re.split(r"&&|\|\||;|(?<!\\)\|", re.sub(r"^\S*\$ |^.*\brun: ", "", line)):
            words = re.sub(r"\s(#|2?>|<).*$|\)$|&\s*$", "", part).split("(")[-1].strip()
            if re.match(r"(\S*/)?feeds\s", words):
                yield shlex.split(words)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_commands_in_the_docs_are_right(path: Path) -> None:
    for text in blocks(path, "sh", "console", "yaml"):
        for _, name, *words in commands_in(text):
            if name.startswith("-"):
                assert name in ("--version", "--help")
                continue
            used = [word.partition("=")[0] for word in words if word.startswith("-")]
            assert set(used) <= options(name).keys(), words
            # A value that is none of those that may be chosen is a mistake too.
            command_named(name).make_context(name, list(words), resilient_parsing=False)


def test_enough_commands_are_looked_at() -> None:
    found = [
        words
        for path in PAGES
        for text in blocks(path, "sh", "console", "yaml")
        for words in commands_in(text)
    ]
    assert len(found) > 45
    assert {"build", "check", "completion"} <= {words[1] for words in found}


# --- configuration ------------------------------------------------------------------------

SECTIONS = sorted(tomllib.loads(template()))


def test_every_section_has_a_page_and_every_page_a_section() -> None:
    assert sorted(path.stem for path in DOCS.glob("config/*.md")) == SECTIONS


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_of_a_section_has_every_key_with_its_default(section: str) -> None:
    text = (DOCS / f"config/{section}.md").read_text("utf-8")
    found: dict[str, Any] = {}
    parts = re.split(r"(?m)^#+ \[([\w.]+)\]$", text)
    assert parts[1] == section
    for table, part in zip(parts[1::2], parts[2::2], strict=True):
        inner = found
        for name in table.split(".")[1:]:
            inner = inner.setdefault(name, {})
        for first, rest in ROW.findall(part):
            default, _, what = rest.strip().partition(" | ")
            assert what.strip(), f"{first} without a word about it"
            inner[first.strip("`")] = tomllib.loads(f"value = {default.strip('`')}")["value"]
    assert found == tomllib.loads(template())[section]


@pytest.mark.parametrize("path", sorted(DOCS.glob("config/*.md")), ids=named)
def test_examples_of_a_section_are_a_configuration(path: Path, tmp_path: Path) -> None:
    found = list(blocks(path, "toml"))
    assert found
    for text in found:
        needed = {"site": 'url = "https://example.org"', "posts": 'sources = ["posts"]'}
        rest = [f"[{name}]\n{line}\n" for name, line in needed.items() if f"[{name}]" not in text]
        (tmp_path / "config.toml").write_text("".join(rest) + text, "utf-8")
        load_config(tmp_path)


# --- pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", path.read_text("utf-8"))):
        if "://" not in target and not target.startswith("#"):
            assert (path.parent / target.partition("#")[0]).exists(), target


def test_the_index_leads_to_every_page() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    reached = [(DOCS / target).resolve() for target in LINK.findall(text)]
    for path in set(PAGES) - {CHECKOUT / "README.md", DOCS / "README.md"}:
        assert path in reached or path.parent in reached, path


def test_workflows_are_yaml_that_actions_would_run() -> None:
    (text,) = blocks(DOCS / "recipes/github-pages.md", "yaml")
    workflow = yaml.safe_load(text)
    assert set(workflow[True]) == {"push", "schedule"}  # YAML 1.1 takes "on" for a truth value
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert len({"uses", "run"} & step.keys()) == 1
    runs = [step["run"] for step in workflow["jobs"]["build"]["steps"] if "run" in step]
    assert sum(run.startswith("feeds ") for run in runs) == 2


# --- the tutorial -------------------------------------------------------------------------


class Step:
    """A command of the tutorial and the lines that it is said to show."""

    def __init__(self, command: str) -> None:
        self.command = command
        self.shown: list[str] = []


def steps(port: int) -> list[Step]:
    found: list[Step] = []
    for text in blocks(DOCS / "tutorial.md", "console"):
        for line in text.replace("8000", str(port)).splitlines():
            if line.startswith("$ "):
                found.append(Step(line[2:]))
            elif line.startswith("> ") or line == ">":
                found[-1].command += f"\n{line[2:]}"
            else:
                found[-1].shown.append(line)
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_the_tutorial_does_what_it_shows(tmp_path: Path) -> None:
    """All of it in one shell, but for the installation, which has to be that of the README."""
    port = free_port()
    install, path, *rest = steps(port)
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert f"\n{install.command} && .venv/bin/feeds build\n" in readme
    assert path.command == 'export PATH="$PWD/.venv/bin:$PATH"'

    mark = "@@ step"
    script = "".join(
        f"printf '\\n{mark} {number}\\n'\n{each.command}\n" for number, each in enumerate(rest)
    )
    script = script.replace("feeds serve >", f"feeds serve --port {port} >")
    script += f"printf '\\n{mark} {len(rest)}\\n'\n"
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with subprocess.Popen(
        ["bash", "-u", "-c", script],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, _ = process.communicate(timeout=120)
        finally:
            # The server, should it still be there.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    parts = re.split(rf"(?m)^{mark} \d+\n", out)[1:]
    assert len(parts) == len(rest) + 1, out
    for each, said in zip(rest, parts, strict=False):
        pattern = ".*".join(_pattern(line) for line in each.shown)
        assert re.search(pattern, said, re.DOTALL), f"$ {each.command}\n{said}"
        assert each.shown or not said.strip(), f"$ {each.command}\n{said}"


def _pattern(line: str) -> str:
    """A line as the tutorial shows it; ``…`` is anything, and so is how far things are apart."""
    words = (re.escape(word).replace("…", ".*") for word in line.split())
    return r"\s*".join(words)
