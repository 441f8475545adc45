"""One criterion with a limit of its own against the steady requests of its endpoint and load level."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING

from cxlib.judge import bootstrap, metric, share
from cxlib.judge.result import between, by_interval, measured, number, unjudged
from cxlib.model.criterion import Criterion, Metric
from cxlib.model.verdict import CriterionResult, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.judge.observed import Observed


# Of fewer requests more than one in twenty may be slower than the slowest: they would not pass a p95.
_LEAST_OF_MAXIMUM = 59


def judge(observed: Observed, criterion: Criterion) -> CriterionResult:
    """The verdict on one or more requests, which the caller has picked and freed of warm-up."""
    if criterion.metric is Metric.COUNT:
        return _count(observed, criterion)
    if criterion.metric is Metric.RPS:
        return _estimated(observed.succeeded(), criterion)
    if criterion.metric in metric.SHARES:
        return _share_of_requests(metric.hits(criterion, observed.samples), observed, criterion)
    good = observed.succeeded()
    if not len(good):
        return unjudged(criterion, Verdict.FAIL, f"not one of {len(observed):,} requests succeeded")
    if criterion.metric is Metric.PERCENTILE:
        return _percentile(good, criterion)
    return _maximum(good, criterion) if criterion.metric is Metric.MAX else _estimated(good, criterion)


def _count(observed: Observed, criterion: Criterion) -> CriterionResult:
    n = len(observed)
    verdict = Verdict.PASS if criterion.holds(n) else Verdict.FAIL
    result = measured(criterion, verdict, f"{n:,} requests after warm-up", n, float(n))
    return replace(result, low=float(n), high=float(n))


def _maximum(good: Observed, criterion: Criterion) -> CriterionResult:
    """What was seen: one request over a limit disproves it, and no number of others proves it for all.

    A bootstrap says nothing of a maximum (Bickel & Freedman 1981, The Annals of Statistics 9).
    """
    n = len(good)
    value = float(good.samples.latency.max()) * criterion.per_second
    unseen = 100 * share.upper(0, n)
    reason = (
        f"the slowest of {n:,} requests took {number(value, criterion.unit)}; "
        f"up to {number(unseen)} % of all may be slower"
    )
    if criterion.holds(value) and criterion.wants_less and n < _LEAST_OF_MAXIMUM:
        found = measured(criterion, Verdict.INCONCLUSIVE, reason, n, value)
        return replace(found, low=value, more=_LEAST_OF_MAXIMUM - n)
    verdict = Verdict.PASS if criterion.holds(value) else Verdict.FAIL
    return replace(measured(criterion, verdict, reason, n, value), low=value)


def _estimated(good: Observed, criterion: Criterion) -> CriterionResult:
    """avg and rps: an interval by block bootstrap against the limit."""
    if criterion.metric is Metric.AVG:
        found, scale, name = bootstrap.mean(good), criterion.per_second, "mean latency"
    else:
        found, scale, name = bootstrap.rate(good), 1.0, "rate of answers"
    value, n, ends = found.value * scale, len(good), found.ends()
    if ends is None:
        reason = f"{name} {number(value, criterion.unit)} of one block of 10 s: how much it varies is unknown"
        return replace(measured(criterion, Verdict.INCONCLUSIVE, reason, n, value), more=max(1, n))
    low, high = max(0.0, ends[0] * scale), ends[1] * scale
    verdict = by_interval(criterion, low, high)
    reason = (
        f"{name} {number(value, criterion.unit)}, truly {between(low, high, criterion.unit)} "
        f"over {found.blocks} blocks; the limit is {number(criterion.limit, criterion.unit)}"
    )
    more = None
    if verdict is Verdict.INCONCLUSIVE and criterion.holds(value) and value != criterion.limit:
        times = (high - value) / (criterion.limit - value)
        more = max(1, int(n * (times * times - 1)) + 1) if isfinite(times * times) else None
    return replace(measured(criterion, verdict, reason, n, value), low=low, high=high, more=more)


def _percentile(good: Observed, criterion: Criterion) -> CriterionResult:
    """k of n latencies over the limit, against the share that the percentile allows over it."""
    import numpy as np

    n, latency, limit = len(good), good.samples.latency, criterion.limit_seconds
    # The quantile is below the limit when few enough samples are not below it, and so on.
    over = latency >= limit if criterion.op in ("<", ">=") else latency > limit
    allowed = round(1 - criterion.percentile / 100, 12)
    shown = _weigh(over, good, criterion, allowed)
    verdict = _verdict(shown, allowed, criterion.wants_less, strict=False)
    ordered = np.sort(latency) * criterion.per_second
    most = share.most_within(allowed, n, shown.effect)
    least = share.least_above(allowed, n, shown.disproving)
    value = float(np.quantile(ordered, criterion.percentile / 100, method="inverted_cdf"))
    return replace(
        measured(criterion, verdict, _reason("over the limit", shown, allowed), n, value),
        low=float(ordered[n - least]) if least <= n else None,
        high=float(ordered[n - 1 - most]) if most >= 0 else None,
        n_effective=n / shown.effect,
        more=_more(verdict, shown, allowed, criterion.wants_less),
    )


def _share_of_requests(hits: NDArray[np.bool_], observed: Observed, criterion: Criterion) -> CriterionResult:
    allowed = criterion.limit / 100
    shown = _weigh(hits, observed, criterion, allowed)
    verdict = _verdict(shown, allowed, criterion.wants_less, strict=criterion.op in ("<", ">"))
    reason = _reason(metric.what(criterion), shown, allowed)
    return replace(
        measured(criterion, verdict, reason, shown.n, 100 * shown.k / shown.n),
        low=100 * shown.low,
        high=100 * shown.high,
        n_effective=shown.n / shown.effect,
        more=_more(verdict, shown, allowed, criterion.wants_less),
    )


@dataclass(frozen=True, slots=True)
class _Shown:
    """k of n requests; the design effects of the upper bound (``effect``) and the lower."""

    k: int
    n: int
    effect: float
    disproving: float

    @property
    def low(self) -> float:
        return share.lower(self.k / self.disproving, self.n / self.disproving)

    @property
    def high(self) -> float:
        return share.upper(self.k / self.effect, self.n / self.effect)


def _weigh(hits: NDArray[np.bool_], observed: Observed, criterion: Criterion, allowed: float) -> _Shown:
    effect = share.design_effect(hits, observed)
    low = share.disproving_effect(hits, observed, allowed, effect) if criterion.wants_less else effect
    return _Shown(int(hits.sum()), len(hits), effect, low)


def _verdict(shown: _Shown, allowed: float, wants_less: bool, *, strict: bool) -> Verdict:
    """PASS when the whole interval is on the wanted side, FAIL when all of it is on the other."""
    low, high = shown.low, shown.high
    within = high < allowed if strict and wants_less else high <= allowed
    beyond = low >= allowed if strict and wants_less else low > allowed
    if within:
        return Verdict.PASS if wants_less else Verdict.FAIL
    if beyond:
        return Verdict.FAIL if wants_less else Verdict.PASS
    return Verdict.INCONCLUSIVE


def _more(verdict: Verdict, shown: _Shown, allowed: float, wants_less: bool) -> int | None:
    if verdict is not Verdict.INCONCLUSIVE or not wants_less:
        return None
    needed = share.least_samples(allowed, shown.k / shown.n, shown.effect)
    return None if needed is None else max(1, needed - shown.n)


def _reason(what: str, shown: _Shown, allowed: float) -> str:
    effective = max(1, round(shown.n / shown.effect))
    ones = "one" if effective == 1 else "ones"
    weight = f", worth {effective:,} independent {ones}" if shown.effect > 1.05 else ""
    return (
        f"{shown.k:,} of {shown.n:,} requests {what}{weight}: {_percent(shown.k / shown.n)}, "
        f"truly {_percent(shown.low)} to {_percent(shown.high)}; the line is {_percent(allowed)}"
    )


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
