"""Pages are guests: what the site has in their places stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.models import Finding, Level

from .conftest import CONFIG, run_build, tree, write_post


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with a post, all pages, and a page of its own where the directory would be."""
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "public").mkdir()
    (root / "config.toml").write_text(CONFIG, "utf-8")
    (root / "public/index.html").write_text("home")
    write_post(root, "a.md", tags="[x]")
    return root


def notes(root: Path) -> list[Finding]:
    return [each for each in run_build(root).findings if each.level is Level.NOTE]


def test_a_page_of_the_site_stays_and_the_note_says_which_key_moves_ours(site: Path) -> None:
    (found,) = notes(site)
    assert found.path == "index.html"
    assert found.what == "is not a file of this program"
    assert '[pages] directory another path, or "" for none' in found.done
    assert (site / "public/index.html").read_text() == "home"
    assert (site / "public/tag/x/index.html").is_file()
    # Said each time, and nothing else is done.
    result = run_build(site)
    assert result.published is not None
    assert (result.published.written, result.published.removed) == ((), ())
    assert result.documents == len([path for path in tree(site / "public") if path[0] != "."]) - 1
    assert [str(each) for each in result.findings] == [str(found)]


def test_strict_does_not_mind(site: Path) -> None:
    assert run_build(site, strict=True).published is not None


def test_pages_of_many_feeds_are_one_note(site: Path) -> None:
    write_post(site, "b.md", tags="[y, z]")
    for name in "xyz":
        path = site / f"public/tag/{name}/index.html"
        path.parent.mkdir(parents=True)
        path.write_text("own")
    directory, feed = notes(site)
    assert directory.path == "index.html"
    assert feed.what == "is not a file of this program, nor are 2 more pages"
    assert "[pages] feed" in feed.done
    assert (site / "public/tag/x/feed.atom").is_file()


def test_ours_comes_when_theirs_is_gone(site: Path) -> None:
    run_build(site)
    (site / "public/index.html").unlink()
    assert notes(site) == []
    assert b"tag/x/feed.atom" in (site / "public/index.html").read_bytes()


def test_a_page_that_was_ours_and_is_written_over_is_theirs(site: Path) -> None:
    """As by the next run of another generator in the same folder."""
    (site / "public/index.html").unlink()
    run_build(site)
    (site / "public/index.html").write_text("home again")
    for _ in range(2):
        write_post(site, "a.md", tags="[x]", body="neu")
        (found,) = notes(site)
        assert found.path == "index.html"
        assert (site / "public/index.html").read_text() == "home again"


def test_a_feed_does_not_give_way(site: Path) -> None:
    """Whose readers would be told of another site's posts."""
    from feeds.errors import ForeignFileError

    (site / "public/feed.atom").write_text("other")
    before = tree(site / "public")
    with pytest.raises(ForeignFileError, match=r"feed\.atom"):
        run_build(site)
    assert tree(site / "public") == before


def test_switched_off_there_is_nothing_to_say(site: Path) -> None:
    with (site / "config.toml").open("a") as file:
        file.write('[pages]\ndirectory = ""\n')
    assert notes(site) == []
    assert (site / "public/index.html").read_text() == "home"
    assert b"../../index.html" not in (site / "public/tag/x/index.html").read_bytes()


def test_what_lies_behind_a_linked_folder_is_not_removed(site: Path) -> None:
    write_post(site, "b.md", tags="[y]")
    run_build(site)
    elsewhere = site / "elsewhere"
    (site / "public/tag/y").rename(elsewhere)
    (site / "public/tag/y").symlink_to(elsewhere)
    before = tree(elsewhere)
    (site / "posts/b.md").unlink()
    result = run_build(site)
    assert tree(elsewhere) == before
    assert {each.what for each in result.findings} >= {"its folder is a link to another place"}
