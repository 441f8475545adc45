"""What the stages ask of the cluster, against a real API server."""

from __future__ import annotations

import pytest

from cxlib.clients import argocd
from cxlib.clients.kube import Kube
from cxlib.settings import load_site
from cxlib.stage import application, platform, rights


@pytest.fixture
def platform_namespace(kube: Kube) -> str:
    """Where the secrets live; empty at first."""
    kube.apply(application.namespace(application.PLATFORM))
    for name in platform.SECRETS:
        kube.delete("Secret", name, application.PLATFORM)
    return application.PLATFORM


def test_secrets_are_made_once(kube: Kube, platform_namespace: str) -> None:
    """MinIO and PostgreSQL keep the first password in their data: a second one would lock MLflow out."""
    first, made = platform.ensure_secrets(kube)
    again, made_again = platform.ensure_secrets(kube)
    assert set(made) == {"minio-credentials", "postgres-credentials"}
    assert (again, made_again) == (first, [])


def test_secrets_are_long_and_unlike_each_other(kube: Kube, platform_namespace: str) -> None:
    """Made by the system's source of randomness, not by a default."""
    platform.ensure_secrets(kube)
    values = platform.secret_values(kube)
    passwords = [values["minio-credentials"]["root-password"], values["postgres-credentials"]["password"]]
    assert all(len(p) >= 24 for p in passwords)
    assert len(set(passwords)) == 2


def test_every_environment_starts_with_its_first_build(kube: Kube, argocd_api: None) -> None:
    """Before any model there is an image to run, and the Application's second apply changes nothing."""
    site = load_site("local")
    assert application.ensure_environment(kube, site, "staging")
    assert not application.ensure_environment(kube, site, "staging")
    found = kube.get("Application", "birdclef-staging", argocd.NAMESPACE)
    assert found is not None
    assert argocd.parameters(found)["image.tag"] == "staging-1.0.0"
    assert found["spec"]["source"]["helm"]["valueFiles"] == ["values-staging.yaml"]


def test_the_project_reaches_nothing_cluster_wide(kube: Kube, argocd_api: None) -> None:
    """A chart that asks for a ClusterRoleBinding must not get one."""
    project = kube.apply(application.project(load_site("local"))).object
    assert project["spec"]["clusterResourceWhitelist"] == []
    assert "*" not in [d["namespace"] for d in project["spec"]["destinations"]]


def grant(kube: Kube, namespace: str, account: str) -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["one"], "verbs": ["get"]}
    api = "rbac.authorization.k8s.io/v1"
    meta = {"name": account, "namespace": namespace}
    kube.apply({"apiVersion": api, "kind": "Role", "metadata": meta, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": "argo"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account}
    kube.apply(
        {"apiVersion": api, "kind": "RoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]}
    )


def test_rights_are_what_the_cluster_answers(kube: Kube, namespace: str) -> None:
    """Asked of the authorizer itself, not read out of our own manifests."""
    grant(kube, namespace, "reader")
    assert rights.allowed(kube, "reader", "get", "configmaps", namespace, name="one")
    assert not rights.allowed(kube, "reader", "get", "configmaps", namespace, name="two")
    row = {
        "account": "reader",
        "verb": "get",
        "group": "",
        "resource": "secrets",
        "namespace": namespace,
        "name": "",
    }
    assert rights.answer(kube, row) == "no"


def test_an_administrator_is_found(kube: Kube) -> None:
    """The check that nothing of ours is cluster-admin has to see one that is."""
    subject = {"kind": "ServiceAccount", "name": "mighty", "namespace": "argo"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding"}
    kube.apply({**binding, "metadata": {"name": "mighty"}, "roleRef": role, "subjects": [subject]})
    try:
        assert "argo/mighty" in rights.administrators(kube)
    finally:
        kube.delete("ClusterRoleBinding", "mighty")
    assert "argo/mighty" not in rights.administrators(kube)
