"""HTTP/1.1 for uvicorn with limits to what a client may hold on to.

uvicorn's parser in C takes headers without end, and waits without end for the rest of them
and for a client that does not read. Here the head of a request has a size, a number of
headers and a time, its body a size, and an answer a time to be read in; whoever goes beyond
is told so where that is possible, and cut off.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
MOST_HEADERS: Final = 100
LARGEST_BODY: Final = 26 << 20  # a little more than the webhook takes
UNREAD_BODY: Final = 256 * 1024  # after the answer was sent
HEAD_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What an ordinary request costs more than without is a few look-ups."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head = 0  # bytes of an incomplete head
        self._body = 0  # bytes of the body so far
        self._head_timer: asyncio.TimerHandle | None = None
        self._read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_head()
        self._stop_read_timer()
        super().connection_lost(exc)

    # --- what the client sends

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        # The method is put into the scope when the head is complete.
        if self.scope is None or "method" not in self.scope:
            self._wait_for_rest_of_head(len(data))
        elif self.cycle is None or self.cycle.response_complete:
            self._wait_for_next_request()

    def on_headers_complete(self) -> None:
        self._head = self._body = 0
        if self._head_timer is not None:
            self._stop_waiting_for_head()
        if len(self.headers) > MOST_HEADERS:
            self._refuse(431, "The request has too many headers.")
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._body > LARGEST_BODY or (self._answered and self._body > UNREAD_BODY):
            self.transport.abort()
        elif not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self.cycle is not None:  # it was refused
            super().on_message_complete()

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait_for_rest_of_head(self, size: int) -> None:
        self._head += size
        if self._head > LARGEST_HEAD:
            self._refuse(431, "The head of the request is too large.")
        elif self._head_timer is None and not self.transport.is_closing():
            self._wait_for_head()

    def _wait_for_next_request(self) -> None:
        """Line ends between requests are no request, but they stopped uvicorn's clock."""
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _wait_for_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _stop_waiting_for_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self._refuse(408, "The request did not come in time.")

    def _refuse(self, status: int, text: str) -> None:
        """Say why and close; where an answer is on its way there is no place to say it."""
        if not self._answered:
            self.transport.abort()
            return
        body = f"{text}\n".encode()
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)
        end = b"connection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], head, end, body)))
        self.transport.close()

    # --- what the client reads

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_read_timer()

    def resume_writing(self) -> None:
        self._stop_read_timer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Closing waits for what is written to be read.
        if self.transport.is_closing():
            self._start_read_timer()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._start_read_timer()

    def _start_read_timer(self) -> None:
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
