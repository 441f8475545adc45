"""Exact binomial bounds of a share, and how much evidence dependent samples really are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Blocks, Observed

CONFIDENCE = 0.95
_MOST_SAMPLES = 100_000_000
# Lengths of blocks that dependence is looked for in: the design's 10 s, and shorter ones, of which a short
# level has enough to tell. Each is asked whether its blocks differ more than chance lets them, at 10 %.
_BLOCK_SECONDS = (10.0, 5.0, 2.5)
_CHANCE = 0.90
# From this many times the allowed share on, the plain rule of the design may disprove it.
_GROSS = 2.0


def upper(k: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Upper one-sided Clopper-Pearson bound of k in n (Clopper & Pearson 1934, Biometrika 26).

    k and n may be fractions, as effective sample sizes are (Korn & Graubard 1998, Survey Methodology 24).
    """
    from scipy.special import betaincinv

    return 1.0 if k >= n else float(betaincinv(k + 1, n - k, confidence))


def lower(k: float, n: float, confidence: float = CONFIDENCE) -> float:
    """Lower one-sided Clopper-Pearson bound of k in n."""
    from scipy.special import betaincinv

    return 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, 1 - confidence))


def most_within(share: float, n: int, effect: float = 1.0) -> int:
    """The largest k of n whose upper bound is within ``share``; -1 when even k = 0 is not."""
    low, high = -1, n
    while low < high:
        middle = (low + high + 1) // 2
        if upper(middle / effect, n / effect) <= share:
            low = middle
        else:
            high = middle - 1
    return low


def least_above(share: float, n: int, effect: float = 1.0) -> int:
    """The smallest k of n whose lower bound is above ``share``; n + 1 when there is none."""
    low, high = 0, n + 1
    while low < high:
        middle = (low + high) // 2
        if lower(middle / effect, n / effect) > share:
            high = middle
        else:
            low = middle + 1
    return low


def least_samples(share: float, observed: float, effect: float = 1.0) -> int | None:
    """The least n that settles a share of ``observed`` to be within ``share``; None when it is not."""
    if observed >= share:
        return None

    def settles(n: int) -> bool:
        return upper(observed * n / effect, n / effect) <= share

    high = 1
    while not settles(high):
        high *= 2
        if high > _MOST_SAMPLES:
            return None
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if settles(middle) else (middle, high)
    return high


def design_effect(hits: NDArray[np.bool_], observed: Observed) -> float:
    """How many times more requests it takes than independent ones for the same evidence; at least 1.

    ``hits`` has shape (n,). The variance of the share between blocks over that of independent hits, by
    the ratio estimator within load levels (Cochran 1977, Sampling Techniques, ch. 9). It counts when it
    is more than chance makes of independent hits in nine of ten runs (its index of dispersion is then
    chi-square distributed); the part over 1 is then widened by the square of t over the normal quantile,
    as few blocks know their own variance badly (Korn & Graubard 1998). The largest of the lengths of
    blocks decides. No or only hits cannot show any dependence: 1.
    """
    k = int(hits.sum())
    if k in (0, len(hits)):
        return 1.0
    return max(_excess(hits, observed.blocks(seconds)) for seconds in _BLOCK_SECONDS) + 1.0


def disproving_effect(hits: NDArray[np.bool_], observed: Observed, allowed: float, effect: float) -> float:
    """The design effect by which a share is shown to be over ``allowed``; at most ``effect``, at least 1.

    One event, such as a stall of 2 s in 12, tells nothing of how often such come, and with ``effect`` alone
    the worst run would be INCONCLUSIVE. So from twice the allowed share on it is the variance between
    blocks of 10 s as it is, and none is assumed that those can't show. How often that is wrong: ADR 4.
    """
    if int(hits.sum()) < _GROSS * allowed * len(hits):
        return effect
    between_blocks, _ = _dispersion(hits, observed.blocks()) or (1.0, 0)
    return min(effect, max(1.0, between_blocks))


def _excess(hits: NDArray[np.bool_], blocks: Blocks) -> float:
    """By how much the variance is over that of independent hits, in units of it; 0 when not shown."""
    from scipy.special import chdtri, stdtrit

    found = _dispersion(hits, blocks)
    if found is None:
        return 0.0
    effect, freedom = found
    if effect * freedom <= float(chdtri(freedom, 1 - _CHANCE)):
        return 0.0
    widened = (float(stdtrit(freedom, CONFIDENCE)) / float(stdtrit(1e9, CONFIDENCE))) ** 2
    return max(0.0, effect - 1) * widened


def _dispersion(hits: NDArray[np.bool_], blocks: Blocks) -> tuple[float, int] | None:
    """The variance between blocks in units of that of independent hits, and its degrees of freedom.

    None where there is no second block, or nothing that varies.
    """
    import numpy as np

    sizes = np.bincount(blocks.of, minlength=len(blocks))
    used = sizes > 0
    stratum = np.unique(blocks.stratum[used], return_inverse=True)[1]
    counts = np.bincount(stratum)
    freedom = int((counts - 1).sum())
    if freedom < 1:
        return None
    of_hits = np.bincount(blocks.of, weights=hits, minlength=len(blocks))[used]
    n = np.bincount(stratum, weights=sizes[used])
    p = np.bincount(stratum, weights=of_hits) / n
    squares = np.bincount(stratum, weights=(of_hits - p[stratum] * sizes[used]) ** 2)
    several = counts > 1
    chance = float((n * p * (1 - p))[several].sum())
    if chance <= 0:
        return None
    return float((counts[several] / (counts[several] - 1) * squares[several]).sum()) / chance, freedom
