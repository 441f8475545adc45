"""Latency against the load level, and what throughput each level came to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxlib.report import axis, limits
from cxlib.report.plot import SHAPES, Drawing, Panel, Shape
from cxlib.report.timeline import LINES

if TYPE_CHECKING:
    from cxlib.model.criterion import Criterion
    from cxlib.report.observed import Group

_TOP, _LATENCY, _GAP, _SMALL, _FOOT = 30.0, 220.0, 36.0, 60.0, 26.0


def draw(key: str, groups: Sequence[Group], criteria: Sequence[Criterion], baseline: Sequence[Group]) -> str:
    """Median, p95 and p99 of one endpoint at each load level, with limits and the baseline's p95."""
    return "".join(_draw(key, groups, criteria, baseline, shape) for shape in SHAPES)


def _draw(
    key: str, groups: Sequence[Group], criteria: Sequence[Criterion], baseline: Sequence[Group], shape: Shape
) -> str:
    import numpy as np

    before = {group.load: group for group in baseline}
    values = [p for g in (*groups, *baseline) for _, q in LINES if (p := g.percentile(q)) is not None]
    low, high = limits.span(np.array(values), criteria)
    height = _TOP + _LATENCY + _GAP + _SMALL + _FOOT
    drawing = Drawing(shape, height, key, "Latency and throughput by load level", _description(groups))
    x = axis.linear(-0.5, len(groups) - 0.5)
    panel = drawing.panel(_TOP, _TOP + _LATENCY, x, axis.logarithmic(low, high))
    panel.grid_y(axis.log_ticks(low, high))
    panel.label_y("ms")
    for name, percent in LINES:
        points = [(float(i), g.percentile(percent)) for i, g in enumerate(groups)]
        shown = [(at, value) for at, value in points if value is not None]
        panel.line(shown, name)
        for point in shown:
            panel.dot(point, f"dot {name}")
    _baseline(panel, groups, before)
    for one in limits.stretches(criteria, [group.load for group in groups]):
        panel.limit(one.first - 0.4, one.last + 0.4, one.value, one.label, below=one.below)
    _throughput(drawing, x, groups)
    return drawing.svg()


def _baseline(panel: Panel, groups: Sequence[Group], before: dict[str, Group]) -> None:
    for number, group in enumerate(groups):
        for name, percent in LINES:
            old = before[group.load].percentile(percent) if group.load in before else None
            if old is not None:
                panel.line([(number - 0.22, old), (number + 0.22, old)], f"{name} before")


def _throughput(drawing: Drawing, x: axis.Scale, groups: Sequence[Group]) -> None:
    top = _TOP + _LATENCY + _GAP
    rates = [group.sent / group.seconds if group.seconds else 0.0 for group in groups]
    most = max([*rates, 1.0]) * 1.3
    panel = drawing.panel(top, top + _SMALL, x, axis.linear(0, most))
    panel.grid_y(axis.round_ticks(0, most, 2))
    panel.steps([(i - 0.3, i + 0.3, rate) for i, rate in enumerate(rates)], "answers")
    for number, (group, rate) in enumerate(zip(groups, rates, strict=True)):
        px, py = panel.at(number, rate)
        drawing.text(px, py - 5, f"{rate:,.3g}" if rate < 1000 else f"{rate:,.0f}", "middle")
        panel.name(number - 0.5, number + 0.5, group.load, panel.bottom + 17)
    panel.label_y("requests a second")


def _description(groups: Sequence[Group]) -> str:
    return " ".join(
        f"{g.load}: "
        + ", ".join(f"{name} {p:.3g} ms" for name, q in LINES if (p := g.percentile(q)) is not None)
        for g in groups
    )
