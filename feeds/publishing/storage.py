"""The objects below a prefix of a bucket, by Amazon's S3 API and what is compatible with it.

In: a destination and keys for it. Out: a :class:`Storage` with the six things that publishing
asks for. botocore signs, retries with growing pauses (5xx, SlowDown, cut connections,
timeouts) and keeps connections; nothing but what is given here is configuration to it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from feeds.destination import BucketDestination
from feeds.errors import ConfigError, OutputError

ATTEMPTS: Final = 5
READS: Final = 3  # of a body that is cut off, which botocore does not try again
CONNECT_TIMEOUT: Final = 10.0  # seconds
NOTHING_THERE: Final = frozenset({"404", "NoSuchKey", "NotFound"})
# Another one wrote it in between (409), or before (412) …
CONTESTED: Final = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
# … and what those say that know no conditions.
NO_CONDITIONS: Final = frozenset({"501", "NotImplemented"})
HASH: Final = "feeds-sha256"  # the name of the metadata that tells our objects from others


class Credentials(NamedTuple):
    """Who asks. Never shown."""

    key: str
    secret: str
    token: str = ""

    def __repr__(self) -> str:
        return "Credentials(…)"


class Stored(NamedTuple):
    """An object: its body, its ETag, and how many seconds ago it was written, by the clock of
    the storage."""

    body: bytes
    etag: str
    age: float


class ContestedError(Exception):
    """The object is not the one that it was to be for the condition to hold."""


def credentials_of(environment: Mapping[str, str]) -> Credentials:
    """The keys that the environment holds. Raises :class:`~feeds.errors.ConfigError`."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in names if not environment.get(name)]:
        what = f"{' and '.join(missing)} missing; the keys to a bucket are looked for only there"
        raise ConfigError("the environment", [what])
    key, secret = (environment[name] for name in names)
    return Credentials(key, secret, environment.get("AWS_SESSION_TOKEN", ""))


