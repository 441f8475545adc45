"""How a criterion's result is put together, and what its words are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cxlib.model.criterion import Criterion
from cxlib.model.verdict import CriterionResult, Verdict


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
        measured_unit=criterion.measured_unit,
        relative=criterion.relative,
    )


def measured(criterion: Criterion, verdict: Verdict, reason: str, n: int, value: float) -> CriterionResult:
    """A result whose value is ``value``, in the criterion's unit."""
    found = unjudged(criterion, verdict, reason, n)
    return replace(found, value=value, measured=None if criterion.relative else value)


def by_interval(criterion: Criterion, low: float | None, high: float | None) -> Verdict:
    """PASS when all of low to high is on the wanted side, FAIL when all is on the other; None is open."""
    best, worst = (low, high) if criterion.wants_less else (high, low)
    if worst is not None and criterion.holds(worst):
        return Verdict.PASS
    if best is not None and not criterion.holds(best):
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE


def number(value: float | None, unit: str = "") -> str:
    """A value as a sentence has it."""
    if value is None:
        return "anything"
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def between(
    low: float | None, high: float | None, unit: str, number: Callable[[float | None, str], str] = number
) -> str:
    """An interval as a sentence has it, its ends as ``number`` writes them; open ends are said."""
    if low is None and high is None:
        return "not bounded"
    if low is None:
        return f"up to {number(high, unit)}"
    if high is None:
        return f"{number(low, unit)} or more"
    return f"{number(low, '')} to {number(high, unit)}"
