"""The page of the link check in builds: when it is made anew, and from what."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from feeds.cli import cli
from feeds.links import runs
from feeds.links.fetch import Outcome
from feeds.links.schedule import Asked
from feeds.links.store import LinkStore
from feeds.models import Level, Verdict
from feeds.rows import Part
from feeds.view import View, connect, current_index

from .conftest import CONFIG, run_build, write_post

PAGE = "public/links/index.html"
# What is read while tests run is of today.
TODAY = datetime.now(UTC)
A, B = "https://a.example/1", "https://b.example/1"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site with all pages and two posts."""
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    for name, url in (("a", A), ("b", B)):
        write_post(root, f"{name}.md", body=f"正文。\n\n<{url}>", categories="ports", tags="港口")
    return root


def check(root: Path, *options: str) -> int:
    command = ["check", str(root), "--offline", *options]
    done = CliRunner().invoke(cli, command, catch_exceptions=False, standalone_mode=False)
    return int(done.return_value or 0)


def answer(root: Path, url: str, verdict: Verdict, at: int | None = None) -> None:
    """A run that asked for an address."""
    now = at or int(TODAY.timestamp())
    with contextlib.closing(LinkStore(root / ".feeds")) as store:
        run = store.begin_run(now)
        (number,) = store._row("SELECT id FROM url WHERE url = ?", (url,))
        store.record([(Asked(number, url), Outcome(verdict, status=404))], now)
        store.end_run(run, now, 1, store.totals())
        store.save()


def page(root: Path) -> str:
    return (root / PAGE).read_text("utf-8")


def built(root: Path) -> Sequence[str]:
    """A build; which files it wrote."""
    result = run_build(root, TODAY)
    assert result.published is not None
    return result.published.written


def kept(root: Path) -> bytes:
    """What the index keeps for the page."""
    path = current_index(root / ".feeds")
    assert path is not None
    with contextlib.closing(connect(path)) as db:
        (found,) = (each for each in View(db).pages() if each.part is Part.LINKS)
    return found.data


def test_there_is_a_page_before_links_were_checked(site: Path) -> None:
    run_build(site, TODAY)
    assert "feeds check" in page(site)
    assert not (site / ".feeds" / runs.FILE_NAME).exists()
    # All pages lead to it.
    assert '<a href="links/">' in (site / "public/index.html").read_text("utf-8")


def test_the_next_build_shows_what_a_check_found(site: Path) -> None:
    run_build(site, TODAY)
    check(site)
    answer(site, A, Verdict.GONE)
    assert built(site) == ("links/index.html",)
    assert re.search(rf'<b class="bad">gone</b>.*<a href="{A}"', page(site))
    assert '<a href="../category/ports/"><bdi lang=und-Hani>港口</bdi></a> <small>' in page(site)
    answer(site, A, Verdict.OK)
    assert built(site) == ("links/index.html",)
    assert A not in page(site)
    assert built(site) == ()


