"""Promotions and a harness that dies, against a real API server; the test stands in for Argo's controller."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxlib.clients import workflows
from cxlib.clients.kube import Kube
from cxlib.settings import CHECKOUT
from cxlib.stage import promotion, rollback, under_way
from cxlib.stage.environment import Candidate
from cxlib.wait import Budget, Look, wait_until
from tests.apart import Apart
from tests.cluster.harness import submit_and_follow
from tests.cluster.test_workflows import controller_says, node

pytestmark = pytest.mark.usefixtures("workflows_api")

# How far a promotion is when the harness dies.
STEPS = ("", "Pending", "Running")


@pytest.fixture
def candidate(kube: Kube) -> Iterator[Candidate]:
    """An image of the test's own; its promotions are gone afterwards."""
    made = Candidate("7", f"sha256:{uuid.uuid4().hex * 2}")
    yield made
    for run in under_way.of(kube, "canary"):
        kube.delete("Workflow", run.name, workflows.NAMESPACE)


def harness(kubeconfig: Path, folder: Path, candidate: Candidate) -> Apart:
    """The same command as a person gives it, in a process that can be killed."""
    args = (str(kubeconfig), str(folder), candidate.digest)
    return Apart(submit_and_follow, *args, warm=["kubernetes.dynamic"])


@pytest.mark.parametrize("phase", STEPS, ids=["just submitted", "waiting for its turn", "at work"])
def test_a_harness_that_was_killed_follows_what_it_had_started(
    kube: Kube, kubeconfig: Path, tmp_path: Path, candidate: Candidate, phase: str
) -> None:
    """kill -9 in the midst of a promotion, and the same command again: one promotion, to its end."""
    first = harness(kubeconfig, tmp_path, candidate)
    name = first.line()
    if phase:
        controller_says(kube, name, phase, [node("promote-model", phase)])
    first.send(signal.SIGKILL)
    assert first.ended(30) == -signal.SIGKILL
    assert [run.name for run in under_way.of(kube, "canary")] == [name]
    second = harness(kubeconfig, tmp_path, candidate)
    assert "under way for canary" in second.told()
    controller_says(kube, name, "Succeeded")
    ended = second.end(within=30)
    assert ended.stdout.split() == [name, "Succeeded"], ended.stderr
    known = workflows.runs(kube, promotion.TEMPLATE, promotion.order("canary", candidate).inputs)
    assert [run.name for run in known] == [name]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_harness_leaves_the_promotion_to_argo_workflows(
    kube: Kube, kubeconfig: Path, tmp_path: Path, candidate: Candidate, number: signal.Signals
) -> None:
    """It ends within 10 s and says what goes on; stopping the workflow would leave a half promotion."""
    program = (
        "import sys; from tests.cluster.harness import submit_and_follow; submit_and_follow(*sys.argv[1:])"
    )
    argv = [sys.executable, "-c", program, str(kubeconfig), str(tmp_path), candidate.digest]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, cwd=CHECKOUT) as child:
        assert child.stdout
        name = child.stdout.readline().strip()
        controller_says(kube, name, "Running", [node("promote-model", "Running")])
        child.send_signal(number)
        try:
            _, told = child.communicate(timeout=10)
        finally:
            child.kill()
    assert f"{name} is left to Argo Workflows" in told
    found = kube.get("Workflow", name, workflows.NAMESPACE)
    assert found is not None
    assert "shutdown" not in found["spec"]
    assert [run.name for run in under_way.of(kube, "canary")] == [name]


def test_a_promotion_that_was_undone_meanwhile_is_tried_anew(
    kube: Kube, kubeconfig: Path, tmp_path: Path, candidate: Candidate
) -> None:
    """The one that was under way came to nothing, which is said; the run has its own attempt."""
    order = promotion.order("canary", candidate)
    run = workflows.submit(kube, order, 1)
    controller_says(kube, run.name, "Running", [node("promote-model", "Running")])
    mine = harness(kubeconfig, tmp_path, candidate)
    assert "under way for canary" in mine.told()
    controller_says(kube, run.name, "Failed", [node("promote-model", "Failed", "2026-01-01T00:00:00Z")])
    second = mine.line()
    assert second == f"promote-model-{order.inputs}-2"
    controller_says(kube, second, "Succeeded")
    assert mine.end(within=30).stdout.split() == [second, "Succeeded"]


def test_two_harnesses_at_once_start_one_promotion(
    kube: Kube, kubeconfig: Path, tmp_path: Path, candidate: Candidate
) -> None:
    """The name derives from target, digest and attempt: whoever comes second follows the first."""
    both = [harness(kubeconfig, tmp_path, candidate) for _ in range(2)]
    wait_until(
        "the promotion",
        lambda: Look("none yet", done=bool(under_way.of(kube, "canary"))),
        wanted="submitted",
        within=Budget.ANSWER,
        every=0.1,
    )
    (run,) = under_way.of(kube, "canary")
    controller_says(kube, run.name, "Succeeded")
    assert [one.end(within=30).stdout.split()[-1] for one in both] == ["Succeeded", "Succeeded"]
    order = promotion.order("canary", candidate)
    assert [r.name for r in workflows.runs(kube, promotion.TEMPLATE, order.inputs)] == [run.name]


def test_what_is_under_way_is_found_by_its_target(kube: Kube, candidate: Candidate) -> None:
    """A rollback of the same environment counts, a promotion to another one doesn't."""
    to_production = workflows.submit(kube, promotion.order("production", candidate), 1)
    back = workflows.submit(kube, rollback.order("canary", candidate), 1)
    assert [run.name for run in under_way.of(kube, "canary")] == [back.name]
    assert to_production.name in [run.name for run in under_way.of(kube, "production")]
    for run in (to_production, back):
        kube.delete("Workflow", run.name, workflows.NAMESPACE)
