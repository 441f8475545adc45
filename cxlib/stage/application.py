"""What Argo CD is asked to run on a site: its project, its Applications and the values they get."""

from __future__ import annotations

from cxlib.clients import argocd, git
from cxlib.clients.kube import Kube, Object
from cxlib.settings import CHECKOUT, ENVIRONMENTS, REGISTRY, Site
from cxlib.stage import chart

PROJECT = "birdclef"
FOLDERS = ("deploy", "workflows", "services")
PLATFORM, TRAINING, WORKFLOWS = "birdclef-platform", "birdclef-training", "birdclef-workflows"
APP_REPOSITORY = "birdclef-app"
# What a project's applications may write to; nothing of ours is cluster-wide.
_REACH = (
    "argo",
    "argocd",
    PLATFORM,
    TRAINING,
    "birdclef-staging",
    "birdclef-canary",
    "birdclef-production",
)


def repository(site: Site) -> str:
    """Where the cluster finds the site's git."""
    return f"http://{site.supply_address}:8000/site.git"


def snapshot(site: Site) -> tuple[str, bool]:
    """The working tree as the site's git holds it now: the commit, and whether it is a new one."""
    return git.snapshot(CHECKOUT, FOLDERS, site.state / "git" / "site.git")


def chart_commit(site: Site) -> str:
    """The application's chart as the working tree has it, as a commit of the site's git that is kept: staging
    follows its branch, what is promoted to is pinned to one of them."""
    return git.snapshot(CHECKOUT, (chart.FOLDER,), site.state / "git" / "site.git", chart.BRANCH, keep=True)[
        0
    ]


def project(site: Site) -> Object:
    """The AppProject of all Applications of ours: one repository, our namespaces, nothing cluster-wide."""
    server = "https://kubernetes.default.svc"
    return {
        "apiVersion": argocd.API,
        "kind": "AppProject",
        "metadata": {"name": PROJECT, "namespace": argocd.NAMESPACE},
        "spec": {
            "description": "The pipeline: platform, training, workflows and the application",
            "sourceRepos": [repository(site)],
            "destinations": [{"server": server, "namespace": name} for name in _REACH],
            "clusterResourceWhitelist": [],
        },
    }


def namespace(name: str) -> Object:
    """A namespace of ours."""
    labels = {"app.kubernetes.io/part-of": PROJECT}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def values(site: Site, images: dict[str, str]) -> Object:
    """What all charts are told about the site: addresses and image references."""
    return {
        "images": images,
        "externalIP": str(next(iter(site.nodes.values()))),
        "floatingAddress": str(site.floating_address),
    }


def platform(site: Site, images: dict[str, str]) -> list[Object]:
    """The Applications that all environments share, in no order."""
    where = {"repository": repository(site), "project": PROJECT}
    used = {
        PLATFORM: ("postgres", "minio", "mlflow"),
        TRAINING: ("trainer", "evaluator"),
        WORKFLOWS: ("pipeline", "birdclef-base"),
    }
    wanted = {name: {image: images[image] for image in listed} for name, listed in used.items()}
    git_at = {"gitUrl": repository(site), "revision": git.BRANCH, "registry": REGISTRY}
    return [
        argocd.manifest(PLATFORM, path="deploy/platform", namespace=PLATFORM,
                        values=values(site, wanted[PLATFORM]), **where),
        argocd.manifest(TRAINING, path="deploy/training", namespace=TRAINING,
                        values={"images": wanted[TRAINING]}, **where),
        argocd.manifest(WORKFLOWS, path="workflows", namespace="argo",
                        values={"images": wanted[WORKFLOWS], **git_at}, **where),
    ]  # fmt: skip


def environment(site: Site, name: str) -> Object:
    """The Application of an environment. Which image it runs is the deploy workflow's to say.

    Which chart, too, for what is promoted to: a changed one comes there by a promotion, like an image.
    """
    return argocd.manifest(
        f"birdclef-{name}",
        repository=repository(site),
        project=PROJECT,
        path=chart.FOLDER,
        revision=chart.BRANCH if name == ENVIRONMENTS[0] else None,
        namespace=f"birdclef-{name}",
        values={"externalIP": str(next(iter(site.nodes.values())))},
        value_files=[f"values-{name}.yaml"],
    )


def first_parameters(name: str) -> dict[str, str]:
    """What an environment runs before any model: the first build, which serves none."""
    return {"image.tag": f"{name}-1.0.0", "image.digest": "", "model.version": ""}


def ensure_environment(kube: Kube, site: Site, name: str) -> bool:
    """The environment's namespace and Application are there, and the chart that they may start with; whether
    that changed anything. The cluster is to know before what it asks of that chart (``require_gates``)."""
    made = kube.apply(namespace(f"birdclef-{name}")).changed
    commit = chart_commit(site)
    first_chart = None if name == ENVIRONMENTS[0] else commit
    return argocd.ensure(kube, environment(site, name), first_parameters(name), first_chart) or made
