"""What the evidence that MLflow keeps says about what an environment is meant to run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cxlib.clients.kube import Object
from cxlib.model.standing import Proof
from cxlib.settings import ENVIRONMENTS

if TYPE_CHECKING:
    from cxlib.evidence.statement import Statement

TRUST, TRUST_NAMESPACE = "cx-trust", "argo"


@dataclass(frozen=True, slots=True)
class Trust:
    """What the cluster trusts: a public key, its own fingerprint, and each environment's gates by the
    hash of their text. All empty when the cluster was never told."""

    public_key: bytes = b""
    site: str = ""
    gates: Mapping[str, Mapping[str, str]] | None = None

    def of(self, environment: str) -> Mapping[str, str]:
        return (self.gates or {}).get(environment, {})


def trust(found: Object | None) -> Trust:
    """What the ConfigMap says; nothing is trusted when it isn't there or can't be read."""
    data = (found or {}).get("data") or {}
    try:
        policy = json.loads(data.get("policy.json") or "{}")
        gates = {name: dict(one["gates"]) for name, one in policy.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        gates = {}
    return Trust(data.get("public-key.pem", "").encode(), data.get("site", ""), gates)


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
    gates = trusted.of(environment)
    if not gates and environment != ENVIRONMENTS[-1]:
        return (Proof("(none)", environment, refused="no gate is set, so nothing is proven"),)
    about = [s for s in statements if s.subject.digest == digest]
    return tuple(_newest(gate, sha256, environment, about, trusted, now) for gate, sha256 in gates.items())


def entry(
    environment: str, digest: str, statements: Sequence[Statement], trusted: Trust, now: datetime
) -> tuple[Proof, ...]:
    """What let ``digest`` into ``environment``: an override, or its source's gates, however old."""
    if environment == ENVIRONMENTS[0]:
        return ()
    source = ENVIRONMENTS[ENVIRONMENTS.index(environment) - 1]
    about = [s for s in statements if s.subject.digest == digest]
    passed = tuple(_newest(gate, None, source, about, trusted, now) for gate in trusted.of(source))
    opened = [s for s in about if s.override and s.override.target_environment == environment]
    if opened and not (passed and all(proof.counts or proof.expired for proof in passed)):
        return (_overridden(max(opened, key=lambda s: s.finished)),)
    return passed or (Proof("(none)", source, refused="no gate is set, so nothing is proven"),)


def _newest(
    gate: str, sha256: str | None, environment: str, about: Sequence[Statement], trusted: Trust, now: datetime
) -> Proof:
    from cxlib.evidence import rules

    mine = [s for s in about if s.gate == gate and s.environment == environment and not s.override]
    if not mine:
        return Proof(gate, environment)
    passes = [s for s in mine if s.verdict == "PASS"]
    newest = max(passes or mine, key=lambda s: s.finished)
    why = rules.void(newest, environment=environment, site=trusted.site, now=now, sha256=sha256)
    if fail := rules.revoked_by(newest, mine):
        why = f"revoked by the FAIL of {fail.finished:%Y-%m-%d %H:%M}: {fail.reason}"
    unaged = rules.void(
        newest, environment=environment, site=trusted.site, now=newest.finished, sha256=sha256
    )
    expired = bool(why) and now >= newest.expires and not unaged and not fail
    return Proof(
        gate,
        environment,
        newest.verdict,
        newest.finished,
        newest.expires,
        why or ("" if newest.verdict == "PASS" else newest.reason),
        expired and newest.verdict == "PASS",
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
