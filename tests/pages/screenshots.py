"""Pictures of every kind of page, light, dark and on a phone, from a made-up busy site.

    python -m tests.pages.screenshots FOLDER
    python -m tests.pages.screenshots           # those of the README, in docs/images

The browser's clock stands still, so that the same pages make the same pictures. They are
made a third as large by pngquant where that is installed. Beside those of the README stands of
what they were made, so that a test can tell that they are out of date.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

from ..conftest import run_build
from ..service import Service, free_port, serving
from .browsing import PHONE, Size, chromium, visiting
from .links import check_links
from .sites import NEWEST, write_busy

# By the name of the picture; what only a server has is looked for there.
PAGES: Final = {
    "directory": "",
    "site": "newest/",
    "category": "category/shuiwuyaowen/",
    "tag": "tag/الأسواق-الناشئة/",
    "older": "category/shuiwuyaowen/older-1.html",
    "links": "links/",
    "status": "status",
}
SIZES: Final = {"": Size(), "-phone": Size(PHONE, 780)}
# The pictures of the README, and what decides how they look.
CHECKOUT: Final = Path(__file__).parents[2]
IMAGES: Final = CHECKOUT / "docs" / "images"
IN_README: Final = {"directory.png": "directory-light.png", "feed.png": "category-dark.png"}
SEEN_IN_THEM: Final = (
    *("base.html", "parts.html", "directory.html", "twin.html", "feeds.css", "feeds.js"),
    *("words.py", "render.py", "scripts.py", "sites.py", "screenshots.py"),
)
MADE_OF: Final = "made-of.txt"


def made_of(checkout: Path = CHECKOUT) -> str:
    """The files that pictures of the README are made of, each with its SHA-256, by lines."""
    folders = ("feeds/pages/templates", "feeds/pages", "tests/pages")
    paths = (checkout / folder / name for name in SEEN_IN_THEM for folder in folders)
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(checkout)}\n"
        for path in paths
        if path.is_file()
    )


def take(browser: Browser, service: Service, folder: Path) -> list[Path]:
    """A picture of each page there is, in each scheme and width."""
    taken = []
    there = {name: path for name, path in PAGES.items() if service.get(path).status_code == 200}
    for scheme in ("light", "dark"):
        for width, size in SIZES.items():
            now = NEWEST + timedelta(minutes=50)
            options = {"color_scheme": scheme, "device_scale_factor": 1}
            with visiting(browser, service.url, size, now, **options) as visit:
                for name, path in there.items():
                    picture = folder / f"{name}-{scheme}{width}.png"
                    visit.open(path).screenshot(path=picture)
                    _shrink(picture)
                    taken.append(picture)
    return taken


def _shrink(picture: Path) -> None:
    if program := shutil.which("pngquant"):
        subprocess.run([program, "--force", "--ext=.png", "--strip", picture], check=True)


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        root = write_busy(Path(temporary) / "site")
        check_links(root, NEWEST)
        run_build(root, datetime.now(UTC))
        with serving(root, free_port(), "--no-watch") as service, chromium() as browser:
            for picture in take(browser, service, folder):
                print(f"{picture} {picture.stat().st_size:,} bytes")


def for_readme() -> None:
    """Take the pictures of the README anew."""
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
        for name, picture in IN_README.items():
            shutil.copyfile(Path(temporary) / picture, IMAGES / name)
    (IMAGES / MADE_OF).write_text(made_of(), "utf-8")


if __name__ == "__main__":
    if sys.argv[1:]:
        main(Path(sys.argv[1]))
    else:
        for_readme()
