"""The ratio of two maxima, from the maxima of blocks: no bootstrap tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.judge.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Observed


def ratio(candidate: Observed, baseline: Observed) -> tuple[float | None, float | None]:
    """95 % interval of by how much the candidate's latencies are stretched, from their block maxima.

    Were both alike, the j highest of all blocks would be one side's with a chance that counting gives
    (precedence test, Nelson 1963, Technometrics 5); j is the least for which that is within 2.5 %.
    An end is None where there are too few blocks for any such j.
    """
    mine, theirs = _maxima(candidate), _maxima(baseline)
    j, i = _least_run(len(mine), len(theirs)), _least_run(len(theirs), len(mine))
    # as Python's numbers: numpy's would warn of a ratio that is none
    low = float(mine[-j]) / float(theirs[-1]) if j and theirs[-1] > 0 else None
    high = float(mine[-1]) / float(theirs[-i]) if i and theirs[-i] > 0 else None
    return low, high


def _least_run(own: int, other: int) -> int | None:
    chance = 1.0
    for j in range(1, own + 1):
        chance *= (own - j + 1) / (own + other - j + 1)
        if chance <= (1 - CONFIDENCE) / 2:
            return j
    return None


def _maxima(observed: Observed) -> NDArray[np.float64]:
    """The slowest latency of each block that has any, ascending."""
    import numpy as np

    blocks = observed.blocks()
    found = np.full(len(blocks), -np.inf)
    np.maximum.at(found, blocks.of, observed.samples.latency)
    return np.sort(found[np.isfinite(found)])
