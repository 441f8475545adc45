"""Argo Workflows: submit a template once for the same inputs, follow it, and say why it failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from cxlib.clients import pod
from cxlib.clients.argocd import EVERY, PATIENCE
from cxlib.clients.kube import Kube, Object, Refused
from cxlib.errors import CxError, StageFailed, Unreachable, Unrecoverable
from cxlib.wait import Budget, Look, wait_until

NAMESPACE = "argo"
API = "argoproj.io/v1alpha1"
INPUTS_LABEL = "cx.birdclef/inputs"
BUILD_LABEL = "cx.birdclef/build"
TEMPLATE_LABEL = "cx.birdclef/template"
_OVER = ("Succeeded", "Failed", "Error")
_LOG_LINES = 25


@dataclass(frozen=True, slots=True)
class Run:
    """One workflow as it is now. ``outputs`` are those of all its nodes, later nodes win."""

    name: str
    template: str
    inputs: str
    build: str
    phase: str
    message: str
    node: str
    outputs: Mapping[str, str]
    created: str

    @property
    def over(self) -> bool:
        return self.phase in _OVER

    @property
    def succeeded(self) -> bool:
        return self.phase == "Succeeded"

    def output(self, name: str) -> str:
        """An output parameter. Raises ``StageFailed`` when the workflow has none of that name."""
        if name not in self.outputs:
            wanted = f"an output '{name}'"
            raise StageFailed(f"workflow {self.name}", wanted=wanted, seen=", ".join(self.outputs) or "none")
        return self.outputs[name]

    def __str__(self) -> str:
        at = f" at {self.node}" if self.node else ""
        return f"{self.phase or 'not started'}{at}" + (f": {self.message}" if self.message else "")


def key(template: str, inputs: Mapping[str, str]) -> str:
    """Twelve hex digits that stand for a template and all that its result depends on."""
    text = json.dumps([template, sorted(inputs.items())])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def runs(kube: Kube, template: str, inputs_key: str) -> list[Run]:
    """The workflows of ``template`` that were submitted for these inputs, oldest first."""
    labels = f"{TEMPLATE_LABEL}={template},{INPUTS_LABEL}={inputs_key}"
    found = [read(w) for w in kube.list("Workflow", NAMESPACE, labels=labels)]
    return sorted(found, key=lambda run: (run.created, run.name))


@dataclass(frozen=True, slots=True)
class Order:
    """A template, its parameters, and keys that stand for all that its result depends on.

    ``build`` is the key of the image build inside it, where it has one.
    """

    template: str
    parameters: Mapping[str, str]
    inputs: str
    build: str = ""

    def manifest(self, attempt: int) -> Object:
        """The Workflow. Its name derives from inputs and attempt: the same one is never started twice."""
        labels = {TEMPLATE_LABEL: self.template, INPUTS_LABEL: self.inputs}
        if self.build:
            labels[BUILD_LABEL] = self.build
        listed = [{"name": k, "value": v} for k, v in self.parameters.items()]
        name = f"{self.template}-{self.inputs}-{attempt}"
        return {
            "apiVersion": API,
            "kind": "Workflow",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
            "spec": {"workflowTemplateRef": {"name": self.template}, "arguments": {"parameters": listed}},
        }


def submit(kube: Kube, order: Order, attempt: int) -> Run:
    """Start the order's ``attempt``; the one that is there when it was started before."""
    manifest = order.manifest(attempt)
    try:
        return read(kube.create(manifest))
    except Refused as exc:
        found = kube.get("Workflow", manifest["metadata"]["name"], NAMESPACE) if exc.status == 409 else None
        if found is None:
            raise
        return read(found)


def read(found: Object) -> Run:
    """What a Workflow's object says."""
    status, labels = found.get("status") or {}, found["metadata"].get("labels") or {}
    nodes = sorted((status.get("nodes") or {}).values(), key=lambda n: n.get("finishedAt") or "~")
    outputs = {
        p["name"]: str(p["value"])
        for node in nodes
        for p in (node.get("outputs") or {}).get("parameters") or []
        if "value" in p
    }
    active = [n["displayName"] for n in nodes if n.get("type") == "Pod" and n.get("phase") not in _OVER]
    return Run(
        name=found["metadata"]["name"],
        template=labels.get(TEMPLATE_LABEL) or found["spec"].get("workflowTemplateRef", {}).get("name", ""),
        inputs=labels.get(INPUTS_LABEL, ""),
        build=labels.get(BUILD_LABEL, ""),
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        node=", ".join(active),
        outputs=outputs,
        created=found["metadata"].get("creationTimestamp", ""),
    )


def budget(kube: Kube, template: str) -> float:
    """How many seconds a workflow of ``template`` is followed: longer than its own deadline, at which Argo
    ends it and says why. ``Budget.WORKFLOW`` is for templates without one."""
    found = kube.get("WorkflowTemplate", template, NAMESPACE) or {}
    deadline = (found.get("spec") or {}).get("activeDeadlineSeconds")
    return float(deadline) + Budget.ENDING if deadline else Budget.WORKFLOW


