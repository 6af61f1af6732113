"""Which pages there are, and which of them a change makes anew."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from feeds import paging
from feeds.configfile import load_config
from feeds.documents import definitions
from feeds.models import Kind
from feeds.paging import label, older_path
from feeds.rows import PageRow, Part
from feeds.view import View, connect, current_index

from .conftest import CONFIG, NOW, run_build, tree, write_post


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An empty site with all pages."""
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG + "[feeds]\nentries = 2\n", "utf-8")
    return root


def view_pages(root: Path) -> dict[str, PageRow]:
    path = current_index(root / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        return {page.path: page for page in View(db).pages()}


def labels(root: Path) -> dict[str, str]:
    path = current_index(root / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        return {f"{kind}/{name}": card.label for (kind, name), card in View(db).cards().items()}


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[str]:
    """The HTML files that differ."""
    paths = before.keys() | after.keys()
    return {
        path for path in paths if path.endswith(".html") and before.get(path) != after.get(path)
    }


def write_posts(root: Path, count: int, **more: object) -> None:
    for number in range(count):
        write_post(root, f"{number:03}.md", f"2022-01-{1 + number:02} 08:00:00 +0800", **more)


# --- which pages there are


def test_every_feed_has_a_page_in_its_folder_and_the_site_a_directory(site: Path) -> None:
    write_post(site, "a.md", categories="新闻", tags="[x]")
    run_build(site)
    html = {path for path in tree(site / "public") if path.endswith(".html")}
    assert html == {
        "index.html",
        "links/index.html",
        "newest/index.html",
        "category/新闻/index.html",
        "tag/x/index.html",
    }


def test_a_page_that_is_switched_off_is_not_written_nor_linked_to(site: Path) -> None:
    write_post(site, "a.md", categories="c", tags="[x]")
    off = '[pages]\ndirectory = ""\nsite = ""\nfeed = ""\nlinks = ""\n'
    (site / "config.toml").write_text(CONFIG + off, "utf-8")
    run_build(site)
    assert not [path for path in tree(site / "public") if path.endswith((".html", ".css", ".js"))]

    (site / "config.toml").write_text(CONFIG + '[pages]\nfeed = ""\nlinks = ""\n', "utf-8")
    run_build(site)
    written = tree(site / "public")
    assert {path for path in written if path.endswith(".html")} == {
        "index.html",
        "newest/index.html",
    }
    assert b'href="tag/x/feed.atom"' in written["index.html"]
    assert b'href="tag/x/"' not in written["index.html"]
    assert b"../tag/x" not in written["newest/index.html"]


def test_feeds_that_share_a_folder_have_pages_named_as_they_are(site: Path) -> None:
    (site / "config.toml").write_text(
        CONFIG + '[feeds.paths]\ntag = "feed/by_tag/{name}.{format}"\n', "utf-8"
    )
    write_post(site, "a.md", tags="[A, b]")
    run_build(site)
    pages = set(view_pages(site))
    assert {"feed/by_tag/A.html", "feed/by_tag/b.html"} < pages
    assert "feed/by_tag/index.html" not in pages


def test_pages_move_with_the_configuration(site: Path) -> None:
    write_post(site, "a.md", tags="[x]")
    moved = '[pages]\ndirectory = "feeds/all.html"\nsite = "feeds/new.html"\nstyle = "a/b.css"\n'
    (site / "config.toml").write_text(CONFIG + moved, "utf-8")
    run_build(site)
    written = tree(site / "public")
    assert {"feeds/all.html", "feeds/new.html", "a/b.css", "tag/x/index.html"} < written.keys()
    assert b'href="../a/b.css"' in written["feeds/all.html"]
    assert b'href="../../feeds/all.html"' in written["tag/x/index.html"]


# --- older posts


def test_older_pages_are_counted_from_the_oldest(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OLDER_POSTS", 3)
    write_posts(site, 7, tags="[x]")
    run_build(site)
    written = tree(site / "public")
    older = sorted(path for path in written if path.startswith("tag/x/older"))
    assert older == ["tag/x/older-1.html", "tag/x/older-2.html", "tag/x/older-3.html"]
    first = written["tag/x/older-1.html"].decode()
    # The newest of a page come first.
    assert [first.index(f"{number:03}.md") for number in (2, 1, 0)] == sorted(
        first.index(f"{number:03}.md") for number in (2, 1, 0)
    )
    assert "003.md" not in first
    assert b'href="older-3.html" rel="prev"' in written["tag/x/index.html"]
    assert b'href="older-2.html" rel="next"' in written["tag/x/older-1.html"]
    assert b'href="./" rel="next"' in written["tag/x/older-3.html"]


def test_a_new_post_changes_the_last_of_the_older_pages_only(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OLDER_POSTS", 3)
    write_posts(site, 7, tags="[x]")
    write_post(site, "other.md", "2022-01-03", tags="[y]")
    run_build(site)
    before = tree(site / "public")
    write_post(site, "new.md", "2022-02-01", tags="[x]")
    run_build(site)
    assert changed(before, tree(site / "public")) == {
        "index.html",
        "newest/index.html",
        "newest/older-3.html",
        "tag/x/index.html",
        "tag/x/older-3.html",
    }


def test_an_edit_of_an_old_post_changes_the_page_that_it_is_on(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OLDER_POSTS", 3)
    write_posts(site, 7, tags="[x]")
    run_build(site)
    before = tree(site / "public")
    write_post(site, "001.md", "2022-01-02 08:00:00 +0800", tags="[x]", title="berichtigt")
    run_build(site)
    after = tree(site / "public")
    assert changed(before, after) == {"newest/older-1.html", "tag/x/older-1.html"}
    assert "berichtigt" in after["tag/x/older-1.html"].decode()


def test_a_feed_that_shows_all_its_posts_has_no_older_page(site: Path) -> None:
    write_posts(site, 2, tags="[x]")
    run_build(site)
    assert not [page for page in view_pages(site).values() if page.part is Part.OLDER]


def test_no_more_older_pages_than_are_wished_for(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OLDER_POSTS", 3)
    with (site / "config.toml").open("a") as file:
        file.write("[pages]\nolder = 2\n")
    write_posts(site, 10, tags="[x]")
    run_build(site)
    pages = view_pages(site)
    numbers = sorted(p.number for p in pages.values() if p.path.startswith("tag/x/older"))
    assert numbers == [3, 4]
    assert b'rel="prev"' not in (site / "public/tag/x/older-3.html").read_bytes()


def test_terms_that_are_one_feed_have_each_post_once_on_older_pages(site: Path) -> None:
    with (site / "config.toml").open("a") as file:
        file.write("[terms]\nmerge_case = true\n")
    write_posts(site, 4, tags="[x, X]")
    run_build(site)
    text = (site / "public/tag/x/older-1.html").read_text("utf-8")
    assert text.count("<article") == 4


@pytest.mark.parametrize(
    ("twin", "path"),
    [
        ("tag/x/index.html", "tag/x/older-3.html"),
        ("newest.html", "newest-older-3.html"),
        ("feed/by_tag/x.html", "feed/by_tag/x-older-3.html"),
        ("index.html", "index-older-3.html"),
    ],
)
def test_older_pages_lie_beside_the_page_of_their_feed(twin: str, path: str) -> None:
    assert older_path(twin, 3) == path


# --- what is called how


def test_a_category_with_the_name_of_a_file_is_called_by_its_tag(site: Path) -> None:
    write_post(site, "a.md", categories="zhongguoshuiwubao", tags="中国税务报新闻")
    write_post(site, "b.md", categories="zhongguoshuiwubao", tags="[中国税务报新闻, 其他]")
    write_post(site, "c.md", categories="llm-ops", tags="[LLM Ops]")
    write_post(site, "d.md", categories="news", tags="[announcement]")
    write_post(site, "e.md", categories="mixed", tags="[一]")
    write_post(site, "f.md", categories="mixed", tags="[二]")
    write_post(site, "g.md", categories="Named", tags="[名]")
    run_build(site)
    found = labels(site)
    assert found["category/zhongguoshuiwubao"] == "中国税务报新闻"
    assert found["category/llm-ops"] == "LLM Ops"
    for name in ("news", "mixed", "Named"):
        assert found[f"category/{name}"] == name


def test_a_title_of_the_configuration_is_what_people_see(site: Path) -> None:
    with (site / "config.toml").open("a") as file:
        file.write('[terms.category.emnews]\ntitle = "东财"\n')
    write_post(site, "a.md", categories="emnews", tags="东财滚动新闻")
    run_build(site)
    assert labels(site)["category/emnews"] == "东财"


def test_a_category_that_is_called_otherwise_is_so_on_all_pages(site: Path) -> None:
    write_post(site, "a.md", "2022-01-01", categories="emnews", tags="[滚动]")
    write_post(site, "b.md", "2022-01-02", categories="[emnews, other]", tags="[滚动]")
    run_build(site)
    assert "滚动" in (site / "public/category/other/index.html").read_text("utf-8")
    # Not in any feed of "other", but now "emnews" has no tag that all its entries carry.
    write_post(site, "a.md", "2022-01-01", categories="emnews", tags="[别的]")
    run_build(site)
    page = (site / "public/category/other/index.html").read_text("utf-8")
    assert "<bdi>emnews</bdi>" in page


def test_label_needs_one_tag_that_all_entries_carry(site: Path) -> None:
    write_post(site, "a.md", categories="emnews", tags="[一, 二]")
    run_build(site)
    path = current_index(site / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        found = definitions(View(db), load_config(site)).definitions
    category = next(each for each in found if each.head.kind is Kind.CATEGORY)
    assert label(category, [["一"], ["一", "二"]]) == "一"
    assert label(category, [["一", "二"], ["二", "一"]]) == "emnews"  # which of both is it
    assert label(category, []) == "emnews"


# --- the same, however it came about


def test_pages_of_a_site_that_grew_are_those_of_a_new_one(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "OLDER_POSTS", 3)
    with (site / "config.toml").open("a") as file:
        file.write("[terms]\nmin_posts = 2\n")
    steps: list[Callable[[], object]] = [
        lambda: write_posts(site, 5, categories="c", tags="[x]"),
        lambda: write_post(site, "n.md", "2022-03-01", categories="c", tags="[y]"),
        # From here on "y" has a feed, and the page of "c" has to lead to it.
        lambda: write_post(site, "m.md", "2021-03-01", categories="d", tags="[y]"),
        lambda: (site / "posts/002.md").unlink(),
        # And from here on it has none.
        lambda: (site / "posts/m.md").unlink(),
    ]
    for step in steps:
        step()
        run_build(site)
        grown = tree(site / "public")
        run_build(site, full=True)
        assert tree(site / "public") == grown
    assert run_build(site, NOW).published is not None


def test_a_feed_that_is_called_by_an_older_spelling_is_so_on_all_pages(site: Path) -> None:
    config = (site / "config.toml").read_text("utf-8")
    paths = '[feeds.paths]\ncategory = "category/{name}/feed.{format}"\n'
    terms = "[terms]\nmerge_case = true\n"
    (site / "config.toml").write_text(config + paths + terms, "utf-8")
    write_post(site, "a.md", "2022-01-02", categories="foo", tags="[t]")
    run_build(site)
    assert b'href="../../category/foo/"' in (site / "public/tag/t/index.html").read_bytes()
    write_post(site, "b.md", "2022-01-01", categories="Foo", tags="[u]")
    run_build(site)
    assert b'href="../../category/Foo/"' in (site / "public/tag/t/index.html").read_bytes()
    grown = tree(site / "public")
    run_build(site, full=True)
    assert tree(site / "public") == grown


def test_a_source_that_is_gone_is_so_on_pages_of_all_posts(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from feeds.links import dead

    body = "正文。\n\n<https://gone.example.com/a>\n"
    for number in range(4):
        write_post(site, f"{number}.md", f"2022-01-0{number + 1}", tags="[x]", body=body)
    run_build(site)
    page = site / "public/tag/x/older-1.html"
    assert page.read_text("utf-8").count("gone.example.com") == 8
    with (site / "config.toml").open("a") as file:
        file.write('[links]\ndead_source = "drop"\n')
    run_build(site)
    gone = dead.DeadSource("posts/0.md", "https://gone.example.com/a", "")
    monkeypatch.setattr(dead, "dead_sources", lambda state: [gone])
    run_build(site)
    assert page.read_text("utf-8").count("gone.example.com") == 6
