"""Whether the README shows the pages of today."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .screenshots import CHECKOUT, IMAGES, IN_README, MADE_OF, SEEN_IN_THEM, made_of


def test_the_pictures_of_the_readme_are_of_the_pages_of_today() -> None:
    """If not: ``python -m tests.pages.screenshots``, and look at them."""
    assert (IMAGES / MADE_OF).read_text("utf-8") == made_of()
    readme = (CHECKOUT / "README.md").read_text("utf-8")
    assert all(f"(docs/images/{name})" in readme for name in IN_README)
    assert {each.name for each in IMAGES.iterdir()} == {*IN_README, MADE_OF}


@pytest.mark.parametrize("name", SEEN_IN_THEM)
def test_whatever_is_seen_in_them_makes_them_old(tmp_path: Path, name: str) -> None:
    before = [line.split()[1] for line in made_of().splitlines()]
    for path in before:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / path, tmp_path / path)
    assert made_of(tmp_path) == made_of()
    (changed,) = (path for path in before if path.endswith(f"/{name}"))
    (tmp_path / changed).write_text("other", "utf-8")
    assert made_of(tmp_path) != made_of()
