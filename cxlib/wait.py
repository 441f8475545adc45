"""The one wait. Nothing else in the project sleeps."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cxlib import progress
from cxlib.errors import Unrecoverable, WaitTimedOut

T = TypeVar("T")


class Budget(float, enum.Enum):
    """How long the project waits for what, in seconds. Each was seen to take a third of it or less."""

    ANSWER = 30.0
    BOOT = 60.0
    ROLLOUT = 300.0
    SYNC = 300.0
    WORKFLOW = 900.0
    ENDING = 120.0  # from a workflow's own deadline until Argo has ended it
    BUILD = 7200.0


@dataclass(frozen=True, slots=True)
class Look(Generic[T]):
    """One look at the world: what was seen, and whether it is what was wanted.

    ``hopeless`` ends the wait at once: waiting cannot mend what was seen.
    """

    seen: str
    value: T | None = None
    done: bool = False
    hopeless: bool = False

    @classmethod
    def found(cls, value: T, seen: str = "there") -> Look[T]:
        return cls(seen, value, done=True)


def wait_until(
    what: str,
    probe: Callable[[], Look[T]],
    *,
    wanted: str,
    within: float,
    every: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Look with ``probe`` every ``every`` seconds until it is done; the value that it found.

    Raises ``WaitTimedOut`` after ``within`` seconds and ``Unrecoverable`` as soon as a look is
    hopeless; both say what was seen last. The probe looks once more when the time is up.
    """
    start = clock()
    while True:
        look = probe()
        if look.done:
            return look.value  # type: ignore[return-value]
        if look.hopeless:
            raise Unrecoverable(what, wanted=wanted, seen=look.seen)
        elapsed = clock() - start
        if elapsed >= within:
            raise WaitTimedOut(what, wanted=wanted, seen=look.seen, within=within, after=elapsed)
        progress.state(what, look.seen)
        sleep(min(every, max(0.0, within - elapsed)))
