"""The way of nine requests in ten: a path is looked up and its frozen answer sent.

A pure ASGI middleware around the application. What it does not know, and every method but
GET and HEAD, is the application's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.answers import Answer, Variant
from server.conditional import Encoding, etags, matches, negotiate, stem, unmodified_since
from server.editions import UnavailableError
from server.limit import Limit
from server.notices import notice
from server.shelf import Shelf
from server.tally import REFUSED, Tally

EMPTY: Final[Message] = {"type": "http.response.body", "body": b""}
RETRY_SECONDS: Final = 5

RequestHeaders: TypeAlias = dict[bytes, bytes]


class FeedCache:
    """Answers what ``shelf`` has, and counts it in ``tally``.

    ``limit`` says who asks too often without a condition; ``delta`` answers those who ask
    for it with the new entries only (RFC 3229).
    """

    def __init__(
        self,
        app: ASGIApp,
        shelf: Shelf,
        tally: Tally,
        limit: Limit | None = None,
        delta: bool = False,
    ) -> None:
        self.app = app
        self.shelf = shelf
        self.tally = tally
        self.limit = limit
        self.delta = delta

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            if scope["type"] == "lifespan" and "state" in scope:
                # A server that refuses requests by itself can have them counted.
                scope["state"][REFUSED] = self.tally.other
            await self.app(scope, receive, send)
            return
        try:
            answer = self.shelf.answers.get(scope["path"])
            if answer is None and not self.shelf.knows(scope["path"]):
                await self.app(scope, receive, send)
                return
            headers = request_headers(scope["headers"])
            accept = headers.get(b"accept-encoding")
            encoding = negotiate(accept) if accept else Encoding.IDENTITY
            if encoding is None:
                self.tally.other(406)
                await _not_acceptable()(scope, receive, send)
            elif answer is not None and nothing_new(answer, headers):
                self.shelf.seen(answer)
                self.tally.feed(
                    answer, 304, 0, headers.get(b"user-agent", b""), scope.get("client")
                )
                start = answer.not_modified[encoding]
                await send({"type": "http.response.start", "status": 304, "headers": start})
                await send(EMPTY)
            elif answer is not None and (variant := answer.bodies.get(encoding)) is not None:
                self.shelf.used(answer, encoding)
                await self._send_whole(answer, variant, headers, scope, receive, send)
            else:
                await self._make_first(encoding, headers, scope, receive, send)
        except Exception:
            self.tally.other(500)
            raise

    async def _make_first(
        self,
        encoding: Encoding,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer what is not ready, once it is made for all who wait for it."""
        try:
            served = await self.shelf.serve(scope["path"], encoding)
        except UnavailableError:
            self.tally.other(503)
            await _unavailable()(scope, receive, send)
            return
        if served is None:
            await self.app(scope, receive, send)
            return
        answer, _, variant = served
        if nothing_new(answer, headers):
            agent, client = headers.get(b"user-agent", b""), scope.get("client")
            self.tally.feed(answer, 304, 0, agent, client, made=True)
            start = answer.not_modified[encoding]
            await send({"type": "http.response.start", "status": 304, "headers": start})
            await send(EMPTY)
        else:
            await self._send_whole(answer, variant, headers, scope, receive, send, made=True)

    async def _send_whole(
        self,
        answer: Answer,
        variant: Variant,
        headers: RequestHeaders,
        scope: Scope,
        receive: Receive,
        send: Send,
        made: bool = False,
    ) -> None:
        agent, client = headers.get(b"user-agent", b""), scope.get("client")
        if self.limit is not None and client is not None and not _conditional(headers):
            wait = self.limit.wait(client[0], agent)
            if wait:
                self.tally.feed(answer, 429, 0, agent, None, made)
                await _too_many(wait)(scope, receive, send)
                return
        if self.delta and (new := await self._new_entries(answer, headers)) is not None:
            status, variant = 226, new
        else:
            status = 200
        body = variant.body if scope["method"] == "GET" else b""
        self.tally.feed(answer, status, len(body), agent, client, made)
        await send({"type": "http.response.start", "status": status, "headers": variant.headers})
        await send({"type": "http.response.body", "body": body})

    async def _new_entries(self, answer: Answer, headers: RequestHeaders) -> Variant | None:
        """The feed with only what is new to a client that names a version we know."""
        if b"feed" not in _tokens(headers.get(b"a-im", b"")):
            return None
        versions: Mapping[str, frozenset[bytes]] = self.shelf.versions.get(answer.path, {})
        tags = etags(headers.get(b"if-none-match", b""))
        known = next((versions[stem(tag)] for tag in tags if stem(tag) in versions), None)
        if known is None:
            return None
        body = await self.shelf.delta(answer, known)
        return None if body is None else answer.delta(body)


def request_headers(headers: Sequence[tuple[bytes, bytes]]) -> RequestHeaders:
    """The headers of a request; those that are said more than once as one list."""
    found = dict(headers)
    if len(found) == len(headers):
        return found
    found = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def nothing_new(answer: Answer, headers: RequestHeaders) -> bool:
    """Whether a client has what the answer would send (RFC 9110 section 13.2.2)."""
    none_match = headers.get(b"if-none-match")
    if none_match is not None:
        return none_match in answer.tags or matches(none_match, answer.hash)
    since = headers.get(b"if-modified-since")
    if since is None:
        return False
    return since == answer.last_modified or unmodified_since(since, answer.modified)


def _conditional(headers: RequestHeaders) -> bool:
    return b"if-none-match" in headers or b"if-modified-since" in headers


def _tokens(value: bytes) -> set[bytes]:
    return {token.partition(b";")[0].strip().lower() for token in value.split(b",")}


def _not_acceptable() -> Response:
    text = "There is br, zstd, gzip, and identity for no coding; the request rules them all out."
    return notice(406, text, {"vary": "Accept-Encoding"})


def _unavailable() -> Response:
    text = "The feeds are not ready; try again in a moment."
    return notice(503, text, {"retry-after": str(RETRY_SECONDS)})


def _too_many(wait: int) -> Response:
    text = "Too many requests. Send If-None-Match with the ETag you got; that is never limited."
    return notice(429, text, {"retry-after": str(wait)})
