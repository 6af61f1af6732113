"""What is said of a link: one word, and whether that is good, bad or unsure.

Everything here is pure: an answer in, a verdict out.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from feeds.config import Ignored
from feeds.models import Standing, Verdict
from feeds.posts.entities import attribute_value
from feeds.values import dataclass

GOOD: Final = frozenset((Verdict.OK, Verdict.MOVED, Verdict.REDIRECTED, Verdict.SKIPPED))
UNSURE: Final = frozenset((Verdict.DENIED, Verdict.RATE_LIMITED, Verdict.TRUNCATED))


def standing(verdict: Verdict) -> Standing:
    """What a verdict means where the configuration says nothing else."""
    if verdict in GOOD:
        return Standing.GOOD
    return Standing.UNSURE if verdict in UNSURE else Standing.BAD


@dataclass(frozen=True, slots=True)
class Hop:
    """A redirect that was followed: its status, and where it led."""

    status: int
    target: str


@dataclass(frozen=True, slots=True)
class Page:
    """The beginning of the last answer's body as text; ``whole`` if nothing was cut off.

    ``text`` is empty where the body is no HTML.
    """

    text: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an answer means: a verdict, and what that rests on."""

    verdict: Verdict
    detail: str = ""


PERMANENT: Final = frozenset((301, 308))
RATE_LIMITED: Final = frozenset((420, 429))
# Answers that refuse this request and say nothing of the page: who asks, and how (RFC 9110 and
# the registry of statuses; 999 is what some networks tell programs). Any other of the 4xx means
# what 400 does, and that there is no such page.
DENIED: Final = frozenset(
    (401, 402, 403, 405, 406, 407, 409, *range(411, 414), *range(415, 419), 421, *range(423, 427))
) | frozenset((428, 431, 451, 999))


def verdict(
    url: str, status: int, hops: Sequence[Hop], page: Page, accept: Collection[int] = ()
) -> Meaning:
    """What the last answer of a check means.

    ``url`` is what was asked for first, with its fragment; ``hops`` are the redirects up to
    the answer with ``status``; ``accept`` are statuses that this host means well with.
    """
    if not 200 <= status < 300:
        if status not in accept:
            return _refused(status)
        page = Page()  # it says what its status does, and that means well here
    final = hops[-1].target if hops else url
    if soft := soft_404(url, final, page.text):
        return Meaning(Verdict.SOFT_404, soft)
    fragment = urlsplit(url).fragment
    if fragment and page.text and not has_fragment(page.text, fragment):
        if not page.whole or made_by_scripts(page.text):
            return _reached(hops, f"no #{fragment} in the part that was read")
        return Meaning(Verdict.FRAGMENT, f"no element has the id {fragment!r}")
    return _reached(hops)


def _reached(hops: Sequence[Hop], detail: str = "") -> Meaning:
    if not hops:
        return Meaning(Verdict.OK, detail)
    permanent = all(hop.status in PERMANENT for hop in hops)
    return Meaning(Verdict.MOVED if permanent else Verdict.REDIRECTED, detail)


def _refused(status: int) -> Meaning:
    if status in RATE_LIMITED:
        return Meaning(Verdict.RATE_LIMITED)
    if status == 408:
        return Meaning(Verdict.TIMEOUT, "the server waited too long for the request")
    if status in DENIED:
        return Meaning(Verdict.DENIED)
    if 500 <= status < 600:
        return Meaning(Verdict.SERVER_ERROR)
    if 400 <= status < 500:
        return Meaning(Verdict.GONE)
    return Meaning(Verdict.PROTOCOL, f"status {status} is no answer to this request")


# --- pages that say 200 and mean 404 ------------------------------------------------------

