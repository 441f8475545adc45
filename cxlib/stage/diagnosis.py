"""What the cluster has to say when something went wrong, written down as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from cxlib.clients import argocd, pod, workflows
from cxlib.clients.kube import Kube, Object
from cxlib.errors import CxError
from cxlib.parallel import run_all
from cxlib.settings import Site

# Namespaces by how they begin: the pipeline's, those of checks, and what a cluster itself stands on.
_OURS = ("argo", "birdclef-", "cx-check-", "kube-system", "local-path-storage")
_LOG_LINES = 300
_EVENTS = 200


def collectors(site: Site) -> dict[str, Callable[[Path], None]]:
    """Collectors by name; each writes text files into the folder that it is given, none before there is
    a cluster."""
    found = {"events": _events, "pods": _pods, "applications": _applications, "workflows": _workflows}
    return {name: partial(_collect, site, collector) for name, collector in found.items()}


def _collect(site: Site, collector: Callable[[Kube, Path], None], folder: Path) -> None:
    if site.kubeconfig.is_file():
        collector(Kube(site.kubeconfig), folder)


def _events(kube: Kube, folder: Path) -> None:
    found = kube.list("Event")
    found.sort(key=lambda e: e.get("lastTimestamp") or e["metadata"]["creationTimestamp"] or "")
    lines = [
        f"{e.get('lastTimestamp') or e['metadata']['creationTimestamp']} {e.get('type', '')} "
        f"{e['metadata']['namespace']}/{e['involvedObject'].get('name', '')} {e.get('reason', '')}: "
        f"{e.get('message', '')}"
        for e in found[-_EVENTS:]
    ]
    (folder / "events.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pods(kube: Kube, folder: Path) -> None:
    found = [p for p in kube.list("Pod") if p["metadata"]["namespace"].startswith(_OURS)]
    (folder / "pods.txt").write_text("\n".join(map(_line, found)) + "\n", encoding="utf-8")
    run_all([partial(_logs, kube, p, folder) for p in found])


def _line(found: Object) -> str:
    states = [f"{s['name']} ready={s['ready']} restarts={s['restartCount']}" for s in pod.statuses(found)]
    stuck = "; ".join(map(str, pod.troubles([found])))
    meta, spec = found["metadata"], found["spec"]
    where = f"{meta['namespace']}/{meta['name']} on {spec.get('nodeName', 'no node')}"
    return f"{where} {found['status'].get('phase')}: {', '.join(states)} {stuck}".rstrip()


def _logs(kube: Kube, found: Object, folder: Path) -> None:
    """The logs of all containers of a pod, and of their last run where there was one."""
    namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
    for status in pod.statuses(found):
        for previous in (False, True) if status["restartCount"] else (False,):
            if not status.get("containerID"):
                continue
            try:
                text = kube.logs(
                    namespace, name, container=status["name"], previous=previous, lines=_LOG_LINES
                )
            except CxError as exc:
                text = f"(no log: {exc})\n"
            suffix = ".previous" if previous else ""
            (folder / f"{namespace}.{name}.{status['name']}{suffix}.log").write_text(text, encoding="utf-8")


def _applications(kube: Kube, folder: Path) -> None:
    """Each Application in one line, then as it is: conditions, resources that differ, its operation."""
    found = kube.list("Application", argocd.NAMESPACE)
    (folder / "applications.txt").write_text(
        "\n".join(f"{a.name}: {a}" for a in map(argocd.state, found)) + "\n", encoding="utf-8"
    )
    for item in found:
        status = item.get("status") or {}
        differing = [r for r in status.get("resources") or [] if r.get("status") != "Synced"]
        shown = {"spec": item["spec"], "status": {**status, "resources": differing, "history": None}}
        (folder / f"{item['metadata']['name']}.yaml").write_text(
            yaml.safe_dump(shown, sort_keys=False), encoding="utf-8"
        )


def _workflows(kube: Kube, folder: Path) -> None:
    """Every workflow in one line; for those that failed their nodes, and the first one's log."""
    found = kube.list("Workflow", workflows.NAMESPACE)
    (folder / "workflows.txt").write_text(
        "\n".join(f"{r.name}: {r}" for r in map(workflows.read, found)) + "\n", encoding="utf-8"
    )
    for item in found:
        if (item.get("status") or {}).get("phase") in ("Failed", "Error"):
            nodes = (item["status"].get("nodes") or {}).values()
            lines = [f"{n['displayName']} {n.get('phase')}: {n.get('message', '')}" for n in nodes]
            text = "\n".join([*lines, "", workflows.failure(kube, item)])
            (folder / f"{item['metadata']['name']}.txt").write_text(text + "\n", encoding="utf-8")
