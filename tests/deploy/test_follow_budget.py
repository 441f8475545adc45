"""How long the harness follows a promotion, by what the chart gives it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cxlib.clients import workflows
from cxlib.clients.kube import Kube
from cxlib.clients.workflows import Run
from cxlib.errors import Unreachable
from cxlib.stage import under_way
from cxlib.wait import Budget
from tests.deploy.charts import Manifest, Render


@pytest.fixture
def specs(render: Render) -> dict[str, Any]:
    """The templates that change what is served, by name."""
    made: list[Manifest] = render("workflows")
    return {m["metadata"]["name"]: m["spec"] for m in made if m["kind"] == "WorkflowTemplate"}


def followed(monkeypatch: pytest.MonkeyPatch, get: Any) -> float:
    """For how many seconds a run of a template is followed, in a cluster that answers ``get``."""
    waited: list[float] = []
    monkeypatch.setattr(workflows, "follow", lambda kube, name, *, within: waited.append(within))
    run = Run("promote-model-1", "promote-model", "", "", "Running", "", "", {}, "")
    under_way.follow(cast("Kube", SimpleNamespace(get=get)), run)
    return waited[0]


@pytest.mark.parametrize("name", under_way.TEMPLATES)
def test_a_workflow_is_followed_as_long_as_it_may_take(
    specs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Who gives up before it tells of a failure that there may never be, while it still undoes itself."""
    spec = specs[name]
    (settle,) = [template for template in spec["templates"] if template["name"] == "settle"]
    tries = 1 + int(settle["retryStrategy"]["limit"])
    may_take = spec["activeDeadlineSeconds"] + tries * settle["activeDeadlineSeconds"]
    assert followed(monkeypatch, lambda *_: {"spec": spec}) > may_take


def test_a_cluster_that_does_not_say_is_no_reason_to_follow_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server is down for a minute, or the template is gone: the workflow goes on."""

    def down(*_: object) -> None:
        raise Unreachable("the API server")

    assert followed(monkeypatch, down) == Budget.WORKFLOW
    assert followed(monkeypatch, lambda *_: None) == Budget.WORKFLOW
