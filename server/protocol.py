"""HTTP/1.1 for uvicorn with limits to what a client may hold on to.

uvicorn's parser in C takes headers without end, and waits without end for the rest of them,
for a body and for a client that does not read. Here the head of a request has a size, a
number of headers and a time, a body a size and a time, and an answer a time to be read in;
whoever goes beyond is told so where that is possible, and cut off.

A request has the one Host that RFC 9112 section 3.2 asks for. A body has a length (section
6.3 allows to insist on it): nobody who asks for feeds sends one, git hosts know its length,
and two ways to say where it ends are one too many behind a proxy.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LARGEST_HEAD: Final = 32 * 1024
MOST_HEADERS: Final = 100
MOST_PIPELINED: Final = 100
LARGEST_BODY: Final = 26 << 20  # a little more than the webhook takes
# Sizes are looked at after so many bytes at most, since the parser tells nothing between.
SLICE: Final = 8 * 1024

NOTED: Final = frozenset((b"expect", b"host", b"transfer-encoding"))


class RefusedError(Exception):
    """A request that is not answered, with the status and the text that say why."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What an ordinary request costs more than without is a few look-ups.

    All times are seconds.
    """

    head_seconds = 10.0
    body_seconds = 30.0
    read_seconds = 30.0
    # So long a client that was cut off may take to read why.
    linger_seconds = 1.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0  # bytes of an incomplete head
        self._body = 0  # bytes of the body so far
        self._hosts = 0
        self._receiving = False  # a body that is not complete
        self._deaf = False  # whatever comes is thrown away
        self._timer: asyncio.TimerHandle | None = None  # for what the client sends
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.head_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    # --- what the client sends

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if len(data) <= SLICE:
            self._part_received(data)
            return
        whole = memoryview(data)
        for start in range(0, len(data), SLICE):
            self._part_received(whole[start : start + SLICE])

    def _part_received(self, part: bytes | memoryview) -> None:
        if self._deaf or self.transport.is_closing():
            return
        try:
            self._parse(part)
        except httptools.HttpParserError as error:
            self._refuse(*_reason(error))
            return
        if self._receiving:
            if self._timer is None:
                self._timer = self.loop.call_later(self.body_seconds, self._late)
        # The method is put into the scope when the head is complete.
        elif self._answered or "method" not in self.scope:
            self._wait_for_rest_of_head(len(part))

    def _parse(self, part: bytes | memoryview) -> None:
        """Feed the parser; a client that would like another protocol goes on with this one."""
        while part:
            try:
                self.parser.feed_data(part)
            except httptools.HttpParserUpgrade as upgrade:
                part = part[upgrade.args[0] :]
            else:
                return

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name in NOTED:
            self._note(name, value)
        self.headers.append((name, value))

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"transfer-encoding":
            raise RefusedError(411, "A body needs a Content-Length.")
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        hosts, self._hosts = self._hosts, 0
        self._head = self._body = 0
        if self._timer is not None:
            self._stop_timer()
        if len(self.headers) > MOST_HEADERS:
            raise RefusedError(431, "The request has too many headers.")
        if hosts != 1 and (hosts or self.parser.get_http_version() == "1.1"):
            raise RefusedError(400, "The request needs one Host.")
        if len(self.pipeline) >= MOST_PIPELINED:
            raise RefusedError(429, "These are too many requests at once.")
        super().on_headers_complete()
        self._receiving = True

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._body > LARGEST_BODY:
            raise RefusedError(413, "The body is too large.")
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._receiving = False
        if self._timer is not None:
            self._stop_timer()
        super().on_message_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to stay open: who has said everything may still wait for an answer."""
        if self._deaf or self._answered or self._receiving:
            return False
        self.cycle.keep_alive = False
        return True

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_rest_of_head(self, size: int) -> None:
        """There is a part of a head, or line ends, which are nothing but end the idle time."""
        self._head += size
        if self._head > LARGEST_HEAD:
            long_url = len(self.url) > LARGEST_HEAD // 2
            status, what = (414, "address") if long_url else (431, "head")
            self._refuse(status, f"The {what} of the request is too large.")
        elif self.headers and len(self.headers) > MOST_HEADERS:
            self._refuse(431, "The request has too many headers.")
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._late)

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._head or self._receiving:
            self._refuse(408, "The request did not come in time.")
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- cutting off

    def _refuse(self, status: int, text: str) -> None:
        """Say why and close. Answers to earlier requests are finished first, and are all."""
        if self._answered:
            body = f"{text}\n".encode()
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)
            end = b"connection: close\r\n\r\n"
            self.transport.write(b"".join((STATUS_LINE[status], head, end, body)))
            self._hang_up()
        elif self._receiving:
            self.transport.abort()  # its application waits for the rest of the body
        else:
            self._deaf = True
            self._stop_timer()
            self.cycle.keep_alive = False

    def _hang_up(self) -> None:
        """Close, but not before the client had time to read.

        What arrives after a close is answered by a reset, which would take away what the
        client has not read yet.
        """
        self._deaf = True
        self._unset_keepalive_if_required()
        self._stop_timer()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._timer = self.loop.call_later(self.linger_seconds, self.transport.abort)

    # --- what the client reads

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # Closing waits for what is written to be read.
            self._start_read_timer()
        elif self._receiving and self._answered:
            self._hang_up()  # nobody wants the rest of the body

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._start_read_timer()

    def _start_read_timer(self) -> None:
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(self.read_seconds, self.transport.abort)

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None


def _reason(error: httptools.HttpParserError) -> tuple[int, str]:
    """The status and the text of a refusal."""
    if isinstance(error.__context__, RefusedError):
        status, text = error.__context__.args
        return status, text
    if isinstance(error, httptools.HttpParserInvalidURLError):
        return 400, "The address is not one; all characters beyond ASCII are percent-encoded."
    return 400, "This is not a request in HTTP/1.1."