_SUBJECT: Final = (
    r"(?:您|你|我们|所|要|想|访问|查看|浏览|请求|查找|寻找|指定|打开|输入|的|该|此|本|这个|这篇|当前)*"
    r"(?:页面|网页|页|文章|主题|帖子|内容|资讯|新闻|信息|文件|文档|资源|链接|地址|网址|商品|视频|图片|微博|博客|日志|网站)"
)
# Each word of it can be read in one way only, or a long title takes for ever.
_PREDICATE: Final = (
    r"(?:已经|可能|似乎|好像|暂时|已|并|正在|被|发布者|作者|管理员|博主|用户)*"
    r"(?:(?:不|未|没有|没|无法|不能)(?:存在|见|找到|访问|显示|查看|打开)|找不到|走丢|走失|丢失|失效|过期"
    r"|(?<=[已被经在者员主户])(?:删除|移除|下线|下架|移走|搬走|迁移|关闭|审核))了?"
)
_PHRASES: Final = (
    r"(?:error|fehler|erreur|errore|错误|http)?\s*(?:代码|code)?\s*[:：#-]?\s*404"
    r"(?:\s*(?:error|fehler|page|错误|页面|页))*(?:\s*\(not\s+found\)(?:!!1)?)?",
    r"(?:(?:error|http|http\s+error|http\s+status)\s*)?404\s*[-:–—.,!]?\s*"
    r"(?:error\W*)?(?:the\s+)?(?:page\s+|file\s+|that['’]s\s+an\s+error|nothing\s+)?"
    r"(?:not\s+found|cannot\s+be\s+found|missing)",
    r"(?:the\s+|this\s+|that\s+|requested\s+|sorry\W+|oops\W+)*"
    r"(?:page|file|document|article|post|content|resource|url|object|story|topic|entry)"
    r"(?:\s+(?:you\s+(?:\w+['’]?\w*\s+){1,4}?|requested\s+)?"
    r"(?:was|is|has|could|can|cannot|does|no|not|isn['’]t|wasn['’]t|doesn['’]t|couldn['’]t|can['’]t)"
    r"(?:\s+(?:not|be|been|no|longer))*)?"
    r"\s+(?:not\s+)?(?:found|exists?|available|removed|deleted|missing|unavailable)(?:\s+here)?",
    r"(?:sorry|oops|uh[- ]oh|whoops)\W+(?:(?:the|this|that)\s+)?page\b.{0,40}"
    r"(?:not\s+found|n['’]t\s+(?:exist|be\s+found)|missing|gone)",
    r"(?:sorry\W+)?we\s+(?:can['’]t|cannot|couldn['’]t|could\s+not)\s+(?:seem\s+to\s+)?find\s+"
    r"(?:the|that|this)\s+page(?:\s+you.{0,30})?",
    r"(?:oops\W*)?(?:nothing|not)\s+found",
    r"no\s+such\s+(?:page|file|article)",
    r"(?:this\s+)?account\s+(?:has\s+been\s+)?suspended",
    r"(?:this\s+)?domain(?:\s+name)?\s+(?:is\s+for\s+sale|has\s+expired|may\s+be\s+for\s+sale)",
    r"[\w.-]+\.[a-z]{2,}\s+is\s+for\s+sale",
    r"(?:抱歉|对不起|很抱歉|非常抱歉|哎呀|呀|糟糕|提示)?\W*"
    rf"{_SUBJECT}\W*{_PREDICATE}(?:\W*(?:或者|或|和)?(?:该|此)?{_PREDICATE})*",
    rf"(?:抱歉|对不起)?\W*(?:找不到|没有找到|未找到|无法找到|无法访问|无法显示){_SUBJECT}(?:或目录)?",
    r"(?:お探しの)?ページ(?:が|は)(?:見つかりません(?:でした)?|存在しません)",
    r"(?:die\s+)?seite\s+(?:wurde\s+)?(?:nicht|konnte\s+nicht)\s+gefunden(?:\s+werden)?",
    r"(?:cette\s+)?page\s+(?:introuvable|non\s+trouvée|n['’]existe\s+pas)",
    r"p[áa]gina\s+no\s+(?:encontrada|existe|disponible)",
    r"p[áa]gina\s+n[ãa]o\s+encontrada",
    r"pagina\s+non\s+trovata",
    r"страница\s+не\s+(?:найдена|существует)",
    r"페이지를?\s*찾을\s*수\s*없습니다",
)
_MEANS_404: Final = re.compile(rf"(?:{'|'.join(_PHRASES)})", re.IGNORECASE)
_TITLE: Final = re.compile(r"<title\b[^<>]*>([^<]{0,400})", re.IGNORECASE)
_HEADING: Final = re.compile(r"<h1\b[^<>]*>(.{0,400}?)</h1", re.IGNORECASE | re.DOTALL)
# A tag ends before the next one begins, so that a page of nothing but "<" is read once.
_TAG: Final = re.compile(r"<[^<>]*>")
_UNSEEN: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript|head)\b.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_PARAGRAPH: Final = re.compile(r"<p\b[^<>]*>(.*?)(?=</?p\b|</div|</body|\Z)", re.I | re.S)
# What stands between a page's own title and the site's.
_SEPARATOR: Final = re.compile(
    r"\s+[-–—|·•»«:/]+\s*|[|｜_–—·•»«]|\s*[-–—]{2,}\s*|[-－](?=[^\x00-\x7f])|(?<=\d)-(?=\w)"
)
_BREAK: Final = re.compile(r"[.!?。！？…；;]+(?:\s|(?=[^\x00-\x7f])|$)|\n")
_EDGES: Final = " \t.!?,:;。，！？…~～"
# A title that says nothing of a page.
_NO_TITLE: Final = re.compile(
    r"(?:系统|错误|温馨|信息)?(?:提示|出错|错误)(?:信息|消息|页面|了|啦)?|error|oops|untitled|message|无标题.*",
    re.IGNORECASE,
)
_ABOUT_404: Final = re.compile(r"404|not[-_ ]?found", re.IGNORECASE)
_ERROR_PATH: Final = re.compile(
    r"/(?:404|error-?_?404|404-?_?error|not-?_?found|page-?_?not-?_?found|error|errorpage"
    r"|err|page_?404|404page)(?:\.\w+)?/?$",
    re.IGNORECASE,
)
_REFRESH: Final = re.compile(
    r"<meta\b(?=[^<>]*http-equiv\s*=\s*[\"']?refresh)[^<>]*?"
    r"content\s*=\s*[\"']?\s*\d*\s*[;,]\s*(?:url\s*=\s*)?['\"]?([^\"'>]+)",
    re.IGNORECASE,
)
# Languages that sites name a folder after, by ISO 639-1: those that are no common name of
# something else, and those that are and stand with a region or a script.
_LANGUAGE: Final = (
    "ar|bg|cs|da|de|el|en|es|et|fa|fi|fr|he|hi|hr|hu|ja|ko|lt|lv|nl|pl|pt|ro|ru|sk|sv|th|tr|vi|zh"
)
_REGIONAL: Final = rf"(?:{_LANGUAGE}|id|it|ms|nb|no|sl|sr|uk)[-_](?:[a-z]{{2}}|han[st]|latn|cyrl)"
# Front pages by another name, whose way to "/" is no loss.
_FRONT: Final = re.compile(
    r"/?(?:(?:index|default|home|main|welcome)(?:\.\w+)?"
    rf"|{_LANGUAGE}|{_REGIONAL})?/?",
    re.IGNORECASE,
)
# A country, a language, a section: whoever asks for it and is led to the front page is content.
_FOLDER_OF_TWO: Final = re.compile(r"/[a-z]{2}(?:[-_][a-z]{2,4})?/?", re.IGNORECASE)
_SHORT_LINK: Final = re.compile(r"/[\w-]{1,12}/?")
_LONG_TEXT: Final = 400  # characters in paragraphs: whoever writes so much has something to say
_LITTLE_TEXT: Final = 400


