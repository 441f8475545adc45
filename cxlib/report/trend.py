"""A criterion over the last runs of its gate, with the limit."""

from __future__ import annotations

from collections.abc import Sequence

from cxlib.report import axis
from cxlib.report.plot import SHAPES, Drawing, Panel, Shape
from cxlib.report.wording import number, sign

_TOP, _BOTTOM, _FOOT = 30.0, 140.0, 34.0

# (value or None, verdict of the gate), oldest first; the last is this run.
Points = Sequence[tuple[float | None, str]]


def draw(key: str, text: str, unit: str, limit: float, points: Points) -> str:
    """The values of the criterion ``text``, in ``unit``, one mark a run, for both page widths."""
    return "".join(_draw(key, text, unit, limit, points, shape) for shape in SHAPES)


def _draw(key: str, text: str, unit: str, limit: float, points: Points, shape: Shape) -> str:
    known = [value for value, _ in points if value is not None]
    low, high = min(0.0, limit, *known) * 1.15, max(0.0, limit, *known) * 1.15
    said = ", ".join(f"{number(value, unit)} {verdict}" for value, verdict in points)
    drawing = Drawing(shape, _BOTTOM + _FOOT, key, f"{text} over the last runs", f"Oldest first: {said}.")
    x = axis.linear(-0.7, len(points) - 0.3)
    panel = drawing.panel(_TOP, _BOTTOM, x, axis.linear(low, high or 1.0))
    panel.grid_y(axis.round_ticks(low, high or 1.0, 4))
    panel.label_y(unit or "requests")
    panel.limit(-0.7, len(points) - 0.3, limit, f"limit {number(limit, unit)}", below=False)
    panel.line([(i, value) for i, (value, _) in enumerate(points) if value is not None], "past")
    for i, (value, verdict) in enumerate(points):
        _mark(panel, i, value, verdict, last=i == len(points) - 1)
    drawing.text(panel.left, panel.bottom + 32, "older", "what")
    drawing.text(panel.right, panel.bottom + 32, "newest", "end")
    return drawing.svg()


def _mark(panel: Panel, place: int, value: float | None, verdict: str, *, last: bool) -> None:
    """A dot at the value, and the verdict's sign under the axis."""
    px, py = panel.at(place, value or 0.0)
    css = verdict.replace(" ", "-")
    if value is not None:
        panel.mark(f"past-dot {css}" + (" newest" if last else ""), (px, py))
    panel.on.text(px, panel.bottom + 16, sign(verdict), f"middle sign {css}")
