"""The platform: what the pipeline stands on, under Argo CD. Run again, it changes nothing and says so."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from cxlib import progress
from cxlib.clients import argocd, mlflow, workflows
from cxlib.clients.kube import Kube, Object
from cxlib.errors import StageFailed
from cxlib.parallel import run_all
from cxlib.settings import Site
from cxlib.stage import application, build

SECRETS = {
    "minio-credentials": ("root-user", "root-password"),
    "postgres-credentials": ("password",),
}


@dataclass(frozen=True, slots=True)
class Platform:
    """What there is. ``secrets`` are names, never values; ``did`` says what this run changed."""

    revision: str
    applications: tuple[argocd.State, ...]
    secrets: dict[str, str]
    did: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.did)


def connect(site: Site) -> Kube:
    """The site's cluster."""
    return Kube(site.kubeconfig)


def converge(site: Site) -> Platform:
    """Platform, training and workflows are Synced to the working tree and Healthy.

    The first image build starts as soon as its template is there: it needs nothing of the platform.
    Raises ``StageFailed`` with what was seen last.
    """
    with progress.stage("03 platform"):
        return _converge(site)


def _converge(site: Site) -> Platform:
    from cxlib.stage import supply

    kube = connect(site)
    revision, moved = application.snapshot(site)
    did = [f"git at {revision[:8]}"] if moved else []
    for name in (application.PLATFORM, application.TRAINING):
        if kube.apply(application.namespace(name)).changed:
            did.append(f"namespace {name}")
    versions, made = ensure_secrets(kube)
    did += [f"secret {name}" for name in made]
    if kube.apply(application.project(site)).changed:
        did.append(f"project {application.PROJECT}")
    wanted = application.platform(site, supply.images(site))
    did += _ensure(kube, wanted)
    names = [w["metadata"]["name"] for w in wanted]
    threading.Thread(target=mlflow.load, name="load-mlflow", daemon=True).start()
    states = run_all([_waiter(kube, site, name, revision, did) for name in names])
    for line in did:
        progress.note(f"changed: {line}")
    return Platform(revision, tuple(states), versions, tuple(did))


def _ensure(kube: Kube, wanted: list[Object]) -> list[str]:
    changed = run_all([partial(argocd.ensure, kube, w) for w in wanted])
    return [f"Application {w['metadata']['name']}" for w, c in zip(wanted, changed, strict=True) if c]


def _waiter(kube: Kube, site: Site, name: str, revision: str, did: list[str]) -> Callable[[], argocd.State]:
    def wait() -> argocd.State:
        found = argocd.wait_synced(kube, name, revision)
        if name == application.WORKFLOWS:
            run, new = workflows.started(kube, build.first(site, revision))
            if new:
                did.append(f"workflow {run.name} started")
        return found

    return wait


def ensure_secrets(kube: Kube) -> tuple[dict[str, str], list[str]]:
    """Secrets that are there stay as they are; resource versions by name, and the names of those made."""
    versions, made = {}, []
    for name, keys in SECRETS.items():
        applied = kube.create_once(partial(_secret, name, keys), "Secret", name, application.PLATFORM)
        versions[name] = applied.object["metadata"]["resourceVersion"]
        made += [name] if applied.changed else []
    return versions, made


def secret_values(kube: Kube) -> dict[str, dict[str, str]]:
    """The secrets in clear, by name and key: for clients that sign with them and for the redactor."""
    found = {}
    for name in SECRETS:
        data = (kube.get("Secret", name, application.PLATFORM) or {}).get("data") or {}
        found[name] = {key: base64.b64decode(value).decode() for key, value in data.items()}
    return found


def _secret(name: str, keys: tuple[str, ...]) -> Object:
    data = {
        key: "cx-" + secrets.token_hex(4) if key.endswith("user") else secrets.token_urlsafe(24)
        for key in keys
    }
    meta = {"name": name, "namespace": application.PLATFORM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "Opaque", "stringData": data}


def states(site: Site, names: list[str]) -> list[argocd.State]:
    """What the Applications say now, in the order of ``names``. Raises ``StageFailed`` without one."""
    kube = connect(site)
    found = {name: kube.get("Application", name, argocd.NAMESPACE) for name in names}
    missing = [name for name, item in found.items() if item is None]
    if missing:
        raise StageFailed("Argo CD", wanted=", ".join(names), seen=f"no Application {', '.join(missing)}")
    return [argocd.state(item) for item in found.values() if item]
