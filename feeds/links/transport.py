"""An HTTP/1.1 transport for httpx that connects to addresses a gate has passed.

In: an :class:`httpx.Request`. Out: an :class:`httpx.Response` whose body is streamed as it
comes, or one of httpx's own errors with the machine's as its cause. The bytes of a URL go out
as they are written. Parsing is httptools' (llhttp, in C), as lenient as browsers are; what it
refuses is a protocol error.

A Location header is not among the headers but in ``extensions["location"]``, as bytes.

Connections are kept for the next request to the same origin only after an answer that ended
where it said it would; anything else about a body must not become the head of the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeAlias, cast

import httptools
import httpx

from feeds.links.addresses import Gate

Origin: TypeAlias = tuple[bytes, str, int]

# More of a head than this is no head, nor are trailers or the sizes of chunks.
LARGEST_HEAD: Final = 64 * 1024
# How much of a body waits to be taken before the peer is held up.
BUFFERED: Final = 128 * 1024
IDLE_CONNECTIONS: Final = 256
IDLE_SECONDS: Final = 15.0
# How many addresses of a host are tried, and the seconds that each has before the next is tried
# beside it (RFC 8305 section 5).
MOST_ADDRESSES: Final = 3
HEAD_START: Final = 0.25


class GatedTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections of its own. Belongs to one event loop."""

    def __init__(self, gate: Gate, context: ssl.SSLContext) -> None:
        self._gate = gate
        self._ssl = context
        self._idle: OrderedDict[_Connection, Origin] = OrderedDict()
        self._by_origin: dict[Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        origin = _origin(request.url)
        data = _request_bytes(request)
        connection = self._take(origin)
        if connection is not None:
            # The peer may have closed it in the meantime, or have sent more than it was asked
            # for; then a new one has to do.
            with contextlib.suppress(httpx.ReadError, httpx.RemoteProtocolError):
                return await self._exchange(connection, origin, data)
        connection = await self._connect(origin)
        return await self._exchange(connection, origin, data)

    async def aclose(self) -> None:
        for connection in list(self._idle):
            connection.abort()
        self._idle.clear()
        self._by_origin.clear()
        await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    async def _exchange(
        self, connection: _Connection, origin: Origin, data: bytes
    ) -> httpx.Response:
        try:
            await connection.send(data)
            status, headers = await connection.head()
        except BaseException:
            connection.abort()
            raise
        # httpx would read a Location although it is not to follow it, and fail at what it finds.
        kept = [header for header in headers if header[0].lower() != b"location"]
        location = [value for name, value in headers if name.lower() == b"location"][:1]
        return httpx.Response(
            status,
            headers=kept,
            stream=_Body(self, connection, origin),
            extensions={"location": location[0] if location else b""},
        )

    # --- connections

    def _take(self, origin: Origin) -> _Connection | None:
        while waiting := self._by_origin.get(origin):
            connection = waiting[-1]
            self._drop(connection)
            if connection.usable() and not connection.has_news():
                return connection
            connection.abort()
        return None

    def _drop(self, connection: _Connection) -> None:
        origin = self._idle.pop(connection)
        waiting = self._by_origin[origin]
        waiting.remove(connection)
        if not waiting:
            del self._by_origin[origin]

    def give_back(self, connection: _Connection, origin: Origin) -> None:
        """Keep a connection for the next request to its origin, if it can be used again."""
        if not connection.usable():
            connection.abort()
            return
        connection.rest()
        self._idle[connection] = origin
        self._by_origin.setdefault(origin, []).append(connection)
        if len(self._idle) > IDLE_CONNECTIONS:
            oldest = next(iter(self._idle))
            self._drop(oldest)
            oldest.abort()

    async def _connect(self, origin: Origin) -> _Connection:
        """A connection to the first address of an origin that takes one."""
        _, host, port = origin
        addresses = _by_turns(await self._gate.addresses(host, port))[:MOST_ADDRESSES]
        if len(addresses) == 1:
            try:
                return await self._connect_to(addresses[0], origin)
            except OSError as error:
                raise httpx.ConnectError(str(error)) from error
        trying: list[asyncio.Task[_Connection]] = []
        chosen: _Connection | None = None
        try:
            for address in addresses:
                trying.append(asyncio.create_task(self._connect_to(address, origin)))
                chosen = await _first_of(trying, HEAD_START)
                if chosen:
                    return chosen
            chosen = await _first_of(trying, None)
        finally:
            await _give_up(trying, chosen)
        if chosen:
            return chosen
        failure = trying[0].exception()
        raise httpx.ConnectError(str(failure)) from failure

    async def _connect_to(self, address: str, origin: Origin) -> _Connection:
        scheme, host, port = origin
        secure = scheme == b"https"
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection,
            address,
            port,
            ssl=self._ssl if secure else None,
            server_hostname=host if secure else None,
        )
        return connection


