"""The report of a gate: one HTML file that needs nothing else, verdict and reason first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from cxlib.errors import duration
from cxlib.model.verdict import Verdict
from cxlib.report import distribution, interval_bar, level_curve, limits, page, past, table, timeline
from cxlib.report.context import NOTHING, Context
from cxlib.report.observed import Group, Observed, observe

if TYPE_CHECKING:
    from cxlib.model.criterion import Criterion
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples
    from cxlib.model.verdict import CriterionResult, GateVerdict

TEMPLATE = "load.html.j2"
MOST_DRAWN = 3  # endpoints; the others are in the table
MOST_OVERRIDES = 5
MOST_LOADS = 20  # load levels in a drawing of them, evenly spread
MOST_CRITERIA = 300
LETTERS = 1500  # of any text from outside
_SECTIONS = {
    "criteria": "Criteria",
    "checks": "Measurement",
    "origin": "Origin",
    "time": "Over time",
    "distribution": "Distribution",
    "levels": "Load levels",
    "endpoints": "Endpoints",
    "errors": "Errors",
    "history": "History",
}
_UNMEASURED = ("criteria", "checks", "origin", "history")
_LINES = [("median", "median"), ("p95", "p95"), ("p99", "p99")]
_LIMIT = ("limit", "limit of a criterion")


def render(
    run: Run,
    samples: Samples,
    outcome: GateVerdict,
    *,
    baseline: tuple[Run, Samples] | None = None,
    context: Context = NOTHING,
) -> str:
    """The whole report, with the ``baseline`` drawn over it if there is one.

    Everything that comes from samples or names is escaped. A run without samples has its report too.
    """
    seen = observe(run, samples, outcome.warm_up)
    before = _before(*baseline) if baseline else None
    criteria = limits.drawable(outcome.criteria)
    chosen = drawn_endpoints(seen, criteria)
    over_time = timeline.draw(run, seen, criteria, chosen or [""], outcome.warm_up)
    measured = run.served.start
    return _filled(
        outcome,
        context,
        _origin(run, len(samples), outcome, context.provenance.site),
        digest=measured.digest or "",
        model_version=measured.model_version or "",
        headline=_headline(run, len(samples), context),
        run=run,
        with_baseline=before is not None or any(c.baseline is not None for c in outcome.criteria),
        over_time=Markup(over_time),  # noqa: S704  the drawings escape their texts themselves
        hidden=max(0, len(seen.endpoints) - len(chosen)),
        distributions=_distributions(chosen, seen, criteria, before),
        few_loads=f"{MOST_LOADS} of {len(seen.loads)} load levels are drawn."
        if len(seen.loads) > MOST_LOADS
        else "",
        curves=_curves(chosen, seen, criteria, before),
        legends=_legends(run, seen, before is not None, bool(criteria), outcome),
        endpoints=table.endpoints(seen),
        most_endpoints=table.MOST_ENDPOINTS,
        errors=table.errors(samples),
        most_errors=table.MOST_ERRORS,
        sections=list(_SECTIONS.items()),
    )


def render_verdict(outcome: GateVerdict, *, context: Context = NOTHING) -> str:
    """The report on a gate without samples: its values were read, or the run folder is broken."""
    p = context.provenance
    origin = [
        ("Image digest", context.digest, "hash"),
        ("Model version", context.model_version, ""),
        ("Site", p.site, ""),
    ]
    return _filled(
        outcome,
        context,
        origin,
        digest=context.digest,
        model_version=context.model_version,
        headline=_told(p.environment, context.model_version, context.digest),
        sections=[(name, _SECTIONS[name]) for name in _UNMEASURED],
        with_baseline=any(c.baseline is not None for c in outcome.criteria),
        run=None,
    )


def drawn_endpoints(seen: Observed, criteria: list[Criterion]) -> list[str]:
    """Those that criteria are about come first, then those with the most requests."""
    import numpy as np

    named = [c.endpoint for c in criteria if c.endpoint in seen.endpoints]
    counts = np.bincount(seen.endpoint, minlength=len(seen.endpoints))
    busiest = [seen.endpoints[i] for i in np.argsort(-counts, kind="stable").tolist()]
    return list(dict.fromkeys([*named, *busiest]))[:MOST_DRAWN]


def _filled(outcome: GateVerdict, context: Context, origin: list[page.Fact], **values: object) -> str:
    shown = context.overrides[:MOST_OVERRIDES]
    history = past.of(outcome, context, str(values["digest"]), str(values["model_version"]))
    listed = _listed(outcome)
    return page.fill(
        TEMPLATE,
        letters=LETTERS,
        outcome=outcome,
        criteria=[(c, Markup(interval_bar.draw(c))) for c in listed],  # noqa: S704  numbers only
        more_criteria=len(outcome.criteria) - len(listed),
        provenance=[*origin, *_provenance(context)],
        overrides=shown,
        more_overrides=len(context.overrides) - len(shown),
        trends=history.trends,
        past=history.rows,
        history_missing=context.history_missing,
        **values,
    )


def _listed(outcome: GateVerdict) -> list[CriterionResult]:
    """All criteria in order; of too many, those that don't hold first."""
    found = list(outcome.criteria)
    if len(found) > MOST_CRITERIA:
        found.sort(key=lambda c: c.verdict is Verdict.PASS)
    return found[:MOST_CRITERIA]


