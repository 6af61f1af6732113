"""``python -m bench.peers.static PORT FOLDER``: Starlette's own way to serve built files.

``StaticFiles`` with ``GZipMiddleware`` on uvicorn, all with their defaults but the access log,
which is off.
"""

from __future__ import annotations

import mimetypes
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles


def application(folder: str) -> Starlette:
    return Starlette(
        routes=[Mount("/", StaticFiles(directory=folder))],
        middleware=[Middleware(GZipMiddleware)],
    )


def main() -> None:
    port, folder = sys.argv[1:]
    mimetypes.add_type("application/atom+xml", ".atom")
    app = application(folder)
    uvicorn.run(
        app, port=int(port), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
