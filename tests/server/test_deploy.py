"""The files of ``docs/deploy`` that no test can run: they say what this program understands."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from feeds.cli import cli
from server.run import GRACE_SECONDS

DEPLOY: Final = Path(__file__).parents[2] / "docs" / "deploy"
UNIT: Final = (DEPLOY / "feeds.service").read_text("utf-8")
DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def unit(key: str) -> str:
    (value,) = re.findall(rf"^{key}=(.*)$", UNIT, re.M)
    return str(value)


def docker(instruction: str) -> str:
    """The last one of its kind, which is the one that counts."""
    return str(re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.M)[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        unit("ExecStart").split()[1:],
        yaml.safe_load(docker("CMD")),
        COMPOSE["services"]["feeds"]["command"],
    ],
    ids=["systemd", "Docker", "compose"],
)
def test_commands_are_those_of_the_program(tmp_path: Path, arguments: Sequence[str]) -> None:
    """With every option of theirs known; the folder is another one here."""
    name, *rest = arguments
    command = cli.get_command(click.Context(cli), name)
    here = [str(tmp_path) if each.startswith("/") else each for each in rest]
    assert name == "serve"
    assert command
    command.make_context(name, here or [str(tmp_path)])
    with pytest.raises(click.UsageError):
        command.make_context(name, [*here, "--nonsense"])


def test_nobody_runs_it_as_root_or_writes_anything_but_its_state() -> None:
    assert unit("User") == "feeds"
    assert unit("ProtectSystem") == "strict"
    assert unit("ReadWritePaths") == f"{unit('ExecStart').split()[-1]}/.feeds"
    assert docker("USER").partition(":")[0] not in ("root", "0")
    for service in COMPOSE["services"].values():
        assert service["read_only"] is True
    site, state = COMPOSE["services"]["feeds"]["volumes"]
    assert site == "./site:/site:ro"
    assert state == "state:/site/.feeds"


def test_answers_in_flight_have_their_time_everywhere() -> None:
    assert int(unit("TimeoutStopSec")) > 2 * GRACE_SECONDS
    grace = str(COMPOSE["services"]["feeds"]["stop_grace_period"])
    assert int(grace.removesuffix("s")) > 2 * GRACE_SECONDS


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    path = tmp_path / "feeds.service"
    # The program is not installed there here.
    path.write_text(UNIT.replace("/opt/feeds/bin/feeds", "/bin/true"), "utf-8")
    done = subprocess.run([analyze, "verify", path], capture_output=True, text=True, timeout=20)
    complaints = [line for line in done.stderr.splitlines() if "feeds.service" in line]
    assert complaints == []
