"""Promotions and rollbacks that are under way: found, named and followed, whoever started them."""

from __future__ import annotations

from collections.abc import Mapping

from cxlib import progress
from cxlib.clients import workflows
from cxlib.clients.kube import Kube, Object
from cxlib.clients.workflows import NAMESPACE, Run
from cxlib.errors import Unreachable, Unrecoverable
from cxlib.wait import Budget

TEMPLATES = {"promote-model": "target-environment", "rollback-model": "environment"}


def of(kube: Kube, name: str) -> list[Run]:
    """The workflows that are changing what ``name`` serves, oldest first."""
    found = [(w, workflows.read(w)) for w in kube.list("Workflow", NAMESPACE)]
    ours = [run for w, run in found if not run.over and _target(w, run) == name]
    return sorted(ours, key=lambda run: (run.created, run.name))


def wait_out(kube: Kube, name: str) -> tuple[str, ...]:
    """Follow what is under way to its end, good or bad: it finishes, or undoes itself. Their names."""
    ended = []
    for run in of(kube, name):
        progress.note(f"{run.name} was under way for {name} since {run.created}: followed to its end")
        try:
            follow(kube, run)
        except Unrecoverable as exc:
            progress.note(f"{run.name} came to nothing: {exc.seen.splitlines()[0]}")
        ended.append(run.name)
    return tuple(ended)


def follow(kube: Kube, run: Run) -> Run:
    """Wait for the workflow's end, as long as it may take. An interrupted wait leaves it to Argo Workflows,
    and says so.

    Raises ``Unrecoverable`` with the node that failed first and its log, ``WaitTimedOut``.
    """
    if run.succeeded:
        return run
    try:
        return workflows.follow(kube, run.name, within=_longest(kube, run))
    except KeyboardInterrupt:
        progress.note(
            f"{run.name} is left to Argo Workflows, which finishes or undoes it; the next run follows it"
        )
        raise


def _longest(kube: Kube, run: Run) -> float:
    try:
        template = kube.get("WorkflowTemplate", run.template, NAMESPACE)
    except Unreachable:
        template = None  # the workflow goes on without us, and may end well
    return longest(template["spec"] if template else {})


def longest(spec: Object) -> float:
    """Seconds that a workflow of a template may take: its own deadline, and then all tries of its way out
    with the pauses between them.

    The template says it alone, so that no figure here has to follow the chart's.
    """
    templates = {template["name"]: template for template in spec.get("templates") or []}
    way_out = templates.get(spec.get("onExit", ""), {})
    steps = [step["template"] for together in way_out.get("steps") or [] for step in together]
    tries = [templates[name] for name in steps] or [way_out]
    after = sum(
        float(one.get("activeDeadlineSeconds", 0)) * (1 + int(one.get("retryStrategy", {}).get("limit", 0)))
        for one in tries
    )
    return max(Budget.WORKFLOW, float(spec.get("activeDeadlineSeconds", 0)) + after + Budget.ROLLOUT)


def _target(found: Object, run: Run) -> str:
    parameter = TEMPLATES.get(run.template)
    return parameters(found).get(parameter, "") if parameter else ""


def parameters(found: Object) -> Mapping[str, str]:
    """The arguments that a Workflow was submitted with."""
    listed = (found["spec"].get("arguments") or {}).get("parameters") or []
    return {p["name"]: str(p.get("value", "")) for p in listed}
