"""Applications against a real API server with Argo CD's CRDs; the test stands in for its controller."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from cxlib.clients import argocd
from cxlib.clients.kube import REFRESH, Kube, Object
from cxlib.errors import Unrecoverable, WaitTimedOut

pytestmark = pytest.mark.usefixtures("argocd_api")
COMMIT = "c" * 40


@pytest.fixture
def wanted() -> Object:
    """An Application of the test's own."""
    return argocd.manifest(
        f"app-{uuid.uuid4().hex[:8]}",
        repository="http://192.0.2.1/site.git",
        path="deploy/app",
        namespace="default",
        project="birdclef",
        values={"externalIP": "192.0.2.2"},
        value_files=["values-staging.yaml"],
    )


def controller_says(kube: Kube, name: str, **status: Any) -> None:
    """Write what Argo CD's controller would: it has looked at the Application as it is now."""
    found = kube.get("Application", name, argocd.NAMESPACE)
    assert found is not None
    source = found["spec"]["source"]
    sync = {
        "status": status.pop("sync", "Synced"),
        "revision": status.pop("revision", COMMIT),
        "comparedTo": {"source": source, "destination": found["spec"]["destination"]},
    }
    body = {
        "metadata": {"annotations": {REFRESH: None}},
        "status": {"sync": sync, "health": {"status": status.pop("health", "Healthy")}, **status},
    }
    kube.patch("Application", name, argocd.NAMESPACE, body)


def operation(phase: str, started: str = "2026-01-01T00:00:00Z", message: str = "") -> Object:
    return {
        "operationState": {
            "operation": {},
            "phase": phase,
            "startedAt": started,
            "message": message,
        }
    }


def test_an_application_again_changes_nothing(kube: Kube, wanted: Object) -> None:
    """The second run must not touch Argo CD."""
    assert argocd.ensure(kube, wanted)
    assert not argocd.ensure(kube, wanted)


def test_a_busy_controller_is_no_change_of_ours(kube: Kube, wanted: Object) -> None:
    """The controller writes status while we apply; only a difference in what is wanted counts."""
    argocd.ensure(kube, wanted)
    name = wanted["metadata"]["name"]
    over = threading.Event()

    def write() -> None:
        for turn in range(200):
            if over.is_set():
                return
            controller_says(kube, name, health="Healthy" if turn % 2 else "Progressing")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert not [True for _ in range(10) if argocd.ensure(kube, wanted)]
    finally:
        over.set()
        writer.join()


def test_parameters_of_the_deployer_survive_an_apply(kube: Kube, wanted: Object) -> None:
    """The deploy workflow owns them: a harness that took them back would undo a deployment."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted, {"image.tag": "staging-1.0.0"})
    deployed = [
        {"name": "image.tag", "value": "staging-1.0.7"},
        {"name": "image.digest", "value": "sha256:x"},
    ]
    body = {"spec": {"source": {"helm": {"parameters": deployed}}}}
    kube.patch("Application", name, argocd.NAMESPACE, body)
    wanted["spec"]["source"]["helm"]["valuesObject"] = {"externalIP": "192.0.2.9"}
    assert argocd.ensure(kube, wanted, {"image.tag": "staging-1.0.0"})
    found = kube.get("Application", name, argocd.NAMESPACE)
    assert found is not None
    assert argocd.parameters(found) == {"image.tag": "staging-1.0.7", "image.digest": "sha256:x"}
    assert found["spec"]["source"]["helm"]["valuesObject"] == {"externalIP": "192.0.2.9"}


def test_first_parameters_survive_the_next_apply(kube: Kube, wanted: Object) -> None:
    """Set once, they belong to another field manager: an apply without them must not take them away."""
    argocd.ensure(kube, wanted, {"image.tag": "staging-1.0.0"})
    assert not argocd.ensure(kube, wanted, {"image.tag": "staging-1.0.0"})
    found = kube.get("Application", wanted["metadata"]["name"], argocd.NAMESPACE)
    assert found is not None
    assert argocd.parameters(found) == {"image.tag": "staging-1.0.0"}
    assert found["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}


def test_synced_to_the_wanted_commit_ends_the_wait(kube: Kube, wanted: Object) -> None:
    """The good case, with the refresh that makes Argo CD look now and not in three minutes."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted)
    timer = threading.Timer(0.5, controller_says, (kube, name), operation("Succeeded"))
    timer.start()
    state = argocd.wait_synced(kube, name, COMMIT, within=10)
    timer.join()
    assert (state.sync, state.health, state.revision) == ("Synced", "Healthy", COMMIT)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"revision": "d" * 40}, "at dddddddd of cccccccc"),
        ({"health": "Progressing"}, "Synced/Progressing"),
        ({**operation("Running")}, "operation Running"),
    ],
)
def test_an_older_or_unfinished_sync_is_waited_out(
    kube: Kube, wanted: Object, said: dict[str, Any], seen: str
) -> None:
    """Synced and Healthy about an older commit, or with an operation under way, proves nothing."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted)
    timer = threading.Timer(0.2, controller_says, (kube, name), said)
    timer.start()
    with pytest.raises(WaitTimedOut, match=seen):
        argocd.wait_synced(kube, name, COMMIT, within=2)
    timer.join()


def test_a_status_about_older_values_proves_nothing(kube: Kube, wanted: Object) -> None:
    """New values with the same commit: the old status still says Synced and Healthy."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted)
    controller_says(kube, name)
    wanted["spec"]["source"]["helm"]["valuesObject"] = {"externalIP": "192.0.2.7"}
    argocd.ensure(kube, wanted)
    found = kube.get("Application", name, argocd.NAMESPACE)
    assert found is not None
    assert not argocd.state(found).current


def test_a_chart_that_does_not_render_ends_the_wait(kube: Kube, wanted: Object) -> None:
    """No patience mends a broken chart; its error is what a person needs to see."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted)
    condition = {
        "type": "ComparisonError",
        "message": "Manifest generation error: helm template: nil pointer",
    }
    said = {"sync": "Unknown", "conditions": [condition]}
    timer = threading.Timer(0.2, controller_says, (kube, name), said)
    timer.start()
    with pytest.raises(Unrecoverable, match="nil pointer"):
        argocd.wait_synced(kube, name, COMMIT, within=10)
    timer.join()


def test_a_failed_operation_is_tried_again_once(kube: Kube, wanted: Object) -> None:
    """A failure that an earlier run left behind may have been a hiccup; one of now is final."""
    name = wanted["metadata"]["name"]
    argocd.ensure(kube, wanted)
    said = {"sync": "OutOfSync", "health": "Missing"}
    first = threading.Timer(0.2, controller_says, (kube, name), said | operation("Failed"))
    later = operation("Failed", "2026-01-01T00:05:00Z", "namespaces is forbidden")
    second = threading.Timer(2.5, _finish, (kube, name), said | later)
    first.start()
    second.start()
    with pytest.raises(Unrecoverable, match="namespaces is forbidden"):
        argocd.wait_synced(kube, name, COMMIT, within=10)
    for timer in (first, second):
        timer.join()


def _finish(kube: Kube, name: str, **said: Any) -> None:
    """The controller takes the operation that was asked for, and ends it."""
    found = kube.get("Application", name, argocd.NAMESPACE)
    assert found is not None
    assert found["operation"]["sync"]["revision"] == COMMIT
    kube.patch("Application", name, argocd.NAMESPACE, {"operation": None})
    controller_says(kube, name, **said)
