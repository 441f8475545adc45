"""Staging: the model's image runs under Argo CD and serves what was built."""

from __future__ import annotations

from cxlib import progress
from cxlib.clients import argocd, workflows
from cxlib.settings import Site
from cxlib.stage import application, build, environment, platform
from cxlib.stage.environment import Candidate, Environment, aliased, running, served
from cxlib.stage.model import Model

__all__ = ["aliased", "converge", "running", "served"]


def converge(site: Site, model: Model) -> Environment:
    """``birdclef-staging`` serves ``model`` by the chart of the working tree; deployed again when it had been
    pointed elsewhere.

    Raises ``StageFailed`` when what is served is not what was built.
    """
    with progress.stage("05 staging"):
        return _converge(site, model)


def _converge(site: Site, model: Model) -> Environment:
    kube = platform.connect(site)
    did = environment.install(kube, site, "staging")
    if environment.pointed(kube, "staging").digest != model.digest:
        run, _ = workflows.once(kube, build.deployment("staging", model.version, model.digest), again=True)
        did.append(run.name)
    state = argocd.wait_synced(kube, "birdclef-staging", application.chart_commit(site))
    serving = environment.wait_serving(site, "staging", Candidate(model.version, model.digest))
    for line in did:
        progress.note(f"changed: {line}")
    now = frozenset(running(kube, "staging"))
    found = Environment("staging", state, serving, now, aliased(site, "staging"), tuple(did))
    environment.require_whole(found)
    return found
