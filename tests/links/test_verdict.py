"""What an answer means: statuses, pages that are none, places in pages. Nothing is asked."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.links.verdict import (
    Hop,
    Page,
    has_fragment,
    made_by_scripts,
    severity,
    soft_404,
    standing,
    verdict,
)
from feeds.models import Role, Standing, Verdict

URL = "http://a.example/2022/some-post.html"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Verdict.OK) for status in (200, 201, 202, 203, 204, 206, 226)),
        *((status, Verdict.GONE) for status in (400, 404, 410, 414, 422, 499)),
        *((status, Verdict.DENIED) for status in (401, 402, 403, 405, 406, 407, 409, 415)),
        *((status, Verdict.DENIED) for status in (417, 418, 421, 425, 426, 428, 431, 451, 999)),
        *((status, Verdict.RATE_LIMITED) for status in (420, 429)),
        *((status, Verdict.SERVER_ERROR) for status in (500, 501, 502, 503, 504, 520, 530, 599)),
        (408, Verdict.TIMEOUT),
        *((status, Verdict.PROTOCOL) for status in (300, 304, 305, 600, 700)),
    ],
)
def test_the_status_decides(status: int, expected: Verdict) -> None:
    assert verdict(URL, status, [], Page()).verdict is expected


@given(st.integers(100, 999), st.lists(st.sampled_from([301, 302, 303, 307, 308]), max_size=4))
def test_every_answer_has_a_verdict_and_only_good_ones_are_good(
    status: int, statuses: list[int]
) -> None:
    hops = [Hop(each, f"http://a.example/{number}") for number, each in enumerate(statuses)]
    found = verdict("http://a.example/0", status, hops, Page()).verdict
    assert (standing(found) is Standing.GOOD) == (200 <= status < 300)
    assert verdict("http://a.example/0", status, hops, Page(), [status]).verdict in (
        (Verdict.OK, Verdict.MOVED, Verdict.REDIRECTED)
    )


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Verdict.OK),
        ([301], Verdict.MOVED),
        ([308, 301], Verdict.MOVED),
        ([301, 302], Verdict.REDIRECTED),
        ([307], Verdict.REDIRECTED),
        ([303, 308], Verdict.REDIRECTED),
    ],
)
def test_a_link_is_moved_only_if_every_step_is_for_good(
    statuses: list[int], expected: Verdict
) -> None:
    hops = [Hop(status, f"http://a.example/x/{status}") for status in statuses]
    assert verdict(URL, 200, hops, Page()).verdict is expected


NO_PAGES = [
    *("404", "404 Not Found", "Error 404", "404 error", "404错误页面", "404-页面不存在"),
    *("Error 404 (Not Found)!!1", "HTTP Status 404 – Not Found", "404. That’s an error"),
    *("Page not found | Site", "Page Not Found · Pages", "Not Found", "Oops! Not found"),
    *("The page you requested could not be found", "We can't find that page"),
    *("The page you are looking for doesn't exist", "Oops! That page can’t be found."),
    *("Sorry, this page isn't available", "This page doesn&#39;t exist", "No such page"),
    *("404 - File or directory not found.", "Article not found - News", "Object not found!"),
    *("页面不存在 - 某某", "抱歉，您访问的页面不存在-新闻网", "找不到页面", "您查看的页面已被删除"),
    *("文章已删除", "链接已失效", "404 - 找不到文件或目录。", "对不起，你要访问的内容不存在！"),
    *("该内容已被发布者删除", "您访问的页面可能已经被删除或不存在", "网页无法访问_某某网"),
    *("Seite nicht gefunden", "Page introuvable - Journal", "Página no encontrada"),
    *("ページが見つかりません", "Страница не найдена", "페이지를 찾을 수 없습니다"),
    *("Account suspended", "a-name.example is for sale"),
]
PAGES = [
    *("Peugeot 404", "What 404 Not Found means", "404 Media", "404 万元", "Route 404 North"),
    *("How to make a good “not found” page", "The Lost City: not found in 400 years"),
    *("Lost &amp; Found", "Flight 404 is missing", "Error handling in Go", "Page 404 of 900"),
    *("如何设计404页面", "为什么页面不存在却返回200", "信息查看", "文章删除功能", "网站关闭评论"),
    *("页面存在感", "失效的链接怎么办", "他不存在", "Found: the page that nobody looked for"),
    *("Content available in English", "Domain names explained", "News", ""),
]


@pytest.mark.parametrize("title", NO_PAGES)
def test_a_page_that_says_it_is_none_is_none(title: str) -> None:
    assert soft_404(URL, URL, f"<title>{title}</title><p>x</p>")
    assert soft_404(URL, URL, f"<title>A site</title><h1 class=x><b>{title}</b></h1>")


@pytest.mark.parametrize("title", PAGES)
def test_a_page_that_speaks_of_such_things_is_one(title: str) -> None:
    text = f"<title>{title}</title><h1>{title}</h1><p>x</p>"
    assert soft_404(URL, URL, text) == ""


@pytest.mark.parametrize("title", NO_PAGES)
def test_whoever_has_a_lot_to_say_is_believed(title: str) -> None:
    paragraph = "<p>This is an article about what servers say when there is nothing.</p>"
    assert soft_404(URL, URL, f"<title>{title}</title>{paragraph * 10}") == ""
    # Lists of other pages are not that.
    assert soft_404(URL, URL, f"<title>{title}</title>{'<li>Another page</li>' * 100}")


def test_what_is_asked_for_by_the_name_of_the_status_may_bear_it() -> None:
    url = "http://a.example/wiki/HTTP_404"
    assert soft_404(url, url, "<title>404 Not Found</title>") == ""
    # Neither a host nor a port is such a name.
    url = "http://404.example:40404/x"
    assert soft_404(url, url, "<title>404 Not Found</title>")


@pytest.mark.parametrize("title", ["<title>提示信息 - 论坛</title>", "<title> </title>", ""])
def test_a_page_without_a_title_is_known_by_what_it_says(title: str) -> None:
    said = "<div>抱歉，指定的主题不存在或已被删除或正在被审核。</div><a href=/>返回</a>"
    assert soft_404(URL, URL, title + said)
    assert soft_404(URL, URL, f"{title}<div>抱歉，今天没有新闻。</div>") == ""
    assert soft_404(URL, URL, f"{title}{said}{'<li>很多别的内容</li>' * 100}") == ""


@pytest.mark.parametrize(
    ("asked", "got", "soft"),
    [
        ("http://a.example/2020/x.html", "http://a.example/", True),
        ("http://a.example/2020/x.html", "http://www.a.example/index.html", True),
        ("http://a.example/x?id=1", "http://a.example", True),
        ("http://a.example/x/1", "http://other.example/", True),
        ("http://a.example/x", "http://a.example/404.html", True),
        ("http://a.example/x", "http://a.example/errors/not-found", True),
        ("http://a.example/x", "http://a.example/error.aspx", True),
        ("http://a.example/long-name.html", "http://a.example/?404", True),
        ("http://a.example/404.html", "http://www.a.example/404.html", False),
        ("http://a.example/index.html", "http://a.example/", False),
        ("http://a.example/Default.aspx", "http://a.example/", False),
        ("http://a.example/en/", "http://a.example/", False),
        ("http://a.example/zh-cn", "http://a.example/", False),
        ("http://a.example/hk/", "http://a.example/", False),
        ("http://a.example/2020/x.html", "http://a.example/en/", True),
        ("http://a.example/2020/x.html", "http://a.example/zh_CN", True),
        ("http://a.example/2020/x.html", "http://a.example/zh-hans/", True),
        ("http://a.example/2020/x.html", "http://a.example/uk-ua/", True),
        *(
            ("http://a.example/perm2ai", f"http://a.example/{section}", False)
            for section in ("ai", "tv/", "hk/", "uk", "it", "us-tv", "en-news", "ai-lab/")
        ),
        ("http://a.example/", "http://www.a.example/", False),
        ("http://a.example/?utm_source=b", "http://a.example/", False),
        ("http://t.example/AbC12", "http://b.test/", False),
        ("http://a.example/x.html", "http://a.example/y.html", False),
        ("http://a.example/x.html", "http://a.example/?p=17", False),
        ("http://a.example/x.html", "http://a.example/errors-in-go.html", False),
    ],
)
def test_where_a_redirect_leads_may_say_that_there_is_nothing(
    asked: str, got: str, soft: bool
) -> None:
    assert bool(soft_404(asked, got, "")) == soft


@pytest.mark.parametrize(
    "page",
    [
        "<" * 262_144,
        *(tag * (262_144 // len(tag)) for tag in ("<title", "<meta http-equiv=refresh ", "<a ")),
        *(
            tag * (262_144 // len(tag))
            for tag in ("<p", "<h1>", "<!--", "<script", " id='", "404 ")
        ),
        f"<title>页面{'不存在或' * 99}x</title>",
        f"<title>page you {chr(97) * 190}' is</title>",
        f"<title>{'the ' * 99}page</title>",
        f"<title>404 {'error ' * 60}x</title>",
        f"<meta content={' ' * 200_000}",
        f"<a name{' ' * 250_000}",
    ],
    ids=lambda page: page[:12],
)
def test_no_page_takes_long_to_judge(page: str) -> None:
    began = time.process_time()
    verdict(f"{URL}#place", 200, [], Page(page))
    assert time.process_time() - began < 3  # and not minutes


# --- fragments ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "fragment"),
    [
        ('<p id="x">', "x"),
        ("<p id='x'>", "x"),
        ("<p id=x>", "x"),
        ('<p class="y" ID = "x">', "x"),
        ('<p class="y"id="x">', "x"),
        ('<a name="x">', "x"),
        ('<a href="#" class=y name=x>', "x"),
        ('<p id="标题">', "标题"),
        ('<p id="标题">', "%E6%A0%87%E9%A2%98"),
        ('<p id="%E6%A0%87">', "标"),
        ('<p id="a&amp;b">', "a&b"),
        ('<p id="user-content-x">', "x"),
        ('<p id="x">', "x:~:text=y"),
        *(("", fragment) for fragment in ("top", "Top", "", ":~:text=x", "!/x", "/x", "?a=b")),
        *(
            ("", fragment)
            for fragment in ("t=3", "page=2", "L3", "L3-L9", "_=_", "wechat_redirect")
        ),
    ],
)
def test_a_place_is_found(html: str, fragment: str) -> None:
    assert has_fragment(html, fragment)


@pytest.mark.parametrize(
    ("html", "fragment"),
    [
        ('<p id="y">', "x"),
        ('<p id="X">', "x"),
        ('<p data-id="x">', "x"),
        ('<meta name="x">', "x"),
        ('<!-- <p id="x"> -->', "x"),
        ('<p id="y">', "topic"),
        ('<p id="y">', "x:~:text=y"),
        ('<p id="y">', "rdx"),
    ],
)
def test_a_place_that_is_not_there_is_not_found(html: str, fragment: str) -> None:
    assert not has_fragment(html, fragment)


def test_a_place_is_missed_only_in_a_page_that_was_read_to_its_end() -> None:
    url, text = f"{URL}#x", "<p id=y>" + "Some text. " * 20
    assert verdict(url, 200, [], Page(text, whole=True)).verdict is Verdict.FRAGMENT
    assert verdict(url, 200, [], Page(text, whole=False)).verdict is Verdict.OK
    moved = verdict(url, 200, [Hop(301, f"{URL}x")], Page(text, whole=False))
    assert moved.verdict is Verdict.MOVED


def test_a_page_that_scripts_make_may_have_any_place() -> None:
    assert made_by_scripts("<div id=app></div><script src=x></script>")
    assert not made_by_scripts(f"<p>{'Some text. ' * 20}</p><script src=x></script>")
    assert not made_by_scripts("<p>Short.</p>")


# --- what a verdict means -----------------------------------------------------------------


def test_what_nobody_can_know_is_unsure() -> None:
    unsure = {each for each in Verdict if standing(each) is Standing.UNSURE}
    assert unsure == {Verdict.DENIED, Verdict.RATE_LIMITED, Verdict.TRUNCATED}


def test_the_configuration_decides_the_more_particular_the_better() -> None:
    wanted = {"denied": "bad", "image.gone": "unsure"}
    assert severity(Verdict.DENIED, Role.SOURCE, wanted) is Standing.BAD
    assert severity(Verdict.GONE, Role.IMAGE, wanted) is Standing.UNSURE
    assert severity(Verdict.GONE, Role.SOURCE, wanted) is Standing.BAD
    assert severity(Verdict.OK, Role.SOURCE, wanted) is Standing.GOOD
