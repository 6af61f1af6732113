"""Flask-WebSub's hub as a process of its own: a hub that was written by others.

``python -m tests.package_hub FILE`` serves it on loopback with its subscriptions in FILE and
prints its address. Tasks that it would give to Celery run in threads.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage  # type: ignore[import-untyped]
from werkzeug.serving import make_server


class Threads:
    """As much of Celery as the hub needs: every task in a thread, tried once."""

    def task(self, bind: bool = False, **_: object) -> Callable[[Callable[..., Any]], Any]:
        def made(function: Callable[..., Any]) -> Any:
            return _Task(function, bind)

        return made


class _Task:
    def __init__(self, function: Callable[..., Any], bind: bool) -> None:
        self._function = function
        self._bound = (self,) if bind else ()

    def delay(self, *arguments: object) -> None:
        threading.Thread(target=self._function, args=(*self._bound, *arguments)).start()


def main(path: str) -> None:
    app = Flask(__name__)
    app.config["PUBLISH_SUPPORTED"] = True
    hub = Hub(SQLite3HubStorage(path), SIGNATURE_ALGORITHM="sha256")
    hub.init_celery(Threads())
    app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"http://127.0.0.1:{server.server_port}/hub", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
