"""One line for every event, to stderr: text for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from copy import copy
from datetime import UTC, datetime
from typing import Final

TEXT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
MARGIN: Final = "    | "
# uvicorn's own names would say nothing to a reader of the log.
NAMES: Final = {"uvicorn.error": "feeds.server", "uvicorn.access": "feeds.access"}


def set_up_logging(style: str, access_log: bool = False) -> None:
    """Log everything from information on; ``style`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter(TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("feeds").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    access = logging.getLogger("uvicorn.access")
    access.propagate = access_log
    # uvicorn asks whether there is a handler before it formats a line.
    access.handlers[:] = []


class TextFormatter(logging.Formatter):
    """A line of text; line ends within a message, which may quote a file, are escaped.

    The lines of a traceback follow, each set off by :data:`MARGIN`, so that none of what they
    quote can be taken for an event.
    """

    def format(self, record: logging.LogRecord) -> str:
        event = copy(record)  # the record belongs to others, too
        event.name = NAMES.get(record.name, record.name)
        event.exc_info = event.exc_text = event.stack_info = None
        lines = [escaped(super().format(event))]
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            lines += [f"{MARGIN}{escaped(line)}" for line in trace.splitlines()]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """A JSON object on one line; what no reader of it could print is escaped in it, too."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": NAMES.get(record.name, record.name),
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        line = json.dumps(event, ensure_ascii=False)
        if line.isprintable():
            return line
        return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def escaped(text: str) -> str:
    """Text without characters that would move a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
