"""What the workflows' service accounts may do, as the cluster itself answers."""

from __future__ import annotations

from cxlib.clients.kube import Kube, Object
from cxlib.clients.workflows import NAMESPACE

ALL = "system:serviceaccounts"


def accounts(kube: Kube) -> dict[str, set[str]]:
    """The service accounts of each WorkflowTemplate: its own and those of its templates."""
    found = {}
    for template in kube.list("WorkflowTemplate", NAMESPACE):
        spec = template["spec"]
        named = {spec.get("serviceAccountName", "default")}
        named |= {t["serviceAccountName"] for t in spec.get("templates") or [] if t.get("serviceAccountName")}
        found[template["metadata"]["name"]] = named
    return found


def allowed(
    kube: Kube, account: str, verb: str, resource: str, namespace: str, *, name: str = "", group: str = ""
) -> bool:
    """Whether the account (of the workflows' namespace) may do ``verb`` on ``resource``."""
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "name": name, "group": group}
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    review: Object = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "groups": [ALL, f"{ALL}:{NAMESPACE}", "system:authenticated"],
            "resourceAttributes": {k: v for k, v in attributes.items() if v},
        },
    }
    return bool(kube.create(review)["status"]["allowed"])


def administrators(kube: Kube) -> set[str]:
    """The service accounts, as ``namespace/name``, that some binding makes cluster-admin."""
    return {
        f"{subject.get('namespace', '')}/{subject['name']}"
        for binding in kube.list("ClusterRoleBinding")
        if binding["roleRef"]["name"] == "cluster-admin"
        for subject in binding.get("subjects") or []
        if subject["kind"] == "ServiceAccount"
    }


def answer(kube: Kube, row: dict[str, str]) -> str:
    """``yes`` or ``no``: what the cluster says to a row of the scenario's table."""
    may = allowed(
        kube,
        row["account"],
        row["verb"],
        row["resource"],
        row["namespace"],
        name=row["name"],
        group=row["group"],
    )
    return "yes" if may else "no"
