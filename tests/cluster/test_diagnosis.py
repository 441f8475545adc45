"""What is written down when a step fails, from a real API server."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from cxlib.clients import argocd, workflows
from cxlib.clients.kube import Kube
from cxlib.clients.workflows import Order
from cxlib.settings import Site, load_site
from cxlib.stage import application, diagnosis


@pytest.fixture
def site(kubeconfig: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The local site's description, with the test's own cluster behind it."""
    monkeypatch.setenv("CX_STATE", str(tmp_path / "state"))
    found = load_site("local")
    found.kubeconfig.write_text(kubeconfig.read_text())
    return found


def test_a_failed_workflow_is_told_with_its_nodes(
    kube: Kube, site: Site, tmp_path: Path, argocd_api: None, workflows_api: None
) -> None:
    """The one line that says which step failed is what a person looks for first."""
    run = workflows.submit(kube, Order("train-model", {}, uuid.uuid4().hex[:12]), 1)
    node = {
        "id": "1",
        "name": "train",
        "displayName": "train",
        "type": "Pod",
        "phase": "Failed",
        "message": "exit 1",
    }
    status = {"phase": "Failed", "nodes": {"1": node}}
    kube.patch("Workflow", run.name, workflows.NAMESPACE, {"status": status})
    diagnosis.collectors(site)["workflows"](tmp_path)
    assert f"{run.name}: Failed" in (tmp_path / "workflows.txt").read_text()
    assert "train Failed: exit 1" in (tmp_path / f"{run.name}.txt").read_text()


def test_an_application_is_told_with_its_errors(
    kube: Kube, site: Site, tmp_path: Path, argocd_api: None
) -> None:
    """A chart that doesn't render says so in a condition, nowhere else."""
    argocd.ensure(kube, application.environment(site, "canary"), application.first_parameters("canary"))
    status = {"conditions": [{"type": "ComparisonError", "message": "helm template: no such value"}]}
    kube.patch("Application", "birdclef-canary", argocd.NAMESPACE, {"status": status})
    diagnosis.collectors(site)["applications"](tmp_path)
    assert "no such value" in (tmp_path / "applications.txt").read_text()
    assert "conditions" in (tmp_path / "birdclef-canary.yaml").read_text()


def test_pods_and_events_are_told_without_a_kubelet(kube: Kube, site: Site, tmp_path: Path) -> None:
    """The collectors work on a cluster that is half there: that is when they are needed.

    DNS and the registry are in kube-system, and what a check starts is in a namespace of the check's own.
    """
    namespaces = ("birdclef-canary", "kube-system", "cx-check-1a2b3c")
    for namespace in namespaces:
        kube.apply(application.namespace(namespace))
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "app", "namespace": namespace}}
        kube.create({**pod, "spec": {"containers": [{"name": "app", "image": "example/app"}]}})
    for name in ("pods", "events"):
        diagnosis.collectors(site)[name](tmp_path)
    pods = (tmp_path / "pods.txt").read_text().replace(":", "")
    for namespace in namespaces:
        assert f"{namespace}/app on no node Pending" in pods
    assert (tmp_path / "events.txt").is_file()
