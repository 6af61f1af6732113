"""What a site puts into the ``<head>`` of its own pages, so that readers find its feeds there.

In: the feeds that exist and the terms of the posts. Out: the lines themselves for the pages of
a plain site, and for Jekyll's and Hugo's a template that works out the path of a page's terms
with the rule of :func:`feeds.catalog.slug`, as far as their filters go. Terms whose path is
another, or that have no feed, are named in the template one by one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote

from feeds.catalog import Catalog
from feeds.config import Config
from feeds.models import Feed, Finding, Format, Kind, Level
from feeds.terminal import json_text, visible

# Ruby's and Go's white space, which ends with ASCII, and what stands for it in a path.
SEPARATORS: Final = re.compile(r"[ \t\r\n\f\v/\\]+")
PLURALS: Final = {Kind.CATEGORY: "categories", Kind.TAG: "tags"}


class Language(StrEnum):
    """What the pages of a site are written with."""

    JEKYLL = "jekyll"
    HUGO = "hugo"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Snippet:
    """The lines, and what could not be said in them."""

    text: str
    notes: tuple[Finding, ...] = ()


def snippet(
    config: Config, found: Catalog, terms: Sequence[tuple[Kind, str]], language: Language
) -> Snippet:
    """The lines for a site; ``terms`` are all that its posts have, with a feed or without."""
    if language is Language.HTML:
        return Snippet(_plain(found))
    lines = [JEKYLL_HEAD if language is Language.JEKYLL else HUGO_HEAD]
    lines += _links(found.definitions[0].head)
    notes: list[Finding] = []
    paths = {
        term: next(iter(definition.head.paths.values()))
        for definition in found.definitions
        for term in definition.terms
    }
    for kind in PLURALS:
        if any(own is kind for own, _ in paths):
            named = {name: paths.get((kind, name), "") for own, name in terms if own is kind}
            lines.append(_of_terms(config, kind, named, language, notes))
    return Snippet("\n".join(lines) + "\n", tuple(notes))


def _links(feed: Feed) -> Iterator[str]:
    """A line for each format of a feed."""
    for format, url in feed.urls.items():
        yield _link(format, _markup(feed.title), escape(url))


def _link(format: Format, title: str, href: str) -> str:
    """Both are markup already, or what a template puts there."""
    return f'<link rel="alternate" type="{format.media_type}" title="{title}" href="{href}">'


def _markup(text: str) -> str:
    """A text within an attribute, and no tag of a template even so."""
    return escape(visible(text)).replace("{", "&#123;")


def _plain(found: Catalog) -> str:
    """All lines there are, those of each page under its name."""
    lines = []
    for definition in found.definitions:
        head = definition.head
        page = f"the page of the {head.kind} {visible(head.name)}" if head.name else "every page"
        # Two hyphens would end a comment (HTML, 13.6).
        lines += [f"<!-- {re.sub('-(?=-)', '- ', page)} -->", *_links(head)]
    return "\n".join(lines) + "\n"


# --- templates


def _of_terms(
    config: Config,
    kind: Kind,
    paths: Mapping[str, str],
    language: Language,
    notes: list[Finding],
) -> str:
    """What links each term of a page to its feed, in the first format: one is what a reader
    needs. ``paths`` are those of the terms by name, empty where one has no feed."""
    format, pattern = next(iter(config.feeds.paths[kind].items()))
    # Ruby and Go do not agree on letters that become two in lower case.
    others = {
        name: quote(path)
        for name, path in paths.items()
        if path != _computed(pattern, name) or len(name.lower()) != len(name)
    }
    before = f"{config.site.title} – " if config.site.title else ""
    parts = _Parts(kind, quote(pattern, safe="/{}"), others)
    if language is Language.HUGO:
        title = f"{_markup(before)}{{{{ $name }}}}"
        return _go(parts, _link(format, title, f"{config.site.url}/{{{{ . }}}}"))
    for name in [name for name in others if _unsayable(name)]:
        what = "cannot be named in Liquid"
        notes.append(Finding(f"{kind}/{name}", 0, Level.NOTE, what, "its link leads nowhere"))
        del others[name]
    title = f"{_markup(before)}{{{{ name | escape }}}}"
    return _liquid(parts, _link(format, title, f"{config.site.url}/{{{{ path }}}}"))


def _computed(pattern: str, name: str) -> str:
    """The path that the templates work out for a term."""
    short = "-".join(filter(None, SEPARATORS.split(name))).lower()
    return pattern.replace("{slug}", short).replace("{name}", name)


class _Parts(NamedTuple):
    """What a template for the terms of a kind is made of: the pattern of their paths, and
    those paths that do not follow from it, both percent-encoded."""

    kind: Kind
    pattern: str
    others: Mapping[str, str]


JEKYLL_HEAD: Final = """\
{%- comment -%}
Save this as _includes/feeds.html, and write {% raw %}{% include feeds.html %}{% endraw %}
into the <head> of each layout.
{%- endcomment -%}"""
HUGO_HEAD: Final = """\
{{- /* Save this as layouts/partials/feeds.html, and write {{ partial "feeds.html" . }}
into the <head> of each layout. */ -}}"""
# With Jekyll's own filters. url_encode writes a space as forms do, and encodes every slash.
LIQUID_RULES: Final = {
    "{slug}": 'name | replace: "/", " " | replace: "\\", " " | normalize_whitespace'
    ' | replace: " ", "-" | downcase | url_encode',
    "{name}": 'name | url_encode | replace: "+", "%20" | replace: "%2F", "/"',
}
GO_RULES: Final = {
    "{slug}": r'urlquery (trim $name " \t\r\n\f\v/\\" | replaceRE `[\s/\\]+` "-" | lower)',
    "{name}": 'replace (replace (urlquery $name) "+" "%20") "%2F" "/"',
}


def _liquid(parts: _Parts, link: str) -> str:
    lines = [
        f"{{%- assign names = page.{PLURALS[parts.kind]} | default: page.{parts.kind} -%}}",
        "{%- for name in names -%}",
        f'{{%- assign path = "{parts.pattern}" -%}}',
    ]
    for placeholder, rule in LIQUID_RULES.items():
        if placeholder in parts.pattern:
            lines.append(f"{{%- assign part = {rule} -%}}")
            lines.append(f'{{%- assign path = path | replace: "{placeholder}", part -%}}')
    if parts.others:
        lines.append("{%- case name -%}")
        lines += [
            f'{{%- when {_liquid_text(name)} -%}}{{%- assign path = "{path}" -%}}'
            for name, path in parts.others.items()
        ]
        lines.append("{%- endcase -%}")
    return "\n".join([*lines, '{%- if path != "" %}', link, "{%- endif -%}", "{%- endfor %}"])


def _unsayable(name: str) -> bool:
    """Whether a text of Liquid cannot hold a name: it has no escapes, and tags end anywhere."""
    return "%}" in name or visible(name) != name or ('"' in name and "'" in name)


def _liquid_text(name: str) -> str:
    return f"'{name}'" if '"' in name else f'"{name}"'


def _go(parts: _Parts, link: str) -> str:
    plural = PLURALS[parts.kind]
    lines = [
        f"{{{{- $names := .Params.{plural} }}}}",
        f'{{{{- if eq .Kind "term" }}}}{{{{ if eq .Data.Plural "{plural}" }}}}'
        "{{ $names = slice .Data.Term }}{{ end }}{{ end }}",
        "{{- range $name := $names }}",
        f'{{{{- $path := "{parts.pattern}" }}}}',
    ]
    for placeholder, rule in GO_RULES.items():
        if placeholder in parts.pattern:
            lines.append(f'{{{{- $path = replace $path "{placeholder}" ({rule}) }}}}')
    lines += [
        f'{{{{- if eq $name {json_text(name)} }}}}{{{{ $path = "{path}" }}}}{{{{ end }}}}'
        for name, path in parts.others.items()  # JSON's texts are Go's, too
    ]
    return "\n".join([*lines, "{{- with $path }}", link, "{{- end }}", "{{- end }}"])
