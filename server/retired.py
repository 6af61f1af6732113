"""The last document of a feed that is no more: it says so, and where the site's feed is.

It is the body of a 410, for readers that show what they get and for people.
"""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from feeds.config import Config
from feeds.ledger import Withdrawn
from feeds.models import Document, Entry, Feed, Format, Kind, Person
from feeds.render import render_entry, splice

NOTICE = "This feed has ended"


def retired_document(withdrawn: Withdrawn, config: Config) -> Document:
    """A feed with one entry that says that there will be no other."""
    format = Format(withdrawn.format)
    since = datetime.fromtimestamp(int(withdrawn.since), UTC).astimezone(config.site.zone)
    head = Feed(
        Kind.SITE,
        "",
        withdrawn.title,
        f"{config.site.url}/",
        {format: withdrawn.path},
        {format: withdrawn.topic},
        since,
        description=NOTICE,
        language=config.site.language,
        author=config.site.author or Person(withdrawn.title),
    )
    text = (
        f"{NOTICE}: there are no posts in it any more. "
        f"Whatever {config.site.title or config.site.url} publishes is at {config.site.url}/"
    )
    notice = Entry(
        f"{withdrawn.topic}#ended", f"{config.site.url}/", NOTICE, since, since, summary=text
    )
    document = splice(head, [render_entry(notice, format)], format)
    if format is not Format.JSON:
        return document
    # JSON Feed 1.1 has a word for it; the others have none.
    body = orjson.dumps({**orjson.loads(document.body), "expired": True})
    return Document(document.path, document.media_type, body, document.updated)
