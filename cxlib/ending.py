"""Ctrl-C and SIGTERM end a run in seconds, with its reports written and nothing orphaned."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from cxlib.clients import process

PATIENCE_SECONDS = 7.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Turns the first signal into one ``KeyboardInterrupt`` and ignores those that follow.

    If the run is still going ``patience`` seconds later (a thread that waits for a slow answer), it
    is interrupted once more; then threads are left behind, so that the reports can be written.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._patience = patience
        self._before: dict[int, Any] = {}
        self._pressed = False
        self._again: threading.Timer | None = None

    def install(self) -> None:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                self._before[number] = signal.signal(number, self._on_signal)
        self._before[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._on_patience_lost)

    def restore(self) -> None:
        self.finishing()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def finishing(self) -> None:
        """The run's end is being written: don't interrupt that."""
        if self._again:
            self._again.cancel()
            self._again = None

    def leave_no_one(self, status: int) -> None:
        """After an interrupted run: end our remaining children, and leave with ``status``.

        A child that still has time to end by itself gets it: Terraform gives back its lock. Neither threads
        of ours are waited for nor what Python does at its end: the interrupt may have come between a
        library's taking a lock and its giving it back, for which that would wait for ever.
        """
        if not self._pressed:
            return
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        process.end_all()
        _end_children()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._pressed:
            return
        self._pressed = True
        self._again = threading.Timer(self._patience, self._interrupt_again)
        self._again.daemon = True
        self._again.start()
        raise KeyboardInterrupt(signal.Signals(number).name)

    def _on_patience_lost(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._again is not None:
            self._again = None
            raise KeyboardInterrupt("still not ended")

    def _interrupt_again(self) -> None:
        process.interrupt_all()
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGUSR2)  # also wakes it from a lock


def _end_children() -> None:
    """What was started in the instant of the signal and that nobody waits for."""
    import psutil

    children = psutil.Process().children(recursive=True)
    for child in children:
        _send(child, signal.SIGTERM)
    _, left = psutil.wait_procs(children, timeout=2)
    for child in left:
        _send(child, signal.SIGKILL)


def _send(child: Any, number: signal.Signals) -> None:
    import psutil

    try:
        child.send_signal(number)
    except psutil.NoSuchProcess:
        pass  # it has just ended
