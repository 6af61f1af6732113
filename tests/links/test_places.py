"""Where addresses stand: each place is one address and nothing beside it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feeds.config import Config, Posts, Site
from feeds.links.extract import extract
from feeds.links.fix import corrected, corrections
from feeds.links.places import Place, places
from feeds.models import Link, Role
from feeds.posts.read import read_post

HEADER = '---\ntitle: "a"\ncategories: c\n---\n'
OLD, NEW = "http://old.example.org", "http://new.example.org"
CONFIG = Config(
    root=Path("/nowhere"),
    site=Site(url="https://example.com", title="t"),
    posts=Posts(jekyll=False),
)


def links_in(raw: bytes, name: str = "2022-01-17-a.md") -> list[Link]:
    reading = read_post(f"_posts/{name}", raw, CONFIG)
    assert reading.post is not None, reading.findings
    return extract(reading, raw.decode("utf-8-sig", "replace"))


def places_in(raw: bytes, name: str = "2022-01-17-a.md") -> list[Place]:
    return list(places(read_post(f"_posts/{name}", raw, CONFIG), raw))


def moved(url: str) -> str:
    return url.replace(OLD, NEW) if url in MOVED else url


def fixed(raw: bytes, name: str = "2022-01-17-a.md") -> bytes:
    """A file in which the addresses that moved are corrected."""
    right = {link: moved(link.url) for link in links_in(raw, name) if link.url in MOVED}
    return corrected(raw, corrections(right, places_in(raw, name)))


MOVED = frozenset(f"{OLD}/only{end}" for end in ("", "?a=1&b=2", "/x.html", "#top"))


def one(form: str) -> str:
    """A post's text with an address in the place of ``@``, and others that begin like it."""
    return form.replace("@", f"{OLD}/only")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("[a](@) [b](<@中文>) [c](@(b)) @*x* `@` [d](/d '@')", 1),
        ("<a href='@'>@</a> <a href='@|x'>a</a> <a title='@' href=@>", 2),
        ("<@> <@/> @ <@中>", 1),
        ("[@](@) ![@](@ (@)) [](@)", 3),
        ("[![i](@)](@) [![@][@]](/x)", 2),
        ("[*a*](\n@\n'b') [`](/x)` ](@) [a](< @ >)", 3),
        ("[a](@\\)) [a](\\@) [a](@&copy;)", 0),
        ("> [a\n> b](\n> @)\n> <a\n> href='@'>", 2),
        ("[a][B  b] [b b] ![b B][]\n\n> [b B]: @ '@'\n\n[b b]: @", 1),
        ("```\n[b]: @\n```\n\n[b]\n\n[b]: <@> (t)\n\n[c]: @", 1),
        ("[b]\n\n[b]:\n   @\n   '@'", 1),
        ('- [a](@)\n\n  <p>\n  <a href="@">b</a>\n  </p>', 2),
        ("<img srcset='@ 1x,@, @中 2x' src=@ alt=@>", 3),
        (
            "<!-- <a href='@'> --> <script>'<a href=@>'</script>\n\n"
            "{% comment %}[a](@){% endcomment %}",
            0,
        ),
        ("| a |\n|---|\n| [b](@) |\n\na[^1]\n\n[^1]: [b](@)\n\n# [c](@)", 3),
        ("[返回c](@)\n\n正文\n\n来源：@\n\n[返回c](@)｜<a href='@'>返回@</a>｜[返回首页](@中)", 4),
        ("x\n\n<@>\n\n[返回c](@) [返回c](@)", 3),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\ufeff\x00"])
def test_an_address_is_found_where_it_stands_and_nowhere_else(
    text: str, places: int, end: str, mark: str
) -> None:
    raw = (mark + HEADER + one(text)).replace("\n", end).encode()
    found = [each for each in places_in(raw) if each.link.url == f"{OLD}/only"]
    spans = {(each.start, each.end) for each in found}
    assert [raw[start:stop] for start, stop in spans] == [one("@").encode()] * places
    named = {each.link for each in found}
    assert named == {each for each in links_in(raw) if each.url == f"{OLD}/only"}


@pytest.mark.parametrize(
    ("header", "places"),
    [
        ("title: '@'\nsource: @\nmore: @\n", 1),
        ('source: "@"\n', 1),
        ("source:\n  name: at @x\n  url: @  # '@x'\n", 1),
        ("source: {name: a, url: @, x: b}\n", 1),
        ("source:\n- @\nlink: @\n", 1),
        ("source: {name: '@', url: '@'}\n", 0),
        ("image: @\ntitle: see @中\n", 1),
        ("image: /only.png\ntitle: see @\n", 0),
    ],
)
def test_an_address_of_the_front_matter_has_a_place_if_one_value_is_that(
    header: str, places: int
) -> None:
    raw = f"---\n{one(header)}categories: c\n---\n\n[b](/c)\n".encode()
    found = [each for each in places_in(raw) if each.link.role is not Role.BODY]
    assert [raw[each.start : each.end] for each in found] == [one("@").encode()] * places
    after = fixed(raw)
    assert after.count(NEW.encode()) == places
    assert after.replace(NEW.encode(), OLD.encode()) == raw