class Storage:
    """The objects below the prefix of a destination; names are relative to it.

    ``timeout`` is how many seconds an answer may take, ``connections`` how many threads may
    ask at once. All methods raise :class:`~feeds.errors.OutputError` where the storage refuses
    or cannot be reached.
    """

    def __init__(
        self,
        destination: BucketDestination,
        credentials: Credentials,
        region: str,
        timeout: float,
        connections: int,
    ) -> None:
        self.destination = destination
        self._credentials = credentials
        self._client = _client(destination, credentials, region, timeout, connections)
        self._conditions = True

    def read(self, name: str) -> Stored | None:
        """An object, ``None`` where there is none."""
        errors = _errors()
        with self._explained(name):
            for _ in range(READS - 1):
                with contextlib.suppress(errors.IncompleteReadError, errors.ResponseStreamingError):
                    return self._read(name)
            return self._read(name)

    def _read(self, name: str) -> Stored | None:
        try:
            found = self._client.get_object(**self._place(name))
        except self._client.exceptions.NoSuchKey:
            return None
        return Stored(found["Body"].read(), found.get("ETag", ""), _age(found))

    def hash_of(self, name: str) -> str | None:
        """The hash that an object was written with, empty if it was not by this program,
        ``None`` where there is no object."""
        with self._explained(name):
            try:
                found = self._client.head_object(**self._place(name))
            except self._client.exceptions.ClientError as error:
                if _codes(error) & NOTHING_THERE:
                    return None
                raise
            return str(found.get("Metadata", {}).get(HASH, ""))

    def names(self) -> Iterator[str]:
        """The names of all objects below the prefix, a thousand with each request."""
        prefix = self.destination.prefix
        with self._explained(""):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.destination.bucket, Prefix=prefix
            )
            for page in pages:
                yield from (each["Key"].removeprefix(prefix) for each in page.get("Contents", ()))

    def write(self, name: str, body: bytes, hash: str, headers: Mapping[str, str]) -> None:
        """Put an object there; ``headers`` has botocore's names for them."""
        with self._explained(name):
            self._put(name, body, Metadata={HASH: hash}, **headers)

    def replace(self, name: str, body: bytes, etag: str, headers: Mapping[str, str]) -> str:
        """Put an object in the place of the one with an ETag, or where there is none if that
        is empty; returns the new ETag.

        Raises :class:`ContestedError` where there is another one. Where the storage knows no
        conditions (RFC 9110 section 13), it is replaced whatever is there.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with self._explained(name):
            try:
                return self._put(name, body, **headers, **(condition if self._conditions else {}))
            except self._client.exceptions.ClientError as error:
                codes = _codes(error)
                if self._conditions and codes & NO_CONDITIONS:
                    self._conditions = False
                    return self._put(name, body, **headers)
                # What is not there can match nothing either.
                if not codes & (CONTESTED | NOTHING_THERE) or "NoSuchBucket" in codes:
                    raise
        # The answer to an attempt that went well may have been lost.
        found = self.read(name)
        if found is None or found.body != body:
            raise ContestedError(name)
        return found.etag

    def delete(self, name: str) -> None:
        with self._explained(name):
            self._client.delete_object(**self._place(name))

    def close(self) -> None:
        self._client.close()

    def _place(self, name: str) -> dict[str, str]:
        return {"Bucket": self.destination.bucket, "Key": f"{self.destination.prefix}{name}"}

    def _put(self, name: str, body: bytes, **options: Any) -> str:
        # The storage refuses a body that is not what was sent (RFC 1864).
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        found = self._client.put_object(
            **self._place(name),
            Body=body,
            ContentMD5=base64.b64encode(digest).decode("ascii"),
            **options,
        )
        return str(found.get("ETag", ""))

    @contextlib.contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        """What went wrong, as errors that say what to do, and nothing of the credentials."""
        errors = _errors()
        try:
            yield
        except errors.ClientError as error:
            answer = error.response.get("Error", {})
            code = answer.get("Code", "")
            said = f"{code}: {answer.get('Message', '')}".strip(": ")
            advice = ADVICE.get(code) or ADVICE.get(str(_status(error)), "")
            raise self._error(name, said, advice) from None
        except (errors.BotoCoreError, errors.HTTPClientError) as error:
            raise self._error(name, str(error), "") from None

    def _error(self, name: str, said: str, advice: str) -> OutputError:
        for secret in filter(None, self._credentials):
            said = said.replace(secret, "…")
        return OutputError(f"{self.destination}{name}: {said}" + (f"; {advice}" if advice else ""))


ADVICE: Final = {
    "NoSuchBucket": "make the bucket, or correct its name",
    "AccessDenied": "the keys need s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject",
    "403": "look at the keys and at the region; a clock that is wrong is refused too",
    "301": "add the region of the bucket to the address, as in ?region=eu-central-1",
    "400": "look at the region and the endpoint of the address",
}


def _client(
    destination: BucketDestination,
    credentials: Credentials,
    region: str,
    timeout: float,
    connections: int,
) -> Any:
    try:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError as error:
        what = "botocore is needed for buckets; install it with: pip install 'feeds[s3]'"
        raise ConfigError(str(destination), [what]) from error
    # No profile and no file of Amazon's tools; with keys given, nobody else is asked for any.
    nothing = (None, None, None, None)
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    session = Session(session_vars={"profile": nothing, **files})
    try:
        return session.create_client(
            "s3",
            region_name=region,
            endpoint_url=destination.endpoint or None,
            aws_access_key_id=credentials.key,
            aws_secret_access_key=credentials.secret,
            aws_session_token=credentials.token or None,
            config=Config(
                connect_timeout=min(timeout, CONNECT_TIMEOUT),
                read_timeout=timeout,
                max_pool_connections=connections,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                s3={"addressing_style": "path" if destination.endpoint else "auto"},
                signature_version="s3v4",
                ignore_configured_endpoint_urls=True,
                # Storages that are not Amazon's refuse its newer checksums; all know Content-MD5.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
    except (ValueError, BotoCoreError) as error:  # a host or region that it cannot use
        raise ConfigError("publish.to", [f"{destination}: {error}"]) from error


def _errors() -> Any:
    """botocore's errors; whoever gets here has loaded it."""
    import botocore.exceptions

    return botocore.exceptions


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _codes(error: Any) -> frozenset[str]:
    """What a refusal is called: by its code, and by the status of the answer."""
    return frozenset({str(error.response.get("Error", {}).get("Code", "")), str(_status(error))})


def _age(found: Any) -> float:
    """Seconds between the date of an answer and that of the object in it."""
    modified: datetime | None = found.get("LastModified")
    date = found["ResponseMetadata"]["HTTPHeaders"].get("date")
    if modified is None or date is None:
        return float("inf")
    return (parsedate_to_datetime(date) - modified).total_seconds()
