"""The application under other servers than our own, and what happens when a part of it fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from feeds.config import load_config
from server import app as apps
from server.app import create_app

from ..conftest import run_build, write_post
from ..service import TIED
from .conftest import RUNNING, make_site, until


@pytest.fixture
def posts(site: Path) -> Path:
    write_post(site, "a.md")
    run_build(site)
    return site


def test_any_asgi_server_can_run_it(posts: Path) -> None:
    """Here uvicorn's own command, with its own protocol and its own logs."""
    environment = {**os.environ, "FEEDS_SITE": str(posts), "FEEDS_WATCH": "off"}
    command = [sys.executable, "-m", "uvicorn", "--factory", "server.app:from_environment"]
    log_path = posts.parent / "uvicorn.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [*TIED, *command, "--port", "0", "--lifespan", "on"],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
        )
    try:
        (port,) = until(lambda: RUNNING.findall(log_path.read_text("utf-8")))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            reply = client.get("/feed.atom")
            assert reply.status_code == 200
            assert reply.content == (posts / "public" / "feed.atom").read_bytes()
            tag = {"If-None-Match": reply.headers["ETag"]}
            assert client.get("/feed.atom", headers=tag).status_code == 304
            assert client.get("/healthz").status_code == 200
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()


@contextlib.asynccontextmanager
async def client_of(root: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The application without any server."""
    app = create_app(load_config(root), "off")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        yield client


def test_the_application_is_whole_without_a_server(posts: Path) -> None:
    async def run() -> None:
        async with client_of(posts) as client:
            assert (await client.get("/feed.json")).status_code == 200
            assert (await client.get("/nowhere")).status_code == 404
            assert (await client.get("/readyz")).json()["loaded"] is True

    asyncio.run(run())


def test_a_task_that_fails_is_told_and_begins_again(
    posts: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of ours in what goes on behind the answers must not end it for ever."""
    monkeypatch.setattr(apps, "RESTART_SECONDS", 0.01)
    runs = 0

    async def fail() -> None:
        nonlocal runs
        runs += 1
        raise RuntimeError("a fault of ours")

    async def run() -> None:
        task = asyncio.create_task(apps._always(fail))
        while runs < 3:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert "a task failed" in caplog.text
    assert "RuntimeError: a fault of ours" in caplog.text


def test_a_fault_in_one_answer_takes_no_other_with_it(
    posts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        async with client_of(posts) as client:
            with monkeypatch.context() as patch:
                patch.setattr("server.editions.EditionReader.make", lambda *_: 1 / 0)
                assert (await client.get("/feed.atom")).status_code == 500
            assert (await client.get("/feed.atom")).status_code == 200

    asyncio.run(run())


def test_a_site_that_nobody_named_is_the_folder_that_one_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_site(tmp_path / "here")
    monkeypatch.chdir(root)
    monkeypatch.delenv(apps.SITE_VARIABLE, raising=False)
    monkeypatch.setattr(apps, "set_up_process", lambda config: None)
    assert apps.from_environment().routes
