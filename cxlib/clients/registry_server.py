"""An image registry on a loopback port of this machine, for as long as images are pushed into its folder."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxlib.clients import process
from cxlib.wait import Budget, Look, wait_until


@contextmanager
def serving(program: Path, storage: Path) -> Iterator[str]:
    """Serve ``storage`` while the body runs; yields ``host:port``."""
    storage.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as config:
        config.write("version: 0.1\nlog: {level: error}\nstorage:\n")
        config.write(f"  filesystem: {{rootdirectory: {storage}}}\n")
        config.write(f"http: {{addr: '127.0.0.1:{port}'}}\n")
        config.flush()
        environment = os.environ | {"OTEL_TRACES_EXPORTER": "none"}
        with process.background([str(program), "serve", config.name], env=environment) as child:
            wait_until(
                "the registry",
                lambda: _look(child, port),
                wanted="an open port",
                within=Budget.ANSWER,
                every=0.1,
            )
            yield f"127.0.0.1:{port}"


def _look(child: process.Background, port: int) -> Look[None]:
    if child.ended():
        return Look(f"it ended: {child.tail()}", hopeless=True)
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as exc:
        return Look(str(exc))
    return Look("open", done=True)
