"""How long the steps wait for what, and how they wait out a service that is down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cxlib.errors import Unreachable
from cxlib.wait import Look, wait_until

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. ``every``: between two looks; ``rollout``: until Synced and Healthy; ``served``: from
    then until it answers; ``stuck``: that a pod may be in trouble; ``outage``: that a service may be
    down; ``lease``: for which a promotion holds its target without giving a sign of life; ``silence``:
    for which what serves well may give no right answer."""

    every: float = 1.0
    rollout: float = 240.0
    served: float = 60.0
    stuck: float = 25.0
    outage: float = 100.0
    lease: float = 120.0
    silence: float = 5.0


def waited_out(what: str, act: Callable[[], T], pace: Pace) -> T:
    """The result of ``act``, tried again while a service that it needs doesn't answer.

    ``act`` must be one that may be repeated. Raises ``WaitTimedOut`` after the pace's outage.
    """

    def look() -> Look[T]:
        try:
            return Look.found(act())
        except Unreachable as exc:
            return Look(str(exc))

    return wait_until(what, look, wanted="an answer", within=pace.outage, every=pace.every)
