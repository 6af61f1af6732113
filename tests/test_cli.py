"""The command line as people and scripts meet it: real processes, pipes and terminals."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import feedparser
import pytest

from feeds import __version__
from feeds.manifest import MANIFEST

from .conftest import CONFIG, run_build, tree, write_post
from .processes import heed_interrupts, killed_at_last
from .test_build import big_site, without_privileges

# A warning of Python, such as that of a file that is not closed, is a failure here.
FEEDS = [sys.executable, "-W", "error", "-m", "feeds"]
COMMAND = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")


class Done(NamedTuple):
    """A process that ended, and what it printed."""

    code: int
    out: str
    err: str


def feeds(
    cwd: Path, *arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any
) -> Done:
    """Run a command in a folder."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run(
        [*FEEDS, *arguments], cwd=cwd, env={**os.environ, **(env or {})}, check=False, **options
    )
    out, err = ((stream or b"").decode("utf-8") for stream in (done.stdout, done.stderr))
    assert "Traceback" not in err, err
    return Done(done.returncode, out, err)


def objects(done: Done) -> list[dict[str, Any]]:
    """What was printed for programs; every line but the brackets is an object."""
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    if found:
        lines = done.out.splitlines()
        assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == found
    return found


def configure(site: Path, text: str) -> None:
    (site / "config.toml").write_text(CONFIG + text, "utf-8")


# --- what is said, where, and with which code ---------------------------------------------


def test_a_build_says_what_it_did_on_stdout_and_nothing_on_stderr(site: Path) -> None:
    write_post(site, "a.md", tags="[x, y]")
    write_post(site, "b.md", "2999-01-01")
    write_post(site, "c.md", published="false")
    first, second = feeds(site, "build"), feeds(site, "build")
    assert (first.code, first.err) == (0, "")
    assert re.fullmatch(
        r"1 post in 3 feeds\n1 post of the future\n1 post not published\n"
        r"10 files written in public/ \(\d+\.\d s\)\n",
        first.out,
    )
    assert "\n0 files written, 10 unchanged in public/ (" in second.out
    (site / "posts/a.md").unlink()
    assert re.search(r"\n\d files? written, .*6 removed in public/", feeds(site, "build").out)


def test_findings_go_to_stderr_one_a_line_with_a_count(site: Path) -> None:
    write_post(site, "a.md", title="")
    write_post(site, "b.md", "never")
    write_post(site, "c.md", tags="[x, X]")
    done = feeds(site, "build")
    assert done.code == 0
    lines = done.err.splitlines()
    assert len(lines) == 4
    assert all(re.match(r"\S+(:\d+)?: (note|warning|error): .+ — .+", line) for line in lines[:3])
    assert lines[3] == "1 error, 1 warning, 1 note"
    assert done.out.startswith("2 posts in 3 feeds\n")


def test_strict_fails_on_a_warning_and_writes_nothing(site: Path) -> None:
    write_post(site, "a.md")
    assert feeds(site, "build", "--strict").code == 0
    before = tree(site / "public")
    write_post(site, "b.md", title="")
    done = feeds(site, "build", "--strict")
    assert (done.code, tree(site / "public")) == (1, before)
    assert "posts/b.md:2: warning: " in done.err
    assert done.out.endswith("nothing was written to public, because of --strict\n")


