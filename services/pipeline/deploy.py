"""Point an environment's Argo CD Application at an image, and stay until it serves that image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cxlib.errors import StageFailed, Unreachable
from cxlib.wait import Look, wait_until
from services.pipeline import model, registry, web
from services.pipeline.cluster import Cluster, Conflict
from services.pipeline.image import REPOSITORY

ENVIRONMENTS = ("staging", "canary", "production")
_REFRESH = "argocd.argoproj.io/refresh"
_SEEN_IN_A_ROW = 3
_SERVED_WITHIN = 60.0
_PATCHED_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to serve: a registered version ("0": none), its tag, its digest."""

    environment: str
    version: str
    tag: str
    digest: str

    @property
    def application(self) -> str:
        return f"birdclef-{self.environment}"

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The Application's Helm parameters; the deploy workflow owns this whole list."""
        named = {"image.tag": self.tag, "image.digest": self.digest, "model.version": self.version}
        return [{"name": name, "value": value, "forceString": True} for name, value in named.items()]


def wanted(target: str, environment: str, version: str) -> Wanted:
    """What ``environment`` is to serve, its digest looked up in the registry ``target``."""
    if environment not in ENVIRONMENTS:
        raise StageFailed("environment", wanted=" or ".join(ENVIRONMENTS), seen=environment)
    tag = f"{environment}-1.0.{version}"
    there = registry.manifest(target, REPOSITORY, tag)
    if there is None:
        raise StageFailed(f"image {REPOSITORY}:{tag}", wanted="in the registry", seen="no such tag")
    return Wanted(environment, version, tag, there.digest)


def deploy(to: Wanted, cluster: Cluster, served_at: str, mlflow: str, *, within: float) -> None:
    """Deploy ``to``; returns when the environment at ``served_at`` (URL) was seen to serve it.

    For staging with a model the MLflow alias moves last. ``within`` is in seconds. Raises
    ``StageFailed`` and its kin with Argo CD's own message.
    """
    wait_until(f"Application {to.application}", lambda: _point(to, cluster), wanted="changed",
               within=_PATCHED_WITHIN)  # fmt: skip
    wait_until(f"Application {to.application}", lambda: _look(to, cluster),
               wanted=f"Synced and Healthy at {to.tag}", within=within, every=2)  # fmt: skip
    _see_served(to, served_at)
    if to.environment == "staging" and to.version != "0":
        model.set_alias(mlflow, "staging", to.version)


def _point(to: Wanted, cluster: Cluster) -> Look[bool]:
    """Set the parameters as a compare-and-set, and have Argo CD look at once."""
    app = cluster.application(to.application)
    change: dict[str, Any] = {"metadata": {"annotations": {_REFRESH: "normal"}}}
    if _parameters(app.get("spec", {}).get("source", {})) != _names(to):
        change["spec"] = {"source": {"helm": {"parameters": to.parameters}}}
    try:
        cluster.patch_application(to.application, change, app["metadata"]["resourceVersion"])
    except Conflict as exc:
        return Look(str(exc))
    return Look.found(True)


def _look(to: Wanted, cluster: Cluster) -> Look[bool]:
    try:
        app = cluster.application(to.application)
        look = judge(app, to)
        if look.seen == "OutOfSync" and "automated" not in app["spec"].get("syncPolicy", {}):
            _sync(to, cluster, app)
        return look
    except (Unreachable, Conflict) as exc:
        return Look(str(exc))


def _sync(to: Wanted, cluster: Cluster, app: dict[str, Any]) -> None:
    operation = {"initiatedBy": {"username": "deploy-container-image"}, "sync": {}}
    cluster.patch_application(to.application, {"operation": operation}, app["metadata"]["resourceVersion"])


def judge(app: dict[str, Any], to: Wanted) -> Look[bool]:
    """Whether the Application ``app`` has come to ``to``: compared at that very source, synced to it,
    no operation left, and healthy. Hopeless when somebody pointed it elsewhere, or the sync failed.
    """
    if _parameters(app["spec"]["source"]) != _names(to):
        return Look("another deployment changed the Application's parameters", hopeless=True)
    status = app.get("status", {})
    errors = [c["message"] for c in status.get("conditions", []) if c["type"].endswith("Error")]
    operation = status.get("operationState", {})
    if "operation" in app or operation.get("phase") in ("Running", "Terminating"):
        return Look(f"operation {operation.get('phase', 'about to run')}: {operation.get('message', '')}")
    if _parameters(status.get("sync", {}).get("comparedTo", {}).get("source", {})) != _names(to):
        return Look("not compared yet" + "".join(f"; {error}" for error in errors))
    ran_at = operation.get("syncResult", {}).get("source", {})
    if operation.get("phase") in ("Failed", "Error") and _parameters(ran_at) == _names(to):
        return Look(f"sync {operation['phase']}: {operation.get('message', '')}", hopeless=True)
    sync, health = status["sync"]["status"], status.get("health", {})
    if sync != "Synced":
        return Look(sync + "".join(f"; {error}" for error in errors))
    if health.get("status") != "Healthy":
        return Look(f"Synced, {health.get('status')}: {health.get('message', '')}")
    return Look.found(True, "Synced, Healthy")


def _parameters(source: dict[str, Any]) -> dict[str, str]:
    return {p["name"]: p.get("value", "") for p in source.get("helm", {}).get("parameters", [])}


def _names(to: Wanted) -> dict[str, str]:
    return _parameters({"helm": {"parameters": to.parameters}})


def _see_served(to: Wanted, served_at: str) -> None:
    """Several answers in a row: right after a rollout an old pod may still answer now and then."""
    row = 0
    expected = {"model_version": None if to.version == "0" else to.version, "image_digest": to.digest}

    def look() -> Look[bool]:
        nonlocal row
        try:
            answer = web.call("GET", f"{served_at}/version", answer_within=5)
        except Unreachable as exc:
            row = 0
            return Look(str(exc))
        data = answer.data if isinstance(answer.data, dict) else {}
        row = row + 1 if {key: data.get(key, "") for key in expected} == expected else 0
        return Look(answer.text[:200], True, done=row >= _SEEN_IN_A_ROW)

    wait_until(f"{served_at}/version", look, wanted=str(expected), within=_SERVED_WITHIN, every=0.5)
