"""Point staging's Argo CD Application at an image, and stay until it serves that image.

Nothing here asks for evidence, so it deploys to staging only: from there on, promotions do.
"""

from __future__ import annotations

from typing import Any

from cxlib.errors import StageFailed
from cxlib.wait import Look, wait_until
from services.pipeline import model, rollout
from services.pipeline.cluster import REFRESH, Cluster, Conflict
from services.pipeline.pace import Pace
from services.pipeline.target import SOURCES, Wanted, parameters

_PATCHED_WITHIN = 30.0


def deploy(to: Wanted, cluster: Cluster, served_at: str, mlflow: str, pace: Pace) -> None:
    """Deploy ``to``; returns when staging at ``served_at`` (URL) was seen to serve it.

    For an image with a model the MLflow alias moves last. Raises ``StageFailed`` and its kin with
    Argo CD's own message, before anything is touched for an environment that is promoted to.
    """
    if to.environment in SOURCES:
        seen = f"{to.environment}, which is promoted to: submit promote-model"
        raise StageFailed("environment", wanted="staging", seen=seen)
    wait_until(f"Application {to.application}", lambda: _point(to, cluster), wanted="changed",
               within=_PATCHED_WITHIN, every=pace.every)  # fmt: skip
    rollout.wait_synced(to, cluster, pace)
    rollout.see_served(to, served_at, pace)
    if to.version != "0":
        model.set_alias(mlflow, to.environment, to.version)


def _point(to: Wanted, cluster: Cluster) -> Look[bool]:
    """Set the parameters as a compare-and-set, and have Argo CD look at once."""
    app = cluster.application(to.application)
    change: dict[str, Any] = {"metadata": {"annotations": {REFRESH: "normal"}}}
    if parameters(app.get("spec", {}).get("source", {})) != to.names:
        change["spec"] = {"source": {"helm": {"parameters": to.parameters}}}
    try:
        cluster.patch_application(to.application, change, app["metadata"]["resourceVersion"])
    except Conflict as exc:
        return Look(str(exc))
    return Look.found(True)
