"""A gate: the worst of its blocking criteria, on a measurement that can be believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from cxlib.errors import ConfigError
from cxlib.judge import criterion as absolute
from cxlib.judge import metric, relative
from cxlib.judge.baseline import Baseline, Refused
from cxlib.judge.observed import Measurement, Observed, told
from cxlib.judge.result import unjudged
from cxlib.judge.silence import silenced
from cxlib.judge.validity import checks as validity
from cxlib.judge.validity import same_load, served_unknown
from cxlib.judge.warmup import WarmUpRule
from cxlib.model.criterion import Criterion, Gate, Metric
from cxlib.model.verdict import Check, CriterionResult, GateVerdict, Verdict

if TYPE_CHECKING:
    from cxlib.model.run import Run
    from cxlib.model.sample import Samples

WARM_UP = WarmUpRule()


class AnyLevel(Protocol):
    """A load level, planned or run."""

    @property
    def users(self) -> int: ...
    @property
    def rate(self) -> float: ...


def judge(
    run: Run,
    samples: Samples,
    gate: Gate,
    rule: WarmUpRule = WARM_UP,
    *,
    declared: Sequence[str] = (),
    baseline: tuple[Run, Samples] | Refused | None = None,
) -> GateVerdict:
    """The verdict of ``gate``. Raises ``ConfigError`` on an endpoint or load level that the run lacks.

    ``declared`` endpoints exist even if the run has no sample of them: that is INVALID, no misspelling.
    ``baseline`` is the accepted run of what is in production; without one, criteria that compare with it
    are NOT_APPLICABLE. One that is refused, of another site or profile, or no valid run makes them INVALID.
    """
    checks = validity(run, samples) + ((same_load(run, gate.load),) if gate.load else ())
    unread = next((c.seen for c in checks if c.name == "run.json" and not c.ok), "")
    try:
        check_levels(gate, run.levels)
        if len(samples):
            check_endpoints(gate, sorted({*samples.names, *declared}))
    except ConfigError as exc:
        if all(c.ok for c in checks):
            raise
        unread = unread or exc.problem  # a run that broke off lacks what was to come; that is no misspelling
    if unread:
        return invalid(gate, unread, checks)  # numbers from it would be nonsense
    mine = Measurement.of(run, samples, rule)
    theirs = Baseline.of(run, baseline, rule) if baseline else None
    results = tuple(_one(mine, theirs, c) for c in gate.criteria)
    warm_up = {told(level): start for level, start in mine.since.items() if start is not None}
    return _conclude(gate.name, results, checks, warm_up, unknown=served_unknown(run))


def check_levels(gate: Gate, levels: Iterable[AnyLevel]) -> None:
    """Raises ``ConfigError`` when a criterion is about a load level that is not among ``levels``."""
    keys = tuple(dict.fromkeys((level.users, level.rate) for level in levels))
    known = ", ".join(f"'at {told(key)}'" for key in keys) or "none"
    for c in gate.criteria:
        if c.level and (c.level.users, c.level.rate) not in keys:
            raise ConfigError(
                f"criterion '{c.text}'", f"the run has no load level of {c.level}", f"It has: {known}"
            )
        if c.metric is Metric.LATE and not any(rate for _, rate in keys):
            raise ConfigError(
                f"criterion '{c.text}'",
                "users are never late: each waits for its answer",
                f"Give the load a level in rps; it has: {known}",
            )


def check_endpoints(gate: Gate, known: Sequence[str]) -> None:
    """Raises ``ConfigError`` when a criterion is about an endpoint that is not ``known``."""
    for c in gate.criteria:
        if c.endpoint not in known:
            raise ConfigError(
                f"criterion '{c.text}'", f"unknown endpoint '{c.endpoint}'", f"Use one of: {', '.join(known)}"
            )


def invalid(gate: Gate, reason: str, checks: tuple[Check, ...]) -> GateVerdict:
    """The verdict on a run that failed some of ``checks``, none of whose criteria is worth judging."""
    results = tuple(unjudged(c, Verdict.INVALID, reason) for c in gate.criteria)
    return GateVerdict(gate.name, Verdict.INVALID, _failed(checks), results, checks)


def broken(gate: Gate, reason: str) -> GateVerdict:
    """The verdict on a run folder that cannot be read as one."""
    results = tuple(unjudged(c, Verdict.INVALID, reason) for c in gate.criteria)
    check = Check("run folder", False, reason, "whole and readable")
    return GateVerdict(gate.name, Verdict.INVALID, reason, results, (check,))


def _one(mine: Measurement, theirs: Baseline | None, criterion: Criterion) -> CriterionResult:
    if criterion.relative and theirs is None:
        return unjudged(criterion, Verdict.NOT_APPLICABLE, "there is no baseline to compare with yet")
    levels = mine.wanted(criterion.level, open_only=criterion.metric is Metric.LATE)
    n = mine.count(criterion.endpoint, levels)
    if missing := [told(level) for level in levels if not mine.count(criterion.endpoint, (level,))]:
        return unjudged(criterion, Verdict.INVALID, f"no samples of it at {', '.join(missing)}", n)
    if unsteady := mine.unsteady(levels):
        reason = f"never steady at {', '.join(unsteady)}: throughput or median latency kept changing"
        return unjudged(criterion, Verdict.INCONCLUSIVE, reason, n)
    observed = mine.observe(criterion.endpoint, levels)
    if missing := [told(level) for level in levels if not observed.count(level)]:
        return unjudged(criterion, Verdict.INVALID, f"no samples of it after warm-up at {', '.join(missing)}")
    return silenced(_judged(observed, theirs, criterion), observed, criterion)


def _judged(observed: Observed, theirs: Baseline | None, criterion: Criterion) -> CriterionResult:
    if criterion.relative and theirs:
        return _compared(observed, theirs, criterion)
    result = absolute.judge(observed, criterion)
    other = theirs.observe(criterion, observed.levels)[0] if theirs else None
    return replace(result, baseline=metric.value(criterion, other)) if other else result


def _compared(observed: Observed, theirs: Baseline, criterion: Criterion) -> CriterionResult:
    other, why = theirs.observe(criterion, observed.levels)
    if other is None:
        return unjudged(criterion, Verdict.INVALID, why, len(observed))
    return relative.judge(observed, other, criterion)


def _conclude(
    name: str,
    results: tuple[CriterionResult, ...],
    checks: tuple[Check, ...],
    warm_up: dict[str, float],
    *,
    unknown: bool,
) -> GateVerdict:
    blocking = [r for r in results if r.blocking]
    failed = [c.name for c in checks if not c.ok]
    # A service that is gone cannot say what it is: a FAIL stays one, anything better is unproven.
    unknown_only = unknown and failed == ["served"]
    if failed and not (unknown_only and any(r.verdict is Verdict.FAIL for r in blocking)):
        results = tuple(replace(r, verdict=Verdict.INVALID) for r in results)
        return GateVerdict(name, Verdict.INVALID, _failed(checks), results, checks, warm_up)
    applied = [r for r in blocking if r.verdict is not Verdict.NOT_APPLICABLE]
    if not applied:
        why = "applies without a baseline" if blocking else "of it blocks"
        reason = f"no criterion {why}, so nothing is proven"
        return GateVerdict(name, Verdict.INCONCLUSIVE, reason, results, checks, warm_up)
    verdict = Verdict.worst(r.verdict for r in applied)
    reason = _reason(verdict, applied)
    if len(applied) < len(blocking):
        reason += f"; {len(blocking) - len(applied)} not applicable without a baseline"
    return GateVerdict(name, verdict, reason, results, checks, warm_up)


def _failed(checks: Iterable[Check]) -> str:
    return "; ".join(f"{c.name}: {c.seen}, wanted {c.wanted}" for c in checks if not c.ok)


def _reason(verdict: Verdict, blocking: list[CriterionResult]) -> str:
    if verdict is Verdict.PASS:
        return f"all {len(blocking)} blocking criteria hold"
    guilty = sorted((r for r in blocking if r.verdict is verdict), key=lambda r: not r.key)
    said = [f"{r.text}: {r.reason}" + (f"; needs {r.more:,} more samples" if r.more else "") for r in guilty]
    return "; ".join(said[:2]) + (f"; and {len(said) - 2} more" if len(said) > 2 else "")
