"""`POST /-/rebuild` as git hosts call it, against a server that notices no file by itself."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ..conftest import run_build, write_post
from .conftest import Reply, Server, make_site, running, until

SECRET: Final = "ein Geheimnis"
PUSH: Final = json.dumps({"ref": "refs/heads/main", "commits": [{"added": ["/etc/passwd"]}]})
BODY: Final = PUSH.encode()
LARGEST: Final = 25 << 20


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    """For the few calls that lead to a build: there is a limit to them."""
    root = make_site(folder / "site", f'[server]\nwebhook_secret = "{SECRET}"\n')
    write_post(root, "a.md")
    with running(root, "--no-watch") as server:
        yield server


def signature(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def call(server: Server, headers: dict[str, str], body: bytes = BODY) -> Reply:
    common = {"content-type": "application/json", "user-agent": "GitHub-Hookshot/044aadd"}
    return server.send("POST", "/-/rebuild", {**common, **headers}, body)


def github(body: bytes = BODY) -> dict[str, str]:
    return {
        "x-github-event": "push",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature": f"sha1={hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()}",
        "x-hub-signature-256": f"sha256={signature(body)}",
    }


def gitea(body: bytes = BODY) -> dict[str, str]:
    """Gitea signs in its own header without the name of the hash, and in those of others."""
    return {
        "x-gitea-event": "push",
        "x-gitea-signature": signature(body),
        "x-gogs-signature": signature(body),
        "x-hub-signature-256": f"sha256={signature(body)}",
    }


def titles(server: Server) -> list[str]:
    return [item["title"] for item in json.loads(server.ask("/feed.json").body)["items"]]


@pytest.mark.parametrize(
    "headers",
    [
        github(),
        gitea(),
        {"x-gitea-signature": signature()},
        {"x-forgejo-signature": signature()},
        {"x-gogs-signature": signature()},
        {"x-hub-signature-256": f"sha256={signature()}"},
    ],
    ids=["GitHub", "Gitea", "Gitea alone", "Forgejo", "Gogs", "another"],
)
def test_a_signed_push_leads_to_a_build(server: Server, headers: dict[str, str]) -> None:
    before = titles(server)
    title = f"signed {len(before)}"
    write_post(server.root, f"{title}.md", title=title)
    assert titles(server) == before
    started = time.monotonic()
    reply = call(server, headers)
    assert reply.status == 202
    assert time.monotonic() - started < 1
    until(lambda: title in titles(server))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256="},
        {"x-hub-signature-256": f"sha256={signature(secret='another')}"},
        {"x-hub-signature-256": f"sha256={signature(secret='')}"},
        {"x-hub-signature-256": f"sha256={signature(BODY + b' ')}"},
        {"x-hub-signature-256": f"sha256={signature()[:-1]}"},
        {"x-hub-signature-256": f"sha256={signature()}0"},
        {"x-hub-signature-256": f"sha1={signature()}"},
        {"x-hub-signature-256": "sha256=\xe4\xf6\xfc"},
        {"x-hub-signature": github()["x-hub-signature"]},
        {"x-gitea-signature": signature(secret="another")},
        {"x-gitea-signature": "a" * 20_000},
        {"authorization": f"Bearer {SECRET}", "x-gitlab-token": SECRET},
    ],
)
def test_nothing_is_built_without_the_right_signature(
    shared_server: Server, headers: dict[str, str]
) -> None:
    reply = call(shared_server, headers)
    assert reply.status == 403
    assert SECRET.encode() not in reply.body
    requests = shared_server.root / ".feeds" / "requests"
    assert not requests.exists()


@pytest.fixture(scope="module")
def shared_server(folder: Path) -> Iterator[Server]:
    """For calls that lead to nothing."""
    root = make_site(folder / "shared", f'[server]\nwebhook_secret = "{SECRET}"\n')
    with running(root, "--no-watch") as server:
        yield server


def test_a_body_may_be_as_large_as_github_sends_it_and_no_larger(shared_server: Server) -> None:
    # Without a signature, so that it counts for nothing.
    assert call(shared_server, {}, b"a" * LARGEST).status == 403
    assert call(shared_server, {}, b"a" * (LARGEST + 1)).status == 413
    assert shared_server.memory() < 200 << 20


def test_other_methods_are_told_what_it_is_for(shared_server: Server) -> None:
    for method, status in (("GET", 405), ("PUT", 405), ("OPTIONS", 204)):
        reply = shared_server.ask("/-/rebuild", method)
        assert (reply.status, reply["allow"]) == (status, "POST, OPTIONS")


def test_where_nothing_can_be_noted_the_host_is_asked_to_call_again(folder: Path) -> None:
    root = make_site(folder / "full", f'[server]\nwebhook_secret = "{SECRET}"\n')
    with running(root, "--no-watch") as server:
        in_the_way = root / ".feeds" / "requests"
        in_the_way.write_bytes(b"")
        for _ in range(3):
            reply = call(server, github())
            assert reply.status == 503
            assert int(reply["retry-after"]) > 0
        assert len(re.findall("a build cannot be asked for: .*requests", server.log)) == 1
        assert "Traceback" not in server.log
        in_the_way.unlink()
        write_post(root, "later.md", title="later")
        assert call(server, github()).status == 202
        until(lambda: "later" in titles(server))


def test_who_leaves_within_the_body_is_no_event(shared_server: Server) -> None:
    lines = shared_server.log
    head = b"POST /-/rebuild HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"
    with shared_server.connect() as client:
        client.sendall(head)
    assert call(shared_server, {}).status == 403
    assert shared_server.log == lines


def test_builds_are_not_asked_for_more_often_than_makes_sense(folder: Path) -> None:
    root = make_site(folder / "limited", f'[server]\nwebhook_secret = "{SECRET}"\n')
    with running(root, "--no-watch") as server:
        # Who has no signature uses nothing up.
        for _ in range(20):
            assert call(server, {}).status == 403
        replies = [call(server, github()) for _ in range(13)]
        assert [reply.status for reply in replies] == [202] * 12 + [429]
        assert 1 <= int(replies[-1]["retry-after"]) <= 60
        # Nor is anybody told more than that.
        assert call(server, {}).status == 403


def test_a_call_with_nothing_in_it_may_be_signed_too(server: Server) -> None:
    write_post(server.root, "empty.md", title="a call without a body")
    assert call(server, gitea(b""), b"").status == 202
    until(lambda: "a call without a body" in titles(server))


def test_it_is_off_until_there_is_a_secret(folder: Path) -> None:
    root = make_site(folder / "closed")
    with running(root, "--no-watch") as server:
        for headers in (github(), {"x-hub-signature-256": f"sha256={signature(secret='')}"}):
            assert call(server, headers).status == 404
        assert server.ask("/-/rebuild").status == 404
        assert not (root / ".feeds" / "requests").exists()


def test_any_worker_reaches_the_builder(tmp_path: Path) -> None:
    root = make_site(tmp_path / "site", f'[server]\nwebhook_secret = "{SECRET}"\n')
    run_build(root)  # so that both have something from the beginning
    with running(root, "--no-watch", "--workers", "2") as server:
        for number in range(4):
            write_post(root, f"{number}.md", title=f"number {number}")
            assert call(server, github()).status == 202
            wait_for(server, f"number {number}")
        assert len(server.builders()) == 1


def wait_for(server: Server, title: str) -> None:
    """Until a post of that title is served by whoever happens to answer."""
    until(lambda: title in server.ask("/feed.json").body.decode())


def test_what_was_asked_for_before_may_be_deleted(server: Server) -> None:
    shutil.rmtree(server.root / ".feeds" / "requests", ignore_errors=True)
    write_post(server.root, "deleted.md", title="after the requests")
    assert call(server, github()).status == 202
    until(lambda: "after the requests" in titles(server))
