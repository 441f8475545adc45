"""A real kube-apiserver on a real etcd, with the CRDs of Argo CD and Argo Workflows; one for all tests."""

from __future__ import annotations

import os
import secrets
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from cxlib.clients import process, registry_server
from cxlib.clients.kube import Kube
from cxlib.errors import CxError
from cxlib.stage import supply
from cxlib.wait import Budget, Look, wait_until
from tests.cluster import promotion_site
from tests.cluster.promotion_doubles import ENVIRONMENTS, running
from tests.cluster.promotion_rights import allow
from tests.cluster.promotion_site import Staged, Stand
from tests.serving import free_ports, serving

# They live for minutes: collecting their garbage costs a fifth of their processor time, the memory little.
LARGE_HEAP = {"GOGC": "400"}


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of an API server that lives as long as the session, with nothing behind it: no pod ever runs."""
    folder = tmp_path_factory.mktemp("apiserver")
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f"{token},admin,1,system:masters\n")
    etcd_port, peer_port, port = free_ports(3)
    with ExitStack() as running:
        for name, argv in (
            ("etcd", _etcd(folder, etcd_port, peer_port)),
            ("apiserver", _apiserver(folder, etcd_port, port)),
        ):
            running.enter_context(serving(argv, folder / f"{name}.log", env=os.environ | LARGE_HEAP))
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(_kubeconfig(port, token, folder / "apiserver.crt")))
        wait_until("kube-apiserver", lambda: _look(path), wanted="ready", within=Budget.BOOT, every=0.2)
        yield path


@pytest.fixture
def kube(kubeconfig: Path, tmp_path: Path) -> Kube:
    """A client of its own for each test, without what others discovered."""
    return Kube(kubeconfig, tmp_path)


@pytest.fixture
def namespace(kube: Kube) -> str:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture(scope="session")
def argocd_api(kubeconfig: Path) -> None:
    """Argo CD's kinds and namespace; they exist once for all tests."""
    _load(Kube(kubeconfig), "argo-cd", "argocd", ("application-crd.yaml", "appproject-crd.yaml"))


@pytest.fixture(scope="session")
def workflows_api(kubeconfig: Path) -> None:
    """Argo Workflows' kinds and namespace."""
    crds = ("argoproj.io_workflows.yaml", "argoproj.io_workflowtemplates.yaml")
    _load(Kube(kubeconfig), "argo-workflows", "argo", crds)


@pytest.fixture(scope="session")
def stand(
    kubeconfig: Path, argocd_api: None, mlflow_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stand]:
    """A site for promotions, with the rights that the charts give."""
    folder = tmp_path_factory.mktemp("promotion")
    kube = Kube(kubeconfig, folder)
    allow(kube, supply.toolchain_bin("helm"), folder)
    with (
        registry_server.serving(supply.toolchain_bin("registry"), folder / "registry") as registry,
        running(kube) as rollouts,
    ):
        yield Stand(kube, rollouts, registry, mlflow_url, folder)


@pytest.fixture
def staged(stand: Stand) -> Iterator[Staged]:
    """A new version in staging with evidence, an older one in canary."""
    yield promotion_site.staged(stand)
    for environment in ENVIRONMENTS:
        stand.kube.delete("Application", f"birdclef-{environment}", "argocd")


def _etcd(folder: Path, port: int, peer: int) -> list[str]:
    client, peers = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
    return [
        str(supply.toolchain_bin("etcd")), f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peers}", f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
    ]  # fmt: skip


def _apiserver(folder: Path, etcd_port: int, port: int) -> list[str]:
    key = folder / "accounts.key"
    process.run(["openssl", "genrsa", "-out", str(key), "2048"], timeout=30)
    certificate, private = _certificate(folder)
    return [
        str(supply.toolchain_bin("kube-apiserver")), f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        f"--secure-port={port}", "--bind-address=127.0.0.1",
        f"--tls-cert-file={certificate}", f"--tls-private-key-file={private}",
        f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
        "--service-account-issuer=https://test", f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.99.0.0/24",
        "--disable-admission-plugins=ServiceAccount", "--profiling=false",
    ]  # fmt: skip


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For loopback, and its key: elliptic, as every request makes a connection, and RSA's take 3 ms each."""
    certificate, private = folder / "apiserver.crt", folder / "apiserver.key"
    argv = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-days", "2", "-subj", "/CN=apiserver", "-addext", "subjectAltName=IP:127.0.0.1",
        "-out", str(certificate), "-keyout", str(private),
    ]  # fmt: skip
    process.run(argv, timeout=30)
    return certificate, private


def _kubeconfig(port: int, token: str, certificate: Path) -> dict[str, object]:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(certificate)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        "current-context": "test",
    }


def _look(path: Path) -> Look[bool]:
    try:
        answer = Kube(path).raw("/readyz")
    except CxError as exc:
        return Look(str(exc)[:100])
    return Look(str(answer.status), True, done=answer.status == 200)


def _load(kube: Kube, module: str, namespace: str, files: tuple[str, ...]) -> None:
    """The CRDs as they came with the module (the minimal ones, where there are two) and the namespace."""
    names = []
    for name in files:
        found = sorted(supply.manifests(module).rglob(name), key=lambda p: "minimal" not in p.parts)
        assert found, f"{module} came without {name}"
        manifest = yaml.safe_load(found[0].read_text())
        kube.apply(manifest)
        names.append(manifest["metadata"]["name"])
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    wait_until(
        "CRDs", lambda: _established(kube, names), wanted="established", within=Budget.ANSWER, every=0.2
    )


def _established(kube: Kube, names: list[str]) -> Look[bool]:
    waiting = []
    for name in names:
        found = kube.get("CustomResourceDefinition", name, api="apiextensions.k8s.io/v1") or {}
        conditions = found.get("status", {}).get("conditions") or []
        if not any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
            waiting.append(name)
    return Look(f"waiting for {waiting}", True, done=not waiting)