def _drawn(seen: Observed, name: str) -> list[Group]:
    """An endpoint's groups at those load levels that are drawn."""
    loads = set(drawn_loads(seen))
    return [group for group in seen.of(name) if group.load in loads]


def drawn_loads(seen: Observed) -> list[str]:
    """The load levels that are drawn: all, or as many as can be told apart, the first and the last among
    them."""
    n = len(seen.loads)
    if n <= MOST_LOADS:
        return list(seen.loads)
    return [seen.loads[round(i * (n - 1) / (MOST_LOADS - 1))] for i in range(MOST_LOADS)]


def _before(run: Run, samples: Samples) -> Observed:
    """The baseline after its own warm-up, which is judged as any run's."""
    from cxlib.judge.gate import judge
    from cxlib.model.criterion import Gate

    return observe(run, samples, judge(run, samples, Gate("baseline", ())).warm_up)


def _distributions(
    chosen: list[str], seen: Observed, criteria: list[Criterion], before: Observed | None
) -> list[tuple[str, Markup]]:
    found = []
    for number, name in enumerate(chosen):
        about = [c for c in criteria if c.endpoint == name]
        old = _drawn(before, name) if before else []
        drawn = distribution.draw(f"distribution{number}", _drawn(seen, name), about, old)
        found.append((name, Markup(drawn)))  # noqa: S704
    return found


def _curves(
    chosen: list[str], seen: Observed, criteria: list[Criterion], before: Observed | None
) -> list[tuple[str, Markup]]:
    found = []
    for number, name in enumerate(chosen):
        groups = _drawn(seen, name)
        if len(groups) > 1:
            about = [c for c in criteria if c.endpoint == name]
            old = _drawn(before, name) if before else []
            drawn = level_curve.draw(f"levels{number}", groups, about, old)
            found.append((name, Markup(drawn)))  # noqa: S704
    return found


def _legends(
    run: Run, seen: Observed, with_baseline: bool, limited: bool, outcome: GateVerdict
) -> dict[str, list[tuple[str, str]]]:
    """By drawing: CSS class and text of each entry."""
    limit = [_LIMIT] if limited else []
    cut = any(outcome.warm_up.get(str(level), level.end) > level.start for level in run.levels)
    time = [*_LINES, *limit, ("fill shade2", "every request; the darker, the more")]
    if cut:
        time.append(("fill warmup", "warm-up, not judged"))
    if any(level.rate for level in run.levels):
        time.append(("planned", "planned rate"))
    series = [(f"series{i % distribution.COLOURS}", load) for i, load in enumerate(drawn_loads(seen))]
    old = [("before plain", "the baseline, in the same colour")] if with_baseline else []
    return {"time": time, "distribution": [*series, *old, *limit], "levels": [*_LINES, *old, *limit]}


def _headline(run: Run, n: int, context: Context) -> str:
    served = run.served.start
    what = _told(context.provenance.environment, served.model_version, served.digest)
    return f"{what} · {page.moment(run.started)} · {n:,} requests in {duration(run.actual_seconds)}"


def _told(environment: str, model_version: str | None, digest: str | None) -> str:
    version = f"model version {model_version or 'unknown'}"
    return " · ".join(part for part in (environment, version, page.short(digest) or "digest unknown") if part)


def _origin(run: Run, n: int, outcome: GateVerdict, site: str) -> list[page.Fact]:
    served = run.served.start
    levels = ", then ".join(f"{level} for {level.end - level.start:.0f} s" for level in run.levels)
    steady = ", ".join(f"{level}: {start:.1f} s" for level, start in outcome.warm_up.items())
    return [
        ("Image digest", served.digest or "", "hash"),
        ("Model version", served.model_version or "", ""),
        ("Site", site or run.site, ""),
        ("Started", f"{run.started:%Y-%m-%d %H:%M:%S %Z}", ""),
        ("Took", f"{duration(run.actual_seconds)} of {duration(run.planned_seconds)} planned", ""),
        ("Load levels", levels, ""),
        ("Steady from", steady or "never", ""),
        ("Requests", f"{n:,}", ""),
        ("Load profile", f"{run.profile}, Locust {run.locust}, seed {run.seed}", ""),
    ]


def _provenance(context: Context) -> list[page.Fact]:
    p = context.provenance
    return [
        ("Environment", p.environment, ""),
        ("Evidence until", page.moment(p.expires) if p.expires else "", ""),
        ("Git commit", p.commit, "hash"),
        ("Gate's text", p.gate_sha256 and f"sha256:{p.gate_sha256}", "hash"),
        ("Samples", p.samples_sha256 and f"sha256:{p.samples_sha256}", "hash"),
        ("Evidence key", p.key_id, "hash"),
    ]
