"""What stands in for Argo's controller and the kubelet under the harness: promotions are done for real.

A Workflow is carried out by the very code that its pods run, under the accounts of the charts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cxlib.clients import workflows
from cxlib.clients.kube import Kube, Object, Refused
from cxlib.errors import CxError
from cxlib.stage import under_way
from services.pipeline import promotion
from services.pipeline.admission import Order
from services.pipeline.target import SOURCES
from tests.cluster.promotion_doubles import Rollouts, api, watched
from tests.cluster.promotion_site import Stand
from tests.cluster.test_workflows import controller_says, node

_TARGETS = tuple(SOURCES)
_WORKFLOWS = f"/apis/argoproj.io/v1alpha1/namespaces/{workflows.NAMESPACE}/workflows"


@contextmanager
def working(stand: Stand) -> Iterator[threading.Event]:
    """The controller, for as long as the body runs; it starts no workflow while the event is set."""
    stop, paused = threading.Event(), threading.Event()
    threads = [
        threading.Thread(target=_controller, args=(stand, stop, paused), daemon=True),
        threading.Thread(target=_kubelet, args=(stand.kube, stand.rollouts, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield paused
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _controller(stand: Stand, stop: threading.Event, paused: threading.Event) -> None:
    for told in watched(stand.kube, _WORKFLOWS, stop):
        while paused.is_set() and not stop.wait(0.02):
            pass
        found = stand.kube.get("Workflow", told["metadata"]["name"], workflows.NAMESPACE)
        run = workflows.read(found) if found else None
        if found and run and run.template in under_way.TEMPLATES and not run.over and not stop.is_set():
            _carry_out(stand, found)


def _carry_out(stand: Stand, found: Object) -> None:
    name, asked = found["metadata"]["name"], under_way.parameters(found)
    controller_says(stand.kube, name, "Running", [node("promote-model", "Running")])
    back = "environment" in asked
    target = asked["environment" if back else "target-environment"]
    order = Order(
        workflow=name,
        uid=found["metadata"]["uid"],
        target=target,
        source=asked.get("source-environment", SOURCES[target]),
        version=asked["model-version"],
        digest=asked["image-digest"],
        rollback=back,
    )
    try:
        promotion.run(order, stand.world("rollback-model" if back else "promote-model"))
    except CxError as exc:
        failed = node("promote-model", "Failed", "2026-01-01T00:00:00Z", message=str(exc))
        controller_says(stand.kube, name, "Failed", [failed], "it failed")
    else:
        controller_says(stand.kube, name, "Succeeded", [node("promote-model", "Succeeded")])


def _kubelet(kube: Kube, rollouts: Rollouts, stop: threading.Event) -> None:
    """One ready pod an environment, of the image that is served there."""
    running: dict[str, str] = {}
    while not stop.wait(0.02):
        for name in ("staging", *_TARGETS):
            with rollouts.lock:
                digest = rollouts.serving.get(name, {}).get("image.digest", "")
            if digest and running.get(name) != digest:
                try:
                    _pod(kube, f"birdclef-{name}", digest)
                    running[name] = digest
                except Refused as exc:
                    if exc.status not in (404, 409):
                        raise


def _pod(kube: Kube, namespace: str, digest: str) -> None:
    name = f"birdclef-app-{digest[7:15]}"
    others = kube.list("Pod", namespace, labels="app=birdclef-app")
    for other in others:
        if other["metadata"]["name"] != name:
            kube.delete("Pod", other["metadata"]["name"], namespace)
    if any(other["metadata"]["name"] == name for other in others):
        return
    image = f"registry/birdclef-app@{digest}"
    kube.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": {"app": "birdclef-app"}},
            "spec": {"containers": [{"name": "app", "image": image}], "terminationGracePeriodSeconds": 0},
        }
    )
    container = {
        "name": "app",
        "ready": True,
        "restartCount": 0,
        "image": "i",
        "imageID": image,
        "state": {"running": {"startedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}},
    }
    status = {"containerStatuses": [container], "conditions": [{"type": "Ready", "status": "True"}]}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
    assert api(kube, "PATCH", path, {"status": status}).ok
