"""The Kubernetes API as a pod's service account sees it: Applications, one ConfigMap, pods to look at."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlib.errors import CxError, StageFailed, Unreachable
from services.pipeline import web

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MERGE = "application/merge-patch+json"
# An API server that has just come up knows nobody's rights yet; one with too much to do says so.
_FOR_A_MOMENT = (401, 403, 429)
REFRESH = "argocd.argoproj.io/refresh"


class Missing(StageFailed):
    """There is no such object."""


class Conflict(CxError):
    """Somebody changed the object after it was read."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """``url`` of the API server; ``token_file`` is read anew each time, as Kubernetes renews it."""

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    namespace: str = "argocd"

    def application(self, name: str) -> dict[str, Any]:
        """The Argo CD Application as it is. Raises ``StageFailed``, ``Unreachable``."""
        return self._call("GET", self._application(name), f"Application {name}")

    def patch_application(self, name: str, change: dict[str, Any], version: str) -> dict[str, Any]:
        """Merge ``change`` into the Application if its resource version still is ``version``.

        Raises ``Conflict`` when it isn't, ``StageFailed``, ``Unreachable``.
        """
        metadata = {**change.get("metadata", {}), "resourceVersion": version}
        body = json.dumps({**change, "metadata": metadata})
        return self._call("PATCH", self._application(name), f"Application {name}", body)

    def configmap(self, namespace: str, name: str) -> dict[str, str]:
        """A ConfigMap's data. Raises ``StageFailed``, ``Unreachable``."""
        found = self._call("GET", f"/api/v1/namespaces/{namespace}/configmaps/{name}", f"ConfigMap {name}")
        data: dict[str, str] = found.get("data") or {}
        return data

    def pods(self, namespace: str) -> list[dict[str, Any]]:
        """The namespace's pods. Raises ``StageFailed``, ``Unreachable``."""
        found = self._call("GET", f"/api/v1/namespaces/{namespace}/pods", f"pods of {namespace}")
        items: list[dict[str, Any]] = found.get("items") or []
        return items

    def _application(self, name: str) -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications/{name}"

    def _call(self, method: str, path: str, what: str, body: str | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": _MERGE}
        if self.token_file:
            headers["Authorization"] = f"Bearer {self.token_file.read_text().strip()}"
        verify = str(self.ca_file) if self.ca_file else True
        answer = web.call(method, self.url + path, data=body, headers=headers, verify=verify)
        if answer.status in _FOR_A_MOMENT:
            raise Unreachable(f"{method} {what}: HTTP {answer.status}: {answer.reason}")
        if answer.status == 409:
            raise Conflict(f"{what}: {answer.reason}")
        if answer.status == 404:
            raise Missing(what, wanted="it there", seen=answer.reason)
        if answer.status != 200:
            raise StageFailed(f"{method} {what}", wanted="200", seen=answer.reason)
        data: dict[str, Any] = answer.data
        return data


def from_pod() -> Cluster:
    """The cluster in which this pod runs, under its own service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return Cluster(f"https://{host}:{port}", _ACCOUNT / "token", _ACCOUNT / "ca.crt")
