"""Pods that will not come up by waiting, and what they say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cxlib.clients.kube import ANSWER_SECONDS, Kube, Object
from cxlib.errors import StageFailed, Unreachable

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


def unready(pods: list[Object]) -> list[str]:
    """The pods that neither serve nor have done their work, each with why it isn't scheduled if so."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        if ready(pod) or status.get("phase") == "Succeeded":
            continue
        conditions = status.get("conditions") or []
        why = next((c.get("message", "") for c in conditions if c.get("reason") == "Unschedulable"), "")
        found.append(f"{pod['metadata']['name']} {status.get('phase', '')} {why}".strip())
    return found


def execute(kube: Kube, namespace: str, pod: str, container: str, argv: Sequence[str]) -> str:
    """What ``argv`` writes to stdout inside a running container.

    Raises ``StageFailed`` with its stderr when it exits with anything but 0, ``Unreachable``.
    """
    from kubernetes.client import ApiClient, ApiException, CoreV1Api
    from kubernetes.stream import stream

    core = CoreV1Api(ApiClient(kube.configuration))  # of its own: streaming rewires the client
    try:
        channel = stream(
            core.connect_get_namespaced_pod_exec, pod, namespace, container=container, command=list(argv),
            stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
        )  # fmt: skip
        channel.run_forever(timeout=ANSWER_SECONDS)
        out, err, code = channel.read_stdout(timeout=1), channel.read_stderr(timeout=1), channel.returncode
        channel.close()
    except (ApiException, OSError) as exc:
        raise Unreachable(f"exec in {namespace}/{pod}: {exc}") from exc
    if code != 0:
        lines = err.strip().splitlines() or [f"exit {code}"]
        said = lines[-1] if len(lines) == 1 else "\n".join([lines[-1], *lines])  # programs end with the cause
        raise StageFailed(f"{' '.join(argv[:2])} in {namespace}/{pod}", wanted="exit 0", seen=said)
    return str(out)


def running_digests(kube: Kube, namespace: str, container: str, *, labels: str = "") -> set[str]:
    """The image digests (``sha256:…``) that ``container`` runs in the ready pods of ``namespace``."""
    return digests(kube.list("Pod", namespace, labels=labels), container)


def digests(pods: Sequence[Object], container: str) -> set[str]:
    """The image digests that ``container`` runs in those of ``pods`` that are ready."""
    found = set()
    for pod in pods:
        for status in statuses(pod):
            if status["name"] == container and ready(pod) and "@" in status.get("imageID", ""):
                found.add(status["imageID"].rsplit("@", 1)[1])
    return found
