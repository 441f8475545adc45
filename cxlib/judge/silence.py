"""Stretches of a load level in which no request was under way: what hung until it was cut off left none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxlib.judge.coverage import LEAST_DURATION, SLACK_SECONDS
from cxlib.model.verdict import Check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

MOST_SILENCE = 10.0


@dataclass(frozen=True, slots=True)
class Silence:
    """From ``start`` to ``end``, in seconds since the run's start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def __str__(self) -> str:
        return f"from {self.start:.0f} s to {self.end:.0f} s"


def present(run: Run, samples: Samples) -> Check:
    """Whether there are requests at every load level, to its end and without a long silence."""
    silent = next((f"none at {lv} {told}" for lv in run.levels if (told := _of_level(lv, samples))), "")
    seen = f"{len(samples):,} requests"
    ok = len(samples) > 0 and not silent
    wanted = "requests at every level, to its end"
    return Check("samples", ok, f"{seen}, {silent}" if silent else seen, wanted)


def _of_level(level: Level, samples: Samples) -> str:
    """Where a load level has no samples; empty when it has them throughout."""
    own = (samples.users == level.users) & (samples.rate == level.rate)
    own &= (samples.scheduled >= level.start - SLACK_SECONDS) & (samples.scheduled <= level.end)
    if level.end <= level.start:
        return ""
    if not own.any():
        return f"from {level.start:.0f} s on"
    allowed = max(_base(level.end - level.start), 5 / level.rate if level.rate else 0.0)
    _, reached = _under_way(samples.scheduled[own], samples.finished[own])
    if reached[-1] < level.end - allowed:
        return str(Silence(float(reached[-1]), level.end))
    return ""


def _under_way(
    scheduled: NDArray[np.float64], finished: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each request began, ascending, and until when it or one before it was under way."""
    import numpy as np

    order = np.argsort(scheduled, kind="stable")
    return scheduled[order], np.maximum.accumulate(finished[order])


def _base(seconds: float) -> float:
    """The silence that anything may have in so many seconds of a load level."""
    return max(MOST_SILENCE, (1 - LEAST_DURATION) * seconds)
