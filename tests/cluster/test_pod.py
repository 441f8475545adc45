"""Pods that are stuck, as the API server keeps what a kubelet says of them."""

from __future__ import annotations

from cxlib.clients import pod
from cxlib.clients.kube import Kube, Object
from cxlib.clients.registry import ClusterDoor


def running(kube: Kube, namespace: str, name: str, status: Object) -> Object:
    """A pod with a status that the test, in the kubelet's place, gives it."""
    container = {"name": "app", "image": "example/app"}
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}}
    kube.create({**made, "spec": {"containers": [container]}})
    resource = kube._resource("Pod", None)
    resource.status.patch(
        body={"status": status}, name=name, namespace=namespace, content_type="application/merge-patch+json"
    )
    found = kube.get("Pod", name, namespace)
    assert found is not None
    return found


def container(image: str = "", **state: Object) -> Object:
    return {
        "name": "app",
        "image": "example/app",
        "imageID": image,
        "ready": False,
        "restartCount": 2,
        **state,
    }


READY = {"type": "Ready", "status": "True"}


def test_a_stuck_pod_says_why(kube: Kube, namespace: str) -> None:
    """ImagePullBackOff and its like don't show in an Application: there it is Progressing for minutes."""
    waiting = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such tag"}}}
    found = running(kube, namespace, "stuck", {"containerStatuses": [container(**waiting)]})
    assert [str(t) for t in pod.troubles([found])] == ["stuck/app ImagePullBackOff: no such tag"]


def test_a_crashing_pod_tells_its_exit(kube: Kube, namespace: str) -> None:
    """The last exit is the first thing to look at."""
    ended = {"exitCode": 3, "reason": "Error"}
    state = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
    found = running(kube, namespace, "crash", {"containerStatuses": [container(**state)]})
    (trouble,) = pod.troubles([found])
    assert "CrashLoopBackOff" in str(trouble)
    assert "last exit 3" in str(trouble)


def test_a_starting_pod_is_no_trouble(kube: Kube, namespace: str) -> None:
    """Pulling an image takes its time."""
    waiting = {"state": {"waiting": {"reason": "ContainerCreating"}}}
    found = running(kube, namespace, "new", {"containerStatuses": [container(**waiting)]})
    assert not pod.troubles([found])


def test_an_unschedulable_pod_says_why(kube: Kube, namespace: str) -> None:
    """A volume that nobody makes leaves its pod Pending, and the Application just Progressing."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no volume"}
    found = running(kube, namespace, "waits", {"phase": "Pending", "conditions": [condition]})
    done = running(kube, namespace, "done", {"phase": "Succeeded"})
    assert pod.unready([found, done]) == ["waits Pending no volume"]


def test_only_ready_pods_count_as_running_a_digest(kube: Kube, namespace: str) -> None:
    """A pod of the old image on its way out, or of the new one not there yet, serves nobody."""
    digest = "sha256:" + "a" * 64
    serving = {"conditions": [READY], "containerStatuses": [container(f"registry/app@{digest}")]}
    running(kube, namespace, "serving", serving)
    running(
        kube, namespace, "starting", {"containerStatuses": [container(f"registry/app@sha256:{'b' * 64}")]}
    )
    assert pod.running_digests(kube, namespace, "app") == {digest}


def test_a_missing_service_is_an_answer_not_an_error(kube: Kube) -> None:
    """Through the API server's proxy every status is somebody's answer; who asks decides what it means."""
    status, _ = ClusterDoor(kube, "no-such:5000", "default").head("/v2/app/manifests/latest", {})
    assert status == 404
