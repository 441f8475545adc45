"""The infrastructure as it was seen, against what the gate asks. What could not be seen is no PASS."""

from __future__ import annotations

from cxlib.judge.conclusion import conclude
from cxlib.model.infrastructure import (
    Count,
    InfrastructureCriterion,
    InfrastructureGate,
    Observation,
    Seen,
)
from cxlib.model.verdict import CriterionResult, GateVerdict, Verdict

_MOST_NAMED = 5


def judge(gate: InfrastructureGate, observation: Observation) -> GateVerdict:
    """The verdict on one look at the infrastructure."""
    return conclude(gate.name, tuple(_one(c, observation) for c in gate.criteria))


def _one(c: InfrastructureCriterion, observation: Observation) -> CriterionResult:
    if c.count is None:
        return _application(c, observation)
    seen = observation.counts.get(c.count, Seen(problem="nobody looked"))
    if c.count in (Count.OUT_OF_SYNC, Count.UNHEALTHY):
        seen = _applications(c.count, observation)
    if seen.problem:
        return _result(c, Verdict.INVALID, seen.problem)
    value = len(seen.things)
    named = ", ".join(seen.things[:_MOST_NAMED]) or "none"
    more = f" and {value - _MOST_NAMED} more" if value > _MOST_NAMED else ""
    return _result(c, Verdict.PASS if c.holds(value) else Verdict.FAIL, f"{value}: {named}{more}", value)


def _application(c: InfrastructureCriterion, observation: Observation) -> CriterionResult:
    if observation.applications is None:
        return _result(c, Verdict.INVALID, observation.applications_problem)
    found = observation.applications.get(c.application)
    if found is None:
        known = ", ".join(sorted(observation.applications)) or "none"
        return _result(c, Verdict.INVALID, f"there is no such Application; there are: {known}")
    good = found.sync == "Synced" and found.health == "Healthy" and found.current
    return _result(c, Verdict.PASS if good else Verdict.FAIL, str(found), int(good))


def _applications(count: Count, observation: Observation) -> Seen:
    """The Applications that are not as they should be. With none at all, nothing was seen."""
    if observation.applications is None:
        return Seen(problem=observation.applications_problem)
    if not observation.applications:
        return Seen(problem="there is no Application")
    bad = {
        name: str(a)
        for name, a in sorted(observation.applications.items())
        if (a.sync != "Synced" or not a.current if count is Count.OUT_OF_SYNC else a.health != "Healthy")
    }
    return Seen(tuple(f"{name} {state}" for name, state in bad.items()))


def _result(
    c: InfrastructureCriterion, verdict: Verdict, reason: str, value: int | None = None
) -> CriterionResult:
    number = None if value is None else float(value)
    return CriterionResult(
        c.text, verdict, reason, c.limit, "", c.blocking, c.key,
        value=number, low=number, high=number, n=0 if value is None else 1, measured=number,
    )  # fmt: skip
