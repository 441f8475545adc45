"""How a site stands, asked of everything that knows, at once. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from cxlib.clients import argocd, endpoint, http, pod, registry, terraform, workflows
from cxlib.clients.kube import Kube, Object
from cxlib.clients.mlflow_rest import Lookup
from cxlib.errors import Unreachable
from cxlib.judge import agreement
from cxlib.model.standing import Environment, Holder, Image, Standing
from cxlib.parallel import together
from cxlib.settings import ENVIRONMENTS, MODEL_NAME, Site
from cxlib.stage import application, claim, envelopes, identity, proofs
from cxlib.stage.trust import Trust

# Seconds that all parts together have to answer; a look at what runs needs less than one.
ANSWER_SECONDS = 6.0
_CONNECT_SECONDS = 1.5
# The parameters of a workflow that name the environment that it changes.
_TARGETS = ("target-environment", "environment")
_TO_STAGING = ("train-model", "build-container-image")


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What the Kubernetes API tells, in one go."""

    kube: Kube
    applications: Mapping[str, Object]
    workflows: Sequence[Object]
    pods: Mapping[str, Sequence[Object]]
    trust: Trust
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Doors:
    """Whom a look asks: MLflow, the cluster, what an environment answers, what a tag points at."""

    mlflow: Lookup
    connect: Callable[[], Kube]
    serving: Callable[[str], Image]
    tagged: Callable[[Kube, str], str | None]


def doors(site: Site) -> Doors:
    """The site's own."""
    return Doors(
        Lookup(site.url("mlflow"), connect=_CONNECT_SECONDS),
        partial(_connect, site),
        partial(_serving, site),
        lambda kube, tag: registry.digest(registry.ClusterDoor(kube), application.APP_REPOSITORY, tag),
    )


def standing(site: Site, *, now: datetime | None = None, through: Doors | None = None) -> Standing:
    """How ``site`` stands. What does not answer is named in ``down`` and hides nothing else."""
    now, through = now or datetime.now(UTC), through or doors(site)
    if not exists(site):
        return Standing(site.name, now, exists=False)
    asked: dict[str, Callable[[], Any]] = {
        "MLflow": partial(through.mlflow.aliases, MODEL_NAME),
        "Kubernetes": partial(_cluster, site, through.connect),
        **{name: partial(through.serving, name) for name in ENVIRONMENTS},
    }
    told, silent = together(asked, ANSWER_SECONDS)
    down = {part: why for part, why in silent.items() if part not in ENVIRONMENTS}
    cluster: _Cluster | None = told.get("Kubernetes")
    aliases: dict[str, str] | None = told.get("MLflow")
    seen = [_environment(site, name, cluster, aliases, told.get(name), silent) for name in ENVIRONMENTS]
    if cluster:
        lookup = through.mlflow if aliases is not None else None
        seen, more = _looked_up(seen, cluster, lookup, through.tagged, now)
        down |= more
    return Standing(
        site.name,
        now,
        cluster.fingerprint if cluster else "",
        environments=tuple(seen),
        down=down,
        disagreements=agreement.disagreements(seen, site.url("mlflow"), MODEL_NAME),
    )


def exists(site: Site) -> bool:
    """Whether this machine knows the site's cluster, and Terraform remembers no taking down."""
    return site.kubeconfig.is_file() and terraform.remembers(site.state / "terraform") is not False


def _serving(site: Site, name: str) -> Image:
    answer = http.fetch(site.url(name) + "/version", timeout=_CONNECT_SECONDS)
    if answer.status != 200:
        raise Unreachable(f"HTTP {answer.status} from /version")
    return served(answer.body)


def served(body: bytes) -> Image:
    """What ``/version`` told. Raises ``Unreachable`` when it is no JSON object."""
    import json

    try:
        told = json.loads(body)
        return claim.image(told.get("image_digest"), told.get("model_version"), told.get("image_tag"))
    except (ValueError, AttributeError) as exc:
        raise Unreachable("/version told no JSON object") from exc


def _connect(site: Site) -> Kube:
    """Quick to say that nothing is there: the client itself would try for long."""
    endpoint.require(*endpoint.of_kubeconfig(site.kubeconfig), within=_CONNECT_SECONDS)
    return Kube(site.kubeconfig)


