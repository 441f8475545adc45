"""Whether the default storage class keeps data: written by one pod, read by the next."""

from __future__ import annotations

import uuid

from cxlib import settings
from cxlib.clients import pod
from cxlib.clients.kube import Kube, Object
from cxlib.errors import StageFailed
from cxlib.stage import scratch, supply
from cxlib.wait import Budget, Look, wait_until


def require_kept(site: settings.Site) -> None:
    """Write to a claim from one pod, remove the pod, read it from another. Raises ``StageFailed``."""
    kube, written = Kube(site.kubeconfig), uuid.uuid4().hex
    image = supply.images(site)["base"]
    with scratch.namespace(site, kube) as namespace:
        kube.apply(_claim(namespace))
        _run(kube, _pod(namespace, "writer", image, f"open('/data/kept', 'w').write('{written}')"))
        kube.delete("Pod", "writer", namespace)
        _run(kube, _pod(namespace, "reader", image, "print(open('/data/kept').read())"))
        read = kube.logs(namespace, "reader").strip()
    if read != written:
        raise StageFailed("a new pod's volume", wanted="what the pod before it wrote", seen=repr(read))


def _run(kube: Kube, manifest: Object) -> None:
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    kube.apply(manifest)

    def look() -> Look[None]:
        found = kube.get("Pod", name, namespace) or {}
        phase = (found.get("status") or {}).get("phase", "not there")
        stuck = pod.troubles([found]) if found else []
        return Look(
            str(stuck[0]) if stuck else phase,
            done=phase == "Succeeded",
            hopeless=bool(stuck) or phase == "Failed",
        )

    wait_until(f"pod {name}", look, wanted="Succeeded", within=Budget.BOOT, every=0.5)


def _claim(namespace: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }


def _pod(namespace: str, name: str, image: str, program: str) -> Object:
    return scratch.pod(
        namespace,
        name,
        image,
        program,
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        restartPolicy="Never",
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    )
