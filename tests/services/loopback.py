"""Servers on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import requests

from cxlib.clients import process
from cxlib.wait import Look


def answers(url: str, server: process.Background) -> Look[str]:
    """Whether ``url`` answers 200; hopeless when its server has ended."""
    if server.ended():
        return Look(f"it ended: {server.tail()}", hopeless=True)
    try:
        code = requests.get(url, timeout=2).status_code
    except requests.RequestException as exc:
        return Look(type(exc).__name__)
    return Look.found(url) if code == 200 else Look(f"HTTP {code}")


def replying(answer: Callable[[str, str], tuple[int, object]]) -> type[BaseHTTPRequestHandler]:
    """A request handler that answers (method, path with query) with (status, JSON)."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, data = answer(self.command, self.path)
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = _reply  # noqa: N815  # http.server's names

        def log_message(
            self,
            format: str,  # noqa: A002
            *args: object,
        ) -> None:
            """Quiet."""

    return Handler
