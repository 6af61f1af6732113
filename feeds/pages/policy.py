"""What browsers may do with a page (Content Security Policy Level 3)."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

HTML: Final = "text/html"
# No script and no style but our own files, nothing from elsewhere, no form, no address that is
# relative to anything else.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'"
)
# What only a header can say: in no frame.
FRAMELESS: Final = "; frame-ancestors 'none'"
HEADER_POLICY: Final = f"{POLICY}{FRAMELESS}"


def policy_of_whole(style: str) -> str:
    """The policy of a page that is one file: ``style`` is the style sheet in it, and nothing
    is loaded."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
