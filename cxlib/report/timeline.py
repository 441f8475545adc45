"""Latency, throughput, failures and load over the time of a run, on one axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cxlib.report import axis, limits
from cxlib.report.plot import SHAPES, Drawing, Panel, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.criterion import Criterion
    from cxlib.model.run import Level, Run
    from cxlib.report.observed import Observed

LINES = (("median", 50), ("p95", 95), ("p99", 99))
SHADES = 4
_TOP, _GAP, _LATENCY, _SMALL, _FOOT = 44.0, 34.0, 230.0, 54.0, 42.0
_MOST_LEVELS = 100  # of which each has its own place on the axis
_MOST_LIMITS = 40
_ROWS = 36  # of the shading, over the panel's height


def draw(
    run: Run,
    seen: Observed,
    criteria: Sequence[Criterion],
    endpoints: Sequence[str],
    warm_up: Mapping[str, float],
) -> str:
    """One latency panel an endpoint, then throughput, failures and the load, for both page widths."""
    return "".join(_Timeline(run, seen, criteria, warm_up, shape).draw(endpoints) for shape in SHAPES)


class _Timeline:
    def __init__(
        self,
        run: Run,
        seen: Observed,
        criteria: Sequence[Criterion],
        warm_up: Mapping[str, float],
        shape: Shape,
    ) -> None:
        self.run, self.seen, self.criteria, self.warm_up, self.shape = run, seen, criteria, warm_up, shape
        self.start = run.levels[0].start
        self.end = max(run.levels[-1].end, self.start + 1)
        # too many to be told apart: then slices go over them, and what turns from one to the next isn't drawn
        self.turns = run.levels[1:] if len(run.levels) <= _MOST_LEVELS else ()
        one = [(self.start, self.end)]
        parted = one if len(run.levels) > _MOST_LEVELS else [(lv.start, lv.end) for lv in run.levels]
        self.slices = _slices(parted, (self.end - self.start) / (50 if shape.narrow else 110))
        self.x = axis.linear(self.start, self.end)
        self.ticks = axis.round_ticks(self.start, self.end, 4 if shape.narrow else 10)

    def draw(self, endpoints: Sequence[str]) -> str:
        small: list[Callable[[Drawing, float], Panel]] = [self._throughput, self._failures, self._load]
        tall = _LATENCY if len(endpoints) < 2 else 0.75 * _LATENCY
        height = _TOP + len(endpoints) * (tall + _GAP) + len(small) * (_SMALL + _GAP) - _GAP + _FOOT
        title = "Latency, throughput, failures and load over the time of the run"
        drawing = Drawing(self.shape, height, "time", title, self._description(endpoints))
        top = _TOP
        for endpoint in endpoints:
            self._latency(drawing, top, top + tall, endpoint, len(endpoints) > 1)
            top += tall + _GAP
        for part in small:
            panel = part(drawing, top)
            top += _SMALL + _GAP
        panel.grid_x(self.ticks)
        panel.label_x("seconds since the run's start")
        return drawing.svg()

    def _latency(self, drawing: Drawing, top: float, bottom: float, endpoint: str, named: bool) -> None:
        own = self.seen.endpoint == self.seen.endpoints.index(endpoint) if endpoint else None
        good = ~self.seen.failed if own is None else own & ~self.seen.failed
        time, latency = self.seen.scheduled[good], self.seen.latency[good]
        about = [c for c in self.criteria if c.endpoint == endpoint]
        low, high = limits.span(latency, about)
        panel = drawing.panel(top, bottom, self.x, axis.logarithmic(low, high))
        self._backdrop(panel)
        panel.grid_y(axis.log_ticks(low, high))
        panel.grid_x(self.ticks, labels=False)
        self._shade(panel, time, latency, low, high)
        for name, points in self._percentiles(time, latency).items():
            for piece in points:
                panel.line(piece, name)
        levels = self.run.levels
        for one in limits.stretches(about, [str(level) for level in levels])[:_MOST_LIMITS]:
            ends = levels[one.first].start, levels[one.last].end
            panel.limit(*ends, one.value, one.label, below=one.below)
        panel.label_y(f"{endpoint}, ms" if named else "latency, ms")

    def _backdrop(self, panel: Panel) -> None:
        """The load levels and the warm-up that was cut."""
        if len(self.run.levels) > _MOST_LEVELS:
            return
        for number, level in enumerate(self.run.levels):
            if number:
                panel.band(level.start, level.start, "turn")
            since = self._steady_since(level)
            if since > level.start:
                panel.band(level.start, min(since, level.end), "warmup")
            if panel.top == _TOP:
                panel.name(level.start, level.end, str(level), 16)

    def _steady_since(self, level: Level) -> float:
        """Where the load level is steady from; the end of its first appearance when it never is."""
        first = next(lv for lv in self.run.levels if str(lv) == str(level))
        return self.warm_up.get(str(level), level.end if level is first else level.start)

    def _shade(
        self, panel: Panel, time: NDArray[np.float64], latency: NDArray[np.float64], low: float, high: float
    ) -> None:
        """Every request: the darker a cell, the larger its share of the slice's requests."""
        import numpy as np

        slot, count = self._slot(time), len(self.slices)
        size = np.log10(high / low) / _ROWS
        row = np.clip((np.log10(np.maximum(latency, low) / low) / size).astype(int), 0, _ROWS - 1)
        inside = slot >= 0
        cells = np.bincount(slot[inside] * _ROWS + row[inside], minlength=count * _ROWS).reshape(count, _ROWS)
        shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
        shade = np.where(cells > 0, np.digitize(shares, (0.02, 0.08, 0.2)), -1)
        for number in range(SHADES):
            boxes = [
                (*self.slices[s], low * 10 ** (r * size), low * 10 ** ((r + 1) * size))
                for s, r in np.argwhere(shade == number).tolist()
            ]
            panel.cells(boxes, f"shade{number}")

    def _percentiles(
        self, time: NDArray[np.float64], latency: NDArray[np.float64]
    ) -> dict[str, list[list[tuple[float, float]]]]:
        """By line, its pieces of (middle of the slice, ms); slices without a success and pauses part them."""
        import numpy as np

        slot = self._slot(time)
        order = np.argsort(slot, kind="stable")
        edges = np.searchsorted(slot[order], np.arange(len(self.slices) + 1))
        found: dict[str, list[list[tuple[float, float]]]] = {name: [[]] for name, _ in LINES}
        before = self.start
        for (start, end), first, last in zip(self.slices, edges[:-1], edges[1:], strict=True):
            if first == last or start - before > end - start:
                for pieces in found.values():
                    pieces.append([])
            before = end
            if first == last:
                continue
            values = np.percentile(latency[order[first:last]], [p for _, p in LINES])
            for (name, _), value in zip(LINES, values.tolist(), strict=True):
                found[name][-1].append(((start + end) / 2, value))
        return found

    def _slot(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        """The slice of each time; -1 outside all of them."""
        import numpy as np

        starts = np.array([start for start, _ in self.slices])
        ends = np.array([end for _, end in self.slices])
        place = np.searchsorted(starts, time, side="right") - 1
        return np.where((place >= 0) & (time < ends[place]), place, -1)

    def _per_slice(self, time: NDArray[np.float64]) -> NDArray[np.int64]:
        import numpy as np

        slot = self._slot(time)
        return np.bincount(slot[slot >= 0], minlength=len(self.slices))

    def _throughput(self, drawing: Drawing, top: float) -> Panel:
        done = self._per_slice(self.seen.finished)
        rates = [(a, b, n / (b - a)) for (a, b), n in zip(self.slices, done.tolist(), strict=True)]
        most = max([r for *_, r in rates] + [level.rate for level in self.run.levels] + [1.0])
        panel = self._small(drawing, top, most, "answers a second")
        panel.steps(rates, "answers")
        for level in self.run.levels:
            if level.rate:
                panel.line([(level.start, level.rate), (level.end, level.rate)], "planned")
        return panel

    def _failures(self, drawing: Drawing, top: float) -> Panel:
        failed = self._per_slice(self.seen.finished[self.seen.failed])
        rates = [(a, b, n / (b - a)) for (a, b), n in zip(self.slices, failed.tolist(), strict=True) if n]
        panel = self._small(drawing, top, max([r for *_, r in rates] + [1.0]), "failures a second")
        panel.steps(rates, "failures")
        if not rates:
            drawing.text(panel.left + 8, panel.bottom - 20, "none")
        return panel

    def _load(self, drawing: Drawing, top: float) -> Panel:
        amounts = [(lv.start, lv.end, lv.rate or float(lv.users)) for lv in self.run.levels]
        kinds = {"rps" if lv.rate else "users" for lv in self.run.levels}
        panel = self._small(
            drawing, top, max(a for *_, a in amounts), " or ".join(sorted(kinds)) + ", planned"
        )
        panel.steps(amounts, "load")
        return panel

    def _small(self, drawing: Drawing, top: float, most: float, label: str) -> Panel:
        panel = drawing.panel(top, top + _SMALL, self.x, axis.linear(0, most * 1.08))
        panel.grid_y(axis.round_ticks(0, most * 1.08, 2))
        panel.grid_x(self.ticks, labels=False)
        for level in self.turns:
            panel.band(level.start, level.start, "turn")
        panel.label_y(label)
        return panel

    def _description(self, endpoints: Sequence[str]) -> str:
        said = [
            f"{group.endpoint} at {group.load}: median {_ms(group.percentile(50))}, p95 "
            f"{_ms(group.percentile(95))}, p99 {_ms(group.percentile(99))}, "
            f"{group.failed:,} of {group.sent:,} failed"
            for endpoint in endpoints
            for group in (self.seen.of(endpoint) if endpoint else [])
        ]
        return ". ".join([f"{self.end - self.start:.0f} seconds", *said]) + "."


def _slices(parts: Sequence[tuple[float, float]], about: float) -> list[tuple[float, float]]:
    """Slices of time of ``about`` that many seconds, none of which reaches over two ``parts``."""
    found = []
    for start, end in parts:
        count = max(1, round((end - start) / about))
        size = (end - start) / count
        found += [(start + i * size, start + (i + 1) * size) for i in range(count) if size > 0]
    return found or [(0.0, 1.0)]


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g} ms"
