"""Argo CD Applications: what should run, and whether it does. Spoken to through their objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxlib.clients import pod
from cxlib.clients.kube import REFRESH, Kube, Object
from cxlib.wait import Budget, Look, wait_until

NAMESPACE = "argocd"
API = "argoproj.io/v1alpha1"
# Who writes the parameters that an Application starts with. From then on its deployer owns them.
FIRST_WRITER = "cx-first"
# Seconds between two looks: what ends in one is not waited for twice as long.
EVERY = 0.25
# Looks (of 40 s) that a pod may be stuck for before it is given up: registries hiccup.
PATIENCE = 40 / EVERY
_DEFINITE = ("anifest generation error", "app path does not exist", "application spec", "InvalidSpecError")


@dataclass(frozen=True, slots=True)
class State:
    """One look at an Application. ``current`` is false while its status is about something older."""

    name: str
    sync: str
    health: str
    revision: str
    operation: str
    message: str
    current: bool
    conditions: tuple[str, ...]

    def __str__(self) -> str:
        said = "; ".join(self.conditions) or self.message
        stale = "" if self.current else " (not looked at yet)"
        running = f", operation {self.operation}" if self.operation else ""
        return f"{self.sync}/{self.health}{stale}{running}" + (f": {said}" if said else "")


def manifest(
    name: str,
    *,
    repository: str,
    path: str,
    namespace: str,
    project: str,
    values: Mapping[str, Any] | None = None,
    value_files: Sequence[str] = (),
    revision: str | None = "main",
) -> Object:
    """An Application of the Helm chart at ``path``, synced by itself and healed by itself.

    ``helm.parameters`` is left out on purpose: the deploy workflow owns it, and the ``revision`` too where
    that is None.
    """
    helm: Object = {}
    if values is not None:
        helm["valuesObject"] = dict(values)
    if value_files:
        helm["valueFiles"] = list(value_files)
    source: Object = {"repoURL": repository, "path": path}
    if revision:
        source["targetRevision"] = revision
    if helm:
        source["helm"] = helm
    return {
        "apiVersion": API,
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "project": project,
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "retry": {"limit": 4, "backoff": {"duration": "3s", "factor": 2, "maxDuration": "20s"}},
            },
        },
    }


def ensure(
    kube: Kube,
    wanted: Object,
    first_parameters: Mapping[str, str] | None = None,
    first_revision: str | None = None,
) -> bool:
    """Bring the Application to ``wanted``; whether that changed anything.

    ``first_parameters`` and ``first_revision`` are set only when the Application is made, before it may
    sync, and are never touched again.
    """
    name = wanted["metadata"]["name"]
    if first_parameters and kube.get("Application", name, NAMESPACE) is None:
        kube.apply(_unborn(wanted, first_parameters, first_revision), manager=FIRST_WRITER)
        kube.apply(wanted)
        return True
    return kube.apply(wanted).changed


def _unborn(wanted: Object, parameters: Mapping[str, str], revision: str | None) -> Object:
    """``wanted`` with what it starts with, without the policy that would let it sync already."""
    listed = [{"name": k, "value": v} for k, v in parameters.items()]
    spec = {k: v for k, v in wanted["spec"].items() if k != "syncPolicy"}
    source = {**spec["source"], "helm": {"parameters": listed}}
    if revision:
        source["targetRevision"] = revision
    return {**wanted, "spec": {**spec, "source": source}}


def refresh(kube: Kube, name: str) -> None:
    """Ask Argo CD to look at git now: by itself it looks every three minutes."""
    kube.patch("Application", name, NAMESPACE, {"metadata": {"annotations": {REFRESH: "normal"}}})


def state(found: Object) -> State:
    """What an Application's object says about itself."""
    status = found.get("status") or {}
    sync = status.get("sync") or {}
    operation = status.get("operationState") or {}
    compared = (sync.get("comparedTo") or {}).get("source") or {}
    asked = REFRESH in (found["metadata"].get("annotations") or {})
    return State(
        name=found["metadata"]["name"],
        sync=sync.get("status", "Unknown"),
        health=(status.get("health") or {}).get("status", "Unknown"),
        revision=sync.get("revision", ""),
        operation="Running" if found.get("operation") else operation.get("phase", ""),
        message=operation.get("message", "") if operation.get("phase") != "Succeeded" else "",
        current=not asked and _pruned(compared) == _pruned(found["spec"]["source"]),
        conditions=tuple(
            f"{c['type']}: {c['message']}"
            for c in status.get("conditions") or []
            if c["type"].endswith("Error")
        ),
    )


