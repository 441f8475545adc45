"""A model's quality: what MLflow has of it against what the gate asks."""

from __future__ import annotations

from dataclasses import replace

from cxlib.judge import share
from cxlib.judge.conclusion import conclude
from cxlib.model.quality import BYTES, Evaluation, Measure, QualityCriterion, QualityGate
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict

ACCURACY, SAMPLES = "test_accuracy", "test_samples"
# Two shares bound a difference: each misses with half of what the whole may.
_EACH = 1 - (1 - share.CONFIDENCE) / 2


class _Unmeasured(Exception):
    """What a criterion needs isn't there, or contradicts itself."""


def judge(gate: QualityGate, candidate: Evaluation, incumbent: Evaluation | None) -> GateVerdict:
    """The verdict on ``candidate``; ``incumbent`` is the version in production, None before the first."""
    return conclude(gate.name, tuple(_one(c, candidate, incumbent) for c in gate.criteria))


def broken(gate: QualityGate, reason: str) -> GateVerdict:
    """The verdict when what is to be judged could not be had."""
    return conclude(gate.name, tuple(_unjudged(c, Verdict.INVALID, reason) for c in gate.criteria))


def _one(c: QualityCriterion, candidate: Evaluation, incumbent: Evaluation | None) -> CriterionResult:
    if c.relative and incumbent is None:
        return _unjudged(c, Verdict.NOT_APPLICABLE, "nothing is in production yet")
    if c.relative and incumbent is not None and incumbent.version == candidate.version:
        return _unjudged(c, Verdict.NOT_APPLICABLE, "this version is the incumbent itself")
    try:
        if c.measure is Measure.ACCURACY:
            return _compared(c, candidate, incumbent) if c.relative and incumbent else _accuracy(c, candidate)
        if c.measure is Measure.SIZE:
            return _size(c, candidate, incumbent if c.relative else None)
        return _samples(c, candidate) if c.measure is Measure.SAMPLES else _metric(c, candidate)
    except _Unmeasured as exc:
        return _unjudged(c, Verdict.INVALID, str(exc))


def _unjudged(c: QualityCriterion, verdict: Verdict, reason: str) -> CriterionResult:
    return CriterionResult(
        c.text, verdict, reason, c.limit, c.unit, c.blocking, c.key, relative=c.relative, measured_unit=c.unit
    )


def _accuracy(c: QualityCriterion, candidate: Evaluation) -> CriterionResult:
    """The share of right answers, exact binomial at one-sided 95 %."""
    right, n = _answers(candidate)
    low, high = 100 * share.lower(right, n), 100 * share.upper(right, n)
    verdict = _between(c, low, high)
    more = None
    if verdict is Verdict.INCONCLUSIVE:
        needed = share.least_samples(1 - c.limit / 100, 1 - right / n)
        more = None if needed is None else max(1, needed - n)
    wanted = f"; needs {more:,} more evaluation samples" if more else ""
    reason = (
        f"{right:,} of {n:,} answers right: {_percent(100 * right / n)}, truly {_range(low, high)}{wanted}"
    )
    return replace(
        _unjudged(c, verdict, reason), value=100 * right / n, measured=100 * right / n,
        low=low, high=high, n=n, n_effective=float(n), more=more,
    )  # fmt: skip


def _compared(c: QualityCriterion, candidate: Evaluation, incumbent: Evaluation) -> CriterionResult:
    """Points of accuracy more than the incumbent's, in % of the evaluation set.

    On the same samples by those that only one of the two answers right, each share bounded exactly at
    97.5 %, so that both bounds together hold at 95 % (Bonferroni); otherwise by both accuracies likewise.
    """
    (right, n), (before, n_before) = _answers(candidate), _answers(incumbent)
    if candidate.data and incumbent.data and candidate.data != incumbent.data:
        raise _Unmeasured(f"version {incumbent.version} was evaluated on other samples")
    if candidate.right and incumbent.right and candidate.data:
        pairs = list(zip(candidate.right, incumbent.right, strict=True))
        gained = sum(new and not old for new, old in pairs)
        lost = sum(old and not new for new, old in pairs)
        low = share.lower(gained, n, _EACH) - share.upper(lost, n, _EACH)
        high = share.upper(gained, n, _EACH) - share.lower(lost, n, _EACH)
        how = f"{gained} answers only it has right, {lost} only version {incumbent.version}, of {n:,}"
    else:
        low = share.lower(right, n, _EACH) - share.upper(before, n_before, _EACH)
        high = share.upper(right, n, _EACH) - share.lower(before, n_before, _EACH)
        how = f"{right:,} of {n:,} right, version {incumbent.version} {before:,} of {n_before:,}"
    value, verdict = 100 * (right / n - before / n_before), _between(c, 100 * low, 100 * high)
    reason = f"{how}: {value:+.3g} points, truly {100 * low:+.3g} to {100 * high:+.3g}"
    return replace(
        _unjudged(c, verdict, reason), value=value, low=100 * low, high=100 * high, n=n, n_effective=float(n),
        measured=100 * right / n, baseline=100 * before / n_before,
    )  # fmt: skip


