"""What the accounts of promotions may do, as the charts say."""

from __future__ import annotations

from pathlib import Path

from cxlib.clients.kube import Kube
from tests.deploy.charts import rendered


def allow(kube: Kube, helm: Path, scratch: Path) -> None:
    """The namespaces, and the accounts with the rights that the charts give them."""
    names = ("argo", "argocd", *(f"birdclef-{e}" for e in ("staging", "canary", "production")))
    for name in names:
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    wanted = rendered(helm, "workflows", scratch)
    for environment in ("staging", "canary", "production"):
        files = (f"values-{environment}.yaml",)
        for manifest in rendered(helm, "deploy/app", scratch, files):
            manifest["metadata"].setdefault("namespace", f"birdclef-{environment}")
            wanted.append(manifest)
    for manifest in wanted:
        if manifest["kind"] in ("ServiceAccount", "Role", "RoleBinding"):
            kube.apply(manifest)
