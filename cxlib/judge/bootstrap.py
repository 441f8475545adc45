"""Block bootstrap of means, rates and percentiles: reproducible, by matrix products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Blocks, LevelKey, Observed

REPLICATES = 1000
CONFIDENCE = 0.95  # two-sided: an end of an interval is passed by chance in one of forty runs
SEED = 20261123
_GRID = 512
Mix = dict["LevelKey", float]  # the weight of a request of each load level


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its variance, and on how many blocks, less one for each load level, that rests."""

    value: float
    variance: float
    freedom: int
    blocks: int

    def ends(self) -> tuple[float, float] | None:
        """The 95 % interval, Student's t times the bootstrap's standard error; None on a single block.

        With few blocks the percentiles of a bootstrap are too narrow, and t with a variance widened by
        b / (b - 1) is not (Hesterberg 2015, The American Statistician 69, sections 4.2 and 5.1).
        """
        if self.freedom < 1:
            return None
        half = quantile_of_t(self.freedom) * self.variance**0.5
        return self.value - half, self.value + half


def quantile_of_t(freedom: float) -> float:
    """Two-sided 95 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))


def mean(observed: Observed, mix: Mix | None = None) -> Estimate:
    """Mean latency in seconds of one or more requests."""
    import numpy as np

    blocks = observed.blocks()
    weight = _weights(observed, blocks, mix)
    sums = np.bincount(blocks.of, weights=observed.samples.latency, minlength=len(blocks)) * weight
    sizes = np.bincount(blocks.of, minlength=len(blocks)) * weight
    return _ratio(sums, sizes, blocks)


def rate(observed: Observed, mix: Mix | None = None) -> Estimate:
    """Requests a second of the spans; ``mix`` weighs the seconds of each level."""
    import numpy as np

    blocks = observed.blocks()
    weight = _weights(observed, blocks, mix)
    return _ratio(np.bincount(blocks.of, minlength=len(blocks)) * weight, blocks.seconds * weight, blocks)


def percentile(observed: Observed, level: float, mix: Mix | None = None) -> Estimate:
    """The percentile ``level`` (0 to 100) of latency in seconds, of one or more requests.

    Each replicate weighs whole blocks; its percentile is read off the blocks' counts on a grid of
    latencies around the percentile, so that it costs a matrix product and no sort.
    """
    import numpy as np

    blocks, share = observed.blocks(), level / 100
    order = np.argsort(observed.samples.latency)
    latency, of = observed.samples.latency[order], blocks.of[order]
    weight = _weights(observed, blocks, mix)
    ranks = _grid(of, share, len(blocks), weight)
    slot = np.searchsorted(ranks, np.arange(len(order)))  # the first grid point at or above each request
    counts = np.bincount(slot * len(blocks) + of, minlength=len(ranks) * len(blocks))
    below = counts.reshape(len(ranks), len(blocks)).cumsum(axis=0) * weight
    draws = np.vstack([np.ones(len(blocks)), _draws(blocks)])
    reached = below @ draws.T  # (grid, replicates)
    at = (reached >= share * reached[-1] * (1 - 1e-12)).argmax(axis=0)
    values = latency[ranks[at]]
    values = values[np.concatenate([[True], reached[-1, 1:] > 0])]
    variance = float(np.var(values[1:])) if len(values) > 2 else 0.0
    return Estimate(float(values[0]), variance * _widening(blocks), blocks.freedom, len(blocks))


def _grid(of: NDArray[np.intp], share: float, blocks: int, weight: NDArray[np.float64]) -> NDArray[np.intp]:
    """Ranks at which the blocks are counted: all of few, else close ones where the replicates will fall."""
    import numpy as np

    n = len(of)
    if n <= 2 * _GRID:
        return np.arange(n)
    passed = np.cumsum(weight[of])
    centre = int(np.searchsorted(passed, share * passed[-1]))
    sizes = np.maximum(np.bincount(of, minlength=blocks), 1)
    own = np.bincount(of[: centre + 1], minlength=blocks) / sizes
    spread = max(float(np.std(own)) / blocks**0.5, (share * (1 - share) / n) ** 0.5)
    reach = int(8 * spread * n) + _GRID // 2
    close = np.linspace(max(0, centre - reach), min(n - 1, centre + reach), _GRID)
    return np.unique(np.concatenate([close, np.linspace(0, n - 1, _GRID)]).astype(np.intp))


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64], blocks: Blocks) -> Estimate:
    """Sum of ``top`` over sum of ``bottom``, both (b,)."""
    import numpy as np

    draws = _draws(blocks)
    below = draws @ bottom
    replicates = (draws @ top)[below > 0] / below[below > 0]
    variance = float(np.var(replicates)) if len(replicates) else 0.0
    return Estimate(
        float(top.sum() / bottom.sum()), variance * _widening(blocks), blocks.freedom, len(blocks)
    )


def _draws(blocks: Blocks) -> NDArray[np.float64]:
    """How often each replicate draws each block, (replicates, b): with return, within its load level."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    found = np.zeros((REPLICATES, len(blocks)))
    for stratum in np.unique(blocks.stratum):
        own = blocks.stratum == stratum
        size = int(own.sum())
        found[:, own] = rng.multinomial(size, np.full(size, 1 / size), size=REPLICATES)
    return found


def _widening(blocks: Blocks) -> float:
    """b / (b - 1), by load levels together: a bootstrap's variance is that much too small."""
    return len(blocks) / blocks.freedom if blocks.freedom else 1.0


def _weights(observed: Observed, blocks: Blocks, mix: Mix | None) -> NDArray[np.float64]:
    import numpy as np

    if mix is None:
        return np.ones(len(blocks))
    return np.array([mix[level] for level in observed.levels])[blocks.stratum]
