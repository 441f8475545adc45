"""A site whose MLflow and application are the tests' own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cxlib.settings import Site


class LoopbackSite(Site):
    """A site whose MLflow is the tests' own."""

    mlflow: str

    def url(self, port: str) -> str:
        return self.mlflow if port == "mlflow" else super().url(port)


class ServedSite(LoopbackSite):
    """One whose application is the test's own, too."""

    app: str

    def url(self, port: str) -> str:
        return self.app if port == "staging" else super().url(port)


@contextmanager
def answering(says: Iterator[str]) -> Iterator[str]:
    """A service on loopback that answers once with each of ``says``, then with an error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = next(says, None)
            self.send_response(503 if text is None else 200)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
