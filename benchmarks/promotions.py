"""How long the newest promotion and rollback of the local site took, by their workflows' own records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from benchmarks.figure import Figure, at_most
from cxlib import settings
from cxlib.clients import workflows
from cxlib.clients.kube import Kube, Object

PROMOTION_MINUTES, OVERHEAD, ROLLBACK_SECONDS = 2.0, 1.3, 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A workflow that succeeded. ``took``: seconds from its creation to its end; ``pods``: sum of its pods'
    own; ``environment`` is the one that it changed."""

    name: str
    environment: str
    end: str
    took: float
    pods: float


def stored() -> list[Figure]:
    """What the cluster keeps of them. Raises ``CxError`` when it cannot be asked."""
    kube = Kube(settings.load_site("local").kubeconfig)
    promotion, rollback = newest(kube, "promote-model"), newest(kube, "rollback-model")
    figures = []
    if promotion:
        into = f"to {promotion.environment}"
        ratio = promotion.took / promotion.pods
        figures += [
            at_most(f"promotion {into}", promotion.took / 60, PROMOTION_MINUTES, "min"),
            at_most(f"promotion {into} against its pods' own time", ratio, OVERHEAD, "x"),
        ]
    if rollback:
        of = f"rollback of {rollback.environment}, all of it"
        figures.append(at_most(of, rollback.took, ROLLBACK_SECONDS, "s"))
    return figures or [Figure("promotion, rollback", "none is stored: run --env=production, `cx rollback`")]


def newest(kube: Kube, template: str) -> Ended | None:
    """The workflow of ``template`` that succeeded last; None without one."""
    label = f"{workflows.TEMPLATE_LABEL}={template}"
    found = kube.list("Workflow", workflows.NAMESPACE, labels=label)
    ended = [_ended(w) for w in found if w.get("status", {}).get("phase") == "Succeeded"]
    return max(ended, key=lambda w: w.end, default=None)


def _ended(workflow: Object) -> Ended:
    meta, status = workflow["metadata"], workflow["status"]
    given: dict[str, Any] = {p["name"]: p.get("value") for p in workflow["spec"]["arguments"]["parameters"]}
    pods = [n for n in status["nodes"].values() if n["type"] == "Pod"]
    return Ended(
        name=meta["name"],
        environment=given.get("target-environment") or given["environment"],
        end=status["finishedAt"],
        took=_seconds(meta["creationTimestamp"], status["finishedAt"]),
        pods=sum(_seconds(n["startedAt"], n["finishedAt"]) for n in pods),
    )


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
