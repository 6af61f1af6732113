"""What roles, verdicts and standings of links are called, in the languages of pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from feeds.models import Role, Standing, Verdict

ENGLISH: Final[Mapping[Role | Standing | Verdict, str]] = {
    Standing.BAD: "broken",
    Standing.UNSURE: "unsure",
    Standing.GOOD: "good",
    Role.SOURCE: "source",
    Role.BACK_CATEGORY: "way back to the category",
    Role.BACK_HOME: "way back to the front page",
    Role.BODY: "link in the text",
    Role.IMAGE: "image",
    Role.ENCLOSURE: "enclosure",
    Verdict.OK: "answers",
    Verdict.MOVED: "moved for good",
    Verdict.REDIRECTED: "leads elsewhere for now",
    Verdict.GONE: "gone",
    Verdict.SOFT_404: "says 200, means 404",
    Verdict.FRAGMENT: "place in the page is gone",
    Verdict.SERVER_ERROR: "server error",
    Verdict.RATE_LIMITED: "asked too often",
    Verdict.DENIED: "refuses programs",
    Verdict.LOOP: "leads in circles",
    Verdict.TIMEOUT: "no answer in time",
    Verdict.DNS: "no such host",
    Verdict.REFUSED: "connection refused",
    Verdict.RESET: "connection broken off",
    Verdict.TLS: "no valid certificate",
    Verdict.PROTOCOL: "no proper answer",
    Verdict.TRUNCATED: "answer cut off",
    Verdict.BLOCKED: "may not be asked",
    Verdict.INVALID: "no valid address",
    Verdict.EMPTY: "leads nowhere",
    Verdict.SKIPPED: "not asked",
    Verdict.RELATIVE: "relative address",
    Verdict.WRONG_HOST: "wrong host",
    Verdict.WRONG_TARGET: "wrong page",
    Verdict.WRONG_LABEL: "wrong label",
    Verdict.MISSING: "missing",
    Verdict.DUPLICATE: "shared by several posts",
}
CHINESE: Final[Mapping[Role | Standing | Verdict, str]] = {
    Standing.BAD: "失效",
    Standing.UNSURE: "存疑",
    Standing.GOOD: "正常",
    Role.SOURCE: "来源",
    Role.BACK_CATEGORY: "返回分类",
    Role.BACK_HOME: "返回首页",
    Role.BODY: "正文链接",
    Role.IMAGE: "图片",
    Role.ENCLOSURE: "附件",
    Verdict.OK: "正常",
    Verdict.MOVED: "已永久迁移",
    Verdict.REDIRECTED: "临时跳转",
    Verdict.GONE: "已不存在",
    Verdict.SOFT_404: "返回 200，实为 404",
    Verdict.FRAGMENT: "页内位置不存在",
    Verdict.SERVER_ERROR: "服务器错误",
    Verdict.RATE_LIMITED: "访问过于频繁",
    Verdict.DENIED: "拒绝程序访问",
    Verdict.LOOP: "循环跳转",
    Verdict.TIMEOUT: "超时",
    Verdict.DNS: "域名不存在",
    Verdict.REFUSED: "连接被拒绝",
    Verdict.RESET: "连接中断",
    Verdict.TLS: "证书无效",
    Verdict.PROTOCOL: "回应无效",
    Verdict.TRUNCATED: "回应不完整",
    Verdict.BLOCKED: "不允许访问",
    Verdict.INVALID: "地址无效",
    Verdict.EMPTY: "地址为空",
    Verdict.SKIPPED: "未检查",
    Verdict.RELATIVE: "相对地址",
    Verdict.WRONG_HOST: "主机错误",
    Verdict.WRONG_TARGET: "页面错误",
    Verdict.WRONG_LABEL: "文字错误",
    Verdict.MISSING: "缺失",
    Verdict.DUPLICATE: "与其他文章重复",
}


def link_words(language: str) -> Mapping[Role | Standing | Verdict, str]:
    """These words in a language of pages; plain strings of equal value find them, too."""
    return CHINESE if language == "zh-CN" else ENGLISH
