"""Stay until an environment runs what its Application says: synced, healthy, seen to serve, used once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cxlib.errors import Unreachable, WaitTimedOut
from cxlib.wait import Look, wait_until
from services.pipeline import web
from services.pipeline.cluster import Cluster, Conflict
from services.pipeline.pace import Pace
from services.pipeline.target import Wanted

_SEEN_IN_A_ROW = 3
_STARTING = ("", "ContainerCreating", "PodInitializing")


def wait_synced(
    to: Wanted,
    cluster: Cluster,
    pace: Pace,
    *,
    meanwhile: Callable[[], None] | None = None,
    may_sync: bool = True,
) -> None:
    """Returns when Argo CD has brought the Application to ``to``: Synced, Healthy, operation succeeded.

    ``meanwhile`` is called between the looks; without ``may_sync`` nothing is written, also where nobody
    else would ask for the sync. Raises ``Unrecoverable`` when the sync failed, the
    rollout came to nothing or its pods are stuck, ``WaitTimedOut``; both with the pods' own reason.
    """
    watch = _Watch(to, cluster, pace, may_sync)

    def look() -> Look[bool]:
        if meanwhile:
            meanwhile()
        return watch.look()

    wait_until(f"Application {to.application}", look, wanted=f"Synced and Healthy at {to.tag}",
               within=pace.rollout, every=pace.every)  # fmt: skip


class _Watch:
    """The looks of one wait; remembers for how many of them the pods have been in trouble."""

    def __init__(self, to: Wanted, cluster: Cluster, pace: Pace, may_sync: bool) -> None:
        self._to, self._cluster, self._may_sync = to, cluster, may_sync
        self._most = max(2, round(pace.stuck / pace.every))
        self._bad = 0

    def look(self) -> Look[bool]:
        try:
            app = self._cluster.application(self._to.application)
            look = judge(app, self._to)
            by_hand = "automated" not in app["spec"].get("syncPolicy", {})
            if self._may_sync and by_hand and look.seen == "OutOfSync":
                _sync(self._to, self._cluster, app)
            return look if look.done or look.hopeless else self._pods(app, look)
        except (Unreachable, Conflict) as exc:
            return Look(str(exc))

    def _pods(self, app: dict[str, Any], look: Look[bool]) -> Look[bool]:
        if not look.seen.startswith("Synced"):
            self._bad = 0
            return look
        found = self._cluster.pods(app["spec"].get("destination", {}).get("namespace", ""))
        ours = [pod for pod in found if runs(pod, self._to)]
        bad = [why for pod in ours if (why := trouble(pod))]
        self._bad = self._bad + 1 if bad or look.seen.startswith("Synced, Degraded") else 0
        seen = "; ".join([look.seen, *(bad or [why for pod in ours if (why := unready(pod))])])
        return Look(seen, hopeless=self._bad > self._most)


def runs(pod: dict[str, Any], to: Wanted) -> bool:
    """Whether a pod's image is the wanted one: by its digest, or by its tag where there is none."""
    end = f"@{to.digest}" if to.digest else f":{to.tag}"
    return any(c["image"].endswith(end) for c in pod["spec"]["containers"])


def trouble(pod: dict[str, Any]) -> str:
    """What keeps a pod's container from running, in Kubernetes' words; empty while it may still come up."""
    for container in pod.get("status", {}).get("containerStatuses") or []:
        state = container.get("state") or {}
        waiting = state.get("waiting") or {}
        ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
        reason = waiting.get("reason", "")
        if reason in _STARTING and not (state.get("terminated") and container.get("restartCount")):
            continue
        last = f" (last exit {ended['exitCode']})" if "exitCode" in ended else ""
        said = waiting.get("message") or ended.get("message") or ""
        return f"{pod['metadata']['name']} {reason or ended.get('reason', '')}: {said[:300]}{last}"
    return ""


