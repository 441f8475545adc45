"""Image registries: which digest a tag points at, asked over the registry's HTTP API."""

from __future__ import annotations

from collections.abc import Mapping

from cxlib.clients.kube import Kube
from cxlib.errors import Unreachable

MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class ClusterDoor:
    """The registry inside the cluster, through the API server's proxy to its Service."""

    def __init__(self, kube: Kube, service: str = "registry:5000", namespace: str = "kube-system") -> None:
        self._kube = kube
        self._base = f"/api/v1/namespaces/{namespace}/services/{service}/proxy"

    def head(self, path: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        answer = self._kube.raw(self._base + path, method="HEAD", headers=headers)
        return answer.status, answer.headers


def digest(door: ClusterDoor, repository: str, tag: str) -> str | None:
    """The digest (``sha256:…``) that ``tag`` points at, or None when there is no such tag.

    Raises ``Unreachable`` when the registry answers anything else.
    """
    status, headers = door.head(f"/v2/{repository}/manifests/{tag}", {"Accept": MANIFESTS})
    if status == 404:
        return None
    found = {k.lower(): v for k, v in headers.items()}.get("docker-content-digest", "")
    if status != 200 or not found.startswith("sha256:"):
        raise Unreachable(f"registry: {repository}:{tag} answered {status} with digest {found!r}")
    return found
