"""A criterion on one line: its value, what the true value lies in, and the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.report.wording import wants_less

if TYPE_CHECKING:
    from cxlib.model.verdict import CriterionResult

_WIDTH, _HEIGHT, _EDGE = 180.0, 18.0, 4.0


def draw(result: CriterionResult) -> str:
    """An SVG element for beside the numbers, which say the same; empty without a value."""
    less = wants_less(result)
    if result.value is None or less is None:
        return ""
    ends = [v for v in (result.low, result.high) if v is not None]
    shown = [result.value, result.limit, *ends]
    low, high = min(0.0, *shown), max(0.0, *shown)
    stretch = (high - low) * 0.12 or 1.0
    low, high = low - stretch * (low < 0), high + stretch

    def at(value: float) -> float:
        return _EDGE + (value - low) / (high - low) * (_WIDTH - 2 * _EDGE)

    limit, middle = at(result.limit), _HEIGHT / 2
    left, right = (0.0, limit) if less else (limit, _WIDTH)
    first = at(result.low) if result.low is not None else 0.0
    last = at(result.high) if result.high is not None else _WIDTH
    parts = [
        f'<rect class="track" x="0" y="5" width="{_WIDTH:g}" height="8" rx="2"/>',
        f'<rect class="allowed" x="{left:.1f}" y="5" width="{right - left:.1f}" height="8" rx="2"/>',
        f'<path class="reach" d="M{first:.1f} {middle}H{max(last, first + 1):.1f}"/>',
        f'<path class="limit-tick" d="M{limit:.1f} 1V17"/>',
        f'<circle class="value" cx="{at(result.value):.1f}" cy="{middle}" r="3.6"/>',
    ]
    return f'<svg class="bar" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" aria-hidden="true">{"".join(parts)}</svg>'