def test_toml_and_json_have_places_too() -> None:
    for header in ('+++\nsource = "@"\n+++\n', '{\n  "source": "@",\n  "title": "@x"\n}\n'):
        raw = one(header).encode() + b"\ntext\n"
        assert fixed(raw) == raw.replace(b"old", b"new", 1)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_file_in_gb18030_has_places(mark: str) -> None:
    raw = f"{mark}{HEADER}中文😀 [甲]({OLD}/only) 乙".encode("gb18030")
    assert fixed(raw) == raw.replace(b"old", b"new")


def test_what_was_left_out_in_reading_is_no_part_of_a_place() -> None:
    raw = f"{HEADER}\x00[\x01a](\x00{OLD}/only\x02) [b]({OLD}\x00/only)".encode()
    assert fixed(raw) == raw.replace(b"old", b"new", 1)


def test_another_file_than_the_one_that_was_read_has_no_places() -> None:
    raw = one(f"{HEADER}[a](@)").encode()
    assert list(places(read_post("_posts/2022-01-17-a.md", raw, CONFIG), raw + b" ")) == []


# --- whatever is in a file ----------------------------------------------------------------

ENDS = st.sampled_from(["", "?a=1&b=2", "/x.html", "#top", "中文", "|x", "(b)", "*x*", "/", "'s"])
FORMS = st.sampled_from(
    [
        *("[a](@)", "[甲](<@>)", "![i](@ '@')", "[a\nb](@)", "[![i](@)](@)", "<@>", "[@](@)"),
        *(
            "<a href='@'>乙</a>",
            '<a href="@">x</a>',
            "<a\n href=@\n>y</a>",
            "<img srcset='@ 1x, @'>",
        ),
        *(
            "`@`",
            "@",
            "\n    @\n\n",
            "\n```\n[a](@)\n```\n",
            "<!-- <a href='@'> -->",
            "（@）",
            "**@**",
        ),
        *("[r][d]", "[d]", "\n\n[d]: @\n\n", "\n\n> [d]: <@> '@'\n\n", "\n\n> [q](@)\n> <@>\n\n"),
        *(
            "\n\n- [l](@)\n- <a\n  href='@'>\n\n",
            "\n<div>\n<a href='@'>@</a>\n</div>\n\n",
            "\n\n",
            " ",
        ),
        *("\\[a](@)", "[a](", ")", '"', "<", "{% comment %}", "{% endcomment %}", "\x00", "😀"),
    ]
)
NAVIGATION = st.sampled_from(
    [
        "",
        "<@>\n\n[返回c](@)\n[返回首页](@)\n",
        "来源：[原文](@)\n",
        "[返回c](@)｜<a href='@'>返回首页</a>",
    ]
)
HEADERS = st.sampled_from(
    [
        "",
        HEADER,
        "---\ntitle: 'see @'\nsource: @\n---\n",
        "---\nsource: {url: '@'}\ntitle: a\n---\n",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """A post with addresses of which some begin with others, in every form there is."""

    def filled(form: str) -> str:
        parts = form.split("@")
        for number in range(len(parts) - 1):
            parts[number] += f"{OLD}/only{draw(ENDS)}"
        return "".join(parts)

    text = "".join(filled(form) for form in draw(st.lists(FORMS, max_size=12)))
    whole = f"{filled(draw(HEADERS))}{text}\n\n{filled(draw(NAVIGATION))}"
    return whole.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@given(files(), st.sampled_from(["2022-01-17-a.md", "2022-01-17-a.html"]))
@example(one(f"{HEADER}[a](@) [b](<@中文>) <a href='@|x'> <a href='@(b)'> @*x*"), "2022-01-17-a.md")
def test_a_correction_changes_the_links_that_are_meant_and_no_other_byte(
    text: str, name: str
) -> None:
    raw = text.encode()
    if read_post(f"_posts/{name}", raw, CONFIG).post is None:
        return
    before, after = links_in(raw, name), fixed(raw, name)
    assert after.replace(NEW.encode(), OLD.encode()) == raw
    meant = {(link.role, moved(link.url), link.line) for link in before}
    assert {(link.role, link.url, link.line) for link in links_in(after, name)} == meant


@given(st.text(max_size=100) | files(), st.sampled_from(["", "\ufeff", HEADER]))
def test_every_place_is_written_as_its_link_says(text: str, header: str) -> None:
    raw = (header + text).encode()
    reading = read_post("_posts/2022-01-17-a.md", raw, CONFIG)
    if reading.post is None:
        return
    known = set(links_in(raw))
    for place in places(reading, raw):
        assert raw[place.start : place.end].decode() == place.written
        assert place.meaning(place.written).strip() == place.link.url
        assert place.link in known


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "[a](b) ",
            "[a][b] ",
            "<a href=b>",
            "> <a\n> href=b>\n",
            "[a]: b\n",
            "<http://a> ",
            "中[a](b)",
        ),
        *("![", "[a](", "\r\x00", "<a href=b>\n", "| [a](b) ", "<img srcset='b 1x, c 2x'>"),
    ],
)
@pytest.mark.parametrize("name", ["2022-01-17-a.md", "2022-01-17-a.html"])
def test_the_time_grows_with_the_input_and_not_faster(unit: str, name: str) -> None:
    raw = f"{HEADER}[a]\n\n[a]: b\n{unit * (200_000 // len(unit))}".encode()
    reading = read_post(f"_posts/{name}", raw, CONFIG)
    began = time.process_time()
    for _ in places(reading, raw):
        pass
    # What is quadratic takes minutes at this size.
    assert time.process_time() - began < 4
