"""Pods that will not come up by waiting, and what they say about it."""

from __future__ import annotations

from dataclasses import dataclass

from cxlib.clients.kube import Kube, Object

# Reasons of a waiting container that do not mend themselves, or only by chance.
STUCK = frozenset(
    {
        "ImagePullBackOff",
        "ErrImagePull",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A container that keeps failing to start."""

    pod: str
    container: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.pod}/{self.container} {self.reason}: {self.message}".rstrip(": ")


def statuses(pod: Object) -> list[Object]:
    """The states of all containers of ``pod``, init containers first."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def troubles(pods: list[Object]) -> list[Trouble]:
    """The containers of ``pods`` that are stuck now, in order of the pods."""
    found = []
    for pod in pods:
        for container in statuses(pod):
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in STUCK:
                last = ((container.get("lastState") or {}).get("terminated")) or {}
                said = waiting.get("message") or last.get("message") or ""
                exit_code = f" (last exit {last['exitCode']})" if "exitCode" in last else ""
                name = pod["metadata"]["name"]
                found.append(Trouble(name, container["name"], waiting["reason"], f"{said}{exit_code}"))
    return found


def ready(pod: Object) -> bool:
    """Whether the pod serves: it is Ready and not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return is_ready and not pod["metadata"].get("deletionTimestamp")


def running_digests(kube: Kube, namespace: str, container: str, *, labels: str = "") -> set[str]:
    """The image digests (``sha256:…``) that ``container`` runs in the ready pods of ``namespace``."""
    found = set()
    for pod in kube.list("Pod", namespace, labels=labels):
        for status in statuses(pod):
            if status["name"] == container and ready(pod) and "@" in status.get("imageID", ""):
                found.add(status["imageID"].rsplit("@", 1)[1])
    return found
