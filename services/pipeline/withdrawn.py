"""What was rolled back from an environment doesn't come there again by itself, also not by hand from Argo."""

from __future__ import annotations

from datetime import UTC, datetime

from cxlib.evidence import envelope, rules
from cxlib.evidence.statement import EvidenceRefused, Statement
from services.pipeline import logbook, proof, tracking
from services.pipeline.pace import waited_out
from services.pipeline.tracking import Run
from services.pipeline.world import World


def require_welcome(version: str, digest: str, target: str, world: World) -> Statement | None:
    """``digest`` was not rolled back from ``target`` since it came there last, or a person opens the way.

    Returns the override that opens it, None where there is no need of one. Raises ``EvidenceRefused``
    that names the rollback, ``WaitTimedOut``.
    """
    away = waited_out("MLflow", lambda: _taken_away(world.mlflow, digest, target), world.pace)
    if away is None:
        return None
    opened = waited_out("evidence", lambda: _override(world, digest, target, away.started), world.pace)
    if opened is None:
        by = away.tags.get("cx.workflow", "somebody")
        raise EvidenceRefused(
            f"model {version} was rolled back from {target} at {away.started:%Y-%m-%d %H:%M} UTC by {by}: "
            "it comes again only with an override that is newer"
        )
    return opened


def _taken_away(mlflow: str, digest: str, target: str) -> Run | None:
    """The newest rollback that took ``digest`` away from ``target``, unless it came back after that.

    A rollback counts that somebody has deleted from the log; a return doesn't.
    """
    left = {"cx.environment": target, "cx.outcome": logbook.ROLLED_BACK, "cx.from-digest": digest}
    away = next(tracking.search(mlflow, logbook.EXPERIMENT, left, deleted=True), None)
    if away is None:
        return None
    came = tracking.search(mlflow, logbook.EXPERIMENT, {"cx.environment": target, "cx.digest": digest})
    back = any(run.tags["cx.outcome"] in logbook.WHOLE and run.started >= away.started for run in came)
    return None if back else away


def _override(world: World, digest: str, target: str, since: datetime) -> Statement | None:
    """An override for ``digest`` to ``target`` that was given after ``since`` and holds, or None."""
    trusted, now = proof.trust(world.cluster), datetime.now(UTC)
    for raw in proof.envelopes(world.mlflow, digest):
        try:
            told = envelope.verify(raw, trusted.public_key)
        except EvidenceRefused:
            continue
        opens = told.override is not None and told.override.target_environment == target
        about = told.subject.digest == digest and told.finished > since
        if (
            opens
            and about
            and rules.void(told, environment=told.environment, site=trusted.site, now=now) is None
        ):
            return told
    return None
