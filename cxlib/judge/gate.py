"""A gate: the worst of its blocking criteria, on a measurement that can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cxlib.errors import ConfigError
from cxlib.judge import criterion as one
from cxlib.judge.validity import checks as validity
from cxlib.judge.warmup import WarmUpRule, steady_from
from cxlib.model.criterion import Criterion, Gate
from cxlib.model.verdict import Check, CriterionResult, GateVerdict, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxlib.model.run import Level, Run
    from cxlib.model.sample import Samples

WARM_UP = WarmUpRule()


def judge(
    run: Run, samples: Samples, gate: Gate, rule: WarmUpRule = WARM_UP, *, declared: Sequence[str] = ()
) -> GateVerdict:
    """The verdict of ``gate``. Raises ``ConfigError`` on an endpoint or load level that the run lacks.

    ``declared`` endpoints exist even if the run has no sample of them: that is INVALID, no misspelling.
    """
    check_levels(gate, {level.users for level in run.levels if not level.rate})
    checks = validity(run, samples)
    if len(samples):
        check_endpoints(gate, sorted({*samples.names, *declared}))
    if contradiction := next((c.seen for c in checks if c.name == "run.json" and not c.ok), ""):
        unread = (one.unjudged(c, Verdict.INVALID, contradiction) for c in gate.criteria)
        return _conclude(gate.name, tuple(unread), checks, {})  # numbers from it would be nonsense
    steady = _find_steady(run, samples, rule)
    results = tuple(_one(samples, c, steady) for c in gate.criteria)
    warm_up = {level: start for level, start in steady.since.items() if start is not None}
    return _conclude(gate.name, results, checks, warm_up)


def check_levels(gate: Gate, users: set[int]) -> None:
    """Raises ``ConfigError`` when a criterion is about a load level that is not among ``users``."""
    for c in gate.criteria:
        if c.level and c.level.amount not in users:
            known = ", ".join(f"'at {u} users'" for u in sorted(users)) or "none"
            raise ConfigError(
                f"criterion '{c.text}'", f"the run has no load level of {c.level}", f"It has: {known}"
            )


def check_endpoints(gate: Gate, known: Sequence[str]) -> None:
    """Raises ``ConfigError`` when a criterion is about an endpoint that is not ``known``."""
    for c in gate.criteria:
        if c.endpoint not in known:
            raise ConfigError(
                f"criterion '{c.text}'", f"unknown endpoint '{c.endpoint}'", f"Use one of: {', '.join(known)}"
            )


def broken(gate: Gate, reason: str) -> GateVerdict:
    """The verdict on a run folder that cannot be read as one."""
    results = tuple(one.unjudged(c, Verdict.INVALID, reason) for c in gate.criteria)
    check = Check("run folder", False, reason, "whole and readable")
    return GateVerdict(gate.name, Verdict.INVALID, reason, results, (check,))


@dataclass(frozen=True, slots=True, eq=False)
class _Steady:
    """``since``: by load level, the second from which it is steady; ``mask`` (n,): what is left then."""

    since: dict[str, float | None]
    mask: NDArray[np.bool_]


def _find_steady(run: Run, samples: Samples, rule: WarmUpRule) -> _Steady:
    import numpy as np

    levels: dict[str, list[Level]] = {}
    for level in run.levels:
        levels.setdefault(str(level), []).append(level)
    since: dict[str, float | None] = {}
    mask = np.zeros(len(samples), dtype=bool)
    for text, entries in levels.items():
        own = (samples.users == entries[0].users) & (samples.rate == entries[0].rate)
        if own.any():
            start = since[text] = steady_from(samples.where(own), entries, rule)
            mask |= own & (samples.scheduled >= (start or 0.0))
    return _Steady(since, mask)


def _one(samples: Samples, criterion: Criterion, steady: _Steady) -> CriterionResult:
    about = samples.name == criterion.endpoint
    if criterion.level:
        about = about & (samples.users == int(criterion.level.amount))
    if not about.any():
        return one.unjudged(criterion, Verdict.INVALID, "no samples of it")
    wanted = [str(criterion.level)] if criterion.level else list(steady.since)
    unsteady = [text for text in wanted if steady.since[text] is None]
    if unsteady:
        reason = f"never steady at {', '.join(unsteady)}: throughput or median latency kept changing"
        return one.unjudged(criterion, Verdict.INCONCLUSIVE, reason, int(about.sum()))
    if not (about & steady.mask).any():
        return one.unjudged(criterion, Verdict.INVALID, "no samples of it after warm-up")
    return one.judge(samples.where(about & steady.mask), criterion)


def _conclude(
    name: str, results: tuple[CriterionResult, ...], checks: tuple[Check, ...], warm_up: dict[str, float]
) -> GateVerdict:
    blocking = [r for r in results if r.blocking]
    failed = [c for c in checks if not c.ok]
    # A service that is gone cannot say what it is: a FAIL stays one, anything better is unproven.
    unknown_only = [c.name for c in failed] == ["served"] and "unknown" in failed[0].seen
    if failed and not (unknown_only and any(r.verdict is Verdict.FAIL for r in blocking)):
        reason = "; ".join(f"{c.name}: {c.seen}, wanted {c.wanted}" for c in failed)
        results = tuple(replace(r, verdict=Verdict.INVALID) for r in results)
        return GateVerdict(name, Verdict.INVALID, reason, results, checks, warm_up)
    if not blocking:
        reason = "no criterion of it blocks, so nothing is proven"
        return GateVerdict(name, Verdict.INCONCLUSIVE, reason, results, checks, warm_up)
    verdict = Verdict.worst(r.verdict for r in blocking)
    return GateVerdict(name, verdict, _reason(verdict, blocking), results, checks, warm_up)


def _reason(verdict: Verdict, blocking: list[CriterionResult]) -> str:
    if verdict is Verdict.PASS:
        return f"all {len(blocking)} blocking criteria hold"
    guilty = sorted((r for r in blocking if r.verdict is verdict), key=lambda r: not r.key)
    said = [f"{r.text}: {r.reason}" + (f"; needs {r.more:,} more samples" if r.more else "") for r in guilty]
    return "; ".join(said[:2]) + (f"; and {len(said) - 2} more" if len(said) > 2 else "")
