"""What every chart keeps to, and what each is there for."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from cxlib.clients import process
from cxlib.errors import ProcessFailed
from cxlib.settings import CHECKOUT, PORTS, REGISTRY
from tests.deploy.charts import CHARTS, SITE, Manifest, Render, pod_specs

_ALL = pytest.mark.parametrize(("chart", "files"), CHARTS, ids=[f"{c}{''.join(f)}" for c, f in CHARTS])
_BUILDS = {"build", "build-initial"}
DIGEST = "sha256:" + "a1" * 32


def kinds(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def only_container(manifest: Manifest) -> dict[str, Any]:
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(container)


@_ALL
def test_every_container_has_requests_and_limits(chart: str, files: tuple[str, ...], render: Render) -> None:
    """One service must not starve the others of a small machine."""
    containers = [c for m in render(chart, files) for pod in pod_specs(m) for c in pod["containers"]]
    assert containers
    for container in containers:
        for what in ("requests", "limits"):
            assert set(container["resources"][what]) == {"cpu", "memory"}, container["name"]


@_ALL
def test_every_pod_is_unprivileged(chart: str, files: tuple[str, ...], render: Render) -> None:
    """Own user, no escalation, no capability; only the image build is root in its container."""
    for manifest in render(chart, files):
        for pod in pod_specs(manifest):
            (container,) = pod["containers"]
            rights = container["securityContext"]
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"]["drop"] == ["ALL"]
            assert "privileged" not in rights
            if pod.get("name") in _BUILDS:
                continue
            assert pod["securityContext"]["runAsNonRoot"] is True
            assert pod["securityContext"]["runAsUser"] == 10001
            assert rights["readOnlyRootFilesystem"] is True


@_ALL
def test_no_secret_is_made_or_written_out(chart: str, files: tuple[str, ...], render: Render) -> None:
    """Secrets are made by the harness; charts, which lie in git, only name them."""
    manifests = render(chart, files)
    assert not kinds(manifests, "Secret")
    for manifest in manifests:
        for pod in pod_specs(manifest):
            for variable in pod["containers"][0].get("env", []):
                if any(word in variable["name"] for word in ("PASSWORD", "SECRET", "ACCESS_KEY")):
                    assert "value" not in variable or variable["name"].endswith("_FILE"), variable


@_ALL
def test_every_image_comes_from_the_sites_registries(
    chart: str, files: tuple[str, ...], render: Render
) -> None:
    """Nothing is pulled from the internet, and nothing by the tag `latest`."""
    for manifest in render(chart, files):
        for pod in pod_specs(manifest):
            image = pod["containers"][0]["image"]
            assert image.startswith(("m:5000/", REGISTRY)), image
            assert not image.endswith(":latest")


@_ALL
def test_lint_finds_nothing(chart: str, files: tuple[str, ...], helm: Path, tmp_path: Path) -> None:
    """Helm's own check, with what a site gives."""
    (tmp_path / "site.json").write_text(json.dumps(SITE[chart]))
    argv = [str(helm), "lint", "--strict", str(CHECKOUT / chart), "--values", str(tmp_path / "site.json")]
    for name in files:
        argv += ["--values", str(CHECKOUT / chart / name)]
    assert "0 chart(s) failed" in process.run(argv, timeout=60).stdout


@pytest.mark.parametrize("chart", ["deploy/platform", "deploy/training", "workflows"])
def test_missing_image_is_named(chart: str, render: Render) -> None:
    """An empty image would fail on the node, minutes later and without a name."""
    for name in SITE[chart]["images"]:
        site = copy.deepcopy(SITE[chart])
        site["images"][name] = ""
        with pytest.raises(ProcessFailed, match=f"images.{name} is not set"):
            render(chart, site=site)


