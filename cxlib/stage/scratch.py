"""A namespace of its own for a check, gone when the check is: also after a kill, by ``cx sweep``."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from cxlib import journal, settings
from cxlib.clients.kube import Kube, Object


@contextmanager
def namespace(site: settings.Site, kube: Kube) -> Iterator[str]:
    """The name of a new namespace; it and all in it are deleted at the end, whatever happens."""
    name = f"cx-check-{uuid.uuid4().hex[:6]}"
    labels = {"app.kubernetes.io/managed-by": "cx"}
    with journal.for_a_while(site, "namespace", name):
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        yield name


def pod(
    namespace: str, name: str, image: str, program: str, *, container: Object | None = None, **spec: object
) -> Object:
    """A pod that runs the Python ``program`` as an ordinary user, with little and without rights.

    ``container`` and ``spec`` are merged over its only container and over its pod's spec.
    """
    runs: Object = {
        "name": name,
        "image": image,
        "command": ["python3", "-c", program],
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"cpu": "500m", "memory": "64Mi"},
        },
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "fsGroup": 10001},
            "containers": [{**runs, **(container or {})}],
            **spec,
        },
    }