def _answers(of: Evaluation) -> tuple[int, int]:
    """Right answers, and of how many; whole numbers that agree with each other."""
    accuracy, samples = _logged(of, ACCURACY), _logged(of, SAMPLES)
    if not 0 <= accuracy <= 1:
        raise _Unmeasured(f"{ACCURACY} of version {of.version} is {accuracy:g}, which is no share")
    if samples < 1 or samples != int(samples):
        raise _Unmeasured(f"{SAMPLES} of version {of.version} is {samples:g}, which is no number of samples")
    n, right = int(samples), round(accuracy * samples)
    if abs(right - accuracy * n) > 0.01:
        raise _Unmeasured(f"{ACCURACY} {accuracy:g} is no whole number of {n:,} answers")
    if of.right is not None and (len(of.right), sum(of.right)) != (n, right):
        counted = f"{sum(of.right):,} of {len(of.right):,}"
        raise _Unmeasured(f"version {of.version} has {counted} answers right, its metrics say {right} of {n}")
    return right, n


def _logged(of: Evaluation, name: str) -> float:
    if name not in of.metrics:
        known = ", ".join(sorted(of.metrics)) or "none"
        raise _Unmeasured(f"MLflow has no metric {name} of version {of.version}; it has: {known}")
    value = of.metrics[name]
    if value != value or value in (float("inf"), float("-inf")):
        raise _Unmeasured(f"{name} of version {of.version} is {value}")
    return value


def _samples(c: QualityCriterion, candidate: Evaluation) -> CriterionResult:
    _, n = _answers(candidate)
    return _exact(c, float(n), f"{n:,} samples that the model was evaluated on")


def _metric(c: QualityCriterion, candidate: Evaluation) -> CriterionResult:
    value = _logged(candidate, c.name)
    return _exact(c, value, f"{value:.6g} as logged; MLflow has no samples of it that would bound it")


def _size(c: QualityCriterion, candidate: Evaluation, incumbent: Evaluation | None) -> CriterionResult:
    now = _bytes(candidate)
    if incumbent is None:
        scale = BYTES[c.unit]
        return _exact(c, now / scale, f"{now:,} bytes in all files of version {candidate.version}")
    before = _bytes(incumbent)
    change = 100 * (now / before - 1)
    reason = f"{now:,} bytes, version {incumbent.version} has {before:,}: {change:+.3g} %"
    return replace(_exact(c, change, reason), measured=float(now), baseline=float(before), measured_unit="B")


def _bytes(of: Evaluation) -> int:
    if not of.bytes:
        raise _Unmeasured(f"version {of.version} has no files")
    return of.bytes


def _exact(c: QualityCriterion, value: float, reason: str) -> CriterionResult:
    """A number that is known as it is, without chance in it."""
    verdict = Verdict.PASS if c.holds(value) else Verdict.FAIL
    return replace(_unjudged(c, verdict, reason), value=value, measured=value, low=value, high=value, n=1)


def _between(c: QualityCriterion, low: float, high: float) -> Verdict:
    """PASS when all of low to high is on the wanted side, which is above the limit; FAIL when none is."""
    if c.holds(low):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE if c.holds(high) else Verdict.FAIL


def _percent(value: float) -> str:
    return f"{value:.3g} %"


def _range(low: float, high: float) -> str:
    return f"{_percent(low)} to {_percent(high)}"
