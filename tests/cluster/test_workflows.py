"""Workflows against a real API server with Argo's CRDs; the test stands in for its controller."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest

from cxlib.clients import workflows
from cxlib.clients.kube import Kube, Object
from cxlib.clients.workflows import Order
from cxlib.errors import StageFailed, Unrecoverable

pytestmark = pytest.mark.usefixtures("workflows_api")


@pytest.fixture
def order() -> Order:
    """A training of the test's own."""
    return Order("train-model", {"model-name": "mlp"}, uuid.uuid4().hex[:12], "0123456789ab")


def controller_says(
    kube: Kube, name: str, phase: str, nodes: list[Object] | None = None, message: str = ""
) -> None:
    """Write what Argo's controller would."""
    status = {"phase": phase, "message": message, "nodes": {n["id"]: n for n in nodes or []}}
    kube.patch("Workflow", name, workflows.NAMESPACE, {"status": status})


def node(name: str, phase: str, finished: str | None = None, **more: Any) -> Object:
    shown = {"id": f"id-{name}", "name": name, "displayName": name, "type": "Pod", "phase": phase, **more}
    return shown | ({"finishedAt": finished} if finished else {})


def test_the_key_depends_on_every_input() -> None:
    """A key that missed an input would take an old result for a new one."""
    one = workflows.key("train-model", {"trainer": "a", "model-name": "mlp"})
    assert one == workflows.key("train-model", {"model-name": "mlp", "trainer": "a"})
    assert one != workflows.key("train-model", {"trainer": "b", "model-name": "mlp"})
    assert one != workflows.key("build-initial", {"trainer": "a", "model-name": "mlp"})


def test_a_submitted_workflow_names_template_and_parameters(kube: Kube, order: Order) -> None:
    """What Argo reads: the template's reference and the arguments."""
    run = workflows.submit(kube, order, 1)
    found = kube.get("Workflow", run.name, workflows.NAMESPACE)
    assert found is not None
    assert found["spec"]["workflowTemplateRef"] == {"name": "train-model"}
    assert found["spec"]["arguments"]["parameters"] == [{"name": "model-name", "value": "mlp"}]
    assert (run.inputs, run.build) == (order.inputs, "0123456789ab")


def test_the_same_attempt_is_never_started_twice(kube: Kube, order: Order) -> None:
    """Two harnesses at once, or one that comes back, end up with one training."""
    assert workflows.submit(kube, order, 1).name == workflows.submit(kube, order, 1).name
    assert len(workflows.runs(kube, order.template, order.inputs)) == 1


def test_a_running_workflow_is_followed_not_started_again(kube: Kube, order: Order) -> None:
    """A harness that was killed finds what it had started."""
    first = workflows.submit(kube, order, 1)
    controller_says(kube, first.name, "Running")
    found, new = workflows.started(kube, order, again=True)
    assert (found.name, new) == (first.name, False)


def test_a_success_is_not_repeated(kube: Kube, order: Order) -> None:
    """The second run of the pipeline trains nothing."""
    first = workflows.submit(kube, order, 1)
    digest = {"outputs": {"parameters": [{"name": "digest", "value": "sha256:1"}]}}
    controller_says(
        kube, first.name, "Succeeded", [node("build", "Succeeded", "2026-01-01T00:00:00Z", **digest)]
    )
    run, made = workflows.once(kube, order)
    assert (run.name, made, run.output("digest")) == (first.name, False, "sha256:1")


def test_a_failure_is_followed_by_a_new_attempt(kube: Kube, order: Order) -> None:
    """What failed yesterday must not keep today from trying."""
    controller_says(kube, workflows.submit(kube, order, 1).name, "Failed")
    run, new = workflows.started(kube, order)
    assert (run.name, new) == (f"train-model-{order.inputs}-2", True)


def test_following_ends_with_success(kube: Kube, order: Order) -> None:
    """While it runs the current node is what a person wants to see."""
    run = workflows.submit(kube, order, 1)
    controller_says(kube, run.name, "Running", [node("train", "Running")])
    found = kube.get("Workflow", run.name, workflows.NAMESPACE)
    assert found is not None
    assert str(workflows.read(found)) == "Running at train"
    timer = threading.Timer(0.5, controller_says, (kube, run.name, "Succeeded"))
    timer.start()
    assert workflows.follow(kube, run.name, within=10).succeeded
    timer.join()


def test_a_failure_names_the_node_that_failed_first(kube: Kube, order: Order) -> None:
    """The steps after it fail for its sake; its message is the cause."""
    run = workflows.submit(kube, order, 1)
    nodes = [
        node("evaluate", "Error", "2026-01-01T00:02:00Z", message="never ran"),
        node("train", "Failed", "2026-01-01T00:01:00Z", message="Error (exit code 1)"),
    ]
    controller_says(kube, run.name, "Failed", nodes)
    with pytest.raises(
        Unrecoverable, match=r"Failed: node train: Error \(exit code 1\)\n\(no log: its pod is gone\)"
    ):
        workflows.follow(kube, run.name, within=5)


def test_a_workflow_that_should_fail_and_succeeds_is_an_error(kube: Kube, order: Order) -> None:
    """A scenario that shows a failure must itself be able to fail."""
    run = workflows.submit(kube, order, 1)
    controller_says(kube, run.name, "Succeeded")
    with pytest.raises(Unrecoverable, match="wanted a failure, saw Succeeded"):
        workflows.expect_failure(kube, run.name, within=5)


def test_a_missing_output_is_named(kube: Kube, order: Order) -> None:
    """A user's own template may lack an output that the pipeline reads."""
    run = workflows.submit(kube, order, 1)
    with pytest.raises(StageFailed, match="wanted an output 'model-version', saw none"):
        run.output("model-version")


def test_a_workflow_that_is_gone_ends_the_wait(kube: Kube) -> None:
    """Somebody deleted it: waiting brings nothing back."""
    with pytest.raises(Unrecoverable, match="no such workflow"):
        workflows.follow(kube, "never-was", within=5)
