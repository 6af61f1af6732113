"""The application under other servers than our own, and what happens when a part of it fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.types import Message

from feeds.configfile import load_config
from feeds.ledger import Ledger, PublishedDocument
from server import app as apps
from server.app import create_app
from server.shelf import Shelf
from server.watch import BUILD_ANEW

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
            counts = (await client.get("/metrics")).text
            assert 'feeds_requests_total{format="",kind="",status="500"} 1.0' in counts
            assert (await client.get("/feed.atom")).status_code == 200

    asyncio.run(run())


def test_an_index_in_place_of_a_damaged_one_is_asked_for_until_that_can_be_noted(
    posts: Path, caplog: pytest.LogCaptureFixture
) -> None:
    requests = posts / ".feeds" / "requests"
    requests.write_bytes(b"")  # in the way

    async def run() -> None:
        shelf = Shelf(load_config(posts))
        task = asyncio.create_task(apps._follow(shelf, asyncio.Event()))
        shelf.damaged = True
        while not caplog.records:
            await asyncio.sleep(0.01)
        await asyncio.sleep(3 * apps.FOLLOW_SECONDS)
        assert shelf.damaged
        requests.unlink()
        while shelf.damaged:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await shelf.close()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert (requests / BUILD_ANEW).exists()
    assert ["no new one can be asked for" in each for each in caplog.messages] == [True]


def test_a_feed_whose_path_is_written_otherwise_now_is_not_gone(posts: Path) -> None:
    documents = [
        PublishedDocument(path, "atom", "Old", f"https://news.example.org/{path}", "")
        for path in ("Feed.atom", "nowhere.atom")
    ]
    with contextlib.closing(Ledger(posts / ".feeds")) as ledger:
        ledger.publish(documents, time.time())
        ledger.publish([], time.time())

    async def run() -> None:
        async with client_of(posts) as client:
            while (await client.get("/nowhere.atom")).status_code != 410:
                await asyncio.sleep(0.01)
            assert (await client.get("/Feed.atom")).status_code == 308

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_websocket_is_not_taken(posts: Path) -> None:
    """Other servers than our own offer them."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        app = create_app(load_config(posts), "off")
        for path in ("/feed.atom", "/nowhere", "/healthz"):
            scope: dict[str, object] = {
                "type": "websocket",
                "path": path,
                "headers": [],
                "subprotocols": [],
            }
            await app(scope, receive, send)

    asyncio.run(run())
    assert [message["type"] for message in sent] == ["websocket.close"] * 3


FROM_HERE = "from server.app import from_environment; print(from_environment().routes[0].path)"


def test_a_site_that_nobody_named_is_the_folder_that_one_is_in(tmp_path: Path) -> None:
    """In a process of its own, since it sets up the one that it is in."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    environment.pop(apps.SITE_VARIABLE, None)
    command = [sys.executable, "-c", FROM_HERE]
    root = make_site(tmp_path / "here")
    here, elsewhere = (
        subprocess.run(command, cwd=path, env=environment, capture_output=True, check=False)
        for path in (root, tmp_path)
    )
    assert here.stdout == b"/healthz\n"
    assert elsewhere.returncode == 1
    assert b"ConfigError" in elsewhere.stderr
