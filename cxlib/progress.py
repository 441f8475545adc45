"""What is going on, told while it goes on. Stages speak; whoever runs them decides how it is shown."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from cxlib.errors import duration


class Listener(Protocol):
    """Shows progress to a person: a terminal's live lines, plain lines, or nothing."""

    def began(self, stage: str) -> None: ...
    def state(self, waiting_for: str, last: str) -> None: ...
    def note(self, line: str) -> None: ...
    def ended(self, stage: str, seconds: float, outcome: str) -> None: ...


class PlainListener:
    """One line for each beginning and end, and the latest state at most every ``every`` seconds."""

    def __init__(self, every: float = 30.0) -> None:
        self._every = every
        self._last = time.monotonic()

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)
        self._last = time.monotonic()

    def began(self, stage: str) -> None:
        self._say(f"[{stage}] …")

    def state(self, waiting_for: str, last: str) -> None:
        if time.monotonic() - self._last >= self._every:
            self._say(f"    waiting for {waiting_for}: {last}")

    def note(self, line: str) -> None:
        self._say(f"    {line}")

    def ended(self, stage: str, seconds: float, outcome: str) -> None:
        self._say(f"[{stage}] {outcome} in {duration(seconds)}")


_listener: Listener = PlainListener()


def listen(listener: Listener) -> Listener:
    """Let ``listener`` show the progress from now on; returns the one it replaces."""
    global _listener
    before, _listener = _listener, listener
    return before


def state(waiting_for: str, last: str) -> None:
    """The latest seen state of what is being waited for; cheap, may be called often."""
    _listener.state(waiting_for, last)


def note(line: str) -> None:
    """Something that a person wants to find in the log afterwards."""
    _listener.note(line)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Everything inside belongs to the stage ``name`` of the run."""
    start = time.monotonic()
    _listener.began(name)
    try:
        yield
    except KeyboardInterrupt:
        _listener.ended(name, time.monotonic() - start, "interrupted")
        raise
    except BaseException:
        _listener.ended(name, time.monotonic() - start, "failed")
        raise
    _listener.ended(name, time.monotonic() - start, "done")
