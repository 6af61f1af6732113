"""Makes a site of posts that link to distinct addresses of some hosts, each once.

In: how many links, and to which hosts. Out: posts of 20 links, one of them the post's source
and the others in its text, a way back to its category and to the front page, and a
``config.toml`` that asks these hosts without a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from bench.corpus import category_name

PER_POST: Final = 20
CATEGORIES: Final = 50
FIRST: Final = date(2019, 1, 1)
DAYS: Final = 1_000
# Connections: as many at once as the program opens by default.
CONCURRENCY: Final = 64
SITE_HOST: Final = "news.example.org"


def write_site(root: Path, links: int, hosts: Sequence[str], network: str = "127.0.0.0/8") -> None:
    """Write posts and configuration into an empty folder; ``links`` by full posts.

    ``network`` is where the hosts are, as the configuration allows it.
    """
    posts = root / "posts"
    posts.mkdir(parents=True)
    for number in range(links // PER_POST):
        day = FIRST + timedelta(days=number % DAYS)
        urls = [url(hosts, link) for link in range(number * PER_POST, number * PER_POST + PER_POST)]
        (posts / f"{day}-bericht{number:06}.md").write_text(post(number, urls), "utf-8")
    (root / "config.toml").write_text(configuration(hosts, network), "utf-8")


def url(hosts: Sequence[str], number: int) -> str:
    """The address of a link; those of one host are far from each other."""
    return f"http://{hosts[number % len(hosts)]}/share/NW{number:09}.html"


def post(number: int, urls: Sequence[str]) -> str:
    """A post whose source is the first of some addresses."""
    category = category_name(number % CATEGORIES)
    source, *others = urls
    lines = [
        "---",
        f'title: "第{number}号"',
        f"categories: [{category}]",
        "---",
        *(f"- 公告[原文{place}]({each})" for place, each in enumerate(others, 1)),
        "",
        f"<{source}>",
        "",
        f"[返回{category}](https://{SITE_HOST}/category/{category}.html)"
        f"｜[返回首页](https://{SITE_HOST}/)",
        "",
    ]
    return "\n".join(lines)


def configuration(hosts: Sequence[str], network: str) -> str:
    ports = sorted({int(host.rpartition(":")[2]) for host in hosts})
    return f"""\
[site]
url = "https://{SITE_HOST}"
title = "示例财经"
language = "zh-CN"
timezone = "Asia/Shanghai"
[posts]
sources = ["posts"]
permalink = "/:year-:month-:day-:title/"
[links]
category_page = "/category/{{category}}.html"
allow_addresses = ["{network}"]
ports = {ports}
interval = 0
per_host = {per_host(hosts)}
concurrency = {CONCURRENCY}
"""


def per_host(hosts: Sequence[str]) -> int:
    """Connections to one host, so that all of them are used."""
    return -(-CONCURRENCY // len(hosts))