def test_strict_does_not_mind_notes(site: Path) -> None:
    write_post(site, "a.md", tags="[x, X]")
    done = feeds(site, "build", "--strict")
    assert (done.code, ": note: " in done.err) == (0, True)
    assert (site / "public/feed.atom").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["build", "absent"], "absent: does not exist; name the folder of the site"),
        (["posts", "file"], "file: is not a folder; name the folder of the site"),
        (["list", "empty"], "empty: no config.toml and no _config.yml in it; `feeds init` writes"),
        (["build", "wrong"], "wrong/config.toml: feeds.entrys: unknown key; did you mean entries?"),
        (["posts", "broken"], "broken/config.toml: not TOML: "),
        (["build", "nowhere"], 'nowhere/config.toml: posts.sources: no folder "posts" in '),
        (["init", "absent"], "absent: is not a folder"),
        (["init", "site"], "site/config.toml: is there already; --force replaces it"),
        (
            ["build", "site", "--posts", "nope"],
            "Invalid value for '--posts': no folder \"nope\" in",
        ),
        (["posts", "site", "--posts", "no*"], "Invalid value for '--posts': no folder \"no*\" in"),
        (["list", "site", "--posts", "../x"], '"../x" is outside the site; link it into the site'),
        (["build", "site", "-o", ""], 'feeds.output: expected a folder; "." is that of the site'),
        (["build", "site", "--jobs", "0"], "Invalid value for '--jobs': 0 is not in the range"),
        (["build", "site", "--jobs", "many"], "'many' is not a valid integer"),
        (["build", "site", "-o"], "feeds: see `feeds build --help`"),
        (["build", "--strickt"], "No such option '--strickt'. Did you mean '--strict'?"),
        (["build", "site", "other"], "Got unexpected extra argument (other)"),
        (["bulid"], "No such command 'bulid'. Did you mean 'build'?"),
    ],
)
def test_a_mistake_of_the_user_is_a_message_and_code_2(
    site: Path, arguments: list[str], expected: str
) -> None:
    folder = site.parent
    (folder / "file").touch()
    for name, text in {
        "empty": "",
        "wrong": CONFIG + "[feeds]\nentrys = 3",
        "broken": "[",
        "nowhere": CONFIG,
    }.items():
        (folder / name).mkdir()
        if text:
            (folder / name / "config.toml").write_text(text, "utf-8")
    before = tree(folder)

    done = feeds(folder, *arguments)

    assert (done.code, done.out) == (2, "")
    assert expected in done.err
    assert all(line.startswith("feeds: ") for line in done.err.splitlines())
    assert tree(folder) == before


def test_all_mistakes_of_a_configuration_are_said_each_on_its_line(site: Path) -> None:
    configure(site, "[feeds]\nentries = 0\noutput = 3\n[feeds.paths]\ntag = 'x'\n")
    done = feeds(site, "build")
    prefix = f"feeds: {site}/config.toml: feeds."
    assert done.code == 2
    assert [line.removeprefix(prefix).split(":")[0] for line in done.err.splitlines()] == [
        "entries",
        "output",
        "paths.tag",
    ]


def test_a_configuration_that_may_not_be_read_is_said(site: Path) -> None:
    (site / "config.toml").chmod(0)
    done = subprocess.run(
        without_privileges(*FEEDS, "build", str(site)), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"feeds: {site}/config.toml: cannot be read: permission denied\n"


def test_a_site_that_may_not_be_entered_is_said(site: Path) -> None:
    site.chmod(0)
    done = subprocess.run(
        without_privileges(*FEEDS, "build", str(site)), capture_output=True, text=True, check=False
    )
    site.chmod(0o755)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"feeds: {site}/config.toml: cannot be read: permission denied\n"


@pytest.mark.parametrize("command", ["build", "posts", "list"])
def test_a_folder_that_cannot_be_written_is_code_3(site: Path, command: str) -> None:
    write_post(site, "a.md")
    (site / ".feeds").write_text("")
    done = feeds(site, command)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"feeds: {site}/.feeds: has to be a folder; move it away")


