"""One file of a site as a post.

In: the path and the bytes of a file and the configuration. Out: a
:class:`~feeds.posts.reading.Reading`: the post with its body and its navigation, or none, and
every finding. Nothing that stands in a file raises: what can be repaired is, with a warning,
and what cannot is left out, with an error. A post's link, date and membership are those that
Jekyll 4 gives it; Hugo's, Zola's and Eleventy's fields are read where they do not contradict.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from feeds.config import Config
from feeds.models import Finding, Level, Post
from feeds.posts import fields
from feeds.posts.dates import parse_date
from feeds.posts.defaults import defaults_for, merge
from feeds.posts.frontmatter import (
    ILLEGAL,
    FrontMatter,
    Problem,
    Value,
    is_false,
    is_null,
    is_true,
    split,
)
from feeds.posts.links import navigation
from feeds.posts.permalink import (
    Place,
    absolute_url,
    jekyll_id,
    pattern_of,
    post_id,
    post_path,
    tag_uri,
    unknown_placeholders,
)
from feeds.posts.reading import Layout, Markup, Reading, Span
from feeds.posts.scan import HTML_EXTENSIONS, TEXT_EXTENSIONS
from feeds.posts.title import first_words, titleized

# What pages of this program begin with.
PAGE: Final = '<meta name="generator" content="feeds">'
PAGE_START: Final = 200  # characters
DATE_KEYS: Final = ("date", "publishDate", "publish_date", "pubdate")

# Jekyll::Document::DATE_FILENAME_MATCHER, and what the other generators take beside it.
JEKYLL_NAME: Final = re.compile(r"([0-9]{2,4}-[0-9]{1,2}-[0-9]{1,2})-(.*)\.[^.]+", re.DOTALL)
DATED_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[-_ T]+(.+))?", re.DOTALL)

_REFERENCE: Final = re.compile(
    r"\{%-?\s*(?:post_url|link)\s((?:[^%{]|%(?!\})|\{(?!%))*)%\}"  # no tag within a tag
)
_LONE_CR: Final = re.compile(r"(?:---|\+\+\+)[ \t]*\r(?!\n)")
_ILLEGAL_BYTES: Final = bytes({*range(0x20)} - {0x09, 0x0A, 0x0D})
WEB: Final = ("http://", "https://")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")


def read_post(path: str, raw: bytes, config: Config, modified: datetime | None = None) -> Reading:
    """Read a file as a post; never raises for anything that stands in it.

    ``path`` is relative to the site with ``/`` between folders; ``modified`` is the time of
    the file, which is the date of a draft that says none.
    """
    notes = _Notes(path)
    name = _file_name(path, config)
    if name is None:
        notes.error(1, "file name is not YYYY-MM-DD-title.ext, as Jekyll wants it")
        return notes.nothing()
    text = _text(raw, notes)
    if text is None:
        return notes.nothing()
    front, text = _front_matter(text, config)
    for problem in front.problems:
        notes.add(*problem)
        if problem.level is Level.ERROR:
            return notes.nothing()
    if not front.line and not config.posts.jekyll:
        if PAGE in text[:PAGE_START]:
            return notes.nothing()  # feeds may lie among the posts, and their pages with them
        if name.needs_header:
            level = Level.WARNING if name.date else Level.NOTE
            notes.add(1, level, "no front matter, so not a post", "left out")
            return notes.nothing()
        if not text.strip():
            notes.warning(1, "an empty file, so not a post", "left out")
            return notes.nothing()
    return _reading(path, name, text, front, config, modified, notes)


def read_body(raw: bytes, post: Post, layout: Layout) -> Reading:
    """The reading of a file that was read before, byte for byte the same, without its findings."""
    text = _text(raw, _Notes(post.path)) or ""
    return Reading(
        post,
        (),
        _body(text, layout.start),
        layout.body_line,
        layout.markup,
        layout.navigation,
        excerpt_separator=layout.excerpt_separator,
        start=layout.start,
    )


def _front_matter(text: str, config: Config) -> tuple[FrontMatter, str]:
    """The header of a text, and the text; Jekyll sees none whose lines end as on old Macs."""
    if "\r" not in text or not _LONE_CR.match(text):
        return split(text, config.posts.jekyll), text
    text = text.replace("\r", "\n")
    front = split(text, config.posts.jekyll)
    if not front.line:
        return front, text
    problem = Problem(1, Level.WARNING, "lines of the front matter end in CR", "read all the same")
    return replace(front, displaced=True, problems=(problem, *front.problems)), text


def _body(text: str, start: int) -> str:
    body = text[start:] if start else text
    return body.replace("\r", "\n") if "\r" in body else body


@dataclass(slots=True)
class _Notes:
    """Collects what is wrong with one file."""

    path: str
    found: list[Finding] = field(default_factory=list)

    def warning(self, line: int, what: str, done: str) -> None:
        self.add(line, Level.WARNING, what, done)

    def error(self, line: int, what: str) -> None:
        self.add(line, Level.ERROR, what, "left out")

    def add(self, line: int, level: Level, what: str, done: str) -> None:
        self.found.append(Finding(self.path, line, level, what, done))

    def nothing(self) -> Reading:
        return Reading(None, tuple(self.found))


# --- the file ------------------------------------------------------------------------------


class _Name(NamedTuple):
    """What the path of a file says: its date as text, its slug, its folders' categories."""

    date: str
    slug: str
    stem: str
    path: str
    categories: tuple[str, ...]
    draft: bool
    markup: Markup
    output_ext: str
    needs_header: bool


