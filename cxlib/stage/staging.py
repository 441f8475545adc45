"""Staging: the model's image runs under Argo CD and serves what was built."""

from __future__ import annotations

from dataclasses import dataclass

from cxlib import progress
from cxlib.clients import argocd, http, pod, workflows
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.errors import StageFailed, Unreachable
from cxlib.settings import MODEL_NAME, Site
from cxlib.stage import application, build, platform
from cxlib.stage.model import Model
from cxlib.wait import Budget, Look, wait_until


@dataclass(frozen=True, slots=True)
class Serving:
    """What an environment says it serves, asked at its address."""

    model_version: str
    digest: str
    tag: str


@dataclass(frozen=True, slots=True)
class Staging:
    """What staging runs. ``running`` are the digests in its ready pods; ``alias`` is MLflow's."""

    application: argocd.State
    serving: Serving
    running: frozenset[str]
    alias: str | None
    did: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.did)


def served(site: Site, environment: str) -> Serving:
    """What answers at the environment's address now. Raises ``Unreachable``."""
    found = http.get_json(site.url(environment) + "/version")
    return Serving(
        model_version=found.get("model_version") or "",
        digest=found.get("image_digest") or "",
        tag=found.get("image_tag") or "",
    )


def converge(site: Site, revision: str, model: Model) -> Staging:
    """``birdclef-staging`` serves ``model``; deployed again when it had been pointed elsewhere.

    Raises ``StageFailed`` when what is served is not what was built.
    """
    with progress.stage("05 staging"):
        return _converge(site, revision, model)


def _converge(site: Site, revision: str, model: Model) -> Staging:
    kube = platform.connect(site)
    did = ["Application birdclef-staging"] if application.ensure_environment(kube, site, "staging") else []
    found = kube.get("Application", "birdclef-staging", argocd.NAMESPACE)
    pointed = argocd.parameters(found) if found else {}
    if pointed.get("image.digest") != model.digest:
        run, _ = workflows.once(kube, build.deployment("staging", model.version, model.digest), again=True)
        did.append(run.name)
    state = argocd.wait_synced(kube, "birdclef-staging", revision)
    serving = wait_until(
        "staging's answer",
        lambda: _look(site, model),
        wanted=f"model {model.version} from {model.digest[:19]}",
        within=Budget.BOOT,
    )
    for line in did:
        progress.note(f"changed: {line}")
    alias = Tracking(site.url("mlflow")).alias(MODEL_NAME, "staging")
    if alias != model.version:
        raise StageFailed("MLflow's alias staging", wanted=f"version {model.version}", seen=str(alias))
    return Staging(state, serving, frozenset(running(kube, "staging")), alias, tuple(did))


def running(kube: Kube, environment: str) -> set[str]:
    """The image digests that the ready pods of an environment run."""
    return pod.running_digests(kube, f"birdclef-{environment}", "app", labels="app=birdclef-app")


def _look(site: Site, model: Model) -> Look[Serving]:
    try:
        now = served(site, "staging")
    except Unreachable as exc:
        return Look(str(exc))
    seen = f"model {now.model_version or 'none'} from {now.digest[:19] or 'no digest'}"
    return Look(seen, now, done=(now.model_version, now.digest) == (model.version, model.digest))


def aliased(site: Site, alias: str) -> str | None:
    """The model version that MLflow's ``alias`` points at."""
    return Tracking(site.url("mlflow")).alias(MODEL_NAME, alias)
