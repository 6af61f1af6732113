"""What browsers may do with a page (Content Security Policy Level 3)."""

from __future__ import annotations

from typing import Final

HTML: Final = "text/html"
# No script and no style but our own files, nothing from elsewhere, no form, no address that is
# relative to anything else.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
# What only a header can say: in no frame.
HEADER_POLICY: Final = f"{POLICY}; frame-ancestors 'none'"
