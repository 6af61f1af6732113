"""Made-up sites whose pages are looked at: a busy one in three scripts, and hostile posts.

Nothing here depends on the clock: the newest post is from ``NEWEST``.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

URL: Final = "https://news.example.org"
ZONE: Final = timezone(timedelta(hours=8))
NEWEST: Final = datetime(2025, 6, 14, 18, 20, tzinfo=ZONE)
CONFIG: Final = f"""\
[site]
url = "{URL}"
title = "环球经济观察"
description = "税务、能源、市场与科技：每天从三种语言的来源中挑选。"
language = "zh-CN"
timezone = "Asia/Shanghai"
[posts]
sources = ["posts"]
[links.severity]
"back-category.missing" = "good"
"back-home.missing" = "good"
"""


class Topic(NamedTuple):
    """A category with the tags of its posts, one post's title and first sentence, how many
    posts it has and the hours between two of them."""

    category: str
    tags: tuple[str, ...]
    title: str
    sentence: str
    posts: int
    hours: int
    language: str = ""


TOPICS: Final = (
    Topic(
        "shuiwuyaowen",
        ("税务要闻",),
        "增值税新规第{}批问答公布，小规模纳税人申报期延长",
        "主管部门就申报口径、发票开具与过渡期安排作出说明，各地办税服务厅同步更新指引。",
        230,
        6,
    ),
    Topic(
        "新能源汽车",
        ("电池技术", "产业政策"),
        "第{}家车企公布固态电池路测数据，冬季续航提升两成",
        "测试在零下二十五度的环境中进行，充电十分钟可行驶三百公里，量产时间仍未确定。",
        48,
        9,
    ),
    Topic(
        "上市公司公告",
        ("年报", "分红", "并购重组"),
        "年报季观察之{}：现金分红总额再创新高",
        "超过七成的公司提高了分红比例，分析人士认为这与新的信息披露要求有关。",
        61,
        20,
    ),
    Topic(
        "الاقتصاد العالمي",
        ("النفط", "الأسواق الناشئة"),
        "تقرير رقم {}: الأسواق الناشئة تستعيد ثقة المستثمرين",
        "أظهرت البيانات الصادرة هذا الأسبوع ارتفاعا في التدفقات المالية.",
        33,
        31,
        "ar",
    ),
    Topic(
        "الطاقة المتجددة",
        ("طاقة شمسية",),
        "محطة شمسية جديدة تدخل الخدمة في المرحلة {}",
        "ستوفر المحطة الكهرباء لأكثر من مئة ألف منزل عند اكتمالها في العام المقبل.",
        12,
        70,
        "ar",
    ),
    Topic(
        "Energy & Climate",
        ("Grid storage", "Offshore wind"),
        "Grid storage, part {}: what four hours of batteries change",
        "Operators plan evening peaks around batteries, and the price curve begins to show it.",
        57,
        14,
        "en",
    ),
    Topic(
        "Überregionale Finanzverwaltungszusammenarbeit",
        ("Verwaltung", "Umsatzsteuervoranmeldung"),
        "Gemeinsame Prüfverfahren, Teil {}: Länder stimmen sich ab",
        "Die Verwaltungen wollen Daten schneller austauschen und Doppelprüfungen vermeiden.",
        19,
        55,
        "de",
    ),
    Topic("关于本站", (), "本站说明之{}", "如何投稿，如何订阅。", 1, 24),
)

# Names and texts as somebody would write them who wishes to leave the place they are put into.
SCRIPT: Final = "<script>window.broken = 1; alert(1)</script>"
HANDLER: Final = '"><img src=x onerror="window.broken = 2">'
STYLE: Final = "</title><style>body { display: none }</style>"
LONG: Final = "一个没有空格也没有标点符号而且长得任何页面都放不下的分类名称" * 3
LONG_LATIN: Final = (
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
)
HOSTILE: Final = (
    (SCRIPT, [SCRIPT], [HANDLER]),
    (HANDLER, [HANDLER], ["' onmouseover='window.broken = 3"]),
    (STYLE, [STYLE], ["{{ 7 * 7 }}", "{% raw %}", "&lt;b&gt;", "a&b"]),
    ("-->]]><svg onload=window.broken=4>", ["javascript:window.broken=5"], ["//example.com/x"]),
    ("\u202eright to left\u2066 and never back", ["\u202eabc"], ["عربي \u202e abc", "a/b", "C#"]),
    (LONG, [LONG], [LONG_LATIN]),
    (LONG_LATIN, [LONG_LATIN], ["👩‍👩‍👧‍👦" * 12, "x"]),
    ("Zalgo Z̷̢̛͖a̶l̸g̵o", ["?a=1#b"], ["100%", "%2e%2e", "..", "."]),
)


def write_busy(root: Path, config: str = CONFIG) -> Path:
    """A site of some five hundred posts; categories with pages of older posts among them."""
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(config, "utf-8")
    for place, topic in enumerate(TOPICS):
        tags = cycle([topic.tags[: 1 + n] for n in range(len(topic.tags))] or [()])
        for number in range(topic.posts):
            date = NEWEST - timedelta(hours=topic.hours * number, minutes=37 * place)
            write_post(
                root,
                f"{place}-{number:03}.md",
                topic.title.format(topic.posts - number),
                date,
                [topic.category],
                next(tags),
                f"{topic.sentence}\n\n{topic.sentence * 3}",
                lang=topic.language or "zh-CN",
                source=f"https://www.example.com/{place}/{number}",
            )
    return root


def write_hostile(root: Path) -> Path:
    """Posts that try to break the pages they stand on, among those of a site."""
    for number, (title, categories, tags) in enumerate(HOSTILE):
        write_post(
            root,
            f"hostile-{number}.md",
            title,
            NEWEST - timedelta(days=number, hours=3),
            categories,
            tags,
            f"{title} {SCRIPT} {HANDLER} {STYLE}\n\n<p onclick='window.broken = 6'>{title}</p>",
            source=("javascript:window.broken=7", f"https://example.com/?q={HANDLER}")[number % 2],
            description=f"{title} {SCRIPT}",
            author=title,
        )
    return root


def write_post(
    root: Path,
    name: str,
    title: str,
    date: datetime,
    categories: object,
    tags: object,
    body: str,
    **more: object,
) -> None:
    """A post with JSON as its front matter, which is YAML too and can say everything."""
    header = {"title": title, "date": date.isoformat(), "categories": categories, "tags": tags}
    text = json.dumps({**header, **more}, ensure_ascii=False)
    (root / "posts" / name).write_text(f"---\n{text}\n---\n\n{body}\n", "utf-8")
