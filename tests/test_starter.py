"""The first config.toml of a site: complete, right, and what is known already in it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from feeds.config import Config
from feeds.configfile import load_config
from feeds.errors import ConfigError, OutputError
from feeds.starter import starter, write_config

from .test_config import keys, leaves


def started(root: Path) -> Config:
    write_config(root)
    return load_config(root)


def uncommented(text: str) -> dict[str, Any]:
    """What a file would say if no key in it was a comment."""
    return dict(leaves(tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", text))))


def test_an_empty_folder_gets_a_file_that_works_once_it_has_posts(tmp_path: Path) -> None:
    config = started(tmp_path)
    assert config.site.url == "https://www.example.org"
    assert config.posts.sources == ("posts",)
    assert config.feeds.entries == 20


def test_every_key_is_there_and_only_what_is_known_counts(tmp_path: Path) -> None:
    text, origin = starter(tmp_path)
    assert origin == ""
    assert tuple(uncommented(text)) == keys()
    assert tomllib.loads(text)["site"] == {"url": "https://www.example.org", "title": ""}
    assert tomllib.loads(text)["posts"] == {"sources": ["posts"]}
    assert tomllib.loads(text)["feeds"] == {"paths": {}}


def test_comments_stay_in_their_column(tmp_path: Path) -> None:
    text, _ = starter(tmp_path)
    lines = list(re.finditer(r"(?m)^((?:# )?\w+ = .*?) +# .*$", text))
    assert len(lines) > 40
    for line in lines:
        column = len(line[0]) - len(line[0].partition(line[1])[2].lstrip())
        assert column == max(34, len(line[1]) + 1), line[0]


@pytest.mark.parametrize("name", ["_posts", "posts", "content", "blog"])
def test_the_folder_that_posts_are_likely_to_be_in_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert started(tmp_path).posts.sources == (name,)


def test_a_jekyll_site_keeps_what_its_own_configuration_says(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("url: https://j.example.org\ntitle: J\nfuture: true\n")
    before = load_config(tmp_path)
    path, origin = write_config(tmp_path)
    assert origin == "_config.yml"
    assert "_config.yml" in path.read_text("utf-8").splitlines()[0]
    assert tuple(uncommented(path.read_text("utf-8"))) == keys()
    assert load_config(tmp_path) == before


def test_a_jekyll_site_without_an_address_gets_one_to_fill_in(tmp_path: Path) -> None:
    (tmp_path / "_config.yml").write_text("title: J\n")
    config = started(tmp_path)
    assert (config.site.url, config.site.title) == ("https://www.example.org", "J")


def test_hugos_settings_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "hugo.toml").write_text(
        """\
baseURL = "https://h.example.org/"
title = '新闻 "今日" # 1'
languageCode = "zh-cn"
timeZone = "Asia/Shanghai"
[params]
description = \"\"\"
Two
lines\"\"\"
author = { name = "Z" }
""",
        "utf-8",
    )
    path, origin = write_config(tmp_path)
    config = load_config(tmp_path)
    assert origin == "hugo.toml"
    assert config.site.url == "https://h.example.org"
    assert config.site.title == '新闻 "今日" # 1'
    assert config.site.description == "Two\nlines"
    assert (config.site.language, config.site.timezone) == ("zh-cn", "Asia/Shanghai")
    assert config.site.author is not None
    assert config.posts.sources == ("content",)
    assert tuple(uncommented(path.read_text("utf-8"))) == keys()


def test_zolas_settings_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "zola.toml").write_text('base_url = "https://z.example.org"\ntitle = "Z"\n')
    config = started(tmp_path)
    assert (config.site.url, config.site.title) == ("https://z.example.org", "Z")
    assert config.posts.sources == ("content",)


def test_a_file_that_is_there_is_kept_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"config\.toml: is there already; --force replaces"):
        write_config(tmp_path)
    assert path.read_text() == "mine"
    assert write_config(tmp_path, force=True) == (path, "")
    assert load_config(tmp_path).site.url
    assert (tmp_path / "config.toml.bak").read_text() == "mine"


ZOLA = """\
base_url = "https://s.example.org"
title = "S"
compile_sass = true
[extra]
author = "A"
"""
HUGO = """\
baseURL = "https://s.example.org/"
languageCode = "en"
title = "S"
[params]
description = "D"
[server]
headers = []
"""


@pytest.mark.parametrize(("program", "text"), [("Zola", ZOLA), ("Hugo", HUGO)])
def test_another_programs_config_toml_is_recognised_and_left_alone(
    tmp_path: Path, program: str, text: str
) -> None:
    theirs = tmp_path / "config.toml"
    theirs.write_text(text)
    with pytest.raises(ConfigError, match=rf"config\.toml: is {program}'s .*`feeds init`"):
        load_config(tmp_path)

    path, origin = write_config(tmp_path)
    assert (path.name, origin) == ("feeds.toml", "config.toml")
    with pytest.raises(ConfigError, match=r"feeds\.toml: is there already"):
        write_config(tmp_path)
    assert write_config(tmp_path, force=True) == (path, origin)

    config = load_config(tmp_path)
    assert (config.site.url, config.site.title) == ("https://s.example.org", "S")
    assert config.posts.sources == ("content",)
    assert theirs.read_text() == text
    assert {file.name for file in tmp_path.iterdir()} == {
        "config.toml",
        "feeds.toml",
        "feeds.toml.bak",
    }


def test_mistakes_in_a_feeds_toml_name_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(ZOLA)
    (tmp_path / "feeds.toml").write_text("[feeds]\nentrys = 3\n")
    with pytest.raises(ConfigError, match=r"feeds\.toml: feeds\.entrys: unknown key"):
        load_config(tmp_path)


def test_a_table_of_ours_makes_a_file_ours(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("baseurl = 1\n[site]\nurl = 'https://x.example.org'\n")
    with pytest.raises(ConfigError, match="baseurl: unknown key"):
        load_config(tmp_path)


def test_a_configuration_that_cannot_be_read_is_said_and_nothing_written(tmp_path: Path) -> None:
    (tmp_path / "hugo.toml").write_text("[")
    with pytest.raises(ConfigError, match=r"hugo\.toml: not TOML"):
        write_config(tmp_path)
    assert not (tmp_path / "config.toml").exists()


def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(OutputError, match=r"config\.toml: cannot be written: is a directory"):
        write_config(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_only_a_folder_can_be_a_site(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="absent: is not a folder"):
        write_config(tmp_path / "absent")
