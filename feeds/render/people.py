"""Persons in, what of them a feed may say out."""

from __future__ import annotations

import re

from feeds.models import Person

ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


def address(person: Person) -> str:
    """The email of a person, or an empty text where what stands for it is no address.

    Posts say ``me at example.org`` too, which RFC 4287 section 3.2.3 does not allow.
    """
    return person.email if ADDRESS.fullmatch(person.email) else ""
