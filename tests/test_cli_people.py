"""The command line as people meet it: on terminals, with questions and with mistakes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import CONFIG, write_post
from .test_cli import feeds, objects, on_a_terminal

LEFT_OUT = "every post was left out; `feeds posts --problems` says why"
PLAIN = {"NO_COLOR": "1", "COLUMNS": "80"}


def last_lines(shown: str) -> list[str]:
    """What stays on a terminal when the bars are gone."""
    return re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.rpartition("\x1b[2K")[2]).strip().splitlines()


def many_untitled(site: Path, number: int) -> None:
    for each in range(number):
        write_post(site, f"{each}.md", title="", body=f"文 {each}")


# --- findings -----------------------------------------------------------------------------


def test_many_alike_are_one_group_on_a_terminal(site: Path) -> None:
    many_untitled(site, 9)
    write_post(site, "x.md", "never")
    _, shown = on_a_terminal(site, "build", env=PLAIN)
    assert last_lines(shown)[:8] == [
        "9 warnings: title is empty — the first words of the text taken",
        "    posts/0.md:2",
        "    posts/1.md:2",
        "    posts/2.md:2",
        "    … and 6 more",
        "posts/x.md:3: error: date is no date: 'never'; a post needs a date — left out",
        "1 error, 9 warnings; --verbose shows each",
        "9 posts in 1 feed",
    ]


@pytest.mark.parametrize("command", [["build"], ["posts"], ["list"], ["check", "--offline"]])
def test_each_is_shown_if_it_is_wanted_or_nobody_looks(site: Path, command: list[str]) -> None:
    many_untitled(site, 9)
    lines = [f"posts/{each}.md:2: warning: " for each in range(9)]
    _, shown = on_a_terminal(site, *command, "--verbose", env=PLAIN)
    piped = feeds(site, *command).err
    for text in (shown, piped):
        assert all(line in text for line in lines)
        assert "--verbose" not in text
    _, short = on_a_terminal(site, *command, env=PLAIN)
    assert "… and 6 more" in short
    assert lines[0] not in short


def test_three_of_a_kind_are_shown_whole(site: Path) -> None:
    many_untitled(site, 3)
    _, shown = on_a_terminal(site, "build", env=PLAIN)
    assert [line.split(": ")[0] for line in last_lines(shown)[:4]] == [
        *(f"posts/{each}.md:2" for each in range(3)),
        "3 warnings",
    ]


def test_a_group_has_the_colour_of_its_level(site: Path) -> None:
    many_untitled(site, 4)
    _, shown = on_a_terminal(site, "build")
    assert "\x1b[33m4 warnings\x1b[0m: title is empty" in shown


def test_what_is_next_is_told_on_a_terminal_with_what_was_typed(site: Path) -> None:
    write_post(site, "a.md")
    (site / "config.toml").write_text(CONFIG, "utf-8")
    _, shown = on_a_terminal(site.parent, "build", "site")
    step = "next: look at site/public/index.html, or serve it with `feeds serve site`"
    assert last_lines(shown)[-1] == step
    for arguments in (["--json"], ["--strict"]):
        write_post(site, "b.md", title="")
        assert "next:" not in on_a_terminal(site, "build", *arguments)[1]
    assert "next:" not in feeds(site, "build").err


# --- feeds list ---------------------------------------------------------------------------


def test_a_terminal_gets_a_table(site: Path) -> None:
    write_post(site, "a.md", tags="[中国税务报新闻, A]")
    code, shown = on_a_terminal(site, "list", env={"COLUMNS": "140"})
    head, *rows = last_lines(shown)
    assert code == 0
    assert head.split() == ["kind", "name", "entries", "posts", "newest", "address"]
    assert rows[2].split() == [
        *("tag", "中国税务报新闻", "1", "1", "2022-01-17"),
        "https://news.example.org/tag/中国税务报新闻/feed.atom",
    ]
    assert "\x1b[36m" in shown
    assert "\x1b[36m" not in on_a_terminal(site, "list", env=PLAIN)[1]


def test_that_no_feed_is_meant_is_said(site: Path) -> None:
    write_post(site, "a.md")
    for more in ([], ["--json"]):
        done = feeds(site, "list", "--match", "zzz", *more)
        assert done.err == "0 feeds; without --kind and --match it shows all\n"
    assert feeds(site, "list").err == ""


def test_feeds_can_be_chosen_and_sorted(site: Path) -> None:
    write_post(site, "a.md", categories="x", tags="[a, b]")
    write_post(site, "b.md", tags="[b]")
    found = feeds(site, "list", "--kind", "tag", "--sort", "posts").out.splitlines()
    assert [line.split("\t")[1] for line in found] == ["b", "a"]
    (only,) = objects(feeds(site, "list", "--match", "category/*", "--json"))
    assert only["name"] == "x"


# --- feeds posts --------------------------------------------------------------------------


@pytest.fixture
def several(site: Path) -> Path:
    write_post(site, "a.md", "2026-01-31 08:00:00 +0800", title="年报", tags="股市")
    write_post(site, "b.md", "2026-02-01 08:00:00 +0800", title="", tags="A", categories="x")
    write_post(site, "c.md", "2999-01-01", title="later", tags="股市")
    write_post(site, "d.md", "never")
    return site


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--tag", "股市"], "ca"),
        (["--tag", "a", "--category", "X"], "b"),
        (["--tag", "股市", "--state", "visible"], "a"),
        (["--since", "2026-02-01"], "cb"),
        (["--since", "2026-01-31", "--until", "2026-01-31"], "a"),
        (["--problems"], "b"),
        (["--match", "年"], "a"),
        (["--match", "posts/[bc].md"], "cb"),
    ],
)
def test_posts_can_be_chosen(several: Path, arguments: list[str], found: str) -> None:
    posts = objects(feeds(several, "posts", "--json", *arguments))
    assert [Path(post["path"]).stem for post in posts] == list(found)
    out = feeds(several, "posts", *arguments).out
    assert re.findall(r"(?m)^    posts/(\w)\.md$", out) == list(found)


def test_problems_stand_below_their_posts_and_those_of_no_post_beside(several: Path) -> None:
    done = feeds(several, "posts", "--problems")
    assert re.search(r"(?m)^    posts/b\.md:2: warning: title is empty — .+$", done.out)
    assert done.err.startswith("posts/d.md:3: error: ")
    assert done.err.splitlines()[1:] == ["1 error", "1 post"]
    assert "posts/d.md" not in feeds(several, "posts", "--problems", "--tag", "A").err


def test_problems_are_each_shown_on_a_terminal_too(site: Path) -> None:
    for each in range(5):
        write_post(site, f"{each}.md", "never")
    _, shown = on_a_terminal(site, "posts", "--problems", env=PLAIN)
    assert [line.split(": ")[0] for line in last_lines(shown)] == [
        *(f"posts/{each}.md:3" for each in range(5)),
        *("5 errors", "0 posts", LEFT_OUT),
    ]
    assert feeds(site, "build").err.splitlines()[-1] == LEFT_OUT


def test_only_what_concerns_the_chosen_posts_is_said(several: Path) -> None:
    assert feeds(several, "posts", "--tag", "股市").err == "2 posts\n"
    assert "posts/b.md:2: warning: " in feeds(several, "posts", "--tag", "A").err


def test_a_term_that_no_post_has_is_told_with_what_was_meant(several: Path) -> None:
    done = feeds(several, "posts", "--tag", "股事", "--category", "qqqq")
    assert (done.code, done.out) == (0, "")
    assert done.err.splitlines() == [
        "0 posts",
        'no post has the category "qqqq"; `feeds list` shows which there are',
        'no post has the tag "股事"; did you mean "股市"?',
    ]


# --- mistakes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["build", "sit"], "does not exist; name the folder of the site; did you mean site?"),
        (["build", "site/posts"], "no _config.yml in it; its site is {folder}/site, name that"),
        (["build", "site/config.toml"], "is not a folder; name the folder of the site: {folder}/"),
        (["posts", "site", "--since", "1.2.2026"], '"1.2.2026" is no day like 2026-01-31'),
        (
            ["posts", "site", "--since", "2026-02-01", "--until", "2026-01-01"],
            "--since 2026-02-01 is after --until 2026-01-01; exchange them",
        ),
        (["posts", "site", "--state", "hiden"], "not one of 'visible', 'future', 'hidden'"),
        (["site"], "to build the site in that folder: `feeds build site`"),
        (["biuld"], "Did you mean 'build'?\nfeeds: see `feeds --help`"),
        (["build", "--verbos"], "Did you mean '--verbose'?\nfeeds: see `feeds build --help`"),
        (["completion"], "Missing argument 'SHELL'. Choose from: bash, zsh, fish\n"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["list", "moved"], "site.entries: unknown key; it belongs in [feeds]"),
        (["list", "moved"], "config.toml: entries: unknown key; it belongs in [feeds]"),
    ],
)
def test_a_mistake_is_told_with_what_may_have_been_meant(
    site: Path, arguments: list[str], expected: str
) -> None:
    (site.parent / "moved").mkdir()
    moved = "entries = 3\n" + CONFIG.replace("[posts]", "entries = 4\n[posts]")
    (site.parent / "moved/config.toml").write_text(moved, "utf-8")
    done = feeds(site.parent, *arguments)
    assert (done.code, done.out) == (2, "")
    assert expected.format(folder=site.parent) in done.err


def test_an_address_that_is_none_of_this_machine_is_told(site: Path) -> None:
    done = feeds(site, "serve", "--host", "192.0.2.1")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith("feeds: 192.0.2.1:8000: cannot be listened at: ")
    assert "choose another with --host and --port" in done.err


def test_json_is_whole_on_a_terminal(site: Path) -> None:
    write_post(site, "a.md", tags="股市")
    _, shown = on_a_terminal(site, "list", "--json", env=PLAIN)
    assert [feed["name"] for feed in json.loads("\n".join(last_lines(shown)))] == ["", "股市"]


def test_where_the_page_of_feeds_gave_way_people_are_led_to_what_is_ours(site: Path) -> None:
    (site / "config.toml").write_text(CONFIG, "utf-8")
    (site / "public").mkdir()
    (site / "public/index.html").write_text("home")
    write_post(site, "a.md")
    _, shown = on_a_terminal(site, "build", env=PLAIN)
    assert "next: look at public/feed.atom" in shown


def test_the_page_of_links_is_of_all_links(site: Path) -> None:
    for option in (["--role", "source"], ["--changed"]):
        done = feeds(site, "check", "--format", "html", *option)
        assert (done.code, done.out) == (2, "")
        assert f"leave {option[0]} away" in done.err
