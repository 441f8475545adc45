"""One criterion against the baseline: how much worse the candidate can be, and how much it must be."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from cxlib.judge import bootstrap, extreme, metric, share
from cxlib.judge.bootstrap import Estimate, Mix
from cxlib.judge.result import between, by_interval, number, unjudged
from cxlib.model.criterion import Criterion, Metric
from cxlib.model.verdict import CriterionResult, Verdict

if TYPE_CHECKING:
    from cxlib.judge.observed import Observed

Interval = tuple[float | None, float | None]  # of candidate / baseline; None is open
_MOST_UNKNOWN = 0.05  # a baseline of few requests is no measure: its own share must be known this well
_TAIL = 0.5 + bootstrap.CONFIDENCE / 2  # of each end of a two-sided interval


def judge(candidate: Observed, baseline: Observed, criterion: Criterion) -> CriterionResult:
    """The verdict on one or more requests of both, at the same load levels, steady ones alone.

    The value is the change in %, candidate / baseline - 1. The baseline's load levels are weighed as
    the candidate has them, so that a level that took longer there does not shift what is compared.
    """
    if criterion.metric in metric.SHARES:
        return _shares(candidate, baseline, criterion)
    mine, theirs = candidate.succeeded(), baseline.succeeded()
    if not len(mine):
        return unjudged(criterion, Verdict.FAIL, f"not one of {len(candidate):,} requests succeeded")
    if not len(theirs):
        reason = f"not one of the baseline's {len(baseline):,} requests succeeded"
        return unjudged(criterion, Verdict.INVALID, reason, len(mine))
    if criterion.metric is Metric.MAX:
        a, b = (float(side.samples.latency.max()) for side in (mine, theirs))
        return _told(criterion, len(mine), (a, b), extreme.ratio(mine, theirs))
    first, second = (
        _estimate(mine, criterion, None),
        _estimate(theirs, criterion, _mix(mine, theirs, criterion)),
    )
    result = _told(criterion, len(mine), (first.value, second.value), fieller(first, second))
    return replace(result, more=_more(result, criterion, first, second))


def fieller(a: Estimate, b: Estimate) -> Interval:
    """95 % interval of a / b (Fieller 1954, Journal of the Royal Statistical Society B 16).

    Degrees of freedom by Welch and Satterthwaite. An end is None where b may be nothing, where a
    single block leaves the variance unknown, or where it is no number.
    """
    if a.freedom < 1 or b.freedom < 1 or b.value <= 0:
        return None, None
    try:
        return bounded(*_fieller(a, b))
    except (OverflowError, ZeroDivisionError):  # b is so small that its square is nothing
        return None, None


def _fieller(a: Estimate, b: Estimate) -> Interval:
    both = a.variance + (a.value / b.value) ** 2 * b.variance
    if both <= 0:
        return a.value / b.value, a.value / b.value
    parts = a.variance**2 / a.freedom + ((a.value / b.value) ** 2 * b.variance) ** 2 / b.freedom
    t2 = bootstrap.quantile_of_t(both**2 / parts) ** 2 if parts > 0 else bootstrap.quantile_of_t(1) ** 2
    # |a - r b| <= t sqrt(var a + r^2 var b) is a quadratic in r.
    two, one, nil = b.value**2 - t2 * b.variance, a.value * b.value, a.value**2 - t2 * a.variance
    if two <= 0:
        return None, None
    root = max(0.0, one**2 - two * nil) ** 0.5
    return max(0.0, (one - root) / two), (one + root) / two


def bounded(low: float | None, high: float | None) -> Interval:
    """An interval as it is; open where an end is no finite number."""
    return low if _finite(low) else None, high if _finite(high) else None


def _finite(value: float | None) -> bool:
    return value is not None and isfinite(value)


def _estimate(observed: Observed, criterion: Criterion, mix: Mix | None) -> Estimate:
    if criterion.metric is Metric.AVG:
        return bootstrap.mean(observed, mix)
    if criterion.metric is Metric.RPS:
        return bootstrap.rate(observed, mix)
    return bootstrap.percentile(observed, criterion.percentile, mix)


def _mix(mine: Observed, theirs: Observed, criterion: Criterion) -> Mix:
    """What a request (for rps, a second) of the baseline weighs, by load level."""
    found: Mix = {}
    for level in theirs.levels:
        a, b = mine.at((level,)), theirs.at((level,))
        sizes = (a.seconds, b.seconds) if criterion.metric is Metric.RPS else (len(a), len(b))
        found[level] = sizes[0] / sizes[1] if sizes[1] else 0.0
    return found


def _shares(candidate: Observed, baseline: Observed, criterion: Criterion) -> CriterionResult:
    """Exact, as hits are few: given how many there were in all, how many are the candidate's is binomial
    (Przyborowski & Wilenski 1940, Biometrika 31); each side by its effective number of requests."""
    mine, theirs = (metric.hits(criterion, side.samples) for side in (candidate, baseline))
    k, n = _effective(mine, candidate)
    mix = _mix(candidate, baseline, criterion)
    share_of_theirs = _weighed(criterion, baseline, mix)
    _, m = _effective(theirs, baseline)
    j = share_of_theirs * m
    values = (k / n, share_of_theirs)
    if k == 0:
        return _none(criterion, candidate, (n, j, m))
    low = share.lower(k, k + j, _TAIL)
    high = share.upper(k, k + j, _TAIL)
    interval = low / (1 - low) * m / n, high / (1 - high) * m / n if high < 1 else None
    result = _told(criterion, len(candidate), values, interval)
    return replace(result, n_effective=n)


def _none(criterion: Criterion, candidate: Observed, sizes: tuple[float, float, float]) -> CriterionResult:
    """Not one hit: as good as the baseline is known to be, if it is known as well."""
    n, j, m = sizes
    theirs, mine = share.upper(j, m), share.upper(0, n)
    allowed = min((1 + criterion.limit / 100) * theirs, _MOST_UNKNOWN)
    needed = share.least_samples(allowed, 0.0)
    verdict = Verdict.PASS if mine <= allowed else Verdict.INCONCLUSIVE
    more = max(1, int(needed - n) + 1) if needed and verdict is Verdict.INCONCLUSIVE else None
    reason = (
        f"none of {len(candidate):,} requests {metric.what(criterion)}, so up to "
        f"{number(100 * mine)} % may; of the baseline's {number(100 * j / m)} % did and up to "
        f"{number(100 * theirs)} % may"
    )
    result = unjudged(criterion, verdict, reason, len(candidate))
    change = -100.0 if j else 0.0
    return replace(result, value=change, measured=0.0, baseline=100 * j / m, n_effective=n, more=more)


def _effective(hits: object, observed: Observed) -> tuple[float, float]:
    import numpy as np

    mask = np.asarray(hits)
    effect = share.design_effect(mask, observed)
    return float(mask.sum()) / effect, len(mask) / effect


def _weighed(criterion: Criterion, baseline: Observed, mix: Mix) -> float:
    """The baseline's share of hits, its load levels weighed as ``mix`` says."""
    total = hit = 0.0
    for level in baseline.levels:
        own = baseline.at((level,))
        total += mix[level] * len(own)
        hit += mix[level] * int(metric.hits(criterion, own.samples).sum())
    return hit / total if total else 0.0


