"""What lets an image into an environment: the evidence of the environment before, checked in here.

The envelopes lie in MLflow, where anybody may write. What is believed is what the key in the
cluster's ConfigMap ``cx-trust`` has signed, about the gates that it lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cxlib.errors import StageFailed
from cxlib.evidence import EXPERIMENT, FILE, hindsight, rules
from cxlib.evidence import policy as policies
from cxlib.evidence.policy import Policy
from cxlib.evidence.rules import Accepted
from cxlib.evidence.statement import EvidenceRefused
from services.pipeline import tracking
from services.pipeline.cluster import Cluster

TRUST = ("argo", "cx-trust")


@dataclass(frozen=True, slots=True)
class Trust:
    """The harness's public key, the site's fingerprint, and which gates are and were asked for."""

    public_key: bytes
    site: str
    policy: Policy


def trust(cluster: Cluster) -> Trust:
    """What the cluster trusts. Raises ``EvidenceRefused`` when it was never told, ``Unreachable``."""
    try:
        data = cluster.configmap(*TRUST)
        return Trust(data["public-key.pem"].encode(), data["site"], policies.read(data))
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
        gates=trusted.policy.gates(source), site=trusted.site, now=now, target=target,
    )  # fmt: skip


def for_rollback(
    cluster: Cluster, mlflow: str, source: str, target: str, digest: str, now: datetime
) -> Accepted:
    """The evidence that once let ``digest`` into ``target`` and was not revoked since.

    It is judged as of its own time, by the gates that were asked for then: what served well last week
    may serve again tonight. Raises ``EvidenceRefused`` with every reason, ``Unreachable``.
    """
    trusted = trust(cluster)
    return hindsight.accept(
        envelopes(mlflow, digest), public_key=trusted.public_key, digest=digest, source=source,
        target=target, policy=trusted.policy, site=trusted.site, now=now,
    )  # fmt: skip
