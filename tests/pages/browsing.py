"""Debian's Chromium, driven by Playwright's client, and an eye on everything that goes wrong.

A page is opened by :class:`Visit`, which fails at its end if the page wrote to the console,
threw, asked for anything beyond its own site, or did what its policy forbids.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright

from ..service import free_port, wait_until

CHROMIUM: Final = shutil.which("chromium")
PHONE: Final = 360  # CSS pixels wide, as the narrowest phones in use
DESKTOP: Final = 1280
# Told from within every page, before anything of its own runs.
TELL_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""


class Size(NamedTuple):
    """Of a window, in CSS pixels."""

    width: int = DESKTOP
    height: int = 900


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window, and without a sandbox, which root may not have."""
    with sync_playwright() as client:
        browser = client.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """Pages of one site in one browser window; ``faults`` is what went wrong in them."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.faults: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.faults.append(f"dialog: {dialog.message}"))
        page.on("request", self._request)
        page.on("response", self._response)

    def open(self, path: str) -> Page:
        """A page by its path below the site, letters of all scripts as they are."""
        self.page.goto(f"{self.site}/{quote(path)}", wait_until="load")
        return self.page

    def _console(self, message: ConsoleMessage) -> None:
        # What the whole site looks like in a tab is not for these pages to say.
        if not message.location["url"].endswith("/favicon.ico"):
            self.faults.append(f"console: {message.text} ({message.location})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(f"{self.site}/"):
            self.faults.append(f"asked elsewhere: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")


@contextlib.contextmanager
def visiting(
    browser: Browser,
    site: str,
    size: Size | None = None,
    now: datetime | None = None,
    **options: Any,
) -> Iterator[Visit]:
    """A window of its own, with Playwright's options for it; ``now`` stops its clock."""
    size = size or Size()
    context = browser.new_context(viewport={"width": size.width, "height": size.height}, **options)
    context.set_default_timeout(10_000)
    try:
        context.add_init_script(TELL_VIOLATIONS)
        page = context.new_page()
        if now:
            page.clock.set_fixed_time(now)
        visit = Visit(page, site)
        yield visit
        assert not visit.faults, "\n".join(visit.faults)
    finally:
        context.close()


@contextlib.contextmanager
def static_files(folder: Path) -> Iterator[str]:
    """A folder behind Python's own web server, which knows nothing of feeds."""
    port = free_port()
    command = ("-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder))
    process = subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, verify=False).status_code < 500
    return False


def html_pages(folder: Path) -> list[str]:
    """The pages of an output folder, the directory first, by their paths as they are served."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html"))
    return sorted((path.removesuffix("index.html") for path in found), key=lambda path: path != "")


class Head(HTMLParser):
    """What a page says in its head: its policy, and where its feeds are."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""
        self.alternates: list[str] = []

    @classmethod
    def of(cls, text: str) -> Head:
        head = cls()
        head.feed(text)
        return head

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if tag == "link" and given.get("rel") == "alternate":
            self.alternates.append(given["href"])
