"""What lets an image into an environment: the evidence of the environment before, checked in here.

The envelopes lie in MLflow, where anybody may write. What is believed is what the key in the
cluster's ConfigMap ``cx-trust`` has signed, about the gates that it lists.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cxlib.errors import StageFailed
from cxlib.evidence import EXPERIMENT, FILE, envelope, rules
from cxlib.evidence.rules import Accepted
from cxlib.evidence.statement import EvidenceRefused, Statement
from services.pipeline import tracking
from services.pipeline.cluster import Cluster

TRUST = ("argo", "cx-trust")


@dataclass(frozen=True, slots=True)
class Trust:
    """The harness's public key, the site's fingerprint, and each environment's gates with their hashes."""

    public_key: bytes
    site: str
    gates: Mapping[str, Mapping[str, str]]


def trust(cluster: Cluster) -> Trust:
    """What the cluster trusts. Raises ``EvidenceRefused`` when it was never told, ``Unreachable``."""
    try:
        data = cluster.configmap(*TRUST)
        policy = json.loads(data["policy.json"])
        gates = {environment: dict(entry["gates"]) for environment, entry in policy.items()}
        return Trust(data["public-key.pem"].encode(), data["site"], gates)
    except (StageFailed, KeyError, ValueError, TypeError, AttributeError) as exc:
        said = f"ConfigMap {'/'.join(TRUST)} can't be used, so nothing is believed: {exc!r}"
        raise EvidenceRefused(said) from exc


def envelopes(mlflow: str, digest: str) -> list[bytes]:
    """Every envelope about the image ``digest`` that MLflow has, of deleted runs as well: a FAIL that
    somebody deleted still counts. Raises ``Unreachable``."""
    found = []
    for run in tracking.search(mlflow, EXPERIMENT, {"cx.digest": digest}, deleted=True):
        content = tracking.artifact(mlflow, run.run_id, FILE)
        if content is not None:
            found.append(content)
    return found


def for_promotion(
    cluster: Cluster, mlflow: str, source: str, target: str, digest: str, now: datetime
) -> Accepted:
    """The evidence that lets ``digest`` go from ``source`` to ``target``.

    Raises ``EvidenceRefused`` with every reason, ``Unreachable``.
    """
    trusted = trust(cluster)
    return rules.accept(
        envelopes(mlflow, digest), public_key=trusted.public_key, digest=digest, environment=source,
        gates=trusted.gates.get(source, {}), site=trusted.site, now=now, target=target,
    )  # fmt: skip


def for_rollback(
    cluster: Cluster, mlflow: str, source: str, target: str, digest: str, now: datetime
) -> Accepted:
    """The evidence that once let ``digest`` into ``target`` and was not revoked since.

    It is judged as of its own time, by the text that its gates had then: what served well last week
    may serve again tonight. Raises ``EvidenceRefused`` with every reason, ``Unreachable``.
    """
    trusted = trust(cluster)
    raw = envelopes(mlflow, digest)
    told = [s for one in raw if (s := _believed(one, trusted.public_key))]
    of_source = [s for s in told if s.environment == source and s.subject.digest == digest]
    bad = _last_failed([s for s in told if s.environment == target and s.subject.digest == digest])
    if bad:
        raise EvidenceRefused(f"it failed gate '{bad.gate}' of {target} at last: {bad.reason}")
    then = max((s.finished for s in of_source if s.verdict == "PASS" or s.override), default=now)
    latest = {
        s.gate: s.gate_sha256 for s in sorted(of_source, key=lambda s: s.finished) if s.verdict == "PASS"
    }
    gates = {gate: latest.get(gate, sha256) for gate, sha256 in trusted.gates.get(source, {}).items()}
    return rules.accept(
        raw, public_key=trusted.public_key, digest=digest, environment=source, gates=gates,
        site=trusted.site, now=min(now, then), target=target,
    )  # fmt: skip


def _believed(raw: bytes, public_key: bytes) -> Statement | None:
    try:
        return envelope.verify(raw, public_key)
    except EvidenceRefused:
        return None  # counted and told by rules.accept


def _last_failed(told: list[Statement]) -> Statement | None:
    """The newest verdict of a gate that is a FAIL, or None."""
    newest = {s.gate: s for s in sorted(told, key=lambda s: s.finished)}
    return next((s for s in newest.values() if s.verdict == "FAIL"), None)
