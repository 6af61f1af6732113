"""Publishing into a folder: the files of the output, and nothing of anybody else's touched."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from feeds.configfile import load_config
from feeds.errors import ForeignFileError, OutputError
from feeds.manifest import MANIFEST
from feeds.publishing.delivery import Delivery, Options
from feeds.publishing.output import output_of
from feeds.publishing.run import publish

from ..conftest import CONFIG, run_build, tree, write_post
from .conftest import PART


def publish_to(
    to: Path, site: Path, settings: Mapping[str, Any] | None = None, **options: Any
) -> Delivery:
    """Publish what was built of a site; the environment is empty."""
    config = load_config(site, {"publish": {"to": str(to), **(settings or {})}})
    return publish(config, {}, Options(**options))


@pytest.fixture
def built(site: Path) -> Path:
    write_post(site, "a.md", tags="[x]")
    run_build(site)
    return site


def test_the_folder_has_what_the_build_wrote(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "srv/www"
    done = publish_to(www, built)
    assert tree(www) == tree(built / "public")
    assert done.sent[-1] == "feeds.opml"
    assert len(done.sent) == 7


def test_unchanged_files_are_left_alone_and_stale_ones_go(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    publish_to(www, built)
    inode = (www / "tag/x/feed.rss").stat().st_ino
    assert publish_to(www, built) == Delivery(unchanged=7)
    write_post(built, "b.md", tags="[y]")
    run_build(built)
    publish_to(www, built)
    assert (www / "tag/x/feed.rss").stat().st_ino == inode
    (built / "posts/b.md").unlink()
    run_build(built)
    planned = publish_to(www, built, dry_run=True)
    assert (www / "tag/y/feed.rss").exists()
    done = publish_to(www, built)
    assert (set(planned.sent), planned.removed) == (set(done.sent), done.removed)
    assert done.removed == ("tag/y/feed.atom", "tag/y/feed.json", "tag/y/feed.rss")
    assert tree(www) == tree(built / "public")


def test_a_gz_lies_beside_each_file_if_so_wished(built: Path, tmp_path: Path) -> None:
    www, packing = tmp_path / "www", {"precompress": True}
    assert len(publish_to(www, built, packing).sent) == 14
    packed = {path: body for path, body in tree(www).items() if path.endswith(".gz")}
    plain = {path: body for path, body in tree(built / "public").items() if path != MANIFEST}
    assert {path[:-3]: gzip.decompress(body) for path, body in packed.items()} == plain
    assert publish_to(www, built, packing) == Delivery(unchanged=14)
    write_post(built, "a.md", title="Changed", tags="[x]")
    run_build(built)
    done = publish_to(www, built, packing)
    assert {f"{path}.gz" for path in done.sent if not path.endswith(".gz")} <= set(done.sent)
    body = gzip.decompress((www / "feed.rss.gz").read_bytes())
    assert body == (built / "public/feed.rss").read_bytes()
    assert len(publish_to(www, built).removed) == 7


def test_a_gz_that_somebody_changed_is_made_again(built: Path, tmp_path: Path) -> None:
    www, packing = tmp_path / "www", {"precompress": True}
    publish_to(www, built, packing)
    (www / "feed.rss.gz").write_bytes(b"mine")
    assert publish_to(www, built, packing).sent == ("feed.rss.gz",)


def test_a_gz_of_which_a_run_was_interrupted_is_made_again(built: Path, tmp_path: Path) -> None:
    www, packing = tmp_path / "www", {"precompress": True}
    publish_to(www, built, packing)
    old = gzip.compress(b"of an older feed")
    (www / "feed.rss.gz").write_bytes(old)
    with (www / MANIFEST).open("a") as manifest:
        manifest.write(f"{hashlib.sha256(old).hexdigest()}  feed.rss.gz\n")
    assert publish_to(www, built, packing).sent == ("feed.rss.gz",)


@pytest.mark.parametrize("dry_run", [True, False])
def test_foreign_files_are_replaced_only_by_force(
    built: Path, tmp_path: Path, dry_run: bool
) -> None:
    www = tmp_path / "www"
    (www / "tag/x").mkdir(parents=True)
    (www / "tag/x/feed.rss").write_text("mine")
    (www / "index.html").write_text("mine too")
    with pytest.raises(ForeignFileError, match="--force"):
        publish_to(www, built, dry_run=dry_run)
    assert tree(www) == {"tag/x/feed.rss": b"mine", "index.html": b"mine too"}
    publish_to(www, built, force=True)
    assert tree(www) == {**tree(built / "public"), "index.html": b"mine too"}


def test_the_folder_of_another_site_is_refused(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    publish_to(www, built)
    shutil.rmtree(built / ".feeds")
    shutil.rmtree(built / "public")
    config = built / "config.toml"
    config.write_text(config.read_text("utf-8").replace("news.example", "www.example"), "utf-8")
    run_build(built)
    with pytest.raises(ForeignFileError, match="another site") as error:
        publish_to(www, built)
    assert "--force" not in str(error.value)


def test_what_was_not_built_is_not_published(site: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no feeds of this site are in it; run `feeds build`"):
        publish_to(tmp_path / "www", site)


def test_what_strict_kept_from_being_written_is_not_published(built: Path, tmp_path: Path) -> None:
    write_post(built, "b.md", title="")
    run_build(built, strict=True)
    with pytest.raises(OutputError, match="is not what the posts make now; run `feeds build`"):
        publish_to(tmp_path / "www", built)
    assert not (tmp_path / "www").exists()


def test_other_settings_want_another_build(built: Path, tmp_path: Path) -> None:
    config = built / "config.toml"
    config.write_text(config.read_text("utf-8") + "[feeds]\nentries = 1\n", "utf-8")
    with pytest.raises(OutputError, match="is not what the posts make now"):
        publish_to(tmp_path / "www", built)


def test_what_a_build_replaces_meanwhile_is_published_as_it_was_built(
    built: Path, tmp_path: Path
) -> None:
    names = iter("bcd")

    def build_meanwhile(what: str, done: int, total: int) -> None:
        if name := next(names, ""):
            write_post(built, f"{name}.md", tags="[x]")
            run_build(built)

    done = publish_to(tmp_path / "www", built, progress=build_meanwhile)
    assert list(names) == []
    assert tree(tmp_path / "www") == tree(built / "public")
    assert len(done.sent) == 7


def test_parts_of_a_site_do_not_remove_each_other(built: Path, tmp_path: Path) -> None:
    www = tmp_path / "www"
    publish_to(www, built)
    before = tree(www)
    with (built / "config.toml").open("a") as config:
        config.write(PART)
    run_build(built)
    for dry_run in (True, False):
        with pytest.raises(ForeignFileError, match="another part of it") as error:
            publish_to(www, built, dry_run=dry_run)
        assert "choose another place, or replace them with --force" in str(error.value)
    assert tree(www) == before


def test_a_dry_run_makes_no_folder(built: Path, tmp_path: Path) -> None:
    publish_to(tmp_path / "www", built, dry_run=True)
    assert not (tmp_path / "www").exists()


def test_a_file_that_is_gone_stops_it(built: Path, tmp_path: Path) -> None:
    (built / "public/feed.rss").unlink()
    with pytest.raises(OutputError, match=r"feed\.rss: cannot be read: no such file"):
        publish_to(tmp_path / "www", built)


def test_an_index_that_cannot_be_read_stops_it(built: Path, tmp_path: Path) -> None:
    (index,) = (built / ".feeds").glob("index-*.sqlite")
    index.write_bytes(b"nonsense" * 2000)
    with pytest.raises(OutputError, match=r"index-\d\.sqlite: cannot be read"):
        publish_to(tmp_path / "www", built)


def test_pages_are_published_with_their_types_the_shared_files_first(tmp_path: Path) -> None:
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    write_post(root, "a.md", tags="[x]")
    run_build(root)
    found = output_of(load_config(root))
    assert {"feeds.css", "feeds.js"} <= found.feeds.keys()
    types = {path: file.media_type for path, file in found.files.items()}
    assert types["feeds.css"] == "text/css"
    assert types["feeds.js"] == "text/javascript"
    assert types["index.html"] == types["tag/x/index.html"] == "text/html"
    assert found.lists["index.html"].max_age == 300


def test_a_page_that_gave_way_is_not_missed(tmp_path: Path) -> None:
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "public").mkdir()
    (root / "public/index.html").write_text("home")
    (root / "config.toml").write_text(CONFIG, "utf-8")
    write_post(root, "a.md", tags="[x]")
    run_build(root)
    assert "index.html" not in output_of(load_config(root)).lists
