"""What once opened the way into an environment, and was not taken back since: where a rollback may go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from cxlib.evidence import rules
from cxlib.evidence.policy import Policy
from cxlib.evidence.rules import Accepted
from cxlib.evidence.statement import EvidenceRefused, Statement


def accept(
    raw_envelopes: Sequence[bytes],
    *,
    public_key: bytes,
    digest: str,
    source: str,
    target: str,
    policy: Policy,
    site: str,
    now: datetime,
) -> Accepted:
    """The evidence by which the image ``digest`` could go from ``source`` to ``target``, whenever that was.

    Each moment is judged by the gates that were asked for then; the first that opens is taken. What a FAIL
    revoked later opens nothing, nor does what failed a gate of ``target`` at last. Raises
    ``EvidenceRefused`` with the reasons of the newest proof.
    """
    believed, unusable = rules.verified(raw_envelopes, public_key)
    about = [s for s in believed if s.subject.digest == digest]
    if bad := _failed_at_last([s for s in about if s.environment == target]):
        raise EvidenceRefused(f"it failed gate '{bad.gate}' of {target} at last: {bad.reason}")
    refused = None
    for then in _moments(about, source, policy, now):
        try:
            return rules.decide(
                about, unusable, digest=digest, environment=source, target=target, site=site, now=then,
                gates=_gates(about, source, policy, then),
            )  # fmt: skip
        except EvidenceRefused as exc:
            refused = refused or exc
    raise refused or EvidenceRefused("nothing is known of it")


def _moments(about: Sequence[Statement], source: str, policy: Policy, now: datetime) -> list[datetime]:
    """When the way may have opened: a PASS or an override came, or other gates were asked for."""
    came = [s.finished for s in about if s.environment == source and (s.verdict == "PASS" or s.override)]
    newest_first = [*sorted(came, reverse=True), *sorted(policy.changes(source), reverse=True)]
    return list(dict.fromkeys(min(now, moment) for moment in newest_first)) or [now]


def _gates(about: Sequence[Statement], source: str, policy: Policy, then: datetime) -> Mapping[str, str]:
    """What was asked for then; where the texts aren't known, those that had been passed by then."""
    asked = policy.at(source, then)
    if asked.since:
        return asked.gates
    passed = [s for s in about if s.environment == source and s.verdict == "PASS" and s.finished <= then]
    texts = {s.gate: s.gate_sha256 for s in sorted(passed, key=lambda s: s.finished)}
    return {gate: texts.get(gate, sha256) for gate, sha256 in asked.gates.items()}


def _failed_at_last(about: Sequence[Statement]) -> Statement | None:
    """A gate whose newest PASS or FAIL is a FAIL: what is inconclusive takes none back."""
    said = sorted((s for s in about if s.verdict in ("PASS", "FAIL")), key=lambda s: s.finished)
    newest = {s.gate: s for s in said}
    return next((s for s in newest.values() if s.verdict == "FAIL"), None)
