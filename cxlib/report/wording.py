"""Numbers as a person reads them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from cxlib.judge.result import between
from cxlib.model.verdict import Verdict
from cxlib.report import limits

if TYPE_CHECKING:
    from cxlib.model.verdict import CriterionResult

# What a verdict is marked with besides its colour.
SIGNS = {
    "PASS": "✓",
    "FAIL": "✗",
    "INCONCLUSIVE": "?",
    "INVALID": "!",
    "OVERRIDE": "⚠",
    "NOT APPLICABLE": "–",
}
_COMPARISON = re.compile(r"\s(<=|>=|<|>)\s")


def sign(verdict: str) -> str:
    return SIGNS.get(verdict, "·")


def number(value: float | None, unit: str = "") -> str:
    """A measured value to three digits; a dash when there is none or it is no number."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{abs(value):,.0f}" if abs(value) >= 100 else f"{abs(value):.3g}"
    return f"{'−' if value < 0 else ''}{text} {unit}".rstrip()


def signed(value: float | None, unit: str = "") -> str:
    """A difference, with its sign."""
    if value is None or not math.isfinite(value):
        return "–"
    text = number(abs(value), unit)
    return text if value == 0 else ("+" if value > 0 else "−") + text


def interval(result: CriterionResult) -> str:
    """What the true value lies in; open ends are said."""
    if result.value is None or not result.unit:
        return ""
    return bounds(result.low, result.high, result.unit)


def bounds(low: float | None, high: float | None, unit: str) -> str:
    """low to high; open ends are said."""
    return between(low, high, unit, number)


def wants_less(result: CriterionResult) -> bool | None:
    """Whether the limit is to be stayed under; None when the criterion's text does not tell."""
    known = limits.parsed(result)
    if known:
        return known.wants_less
    found = _COMPARISON.search(result.text)
    return found[1].startswith("<") if found else None


def margin(result: CriterionResult) -> tuple[str, str]:
    """How far the value is inside its limit, or beyond it, and how far it surely is. Empty: not known."""
    less = wants_less(result)
    if less is None or result.value is None or result.verdict is Verdict.NOT_APPLICABLE:
        return "", ""
    worse, better = (result.high, result.low) if less else (result.low, result.high)
    word, bound = ("at best", better) if result.verdict is Verdict.FAIL else ("at worst", worse)
    said = "" if bound is None or bound == result.value else f"{word} {_distance(bound, result, less)}"
    inside = abs(result.limit - result.value)
    share = "" if result.unit == "%" else f" ({100 * inside / result.limit:.0f} %)" if result.limit else ""
    return _distance(result.value, result, less) + share, said


def _distance(value: float, result: CriterionResult, less: bool) -> str:
    inside = (result.limit - value) if less else (value - result.limit)
    unit = "points" if result.unit == "%" else result.unit
    return f"{number(abs(inside), unit)} {'inside' if inside >= 0 else 'beyond'}"
