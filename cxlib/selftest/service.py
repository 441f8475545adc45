"""A small service that answers as the sample model's wrapper does: ``python -m … VERSION DIGEST``.

Listens on a free port of loopback and writes its address on its first line.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def handler(version: str, digest: str) -> type[BaseHTTPRequestHandler]:
    """What answers ``POST /predict`` and ``GET /version``."""
    prediction = json.dumps({"predictions": [3], "model_version": version}).encode()
    served = json.dumps({"model_version": version, "image_digest": digest, "image_tag": "selftest"}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # status, headers and body in one packet

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer(prediction if self.path == "/predict" else None)

        def do_GET(self) -> None:
            self._answer(served if self.path == "/version" else None)

        def _answer(self, body: bytes | None) -> None:
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler


class Server(ThreadingHTTPServer):
    """Connections that a proxy resets are no news here."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Quiet: whoever asked has seen it."""


def main() -> None:
    version, digest = sys.argv[1:]
    server = Server(("127.0.0.1", 0), handler(version, digest))
    sys.stdout.write(f"127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass  # this is how it is ended


if __name__ == "__main__":
    main()
