"""What stands in where no pod ever runs: Argo CD's controller, the kubelet, and the application."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

import requests

from cxlib.clients import argocd
from cxlib.clients.kube import REFRESH, Kube, Object, Refused
from tests.services.loopback import replying

ENVIRONMENTS = ("staging", "canary", "production")
TIP = "c" * 40  # the commit that branches are at
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{argocd.NAMESPACE}/applications"
# Then a watch tells of all objects anew, as an informer does: what came to nothing is tried again.
_RESYNC_SECONDS = 1


@dataclass(slots=True)
class Rollouts:
    """What each environment serves, and how images behave: by digest "" (well), "unpullable",
    "crashing", "unready", "wrong version", "no predictions". The next ``dropped`` answers don't come."""

    serving: dict[str, dict[str, str]] = field(default_factory=dict)
    behaviour: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def places(self) -> dict[str, str]:
        return {environment: f"{self.url}/{environment}" for environment in ENVIRONMENTS}

    def answer(self, method: str, path: str) -> tuple[int, object]:
        """As the wrapper answers."""
        environment, _, what = path.strip("/").partition("/")
        with self.lock:
            now = self.serving.get(environment, {})
            self.dropped, drop = max(0, self.dropped - 1), self.dropped > 0
        if drop:
            return 503, {"detail": "no upstream"}
        version = now.get("model.version") or None
        version = None if version == "0" else version
        behaviour = self.behaviour.get(now.get("image.digest", ""), "")
        if what == "version":
            shown = "999" if behaviour == "wrong version" else version
            return 200, {
                "model_version": shown,
                "image_digest": now.get("image.digest", ""),
                "image_tag": now.get("image.tag", ""),
            }
        if version is None or behaviour == "no predictions":
            return 503, {"detail": "this image holds no model"}
        return 200, {"predictions": [0], "model_version": version}


@contextmanager
def running(kube: Kube) -> Iterator[Rollouts]:
    """Argo CD and the application of all environments, for as long as the body runs."""
    rollouts, stop = Rollouts(), threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), replying(rollouts.answer))
    rollouts.url = f"http://127.0.0.1:{server.server_port}"
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True),
        threading.Thread(target=_control, args=(kube, rollouts, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield rollouts
    finally:
        stop.set()
        server.shutdown()
        for thread in threads:
            thread.join()
        server.server_close()


def watched(kube: Kube, path: str, stop: threading.Event) -> Iterator[Object]:
    """Every object under ``path``, now and whenever it changes, until ``stop``.

    A loop that asked for them all the time would take half a core, which the tests need.
    """
    while not stop.is_set():
        told = api(kube, "GET", f"{path}?watch=1&timeoutSeconds={_RESYNC_SECONDS}", None, stream=True)
        with told:
            for line in told.iter_lines() if told.ok else ():
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED") and not stop.is_set():
                    yield event["object"]
        if not told.ok:  # the API server isn't ready to watch a kind that is new
            stop.wait(0.1)


def _control(kube: Kube, rollouts: Rollouts, stop: threading.Event) -> None:
    for app in watched(kube, APPLICATIONS, stop):
        environment = app["metadata"]["name"].removeprefix("birdclef-")
        if environment in ENVIRONMENTS:
            try:
                reconcile(kube, rollouts, environment, app)
            except Refused as exc:
                if exc.status not in (404, 409):
                    raise


def reconcile(kube: Kube, rollouts: Rollouts, environment: str, app: Object) -> None:
    """One round of Argo CD: compare, sync, and say so in the Application's status."""
    source = app["spec"]["source"]
    compared = app.get("status", {}).get("sync", {}).get("comparedTo", {}).get("source")
    asked = REFRESH in (app["metadata"].get("annotations") or {})
    if compared == source and not asked:
        return
    named = argocd.parameters(app)
    behaviour = rollouts.behaviour.get(named.get("image.digest", ""), "")
    healthy = behaviour not in ("unpullable", "crashing", "unready")
    _pods(kube, environment, named, behaviour)
    if healthy:
        with rollouts.lock:
            rollouts.serving[environment] = named
    status = {
        "sync": {
            "status": "Synced",
            "revision": resolved(source),
            "comparedTo": {"source": source, "destination": {}},
        },
        "health": {"status": "Healthy" if healthy else "Progressing", "message": "" if healthy else "0 of 1"},
        "operationState": {
            "phase": "Succeeded",
            "startedAt": "2026-01-01T00:00:00Z",
            "operation": {},
            "syncResult": {"revision": resolved(source), "source": source},
        },
    }
    # As Argo CD does: it doesn't look whether the spec changed meanwhile, it comes round again.
    kube.patch("Application", app["metadata"]["name"], argocd.NAMESPACE,
               {"metadata": {"annotations": {REFRESH: None}}, "status": status})  # fmt: skip


def resolved(source: Object) -> str:
    """The commit that a source names, or where its branch stands."""
    named = source.get("targetRevision", "")
    return named if len(named) == 40 else TIP


def api(
    kube: Kube, method: str, path: str, body: object, *, token: str = "", stream: bool = False
) -> requests.Response:
    """A request of the administrator, or with ``token``, for what our client doesn't need."""
    where = kube.configuration
    whose = f"Bearer {token}" if token else where.api_key["authorization"]
    headers = {"Authorization": whose, "Content-Type": "application/json"}
    if method == "PATCH":
        headers["Content-Type"] = "application/merge-patch+json"
    url = where.host + path
    return requests.request(
        method, url, json=body, headers=headers, verify=where.ssl_ca_cert, timeout=10, stream=stream
    )


def _pods(kube: Kube, environment: str, named: dict[str, str], behaviour: str) -> None:
    """The pod that doesn't come up, as the kubelet would tell of it; none while all is well."""
    namespace, name = f"birdclef-{environment}", "birdclef-app-new"
    if kube.get("Pod", name, namespace):
        kube.delete("Pod", name, namespace)
    if not behaviour or behaviour in ("wrong version", "no predictions"):
        return
    image = f"registry/birdclef-app@{named['image.digest']}"
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "app", "image": image}], "terminationGracePeriodSeconds": 0},
    }
    kube.create(pod)
    status = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
    assert api(kube, "PATCH", status, {"status": _status(behaviour)}).ok


def _status(behaviour: str) -> dict[str, Any]:
    state: dict[str, Any] = {
        "unpullable": {"waiting": {"reason": "ImagePullBackOff", "message": "manifest unknown"}},
        "crashing": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off restarting"}},
        "unready": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }[behaviour]
    container = {
        "name": "app",
        "ready": False,
        "restartCount": 3,
        "image": "i",
        "imageID": "",
        "state": state,
    }
    ready = {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "probe failed"}
    return {"containerStatuses": [container], "conditions": [ready]}
