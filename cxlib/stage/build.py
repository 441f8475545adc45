"""What the pipeline's workflows are asked for, keyed by all that their results depend on."""

from __future__ import annotations

from cxlib.clients import git
from cxlib.clients.workflows import Order, key
from cxlib.settings import Site


def _wrapper(site: Site, revision: str) -> dict[str, str]:
    """What an image of the application is made of, but for the model."""
    from cxlib.stage import supply

    images = supply.images(site)
    bare = site.state / "git" / "site.git"
    return {
        "base": images["birdclef-base"],
        "pipeline": images["pipeline"],
        "wrapper": git.tree(bare, revision, "services/wrapper"),
    }


def first(site: Site, revision: str) -> Order:
    """The images without a model, one for each environment."""
    return Order("build-initial", {}, key("build-initial", _wrapper(site, revision)))


def training(site: Site, revision: str) -> Order:
    """A model, from training to staging. Rebuilding the wrapper alone trains nothing anew."""
    from cxlib.stage import supply

    images = supply.images(site)
    parameters = site.training.parameters()
    depends = {**parameters, "trainer": images["trainer"], "evaluator": images["evaluator"]}
    built = key("build-container-image", _wrapper(site, revision))
    return Order("train-model", parameters, key("train-model", depends), built)


def image(site: Site, revision: str, version: str) -> Order:
    """The image of a model that is registered already, from build to staging."""
    parts = {**_wrapper(site, revision), "version": version}
    built = key("build-container-image", _wrapper(site, revision))
    return Order(
        "build-container-image", {"model-version": version}, key("build-container-image", parts), built
    )


def deployment(environment: str, version: str, digest: str) -> Order:
    """An environment pointed at the image of a model version."""
    parameters = {"environment": environment, "model-version": version}
    return Order(
        "deploy-container-image", parameters, key("deploy-container-image", {**parameters, "digest": digest})
    )
