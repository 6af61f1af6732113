"""The fields of a post, out of a header's values: terms, people, images, files.

In: values as they are written. Out: the parts of a :class:`~feeds.models.Post`. The names
that Jekyll, jekyll-feed, Hugo, Zola and Eleventy use for one thing are read as that thing;
a value of the wrong shape is no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from feeds.config import Site
from feeds.models import Enclosure, Link, Person, Role
from feeds.posts.frontmatter import Value, is_false, is_null, is_true
from feeds.posts.permalink import encoded

SUMMARY_KEYS: Final = ("excerpt", "summary", "description")
IMAGE_KEYS: Final = (
    "image", "images", "cover", "thumbnail", "teaser", "featured_image", "feature_image",
    "banner", "header",
)  # fmt: skip
IMAGE_PARTS: Final = ("path", "url", "src", "image", "feature", "teaser", "thumbnail", "thumb")
LANGUAGE_KEYS: Final = ("lang", "language", "locale")
ALIAS_KEYS: Final = ("aliases", "alias", "redirect_from")
ID_KEYS: Final = ("id", "guid", "uuid")
UPDATED_KEYS: Final = ("last_modified_at", "lastmod", "updated", "modified", "last_updated")
ENCLOSURE_KEYS: Final = ("enclosure", "enclosures")
SOURCE_KEYS: Final = ("source", "link", "canonical_url", "external_url")
RECORDING_KEYS: Final = ("audio", "audio_file", "audio_url", "podcast", "mp3", "video")

# The types that RSS readers act on. The machine's own table would differ between machines.
MEDIA_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "aac": "audio/aac",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "webm": "video/webm",
    "ogv": "video/ogg",
    "mov": "video/quicktime",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "epub": "application/epub+zip",
    "zip": "application/zip",
    "torrent": "application/x-bittorrent",
}
UNKNOWN_TYPE: Final = "application/octet-stream"

# The fields that nearly every post has and that say nothing of the above.
COMMON_KEYS: Final = frozenset(
    ("layout", "title", "date", "categories", "category", "tags", "tag", "published", "permalink")
)

_SPACE: Final = " \t\r\n\f\v\0"
_LINES: Final = re.compile("[\t\n\v\f\r\x85\u2028\u2029]")
_WORD: Final = re.compile(rf"[^{_SPACE}]+")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_ADDRESS: Final = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)
PLAIN_ADDRESS: Final = re.compile(
    r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?(?:[/?#][A-Za-z0-9!$&'()*+,;=:@/?#._~-]*)?"
)


def text_of(value: Value | None) -> str:
    """A scalar as text on one line; of a list its items; nothing of null and of a mapping."""
    if isinstance(value, str):
        if is_null(value):
            return ""
        text = value.strip()
        return " ".join(text.split()) if "\n" in text or "\t" in text else text
    if isinstance(value, list):
        return " ".join(texts(value))
    return ""


def texts(value: Value | None) -> list[str]:
    """The scalars of a value, flattened, without nulls and blanks."""
    if isinstance(value, str):
        return [] if is_null(value) or not value.strip() else [_on_one_line(value)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return []


def _on_one_line(text: str) -> str:
    """A text as it is, unless it has lines."""
    if text.isprintable() or not _LINES.search(text):
        return str(text)
    return " ".join(text.split())


def first_text(values: Mapping[str, Value], keys: Iterable[str]) -> str:
    """The first of several fields that says something; YAML's true and false say nothing."""
    for key in keys:
        value = values.get(key)
        if value is not None and not is_false(value) and not is_true(value):
            text = text_of(value)
            if text:
                return text
    return ""


class Details(NamedTuple):
    """What only some headers say."""

    language: str = ""
    authors: tuple[Person, ...] = ()
    summary: str = ""
    image: str = ""
    enclosures: tuple[Enclosure, ...] = ()
    aliases: tuple[str, ...] = ()


NO_DETAILS: Final = Details()


