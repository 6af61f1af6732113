"""`feeds publish` and `feeds build --to` as people and scripts meet them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import run_build, tree, write_post
from ..test_cli import FEEDS, Done, feeds
from .conftest import ENVIRONMENT, Bucket
from .proxy import Fault, once

NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.fixture
def built(site: Path) -> Path:
    write_post(site, "a.md", tags="[x]")
    run_build(site)
    return site


def told(done: Done) -> str:
    """What was said when it failed, on a line."""
    assert done.out == ""
    return done.err.replace("\n", " ")


def test_it_says_how_much_was_sent_where(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    assert feeds(built, "publish", "--to", www) == Done(0, f"7 files sent in {www}\n", "")
    (built / "posts/a.md").unlink()
    write_post(built, "b.md")
    run_build(built)
    dry = feeds(built, "publish", "--to", "../www", "--dry-run")
    assert dry.out.splitlines()[-4:] == [
        "would remove tag/x/feed.atom",
        "would remove tag/x/feed.json",
        "would remove tag/x/feed.rss",
        f"4 files would be sent, 3 would be removed in {www}",
    ]
    assert dry.out.splitlines()[3] == "would send feeds.opml"
    done = feeds(built, "publish", "--to", www)
    assert done.out == f"4 files sent, 3 removed in {www}\n"
    assert feeds(built, "publish", "--to", www).out == f"0 files sent, 4 unchanged in {www}\n"


def test_a_path_of_the_configuration_is_one_of_the_site(built: Path, tmp_path: Path) -> None:
    with (built / "config.toml").open("a") as file:
        file.write('[publish]\nto = "../www"\n')
    assert feeds(tmp_path, "publish", "site").code == 0
    assert tree(tmp_path / "www") == tree(built / "public")


def test_a_build_publishes_what_it_wrote(site: Path, bucket: Bucket) -> None:
    write_post(site, "a.md", tags="[x]")
    done = feeds(site, "build", "--to", bucket.to("news"), env=ENVIRONMENT)
    assert done.err == ""
    assert re.search(rf"\n7 files sent in s3://{bucket.name}/news/\n$", done.out)
    assert len(bucket.names()) == 8
    write_post(site, "a.md", title="", tags="[x]")
    done = feeds(site, "build", "--to", bucket.to("news"), "--json", env=ENVIRONMENT)
    found = json.loads(done.out)
    assert set(found["publishing"]["sent"]) == set(found["written"])
    assert found["publishing"]["to"] == f"s3://{bucket.name}/news/"
    strict = feeds(site, "build", "--strict", "--to", bucket.to("other"), env=ENVIRONMENT)
    assert (strict.code, len(bucket.names())) == (1, 8)


def test_json_says_what_was_sent(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    found = json.loads(feeds(built, "publish", "--to", www, "--json").out)
    assert set(found) == {"dry_run", "to", "sent", "removed", "unchanged", "findings"}
    assert (found["dry_run"], found["to"], found["removed"]) == (False, str(www), [])
    assert len(found["sent"]) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "publish.to: missing; a folder or"),
        (["--to", ""], "publish.to: missing"),
        (["--to", "ftp://a"], 'publish.to: "ftp:" is not known; expected a folder, file:///'),
        (["--to", "public"], "is the folder that feeds are built in already"),
        (["--to", "s3://news"], "no region; add it to the address, as in s3://news/?region="),
        (
            ["--to", "s3://news?region=eu-central-1"],
            "the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY missing",
        ),
        (["--to", "s3://K:SECRET@news"], "publish.to: an address has no place for credentials"),
    ],
)
def test_what_is_wrong_with_the_address_is_code_2(
    built: Path, arguments: list[str], said: str
) -> None:
    environment = {**NO_KEYS, "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}
    done = feeds(built, "publish", *arguments, env=environment)
    assert done.code == 2
    assert said in told(done)
    assert "SECRET@" not in done.err


def test_a_failure_is_code_3_and_says_nothing_secret(built: Path, bucket: Bucket) -> None:
    to = f"s3://no-such-bucket?endpoint={bucket.server}"
    done = feeds(built, "publish", "--to", to, env=ENVIRONMENT)
    assert done.code == 3
    assert "NoSuchBucket" in told(done)
    assert "the-" not in done.err


def test_files_of_other_tools_are_not_read(built: Path, bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    for name in ("config", "credentials"):
        (tmp_path / ".aws" / name).write_text("[default]\nthis is = = no configuration [\n[")
    environment = {
        **ENVIRONMENT,
        "HOME": str(tmp_path),
        "AWS_PROFILE": "nobody",
        "AWS_CONFIG_FILE": str(tmp_path / ".aws/config"),
    }
    done = feeds(built, "publish", "--to", bucket.to(), env=environment)
    assert (done.code, done.err) == (0, "")


def test_a_client_that_is_not_installed_is_named(built: Path) -> None:
    code = (
        "import sys; sys.modules['botocore'] = None\n"
        "from feeds.cli import main; sys.argv[0] = 'feeds'; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "publish", "--to", "s3://news?region=a"],
        cwd=built,
        env={**ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'feeds[s3]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interrupt_keeps_what_was_sent(built: Path, bucket: Bucket) -> None:
    bucket.proxy.fault = once("PUT", "feeds.opml", Fault.HELD)
    command = [*FEEDS, "publish", "--to", bucket.to()]
    with subprocess.Popen(
        command, cwd=built, env={**ENVIRONMENT}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert bucket.proxy.held.wait(20)
        process.send_signal(signal.SIGINT)
        bucket.proxy.release.set()
        _, err = process.communicate(timeout=20)
    assert (process.returncode, "interrupted" in err) == (130, True)
    done = feeds(built, "publish", "--to", bucket.to(), env=ENVIRONMENT)
    assert done.out.startswith("1 file sent, 6 unchanged in ")
