"""Things done in a process of their own, to be killed or stopped in the middle.

The process is forked from one that has imported everything once: a start from nothing takes a second or,
with MLflow's client, five. It is as real a process as that, and so is its end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cxlib.wait import Look

_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["tests.cluster.promoter", "tests.cluster.harness", "mlflow.tracking"])


class Apart:
    """``act(*args)`` in a process of its own, with ``env`` in its environment."""

    def __init__(self, act: Callable[..., None], *args: Any, env: Mapping[str, str] | None = None) -> None:
        self._said, said = _NURSERY.Pipe(duplex=False)
        self._told, told = _NURSERY.Pipe(duplex=False)
        self._process = _NURSERY.Process(target=_do, args=(act, args, dict(env or {}), said, told))
        self._process.start()
        for end in (said, told):
            end.close()

    def ended(self, within: float) -> int:
        """Its exit code, or minus the signal that ended it. Kills what doesn't end in time."""
        self._process.join(within)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise AssertionError(f"it had not ended after {within} s: {self.end(0)}")
        return self._process.exitcode

    def end(self, within: float) -> tuple[str, str]:
        """What it said on stdout and stderr until its end."""
        if within:
            self.ended(within)
        return _rest(self._said), _rest(self._told)

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def stopped(self) -> Look[bool]:
        """Whether a signal has put it to sleep."""
        state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return Look(state, True, done=state == "T")


def _do(
    act: Callable[..., None], args: Sequence[Any], env: Mapping[str, str], said: Connection, told: Connection
) -> None:
    os.environ.update(env)
    for number, end in ((1, said), (2, told)):
        os.dup2(end.fileno(), number)
        end.close()
    act(*args)


def _rest(end: Connection) -> str:
    """What is left in a pipe that nobody writes to any more."""
    parts = iter(lambda: os.read(end.fileno(), 65536), b"")
    return b"".join(parts).decode()