def _cluster(site: Site, connect: Callable[[], Kube]) -> _Cluster:
    kube = connect()
    pods: dict[str, list[Object]] = {}
    for one in kube.list("Pod", labels="app=birdclef-app"):
        pods.setdefault(one["metadata"]["namespace"], []).append(one)
    return _Cluster(
        kube,
        {one["metadata"]["name"]: one for one in kube.list("Application", argocd.NAMESPACE)},
        kube.list("Workflow", workflows.NAMESPACE),
        pods,
        proofs.trusted(kube),
        identity.fingerprint(site, kube),
    )


def _environment(
    site: Site,
    name: str,
    cluster: _Cluster | None,
    aliases: Mapping[str, str] | None,
    serving: Image | None,
    silent: Mapping[str, str],
) -> Environment:
    """What each part says about one environment, as far as it is told by now."""
    seen = Environment(name, site.url(name), serving=serving)
    if aliases is not None:
        seen = replace(seen, alias=aliases.get(name, ""))
    if cluster is None:
        return seen
    found = cluster.applications.get(f"birdclef-{name}")
    if found is None:
        return replace(seen, installed=False)
    state, parameters = argocd.state(found), argocd.parameters(found)
    wanted = claim.image(
        parameters.get("image.digest"), parameters.get("model.version"), parameters.get("image.tag")
    )
    return replace(
        seen,
        installed=True,
        sync=state.sync,
        health=state.health,
        said="; ".join(state.conditions) or state.message,
        revision=state.revision,
        wanted=wanted,
        silent=_why(silent.get(name, "")),
        pods=tuple(sorted(pod.digests(cluster.pods.get(f"birdclef-{name}", []), "app"))),
        holders=holders(cluster.workflows).get(name, ()),
        claim=claim.of(found),
    )


def _why(silent: str) -> str:
    """Without the URL, which is told beside it, and without the library's own words."""
    return "no answer" if ": no answer: " in silent else silent


def _looked_up(
    seen: Sequence[Environment],
    cluster: _Cluster,
    lookup: Lookup | None,
    tagged: Callable[[Kube, str], str | None],
    now: datetime,
) -> tuple[list[Environment], dict[str, str]]:
    """``seen`` with what can only be asked once it is known what should run: tags and evidence."""
    installed = [one for one in seen if one.wanted]
    asked: dict[str, Callable[[], Any]] = {
        one.name: partial(tagged, cluster.kube, one.wanted.tag)
        for one in installed
        if one.wanted and one.wanted.tag
    }
    if lookup:
        running = {one.name: one.wanted.digest for one in installed if one.wanted and one.wanted.digest}
        asked["evidence"] = partial(
            envelopes.about, lookup, running, cluster.trust.policy, within=ANSWER_SECONDS
        )
    told, silent = together(asked, ANSWER_SECONDS)
    statements = proofs.believed(told["evidence"], cluster.trust) if "evidence" in told else None
    found = []
    for one in seen:
        if one.name in told:
            one = replace(one, tagged=told[one.name] or "")
        # before any model there is nothing to prove
        if one.wanted and one.wanted.model_version and statements is not None:
            known = (one.name, one.wanted.digest, statements, cluster.trust, now)
            one = replace(one, proofs=proofs.own(*known), entry=proofs.entry(*known))
        found.append(one)
    return found, {"evidence" if name == "evidence" else "registry": why for name, why in silent.items()}


def holders(found: Sequence[Object]) -> dict[str, tuple[Holder, ...]]:
    """The workflows that are at work on each environment, or wait for their turn, oldest first."""
    by: dict[str, tuple[Holder, ...]] = {}
    for one in sorted(found, key=lambda w: str(w["metadata"].get("creationTimestamp"))):
        run = workflows.read(one)
        target = _target(one, run.template)
        if run.over or not target:
            continue
        waits = bool(((one.get("status") or {}).get("synchronization") or {}).get("mutex", {}).get("waiting"))
        since = datetime.fromisoformat(run.created) if run.created else None
        by[target] = (*by.get(target, ()), Holder(run.name, str(run), since, waits))
    return by


def _target(found: Object, template: str) -> str:
    listed = (found["spec"].get("arguments") or {}).get("parameters") or []
    given = {p["name"]: str(p.get("value", "")) for p in listed}
    named = next((given[name] for name in _TARGETS if given.get(name) in ENVIRONMENTS), "")
    return named or ("staging" if template in _TO_STAGING else "")
