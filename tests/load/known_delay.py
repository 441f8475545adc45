"""A service of known delay in a process of its own, for tests and for `make bench`."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxlib.wait import Budget, Look, wait_until
from tests.serving import serving


@contextmanager
def answering(folder: Path, *arguments: float) -> Iterator[str]:
    """Its URL; ``arguments`` are as ``answering.py`` has them, and ``folder`` gets its log."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]

    def look() -> Look[None]:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as exc:
            return Look(str(exc))
        return Look("open", done=True)

    program = str(Path(__file__).with_name("answering.py"))
    argv = [sys.executable, program, str(port), *map(str, arguments)]
    with serving(argv, folder / "answering.log"):
        wait_until("the service", look, wanted="an open port", within=Budget.ANSWER, every=0.1)
        yield f"http://127.0.0.1:{port}"
