"""What the evidence that MLflow keeps says about what an environment is meant to run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from cxlib.clients.kube import Kube
from cxlib.errors import StageFailed
from cxlib.evidence.policy import Policy
from cxlib.model.standing import Proof
from cxlib.settings import ENVIRONMENTS
from cxlib.stage import trust
from cxlib.stage.trust import Trust

if TYPE_CHECKING:
    from cxlib.evidence.statement import Statement


def trusted(kube: Kube) -> Trust:
    """What the cluster believes; nothing at all when it was never told, or can't be read."""
    try:
        return trust.read(kube)
    except StageFailed:
        return Trust(b"", "", Policy({}))


def believed(envelopes: Iterable[bytes], trusted: Trust) -> list[Statement]:
    """The statements whose signature is that of the trusted key; others say nothing."""
    from cxlib.evidence import envelope
    from cxlib.evidence.statement import EvidenceRefused

    found = []
    for raw in envelopes if trusted.public_key else ():
        try:
            found.append(envelope.verify(raw, trusted.public_key))
        except EvidenceRefused:
            continue
    return found


def own(
    environment: str, digest: str, statements: Sequence[Statement], trusted: Trust, now: datetime
) -> tuple[Proof, ...]:
    """The newest word of each gate that ``environment`` must pass before ``digest`` may leave it.

    From the last environment nothing leaves, so that nothing need be said there.
    """
    gates = trusted.gates(environment)
    if not gates and environment != ENVIRONMENTS[-1]:
        return (Proof("(none)", environment, refused="no gate is set, so nothing is proven"),)
    about = [s for s in statements if s.subject.digest == digest]
    return tuple(_newest(gate, sha256, environment, about, trusted, now) for gate, sha256 in gates.items())


def entry(
    environment: str, digest: str, statements: Sequence[Statement], trusted: Trust, now: datetime
) -> tuple[Proof, ...]:
    """What let ``digest`` into ``environment``: its source's gates, however old, and an override.

    The gates are those that were asked for since it was first proven. An override is shown as long as
    what it let in runs, also beside evidence: it may have gone over a rollback.
    """
    if environment == ENVIRONMENTS[0]:
        return ()
    source = ENVIRONMENTS[ENVIRONMENTS.index(environment) - 1]
    about = [s for s in statements if s.subject.digest == digest]
    passed = _let_out(source, about, trusted, now)
    opened = [s for s in about if s.override and s.override.target_environment == environment]
    if not opened:
        return passed
    override = _overridden(max(opened, key=lambda s: s.finished))
    return (*passed, override) if _whole(passed) else (override,)


def _let_out(source: str, about: Sequence[Statement], trusted: Trust, now: datetime) -> tuple[Proof, ...]:
    """The gates of ``source`` that were all passed; where none ever were, those of today."""
    first = min((s.finished for s in about if s.environment == source and s.verdict == "PASS"), default=now)
    found = [
        tuple(_newest(gate, None, source, about, trusted, now) for gate in asked.gates)
        for asked in trusted.policy.since(source, first)
    ]
    none = Proof("(none)", source, refused="no gate is set, so nothing is proven")
    return next((passed for passed in found if _whole(passed)), found[0] or (none,))


def _whole(passed: Sequence[Proof]) -> bool:
    return bool(passed) and all(proof.counts or proof.expired for proof in passed)


def _newest(
    gate: str, sha256: str | None, environment: str, about: Sequence[Statement], trusted: Trust, now: datetime
) -> Proof:
    """The newest PASS of a gate, or its newest word where there is none, and what that is worth."""
    from cxlib.evidence import rules

    same = [s for s in about if s.gate == gate and not s.override]
    mine = [s for s in same if s.environment == environment]
    if not mine:
        return Proof(gate, environment)
    passes = [s for s in mine if s.verdict == "PASS"]
    newest = max(passes or mine, key=lambda s: s.finished)
    # a FAIL in another environment revokes as well
    worth, why = rules.state(newest, same, site=trusted.site, now=now, sha256=sha256)
    return Proof(
        gate,
        environment,
        newest.verdict,
        newest.finished,
        newest.expires,
        why or ("" if passes else newest.reason),
        expired=bool(passes) and worth is rules.State.EXPIRED,
    )


def _overridden(statement: Statement) -> Proof:
    """Break-glass is shown as long as what it let in runs."""
    by = f"{statement.override.who}: {statement.override.why}" if statement.override else ""
    return Proof(
        statement.gate,
        statement.environment,
        statement.verdict,
        statement.finished,
        statement.expires,
        override=by,
    )
