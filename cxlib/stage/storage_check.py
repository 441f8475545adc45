"""Whether the default storage class keeps data: written by one pod, read by the next."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cxlib import settings
from cxlib.clients import pod
from cxlib.clients.kube import Kube, Object
from cxlib.errors import StageFailed
from cxlib.stage import scratch, supply
from cxlib.wait import Budget, Look, wait_until


@dataclass(frozen=True, slots=True)
class Volume:
    """A claim of the default storage class in a namespace of its own, and what its first pod writes to it."""

    kube: Kube
    namespace: str
    image: str
    written: str


@contextmanager
def volume(site: settings.Site) -> Iterator[Volume]:
    """Ask for a volume and for a pod that writes to it, without waiting; both go away at the end."""
    kube = Kube(site.kubeconfig)
    with scratch.namespace(site, kube) as namespace:
        ours = Volume(kube, namespace, supply.images(site)["base"], uuid.uuid4().hex)
        kube.apply(_claim(namespace))
        kube.apply(_pod(ours, "writer", f"open('/data/kept', 'w').write('{ours.written}')"))
        yield ours


def require_kept(ours: Volume) -> None:
    """Remove the pod that wrote, read the volume from another. Raises ``StageFailed``, ``WaitTimedOut``."""
    _wait_done(ours, "writer")
    ours.kube.delete("Pod", "writer", ours.namespace)
    ours.kube.apply(_pod(ours, "reader", "print(open('/data/kept').read())"))
    _wait_done(ours, "reader")
    read = ours.kube.logs(ours.namespace, "reader").strip()
    if read != ours.written:
        raise StageFailed("a new pod's volume", wanted="what the pod before it wrote", seen=repr(read))


def _wait_done(ours: Volume, name: str) -> None:
    def look() -> Look[None]:
        found = ours.kube.get("Pod", name, ours.namespace) or {}
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


def _pod(ours: Volume, name: str, program: str) -> Object:
    return scratch.pod(
        ours.namespace,
        name,
        ours.image,
        program,
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        restartPolicy="Never",
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
    )