def _file_name(path: str, config: Config) -> _Name | None:
    posts = config.posts
    base = path.rpartition("/")[2]
    stem, dot, written = base.rpartition(".")
    if not stem:
        stem, written = base, ""
    ending = written.lower()
    if posts.collections_dir:
        path = path.removeprefix(f"{posts.collections_dir}/")
    draft = "_posts" not in path and "_drafts/" in path
    matched = JEKYLL_NAME.fullmatch(base)
    if matched:
        date, slug = matched[1], matched[2].rstrip(".")
    elif posts.jekyll:
        if not (draft and dot):
            return None
        date, slug = "", stem.rstrip(".")
    else:
        # A bundle of Hugo and Zola: the folder has the name, the file is its index.
        named = path.split("/")[-2] if stem == "index" and "/" in path else stem
        dated = DATED_NAME.fullmatch(named)
        date, slug = (dated[1], dated[2] or named) if dated else ("", named)
    markdown = ending in posts.markdown_extensions or (
        not posts.jekyll and ending in TEXT_EXTENSIONS
    )
    return _Name(
        date,
        slug,
        stem,
        path,
        _folder_categories(path, "_drafts" if draft else "_posts"),
        draft,
        Markup.MARKDOWN if markdown else Markup.HTML,
        ".html" if markdown or not posts.jekyll else f".{written}",
        needs_header=not posts.jekyll
        and not (date and (ending in posts.markdown_extensions or ending in HTML_EXTENSIONS)),
    )


def _folder_categories(path: str, special: str) -> tuple[str, ...]:
    """The folders above ``_posts``; a source folder of another name has none."""
    if path.startswith(special):
        return ()
    above, found, _ = path.partition(special)
    return tuple(name for name in above.split("/") if name) if found else ()


