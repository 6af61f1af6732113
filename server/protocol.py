"""HTTP/1.1 for uvicorn with limits to what a client may hold on to.

uvicorn's parser in C takes headers without end, and waits without end for the rest of them,
for a body and for a client that does not read. Here the head of a request has a size, a
number of headers and a time, a body a size and a time, and an answer has to be read at some
speed; whoever goes beyond is told so where that is possible, and cut off.

A request has the one Host that RFC 9112 section 3.2 asks for; what it says is not looked at,
since no answer depends on it. A body has a length (section
6.3 allows to insist on it): nobody who asks for feeds sends one, git hosts know its length,
and two ways to say where it ends are one too many behind a proxy.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.tally import REFUSED

LARGEST_HEAD: Final = 32 * 1024
MOST_HEADERS: Final = 100
LARGEST_BODY: Final = 26 << 20  # a little more than the webhook takes
KERNEL_BUFFER: Final = 128 * 1024
LEAST_READ: Final = 32 * 1024  # of a large answer, every ``read_seconds``
# Sizes are looked at after so many bytes at most, since the parser tells nothing between.
SLICE: Final = 16 * 1024
END_OF_HEAD: Final = b"\r\n\r\n"

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
        self.url = b""
        self._head = 0  # bytes of an incomplete head
        self._body = 0  # bytes of the body so far
        self._hosts = 0
        self._receiving = False  # a body that is not complete
        self._held = b""  # what came behind a request that is not answered yet …
        self._place = 0  # … from here on
        self._deaf = False  # whatever comes is thrown away
        self._ended = False  # nothing will come any more
        self._timer: asyncio.TimerHandle | None = None  # for what the client sends
        self._unread = 0  # bytes of answers, when that was looked at last
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # What the kernel holds for a client is memory too, and hides whether it reads.
        if (opened := transport.get_extra_info("socket")) is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER)
        self._timer = self.loop.call_later(self.head_seconds, self._late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    # --- what the client sends

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._held:
            self._held, self._place = self._held[self._place :] + data, 0
        else:
            self._feed(data, 0)

    def _feed(self, data: bytes, start: int) -> None:
        """Take requests one by one: what follows one is held back until it is answered.

        So a client that sends many without reading the answers only has one of them under
        way, and the others are bytes.
        """
        while start < len(data) and not self._deaf:
            cycle, receiving = self.cycle, self._receiving
            if cycle is not None and not (cycle.response_complete or receiving):
                self._held, self._place = data, start
                self.flow.pause_reading()
                return
            end = data.find(END_OF_HEAD, start, start + SLICE)
            end = end + len(END_OF_HEAD) if end >= 0 else start + SLICE
            try:
                self.parser.feed_data(data[start:end])
            except httptools.HttpParserUpgrade as upgrade:
                end = start + upgrade.args[0]  # this is the only protocol; go on with it
            except httptools.HttpParserError as error:
                self._refuse(*_reason(error))
                return
            if self._receiving or (self.cycle is cycle and not receiving):
                self._wait_for_more(min(end, len(data)) - start)
            start = end

    def _wait_for_more(self, size: int) -> None:
        """A head or a body is not complete. Line ends between requests are like a head."""
        if not self._receiving:
            self._head += size
            if self._head > LARGEST_HEAD:
                long_url = len(self.url) > LARGEST_HEAD // 2
                status, what = (414, "address") if long_url else (431, "head")
                self._refuse(status, f"The {what} of the request is too large.")
                return
            if self.headers and len(self.headers) > MOST_HEADERS:
                self._refuse(431, "The request has too many headers.")
                return
        if self._timer is None:
            seconds = self.body_seconds if self._receiving else self.head_seconds
            self._timer = self.loop.call_later(seconds, self._late)

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
        if not self.cycle.response_complete:
            self.cycle.more_body = False
            self.cycle.message_event.set()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether to stay open: who has said everything may still wait for an answer."""
        self._ended = True
        return not (self._deaf or self._answered or self._receiving)

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

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
        if self._receiving and not self._answered:
            if self.cycle.response_started:
                self._abort()  # half an answer, and nothing else to say
                return
            # Its application waits for the rest of the body; this is the answer.
            self.cycle.disconnected = self.cycle.response_complete = True
            self.cycle.message_event.set()
        if self._answered:
            if (count := self.app_state.get(REFUSED)) is not None:
                count(status)
            body = f"{text}\n".encode()
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)
            end = b"connection: close\r\n\r\n"
            self.transport.write(b"".join((STATUS_LINE[status], head, end, body)))
            self._hang_up()
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
        self._timer = self.loop.call_later(self.linger_seconds, self._abort)

    def _abort(self) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True  # or it would write to what is closed
        self.transport.abort()

    # --- what the client reads

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._held or self._receiving or self._ended or self.transport.is_closing():
            self._go_on()

    def _go_on(self) -> None:
        """After an answer that is not simply followed by the next request some time."""
        if self._held and not self.transport.is_closing():
            held, self._held = self._held, b""
            self._unset_keepalive_if_required()
            self._feed(held, self._place)
        elif self._ended:
            self.transport.close()
        elif self._receiving and self._answered:
            self._hang_up()  # nobody wants the rest of the body
        if self.transport.is_closing():
            # Closing waits for what is written to be read.
            self._start_read_timer()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._start_read_timer()

    def _start_read_timer(self) -> None:
        if self._read_timer is None:
            self._unread = self.transport.get_write_buffer_size()
            self._read_timer = self.loop.call_later(self.read_seconds, self._look_at_reader)

    def _look_at_reader(self) -> None:
        """A slow client is waited for as long as it gets on."""
        self._read_timer = None
        if self.transport.get_write_buffer_size() > self._unread - LEAST_READ:
            self._abort()
        else:
            self._start_read_timer()

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
