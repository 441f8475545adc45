"""Real servers for tests."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# Below the ports that the kernel gives to outgoing connections: of these, one that is free now may be
# somebody's by the time that a server has started.
_PORTS = range(15000, 30000)


@contextmanager
def serving(
    argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[None]:
    """Run ``argv`` beside the body; what it says goes to ``log``."""
    child = start(argv, log, env=env, cwd=cwd)
    try:
        yield
    finally:
        end(child.pid)
        child.wait()


def start(
    argv: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """``argv`` in a session of its own.

    Not by ``process.background``: tests of Ctrl-C interrupt every child that the process door knows.
    """
    with log.open("ab") as sink:
        return subprocess.Popen(
            argv, stdout=sink, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True
        )


def end(pid: int) -> None:
    """End the session of processes that ``pid`` leads, at once: what they keep is thrown away with them."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    (port,) = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = random.SystemRandom().choice(_PORTS)
            with suppress(OSError):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
                ports.append(port)
        return ports
