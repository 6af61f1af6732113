"""A small web on loopback addresses: nginx with one page at every address of several hosts.

In: nothing. Out: a :class:`Web` that tells how many requests it got. It answers GET and
nothing else, so that whoever asks otherwise is found out.
"""

from __future__ import annotations

import contextlib
import html
import os
import pwd
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.service import Service, free_port, running

HOSTS: Final = tuple(f"127.0.0.{number}" for number in range(2, 10))
TEMPLATE: Final = Path(__file__).parent / "peers" / "web.conf"
COUNT: Final = "/requests"
SENTENCE: Final = "央行公布，市场流动性保持合理充裕，行业景气度持续向好。"
PARAGRAPHS: Final = 8


@dataclass(frozen=True, slots=True)
class Web:
    """A web that runs; its hosts are named with their port."""

    service: Service

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(f"{host}:{self.service.port}" for host in HOSTS)

    @property
    def port(self) -> int:
        return self.service.port

    def requests(self) -> int:
        """How many requests it got so far, those of this method too."""
        told = self.service.ask(COUNT).body.decode("ascii")
        counts = re.search(r"requests\n\s*\d+ \d+ (\d+)", told)
        if not counts:
            raise ValueError(f"nginx tells no count:\n{told}")
        return int(counts[1])


@contextlib.contextmanager
def serving() -> Iterator[Web]:
    """Raises :class:`~bench.measure.FailedError` if nginx does not start."""
    with tempfile.TemporaryDirectory(prefix="feeds-bench-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        (folder / "page.html").write_text(page(), "utf-8")
        config = folder / "nginx.conf"
        config.write_text(configuration(folder, port), "utf-8")
        command = ["nginx", "-p", name, "-c", os.fspath(config)]
        with running(command, port, COUNT) as service:
            yield Web(service)


def page() -> str:
    """A short article, some 2 KB."""
    text = html.escape(SENTENCE)
    body = "\n".join(f"<p>{text * 3}</p>" for _ in range(PARAGRAPHS))
    head = f'<meta charset="utf-8">\n<title>{text}</title>'
    return f"<!doctype html>\n{head}\n<h1>{text}</h1>\n{body}\n"


def configuration(folder: Path, port: int) -> str:
    values = {
        "FOLDER": os.fspath(folder),
        "LISTEN": "\n".join(f"        listen {host}:{port};" for host in HOSTS),
        "PORT": str(port),
        "USER": pwd.getpwuid(os.getuid()).pw_name,
    }
    text = TEMPLATE.read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text
