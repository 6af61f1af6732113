"""The words of pages, in each language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import feeds.pages
from feeds.models import Period, Role, Standing, Verdict
from feeds.pages import linkwords
from feeds.pages.words import CHINESE, ENGLISH, language_of_pages, pace, per_month

TEMPLATES = Path(feeds.pages.__file__).parent / "templates"


def test_every_language_has_all_words() -> None:
    assert CHINESE.keys() == ENGLISH.keys()
    assert all(word.strip() for words in (CHINESE, ENGLISH) for word in words.values())


def test_every_language_has_a_word_for_all_that_is_said_of_links() -> None:
    everything = {*Role, *Standing, *Verdict}
    assert linkwords.CHINESE.keys() == linkwords.ENGLISH.keys() == everything


def test_templates_use_all_words_and_no_others() -> None:
    text = "".join(path.read_text("utf-8") for path in TEMPLATES.glob("*.html"))
    code = "".join(path.read_text("utf-8") for path in TEMPLATES.parent.glob("*.py"))
    used = set(re.findall(r"\bsay\.(\w+)", text)) | set(re.findall(r"""said\[["'](\w+)""", code))
    kinds = {"site", "category", "tag"}
    used |= {f"kind_{kind}" for kind in kinds} | (kinds - {"site"})
    used |= {"hourly", "daily", "weekly", "monthly"} | {"error", "warning"}
    assert used == ENGLISH.keys()


@pytest.mark.parametrize(
    ("language", "pages"),
    [("zh-CN", "zh-CN"), ("zh", "zh-CN"), ("ZH-Hant", "zh-CN"), ("de", "en"), ("", "en")],
)
def test_pages_speak_the_language_of_the_site_where_it_is_known(language: str, pages: str) -> None:
    assert language_of_pages(language) == pages


@pytest.mark.parametrize(
    ("period", "english", "chinese", "number"),
    [
        (Period("hourly", 3), "3 an hour", "每小时 3 篇", 2160),
        (Period("daily", 1), "1 a day", "每天 1 篇", 30),
        (Period("weekly", 2), "2 a week", "每周 2 篇", 8),
        (Period("monthly", 2), "2 a month", "每月 2 篇", 2),
        (Period("monthly", 1), "rarely", "很少", 1),
    ],
)
def test_how_often_is_said_in_words(
    period: Period, english: str, chinese: str, number: int
) -> None:
    assert pace(period, ENGLISH) == english
    assert pace(period, CHINESE) == chinese
    assert per_month(period) == number
