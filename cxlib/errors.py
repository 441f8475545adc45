"""The errors that a user can meet. Each says what was wanted, what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def duration(seconds: float) -> str:
    """A span of time as people write it: ``0.4s``, ``12s``, ``5m02s``, ``1h03m``."""
    if seconds < 1:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class CxError(Exception):
    """Root of the tree. ``exit_code`` is what ``cx`` leaves with."""

    exit_code = 1


class ConfigError(CxError):
    """The user's input is wrong; nothing was touched. Names the field and the fix."""

    exit_code = 2

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}. {fix}")
        self.field, self.problem, self.fix = field, problem, fix


class PreflightFailed(CxError):
    """The machine lacks something that the run needs."""

    exit_code = 2


class StageFailed(CxError):
    """A stage looked again after its work and did not see what it wanted."""

    def __init__(self, what: str, *, wanted: str, seen: str) -> None:
        super().__init__(f"{what}: wanted {wanted}, saw {seen}")
        self.what, self.wanted, self.seen = what, wanted, seen


class WaitTimedOut(StageFailed):
    """The budget of a wait ran out."""

    def __init__(self, what: str, *, wanted: str, seen: str, within: float, after: float) -> None:
        CxError.__init__(
            self,
            f"{what}: wanted {wanted} within {duration(within)}, saw {seen} after {duration(after)}",
        )
        self.what, self.wanted, self.seen = what, wanted, seen


class Unrecoverable(StageFailed):
    """A wait met a state that waiting cannot mend, such as a failed workflow."""


class ProcessFailed(CxError):
    """A child process ended with an exit code that its caller did not expect."""

    def __init__(self, argv: Sequence[str], code: int, tail: str, log: Path | None = None) -> None:
        where = f"; whole output in {log}" if log else ""
        super().__init__(f"{' '.join(argv[:4])}: exit {code}{where}\n{tail}".rstrip())
        self.argv, self.code, self.tail, self.log = tuple(argv), code, tail, log


class ProcessTimedOut(CxError):
    """A child process did not end in its time and was stopped."""

    def __init__(self, argv: Sequence[str], timeout: float, tail: str) -> None:
        super().__init__(f"{' '.join(argv[:4])}: not done within {duration(timeout)}\n{tail}".rstrip())


class Unreachable(CxError):
    """A service did not answer, or answered with an error of its own."""


class GateClosed(CxError):
    """A gate's verdict was not PASS. ``exit_code`` follows the verdict."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
