from __future__ import annotations

import os
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import feedparser
import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.files import LARGEST_FILE
from feeds.fragments import unpack_fragments
from feeds.models import (
    Category,
    Enclosure,
    Entry,
    Format,
    Kind,
    Level,
    Link,
    Person,
    Post,
    Role,
)
from feeds.rows import Row
from feeds.tasks import (
    EntryTask,
    RenderedEntry,
    digest,
    entry,
    read_files,
    render_entries,
)

from .conftest import write_post

DATE = datetime(2022, 1, 17, 8, 54, 2, tzinfo=timezone(timedelta(hours=8)))
FORMATS = tuple(Format)
URL = "https://news.example.org/2022/01/17/a.html"
POST = Post("posts/a.md", URL, "tag:news.example.org,2022:a", "标题", DATE, DATE)


def source(url: str) -> Post:
    return replace(POST, links=(Link(Role.SOURCE, "", url, 9),))


# --- a post as an entry -------------------------------------------------------------------


def test_an_entry_holds_what_is_known_of_the_post(site: Path) -> None:
    post = replace(
        POST,
        updated=DATE + timedelta(days=1),
        categories=("emnews",),
        tags=("股市",),
        language="en",
        authors=(Person("A", "a@example.org"),),
        image="https://news.example.org/a.png",
        enclosures=(Enclosure("https://news.example.org/a.mp3", "audio/mpeg", 3),),
        links=(
            Link(Role.BACK_HOME, "返回首页", "/", 9),
            Link(Role.SOURCE, "", "https://source.example.com/a", 8),
        ),
    )
    assert entry(load_config(site), post, "<p>正文</p>", "正文") == Entry(
        id="tag:news.example.org,2022:a",
        url=URL,
        title="标题",
        published=DATE,
        updated=DATE + timedelta(days=1),
        authors=(Person("A", "a@example.org"),),
        summary="正文",
        content="<p>正文</p>",
        categories=(
            Category("emnews", "https://news.example.org/category/"),
            Category("股市", "https://news.example.org/tag/"),
        ),
        source="https://source.example.com/a",
        enclosures=(Enclosure("https://news.example.org/a.mp3", "audio/mpeg", 3),),
        image="https://news.example.org/a.png",
        language="en",
    )


@pytest.mark.parametrize(("content", "expected"), [("full", "<p>a</p>"), ("summary", None)])
def test_content_is_left_out_where_summaries_are_asked_for(
    content: str, expected: str | None, site: Path
) -> None:
    config = load_config(site, {"feeds": {"content": content}})
    made = entry(config, POST, "<p>a</p>", "a")
    assert (made.content, made.summary) == (expected, "a")


def test_a_term_is_labelled_as_the_configuration_names_it(site: Path) -> None:
    named = {"category": {"emnews": {"title": "滚动新闻"}}, "tag": {"x": {"title": "X 光"}}}
    post = replace(POST, categories=("emnews", "x"), tags=("x",))
    made = entry(load_config(site, {"terms": named}), post, "", "")
    labels = [(category.term, category.label) for category in made.categories]
    assert labels == [("emnews", "滚动新闻"), ("x", ""), ("x", "X 光")]


def test_a_repeated_term_is_said_once_per_kind(site: Path) -> None:
    post = replace(POST, categories=("b", "a", "b"), tags=("a", "a"))
    made = entry(load_config(site), post, "", "")
    assert [(category.term, category.scheme.split("/")[-2]) for category in made.categories] == [
        ("b", Kind.CATEGORY),
        ("a", Kind.CATEGORY),
        ("a", Kind.TAG),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://source.example.com/a?x=1&y=2#z", "https://source.example.com/a?x=1&y=2#z"),
        ("http://source.example.com", "http://source.example.com"),
        ("//source.example.com/a", "https://source.example.com/a"),
        ("/about.html", "https://news.example.org/about.html"),
        ("../16/b.html", "https://news.example.org/2022/01/16/b.html"),
        ("https://source.example.com/新闻 1", "https://source.example.com/%E6%96%B0%E9%97%BB%201"),
        ("https://source.example.com/%E6%96%B0", "https://source.example.com/%E6%96%B0"),
        ("", ""),
        ("//", ""),
        ("http://", ""),
        ("https://[bad/", ""),
        ("javascript:alert(1)", ""),
        ("mailto:a@example.org", ""),
        (URL, ""),
    ],
)
def test_a_source_is_an_absolute_address_of_another_page(
    written: str, expected: str, site: Path
) -> None:
    assert entry(load_config(site), source(written), "", "").source == expected


