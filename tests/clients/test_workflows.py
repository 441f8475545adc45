"""For how long a workflow is followed."""

from __future__ import annotations

from typing import Any

import pytest

from cxlib.clients import workflows
from cxlib.errors import Unreachable, Unrecoverable
from cxlib.wait import Budget


class Cluster:
    """A train-model that has succeeded, whose template allows ``deadline`` seconds. Its first ``silent``
    answers are lost."""

    def __init__(self, deadline: int | None, silent: int = 0, phase: str = "Succeeded") -> None:
        self._deadline, self._silent, self._phase = deadline, silent, phase
        self.asked: list[str] = []

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any] | None:
        self.asked.append(f"{kind}/{name}")
        if len(self.asked) <= self._silent:
            raise Unreachable("no answer")
        if kind == "WorkflowTemplate":
            return {"spec": {"activeDeadlineSeconds": self._deadline} if self._deadline else {}}
        return {
            "metadata": {"name": name},
            "spec": {"workflowTemplateRef": {"name": "train-model"}},
            "status": {"phase": self._phase},
        }


@pytest.mark.parametrize("deadline", [300, 3900, 14400])
def test_a_workflow_is_followed_for_longer_than_its_template_allows(deadline: int) -> None:
    """Given up earlier, a training that is as slow as it may be would go on without anybody.

    And at its deadline Argo says which step took too long, which a wait of ours that ends can't.
    """
    assert workflows.budget(Cluster(deadline), "train-model") > deadline  # type: ignore[arg-type]


def test_a_template_without_a_deadline_has_ours() -> None:
    """A user's own template may have none."""
    assert workflows.budget(Cluster(None), "train-model") == Budget.WORKFLOW  # type: ignore[arg-type]


def test_following_asks_the_template_for_its_deadline() -> None:
    """Whoever follows without a budget of his own; an answer that is lost doesn't end it."""
    cluster = Cluster(3900, silent=1)
    assert workflows.follow(cluster, "train-model-1").succeeded  # type: ignore[arg-type]
    assert "WorkflowTemplate/train-model" in cluster.asked


def test_a_failure_that_is_waited_for_has_the_same_budget() -> None:
    """The scenario of a training that can't be done."""
    cluster = Cluster(3900)
    with pytest.raises(Unrecoverable, match="wanted a failure"):
        workflows.expect_failure(cluster, "train-model-1")  # type: ignore[arg-type]
    assert "WorkflowTemplate/train-model" in cluster.asked
