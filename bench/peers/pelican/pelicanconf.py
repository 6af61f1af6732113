"""Pelican's settings: Atom and RSS of the site, of every category and tag, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from markdown import Markdown
from pelican.readers import MarkdownReader

_FIELD: Final = re.compile(r'^(title|date|categories|tags): ["\[]?(.*?)["\]]?$', re.MULTILINE)


class PostReader(MarkdownReader):  # type: ignore[misc]  # Pelican has no types
    """Posts whose header stands between ``---``, which Pelican itself takes for text.

    The header costs one regular expression in place of a YAML parser, and one parser of
    Markdown serves all posts: Pelican makes one for each.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self._md = Markdown(**settings["MARKDOWN"])

    def read(self, source_path: str) -> tuple[str, dict[str, Any]]:
        path = Path(source_path)
        head, _, body = path.read_text("utf-8").partition("\n---\n")
        fields = {match[1]: match[2] for match in _FIELD.finditer(head)}
        fields["category"] = fields.pop("categories")
        fields["slug"] = path.stem
        metadata = {name: self.process_metadata(name, value) for name, value in fields.items()}
        return self._md.reset().convert(body), metadata


SITEURL: Final = "https://news.example.org"
SITENAME: Final = "示例财经"
DEFAULT_LANG: Final = "zh"
TIMEZONE: Final = "Asia/Shanghai"
READERS: Final = {"md": PostReader}
MARKDOWN: Final[dict[str, Any]] = {"output_format": "html5"}

FEED_ATOM: Final = "feed.atom"
FEED_RSS: Final = "feed.rss"
CATEGORY_FEED_ATOM: Final = "category/{slug}/feed.atom"
CATEGORY_FEED_RSS: Final = "category/{slug}/feed.rss"
TAG_FEED_ATOM: Final = "tag/{slug}/feed.atom"
TAG_FEED_RSS: Final = "tag/{slug}/feed.rss"
FEED_ALL_ATOM: Final = None
TRANSLATION_FEED_ATOM: Final = None
AUTHOR_FEED_ATOM: Final = None
AUTHOR_FEED_RSS: Final = None
FEED_MAX_ITEMS: Final = 20
RSS_FEED_SUMMARY_ONLY: Final = False

ARTICLE_URL: Final = "{slug}/"
SLUGIFY_SOURCE: Final = "basename"
SLUGIFY_USE_UNICODE: Final = True
SLUGIFY_PRESERVE_CASE: Final = True
# No post is a translation of another; to look for them would cost a comparison of each.
ARTICLE_TRANSLATION_ID: Final = None

# No page, no theme, no plugin.
ARTICLE_SAVE_AS: Final = ""
CATEGORY_SAVE_AS: Final = ""
TAG_SAVE_AS: Final = ""
AUTHOR_SAVE_AS: Final = ""
DIRECT_TEMPLATES: Final[list[str]] = []
PAGE_PATHS: Final[list[str]] = []
STATIC_PATHS: Final[list[str]] = []
THEME_STATIC_PATHS: Final[list[str]] = []
PLUGINS: Final[list[str]] = []

# What was read of a post is kept, so that an edit costs the parsing of one.
CACHE_CONTENT: Final = True
LOAD_CONTENT_CACHE: Final = True
CONTENT_CACHING_LAYER: Final = "reader"
GZIP_CACHE: Final = False