def test_platform_is_published_at_the_missions_ports(render: Render) -> None:
    """People know them from the by-hand procedure."""
    services = kinds(render("deploy/platform"), "Service")
    ports = {n: [p["port"] for p in s["spec"]["ports"]] for n, s in services.items()}
    assert ports == {
        "postgres": [5432],
        "minio": [PORTS["minio"], PORTS["minio-console"]],
        "mlflow": [PORTS["mlflow"]],
    }
    published = {n for n, s in services.items() if s["spec"].get("externalIPs") == ["192.168.1.11"]}
    assert published == {"minio", "mlflow"}


def test_mlflow_takes_requests_from_outside_and_inside(render: Render) -> None:
    """It answers 403 to a Host header that it doesn't know."""
    env = only_container(kinds(render("deploy/platform"), "Deployment")["mlflow"])["env"]
    (hosts,) = [e["value"].split(",") for e in env if e["name"] == "ALLOWED_HOSTS"]
    assert {"127.0.38.1:8000", "192.168.1.11:8000", "mlflow.birdclef-platform.svc.cluster.local:8000"} <= set(
        hosts
    )
    assert "*" not in hosts


def test_data_outlives_its_pods(render: Render) -> None:
    """What MLflow and MinIO hold lies in claims that Argo CD never prunes."""
    claims = kinds(render("deploy/platform"), "PersistentVolumeClaim")
    assert set(claims) == {"postgres-data", "minio-data"}
    for claim in claims.values():
        assert claim["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false"


def test_buckets_job_is_renamed_with_what_it_does(render: Render) -> None:
    """A Job's template is immutable: with the same name a new image could never be synced."""
    site = copy.deepcopy(SITE["deploy/platform"])
    (first,) = kinds(render("deploy/platform", site=site), "Job")
    site["images"]["mlflow"] = "m:5000/mlflow:2"
    (second,) = kinds(render("deploy/platform", site=site), "Job")
    assert first != second


@pytest.mark.parametrize("environment", ["staging", "canary", "production"])
def test_app_is_published_at_its_environments_port(environment: str, render: Render) -> None:
    """Staging, canary and production share one address."""
    manifests = render("deploy/app", (f"values-{environment}.yaml",))
    (port,) = kinds(manifests, "Service")["birdclef-app"]["spec"]["ports"]
    assert port["port"] == PORTS[environment]
    container = only_container(kinds(manifests, "Deployment")["birdclef-app"])
    assert container["image"] == f"{REGISTRY}/birdclef-app:{environment}-1.0.0"


def test_app_follows_the_digest_when_it_is_known(render: Render) -> None:
    """A tag may be moved after the gate looked; a digest can't."""
    parameters = {"image.tag": "staging-1.0.7", "image.digest": DIGEST, "model.version": "7"}
    deployment = kinds(render("deploy/app", ("values-staging.yaml",), parameters), "Deployment")[
        "birdclef-app"
    ]
    container = only_container(deployment)
    assert container["image"] == f"{REGISTRY}/birdclef-app@{DIGEST}"
    env = {e["name"]: e.get("value") for e in container["env"]}
    assert (env["IMAGE_DIGEST"], env["IMAGE_TAG"]) == (DIGEST, "staging-1.0.7")


def test_malformed_digest_is_refused(render: Render) -> None:
    """It would only show as ErrImagePull in the cluster."""
    with pytest.raises(ProcessFailed, match="64 hex digits"):
        render("deploy/app", ("values-staging.yaml",), {"image.digest": "sha256:3"})


def test_rollout_keeps_the_old_pod_until_the_new_one_is_ready(render: Render) -> None:
    """Staging serves all the time, and a broken image never takes it down."""
    deployment = kinds(render("deploy/app", ("values-staging.yaml",)), "Deployment")["birdclef-app"]
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_charts_share_their_shapes() -> None:
    """Charts are rendered alone, so each carries the file; the copies must not drift apart."""
    copies = {(CHECKOUT / c / "templates/_shapes.tpl").read_text() for c, _ in CHARTS if c != "workflows"}
    assert len(copies) == 1
