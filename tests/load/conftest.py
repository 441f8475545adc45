"""A small real model service on loopback, whose faults are switched by a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

ANSWER = b'{"predictions": [3], "model_version": "7"}'


class Service:
    """Answers POST /predict on a free port of loopback after ``delay`` seconds with ``body``, and
    GET /version with ``digest``."""

    def __init__(self) -> None:
        self.delay, self.body, self.digest = 0.0, ANSWER, "sha256:ab"
        self.on_request: Callable[[], None] = lambda: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1  # status, headers and body in one packet

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                service.on_request()
                threading.Event().wait(service.delay)
                self.answer(service.body)

            def do_GET(self) -> None:
                self.answer(json.dumps({"digest": service.digest, "model_version": "7"}).encode())

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                self.wfile.flush()

            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that runs and answers well until told otherwise."""
    running = Service()
    yield running
    running.stop()
