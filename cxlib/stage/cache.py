"""Entries of the user's cache: who may build or drop one, and what a clean-up did."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from cxlib import progress
from cxlib.clients import process
from cxlib.wait import Budget, Look, wait_until


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a clean-up dropped, and what it kept although this checkout doesn't use it: ``name: why``."""

    gone: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(self.gone + other.gone, self.kept + other.kept)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the machine-wide lock of a cache entry; another build of it is waited for here, and told.

    Raises ``WaitTimedOut``, and ``Unrecoverable`` in a thread whose work is interrupted meanwhile.
    """
    handle = _hold(target)
    if handle is None:
        what = f"another build of {target.name}"
        progress.note(f"{what} is under way: waiting for it")
        handle = wait_until(what, partial(_look, target), wanted="its end", within=Budget.BUILD, every=0.25)
    with handle:
        yield


@contextmanager
def tried(target: Path) -> Iterator[bool]:
    """Whether the lock of a cache entry was free; it is held then, without any waiting.

    Its file goes with ``target``: a lock of nothing is of use to nobody.
    """
    handle = _hold(target)
    if handle is None:
        yield False
        return
    with handle:
        yield True
        if not target.exists():
            Path(handle.name).unlink()


def _look(target: Path) -> Look[IO[str]]:
    if handle := _hold(target):
        return Look.found(handle, "ended")
    if process.told_to_end():
        return Look("this run's own end", hopeless=True)
    return Look("under way")


def _hold(target: Path) -> IO[str] | None:
    """The lock's open file, or None where another holds it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f"{target.name}.lock")
    while True:
        handle = path.open("w")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return None
        if _is_at(handle, path):
            return handle
        handle.close()  # its file was dropped since it was opened: a lock that nobody else would meet


def _is_at(handle: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False