def parameters(found: Object) -> dict[str, str]:
    """The Helm parameters of an Application, as its deployer set them."""
    listed = (found["spec"]["source"].get("helm") or {}).get("parameters") or []
    return {p["name"]: p.get("value", "") for p in listed}


def wait_synced(kube: Kube, name: str, revision: str, *, within: float = Budget.SYNC) -> State:
    """Wait until the Application runs ``revision``: Synced to it, Healthy, no operation under way.

    A failed operation from before is started again once. Raises ``Unrecoverable`` for an
    operation that failed now, a chart that does not render, or pods stuck for long.
    """
    refresh(kube, name)
    watcher = _Watcher(kube, name, revision)
    return wait_until(
        f"Application {name}", watcher.look, wanted="Synced and Healthy", within=within, every=EVERY
    )


class _Watcher:
    """The looks of one wait; remembers how long pods have been stuck and what was retried."""

    def __init__(self, kube: Kube, name: str, revision: str) -> None:
        self._kube, self._name, self._revision = kube, name, revision
        self._stuck = 0
        self._retried: str | None = None

    def look(self) -> Look[State]:
        found = self._kube.get("Application", self._name, NAMESPACE)
        if found is None:
            return Look("no such Application", hopeless=True)
        now = state(found)
        there = now.current and now.revision == self._revision
        if there and now.sync == "Synced" and now.health == "Healthy" and now.operation != "Running":
            return Look.found(now, str(now))
        if now.current and any(word in c for c in now.conditions for word in _DEFINITE):
            return Look(str(now), hopeless=True)
        if there and now.sync != "Synced" and now.operation in ("Failed", "Error"):
            return self._failed(found, now)
        return self._pods(found, now) if there else Look(_with_revision(now, self._revision))

    def _failed(self, found: Object, now: State) -> Look[State]:
        """An operation that failed before this wait gets one more try; one of this wait is final."""
        started = found["status"]["operationState"].get("startedAt", "")
        if self._retried is None:
            self._retried = started
            _sync(self._kube, self._name, self._revision)
            return Look(f"{now}; trying again")
        return Look(str(now), hopeless=started != self._retried)

    def _pods(self, found: Object, now: State) -> Look[State]:
        namespace = found["spec"]["destination"]["namespace"]
        pods = self._kube.list("Pod", namespace)
        stuck = pod.troubles(pods)
        self._stuck = self._stuck + 1 if stuck else 0
        seen = "; ".join([str(now), *map(str, stuck[:3] or pod.unready(pods)[:3])])
        return Look(seen, hopeless=self._stuck > PATIENCE)


def _sync(kube: Kube, name: str, revision: str) -> None:
    operation = {"initiatedBy": {"username": "cx"}, "sync": {"revision": revision, "prune": True}}
    kube.patch("Application", name, NAMESPACE, {"operation": operation})


def _with_revision(now: State, wanted: str) -> str:
    return (
        str(now) if now.revision == wanted else f"{now}, at {now.revision[:8] or 'nothing'} of {wanted[:8]}"
    )


def _pruned(value: Any) -> Any:
    """``value`` without empty parts, which Argo CD drops and adds as it likes."""
    if isinstance(value, dict):
        kept = {k: _pruned(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in (None, "", [], {})}
    return [_pruned(v) for v in value] if isinstance(value, list) else value
