"""Everything that is no feed: moved and withdrawn paths, health, metrics, the webhook.

Each is an ASGI application of its own; :mod:`server.app` puts them into their places.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from feeds.config import Config, secret_of
from feeds.ledger import BuildRecord, Withdrawn
from server import metrics
from server.checker import link_totals
from server.limit import Limit
from server.recorder import Recorder
from server.shelf import Shelf
from server.tally import Tally
from server.watch import request_build

logger = logging.getLogger("feeds.server")

MISSING_SECONDS: Final = 60
WITHDRAWN_SECONDS: Final = 300  # a term may come back
MOVED_SECONDS: Final = 86_400
LARGEST_PAYLOAD: Final = 25 << 20  # what GitHub sends at most
REBUILDS_PER_MINUTE: Final = 12
DAY: Final = 86_400.0
METHODS: Final = "GET, HEAD, OPTIONS"

OPEN: Final = {"access-control-allow-origin": "*", "x-content-type-options": "nosniff"}


class Elsewhere:
    """Paths where no feed is: redirects, withdrawn feeds, paths written in another way."""

    def __init__(self, shelf: Shelf, recorder: Recorder, tally: Tally, config: Config) -> None:
        self._shelf = shelf
        self._recorder = recorder
        self._tally = tally
        self._withdrawn_seconds = config.server.withdrawn_days * DAY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._response(scope)
        self._tally.other(response.status_code)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if scope["method"] == "OPTIONS":
            return _preflight()
        if scope["method"] not in ("GET", "HEAD"):
            return _text(405, "This server only answers GET and HEAD.\n", {"allow": METHODS})
        shelf = self._shelf
        document = shelf.document_path(path)
        if target := shelf.redirect(path) or shelf.redirect(f"/{document}"):
            return self._moved(301, self._address(target))
        if known := shelf.canonical(document):
            return self._moved(308, f"{shelf.prefix}/{quote(known)}")
        if withdrawn := self._withdrawn(document):
            body = await shelf.retired(withdrawn)
            headers = {"cache-control": f"public, max-age={WITHDRAWN_SECONDS}", **OPEN}
            return Response(body.body, 410, headers, f"{body.media_type}; charset=utf-8")
        if shelf.edition is None:
            headers = {"retry-after": "5", "cache-control": "no-store"}
            return _text(503, "The feeds are not ready; try again in a moment.\n", headers)
        cache = {"cache-control": f"public, max-age={MISSING_SECONDS}"}
        return _text(404, "There is no feed here.\n", cache)

    def _withdrawn(self, document: str) -> Withdrawn | None:
        found = self._recorder.withdrawn.get(document) or self._shelf.withdrawn.get(document)
        if found is None or time.time() - found.since >= self._withdrawn_seconds:
            return None
        return found

    def _address(self, target: str) -> str:
        """Where a redirect of the configuration leads; paths are those of the site."""
        if target.startswith("/"):
            target = f"{self._shelf.prefix}/{self._shelf.document_path(target)}"
        return quote(target, safe="/%?&=#:;,+@!$'()*~[]")

    def _moved(self, status: int, location: str) -> Response:
        """The path is that of the public address in the configuration, never the request's."""
        cache = f"public, max-age={MOVED_SECONDS}"
        return Response(None, status, {"location": location, "cache-control": cache, **OPEN})


def _preflight() -> Response:
    """For a reader in a browser (Fetch, CORS protocol)."""
    return Response(
        status_code=204,
        headers={
            "allow": METHODS,
            "access-control-allow-origin": "*",
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": "If-None-Match, If-Modified-Since, A-IM",
            "access-control-max-age": str(MOVED_SECONDS),
        },
    )


