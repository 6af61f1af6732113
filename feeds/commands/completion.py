"""``feeds completion``: what has a shell complete what is typed."""

from __future__ import annotations

import click

from feeds import completion
from feeds.console import print_line


@click.command(name="completion")
@click.argument("shell", type=click.Choice(completion.SHELLS), metavar="SHELL")
@click.pass_context
def print_completion(context: click.Context, shell: str) -> None:
    """Print what has a shell complete what is typed.

    That is commands, options, folders and, for `feeds posts`, categories and tags. SHELL is
    bash, zsh or fish. Names of categories and tags are those of the last `feeds build`.

    \b
    Examples, each for a shell to begin with it:
      feeds completion bash > ~/.local/share/bash-completion/completions/feeds
      feeds completion zsh > ~/.zfunc/_feeds    with fpath+=~/.zfunc before compinit
      feeds completion fish > ~/.config/fish/completions/feeds.fish
    """
    print_line(completion.script(context.find_root().command, shell).rstrip("\n"))
