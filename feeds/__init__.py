"""Feeds of a folder of posts: for the site, every category and every tag."""

from typing import Final

__version__: Final = "0.1.0"
