"""Pages for people where they are published: last, and never over the site's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from feeds.configfile import load_config
from feeds.manifest import MANIFEST
from feeds.models import Level
from feeds.publishing.delivery import Delivery, Options
from feeds.publishing.run import publish

from ..conftest import run_build, tree, write_post
from .conftest import ENVIRONMENT, Bucket

Put = Callable[[str, str], None]


class Place:
    """A folder or a bucket: where it is, what is in it, a way to change it by hand, and when
    each thing came there."""

    def __init__(
        self,
        to: str,
        files: Callable[[], Mapping[str, bytes]],
        put: Put,
        came: Callable[[], Mapping[str, int]],
    ) -> None:
        self.to = to
        self.files = files
        self.put = put
        self.came = came

    def publish(self, site: Path, force: bool = False) -> Delivery:
        config = load_config(site, {"publish": {"to": self.to}})
        return publish(config, ENVIRONMENT, Options(force=force))


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "bucket":
        bucket: Bucket = request.getfixturevalue("bucket")

        def sent() -> dict[str, int]:
            paths = bucket.proxy.asked("PUT")
            return {path.removeprefix(f"/{bucket.name}/"): at for at, path in enumerate(paths)}

        return Place(bucket.to(), bucket.files, bucket.put, sent)
    www = tmp_path / "www"

    def put(name: str, body: str) -> None:
        (www / name).parent.mkdir(parents=True, exist_ok=True)
        (www / name).write_text(body)

    def moved() -> dict[str, int]:
        """A file's last change of any kind is that it was moved into place."""
        return {path: (www / path).stat().st_ctime_ns for path in tree(www)}

    return Place(str(www), lambda: tree(www), put, moved)


@pytest.fixture
def built(site: Path) -> Path:
    config = site / "config.toml"
    config.write_text(config.read_text("utf-8").partition("[pages]")[0], "utf-8")
    write_post(site, "a.md", tags="[x]")
    run_build(site)
    return site


def published(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: body for path, body in files.items() if path != MANIFEST}


def test_pages_come_after_what_they_need(built: Path, place: Place) -> None:
    sent = place.publish(built).sent
    assert published(place.files()) == published(tree(built / "public"))
    came = place.came()
    pages = [came[path] for path in sent if path.endswith((".html", ".opml"))]
    others = [came[path] for path in sent if not path.endswith((".html", ".opml"))]
    assert max(others) <= min(pages)
    assert {"feeds.css", "feeds.js", "index.html", "tag/x/index.html"} <= set(sent)


def test_they_give_way_to_the_sites_own(built: Path, place: Place) -> None:
    place.put("index.html", "mine")
    place.put("tag/x/index.html", "mine too")
    done = place.publish(built)
    (note,) = done.findings
    assert (note.level, note.what.endswith("2 pages in all")) == (Level.NOTE, True)
    expected = published(tree(built / "public"))
    own = {"index.html": b"mine", "tag/x/index.html": b"mine too"}
    assert published(place.files()) == {**expected, **own}
    again = place.publish(built)
    assert (again.sent, again.removed, again.findings) == ((), (), (note,))
    place.publish(built, force=True)
    assert published(place.files()) == expected


def test_they_give_way_to_what_was_written_over_them(built: Path, place: Place) -> None:
    place.publish(built)
    place.put("tag/x/index.html", "mine")
    write_post(built, "a.md", title="Changed", tags="[x]")
    run_build(built)
    done = place.publish(built)
    assert [found.path for found in done.findings] == ["tag/x/index.html"]
    assert place.files()["tag/x/index.html"] == b"mine"
    assert b"  tag/x/index.html\n" not in place.files()[MANIFEST]


def test_what_gave_way_at_home_is_not_missed(built: Path, place: Place) -> None:
    (built / "public/index.html").write_text("mine")
    write_post(built, "b.md", tags="[x]")
    run_build(built)
    done = place.publish(built)
    assert "index.html" not in done.sent
    assert "index.html" not in place.files()


def test_browsers_are_told_what_they_are(built: Path, bucket: Bucket) -> None:
    publish(load_config(built, {"publish": {"to": bucket.to()}}), ENVIRONMENT, Options())
    types = {
        "index.html": "text/html; charset=utf-8",
        "feeds.css": "text/css; charset=utf-8",
        "feeds.js": "text/javascript; charset=utf-8",
    }
    assert {name: bucket.get(name).headers["content-type"] for name in types} == types
    assert bucket.get("index.html").headers["cache-control"].startswith("public, max-age=300,")
