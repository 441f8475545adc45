"""Small drawings in SVG: a frame with two axes, and what is drawn into it. Colours come from CSS classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

Point = tuple[float, float]
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 24.0, 30.0, 40.0


@dataclass(slots=True)
class Frame:
    """A drawing of ``width`` by ``height`` pixels; ``x`` and ``y`` map data to 0..1."""

    width: float
    height: float
    x: Callable[[float], float]
    y: Callable[[float], float]
    title: str
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Pixels of a data point; points outside are put on the edge."""
        u, v = min(1.0, max(0.0, self.x(x))), min(1.0, max(0.0, self.y(y)))
        return (
            _LEFT + u * (self.width - _LEFT - _RIGHT),
            self.height - _BOTTOM - v * (self.height - _TOP - _BOTTOM),
        )

    @property
    def bottom(self) -> float:
        return self.height - _BOTTOM

    @property
    def right(self) -> float:
        return self.width - _RIGHT

    def line(self, points: Sequence[Point], style: str) -> None:
        """A line through data points."""
        if points:
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in (self.at(*p) for p in points))
            self.parts.append(f'<polyline class="{style}" points="{path}"/>')

    def mark(self, point: Point, style: str) -> None:
        """A dot at a data point."""
        px, py = self.at(*point)
        self.parts.append(f'<circle class="{style}" cx="{px:.1f}" cy="{py:.1f}" r="4"/>')

    def level(self, start: float, end: float, y: float, style: str, label: str, *, below: bool) -> None:
        """A level line from one x to another, with its label over or under its right end."""
        (a, py), (b, _) = self.at(start, y), self.at(end, y)
        self.parts.append(f'<path class="{style}" d="M{a:.1f} {py:.1f}H{b:.1f}"/>')
        self.text(b - 4, py + 14 if below else py - 5, label, "end halo")

    def band(self, start: float, end: float, style: str, label: str = "") -> None:
        """The whole height from one x to another, with its label above."""
        (a, _), (b, _) = self.at(start, 0), self.at(end, 0)
        box = f'x="{a:.1f}" y="{_TOP}" width="{max(b - a, 1):.1f}" height="{self.bottom - _TOP:.1f}"'
        self.parts.append(f'<rect class="{style}" {box}/>')
        if label:
            self.text((a + b) / 2, _TOP - 8, label, "middle")

    def tick(self, x: float, style: str) -> None:
        """A short stroke on the x axis."""
        px, _ = self.at(x, 0)
        self.parts.append(f'<path class="{style}" d="M{px:.1f} {self.bottom - 10:.1f}v10"/>')

    def text(self, px: float, py: float, text: str, style: str = "") -> None:
        """Text at pixels; the text is escaped."""
        self.parts.append(f'<text class="{style}" x="{px:.1f}" y="{py:.1f}">{escape(text)}</text>')

    def axes(
        self, xs: Sequence[tuple[float, str]], ys: Sequence[tuple[float, str]], x_label: str, y_label: str
    ) -> None:
        """Grid lines with their labels, and what the axes mean."""
        for value, label in ys:
            _, py = self.at(0, value)
            self.parts.append(f'<path class="grid" d="M{_LEFT} {py:.1f}H{self.right}"/>')
            self.text(_LEFT - 6, py + 4, label, "end")
        for value, label in xs:
            px, _ = self.at(value, 0)
            self.parts.append(f'<path class="grid" d="M{px:.1f} {_TOP}V{self.bottom}"/>')
            self.text(px, self.bottom + 16, label, "middle")
        self.text((_LEFT + self.right) / 2, self.height - 6, x_label, "middle axis")
        self.text(2, _TOP - 8, y_label, "axis")

    def svg(self, style: str) -> str:
        """The drawing as an SVG element of class ``style``."""
        head = f'<svg class="{style}" viewBox="0 0 {self.width:g} {self.height:g}" role="img"'
        return f"{head}><title>{escape(self.title)}</title>{''.join(self.parts)}</svg>"


def linear(low: float, high: float) -> Callable[[float], float]:
    """low..high to 0..1."""
    span = (high - low) or 1.0
    return lambda v: (v - low) / span


def logarithmic(low: float, high: float) -> Callable[[float], float]:
    """low..high, both above 0, to 0..1, each factor of ten as long as the other."""
    span = math.log10(high / low) or 1.0
    return lambda v: math.log10(max(v, low) / low) / span


def nines(most: float) -> Callable[[float], float]:
    """Quantiles to 0..1 so that each further nine is as long as the one before; ``most`` nines in all."""
    return lambda q: -math.log10(max(1 - q, 10**-most)) / most


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """1, 2, 5 of each power of ten from ``low`` to ``high``; only the powers when that is many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if len(powers) < 4 else (1,)
    values = [s * 10.0**p for p in powers for s in steps]
    return [(v, f"{v:g}") for v in values if low * 0.999 <= v <= high * 1.001]


def round_ticks(low: float, high: float, about: int) -> list[tuple[float, str]]:
    """About ``about`` round numbers from ``low`` to ``high``."""
    raw = (high - low or 1.0) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw)
    first = math.ceil(low / step)
    return [(i * step, f"{i * step:g}") for i in range(first, math.floor(high / step + 1e-9) + 1)]
