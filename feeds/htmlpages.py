"""``[pages]``: where the pages for people lie, checked.

In: a table of ``config.toml``. Out: :class:`HtmlPages`, whose paths are below the output folder.
"""

from __future__ import annotations

from typing import Final

from feeds.patterns import check_placeholders, output_path
from feeds.section import Section, show
from feeds.values import dataclass

MOST_OLDER: Final = 100_000
OF_THE_SERVER: Final = ("healthz", "readyz", "metrics", "-/rebuild")


@dataclass(frozen=True, slots=True)
class HtmlPages:
    """``[pages]``: where each HTML page goes below the output; empty for none.

    ``feed`` is the page of the feed of a term, ``site`` that of the site's own. ``older`` is how
    many pages at most list all posts of a feed, ``style`` and ``script`` are the
    files that all pages share. ``status`` is a path of the server, which alone has that page.
    """

    directory: str = "index.html"
    site: str = "newest/index.html"
    feed: str = "{feed_folder}/index.html"
    older: int = 50
    links: str = "links/index.html"
    status: str = "status"
    style: str = "feeds.css"
    script: str = "feeds.js"

    @property
    def wanted(self) -> bool:
        """Whether there is any page that a build writes."""
        return any((self.directory, self.site, self.feed, self.links))

    @property
    def of_feeds(self) -> bool:
        """Whether feeds have pages, for which entries have to be kept."""
        return bool(self.site or self.feed)

    def fixed(self) -> dict[str, str]:
        """By key the paths of what there is once, as far as it is wanted."""
        pages = {"directory": self.directory, "site": self.site, "links": self.links}
        shared = {"style": self.style, "script": self.script} if self.wanted else {}
        return {key: path for key, path in {**pages, **shared}.items() if path}

    def named(self) -> dict[str, str]:
        """The same with the page that only the server has."""
        return {**self.fixed(), **({"status": self.status} if self.status else {})}


def html_pages(section: Section) -> HtmlPages:
    """The table, its mistakes reported to ``section``."""
    default = HtmlPages()
    pages = HtmlPages(
        feed=output_path(section, "feed", default.feed),
        older=section.number("older", default.older, 0, MOST_OLDER),
        **{key: _file(section, key, getattr(default, key)) for key in FILES},
    )
    used = check_placeholders(section, "feed", pages.feed, frozenset({"feed_folder"}))
    if pages.feed and not used:
        text = f"{show(pages.feed)} needs {{feed_folder}}, or all feeds share one page"
        section.problem("feed", text)
    for key in ("style", "script"):
        if pages.wanted and not getattr(pages, key):
            section.problem(key, "expected a file; all pages need it")
    if pages.status in OF_THE_SERVER:
        section.problem("status", f"{show(pages.status)} is something else of the server's")
    section.finish()
    return pages


FILES: Final = ("directory", "site", "links", "status", "style", "script")


def _file(section: Section, key: str, default: str) -> str:
    path = output_path(section, key, default)
    check_placeholders(section, key, path, frozenset())
    return path
