"""A gate's verdict from those of its criteria, for gates that need no load run."""

from __future__ import annotations

from cxlib.model.verdict import Check, CriterionResult, GateVerdict, Verdict


def conclude(name: str, results: tuple[CriterionResult, ...], checks: tuple[Check, ...] = ()) -> GateVerdict:
    """The worst of the blocking criteria. What doesn't apply counts for nothing: without one criterion
    that was judged, nothing is proven and the gate stays closed."""
    counted = [r for r in results if r.blocking and r.verdict is not Verdict.NOT_APPLICABLE]
    if not counted:
        reason = "none of its blocking criteria applies, so nothing is proven"
        return GateVerdict(name, Verdict.INCONCLUSIVE, reason, results, checks)
    verdict = Verdict.worst(r.verdict for r in counted)
    if verdict is Verdict.PASS:
        return GateVerdict(name, verdict, f"all {len(counted)} blocking criteria hold", results, checks)
    guilty = sorted((r for r in counted if r.verdict is verdict), key=lambda r: not r.key)
    said = [f"{r.text}: {r.reason}" for r in guilty]
    more = f"; and {len(said) - 2} more" if len(said) > 2 else ""
    return GateVerdict(name, verdict, "; ".join(said[:2]) + more, results, checks)
