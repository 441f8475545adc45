"""One criterion against the steady samples of its endpoint and load level."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from cxlib.judge import share
from cxlib.model.criterion import Criterion, Metric
from cxlib.model.verdict import CriterionResult, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.sample import Samples


def judge(samples: Samples, criterion: Criterion) -> CriterionResult:
    """The verdict on ``samples``, one or more, which the caller has picked and freed of warm-up."""
    if criterion.metric is Metric.COUNT:
        return _count(samples, criterion)
    if criterion.metric is Metric.PERCENTILE:
        return _percentile(samples, criterion)
    hits = samples.failed if criterion.metric is Metric.FAIL else _status_matches(samples, criterion)
    return _share_of_requests(hits, samples.scheduled, criterion)


def unjudged(criterion: Criterion, verdict: Verdict, reason: str, n: int = 0) -> CriterionResult:
    """A result without numbers."""
    return CriterionResult(
        criterion.text,
        verdict,
        reason,
        criterion.limit,
        criterion.unit,
        criterion.blocking,
        criterion.key,
        n=n,
        n_effective=float(n),
    )


def _count(samples: Samples, criterion: Criterion) -> CriterionResult:
    n = len(samples)
    verdict = Verdict.PASS if criterion.holds(n) else Verdict.FAIL
    result = unjudged(criterion, verdict, f"{n:,} requests after warm-up", n)
    return replace(result, value=float(n), low=float(n), high=float(n))


def _status_matches(samples: Samples, criterion: Criterion) -> NDArray[np.bool_]:
    import numpy as np

    wanted = [s for s in np.unique(samples.status) if fnmatchcase(str(s), criterion.status_glob)]
    return np.isin(samples.status, wanted)


def _percentile(samples: Samples, criterion: Criterion) -> CriterionResult:
    """k of n latencies over the limit, against the share that the percentile allows over it."""
    import numpy as np

    good = samples.where(~samples.failed)
    n = len(good)
    if not n:
        return unjudged(criterion, Verdict.FAIL, f"not one of {len(samples):,} requests succeeded")
    latency, limit = good.latency, criterion.limit_seconds
    # The quantile is below the limit when few enough samples are not below it, and so on.
    over = latency >= limit if criterion.op in ("<", ">=") else latency > limit
    allowed = round(1 - criterion.percentile / 100, 12)
    effect = share.design_effect(over, good.scheduled)
    k = int(over.sum())
    verdict = _verdict(k, n, effect, allowed, criterion.wants_less, strict=False)
    ordered = np.sort(latency) * criterion.per_second
    most, least = share.most_within(allowed, n, effect), share.least_above(allowed, n, effect)
    return replace(
        unjudged(criterion, verdict, _reason("over the limit", k, n, effect, allowed), n),
        value=float(np.quantile(ordered, criterion.percentile / 100, method="inverted_cdf")),
        low=float(ordered[n - least]) if least <= n else None,
        high=float(ordered[n - 1 - most]) if most >= 0 else None,
        n_effective=n / effect,
        more=_more(verdict, k, n, effect, allowed, criterion.wants_less),
    )


def _share_of_requests(
    hits: NDArray[np.bool_], times: NDArray[np.float64], criterion: Criterion
) -> CriterionResult:
    n, k = len(hits), int(hits.sum())
    allowed = criterion.limit / 100
    effect = share.design_effect(hits, times)
    verdict = _verdict(k, n, effect, allowed, criterion.wants_less, strict=criterion.op in ("<", ">"))
    what = "failed" if criterion.metric is Metric.FAIL else f"answered {criterion.status_glob}"
    return replace(
        unjudged(criterion, verdict, _reason(what, k, n, effect, allowed), n),
        value=100 * k / n,
        low=100 * share.lower(k / effect, n / effect),
        high=100 * share.upper(k / effect, n / effect),
        n_effective=n / effect,
        more=_more(verdict, k, n, effect, allowed, criterion.wants_less),
    )


def _verdict(k: int, n: int, effect: float, allowed: float, wants_less: bool, *, strict: bool) -> Verdict:
    """PASS when the whole interval is on the wanted side, FAIL when all of it is on the other."""
    low, high = share.lower(k / effect, n / effect), share.upper(k / effect, n / effect)
    within = high < allowed if strict and wants_less else high <= allowed
    beyond = low >= allowed if strict and wants_less else low > allowed
    if within:
        return Verdict.PASS if wants_less else Verdict.FAIL
    if beyond:
        return Verdict.FAIL if wants_less else Verdict.PASS
    return Verdict.INCONCLUSIVE


def _more(verdict: Verdict, k: int, n: int, effect: float, allowed: float, wants_less: bool) -> int | None:
    if verdict is not Verdict.INCONCLUSIVE or not wants_less:
        return None
    needed = share.least_samples(allowed, k / n, effect)
    return None if needed is None else max(1, needed - n)


def _reason(what: str, k: int, n: int, effect: float, allowed: float) -> str:
    low, high = share.lower(k / effect, n / effect), share.upper(k / effect, n / effect)
    weight = f", worth {n / effect:,.0f} independent ones" if effect > 1.05 else ""
    return (
        f"{k:,} of {n:,} requests {what}{weight}: {_percent(k / n)}, "
        f"truly {_percent(low)} to {_percent(high)}; the line is {_percent(allowed)}"
    )


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"
