"""An environment of the application: what Argo CD runs there, what answers, what MLflow's alias says."""

from __future__ import annotations

from dataclasses import dataclass

from cxlib import progress
from cxlib.clients import argocd, http, pod
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.errors import CxError, StageFailed, Unreachable
from cxlib.settings import ENVIRONMENTS, MODEL_NAME, Site
from cxlib.stage import application
from cxlib.wait import Budget, Look, wait_until


@dataclass(frozen=True, slots=True)
class Serving:
    """What an environment says it serves, asked at its address; empty where there is no model."""

    model_version: str
    digest: str
    tag: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model version and the digest of its image: what is to serve somewhere."""

    version: str
    digest: str

    def __str__(self) -> str:
        return f"model {self.version} from {self.digest[:19]}"

    @property
    def exact(self) -> str:
        """As one run tells the next: ``7@sha256:…``."""
        return f"{self.version}@{self.digest}"

    @classmethod
    def named(cls, exact: str) -> Candidate:
        """The one that is told so."""
        version, _, digest = exact.partition("@")
        return cls(version, digest)


@dataclass(frozen=True, slots=True)
class Environment:
    """What an environment runs. ``running`` are the digests in its ready pods; ``alias`` is MLflow's;
    ``did`` says what this run changed, a line each."""

    name: str
    application: argocd.State
    serving: Serving
    running: frozenset[str]
    alias: str | None
    did: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.did)

    @property
    def chart(self) -> str:
        """The commit of the chart that Argo CD runs there."""
        return self.application.revision

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.serving.model_version, self.serving.digest)


def before(name: str) -> str:
    """The environment from which a model comes to ``name``."""
    return ENVIRONMENTS[ENVIRONMENTS.index(name) - 1]


def served(site: Site, name: str) -> Serving:
    """What answers at the environment's address now. Raises ``Unreachable``."""
    found = http.get_json(site.url(name) + "/version")
    return Serving(
        model_version=found.get("model_version") or "",
        digest=found.get("image_digest") or "",
        tag=found.get("image_tag") or "",
    )


def running(kube: Kube, name: str) -> set[str]:
    """The image digests that the ready pods of an environment run."""
    return pod.running_digests(kube, f"birdclef-{name}", "app", labels="app=birdclef-app")


def aliased(site: Site, alias: str) -> str | None:
    """The model version that MLflow's ``alias`` points at."""
    return Tracking(site.url("mlflow")).alias(MODEL_NAME, alias)


def pointed(kube: Kube, name: str) -> Candidate:
    """What the environment's Application is pointed at; empty before any model."""
    found = kube.get("Application", f"birdclef-{name}", argocd.NAMESPACE)
    parameters = argocd.parameters(found) if found else {}
    return Candidate(parameters.get("model.version", ""), parameters.get("image.digest", ""))


def charted(kube: Kube, name: str) -> str:
    """The commit of the chart that an environment is pinned to; the branch's name where it follows one."""
    found = kube.get("Application", f"birdclef-{name}", argocd.NAMESPACE)
    return str(found["spec"]["source"].get("targetRevision", "")) if found else ""


def meant(kube: Kube, name: str) -> Candidate:
    """What ``pointed`` says; empty where that can't be learnt."""
    try:
        return pointed(kube, name)
    except CxError as exc:
        progress.note(f"what {name} is pointed at cannot be learnt: {exc}")
        return Candidate("", "")


def install(kube: Kube, site: Site, name: str) -> list[str]:
    """The namespace and the Application are there, a new one with the first build; what was changed."""
    return [f"Application birdclef-{name}"] if application.ensure_environment(kube, site, name) else []


def settle(kube: Kube, site: Site, name: str, did: list[str]) -> Environment:
    """The environment once Argo CD runs there, and what answers is, what the Application says.

    Raises ``StageFailed`` and its kin with what was seen last.
    """
    state = argocd.wait_synced(kube, f"birdclef-{name}", charted(kube, name))
    serving = wait_serving(site, name, pointed(kube, name))
    return Environment(name, state, serving, frozenset(running(kube, name)), aliased(site, name), tuple(did))


def look(kube: Kube, site: Site, name: str, did: tuple[str, ...] = ()) -> Environment:
    """What the environment runs now, whatever it is. Raises ``Unreachable``, ``StageFailed`` without one."""
    found = kube.get("Application", f"birdclef-{name}", argocd.NAMESPACE)
    if found is None:
        raise StageFailed(f"Application birdclef-{name}", wanted="there", seen="none")
    pods = frozenset(running(kube, name))
    return Environment(name, argocd.state(found), served(site, name), pods, aliased(site, name), did)


def wait_serving(site: Site, name: str, wanted: Candidate) -> Serving:
    """Wait until ``wanted`` answers at the environment's address. Raises ``WaitTimedOut``."""
    said = str(wanted) if wanted.digest else "the first build"
    return wait_until(
        f"{name}'s answer",
        lambda: _look(site, name, wanted),
        wanted=said,
        within=Budget.BOOT,
        every=argocd.EVERY,
    )


def require_whole(found: Environment) -> Candidate:
    """What the environment serves when all say the same of it: answer, pods and MLflow's alias.

    Raises ``StageFailed`` naming what differs, also when it serves no model yet.
    """
    now = found.candidate
    if not (now.version and now.digest):
        seen = f"the first build, {found.serving.tag}"
        raise StageFailed(found.name, wanted="a model to be served", seen=seen)
    if found.running != {now.digest}:
        seen = ", ".join(sorted(found.running)) or "none"
        raise StageFailed(f"{found.name}'s pods", wanted=f"all to run {now.digest}", seen=seen)
    if found.alias != now.version:
        raise StageFailed(
            f"MLflow's alias {found.name}", wanted=f"version {now.version}", seen=str(found.alias)
        )
    return now


def _look(site: Site, name: str, wanted: Candidate) -> Look[Serving]:
    try:
        now = served(site, name)
    except Unreachable as exc:
        return Look(str(exc))
    seen = f"model {now.model_version or 'none'} from {now.digest[:19] or 'no digest'}"
    # "0" stands for the first build, which serves no model
    version = "" if wanted.version == "0" else wanted.version
    return Look(seen, now, done=(now.model_version, now.digest) == (version, wanted.digest))
