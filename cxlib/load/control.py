"""How a worker among several is told to begin, says how it is, and hands over what it measured."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import gevent  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from gevent.pywsgi import WSGIServer  # type: ignore[import-untyped]

LINGER_SECONDS = 120.0


class Control:
    """A small HTTP server beside the load: ``GET /state``, ``POST /go?after=SECONDS``, ``GET /result``
    (a tar of what the worker saved), ``POST /bye``.

    ``address`` is (host, port), port 0 for any free one; the port goes into ``port`` in ``folder``.
    """

    def __init__(self, address: tuple[str, int], folder: Path, said: Callable[[], str]) -> None:
        self._folder, self._said, self.state = folder, said, "starting"
        self._go, self._bye, self._at = Event(), Event(), 0.0
        self._server = WSGIServer(address, self._answer, log=None)
        self._server.start()
        (folder / "port.new").write_text(str(self._server.server_port), encoding="utf-8")
        (folder / "port.new").rename(folder / "port")

    def wait_for_go(self) -> None:
        """Block this greenlet until the moment at which all workers begin."""
        self.state = "ready"
        self._go.wait()
        gevent.sleep(max(0.0, self._at - time.monotonic()))
        self.state = "running"

    def hand_over(self) -> None:
        """Wait until what was saved has been fetched, but not for ever."""
        self.state = "done"
        self._bye.wait(LINGER_SECONDS)
        self._server.stop(timeout=1)

    def _answer(self, request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked = f"{request['REQUEST_METHOD']} {request['PATH_INFO']}"
        status, body = "200 OK", b""
        if asked == "GET /state":
            body = json.dumps({"state": self.state, "said": self._said()}).encode()
        elif asked == "POST /go":
            after = float(parse_qs(request["QUERY_STRING"]).get("after", ["0"])[0])
            self._at = time.monotonic() + after
            self._go.set()
        elif asked == "GET /result" and self.state == "done":
            body = _packed(self._folder)
        elif asked == "POST /bye":
            self._bye.set()
        else:
            status = "404 Not Found"
        start(status, [("Content-Length", str(len(body)))])
        return [body]


def _packed(folder: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for path in sorted([*folder.glob("*.raw"), folder / "facts.json"]):
            archive.add(path, path.name)
    return made.getvalue()
