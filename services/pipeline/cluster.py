"""The Kubernetes API as a pod's service account sees it: Argo CD Applications, and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxlib.errors import CxError, StageFailed
from services.pipeline import web

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MERGE = "application/merge-patch+json"


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
        return self._call("GET", name)

    def patch_application(self, name: str, change: dict[str, Any], version: str) -> dict[str, Any]:
        """Merge ``change`` into the Application if its resource version still is ``version``.

        Raises ``Conflict`` when it isn't, ``StageFailed``, ``Unreachable``.
        """
        metadata = {**change.get("metadata", {}), "resourceVersion": version}
        return self._call("PATCH", name, json.dumps({**change, "metadata": metadata}))

    def _call(self, method: str, name: str, body: str | None = None) -> dict[str, Any]:
        url = f"{self.url}/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications/{name}"
        headers = {"Accept": "application/json", "Content-Type": _MERGE}
        if self.token_file:
            headers["Authorization"] = f"Bearer {self.token_file.read_text().strip()}"
        verify = str(self.ca_file) if self.ca_file else True
        answer = web.call(method, url, data=body, headers=headers, verify=verify)
        if answer.status == 409:
            raise Conflict(f"{name}: {answer.reason}")
        if answer.status != 200:
            raise StageFailed(f"{method} Application {name}", wanted="200", seen=answer.reason)
        data: dict[str, Any] = answer.data
        return data


def from_pod() -> Cluster:
    """The cluster in which this pod runs, under its own service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    return Cluster(f"https://{host}:{port}", _ACCOUNT / "token", _ACCOUNT / "ca.crt")
