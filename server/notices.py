"""Answers in words, for whoever reads a log of their own: what is wrong, and what would help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import PlainTextResponse, Response

from server.answers import ALLOW_ORIGIN, NOSNIFF

# Scripts of any site may read every answer.
OPEN: Final = {name.decode(): value.decode() for name, value in (ALLOW_ORIGIN, NOSNIFF)}


def notice(status: int, text: str, headers: Mapping[str, str] = {}) -> Response:
    """A line of text; no cache keeps it unless ``headers`` say so."""
    return PlainTextResponse(f"{text}\n", status, {"cache-control": "no-store", **OPEN, **headers})