def follow(kube: Kube, name: str, *, within: float | None = None) -> Run:
    """Wait for the workflow's end, for as long as its template allows unless told.

    Raises ``Unrecoverable`` with the failed node, its message and log, ``WaitTimedOut``.
    """
    if within is None:
        within = wait_until(f"deadline of {name}", partial(_allowed, kube, name), wanted="an answer",
                            within=Budget.SYNC, every=EVERY)  # fmt: skip
    look = _Follower(kube, name).look
    return wait_until(f"workflow {name}", look, wanted="Succeeded", within=within, every=EVERY)


def _allowed(kube: Kube, name: str) -> Look[float]:
    try:
        found = kube.get("Workflow", name, NAMESPACE)
        return Look.found(budget(kube, read(found).template) if found else Budget.ANSWER)
    except Unreachable as exc:
        return Look(str(exc))


class _Follower:
    """The looks of one wait; remembers for how many of them pods have been stuck."""

    def __init__(self, kube: Kube, name: str) -> None:
        self._kube, self._name, self._stuck = kube, name, 0

    def look(self) -> Look[Run]:
        try:
            return self._look()
        except Unreachable as exc:
            return Look(str(exc))  # the workflow goes on without us, and may end well

    def _look(self) -> Look[Run]:
        found = self._kube.get("Workflow", self._name, NAMESPACE)
        if found is None:
            return Look("no such workflow", hopeless=True)
        run = read(found)
        if run.succeeded:
            return Look.found(run, str(run))
        if run.over:
            return Look(failure(self._kube, found), hopeless=True)
        stuck = pod.troubles(pods(self._kube, self._name))
        self._stuck = self._stuck + 1 if stuck else 0
        return Look("; ".join([str(run), *map(str, stuck)]), hopeless=self._stuck > PATIENCE)


def pods(kube: Kube, workflow: str) -> list[Object]:
    """The pods of a workflow that are still there."""
    return kube.list("Pod", NAMESPACE, labels=f"workflows.argoproj.io/workflow={workflow}")


def failure(kube: Kube, found: Object) -> str:
    """Why a workflow failed: the node that failed first, what it says, and the end of its log."""
    status = found.get("status") or {}
    failed = [n for n in (status.get("nodes") or {}).values() if n.get("phase") in ("Failed", "Error")]
    leaves = [n for n in failed if n.get("type") == "Pod"] or failed
    if not leaves:
        return f"{status.get('phase')}: {status.get('message', 'no message')}"
    first = min(leaves, key=lambda n: n.get("finishedAt") or "~")
    log = node_log(kube, found["metadata"]["name"], first["id"])
    said = f"{status.get('phase')}: node {first['displayName']}: {first.get('message', 'no message')}"
    return f"{said}\n{log}".rstrip()


def node_log(kube: Kube, workflow: str, node: str, lines: int = _LOG_LINES) -> str:
    """The end of the main container's log of a node, or why there is none."""
    for found in pods(kube, workflow):
        if (found["metadata"].get("annotations") or {}).get("workflows.argoproj.io/node-id") == node:
            try:
                return kube.logs(NAMESPACE, found["metadata"]["name"], container="main", lines=lines)
            except CxError as exc:
                return f"(no log: {exc})"
    return "(no log: its pod is gone)"


def started(kube: Kube, order: Order, *, again: bool = False) -> tuple[Run, bool]:
    """The run for this order: one under way, one that succeeded, or a new one; and whether it is new.

    ``again`` starts a new one although an earlier one had succeeded.
    """
    known = runs(kube, order.template, order.inputs)
    if under_way := next((r for r in known if not r.over), None):
        return under_way, False
    done = next((r for r in reversed(known) if r.succeeded), None)
    if done and not again:
        return done, False
    numbers = [int(r.name.rsplit("-", 1)[1]) for r in known if r.name.rsplit("-", 1)[1].isdigit()]
    return submit(kube, order, max(numbers, default=0) + 1), True


def once(kube: Kube, order: Order, *, again: bool = False) -> tuple[Run, bool]:
    """A run for this order that succeeded, found or made; and whether it had to be waited for.

    Raises ``Unrecoverable`` when the run that was followed failed.
    """
    run, _ = started(kube, order, again=again)
    return (run, False) if run.succeeded else (follow(kube, run.name), True)


def expect_failure(kube: Kube, name: str, *, within: float | None = None) -> str:
    """Follow a workflow that should fail; why it did. Raises ``Unrecoverable`` when it succeeds."""
    try:
        follow(kube, name, within=within)
    except Unrecoverable as exc:
        return exc.seen
    raise Unrecoverable(f"workflow {name}", wanted="a failure", seen="Succeeded")
