"""What the gate about the infrastructure sees of a real API server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from cxlib.clients import argocd
from cxlib.clients.kube import Kube, Object
from cxlib.judge import infrastructure
from cxlib.model.infrastructure import Count, parse_gate
from cxlib.model.verdict import GateVerdict, Verdict
from cxlib.settings import Site
from cxlib.stage import infrastructure_gate

NODES = ("nodes ready >= 2", "nodes not ready = 0")


def look(kube: Kube, *lines: str) -> GateVerdict:
    gate = parse_gate("infrastructure", lines)
    observation = infrastructure_gate.look_at_cluster(kube, {c.count for c in gate.criteria})
    return infrastructure.judge(gate, observation)


@pytest.fixture
def nodes(kube: Kube) -> Iterator[tuple[str, str]]:
    """Two nodes, which kubelets would otherwise speak for."""
    names = tuple(f"node-{uuid.uuid4().hex[:6]}" for _ in range(2))
    for name in names:
        kube.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        say(kube, name, "True")
    yield names[0], names[1]
    for name in names:
        kube.delete("Node", name)


def say(kube: Kube, name: str, ready: str) -> None:
    """What the node's kubelet reports: written to its status, as a kubelet does."""
    client = kube._resources()
    body = {"status": {"conditions": [{"type": "Ready", "status": ready}]}}
    client.patch(
        client.resources.get(api_version="v1", kind="Node").subresources["status"], body=body, name=name,
        content_type="application/merge-patch+json",
    )  # fmt: skip


def application(kube: Kube, name: str, sync: str, health: str) -> Object:
    """An Application whose status says that, as its controller would."""
    source = {"repoURL": "http://git/site.git", "path": "x", "targetRevision": "main"}
    spec = {"project": "p", "source": source, "destination": {"server": "s", "namespace": "n"}}
    kube.apply({"apiVersion": argocd.API, "kind": "Application",
                "metadata": {"name": name, "namespace": argocd.NAMESPACE}, "spec": spec})  # fmt: skip
    compared = {"source": source, "destination": spec["destination"]}
    status = {"sync": {"status": sync, "comparedTo": compared}, "health": {"status": health}}
    return kube.patch("Application", name, argocd.NAMESPACE, {"status": status})


def test_nodes_that_are_ready_pass_and_one_that_is_not_fails_by_name(
    kube: Kube, nodes: tuple[str, str]
) -> None:
    """Also one that says nothing at all: Kubernetes marks a lost machine's state as Unknown."""
    assert look(kube, *NODES).verdict is Verdict.PASS
    for said in ("False", "Unknown"):
        say(kube, nodes[1], said)
        outcome = look(kube, *NODES)
        assert outcome.verdict is Verdict.FAIL
        assert f"nodes not ready = 0: 1: {nodes[1]}" in outcome.reason


def test_cluster_without_nodes_is_invalid(kube: Kube) -> None:
    """No node that is not ready is no proof when there is no node."""
    outcome = look(kube, "nodes not ready = 0")
    assert (outcome.verdict, outcome.reason) == (
        Verdict.INVALID, "nodes not ready = 0: Kubernetes has no node",
    )  # fmt: skip


def test_applications_are_judged_by_their_own_words(kube: Kube, argocd_api: None) -> None:
    """Synced and Healthy, about what they are asked for now."""
    name = f"app-{uuid.uuid4().hex[:6]}"
    line = f"Application {name} is Synced and Healthy"
    assert look(kube, line).verdict is Verdict.INVALID
    application(kube, name, "Synced", "Healthy")
    try:
        assert look(kube, line).verdict is Verdict.PASS
        for sync, health in (("OutOfSync", "Healthy"), ("Synced", "Degraded"), ("Unknown", "Healthy")):
            application(kube, name, sync, health)
            assert look(kube, line).verdict is Verdict.FAIL, (sync, health)
        application(kube, name, "Synced", "Healthy")
        kube.patch("Application", name, argocd.NAMESPACE, {"spec": {"source": {"path": "y"}}})
        outcome = look(kube, line)
        assert outcome.verdict is Verdict.FAIL
        assert "not looked at yet" in outcome.reason
    finally:
        kube.delete("Application", name, argocd.NAMESPACE)


def test_site_that_does_not_answer_is_invalid_in_every_line(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kubeconfig, no Terraform, no Ansible: what nobody could see is no PASS, and no traceback."""
    monkeypatch.setenv("CX_STATE", str(tmp_path))
    monkeypatch.setenv("CX_CACHE", str(tmp_path))
    site = Site.model_validate(
        {
            "name": "local", "floating_address": "127.255.255.254", "supply_address": "192.0.2.10",
            "ssh_user": "x", "nodes": {"node1": "192.0.2.2"},
        }
    )  # fmt: skip
    lines = [f"{count.value} = 0" for count in (Count.NOT_READY, Count.OUT_OF_SYNC, Count.UNHEALTHY)]
    gate = parse_gate("infrastructure", [*lines, "Application x is Synced and Healthy"])
    outcome = infrastructure.judge(gate, infrastructure_gate.look(site, gate))
    assert {c.verdict for c in outcome.criteria} == {Verdict.INVALID}
    assert "kubeconfig" in outcome.reason
