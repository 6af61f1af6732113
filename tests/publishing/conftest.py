"""A storage for the tests of publishing: moto's S3 in a process of its own, a proxy before it."""

from __future__ import annotations

import html
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import botocore.loaders
import httpx
import pytest

from ..processes import killed_at_last
from .proxy import Proxy, proxying

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "the-key", "AWS_SECRET_ACCESS_KEY": "the-secret"}
# The storage looks whether a request is signed, not how.
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request,"
    " SignedHeaders=host, Signature=0"
}
# Another part of the same site: its feeds lie elsewhere.
PART = """\
[feeds]
opml = ""
[feeds.paths]
site = "part/feed.{format}"
tag = "part/{slug}.{format}"
"""
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Bucket:
    """A bucket as everybody sees it, and the address by which it is published to."""

    name: str
    server: str
    proxy: Proxy
    client: httpx.Client

    def to(self, prefix: str = "", server: str = "") -> str:
        """Its address, through the proxy unless a server is given."""
        return f"s3://{self.name}/{prefix}?endpoint={server or self.proxy.url}"

    def get(self, name: str) -> httpx.Response:
        answer = self.client.get(f"{self.server}/{self.name}/{quote(name)}")
        return answer.raise_for_status()

    def put(self, name: str, body: str) -> None:
        self.client.put(
            f"{self.server}/{self.name}/{quote(name)}", content=body.encode()
        ).raise_for_status()

    def delete(self, name: str) -> None:
        self.client.delete(f"{self.server}/{self.name}/{quote(name)}").raise_for_status()

    def names(self) -> list[str]:
        """Of all objects."""
        found = self.client.get(f"{self.server}/{self.name}?list-type=2").text
        assert "<IsTruncated>false" in found
        return [html.unescape(name) for name in re.findall("<Key>(.*?)</Key>", found)]

    def files(self) -> Mapping[str, bytes]:
        """The content of all objects, as a reader has it."""
        return {name: self.get(name).content for name in self.names()}


@pytest.fixture(scope="session", autouse=True)
def _read_once() -> Iterator[None]:
    """botocore reads megabytes of JSON for each client; here once is enough for all."""
    loader = botocore.loaders.create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.loaders, "create_loader", lambda *_: loader)
        yield


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
    # Certificates would only take their time to be loaded.
    with proxying(storage) as proxy, httpx.Client(verify=False, headers=SIGNED) as client:
        client.put(f"{storage}/{name}").raise_for_status()
        yield Bucket(name, storage, proxy, client)
