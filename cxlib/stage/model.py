"""The model: trained, registered and built into an image, by Argo Workflows. Once for the same inputs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cxlib import progress
from cxlib.clients import registry, workflows
from cxlib.clients.kube import Kube
from cxlib.clients.mlflow import Tracking
from cxlib.errors import StageFailed, Unrecoverable
from cxlib.settings import MODEL_NAME, Site
from cxlib.stage import application, build, platform


@dataclass(frozen=True, slots=True)
class Model:
    """The model that staging is meant to serve. ``digest`` is its image's in the registry."""

    version: str
    tag: str
    digest: str
    workflows: tuple[workflows.Run, ...]
    did: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.did)


def converge(site: Site, revision: str) -> Model:
    """The images of the first build, the model and its image are there; what is missing is made.

    ``revision`` is the commit that the platform runs. Raises ``Unrecoverable`` with the reason of the
    workflow that failed, ``StageFailed`` when what it promised isn't there afterwards.
    """
    with progress.stage("04 model"):
        return _converge(site, revision)


def _converge(site: Site, revision: str) -> Model:
    kube = platform.connect(site)
    did = []
    first, made = _first_build(kube, site, revision)
    did += [first.name] if made else []
    # The workflow deploys what it built, so there has to be something to deploy to.
    if application.ensure_environment(kube, site, "staging"):
        did.append("Application birdclef-staging")
    trained, made = _trained(kube, site, revision)
    did += [trained.name] if made else []
    version = trained.output("model-version")
    built, made = _built(kube, site, revision, trained, version)
    did += [built.name] if made else []
    for line in did:
        progress.note(f"changed: {line}")
    found = _look(kube, version, built)
    ran = (first, trained) if built is trained else (first, trained, built)
    return Model(version, staging_tag(version), found, ran, tuple(did))


def staging_tag(version: str) -> str:
    """The image tag of a model version for staging."""
    return f"staging-1.0.{version}"


def image_digest(kube: Kube, tag: str) -> str | None:
    """The digest of the application's image ``tag`` in the in-cluster registry, None without one."""
    return registry.digest(registry.ClusterDoor(kube), application.APP_REPOSITORY, tag)


def _first_build(kube: Kube, site: Site, revision: str) -> tuple[workflows.Run, bool]:
    order = build.first(site, revision)
    run, made = workflows.once(kube, order)
    if not made and image_digest(kube, staging_tag("0")) is None:
        return workflows.once(kube, order, again=True)
    return run, made


def _trained(kube: Kube, site: Site, revision: str) -> tuple[workflows.Run, bool]:
    """The finished training for these inputs, if MLflow still has its version; else a new one."""
    order = build.training(site, revision)
    with asked_for(site):
        run, made = workflows.once(kube, order)
        version = run.outputs.get("model-version", "")
        if made or (version and Tracking(site.url("mlflow")).version(MODEL_NAME, version)):
            return run, made
        return workflows.once(kube, order, again=True)


@contextmanager
def asked_for(site: Site) -> Iterator[None]:
    """Says of a training that failed what had been asked for, and where that can be changed.

    What a trainer offers is its own matter, so is how it says that something isn't offered.
    """
    try:
        yield
    except Unrecoverable as exc:
        asked = ", ".join(f'{name} = "{value}"' for name, value in site.training.asked().items())
        where = f"[training] of sites/{site.name}/site.toml"
        hint = f"asked for with {asked}. Write into {where} what your trainer offers, if that is the cause"
        raise Unrecoverable(exc.what, wanted=exc.wanted, seen=f"{exc.seen}\n{hint}") from exc


def _built(
    kube: Kube, site: Site, revision: str, trained: workflows.Run, version: str
) -> tuple[workflows.Run, bool]:
    """The run that built the version's image of today's wrapper: the training's own, or one after it.

    A run counts only while the tag still points at what it built.
    """
    order = build.image(site, revision, version)
    now = image_digest(kube, staging_tag(version))
    if trained.build == order.build and trained.output("digest") == now:
        return trained, False
    run, made = workflows.once(kube, order)
    if made or run.output("digest") == now:
        return run, made
    return workflows.once(kube, order, again=True)


def _look(kube: Kube, version: str, built: workflows.Run) -> str:
    """The image's digest as the registry has it, which has to be the one that was built."""
    found = image_digest(kube, staging_tag(version))
    if found is None or found != built.output("digest"):
        wanted = f"{built.output('digest')} as {built.name} built it"
        raise StageFailed(f"image {staging_tag(version)}", wanted=wanted, seen=found or "no such tag")
    return found


def reason_of_failure(site: Site, template: str, parameters: dict[str, str]) -> str:
    """Why ``template`` fails with ``parameters``, which it should; asked once for the same images.

    Raises ``Unrecoverable`` when it succeeds.
    """
    from cxlib.stage import supply

    kube, images = platform.connect(site), supply.images(site)
    depends = {**parameters, **{name: images[name] for name in ("pipeline", "trainer")}, "fails": "yes"}
    order = workflows.Order(template, parameters, workflows.key(template, depends))
    known = workflows.runs(kube, template, order.inputs)
    run = known[-1] if known else workflows.submit(kube, order, 1)
    return workflows.expect_failure(kube, run.name)
