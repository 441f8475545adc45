"""02 cluster: what is on the machines, by Ansible: Kubernetes, storage, registry, Argo."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path

import yaml

from cxlib import progress, settings
from cxlib.clients import ansible, process
from cxlib.clients.kube import Kube, Object
from cxlib.errors import StageFailed
from cxlib.parallel import run_all
from cxlib.stage import supply
from cxlib.wait import Budget, Look, wait_until

# Our kustomization -> the toolchain's module that brings its upstream manifests.
_UPSTREAM = {"argocd": "argo-cd", "argo-workflows": "argo-workflows"}
# What the cluster's network stands on: label -> where each of its pods says whether it is healthy.
_NETWORK = {"k8s-app=kube-dns": "8181/proxy/ready", "k8s-app=kube-proxy": "10256/proxy/healthz"}
# Our kustomization -> upstream's image -> ours.
_REPLACED = {
    "argocd": {"quay.io/argoproj/argocd": "argocd", "public.ecr.aws/docker/library/redis": "redis"},
    "argo-workflows": {"quay.io/argoproj/workflow-controller": "workflow-controller"},
}


def converge(site: settings.Site) -> ansible.PlaybookRun:
    """Run every play of the pipeline; on a cluster that is as the playbooks say, nothing changes."""
    with progress.stage("02 cluster"):
        ran = ansible.run(site, "site.yml", variables(site))
        kube = Kube(site.kubeconfig)
        wait_until("DNS and proxies", lambda: _look_at_network(kube), wanted="healthy", within=Budget.ROLLOUT)
        wait_until("the registry", lambda: _look_at_registry(kube), wanted="an answer", within=Budget.ROLLOUT)
        return ran


def variables(site: settings.Site) -> dict[str, object]:
    """What the plays need to know of this checkout: addresses, image references, rendered folders."""
    images = supply.images(site)
    return {
        "images": images,
        "supply_address": str(site.supply_address),
        "floating_address": str(site.floating_address),
        "kubeconfig_path": str(site.kubeconfig),
        "rendered": str(_rendered(site, images)),
    }


def _rendered(site: settings.Site, images: dict[str, str]) -> Path:
    """A folder with argocd.yaml and argo-workflows.yaml: upstream's, with our changes and images.

    Rendered in a folder named by all that goes in, so that what is there already serves again.
    """
    parts = [supply.manifests("argo-cd").parent.name, supply.manifests("argo-workflows").parent.name]
    for name in _REPLACED:
        parts += [
            p.read_text(encoding="utf-8") for p in sorted((settings.CHECKOUT / "deploy" / name).iterdir())
        ]
    parts += [images[ours] for replaced in _REPLACED.values() for ours in replaced.values()]
    parts.append(images["argoexec"])
    folder = site.state / "rendered" / hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
    if not folder.is_dir():
        shutil.rmtree(folder.parent, ignore_errors=True)
        work = folder.with_suffix(".part")
        for name in _REPLACED:
            _render(name, work, images)
        work.rename(folder)
    return folder


def _render(name: str, folder: Path, images: dict[str, str]) -> None:
    shutil.copytree(settings.CHECKOUT / "deploy" / name, folder / name)
    shutil.copytree(supply.manifests(_UPSTREAM[name]), folder / name / "upstream")
    component: dict[str, object] = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [_renamed(upstream, images[ours]) for upstream, ours in _REPLACED[name].items()],
    }
    if name == "argo-workflows":
        component["patches"] = [_executor(images["argoexec"])]
    (folder / name / "images").mkdir()
    (folder / name / "images" / "kustomization.yaml").write_text(yaml.safe_dump(component), encoding="utf-8")
    kubectl = str(supply.toolchain_bin("kubectl"))
    built = process.run([kubectl, "kustomize", str(folder / name)], timeout=60)
    (folder / f"{name}.yaml").write_text(built.stdout, encoding="utf-8")


def _renamed(upstream: str, reference: str) -> dict[str, str]:
    name, tag = reference.rsplit(":", 1)
    return {"name": upstream, "newName": name, "newTag": tag}


def _executor(reference: str) -> dict[str, object]:
    arguments = ["--executor-image", reference, "--executor-image-pull-policy", "IfNotPresent"]
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": v} for v in arguments]
    return {"target": {"kind": "Deployment", "name": "workflow-controller"}, "patch": json.dumps(patch)}


def ready_nodes(site: settings.Site) -> list[str]:
    """Names of the nodes that are Ready, sorted."""
    return sorted(n["metadata"]["name"] for n in Kube(site.kubeconfig).list("Node") if is_ready(n))


def is_ready(node: Object) -> bool:
    """Whether Kubernetes calls a node Ready."""
    conditions = (node.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def registry_version(site: settings.Site) -> str:
    """What the in-cluster registry says it speaks, through the API server. Raises ``StageFailed``."""
    look = _look_at_registry(Kube(site.kubeconfig))
    if look.value is None:
        raise StageFailed("the registry", wanted="200 from /v2/", seen=look.seen)
    return look.value


def _look_at_network(kube: Kube) -> Look[None]:
    """Asks each pod itself: after a machine's reboot Kubernetes tells its pods' old state for a while."""
    asked = {
        pod["metadata"]["name"]: f"/api/v1/namespaces/kube-system/pods/{pod['metadata']['name']}:{door}"
        for label, door in _NETWORK.items()
        for pod in kube.list("Pod", "kube-system", labels=label)
    }
    answers = run_all([partial(kube.raw, path) for path in asked.values()])
    sick = [name for name, answer in zip(asked, answers, strict=True) if answer.status != 200]
    seen = ", ".join(f"no answer of {name}" for name in sick) or "all healthy"
    return Look(seen, done=bool(asked) and not sick)


def _look_at_registry(kube: Kube) -> Look[str]:
    answer = kube.raw("/api/v1/namespaces/kube-system/services/registry:5000/proxy/v2/")
    if answer.status != 200:
        return Look(f"HTTP {answer.status}: {answer.body[:200].decode(errors='replace').strip()}")
    return Look.found(answer.headers.get("Docker-Distribution-Api-Version", "no version"))