def test_a_first_configuration_that_cannot_be_written_is_code_3(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = subprocess.run(
        without_privileges(*FEEDS, "init", str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    path = tmp_path / "config.toml"
    assert done.stderr == f"feeds: {path}: cannot be written: permission denied\n"


def test_files_of_somebody_else_in_the_way_are_named_and_code_3(site: Path) -> None:
    write_post(site, "a.md")
    (site / "public").mkdir()
    (site / "public/feed.atom").write_text("mine")
    done = feeds(site, "build")
    assert (done.code, done.out) == (3, "")
    assert f"feeds: {site}/public/feed.atom: was not written by this program" in done.err
    assert tree(site / "public") == {"feed.atom": b"mine"}


# --- what it offers -----------------------------------------------------------------------


def test_help_names_every_command_in_the_order_of_need() -> None:
    done = feeds(Path.cwd(), "--help")
    assert (done.code, done.err) == (0, "")
    listed = re.findall(r"(?m)^  (\w+) {2,}\S", done.out.partition("Commands:")[2])
    assert listed[:4] == ["init", "build", "posts", "list"]
    assert "..." not in done.out.partition("Commands:")[2]
    assert "Exit codes: 0 done, 1 found" in done.out
    # Without any argument it is a mistake, and the help what is needed.
    bare = feeds(Path.cwd())
    assert (bare.code, bare.out, bare.err) == (2, "", done.out)


@pytest.mark.parametrize("command", ["init", "build", "posts", "list", "publish", "check"])
def test_the_help_of_a_command_has_examples_that_are_right(site: Path, command: str) -> None:
    done = feeds(site, command, "--help")
    assert (done.code, done.err) == (0, "")
    assert all(len(line) <= 80 for line in done.out.splitlines())
    examples = re.findall(rf"(?m)^    feeds {command}([^|\n]*?)(?:   .*| \|.*)?$", done.out)
    assert len(examples) >= 2
    options = set(re.findall(r"(?m)^  (?:-\w, )?(--[\w-]+)", done.out))
    for example in examples:
        assert set(re.findall(r"--[\w-]+", example)) <= options
    # Nothing is offered without a word about it.
    offered = done.out.partition("Options:")[2].replace("[OPTIONS]", "")
    assert all(re.search(rf"{option}\b.*\s\w+ \w+", offered) for option in options)


def test_the_version_is_told() -> None:
    assert feeds(Path.cwd(), "--version").out == f"feeds, version {__version__}\n"


def test_from_an_empty_folder_to_feeds(tmp_path: Path) -> None:
    (tmp_path / "my site/posts").mkdir(parents=True)
    write_post(tmp_path / "my site", "a.md")
    done = feeds(tmp_path, "init", "my site")
    assert (done.code, done.out) == (0, "wrote my site/config.toml\n")
    assert done.err.endswith("then run `feeds build 'my site'`\n")
    assert feeds(tmp_path, "build", "my site").code == 0
    assert (tmp_path / "my site/public/feed.atom").exists()


def test_init_says_what_it_rests_on(tmp_path: Path) -> None:
    (tmp_path / "hugo.toml").write_text('baseURL = "https://h.example.org/"\n')
    assert feeds(tmp_path, "init").out == "wrote config.toml, from what hugo.toml says\n"
    (tmp_path / "config.toml").write_text("")
    assert feeds(tmp_path, "init", "--force").code == 0
    assert "https://h.example.org/" in (tmp_path / "config.toml").read_text()


# --- for programs -------------------------------------------------------------------------

POST_KEYS = ["path", "url", "id", "title", "date", "updated", "categories", "tags", "published"]
FEED_KEYS = ["kind", "name", "title", "path", "url", "entries", "updated"]


def test_posts_as_json_have_the_promised_keys(site: Path) -> None:
    write_post(
        site,
        "a.md",
        title="标题",
        categories="emnews",
        tags="[股市, B]",
        last_modified_at="2022-01-18 10:00:00 +0800",
        body="正文。\n\n<http://wire.example.com/1.html>\n\n[返回首页](../)",
    )
    write_post(site, "b.md", "2999-01-01 00:00:00")
    write_post(site, "c.md", "2021-01-01", published="false")
    write_post(site, "d.md", "2020-01-01", permalink="/d.html")
    write_post(site, "e.md", "2020-01-02", permalink="/d.html")
    done = feeds(site, "posts", "--json")
    found = objects(done)
    assert {*POST_KEYS, "source", "warnings"} <= found[1].keys()
    assert [list(post)[:9] for post in found] == [POST_KEYS] * 5
    assert [(post["path"], post["published"], post["state"]) for post in found] == [
        ("posts/b.md", True, "future"),
        ("posts/a.md", True, "visible"),
        ("posts/c.md", False, "hidden"),
        ("posts/e.md", True, "rival"),
        ("posts/d.md", True, "visible"),
    ]
    post = found[1]
    assert post["title"] == "标题"
    assert post["url"] == post["id"]
    assert post["url"].startswith("https://news.example.org/emnews/2022/01/17/")
    assert (post["date"], post["updated"]) == (
        "2022-01-17T08:54:02+08:00",
        "2022-01-18T10:00:00+08:00",
    )
    assert (post["categories"], post["tags"]) == (["emnews"], ["股市", "B"])
    assert post["source"] == "http://wire.example.com/1.html"
    assert post["warnings"] == []
    assert [link["role"] for link in post["links"]] == ["source", "back-home"]
    assert len(found[3]["warnings"]) == 1
    assert "标题" in done.out, "text stays readable"


def test_no_finding_disappears_whichever_command_is_asked(site: Path) -> None:
    write_post(site, "a.md", title="", tags="[x, X]")
    write_post(site, "b.md", "never")
    (site / "posts/c.md").write_bytes(b"---\ntitle: \xff\xff\xff\n---\n")
    (site / "posts/d.md").mkdir()
    (site / "posts/e\n.md").write_text("---\ntitle: e\n")
    said = {line for line in feeds(site, "build").err.splitlines() if ": " in line}
    assert len(said) == 6

    shown = feeds(site, "posts")
    assert said - {each for each in said if "tag/" in each} <= set(shown.err.splitlines())
    done = feeds(site, "posts", "--json")
    warnings = [warning for post in objects(done) for warning in post["warnings"]]
    assert len(warnings) == 1
    assert {*warnings, *done.err.splitlines()} >= set(shown.err.splitlines()[:-2])


def test_notes_on_a_jekyll_configuration_are_said_by_every_command(site: Path) -> None:
    (site / "config.toml").unlink()
    (site / "_config.yml").write_text("url: https://x.example\ntimezone: Mars/Olympus\n")
    for command in ("build", "posts", "list"):
        assert "_config.yml: note: " in feeds(site, command).err


def test_feeds_as_json_have_the_promised_keys(site: Path) -> None:
    write_post(site, "a.md", categories="emnews", tags="股市")
    write_post(site, "b.md", "2022-02-01 00:00:00", tags="股市")
    found = objects(feeds(site, "list", "--json"))
    assert [list(feed)[:7] for feed in found] == [FEED_KEYS] * 3
    assert [(feed["kind"], feed["name"], feed["entries"]) for feed in found] == [
        ("site", "", 2),
        ("category", "emnews", 1),
        ("tag", "股市", 2),
    ]
    tag = found[2]
    assert tag["path"] == "tag/股市/feed.atom"
    assert tag["url"] == "https://news.example.org/tag/%E8%82%A1%E5%B8%82/feed.atom"
    assert tag["updated"] == "2022-02-01T00:00:00+08:00"
    assert tag["urls"].keys() == {"atom", "rss", "json"}
    assert not (site / "public").exists()


def test_a_build_as_json_tells_all_that_it_did(site: Path) -> None:
    write_post(site, "a.md", title="")
    done = feeds(site, "build", "--json")
    found = json.loads(done.out)
    seconds = found.pop("seconds")
    assert isinstance(seconds, float)
    assert found == {
        "output": str(site / "public"),
        "posts": {"visible": 1},
        "feeds": 1,
        "documents": 4,
        "published": True,
        "written": ["feed.atom", "feed.json", "feed.rss", "feeds.opml"],
        "removed": [],
        "findings": [
            {
                "path": "posts/a.md",
                "line": 2,
                "level": "warning",
                "what": found["findings"][0]["what"],
                "done": found["findings"][0]["done"],
            }
        ],
    }
    strict = feeds(site, "build", "--json", "--strict", "--full")
    assert strict.code == 1
    assert json.loads(strict.out)["published"] is False


def test_nothing_is_an_empty_list(site: Path) -> None:
    assert objects(feeds(site, "posts", "--json")) == []
    assert feeds(site, "posts").err == "0 posts\n"


def test_posts_and_feeds_can_be_looked_through(site: Path) -> None:
    write_post(site, "a.md", title="标题", tags="股市")
    write_post(site, "b.md", "2999-01-01", title="later")
    assert feeds(site, "posts").out == (
        "2999-01-01 00:00  later  [future]\n    posts/b.md\n"
        "2022-01-17 08:54  标题\n    posts/a.md\n"
    )
    assert re.findall(r"(?m)^(\w+) +(\d+)  (\S*)", feeds(site, "list").out) == [
        ("site", "1", ""),
        ("tag", "1", "股市"),
    ]


# --- folders ------------------------------------------------------------------------------


def test_sources_can_be_named_in_place_of_the_configured_ones(site: Path) -> None:
    write_post(site, "a.md")
    for folder in ("old_post", "more/x", "more/y"):
        (site / folder).mkdir(parents=True)
        shutil.copy(site / "posts/a.md", site / folder / f"{folder[-1]}.md")

    def read(*sources: str | Path) -> list[str]:
        options = [part for source in sources for part in ("--posts", source)]
        found = objects(feeds(site.parent, "posts", "site", "--json", *options))
        return sorted(post["path"] for post in found)

    assert read() == ["posts/a.md"]
    assert read("old_post") == ["old_post/t.md"]
    assert read("posts/", "./old_post") == ["old_post/t.md", "posts/a.md"]
    assert read("more/*") == ["more/x/x.md", "more/y/y.md"]
    assert read(site / "old_post") == ["old_post/t.md"]


def test_a_source_that_is_gone_is_said_while_others_are_built(site: Path) -> None:
    write_post(site, "a.md")
    config = CONFIG.replace('["posts"]', '["posts", "old_post"]')
    (site / "config.toml").write_text(config, "utf-8")
    done = feeds(site, "build")
    assert (done.code, "1 post in 1 feed" in done.out) == (0, True)
    assert re.search(r"(?m)^old_post\S*: error: no such folder", done.err)


def test_feeds_are_not_emptied_because_the_only_source_is_gone(site: Path) -> None:
    write_post(site, "a.md")
    feeds(site, "build")
    before = tree(site / "public")
    (site / "posts").rename(site / "moved")
    done = feeds(site, "build")
    assert (done.code, tree(site / "public")) == (2, before)


def test_feeds_can_be_written_elsewhere(site: Path) -> None:
    write_post(site, "a.md")
    done = feeds(site.parent, "build", "site", "-o", "elsewhere")
    assert (done.code, "in elsewhere/ (" in done.out) == (0, True)
    assert (site.parent / "elsewhere/feed.atom").exists()
    assert not (site / "public").exists()
    write_post(site, "b.md")
    feeds(site, "build")
    assert b"b.md" in (site / "public/feed.atom").read_bytes()
    assert b"b.md" not in (site.parent / "elsewhere/feed.atom").read_bytes()


SITE_FILES = ("feed.atom", "feed.rss", "feed.json", "feeds.opml", MANIFEST)


@pytest.mark.parametrize("output", [".", "posts", "posts/feeds"])
def test_feeds_among_other_files_leave_them_alone(site: Path, output: str) -> None:
    """As where they lie beside the pages of a site, or in the midst of its posts."""
    write_post(site, "a.md", tags="[x, y]")
    configure(site, f'[feeds]\noutput = "{output}"\n')
    for name in ("index.html", "tag/x/index.html", "tag/notes.txt", "category/feed.atom"):
        path = site / output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    before = tree(site)

    assert feeds(site, "build").code == 0
    assert feedparser.parse((site / output / "tag/x/feed.atom").read_bytes()).entries
    again = feeds(site, "build")
    assert "0 files written" in again.out
    (site / "posts/a.md").unlink()
    assert feeds(site, "build").code == 0

    after = {path: body for path, body in tree(site).items() if not path.startswith(".feeds/")}
    del before["posts/a.md"]  # type: ignore[attr-defined]
    names = [*SITE_FILES, "feeds.css", "feeds.js", "newest/index.html", "links/index.html"]
    ours = {f"{output}/{name}".removeprefix("./") for name in names}
    assert {path: body for path, body in after.items() if path not in ours} == before


def test_a_full_build_reads_everything_again_and_writes_the_same(site: Path) -> None:
    big_site(site, 450)
    feeds(site, "build", "--jobs", "2")
    before = tree(site / "public")
    done = feeds(site, "build", "--full", "--jobs", "1")
    assert "\n0 files written, " in done.out
    assert tree(site / "public") == before


# --- terminals ----------------------------------------------------------------------------


def on_a_terminal(
    cwd: Path, *arguments: str, env: Mapping[str, str] | None = None, piped: bool = False
) -> tuple[int, str]:
    """Run a command on a terminal of its own (stdout elsewhere if ``piped``); code and text."""
    ours, theirs = pty.openpty()
    stdout = subprocess.DEVNULL if piped else theirs
    with subprocess.Popen(
        [*FEEDS, *arguments],
        cwd=cwd,
        env={"TERM": "xterm-256color", "COLUMNS": "100", **os.environ, **(env or {})},
        stdin=theirs,
        stdout=stdout,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = bytearray()
        with contextlib.suppress(OSError):  # of a terminal that nobody is at any more
            while chunk := os.read(ours, 65536):
                shown += chunk
        os.close(ours)
    return process.returncode, shown.decode("utf-8").replace("\r\n", "\n")


def test_a_terminal_shows_a_bar_that_is_gone_in_the_end(site: Path) -> None:
    big_site(site, 450)
    code, shown = on_a_terminal(site, "build", "--jobs", "2")
    assert code == 0
    for step in ("reading posts", "rendering entries", "writing feeds"):
        assert step in shown
    assert "━" in shown
    # The last thing done to the bars is to erase their lines.
    assert shown.rindex("\x1b[2K") > shown.rindex("━")
    assert shown.endswith(" s)\n")


def test_the_bar_goes_to_stderr(site: Path) -> None:
    write_post(site, "a.md")
    code, shown = on_a_terminal(site, "build", piped=True)
    assert code == 0
    assert "reading posts" in shown
    assert "1 post in 1 feed" not in shown


def test_elsewhere_there_is_neither_bar_nor_colour(site: Path) -> None:
    big_site(site, 450)
    write_post(site, "a.md", title="")
    done = feeds(site, "build", "--jobs", "2", env={"TERM": "xterm-256color"})
    assert not COMMAND.search(done.out + done.err)
    assert "reading" not in done.err
    assert "━" not in done.err


def test_colours_are_for_terminals_whose_user_wants_them(site: Path) -> None:
    write_post(site, "a.md", title="")
    _, coloured = on_a_terminal(site, "build")
    assert "\x1b[33m warning: \x1b[0m" in coloured
    _, plain = on_a_terminal(site, "build", env={"NO_COLOR": "1"})
    assert " warning: " in plain
    assert not re.search(r"\x1b\[[\d;]*m", plain)
    _, error = on_a_terminal(site, "build", "absent")
    assert "\x1b[31mfeeds: \x1b[0m" in error
    for arguments in (["build", "absent"], ["build", "--nope"]):
        _, plain_error = on_a_terminal(site, *arguments, env={"NO_COLOR": "1"})
        assert plain_error.startswith("feeds: ")
        assert "\x1b" not in plain_error


HOSTILE = "\x1b]0;owned\x07\x1b[2J\nposts/x.md:1: error: forged\x9b31m\u202e"


def test_no_name_and_no_title_commands_a_terminal(site: Path) -> None:
    """Neither a file's name, nor a title, a term, a key, an argument or a folder."""
    posts = site / "posts"
    (posts / f"{HOSTILE.replace('/', '')}.md").write_text("---\ntitle: a\n---\n")
    (posts / "b\x1b[31m.md").write_text('---\ntitle: ""\ndate: 2022-01-01\n---\nx')
    title = '"t\\x9b31m\\u202e"'
    (posts / "c.md").write_text(
        f"---\ntitle: {title}\ndate: 2022-01-01\ntags: [{title}]\ncategories: [{title}]\n---\nx"
    )
    folder = site.parent / HOSTILE.replace("/", "")
    shutil.copytree(site, folder)
    (folder / "config.toml").write_text(CONFIG + '[feeds]\n"k\\u001b[2J" = 1\n', "utf-8")

    runs = [
        (site, ["build"]),
        (site, ["posts"]),
        (site, ["list"]),
        (site, ["posts", "--json"]),
        (site, ["list", "--json"]),
        (folder, ["build"]),
        (site.parent, ["build", folder.name]),
        (site.parent, [HOSTILE]),
        (site, ["build", f"--{HOSTILE}"]),
        (site, ["build", "--posts", HOSTILE]),
        (site, ["build", HOSTILE]),
    ]
    for cwd, arguments in runs:
        code, shown = on_a_terminal(cwd, *arguments, env={"NO_COLOR": "1", "TERM": "dumb"})
        assert not COMMAND.search(shown), (arguments, shown)
        assert "\u202e" not in shown
        assert not re.search(r"(?m)^posts/x\.md:1: error: forged", shown)
        assert code in (0, 2)


def test_what_was_escaped_for_the_eye_is_whole_for_programs(site: Path) -> None:
    (site / "posts/a\x1b\n\x9b.md").write_text(
        '---\ntitle: "t\\x9b\\u202e😀"\ndate: 2022-01-01\n---\nx'
    )
    (found,) = objects(feeds(site, "posts", "--json"))
    assert (found["path"], found["title"]) == ("posts/a\x1b\n\x9b.md", "t\x9b\u202e😀")


# --- interruptions ------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_the_feeds_whole_and_says_so(site: Path, jobs: str) -> None:
    write_post(site, "a.md")
    run_build(site)
    before = tree(site / "public")
    big_site(site, 1200)
    ours, theirs = pty.openpty()
    command = [*FEEDS, "build", "--full", "--jobs", jobs]
    with killed_at_last(
        subprocess.Popen(
            command,
            cwd=site,
            stdout=subprocess.PIPE,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=heed_interrupts,
        )
    ) as process:
        os.close(theirs)
        shown = b""
        while "reading posts" not in shown.decode("utf-8", "replace"):
            shown += os.read(ours, 65536)
        # As the terminal does it: everyone in the group is told.
        os.killpg(process.pid, signal.SIGINT)
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                shown += chunk
        os.close(ours)
        out, _ = process.communicate()
    text = shown.decode("utf-8").replace("\r\n", "\n")
    assert (process.returncode, out) == (130, b"")
    assert "interrupted; the feeds that were there are whole\n" in text
    assert "Traceback" not in text
    assert tree(site / "public") == before


@pytest.mark.parametrize("arguments", [["list"], ["posts", "--json"], ["build"]])
def test_a_reader_that_has_seen_enough_is_no_failure(site: Path, arguments: list[str]) -> None:
    write_post(site, "a.md", tags="[x, y]")
    reader, writer = os.pipe()
    os.close(reader)
    done = feeds(site, *arguments, stdout=writer)
    os.close(writer)
    assert done.code == 0
    assert "Broken" not in done.err
    assert "Exception" not in done.err


def test_the_code_of_a_strict_build_does_not_depend_on_its_reader(site: Path) -> None:
    write_post(site, "a.md", title="")
    reader, writer = os.pipe()
    os.close(reader)
    assert feeds(site, "build", "--strict", stdout=writer).code == 1
    os.close(writer)


def test_results_that_cannot_be_written_are_code_3(site: Path) -> None:
    write_post(site, "a.md")
    with open("/dev/full", "wb") as full:
        for arguments in (["list"], ["posts", "--json"]):
            done = feeds(site, *arguments, stdout=full)
            assert done.code == 3
            said = "feeds: standard output: cannot be written: no space left on device\n"
            assert done.err.startswith(said)
        assert feeds(site, "build", "absent", stderr=full).code == 2


# --- languages ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "de_DE.ISO-8859-1"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_chinese_names_are_no_trouble_in_any_locale(tmp_path: Path, env: dict[str, str]) -> None:
    root = tmp_path / "财经"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    write_post(root, "消息.md", title="消息😀", tags="股市")
    write_post(root, "无.md", "never")
    done = feeds(tmp_path, "build", "财经", env=env)
    assert (done.code, done.err.count("\n")) == (0, 2)
    (found,) = objects(feeds(root, "posts", "--json", env=env))
    assert (found["path"], found["title"]) == ("posts/消息.md", "消息😀")
    assert (root / "public/tag/股市/feed.atom").exists()


def test_a_site_whose_path_is_not_utf_8_is_refused_with_a_word(tmp_path: Path) -> None:
    root = tmp_path / "a\udcff"
    (root / "posts").mkdir(parents=True)
    (root / "config.toml").write_text(CONFIG, "utf-8")
    done = feeds(tmp_path, "build", root.name)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"feeds: {tmp_path}/a\\udcff: is no name in UTF-8; rename it\n"
    good = tmp_path / "good"
    root.rename(good)
    done = feeds(good, "build", "-o", "a\udcff")
    assert done.code == 2
    assert "feeds.output: expected a name in UTF-8" in done.err


@pytest.mark.parametrize(
    "day", ["yesterday", "2026-02-30", "2026-01", "20260131", "2026-01-31 x", ""]
)
def test_a_day_is_a_date(site: Path, day: str) -> None:
    done = feeds(site, "subscribers", "--day", day)
    assert (done.code, done.out) == (2, "")
    assert "'--day'" in done.err
    assert feeds(site, "subscribers", "--day", "2026-01-31").code == 0
