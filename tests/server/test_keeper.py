"""The one builder of a site, where the lock that makes it the one cannot be had."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from feeds.configfile import load_config
from server import keeper
from server.builder import Orders
from server.keeper import keep_builder


@pytest.fixture(autouse=True)
def short_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "TRY_SECONDS", 0.01)


def keep_for_some_tries(site: Path) -> None:
    config = load_config(site)
    keeping = keep_builder(lambda: Orders(config, "off"), config.state)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(keeping, 0.3))


def test_a_folder_that_cannot_be_made_is_said_once(
    site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (site / ".feeds").write_bytes(b"")  # in the way
    keep_for_some_tries(site)
    assert ["nothing is built: " in message for message in caplog.messages] == [True]


def test_a_file_system_without_locks_costs_no_files(
    site: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        keep_for_some_tries(site)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(caplog.messages) == 1
