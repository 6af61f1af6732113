"""The manifest of a bucket while its objects change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from feeds.destination import BucketDestination
from feeds.manifest import ABSENT, MANIFEST, Manifest, manifest_text, parse_manifest
from feeds.publishing import record
from feeds.publishing.output import File
from feeds.publishing.record import CHECKPOINT, HEARTBEAT, Record
from feeds.publishing.storage import Storage, credentials_of

from .conftest import ENVIRONMENT, Bucket

FILES = [File(f"{number:03}", f"{number:064x}", "text/plain", 60) for number in range(1, 251)]


@pytest.fixture
def storage_of(bucket: Bucket) -> Iterator[Storage]:
    to = BucketDestination(bucket.name, "", bucket.proxy.url)
    with contextlib.closing(Storage(to, credentials_of(ENVIRONMENT), "us-east-1", 5, 2)) as storage:
        yield storage


def manifest(bucket: Bucket) -> Manifest:
    return parse_manifest(bucket.get(MANIFEST).content)


def test_what_is_about_to_change_is_in_doubt_until_it_is_sent(
    bucket: Bucket, storage_of: Storage
) -> None:
    first = Record(storage_of, "me")
    first.begin("https://a.example", "h", FILES[:2], ())
    first.sent(FILES[0])
    first.stop()
    second = Record(storage_of, "me")
    assert second.manifest == Manifest(
        {"001": {FILES[0].hash}, "002": {FILES[1].hash, ABSENT}}, {}, "https://a.example", "h"
    )
    second.begin("https://a.example", "h", FILES[1:2], ["001"])
    assert manifest(bucket).files["001"] == {FILES[0].hash, ABSENT}
    second.sent(FILES[1])
    second.removed("001")
    second.finish()
    assert manifest(bucket).files == {"002": {FILES[1].hash}}


def test_it_is_saved_after_so_many_objects(bucket: Bucket, storage_of: Storage) -> None:
    now = 1000.0
    kept = Record(storage_of, "me", lambda: now)
    kept.begin("", "h", FILES, ())
    for number, file in enumerate(FILES, 1):
        kept.sent(file)
        kept.keep()
        saves = 1 + number // CHECKPOINT
        assert len(bucket.proxy.asked("PUT")) == saves


def test_it_is_saved_every_minute_as_a_sign_of_life(bucket: Bucket, storage_of: Storage) -> None:
    now = 1000.0
    kept = Record(storage_of, "me", lambda: now)
    kept.begin("", "h", FILES, ())
    now += HEARTBEAT - 1
    kept.keep()
    assert len(bucket.proxy.asked("PUT")) == 1
    now += 1
    kept.keep()
    kept.keep()
    assert len(bucket.proxy.asked("PUT")) == 2


def test_many_objects_cost_no_more_than_twenty_saves(bucket: Bucket, storage_of: Storage) -> None:
    many = [File(str(number), "0" * 63 + "1", "text/plain", 60) for number in range(6000)]
    kept = Record(storage_of, "me", lambda: 0.0)
    kept.begin("", "h", many, ())
    for file in many:
        kept.sent(file)
        kept.keep()
    assert len(bucket.proxy.asked("PUT")) == 21


def test_a_sender_is_believed_to_be_alive_until_it_was_silent(
    bucket: Bucket, storage_of: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put(MANIFEST, manifest_text(Manifest({}, {}, sender="other")))
    assert Record(storage_of, "me").another() == "other"
    assert Record(storage_of, "other").another() == ""
    monkeypatch.setattr(record, "SILENCE", -1.0)
    assert Record(storage_of, "me").another() == ""
