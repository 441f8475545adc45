"""The report of a load gate: one HTML file that needs nothing else, verdict and reason first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxlib.errors import duration
from cxlib.report import load_plot

if TYPE_CHECKING:
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples
    from cxlib.model.verdict import CriterionResult, GateVerdict

TEMPLATE = "load.html.j2"
SIGNS = {"PASS": "✓", "FAIL": "✗", "INCONCLUSIVE": "?", "INVALID": "!"}
MOST_ERRORS = 30


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint at one load level, warm-up included; latencies of the successes, in ms."""

    name: str
    level: str
    requests: int
    failed: int
    rate: str
    p50: str
    p95: str
    p99: str
    slowest: str


def render(run: Run, samples: Samples, outcome: GateVerdict) -> str:
    """The whole report. Everything that comes from samples or names is escaped by the template."""
    import numpy as np
    from markupsafe import Markup

    samples = samples.where(np.isfinite(samples.latency))  # the validity panel says it when some are not
    limits = load_plot.latency_limits(outcome)
    # Marked safe: the drawings escape their texts themselves.
    return _filled(
        outcome=outcome,
        run=run,
        n=len(samples),
        took=duration(run.actual_seconds),
        over_time=Markup(load_plot.over_time(run, samples, outcome, limits)),  # noqa: S704
        distribution=Markup(load_plot.distribution(samples, limits)),  # noqa: S704
        endpoints=_endpoints(run, samples),
        errors=_errors(samples),
        most_errors=MOST_ERRORS,
    )


def render_broken(outcome: GateVerdict) -> str:
    """The report on a run folder that could not be read: the verdict and why."""
    return _filled(outcome=outcome, run=None)


def number(value: float | None, unit: str = "") -> str:
    """A measured value as a person reads it; a dash when there is none."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def interval(result: CriterionResult) -> str:
    """What the true value lies in; open ends are said."""
    if result.value is None or not result.unit:
        return "–"
    low, high = result.low, result.high
    if low is None and high is None:
        return "not bounded"
    if low is None:
        return f"up to {number(high, result.unit)}"
    if high is None:
        return f"{number(low, result.unit)} or more"
    return f"{number(low)} to {number(high, result.unit)}"


def _filled(**values: object) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    shared = {"signs": SIGNS, "number": number, "interval": interval}
    return str(environment.get_template(TEMPLATE).render(**shared, **values))


def _endpoints(run: Run, samples: Samples) -> list[EndpointRow]:
    import numpy as np

    seconds: Counter[str] = Counter()
    for level in run.levels:
        seconds[str(level)] += level.end - level.start  # type: ignore[assignment]
    rows = []
    for name in samples.names:
        for level in {str(lv): lv for lv in run.levels}.values():
            mask = (samples.name == name) & (samples.users == level.users) & (samples.rate == level.rate)
            own = samples.where(mask)
            if not len(own):
                continue
            good = own.latency[~own.failed] * 1000
            shown = [number(float(np.percentile(good, p))) if len(good) else "–" for p in (50, 95, 99, 100)]
            rate = f"{len(own) / seconds[str(level)]:.1f}" if seconds[str(level)] else "–"
            rows.append(EndpointRow(name, str(level), len(own), int(own.failed.sum()), rate, *shown))
    return rows


def _errors(samples: Samples) -> list[tuple[str, str, int, int]]:
    """Error, endpoint, status and how often, the most frequent first."""
    bad = samples.where(samples.failed)
    seen = Counter(zip(bad.error.tolist(), bad.name.tolist(), bad.status.tolist(), strict=True))
    return [(error, name, status, count) for (error, name, status), count in seen.most_common(MOST_ERRORS)]
