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
    "ARMENIAN": "Armn",
    "GEORGIAN": "Geor",
    "ETHIOPIC": "Ethi",
    "DEVANAGARI": "Deva",
    "BENGALI": "Beng",
    "GURMUKHI": "Guru",
    "GUJARATI": "Gujr",
    "ORIYA": "Orya",
    "TAMIL": "Taml",
    "TELUGU": "Telu",
    "KANNADA": "Knda",
    "MALAYALAM": "Mlym",
    "SINHALA": "Sinh",
    "THAI": "Thai",
    "LAO": "Laoo",
    "KHMER": "Khmr",
    "MYANMAR": "Mymr",
    "TIBETAN": "Tibt",
    "MONGOLIAN": "Mong",
}
# What languages are written in that are not written in Latin letters alone.
WRITTEN_IN: Final = {
    **dict.fromkeys(("zh", "yue", "wuu", "nan", "hak", "lzh"), ("Hani",)),
    "ja": ("Hani", "Jpan"),
    "ko": ("Kore", "Hani"),
    **dict.fromkeys(("ar", "fa", "ur", "ug", "ps", "sd", "ckb"), ("Arab",)),
    **dict.fromkeys(("he", "yi"), ("Hebr",)),
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn", "tg", "tt"), ("Cyrl",)),
    "sr": ("Cyrl", "Latn"),
    "el": ("Grek",),
    "hy": ("Armn",),
    "ka": ("Geor",),
    **dict.fromkeys(("am", "ti"), ("Ethi",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("Deva",)),
    **dict.fromkeys(("bn", "as"), ("Beng",)),
    "pa": ("Guru",),
    "gu": ("Gujr",),
    "or": ("Orya",),
    "ta": ("Taml",),
    "te": ("Telu",),
    "kn": ("Knda",),
    "ml": ("Mlym",),
    "si": ("Sinh",),
    "th": ("Thai",),
    "lo": ("Laoo",),
    "km": ("Khmr",),
    "my": ("Mymr",),
    **dict.fromkeys(("bo", "dz"), ("Tibt",)),
}
# Subtags of script that stand for several (ISO 15924).
TOGETHER: Final = {
    **dict.fromkeys(("Hans", "Hant"), ("Hani",)),
    "Jpan": ("Hani", "Jpan"),
    "Kore": ("Kore", "Hani"),
}


def as_written(name: str, language: str, around: str | None = None) -> Markup:
    """``dir`` where a name of a site in ``language`` need not run as what is around it, and
    ``lang`` where it is not in the language around it, that of the site if none is given."""
    directed = " dir=auto" if LEFTWARD.search(name) else ""
    own = language_of(name, language)
    same = own in ("", language if around is None else around)
    return Markup(directed) if same else Markup("{} lang={}").format(directed, own)


def language_of(name: str, language: str) -> str:
    """``language``, or, for a name in none of its scripts, ``und`` (which it is nobody knows) and
    the script."""
    script = _other_script(name, language) if language else ""
    return f"und-{script}" if script else language


def _other_script(name: str, language: str) -> str:
    """The script that a name begins in, empty if any letter is of the language's own."""
    own = _scripts_of(language)
    found = [script for each in name if (script := _script(each))]
    return found[0] if found and not set(found) & set(own) else ""


@lru_cache(64)
def _scripts_of(language: str) -> tuple[str, ...]:
    """What a language is written in: what its tag says (RFC 5646 section 2.2.3), or is known."""
    first, *more = language.split("-")
    said = next((each.title() for each in more if len(each) == 4 and each.isalpha()), "")
    if said:
        return TOGETHER.get(said, (said,))
    return WRITTEN_IN.get(first.lower(), ("Latn",))


@lru_cache(8_192)
def _script(letter: str) -> str:
    return SCRIPTS.get(unicodedata.name(letter, "").partition(" ")[0], "")
