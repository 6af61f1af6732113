from __future__ import annotations

import time

import pytest

from feeds.posts.complexity import MOST_ATTRIBUTES, excess

NESTED = "elements nested too deeply or never closed"
LONG = "a text too long for one paragraph"


def numbered(pattern: str, count: int) -> str:
    return "".join(pattern.replace("N", str(number)) for number in range(count))


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        ("<div>" * 20_000, NESTED),
        ("<div></span>" * 20_000, NESTED),
        ("<span><div></span></div>" * 20_000, NESTED),
        ("<div>" * 20_000 + "</div>" * 20_000, NESTED),
        ("<li><ul>" * 20_000, NESTED),
        ("<table><tr><td>" * 20_000, NESTED),
        ("<span>" * 1_000 + "</b>" * 100_000, NESTED),
        ("<p>" + numbered("<b title=N>", 200) + "<p>x" * 5_000, NESTED),
        (numbered("<font size=N>", 2_000), NESTED),
        ("&amp;" * 200_000, LONG),
        ("&amp;" * 200_000 + "<p>x</p>", LONG),
        ("<p>" + "中·文" * 200_000, LONG),
        ("<p>" + "x&nbsp;</x>" * 100_000, LONG),
        ("<td>&nbsp;x" * 100_000, LONG),
        (f'<p title="{"&" * 200_000}">', LONG),
        (
            f"<p {numbered('aN ', 20_000)}>" + "x" * 50_000,
            f"a tag with more than {MOST_ATTRIBUTES} attributes",
        ),
    ],
)
def test_what_costs_more_than_its_length_is_named_and_quickly(raw: str, what: str) -> None:
    start = time.process_time()
    assert excess(raw) == what
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    "raw",
    [
        "<p>正文。</p>" * 50_000,
        "<p>a&nbsp;b&nbsp;c</p>" * 50_000,
        "<div><p>x<br>y<img src=i></div>" * 20_000,
        "<ul>" + "<li>x<p>y" * 20_000,
        "<p><b>never closed" * 5_000,
        "<p><div>never closed</p>" * 5_000,
        "<!-- <div> -->" * 20_000,
        "<div title='<div>'></div>" * 20_000,
        "<style>a>b{}<b></style>" * 20_000,
        "<table>" + "<tr><td>&nbsp;<td>1" * 5_000,
        "<div>" * 1_000 + "x" + "</div>" * 1_000,
        f'<img src="data:image/png;base64,{"A" * 2_000_000}">',
        "文字" * 1_000_000,
        numbered('<a name="N">x', 20_000),
        f'<p title="{"x " * 100_000}">',
    ],
    ids=lambda raw: raw[:30],
)
def test_what_an_article_may_hold_is_never_too_much(raw: str) -> None:
    assert excess(raw) == ""
