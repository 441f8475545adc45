"""Waking up on time: libev's timers round up to a whole millisecond, the kernel's timer does not."""

from __future__ import annotations

import ctypes
import os
import time

import gevent  # type: ignore[import-untyped]

_CLOCK_MONOTONIC, _ABSOLUTE = 1, 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Span(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Span), ("value", _Span))


class Alarm:
    """A timer of the Linux kernel (timerfd_create(2)) that one greenlet at a time waits for."""

    def __init__(self) -> None:
        self._descriptor = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._watcher = gevent.get_hub().loop.io(self._descriptor, 1)

    def sleep_until(self, due: float) -> None:
        """Let the other greenlets run until ``due``, on the clock of ``time.monotonic``."""
        if due <= time.monotonic():
            return
        value = _Span(int(due), int(due % 1 * 1e9))
        setting = _Setting(_Span(0, 0), value)
        if _libc.timerfd_settime(self._descriptor, _ABSOLUTE, ctypes.byref(setting), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        gevent.get_hub().wait(self._watcher)
        os.read(self._descriptor, 8)

    def close(self) -> None:
        self._watcher.stop()
        os.close(self._descriptor)