@pytest.mark.parametrize(
    ("of_the_site", "of_the_post", "expected"),
    [
        ("zh-CN", "", ""),
        ("zh-CN", "zh-CN", ""),
        ("zh-CN", "zh-cn", ""),
        ("zh-CN", "en", "en"),
        ("", "en", "en"),
        ("", "", ""),
    ],
)
def test_an_entry_says_its_language_where_it_differs(
    of_the_site: str, of_the_post: str, expected: str, site: Path
) -> None:
    config = load_config(site, {"site": {"language": of_the_site}})
    assert entry(config, replace(POST, language=of_the_post), "", "").language == expected


# --- reading ------------------------------------------------------------------------------


def read(site: Path, *files: tuple[str, bytes], **sections: Any) -> list[Row]:
    return read_files(load_config(site, sections), files)


def test_a_file_is_read_as_a_row_of_the_index(site: Path) -> None:
    path = write_post(site, "a.md", title="标题", tags="[股市]")
    [row] = read(site, ("posts/a.md", b""))
    assert (row.path, row.findings, row.terms) == ("posts/a.md", (), ((Kind.TAG, "股市"),))
    assert row.post
    assert row.digest == digest("posts/a.md", path.read_bytes(), datetime.now(UTC))


def test_a_file_that_is_what_it_was_is_left_out(site: Path) -> None:
    write_post(site, "a.md")
    write_post(site, "b.md")
    known = {row.path: row.digest for row in read(site, ("posts/a.md", b""), ("posts/b.md", b""))}
    assert read(site, *known.items()) == []
    write_post(site, "b.md", title="another")
    assert [row.path for row in read(site, *known.items())] == ["posts/b.md"]


def test_a_draft_is_another_when_its_time_is() -> None:
    # Its time is its date, where it has no other.
    now, later = datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 1, 2, tzinfo=UTC)
    assert digest("_drafts/a.md", b"a", now) != digest("_drafts/a.md", b"a", later)
    assert digest("posts/a.md", b"a", now) == digest("posts/a.md", b"a", later)


def test_a_file_that_is_gone_is_a_row_without_digest(site: Path) -> None:
    assert read(site, ("posts/gone.md", b"known")) == [Row("posts/gone.md", b"")]


def fault(site: Path, path: str) -> str:
    [row] = read(site, (path, b""))
    [finding] = row.findings
    assert (row.post, finding.path, finding.level) == (b"", path, Level.ERROR)
    return finding.what


def test_a_folder_is_no_post(site: Path) -> None:
    (site / "posts/x.md").mkdir()
    assert fault(site, "posts/x.md") == "cannot be read: not a regular file"


def test_a_pipe_is_no_post_and_does_not_block(site: Path) -> None:
    os.mkfifo(site / "posts/x.md")
    assert fault(site, "posts/x.md") == "cannot be read: not a regular file"


def test_a_file_larger_than_any_text_is_not_read(site: Path) -> None:
    with (site / "posts/x.md").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert fault(site, "posts/x.md") == "cannot be read: larger than 64 MiB"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_a_finding(site: Path) -> None:
    write_post(site, "x.md").chmod(0)
    assert fault(site, "posts/x.md") == "cannot be read: permission denied"