def test_a_build_with_no_news_looks_into_the_store_once(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(site)
    run_build(site, TODAY)
    text = page(site)
    opened: list[str] = []
    connect_to = sqlite3.connect

    def noted(database: str, *more: object, **options: object) -> sqlite3.Connection:
        opened.append(str(database))
        return connect_to(database, *more, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(sqlite3, "connect", noted)
    monkeypatch.setattr("feeds.links.overview.overview", None)  # must not be called
    write_post(site, "c.md", body="正文。", categories="ports", tags="港口")
    run_build(site, TODAY)
    run_build(site, TODAY)
    assert [runs.FILE_NAME in each for each in opened].count(True) == 2
    assert page(site) == text


def test_a_category_that_is_called_something_else_is_so_here(site: Path) -> None:
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    before = kept(site)
    write_post(site, "c.md", body="正文。", categories="ports")
    run_build(site, TODAY)
    assert '<a href="../category/ports/"><bdi>ports</bdi></a>' in page(site)
    assert kept(site) == before


def test_what_the_configuration_says_of_verdicts_counts_in_the_next_build(site: Path) -> None:
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    assert A in page(site)
    severity = '[links]\nseverity = { "source.gone" = "good" }\n'
    (site / "config.toml").write_text(CONFIG + severity, "utf-8")
    run_build(site, TODAY)
    assert A not in page(site)


def test_a_run_that_says_nothing_new_makes_no_other_page(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where everything is made anew."""
    monkeypatch.setattr("feeds.links.store.HOUR", 1 << 40)  # none ends while this runs
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    text = page(site)
    check(site)
    assert built(site) == ()
    run_build(site, TODAY, full=True)
    assert page(site) == text


def test_a_store_that_cannot_be_read_leaves_the_page_as_it_was(site: Path) -> None:
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    text = page(site)
    kept = {path: path.read_bytes() for path in site.glob(".feeds/links.sqlite*")}
    for path in kept:
        path.write_bytes(b"no database" * 1_000)
    result = run_build(site, TODAY)
    (found,) = (each for each in result.findings if each.path == ".feeds/links.sqlite")
    assert (found.level, found.done) == (Level.WARNING, "the page of links stays as it was")
    assert page(site) == text
    # With nothing to go on from it says nothing, until the store can be read again.
    result = run_build(site, TODAY, full=True)
    (found,) = (each for each in result.findings if each.path == ".feeds/links.sqlite")
    assert found.done == "the page of links says nothing"
    assert "feeds check" in page(site)
    for path, content in kept.items():
        path.write_bytes(content)
    run_build(site, TODAY)
    assert page(site) == text


def test_a_store_that_is_deleted_takes_its_page_with_it(site: Path) -> None:
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    for path in site.glob(".feeds/links.sqlite*"):
        path.unlink()
    run_build(site, TODAY)
    assert "have not been checked yet" in page(site)
    # A new one begins to count anew, and is another one all the same.
    check(site)
    run_build(site, TODAY)
    assert "have not been checked yet" not in page(site)


@pytest.mark.parametrize(
    ("pages", "there", "nav"),
    [('links = ""', False, False), ('links = "state/links.html"', False, True)],
)
def test_the_page_lies_where_it_is_wanted(site: Path, pages: str, there: bool, nav: bool) -> None:
    run_build(site, TODAY)
    assert (site / PAGE).exists()
    (site / "config.toml").write_text(f"{CONFIG}[pages]\n{pages}\n", "utf-8")
    run_build(site, TODAY)
    assert (site / PAGE).exists() is there
    assert (site / "public/state/links.html").exists() is nav
    directory = (site / "public/index.html").read_text("utf-8")
    assert ('<a href="state/links.html">' in directory) is nav
    assert '<a href="links/">' not in directory


def test_the_report_is_the_same_page_and_needs_no_other_file(site: Path) -> None:
    check(site)
    answer(site, A, Verdict.GONE)
    run_build(site, TODAY)
    report = site / "report.html"
    assert check(site, "--format", "html", "-o", str(report)) == 1
    text = report.read_text("utf-8")
    assert "<style>" in text
    assert (
        '<a href="https://news.example.org/category/ports/"><bdi lang=und-Hani>港口</bdi></a>'
        in text
    )

    def main(of: str) -> str:
        """What both have in common; the run that wrote the report asked for nothing."""
        found = of[of.index("<section") : of.index("</main>")]
        found = re.sub(r"<figure.*?</figure>", "", found, flags=re.S)
        return re.sub(r'(href=")(?:\.\./|https://news\.example\.org/)', r"\1", found)

    assert main(text) == main(page(site))


def test_a_report_needs_no_build(site: Path) -> None:
    report = site / "report.html"
    assert check(site, "--format", "html", "-o", str(report)) == 1
    text = report.read_text("utf-8")
    assert "<h3><bdi>ports</bdi> <small>" in text
    assert not (site / "public").exists()
