"""The two drawings of a load report: latency over time, and its distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cxlib.model.criterion import Criterion, Metric
from cxlib.report import plot

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples
    from cxlib.model.verdict import GateVerdict

_BINS = 90
_SHAPES = (("wide", 860.0, 320.0), ("narrow", 380.0, 300.0))
_TIME_STYLES = (("line median", 50), ("line p95", 95), ("line p99", 99))


def over_time(run: Run, samples: Samples, outcome: GateVerdict, limits: list[Criterion]) -> str:
    """Median, p95 and p99 of the successful requests a time slice (ms, log axis), load levels, errors."""
    return "".join(_over_time(run, samples, outcome, limits, *shape) for shape in _SHAPES)


def _over_time(
    run: Run,
    samples: Samples,
    outcome: GateVerdict,
    limits: list[Criterion],
    style: str,
    width: float,
    height: float,
) -> str:
    good = samples.where(~samples.failed)
    start, end = run.levels[0].start, max(run.levels[-1].end, run.levels[0].start + 1)
    low, high = _range(good.latency * 1000, limits)
    title = "Latency over time in milliseconds, with the limits, the load levels and the failed requests"
    frame = plot.Frame(width, height, plot.linear(start, end), plot.logarithmic(low, high), title)
    for number, level in enumerate(run.levels):
        frame.band(level.start, level.end, f"level{number % 2}", str(level))
        if (since := _steady_since(run, outcome, level)) > level.start:
            frame.band(level.start, min(since, level.end), "warmup")
    ticks = plot.round_ticks(start, end, 8 if width > 500 else 4)
    frame.axes(ticks, plot.log_ticks(low, high), "seconds since the run's start", "ms")
    size = (end - start) / _BINS
    for css, percent in _TIME_STYLES:
        for level in run.levels:
            frame.line(_binned(good, level, size, percent), css)
    for level in run.levels:
        for number, (value, label) in enumerate(_limit_lines(limits, level)):
            frame.level(level.start, level.end, value, "limit", label, below=number % 2 == 0)
    for second in sorted({round(float(t), 1) for t in samples.scheduled[samples.failed]})[:2000]:
        frame.tick(second, "failure")
    return frame.svg(style)


def _steady_since(run: Run, outcome: GateVerdict, level: Level) -> float:
    """Where the load level is steady from; its own end when it never is."""
    first = next(lv for lv in run.levels if str(lv) == str(level))
    never = level.end if level is first else level.start
    return outcome.warm_up.get(str(level), never)


def _binned(samples: Samples, level: Level, size: float, percent: float) -> list[plot.Point]:
    """A percentile (ms) a slice of ``size`` seconds of one load level."""
    import numpy as np

    inside = (samples.scheduled >= level.start) & (samples.scheduled < level.end)
    own = samples.where(inside)
    slot = np.floor((own.scheduled - level.start) / size)
    return [
        (level.start + (s + 0.5) * size, float(np.percentile(own.latency[slot == s], percent)) * 1000)
        for s in np.unique(slot)
    ]


def distribution(samples: Samples, limits: list[Criterion]) -> str:
    """Latency (ms, log axis) by quantile on an axis of nines, one line a load level."""
    return "".join(_distribution(samples, limits, *shape) for shape in _SHAPES)


def _distribution(samples: Samples, limits: list[Criterion], style: str, width: float, height: float) -> str:
    import numpy as np

    good = samples.where(~samples.failed)
    low, high = _range(good.latency * 1000, limits)
    wanted = max([c.percentile for c in limits], default=99.0)
    most = max(2.0, math.ceil(math.log10(max(len(good), 100))), math.ceil(-math.log10(1 - wanted / 100)))
    title = "Latency by percentile in milliseconds, one line a load level, with the limits"
    frame = plot.Frame(width, height, plot.nines(most), plot.logarithmic(low, high), title)
    ticks = [(1 - 10.0**-i, f"{100 * (1 - 10.0**-i):.6g} %") for i in range(int(most) + 1)]
    frame.axes(ticks, plot.log_ticks(low, high), "percentile of the successful requests", "ms")
    for number, users in enumerate(np.unique(good.users)):
        ordered = np.sort(good.latency[good.users == users]) * 1000
        frame.line(_quantiles(ordered, most), f"line series{number % 4}")
        frame.text(70 + 90 * number, 22, f"{users} users", f"key{number % 4}")
    for criterion in limits:
        quantile, limit = criterion.percentile / 100, criterion.limit_seconds * 1000
        frame.line([(quantile, low), (quantile, limit), (0.0, limit)], "limit")
        frame.mark((quantile, limit), "limit-mark")
    return frame.svg(style)


def _quantiles(ordered: NDArray[np.float64], most: float) -> list[plot.Point]:
    """At most some 160 points of the empirical distribution, evenly spaced on the axis of nines."""
    n = len(ordered)
    ranks = {min(n - 1, int(n * (1 - 10 ** (-most * i / 160)))) for i in range(161)}
    return [(r / n, float(ordered[r])) for r in sorted(ranks)]


def _range(milliseconds: NDArray[np.float64], limits: list[Criterion]) -> tuple[float, float]:
    values = [c.limit_seconds * 1000 for c in limits]
    if len(milliseconds):
        values += [max(float(milliseconds.min()), 0.01), max(float(milliseconds.max()), 0.01)]
    low, high = min(values, default=1.0), max(values, default=100.0)
    return low / 1.3, max(high, low * 2) * 1.3


def _limit_lines(limits: list[Criterion], level: Level) -> list[tuple[float, str]]:
    """The limits of one load level from low to high; criteria with the same limit share a line."""
    texts: dict[float, list[str]] = {}
    for c in limits:
        if c.level is None or str(c.level) == str(level):
            texts.setdefault(c.limit_seconds * 1000, []).append(c.metric_text)
    return [(value, f"{', '.join(said)}: {value:g} ms") for value, said in sorted(texts.items())]


def latency_limits(outcome: GateVerdict) -> list[Criterion]:
    """The percentile criteria of a judged gate, whose limits can be drawn."""
    from cxlib.errors import ConfigError
    from cxlib.model.grammar import parse

    found = []
    for result in outcome.criteria:
        try:
            criterion = parse(result.text)
        except ConfigError:
            continue  # a verdict of another version of the grammar: drawn without its limit
        if criterion.metric is Metric.PERCENTILE:
            found.append(criterion)
    return found
