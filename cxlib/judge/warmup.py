"""Where a load level has become steady: what came before is warm-up and is cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Level
    from cxlib.model.sample import Samples


@dataclass(frozen=True, slots=True)
class WarmUpRule:
    """``needed`` successive windows of ``seconds`` agree, among the first ``most`` of a load level.

    They agree when none differs from their mean by more than ``tolerance`` of it. Medians that
    differ by less than ``grain`` seconds agree too: that much is a busy machine's scheduler, not the
    service (seen: 1.3 to 2.3 ms from window to window of a steady service, on 2 cores with 8 waiting).
    """

    seconds: float = 5.0
    needed: int = 3
    most: int = 10
    tolerance: float = 0.10
    grain: float = 0.001


@dataclass(frozen=True, slots=True)
class _Window:
    start: float
    throughput: float
    median: float | None  # of the requests that succeeded; None when none did


def steady_from(samples: Samples, levels: list[Level], rule: WarmUpRule) -> float | None:
    """Second of the run from which one load level is steady, or None when it never is.

    ``samples`` and ``levels`` are those of one load level; ``levels`` has more than one entry when
    the run was extended.
    """
    windows = [w for level in levels for w in _windows(samples, level, rule)][: rule.most]
    for first in range(len(windows) - rule.needed + 1):
        group = windows[first : first + rule.needed]
        steady = _agree([w.throughput for w in group], rule.tolerance, 0.0)
        if steady and _agree([w.median for w in group], rule.tolerance, rule.grain):
            return group[0].start
    return None


def _agree(values: Sequence[float | None], tolerance: float, grain: float) -> bool:
    numbers = [v for v in values if v is not None]
    if len(numbers) < len(values):
        return not numbers  # nothing succeeded in any of them: that is steady too
    mean = sum(numbers) / len(numbers)
    return mean > 0 and all(abs(v - mean) <= max(tolerance * mean, grain) for v in numbers)


def _windows(samples: Samples, level: Level, rule: WarmUpRule) -> list[_Window]:
    import numpy as np

    order = np.argsort(samples.scheduled, kind="stable")
    times = samples.scheduled[order]
    latency, good = samples.latency[order], ~samples.failed[order]
    found, seconds = [], rule.seconds
    for i in range(min(rule.most, int((level.end - level.start) / seconds + 1e-6))):
        start = level.start + i * seconds
        a, b = np.searchsorted(times, [start, start + seconds])
        found.append(_Window(start, (b - a) / seconds, _median(latency[a:b][good[a:b]])))
    return found


def _median(values: NDArray[np.float64]) -> float | None:
    import numpy as np

    return float(np.median(values)) if len(values) else None
