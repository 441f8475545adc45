"""When the arrivals of an open-model load level are due: planned beforehand, the same for the same seed."""

from __future__ import annotations

import random
from array import array


def arrivals(rate: float, seconds: float, kind: str, seed: str) -> array[float]:
    """Seconds from the level's start, ascending, below ``seconds``; ``rate`` a second on average.

    ``constant``: evenly spaced. ``poisson``: independent exponential gaps, as many users who know
    nothing of each other make (Kingman 1993, Poisson Processes, ch. 4); their number varies by its root.
    """
    if kind == "constant":
        return array("d", (n / rate for n in range(int(rate * seconds + 1e-9))))
    draw, found, now = random.Random(seed), array("d"), 0.0  # noqa: S311  no secret
    while (now := now + draw.expovariate(rate)) < seconds:
        found.append(now)
    return found


def share(times: array[float], index: int, of: int) -> array[float]:
    """What worker ``index`` of ``of`` sends: every ``of``-th, so that all together send each just once."""
    return times[index::of]
