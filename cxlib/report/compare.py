"""Two runs beside each other: what differs for sure, and both distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from cxlib.errors import duration
from cxlib.model.criterion import Criterion, Gate, LoadPoint, Metric
from cxlib.model.verdict import CriterionResult, Verdict
from cxlib.report import distribution, level_curve, page
from cxlib.report.load import LETTERS, MOST_DRAWN, MOST_LOADS
from cxlib.report.observed import Observed, observe

if TYPE_CHECKING:
    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

TEMPLATE = "compare.html.j2"
MOST_GROUPS = 24  # endpoints at load levels whose differences are worked out
_METRICS = (
    (Metric.PERCENTILE, "p50"),
    (Metric.PERCENTILE, "p95"),
    (Metric.PERCENTILE, "p99"),
    (Metric.AVG, "avg"),
    (Metric.RPS, "rps"),
    (Metric.FAIL, "fail"),
)


@dataclass(frozen=True, slots=True)
class Side:
    """One run. ``name`` is how it was asked for, ``verdict`` what its own gate said, or empty."""

    name: str
    run: Run
    samples: Samples
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of one endpoint at one load: both values, and the change with what it truly lies in."""

    endpoint: str
    load: str
    metric: str
    result: CriterionResult

    @property
    def word(self) -> str:
        """``worse`` and ``better`` are sure at 95 %; else neither is."""
        low, high = self.result.low, self.result.high
        if self.metric == "rps":  # more is better
            low, high = (None if high is None else -high), (None if low is None else -low)
        if low is not None and low > 0:
            return "worse"
        return "better" if high is not None and high < 0 else ""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is told of both runs; ``matters``: where it differs, the runs can't be compared in full."""

    name: str
    a: str
    b: str
    matters: bool = False

    @property
    def differs(self) -> bool:
        return self.a != self.b


def render(a: Side, b: Side) -> str:
    """The page: ``b`` against ``a``, as a candidate against what was before. Escapes everything."""
    from cxlib.judge import gate as judging

    gate = Gate("comparison", tuple(_criteria(a, b)))
    judged = judging.judge(b.run, b.samples, gate, baseline=(a.run, a.samples))
    before = observe(a.run, a.samples, judging.judge(a.run, a.samples, Gate("a", ())).warm_up)
    now = observe(b.run, b.samples, judged.warm_up)
    differences = [
        Difference(c.endpoint, str(c.level), c.metric_text, result)
        for c, result in zip(gate.criteria, judged.criteria, strict=True)
    ]
    return page.fill(
        TEMPLATE,
        letters=LETTERS,
        a=a,
        b=b,
        facts=_facts(a, b),
        broken=[c for c in judged.checks if not c.ok],
        differences=differences,
        worse=[d for d in differences if d.word == "worse"],
        better=[d for d in differences if d.word == "better"],
        refused=_refused(differences),
        drawings=_drawings(now, before),
        legend=_legend(now),
    )


def _criteria(a: Side, b: Side) -> list[Criterion]:
    """Every metric of what both runs have, at most ``MOST_GROUPS`` groups."""
    theirs = set(a.samples.names)
    endpoints = [name for name in b.samples.names if name in theirs]
    known = {(level.users, level.rate) for level in a.run.levels}
    levels = {str(lv): lv for lv in b.run.levels if (lv.users, lv.rate) in known}.values()
    groups = [(name, level) for name in endpoints for level in levels][:MOST_GROUPS]
    return [_criterion(name, level, *metric) for name, level in groups for metric in _METRICS]


def _criterion(endpoint: str, level: Level, metric: Metric, text: str) -> Criterion:
    """It is asked for its interval alone: its limit of 0 % opens and closes nothing."""
    point = LoadPoint(level.rate, "rps") if level.rate else LoadPoint(float(level.users), "users")
    op = ">=" if metric is Metric.RPS else "<="
    told = f"{text} of {endpoint} at {point}"
    return Criterion(told, metric, text, endpoint, op, 0.0, "%", point, relative=True)


def _refused(differences: Sequence[Difference]) -> str:
    """Why nothing could be compared, when that is so."""
    if not differences:
        return "The runs have no endpoint at a load level in common."
    if all(d.result.verdict is Verdict.INVALID for d in differences):
        return differences[0].result.reason
    return ""


def _facts(a: Side, b: Side) -> list[Fact]:
    def fact(name: str, told: str, other: str, matters: bool = False) -> Fact:
        return Fact(name, told or "unknown", other or "unknown", matters)

    one, two = a.run, b.run
    return [
        fact("Verdict of its gate", a.verdict, b.verdict),
        fact("Model version", one.served.start.model_version or "", two.served.start.model_version or ""),
        fact("Image digest", one.served.start.digest or "", two.served.start.digest or ""),
        fact("Site", one.site, two.site, True),
        fact("Load profile", one.profile, two.profile, True),
        fact("Load levels", _levels(one), _levels(two), True),
        fact("Started", page.moment(one.started), page.moment(two.started)),
        fact("Took", duration(one.actual_seconds), duration(two.actual_seconds)),
        fact("Requests", f"{len(a.samples):,}", f"{len(b.samples):,}"),
        fact("Generator's processor", f"{one.generator_cpu:.0%}", f"{two.generator_cpu:.0%}"),
        fact("Locust", one.locust, two.locust),
    ]


def _levels(run: Run) -> str:
    return ", ".join(f"{level} for {level.end - level.start:.0f} s" for level in run.levels)


def _drawings(now: Observed, before: Observed) -> list[tuple[str, list[Markup]]]:
    found = []
    theirs = set(before.endpoints)
    for number, name in enumerate([n for n in now.endpoints if n in theirs][:MOST_DRAWN]):
        groups, old = now.of(name)[:MOST_LOADS], before.of(name)[:MOST_LOADS]
        drawn = [distribution.draw(f"distribution{number}", groups, [], old, "run A")]
        if len(groups) > 1:
            drawn.append(level_curve.draw(f"levels{number}", groups, [], old))
        found.append((name, [Markup(one) for one in drawn]))  # noqa: S704  drawings escape their texts
    return found


def _legend(now: Observed) -> list[list[tuple[str, str]]]:
    """Of the distribution and of the load levels."""
    old = ("before plain", "run A, in the same colour")
    series = [
        (f"series{i % distribution.COLOURS}", f"{load}, run B")
        for i, load in enumerate(now.loads[:MOST_LOADS])
    ]
    return [[*series, old], [("median", "median"), ("p95", "p95"), ("p99", "p99"), old]]
