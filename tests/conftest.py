"""What several tests need: folders with posts, and a way to build them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings

from feeds import build as building
from feeds import workers
from feeds.build import Options, Result, build
from feeds.configfile import load_config
from feeds.posts import body, frontmatter
from feeds.workers import Workers, processes

from . import dask

# How long one example takes says more of the machine, and of who else works on it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

SHARED = Path(__file__).parents[2] / "shared"
NOW = datetime(2022, 6, 15, tzinfo=UTC)
CONFIG = """\
[site]
url = "https://news.example.org"
title = "新闻"
timezone = "Asia/Shanghai"
[posts]
sources = ["posts"]
"""
# Where only feeds are looked at.
NO_PAGES = """\
[pages]
directory = ""
site = ""
feed = ""
links = ""
"""

Build = Callable[..., Result]


@pytest.fixture
def shared() -> Path:
    """Real posts that are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: it holds other people's posts")
    return SHARED


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An empty site with a configuration."""
    root = tmp_path / "site"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG + NO_PAGES, "utf-8")
    return root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where machines of a cluster have their own files."""
    return tmp_path_factory.mktemp("dask")


@pytest.fixture(scope="module")
def scheduler(place: Path) -> Iterator[str]:
    """A Dask scheduler on a machine that has no feeds."""
    with dask.scheduler(place, dask.WITHOUT_FEEDS) as started:
        yield started.address


def post_text(title: str, date: str, body: str = "正文。", **more: object) -> str:
    """A post in the shape of the user's site."""
    lines = [f'title: "{title}"', f"date: {date}", *(f"{k}: {v}" for k, v in more.items())]
    return "\n".join(["---", *lines, "---", "", body, ""])


def write_post(
    root: Path, name: str, date: str = "2022-01-17 08:54:02 +0800", **more: object
) -> Path:
    """Put a post into ``posts/``; ``more`` may hold title, body and front matter."""
    path = root / "posts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    title = str(more.pop("title", name))
    body = str(more.pop("body", f"{name} 的正文。"))
    path.write_text(post_text(title, date, body, **more), "utf-8")
    return path


def run_build(
    root: Path, now: datetime = NOW, jobs: int = 1, full: bool = False, strict: bool = False
) -> Result:
    """A build in this process."""
    with Workers(jobs, processes) as pool:
        return build(load_config(root), now, pool, Options(full=full, strict=strict))


def tree(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _without_quick_paths(patch: pytest.MonkeyPatch) -> None:
    """Every header through a YAML parser, every body through Markdown and the sanitiser."""
    patch.setattr(frontmatter, "quick_values", lambda header: None)
    patch.setattr(body, "paragraphs", lambda text, markup: None)


def _in_a_pool(patch: pytest.MonkeyPatch) -> None:
    """Everything in other processes, however little it is."""
    serial = Workers.__init__
    patch.setattr(Workers, "__init__", lambda self, _, make: serial(self, 2, make))
    patch.setattr(workers, "WORTH_A_POOL", 1)
    patch.setattr(building, "WORTH_SPREADING", 1)


@pytest.fixture(params=["quick", "whole"])
def both_parsers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is plain without a parser, and with."""
    if request.param == "whole":
        _without_quick_paths(monkeypatch)


@pytest.fixture(params=["one process", "a pool"])
def every_way(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, both_parsers: None
) -> None:
    """Each way that posts may take through a build."""
    if request.param == "a pool":
        _in_a_pool(monkeypatch)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that take minutes only run where marks are asked for, as with ``-m slow``."""
    if config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]