def _told(criterion: Criterion, n: int, values: tuple[float, float], interval: Interval) -> CriterionResult:
    """The result on candidate and baseline ``values`` (seconds, rps or shares) and their ratio."""
    low, high = bounded(*(None if end is None else 100 * (end - 1) for end in interval))
    verdict = by_interval(criterion, low, high)
    scale = criterion.per_second if criterion.metric in metric.LATENCIES else 1.0
    scale = 100.0 if criterion.metric in metric.SHARES else scale
    a, b = values[0] * scale, values[1] * scale
    change, _ = bounded(100 * (a / b - 1) if b else None, None)
    reason = (
        f"{number(a, criterion.measured_unit)} against the baseline's {number(b, criterion.measured_unit)}"
        f", truly {between(low, high, '%')} apart; {criterion.limit:+g} % is allowed"
    )
    result = unjudged(criterion, verdict, reason, n)
    return replace(result, value=change, low=low, high=high, measured=a, baseline=b)


def _more(result: CriterionResult, criterion: Criterion, a: Estimate, b: Estimate) -> int | None:
    """How many further requests of the candidate settle it; None when none can."""
    if (
        result.verdict is not Verdict.INCONCLUSIVE
        or result.value is None
        or not criterion.holds(result.value)
    ):
        return None
    if a.freedom < 1:
        return max(1, result.n)
    if b.freedom < 1:
        return None
    bound = (1 + criterion.limit / 100) * b.value
    t2 = bootstrap.quantile_of_t(a.freedom + b.freedom) ** 2
    left = (bound - a.value) ** 2 / t2 - (bound / b.value) ** 2 * b.variance
    needed = result.n * (a.variance / left - 1) if left > 0 else None
    return max(1, int(needed) + 1) if needed is not None and isfinite(needed) else None
