"""All gates that MLflow keeps, each with what its signed statement is worth now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Found, Tracking
from cxlib.evidence import EXPERIMENT, envelope, rules
from cxlib.evidence.statement import EvidenceRefused, Statement
from cxlib.settings import Site
from cxlib.stage import evidence, platform, trust

_MOST = 300  # runs that are looked at, newest first: a FAIL that isn't listed revokes all the same


@dataclass(frozen=True, slots=True)
class Entry:
    """One MLflow run of a gate: what its tags say, and what its signed statement is worth.

    ``statement`` is None when there is no envelope that can be believed; ``why`` then says so.
    """

    run: Found
    statement: Statement | None
    state: rules.State
    why: str


def entries(
    site: Site,
    *,
    environment: str = "",
    digest: str = "",
    gate: str = "",
    most: int = 50,
    kube: Kube | None = None,
) -> list[Entry]:
    """The newest gates that MLflow keeps, each with what it is worth now; newest first.

    Deleted runs are among them, as they still count.
    """
    believed = trust.read(kube or platform.connect(site))
    tracking = Tracking(site.url("mlflow"))
    # not by environment: a FAIL in another one revokes as well
    wanted = {key: value for key, value in (("cx.digest", digest), ("cx.gate", gate)) if value}
    runs = tracking.search(EXPERIMENT, wanted, _MOST, deleted=True)
    read = [_verified(raw, believed.public_key) for raw in evidence.envelopes(tracking, runs)]
    statements = [found for found, _ in read if found]
    now = datetime.now(UTC)
    listed = []
    for run, (found, why) in zip(runs, read, strict=True):
        if environment and environment != (found.environment if found else run.tags.get("cx.environment")):
            continue
        state = rules.State.VOID
        if found:
            sha256 = believed.gates(found.environment).get(found.gate)
            state, why = rules.state(found, statements, site=believed.site, now=now, sha256=sha256)
        listed.append(Entry(run, found, state, why))
    return listed[:most]


def _verified(raw: bytes | None, public_key: bytes) -> tuple[Statement | None, str]:
    if raw is None:
        return None, "it is not signed"
    try:
        return envelope.verify(raw, public_key), ""
    except EvidenceRefused as exc:
        return None, str(exc)
