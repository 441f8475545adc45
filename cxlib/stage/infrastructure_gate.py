"""A gate about the infrastructure: nodes, drift of machines and of what is on them, and Argo CD."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cxlib import progress
from cxlib.clients import ansible, argocd
from cxlib.clients.kube import Kube
from cxlib.errors import CxError
from cxlib.evidence.statement import Subject
from cxlib.judge import infrastructure
from cxlib.model.infrastructure import (
    Application,
    Count,
    InfrastructureGate,
    Observation,
    Seen,
    parse_gate,
)
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import cluster, fact_gate
from cxlib.stage import site as machines
from cxlib.stage.fact_gate import Judged

_NODES = (Count.READY, Count.NOT_READY)
_OF_APPLICATIONS = (Count.OUT_OF_SYNC, Count.UNHEALTHY)


def measure(
    site: Site,
    environment: str,
    name: str,
    criteria: Sequence[str],
    subject: Subject,
    folder: Path,
    *,
    played: ansible.PlaybookRun | None = None,
) -> Judged:
    """Look at the infrastructure below ``subject``, judge it and record the evidence; nothing is changed.

    ``played`` is a run of all plays that has just ended: if it changed nothing, Ansible needn't look again.
    Raises ``ConfigError`` for a criterion that is wrong, before anything is asked, and what
    ``evidence.record`` raises. A verdict other than PASS is returned: see ``fact_gate.require_pass``.
    """
    asked = parse_gate(name, criteria)
    with progress.stage(f"gate {name}"):
        started = datetime.now(UTC)
        outcome = infrastructure.judge(asked, look(site, asked, played))
        return fact_gate.record(site, environment, outcome, criteria, subject, folder, started)


def look(site: Site, gate: InfrastructureGate, played: ansible.PlaybookRun | None = None) -> Observation:
    """What ``gate`` asks about, each part looked at once and at the same time. What doesn't answer is a
    problem in the observation, never an error."""
    asked = {c.count for c in gate.criteria}
    looks: dict[Count, Callable[[], tuple[str, ...]]] = {
        Count.TERRAFORM: partial(machines.drift, site),
        Count.ANSIBLE: partial(_play_drift, site, played),
    }
    wanted = [count for count in looks if count in asked]
    tasks: list[Callable[[], Observation]] = [partial(_counted, count, looks[count]) for count in wanted]
    if asked & {None, *_NODES, *_OF_APPLICATIONS}:
        tasks.append(partial(_cluster, site, asked))
    parts = run_all(tasks)
    return Observation(
        {count: seen for part in parts for count, seen in part.counts.items()},
        next((part.applications for part in parts if part.applications is not None), None),
        next((part.applications_problem for part in parts if part.applications_problem), ""),
    )


def _counted(count: Count, find: Callable[[], tuple[str, ...]]) -> Observation:
    try:
        return Observation({count: Seen(find())})
    except CxError as exc:
        return Observation({count: Seen(problem=str(exc))})


def _play_drift(site: Site, played: ansible.PlaybookRun | None) -> tuple[str, ...]:
    if played and not played.changed:
        return ()
    return ansible.run(site, "site.yml", cluster.variables(site), check=True).changes


def _cluster(site: Site, asked: set[Count | None]) -> Observation:
    try:
        return look_at_cluster(Kube(site.kubeconfig), asked)
    except CxError as exc:
        problem = str(exc)
        return Observation(dict.fromkeys(_NODES, Seen(problem=problem)), None, problem)


def look_at_cluster(kube: Kube, asked: set[Count | None]) -> Observation:
    """What Kubernetes says of its nodes and Argo CD of its Applications, each only if ``asked`` about
    (None: one Application by name). Raises ``Unreachable`` and ``Refused``."""
    counts: dict[Count, Seen] = {}
    if asked & set(_NODES):
        nodes = {node["metadata"]["name"]: cluster.is_ready(node) for node in kube.list("Node")}
        for count, ready in zip(_NODES, (True, False), strict=True):
            counts[count] = Seen(tuple(sorted(name for name, state in nodes.items() if state is ready)))
        if not nodes:
            counts = dict.fromkeys(_NODES, Seen(problem="Kubernetes has no node"))
    if not asked & {None, *_OF_APPLICATIONS}:
        return Observation(counts)
    states = [argocd.state(found) for found in kube.list("Application", argocd.NAMESPACE)]
    return Observation(counts, {s.name: Application(s.sync, s.health, s.current) for s in states})