def soft_404(url: str, final: str, html: str) -> str:
    """Why a page that was answered with 200 is none, empty if nothing says so."""
    return _soft_by_address(url, final) or (_soft_by_text(url, html) if html else "")


def _soft_by_address(url: str, final: str) -> str:
    asked, got = urlsplit(url), urlsplit(final)
    if _ERROR_PATH.search(got.path) and not _ERROR_PATH.search(asked.path):
        return f"leads to {got.path}"
    front = _FRONT.fullmatch(got.path) and (not got.query or _ABOUT_404.search(got.query))
    if not front or _FRONT.fullmatch(asked.path) or _FOLDER_OF_TWO.fullmatch(asked.path):
        return ""
    # What is short enough for a short link may well stand for a front page elsewhere.
    elsewhere = _site(asked.hostname) != _site(got.hostname)
    if elsewhere and _SHORT_LINK.fullmatch(asked.path):
        return ""
    return "leads to the front page"


def _site(host: str | None) -> str:
    """The last two labels of a host: enough to see that ``www.`` is the same site."""
    return ".".join((host or "").split(".")[-2:])


def _soft_by_text(url: str, html: str) -> str:
    refresh = _REFRESH.search(html)
    if refresh and _ERROR_PATH.search(urlsplit(refresh[1].strip()).path):
        return f"leads on to {refresh[1].strip()[:60]}"
    # A page about the status is asked for by its name, or has a lot to say about it.
    asked = urlsplit(url)
    if _ABOUT_404.search(unquote(f"{asked.path}?{asked.query}")) or _is_article(html):
        return ""
    title, heading = (_plain(m[1]) if (m := p.search(html)) else "" for p in (_TITLE, _HEADING))
    for text in (title, heading):
        if _says_404(text):
            return f"the page says {text[:60]!r}"
    own_title = _SEPARATOR.split(title)[0].strip(_EDGES)
    if not heading and (not own_title or _NO_TITLE.fullmatch(own_title)):
        return _soft_by_body(html)
    return ""


