"""The service of known delay of tests/load, for as long as a measurement needs it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cxlib.clients import process
from cxlib.settings import CHECKOUT
from cxlib.wait import Budget, Look, wait_until


@contextmanager
def service(*arguments: float) -> Iterator[str]:
    """Its URL; ``arguments`` are delay, and when and how long it stalls, in seconds."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def look() -> Look[None]:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as exc:
            return Look(str(exc))
        return Look("open", done=True)

    program = CHECKOUT / "tests" / "load" / "answering.py"
    with process.background([sys.executable, str(program), str(port), *map(str, arguments)]):
        wait_until("the service", look, wanted="an open port", within=Budget.ANSWER, every=0.1)
        yield f"http://127.0.0.1:{port}"
