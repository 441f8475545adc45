"""Things done in a process of their own, which may be killed or stopped in the middle.

The process is forked from one that has imported ``warm`` once: a start from nothing takes a second of
imports, or five with MLflow's client. It is as real a process as that, and so is its end.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from cxlib.clients.process import Completed
from cxlib.wait import Budget, Look, wait_until

_FORKING = multiprocessing.get_context("forkserver")


class Apart:
    """``act(*args)`` in a process of its own, with ``env`` added to its environment.

    ``warm`` are modules to be imported before the first fork; who comes later takes what is there.
    """

    def __init__(
        self,
        act: Callable[..., object],
        *args: Any,
        env: Mapping[str, str] | None = None,
        warm: Sequence[str] = (),
    ) -> None:
        _FORKING.set_forkserver_preload([act.__module__, *warm])
        self._said, self._told = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115  # go with it
        ends = [Connection(os.dup(file.fileno())) for file in (self._said, self._told)]
        self._process = _FORKING.Process(target=_do, args=(act, args, dict(env or {}), *ends))
        self._began = time.monotonic()
        self._process.start()
        for end in ends:
            end.close()

    def ended(self, within: float) -> int:
        """Its exit code, or minus the signal that ended it. Kills what doesn't end in time."""
        self._process.join(within)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()
            raise AssertionError(f"it had not ended after {within} s: {_all(self._said)}{_all(self._told)}")
        return self._process.exitcode

    def end(self, within: float) -> Completed:
        """How it ended, and what it said until then."""
        code = self.ended(within)
        return Completed((), code, _all(self._said), _all(self._told), time.monotonic() - self._began)

    def line(self) -> str:
        """The first line of what it says on stdout, as soon as it is there."""
        return _first(self._said)

    def told(self) -> str:
        """The same of stderr."""
        return _first(self._told)

    def send(self, number: signal.Signals) -> None:
        assert self._process.pid
        os.kill(self._process.pid, number)

    def stopped(self) -> Look[bool]:
        """Whether a signal has put it to sleep."""
        state = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return Look(state, True, done=state == "T")


def _do(
    act: Callable[..., object],
    args: Sequence[Any],
    env: Mapping[str, str],
    said: Connection,
    told: Connection,
) -> None:
    os.environ.update(env)
    for number, end in ((1, said), (2, told)):
        os.dup2(end.fileno(), number)
        end.close()
    act(*args)


def _first(file: IO[bytes]) -> str:
    def look() -> Look[str]:
        first, newline, _ = os.pread(file.fileno(), 65536, 0).decode(errors="replace").partition("\n")
        return Look(first, first.strip(), done=bool(newline))

    return wait_until("its first line", look, wanted="whole", within=Budget.BOOT, every=0.05)


def _all(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
