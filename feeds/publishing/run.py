"""Publishing a site: what the last build wrote is brought to where the configuration says.

In: the configuration and the environment, which has the keys to a bucket. Out: the folder or
the bucket, and a :class:`~feeds.publishing.delivery.Delivery`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from feeds.config import Config
from feeds.configfile import config_path
from feeds.destination import BucketDestination, FolderDestination
from feeds.errors import ConfigError, OutputError, refusal
from feeds.index import wait_for_build
from feeds.publishing.bucket import publish_bucket
from feeds.publishing.delivery import Delivery, Options
from feeds.publishing.folder import publish_folder
from feeds.publishing.output import OutdatedOutputError, Output, edition_of, output_of
from feeds.publishing.storage import Storage, credentials_of
from feeds.state import lock, make_state_folder, release

SENDER_NAME: Final = "sender"
NAME_BYTES: Final = 16
MOST_BUILDS: Final = 20  # that may replace files while one run publishes
ANY_REGION: Final = "us-east-1"  # storages that are not Amazon's take this for their own


def publish(config: Config, environment: Mapping[str, str], options: Options) -> Delivery:
    """Bring the output of a site to where ``[publish] to`` says.

    Raises :class:`~feeds.errors.ConfigError` where that or the environment is wrong, and
    another :class:`~feeds.errors.FeedsError` where it failed; the next run then goes on.
    """
    to = config.publish.to
    if to is None:
        what = 'publish.to: missing; a folder or "s3://bucket/prefix", or say it with --to'
        raise ConfigError(config_path(config.root), [what])
    if isinstance(to, FolderDestination):
        return _published(config, options, lambda each: publish_folder(each, to, config, options))
    with _storage(to, config, environment) as storage, _sender(config.state, options) as sender:
        return _published(
            config, options, lambda each: publish_bucket(each, storage, config, sender, options)
        )


def _published(config: Config, options: Options, send: Callable[[Output], Delivery]) -> Delivery:
    """Publish, and whenever a build replaces files meanwhile go on with what it built."""
    sent: list[str] = []
    seen: list[tuple[str, str]] = []
    while True:
        try:
            done = send(output_of(config))
        except OutdatedOutputError as error:
            sent += error.sent
            wait_for_build(config.state, options.wait)
            now = edition_of(config)
            if now in seen[-1:] or len(seen) == MOST_BUILDS:
                raise
            seen.append(now)
        else:
            return replace(done, sent=tuple(dict.fromkeys((*sent, *done.sent))))


def _storage(
    to: BucketDestination, config: Config, environment: Mapping[str, str]
) -> contextlib.AbstractContextManager[Storage]:
    region = to.region or environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not region and not to.endpoint:
        what = f"no region; add it to the address, as in {to}?region=eu-central-1"
        raise ConfigError("publish.to", [what])
    settings = config.publish
    return contextlib.closing(
        Storage(
            to,
            credentials_of(environment),
            region or ANY_REGION,
            settings.timeout,
            settings.connections,
        )
    )


@contextlib.contextmanager
def _sender(state: Path, options: Options) -> Iterator[str]:
    """A name for this machine and site, and the right to go by it.

    So a run of this machine is known to have ended when the next one has it, however it ended.
    """
    with contextlib.ExitStack() as stack:
        try:
            make_state_folder(state)
            file = os.open(state / SENDER_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            stack.callback(release, file)
            held = lock(file, options.wait)
            name = os.read(file, NAME_BYTES).decode("ascii", "replace")
            if held and not name:
                name = secrets.token_hex(NAME_BYTES // 2)
                os.write(file, name.encode("ascii"))
        except OSError as error:
            what = f"{state / SENDER_NAME}: cannot be written"
            raise OutputError(f"{what}: {refusal(error)}") from error
        if not held:
            what = f"has been going on for {options.wait:g} s; wait for it, or end it"
            raise OutputError(f"{state}: another `feeds publish` of this site {what}")
        yield f"{socket.gethostname()}-{name}"
