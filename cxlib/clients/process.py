"""The one door to child processes: own process group, one SIGINT forwarded, nothing orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cxlib.errors import ConfigError, ProcessFailed, ProcessTimedOut

GRACE_SECONDS = 7.0  # so that Ctrl-C ends a run in less than 10 s
_TAIL_LINES = 40
_T = TypeVar("_T")
_running: dict[subprocess.Popen[str], _Care] = {}
_running_lock = threading.Lock()


@dataclass(slots=True)
class _Care:
    """What is known of a running child: who may end it, its grace, and when it got its one SIGINT."""

    families: tuple[Family, ...]
    grace: float
    interrupted: float | None = None

    @property
    def left(self) -> float:
        """Seconds until the end of its grace, which runs from its SIGINT on."""
        begun = time.monotonic() if self.interrupted is None else self.interrupted
        return begun + self.grace - time.monotonic()


class Family:
    """The children that some calls start, in whichever thread, so that they can be ended together."""

    def __init__(self) -> None:
        self.told_to_end = False

    def call(self, task: Callable[[], _T]) -> _T:
        """``task()``, its children counted here and wherever its caller's are."""
        token = _families.set((*_families.get(), self))
        try:
            return task()
        finally:
            _families.reset(token)

    def interrupt(self) -> None:
        """Forward one SIGINT to each of them that is running, and end their threads' waits for others."""
        self.told_to_end = True
        with _running_lock:
            children = [child for child, care in _running.items() if self in care.families]
        _interrupt(children)


_families: ContextVar[tuple[Family, ...]] = ContextVar("families", default=())


def told_to_end() -> bool:
    """Whether the work that the caller is part of was interrupted; Ctrl-C itself reaches no thread."""
    return any(family.told_to_end for family in _families.get())


@dataclass(frozen=True, slots=True)
class Completed:
    """A child process that has ended."""

    argv: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    seconds: float


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    stdin: str | None = None,
    expect: Sequence[int] | None = (0,),
    on_line: Callable[[str], None] | None = None,
    log: Path | None = None,
    grace: float = GRACE_SECONDS,
) -> Completed:
    """Run ``argv`` to its end and return what it said.

    ``env`` is the whole environment (None: ours). ``stdin`` is written to the child, the way for
    secrets. ``expect`` lists the exit codes that are no error (None: any). ``on_line`` sees each
    line of stdout and stderr as it comes, and ``log`` gets them appended.

    On Ctrl-C, or after ``timeout`` seconds, the child's group gets exactly one SIGINT, ``grace``
    seconds to end by itself, and only then SIGKILL.

    Raises ``ConfigError`` (no such program), ``ProcessFailed``, ``ProcessTimedOut``.
    """
    argv = tuple(argv)
    start = time.monotonic()
    child = _start(argv, env, cwd, stdin is not None, grace)
    out = _Collector(child.stdout, on_line, log)
    err = _Collector(child.stderr, on_line, log)
    try:
        if stdin is not None and child.stdin is not None:
            try:
                child.stdin.write(stdin)
                child.stdin.close()
            except BrokenPipeError:
                pass  # the child ended without reading; its exit code tells
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired as exc:
            _end(child)
            raise ProcessTimedOut(argv, timeout, err.tail() or out.tail()) from exc
        except KeyboardInterrupt:
            _end(child)
            raise
    finally:
        if child.poll() is None:
            _end(child)
        elif _running[child].interrupted:  # what it started in that very instant would hold its pipes
            _signal(child, signal.SIGKILL)
        out.join()
        err.join()
        _forget(child)
    done = Completed(argv, child.returncode, out.text(), err.text(), time.monotonic() - start)
    if expect is not None and done.code not in expect:
        raise ProcessFailed(argv, done.code, err.tail() or out.tail(), log)
    return done


class Background:
    """A child process that runs until its ``background`` block ends."""

    def __init__(self, child: subprocess.Popen[str], out: _Collector, err: _Collector) -> None:
        self._child, self._out, self._err = child, out, err

    @property
    def pid(self) -> int:
        return self._child.pid

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._child.poll() is not None

    @property
    def code(self) -> int | None:
        """How it ended, minus the signal's number when it was killed; None while it runs."""
        return self._child.poll()

    def tail(self) -> str:
        """The last lines that it wrote."""
        return self._err.tail() or self._out.tail()


@contextmanager
def background(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    log: Path | None = None,
    grace: float = GRACE_SECONDS,
) -> Iterator[Background]:
    """Run ``argv`` beside the body, which ends it: one SIGINT, ``grace`` seconds, SIGKILL."""
    child = _start(tuple(argv), env, cwd, False, grace)
    out = _Collector(child.stdout, None, log)
    err = _Collector(child.stderr, None, log)
    try:
        yield Background(child, out, err)
    finally:
        _end(child)
        out.join()
        err.join()
        _forget(child)


def _start(
    argv: tuple[str, ...],
    env: Mapping[str, str] | None,
    cwd: Path | str | None,
    with_stdin: bool,
    grace: float,
) -> subprocess.Popen[str]:
    try:
        child = subprocess.Popen(
            argv,
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as exc:
        raise ConfigError(argv[0], "no such program", "Run `cx doctor` to see what is missing") from exc
    with _running_lock:
        _running[child] = _Care(_families.get(), grace)
    return child


def _forget(child: subprocess.Popen[str]) -> None:
    with _running_lock:
        _running.pop(child, None)


def interrupt_all() -> None:
    """Forward one SIGINT to every running child: Ctrl-C reaches only the main thread."""
    with _running_lock:
        children = list(_running)
    _interrupt(children)


def end_all() -> None:
    """End every running child; each has what is left of its grace, whoever has interrupted it before."""
    interrupt_all()
    with _running_lock:
        children = list(_running)
    for child in children:
        _end(child)


def _interrupt(children: Sequence[subprocess.Popen[str]]) -> None:
    """The one SIGINT of each that hasn't had it: at a second, Terraform leaves at once with its lock."""
    for child in children:
        with _running_lock:
            care = _running.get(child)
            if care is None or care.interrupted is not None:
                continue
            care.interrupted = time.monotonic()
        _signal(child, signal.SIGINT)


def _end(child: subprocess.Popen[str]) -> None:
    """One SIGINT, its grace even if Ctrl-C comes again, then SIGKILL."""
    _interrupt([child])
    with _running_lock:
        care = _running.get(child)
    while care and (left := care.left) > 0:
        try:
            child.wait(left)
            break
        except subprocess.TimeoutExpired:
            break
        except KeyboardInterrupt:
            continue
    _signal(child, signal.SIGKILL)  # also whatever the child left behind in its group
    child.wait()


def _signal(child: subprocess.Popen[str], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass


class _Collector(threading.Thread):
    """Reads one stream to its end, so that neither side ever blocks on a full pipe."""

    def __init__(self, stream: object, on_line: Callable[[str], None] | None, log: Path | None) -> None:
        super().__init__(daemon=True)
        self._stream, self._on_line, self._log = stream, on_line, log
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        sink = self._log.open("a") if self._log else None
        try:
            for line in self._stream:  # type: ignore[attr-defined]
                self._lines.append(line)
                if sink:
                    sink.write(line)
                    sink.flush()
                if self._on_line:
                    self._on_line(line.rstrip("\n"))
        finally:
            if sink:
                sink.close()
            self._stream.close()  # type: ignore[attr-defined]

    def text(self) -> str:
        return "".join(self._lines)

    def tail(self) -> str:
        return "".join(deque(self._lines, _TAIL_LINES)).strip()
