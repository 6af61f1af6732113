"""What browsers and voices are told of names in other scripts, and that they are told no more."""

from __future__ import annotations

import pytest

from feeds.pages.scripts import as_written


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("税务要闻", "zh-CN", ""),
        ("税务要闻", "en", " lang=und-Hani"),
        ("Energy & Climate", "en-GB", ""),
        ("Energy & Climate", "zh-CN", " lang=und-Latn"),
        ("C语言", "zh", ""),
        ("東京タワー", "ja", ""),
        ("タワー", "zh", " lang=und-Jpan"),
        ("Новости", "RU", ""),
        ("Новости", "de", " lang=und-Cyrl"),
        ("النفط", "ar", " dir=auto"),
        ("النفط", "zh-CN", " dir=auto lang=und-Arab"),
        ("אבג", "en", " dir=auto lang=und-Hebr"),
        ("abc عربي", "en", " dir=auto"),
        ("\u202eabc", "en", " dir=auto"),
        ("2024 · 100%", "zh-CN", ""),
        ("👩‍👩‍👧", "zh-CN", ""),
        ("新闻", "yue", ""),
        ("新闻", "yue-Latn", " lang=und-Hani"),
        ("Хабарҳо", "tg", ""),
        ("Yangiliklar", "uz", ""),
        ("Янгиликлар", "uz-Cyrl", ""),
        ("新聞", "zh-Hant-TW", ""),
        ("খবর", "bn", ""),
        ("খবর", "en", " lang=und-Beng"),
        ("", "zh-CN", ""),
        ("Energy", "", ""),
    ],
)
def test_only_what_differs_is_told(name: str, language: str, expected: str) -> None:
    assert as_written(name, language) == expected


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("税务要闻", "zh-CN", " lang=zh-CN"),
        ("Steuern", "de", " lang=de"),
        ("Taxes", "en", ""),
        ("النفط", "ar", " dir=auto lang=ar"),
        ("Новости", "de", " lang=und-Cyrl"),
        ("Energy", "", ""),
    ],
)
def test_in_the_words_of_a_page_a_name_says_its_language(
    name: str, language: str, expected: str
) -> None:
    assert as_written(name, language, "en") == expected