def details(values: Mapping[str, Value], post_url: str, site: Site, jekyll: bool) -> Details:
    """The fields beyond title, date, terms and link; URLs are absolute."""
    return Details(
        language(values),
        authors(values, post_url, site, jekyll),
        first_text(values, SUMMARY_KEYS),
        image(values, post_url, site.url, jekyll),
        enclosures(values, post_url, site.url, jekyll),
        aliases(values),
    )


def aliases(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Where the post was before, as written."""
    found = [text.strip() for key in ALIAS_KEYS for text in texts(values.get(key))]
    return tuple(dict.fromkeys(found))


# --- the source ------------------------------------------------------------------------------


def source(
    values: Mapping[str, Value], post_url: str, line_of: Callable[[str], int]
) -> tuple[Link, ...]:
    """The article that a post was taken from, if its header names one by its address.

    A post whose canonical address is its own page comes from nowhere else.
    """
    for key in SOURCE_KEYS:
        label, url = _named_address(values.get(key))
        if _ADDRESS.fullmatch(url) and _page(url) != _page(post_url):
            return (Link(Role.SOURCE, label, url, line_of(key)),)
    return ()


def _named_address(value: Value | None) -> tuple[str, str]:
    if isinstance(value, dict):
        label = first_text(value, ("name", "title", "label", "text"))
        return label, first_text(value, ("url", "link", "href", "uri"))
    if isinstance(value, list):
        return next(filter(any, map(_named_address, value)), ("", ""))
    return "", text_of(value)


def _page(url: str) -> str:
    """An address without what does not tell pages apart."""
    return url.partition("//")[2].partition("#")[0].removesuffix("/")


# --- terms -------------------------------------------------------------------------------


def categories(
    from_path: Sequence[str], plural: Iterable[Value | None], singular: Value | None
) -> tuple[str, ...]:
    """Jekyll's categories: the folders, then each ``categories``, then ``category``."""
    found = [*from_path]
    for value in plural:
        found += _split(value)
    return tuple(dict.fromkeys(found + texts(singular)))


def tags(values: Mapping[str, Value]) -> tuple[str, ...]:
    """Jekyll's tags: ``tag`` as it is, else ``tags``; each once."""
    singular = values.get("tag")
    found = _split(values.get("tags")) if is_null(singular) else texts(singular)
    return tuple(found) if len(found) < 2 else tuple(dict.fromkeys(found))


def taxonomy(values: Mapping[str, Value], name: str) -> Value | None:
    """Zola's ``[taxonomies]``: a field of its own for categories, tags, authors."""
    table = values.get("taxonomies")
    return table.get(name) if isinstance(table, dict) else None


def _split(value: Value | None) -> list[str]:
    """A text is cut at white space, a list is not. Ruby cuts at ASCII's white space only."""
    if isinstance(value, str):
        return [] if is_null(value) else _WORD.findall(value)
    return texts(value)


# --- people --------------------------------------------------------------------------------


def authors(
    values: Mapping[str, Value], post_url: str, site: Site, jekyll: bool
) -> tuple[Person, ...]:
    """Who wrote a post: ``author``, ``authors``, or Zola's taxonomy of that name."""
    for value in (values.get("author"), values.get("authors"), taxonomy(values, "authors")):
        if value is not None:
            people = tuple(dict.fromkeys(_people(value, site)))
            if people:
                return tuple(
                    replace(person, url=resolved(person.url, post_url, site.url, jekyll))
                    if person.url
                    else person
                    for person in people
                )
    return ()


def _people(value: Value, site: Site) -> Iterator[Person]:
    if isinstance(value, list):
        for item in value:
            yield from _people(item, site)
    elif isinstance(value, dict):
        name = first_text(value, ("name", "display_name", "title"))
        url = first_text(value, ("url", "uri", "website", "web", "site"))
        if name:
            yield Person(name, first_text(value, ("email",)), url)
    elif not is_true(value) and not is_false(value) and (name := text_of(value)):
        yield site.authors.get(name) or Person(name)


def language(values: Mapping[str, Value]) -> str:
    """A language tag (BCP 47), or an empty text."""
    tag = first_text(values, LANGUAGE_KEYS).replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else ""


# --- images and files ------------------------------------------------------------------------


def image(values: Mapping[str, Value], post_url: str, site_url: str, jekyll: bool) -> str:
    """The URL of the picture that stands for a post."""
    for key in IMAGE_KEYS:
        value = values.get(key)
        if value is None:
            continue
        # A theme's header may be anything; only its picture is one.
        found = _image_path(value) if key != "header" or isinstance(value, dict) else ""
        if found and (url := resolved(found, post_url, site_url, jekyll)):
            return url
    return ""


def _image_path(value: Value) -> str:
    if isinstance(value, dict):
        return first_text(value, IMAGE_PARTS) or first_text(value, ("overlay_image",))
    if isinstance(value, list):
        return next((path for item in value if (path := _image_path(item))), "")
    return "" if is_true(value) or is_false(value) else text_of(value)


def enclosures(
    values: Mapping[str, Value], post_url: str, site_url: str, jekyll: bool
) -> tuple[Enclosure, ...]:
    """The files that belong to a post, each URL once."""
    found: dict[str, Enclosure] = {}
    for key in (*ENCLOSURE_KEYS, *RECORDING_KEYS):
        value = values.get(key)
        if value is None:
            continue
        for path, type, length in _files(value):
            url = resolved(path, post_url, site_url, jekyll)
            known = MEDIA_TYPES.get(_ending(url), "")
            if url and (key in ENCLOSURE_KEYS or known.startswith(("audio/", "video/"))):
                found.setdefault(url, Enclosure(url, type or known or UNKNOWN_TYPE, length))
    return tuple(found.values())


def _files(value: Value) -> Iterator[tuple[str, str, int]]:
    """Path, type and length of each file that a value names."""
    if isinstance(value, list):
        for item in value:
            yield from _files(item)
    elif isinstance(value, dict):
        path = first_text(value, ("url", "src", "href", "file", "path", "link"))
        type = first_text(value, ("type", "mime", "mime_type", "media_type"))
        length = _number(first_text(value, ("length", "size", "bytes", "filesize")))
        if path:
            yield path, type if _MEDIA_TYPE.fullmatch(type) else "", length
        else:
            # Octopod: one file for each ending, {mp3: a.mp3, opus: a.opus}.
            for ending, item in value.items():
                if ending in MEDIA_TYPES and text_of(item):
                    yield text_of(item), "", 0
    elif not is_true(value) and not is_false(value) and (text := text_of(value)):
        # WordPress and its exports: URL, length and type, one a line.
        parts = value.split()
        if len(parts) >= 3 and parts[1].isdecimal() and _MEDIA_TYPE.fullmatch(parts[2]):
            yield parts[0], parts[2], _number(parts[1])
        else:
            yield text, "", 0


def _number(text: str) -> int:
    digits = text.replace("_", "").replace(",", "")
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 16 else 0


def _ending(url: str) -> str:
    return url.partition("?")[0].partition("#")[0].rpartition("/")[2].rpartition(".")[2].lower()


def resolved(path: str, post_url: str, site_url: str, jekyll: bool) -> str:
    """A path of a header as an absolute URL, empty if it is none of the web.

    Jekyll's ``absolute_url`` puts the site's URL with its baseurl before every path; the
    other generators resolve it against the post. Neither renders a template there.
    """
    if PLAIN_ADDRESS.fullmatch(path):  # most are, and to take one apart takes 10 µs
        return path
    return _resolved(path, post_url, site_url, jekyll)


def _resolved(path: str, post_url: str, site_url: str, jekyll: bool) -> str:
    if "{{" in path or "{%" in path:
        return ""
    path = encoded(path.replace("\\", "/"), more="[]" if "//[" in path else "")
    try:
        scheme = urlsplit(path).scheme
        if scheme:
            return path if scheme in ("http", "https") and urlsplit(path).hostname else ""
        if not jekyll or path.startswith("//"):
            return urljoin(post_url, path)
        below = path.removeprefix(urlsplit(site_url).path + "/").lstrip("/")
        return urljoin(f"{site_url}/", f"./{below}")
    except ValueError:
        return ""
