"""Whichever way a build goes, quick or careful, alone or with workers, it writes the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from feeds import build, workers
from feeds.models import Finding
from feeds.posts import body, fields, frontmatter
from feeds.render import plain
from feeds.workers import processes

from .conftest import CONFIG, run_build, tree

POSTS: Mapping[str, str] = {
    "quick.md": 'title: "题"\ndate: 2022-01-17 08:54:02 +0800\ncategories: [x]\ntags: [股市, b]',
    "list.md": "title: t\ndate: 2022-01-16\ntags:\n- 股市\n- 'c'",
    "yaml.md": 'title: "a\\tb"\ndate: 2022-01-15\ncategories: &x [y]\ntags: {a: 1}\nmore: |\n  x',
    "flow.md": "{title: t, date: 2022-01-14, tags: [a, b]}",
    "broken.md": 'title: "A"B""\ndate: 2022-01-13 10:00:00\ntags: [a]',
    "empty.md": 'title: ""\ndate: 2022-01-12 10:00:00\ncategories: x',
    "dateless.md": "title: t\ntags: [a]",
    "word.md": "title: t\ndate: June 3, 2021\ntags: NO",
    "author.md": "title: t\ndate: 2021-05-01\nauthor: A\nimage: /i.png\nsource: https://a.example/1",
}
BODIES = (
    "一行正文。\n",
    '<p>一</p>\n <p>二<strong>三</strong></p><p class="em_media">四</p>\n',
    '<p>一<script>x</script> &amp; <a href="../b">二</a></p>\n\n- 三\n- **四**，五\n',
    "正文 *甲* 与 {{ page.title }}。\n",
)
TAILS = (
    "",
    "\n<https://paper.example.net/a?b=1>\n\n[返回股市](//news.example.org/x.html)｜[返回首页](/)\n",
    "\n来源：[报](https://例子.example/%zz?a=“b”)\n\n[返回首页](../)\n",
)


def write_site(root: Path) -> None:
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    for name, header in POSTS.items():
        for place, text in enumerate(BODIES):
            for tail_place, tail in enumerate(TAILS):
                file = root / f"posts/{place}{tail_place}-{name}"
                file.write_text(f"---\n{header}\n---\n\n{text}{tail}", "utf-8")


def built(root: Path, jobs: int) -> tuple[Mapping[str, bytes], tuple[Finding, ...]]:
    write_site(root)
    result = run_build(root, jobs=jobs)
    again = run_build(root, full=True, jobs=jobs)
    assert again.published is not None
    assert again.published.written == ()
    return tree(root / "public"), result.findings


@pytest.fixture(scope="module")
def as_usual(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Mapping[str, bytes], tuple[Finding, ...]]:
    """What one process writes, which takes every quick path that it may."""
    documents, findings = built(tmp_path_factory.mktemp("usual") / "site", jobs=1)
    assert len(documents) > 10
    assert len(findings) > 20
    return documents, findings


def nothing(*_: object) -> None:
    """A quick path that takes nothing."""


Force = Callable[[pytest.MonkeyPatch], None]

FORCED: Mapping[str, Force] = {
    "front matter": lambda patch: patch.setattr(frontmatter, "quick_values", nothing),
    "bodies": lambda patch: patch.setattr(body, "paragraphs", nothing),
    "addresses": lambda patch: patch.setattr(fields, "PLAIN_ADDRESS", re.compile("(?!)")),
    "common fields": lambda patch: patch.setattr(fields, "COMMON_KEYS", frozenset()),
    "entries": lambda patch: patch.setattr(plain, "_is_plain", lambda _: False),
}


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("force", FORCED.values(), ids=FORCED)
def test_no_quick_path_changes_a_byte(
    force: Force,
    jobs: int,
    as_usual: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    force(monkeypatch)
    if jobs > 1:
        spread_everything(monkeypatch)
    assert built(tmp_path / "site", jobs) == as_usual


def test_all_of_them_neither(
    as_usual: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for force in FORCED.values():
        force(monkeypatch)
    assert built(tmp_path / "site", jobs=1) == as_usual


@pytest.mark.parametrize("jobs", [2, 3])
def test_workers_change_no_byte(
    jobs: int, as_usual: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = spread_everything(monkeypatch)
    assert built(tmp_path / "site", jobs) == as_usual
    assert made == [jobs, jobs]  # in each of the two builds


def spread_everything(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Have little work be worth a pool; returns what is asked of it."""
    monkeypatch.setattr(workers, "WORTH_A_POOL", 1)
    monkeypatch.setattr(build, "WORTH_SPREADING", 1)
    monkeypatch.setattr(build, "RENDER_CHUNK", 3)
    monkeypatch.setattr(build, "DOCUMENT_CHUNK", 2)
    made: list[int] = []

    def making(jobs: int) -> object:
        made.append(jobs)
        return processes(jobs)

    monkeypatch.setattr("tests.conftest.processes", making)
    return made
