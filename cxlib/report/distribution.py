"""Latency by percentile on an axis of nines, with the baseline over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cxlib.report import axis, limits
from cxlib.report.plot import SHAPES, Drawing, Point, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.criterion import Criterion
    from cxlib.report.observed import Group

COLOURS = 5
_TOP, _BOTTOM, _FOOT = 30.0, 300.0, 44.0
_POINTS = 160


def draw(
    key: str,
    groups: Sequence[Group],
    criteria: Sequence[Criterion],
    baseline: Sequence[Group] = (),
    name: str = "baseline",
) -> str:
    """One line a load level of one endpoint; those of the ``baseline`` dotted, in the same colour."""
    return "".join(_draw(key, groups, criteria, baseline, name, shape) for shape in SHAPES)


def _draw(
    key: str,
    groups: Sequence[Group],
    criteria: Sequence[Criterion],
    baseline: Sequence[Group],
    name: str,
    shape: Shape,
) -> str:
    import numpy as np

    everything = [g.latency[[0, -1]] for g in (*groups, *baseline) if len(g.latency)]
    low, high = limits.span(np.concatenate(everything) if everything else np.empty(0), criteria)
    most = _nines([*groups, *baseline], criteria)
    title = "Latency in milliseconds by percentile" + (f", with the {name}" if baseline else "")
    drawing = Drawing(shape, _BOTTOM + _FOOT, key, title, _description(groups, baseline, name))
    panel = drawing.panel(_TOP, _BOTTOM, axis.nines(most), axis.logarithmic(low, high))
    panel.grid_y(axis.log_ticks(low, high))
    panel.grid_x(axis.nine_ticks(most))
    panel.label_y("ms")
    panel.label_x("percentile of the successful requests")
    places = {group.load: number % COLOURS for number, group in enumerate(groups)}
    for group in baseline:
        panel.line(_quantiles(group.latency, most), f"series{places.get(group.load, COLOURS - 1)} before")
    for group in groups:
        panel.line(_quantiles(group.latency, most), f"series{places[group.load]}")
    for criterion in criteria:
        quantile, limit = criterion.percentile / 100, limits.milliseconds(criterion)
        panel.line([(quantile, low), (quantile, limit), (0.0, limit)], "limit")
        panel.dot((quantile, limit), "limit-mark")
    return drawing.svg()


def _nines(groups: Sequence[Group], criteria: Sequence[Criterion]) -> int:
    """As many nines as the largest group can fill, and as the strictest limit asks for."""
    largest = max((len(group.latency) for group in groups), default=0)
    wanted = max((c.percentile for c in criteria), default=99.0)
    return max(
        2, math.floor(math.log10(max(largest, 100))), math.ceil(round(-math.log10(1 - wanted / 100), 6))
    )


def _quantiles(ordered: NDArray[np.float64], most: float) -> list[Point]:
    """At most some 160 points of the empirical distribution, evenly spaced on the axis of nines."""
    n = len(ordered)
    if not n:
        return []
    ranks = {min(n - 1, int(n * (1 - 10 ** (-most * i / _POINTS)))) for i in range(_POINTS + 1)}
    return [(r / n, float(ordered[r])) for r in sorted(ranks)]


def _description(groups: Sequence[Group], baseline: Sequence[Group], name: str) -> str:
    return " ".join([*map(_told, groups), *(f"{name}, {_told(group)}" for group in baseline)])


def _told(group: Group) -> str:
    values = [(level, group.percentile(level)) for level in (50, 90, 99, 99.9)]
    said = ", ".join(f"{level:g} % within {value:.3g} ms" for level, value in values if value is not None)
    return f"{group.load}: {said or 'no request succeeded'}."
