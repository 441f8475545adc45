"""Small drawings in SVG: panels with axes, and what is drawn into them. Colours come from CSS classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from cxlib.report.axis import Scale, Tick
from cxlib.report.page import cut

Point = tuple[float, float]
_MOST_LETTERS, _MOST_DESCRIBED = 200, 2000  # of a text that is seen, and of one that is read out
_LETTER = 7.4  # pixels that a letter of the drawings' text is wide, about


@dataclass(frozen=True, slots=True)
class Shape:
    """The same drawing for a wide page and for a phone: CSS shows one of them. Sizes in pixels."""

    style: str
    width: float
    left: float
    right: float

    @property
    def narrow(self) -> bool:
        return self.style == "narrow"


WIDE = Shape("wide", 1000, 62, 18)
NARROW = Shape("narrow", 343, 44, 10)
SHAPES = (WIDE, NARROW)


@dataclass(slots=True)
class Drawing:
    """``title`` and ``description`` are what a screen reader says; ``key`` is unique on the page."""

    shape: Shape
    height: float
    key: str
    title: str
    description: str
    parts: list[str] = field(default_factory=list)

    def panel(self, top: float, bottom: float, x: Scale, y: Scale) -> Panel:
        """A panel over the drawing's width, from ``top`` to ``bottom`` pixels."""
        return Panel(self, top, bottom, x, y)

    def text(self, px: float, py: float, text: str, style: str = "") -> None:
        """Text at pixels; the text is escaped."""
        css = f' class="{style}"' if style else ""
        self.parts.append(f'<text{css} x="{_n(px)}" y="{_n(py)}">{escape(cut(text, _MOST_LETTERS))}</text>')

    def path(self, style: str, d: str) -> None:
        self.parts.append(f'<path class="{style}" d="{d}"/>')

    def svg(self) -> str:
        """The drawing as an SVG element."""
        own = f"{self.key}-{self.shape.style}"
        head = (
            f'<svg class="{self.shape.style}" viewBox="0 0 {_n(self.shape.width)} {_n(self.height)}" '
            f'role="img" aria-labelledby="{own}-t {own}-d">'
        )
        title = f'<title id="{own}-t">{escape(cut(self.title, _MOST_LETTERS))}</title>'
        description = f'<desc id="{own}-d">{escape(cut(self.description, _MOST_DESCRIBED))}</desc>'
        return f"{head}{title}{description}{''.join(self.parts)}</svg>"


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a drawing with axes of its own; ``x`` and ``y`` map data to 0..1."""

    on: Drawing
    top: float
    bottom: float
    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        return self.on.shape.left

    @property
    def right(self) -> float:
        return self.on.shape.width - self.on.shape.right

    def at(self, x: float, y: float) -> Point:
        """Pixels of a data point; points outside are put on the edge."""
        u, v = min(1.0, max(0.0, self.x(x))), min(1.0, max(0.0, self.y(y)))
        return self.left + u * (self.right - self.left), self.bottom - v * (self.bottom - self.top)

    def line(self, points: Iterable[Point], style: str) -> None:
        """A line through data points."""
        pixels = [self.at(*point) for point in points]
        if len(pixels) == 1:  # a line of one point would not be seen
            self.mark("dot " + style, pixels[0])
        elif pixels:
            self.on.path(f"line {style}", "M" + "L".join(f"{_n(px)} {_n(py)}" for px, py in pixels))

    def steps(self, pieces: Iterable[tuple[float, float, float]], style: str) -> None:
        """A filled area of (from, to, value) pieces, down to the panel's foot."""
        drawn = []
        for start, end, value in pieces:
            (a, py), (b, _) = self.at(start, value), self.at(end, value)
            drawn.append(f"M{_n(a)} {_n(self.bottom)}V{_n(py)}H{_n(b)}V{_n(self.bottom)}")
        if drawn:
            self.on.path(style, "".join(drawn))

    def cells(self, boxes: Iterable[tuple[float, float, float, float]], style: str) -> None:
        """Filled boxes of (from x, to x, from y, to y) as one path."""
        drawn = []
        for x0, x1, y0, y1 in boxes:
            (a, low), (b, high) = self.at(x0, y0), self.at(x1, y1)
            drawn.append(f"M{_n(a)} {_n(high)}H{_n(b)}V{_n(low)}H{_n(a)}")
        if drawn:
            self.on.path(style, "".join(drawn))

    def dot(self, point: Point, style: str) -> None:
        """A dot at a data point."""
        self.mark(style, self.at(*point))

    def mark(self, style: str, at: Point) -> None:
        """A dot at pixels."""
        self.on.parts.append(f'<circle class="{style}" cx="{_n(at[0])}" cy="{_n(at[1])}" r="4"/>')

    def limit(self, start: float, end: float, y: float, label: str, *, below: bool) -> None:
        """A limit from one x to another, with its label under or over its right end."""
        (a, py), (b, _) = self.at(start, y), self.at(end, y)
        self.on.path("limit", f"M{_n(a)} {_n(py)}H{_n(b)}")
        down = below and py + 16 < self.bottom
        px = max(b - 4, self.left + _LETTER * len(label))
        self.on.text(px, py + 14 if down else py - 5, label, "end halo")

    def band(self, start: float, end: float, style: str) -> None:
        """The whole height from one x to another."""
        (a, _), (b, _) = self.at(start, 0), self.at(end, 0)
        self.on.path(style, f"M{_n(a)} {_n(self.top)}H{_n(max(b, a + 1))}V{_n(self.bottom)}H{_n(a)}")

    def name(self, start: float, end: float, label: str, py: float) -> None:
        """A label between two x: where it has no room its first word, or none."""
        (a, _), (b, _) = self.at(start, 0), self.at(end, 0)
        for text in (label, label.split()[0]):
            if b - a > _LETTER * len(text):
                self.on.text((a + b) / 2, py, text, "middle")
                return

    def grid_y(self, ticks: Sequence[Tick]) -> None:
        """Horizontal grid lines with their labels on the left."""
        for value, label in ticks:
            _, py = self.at(0, value)
            self.on.path("grid", f"M{_n(self.left)} {_n(py)}H{_n(self.right)}")
            self.on.text(self.left - 6, py + 4, label, "end")

    def grid_x(self, ticks: Sequence[Tick], *, labels: bool = True) -> None:
        """Vertical grid lines, with their labels under the panel; the outer ones stay inside."""
        for value, label in ticks:
            px, _ = self.at(value, 0)
            self.on.path("grid", f"M{_n(px)} {_n(self.top)}V{_n(self.bottom)}")
            if labels:
                half = _LETTER * len(label) / 2
                inside = min(max(px, half), self.on.shape.width - half)
                self.on.text(inside, self.bottom + 17, label, "middle")

    def label_y(self, text: str) -> None:
        """What the panel shows, over its upper left corner."""
        self.on.text(0, self.top - 8, text, "what")

    def label_x(self, text: str) -> None:
        """What the x axis shows, under its middle."""
        self.on.text((self.left + self.right) / 2, self.bottom + 34, text, "middle")


def _n(value: float) -> str:
    """A number of pixels, as short as it goes."""
    return f"{value:.1f}".removesuffix(".0")