# --- rendering ----------------------------------------------------------------------------


def render(site: Path, task: EntryTask, **sections: Any) -> RenderedEntry:
    [rendered] = render_entries(load_config(site, sections), [task])
    return rendered


def task(config: Config, path: str, **references: str) -> EntryTask:
    [row] = read_files(config, [(path, b"")])
    return EntryTask(7, path, row.digest, references)


@pytest.mark.parametrize("formats", [["atom", "rss", "json"], ["json"], ["rss", "atom"]])
def test_a_post_is_rendered_in_every_format_that_is_written(formats: list[str], site: Path) -> None:
    write_post(site, "a.md", title="标题", body="正文。")
    config = load_config(site, {"feeds": {"formats": formats}})
    rendered = render(site, task(config, "posts/a.md"), feeds={"formats": formats})
    fragments = unpack_fragments(rendered.body, config.feeds.formats)
    assert (rendered.post, rendered.findings) == (7, ())
    assert {str(format) for format in fragments} == set(formats)
    assert all("标题".encode() in fragment for fragment in fragments.values())


def test_a_post_that_changed_since_it_was_read_is_not_rendered(site: Path) -> None:
    write_post(site, "a.md")
    known = task(load_config(site), "posts/a.md")
    write_post(site, "a.md", title="another")
    assert render(site, known).body == b""
    (site / "posts/a.md").unlink()
    assert render(site, known).body == b""


def test_a_source_without_scheme_is_announced_with_the_sites(site: Path) -> None:
    write_post(site, "a.md", body="正文。\n\n<//source.example.com/1.html>\n[返回首页](../)")
    rendered = render(site, task(load_config(site), "posts/a.md"))
    atom = unpack_fragments(rendered.body, FORMATS)[Format.ATOM]
    [found] = feedparser.parse(b'<feed xmlns="http://www.w3.org/2005/Atom">' + atom).entries
    assert [link.href for link in found.links if link.rel == "via"] == [
        "https://source.example.com/1.html"
    ]


@pytest.mark.parametrize(
    ("name", "included"),
    [("a.txt", True), ("in/b.txt", True), ("../secret.txt", False), ("none.txt", False)],
)
def test_an_include_comes_from_its_folder_alone(name: str, included: bool, site: Path) -> None:
    (site / "_includes/in").mkdir(parents=True)
    for path in ("_includes/a.txt", "_includes/in/b.txt", "secret.txt"):
        (site / path).write_text("INCLUDED")
    write_post(site, "a.md", body=f"正文 {{% include {name} %}}。")
    rendered = render(site, task(load_config(site), "posts/a.md"))
    fragments = unpack_fragments(rendered.body, FORMATS)
    assert (b"INCLUDED" in fragments[Format.ATOM]) == included
    assert (not rendered.findings) == included


def test_an_include_that_is_a_link_out_of_its_folder_is_none(site: Path) -> None:
    (site / "_includes").mkdir()
    (site / "secret.txt").write_text("INCLUDED")
    (site / "_includes/a.txt").symlink_to(site / "secret.txt")
    write_post(site, "a.md", body="正文 {% include a.txt %}。")
    rendered = render(site, task(load_config(site), "posts/a.md"))
    assert b"INCLUDED" not in unpack_fragments(rendered.body, FORMATS)[Format.ATOM]
    assert rendered.findings


def test_what_workers_take_and_return_can_be_sent_to_another_process(site: Path) -> None:
    write_post(site, "a.md", body="正文 {% nothing %}")
    config = load_config(site)
    rows = read_files(config, [("posts/a.md", b""), ("posts/gone.md", b"")])
    known = task(config, "posts/a.md", b="https://news.example.org/b.html")
    rendered = render_entries(config, [known])
    assert rendered[0].findings
    for value in (config, rows, known, rendered):
        assert pickle.loads(pickle.dumps(value)) == value