def _by_turns(addresses: Sequence[str]) -> list[str]:
    """Addresses of both families by turns, the family of the first one first (RFC 8305)."""
    first = [address for address in addresses if (":" in address) == (":" in addresses[0])]
    other = [address for address in addresses if address not in first]
    pairs = itertools.zip_longest(first, other)
    return [address for pair in pairs for address in pair if address is not None]


async def _first_of(
    trying: Sequence[asyncio.Task[_Connection]], seconds: float | None
) -> _Connection | None:
    """The first connection that is made, ``None`` if there is none so soon or none at all."""
    pending = {task for task in trying if not task.done()}
    deadline = asyncio.get_running_loop().time() + (seconds or 0)
    while pending:
        left = None if seconds is None else deadline - asyncio.get_running_loop().time()
        done, pending = await asyncio.wait(
            pending, timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            error = task.exception()
            if error is None:
                return task.result()
            if not isinstance(error, OSError):  # ssl.SSLError is one
                raise error
        if not done:
            return None
    return None


async def _give_up(trying: Sequence[asyncio.Task[_Connection]], chosen: _Connection | None) -> None:
    """End all attempts but the chosen one."""
    for task in trying:
        task.cancel()
    await asyncio.gather(*trying, return_exceptions=True)
    for task in trying:
        if not task.cancelled() and not task.exception() and task.result() is not chosen:
            task.result().abort()


def _origin(url: httpx.URL) -> Origin:
    scheme = url.raw_scheme
    host = url.raw_host.decode("ascii").strip("[]")
    port = (443 if scheme == b"https" else 80) if url.port is None else url.port
    return scheme, host, port


def _request_bytes(request: httpx.Request) -> bytes:
    """The head of a request without a body; its target as the caller says it."""
    target = request.extensions.get("target") or request.url.raw_path
    lines = [request.method.encode("ascii") + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in request.headers.raw]
    return b"\r\n".join(lines) + b"\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One connection, for one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser = _parser(self)
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._overhead = 0
        self._taken = 0
        self._head_done: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._more = asyncio.Event()
        self._complete = True
        self._keep = True
        self._closed = False
        self._until_close = False
        self._error: Exception | None = None
        self._idle_since = 0.0

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        if self._complete:
            # Nothing was asked for: whatever it is, it must not answer the next request.
            self._error = httpx.RemoteProtocolError("the server speaks without being asked")
            self.abort()
            return
        before = self._taken
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(httpx.RemoteProtocolError("the server changes the protocol"))
        except httptools.HttpParserError as error:
            self._keep = False  # if the answer was complete, these are bytes after its end
            if not self._complete:
                self._fail(httpx.RemoteProtocolError(str(error)))
        self._overhead += len(data) - (self._taken - before)
        # A chunk of one byte has five around it.
        if not self._complete and self._overhead > LARGEST_HEAD + 8 * self._taken:
            what = "body" if self._has_head() else "head"
            self._fail(httpx.RemoteProtocolError(f"the {what} of the answer does not end"))

    def eof_received(self) -> bool:
        self._closed = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._complete:
            return
        error: httpx.TransportError
        if not self._has_head():
            error = httpx.ReadError("the connection was closed before an answer")
            error.__cause__ = exc or ConnectionResetError()
        elif self._until_close and not exc:
            self._complete = True
            self._more.set()
            return
        else:
            error = httpx.RemoteProtocolError("the body ends before its end")
            error.__cause__ = exc or EOFError()
        self._fail(error)

    def _has_head(self) -> bool:
        return self._head_done is not None and self._head_done.done()

    def _fail(self, error: Exception) -> None:
        self._keep = False
        if self._error is None:
            self._error = error
        if self._head_done is not None and not self._head_done.done():
            self._head_done.set_exception(error)
            self._head_done.exception()  # the one who waited may be gone
        self._more.set()
        self.abort()

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self._complete:
            self._keep = False  # another answer, to a question that was not asked
            return
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete and not self._has_head():  # after it, they are trailers
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._complete or 100 <= status < 200:
            return
        self._status = status
        names = {name.lower(): value for name, value in self._headers}
        coding = names.get(b"transfer-encoding")
        self._until_close = status not in (204, 304) and (
            b"content-length" not in names
            if coding is None
            else not coding.lower().rstrip().endswith(b"chunked")
        )
        # Who says a length twice may mean two (RFC 9112 section 6.1).
        self._keep = coding is None or b"content-length" not in names
        assert self._head_done is not None
        if not self._head_done.done():
            self._head_done.set_result(None)

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        self._chunks.append(body)
        self._buffered += len(body)
        self._taken += len(body)
        if self._buffered > BUFFERED and self._transport is not None:
            self._transport.pause_reading()
        self._more.set()

    def on_message_complete(self) -> None:
        if self._complete or 100 <= self._parser.get_status_code() < 200:
            return
        self._complete = True
        self._keep = self._keep and not self._until_close and self._parser.should_keep_alive()
        self._more.set()

    # --- the caller's side

    def usable(self) -> bool:
        """Whether another request may be sent."""
        if not self._complete or not self._keep or self._error or self._closed:
            return False
        if self._idle_since:
            return asyncio.get_running_loop().time() - self._idle_since < IDLE_SECONDS
        return True

    def has_news(self) -> bool:
        """Whether the peer has sent something, or has closed, and nobody has seen it yet."""
        assert self._transport is not None
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def rest(self) -> None:
        """Wait for the next request; what nobody read is forgotten."""
        self._idle_since = asyncio.get_running_loop().time()
        self._chunks.clear()
        self._resume()

    def abort(self) -> None:
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    async def send(self, data: bytes) -> None:
        if self._error is not None:
            raise self._error
        if self._closed:
            raise httpx.ReadError("the connection was closed before a request")
        self._parser = _parser(self)
        self._head_done = asyncio.get_running_loop().create_future()
        self._chunks.clear()
        self._buffered = self._overhead = self._taken = 0
        self._complete = self._keep = False
        self._idle_since = 0.0
        self._more.clear()
        assert self._transport is not None
        self._transport.write(data)

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers of the answer."""
        assert self._head_done is not None
        await self._head_done
        return self._status, self._headers

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        while True:
            while self._chunks:
                chunks, self._chunks = self._chunks, []
                self._buffered = 0
                self._resume()
                yield b"".join(chunks)
            if self._complete:
                return
            if self._error is not None:
                raise self._error
            self._more.clear()
            await self._more.wait()

    def _resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


def _parser(connection: _Connection) -> httptools.HttpResponseParser:
    """A parser of one answer, and as much of what is behind it as came with it."""
    parser = httptools.HttpResponseParser(connection)
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_chunked_length=True,
        lenient_optional_cr_before_lf=True,
        lenient_spaces_after_chunk_size=True,
    )
    return parser


class _Body(httpx.AsyncByteStream):
    """The body of an answer; its connection is kept once it is read to its end."""

    def __init__(self, transport: GatedTransport, connection: _Connection, origin: Origin) -> None:
        self._transport = transport
        self._connection: _Connection | None = connection
        self._origin = origin

    def __aiter__(self) -> AsyncIterator[bytes]:
        assert self._connection is not None
        return self._connection.body()

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._transport.give_back(connection, self._origin)
