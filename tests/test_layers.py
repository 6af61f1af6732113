"""The order of imports: data flows one way, rooms beside each other know nothing of each other.

Read from the source, so that an import within a function counts like any other.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from feeds.cli import COMMANDS

from .conftest import CONFIG, write_post

CHECKOUT = Path(__file__).parents[1]

# Each line may import from those above it. Rooms of one line do not import each other; a
# room of several modules is given by all of them.
ORDER: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("feeds",),),
    (("feeds.values",),),
    (("feeds.models",), ("feeds.errors",), ("feeds.workers",), ("feeds.sketch",), ("feeds.state",)),
    (
        ("feeds.terminal",),
        ("feeds.replacement",),
        ("feeds.manifest",),
        ("feeds.representation",),
    ),
    (
        (
            "feeds.config",
            "feeds.configtables",
            "feeds.configfile",
            "feeds.sites",
            "feeds.section",
            "feeds.patterns",
            "feeds.htmlpages",
            "feeds.destination",
        ),
    ),
    (
        ("feeds.posts",),
        ("feeds.rows", "feeds.view", "feeds.index"),
        ("feeds.render",),
        ("feeds.publish",),
        ("feeds.ledger", "feeds.push", "feeds.audience"),
        ("feeds.fingerprint",),
        ("feeds.files",),
    ),
    (("feeds.catalog",), ("feeds.links",)),
    (("feeds.pages",),),
    (
        (
            *("feeds.tasks", "feeds.fragments", "feeds.documents", "feeds.selection"),
            *("feeds.modified", "feeds.paging", "feeds.linkpage", "feeds.pageviews"),
        ),
        ("feeds.shipping", "feeds.cluster", "feeds.crew"),
    ),
    (("feeds.build",),),
    (
        ("feeds.check", "feeds.asking"),
        ("feeds.publishing",),
        ("feeds.lookup", "feeds.tables", "feeds.objects"),
        ("feeds.summary",),
    ),
    (("feeds.console",), ("feeds.completion",)),
    (("feeds.options",),),
    (("server",),),
    (("feeds.starter",), ("feeds.snippet",)),
    (("feeds.commands",),),
    (("feeds.cli", "feeds.__main__"),),
)


class Import(NamedTuple):
    """Who imports what, and whether that happens as soon as the module is loaded."""

    module: str
    imported: str
    at_once: bool


@lru_cache
def modules() -> dict[str, Path]:
    found = {}
    for path in sorted([*CHECKOUT.glob("feeds/**/*.py"), *CHECKOUT.glob("server/**/*.py")]):
        parts = path.relative_to(CHECKOUT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@lru_cache
def imports() -> tuple[Import, ...]:
    return tuple(each for name, path in modules().items() for each in imports_of(name, path))


def imports_of(name: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    late = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef) or only_for_types(outer)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        for imported in imported_by(node):
            yield Import(name, imported, id(node) not in late)


def only_for_types(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


def imported_by(node: ast.AST) -> Iterator[str]:
    """The modules of the project that a statement loads."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide where a name comes from"
        inner = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [name if name in modules() else str(node.module) for name in inner]
    else:
        return
    yield from (name for name in names if name.split(".")[0] in ("feeds", "server"))


def room_of(module: str) -> tuple[str, ...]:
    """The room that a module is in: its own entry, or that of the package it belongs to."""
    rooms = [room for line in ORDER for room in line]
    own = [room for room in rooms if module in room]
    inside = [room for room in rooms if room != ("feeds",) and module.startswith(f"{room[0]}.")]
    assert own or inside, f"{module} has no place in the order of imports"
    return (own or inside)[0]


def line_of(room: tuple[str, ...]) -> int:
    return next(number for number, line in enumerate(ORDER) if room in line)


def test_every_module_has_its_place() -> None:
    assert len({room_of(module) for module in modules()}) > 12


def test_a_room_imports_only_from_rooms_before_it() -> None:
    wrong = [
        f"{each.module} imports {each.imported}"
        for each in imports()
        if room_of(each.module) != room_of(each.imported)
        and line_of(room_of(each.module)) <= line_of(room_of(each.imported))
    ]
    assert wrong == []


def test_nothing_imports_the_command_line() -> None:
    assert {each.module for each in imports() if each.imported == "feeds.cli"} == {"feeds.__main__"}