def _text(raw: bytes, notes: _Notes) -> str | None:
    """The text of a file with ``\\n`` for CRLF and nothing that XML forbids."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        try:
            text = raw.decode("gb18030")
        except UnicodeDecodeError:
            notes.error(line, "neither UTF-8 nor GB18030")
            return None
        notes.warning(line, "not UTF-8", "read as GB18030")
        return _legal(text.removeprefix("\ufeff"), notes)
    if len(raw.translate(None, _ILLEGAL_BYTES)) != len(raw) or "\ufffe" in text or "\uffff" in text:
        return _legal(text, notes)
    return text.replace("\r\n", "\n") if "\r" in text else text


def _legal(text: str, notes: _Notes) -> str:
    first = ILLEGAL.search(text)
    if first:
        line = text.count("\n", 0, first.start()) + 1
        text, count = ILLEGAL.subn("", text)
        what = f"{count} character{'s' * (count > 1)} that XML forbids"
        notes.warning(line, what, "removed")
    return text.replace("\r\n", "\n")


# --- the post ------------------------------------------------------------------------------


def _reading(
    path: str,
    name: _Name,
    text: str,
    front: FrontMatter,
    config: Config,
    modified: datetime | None,
    notes: _Notes,
) -> Reading:
    posts = config.posts
    defaults = defaults_for(path, posts.defaults, posts.collections_dir) if posts.defaults else {}
    values = merge(defaults, front.values) if defaults else front.values
    if not posts.jekyll and isinstance(extra := values.get("extra"), dict):
        values = {**extra, **values}
    date = _date(values, front, name, config, modified, notes)
    if date is None:
        return notes.nothing()
    body_line = text.count("\n", 0, front.body) + text.count("\r", 0, front.body) + 1
    body = _body(text, front.body)
    found = navigation(body, body_line)
    categories = _categories(values, defaults, front.values, name, config)
    link = _link(values, defaults, front, name, date, categories, config, notes)
    url = link.url if "://" in link.url else absolute_url(config.site.url, link.url)
    common = fields.COMMON_KEYS.issuperset(values)
    more = fields.NO_DETAILS if common else fields.details(values, url, config.site, posts.jekyll)
    liquid = "{" in body and ("{{" in body or "{%" in body)
    post = Post(
        path=path,
        url=url,
        id=_id(values, link, url, date, config),
        title=_title(values, front, name, body, found.spans, notes),
        date=date,
        updated=date if common else _updated(values, front, date, config, notes),
        categories=categories,
        tags=_tags(values, config),
        published=_published(values, name, config),
        language=more.language,
        authors=more.authors,
        summary=more.summary,
        image=more.image,
        enclosures=more.enclosures,
        links=found.links if common else fields.source(values, url, front.line_of) + found.links,
        aliases=more.aliases,
        references=_references(body) if liquid else (),
    )
    return Reading(
        post,
        tuple(notes.found),
        body,
        body_line,
        name.markup,
        found.spans,
        _variables(values, post, link) if liquid else {},
        "" if common else _excerpt_separator(values),
        front.body,
    )


def _excerpt_separator(values: dict[str, Value]) -> str:
    mark = values.get("excerpt_separator")
    return str(mark) if isinstance(mark, str) and not is_null(mark) else ""


def _date(
    values: dict[str, Value],
    front: FrontMatter,
    name: _Name,
    config: Config,
    modified: datetime | None,
    notes: _Notes,
) -> datetime | None:
    zone = config.site.zone
    key = _date_key(values, config.posts.jekyll)
    written = values.get(key)
    if isinstance(written, str) and not is_null(written):
        date = parse_date(written, zone, config.posts.naive_dates == "utc")
        if date is not None:
            return date
    date = parse_date(name.date, zone, naive_is_utc=False) if name.date else None
    if date is None and name.draft and modified is not None:
        return modified.astimezone(zone).replace(microsecond=0)
    what = _date_problem(key, written)
    if date is None:
        if name.date:
            what = f"{what}, and the file name's {name.date} is no day"
        notes.error(front.line_of(key) if key else 1, f"{what}; a post needs a date")
    elif key:
        notes.warning(front.line_of(key), what, "the file name's date taken")
    return date


def _date_key(values: dict[str, Value], jekyll: bool) -> str:
    """The first field of a date that says something, else the first that is there."""
    if jekyll or not is_null(values.get("date")):
        return "date" if "date" in values else ""
    keys = [key for key in DATE_KEYS if key in values]
    return next((key for key in keys if not is_null(values[key])), keys[0] if keys else "")


def _date_problem(key: str, written: Value | None) -> str:
    if not key:
        return "no date"
    text = fields.text_of(written)
    return f"{key} is no date: {text[:40]!r}" if text else f"{key} is empty"


def _categories(
    values: dict[str, Value],
    defaults: dict[str, Value],
    own: dict[str, Value],
    name: _Name,
    config: Config,
) -> tuple[str, ...]:
    singular = values.get("category")
    plural: tuple[Value | None, ...] = (values.get("categories"),)
    if defaults:
        plural = (defaults.get("categories"), own.get("categories"))
    if not config.posts.jekyll:
        plural = (*plural, fields.taxonomy(values, "categories"))
    return fields.categories(name.categories, plural, singular)


def _tags(values: dict[str, Value], config: Config) -> tuple[str, ...]:
    found = fields.tags(values)
    if config.posts.jekyll:
        return found
    more = (values.get("topics"), fields.taxonomy(values, "tags"))
    if more == (None, None):
        return found
    return tuple(dict.fromkeys((*found, *fields.categories((), more, None))))


def _published(values: dict[str, Value], name: _Name, config: Config) -> bool:
    posts = config.posts
    hidden = "published" in values and (
        is_false(values["published"]) or (posts.jekyll and is_null(values["published"]))
    )
    draft = name.draft or is_true(values.get("draft"))
    return (not hidden or posts.unpublished) and (not draft or posts.drafts)


def _title(
    values: dict[str, Value],
    front: FrontMatter,
    name: _Name,
    body: str,
    spans: tuple[Span, ...],
    notes: _Notes,
) -> str:
    value = values.get("title")
    title = fields.text_of(value)
    if title:
        return title
    words = ILLEGAL.sub("", titleized(name.slug) or name.stem).strip() or "…"
    if is_null(value):
        return words
    for start, end in sorted(spans, reverse=True):
        body = body[:start] + body[end:]
    found = first_words(body)
    done = "the first words of the text taken" if found else "the file name's words taken"
    what = "title is empty" if isinstance(value, str) else "title is not a text"
    notes.warning(front.line_of("title"), what, done)
    return found or words


def _updated(
    values: dict[str, Value], front: FrontMatter, date: datetime, config: Config, notes: _Notes
) -> datetime:
    for key in fields.UPDATED_KEYS:
        written = values.get(key)
        if not isinstance(written, str) or is_null(written) or is_true(written):
            continue
        found = parse_date(written, config.site.zone, config.posts.naive_dates == "utc")
        if found is not None:
            return found
        notes.warning(
            front.line_of(key), f"{key} is no date: {written[:40]!r}", "the post's date taken"
        )
    return date


def _references(body: str) -> tuple[str, ...]:
    if "post_url" not in body and "link" not in body:
        return ()
    names = (name.removesuffix("-").strip() for name in _REFERENCE.findall(body))
    return tuple(dict.fromkeys(name for name in names if name))


# --- link and id -----------------------------------------------------------------------------


class _Link(NamedTuple):
    """Where the page is: its path on the site (or a whole URL), and the slug of its id."""

    url: str
    slug: str


def _link(
    values: dict[str, Value],
    defaults: dict[str, Value],
    front: FrontMatter,
    name: _Name,
    date: datetime,
    categories: tuple[str, ...],
    config: Config,
    notes: _Notes,
) -> _Link:
    if front.displaced and config.posts.jekyll:
        # Jekyll sees no header here, so the page is where the file's name puts it.
        values = defaults
        date = parse_date(name.date, config.site.zone, naive_is_utc=False) or date
        categories = _categories(defaults, defaults, {}, name, config)
    slug = fields.text_of(values.get("slug")) or name.slug
    own = _own_permalink(values, front, config, notes)
    if not config.posts.jekyll and own.startswith(WEB):
        return _Link(absolute_url("", own), slug)
    place = Place(
        date,
        slug,
        name.stem,
        name.path,
        _page_ending(own) or name.output_ext,
        categories,
    )
    return _Link(post_path(own or pattern_of(config.posts.permalink), place), slug or name.stem)


def _own_permalink(
    values: dict[str, Value], front: FrontMatter, config: Config, notes: _Notes
) -> str:
    """The link that a post asks for, if it can have it."""
    if "permalink" not in values and "url" not in values:
        return ""
    keys = ("permalink",) if config.posts.jekyll else ("permalink", "url")
    key = next((key for key in keys if fields.first_text(values, (key,))), "")
    if not key:
        return ""
    own = fields.first_text(values, (key,))
    unknown = unknown_placeholders(own)
    if "{{" in own or "{%" in own:
        what = f"{key} is a template"
    elif unknown:
        what = f"{key} names {', '.join(unknown)}, which stands for nothing"
    elif not config.posts.jekyll and own.startswith(WEB) and not _is_address(own):
        what = f"{key} is no address"
    else:
        return own
    notes.warning(front.line_of(key), what, "the site's permalink taken")
    return ""


def _is_address(url: str) -> bool:
    """Whether a post can live there: the sanitiser resolves its links against this address."""
    import nh3

    url = absolute_url("", url)
    try:
        nh3.clean("", url_relative=("rewrite_with_base", url))
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _page_ending(permalink: str) -> str:
    """The ending that a permalink says itself, with its dot."""
    if not permalink or permalink.endswith("/"):
        return ""
    stem, dot, ending = permalink.rpartition("/")[2].rpartition(".")
    return f".{ending}" if dot and stem else ""


def _id(values: dict[str, Value], link: _Link, url: str, date: datetime, config: Config) -> str:
    """The permanent id: the post's own, else the one that the configuration asks for."""
    own = fields.first_text(values, fields.ID_KEYS)
    if own:
        return _own_id(own, date, config)
    if config.feeds.ids == "jekyll" and "://" not in link.url:
        return jekyll_id(config.site.url, link.url, link.slug)
    if config.feeds.ids == "tag" and "://" not in link.url:
        return tag_uri(config.site.url, link.url, date)
    return url


def _own_id(own: str, date: datetime, config: Config) -> str:
    """RFC 4287 wants an IRI: a bare UUID becomes a URN, any other name a tag URI."""
    if _SCHEME.fullmatch(own):
        return own
    try:
        return uuid.UUID(own).urn
    except ValueError:
        return tag_uri(config.site.url, own, date)


def _variables(values: dict[str, Value], post: Post, link: _Link) -> dict[str, object]:
    from feeds.posts.variables import typed

    # The name of a file may hold what no text may.
    slug, path = ILLEGAL.sub("", link.slug), ILLEGAL.sub("", post.path)
    return {
        **{key: typed(value) for key, value in values.items()},
        "title": post.title,
        "date": post.date,
        "url": link.url,
        "id": post_id(link.url, slug),
        "slug": slug,
        "path": path,
        "categories": list(post.categories),
        "tags": list(post.tags),
    }
