"""Exact binomial bounds of a share, and how much evidence dependent samples really are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95
BLOCK_SECONDS = 10.0
_MOST_SAMPLES = 100_000_000


def upper(k: float, n: float) -> float:
    """Upper one-sided 95 % Clopper-Pearson bound of k in n (Clopper & Pearson 1934, Biometrika 26).

    k and n may be fractions, as effective sample sizes are (Korn & Graubard 1998, Survey Methodology 24).
    """
    from scipy.special import betaincinv

    return 1.0 if k >= n else float(betaincinv(k + 1, n - k, CONFIDENCE))


def lower(k: float, n: float) -> float:
    """Lower one-sided 95 % Clopper-Pearson bound of k in n."""
    from scipy.special import betaincinv

    return 0.0 if k <= 0 else float(betaincinv(k, n - k + 1, 1 - CONFIDENCE))


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


def design_effect(hits: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """How many times wider a share's variance is than that of as many independent samples; at least 1.

    Ratio estimator over blocks of 10 s (Cochran 1977, Sampling Techniques, ch. 9). ``hits`` and
    ``times`` (seconds) have shape (n,). One block, or none or all hit, cannot show any dependence: 1.
    """
    import numpy as np

    n, k = len(hits), int(hits.sum())
    if k in (0, n):
        return 1.0
    _, block = np.unique(np.floor((times - times.min()) / BLOCK_SECONDS), return_inverse=True)
    sizes = np.bincount(block)
    if len(sizes) < 2:
        return 1.0
    residual = np.bincount(block, weights=hits) - k / n * sizes
    spread = len(sizes) / (len(sizes) - 1) * float((residual**2).sum())
    return max(1.0, spread / (n * (k / n) * (1 - k / n)))
