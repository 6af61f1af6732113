"""Publishing into a bucket: a real storage, real requests, and a network that fails."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from feeds.configfile import load_config
from feeds.errors import ForeignFileError, OutputError
from feeds.manifest import MANIFEST, parse_manifest
from feeds.models import Level
from feeds.publishing import record
from feeds.publishing.delivery import Delivery, Options
from feeds.publishing.run import publish

from ..conftest import run_build, tree, write_post
from ..processes import killed_at_last
from .conftest import ENVIRONMENT, PART, Bucket
from .proxy import HELD_SECONDS, Fault, Request, once

WAIT = 20.0


def publish_to(
    to: str, site: Path, settings: Mapping[str, Any] | None = None, **options: Any
) -> Delivery:
    """Publish what was built of a site, in this process."""
    config = load_config(site, {"publish": {"to": to, **(settings or {})}})
    return publish(config, ENVIRONMENT, Options(**options))


def built(site: Path, *names: str, tags: str = "[股市]") -> Path:
    """A site with a post for each name, built."""
    for name in names or ("a.md",):
        write_post(site, name, tags=tags)
    run_build(site)
    return site


def written(site: Path) -> dict[str, bytes]:
    """What the last build wrote."""
    return {path: body for path, body in tree(site / "public").items() if path != MANIFEST}


def objects(bucket: Bucket, prefix: str = "") -> dict[str, bytes]:
    """What readers find, and that the manifest says the same."""
    files = dict(bucket.files())
    manifest = parse_manifest(files.pop(f"{prefix}{MANIFEST}"))
    found = {name.removeprefix(prefix): body for name, body in files.items()}
    assert manifest.files.keys() <= found.keys()
    assert all(len(hashes) == 1 for hashes in manifest.files.values())
    assert manifest.sender == ""
    return found


# --- what readers find --------------------------------------------------------------------


def test_the_bucket_has_what_the_build_wrote_with_the_headers_of_the_server(
    site: Path, bucket: Bucket
) -> None:
    built(site)
    done = publish_to(bucket.to("feeds"), site)
    assert objects(bucket, "feeds/") == written(site)
    assert set(done.sent) == written(site).keys()
    types = {
        "feed.atom": "application/atom+xml; charset=utf-8",
        "feed.rss": "application/rss+xml; charset=utf-8",
        "tag/股市/feed.json": "application/feed+json; charset=utf-8",
        "feeds.opml": "text/x-opml; charset=utf-8",
    }
    for path, expected in types.items():
        headers = bucket.get(f"feeds/{path}").headers
        assert headers["content-type"] == expected
        assert headers["cache-control"] == (
            "public, max-age=3600, stale-while-revalidate=60, stale-if-error=604800"
        )
        assert "content-encoding" not in headers
        body = written(site)[path]
        assert headers["x-amz-meta-feeds-sha256"] == hashlib.sha256(body).hexdigest()


def test_max_age_follows_the_rhythm_of_the_feed(site: Path, bucket: Bucket) -> None:
    write_post(site, "a.md", "2022-01-17 08:00:00", tags="[x]")
    write_post(site, "b.md", "2022-01-17 08:10:00", tags="[x]")
    write_post(site, "c.md", "2022-01-10 08:00:00")
    run_build(site)
    publish_to(bucket.to(), site)
    assert "max-age=600," in bucket.get("tag/x/feed.atom").headers["cache-control"]
    assert "max-age=3600," in bucket.get("feed.atom").headers["cache-control"]


def test_bodies_are_compressed_before_if_so_wished(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site, {"precompress": True})
    answer = bucket.get("feed.atom")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.content == (site / "public/feed.atom").read_bytes()
    assert objects(bucket) == written(site)


def test_cache_control_may_be_given(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site, {"cache_control": "max-age=5"})
    assert bucket.get("feed.json").headers["cache-control"] == "max-age=5"


# --- only what changed --------------------------------------------------------------------


def test_an_unchanged_run_asks_for_the_manifest_and_nothing_else(
    site: Path, bucket: Bucket
) -> None:
    built(site)
    publish_to(bucket.to(), site)
    bucket.proxy.requests.clear()
    done = publish_to(bucket.to(), site)
    assert (done.sent, done.removed, done.unchanged) == ((), (), len(written(site)))
    assert bucket.proxy.requests == [Request("GET", f"/{bucket.name}/{MANIFEST}")]


def test_an_edit_sends_its_feeds_and_the_manifest_twice(site: Path, bucket: Bucket) -> None:
    built(site, "a.md", "b.md", tags="[x]")
    write_post(site, "c.md", tags="[y]")
    run_build(site)
    publish_to(bucket.to(), site)
    write_post(site, "c.md", title="Changed", tags="[y]")
    run_build(site)
    bucket.proxy.requests.clear()
    done = publish_to(bucket.to(), site)
    formats = ("atom", "rss", "json")
    changed = {f"{folder}feed.{format}" for folder in ("", "tag/y/") for format in formats}
    assert set(done.sent) == changed
    assert len(bucket.proxy.asked("PUT")) == len(changed) + 2
    assert len(bucket.proxy.requests) == len(changed) + 3
    assert objects(bucket) == written(site)


def test_other_headers_are_sent_to_every_object(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site)
    done = publish_to(bucket.to(), site, {"cache_control": "no-cache"})
    assert set(done.sent) == written(site).keys()
    assert publish_to(bucket.to(), site, {"cache_control": "no-cache"}).sent == ()


def test_feeds_come_first_then_what_links_to_them_and_deletions_last(
    site: Path, bucket: Bucket
) -> None:
    built(site, "a.md", tags="[x]")
    publish_to(bucket.to(), site)
    (site / "posts/a.md").unlink()
    built(site, *(f"{number}.md" for number in range(9)), tags="[y]")
    bucket.proxy.requests.clear()
    done = publish_to(bucket.to(), site)
    changes = [request for request in bucket.proxy.requests if request.method != "HEAD"]
    order = [
        "deletion" if method == "DELETE" else "list" if path.endswith(".opml") else "feed"
        for method, path, _ in changes
        if not path.endswith(MANIFEST)
    ]
    assert order == ["feed"] * 6 + ["list"] + ["deletion"] * 3
    assert [request.path.endswith(MANIFEST) for request in changes[:2]] == [True, True]
    assert changes[-1] == Request("PUT", f"/{bucket.name}/{MANIFEST}", True)
    assert done.removed == ("tag/x/feed.atom", "tag/x/feed.json", "tag/x/feed.rss")
    assert objects(bucket) == written(site)


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(site: Path, bucket: Bucket) -> None:
    built(site, "a.md", tags="[x]")
    publish_to(bucket.to(), site)
    before = bucket.files()
    (site / "posts/a.md").unlink()
    built(site, "b.md", tags="[y]")
    bucket.proxy.requests.clear()
    planned = publish_to(bucket.to(), site, dry_run=True)
    assert bucket.files() == before
    assert {request.method for request in bucket.proxy.requests} == {"GET", "HEAD"}
    assert planned == publish_to(bucket.to(), site)


def test_a_prefix_is_a_place_of_its_own(site: Path, bucket: Bucket) -> None:
    built(site)
    bucket.put("index.html", "mine")
    publish_to(bucket.to("a/b/"), site)
    publish_to(bucket.to("c"), site)
    tops = {name.split("/")[0] for name in bucket.names()}
    assert tops == {"index.html", "a", "c"}
    assert objects(bucket, "c/").items() >= written(site).items()


# --- what is not ours ---------------------------------------------------------------------


@pytest.mark.parametrize("tags", [1, 30])
def test_nothing_is_sent_where_foreign_objects_are_in_the_way(
    site: Path, bucket: Bucket, tags: int
) -> None:
    """Few paths are asked for one by one, many are looked up in a list."""
    built(site, tags=f"[股市, {', '.join(f't{number}' for number in range(tags))}]")
    bucket.put("tag/股市/feed.rss", "mine")
    with pytest.raises(ForeignFileError, match=r"/tag/股市/feed\.rss: was not written by") as e:
        publish_to(bucket.to(), site)
    assert "--force" in str(e.value)
    assert bucket.files() == {"tag/股市/feed.rss": b"mine"}
    publish_to(bucket.to(), site, force=True)
    assert objects(bucket) == written(site)


def test_what_is_not_ours_is_never_removed(site: Path, bucket: Bucket) -> None:
    built(site, "a.md", tags="[x]")
    publish_to(bucket.to(), site)
    bucket.put("tag/x/other.html", "mine")
    bucket.put("tag/x/feed.rss", "changed by hand")
    (site / "posts/a.md").unlink()
    built(site, "b.md", tags="[y]")
    done = publish_to(bucket.to(), site)
    assert done.removed == ("tag/x/feed.atom", "tag/x/feed.json")
    assert [(found.path, found.level) for found in done.findings] == [
        ("tag/x/feed.rss", Level.WARNING)
    ]
    rest = objects(bucket)
    assert (rest.pop("tag/x/other.html"), rest.pop("tag/x/feed.rss")) == (
        b"mine",
        b"changed by hand",
    )
    assert rest == written(site)


def test_what_was_left_gives_way_when_it_is_a_feed_again(site: Path, bucket: Bucket) -> None:
    built(site, "a.md", tags="[x]")
    publish_to(bucket.to(), site)
    bucket.put("tag/x/feed.rss", "changed by hand")
    (site / "posts/a.md").unlink()
    built(site, "b.md", tags="[y]")
    publish_to(bucket.to(), site)
    built(site, "a.md", tags="[x]")
    done = publish_to(bucket.to(), site)
    assert [(found.path, found.done) for found in done.findings] == [
        ("tag/x/feed.rss", "replaced by the feed")
    ]
    assert objects(bucket) == written(site)


def test_objects_of_ours_are_known_although_the_manifest_is_gone(
    site: Path, bucket: Bucket
) -> None:
    built(site)
    publish_to(bucket.to(), site)
    bucket.delete(MANIFEST)
    assert set(publish_to(bucket.to(), site).sent) == written(site).keys()
    assert objects(bucket) == written(site)


def test_a_damaged_manifest_stops_it(site: Path, bucket: Bucket) -> None:
    built(site)
    bucket.put(MANIFEST, "what\n")
    with pytest.raises(OutputError, match=rf"{MANIFEST}:1: not a line of sha256sum"):
        publish_to(bucket.to(), site)


def test_two_sites_cannot_share_a_prefix_but_a_site_may_move(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site)
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8").replace("news.example", "www.example"), "utf-8")
    run_build(site)
    other = site.parent / "other"
    site.rename(other)
    (other / ".feeds/outputs").write_text("")
    with pytest.raises(ForeignFileError, match=r"another site, https://news\.example\.org"):
        publish_to(bucket.to(), other)
    (other / ".feeds/outputs").write_text(f"{load_to(bucket)}\n")
    publish_to(bucket.to(), other)
    assert objects(bucket) == written(other)


def load_to(bucket: Bucket) -> str:
    return f"s3://{bucket.name}/?endpoint={bucket.proxy.url}"


# --- a network that fails -----------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.CUT_BODY, Fault.SLOW_DOWN, Fault.LOST_ANSWER])
@pytest.mark.parametrize("ending", ["feed.rss", MANIFEST])
def test_what_a_network_does_once_is_made_up_for(
    site: Path, bucket: Bucket, ending: str, fault: Fault
) -> None:
    built(site)
    bucket.proxy.fault = once("PUT", ending, fault)
    publish_to(bucket.to(), site)
    assert len(bucket.proxy.asked("PUT")) == len(written(site)) + 3
    assert objects(bucket) == written(site)


def test_a_manifest_that_is_cut_off_is_read_again(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site)
    bucket.proxy.requests.clear()
    bucket.proxy.fault = once("GET", MANIFEST, Fault.CUT_ANSWER)
    assert publish_to(bucket.to(), site).sent == ()
    assert len(bucket.proxy.requests) == 2


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    site: Path, bucket: Bucket
) -> None:
    built(site)
    bucket.proxy.fault = once("PUT", "feed.rss", Fault.HELD)
    began = time.monotonic()
    publish_to(bucket.to(), site, {"timeout": 0.3})
    assert time.monotonic() - began < HELD_SECONDS / 2
    assert objects(bucket) == written(site)


def test_a_failure_is_told_and_the_next_run_goes_on(site: Path, bucket: Bucket) -> None:
    built(site)
    bucket.proxy.fault = once("PUT", "feed.json", Fault.REFUSED)
    with pytest.raises(OutputError, match=r"AccessDenied: .*the keys need s3:") as error:
        publish_to(bucket.to(), site, {"connections": 1})
    assert "of 7 files were sent; the next run goes on from there" in str(error.value)
    assert "Not with …, …." in str(error.value)
    names = set(bucket.names()) - {MANIFEST}
    assert "feeds.opml" not in names
    manifest = parse_manifest(bucket.get(MANIFEST).content)
    certain = {path for path, hashes in manifest.files.items() if len(hashes) == 1}
    assert certain == names
    assert 0 < len(names) < 6
    bucket.proxy.fault = lambda request: None
    done = publish_to(bucket.to(), site)
    assert done.unchanged == len(names)
    assert objects(bucket) == written(site)


def test_a_file_that_is_not_what_was_built_is_not_sent(site: Path, bucket: Bucket) -> None:
    built(site)
    (site / "public/feed.rss").write_text("edited")
    with pytest.raises(OutputError, match=r"feed\.rss: is not what was built any more"):
        publish_to(bucket.to(), site)
    assert "feed.rss" not in bucket.names()
    run_build(site)
    publish_to(bucket.to(), site)
    assert objects(bucket) == written(site)


def test_what_a_build_replaces_meanwhile_is_sent_as_it_was_built(
    site: Path, bucket: Bucket
) -> None:
    built(site, "a.md", tags="[x]")
    publish_to(bucket.to(), site)
    built(site, "b.md", tags="[x]")
    posts = iter("cd")

    def build_meanwhile(request: Request) -> None:
        if request.method == "PUT" and request.path.endswith("feed.atom"):
            for name in posts:
                built(site, f"{name}.md", tags=f"[x, {name}]")
                break

    bucket.proxy.fault = build_meanwhile
    done = publish_to(bucket.to(), site, {"connections": 1})
    assert list(posts) == []
    assert objects(bucket) == written(site)
    assert set(done.sent) == written(site).keys()
    assert len(done.sent) == len(set(done.sent))


def test_parts_of_a_site_do_not_remove_each_other(site: Path, bucket: Bucket) -> None:
    built(site)
    publish_to(bucket.to(), site)
    before = objects(bucket)
    with (site / "config.toml").open("a") as config:
        config.write(PART)
    run_build(site)
    with pytest.raises(ForeignFileError, match="has 7 files of this site, none of which is in"):
        publish_to(bucket.to(), site)
    assert objects(bucket) == before
    publish_to(bucket.to(), site, force=True)
    assert objects(bucket) == written(site)


def test_killed_in_the_middle_it_goes_on(site: Path, bucket: Bucket) -> None:
    tags = 40
    built(site, tags=f"[{', '.join(f't{number}' for number in range(tags))}]")
    total = len(written(site))
    stop_at = record.CHECKPOINT + 20
    assert total > stop_at

    def fault(request: Request) -> Fault | None:
        return Fault.HELD if len(bucket.proxy.asked("PUT")) > stop_at else None

    bucket.proxy.fault = fault
    with killed_at_last(start(site, bucket)):
        assert bucket.proxy.held.wait(WAIT)
    bucket.proxy.release.set()
    bucket.proxy.fault = lambda request: None
    sent = len(bucket.proxy.asked("PUT"))
    manifest = parse_manifest(bucket.get(MANIFEST).content)
    certain = sum(len(hashes) == 1 for hashes in manifest.files.values())
    assert (len(manifest.files), certain >= record.CHECKPOINT) == (total, True)
    done = publish_to(bucket.to(), site)
    assert (done.unchanged, len(done.sent)) == (certain, total - certain)
    assert len(bucket.proxy.asked("PUT")) - sent == total - certain + 2
    assert objects(bucket) == written(site)


def start(site: Path, bucket: Bucket) -> subprocess.Popen[bytes]:
    """`feeds publish` as a process."""
    command = [sys.executable, "-m", "feeds", "publish", str(site), "--to", bucket.to()]
    return subprocess.Popen(
        command, env={**os.environ, **ENVIRONMENT}, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )


# --- several runs at once -----------------------------------------------------------------


def elsewhere(site: Path) -> Path:
    """The same site on another machine: a state folder of its own."""
    copy = site.parent / "elsewhere"
    subprocess.run(["cp", "-a", site, copy], check=True)
    (copy / ".feeds/sender").unlink(missing_ok=True)
    return copy


def test_the_later_of_two_that_begin_at_once_sends_nothing(site: Path, bucket: Bucket) -> None:
    built(site)
    other = elsewhere(site)
    write_post(other, "b.md", tags="[y]")
    run_build(other)
    bucket.proxy.fault = once("PUT", MANIFEST, Fault.HELD)
    with ThreadPoolExecutor(1) as thread:
        later = thread.submit(publish_to, bucket.to(), other)
        assert bucket.proxy.held.wait(WAIT)
        publish_to(bucket.to(server=bucket.server), site)
        bucket.proxy.release.set()
        with pytest.raises(OutputError, match="another run of `feeds publish` wrote there"):
            later.result()
    assert objects(bucket) == written(site)
    publish_to(bucket.to(), other)
    assert objects(bucket) == written(other)


def test_another_machine_waits_for_one_that_sends(site: Path, bucket: Bucket) -> None:
    built(site)
    other = elsewhere(site)
    bucket.proxy.fault = once("PUT", "feed.rss", Fault.HELD)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(publish_to, bucket.to(), site)
        assert bucket.proxy.held.wait(WAIT)
        with pytest.raises(OutputError, match="is publishing there, or was killed less than five"):
            publish_to(bucket.to(server=bucket.server), other)
        bucket.proxy.release.set()
        first.result()
    assert objects(bucket) == written(site)


def test_one_that_was_thought_dead_stops_when_another_went_on(site: Path, bucket: Bucket) -> None:
    write_post(site, "b.md", tags="[y]")
    built(site)
    publish_to(bucket.to(), site)
    (site / "posts/b.md").unlink()
    run_build(site)
    other = elsewhere(site)
    built(other, "c.md", tags="[z]")
    bucket.proxy.fault = once("DELETE", "tag/y/feed.rss", Fault.HELD)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(publish_to, bucket.to(), site)
        assert bucket.proxy.held.wait(WAIT)
        publish_to(bucket.to(server=bucket.server), other, force=True)
        bucket.proxy.release.set()
        with pytest.raises(OutputError, match="another run of `feeds publish` went on in its"):
            first.result()
    assert objects(bucket) == written(other)


def test_two_runs_of_one_machine_take_turns(site: Path, bucket: Bucket) -> None:
    built(site)
    bucket.proxy.fault = once("PUT", "feed.rss", Fault.HELD)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(publish_to, bucket.to(), site)
        assert bucket.proxy.held.wait(WAIT)
        with pytest.raises(OutputError, match="another `feeds publish` of this site"):
            publish_to(bucket.to(), site, wait=0)
        second = threads.submit(publish_to, bucket.to(), site)
        bucket.proxy.release.set()
        assert len(first.result().sent) == 7
        assert second.result().sent == ()


def test_storages_that_know_no_conditions_do_without(site: Path, bucket: Bucket) -> None:
    built(site)
    bucket.proxy.fault = lambda request: Fault.NO_CONDITIONS if request.conditional else None
    publish_to(bucket.to(), site)
    assert objects(bucket) == written(site)


# --- what storages say --------------------------------------------------------------------


def test_a_bucket_that_is_not_there_is_named(site: Path, bucket: Bucket) -> None:
    built(site)
    missing = replace(bucket, name="no-such-bucket")
    with pytest.raises(OutputError, match=r"s3://no-such-bucket/.*NoSuchBucket.*make the bucket"):
        publish_to(missing.to(), site)


def test_a_storage_that_cannot_be_reached_is_named(site: Path) -> None:
    built(site)
    to = "s3://bucket/?endpoint=http://127.0.0.1:9"
    with pytest.raises(OutputError, match=r'Could not connect .*"http://127\.0\.0\.1:9/'):
        publish_to(to, site, {"timeout": 0.2})