class Health:
    """``/healthz``: the process answers. Says how the last build went, too."""

    def __init__(self, shelf: Shelf, recorder: Recorder) -> None:
        self._shelf = shelf
        self._recorder = recorder

    async def healthz(self, request: Request) -> Response:
        build = await self._recorder.last_build()
        return _json(200, {"status": "ok", "last_build": _build_object(build)})

    async def readyz(self, request: Request) -> Response:
        """There is something to answer with, and the last build went well."""
        build = await self._recorder.last_build()
        loaded = self._shelf.edition is not None
        good = build is None or not build.error
        state = {"ready": loaded and good, "loaded": loaded, "last_build": _build_object(build)}
        return _json(200 if loaded and good else 503, state)


class Metrics:
    """``/metrics``, for Prometheus."""

    def __init__(self, shelf: Shelf, recorder: Recorder) -> None:
        self._shelf = shelf
        self._recorder = recorder

    async def metrics(self, request: Request) -> Response:
        totals = await self._recorder.totals(self._shelf.number)
        newest = await self._shelf.newest_post()
        links = await asyncio.to_thread(link_totals, self._shelf.config.state)
        body = metrics.render(totals, newest, self._shelf.bytes, links)
        headers = {"cache-control": "no-store"}
        return Response(body, 200, headers, metrics.CONTENT_TYPE)


class Webhook:
    """``POST /-/rebuild`` for git hosts: asks the builder to look at the files.

    The body has to be signed with the secret (HMAC, SHA-256), as GitHub and Gitea do it.
    Nothing of the request but its signature is looked at.
    """

    def __init__(self, config: Config) -> None:
        self._secret = _secret(config).encode()
        self._state = config.state
        self._limit = Limit(REBUILDS_PER_MINUTE)

    async def rebuild(self, request: Request) -> Response:
        if not self._secret:
            return _text(404, "There is no webhook here.\n", {})
        if request.method != "POST":
            return _text(405, "This is for git hosts, which use POST.\n", {"allow": "POST"})
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        size = 0
        try:
            async for chunk in request.stream():
                digest.update(chunk)
                size += len(chunk)
                if size > LARGEST_PAYLOAD:
                    return _text(413, "The body is too large.\n", {})
        except ClientDisconnect:
            return _text(400, "The body is not complete.\n", {})  # nobody reads it
        if not _signed(request, digest.hexdigest()):
            return _text(403, "The signature of the body is missing or wrong.\n", {})
        if wait := self._limit.wait("", b""):
            return _text(429, "Too many rebuilds.\n", {"retry-after": str(wait)})
        request_build(self._state)
        return _text(202, "The files will be looked at now.\n", {})


def _secret(config: Config) -> str:
    value = config.server.webhook_secret
    try:
        return secret_of(value, os.environ)
    except KeyError:
        logger.error("[server] webhook_secret: the environment has no %s; no webhook", value[1:])
        return ""


def _signed(request: Request, digest: str) -> bool:
    """GitHub writes ``sha256=`` before the signature, Gitea, Gogs and Forgejo do not."""
    headers = (
        "x-hub-signature-256",
        "x-gitea-signature",
        "x-forgejo-signature",
        "x-gogs-signature",
    )
    for name in headers:
        given = request.headers.get(name, "").removeprefix("sha256=")
        if given and hmac.compare_digest(given.encode(), digest.encode()):
            return True
    return False


def _build_object(build: BuildRecord | None) -> dict[str, object] | None:
    if build is None:
        return None
    return {
        "at": datetime.fromtimestamp(build.at, UTC).isoformat(timespec="seconds"),
        "seconds": round(build.seconds, 3),
        "good": not build.error,
        "error": build.error,
        "posts": build.posts,
        "feeds": build.feeds,
        "warnings": build.warnings,
        "errors": build.errors,
    }


def _text(status: int, text: str, headers: Mapping[str, str]) -> Response:
    return PlainTextResponse(text, status, {**OPEN, **headers})


def _json(status: int, value: Mapping[str, object]) -> Response:
    return JSONResponse(value, status, {"cache-control": "no-store"})