def unready(pod: dict[str, Any]) -> str:
    """Why a pod isn't ready; empty when it is, or on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return ""
    for condition in pod.get("status", {}).get("conditions") or []:
        if condition["type"] in ("PodScheduled", "Ready") and condition["status"] != "True":
            why = condition.get("message") or condition.get("reason") or "no reason given"
            return f"{pod['metadata']['name']} isn't ready: {why}"
    return ""


def _sync(to: Wanted, cluster: Cluster, app: dict[str, Any]) -> None:
    operation = {"initiatedBy": {"username": "birdclef-pipeline"}, "sync": {}}
    cluster.patch_application(to.application, {"operation": operation}, app["metadata"]["resourceVersion"])


def judge(app: dict[str, Any], to: Wanted) -> Look[bool]:
    """Whether the Application ``app`` has come to ``to``: compared at that very source, synced to it,
    no operation left, and healthy. Hopeless when somebody pointed it elsewhere, or the sync failed.
    """
    if not to.said_by(app["spec"]["source"]):
        return Look("another deployment changed the Application's parameters", hopeless=True)
    status = app.get("status", {})
    errors = [c["message"] for c in status.get("conditions", []) if c["type"].endswith("Error")]
    operation = status.get("operationState", {})
    if "operation" in app or operation.get("phase") in ("Running", "Terminating"):
        return Look(f"operation {operation.get('phase', 'about to run')}: {operation.get('message', '')}")
    if not to.said_by(status.get("sync", {}).get("comparedTo", {}).get("source", {})):
        return Look("not compared yet" + "".join(f"; {error}" for error in errors))
    ran_at = operation.get("syncResult", {}).get("source", {})
    if operation.get("phase") in ("Failed", "Error") and to.said_by(ran_at):
        return Look(f"sync {operation['phase']}: {operation.get('message', '')}", hopeless=True)
    sync, health = status["sync"]["status"], status.get("health", {})
    if sync != "Synced":
        return Look(sync + "".join(f"; {error}" for error in errors))
    if health.get("status") != "Healthy":
        return Look(f"Synced, {health.get('status')}: {health.get('message', '')}")
    return Look.found(True, "Synced, Healthy")


def revision(app: dict[str, Any]) -> str:
    """The commit that Argo CD runs for the Application ``app``; empty before its first sync."""
    return str(app.get("status", {}).get("sync", {}).get("revision") or "")


def serves(to: Wanted, served_at: str) -> tuple[bool, str]:
    """Whether ``served_at`` (URL) answers as ``to`` now, and what it answered."""
    expected = _expected(to)
    try:
        answer = web.call("GET", f"{served_at}/version", answer_within=5)
    except Unreachable as exc:
        return False, str(exc)
    data = answer.data if isinstance(answer.data, dict) else {}
    return {key: data.get(key, "") for key in expected} == expected, answer.text[:200]


def served_lately(to: Wanted, served_at: str, pace: Pace) -> bool:
    """Whether ``served_at`` answers as ``to``, if not at once then within the pace's silence."""

    def look() -> Look[bool]:
        right, seen = serves(to, served_at)
        return Look(seen, True, done=right)

    try:
        return wait_until(f"{served_at}/version", look, wanted=str(_expected(to)),
                          within=pace.silence, every=pace.every / 4)  # fmt: skip
    except WaitTimedOut:
        return False


def see_served(to: Wanted, served_at: str, pace: Pace) -> None:
    """Several answers in a row: right after a rollout an old pod may still answer now and then.

    Raises ``WaitTimedOut`` with the last answer.
    """
    row = 0

    def look() -> Look[bool]:
        nonlocal row
        right, seen = serves(to, served_at)
        row = row + 1 if right else 0
        return Look(seen, True, done=row >= _SEEN_IN_A_ROW)

    wait_until(f"{served_at}/version", look, wanted=str(_expected(to)),
               within=pace.served, every=pace.every / 4)  # fmt: skip


def smoke(to: Wanted, served_at: str, question: str, pace: Pace) -> None:
    """Ask the service that ``to`` is to be once, for real: ``question`` is the JSON body for ``/predict``.

    Raises ``StageFailed`` when it refuses, gives no prediction, or another version answers.
    """

    def ask() -> Look[bool]:
        try:
            answer = web.call("POST", f"{served_at}/predict", data=question.encode(), answer_within=10,
                              headers={"Content-Type": "application/json"})  # fmt: skip
        except Unreachable as exc:
            return Look(str(exc))
        if answer.status != 200 or not isinstance(answer.data, dict) or not answer.data.get("predictions"):
            return Look(f"HTTP {answer.status}: {answer.reason}", hopeless=True)
        version = answer.data.get("model_version", to.version)
        if version != to.version:
            return Look(f"a prediction of model version {version}", hopeless=True)
        return Look.found(True, answer.text[:200])

    wait_until(f"{served_at}/predict", ask, wanted=f"a prediction of model version {to.version}",
               within=pace.served, every=pace.every / 4)  # fmt: skip


def _expected(to: Wanted) -> dict[str, str | None]:
    model = None if to.version in ("", "0") else to.version
    by_tag = {"image_tag": to.tag} if not to.digest else {}
    return {"model_version": model, "image_digest": to.digest, **by_tag}