def _soft_by_body(html: str) -> str:
    """What a page without a title says, if it says no more than that."""
    text = _visible(html)
    if len(text) > _LITTLE_TEXT:
        return ""
    for sentence in _BREAK.split(text):
        if _MEANS_404.fullmatch(sentence.strip(_EDGES)):
            return f"the page says {sentence.strip()[:60]!r}"
    return ""


def _says_404(text: str) -> bool:
    parts = (text, *_SEPARATOR.split(text), *_BREAK.split(text))
    return any(_MEANS_404.fullmatch(part.strip(_EDGES)) for part in parts)


def _is_article(html: str) -> bool:
    """Whether a page has text enough to be about something."""
    size = 0
    for match in _PARAGRAPH.finditer(_UNSEEN.sub(" ", html)):
        size += len(_plain(match[1]))
        if size > _LONG_TEXT:
            return True
    return False


def _visible(html: str) -> str:
    """The text that a reader sees, a line for each element."""
    text = entities.unescape(_TAG.sub("\n", _UNSEEN.sub(" ", html)))
    return "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip())


def _plain(markup: str) -> str:
    return " ".join(entities.unescape(_TAG.sub(" ", markup)).split())


def made_by_scripts(html: str) -> bool:
    """Whether what a page shows is not in it: next to no text, and a script to bring it."""
    return "<script" in html.lower() and len(_visible(html)) < 100


# --- fragments ----------------------------------------------------------------------------

# What browsers understand, or scripts, and no page has to hold (HTML 7.4.6.4; WICG text
# fragments; routes of script-made pages; lines of code; marks of networks that share links).
_NO_PLACE: Final = re.compile(
    r"(?i:top)$|:~:|!|/|\??[\w.]+=|_=_$|L\d+(?:C\d+)?(?:-L?\d+(?:C\d+)?)?$"
    r"|(?:rd|wechat_redirect|wechat_qrcode|wechat_pay)$"
)
_ID: Final = re.compile(r"[\s\"']id\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
# Only of an <a> it is a place (HTML 7.4.6.3).
_NAME: Final = re.compile(
    r"<a\s[^<>]*?(?<![\w-])name\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE
)


def has_fragment(html: str, fragment: str) -> bool:
    """Whether a page has the place that a fragment names."""
    place = fragment.partition(":~:")[0]
    if not place or _NO_PLACE.match(fragment):
        return True
    plain = unquote(place)
    names = {place, plain, quote(plain)}
    # GitHub and others put a prefix before the ids of what their users write.
    names |= {f"user-content-{name}" for name in names}
    for pattern in (_ID, _NAME):
        for match in pattern.finditer(_COMMENT.sub("", html)):
            value = match[1] or match[2] or match[3] or ""
            if attribute_value(value) in names:
                return True
    return False


def severity(verdict: Verdict, role: str, severities: Mapping[str, str]) -> Standing:
    """What a verdict means for a link in a role: ``role.verdict`` wins over ``verdict``."""
    for key in (f"{role}.{verdict}", str(verdict)):
        if key in severities:
            return Standing(severities[key])
    return standing(verdict)


def is_ignored(ignored: Ignored, verdict: str, post: str, urls: Sequence[str]) -> bool:
    """Whether that is said of a link that is accepted: ``urls`` are what it says and leads to."""
    if ignored.verdict not in ("", verdict) or not fnmatchcase(post, ignored.post):
        return False
    return any(fnmatchcase(url, ignored.url) for url in urls if url)
