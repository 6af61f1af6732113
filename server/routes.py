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
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from feeds.config import Config, secret_of
from feeds.ledger import BuildRecord, Withdrawn
from feeds.representation import content_type
from server import metrics
from server.cache import RETRY_SECONDS
from server.checker import link_totals
from server.limit import Limit
from server.notices import OPEN, notice
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
REFUSED_SECONDS: Final = 60
DAY: Final = 86_400.0
METHODS: Final = "GET, HEAD, OPTIONS"
REBUILD_METHODS: Final = "POST, OPTIONS"


class Elsewhere:
    """Paths where no feed is: redirects, withdrawn feeds, paths written in another way."""

    def __init__(self, shelf: Shelf, recorder: Recorder, tally: Tally, config: Config) -> None:
        self._shelf = shelf
        self._recorder = recorder
        self._tally = tally
        self._withdrawn_seconds = config.server.withdrawn_days * DAY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        response = await self._response(scope)
        self._tally.other(response.status_code)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if scope["method"] == "OPTIONS":
            return _preflight()
        if scope["method"] not in ("GET", "HEAD"):
            return notice(405, "This server only answers GET and HEAD.", {"allow": METHODS})
        shelf = self._shelf
        if target := shelf.redirect(path):
            return self._moved(301, self._address(target))
        if (known := shelf.canonical(path)) is not None:
            return self._moved(308, f"{shelf.prefix}/{quote(known)}")
        if target := shelf.redirect_in_other_spelling(path):
            return self._moved(301, self._address(target))
        if withdrawn := self._withdrawn(path):
            body = await shelf.retired(withdrawn)
            headers = {"cache-control": f"public, max-age={WITHDRAWN_SECONDS}", **OPEN}
            return Response(body.body, 410, headers, content_type(body.media_type))
        if shelf.edition is None:
            text = "The feeds are not ready; try again in a moment."
            return notice(503, text, {"retry-after": str(RETRY_SECONDS)})
        cache = {"cache-control": f"public, max-age={MISSING_SECONDS}"}
        return notice(404, "There is no feed here.", cache)

    def _withdrawn(self, path: str) -> Withdrawn | None:
        """The last of the ways out, since readers do not come back from it."""
        known = (self._recorder.withdrawn, self._shelf.withdrawn)
        document, spellings = self._shelf.document_path(path), self._shelf.spellings(path)
        found = [each.exact.get(document) for each in known]
        found += [each.spelled.get(spelled) for each in known for spelled in spellings]
        since = time.time() - self._withdrawn_seconds
        return next((each for each in found if each is not None and each.since > since), None)

    def _address(self, target: str) -> str:
        """Where a redirect of the configuration leads; paths are those of the site."""
        address = quote(target, safe="/%?&=#:;,+@!$'()*~[]")
        if not target.startswith("/") or self._shelf.has_prefix(unquote(target)):
            return address
        return self._shelf.prefix + address

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
            **OPEN,
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": "If-None-Match, If-Modified-Since, A-IM",
            "access-control-max-age": str(MOVED_SECONDS),
        },
    )


class Resource:
    """What is made anew for every GET; other methods are told so."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in ("GET", "HEAD"):
            response = await self._endpoint(Request(scope, receive))
        else:
            response = _other_method(scope["method"], METHODS)
        await response(scope, receive, send)


def _other_method(method: str, allowed: str) -> Response:
    """What there is to say where a method does nothing (RFC 9110 sections 9.3.7, 15.5.6)."""
    if method == "OPTIONS":
        return Response(status_code=204, headers={"allow": allowed, **OPEN})
    return notice(405, f"This takes {allowed}.", {"allow": allowed})


class Health:
    """``/healthz``: the process answers. Says how the last build went, too.

    What builds and workers say to each other is in the ledger: while that cannot be used, as
    on a full disk, the last build may have failed and nobody here would know.
    """

    def __init__(self, shelf: Shelf, recorder: Recorder) -> None:
        self._shelf = shelf
        self._recorder = recorder

    async def healthz(self, request: Request) -> Response:
        build = await self._recorder.last_build()
        return _json(200, {"status": "ok", **self._state(build)})

    async def readyz(self, request: Request) -> Response:
        """There is something to answer with, and the last build is known to be good."""
        build = await self._recorder.last_build()
        loaded = self._shelf.edition is not None
        good = not self._recorder.fault and (build is None or not build.error)
        state = {"ready": loaded and good, "loaded": loaded, **self._state(build)}
        return _json(200 if loaded and good else 503, state)

    def _state(self, build: BuildRecord | None) -> dict[str, object]:
        fault = self._recorder.fault
        ledger = {"good": not fault, "error": fault}
        return {"last_build": _build_object(build), "ledger": ledger}


class Metrics:
    """``/metrics``, for Prometheus."""

    def __init__(self, shelf: Shelf, recorder: Recorder) -> None:
        self._shelf = shelf
        self._recorder = recorder

    async def metrics(self, request: Request) -> Response:
        totals = await self._recorder.totals(self._shelf.number, self._shelf.memory)
        newest = await self._shelf.newest_post()
        links = await asyncio.to_thread(link_totals, self._shelf.config.state)
        fault = self._recorder.fault
        body = metrics.render(totals, newest, self._shelf.memory.bytes, links, fault)
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
        self._fault = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._secret:
            response = notice(404, "There is no webhook here.")
        elif scope["method"] != "POST":
            response = _other_method(scope["method"], REBUILD_METHODS)
        else:
            response = await self._rebuild(Request(scope, receive))
        await response(scope, receive, send)

    async def _rebuild(self, request: Request) -> Response:
        digest = hmac.new(self._secret, digestmod=hashlib.sha256)
        size = 0
        try:
            async for chunk in request.stream():
                digest.update(chunk)
                size += len(chunk)
                if size > LARGEST_PAYLOAD:
                    return notice(413, "The body is too large.")
        except ClientDisconnect:
            return notice(400, "The body is not complete.")  # nobody reads it
        if not _signed(request, digest.hexdigest()):
            return notice(403, "The signature of the body is missing or wrong.")
        if wait := self._limit.wait("", b""):
            return notice(429, "Too many rebuilds.", {"retry-after": str(wait)})
        return await self._requested()

    async def _requested(self) -> Response:
        fault = ""
        try:
            await asyncio.to_thread(request_build, self._state)
        except OSError as error:
            fault = str(error)
        if fault and fault != self._fault:
            logger.error("a build cannot be asked for: %s", fault)
        self._fault = fault
        if fault:
            text = "The server cannot note that now; try again later."
            return notice(503, text, {"retry-after": str(REFUSED_SECONDS)})
        return notice(202, "The files will be looked at now.")


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


def _json(status: int, value: Mapping[str, object]) -> Response:
    return JSONResponse(value, status, {"cache-control": "no-store"})
