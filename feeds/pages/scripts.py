"""Names of any script on a page of one language: what browsers and voices have to be told.

In: a name as people read it, and the language around it (BCP 47). Out: its language, or
attributes of HTML, only where they change anything: a directory has thousands of names.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from markupsafe import Markup

# Letters that run from right to left, and what makes others do so (UAX 9).
LEFTWARD: Final = re.compile(
    "[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc"
    "\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Of the first word of a letter's name (Unicode Character Database) its script (ISO 15924).
SCRIPTS: Final = {
    "LATIN": "Latn",
    "CJK": "Hani",
    "HIRAGANA": "Jpan",
    "KATAKANA": "Jpan",
    "HANGUL": "Kore",
    "ARABIC": "Arab",
    "HEBREW": "Hebr",
    "CYRILLIC": "Cyrl",
    "GREEK": "Grek",
    "DEVANAGARI": "Deva",
    "THAI": "Thai",
}
# What languages are written in that are not written in Latin letters alone.
WRITTEN_IN: Final = {
    "zh": ("Hani",),
    "ja": ("Hani", "Jpan"),
    "ko": ("Kore", "Hani"),
    **dict.fromkeys(("ar", "fa", "ur", "ug", "ps"), ("Arab",)),
    **dict.fromkeys(("he", "yi"), ("Hebr",)),
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn"), ("Cyrl",)),
    "sr": ("Cyrl", "Latn"),
    "el": ("Grek",),
    **dict.fromkeys(("hi", "mr", "ne"), ("Deva",)),
    "th": ("Thai",),
}


def as_written(name: str, language: str) -> Markup:
    """``dir`` where a name need not run as what is around it, and ``lang`` where it is not in
    that language."""
    directed = " dir=auto" if LEFTWARD.search(name) else ""
    own = language_of(name, language)
    return Markup(directed) if own == language else Markup("{} lang={}").format(directed, own)


def language_of(name: str, language: str) -> str:
    """``language``, or, for a name in none of its scripts, ``und`` (which it is nobody knows) and
    the script."""
    script = _other_script(name, language) if language else ""
    return f"und-{script}" if script else language


def _other_script(name: str, language: str) -> str:
    """The script that a name begins in, empty if any letter is of the language's own."""
    own = WRITTEN_IN.get(language.lower().partition("-")[0], ("Latn",))
    found = [script for each in name if (script := _script(each))]
    return found[0] if found and not set(found) & set(own) else ""


@lru_cache(8_192)
def _script(letter: str) -> str:
    return SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")
