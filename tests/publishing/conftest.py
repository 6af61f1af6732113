"""A storage for the tests of publishing: moto's S3 in a process of its own, a proxy before it."""

from __future__ import annotations

import html
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import httpx
import pytest

from ..processes import killed_at_last
from .proxy import Proxy, proxying

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "the-secret"}
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Bucket:
    """A bucket as everybody sees it, and the address by which it is published to."""

    name: str
    server: str
    proxy: Proxy

    def to(self, prefix: str = "", server: str = "") -> str:
        """Its address, through the proxy unless a server is given."""
        return f"s3://{self.name}/{prefix}?endpoint={server or self.proxy.url}"

    def get(self, name: str) -> httpx.Response:
        return httpx.get(f"{self.server}/{self.name}/{name}")

    def put(self, name: str, body: str) -> None:
        httpx.put(f"{self.server}/{self.name}/{name}", content=body.encode()).raise_for_status()

    def delete(self, name: str) -> None:
        httpx.delete(f"{self.server}/{self.name}/{name}").raise_for_status()

    def names(self) -> list[str]:
        """Of all objects."""
        found = httpx.get(f"{self.server}/{self.name}?list-type=2").text
        assert "<IsTruncated>false" in found
        return [html.unescape(name) for name in re.findall("<Key>(.*?)</Key>", found)]

    def files(self) -> Mapping[str, bytes]:
        """The content of all objects, as a reader has it."""
        return {name: self.get(name).content for name in self.names()}


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """The address of a storage."""
    command = [sys.executable, "-m", "tests.publishing.package_storage"]
    with (
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process,
        killed_at_last(process),
    ):
        assert process.stdout
        yield process.stdout.readline().strip()


@pytest.fixture
def bucket(storage: str) -> Iterator[Bucket]:
    """An empty bucket."""
    name = f"bucket-{next(NUMBERS)}"
    httpx.put(f"{storage}/{name}").raise_for_status()
    with proxying(storage) as proxy:
        yield Bucket(name, storage, proxy)