def test_commands_are_loaded_by_their_names_alone() -> None:
    named = {target.partition(":")[0] for target in COMMANDS.values()}
    shared = {"feeds.commands.common", "feeds.commands.delivering"}
    assert named | shared == {each for each in modules() if each.startswith("feeds.commands.")}
    inside = {each.imported for each in imports() if each.imported.startswith("feeds.commands")}
    assert inside == shared


def test_the_ground_imports_nothing_else() -> None:
    ground = ("feeds", "feeds.values", "feeds.models", "feeds.errors")
    assert {each.imported for each in imports() if each.module in ground} == {"feeds.values"}


def test_modules_are_loaded_without_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in imports():
        # A package is loaded before what is in it, which is no circle.
        if each.at_once and not each.module.startswith(f"{each.imported}."):
            graph[each.module].add(each.imported)
    try:
        assert set(TopologicalSorter(graph).static_order()) >= modules().keys()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


# What a command may not wait for: it is loaded when there is something to do for it.
HEAVY = ("feedgen", "lxml", "yaml", "nh3", "pyromark", "liquid", "rich")
OF_CHECKS = {"httpx", "httptools"}
SEVERE = '[links]\nseverity = { missing = "good" }\n'
OF_OTHER_MACHINES = ("dask", "distributed", "tornado")
OF_SERVERS = ("starlette", "uvicorn", "httpx", "server", "botocore")


def loaded(site: Path, *arguments: str) -> set[str]:
    """The packages that a command loads."""
    return {name.split(".")[0] for name in loaded_modules(site, *arguments)}


def loaded_modules(site: Path, *arguments: str) -> set[str]:
    code = (
        "import sys\n"
        "from feeds.cli import cli\n"
        f"cli({list(arguments)!r}, standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_a_build_with_nothing_to_do_loads_nothing_heavy(site: Path) -> None:
    write_post(site, "a.md", categories="x", tags="[y, z]")
    # The first one begins so long after the post was written that it trusts its time.
    assert "lxml" in loaded(site, "build")
    packages = loaded(site, "build")
    assert packages & {*HEAVY, *OF_SERVERS, *OF_OTHER_MACHINES} == set()
    assert {"feeds", "click", "sqlite3"} <= packages


def test_nor_does_one_whose_links_were_checked_and_say_nothing_new(site: Path) -> None:
    (site / "config.toml").write_text(CONFIG, "utf-8")
    write_post(site, "a.md", categories="x")
    assert "httpx" in loaded(site, "check", "--offline", "--format", "json")
    packages = loaded(site, "build")
    assert packages & OF_CHECKS == set()
    assert "jinja2" in packages
    assert loaded(site, "build") & {*HEAVY, *OF_SERVERS, "jinja2"} == set()
    # The page of links alone is made anew: nothing is read or sanitised, and nobody asked.
    (site / "config.toml").write_text(CONFIG + SEVERE, "utf-8")
    assert loaded(site, "build") & {*HEAVY, *OF_SERVERS} == set()


@pytest.mark.parametrize("command", [["build"], ["posts"], ["list"], ["init", "--force"]])
def test_commands_load_no_server(site: Path, command: list[str]) -> None:
    write_post(site, "a.md", categories="x")
    assert loaded(site, *command) & {*OF_SERVERS, "rich"} == set()


@pytest.mark.parametrize(
    ("command", "beside"),
    [
        (["build"], {"common", "delivering"}),
        (["list"], {"common"}),
        (["check", "--offline"], {"common"}),
    ],
)
def test_a_command_loads_what_is_shared_and_no_other(
    site: Path, command: list[str], beside: set[str]
) -> None:
    write_post(site, "a.md", categories="x")
    own = {f"feeds.commands.{name}" for name in (command[0], *beside)}
    found = loaded_modules(site, *command)
    assert {name for name in found if name.startswith("feeds.commands.")} == own


def test_importing_the_command_line_loads_none_of_the_work() -> None:
    code = "import feeds.cli, sys; print(*(n for n in sys.modules if n.startswith('feeds.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    work = {"feeds.build", "feeds.index", "feeds.posts", "feeds.render", "feeds.publish"}
    assert {*work, "feeds.commands", "feeds.options"} & set(done.stdout.split()) == set()
