"""Argo CD and Argo Workflows as they are installed: upstream's manifests, our overlays, the real kubectl."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cxlib.settings import load_site
from cxlib.stage import cluster, supply
from tests.deploy.charts import Manifest, pod_specs


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """Every manifest of ``argocd`` and ``argo-workflows``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CX_STATE", str(tmp_path_factory.mktemp("state")))
        folder = Path(str(cluster.variables(load_site("local"))["rendered"]))
    # the CRDs are megabytes: seconds in pure Python
    return {p.stem: list(yaml.load_all(p.read_text(), yaml.CSafeLoader)) for p in folder.glob("*.yaml")}


@pytest.fixture(params=["argocd", "argo-workflows"])
def overlay(request: pytest.FixtureRequest, rendered: dict[str, list[Manifest]]) -> list[Manifest]:
    return rendered[request.param]


def names(manifests: list[Manifest], kind: str) -> set[str]:
    return {m["metadata"]["name"] for m in manifests if m["kind"] == kind}


def test_every_image_comes_from_the_sites_mirror(overlay: list[Manifest]) -> None:
    """There is no other registry that the nodes could reach."""
    ours = set(supply.images(load_site("local")).values())
    containers = [
        container
        for manifest in overlay
        for pod in pod_specs(manifest)
        for container in [*pod["containers"], *pod.get("initContainers", [])]
    ]
    assert containers
    assert {container["image"] for container in containers} <= ours


def test_no_account_is_bound_to_cluster_admin(overlay: list[Manifest]) -> None:
    """Upstream's install for the whole cluster would bring more rights than anything here needs."""
    bound = [m["roleRef"]["name"] for m in overlay if m["kind"] in ("ClusterRoleBinding", "RoleBinding")]
    assert bound
    assert "cluster-admin" not in bound


def test_every_pod_has_limits_and_no_root(overlay: list[Manifest]) -> None:
    """Three nodes share one machine: none of its pods may take it all."""
    for manifest in overlay:
        for pod in pod_specs(manifest):
            for container in pod["containers"]:
                assert container["resources"]["limits"].keys() >= {"cpu", "memory"}, container["name"]
                context = {**pod.get("securityContext", {}), **container.get("securityContext", {})}
                assert context.get("runAsNonRoot") is True, container["name"]


def test_workflows_come_without_their_server(rendered: dict[str, list[Manifest]]) -> None:
    """Its page can't be built here, and `cx status` stands in; a server without one only opens a port."""
    assert names(rendered["argo-workflows"], "Deployment") == {"workflow-controller"}
    assert names(rendered["argo-workflows"], "Service") <= {"workflow-controller-metrics"}


def test_controller_looks_after_its_own_namespace_and_runs_our_executor(
    rendered: dict[str, list[Manifest]],
) -> None:
    """A workflow in another namespace would run under that one's rights."""
    (deployment,) = [m for m in rendered["argo-workflows"] if m["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    executor = supply.images(load_site("local"))["argoexec"]
    assert "--namespaced" in container["args"]
    assert container["args"][container["args"].index("--executor-image") + 1] == executor


def test_executor_runs_with_limits_as_an_ordinary_user(rendered: dict[str, list[Manifest]]) -> None:
    """It stands beside every step of every workflow."""
    (settings,) = [
        m
        for m in rendered["argo-workflows"]
        if m["kind"] == "ConfigMap" and m["metadata"]["name"] == "workflow-controller-configmap"
    ]
    executor = yaml.safe_load(settings["data"]["config"])["executor"]
    assert executor["securityContext"]["runAsNonRoot"] is True
    assert executor["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert set(executor["resources"]["limits"]) == {"cpu", "memory"}


def test_argo_cd_is_its_core(rendered: dict[str, list[Manifest]]) -> None:
    """No server, no sign-in service and no ApplicationSets: nothing of theirs is used."""
    assert names(rendered["argocd"], "Deployment") == {"argocd-repo-server", "argocd-redis"}
    assert names(rendered["argocd"], "StatefulSet") == {"argocd-application-controller"}


def test_kinds_that_the_harness_uses_are_installed(rendered: dict[str, list[Manifest]]) -> None:
    """Applications, projects, workflows and their templates."""
    kinds = {name for manifests in rendered.values() for name in names(manifests, "CustomResourceDefinition")}
    assert kinds >= {
        "applications.argoproj.io",
        "appprojects.argoproj.io",
        "workflows.argoproj.io",
        "workflowtemplates.argoproj.io",
        "workflowtaskresults.argoproj.io",
    }
