"""The command line: which commands there are, and how a run ends.

In: what was typed. Out: an exit code, and a message where something is wrong: 0 done, 1 the
run found what it was asked to fail on, 2 usage or configuration, 3 the run itself failed, and
130 when it was interrupted, as shells have it.

A command is loaded when it is needed; what it prints goes through :mod:`feeds.console`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from feeds import __version__, completion
from feeds.console import INTERRUPTED, colour, say, site_argument
from feeds.errors import ConfigError, FeedsError
from feeds.terminal import visible

# In the order in which people come to need them.
COMMANDS: Final = {
    "init": "feeds.commands.init:init",
    "build": "feeds.commands.build:build",
    "posts": "feeds.commands.posts:posts",
    "list": "feeds.commands.list:list_feeds",
    "publish": "feeds.commands.publish:publish",
    "snippet": "feeds.commands.snippet:snippet",
    "serve": "feeds.commands.serve:serve",
    "subscribers": "feeds.commands.subscribers:subscribers",
    "check": "feeds.commands.check:check",
    "completion": "feeds.commands.completion:print_completion",
}


class _WhenNeeded(click.Group):
    """Loads a command when it is asked for, as click's documentation shows it: "Lazily Loading
    Subcommands"."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            # Click looks for what may have been meant among loaded commands only.
            raise click.NoSuchCommand(error.command_name, None, COMMANDS, ctx) from None


@click.group(
    cls=_WhenNeeded,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(__version__, prog_name="feeds")
def cli() -> None:
    """Turn a folder of posts into Atom, RSS and JSON feeds: one for the site, one for every
    category and one for every tag.

    SITE is the folder of a site, the one you are in if you leave it out. It has a
    config.toml (or a feeds.toml, where another program has a config.toml), or is a Jekyll
    site with only its _config.yml.

    \b
    To begin, in the folder of a site:
      feeds init     (not needed where there is a _config.yml)
      feeds build

    `feeds COMMAND --help` tells more of each command, with examples.

    Exit codes: 0 done, 1 found what it was asked to fail on, 2 wrong usage or configuration,
    3 failed, 130 interrupted. Results go to stdout, messages to stderr: errors of posts that
    were left out, warnings of what was repaired, and notes, which --strict does not mind.
    """


def main() -> None:
    """Run the command line; a user's mistake is a message, never a traceback."""
    _speak_utf8()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    completion.register()
    try:
        code = cli.main(prog_name="feeds", standalone_mode=False, color=colour())
    except FeedsError as error:
        code = _fail(_lines(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = error.exit_code
    except click.UsageError as error:
        said = " ".join(map(str.strip, error.format_message().split("\n")))
        code = _fail([said, _advice(error)], error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        checks = _command_named(sys.argv) == "feeds check"
        kept = "what was found is kept" if checks else "the feeds that were there are whole"
        code = _fail([f"interrupted; {kept}"], INTERRUPTED)
    sys.exit(code or 0)


def _advice(error: click.UsageError) -> str:
    """What to do about wrong usage."""
    if isinstance(error, click.NoSuchCommand) and os.path.isdir(error.command_name):
        argument = site_argument(Path(error.command_name))
        return f"to build the site in that folder: `feeds build{argument}`"
    command = error.ctx.command_path if error.ctx else _command_named(sys.argv)
    return f"see `{command} --help`"


def _command_named(arguments: Sequence[str]) -> str:
    """What was asked for, where click does not say where an option lacks its value."""
    name = next((each for each in arguments[1:] if each in COMMANDS), "")
    return f"feeds {name}".rstrip()


def _speak_utf8() -> None:
    """Begin anew where the locale would have names of files be something else than UTF-8.

    The same posts make the same feeds in every locale, so their names have to be read alike.
    """
    if sys.getfilesystemencoding() == "utf-8":
        return
    # What is printed stays in the encoding of the terminal.
    streams = f"{sys.stdout.encoding if sys.stdout else 'utf-8'}:backslashreplace"
    environment = {"PYTHONIOENCODING": streams, **os.environ, "PYTHONUTF8": "1"}
    os.execve(sys.executable, sys.orig_argv, environment)


def _lines(error: FeedsError) -> Sequence[str]:
    if isinstance(error, ConfigError):
        return [f"{error.path}: {problem}" for problem in error.problems]
    return str(error).split("\n")


def _fail(lines: Iterable[str], code: int) -> int:
    for line in lines:
        say(click.style("feeds: ", fg="red") + visible(line))
    return code
