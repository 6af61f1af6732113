"""Addresses as they are asked for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.links.urls import InvalidURLError, SchemeError, host_of, request_target, target_of

BASE = "https://news.example.org/2022/01/post.html"
PIECES = st.lists(
    st.sampled_from(
        [
            *(
                "http://",
                "https://",
                "HTTP:",
                "ftp://",
                "//",
                "/",
                "\\",
                ":",
                "@",
                "?",
                "#",
                "%",
                "%2e",
            ),
            *(
                "..",
                ".",
                "[",
                "]",
                "::1",
                "127.1",
                "0x7f",
                "a.example",
                "例子",
                "。",
                "é",
                "\ud800",
            ),
            *(
                "\x00",
                "\t",
                " ",
                "<",
                '"',
                ">",
                "{",
                "|",
                "^",
                "\x7f",
                "\x85",
                "\u3000",
                "xn--",
                "%zz",
            ),
            *(":80", ":443", ":99999", ";p", "&", "+", "😀", "ß", "İ", "\u200d", "_", "-", "~"),
        ]
    ),
    max_size=12,
).map("".join)
ANY = st.one_of(st.text(), PIECES, PIECES.map(lambda text: f"http://{text}"))


@pytest.mark.parametrize(
    ("written", "asked", "fragment"),
    [
        ("http://a.example", "http://a.example/", ""),
        ("HTTP://A.Example:80/x", "http://a.example/x", ""),
        ("https://a.example:443", "https://a.example/", ""),
        ("https://a.example:80/", "https://a.example:80/", ""),
        ("http://a.example./", "http://a.example/", ""),
        ("  http://a.example/x\n", "http://a.example/x", ""),
        ("http://a.ex\nample/x\ty", "http://a.example/xy", ""),
        ("http://me:pw@a.example/", "http://a.example/", ""),
        ("http://a.example/a%2Fb+c", "http://a.example/a%2Fb+c", ""),
        ("http://a.example/%c4%E3?x=%d6", "http://a.example/%c4%E3?x=%d6", ""),
        ("http://a.example/{a}|^`~", "http://a.example/{a}|^`~", ""),
        ("http://a.example/a b", "http://a.example/a%20b", ""),
        ('http://a.example/"<x>"', "http://a.example/%22%3Cx%3E%22", ""),
        ("http://a.example/中?文=é", "http://a.example/%E4%B8%AD?%E6%96%87=%C3%A9", ""),
        ("http://a.example/中%2F", "http://a.example/%E4%B8%AD%2F", ""),
        ("http://a.example/x#部分", "http://a.example/x", "部分"),
        ("http://a.example/x#a b", "http://a.example/x", "a%20b"),
        ("http://a.example/a/../b/./c", "http://a.example/b/c", ""),
        ("http://a.example/a/%2e%2E/b/..", "http://a.example/", ""),
        ("http://a.example/a/...", "http://a.example/a/...", ""),
        ("http://a.example//a//b", "http://a.example//a//b", ""),
        ("http:\\\\a.example\\x?y\\z", "http://a.example/x?y\\z", ""),
        ("http://例子.测试/", "http://xn--fsqu00a.xn--0zwm56d/", ""),
        ("http://BÜCHER.example/", "http://xn--bcher-kva.example/", ""),
        ("http://i❤.example/", "http://xn--i-7iq.example/", ""),
        ("http://a_b.example/", "http://a_b.example/", ""),
        ("http://%61.example/", "http://a.example/", ""),
        ("http://0x08.8/", "http://8.0.0.8/", ""),
        ("http://[2001:DB8::0:1]/", "http://[2001:db8::1]/", ""),
        ("//b.example/x", "https://b.example/x", ""),
        ("/x", "https://news.example.org/x", ""),
        ("x?y#z", "https://news.example.org/2022/01/x?y", "z"),
        ("..\\x", "https://news.example.org/2022/x", ""),
        ("?a", "https://news.example.org/2022/01/post.html?a", ""),
        ("#a", "https://news.example.org/2022/01/post.html", "a"),
    ],
)
def test_a_link_is_asked_for_as_a_browser_does(written: str, asked: str, fragment: str) -> None:
    assert target_of(written, BASE) == (asked, fragment)


@pytest.mark.parametrize(
    "written",
    [
        *("http://", "http:///x", "http://?x", "http://:80/", "http://a b.example/"),
        *("http://a..example/", "http://.example/", f"http://{'a' * 64}.example/"),
        *(f"http://{'a.' * 140}example/", "http://a.example:x/", "http://a.example:70000/"),
        *(
            "http://[::1/",
            "http://[::1%25lo]/",
            "http://[x]/",
            "http://1.2.3.4.5/",
            "http://256.1.1.1/",
        ),
        *("http://0x/0x.0x1g", "http://1.2.3.09/", "http://a%00b/", "http://a%2Fb/", "http://a$b/"),
        *(f"http://a.example/{'x' * 9_000}",),
    ],
)
def test_what_nobody_can_ask_for_is_invalid(written: str) -> None:
    with pytest.raises(InvalidURLError) as caught:
        target_of(written, "")
    assert not isinstance(caught.value, SchemeError)


@pytest.mark.parametrize(
    "written", ["mailto:a@b.example", "ftp://a.example/", "x", "", "//a", "a:b"]
)
def test_other_schemes_are_said_to_be_others(written: str) -> None:
    with pytest.raises(SchemeError):
        target_of(written, "")


@given(ANY, st.sampled_from(["", BASE]))
@example("http://a.example/\ud800#\udfff", "")
@example("http://[::ffff:1.2.3.4]\\@b.example", "")
@example("http://a.example/%2e./?#", "")
def test_any_text_is_an_address_or_said_to_be_none(text: str, base: str) -> None:
    try:
        url, fragment = target_of(text, base)
    except InvalidURLError:
        return
    assert re.fullmatch(r"https?://[!-~]+", url)
    assert "#" not in url
    assert "@" not in host_of(url)
    assert not re.search(r"[\x00-\x20\x7f]", fragment)
    fragment.encode()
    assert target_of(url, base) == (url, "")
    assert urlsplit(url).path.startswith("/")
    assert b" " not in request_target(url)


def test_the_host_has_its_port_if_that_is_not_the_usual_one() -> None:
    assert host_of("https://a.example/x") == "a.example"
    assert host_of("https://a.example:8443/x") == "a.example:8443"


def test_the_target_of_a_request_is_path_and_query() -> None:
    assert request_target("http://a.example/a;b?c=d?e") == b"/a;b?c=d?e"
