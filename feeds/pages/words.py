"""What pages say in their own words, in the language of the site where it is known here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from feeds.models import Period

ENGLISH: Final[Mapping[str, str]] = {
    "skip": "Skip to the content",
    "feeds": "Feeds",
    "links": "Links",
    "all_feeds": "All feeds",
    "intro": "Follow what interests you: each line below is a feed that a reader can subscribe to.",
    "site_feed": "Everything",
    "category": "Categories",
    "tag": "Tags",
    "kind_site": "Feed of the whole site",
    "kind_category": "Feed of a category",
    "kind_tag": "Feed of a tag",
    "name": "Name",
    "posts": "Posts",
    "newest": "Newest",
    "pace": "How often",
    "formats": "Feed",
    "filter": "Filter by name",
    "sort": "Sort by",
    "by_newest": "newest post",
    "by_name": "name",
    "by_pace": "activity",
    "by_posts": "number of posts",
    "shown": "shown",
    "nothing": "No feed has that name.",
    "opml": "All feeds as one list (OPML)",
    "subscribe": "Subscribe",
    "copy_it": "Copy",
    "copied": "Copied",
    "how": "How to subscribe",
    "how_1": "Copy the address. Any of the formats will do; most readers like Atom best.",
    "how_2": "Open your feed reader, choose “add feed” or “subscribe”, and paste it.",
    "how_3": "New posts then come to you. No account is needed, and nobody is told who you are.",
    "entries": "Newest entries",
    "source": "Source",
    "none": "There is no entry yet.",
    "on_site": "This topic on the site",
    "older": "Older posts",
    "newer": "Newer posts",
    "older_title": "Older posts, page",
    "back": "Back to the feed",
    "hourly": "{} an hour",
    "daily": "{} a day",
    "weekly": "{} a week",
    "monthly": "{} a month",
    "rarely": "rarely",
    "link_check": "Link check",
    "link_intro": "Where the links of the posts lead, as it was when they were checked last.",
    "checked": "Checked",
    "asked": "{} addresses asked for",
    "ignored": "{} accepted as they are",
    "never": "The links of the posts have not been checked yet.",
    "never_how": "This command does it; the next build then shows here what it found:",
    "no_broken": "No link is broken.",
    "trend": "Broken links over time",
    "trend_says": "{} checks: {} broken links at first, {} at last.",
    "as_table": "As a table",
    "verdicts": "What was found",
    "hosts": "Hosts in trouble",
    "host": "Host",
    "number": "Links",
    "verdict": "What is wrong",
    "since": "Since",
    "by_category": "Broken links by category",
    "no_category": "Without a category",
    "more": "and {} more",
    "more_posts": "and {} more posts",
    "see_all": "All of them are in the report of",
    "confirmed": "confirmed",
}
CHINESE: Final[Mapping[str, str]] = {
    "skip": "跳到正文",
    "feeds": "订阅",
    "links": "链接",
    "all_feeds": "全部订阅源",
    "intro": "关注您感兴趣的内容：下面每一行都是一个可以用阅读器订阅的源。",
    "site_feed": "全站",
    "category": "分类",
    "tag": "标签",
    "kind_site": "全站订阅源",
    "kind_category": "分类订阅源",
    "kind_tag": "标签订阅源",
    "name": "名称",
    "posts": "文章",
    "newest": "最新",
    "pace": "更新频率",
    "formats": "订阅源",
    "filter": "按名称筛选",
    "sort": "排序",
    "by_newest": "最新文章",
    "by_name": "名称",
    "by_pace": "更新频率",
    "by_posts": "文章数",
    "shown": "项",
    "nothing": "没有这个名称的订阅源。",
    "opml": "全部订阅源列表（OPML）",
    "subscribe": "订阅",
    "copy_it": "复制",
    "copied": "已复制",
    "how": "如何订阅",
    "how_1": "复制地址。任何一种格式都可以，多数阅读器首选 Atom。",
    "how_2": "打开您的阅读器，选择“添加订阅”，粘贴地址。",
    "how_3": "新文章会自动送达。不需要注册，也不会泄露您的身份。",
    "entries": "最新条目",
    "source": "来源",
    "none": "还没有条目。",
    "on_site": "在本站查看此主题",
    "older": "更早的文章",
    "newer": "更新的文章",
    "older_title": "更早的文章，第",
    "back": "返回订阅源",
    "hourly": "每小时 {} 篇",
    "daily": "每天 {} 篇",
    "weekly": "每周 {} 篇",
    "monthly": "每月 {} 篇",
    "rarely": "很少",
    "link_check": "链接检查",
    "link_intro": "文章中的链接指向何处：最近一次检查的结果。",
    "checked": "检查时间",
    "asked": "访问了 {} 个地址",
    "ignored": "其中 {} 个按设置忽略",
    "never": "文章中的链接还没有检查过。",
    "never_how": "运行此命令检查，下次构建后这里会显示结果：",
    "no_broken": "没有失效的链接。",
    "trend": "失效链接的变化",
    "trend_says": "共 {} 次检查：最初 {} 个失效链接，最近 {} 个。",
    "as_table": "以表格显示",
    "verdicts": "检查结果",
    "hosts": "有问题的主机",
    "host": "主机",
    "number": "链接数",
    "verdict": "问题",
    "since": "始于",
    "by_category": "各分类的失效链接",
    "no_category": "无分类",
    "more": "另有 {} 个",
    "more_posts": "另有 {} 篇文章",
    "see_all": "完整列表：",
    "confirmed": "已确认",
}


def language_of_pages(language: str) -> str:
    """The language that pages of a site in ``language`` (BCP 47) are written in."""
    return "zh-CN" if language.lower().split("-")[0] == "zh" else "en"


def words(language: str) -> Mapping[str, str]:
    """The words of a language that :func:`language_of_pages` gave."""
    return CHINESE if language == "zh-CN" else ENGLISH


def pace(period: Period, said: Mapping[str, str]) -> str:
    """How often a feed changes, in words."""
    if period.unit == "monthly" and period.frequency <= 1:
        return said["rarely"]
    return said[period.unit].format(period.frequency)


MONTH: Final = {"hourly": 720, "daily": 30, "weekly": 4, "monthly": 1}


def per_month(period: Period) -> int:
    """How often a feed changes in a month, to put feeds in order."""
    return MONTH[period.unit] * period.frequency
