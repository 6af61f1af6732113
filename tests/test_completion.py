"""Completion in real shells, as it is after somebody presses Tab."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from feeds.completion import SHELLS, term_names
from feeds.models import Kind

from .conftest import run_build, write_post
from .processes import killed_at_last

BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
END = "ENDE"


@pytest.fixture
def built(site: Path) -> Path:
    """A site with terms of all sorts, and a shell that would find `feeds`."""
    assert (BIN / "feeds").exists(), "the project has to be installed"
    write_post(site, "a.md", categories="emnews", tags="[股市, '债券 市场', 'x$(id)y']")
    write_post(site, "b.md", categories="emnews", tags="[股市]")
    run_build(site)
    return site


def typed(shell: list[str], begin: str, line: str, cwd: Path) -> str:
    """The line as it stands in a shell after Tab, told by a command put before it."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PATH": PATH,
        "TERM": "dumb",
        "PS1": "$ ",
        "LC_ALL": "C.UTF-8",
        "HOME": str(cwd),
    }
    with killed_at_last(
        subprocess.Popen(
            shell,
            cwd=cwd,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    ):
        os.close(theirs)
        os.write(ours, f"{begin}; echo BE''REIT\n".encode())
        shown = _until(ours, b"BEREIT")
        # The function gets what the shell understands of the line that Tab completed.
        os.write(ours, f"{line}\t".encode())
        os.write(ours, f" {END}\n".encode())
        shown = _until(ours, f"<{END}>".encode())
        os.close(ours)
    return shown.decode("utf-8", "replace")


def _until(terminal: int, wanted: bytes) -> bytes:
    shown = b""
    with contextlib.suppress(OSError):
        while wanted not in shown:
            shown += os.read(terminal, 65536)
    return shown


def arguments(shown: str) -> list[str]:
    """What a command would have been given."""
    return re.findall(r"<([^<>]*)>", shown)


# In place of the program itself: it tells its arguments. Completion asks the program by PATH.
TELL = "feeds() { printf '<%s>' \"$@\"; echo; }"
BASH = f"source <(feeds completion bash); {TELL}"
TYPED = [
    ("feeds buil", ["build"]),
    ("feeds posts --tag 股", ["posts", "--tag", "股市"]),
    ("feeds posts --category e", ["posts", "--category", "emnews"]),
    ("feeds list --kind ta", ["list", "--kind", "tag"]),
    ("feeds posts --tag 债", ["posts", "--tag", "债券 市场"]),
    ("feeds posts --tag x", ["posts", "--tag", "x$(id)y"]),
    ("feeds build post", ["build", "posts/"]),
]


@pytest.mark.parametrize(("line", "expected"), TYPED)
def test_bash_completes(built: Path, line: str, expected: list[str]) -> None:
    shell = ["bash", "--norc", "--noprofile", "-i"]
    # Completion runs `$1`, which would be the function: it is told where the program is.
    begin = BASH.replace(TELL, f'{TELL}; env() {{ command env "${{@/#feeds/{BIN}/feeds}}"; }}')
    assert arguments(typed(shell, begin, line, built))[: len(expected)] == expected


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not there")
def test_fish_completes(built: Path) -> None:
    for line, expected in TYPED[:-1]:
        code = f"feeds completion fish | source; complete -C '{line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", code],
            cwd=built,
            env={**os.environ, "PATH": PATH, "HOME": str(built)},
            capture_output=True,
            text=True,
            check=True,
        )
        # What is offered, and behind a tab what it is.
        offered = [each.partition("\t")[0] for each in done.stdout.splitlines()]
        assert offered == expected[-1:]


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not there")
@pytest.mark.parametrize(("line", "expected"), TYPED[:-1])
def test_zsh_completes(built: Path, line: str, expected: list[str]) -> None:
    begin = (
        "autoload -Uz compinit; compinit -u -D; source <(feeds completion zsh); "
        f'{TELL}; env() {{ command env "${{@/#%feeds/{BIN}/feeds}}" }}'
    )
    shown = typed(["zsh", "-f", "-i"], begin, line, built)
    assert arguments(shown)[: len(expected)] == expected


def test_names_are_those_of_the_last_build_with_most_posts_first(built: Path) -> None:
    assert term_names(built / ".feeds", Kind.TAG)[0] == "股市"
    assert term_names(built / ".feeds", Kind.CATEGORY) == ["emnews"]


def test_what_would_command_a_terminal_is_not_offered(site: Path) -> None:
    write_post(site, "a.md", tags='["a\\u202eb", d]')
    run_build(site)
    assert term_names(site / ".feeds", Kind.TAG) == ["d"]


@pytest.mark.parametrize("damage", ["no folder", "no index", "no database"])
def test_without_an_index_nothing_is_offered_and_nothing_said(site: Path, damage: str) -> None:
    if damage != "no folder":
        (site / ".feeds").mkdir()
    if damage == "no database":
        (site / ".feeds/index-1.sqlite").write_text("x" * 4096)
    done = subprocess.run(
        [BIN / "feeds"],
        cwd=site,
        env={
            **os.environ,
            "_FEEDS_COMPLETE": "bash_complete",
            "COMP_WORDS": "feeds posts --tag ",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"\n", b"")
    assert (site / ".feeds").exists() is (damage != "no folder"), "completion builds nothing"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "feeds", "completion", shell], cwd=tmp_path, capture_output=True, check=True
    )
    assert f"_FEEDS_COMPLETE={shell}_complete".encode() in done.stdout
    assert done.stderr == b""
