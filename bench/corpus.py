"""Makes a corpus of posts in the shape of a Chinese financial news site.

``python -m bench.corpus DIR --posts 10000 --categories 50 --tags 500`` writes DIR with posts
in ``posts/`` and a ``config.toml`` for feeds. The same arguments give the same bytes. The
peers of this program add their own configuration beside it (:mod:`bench.hugo`).
"""

# Words in a row read better than a column of literals.
# ruff: noqa: SIM905

from __future__ import annotations

import argparse
import itertools
import random
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final

CHINA: Final = timezone(timedelta(hours=8))
FIRST: Final = datetime(2019, 1, 1, 8, tzinfo=CHINA)
LAST: Final = datetime(2022, 6, 1, 8, tzinfo=CHINA)

SUBJECTS: Final = (
    "央行 证监会 交易所 该公司 多家券商 北向资金 新能源板块 半导体企业 消费行业 "
    "地方政府 机构投资者 分析师"
).split()
VERBS: Final = "表示 公布 预计 指出 强调 披露 认为 提醒 宣布 要求 调整 回应".split()
OBJECTS: Final = (
    "市场流动性保持合理充裕 业绩同比增长明显 新一轮回购计划 信息披露将更加及时 产能利用率逐步回升 "
    "行业景气度持续向好 风险因素需要关注 估值处于历史低位 资金面整体平稳 海外需求有所恢复 "
    "原材料价格出现回落 研发投入继续增加"
).split()
ENDINGS: Final = "。 。 。 ， ， ； 。".split()
NAMES: Final = "江城 北岭 东湖 临江 南山 西河 中原 海角 云岭 青川 白石 金桥".split()
TRADES: Final = (
    "滚动 公司 基金 期货 债券 外汇 港股 美股 新股 研报 公告 宏观 行业 科技 能源 消费".split()
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a corpus is. Categories and tags are chosen by Zipf's law."""

    posts: int
    categories: int
    tags: int
    seed: int = 1


def write_corpus(root: Path, shape: Shape) -> None:
    """Write a corpus into an empty folder."""
    chosen = random.Random(shape.seed)
    categories = _Zipf(shape.categories)
    tags = _Zipf(shape.tags)
    posts = root / "posts"
    posts.mkdir(parents=True)
    step = (LAST - FIRST) / shape.posts
    for number in range(shape.posts):
        date = (FIRST + step * number).replace(microsecond=0)
        name, text = post(number, date, categories, tags, chosen)
        (posts / name).write_text(text, "utf-8")
    (root / "config.toml").write_text(CONFIG, "utf-8")


def post(
    number: int, date: datetime, categories: _Zipf, tags: _Zipf, chosen: random.Random
) -> tuple[str, str]:
    """The name of a post's file, and its text."""
    category = categories.pick(chosen)
    names = dict.fromkeys(tag_name(tags.pick(chosen)) for _ in range(chosen.randint(1, 3)))
    code = f"NW{date:%Y%m%d}{number:07}"
    title = f"{chosen.choice(NAMES)}：{chosen.choice(OBJECTS)} 第{number}号"
    head = [
        "---",
        "layout: post",
        f'title: "{title}"',
        f"date: {date:%Y-%m-%dT%H:%M:%S}+08:00",
        f"categories: [{category_name(category)}]",
        f"tags: [{', '.join(names)}]",
        "---",
    ]
    tail = [
        f"<http://paper.example.net/share.html?infoCode={code}>",
        "",
        f"[返回{next(iter(names))}](//news.example.org/category/{category_name(category)}.html)"
        "｜[返回首页](//news.example.org/)",
        "",
    ]
    return f"{date:%Y-%m-%d}-{code}.md", "\n".join([*head, _body(chosen), "", *tail])


def category_name(number: int) -> str:
    """A machine-made slug, as the site's script makes them."""
    return f"lanmu{number:04}"


def tag_name(number: int) -> str:
    """A readable name."""
    return f"{NAMES[number % len(NAMES)]}{TRADES[number // len(NAMES) % len(TRADES)]}{number}"


def _body(chosen: random.Random) -> str:
    """1 to 6 KB of paragraphs."""
    size = chosen.randint(1_000, 6_000)
    paragraphs: list[str] = []
    written = 0
    while written < size:
        sentences = "".join(_sentence(chosen) for _ in range(chosen.randint(2, 6)))
        paragraphs.append(f"<p>{sentences}</p>")
        written += len(paragraphs[-1].encode())
    paragraphs[-1] += '<p class="em_media">（文章来源：示例财经报）</p>'
    return "\n ".join(paragraphs) if chosen.random() < 0.3 else "".join(paragraphs)


def _sentence(chosen: random.Random) -> str:
    figure = f"{chosen.randint(1, 99)}.{chosen.randint(0, 99):02}%" if chosen.random() < 0.5 else ""
    parts = (chosen.choice(SUBJECTS), chosen.choice(VERBS), chosen.choice(OBJECTS), figure)
    return "".join(parts) + chosen.choice(ENDINGS)


class _Zipf:
    """Numbers from 0, each half as likely as the one with half its rank."""

    def __init__(self, count: int) -> None:
        self.sums = list(itertools.accumulate(1 / rank for rank in range(1, count + 1)))

    def pick(self, chosen: random.Random) -> int:
        return bisect(self.sums, chosen.random() * self.sums[-1])


CONFIG: Final = """\
[site]
url = "https://news.example.org"
title = "示例财经"
language = "zh-CN"
timezone = "Asia/Shanghai"
[posts]
sources = ["posts"]
permalink = "/:year-:month-:day-:title/"
[feeds]
formats = ["atom", "rss"]
opml = ""
[pages]
directory = ""
site = ""
feed = ""
links = ""
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.corpus", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--categories", type=int, default=50)
    parser.add_argument("--tags", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    write_corpus(given.folder, Shape(given.posts, given.categories, given.tags, given.seed))


if __name__ == "__main__":
    main()
