"""Where feeds are published to: ``[publish]`` of the configuration, and the addresses in it.

In: a path, ``file:///folder`` or ``s3://bucket/prefix?endpoint=…&region=…``. Out: a
:data:`Destination`. Nothing secret belongs into an address, and nothing of one that has a
secret in it is shown.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from feeds.section import Section, listed, show
from feeds.values import dataclass

SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# As Amazon S3 has them; what is compatible takes no more.
BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION: Final = re.compile(r"[a-z0-9-]+")
EXAMPLE: Final = "s3://bucket/prefix?endpoint=https://s3.example.com&region=auto"
NO_SECRETS: Final = (
    "an address has no place for credentials, which end up in logs and histories; "
    "put them into the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
# The value of a header: visible ASCII and spaces (RFC 9110 section 5.5).
HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class FolderDestination:
    """A folder of this machine, absolute."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class BucketDestination:
    """Objects of S3 or of what is compatible with it.

    ``prefix`` is empty or ends with a slash; ``endpoint`` is empty for Amazon, ``region`` for
    the one that the environment or the endpoint has.
    """

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def key(self) -> str:
        """What tells the bucket from others of its name."""
        return f"{self}?endpoint={self.endpoint}"


Destination: TypeAlias = FolderDestination | BucketDestination


@dataclass(frozen=True, slots=True)
class Publish:
    """``[publish]``: where to, and how.

    ``precompress`` puts ``.gz`` files into a folder and gzip into a bucket; an empty
    ``cache_control`` is what the server would say. ``connections`` are those to a bucket,
    ``timeout`` is seconds without an answer of it.
    """

    to: Destination | None = None
    precompress: bool = False
    cache_control: str = ""
    connections: int = 8
    timeout: float = 30


def publish_settings(section: Section, root: Path, output: Path) -> Publish:
    """``[publish]`` of the site in ``root``, whose feeds are written into ``output``."""
    settings = Publish(
        to=_to(section, root, output),
        precompress=section.flag("precompress"),
        cache_control=section.text("cache_control").strip(),
        connections=section.number("connections", 8, 1, 256),
        timeout=section.decimal("timeout", 30, 0.1, 600),
    )
    if not HEADER_VALUE.fullmatch(settings.cache_control):
        shown = show(settings.cache_control)
        section.problem("cache_control", f"expected the value of a header, in ASCII, not {shown}")
    section.finish()
    return settings


def _to(section: Section, root: Path, output: Path) -> Destination | None:
    text = section.text("to")
    if not text:
        return None
    try:
        found = destination(text, root)
    except ValueError as error:
        section.problem("to", str(error))
        return None
    if isinstance(found, FolderDestination) and _same(found.path, output):
        section.problem("to", f"{show(text)} is the folder that feeds are built in already")
    return found


def _same(folder: Path, other: Path) -> bool:
    return os.path.realpath(folder) == os.path.realpath(other)


def absolute(text: str, base: Path) -> str:
    """An address that leads to the same place from everywhere; a relative path is one below
    ``base``."""
    return text if SCHEME.match(text) else os.path.abspath(base / text)


def destination(text: str, base: Path) -> Destination:
    """Where an address leads; a relative path is one below ``base``.

    Raises ``ValueError`` with what is wrong, without anything secret.
    """
    scheme = SCHEME.match(text)
    if scheme is None:
        return FolderDestination(Path(os.path.abspath(base / text)))
    try:
        parts = urlsplit(text)
        has_password = "@" in parts.netloc
    except ValueError as error:
        raise ValueError(f"is no address; expected one like {EXAMPLE}") from error
    if has_password:
        raise ValueError(NO_SECRETS)
    if parts.scheme == "file":
        return _folder(text)
    if parts.scheme == "s3":
        return _bucket(text)
    raise ValueError(
        f"{show(scheme[0])} is not known; expected a folder, file:///folder or {EXAMPLE}"
    )


def _folder(text: str) -> FolderDestination:
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError("expected an absolute path, as in file:///srv/www")
    if parts.query or parts.fragment:
        raise ValueError("a folder has no ? and no #; write them as %3F and %23")
    return FolderDestination(Path(os.path.abspath(unquote(parts.path))))


def _bucket(text: str) -> BucketDestination:
    parts = urlsplit(text)
    if not BUCKET.fullmatch(parts.netloc):
        raise ValueError(f"expected the name of a bucket after s3://, as in {EXAMPLE}")
    if parts.fragment:
        raise ValueError("a bucket's address has no #")
    prefix = unquote(parts.path).strip("/")
    if prefix and not {"", ".", ".."}.isdisjoint(prefix.split("/")):
        raise ValueError("the prefix has an empty folder, . or .. in it")
    options = parse_qs(parts.query, keep_blank_values=True)
    if unknown := sorted(options.keys() - {"endpoint", "region"}):
        # A value may be secret, a name is not.
        raise ValueError(f"{show(unknown[0])} is not known; known: endpoint, region. {NO_SECRETS}")
    if double := [name for name, values in options.items() if len(values) > 1]:
        raise ValueError(f"{listed(double)} is there twice")
    endpoint = options.get("endpoint", [""])[0]
    region = options.get("region", [""])[0]
    _check_endpoint(endpoint)
    if region and not REGION.fullmatch(region):
        raise ValueError("expected a region like eu-central-1")
    return BucketDestination(
        parts.netloc, f"{prefix}/" if prefix else "", endpoint.rstrip("/"), region
    )


def _check_endpoint(endpoint: str) -> None:
    if not endpoint:
        return
    wrong = "expected an endpoint like https://s3.example.com, without a path"
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError as error:
        raise ValueError(wrong) from error
    if "@" in parts.netloc:
        raise ValueError(NO_SECRETS)
    if not good or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(wrong)
